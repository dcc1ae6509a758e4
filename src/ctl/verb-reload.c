/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ctl/bus-client.h"
#include "ctl/verbs.h"

#include "report/report.h"

static void render(Doc *document, GString *out)
{
    show_diag_rows(document, out);
    g_string_append(out, report_get_exit(document) == REPORT_OK
                             ? "policy reloaded\n"
                             : "policy rejected; the one before stays in force\n");
}

int verb_reload_run(const Options *options)
{
    BusRequest request = {.method = "Reload", .slow = true};

    return bus_request_run(options, &request, render);
}
