/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The command line. Every option is a row of one table; a verb names those it takes. */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

typedef enum OptionId {
    OPT_JSON,
    OPT_BUS,
    OPT_HOST,
    OPT_FULL,
    OPT_NO_LEGEND,
    OPT_NO_PAGER,
    OPT_HELP,
    OPT_VERSION,
    OPT_DRY_RUN,
    OPT_MOVES,
    OPT_ALL,
    OPT_FORCE,
    OPT_COMPACT,
    OPT_SVG,
    OPT_HTML,
    OPT_LINES,
    OPT_SINCE,
    OPT_REVERSE,
    OPT_FOLLOW,
    OPT_INTERVAL,
    OPT_ROUNDS,
    OPT_SORT,
    OPT_THREADS,
    OPT_WATCH,
    OPT_TIMEOUT,
    OPT_ON_REBOOT,
    OPT_FORMAT,
    OPT_OUTPUT,
    OPT_TOPOLOGY,
    OPT_GUESTS,
    OPT_POLICY,
    OPT_RUNNING,
    OPT_START,
    OPT_ISOLATED,
    OPT_NOHZ_FULL,
    OPT_ALLOWED_CPUS,
    OPT_ALLOWED_MEMS,
    N_OPTIONS,
} OptionId;

#define OPTION_BIT(id) (UINT64_C(1) << (id))
/* Taken before the verb and by every verb. */
#define OPTIONS_GLOBAL                                                                             \
    (OPTION_BIT(OPT_JSON) | OPTION_BIT(OPT_BUS) | OPTION_BIT(OPT_HOST) | OPTION_BIT(OPT_FULL) |    \
     OPTION_BIT(OPT_NO_LEGEND) | OPTION_BIT(OPT_NO_PAGER) | OPTION_BIT(OPT_HELP) |                 \
     OPTION_BIT(OPT_VERSION))

/* What a word of the command line is: completion offers such words. */
typedef enum WordKind {
    WORD_OTHER,
    WORD_GUEST,
    WORD_KNOB,
    WORD_KEY, /* of the policy */
    WORD_VERB,
    WORD_FILE,
    WORD_HOST,
} WordKind;

typedef struct OptionInfo {
    const char *name; /* without the dashes */
    const char *arg;  /* as help shows it; NULL: takes none */
    bool many;        /* words after its argument belong to it, too */
    const char *doc;
    char letter;   /* the same as one letter, "-H"; 0: none */
    bool optional; /* the argument may be left out, and goes with "=" */
    WordKind words;
} OptionInfo;

const OptionInfo *option_info(OptionId id);

/* What was given. Strings are borrowed from argv. */
typedef struct Options {
    bool given[N_OPTIONS];
    GPtrArray *values[N_OPTIONS]; /* of const char *, NULL-ended */
    GPtrArray *words;             /* of const char *, NULL-ended: what is no option */
} Options;

Options *options_new(void);
void options_free(Options *options);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Options, options_free)

/* As the command line does. value NULL: none. */
void options_add_value(Options *options, OptionId id, const char *value);
void options_add_word(Options *options, const char *word);
/* The last value; NULL if never given. */
const char *options_value(const Options *options, OptionId id);
/* All values in order, NULL-ended; never NULL. */
const char *const *options_list(const Options *options, OptionId id);
const char *const *options_words(const Options *options);
unsigned options_n_words(const Options *options);

/* Where a command line is read: verb NULL: before the verb, up to the first word. */
typedef struct OptionsPlace {
    const char *verb;
    uint64_t allowed; /* OPTION_BITs */
} OptionsPlace;

/* Reads argv[1]… and adds to options. 0 with *ret_index (may be NULL) the index of the first word
 * that was not read; -EINVAL with *reterr_text (owned by the caller) for people. */
int options_parse(Options *options, const OptionsPlace *place, char **argv, int *ret_index,
                  char **reterr_text);
