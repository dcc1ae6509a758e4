/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ctl/show.h"
#include "ctl/style.h"
#include "ctl/verbs.h"

#include "report/report.h"

#include <string.h>

#define NAME_COLUMN 30

/* The exit statuses, as the man page has them, too. */
static const struct {
    int status;
    const char *doc;
} exits[] = {
    {CTL_OK, "all well"},
    {CTL_MISMATCH, "a guest is refused, something does not match, or it could not be done"},
    {CTL_USAGE, "usage, or bad input: no such guest, a policy with errors, access denied"},
    {CTL_COLD, "all well but for what the next cold start of a guest brings"},
    {CTL_UNREACHABLE, "the daemon is unreachable"},
};

static Doc *options_array(uint64_t bits)
{
    Doc *array = json_object_new_array();

    for (unsigned id = 0; id < N_OPTIONS; id++) {
        const OptionInfo *info = option_info((OptionId)id);
        if (!(bits & OPTION_BIT(id)))
            continue;
        Doc *row = json_object_new_object();
        json_object_object_add(row, "name", json_object_new_string(info->name));
        json_object_object_add(row, "letter",
                               info->letter ? json_object_new_string_len(&info->letter, 1) : NULL);
        json_object_object_add(row, "arg", info->arg ? json_object_new_string(info->arg) : NULL);
        json_object_object_add(row, "optional", json_object_new_boolean(info->optional));
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
    json_object_object_add(object, "group", json_object_new_string(verb_group_name(verb->group)));
    json_object_object_add(object, "args", json_object_new_string(verb->args));
    json_object_object_add(object, "doc", json_object_new_string(verb->doc));
    json_object_object_add(object, "example",
                           verb->example ? json_object_new_string(verb->example) : NULL);
    json_object_object_add(object, "options", options_array(verb->options));
    return object;
}

static Doc *exits_array(void)
{
    Doc *array = json_object_new_array();

    for (unsigned i = 0; i < G_N_ELEMENTS(exits); i++) {
        Doc *row = json_object_new_object();
        json_object_object_add(row, "status", json_object_new_int(exits[i].status));
        json_object_object_add(row, "doc", json_object_new_string(exits[i].doc));
        json_object_array_add(array, row);
    }
    return array;
}

/* name: of a verb, or the first word of several; "": all verbs. */
static bool verb_is_asked(const Verb *verb, const char *name)
{
    return !name[0] || g_str_equal(verb->name, name) || verb_is_below(verb, name);
}

static Doc *help_document(const char *name)
{
    Doc *document = report_document(), *verbs = json_object_new_array();
    const Verb *verb;

    for (unsigned i = 0; (verb = verb_get(i)); i++)
        if (verb_is_asked(verb, name))
            json_object_array_add(verbs, verb_object(verb));
    json_object_object_add(document, "verbs", verbs);
    json_object_object_add(document, "options", options_array(OPTIONS_GLOBAL));
    json_object_object_add(document, "exit_statuses", exits_array());
    return document;
}

static void print_heading(const char *text, GString *out)
{
    g_string_append_c(out, '\n');
    style_append(out, STYLE_HEADING, text);
    g_string_append(out, ":\n");
}

/* What it is on the left; if that is too long, what it does goes below. */
static void print_row(const char *left, const char *doc, GString *out)
{
    if (strlen(left) <= NAME_COLUMN)
        g_string_append_printf(out, "  %-*s %s\n", NAME_COLUMN, left, doc);
    else
        g_string_append_printf(out, "  %s\n  %*s %s\n", left, NAME_COLUMN, "", doc);
}

static void print_options(Doc *object, GString *out)
{
    DOC_FOREACH(row, object, "options")
    {
        bool optional = doc_bool(row, "optional"), letter = doc_text(row, "letter") != NULL;
        g_autofree char *left = g_strdup_printf(
            "%s%s%s--%s%s%s%s%s", letter ? "-" : "  ", letter ? doc_word(row, "letter") : "",
            letter ? ", " : "  ", doc_word(row, "name"),
            optional               ? "[="
            : doc_text(row, "arg") ? " "
                                   : "",
            doc_word(row, "arg"), optional ? "]" : "", doc_bool(row, "many") ? "..." : "");
        print_row(left, doc_word(row, "doc"), out);
    }
}

static void print_verbs(Doc *document, const char *group, GString *out)
{
    bool any = false;

    DOC_FOREACH(verb, document, "verbs")
    {
        g_autofree char *left =
            g_strjoin(" ", doc_word(verb, "name"), doc_word(verb, "args"), NULL);
        if (!g_str_equal(doc_word(verb, "group"), group))
            continue;
        if (!any)
            print_heading(group, out);
        any = true;
        print_row(left, doc_word(verb, "doc"), out);
    }
}

static void render_all(Doc *document, GString *out)
{
    style_append(out, STYLE_STRONG, "vmtuned-ctl [OPTION...] [VERB] [ARGUMENT...]");
    g_string_append(out,
                    "\n\nWatch and drive vmtuned, and plan from files. Without a verb: status.\n");
    for (unsigned group = 0; group < N_VERB_GROUPS; group++)
        print_verbs(document, verb_group_name((VerbGroup)group), out);
    print_heading("Options", out);
    print_options(document, out);
    print_heading("Exit status", out);
    DOC_FOREACH(row, document, "exit_statuses")
    g_string_append_printf(out, "  %" G_GINT64_FORMAT "  %s\n", doc_number(row, "status"),
                           doc_word(row, "doc"));
    g_string_append(
        out, "\n'vmtuned-ctl help VERB' has the options of a verb; see vmtuned-ctl(1), too.\n");
}

static void render_verb(Doc *document, GString *out)
{
    DOC_FOREACH(verb, document, "verbs")
    {
        g_autofree char *usage =
            g_strjoin(" ", "vmtuned-ctl", doc_word(verb, "name"), doc_word(verb, "args"), NULL);
        style_append(out, STYLE_STRONG, usage);
        g_string_append_printf(out, "\n\n%s\n", doc_word(verb, "doc"));
        if (doc_length(verb, "options") > 0)
            print_heading("Options", out);
        print_options(verb, out);
        print_heading("Options of every verb", out);
        print_options(document, out);
        if (!doc_text(verb, "example"))
            continue;
        print_heading("Example", out);
        g_string_append_printf(out, "  vmtuned-ctl %s\n", doc_word(verb, "example"));
    }
}

int verb_help_show(const Options *options, const char *name)
{
    bool one = verb_find(name) != NULL;

    if (name[0] && !one && !verb_is_group(name))
        return verb_refuse_unknown(name);
    g_autoptr(Doc) document = help_document(name);
    return show_document(options, document, one ? render_verb : render_all);
}

int verb_help_run(const Options *options)
{
    g_autofree char *name = g_strjoinv(" ", (char **)options_words(options));

    return verb_help_show(options, name);
}
