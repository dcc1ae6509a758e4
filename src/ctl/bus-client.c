/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ctl/bus-client.h"

#include "ctl/live.h"
#include "ctl/progress.h"
#include "ctl/verbs.h"

static int bus_ask(const Options *options, const BusRequest *request, sd_bus *bus,
                   sd_bus_message **ret)
{
    g_autoptr(sd_bus_message) message = NULL;
    sd_bus_error error = SD_BUS_ERROR_NULL;
    int exit_status = 0, result = bus_call_make(bus, request, &message);

    if (result >= 0)
        result = (request->slow ? progress_call : sd_bus_call)(
            bus, message, bus_call_timeout_usec(request), &error, ret);
    if (result < 0) {
        g_autofree char *words =
            bus_call_explain(options, bus, request, &error, result, &exit_status);
        show_error("%s", words);
    }
    sd_bus_error_free(&error);
    return exit_status;
}

static void render_plain(void *data, Doc *document, GString *out)
{
    (*(const ShowRender *)data)(document, out);
}

int bus_request_run(const Options *options, const BusRequest *request, ShowRender render)
{
    g_autoptr(sd_bus) bus = NULL;
    g_autoptr(sd_bus_message) reply = NULL;
    g_autofree char *words = NULL;

    if (options->given[OPT_WATCH]) {
        const LiveView view = {.request = request, .render = render_plain, .data = &render};
        return live_run(options, &view);
    }
    int exit_status = bus_call_open(options, &bus, &words);
    if (exit_status != 0) {
        show_error("%s", words);
        return exit_status;
    }
    exit_status = bus_ask(options, request, bus, &reply);
    if (exit_status != 0)
        return exit_status;
    g_autoptr(Doc) document = bus_call_document(reply);
    if (!document) {
        show_error("the daemon's answer to %s is not a document", request->method);
        return CTL_MISMATCH;
    }
    return show_document(options, document, render);
}
