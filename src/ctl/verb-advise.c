/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ctl/bus-client.h"
#include "ctl/table.h"
#include "ctl/verbs.h"

static void render(Doc *document, GString *out)
{
    g_autoptr(Table) table =
        table_new((const char *const[]){"GUEST", "ID", "DEVICE", "WHY", "TO DO", NULL});

    DOC_FOREACH(row, document, "advice")
    table_add(table, (const char *const[]){doc_text(row, "guest") ? doc_text(row, "guest") : "host",
                                           doc_text(row, "id"), doc_text(row, "device"),
                                           doc_text(row, "reason"), doc_text(row, "command")});
    if (table_rows(table) == 0)
        g_string_append(out, "no advice\n");
    table_print(table, out);
}

int verb_advise_run(const Options *options)
{
    BusRequest request = {.method = "Advise", .guests = options_words(options)};

    return bus_request_run(options, &request, render);
}
