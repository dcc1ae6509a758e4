/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ctl/bus-client.h"
#include "ctl/verbs.h"

#include <stdio.h>

static void render(Doc *document, GString *out)
{
    g_string_append(out, doc_word(document, "text"));
}

int verb_policy_new_run(const Options *options)
{
    const BusRequest request = {.method = "ProposePolicy", .guest = options_words(options)[0]};
    const char *path = options_value(options, OPT_OUTPUT);
    g_autoptr(Doc) document = NULL;

    if (!path || g_str_equal(path, "-"))
        return bus_request_run(options, &request, render);
    int exit_status = bus_request_document(options, &request, &document);
    if (exit_status == CTL_OK)
        exit_status = show_file(path, doc_word(document, "text"), true);
    if (exit_status == CTL_OK)
        printf("%s is written; vmtuned-ctl policy diff tells what it would change where vmtuned "
               "reads it\n",
               path);
    return exit_status;
}
