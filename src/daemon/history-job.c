/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "daemon/history-job.h"

#include "report/report.h"

typedef struct HistoryJob {
    ReadJob base;
    Record *record;
} HistoryJob;

static void history_prepare(ReadJob *base, const Manager *manager)
{
    ((HistoryJob *)base)->record = manager->record;
}

/* Names that are no guest's, and of which there is no entry. */
static GPtrArray *find_unknown(const Snapshot *snapshot, char **names, const GPtrArray *entries)
{
    g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);
    GPtrArray *unknown = g_ptr_array_new();

    for (guint i = 0; i < entries->len; i++) {
        const HistoryEntry *entry = g_ptr_array_index(entries, i);
        g_hash_table_add(seen, entry->uuid);
        if (entry->name)
            g_hash_table_add(seen, entry->name);
    }
    for (char **name = names; *name; name++)
        if (!snapshot_find(snapshot, *name) && !g_hash_table_contains(seen, *name))
            g_ptr_array_add(unknown, *name);
    return unknown;
}

static char *history_answer(const ReadJob *base, const ReadCall *call, const char **reterr)
{
    const HistoryJob *job = (const HistoryJob *)base;
    HistoryQuery query = {.guests = (const char *const *)call->uuids};
    g_autoptr(GPtrArray) all = NULL, list = NULL;

    int r = call->uuids[0] ? record_history(job->record, &query, &all) : 0;
    query.since_usec = call->since_usec;
    query.limit = call->limit;
    if (r == 0)
        r = record_history(job->record, &query, &list);
    if (r < 0) {
        *reterr = "the record cannot be read";
        return NULL;
    }
    g_autoptr(GPtrArray) unknown =
        all ? find_unknown(base->snapshot, call->uuids, all) : g_ptr_array_new();
    return report_text(report_log(list, unknown));
}

const ReadKind read_history = {
    .size = sizeof(HistoryJob),
    .prepare = history_prepare,
    .answer = history_answer,
};
