/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The metrics: one table. A row has one way to its samples: a number of the daemon, one of each
 * guest, one of each knob, or a function that adds them. How many series there are is bounded by
 * guests × nodes, and by the tables of states and knobs.
 */
#include "report/report-parts.h"

#include "base/util.h"
#include "vmtuned/version.h"

#include <math.h>

typedef struct Metric {
    MetricFamily family;
    double (*of_daemon)(const Snapshot *snapshot);
    double (*of_guest)(const GuestStatus *status);          /* NAN: no sample */
    double (*of_knob)(const Snapshot *snapshot, Knob knob); /* NAN: no sample */
    void (*add)(const Snapshot *snapshot, MetricText *text);
} Metric;

#define NSEC_PER_SEC 1e9

static double seconds(int64_t usec)
{
    return (double)usec / G_USEC_PER_SEC;
}

static double bytes(uint64_t kib)
{
    return (double)kib * 1024;
}

#define VALUES(...) ((const char *const[]){__VA_ARGS__})

/* --- the daemon --- */

static void add_build(const Snapshot *snapshot, MetricText *text)
{
    (void)snapshot;
    metric_text_add(text, VALUES(VMTUNED_VERSION), 1);
}

static double start_time(const Snapshot *snapshot)
{
    return seconds(snapshot->started_usec);
}

static double last_cycle(const Snapshot *snapshot)
{
    return seconds(snapshot->last_cycle_usec);
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
    g_ascii_formatd(number, sizeof(number), "%g", seconds((int64_t)duration_bound_usec(i)));
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
    metric_text_add_part(text, "sum", NULL, seconds((int64_t)durations->sum_usec));
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

/* --- guests --- */

static void add_guests(const Snapshot *snapshot, MetricText *text)
{
    unsigned n[N_GUEST_STATES] = {0};

    for (guint i = 0; i < snapshot->guests->len; i++)
        n[((const GuestStatus *)g_ptr_array_index(snapshot->guests, i))->state]++;
    for (unsigned i = 0; i < N_GUEST_STATES; i++)
        metric_text_add(text, VALUES(guest_state_name(i)), n[i]);
}

static void add_guest_states(const Snapshot *snapshot, MetricText *text)
{
    for (guint i = 0; i < snapshot->guests->len; i++) {
        const GuestStatus *status = g_ptr_array_index(snapshot->guests, i);
        metric_text_add(text, VALUES(status->name, status->uuid, guest_state_name(status->state)),
                        1);
    }
}

static double guest_since(const GuestStatus *status)
{
    return status->since_usec != 0 ? seconds(status->since_usec) : NAN;
}

static const GuestKernel *kernel_of(const GuestStatus *status)
{
    return status->guest ? status->guest->kernel : NULL;
}

static double guest_vcpus(const GuestStatus *status)
{
    return kernel_of(status) ? cpuset_weight(guest_def(status->guest)->vcpus) : NAN;
}

/* One sample for each class of threads it has. */
static void add_usage(const Snapshot *snapshot, MetricText *text,
                      uint64_t (*nsec)(const UsageTotal *total))
{
    for (guint i = 0; i < snapshot->guests->len; i++) {
        const GuestStatus *status = g_ptr_array_index(snapshot->guests, i);
        for (unsigned c = 0; kernel_of(status) && c < N_THREAD_CLASSES; c++)
            if (status->usage[c].counted)
                metric_text_add(text, VALUES(status->name, status->uuid, thread_class_name(c)),
                                (double)nsec(&status->usage[c]) / NSEC_PER_SEC);
    }
}

static uint64_t cpu_nsec(const UsageTotal *total)
{
    return total->cpu_nsec;
}

static uint64_t delay_nsec(const UsageTotal *total)
{
    return total->delay_nsec;
}

static void add_guest_cpu(const Snapshot *snapshot, MetricText *text)
{
    add_usage(snapshot, text, cpu_nsec);
}

static void add_guest_delay(const Snapshot *snapshot, MetricText *text)
{
    add_usage(snapshot, text, delay_nsec);
}

static void add_guest_memory(const Snapshot *snapshot, MetricText *text)
{
    for (guint i = 0; i < snapshot->guests->len; i++) {
        const GuestStatus *status = g_ptr_array_index(snapshot->guests, i);
        const GuestKernel *kernel = kernel_of(status);
        for (unsigned node = 0; kernel && node < kernel->n_memory_kib; node++) {
            uint64_t kib = guest_kernel_memory_on(kernel, node);
            g_autofree char *name = g_strdup_printf("%u", node);
            if (kib > 0)
                metric_text_add(text, VALUES(status->name, status->uuid, name), bytes(kib));
        }
    }
}

static void add_guest_locality(const Snapshot *snapshot, MetricText *text)
{
    for (guint i = 0; snapshot->topo && i < snapshot->guests->len; i++) {
        const GuestStatus *status = g_ptr_array_index(snapshot->guests, i);
        int pct = status->plan
                      ? guest_plan_locality_pct(status->plan, snapshot->topo, kernel_of(status))
                      : -1;
        if (pct >= 0)
            metric_text_add(text, VALUES(status->name, status->uuid), pct / 100.0);
    }
}

static double guest_differing(const GuestStatus *status)
{
    return change_set_size(status->left);
}

static double guest_refused(const GuestStatus *status)
{
    return change_set_size(status->refused);
}

static double guest_contested(const GuestStatus *status)
{
    return contest_size(status->contest);
}

static double guest_pending(const GuestStatus *status)
{
    return status->pending ? pending_list_size(status->pending) : 0;
}

static double guest_drift(const GuestStatus *status)
{
    return status->drift_count;
}

static double guest_repaired(const GuestStatus *status)
{
    return status->repair_count;
}

static double guest_writes(const GuestStatus *status)
{
    return status->write_count;
}

static double guest_failures(const GuestStatus *status)
{
    return status->failure_count;
}

/* --- the host --- */

static void add_host_state(const Snapshot *snapshot, MetricText *text)
{
    if (snapshot->host.host)
        metric_text_add(text, VALUES(parts_host_state(&snapshot->host)), 1);
}

static void add_host_cpus(const Snapshot *snapshot, MetricText *text)
{
    const Plan *plan = snapshot->plan;

    if (!plan || !snapshot->topo)
        return;
    const struct {
        const char *name;
        const CpuSet *cpus;
    } sets[] = {{"online", snapshot->topo->online},
                {"exclusive", plan->exclusive},
                {"shared", plan->shared},
                {"housekeeping", plan->housekeeping}};
    for (size_t i = 0; i < G_N_ELEMENTS(sets); i++)
        metric_text_add(text, VALUES(sets[i].name), cpuset_weight(sets[i].cpus));
}

static void add_pools(const Snapshot *snapshot, MetricText *text,
                      uint64_t (*pages)(const HostPool *pool))
{
    const Host *host = snapshot->host.host;

    for (unsigned i = 0; host && i < host->n_pools; i++) {
        const HostPool *pool = &host->pools[i];
        g_autofree char *node = g_strdup_printf("%u", pool->node);
        g_autofree char *size = format_size_kib(pool->size_kib);
        metric_text_add(text, VALUES(node, size), (double)pages(pool));
    }
}

static uint64_t pool_total(const HostPool *pool)
{
    return pool->total;
}

static uint64_t pool_free(const HostPool *pool)
{
    return pool->free;
}

static void add_pool_pages(const Snapshot *snapshot, MetricText *text)
{
    add_pools(snapshot, text, pool_total);
}

static void add_pool_free_pages(const Snapshot *snapshot, MetricText *text)
{
    add_pools(snapshot, text, pool_free);
}

static void add_shortages(const Snapshot *snapshot, MetricText *text)
{
    const HostPlan *plan = snapshot->host.plan;

    for (guint i = 0; plan && i < plan->shortages->len; i++) {
        const MemoryShortage *shortage = g_ptr_array_index(plan->shortages, i);
        g_autofree char *node =
            shortage->node >= 0 ? g_strdup_printf("%d", shortage->node) : g_strdup("any");
        g_autofree char *size = format_size_kib(shortage->size_kib);
        metric_text_add(text, VALUES(shortage->name, shortage->uuid, node, size),
                        (double)shortage->pages);
    }
}

/* --- the table --- */

static const Metric metrics[] = {
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
    {
        .family = {.name = "vmtuned_guests",
                   .type = METRIC_GAUGE,
                   .help = "Guests of the host, by state.",
                   .labels = {"state"}},
        .add = add_guests,
    },
    {
        .family = {.name = "vmtuned_guest_state",
                   .type = METRIC_GAUGE,
                   .help = "Always 1: the label has the state the guest is in.",
                   .labels = {"guest", "uuid", "state"}},
        .add = add_guest_states,
    },
    {
        .family = {.name = "vmtuned_guest_state_timestamp_seconds",
                   .type = METRIC_GAUGE,
                   .unit = "seconds",
                   .help = "Since when the guest is in its state, since the epoch.",
                   .labels = {"guest", "uuid"}},
        .of_guest = guest_since,
    },
    {
        .family = {.name = "vmtuned_guest_vcpus",
                   .type = METRIC_GAUGE,
                   .help = "Online vCPUs of a running guest.",
                   .labels = {"guest", "uuid"}},
        .of_guest = guest_vcpus,
    },
    {
        .family = {.name = "vmtuned_guest_cpu_seconds",
                   .type = METRIC_COUNTER,
                   .unit = "seconds",
                   .help = "CPU time of a running guest's threads, by class, since the daemon was "
                           "first asked.",
                   .labels = {"guest", "uuid", "class"}},
        .add = add_guest_cpu,
    },
    {
        .family = {.name = "vmtuned_guest_run_delay_seconds",
                   .type = METRIC_COUNTER,
                   .unit = "seconds",
                   .help = "Time a running guest's threads waited for a CPU, by class, since the "
                           "daemon was first asked.",
                   .labels = {"guest", "uuid", "class"}},
        .add = add_guest_delay,
    },
    {
        .family = {.name = "vmtuned_guest_memory_bytes",
                   .type = METRIC_GAUGE,
                   .unit = "bytes",
                   .help = "Memory of a running guest on each NUMA node that has any.",
                   .labels = {"guest", "uuid", "node"}},
        .add = add_guest_memory,
    },
    {
        .family = {.name = "vmtuned_guest_memory_locality_ratio",
                   .type = METRIC_GAUGE,
                   .unit = "ratio",
                   .help = "How much of a guest's memory is on the nodes of its vCPUs.",
                   .labels = {"guest", "uuid"}},
        .add = add_guest_locality,
    },
    {
        .family = {.name = "vmtuned_guest_drift",
                   .type = METRIC_COUNTER,
                   .help = "Settings of the guest that somebody else changed.",
                   .labels = {"guest", "uuid"}},
        .of_guest = guest_drift,
    },
    {
        .family = {.name = "vmtuned_guest_repairs",
                   .type = METRIC_COUNTER,
                   .help = "Settings of the guest put right after somebody else changed them.",
                   .labels = {"guest", "uuid"}},
        .of_guest = guest_repaired,
    },
    {
        .family = {.name = "vmtuned_guest_writes",
                   .type = METRIC_COUNTER,
                   .help = "Writes to the guest: calls of libvirt and of the kernel.",
                   .labels = {"guest", "uuid"}},
        .of_guest = guest_writes,
    },
    {
        .family = {.name = "vmtuned_guest_failures",
                   .type = METRIC_COUNTER,
                   .help = "Changes of the guest that were refused or had no effect.",
                   .labels = {"guest", "uuid"}},
        .of_guest = guest_failures,
    },
    {
        .family = {.name = "vmtuned_guest_differing_settings",
                   .type = METRIC_GAUGE,
                   .help = "Settings of the guest that are not as planned.",
                   .labels = {"guest", "uuid"}},
        .of_guest = guest_differing,
    },
    {
        .family = {.name = "vmtuned_guest_refused_settings",
                   .type = METRIC_GAUGE,
                   .help = "Settings that libvirt will not have in the guest's definitions.",
                   .labels = {"guest", "uuid"}},
        .of_guest = guest_refused,
    },
    {
        .family = {.name = "vmtuned_guest_contested_settings",
                   .type = METRIC_GAUGE,
                   .help = "Settings of the guest left to somebody who keeps changing them back.",
                   .labels = {"guest", "uuid"}},
        .of_guest = guest_contested,
    },
    {
        .family = {.name = "vmtuned_guest_pending_settings",
                   .type = METRIC_GAUGE,
                   .help = "Settings that wait for the guest's next cold start.",
                   .labels = {"guest", "uuid"}},
        .of_guest = guest_pending,
    },
    {
        .family =
            {.name = "vmtuned_guest_shortage_pages",
             .type = METRIC_GAUGE,
             .help =
                 "Pages short on a node, without which a guest that is off would not start now.",
             .labels = {"guest", "uuid", "node", "size"}},
        .add = add_shortages,
    },
    {
        .family = {.name = "vmtuned_host_state",
                   .type = METRIC_GAUGE,
                   .help = "Always 1: the label has how the host's own settings stand.",
                   .labels = {"state"}},
        .add = add_host_state,
    },
    {
        .family = {.name = "vmtuned_host_cpus",
                   .type = METRIC_GAUGE,
                   .help = "CPUs that are online, of one guest alone, of all others, and for the "
                           "host; sets may overlap.",
                   .labels = {"set"}},
        .add = add_host_cpus,
    },
    {
        .family = {.name = "vmtuned_page_pool_pages",
                   .type = METRIC_GAUGE,
                   .help = "Pages in each pool of huge pages.",
                   .labels = {"node", "size"}},
        .add = add_pool_pages,
    },
    {
        .family = {.name = "vmtuned_page_pool_free_pages",
                   .type = METRIC_GAUGE,
                   .help = "Of the pages in a pool, those that nobody uses.",
                   .labels = {"node", "size"}},
        .add = add_pool_free_pages,
    },
};

static void add_of_guests(const Metric *metric, const Snapshot *snapshot, MetricText *text)
{
    for (guint i = 0; i < snapshot->guests->len; i++) {
        const GuestStatus *status = g_ptr_array_index(snapshot->guests, i);
        double value = metric->of_guest(status);
        if (!isnan(value))
            metric_text_add(text, VALUES(status->name, status->uuid), value);
    }
}

static void add_of_knobs(const Metric *metric, const Snapshot *snapshot, MetricText *text)
{
    for (unsigned knob = 0; knob < N_KNOBS; knob++) {
        double value = metric->of_knob(snapshot, knob);
        if (!isnan(value))
            metric_text_add(text, VALUES(knob_info(knob)->name), value);
    }
}

char *report_metrics(const Snapshot *snapshot, MetricFormat format)
{
    g_autoptr(MetricText) text = metric_text_new(format);

    for (size_t i = 0; i < G_N_ELEMENTS(metrics); i++) {
        const Metric *metric = &metrics[i];
        metric_text_begin(text, &metric->family);
        if (metric->of_daemon)
            metric_text_add(text, NULL, metric->of_daemon(snapshot));
        else if (metric->of_guest)
            add_of_guests(metric, snapshot, text);
        else if (metric->of_knob)
            add_of_knobs(metric, snapshot, text);
        else
            metric->add(snapshot, text);
    }
    return metric_text_end(text);
}
