/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Documents that come over the bus, as vmtuned-ctl shows them: whatever the daemon sends, there is
 * text to print. Every verb that asks the daemon gets the document for an answer; this file stands
 * in place of ctl/bus-client.c.
 */
#include "ctl/bus-client.h"
#include "ctl/verbs.h"

#include <stdlib.h>
#include <string.h>

#define MAX_WORDS 4

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const lines[][MAX_WORDS] = {
    {"status"},         {"status", "g"},  {"status", "--map"}, {"plan"},   {"apply"},
    {"verify"},         {"explain", "g"}, {"pending"},         {"host"},   {"advise"},
    {"policy", "g"},    {"defrag"},       {"resume", "g"},     {"reload"}, {"restart-into", "g"},
    {"stop-move", "g"}, {"restore", "g"},
};

static Doc *answer;
static unsigned n_shown;

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
    if (strlen(out->str) != out->len)
        abort();
    n_shown++;
    return 0;
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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autofree char *text = size > 0 ? g_strndup((const char *)data, size) : g_strdup("");
    g_autoptr(Doc) document = json_tokener_parse(text);

    if (!document)
        return 0;
    answer = document;
    for (unsigned i = 0; i < G_N_ELEMENTS(lines); i++)
        run_verb(lines[i]);
    return 0;
}
