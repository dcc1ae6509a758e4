/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The record when things go wrong: killed writers, damaged and foreign files, full and read-only
 * disks. */
#include "common/record-dir.h"
#include "record/record.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <sqlite3.h>

#define N_KILLS 30
#define KILL_WITHIN_USEC 20000
#define INSTANCES_PER_ROUND 100000

static const ProcessKey db = {.uuid = "11111111-1111-1111-1111-111111111111",
                              .name = "db",
                              .boot_id = "boot-1",
                              .pid = 100,
                              .starttime = 5000};

static int setup(void **state)
{
    *state = record_dir_new();
    return 0;
}

static int teardown(void **state)
{
    g_autofree char *file = g_build_filename(*state, "file", NULL);

    unlink(file);
    record_dir_clear(*state);
    int r = rmdir(*state);
    g_free(*state);
    return r;
}

static int keep(Record *record, unsigned instance, int64_t *ret_batch)
{
    g_autoptr(ChangeSet) changes = change_set_new();
    SettingKey key = {.knob = KNOB_VCPU_PIN, .instance = instance, .plane = PLANE_LIVE};

    change_set_add(changes, &key, "0-7", "4")->reason = g_strdup("as wanted");
    int r = record_begin(record, &db, changes, "plan", ret_batch);
    if (r < 0 || instance % 2 == 0)
        return r;
    return record_finish(record, &db, *ret_batch, changes, (const char *const[]){"done"});
}

static Record *open_record(const char *directory)
{
    g_autofree char *text = NULL;
    Record *record = NULL;
    int r = record_open(directory, &record, &text);

    if (r != RECORD_DONE)
        print_error("%s\n", text);
    assert_int_equal(r, RECORD_DONE);
    return record;
}

static GHashTable *kept_instances(Record *record)
{
    GHashTable *instances = g_hash_table_new(NULL, NULL);
    g_autoptr(GPtrArray) originals = NULL;

    assert_int_equal(record_originals(record, &db, &originals), 0);
    for (guint i = 0; i < originals->len; i++) {
        const Original *original = g_ptr_array_index(originals, i);
        assert_string_equal(original->original, "0-7");
        g_hash_table_add(instances, GUINT_TO_POINTER(original->key.instance));
    }
    return instances;
}

/* --- kill -9 --- */

/* Writes until it is killed; tells each instance that was kept. */
static G_GNUC_NORETURN void write_until_killed(const char *directory, unsigned first, int fd)
{
    g_autofree char *text = NULL;
    Record *record = NULL;

    if (record_open(directory, &record, &text) != RECORD_DONE)
        _exit(1);
    for (unsigned i = first;; i++) {
        int64_t batch;
        if (keep(record, i, &batch) < 0 || write(fd, &i, sizeof(i)) != sizeof(i))
            _exit(1);
    }
}

/* Kills a writer somewhere after its first report; adds what it reported to reported. */
static void kill_a_writer(const char *directory, unsigned first, gulong wait_usec, GArray *reported)
{
    int fds[2];
    unsigned instance;

    assert_int_equal(pipe(fds), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0)
        write_until_killed(directory, first, fds[1]);
    close(fds[1]);
    if (read(fds[0], &instance, sizeof(instance)) == sizeof(instance))
        g_array_append_val(reported, instance);
    g_usleep(wait_usec);
    kill(child, SIGKILL);
    while (read(fds[0], &instance, sizeof(instance)) == sizeof(instance))
        g_array_append_val(reported, instance);
    close(fds[0]);
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
}

static void nothing_reported_is_lost(void **state)
{
    const char *seed_text = g_getenv("VMTUNED_SEED");
    guint32 seed = seed_text ? (guint32)strtoul(seed_text, NULL, 10) : g_random_int();
    g_autoptr(GRand) random = g_rand_new_with_seed(seed);
    g_autoptr(GArray) reported = g_array_new(FALSE, FALSE, sizeof(unsigned));

    print_message("VMTUNED_SEED=%u\n", seed);
    for (unsigned round = 0; round < N_KILLS; round++) {
        gulong wait_usec = (gulong)g_rand_int_range(random, 0, KILL_WITHIN_USEC);
        kill_a_writer(*state, round * INSTANCES_PER_ROUND, wait_usec, reported);
        g_autoptr(Record) record = open_record(*state);
        g_autoptr(GHashTable) kept = kept_instances(record);
        for (guint i = 0; i < reported->len; i++)
            assert_true(g_hash_table_contains(
                kept, GUINT_TO_POINTER(g_array_index(reported, unsigned, i))));
    }
    assert_true(reported->len >= N_KILLS);
}

/* --- files that are not ours to write --- */

static char *file_contents(const char *path, gsize *ret_size)
{
    char *bytes = NULL;

    assert_true(g_file_get_contents(path, &bytes, ret_size, NULL));
    return bytes;
}

/* Opening ends so, with words, and does not touch a byte. */
static void assert_left_alone(const char *directory, int expected)
{
    g_autofree char *path = g_build_filename(directory, "record.db", NULL);
    g_autofree char *text = NULL;
    gsize size_before, size_after;
    g_autofree char *before = file_contents(path, &size_before);
    Record *record = NULL;

    assert_int_equal(record_open(directory, &record, &text), expected);
    assert_null(record);
    assert_non_null(strstr(text, path));
    assert_non_null(strstr(text, "left as it is"));
    g_autofree char *after = file_contents(path, &size_after);
    assert_int_equal(size_before, size_after);
    assert_memory_equal(before, after, size_before);
}

static void run_sql(const char *directory, const char *sql)
{
    g_autofree char *path = g_build_filename(directory, "record.db", NULL);
    sqlite3 *file;

    assert_int_equal(sqlite3_open(path, &file), SQLITE_OK);
    assert_int_equal(sqlite3_exec(file, sql, NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(file), SQLITE_OK);
}

static void fill(const char *directory)
{
    g_autoptr(Record) record = open_record(directory);
    int64_t batch;

    for (unsigned i = 0; i < 200; i++)
        assert_int_equal(keep(record, i, &batch), 0);
}

static void newer_file(void **state)
{
    fill(*state);
    run_sql(*state, "PRAGMA user_version=7");
    assert_left_alone(*state, RECORD_NEWER);
    run_sql(*state, "PRAGMA user_version=2");
    g_autoptr(Record) record = open_record(*state);
    g_autoptr(GHashTable) kept = kept_instances(record);
    assert_int_equal(g_hash_table_size(kept), 200);
}

/* Of an older vmtuned: nothing is lost, and what is new is written from now on. */
static void older_file(void **state)
{
    g_autoptr(GPtrArray) history = NULL;
    int64_t batch;

    fill(*state);
    run_sql(*state, "ALTER TABLE history DROP COLUMN reason;"
                    "ALTER TABLE history DROP COLUMN origin; PRAGMA user_version=1");
    for (unsigned i = 0; i < 2; i++) {
        g_autoptr(Record) record = open_record(*state);
        g_autoptr(GHashTable) kept = kept_instances(record);
        assert_int_equal(g_hash_table_size(kept), 200 + i);
        assert_int_equal(keep(record, 500 + i, &batch), 0);
    }
    g_autoptr(Record) record = open_record(*state);
    assert_int_equal(record_history(record, &(HistoryQuery){0}, &history), 0);
    assert_int_equal(history->len, 202);
    assert_string_equal(((HistoryEntry *)g_ptr_array_index(history, 0))->reason, "as wanted");
    assert_null(((HistoryEntry *)g_ptr_array_index(history, 201))->reason);
}

static void no_database(void **state)
{
    g_autofree char *path = g_build_filename(*state, "record.db", NULL);

    assert_true(g_file_set_contents(path,
                                    "this is a letter, not a database, and longer than the "
                                    "hundred bytes of a header, so that there is no doubt\n",
                                    -1, NULL));
    assert_left_alone(*state, RECORD_CORRUPT);
}

static void foreign_database(void **state)
{
    run_sql(*state, "CREATE TABLE books(title TEXT)");
    assert_left_alone(*state, RECORD_CORRUPT);
}

static void damaged_pages(void **state)
{
    g_autofree char *path = g_build_filename(*state, "record.db", NULL);
    gsize size;

    fill(*state);
    g_autofree char *bytes = file_contents(path, &size);
    assert_true(size > 3 * 4096);
    memset(bytes + 4096, 0xa5, size - 4096);
    assert_true(g_file_set_contents(path, bytes, (gssize)size, NULL));
    assert_left_alone(*state, RECORD_CORRUPT);
}

static void cut_short(void **state)
{
    g_autofree char *path = g_build_filename(*state, "record.db", NULL);

    fill(*state);
    assert_int_equal(truncate(path, 3 * 4096), 0);
    assert_left_alone(*state, RECORD_CORRUPT);
}

/* Left by a crash, and then the database went: it is not taken for a new one. */
static void log_without_a_database(void **state)
{
    g_autofree char *path = g_build_filename(*state, "record.db", NULL);
    g_autofree char *log = g_strconcat(path, "-wal", NULL);
    g_autoptr(Record) writer = open_record(*state);
    gsize size, log_size, size_after;
    int64_t batch;

    for (unsigned i = 0; i < 50; i++)
        assert_int_equal(keep(writer, i, &batch), 0);
    g_autofree char *bytes = file_contents(path, &size);
    g_autofree char *log_bytes = file_contents(log, &log_size);
    g_clear_pointer(&writer, record_close);
    for (unsigned gone = 0; gone < 2; gone++) {
        g_autofree char *text = NULL;
        Record *record = NULL;
        assert_true(g_file_set_contents(log, log_bytes, (gssize)log_size, NULL));
        if (gone)
            assert_int_equal(unlink(path), 0);
        else
            assert_int_equal(truncate(path, 0), 0);
        assert_int_equal(record_open(*state, &record, &text), RECORD_CORRUPT);
        assert_non_null(strstr(text, "left as it is"));
        g_autofree char *after = file_contents(log, &size_after);
        assert_int_equal(size_after, log_size);
        assert_memory_equal(after, log_bytes, log_size);
    }
    assert_true(g_file_set_contents(path, bytes, (gssize)size, NULL));
    g_autoptr(Record) record = open_record(*state);
    g_autoptr(GHashTable) kept = kept_instances(record);
    assert_int_equal(g_hash_table_size(kept), 50);
}

/* Made by open(O_CREAT), then the power went. */
static void empty_file(void **state)
{
    g_autofree char *path = g_build_filename(*state, "record.db", NULL);

    assert_true(g_file_set_contents(path, "", 0, NULL));
    fill(*state);
}

/* --- places that cannot be written --- */

static void assert_open_fails(const char *directory, int expected)
{
    g_autofree char *text = NULL;
    Record *record = NULL;

    assert_int_equal(record_open(directory, &record, &text), expected);
    assert_null(record);
    assert_non_null(strstr(text, directory));
}

static void no_directory(void **state)
{
    g_autofree char *file = g_build_filename(*state, "file", NULL);
    g_autofree char *below = g_build_filename(file, "state", NULL);
    g_autofree char *deep = g_build_filename(*state, "not", "there", NULL);

    assert_true(g_file_set_contents(file, "", 0, NULL));
    assert_open_fails(below, -ENOTDIR);
    assert_open_fails(file, -ENOTDIR);
    assert_open_fails(deep, -ENOENT);
}

/* Writes until the disk says no; what was kept before is there, and with room again all goes on. */
static void no_room(void **state)
{
    g_autoptr(Record) record = open_record(*state);
    unsigned n = 0;
    int64_t batch;
    int r = 0;

    disk_limit(400 * 1024);
    while (r == 0 && n < 2000)
        r = keep(record, 2 * n++, &batch);
    disk_limit(RLIM_INFINITY);
    assert_true(r < 0);
    assert_int_equal(keep(record, 2 * n, &batch), 0);

    g_clear_pointer(&record, record_close);
    record = open_record(*state);
    g_autoptr(GHashTable) kept = kept_instances(record);
    assert_int_equal(g_hash_table_size(kept), n);
}

/* In a mount namespace of its own. 0: as expected; 1: not; 77: mounting is not possible here. */
static int try_small_disk(const char *directory)
{
    g_autofree char *text = NULL;
    Record *record = NULL;
    int64_t batch;
    int r = 0;

    if (unshare(CLONE_NEWNS) < 0 || mount("none", "/", "", MS_REC | MS_PRIVATE, NULL) < 0 ||
        mount("tmpfs", directory, "tmpfs", 0, "size=256k") < 0)
        return 77;
    if (record_open(directory, &record, &text) != RECORD_DONE)
        return 1;
    for (unsigned i = 0; r == 0 && i < 2000; i++)
        r = keep(record, 2 * i, &batch);
    record_close(record);
    if (r != -ENOSPC)
        return 1;
    if (mount("tmpfs", directory, "tmpfs", MS_REMOUNT | MS_RDONLY, NULL) < 0)
        return 77;
    return record_open(directory, &record, &text) < 0 && text ? 0 : 1;
}

static void small_and_read_only_disk(void **state)
{
    int status;
    pid_t child = fork();

    assert_true(child >= 0);
    if (child == 0)
        _exit(try_small_disk(*state));
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    if (WEXITSTATUS(status) == 77)
        skip();
    assert_int_equal(WEXITSTATUS(status), 0);
}

static void another_writer_holds_on(void **state)
{
    g_autofree char *path = g_build_filename(*state, "record.db", NULL);
    g_autoptr(Record) record = open_record(*state);
    sqlite3 *other;
    int64_t batch = -1;

    assert_int_equal(sqlite3_open(path, &other), SQLITE_OK);
    assert_int_equal(sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(keep(record, 0, &batch), -EBUSY);
    assert_int_equal(batch, -1);
    assert_int_equal(sqlite3_exec(other, "ROLLBACK", NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(keep(record, 0, &batch), 0);
    assert_int_equal(sqlite3_close(other), SQLITE_OK);
}

/* --- one that comes back --- */

static int check(Record *record, bool probe)
{
    g_autofree char *text = NULL;
    int r = record_check(record, probe, &text);

    if ((r == 0) != (text == NULL))
        fail_msg("%d: %s", r, text ? text : "no words");
    return r;
}

/* Not open, or of a file that is gone: nothing is kept until a check has opened the one in the
 * directory. */
static void opened_when_it_can_be(void **state)
{
    g_autofree char *path = g_build_filename(*state, "record.db", NULL);
    g_autofree char *log = g_strconcat(path, "-wal", NULL);
    g_autofree char *index = g_strconcat(path, "-shm", NULL);
    g_autoptr(Record) record = record_new(*state);
    int64_t batch;

    assert_int_equal(keep(record, 0, &batch), -ENODATA);
    assert_int_equal(mkdir(path, 0700), 0);
    assert_true(check(record, true) < 0);
    assert_int_equal(keep(record, 0, &batch), -ENODATA);
    assert_int_equal(rmdir(path), 0);
    assert_int_equal(check(record, true), RECORD_DONE);
    assert_int_equal(keep(record, 0, &batch), 0);

    assert_int_equal(unlink(path) | unlink(log) | unlink(index), 0);
    assert_int_equal(keep(record, 2, &batch), -ESTALE);
    assert_int_equal(check(record, false), RECORD_DONE);
    assert_int_equal(keep(record, 4, &batch), 0);
    g_autoptr(GHashTable) kept = kept_instances(record);
    assert_int_equal(g_hash_table_size(kept), 1);

    assert_int_equal(unlink(path) | unlink(log) | unlink(index), 0);
    assert_true(
        g_file_set_contents(path, "another's, and no database of any kind at all", -1, NULL));
    assert_int_equal(check(record, true), RECORD_CORRUPT);
    assert_int_equal(keep(record, 6, &batch), -ENODATA);
    assert_left_alone(*state, RECORD_CORRUPT);
}

/* A restart is on disk, or the call fails: not in a file that is gone. */
static void restarts_are_of_the_file_that_is_there(void **state)
{
    const RestartEntry entry = {
        .uuid = (char *)db.uuid, .name = (char *)"db", .boot_id = (char *)"boot-1", .pid = 100};
    g_autofree char *path = g_build_filename(*state, "record.db", NULL);
    g_autofree char *log = g_strconcat(path, "-wal", NULL);
    g_autofree char *index = g_strconcat(path, "-shm", NULL);
    g_autoptr(Record) record = open_record(*state);
    g_autoptr(GPtrArray) kept = NULL, left = NULL;

    assert_int_equal(unlink(path) | unlink(log) | unlink(index), 0);
    assert_int_equal(record_restart_keep(record, &entry), -ESTALE);
    assert_int_equal(record_restart_forget(record, entry.uuid), -ESTALE);
    assert_int_equal(check(record, false), RECORD_DONE);
    assert_int_equal(record_restart_keep(record, &entry), 0);
    assert_int_equal(record_restarts(record, &kept), 0);
    assert_int_equal(kept->len, 1);
    assert_int_equal(record_restart_forget(record, entry.uuid), 0);
    assert_int_equal(record_restarts(record, &left), 0);
    assert_int_equal(left->len, 0);
}

/* Once a call has found it, nothing is written any more, and a check says so for good. */
static void damaged_while_it_is_open(void **state)
{
    g_autofree char *path = g_build_filename(*state, "record.db", NULL);
    g_autofree char *log = g_strconcat(path, "-wal", NULL);
    gsize size, size_after;
    int64_t batch;
    int r = 0;

    fill(*state);
    g_autofree char *bytes = file_contents(path, &size);
    g_autoptr(Record) record = open_record(*state);
    memset(bytes + 4096, 0xa5, size - 4096);
    int fd = open(path, O_WRONLY);
    assert_int_equal(pwrite(fd, bytes, size, 0), size);
    close(fd);
    for (unsigned i = 0; r == 0 && i < 10; i++)
        r = keep(record, 1000 + 2 * i, &batch);
    assert_int_equal(r, -EUCLEAN);
    assert_int_equal(keep(record, 2000, &batch), -EUCLEAN);
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(check(record, i % 2), RECORD_CORRUPT);
        assert_int_equal(keep(record, 3000, &batch), -ENODATA);
    }
    g_autofree char *after = file_contents(path, &size_after);
    assert_int_equal(size_after, size);
    assert_memory_equal(after, bytes, size);
    assert_int_equal(unlink(path), 0);
    unlink(log);
    assert_int_equal(check(record, true), RECORD_DONE);
    assert_int_equal(keep(record, 4000, &batch), 0);
}

static void a_probe_finds_a_full_disk(void **state)
{
    g_autoptr(Record) record = open_record(*state);

    assert_int_equal(check(record, true), RECORD_DONE);
    disk_limit(4096);
    assert_int_equal(check(record, false), RECORD_DONE);
    assert_true(check(record, true) < 0);
    disk_limit(RLIM_INFINITY);
    assert_int_equal(check(record, true), RECORD_DONE);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(nothing_reported_is_lost),
        TEST(newer_file),
        TEST(older_file),
        TEST(no_database),
        TEST(foreign_database),
        TEST(damaged_pages),
        TEST(cut_short),
        TEST(log_without_a_database),
        TEST(empty_file),
        TEST(no_directory),
        TEST(no_room),
        TEST(small_and_read_only_disk),
        TEST(another_writer_holds_on),
        TEST(opened_when_it_can_be),
        TEST(restarts_are_of_the_file_that_is_there),
        TEST(damaged_while_it_is_open),
        TEST(a_probe_finds_a_full_disk),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
