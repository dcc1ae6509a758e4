/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ctl/bus-client.h"
#include "ctl/verbs.h"
#include "report/report.h"

#include <sys/stat.h>

static void render(Doc *document, GString *out)
{
    g_string_append(out, doc_word(document, "metrics"));
}

/* All at once: a new file takes the place of the one before. For others to read. */
static int write_file(const char *path, const char *text)
{
    g_autoptr(GError) error = NULL;

    umask(0022);
    if (g_file_set_contents_full(path, text, -1, G_FILE_SET_CONTENTS_CONSISTENT, 0644, &error))
        return CTL_OK;
    show_error("%s", error->message);
    return CTL_USAGE;
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
    if (file)
        return write_file(file, text);
    g_autoptr(Doc) document = report_document();
    json_object_object_add(document, "metrics", json_object_new_string(text));
    return show_document(options, document, render);
}
