/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The record's calls, each one transaction.
 *
 * A batch is numbered by its first history entry, so entry batch + i belongs to change i. History
 * is pruned only at its old end: the newest id never comes back.
 */
#include "record/record-db.h"
#include "record/unwritten.h"

#include <errno.h>

#define HISTORY_KEPT 10000
#define HISTORY_PRUNE_STEP 256 /* entries between two prunings */
#define GONE_KEPT 1000         /* guests that are no longer defined */

/* Until the end of the block. */
#define LOCK_RECORD(record)                                                                        \
    G_GNUC_UNUSED g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&(record)->lock)

/* Whose original a key is: the process's, or for config the guest's. */
static void bind_owner(sqlite3_stmt *stmt, const ProcessKey *process, bool of_guest)
{
    statement_bind_text(stmt, 1, process->uuid);
    statement_bind_text(stmt, 2, of_guest ? "" : process->boot_id);
    statement_bind_number(stmt, 3, of_guest ? 0 : process->pid);
    statement_bind_number(stmt, 4, of_guest ? 0 : (int64_t)process->starttime);
}

static void bind_process(sqlite3_stmt *stmt, const ProcessKey *process)
{
    bind_owner(stmt, process, process->pid == 0);
}

static void bind_key(sqlite3_stmt *stmt, const ProcessKey *process, const SettingKey *key)
{
    bind_owner(stmt, process, process->pid == 0 || key->plane == PLANE_CONFIG);
    statement_bind_text(stmt, 5, knob_info(key->knob)->name);
    if (*key->device)
        statement_bind_text(stmt, 6, key->device);
    else
        statement_bind_number(stmt, 6, key->instance);
    statement_bind_text(stmt, 7, plane_name(key->plane));
    statement_bind_number(stmt, 8, key->tid);
    statement_bind_number(stmt, 9, key->tid != 0 ? (int64_t)key->tid_start : 0);
}

/* The five key columns from column 0 on. False: a knob or name this vmtuned does not have. */
static bool read_key(sqlite3_stmt *stmt, SettingKey *ret)
{
    int knob = knob_by_name((const char *)sqlite3_column_text(stmt, 0));
    int plane = plane_by_name((const char *)sqlite3_column_text(stmt, 2));

    if (knob < 0 || plane < 0)
        return false;
    *ret = (SettingKey){.knob = (Knob)knob,
                        .plane = (Plane)plane,
                        .tid = (pid_t)sqlite3_column_int64(stmt, 3),
                        .tid_start = (uint64_t)sqlite3_column_int64(stmt, 4)};
    if (knob_instance_is_named(knob_info((Knob)knob)->instance))
        return setting_key_set_device(ret, (const char *)sqlite3_column_text(stmt, 1));
    ret->instance = (unsigned)sqlite3_column_int64(stmt, 1);
    return true;
}

Record *record_new(const char *directory)
{
    Record *record = g_new0(Record, 1);

    g_mutex_init(&record->lock);
    record->directory = g_strdup(directory);
    record->unwritten = unwritten_new();
    return record;
}

int record_open(const char *directory, Record **ret, char **reterr_text)
{
    g_autoptr(Record) record = record_new(directory);
    int r = record_db_open(record, reterr_text);

    if (r == RECORD_DONE)
        *ret = g_steal_pointer(&record);
    return r;
}

void record_close(Record *record)
{
    if (!record)
        return;
    record_db_close(record);
    g_mutex_clear(&record->lock);
    g_ptr_array_unref(record->unwritten);
    g_free(record->directory);
    g_free(record);
}

/* A statement whose only own parameter is one number. */
static int run_with_number(Record *record, Statement statement, const ProcessKey *process,
                           const SettingKey *key, int64_t number)
{
    sqlite3_stmt *stmt = NULL;
    int r = statement_get(record, statement, &stmt);

    if (r < 0)
        return r;
    bind_key(stmt, process, key);
    statement_bind_number(stmt, 10, number);
    return statement_run(record, stmt);
}

/* A statement whose only parameter is a guest. */
static int run_with_uuid(Record *record, Statement statement, const char *uuid)
{
    sqlite3_stmt *stmt = NULL;
    int r = statement_get(record, statement, &stmt);

    if (r < 0)
        return r;
    statement_bind_text(stmt, 1, uuid);
    return statement_run(record, stmt);
}

/* --- originals --- */

static int read_originals(Record *record, const ProcessKey *process, GPtrArray *list)
{
    sqlite3_stmt *stmt = NULL;
    bool row = true;
    int r = statement_get(record, SQL_ORIGINAL_LIST, &stmt);

    if (r < 0)
        return r;
    bind_process(stmt, process);
    while ((r = statement_step(record, stmt, &row)) == 0 && row) {
        SettingKey key;
        if (!read_key(stmt, &key))
            continue;
        Original *original = g_new0(Original, 1);
        original->key = key;
        original->original = statement_text(stmt, 5);
        original->written = statement_text(stmt, 6);
        original->previous = statement_text(stmt, 7);
        original->pending = sqlite3_column_int64(stmt, 8) != 0;
        g_ptr_array_add(list, original);
    }
    return r;
}

/* From the disk and from memory. Negative errno: from memory alone, and perhaps some from disk. */
static int known_originals(Record *record, const ProcessKey *process, GPtrArray **ret)
{
    GPtrArray *list = g_ptr_array_new_with_free_func((GDestroyNotify)original_free);
    int r = read_originals(record, process, list);

    unwritten_merge(record->unwritten, process, list);
    *ret = list;
    return r;
}

int record_originals(Record *record, const ProcessKey *process, GPtrArray **ret)
{
    LOCK_RECORD(record);
    g_autoptr(GPtrArray) list = NULL;
    int r = known_originals(record, process, &list);

    if (r == 0)
        *ret = g_steal_pointer(&list);
    return r;
}

/* What was changed and cannot be written now. */
static void keep_unwritten(Record *record, const ProcessKey *process, const ChangeSet *changes,
                           const char *const *results)
{
    g_autoptr(GPtrArray) list = NULL;

    (void)known_originals(record, process, &list);
    unwritten_add(record->unwritten, process, changes, results, list);
}

/* The same word for each of n changes, as record_finish() takes them. Owned by the caller. */
static const char **same_results(unsigned n, const char *word)
{
    const char **results = g_new0(const char *, n + 1);

    for (unsigned i = 0; i < n; i++)
        results[i] = word;
    return results;
}

/* --- begin and finish --- */

static int history_next_id(Record *record, int64_t *ret)
{
    sqlite3_stmt *stmt = NULL;
    bool row;
    int r = statement_get(record, SQL_HISTORY_LAST, &stmt);

    if (r == 0)
        r = statement_step(record, stmt, &row);
    if (r < 0)
        return r;
    *ret = sqlite3_column_int64(stmt, 0) + 1;
    sqlite3_reset(stmt);
    return 0;
}

static int history_add(Record *record, const ProcessKey *process, const Change *change,
                       const char *why, int64_t id)
{
    sqlite3_stmt *stmt = NULL;
    int r = statement_get(record, SQL_HISTORY_ADD, &stmt);

    if (r < 0)
        return r;
    bind_key(stmt, process, &change->key);
    statement_bind_number(stmt, 10, id);
    statement_bind_number(stmt, 11, g_get_real_time());
    statement_bind_text(stmt, 12, process->name);
    statement_bind_text(stmt, 13, change->drift && g_str_equal(why, "plan") ? "drift" : why);
    statement_bind_text(stmt, 14, change->from);
    statement_bind_text(stmt, 15, change->to);
    statement_bind_text(stmt, 16, change->reason);
    statement_bind_text(stmt, 17, change->origin);
    return statement_run(record, stmt);
}

static int history_prune(Record *record, int64_t first, int64_t end)
{
    sqlite3_stmt *stmt = NULL;

    if (first / HISTORY_PRUNE_STEP == end / HISTORY_PRUNE_STEP)
        return 0;
    int r = statement_get(record, SQL_HISTORY_PRUNE, &stmt);
    if (r < 0)
        return r;
    statement_bind_number(stmt, 10, end - 1 - HISTORY_KEPT);
    return statement_run(record, stmt);
}

static int original_keep(Record *record, const ProcessKey *process, const Change *change,
                         int64_t batch)
{
    sqlite3_stmt *stmt = NULL;
    int r = statement_get(record, SQL_ORIGINAL_KEEP, &stmt);

    if (r < 0)
        return r;
    bind_key(stmt, process, &change->key);
    statement_bind_text(stmt, 10, change->from);
    statement_bind_text(stmt, 11, change->to);
    statement_bind_number(stmt, 12, batch);
    statement_bind_text(stmt, 13, change_value_before(change));
    return statement_run(record, stmt);
}

static int begin_changes(Record *record, const ProcessKey *process, const ChangeSet *changes,
                         const char *why, int64_t *ret_batch)
{
    int r = history_next_id(record, ret_batch);

    for (unsigned i = 0; r == 0 && i < change_set_size(changes); i++) {
        const Change *change = change_set_get(changes, i);
        r = original_keep(record, process, change, *ret_batch);
        if (r == 0)
            r = history_add(record, process, change, why, *ret_batch + i);
    }
    return r < 0 ? r : history_prune(record, *ret_batch, *ret_batch + change_set_size(changes));
}

static int history_finish(Record *record, int64_t id, const char *result)
{
    sqlite3_stmt *stmt = NULL;
    int r = statement_get(record, SQL_HISTORY_FINISH, &stmt);

    if (r < 0)
        return r;
    statement_bind_number(stmt, 10, id);
    statement_bind_text(stmt, 11, result);
    return statement_run(record, stmt);
}

static int finish_change(Record *record, const ProcessKey *process, int64_t batch,
                         const SettingKey *key, const char *result)
{
    if (g_str_equal(result, "half"))
        return 0;
    if (g_str_equal(result, "done"))
        return run_with_number(record, SQL_ORIGINAL_DONE, process, key, batch);
    int r = run_with_number(record, SQL_ORIGINAL_DROP_MADE, process, key, batch);
    return r < 0 ? r : run_with_number(record, SQL_ORIGINAL_TAKE_BACK, process, key, batch);
}

static int finish_changes(Record *record, const ProcessKey *process, int64_t batch,
                          const ChangeSet *changes, const char *const *results)
{
    int r = 0;

    for (unsigned i = 0; r == 0 && i < change_set_size(changes); i++) {
        r = finish_change(record, process, batch, &change_set_get(changes, i)->key, results[i]);
        if (r == 0)
            r = history_finish(record, batch + i, results[i]);
    }
    return r;
}

static int set_flags(Record *record, const ProcessKey *process, const ProcessFlags *flags)
{
    sqlite3_stmt *stmt = NULL;
    int r = statement_get(record, SQL_FLAGS_SET, &stmt);

    if (r < 0)
        return r;
    bind_process(stmt, process);
    statement_bind_text(stmt, 10, process->name);
    statement_bind_number(stmt, 11, flags->manual);
    statement_bind_number(stmt, 12, flags->released);
    statement_bind_number(stmt, 13, (int64_t)flags->settled);
    return statement_run(record, stmt);
}

/* --- transactions --- */

static int write_late(Record *record, const ProcessKey *process, const ChangeSet *changes,
                      const char *result)
{
    g_autofree const char **results = same_results(change_set_size(changes), result);
    int64_t batch;
    int r = begin_changes(record, process, changes, "late", &batch);

    return r < 0 ? r : finish_changes(record, process, batch, changes, results);
}

static int write_unwritten(Record *record, const Unwritten *unwritten)
{
    const ProcessKey process = unwritten_process(unwritten);
    int r = write_late(record, &process, unwritten->made, "done");

    if (r == 0)
        r = write_late(record, &process, unwritten->half, "half");
    if (r == 0 && unwritten->flags.known)
        r = set_flags(record, &process, &unwritten->flags);
    return r;
}

/* What could not be written before goes first. Failed or not, transaction_end() follows. */
static int transaction_begin(Record *record)
{
    if (record->db && record_db_is_stale(record))
        return -ESTALE;
    int r = statement_run_plain(record, SQL_BEGIN);
    for (guint i = 0; r == 0 && i < record->unwritten->len; i++)
        r = write_unwritten(record, g_ptr_array_index(record->unwritten, i));
    return r;
}

/* Ends the transaction as r says; its own failure counts too, also that of its beginning. */
static int transaction_end(Record *record, int r)
{
    if (r == 0)
        r = statement_run_plain(record, SQL_COMMIT);
    if (r == 0)
        g_ptr_array_set_size(record->unwritten, 0);
    if (r < 0 && record->db && !sqlite3_get_autocommit(record->db))
        (void)statement_run_plain(record, SQL_ROLLBACK);
    return r;
}

int record_check(Record *record, bool probe, char **reterr_text)
{
    LOCK_RECORD(record);
    int r = RECORD_DONE;

    if (record->db && (record->damaged || record_db_is_stale(record)))
        record_db_close(record);
    if (!record->db)
        r = record_db_open(record, reterr_text);
    if (r == RECORD_DONE && probe)
        r = statement_run_plain(record, SQL_PROBE);
    if (r == RECORD_DONE && record->unwritten->len > 0)
        r = transaction_end(record, transaction_begin(record));
    if (r < 0 && !*reterr_text)
        *reterr_text = g_strdup(g_strerror(-r));
    return r;
}

int record_begin(Record *record, const ProcessKey *process, const ChangeSet *changes,
                 const char *why, int64_t *ret_batch)
{
    LOCK_RECORD(record);
    int64_t batch = 0;
    int r = transaction_begin(record);

    if (r == 0)
        r = begin_changes(record, process, changes, why, &batch);
    r = transaction_end(record, r);
    if (r == 0)
        *ret_batch = batch;
    return r;
}

int record_finish(Record *record, const ProcessKey *process, int64_t batch,
                  const ChangeSet *changes, const char *const *results)
{
    LOCK_RECORD(record);
    if (batch == 0) {
        keep_unwritten(record, process, changes, results);
        return 0;
    }
    int r = transaction_begin(record);
    if (r == 0)
        r = finish_changes(record, process, batch, changes, results);
    return transaction_end(record, r);
}

/* --- forgetting and settling --- */

static int forget_keys(Record *record, const ProcessKey *process, const SettingList *keys)
{
    sqlite3_stmt *stmt = NULL;
    int r = statement_get(record, SQL_ORIGINAL_FORGET, &stmt);

    for (unsigned i = 0; r == 0 && i < setting_list_size(keys); i++) {
        bind_key(stmt, process, &setting_list_get(keys, i)->key);
        r = statement_run(record, stmt);
    }
    return r;
}

int record_forget(Record *record, const ProcessKey *process, const SettingList *keys)
{
    LOCK_RECORD(record);
    int r = transaction_begin(record);

    if (r == 0)
        r = keys ? forget_keys(record, process, keys)
                 : run_with_uuid(record, SQL_ORIGINAL_FORGET_ALL, process->uuid);
    return transaction_end(record, r);
}

static int settle_values(Record *record, const ProcessKey *process, const SettingList *values)
{
    sqlite3_stmt *stmt = NULL;
    int r = statement_get(record, SQL_ORIGINAL_SETTLE, &stmt);

    for (unsigned i = 0; r == 0 && i < setting_list_size(values); i++) {
        const Setting *setting = setting_list_get(values, i);
        bind_key(stmt, process, &setting->key);
        statement_bind_text(stmt, 10, setting->value);
        r = statement_run(record, stmt);
    }
    return r;
}

/* As changes that were made: from there to there. */
static void settle_unwritten(Record *record, const ProcessKey *process, const SettingList *values)
{
    unsigned n = setting_list_size(values);
    g_autoptr(ChangeSet) changes = change_set_new();
    g_autofree const char **results = same_results(n, "done");

    for (unsigned i = 0; i < n; i++) {
        const Setting *setting = setting_list_get(values, i);
        change_set_add(changes, &setting->key, setting->value, setting->value);
    }
    keep_unwritten(record, process, changes, results);
}

int record_settle(Record *record, const ProcessKey *process, const SettingList *values)
{
    LOCK_RECORD(record);
    int r = transaction_begin(record);

    r = transaction_end(record, r < 0 ? r : settle_values(record, process, values));
    if (r < 0)
        settle_unwritten(record, process, values);
    return r;
}

int record_guests(Record *record, GPtrArray **ret)
{
    LOCK_RECORD(record);
    g_autoptr(GPtrArray) list = g_ptr_array_new_with_free_func(g_free);
    sqlite3_stmt *stmt = NULL;
    bool row = true;
    int r = statement_get(record, SQL_ORIGINAL_GUESTS, &stmt);

    if (r < 0)
        return r;
    while ((r = statement_step(record, stmt, &row)) == 0 && row)
        g_ptr_array_add(list, statement_text(stmt, 0));
    if (r == 0)
        *ret = g_steal_pointer(&list);
    return r;
}

/* --- processes --- */

int record_get_flags(Record *record, const ProcessKey *process, ProcessFlags *ret)
{
    LOCK_RECORD(record);
    const ProcessFlags *unwritten = unwritten_flags(record->unwritten, process);
    sqlite3_stmt *stmt = NULL;
    bool row;

    if (unwritten) {
        *ret = *unwritten;
        return 0;
    }
    int r = statement_get(record, SQL_FLAGS_GET, &stmt);
    if (r < 0)
        return r;
    bind_process(stmt, process);
    r = statement_step(record, stmt, &row);
    if (r < 0)
        return r;
    *ret = (ProcessFlags){.known = row};
    if (row) {
        ret->manual = sqlite3_column_int(stmt, 0) != 0;
        ret->released = sqlite3_column_int(stmt, 1) != 0;
        ret->settled = (uint64_t)sqlite3_column_int64(stmt, 2);
        sqlite3_reset(stmt);
    }
    return 0;
}

int record_set_flags(Record *record, const ProcessKey *process, const ProcessFlags *flags)
{
    LOCK_RECORD(record);
    int r = transaction_begin(record);

    r = transaction_end(record, r < 0 ? r : set_flags(record, process, flags));
    if (r < 0)
        unwritten_set_flags(record->unwritten, process, flags);
    return r;
}

static char *process_id(const char *uuid, const char *boot, int64_t pid, int64_t start)
{
    return g_strdup_printf("%s %s %" G_GINT64_FORMAT " %" G_GINT64_FORMAT, uuid, boot, pid, start);
}

static int drop_process(Record *record, const ProcessKey *process)
{
    static const Statement drops[] = {SQL_PROCESS_DROP_ORIGINALS, SQL_PROCESS_DROP_FLAGS};
    int r = 0;

    for (unsigned i = 0; r == 0 && i < G_N_ELEMENTS(drops); i++) {
        sqlite3_stmt *stmt = NULL;
        r = statement_get(record, drops[i], &stmt);
        if (r < 0)
            return r;
        bind_process(stmt, process);
        r = statement_run(record, stmt);
    }
    return r;
}

/* Reads all first: rows must not go from under a running query. */
static int drop_all_but(Record *record, GHashTable *alive)
{
    g_autoptr(GPtrArray) texts = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GArray) dead = g_array_new(FALSE, TRUE, sizeof(ProcessKey));
    sqlite3_stmt *stmt = NULL;
    unsigned n_gone = 0;
    bool row = true;
    int r = statement_get(record, SQL_PROCESS_LIST, &stmt);

    while (r == 0 && (r = statement_step(record, stmt, &row)) == 0 && row) {
        ProcessKey process = {.uuid = statement_text(stmt, 0),
                              .boot_id = statement_text(stmt, 1),
                              .pid = (pid_t)sqlite3_column_int64(stmt, 2),
                              .starttime = (uint64_t)sqlite3_column_int64(stmt, 3)};
        g_ptr_array_add(texts, (char *)process.uuid);
        g_ptr_array_add(texts, (char *)process.boot_id);
        g_autofree char *id =
            process_id(process.uuid, process.boot_id, process.pid, (int64_t)process.starttime);
        if (!g_hash_table_contains(alive, id) && (process.pid != 0 || ++n_gone > GONE_KEPT))
            g_array_append_val(dead, process);
    }
    for (guint i = 0; r == 0 && i < dead->len; i++)
        r = drop_process(record, &g_array_index(dead, ProcessKey, i));
    return r;
}

int record_drop_dead(Record *record, const ProcessKey *alive, unsigned n_alive)
{
    LOCK_RECORD(record);
    g_autoptr(GHashTable) ids = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);

    unwritten_drop_dead(record->unwritten, alive, n_alive);
    int r = transaction_begin(record);
    for (unsigned i = 0; i < n_alive; i++)
        g_hash_table_add(ids, process_id(alive[i].uuid, alive[i].boot_id, alive[i].pid,
                                         (int64_t)alive[i].starttime));
    return transaction_end(record, r < 0 ? r : drop_all_but(record, ids));
}

/* --- restarts --- */

RestartEntry *restart_entry_copy(const RestartEntry *entry)
{
    RestartEntry *copy = g_memdup2(entry, sizeof(*entry));

    copy->uuid = g_strdup(entry->uuid);
    copy->name = g_strdup(entry->name);
    copy->boot_id = g_strdup(entry->boot_id);
    copy->on_reboot = g_strdup(entry->on_reboot);
    return copy;
}

void restart_entry_free(RestartEntry *entry)
{
    if (!entry)
        return;
    g_free(entry->uuid);
    g_free(entry->name);
    g_free(entry->boot_id);
    g_free(entry->on_reboot);
    g_free(entry);
}

static int keep_restart(Record *record, const RestartEntry *entry)
{
    const ProcessKey process = {.uuid = entry->uuid,
                                .boot_id = entry->boot_id,
                                .pid = entry->pid,
                                .starttime = entry->starttime};
    sqlite3_stmt *stmt = NULL;
    int r = statement_get(record, SQL_RESTART_KEEP, &stmt);

    if (r < 0)
        return r;
    bind_process(stmt, &process);
    statement_bind_text(stmt, 10, entry->name);
    statement_bind_text(stmt, 11, entry->on_reboot);
    statement_bind_number(stmt, 12, entry->until_usec);
    return statement_run(record, stmt);
}

int record_restart_keep(Record *record, const RestartEntry *entry)
{
    LOCK_RECORD(record);
    int r = transaction_begin(record);

    return transaction_end(record, r < 0 ? r : keep_restart(record, entry));
}

int record_restart_forget(Record *record, const char *uuid)
{
    LOCK_RECORD(record);
    int r = transaction_begin(record);

    return transaction_end(record, r < 0 ? r : run_with_uuid(record, SQL_RESTART_FORGET, uuid));
}

int record_restarts(Record *record, GPtrArray **ret)
{
    LOCK_RECORD(record);
    g_autoptr(GPtrArray) list = g_ptr_array_new_with_free_func((GDestroyNotify)restart_entry_free);
    sqlite3_stmt *stmt = NULL;
    bool row = true;
    int r = statement_get(record, SQL_RESTART_LIST, &stmt);

    if (r < 0)
        return r;
    while ((r = statement_step(record, stmt, &row)) == 0 && row) {
        RestartEntry *entry = g_new0(RestartEntry, 1);
        entry->uuid = statement_text(stmt, 0);
        entry->boot_id = statement_text(stmt, 1);
        entry->pid = (pid_t)sqlite3_column_int64(stmt, 2);
        entry->starttime = (uint64_t)sqlite3_column_int64(stmt, 3);
        entry->name = statement_text(stmt, 4);
        entry->on_reboot = statement_text(stmt, 5);
        entry->until_usec = sqlite3_column_int64(stmt, 6);
        g_ptr_array_add(list, entry);
    }
    if (r == 0)
        *ret = g_steal_pointer(&list);
    return r;
}

/* --- history --- */

static bool is_of(const HistoryEntry *entry, const char *const *guests)
{
    return !guests || !guests[0] || g_strv_contains(guests, entry->uuid) ||
           (entry->name && g_strv_contains(guests, entry->name));
}

/* NULL: of a knob this vmtuned does not have. */
static HistoryEntry *read_history(sqlite3_stmt *stmt)
{
    SettingKey key;

    if (!read_key(stmt, &key))
        return NULL;
    HistoryEntry *entry = g_new0(HistoryEntry, 1);
    entry->key = key;
    entry->id = sqlite3_column_int64(stmt, 5);
    entry->time_usec = sqlite3_column_int64(stmt, 6);
    entry->uuid = statement_text(stmt, 7);
    entry->name = statement_text(stmt, 8);
    entry->why = statement_text(stmt, 9);
    entry->from = statement_text(stmt, 10);
    entry->to = statement_text(stmt, 11);
    entry->reason = statement_text(stmt, 12);
    entry->origin = statement_text(stmt, 13);
    entry->result = statement_text(stmt, 14);
    return entry;
}

int record_history(Record *record, const HistoryQuery *query, GPtrArray **ret)
{
    LOCK_RECORD(record);
    g_autoptr(GPtrArray) list = g_ptr_array_new_with_free_func((GDestroyNotify)history_entry_free);
    sqlite3_stmt *stmt = NULL;
    bool row = true;
    int r = statement_get(record, SQL_HISTORY_LIST, &stmt);

    if (r < 0)
        return r;
    statement_bind_number(stmt, 10, query->since_usec);
    while ((query->limit == 0 || list->len < query->limit) &&
           (r = statement_step(record, stmt, &row)) == 0 && row) {
        g_autoptr(HistoryEntry) entry = read_history(stmt);
        if (entry && is_of(entry, query->guests))
            g_ptr_array_add(list, g_steal_pointer(&entry));
    }
    sqlite3_reset(stmt);
    if (r == 0)
        *ret = g_steal_pointer(&list);
    return r;
}
