/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ctl/bus-client.h"

#include "ctl/live.h"
#include "ctl/verbs.h"

void bus_answer_clear(BusAnswer *answer)
{
    g_clear_pointer(&answer->document, json_object_put);
    g_clear_pointer(&answer->error, g_free);
}

static BusAnswer bus_ask(const Options *options, const BusRequest *request, sd_bus *bus)
{
    g_autoptr(sd_bus_message) message = NULL, reply = NULL;
    sd_bus_error error = SD_BUS_ERROR_NULL;
    BusAnswer answer = {.exit = CTL_OK};
    int result = bus_call_make(bus, request, &message);

    if (result >= 0)
        result = sd_bus_call(bus, message, bus_call_timeout_usec(request), &error, &reply);
    if (result < 0)
        answer.error = bus_call_explain(options, bus, request, &error, result, &answer.exit);
    else
        answer.document = bus_call_document(reply);
    sd_bus_error_free(&error);
    if (!answer.document && !answer.error) {
        answer.error =
            g_strdup_printf("the daemon's answer to %s is not a document", request->method);
        answer.exit = CTL_MISMATCH;
    }
    return answer;
}

int bus_requests_ask(const Options *options, const BusRequest *requests, unsigned n,
                     BusAnswer *answers)
{
    g_autoptr(sd_bus) bus = NULL;
    g_autofree char *words = NULL;
    int exit_status = bus_call_open(options, &bus, &words);

    if (exit_status != CTL_OK)
        show_error("%s", words);
    for (unsigned i = 0; exit_status == CTL_OK && i < n; i++)
        answers[i] = bus_ask(options, &requests[i], bus);
    return exit_status;
}

static void render_plain(void *data, Doc *document, GString *out)
{
    (*(const ShowRender *)data)(document, out);
}

int bus_request_run(const Options *options, const BusRequest *request, ShowRender render)
{
    BusAnswer answer = {0};
    int exit_status;

    if (options->given[OPT_WATCH]) {
        const LiveView view = {.request = request, .render = render_plain, .data = &render};
        return live_run(options, &view);
    }
    exit_status = bus_requests_ask(options, request, 1, &answer);
    if (answer.error)
        show_error("%s", answer.error);
    if (exit_status == CTL_OK)
        exit_status =
            answer.document ? show_document(options, answer.document, render) : answer.exit;
    bus_answer_clear(&answer);
    return exit_status;
}
