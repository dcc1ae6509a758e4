/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ctl/bus-client.h"
#include "ctl/verbs.h"

static void render(Doc *document, GString *out)
{
    g_string_append_printf(out, "%s: %s; %s\n", doc_word(document, "name"),
                           doc_word(document, "result"), doc_word(document, "text"));
}

int verb_stop_move_run(const Options *options)
{
    BusRequest request = {.method = "StopMove", .guest = options_words(options)[0], .slow = true};

    return bus_request_run(options, &request, render);
}
