/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "daemon/metrics-job.h"

#include "daemon/usage-job.h"
#include "report/report.h"

typedef struct MetricsJob {
    ReadJob base;
    UsageTotals *totals;
} MetricsJob;

static void metrics_prepare(ReadJob *base, const Manager *manager)
{
    ((MetricsJob *)base)->totals = usage_totals_ref(manager->usage_totals);
}

static void metrics_read(ReadJob *base)
{
    const MetricsJob *job = (MetricsJob *)base;
    g_autoptr(GPtrArray) sample = usage_sample(base->guests);

    usage_totals_add(job->totals, sample);
    for (guint i = 0; i < base->snapshot->guests->len; i++) {
        GuestStatus *status = g_ptr_array_index(base->snapshot->guests, i);
        usage_totals_get(job->totals, status->uuid, status->usage);
    }
}

static char *answer_openmetrics(const ReadJob *base, const ReadCall *call, const char **reterr)
{
    (void)call;
    (void)reterr;
    return report_metrics(base->snapshot, METRIC_FORMAT_OPENMETRICS);
}

static char *answer_text(const ReadJob *base, const ReadCall *call, const char **reterr)
{
    (void)call;
    (void)reterr;
    return report_metrics(base->snapshot, METRIC_FORMAT_TEXT);
}

static void metrics_clear(ReadJob *base)
{
    usage_totals_unref(((MetricsJob *)base)->totals);
}

#define METRICS(ANSWER)                                                                            \
    {                                                                                              \
        .size = sizeof(MetricsJob), .prepare = metrics_prepare, .read = metrics_read,              \
        .answer = ANSWER, .clear = metrics_clear                                                   \
    }

const ReadKind read_metrics[N_METRIC_FORMATS] = {
    [METRIC_FORMAT_OPENMETRICS] = METRICS(answer_openmetrics),
    [METRIC_FORMAT_TEXT] = METRICS(answer_text),
};
