/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ctl/show.h"
#include "ctl/table.h"
#include "ctl/verbs.h"

#include "base/util.h"
#include "model/knob.h"
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

/* False: told on stderr. */
static bool are_knobs(const char *const *names)
{
    const char *known[N_KNOBS + 1] = {NULL};

    for (unsigned i = 0; i < N_KNOBS; i++)
        known[i] = knob_info((Knob)i)->name;
    for (; *names; names++) {
        const char *nearest = text_nearest(*names, known);
        if (knob_by_name(*names) >= 0)
            continue;
        if (nearest)
            show_error("unknown knob '%s'; did you mean '%s'?", *names, nearest);
        else
            show_error("unknown knob '%s'; 'vmtuned-ctl knobs' lists them", *names);
        return false;
    }
    return true;
}

/* Only those of that name. */
static void keep_knobs(Doc *document, const char *const *names)
{
    Doc *all = doc_get(document, "knobs");

    for (unsigned i = doc_length(document, "knobs"); i-- > 0;)
        if (!g_strv_contains(names, doc_word(doc_at(document, "knobs", i), "name")))
            json_object_array_del_idx(all, i, 1);
}

int verb_knobs_run(const Options *options)
{
    const char *const *names = options_words(options);

    if (!are_knobs(names))
        return CTL_USAGE;
    g_autoptr(Doc) document = report_knobs();
    if (names[0])
        keep_knobs(document, names);
    return show_document(options, document, render);
}
