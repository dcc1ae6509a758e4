/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What waits for a cold start, and what cannot be had, as tables in blocks of one guest. */
#include "ctl/show.h"
#include "ctl/table.h"

const char *show_value(Doc *row, const char *key)
{
    const char *text = doc_text(row, key);

    return text ? text : "not set";
}

void show_pending_rows(Doc *object, GString *out)
{
    g_autoptr(Table) table = table_new(
        (const char *const[]){"PENDING", "WANTED", "LIVE", "NEXT START", "ORIGIN", "WHY", NULL});

    DOC_FOREACH(row, object, "pending")
    {
        g_autofree char *setting = show_setting_name(row);
        table_add(table, (const char *const[]){
                             setting, doc_bool(row, "policy") ? show_value(row, "wanted") : NULL,
                             show_value(row, "live"), show_value(row, "next"),
                             doc_text(row, "origin"), doc_text(row, "reason")});
    }
    table_print_below(table, out);
}

void show_unsupported_rows(Doc *object, GString *out)
{
    g_autoptr(Table) table =
        table_new((const char *const[]){"UNSUPPORTED", "PLANE", "WANTED", "ORIGIN", "WHY", NULL});

    DOC_FOREACH(row, object, "unsupported")
    {
        g_autofree char *setting = show_setting_name(row);
        table_add(table,
                  (const char *const[]){setting, doc_text(row, "plane"), show_value(row, "wanted"),
                                        doc_text(row, "origin"), doc_text(row, "reason")});
    }
    table_print_below(table, out);
}
