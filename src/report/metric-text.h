/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The text in which metrics are exchanged, in both forms that Prometheus reads. A family is a name
 * with its type, unit and help, followed by its samples:
 *   OpenMetrics 1.0    families of counters and infos are named without the suffix of their
 *                      samples; ends with "# EOF"
 *   text format 0.0.4  families are named as their samples are; there is no type info
 * Labels' values are words of others: made safe and escaped here.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>

typedef enum MetricFormat { METRIC_FORMAT_OPENMETRICS, METRIC_FORMAT_TEXT } MetricFormat;
#define N_METRIC_FORMATS (METRIC_FORMAT_TEXT + 1)
const char *metric_format_name(MetricFormat format); /* "openmetrics", "text" */
int metric_format_by_name(const char *name);         /* -1 if there is none of that name */

typedef enum MetricType {
    METRIC_COUNTER, /* its samples end in "_total" */
    METRIC_GAUGE,
    METRIC_HISTOGRAM, /* its samples end in "_bucket", "_count" and "_sum" */
    METRIC_INFO,      /* its sample ends in "_info" and is 1: the labels are what it tells */
} MetricType;

#define METRIC_MAX_LABELS 4

typedef struct MetricFamily {
    const char *name; /* without a suffix of its type; ends in "_" and the unit if it has one */
    MetricType type;
    const char *unit;                          /* a base unit; NULL: none */
    const char *help;                          /* one sentence */
    const char *labels[METRIC_MAX_LABELS + 1]; /* names; NULL-ended */
} MetricFamily;

typedef struct MetricText MetricText;

MetricText *metric_text_new(MetricFormat format);
void metric_text_free(MetricText *text);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(MetricText, metric_text_free)
/* Ends the text and takes it out; owned by the caller. */
char *metric_text_end(MetricText *text);

/* The samples that follow are of this family, which is borrowed. Each family once. */
void metric_text_begin(MetricText *text, const MetricFamily *family);
/* values are those of the family's labels, in their order; NULL: a family without labels. */
void metric_text_add(MetricText *text, const char *const *values, double value);
/* The same of a histogram: suffix is "bucket", or "count" or "sum", which have no label. */
void metric_text_add_part(MetricText *text, const char *suffix, const char *const *values,
                          double value);
