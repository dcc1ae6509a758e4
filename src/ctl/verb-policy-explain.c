/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ctl/show.h"
#include "ctl/table.h"
#include "ctl/verbs.h"

#include "base/util.h"
#include "report/report.h"

#include <string.h>

static void render_list(Doc *document, GString *out)
{
    g_autoptr(Table) table = table_new((const char *const[]){"KEY", "DEFAULT", "WHAT IT IS", NULL});

    DOC_FOREACH(row, document, "keys")
    table_add(table, (const char *const[]){doc_text(row, "key"), doc_text(row, "default"),
                                           doc_text(row, "doc")});
    table_print(table, out);
}

static void append_fields(Doc *key, GString *out)
{
    g_autoptr(Table) table = table_new((const char *const[]){"FIELD", "VALUE", "WHAT", NULL});

    DOC_FOREACH(row, key, "fields")
    table_add(table, (const char *const[]){doc_text(row, "name"), doc_text(row, "value"),
                                           doc_text(row, "doc")});
    table_print_below(table, out);
}

/* When a value of a knob takes effect. */
static const char *when(Doc *knob)
{
    return g_str_equal(doc_word(knob, "changes"), "cold") ? "at the guest's next full start"
                                                          : "at once";
}

static void append_knobs(Doc *key, GString *out)
{
    g_autoptr(Table) table =
        table_new((const char *const[]){"KNOB", "PLANES", "TAKES EFFECT", "WHAT", NULL});

    DOC_FOREACH(row, key, "knobs")
    {
        g_autofree char *planes = doc_join(row, "planes");
        table_add(table, (const char *const[]){doc_text(row, "name"), planes, when(row),
                                               doc_text(row, "doc")});
    }
    table_print_below(table, out);
}

static void render_key(Doc *document, GString *out)
{
    DOC_FOREACH(key, document, "keys")
    {
        bool guest = g_str_equal(doc_word(key, "scope"), "guest");
        g_string_append_printf(out, "%s: %s\n", doc_word(key, "key"), doc_word(key, "doc"));
        show_field(out, "Value", "%s", doc_word(key, "value"));
        show_field(out, "Default", "%s",
                   doc_text(key, "default") ? doc_text(key, "default") : "left alone");
        show_field(out, "Stands in", "%s",
                   guest ? "defaults and the rules of guests" : "the file's top level");
        show_field(out, "Example", "%s", doc_word(key, "example"));
        if (doc_length(key, "knobs") == 0)
            show_field(out, "Takes effect", "with the next cycle after vmtuned-ctl reload");
        append_fields(key, out);
        append_knobs(key, out);
    }
}

static int refuse_unknown(const char *path)
{
    g_autoptr(GPtrArray) paths = g_ptr_array_new();

    for (unsigned key = 0; key < N_POLICY_KEYS; key++)
        g_ptr_array_add(paths, (gpointer)policy_key_info((PolicyKey)key)->path);
    g_ptr_array_add(paths, NULL);
    const char *nearest = text_nearest(path, (const char *const *)paths->pdata);
    if (nearest)
        show_error("there is no key '%s'; did you mean '%s'?", path, nearest);
    else
        show_error("there is no key '%s'; 'vmtuned-ctl policy explain' lists them", path);
    return CTL_USAGE;
}

int verb_policy_explain_run(const Options *options)
{
    const char *path = options_words(options)[0];
    g_autoptr(Doc) document = report_policy_keys(path);
    unsigned n = doc_length(document, "keys");

    if (n == 0)
        return refuse_unknown(path);
    return show_document(options, document, n == 1 ? render_key : render_list);
}
