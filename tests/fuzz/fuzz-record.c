/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The record's file: one that is not used stays as it is, byte for byte; one that is used never
 * breaks its reader or writer. */
#include "common/record-dir.h"
#include "record/record.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const ProcessKey db = {
    .uuid = "u", .name = "db", .boot_id = "boot-1", .pid = 100, .starttime = 5000};

static void check(bool condition)
{
    if (!condition)
        abort();
}

static void check_unchanged(const char *path, const uint8_t *data, size_t size)
{
    g_autofree char *now = NULL;
    gsize length;

    check(g_file_get_contents(path, &now, &length, NULL));
    check(length == size && memcmp(now, data, size) == 0);
}

static void read_all(Record *record)
{
    GPtrArray *list = NULL;
    ProcessFlags flags;

    (void)record_get_flags(record, &db, &flags);
    if (record_originals(record, &db, &list) == 0)
        g_ptr_array_unref(g_steal_pointer(&list));
    if (record_guests(record, &list) == 0)
        g_ptr_array_unref(g_steal_pointer(&list));
    if (record_restarts(record, &list) == 0)
        g_ptr_array_unref(g_steal_pointer(&list));
    if (record_history(record, &(HistoryQuery){.limit = 100}, &list) == 0)
        g_ptr_array_unref(g_steal_pointer(&list));
}

static void write_all(Record *record)
{
    g_autoptr(ChangeSet) changes = change_set_new();
    const SettingKey key = {.knob = KNOB_VCPU_PIN, .plane = PLANE_LIVE};
    const ProcessFlags flags = {.known = true};
    int64_t batch;

    change_set_add(changes, &key, "0-7", "4");
    if (record_begin(record, &db, changes, "plan", &batch) == 0)
        (void)record_finish(record, &db, batch, changes, (const char *const[]){"done"});
    (void)record_set_flags(record, &db, &flags);
    (void)record_drop_dead(record, &db, 1);
    (void)record_forget(record, &db, NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autofree char *directory = record_dir_new();
    g_autofree char *path = g_build_filename(directory, "record.db", NULL);
    g_autofree char *journal = g_strconcat(path, "-journal", NULL);
    g_autofree char *text = NULL;
    g_autoptr(Record) record = NULL;

    check(g_file_set_contents_full(path, size ? (const char *)data : "", (gssize)size,
                                   G_FILE_SET_CONTENTS_NONE, 0600, NULL));
    if (record_open(directory, &record, &text) == RECORD_DONE) {
        read_all(record);
        write_all(record);
        read_all(record);
    } else {
        check(text != NULL);
        check_unchanged(path, data, size);
    }
    g_clear_pointer(&record, record_close);
    record_dir_clear(directory);
    unlink(journal);
    check(rmdir(directory) == 0);
    return 0;
}
