/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the record keeps and gives back. */
#include "common/record-dir.h"
#include "record/record.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define UUID "11111111-1111-1111-1111-111111111111"
#define OTHER_UUID "22222222-2222-2222-2222-222222222222"

static const ProcessKey db = {
    .uuid = UUID, .name = "db", .boot_id = "boot-1", .pid = 100, .starttime = 5000};
static const ProcessKey db_off = {.uuid = UUID, .name = "db", .boot_id = "boot-1"};
static const ProcessKey web = {
    .uuid = OTHER_UUID, .name = "web", .boot_id = "boot-1", .pid = 200, .starttime = 6000};

static const SettingKey live_key = {.knob = KNOB_VCPU_PIN, .instance = 3, .plane = PLANE_LIVE};
static const SettingKey config_key = {.knob = KNOB_VCPU_PIN, .instance = 3, .plane = PLANE_CONFIG};
static const SettingKey thread_key = {
    .knob = KNOB_VHOST_PIN, .plane = PLANE_ACTUAL, .tid = 103, .tid_start = 5003};

typedef struct State {
    char *directory;
    Record *record;
} State;

static void reopen(State *state)
{
    g_autofree char *text = NULL;

    g_clear_pointer(&state->record, record_close);
    assert_int_equal(record_open(state->directory, &state->record, &text), RECORD_DONE);
    assert_null(text);
}

static int setup(void **ret_state)
{
    State *state = g_new0(State, 1);
    g_autofree char *parent = record_dir_new();

    state->directory = g_build_filename(parent, "state", NULL);
    reopen(state);
    *ret_state = state;
    return 0;
}

static int teardown(void **ret_state)
{
    State *state = *ret_state;

    record_close(state->record);
    record_dir_clear(state->directory);
    g_autofree char *parent = g_path_get_dirname(state->directory);
    assert_int_equal(rmdir(state->directory), 0);
    assert_int_equal(rmdir(parent), 0);
    g_free(state->directory);
    g_free(state);
    return 0;
}

static int64_t begin(const State *state, const ProcessKey *process, const SettingKey *key,
                     const char *from, const char *to)
{
    g_autoptr(ChangeSet) changes = change_set_new();
    int64_t batch = 0;

    change_set_add(changes, key, from, to);
    assert_int_equal(record_begin(state->record, process, changes, "plan", &batch), 0);
    return batch;
}

static void finish(const State *state, const ProcessKey *process, int64_t batch,
                   const SettingKey *key, const char *result)
{
    g_autoptr(ChangeSet) changes = change_set_new();

    change_set_add(changes, key, NULL, NULL);
    assert_int_equal(record_finish(state->record, process, batch, changes, &result), 0);
}

static void change(const State *state, const ProcessKey *process, const SettingKey *key,
                   const char *from, const char *to)
{
    finish(state, process, begin(state, process, key, from, to), key, "done");
}

static GPtrArray *originals(const State *state, const ProcessKey *process)
{
    GPtrArray *list = NULL;

    assert_int_equal(record_originals(state->record, process, &list), 0);
    return list;
}

static void assert_text(const char *text, const char *expected)
{
    if (expected)
        assert_string_equal(text, expected);
    else
        assert_null(text);
}

/* The process has an original for exactly this key. */
static void assert_original(const State *state, const ProcessKey *process, const SettingKey *key,
                            const char *value, const char *written)
{
    g_autoptr(GPtrArray) list = originals(state, process);

    assert_int_equal(list->len, 1);
    const Original *original = g_ptr_array_index(list, 0);
    assert_int_equal(setting_key_compare(&original->key, key), 0);
    assert_int_equal(original->key.tid_start, key->tid_start);
    assert_text(original->original, value);
    assert_text(original->written, written);
    assert_false(original->pending);
    assert_null(original->previous);
}

static void assert_n_originals(const State *state, const ProcessKey *process, unsigned n)
{
    g_autoptr(GPtrArray) list = originals(state, process);

    assert_int_equal(list->len, n);
}

static void files_are_private(void **ret_state)
{
    State *state = *ret_state;
    g_autofree char *path = g_build_filename(state->directory, "record.db", NULL);
    struct stat info;

    assert_int_equal(stat(state->directory, &info), 0);
    assert_int_equal(info.st_mode & 07777, 0700);
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(info.st_mode & 07777, 0600);
    assert_n_originals(state, &db, 0);
}

static void first_value_stays(void **ret_state)
{
    State *state = *ret_state;

    change(state, &db, &live_key, "0-7", "4");
    change(state, &db, &live_key, "4", "5");
    assert_original(state, &db, &live_key, "0-7", "5");
    reopen(state);
    assert_original(state, &db, &live_key, "0-7", "5");
}

static void not_set_is_a_value(void **ret_state)
{
    State *state = *ret_state;

    change(state, &db, &live_key, NULL, "4");
    change(state, &db, &live_key, "4", NULL);
    assert_original(state, &db, &live_key, NULL, NULL);
}

static void failed_change_leaves_nothing(void **ret_state)
{
    static const char *const words[] = {"retry", "gone", "refused", "fatal"};
    State *state = *ret_state;

    for (unsigned i = 0; i < G_N_ELEMENTS(words); i++) {
        finish(state, &db, begin(state, &db, &live_key, "0-7", "4"), &live_key, words[i]);
        assert_n_originals(state, &db, 0);
    }
    change(state, &db, &live_key, "0-7", "4");
    for (unsigned i = 0; i < G_N_ELEMENTS(words); i++) {
        finish(state, &db, begin(state, &db, &live_key, "4", "5"), &live_key, words[i]);
        assert_original(state, &db, &live_key, "0-7", "4");
    }
}

/* Cut off between begin and finish: the original stays, and both values count as ours. */
static void cut_off_keeps_the_original(void **ret_state)
{
    State *state = *ret_state;

    change(state, &db, &live_key, "0-7", "4");
    begin(state, &db, &live_key, "4", "5");
    reopen(state);
    for (unsigned round = 0; round < 2; round++) {
        g_autoptr(GPtrArray) list = originals(state, &db);
        const Original *original = g_ptr_array_index(list, 0);
        assert_true(original->pending);
        assert_string_equal(original->original, "0-7");
        assert_string_equal(original->written, round == 0 ? "5" : "6");
        assert_string_equal(original->previous, "4");
        if (round == 0) /* cut off once more, and the machine still had the older value */
            begin(state, &db, &live_key, "4", "6");
    }
    change(state, &db, &live_key, "6", "7");
    assert_original(state, &db, &live_key, "0-7", "7");
}

/* A pin that was cut off had left the thread a third value, and the next write fails: it still has
 * that, and it is still vmtuned's doing. */
static void cut_off_and_failed(void **ret_state)
{
    State *state = *ret_state;

    begin(state, &db, &thread_key, "0-7", "4");
    finish(state, &db, begin(state, &db, &thread_key, "0-3", "4"), &thread_key, "failed");
    g_autoptr(GPtrArray) list = originals(state, &db);
    const Original *original = g_ptr_array_index(list, 0);
    assert_true(original->pending);
    assert_string_equal(original->original, "0-7");
    assert_string_equal(original->previous, "0-3");
    finish(state, &db, begin(state, &db, &thread_key, "0-3", "5"), &thread_key, "done");
    assert_original(state, &db, &thread_key, "0-7", "5");
}

/* What a cut-off write came to is known later. */
static void cut_off_and_settled(void **ret_state)
{
    State *state = *ret_state;
    g_autoptr(SettingList) values = setting_list_new();

    begin(state, &db, &live_key, "0-7", "4");
    setting_list_add(values, &live_key, "0-7", NULL, NULL);
    setting_list_add(values, &config_key, "3", NULL, NULL); /* has no original */
    assert_int_equal(record_settle(state->record, &db, values), 0);
    assert_original(state, &db, &live_key, "0-7", "0-7");
    change(state, &db, &live_key, "0-7", "5");
    assert_int_equal(record_settle(state->record, &db, values), 0); /* nothing is open */
    assert_original(state, &db, &live_key, "0-7", "5");
}

static void cut_off_first_change(void **ret_state)
{
    State *state = *ret_state;

    begin(state, &db, &live_key, "0-7", "4");
    finish(state, &db, begin(state, &db, &live_key, "0-7", "5"), &live_key, "retry");
    assert_original(state, &db, &live_key, "0-7", "0-7");
}

static const HistoryQuery of_db = {.guests = (const char *const[]){UUID, NULL}};

static void one_batch_many_results(void **ret_state)
{
    State *state = *ret_state;
    static const char *const results[] = {"done", "refused", "done"};
    g_autoptr(ChangeSet) changes = change_set_new();
    g_autoptr(GPtrArray) history = NULL;
    int64_t batch;

    change_set_add(changes, &live_key, "0-7", "4");
    change_set_add(changes, &thread_key, "0-7", "0");
    change_set_add(changes, &config_key, NULL, "4");
    assert_int_equal(record_begin(state->record, &db, changes, "drift", &batch), 0);
    assert_int_equal(record_finish(state->record, &db, batch, changes, results), 0);
    assert_n_originals(state, &db, 2);

    assert_int_equal(record_history(state->record, &of_db, &history), 0);
    assert_int_equal(history->len, 3);
    const HistoryEntry *newest = g_ptr_array_index(history, 0);
    const HistoryEntry *middle = g_ptr_array_index(history, 1);
    assert_int_equal(setting_key_compare(&newest->key, &config_key), 0);
    assert_int_equal(setting_key_compare(&middle->key, &thread_key), 0);
    assert_string_equal(middle->result, "refused");
    assert_string_equal(newest->result, "done");
    assert_string_equal(newest->name, "db");
    assert_string_equal(newest->uuid, UUID);
    assert_string_equal(newest->why, "drift");
    assert_null(newest->from);
    assert_string_equal(newest->to, "4");
    assert_true(newest->time_usec > 1600000000 * G_TIME_SPAN_SECOND);
}

static void originals_belong_to_a_process(void **ret_state)
{
    State *state = *ret_state;
    ProcessKey restarted = db;
    SettingKey reused = thread_key;

    restarted.starttime++;
    reused.tid_start++;
    change(state, &db, &live_key, "0-7", "4");
    change(state, &db, &config_key, NULL, "4");
    change(state, &db, &thread_key, "0-7", "0");
    change(state, &db, &reused, "0-3", "0");
    change(state, &web, &live_key, "0-7", "6");
    assert_n_originals(state, &db, 4);
    assert_original(state, &restarted, &config_key, NULL, "4");
    assert_original(state, &db_off, &config_key, NULL, "4");
    assert_original(state, &web, &live_key, "0-7", "6");
    change(state, &restarted, &config_key, "4", "5");
    assert_original(state, &db_off, &config_key, NULL, "5");
}

static const char *original_of(GPtrArray *list, pid_t tid)
{
    for (guint i = 0; i < list->len; i++) {
        const Original *original = g_ptr_array_index(list, i);
        if (original->key.tid == tid)
            return original->original;
    }
    return NULL;
}

/* A thread born under vmtuned's mask never had another value: its original is that of its class. */
static void heirs_get_the_original_of_their_class(void **ret_state)
{
    State *state = *ret_state;
    SettingKey first = {.knob = KNOB_EMULATOR_PIN, .plane = PLANE_ACTUAL, .tid = 100};
    SettingKey heir = first, stranger = first, vhost = thread_key, vcpu = first;

    heir.tid = 90; /* tids wrap around */
    stranger.tid = 120;
    vcpu.knob = KNOB_VCPU_PIN;
    vcpu.tid = 130;
    change(state, &db, &first, "0-7", "4");
    begin(state, &db, &heir, "4", "5");
    begin(state, &db, &stranger, "3", "5");
    begin(state, &db, &vhost, "4", "6");
    begin(state, &db, &vcpu, "4", "5");
    g_autoptr(GPtrArray) list = originals(state, &db);
    assert_string_equal(original_of(list, 100), "0-7");
    assert_string_equal(original_of(list, 90), "0-7");
    assert_string_equal(original_of(list, 120), "3");
    assert_string_equal(original_of(list, vhost.tid), "0-7");
    assert_string_equal(original_of(list, 130), "4");
}

/* All of a class move in one batch, the first one already before the heir. */
static void heirs_within_a_batch(void **ret_state)
{
    State *state = *ret_state;
    SettingKey first = {.knob = KNOB_EMULATOR_PIN, .plane = PLANE_ACTUAL, .tid = 100};
    SettingKey heir = {.knob = KNOB_EMULATOR_PIN, .plane = PLANE_ACTUAL, .tid = 110};
    static const char *const done[] = {"done", "done"};
    g_autoptr(ChangeSet) changes = change_set_new();
    int64_t batch;

    change(state, &db, &first, "0-7", "4");
    change_set_add(changes, &first, "4", "5");
    change_set_add(changes, &heir, "4", "5");
    assert_int_equal(record_begin(state->record, &db, changes, "plan", &batch), 0);
    assert_int_equal(record_finish(state->record, &db, batch, changes, done), 0);
    g_autoptr(GPtrArray) list = originals(state, &db);
    assert_string_equal(original_of(list, 110), "0-7");
}

/* One gets the set that another of its class had by hand: that one was not born under it. */
static void no_heirs_of_the_same_batch(void **ret_state)
{
    State *state = *ret_state;
    SettingKey first = {.knob = KNOB_EMULATOR_PIN, .plane = PLANE_ACTUAL, .tid = 100};
    SettingKey other = {.knob = KNOB_EMULATOR_PIN, .plane = PLANE_ACTUAL, .tid = 110};
    g_autoptr(ChangeSet) changes = change_set_new();
    int64_t batch;

    change_set_add(changes, &first, "0-7", "4");
    change_set_add(changes, &other, "4", "4");
    assert_int_equal(record_begin(state->record, &db, changes, "plan", &batch), 0);
    g_autoptr(GPtrArray) list = originals(state, &db);
    assert_string_equal(original_of(list, 100), "0-7");
    assert_string_equal(original_of(list, 110), "4");
}

/* vCPU 3 is plugged while the definition has vmtuned's pin for it: cgroup and thread start there.
 */
static void born_under_a_pin(void **ret_state)
{
    State *state = *ret_state;
    SettingKey cgroup = {.knob = KNOB_VCPU_PIN, .instance = 3, .plane = PLANE_ACTUAL};
    SettingKey thread = cgroup, other = cgroup;
    static const char *const done[] = {"done", "done", "done"};
    g_autoptr(ChangeSet) changes = change_set_new();
    int64_t batch;

    thread.tid = 130;
    other.tid = 131;
    change(state, &db, &live_key, NULL, "6");
    change_set_add(changes, &live_key, "6", "7");
    change_set_add(changes, &cgroup, "6", "7");
    change_set_add(changes, &thread, "6", "7");
    assert_int_equal(record_begin(state->record, &db, changes, "plan", &batch), 0);
    assert_int_equal(record_finish(state->record, &db, batch, changes, done), 0);
    begin(state, &db, &other, "2", "7");
    g_autoptr(GPtrArray) list = originals(state, &db);
    assert_int_equal(list->len, 4);
    for (guint i = 0; i < list->len; i++) {
        const Original *original = g_ptr_array_index(list, i);
        assert_text(original->original, original->key.tid == other.tid ? "2" : NULL);
    }
}

static SettingKey device_key(Knob knob, const char *device, Plane plane)
{
    SettingKey key = {.knob = knob, .plane = plane};

    assert_true(setting_key_set_device(&key, device));
    return key;
}

/* Each device has originals and a history of its own, by its name. */
static void devices_are_told_apart(void **ret_state)
{
    State *state = *ret_state;
    SettingKey keys[] = {device_key(KNOB_DISK_CACHE, "vda", PLANE_CONFIG),
                         device_key(KNOB_DISK_CACHE, "vdb", PLANE_CONFIG),
                         device_key(KNOB_DISK_IOTUNE, "vda", PLANE_LIVE),
                         device_key(KNOB_NET_QUEUES, "52:54:00:00:00:01", PLANE_CONFIG),
                         device_key(KNOB_CLOCK_TIMER, "hpet", PLANE_CONFIG)};
    static const char *const before[] = {NULL, "none", "size_iops_sec=1", "4", "yes"};
    static const char *const after[] = {"none", NULL, "group_name=a%2C", "8", "no"};
    g_autoptr(SettingList) put_back = setting_list_new();
    g_autoptr(GPtrArray) history = NULL;

    for (unsigned i = 0; i < G_N_ELEMENTS(keys); i++)
        change(state, &db, &keys[i], before[i], after[i]);
    change(state, &db, &keys[1], NULL, "writeback");
    reopen(state);
    g_autoptr(GPtrArray) list = originals(state, &db);
    assert_int_equal(list->len, G_N_ELEMENTS(keys));
    for (unsigned i = 0; i < G_N_ELEMENTS(keys); i++) {
        const Original *original = original_find(list, &keys[i]);
        assert_text(original->original, before[i]);
        assert_text(original->written, i == 1 ? "writeback" : after[i]);
    }
    assert_n_originals(state, &db_off, 4); /* all but the live one */

    assert_int_equal(record_history(state->record, &of_db, &history), 0);
    const HistoryEntry *newest = g_ptr_array_index(history, 0);
    const HistoryEntry *second = g_ptr_array_index(history, 1);
    assert_int_equal(setting_key_compare(&newest->key, &keys[1]), 0);
    assert_int_equal(setting_key_compare(&second->key, &keys[4]), 0);

    setting_list_add(put_back, &keys[0], NULL, NULL, NULL);
    assert_int_equal(record_forget(state->record, &db, put_back), 0);
    g_autoptr(GPtrArray) left = originals(state, &db);
    assert_int_equal(left->len, G_N_ELEMENTS(keys) - 1);
    assert_null(original_find(left, &keys[0]));
    assert_non_null(original_find(left, &keys[1]));
}

/* A change of one device that fails leaves the other's record as it was. */
static void failed_change_of_a_device(void **ret_state)
{
    State *state = *ret_state;
    SettingKey vda = device_key(KNOB_DISK_CACHE, "vda", PLANE_CONFIG);
    SettingKey vdb = device_key(KNOB_DISK_CACHE, "vdb", PLANE_CONFIG);
    static const char *const results[] = {"done", "refused"};
    g_autoptr(ChangeSet) changes = change_set_new();
    int64_t batch;

    change_set_add(changes, &vda, NULL, "none");
    change_set_add(changes, &vdb, NULL, "none");
    assert_int_equal(record_begin(state->record, &db, changes, "plan", &batch), 0);
    assert_int_equal(record_finish(state->record, &db, batch, changes, results), 0);
    assert_original(state, &db, &vda, NULL, "none");
}

static void forget(void **ret_state)
{
    State *state = *ret_state;
    g_autoptr(SettingList) keys = setting_list_new();

    change(state, &db, &live_key, "0-7", "4");
    change(state, &db, &thread_key, "0-7", "0");
    change(state, &db, &config_key, NULL, "4");
    change(state, &web, &live_key, "0-7", "6");
    setting_list_add(keys, &live_key, NULL, NULL, NULL);
    setting_list_add(keys, &config_key, NULL, NULL, NULL);
    assert_int_equal(record_forget(state->record, &db, keys), 0);
    assert_original(state, &db, &thread_key, "0-7", "0");
    assert_int_equal(record_forget(state->record, &db, NULL), 0);
    assert_n_originals(state, &db, 0);
    assert_n_originals(state, &web, 1);
}

static void guests(void **ret_state)
{
    State *state = *ret_state;
    g_autoptr(GPtrArray) none = NULL, both = NULL;

    assert_int_equal(record_guests(state->record, &none), 0);
    assert_int_equal(none->len, 0);
    change(state, &web, &live_key, "0-7", "6");
    change(state, &db, &live_key, "0-7", "4");
    change(state, &db, &config_key, NULL, "4");
    assert_int_equal(record_guests(state->record, &both), 0);
    assert_int_equal(both->len, 2);
    assert_string_equal(g_ptr_array_index(both, 0), UUID);
    assert_string_equal(g_ptr_array_index(both, 1), OTHER_UUID);
}

static void flags(void **ret_state)
{
    State *state = *ret_state;
    ProcessFlags set = {.manual = true, .settled = UINT64_MAX}, get = {.released = true};

    assert_int_equal(record_get_flags(state->record, &db, &get), 0);
    assert_false(get.known || get.manual || get.released || get.settled);
    assert_int_equal(record_set_flags(state->record, &db, &set), 0);
    reopen(state);
    assert_int_equal(record_get_flags(state->record, &db, &get), 0);
    assert_true(get.known && get.manual && get.settled == UINT64_MAX && !get.released);
    set = (ProcessFlags){.released = true};
    assert_int_equal(record_set_flags(state->record, &db, &set), 0);
    assert_int_equal(record_get_flags(state->record, &db, &get), 0);
    assert_true(get.known && get.released && !get.manual && !get.settled);
    assert_int_equal(record_get_flags(state->record, &web, &get), 0);
    assert_false(get.known);
}

static void the_dead_go(void **ret_state)
{
    State *state = *ret_state;
    ProcessFlags set = {.settled = 1}, get;

    change(state, &db, &live_key, "0-7", "4");
    change(state, &db, &config_key, NULL, "4");
    change(state, &web, &live_key, "0-7", "6");
    assert_int_equal(record_set_flags(state->record, &db, &set), 0);
    assert_int_equal(record_set_flags(state->record, &web, &set), 0);

    assert_int_equal(record_drop_dead(state->record, (ProcessKey[]){db, web}, 2), 0);
    assert_n_originals(state, &db, 2);
    assert_int_equal(record_drop_dead(state->record, &web, 1), 0);
    assert_original(state, &db, &config_key, NULL, "4");
    assert_int_equal(record_get_flags(state->record, &db, &get), 0);
    assert_false(get.known);
    assert_n_originals(state, &web, 1);

    ProcessKey same_numbers = web;
    same_numbers.boot_id = "boot-2";
    assert_int_equal(record_drop_dead(state->record, &same_numbers, 1), 0);
    assert_n_originals(state, &web, 0);
    assert_int_equal(record_get_flags(state->record, &web, &get), 0);
    assert_false(get.known);
    assert_original(state, &db, &config_key, NULL, "4");
}

/* Guests come and go for years: what is kept of those that are gone does not add up. */
static void of_the_gone_the_newest_stay(void **ret_state)
{
    enum { N_GUESTS = 1010, N_KEPT = 1000, N_PLAIN = 5 };
    State *state = *ret_state;
    const ProcessFlags set = {.released = true};

    for (unsigned i = 0; i < N_GUESTS; i++) {
        g_autofree char *uuid = g_strdup_printf("guest-%u", i);
        const ProcessKey own = {.uuid = uuid, .name = uuid, .boot_id = ""};
        assert_int_equal(record_set_flags(state->record, &own, &set), 0);
        if (i >= N_PLAIN)
            change(state, &own, &config_key, NULL, "4");
    }
    /* plain is defined: it stays, and is none of the 1,000 */
    const ProcessKey plain = {.uuid = "guest-0", .boot_id = ""};
    assert_int_equal(record_drop_dead(state->record, &plain, 1), 0);
    for (unsigned i = 0; i < N_GUESTS; i++) {
        g_autofree char *uuid = g_strdup_printf("guest-%u", i);
        const ProcessKey own = {.uuid = uuid, .boot_id = ""};
        bool kept = i == 0 || i >= N_GUESTS - N_KEPT;
        ProcessFlags get;
        assert_int_equal(record_get_flags(state->record, &own, &get), 0);
        assert_int_equal(get.released, kept);
        assert_n_originals(state, &own, kept && i >= N_PLAIN ? 1 : 0);
    }
}

static unsigned n_history(const State *state, const char *guest, int64_t since_usec)
{
    const char *const guests[] = {guest, NULL};
    g_autoptr(GPtrArray) list = NULL;

    assert_int_equal(record_history(state->record,
                                    &(HistoryQuery){.guests = guests, .since_usec = since_usec},
                                    &list),
                     0);
    return list->len;
}

/* By uuid, by the name it had then, and by time; the numbers go on. */
static void history_is_asked_for(void **ret_state)
{
    State *state = *ret_state;
    ProcessKey renamed = db;
    g_autoptr(ChangeSet) changes = change_set_new();
    g_autoptr(GPtrArray) list = NULL;
    int64_t batch, now_usec = g_get_real_time();

    renamed.name = "db-old";
    change(state, &renamed, &live_key, "0-7", "6");
    change(state, &web, &live_key, "0-7", "6");
    Change *drift = change_set_add(changes, &live_key, "6", "4");
    drift->drift = true;
    drift->reason = g_strdup("1 PU of its own");
    drift->origin = g_strdup("policy.yaml:5");
    assert_int_equal(record_begin(state->record, &db, changes, "plan", &batch), 0);
    assert_int_equal(n_history(state, NULL, 0), 3);
    assert_int_equal(n_history(state, UUID, 0), 2);
    assert_int_equal(n_history(state, "db", 0), 1);
    assert_int_equal(n_history(state, "db-old", 0), 1);
    assert_int_equal(n_history(state, "nobody", 0), 0);
    assert_int_equal(n_history(state, NULL, now_usec), 3);
    assert_int_equal(n_history(state, NULL, now_usec + G_TIME_SPAN_DAY), 0);

    assert_int_equal(record_history(state->record, &of_db, &list), 0);
    const HistoryEntry *newest = g_ptr_array_index(list, 0), *oldest = g_ptr_array_index(list, 1);
    assert_string_equal(newest->why, "drift");
    assert_string_equal(newest->reason, "1 PU of its own");
    assert_string_equal(newest->origin, "policy.yaml:5");
    assert_true(newest->id > oldest->id);
    assert_string_equal(oldest->why, "plan");
    assert_null(oldest->reason);
}

static void history_is_bounded(void **ret_state)
{
    State *state = *ret_state;
    g_autoptr(ChangeSet) changes = change_set_new();
    g_autoptr(GPtrArray) all = NULL, few = NULL, other = NULL;
    int64_t batch;

    for (unsigned i = 0; i < 1000; i++) {
        SettingKey key = {.knob = KNOB_VCPU_PIN, .instance = i, .plane = PLANE_LIVE};
        change_set_add(changes, &key, "0-7", "4");
    }
    change(state, &web, &live_key, "0-7", "6");
    for (unsigned i = 0; i < 11; i++)
        assert_int_equal(record_begin(state->record, &db, changes, "plan", &batch), 0);
    assert_int_equal(record_history(state->record, &(HistoryQuery){0}, &all), 0);
    assert_int_equal(all->len, 10000);
    assert_string_equal(((HistoryEntry *)g_ptr_array_index(all, 0))->result, "unfinished");
    assert_int_equal(((HistoryEntry *)g_ptr_array_index(all, 0))->key.instance, 999);
    assert_int_equal(
        record_history(state->record, &(HistoryQuery){.guests = of_db.guests, .limit = 5}, &few),
        0);
    assert_int_equal(few->len, 5);
    assert_int_equal(
        record_history(state->record,
                       &(HistoryQuery){.guests = (const char *const[]){OTHER_UUID, NULL}}, &other),
        0);
    assert_int_equal(other->len, 0);
    assert_n_originals(state, &web, 1);
}

static void two_at_once(void **ret_state)
{
    State *state = *ret_state;
    State other = {.directory = state->directory};

    reopen(&other);
    change(state, &db, &live_key, "0-7", "4");
    assert_original(&other, &db, &live_key, "0-7", "4");
    change(&other, &db, &live_key, "4", "5");
    assert_original(state, &db, &live_key, "0-7", "5");
    record_close(other.record);
}

typedef struct Writer {
    const State *state;
    unsigned first;
} Writer;

/* Returns how many failed: cmocka's asserts belong to the main thread. */
static gpointer write_many(gpointer data)
{
    const Writer *writer = data;
    const char *done = "done";
    int failed = 0;

    for (unsigned i = 0; i < 20; i++) {
        SettingKey key = {
            .knob = KNOB_VCPU_PIN, .instance = writer->first + i, .plane = PLANE_LIVE};
        g_autoptr(ChangeSet) changes = change_set_new();
        int64_t batch;
        change_set_add(changes, &key, "0-7", "4");
        failed += record_begin(writer->state->record, &db, changes, "plan", &batch) < 0 ||
                  record_finish(writer->state->record, &db, batch, changes, &done) < 0;
    }
    return GINT_TO_POINTER(failed);
}

static void threads_share_a_record(void **ret_state)
{
    State *state = *ret_state;
    Writer writers[4];
    GThread *threads[4];

    for (unsigned i = 0; i < G_N_ELEMENTS(threads); i++) {
        writers[i] = (Writer){.state = state, .first = 100 * i};
        threads[i] = g_thread_new("writer", write_many, &writers[i]);
    }
    for (unsigned i = 0; i < G_N_ELEMENTS(threads); i++)
        assert_int_equal(GPOINTER_TO_INT(g_thread_join(threads[i])), 0);
    assert_n_originals(state, &db, 80);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

/* What somebody else changed was right before: restore gives back what it was then. */
static void drift_keeps_the_value_before_it(void **data)
{
    State *state = *data;
    g_autoptr(ChangeSet) changes = change_set_new();
    int64_t batch = 0;

    change_set_add(changes, &live_key, "1", NULL)->drift = true;
    assert_int_equal(record_begin(state->record, &db, changes, "drift", &batch), 0);
    finish(state, &db, batch, &live_key, "done");
    assert_original(state, &db, &live_key, NULL, NULL);
}

/* --- what could not be written before it was made --- */

static void change_unwritten(const State *state, const SettingKey *key, const char *from,
                             const char *to, const char *result)
{
    g_autoptr(ChangeSet) changes = change_set_new();
    bool drift = g_str_equal(result, "drift");

    change_set_add(changes, key, from, to)->drift = drift;
    assert_int_equal(record_finish(state->record, &db, 0, changes,
                                   (const char *const[]){drift ? "done" : result}),
                     0);
}

/* In memory, and on disk. */
static void assert_unwritten(State *state, const SettingKey *key, const char *value,
                             const char *written, const char *previous)
{
    for (unsigned i = 0; i < 2; i++) {
        g_autofree char *text = NULL;
        g_autoptr(GPtrArray) list = originals(state, &db);
        const Original *found = original_find(list, key);
        assert_non_null(found);
        assert_text(found->original, value);
        assert_text(found->written, written);
        assert_text(found->previous, previous);
        assert_int_equal(record_check(state->record, false, &text), RECORD_DONE);
        reopen(state);
    }
}

static void unwritten_drift_keeps_the_value_before_it(void **data)
{
    State *state = *data;

    change_unwritten(state, &live_key, "1", NULL, "drift");
    change_unwritten(state, &live_key, NULL, "4", "done");
    assert_unwritten(state, &live_key, NULL, "4", NULL);
}

/* The original of its class is on disk; what is in memory began later. */
static void unwritten_heirs_get_the_original_on_disk(void **data)
{
    static const SettingKey heir = {
        .knob = KNOB_VHOST_PIN, .plane = PLANE_ACTUAL, .tid = 104, .tid_start = 5004};
    State *state = *data;

    change(state, &db, &thread_key, "0-15", "2-3");
    change_unwritten(state, &thread_key, "2-3", "4", "done");
    change_unwritten(state, &heir, "4", "5", "done");
    assert_unwritten(state, &heir, "0-15", "5", NULL);
}

/* Made by half on disk or in memory; the next write fails, and what is there stays. */
static void unwritten_failure_after_half(void **data)
{
    State *state = *data;

    for (unsigned on_disk = 0; on_disk < 2; on_disk++) {
        SettingKey key = thread_key;
        key.tid += (pid_t)on_disk;
        if (on_disk)
            finish(state, &db, begin(state, &db, &key, "0-15", "4"), &key, "half");
        else
            change_unwritten(state, &key, "0-15", "4", "half");
        change_unwritten(state, &key, "0-3", "5", "retry");
        assert_unwritten(state, &key, "0-15", "5", "0-3");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(files_are_private),
        TEST(first_value_stays),
        TEST(drift_keeps_the_value_before_it),
        TEST(not_set_is_a_value),
        TEST(failed_change_leaves_nothing),
        TEST(cut_off_keeps_the_original),
        TEST(cut_off_first_change),
        TEST(cut_off_and_failed),
        TEST(cut_off_and_settled),
        TEST(one_batch_many_results),
        TEST(originals_belong_to_a_process),
        TEST(heirs_get_the_original_of_their_class),
        TEST(heirs_within_a_batch),
        TEST(no_heirs_of_the_same_batch),
        TEST(born_under_a_pin),
        TEST(devices_are_told_apart),
        TEST(failed_change_of_a_device),
        TEST(forget),
        TEST(guests),
        TEST(flags),
        TEST(the_dead_go),
        TEST(of_the_gone_the_newest_stay),
        TEST(history_is_asked_for),
        TEST(history_is_bounded),
        TEST(two_at_once),
        TEST(threads_share_a_record),
        TEST(unwritten_drift_keeps_the_value_before_it),
        TEST(unwritten_heirs_get_the_original_on_disk),
        TEST(unwritten_failure_after_half),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
