/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "daemon/history-job.h"

#include "report/report.h"

typedef struct HistoryJob {
    ReadJob base;
    Record *record;
    GHashTable *defined; /* uuids of guests there are: the set of them */
} HistoryJob;

static ReadJob *history_make(Manager *manager)
{
    HistoryJob *job = g_new0(HistoryJob, 1);

    job->record = manager->record;
    job->defined = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    for (guint i = 0; i < manager->guests->len; i++)
        g_hash_table_add(job->defined,
                         g_strdup(((Managed *)g_ptr_array_index(manager->guests, i))->uuid));
    return &job->base;
}

/* The first guest that is not there and of which there is no entry; NULL: none. */
static const char *find_unknown(const HistoryJob *job, char **guests, const GPtrArray *entries)
{
    g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);

    for (guint i = 0; i < entries->len; i++) {
        const HistoryEntry *entry = g_ptr_array_index(entries, i);
        g_hash_table_add(seen, entry->uuid);
        if (entry->name)
            g_hash_table_add(seen, entry->name);
    }
    for (char **guest = guests; *guest; guest++)
        if (!g_hash_table_contains(job->defined, *guest) && !g_hash_table_contains(seen, *guest))
            return *guest;
    return NULL;
}

/* 0, or negative errno with the error set. */
static int check_guests(const HistoryJob *job, char **guests, sd_bus_error *reterr)
{
    const HistoryQuery query = {.guests = (const char *const *)guests};
    g_autoptr(GPtrArray) entries = NULL;

    if (!guests[0])
        return 0;
    int r = record_history(job->record, &query, &entries);
    if (r < 0)
        return r;
    const char *unknown = find_unknown(job, guests, entries);
    if (!unknown)
        return 0;
    return sd_bus_error_setf(reterr, VMTUNED_BUS_ERROR_NO_SUCH_GUEST,
                             "there is no guest '%s', and the record knows none", unknown);
}

static char *history_answer(const ReadJob *base, const ReadCall *call, sd_bus_error *reterr)
{
    const HistoryJob *job = (const HistoryJob *)base;
    const HistoryQuery query = {.guests = (const char *const *)call->guests,
                                .since_usec = call->since_usec,
                                .limit = call->limit};
    g_autoptr(GPtrArray) list = NULL;

    int r = check_guests(job, call->guests, reterr);
    if (r == 0)
        r = record_history(job->record, &query, &list);
    if (r == 0)
        return report_text(report_log(list));
    if (!sd_bus_error_is_set(reterr))
        sd_bus_error_setf(reterr, VMTUNED_BUS_ERROR_NOT_READY, "the record cannot be read: %s",
                          g_strerror(-r));
    return NULL;
}

static void history_free(ReadJob *base)
{
    HistoryJob *job = (HistoryJob *)base;

    g_hash_table_unref(job->defined);
    g_free(job);
}

const ReadKind read_history = {
    .make = history_make,
    .answer = history_answer,
    .free = history_free,
};
