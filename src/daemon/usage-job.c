/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "daemon/usage-job.h"

#include "host/usage.h"
#include "report/report.h"

typedef struct UsageJob {
    ReadJob base;
    GPtrArray *sample; /* of GuestUsage; NULL: not read yet */
} UsageJob;

GPtrArray *usage_sample(const GPtrArray *guests)
{
    GPtrArray *sample = g_ptr_array_new_with_free_func((GDestroyNotify)guest_usage_free);

    for (guint i = 0; i < guests->len; i++)
        g_ptr_array_add(sample, guest_usage_acquire("", g_ptr_array_index(guests, i)));
    return sample;
}

static void usage_read(ReadJob *base)
{
    UsageJob *job = (UsageJob *)base;

    job->sample = usage_sample(base->guests);
}

static char *usage_answer(const ReadJob *base, const ReadCall *call, const char **reterr)
{
    const UsageJob *job = (const UsageJob *)base;

    (void)reterr;
    return report_text(report_usage(base->snapshot, job->sample, (const char *const *)call->uuids));
}

static void usage_clear(ReadJob *base)
{
    g_clear_pointer(&((UsageJob *)base)->sample, g_ptr_array_unref);
}

const ReadKind read_usage = {
    .size = sizeof(UsageJob),
    .read = usage_read,
    .answer = usage_answer,
    .clear = usage_clear,
};
