/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "daemon/metrics-job.h"

#include "daemon/usage-job.h"
#include "report/report.h"

typedef struct MetricsJob {
    ReadJob base;
    Snapshot *snapshot;
    GPtrArray *guests; /* of Guest */
    UsageTotals *totals;
} MetricsJob;

static ReadJob *metrics_make(Manager *manager)
{
    MetricsJob *job = g_new0(MetricsJob, 1);

    job->snapshot = manager_snapshot(manager);
    job->guests = usage_guests(manager);
    job->totals = usage_totals_ref(manager->usage_totals);
    return &job->base;
}

static void metrics_read(ReadJob *base)
{
    MetricsJob *job = (MetricsJob *)base;
    g_autoptr(GPtrArray) sample = usage_sample(job->guests);

    usage_totals_add(job->totals, sample);
    for (guint i = 0; i < job->snapshot->guests->len; i++) {
        GuestStatus *status = g_ptr_array_index(job->snapshot->guests, i);
        usage_totals_get(job->totals, status->uuid, status->usage);
    }
}

static char *answer_openmetrics(const ReadJob *base, const ReadCall *call, const char **reterr)
{
    (void)call;
    (void)reterr;
    return report_metrics(((const MetricsJob *)base)->snapshot, METRIC_FORMAT_OPENMETRICS);
}

static char *answer_text(const ReadJob *base, const ReadCall *call, const char **reterr)
{
    (void)call;
    (void)reterr;
    return report_metrics(((const MetricsJob *)base)->snapshot, METRIC_FORMAT_TEXT);
}

static void metrics_free(ReadJob *base)
{
    MetricsJob *job = (MetricsJob *)base;

    snapshot_free(job->snapshot);
    g_ptr_array_unref(job->guests);
    usage_totals_unref(job->totals);
    g_free(job);
}

const ReadKind read_metrics[N_METRIC_FORMATS] = {
    [METRIC_FORMAT_OPENMETRICS] = {.make = metrics_make,
                                   .read = metrics_read,
                                   .answer = answer_openmetrics,
                                   .free = metrics_free},
    [METRIC_FORMAT_TEXT] = {.make = metrics_make,
                            .read = metrics_read,
                            .answer = answer_text,
                            .free = metrics_free},
};
