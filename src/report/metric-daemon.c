/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Metrics of the daemon, and of settings by knob. */
#include "report/metric-table.h"

#include "vmtuned/version.h"

#include <string.h>

static void add_build(const Snapshot *snapshot, MetricText *text)
{
    (void)snapshot;
    metric_text_add(text, VALUES(VMTUNED_VERSION), 1);
}

static double start_time(const Snapshot *snapshot)
{
    return metric_seconds(snapshot->started_usec);
}

static double last_cycle(const Snapshot *snapshot)
{
    return metric_seconds(snapshot->last_cycle_usec);
}

static double enforcing(const Snapshot *snapshot)
{
    return snapshot->mode == MODE_ENFORCE;
}

static double connected(const Snapshot *snapshot)
{
    return snapshot->connected;
}

static double policy_rejected(const Snapshot *snapshot)
{
    return snapshot->policy_rejected;
}

static double record_usable(const Snapshot *snapshot)
{
    return !snapshot->record_problem;
}

static double abilities_missing(const Snapshot *snapshot)
{
    return snapshot->cannot ? g_strv_length(snapshot->cannot) : 0;
}

static void add_cycles(const Snapshot *snapshot, MetricText *text)
{
    for (unsigned i = 0; i < N_CYCLE_TRIGGERS; i++)
        metric_text_add(text, VALUES(cycle_trigger_name(i)), (double)snapshot->counters.cycles[i]);
}

static double cycles_given_up(const Snapshot *snapshot)
{
    return (double)snapshot->counters.cycles_given_up;
}

static double jobs_abandoned(const Snapshot *snapshot)
{
    return (double)snapshot->counters.jobs_abandoned;
}

static double workers_hanging(const Snapshot *snapshot)
{
    return snapshot->n_workers_hanging;
}

/* "0.003", "1.0", as OpenMetrics wants it */
static char *format_bound(unsigned i)
{
    char number[G_ASCII_DTOSTR_BUF_SIZE];

    if (i == N_DURATION_BOUNDS)
        return g_strdup("+Inf");
    g_ascii_formatd(number, sizeof(number), "%g", metric_seconds((int64_t)duration_bound_usec(i)));
    return g_strconcat(number, strchr(number, '.') ? "" : ".0", NULL);
}

static void add_durations(const Durations *durations, MetricText *text)
{
    uint64_t count = 0;

    for (unsigned i = 0; i <= N_DURATION_BOUNDS; i++) {
        g_autofree char *bound = format_bound(i);
        count += durations->counts[i];
        metric_text_add_part(text, "bucket", VALUES(bound), (double)count);
    }
    metric_text_add_part(text, "count", NULL, (double)count);
    metric_text_add_part(text, "sum", NULL, metric_seconds((int64_t)durations->sum_usec));
}

static void add_cycle_duration(const Snapshot *snapshot, MetricText *text)
{
    add_durations(&snapshot->counters.cycle, text);
}

static void add_plan_duration(const Snapshot *snapshot, MetricText *text)
{
    add_durations(&snapshot->counters.plan, text);
}

/* --- settings, by knob --- */

static double knob_drift(const Snapshot *snapshot, Knob knob)
{
    return (double)snapshot->counters.knobs[knob].drift;
}

static double knob_repaired(const Snapshot *snapshot, Knob knob)
{
    return (double)snapshot->counters.knobs[knob].repaired;
}

static double knob_changed(const Snapshot *snapshot, Knob knob)
{
    return (double)snapshot->counters.knobs[knob].changed;
}

static double knob_refused(const Snapshot *snapshot, Knob knob)
{
    return (double)snapshot->counters.knobs[knob].refused;
}

/* The host's settings are never contested. */
static double knob_contested(const Snapshot *snapshot, Knob knob)
{
    unsigned n = 0;

    for (guint i = 0; i < snapshot->guests->len; i++) {
        const GuestStatus *status = g_ptr_array_index(snapshot->guests, i);
        for (unsigned j = 0; j < contest_size(status->contest); j++)
            n += contest_get(status->contest, j)->key.knob == knob;
    }
    return knob_info(knob)->host ? NAN : n;
}

/* --- the table --- */

const Metric metrics_daemon[] = {
    {
        .family = {.name = "vmtuned_build",
                   .type = METRIC_INFO,
                   .help = "The vmtuned that runs.",
                   .labels = {"version"}},
        .add = add_build,
    },
    {
        .family = {.name = "vmtuned_start_time_seconds",
                   .type = METRIC_GAUGE,
                   .unit = "seconds",
                   .help = "When the daemon started, since the epoch."},
        .of_daemon = start_time,
    },
    {
        .family = {.name = "vmtuned_enforcing",
                   .type = METRIC_GAUGE,
                   .help = "1: the policy says enforce; 0: observe."},
        .of_daemon = enforcing,
    },
    {
        .family = {.name = "vmtuned_libvirt_connected",
                   .type = METRIC_GAUGE,
                   .help = "1: libvirt answers."},
        .of_daemon = connected,
    },
    {
        .family = {.name = "vmtuned_policy_rejected",
                   .type = METRIC_GAUGE,
                   .help = "1: the newest policy has errors and the one before is in force."},
        .of_daemon = policy_rejected,
    },
    {
        .family = {.name = "vmtuned_record_usable",
                   .type = METRIC_GAUGE,
                   .help = "1: what is changed is recorded, and can be put back after a restart of "
                           "the daemon."},
        .of_daemon = record_usable,
    },
    {
        .family = {.name = "vmtuned_abilities_missing",
                   .type = METRIC_GAUGE,
                   .help = "What the daemon may not do on this host, as status lists it."},
        .of_daemon = abilities_missing,
    },
    {
        .family = {.name = "vmtuned_cycles",
                   .type = METRIC_COUNTER,
                   .help = "Cycles begun, by what they were begun for.",
                   .labels = {"trigger"}},
        .add = add_cycles,
    },
    {
        .family = {.name = "vmtuned_cycles_given_up",
                   .type = METRIC_COUNTER,
                   .help = "Cycles that did not come to their end, as libvirt did not answer."},
        .of_daemon = cycles_given_up,
    },
    {
        .family = {.name = "vmtuned_last_cycle_timestamp_seconds",
                   .type = METRIC_GAUGE,
                   .unit = "seconds",
                   .help = "When the last whole cycle ended, since the epoch; 0: none yet."},
        .of_daemon = last_cycle,
    },
    {
        .family = {.name = "vmtuned_cycle_duration_seconds",
                   .type = METRIC_HISTOGRAM,
                   .unit = "seconds",
                   .help = "Time from the begin to the end of whole cycles.",
                   .labels = {"le"}},
        .add = add_cycle_duration,
    },
    {
        .family = {.name = "vmtuned_plan_duration_seconds",
                   .type = METRIC_HISTOGRAM,
                   .unit = "seconds",
                   .help = "Time that planning all guests took.",
                   .labels = {"le"}},
        .add = add_plan_duration,
    },
    {
        .family = {.name = "vmtuned_jobs_abandoned",
                   .type = METRIC_COUNTER,
                   .help = "Jobs of workers that did not come back before their deadline."},
        .of_daemon = jobs_abandoned,
    },
    {
        .family = {.name = "vmtuned_workers_hanging",
                   .type = METRIC_GAUGE,
                   .help = "Workers whose call is slow or has not come back."},
        .of_daemon = workers_hanging,
    },
    {
        .family = {.name = "vmtuned_drift",
                   .type = METRIC_COUNTER,
                   .help = "Settings that somebody else changed.",
                   .labels = {"knob"}},
        .of_knob = knob_drift,
    },
    {
        .family = {.name = "vmtuned_repairs",
                   .type = METRIC_COUNTER,
                   .help = "Settings put right after somebody else changed them.",
                   .labels = {"knob"}},
        .of_knob = knob_repaired,
    },
    {
        .family = {.name = "vmtuned_changes",
                   .type = METRIC_COUNTER,
                   .help = "Settings changed by vmtuned, repairs among them.",
                   .labels = {"knob"}},
        .of_knob = knob_changed,
    },
    {
        .family = {.name = "vmtuned_refusals",
                   .type = METRIC_COUNTER,
                   .help = "Changes that libvirt or the kernel refused, or that had no effect.",
                   .labels = {"knob"}},
        .of_knob = knob_refused,
    },
    {
        .family = {.name = "vmtuned_contested_settings",
                   .type = METRIC_GAUGE,
                   .help = "Settings left to somebody who keeps changing them back.",
                   .labels = {"knob"}},
        .of_knob = knob_contested,
    },
    {.family = {.name = NULL}},
};
