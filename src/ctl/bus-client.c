/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ctl/bus-client.h"

#include "ctl/live.h"
#include "ctl/progress.h"
#include "ctl/verbs.h"

void bus_answer_clear(BusAnswer *answer)
{
    g_clear_pointer(&answer->document, json_object_put);
    g_clear_pointer(&answer->error, g_free);
}

/* The answer, or NULL with what that means. */
static sd_bus_message *bus_ask(const Options *options, const BusRequest *request, sd_bus *bus,
                               BusAnswer *ret)
{
    g_autoptr(sd_bus_message) message = NULL;
    sd_bus_message *reply = NULL;
    sd_bus_error error = SD_BUS_ERROR_NULL;
    int result = bus_call_make(bus, request, &message);

    if (result >= 0)
        result = (request->slow ? progress_call : sd_bus_call)(
            bus, message, bus_call_timeout_usec(request), &error, &reply);
    if (result < 0)
        ret->error = bus_call_explain(options, bus, request, &error, result, &ret->exit);
    sd_bus_error_free(&error);
    return reply;
}

static BusAnswer bus_ask_document(const Options *options, const BusRequest *request, sd_bus *bus)
{
    BusAnswer answer = {.exit = CTL_OK};
    g_autoptr(sd_bus_message) reply = bus_ask(options, request, bus, &answer);

    if (reply && !(answer.document = bus_call_document(reply))) {
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
        answers[i] = bus_ask_document(options, &requests[i], bus);
    return exit_status;
}

static void render_plain(void *data, Doc *document, GString *out)
{
    (*(const ShowRender *)data)(document, out);
}

int bus_request_run(const Options *options, const BusRequest *request, ShowRender render)
{
    g_autoptr(Doc) document = NULL;

    if (options->given[OPT_WATCH]) {
        const LiveView view = {.request = request, .render = render_plain, .data = &render};
        return live_run(options, &view);
    }
    int exit_status = bus_request_document(options, request, &document);
    return exit_status == CTL_OK ? show_document(options, document, render) : exit_status;
}

int bus_request_document(const Options *options, const BusRequest *request, Doc **ret)
{
    BusAnswer answer = {.exit = CTL_OK};
    int exit_status = bus_requests_ask(options, request, 1, &answer);

    if (answer.error)
        show_error("%s", answer.error);
    *ret = g_steal_pointer(&answer.document);
    bus_answer_clear(&answer);
    return exit_status == CTL_OK ? answer.exit : exit_status;
}

int bus_request_text(const Options *options, const BusRequest *request, char **ret_text)
{
    g_autoptr(sd_bus) bus = NULL;
    g_autoptr(sd_bus_message) reply = NULL;
    BusAnswer answer = {.exit = CTL_OK};
    const char *text;

    answer.exit = bus_call_open(options, &bus, &answer.error);
    if (answer.exit == CTL_OK)
        reply = bus_ask(options, request, bus, &answer);
    if (reply && sd_bus_message_read(reply, "s", &text) > 0) {
        *ret_text = g_strdup(text);
    } else if (reply) {
        answer.error = g_strdup_printf("the daemon's answer to %s is no text", request->method);
        answer.exit = CTL_MISMATCH;
    }
    if (answer.error)
        show_error("%s", answer.error);
    bus_answer_clear(&answer);
    return answer.exit;
}
