/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ctl/options.h"

#include "base/util.h"

#include <errno.h>
#include <getopt.h>
#include <string.h>

/* getopt_long's codes for long options, above all characters */
#define CODE_BASE 256

static const OptionInfo infos[N_OPTIONS] = {
    [OPT_JSON] = {"json", NULL, false, .doc = "print one JSON document"},
    [OPT_BUS] = {"bus", "ADDRESS", false, .doc = "where the daemon is (default: the system bus)"},
    [OPT_HOST] = {"host", "[USER@]HOST", false, .doc = "ask the daemon of another host, over SSH",
                  .letter = 'H'},
    [OPT_FULL] = {"full", NULL, false, .doc = "do not cut lines that are too long", .letter = 'l'},
    [OPT_NO_LEGEND] = {"no-legend", NULL, false, .doc = "no headings, sums and hints"},
    [OPT_NO_PAGER] = {"no-pager", NULL, false, .doc = "long output at once"},
    [OPT_HELP] = {"help", NULL, false, .doc = "show help", .letter = 'h'},
    [OPT_VERSION] = {"version", NULL, false, .doc = "show the version"},
    [OPT_DRY_RUN] = {"dry-run", NULL, false, .doc = "change nothing, show what would be changed"},
    [OPT_MOVES] = {"moves", "N", false, .doc = "move no more guests than this (default: 10)"},
    [OPT_ALL] = {"all", NULL, false, .doc = "every guest"},
    [OPT_FORCE] = {"force", NULL, false, .doc = "also values that somebody else changed since"},
    [OPT_COMPACT] = {"compact", NULL, false, .doc = "rows of cores that say the same, no boxes"},
    [OPT_SVG] = {"svg", "FILE", false, .doc = "write a picture; \"-\": to standard output",
                 .words = WORD_FILE},
    [OPT_HTML] = {"html", "FILE", false, .doc = "write one page; \"-\": to standard output",
                  .words = WORD_FILE},
    [OPT_LINES] = {"lines", "N", false,
                   .doc = "the last N changes, or \"all\" (default: 50; all with --since)",
                   .letter = 'n'},
    [OPT_SINCE] = {"since", "TIME", false,
                   .doc = "since \"2026-11-21 10:30\", \"10:30\", or \"2h\" ago"},
    [OPT_REVERSE] = {"reverse", NULL, false, .doc = "the newest first", .letter = 'r'},
    [OPT_FOLLOW] = {"follow", NULL, false, .doc = "go on with what comes (first the last 10)",
                    .letter = 'f'},
    [OPT_WATCH] = {"watch", "SECONDS", false,
                   .doc = "show it again with every change and so often (default: 2); q ends",
                   .optional = true},
    [OPT_INTERVAL] = {"interval", "SECONDS", false, .doc = "look so often (default: 2)",
                      .letter = 'd'},
    [OPT_ROUNDS] = {"iterations", "N", false,
                    .doc = "print it N times and end (default: 1, on a terminal until q)",
                    .letter = 'n'},
    [OPT_SORT] = {"sort", "WHAT", false, .doc = "by cpu (default), delay, locality or name"},
    [OPT_THREADS] = {"threads", NULL, false, .doc = "also each thread"},
    [OPT_TIMEOUT] = {"timeout", "SECONDS", false,
                     .doc = "wait so long for it to shut down (default: 300)"},
    [OPT_ON_REBOOT] = {"on-reboot", NULL, false,
                       .doc = "not now: make the guest's own next reboot a cold start"},
    [OPT_FORMAT] = {"format", "FORMAT", false,
                    .doc = "openmetrics (the default), or text: the older form (with --output)"},
    [OPT_OUTPUT] = {"output", "FILE", false,
                    .doc = "write it to this file; \"-\": to standard output", .words = WORD_FILE},
    [OPT_TOPOLOGY] = {"topology", "X", false,
                      .doc = "the host: an hwloc XML file, or hwloc synthetic text",
                      .words = WORD_FILE},
    [OPT_GUESTS] = {"guests", "DIR|FILE", true, .doc = "domain XML files; of a directory its *.xml",
                    .words = WORD_FILE},
    [OPT_POLICY] = {"policy", "FILE", true, .doc = "policy files, later ones override",
                    .words = WORD_FILE},
    [OPT_RUNNING] = {"running", NULL, false, .doc = "the guests run, placed as their XML says"},
    [OPT_START] = {"start", "NAME", true, .doc = "start these on top, one after the other"},
    [OPT_ISOLATED] = {"isolated", "LIST", false,
                      .doc = "CPUs taken from the scheduler (isolcpus=)"},
    [OPT_NOHZ_FULL] = {"nohz-full", "LIST", false, .doc = "CPUs without a tick"},
    [OPT_ALLOWED_CPUS] = {"allowed-cpus", "LIST", false,
                          .doc = "CPUs the guests' partition may use"},
    [OPT_ALLOWED_MEMS] = {"allowed-mems", "LIST", false,
                          .doc = "NUMA nodes the guests' partition may use"},
};

const OptionInfo *option_info(OptionId id)
{
    return &infos[id];
}

static void list_add(GPtrArray *list, const char *text)
{
    g_ptr_array_insert(list, (gint)list->len - 1, (gpointer)text);
}

static GPtrArray *list_new(void)
{
    GPtrArray *list = g_ptr_array_new();

    g_ptr_array_add(list, NULL);
    return list;
}

Options *options_new(void)
{
    Options *options = g_new0(Options, 1);

    for (unsigned id = 0; id < N_OPTIONS; id++)
        options->values[id] = list_new();
    options->words = list_new();
    return options;
}

void options_free(Options *options)
{
    if (!options)
        return;
    for (unsigned id = 0; id < N_OPTIONS; id++)
        g_ptr_array_unref(options->values[id]);
    g_ptr_array_unref(options->words);
    g_free(options);
}

void options_add_value(Options *options, OptionId id, const char *value)
{
    options->given[id] = true;
    if (value)
        list_add(options->values[id], value);
}

void options_add_word(Options *options, const char *word)
{
    list_add(options->words, word);
}

const char *options_value(const Options *options, OptionId id)
{
    const GPtrArray *values = options->values[id];

    return values->len > 1 ? values->pdata[values->len - 2] : NULL;
}

const char *const *options_list(const Options *options, OptionId id)
{
    return (const char *const *)options->values[id]->pdata;
}

const char *const *options_words(const Options *options)
{
    return (const char *const *)options->words->pdata;
}

unsigned options_n_words(const Options *options)
{
    return options->words->len - 1;
}

static void fill_long_options(struct option *long_options, uint64_t allowed)
{
    for (unsigned id = 0; id < N_OPTIONS; id++) {
        if (!(allowed & OPTION_BIT(id)))
            continue;
        *long_options++ = (struct option){
            .name = infos[id].name,
            .has_arg = !infos[id].arg       ? no_argument
                       : infos[id].optional ? optional_argument
                                            : required_argument,
            .val = CODE_BASE + (int)id,
        };
    }
    *long_options = (struct option){0};
}

/* What getopt_long wants to know of one-letter options, after the prefix. Owned by the caller. */
static char *letters_of(const char *prefix, uint64_t allowed)
{
    GString *letters = g_string_new(prefix);

    for (unsigned id = 0; id < N_OPTIONS; id++)
        if (infos[id].letter && (allowed & OPTION_BIT(id)))
            g_string_append_printf(letters, "%c%s", infos[id].letter,
                                   !infos[id].arg       ? ""
                                   : infos[id].optional ? "::"
                                                        : ":");
    return g_string_free(letters, FALSE);
}

static OptionId option_of_code(int code, uint64_t allowed)
{
    unsigned id = 0;

    if (code >= CODE_BASE)
        return (OptionId)(code - CODE_BASE);
    /* getopt_long gives back only what letters_of() has; options of several verbs may share one */
    while (infos[id].letter != code || !(allowed & OPTION_BIT(id)))
        id++;
    return (OptionId)id;
}

static bool is_option_elsewhere(const char *name, uint64_t allowed)
{
    for (unsigned id = 0; id < N_OPTIONS; id++)
        if (!(allowed & OPTION_BIT(id)) && g_str_equal(infos[id].name, name))
            return true;
    return false;
}

/* word: the option as given, with its dashes and perhaps "=value". */
static char *explain_unknown(const OptionsPlace *place, const char *word)
{
    const char *names[N_OPTIONS + 1] = {NULL};
    unsigned n_names = 0;

    if (!g_str_has_prefix(word, "--"))
        return g_strdup_printf("unknown option '%s'", word);
    g_autofree char *name = g_strndup(word + 2, strcspn(word + 2, "="));
    if (place->verb && is_option_elsewhere(name, place->allowed))
        return g_strdup_printf("'%s' takes no option '--%s'", place->verb, name);
    if (is_option_elsewhere(name, place->allowed))
        return g_strdup_printf("option '--%s' goes after its verb", name);
    for (unsigned id = 0; id < N_OPTIONS; id++)
        if (place->allowed & OPTION_BIT(id))
            names[n_names++] = infos[id].name;
    const char *nearest = text_nearest(name, names);
    if (nearest)
        return g_strdup_printf("unknown option '--%s'; did you mean '--%s'?", name, nearest);
    return g_strdup_printf("unknown option '--%s'", name);
}

static char *explain_error(const OptionsPlace *place, int code, const char *word)
{
    if (code == ':') {
        const OptionInfo *info = &infos[option_of_code(optopt, place->allowed)];
        return g_strdup_printf("option '--%s' needs an argument: %s", info->name, info->arg);
    }
    if (optopt >= CODE_BASE)
        return g_strdup_printf("option '--%s' takes no argument", infos[optopt - CODE_BASE].name);
    if (optopt > 0)
        return g_strdup_printf("unknown option '-%c'", optopt);
    return explain_unknown(place, word);
}

/* A word that is no option: it goes to the option before it if that takes many. */
static void add_word(Options *options, int open_option, const char *word)
{
    if (open_option >= 0)
        options_add_value(options, (OptionId)open_option, word);
    else
        options_add_word(options, word);
}

int options_parse(Options *options, const OptionsPlace *place, char **argv, int *ret_index,
                  char **reterr_text)
{
    struct option long_options[N_OPTIONS + 1];
    int argc = (int)g_strv_length(argv), open_option = -1, code;

    g_autofree char *letters = letters_of(place->verb ? "-:" : "+:", place->allowed);

    fill_long_options(long_options, place->allowed);
    opterr = 0;
    optind = 0; /* glibc: start afresh */
    while ((code = getopt_long(argc, argv, letters, long_options, NULL)) >= 0) {
        if (code == '?' || code == ':') {
            *reterr_text = explain_error(place, code, argv[optind - 1]);
            return -EINVAL;
        }
        if (code == 1) {
            add_word(options, open_option, optarg);
            continue;
        }
        OptionId id = option_of_code(code, place->allowed);
        options_add_value(options, id, infos[id].arg ? optarg : NULL);
        open_option = infos[id].many ? (int)id : -1;
    }
    for (int i = optind; place->verb && i < argc; i++) /* after "--" */
        options_add_word(options, argv[i]);
    if (ret_index)
        *ret_index = optind;
    return 0;
}
