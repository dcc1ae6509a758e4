/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Completion for every shell: the scripts in conf/completion/ hand the words so far to this verb,
 * which reads the same tables as everything else. The last word is the one being typed. Quiet about
 * all that is wrong in the words before.
 */
#include "base/text.h"
#include "base/util.h"
#include "ctl/bus-call.h"
#include "ctl/show.h"
#include "ctl/verbs.h"
#include "model/knob.h"
#include "model/policy-key.h"
#include "report/report.h"
#include "vmtuned/bus.h"

#include <string.h>

/* Somebody waits at the keyboard. */
#define GUESTS_TIMEOUT_USEC (2 * UINT64_C(1000000))

typedef struct Completion {
    Doc *document, *words; /* words: its array */
    const char *typed;     /* so far, of the last word */
    char *name;            /* of the verb, or of its group; "": none yet. Owned. */
    const Verb *verb;      /* NULL: none yet */
    int value_of;          /* the option whose value comes next; -1: none */
    int open;              /* the option that takes more words; -1: none */
    Options *options;      /* the words before */
} Completion;

static bool is_allowed(const Completion *completion, unsigned id)
{
    uint64_t own = completion->verb ? completion->verb->options : 0;

    return ((OPTIONS_GLOBAL | own) & OPTION_BIT(id)) != 0;
}

static int option_find(const Completion *completion, const char *word)
{
    for (unsigned id = 0; id < N_OPTIONS; id++) {
        const OptionInfo *info = option_info((OptionId)id);
        bool is_long = g_str_has_prefix(word, "--") && g_str_equal(word + 2, info->name);
        if (is_allowed(completion, id) &&
            (is_long || (info->letter && word[1] == info->letter && word[0] == '-' && !word[2])))
            return (int)id;
    }
    return -1;
}

static void read_value(Completion *completion, int id, const char *value)
{
    options_add_value(completion->options, (OptionId)id, value);
    completion->open = option_info((OptionId)id)->many ? id : -1;
}

static void read_option(Completion *completion, const char *word)
{
    const char *value = strchr(word, '=');
    g_autofree char *name = g_strndup(word, strcspn(word, "="));
    int id = option_find(completion, name);
    const OptionInfo *info = id >= 0 ? option_info((OptionId)id) : NULL;

    completion->open = -1;
    if (!info)
        return;
    if (!value && info->arg && !info->optional)
        completion->value_of = id;
    else
        read_value(completion, id, value ? value + 1 : NULL);
}

static void read_word(Completion *completion, const char *word)
{
    if (completion->verb && completion->open < 0) {
        options_add_word(completion->options, word);
    } else if (!completion->verb) {
        char *name =
            completion->name[0] ? g_strjoin(" ", completion->name, word, NULL) : g_strdup(word);
        g_free(completion->name);
        completion->name = name;
        completion->verb = verb_find(name);
    }
}

/* A word before the last. bash hands over the "=" of "--bus=ADDRESS" as a word. */
static void read_before(Completion *completion, const char *word)
{
    int id = completion->value_of;

    if (id >= 0 && g_str_equal(word, "="))
        return;
    completion->value_of = -1;
    if (id >= 0) {
        read_value(completion, id, word);
    } else if (word[0] == '-') {
        read_option(completion, word);
    } else {
        read_word(completion, word);
    }
}

static void add(Completion *completion, const char *word, const char *doc)
{
    if (!g_str_has_prefix(word, completion->typed))
        return;
    Doc *row = json_object_new_object();
    g_autofree char *line = g_strdelimit(g_strdup(doc), "\t\n", ' ');
    json_object_object_add(row, "word", json_object_new_string(word));
    json_object_object_add(row, "doc", json_object_new_string(line));
    json_object_array_add(completion->words, row);
}

static void add_options(Completion *completion)
{
    for (unsigned id = 0; id < N_OPTIONS; id++) {
        const OptionInfo *info = option_info((OptionId)id);
        g_autofree char *word = g_strconcat("--", info->name, NULL);
        if (is_allowed(completion, id))
            add(completion, word, info->doc);
    }
}

/* Words of verbs after the name so far; "policy" once for all that begin with it. */
static void add_verbs(Completion *completion, const char *name)
{
    const char *last = "";
    const Verb *verb;

    for (unsigned i = 0; (verb = verb_get(i)); i++) {
        if (name[0] && !verb_is_below(verb, name))
            continue;
        const char *rest = verb->name + (name[0] ? strlen(name) + 1 : 0);
        g_autofree char *word = g_strndup(rest, strcspn(rest, " "));
        bool is_group = rest[strlen(word)] == ' ';
        g_autofree char *doc = is_group ? g_strdup_printf("verbs of %s", word) : NULL;
        if (!g_str_has_prefix(last, word) || last[strlen(word)] != ' ')
            add(completion, word, doc ? doc : verb->doc);
        last = rest;
    }
}

/* A name that a shell would take for something else is offered as its uuid. */
static void add_guest(Completion *completion, const char *uuid, const char *name, const char *state)
{
    bool plain = text_is_plain_name(name);
    const char *const *given = options_words(completion->options);

    if (!g_strv_contains(given, name) && !g_strv_contains(given, uuid))
        add(completion, plain ? name : uuid, plain ? state : name);
}

static void add_guests(Completion *completion)
{
    g_autoptr(sd_bus) bus = NULL;
    g_autoptr(sd_bus_message) message = NULL, reply = NULL;
    g_autofree char *words = NULL;
    const char *uuid, *name, *state;

    if (completion->options->given[OPT_HOST] || /* SSH may ask for a password */
        bus_call_open(completion->options, &bus, &words) != 0 ||
        sd_bus_message_new_method_call(bus, &message, VMTUNED_BUS_NAME, VMTUNED_BUS_PATH,
                                       VMTUNED_BUS_MANAGER, "Guests") < 0 ||
        sd_bus_call(bus, message, GUESTS_TIMEOUT_USEC, NULL, &reply) < 0 ||
        sd_bus_message_enter_container(reply, 'a', "(sss)") <= 0)
        return;
    while (sd_bus_message_read(reply, "(sss)", &uuid, &name, &state) > 0)
        add_guest(completion, uuid, name, state);
}

static void add_kind(Completion *completion, WordKind kind)
{
    switch (kind) {
    case WORD_OTHER:
        break;
    case WORD_GUEST:
        add_guests(completion);
        break;
    case WORD_KNOB:
        for (unsigned i = 0; i < N_KNOBS; i++)
            add(completion, knob_info((Knob)i)->name, knob_info((Knob)i)->doc);
        break;
    case WORD_KEY:
        for (unsigned i = 0; i < N_POLICY_KEYS; i++)
            add(completion, policy_key_info((PolicyKey)i)->path, "");
        break;
    case WORD_VERB: {
        g_autofree char *name = g_strjoinv(" ", (char **)options_words(completion->options));
        add_verbs(completion, name);
        break;
    }
    case WORD_FILE:
    case WORD_HOST: /* shells know these better */
        json_object_object_add(completion->document, "also",
                               json_object_new_string(kind == WORD_FILE ? "files" : "hosts"));
        break;
    }
}

static void complete_last(Completion *completion)
{
    if (completion->value_of >= 0)
        add_kind(completion, option_info((OptionId)completion->value_of)->words);
    else if (completion->typed[0] == '-')
        add_options(completion);
    else if (!completion->verb)
        add_verbs(completion, completion->name);
    else if (completion->open >= 0)
        add_kind(completion, option_info((OptionId)completion->open)->words);
    else if (options_n_words(completion->options) < completion->verb->max_words)
        add_kind(completion, completion->verb->words);
}

static void render(Doc *document, GString *out)
{
    DOC_FOREACH(row, document, "words")
    g_string_append_printf(out, "%s\t%s\n", doc_word(row, "word"), doc_word(row, "doc"));
    if (doc_text(document, "also"))
        g_string_append_printf(out, ":%s\n", doc_word(document, "also"));
}

int verb_complete_run(const Options *options)
{
    const char *const *words = options_words(options);
    g_autoptr(Doc) document = report_document();
    g_autoptr(Options) before = options_new();
    Completion completion = {.document = document,
                             .words = json_object_new_array(),
                             .typed = "",
                             .name = g_strdup(""),
                             .value_of = -1,
                             .open = -1,
                             .options = before};

    json_object_object_add(document, "words", completion.words);
    json_object_object_add(document, "also", NULL);
    for (; words[0] && words[1]; words++)
        read_before(&completion, words[0]);
    if (words[0])
        completion.typed = words[0];
    complete_last(&completion);
    g_free(completion.name);
    return show_document(options, document, render);
}
