/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ctl/bus-client.h"
#include "ctl/verbs.h"
#include "report/report.h"

#include <sys/stat.h>

static void render(Doc *document, GString *out)
{
    g_string_append(out, doc_word(document, "metrics"));
}

int verb_metrics_run(const Options *options)
{
    const char *file = options_value(options, OPT_OUTPUT);
    const char *name = options_value(options, OPT_FORMAT);
    g_autofree char *text = NULL;

    if (!name) /* node_exporter, which reads such files, knows no other */
        name = metric_format_name(file ? METRIC_FORMAT_TEXT : METRIC_FORMAT_OPENMETRICS);
    const BusRequest request = {.method = "Metrics", .guest = name};
    int exit_status = bus_request_text(options, &request, &text);
    if (exit_status != 0)
        return exit_status;
    if (file) {
        umask(0022); /* for others to read */
        return show_file(file, text, false);
    }
    g_autoptr(Doc) document = report_document();
    json_object_object_add(document, "metrics", json_object_new_string(text));
    return show_document(options, document, render);
}
