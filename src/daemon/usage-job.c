/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "daemon/usage-job.h"

#include "host/usage.h"
#include "report/report.h"

typedef struct UsageJob {
    ReadJob base;
    Snapshot *snapshot;
    GPtrArray *guests; /* of Guest */
    GPtrArray *sample; /* of GuestUsage; NULL: not read yet */
} UsageJob;

GPtrArray *usage_guests(const Manager *manager)
{
    GPtrArray *guests = g_ptr_array_new_with_free_func((GDestroyNotify)guest_unref);

    for (guint i = 0; i < manager->guests->len; i++) {
        const Managed *managed = g_ptr_array_index(manager->guests, i);
        if (managed->guest)
            g_ptr_array_add(guests, guest_ref(managed->guest));
    }
    return guests;
}

GPtrArray *usage_sample(const GPtrArray *guests)
{
    GPtrArray *sample = g_ptr_array_new_with_free_func((GDestroyNotify)guest_usage_free);

    for (guint i = 0; i < guests->len; i++)
        g_ptr_array_add(sample, guest_usage_acquire("", g_ptr_array_index(guests, i)));
    return sample;
}

static ReadJob *usage_make(Manager *manager)
{
    UsageJob *job = g_new0(UsageJob, 1);

    job->snapshot = manager_snapshot(manager);
    job->guests = usage_guests(manager);
    return &job->base;
}

static void usage_read(ReadJob *base)
{
    UsageJob *job = (UsageJob *)base;

    job->sample = usage_sample(job->guests);
}

static char *usage_answer(const ReadJob *base, const ReadCall *call, const char **reterr)
{
    const UsageJob *job = (const UsageJob *)base;

    (void)reterr;
    return report_text(report_usage(job->snapshot, job->sample, (const char *const *)call->uuids));
}

static void usage_free(ReadJob *base)
{
    UsageJob *job = (UsageJob *)base;

    snapshot_free(job->snapshot);
    g_ptr_array_unref(job->guests);
    g_clear_pointer(&job->sample, g_ptr_array_unref);
    g_free(job);
}

const ReadKind read_usage = {
    .make = usage_make,
    .read = usage_read,
    .answer = usage_answer,
    .free = usage_free,
};
