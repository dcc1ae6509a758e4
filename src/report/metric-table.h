/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The tables of metrics. A row has one way to its samples: a number of the daemon, one of each
 * guest, one of each knob, or a function that adds them. How many series there are is bounded by
 * guests × nodes, and by the tables of states and knobs.
 */
#pragma once

#include "report/report.h"

#include <math.h>

typedef struct Metric {
    MetricFamily family;
    double (*of_daemon)(const Snapshot *snapshot);
    double (*of_guest)(const GuestStatus *status);          /* NAN: no sample */
    double (*of_knob)(const Snapshot *snapshot, Knob knob); /* NAN: no sample */
    void (*add)(const Snapshot *snapshot, MetricText *text);
} Metric;

/* Each ends with a row without a name. */
extern const Metric metrics_daemon[]; /* and of settings, by knob */
extern const Metric metrics_guests[];
extern const Metric metrics_host[];

/* Values of labels, for metric_text_add(). */
#define VALUES(...) ((const char *const[]){__VA_ARGS__})

static inline double metric_seconds(int64_t usec)
{
    return (double)usec / G_USEC_PER_SEC;
}
