/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ctl/show.h"
#include "ctl/verbs.h"

#include "report/report.h"

#include <string.h>

#define NAME_COLUMN 26

static Doc *options_array(uint64_t bits)
{
    Doc *array = json_object_new_array();

    for (unsigned id = 0; id < N_OPTIONS; id++) {
        const OptionInfo *info = option_info((OptionId)id);
        if (!(bits & OPTION_BIT(id)))
            continue;
        Doc *row = json_object_new_object();
        json_object_object_add(row, "name", json_object_new_string(info->name));
        json_object_object_add(row, "arg", info->arg ? json_object_new_string(info->arg) : NULL);
        json_object_object_add(row, "many", json_object_new_boolean(info->many));
        json_object_object_add(row, "doc", json_object_new_string(info->doc));
        json_object_array_add(array, row);
    }
    return array;
}

static Doc *verb_object(const Verb *verb)
{
    Doc *object = json_object_new_object();

    json_object_object_add(object, "name", json_object_new_string(verb->name));
    json_object_object_add(object, "args", json_object_new_string(verb->args));
    json_object_object_add(object, "doc", json_object_new_string(verb->doc));
    json_object_object_add(object, "options", options_array(verb->options));
    return object;
}

/* only NULL: all verbs. */
static Doc *help_document(const Verb *only)
{
    Doc *document = report_document(), *verbs = json_object_new_array();
    const Verb *verb;

    for (unsigned i = 0; (verb = verb_get(i)); i++)
        if (!only || verb == only)
            json_object_array_add(verbs, verb_object(verb));
    json_object_object_add(document, "verbs", verbs);
    json_object_object_add(document, "options", options_array(OPTIONS_GLOBAL));
    return document;
}

static void print_options(Doc *object, GString *out)
{
    DOC_FOREACH(row, object, "options")
    {
        g_autofree char *left =
            g_strdup_printf("--%s%s%s%s", doc_word(row, "name"), doc_text(row, "arg") ? " " : "",
                            doc_word(row, "arg"), doc_bool(row, "many") ? "..." : "");
        g_string_append_printf(out, "  %-*s %s\n", NAME_COLUMN, left, doc_word(row, "doc"));
    }
}

static void render_all(Doc *document, GString *out)
{
    g_string_append(out, "usage: vmtuned-ctl [--json] [--bus ADDRESS] VERB [ARGUMENT...]\n\n"
                         "Verbs:\n");
    DOC_FOREACH(verb, document, "verbs")
    {
        g_autofree char *whole =
            g_strjoin(" ", doc_word(verb, "name"), doc_word(verb, "args"), NULL);
        /* simulate's arguments do not fit: its own help has them */
        g_autofree char *left = strlen(whole) <= NAME_COLUMN
                                    ? g_strdup(whole)
                                    : g_strconcat(doc_word(verb, "name"), " ...", NULL);
        g_string_append_printf(out, "  %-*s %s\n", NAME_COLUMN, left, doc_word(verb, "doc"));
    }
    g_string_append(out, "\nOptions:\n");
    print_options(document, out);
    g_string_append(out, "\nExit status: 0 all well, 1 refused or mismatch, 2 usage or bad input, "
                         "3 only cold starts\npending, 4 daemon unreachable.\n");
}

static void render_verb(Doc *document, GString *out)
{
    DOC_FOREACH(verb, document, "verbs")
    {
        g_string_append_printf(out, "usage: vmtuned-ctl %s %s\n\n%s: %s\n\nOptions:\n",
                               doc_word(verb, "name"), doc_word(verb, "args"),
                               doc_word(verb, "name"), doc_word(verb, "doc"));
        print_options(verb, out);
    }
    print_options(document, out);
}

int verb_help_run(const Options *options)
{
    const char *name = options_words(options)[0];
    const Verb *verb = name ? verb_find(name) : NULL;

    if (name && !verb)
        return verb_refuse_unknown(name);
    g_autoptr(Doc) document = help_document(verb);
    return show_document(options, document, verb ? render_verb : render_all);
}
