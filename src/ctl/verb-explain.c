/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ctl/bus-client.h"
#include "ctl/table.h"
#include "ctl/verbs.h"

static const char *force_word(Doc *row)
{
    if (!doc_get(row, "in_force"))
        return "not seen";
    if (doc_bool(row, "in_force"))
        return "yes";
    return doc_bool(row, "contested") ? "contested" : "no";
}

static void render(Doc *document, GString *out)
{
    Doc *guest = doc_get(document, "guest");
    g_autoptr(Table) table = table_new((const char *const[]){
        "SETTING", "PLANE", "WANTED", "IN FORCE", "OBSERVED", "ORIGIN", "WHY", NULL});

    show_guest_head(guest, out);
    if (doc_get(guest, "plan"))
        show_guest_plan(doc_get(guest, "plan"), out);
    show_residency(guest, out);
    show_contested(document, out);
    DOC_FOREACH(row, document, "settings")
    {
        g_autofree char *setting = show_setting_name(row);
        table_add(table,
                  (const char *const[]){setting, doc_text(row, "plane"), doc_text(row, "wanted"),
                                        force_word(row), doc_text(row, "observed"),
                                        doc_text(row, "origin"), doc_text(row, "reason")});
    }
    table_print_below(table, out);
    show_pending_rows(document, out);
    show_unsupported_rows(document, out);
}

int verb_explain_run(const Options *options)
{
    BusRequest request = {.method = "Explain", .guest = options_words(options)[0]};

    return bus_request_run(options, &request, render);
}
