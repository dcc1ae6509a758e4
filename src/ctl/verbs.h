/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The verbs of vmtuned-ctl: one table, one file for each. */
#pragma once

#include "ctl/options.h"

/* Exit status; the first four are those of the documents (ReportExit). */
enum {
    CTL_OK = 0,
    CTL_MISMATCH = 1,
    CTL_USAGE = 2,
    CTL_COLD = 3,
    CTL_UNREACHABLE = 4,
};

typedef enum VerbGroup {
    VERBS_OBSERVE,
    VERBS_CHANGE,
    VERBS_OFFLINE, /* no daemon is asked */
    N_VERB_GROUPS,
} VerbGroup;

const char *verb_group_name(VerbGroup group); /* "Observe" */

typedef struct Verb {
    const char *name; /* one word, or two: "policy show" */
    const char *args; /* as usage shows it */
    unsigned min_words, max_words;
    uint64_t options;                   /* OPTION_BITs besides the global ones */
    const char *doc;                    /* one line */
    int (*run)(const Options *options); /* exit status; has printed everything */
    VerbGroup group;
    WordKind words;      /* what its own words are */
    const char *example; /* for its help, without the program; NULL: none */
} Verb;

/* NULL: there is none of that name. */
const Verb *verb_find(const char *name);
const Verb *verb_get(unsigned i); /* NULL past the end */
/* Whether its name goes on after that word: "policy show" after "policy". */
bool verb_is_below(const Verb *verb, const char *word);
/* Whether any does. */
bool verb_is_group(const char *word);
/* The verb someone who typed name may have meant; NULL: none is near. */
const char *verb_nearest(const char *name);
/* Says so on stderr. CTL_USAGE. */
int verb_refuse_unknown(const char *name);

/* Finds the verb of a whole command line, reads its options and runs it. Exit status. */
int verbs_run(char **argv);

int verb_status_run(const Options *options);
int verb_map_run(const Options *options);
int verb_plan_run(const Options *options);
int verb_advise_run(const Options *options);
int verb_doctor_run(const Options *options);
int verb_apply_run(const Options *options);
int verb_verify_run(const Options *options);
int verb_explain_run(const Options *options);
int verb_pending_run(const Options *options);
int verb_top_run(const Options *options);
int verb_log_run(const Options *options);
int verb_host_run(const Options *options);
int verb_report_run(const Options *options);
int verb_policy_show_run(const Options *options);
int verb_metrics_run(const Options *options);
int verb_policy_new_run(const Options *options);
int verb_policy_diff_run(const Options *options);
int verb_policy_explain_run(const Options *options);
int verb_policy_schema_run(const Options *options);
int verb_check_run(const Options *options);
int verb_topology_run(const Options *options);
int verb_knobs_run(const Options *options);
int verb_defrag_run(const Options *options);
int verb_restore_run(const Options *options);
int verb_resume_run(const Options *options);
int verb_restart_into_run(const Options *options);
int verb_stop_move_run(const Options *options);
int verb_jobs_run(const Options *options);
int verb_cancel_run(const Options *options);
int verb_reload_run(const Options *options);
int verb_simulate_run(const Options *options);
int verb_help_run(const Options *options);
int verb_complete_run(const Options *options);
/* Help for that verb, or those of that group; "": for all. Exit status. */
int verb_help_show(const Options *options, const char *name);
