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
    const char *labels; /* names of its samples' labels, in order */
    double (*of_daemon)(const Snapshot *snapshot);
    double (*of_guest)(const GuestStatus *status);          /* NAN: no sample */
    double (*of_knob)(const Snapshot *snapshot, Knob knob); /* NAN: no sample */
    void (*add)(const Snapshot *snapshot, MetricText *text);
} Metric;

#define MAX_LABELS 5
#define NSEC_PER_SEC 1e9

static double seconds(int64_t usec)
{
    return (double)usec / G_USEC_PER_SEC;
}

static double bytes(uint64_t kib)
{
    return (double)kib * 1024;
}

static const MetricLabel no_more[] = {{NULL}};

/* One sample of a guest; more ends with name NULL. */
static void add_of_guest(MetricText *text, const char *name, const char *uuid,
                         const MetricLabel *more, double value)
{
    MetricLabel labels[MAX_LABELS] = {{"guest", name}, {"uuid", uuid}};

    for (unsigned i = 0; more[i].name; i++)
        labels[2 + i] = more[i];
    metric_text_add(text, labels, value);
}

/* --- the daemon --- */

static void add_build(const Snapshot *snapshot, MetricText *text)
{
    (void)snapshot;
    metric_text_add(text, (const MetricLabel[]){{"version", VMTUNED_VERSION}, {0}}, 1);
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
        metric_text_add(text, (const MetricLabel[]){{"trigger", cycle_trigger_name(i)}, {0}},
                        (double)snapshot->counters.cycles[i]);
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
        metric_text_add_part(text, "bucket", (const MetricLabel[]){{"le", bound}, {0}},
                             (double)count);
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
        metric_text_add(text, (const MetricLabel[]){{"state", guest_state_name(i)}, {0}}, n[i]);
}

static void add_guest_states(const Snapshot *snapshot, MetricText *text)
{
    for (guint i = 0; i < snapshot->guests->len; i++) {
        const GuestStatus *status = g_ptr_array_index(snapshot->guests, i);
        add_of_guest(text, status->name, status->uuid,
                     (const MetricLabel[]){{"state", guest_state_name(status->state)}, {0}}, 1);
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
                add_of_guest(text, status->name, status->uuid,
                             (const MetricLabel[]){{"class", thread_class_name(c)}, {0}},
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
                add_of_guest(text, status->name, status->uuid,
                             (const MetricLabel[]){{"node", name}, {0}}, bytes(kib));
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
            add_of_guest(text, status->name, status->uuid, no_more, pct / 100.0);
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
        metric_text_add(
            text, (const MetricLabel[]){{"state", parts_host_state(&snapshot->host)}, {0}}, 1);
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
        metric_text_add(text, (const MetricLabel[]){{"set", sets[i].name}, {0}},
                        cpuset_weight(sets[i].cpus));
}

static void add_pools(const Snapshot *snapshot, MetricText *text,
                      uint64_t (*pages)(const HostPool *pool))
{
    const Host *host = snapshot->host.host;

    for (unsigned i = 0; host && i < host->n_pools; i++) {
        const HostPool *pool = &host->pools[i];
        g_autofree char *node = g_strdup_printf("%u", pool->node);
        g_autofree char *size = format_size_kib(pool->size_kib);
        metric_text_add(text, (const MetricLabel[]){{"node", node}, {"size", size}, {0}},
                        (double)pages(pool));
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
        add_of_guest(text, shortage->name, shortage->uuid,
                     (const MetricLabel[]){{"node", node}, {"size", size}, {0}},
                     (double)shortage->pages);
    }
}

/* --- the table --- */

/* clang-format off: one family is one row */
static const Metric metrics[] = {
    {{"vmtuned_build", METRIC_INFO, NULL, "The vmtuned that runs."}, "version", .add = add_build},
    {{"vmtuned_start_time_seconds", METRIC_GAUGE, "seconds",
      "When the daemon started, since the epoch."},
     "",
     .of_daemon = start_time},
    {{"vmtuned_enforcing", METRIC_GAUGE, NULL, "1: the policy says enforce; 0: observe."},
     "",
     .of_daemon = enforcing},
    {{"vmtuned_libvirt_connected", METRIC_GAUGE, NULL, "1: libvirt answers."},
     "",
     .of_daemon = connected},
    {{"vmtuned_policy_rejected", METRIC_GAUGE, NULL,
      "1: the newest policy has errors and the one before is in force."},
     "",
     .of_daemon = policy_rejected},
    {{"vmtuned_record_usable", METRIC_GAUGE, NULL,
      "1: what is changed is recorded, and can be put back after a restart of the daemon."},
     "",
     .of_daemon = record_usable},
    {{"vmtuned_abilities_missing", METRIC_GAUGE, NULL,
      "What the daemon may not do on this host, as status lists it."},
     "",
     .of_daemon = abilities_missing},
    {{"vmtuned_cycles", METRIC_COUNTER, NULL, "Cycles begun, by what they were begun for."},
     "trigger",
     .add = add_cycles},
    {{"vmtuned_cycles_given_up", METRIC_COUNTER, NULL,
      "Cycles that did not come to their end, as libvirt did not answer."},
     "",
     .of_daemon = cycles_given_up},
    {{"vmtuned_last_cycle_timestamp_seconds", METRIC_GAUGE, "seconds",
      "When the last whole cycle ended, since the epoch; 0: none yet."},
     "",
     .of_daemon = last_cycle},
    {{"vmtuned_cycle_duration_seconds", METRIC_HISTOGRAM, "seconds",
      "Time from the begin to the end of whole cycles."},
     "le",
     .add = add_cycle_duration},
    {{"vmtuned_plan_duration_seconds", METRIC_HISTOGRAM, "seconds",
      "Time that planning all guests took."},
     "le",
     .add = add_plan_duration},
    {{"vmtuned_jobs_abandoned", METRIC_COUNTER, NULL,
      "Jobs of workers that did not come back before their deadline."},
     "",
     .of_daemon = jobs_abandoned},
    {{"vmtuned_workers_hanging", METRIC_GAUGE, NULL,
      "Workers whose call is slow or has not come back."},
     "",
     .of_daemon = workers_hanging},

    {{"vmtuned_drift", METRIC_COUNTER, NULL, "Settings that somebody else changed."},
     "knob",
     .of_knob = knob_drift},
    {{"vmtuned_repairs", METRIC_COUNTER, NULL,
      "Settings put right after somebody else changed them."},
     "knob",
     .of_knob = knob_repaired},
    {{"vmtuned_changes", METRIC_COUNTER, NULL, "Settings changed by vmtuned, repairs among them."},
     "knob",
     .of_knob = knob_changed},
    {{"vmtuned_refusals", METRIC_COUNTER, NULL,
      "Changes that libvirt or the kernel refused, or that had no effect."},
     "knob",
     .of_knob = knob_refused},
    {{"vmtuned_contested_settings", METRIC_GAUGE, NULL,
      "Settings left to somebody who keeps changing them back."},
     "knob",
     .of_knob = knob_contested},

    {{"vmtuned_guests", METRIC_GAUGE, NULL, "Guests of the host, by state."},
     "state",
     .add = add_guests},
    {{"vmtuned_guest_state", METRIC_GAUGE, NULL,
      "Always 1: the label has the state the guest is in."},
     "guest uuid state",
     .add = add_guest_states},
    {{"vmtuned_guest_state_timestamp_seconds", METRIC_GAUGE, "seconds",
      "Since when the guest is in its state, since the epoch."},
     "guest uuid",
     .of_guest = guest_since},
    {{"vmtuned_guest_vcpus", METRIC_GAUGE, NULL, "Online vCPUs of a running guest."},
     "guest uuid",
     .of_guest = guest_vcpus},
    {{"vmtuned_guest_cpu_seconds", METRIC_COUNTER, "seconds",
      "CPU time of a running guest's threads, by class, since the daemon was first asked."},
     "guest uuid class",
     .add = add_guest_cpu},
    {{"vmtuned_guest_run_delay_seconds", METRIC_COUNTER, "seconds",
      "Time a running guest's threads waited for a CPU, by class, since the daemon was first "
      "asked."},
     "guest uuid class",
     .add = add_guest_delay},
    {{"vmtuned_guest_memory_bytes", METRIC_GAUGE, "bytes",
      "Memory of a running guest on each NUMA node that has any."},
     "guest uuid node",
     .add = add_guest_memory},
    {{"vmtuned_guest_memory_locality_ratio", METRIC_GAUGE, "ratio",
      "How much of a guest's memory is on the nodes of its vCPUs."},
     "guest uuid",
     .add = add_guest_locality},
    {{"vmtuned_guest_drift", METRIC_COUNTER, NULL,
      "Settings of the guest that somebody else changed."},
     "guest uuid",
     .of_guest = guest_drift},
    {{"vmtuned_guest_repairs", METRIC_COUNTER, NULL,
      "Settings of the guest put right after somebody else changed them."},
     "guest uuid",
     .of_guest = guest_repaired},
    {{"vmtuned_guest_writes", METRIC_COUNTER, NULL,
      "Writes to the guest: calls of libvirt and of the kernel."},
     "guest uuid",
     .of_guest = guest_writes},
    {{"vmtuned_guest_failures", METRIC_COUNTER, NULL,
      "Changes of the guest that were refused or had no effect."},
     "guest uuid",
     .of_guest = guest_failures},
    {{"vmtuned_guest_differing_settings", METRIC_GAUGE, NULL,
      "Settings of the guest that are not as planned."},
     "guest uuid",
     .of_guest = guest_differing},
    {{"vmtuned_guest_refused_settings", METRIC_GAUGE, NULL,
      "Settings that libvirt will not have in the guest's definitions."},
     "guest uuid",
     .of_guest = guest_refused},
    {{"vmtuned_guest_contested_settings", METRIC_GAUGE, NULL,
      "Settings of the guest left to somebody who keeps changing them back."},
     "guest uuid",
     .of_guest = guest_contested},
    {{"vmtuned_guest_pending_settings", METRIC_GAUGE, NULL,
      "Settings that wait for the guest's next cold start."},
     "guest uuid",
     .of_guest = guest_pending},
    {{"vmtuned_guest_shortage_pages", METRIC_GAUGE, NULL,
      "Pages short on a node, without which a guest that is off would not start now."},
     "guest uuid node size",
     .add = add_shortages},

    {{"vmtuned_host_state", METRIC_GAUGE, NULL,
      "Always 1: the label has how the host's own settings stand."},
     "state",
     .add = add_host_state},
    {{"vmtuned_host_cpus", METRIC_GAUGE, NULL,
      "CPUs that are online, of one guest alone, of all others, and for the host; sets may "
      "overlap."},
     "set",
     .add = add_host_cpus},
    {{"vmtuned_page_pool_pages", METRIC_GAUGE, NULL, "Pages in each pool of huge pages."},
     "node size",
     .add = add_pool_pages},
    {{"vmtuned_page_pool_free_pages", METRIC_GAUGE, NULL,
      "Of the pages in a pool, those that nobody uses."},
     "node size",
     .add = add_pool_free_pages},
};
/* clang-format on */

static void add_of_guests(const Metric *metric, const Snapshot *snapshot, MetricText *text)
{
    for (guint i = 0; i < snapshot->guests->len; i++) {
        const GuestStatus *status = g_ptr_array_index(snapshot->guests, i);
        double value = metric->of_guest(status);
        if (!isnan(value))
            add_of_guest(text, status->name, status->uuid, no_more, value);
    }
}

static void add_of_knobs(const Metric *metric, const Snapshot *snapshot, MetricText *text)
{
    for (unsigned knob = 0; knob < N_KNOBS; knob++) {
        double value = metric->of_knob(snapshot, knob);
        if (!isnan(value))
            metric_text_add(text, (const MetricLabel[]){{"knob", knob_info(knob)->name}, {0}},
                            value);
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

const MetricFamily *report_metric_family(unsigned i, const char **ret_labels)
{
    if (i >= G_N_ELEMENTS(metrics))
        return NULL;
    *ret_labels = metrics[i].labels;
    return &metrics[i].family;
}
