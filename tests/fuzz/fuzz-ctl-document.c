/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Documents that come over the bus, as vmtuned-ctl shows them: whatever the daemon sends, there is
 * text to print. Every verb that asks the daemon gets the document for an answer; this file stands
 * in place of ctl/bus-client.c.
 */
#include "ctl/bus-client.h"
#include "ctl/show-top.h"
#include "ctl/top-document.h"
#include "ctl/verbs.h"

#include <stdlib.h>
#include <string.h>

#define MAX_WORDS 4

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const lines[][MAX_WORDS] = {
    {"status"},
    {"status", "g"},
    {"map"},
    {"plan"},
    {"apply"},
    {"verify"},
    {"explain", "g"},
    {"pending"},
    {"host"},
    {"advise"},
    {"policy", "show", "g"},
    {"defrag"},
    {"resume", "g"},
    {"reload"},
    {"restart-into", "g"},
    {"stop-move", "g"},
    {"restore", "g"},
    {"log", "g"},
    {"log", "-r"},
    {"policy", "new", "g"},
    {"policy", "diff", "conf/policy.yaml"},
    {"doctor"},
    {"jobs"},
    {"cancel", "1"},
    {"map", "--compact"},
    {"map", "--svg", "/dev/null"},
    {"report", "--html", "/dev/null"},
};

static Doc *answer;
static unsigned n_shown;

static const StyleMode narrow = {.colour = true, .columns = 30, .ellipsis = "…"};
/* What is no document is not shown by a renderer. */
int bus_request_text(const Options *options, const BusRequest *request, char **ret_text)
{
    (void)options;
    (void)request;
    (void)ret_text;
    return 1;
}

int bus_request_run(const Options *options, const BusRequest *request, ShowRender render)
{
    g_autoptr(GString) out = g_string_new(NULL);

    (void)options;
    (void)request;
    render(answer, out);
    g_autofree char *shown = style_show(out->str, &narrow, NULL);
    if (!g_utf8_validate(shown, -1, NULL))
        abort();
    if (strlen(out->str) != out->len)
        abort();
    n_shown++;
    return 0;
}

int bus_request_document(const Options *options, const BusRequest *request, Doc **ret)
{
    (void)options;
    (void)request;
    *ret = json_object_get(answer);
    n_shown++;
    return 0;
}

int bus_requests_ask(const Options *options, const BusRequest *requests, unsigned n,
                     BusAnswer *answers)
{
    (void)options;
    (void)requests;
    for (unsigned i = 0; i < n; i++)
        answers[i].document = json_object_get(answer);
    n_shown++;
    return 0;
}

void bus_answer_clear(BusAnswer *cleared)
{
    json_object_put(cleared->document);
}

static void run_verb(const char *const *words)
{
    char *argv[MAX_WORDS + 2] = {(char *)"vmtuned-ctl"};
    unsigned n = n_shown;

    for (unsigned i = 0; i < MAX_WORDS && words[i]; i++)
        argv[i + 1] = (char *)words[i];
    verbs_run(argv);
    if (n_shown == n)
        abort(); /* the line is wrong */
}

/* Which has answers of its own. */
static void run_top(void)
{
    const TopView view = {.order = TOP_BY_DELAY, .threads = true};
    g_autoptr(Doc) first = top_document(NULL, answer), second = top_document(answer, answer);
    g_autoptr(GString) out = g_string_new(NULL);

    show_top(&view, first, out);
    show_top(&view, second, out);
    if (strlen(out->str) != out->len)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autofree char *text = size > 0 ? g_strndup((const char *)data, size) : g_strdup("");
    g_autoptr(Doc) document = json_tokener_parse(text);

    if (!document)
        return 0;
    answer = document;
    for (unsigned i = 0; i < G_N_ELEMENTS(lines); i++)
        run_verb(lines[i]);
    run_top();
    return 0;
}
