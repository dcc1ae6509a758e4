/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ctl/bus-client.h"
#include "ctl/table.h"
#include "ctl/verbs.h"

static void add_rows(Table *table, Doc *guest)
{
    DOC_FOREACH(row, guest, "pending")
    {
        table_add(table,
                  (const char *const[]){
                      doc_text(guest, "name"), doc_text(row, "knob"), doc_text(row, "instance"),
                      doc_bool(row, "policy") ? show_value(row, "wanted") : NULL,
                      show_value(row, "live"), show_value(row, "next"), doc_text(row, "reason")});
    }
}

static void add_unsupported(Table *table, Doc *guest)
{
    DOC_FOREACH(row, guest, "unsupported")
    table_add(table, (const char *const[]){doc_text(guest, "name"), doc_text(row, "knob"),
                                           doc_text(row, "instance"), show_value(row, "wanted"),
                                           doc_text(row, "reason")});
}

static void render(Doc *document, GString *out)
{
    g_autoptr(Table) pending = table_new((const char *const[]){
        "GUEST", "KNOB", "INSTANCE", "WANTED", "LIVE", "NEXT START", "WHY", NULL});
    g_autoptr(Table) unsupported =
        table_new((const char *const[]){"GUEST", "KNOB", "INSTANCE", "UNSUPPORTED", "WHY", NULL});
    g_autoptr(GString) notes = g_string_new(NULL);

    DOC_FOREACH(guest, document, "guests")
    {
        add_rows(pending, guest);
        add_unsupported(unsupported, guest);
        DOC_FOREACH(note, guest, "notes")
        g_string_append_printf(notes, "%s: %s\n", doc_word(guest, "name"),
                               json_object_get_string(note));
    }
    if (table_rows(pending) == 0)
        g_string_append(out, "nothing waits for a cold start\n");
    table_print_below(pending, out);
    table_print_below(unsupported, out);
    if (notes->len > 0)
        g_string_append_printf(out, "\n%s", notes->str);
}

int verb_pending_run(const Options *options)
{
    BusRequest request = {.method = "Pending", .guests = options_words(options)};

    return bus_request_run(options, &request, render);
}
