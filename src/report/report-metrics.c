/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* All metrics as one text. */
#include "report/metric-table.h"

static void add_of_guests(const Metric *metric, const Snapshot *snapshot, MetricText *text)
{
    for (guint i = 0; i < snapshot->guests->len; i++) {
        const GuestStatus *status = g_ptr_array_index(snapshot->guests, i);
        double value = metric->of_guest(status);
        if (!isnan(value))
            metric_text_add(text, VALUES(status->name, status->uuid), value);
    }
}

static void add_of_knobs(const Metric *metric, const Snapshot *snapshot, MetricText *text)
{
    for (unsigned knob = 0; knob < N_KNOBS; knob++) {
        double value = metric->of_knob(snapshot, knob);
        if (!isnan(value))
            metric_text_add(text, VALUES(knob_info(knob)->name), value);
    }
}

static void add_table(const Metric *metrics, const Snapshot *snapshot, MetricText *text)
{
    for (const Metric *metric = metrics; metric->family.name; metric++) {
        metric_text_begin(text, &metric->family);
        if (metric->of_daemon)
            metric_text_add(text, NULL, metric->of_daemon(snapshot));
        else if (metric->of_guest)
            add_of_guests(metric, snapshot, text);
        else if (metric->of_knob)
            add_of_knobs(metric, snapshot, text);
        else
            metric->add(snapshot, text);
    }
}

char *report_metrics(const Snapshot *snapshot, MetricFormat format)
{
    g_autoptr(MetricText) text = metric_text_new(format);

    add_table(metrics_daemon, snapshot, text);
    add_table(metrics_guests, snapshot, text);
    add_table(metrics_host, snapshot, text);
    return metric_text_end(text);
}
