/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ctl/verbs.h"

#include "base/util.h"
#include "ctl/show.h"
#include "report/report.h"
#include "vmtuned/version.h"

#include <limits.h>
#include <string.h>

#define TOPOLOGY_OPTIONS                                                                           \
    (OPTION_BIT(OPT_TOPOLOGY) | OPTION_BIT(OPT_ISOLATED) | OPTION_BIT(OPT_NOHZ_FULL) |             \
     OPTION_BIT(OPT_ALLOWED_CPUS) | OPTION_BIT(OPT_ALLOWED_MEMS))
#define SIMULATION_OPTIONS                                                                         \
    (TOPOLOGY_OPTIONS | OPTION_BIT(OPT_GUESTS) | OPTION_BIT(OPT_POLICY) |                          \
     OPTION_BIT(OPT_RUNNING) | OPTION_BIT(OPT_START))

/* What words a verb takes. */
#define ANY_GUESTS .args = "[GUEST...]", .max_words = UINT_MAX, .words = WORD_GUEST
#define ONE_GUEST .args = "GUEST", .min_words = 1, .max_words = 1, .words = WORD_GUEST
#define ANY_FILES .args = "[FILE...]", .max_words = UINT_MAX, .words = WORD_FILE

static const Verb verbs[] = {
    {
        .name = "status",
        ANY_GUESTS,
        .options = OPTION_BIT(OPT_WATCH),
        .doc = "how the daemon and the guests stand",
        .run = verb_status_run,
        .example = "status db-1 --watch",
    },
    {
        .name = "map",
        ANY_GUESTS,
        .options = OPTION_BIT(OPT_COMPACT) | OPTION_BIT(OPT_SVG) | OPTION_BIT(OPT_WATCH) |
                   SIMULATION_OPTIONS,
        .doc = "the guests on packages, nodes, caches and cores",
        .run = verb_map_run,
        .example = "map --svg map.svg",
    },
    {
        .name = "plan",
        ANY_GUESTS,
        .options = OPTION_BIT(OPT_WATCH),
        .doc = "what would change and why",
        .run = verb_plan_run,
    },
    {
        .name = "apply",
        ANY_GUESTS,
        .options = OPTION_BIT(OPT_DRY_RUN),
        .doc = "bring guests in line with the policy, once",
        .run = verb_apply_run,
        .group = VERBS_CHANGE,
        .example = "apply db-1 --dry-run",
    },
    {
        .name = "verify",
        ANY_GUESTS,
        .doc = "look again: does everything match?",
        .run = verb_verify_run,
        .example = "verify db-1 >/dev/null && echo in place",
    },
    {
        .name = "explain",
        ONE_GUEST,
        .doc = "each setting of a guest: value, reason, policy origin",
        .run = verb_explain_run,
    },
    {
        .name = "pending",
        ANY_GUESTS,
        .options = OPTION_BIT(OPT_WATCH),
        .doc = "what waits for a guest's next cold start",
        .run = verb_pending_run,
    },
    {
        .name = "top",
        ANY_GUESTS,
        .options = OPTION_BIT(OPT_INTERVAL) | OPTION_BIT(OPT_ROUNDS) | OPTION_BIT(OPT_SORT) |
                   OPTION_BIT(OPT_THREADS),
        .doc = "what the guests use of the CPUs, and wait for them, live",
        .run = verb_top_run,
        .example = "top --sort delay",
    },
    {
        .name = "log",
        ANY_GUESTS,
        .options = OPTION_BIT(OPT_LINES) | OPTION_BIT(OPT_SINCE) | OPTION_BIT(OPT_REVERSE) |
                   OPTION_BIT(OPT_FOLLOW),
        .doc = "what was changed, when and why",
        .run = verb_log_run,
        .example = "log db-1 --since 2h",
    },
    {
        .name = "host",
        .args = "",
        .options = OPTION_BIT(OPT_WATCH),
        .doc = "the host's own settings, page pools and memory",
        .run = verb_host_run,
    },
    {
        .name = "report",
        .args = "--html FILE",
        .options = OPTION_BIT(OPT_HTML),
        .doc = "host, guests, findings and history as one page",
        .run = verb_report_run,
        .example = "report --html report.html",
    },
    {
        .name = "metrics",
        .args = "",
        .options = OPTION_BIT(OPT_FORMAT) | OPTION_BIT(OPT_OUTPUT),
        .doc = "all metrics, for Prometheus",
        .run = verb_metrics_run,
    },
    {
        .name = "policy show",
        ONE_GUEST,
        .doc = "the effective policy of a guest, each key with its origin",
        .run = verb_policy_show_run,
    },
    {
        .name = "policy new",
        ONE_GUEST,
        .options = OPTION_BIT(OPT_OUTPUT),
        .doc = "propose a policy for a guest from what it is",
        .run = verb_policy_new_run,
        .example = "policy new db-1 --output /etc/vmtuned/policy.d/50-db-1.yaml",
    },
    {
        .name = "policy diff",
        ANY_FILES,
        .doc = "what policy files would change of the policy in force",
        .run = verb_policy_diff_run,
    },
    {
        .name = "policy explain",
        .args = "[KEY]",
        .max_words = 1,
        .doc = "what a key of the policy is and does",
        .run = verb_policy_explain_run,
        .group = VERBS_OFFLINE,
        .words = WORD_KEY,
        .example = "policy explain cpu.emulator",
    },
    {
        .name = "policy schema",
        .args = "",
        .doc = "the policy as JSON Schema, for editors",
        .run = verb_policy_schema_run,
        .group = VERBS_OFFLINE,
    },
    {
        .name = "advise",
        ANY_GUESTS,
        .doc = "what could be faster and is not vmtuned's to change",
        .run = verb_advise_run,
    },
    {
        .name = "doctor",
        ANY_GUESTS,
        .doc = "what costs performance, as measured now, and what mends it",
        .run = verb_doctor_run,
    },
    {
        .name = "check",
        ANY_FILES,
        .doc = "look for faults in policy files",
        .run = verb_check_run,
        .group = VERBS_OFFLINE,
        .example = "check /etc/vmtuned/policy.yaml new.yaml",
    },
    {
        .name = "topology",
        .args = "",
        .options = TOPOLOGY_OPTIONS,
        .doc = "this host as the planner sees it",
        .run = verb_topology_run,
        .group = VERBS_OFFLINE,
    },
    {
        .name = "knobs",
        .args = "[KNOB...]",
        .max_words = UINT_MAX,
        .doc = "everything that can be set",
        .run = verb_knobs_run,
        .group = VERBS_OFFLINE,
        .words = WORD_KNOB,
    },
    {
        .name = "defrag",
        .args = "",
        .options = OPTION_BIT(OPT_DRY_RUN) | OPTION_BIT(OPT_MOVES),
        .doc = "move running guests to whole caches and nodes; their memory stays",
        .run = verb_defrag_run,
        .group = VERBS_CHANGE,
        .example = "defrag --dry-run",
    },
    {
        .name = "restore",
        .args = "GUEST...|--all",
        .max_words = UINT_MAX,
        .options = OPTION_BIT(OPT_ALL) | OPTION_BIT(OPT_FORCE),
        .doc = "put back what was before vmtuned, and leave the guest alone",
        .run = verb_restore_run,
        .group = VERBS_CHANGE,
        .words = WORD_GUEST,
    },
    {
        .name = "resume",
        ANY_GUESTS,
        .doc = "set again what was left to somebody who kept changing it back",
        .run = verb_resume_run,
        .group = VERBS_CHANGE,
    },
    {
        .name = "restart-into",
        ONE_GUEST,
        .options = OPTION_BIT(OPT_TIMEOUT) | OPTION_BIT(OPT_ON_REBOOT),
        .doc = "shut a guest down and start it, with all that is pending",
        .run = verb_restart_into_run,
        .group = VERBS_CHANGE,
        .example = "restart-into --timeout 600 db-1",
    },
    {
        .name = "stop-move",
        ONE_GUEST,
        .doc = "stop moving a guest's memory to its vCPUs",
        .run = verb_stop_move_run,
        .group = VERBS_CHANGE,
    },
    {
        .name = "jobs",
        .args = "",
        .options = OPTION_BIT(OPT_WATCH),
        .doc = "long work that is under way",
        .run = verb_jobs_run,
    },
    {
        .name = "cancel",
        .args = "JOB",
        .min_words = 1,
        .max_words = 1,
        .doc = "end a restart that waits for its guest, or a move of memory",
        .run = verb_cancel_run,
        .group = VERBS_CHANGE,
    },
    {
        .name = "reload",
        .args = "",
        .doc = "read the policy again",
        .run = verb_reload_run,
        .group = VERBS_CHANGE,
    },
    {
        .name = "simulate",
        .args = "--topology X --guests DIR|FILE... --policy FILE... [--start NAME...]",
        .options = SIMULATION_OPTIONS,
        .doc = "plan from files",
        .run = verb_simulate_run,
        .group = VERBS_OFFLINE,
        .example = "simulate --topology 'pack:2 numa:1 l3:2 core:4 pu:2' --guests guests/ --policy "
                   "policy.yaml",
    },
    {
        .name = "help",
        .args = "[VERB]",
        .max_words = 2,
        .doc = "this list, or the options of a verb",
        .run = verb_help_run,
        .group = VERBS_OFFLINE,
        .words = WORD_VERB,
    },
    {
        .name = "complete",
        .args = "-- [WORD...]",
        .max_words = UINT_MAX,
        .doc = "what may stand for the last word, as shells ask at Tab",
        .run = verb_complete_run,
        .group = VERBS_OFFLINE,
        .example = "complete -- status db",
    },
};

const char *verb_group_name(VerbGroup group)
{
    static const char *const names[N_VERB_GROUPS] = {
        [VERBS_OBSERVE] = "Observe",
        [VERBS_CHANGE] = "Change",
        [VERBS_OFFLINE] = "Without a daemon",
    };

    return names[group];
}

const Verb *verb_get(unsigned i)
{
    return i < G_N_ELEMENTS(verbs) ? &verbs[i] : NULL;
}

const Verb *verb_find(const char *name)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(verbs); i++)
        if (g_str_equal(verbs[i].name, name))
            return &verbs[i];
    return NULL;
}

bool verb_is_below(const Verb *verb, const char *word)
{
    return g_str_has_prefix(verb->name, word) && verb->name[strlen(word)] == ' ';
}

bool verb_is_group(const char *word)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(verbs); i++)
        if (verb_is_below(&verbs[i], word))
            return true;
    return false;
}

const char *verb_nearest(const char *name)
{
    const char *names[G_N_ELEMENTS(verbs) + 1] = {NULL};

    for (unsigned i = 0; i < G_N_ELEMENTS(verbs); i++)
        names[i] = verbs[i].name;
    return text_nearest(name, names);
}

int verb_refuse_unknown(const char *name)
{
    const char *nearest = verb_nearest(name);
    g_autofree char *group = g_strndup(name, strcspn(name, " "));

    if (nearest)
        show_error("unknown verb '%s'; did you mean '%s'?", name, nearest);
    else if (verb_is_group(group))
        show_error("unknown verb '%s'; 'vmtuned-ctl help %s' lists those of %s", name, group,
                   group);
    else
        show_error("unknown verb '%s'; 'vmtuned-ctl help' lists them", name);
    return CTL_USAGE;
}

static void render_version(Doc *document, GString *out)
{
    g_string_append_printf(out, "vmtuned-ctl %s\n", doc_word(document, "release"));
}

static int version_run(const Options *options)
{
    g_autoptr(Doc) document = report_document();

    json_object_object_add(document, "release", json_object_new_string(VMTUNED_VERSION));
    return show_document(options, document, render_version);
}

/* False: told on stderr. */
static bool are_options_possible(const Verb *verb, const Options *options)
{
    static const OptionId files[] = {OPT_SVG, OPT_HTML, OPT_OUTPUT};
    static const OptionId no_files[] = {OPT_JSON, OPT_WATCH};

    if (options->given[OPT_HOST] && verb->group == VERBS_OFFLINE) {
        show_error("'%s' asks no daemon: --host means nothing to it", verb->name);
        return false;
    }
    for (unsigned i = 0; i < G_N_ELEMENTS(files); i++)
        for (unsigned j = 0; j < G_N_ELEMENTS(no_files); j++)
            if (options->given[files[i]] && options->given[no_files[j]]) {
                show_error("--%s writes one file: it does not go with --%s",
                           option_info(files[i])->name, option_info(no_files[j])->name);
                return false;
            }
    return true;
}

/* argv[0] is the verb. */
static int verb_run(const Verb *verb, Options *options, char **argv)
{
    OptionsPlace place = {.verb = verb->name, .allowed = OPTIONS_GLOBAL | verb->options};
    g_autofree char *error = NULL;

    if (options_parse(options, &place, argv, NULL, &error) < 0) {
        show_error("%s", error);
        return CTL_USAGE;
    }
    if (options->given[OPT_VERSION])
        return version_run(options);
    if (options->given[OPT_HELP])
        return verb_help_show(options, verb->name);
    if (!are_options_possible(verb, options))
        return CTL_USAGE;
    unsigned n_words = options_n_words(options);
    if (n_words >= verb->min_words && n_words <= verb->max_words)
        return verb->run(options);
    if (n_words > verb->max_words)
        show_error("'%s' has no use for '%s'; usage: vmtuned-ctl %s %s", verb->name,
                   options_words(options)[verb->max_words], verb->name, verb->args);
    else
        show_error("usage: vmtuned-ctl %s %s", verb->name, verb->args);
    return CTL_USAGE;
}

int verbs_run(char **argv)
{
    static const OptionsPlace before_verb = {.allowed = OPTIONS_GLOBAL};
    g_autoptr(Options) options = options_new();
    g_autofree char *error = NULL;
    g_autofree char *name = g_strdup(""); /* the words so far */
    const Verb *verb;
    int index;

    do {
        if (options_parse(options, &before_verb, argv, &index, &error) < 0) {
            show_error("%s", error);
            return CTL_USAGE;
        }
        argv += index;
        if (options->given[OPT_VERSION])
            return version_run(options);
        if (options->given[OPT_HELP] || (!argv[0] && name[0]))
            return verb_help_show(options, name);
        if (!argv[0]) /* as systemctl and networkctl do */
            return verb_status_run(options);
        g_autofree char *first = g_steal_pointer(&name);
        name = first[0] ? g_strjoin(" ", first, argv[0], NULL) : g_strdup(argv[0]);
        verb = verb_find(name);
    } while (!verb && verb_is_group(name));
    return verb ? verb_run(verb, options, argv) : verb_refuse_unknown(name);
}
