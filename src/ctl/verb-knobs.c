/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ctl/show.h"
#include "ctl/table.h"
#include "ctl/verbs.h"

#include "report/report.h"

static void render(Doc *document, GString *out)
{
    g_autoptr(Table) table =
        table_new((const char *const[]){"KNOB", "TYPE", "PER", "CHANGES", "PLANES", "WHAT", NULL});

    DOC_FOREACH(knob, document, "knobs")
    {
        g_autofree char *planes = doc_join(knob, "planes");
        table_add(table, (const char *const[]){doc_text(knob, "name"), doc_text(knob, "type"),
                                               doc_text(knob, "instance"), doc_text(knob, "change"),
                                               planes, doc_text(knob, "doc")});
    }
    table_print(table, out);
}

int verb_knobs_run(const Options *options)
{
    g_autoptr(Doc) document = report_knobs();

    return show_document(options, document, render);
}
