/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Metrics of guests. */
#include "report/metric-table.h"

#include "base/util.h"

#define NSEC_PER_SEC 1e9
#define BYTES_PER_KIB 1024.0

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
    return status->since_usec != 0 ? metric_seconds(status->since_usec) : NAN;
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
                metric_text_add(text, VALUES(status->name, status->uuid, name),
                                (double)kib * BYTES_PER_KIB);
        }
    }
}

static void add_guest_locality(const Snapshot *snapshot, MetricText *text)
{
    for (guint i = 0; i < snapshot->guests->len; i++) {
        const GuestStatus *status = g_ptr_array_index(snapshot->guests, i);
        int pct = guest_status_locality_pct(status, snapshot->topo);
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

const Metric metrics_guests[] = {
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
    {.family = {.name = NULL}},
};
