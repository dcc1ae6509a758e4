/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "report/metric-text.h"

#include "base/text.h"

/* So many digits of a number are true of every double. */
#define NUMBER_FORMAT "%.15g"

struct MetricText {
    MetricFormat format;
    GString *out;
    const MetricFamily *family;
};

static const char *const format_names[N_METRIC_FORMATS] = {
    [METRIC_FORMAT_OPENMETRICS] = "openmetrics",
    [METRIC_FORMAT_TEXT] = "text",
};

typedef struct TypeInfo {
    const char *name, *name_text; /* in each format */
    const char *suffix;           /* of its samples */
} TypeInfo;

static const TypeInfo types[] = {
    [METRIC_COUNTER] = {"counter", "counter", "_total"},
    [METRIC_GAUGE] = {"gauge", "gauge", ""},
    [METRIC_HISTOGRAM] = {"histogram", "histogram", ""},
    [METRIC_INFO] = {"info", "gauge", "_info"},
};

const char *metric_format_name(MetricFormat format)
{
    return format_names[format];
}

int metric_format_by_name(const char *name)
{
    for (int i = 0; i < N_METRIC_FORMATS; i++)
        if (g_str_equal(format_names[i], name))
            return i;
    return -1;
}

MetricText *metric_text_new(MetricFormat format)
{
    MetricText *text = g_new0(MetricText, 1);

    text->format = format;
    text->out = g_string_new(NULL);
    return text;
}

void metric_text_free(MetricText *text)
{
    if (!text)
        return;
    if (text->out)
        g_string_free(text->out, TRUE);
    g_free(text);
}

char *metric_text_end(MetricText *text)
{
    if (text->format == METRIC_FORMAT_OPENMETRICS)
        g_string_append(text->out, "# EOF\n");
    return g_string_free(g_steal_pointer(&text->out), FALSE);
}

void metric_text_begin(MetricText *text, const MetricFamily *family)
{
    const TypeInfo *type = &types[family->type];
    bool classic = text->format == METRIC_FORMAT_TEXT;
    const char *suffix = classic ? type->suffix : "";

    text->family = family;
    g_string_append_printf(text->out, "# HELP %s%s %s\n", family->name, suffix, family->help);
    g_string_append_printf(text->out, "# TYPE %s%s %s\n", family->name, suffix,
                           classic ? type->name_text : type->name);
    if (family->unit && !classic)
        g_string_append_printf(text->out, "# UNIT %s %s\n", family->name, family->unit);
}

static void append_escaped(GString *out, const char *value)
{
    g_autofree char *safe = text_show(value);

    for (const char *p = safe; *p; p++) {
        if (*p == '\\' || *p == '"')
            g_string_append_c(out, '\\');
        if (*p == '\n')
            g_string_append(out, "\\n");
        else
            g_string_append_c(out, *p);
    }
}

static void append_labels(MetricText *text, const char *const *values)
{
    for (unsigned i = 0; text->family->labels[i]; i++) {
        g_string_append_printf(text->out, "%c%s=\"", i == 0 ? '{' : ',', text->family->labels[i]);
        append_escaped(text->out, values[i]);
        g_string_append_c(text->out, '"');
    }
    g_string_append_c(text->out, '}');
}

static void append_sample(MetricText *text, const char *suffix, const char *const *values,
                          double value)
{
    char number[G_ASCII_DTOSTR_BUF_SIZE];

    g_string_append(text->out, text->family->name);
    g_string_append(text->out, suffix);
    if (values)
        append_labels(text, values);
    g_ascii_formatd(number, sizeof(number), NUMBER_FORMAT, value);
    g_string_append_printf(text->out, " %s\n", number);
}

void metric_text_add(MetricText *text, const char *const *values, double value)
{
    append_sample(text, types[text->family->type].suffix, values, value);
}

void metric_text_add_part(MetricText *text, const char *suffix, const char *const *values,
                          double value)
{
    g_autofree char *part = g_strconcat("_", suffix, NULL);

    append_sample(text, part, values, value);
}
