/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What costs performance on the host. */
#include "plan/advise.h"
#include "plan/doctor-parts.h"

#include <inttypes.h>
#include <math.h>

/* vmtuned makes its own pools of huge pages no larger (host/page-pool.h). */
#define NODE_FULL_PCT 5
/* Hint faults a second, of some µs each with what they make KVM unmap. */
#define HINT_FAULTS_LOW 100.0
#define HINT_FAULTS_MEDIUM 1000.0

static const GuestStatus *status_at(const Doctor *doctor, guint i)
{
    return g_ptr_array_index(doctor->snapshot->guests, i);
}

static bool runs(const GuestStatus *status)
{
    return status->guest && status->guest->active && status->guest->live;
}

static unsigned count_running(const Doctor *doctor)
{
    unsigned n = 0;

    for (guint i = 0; i < doctor->snapshot->guests->len; i++)
        n += runs(status_at(doctor, i));
    return n;
}

/* --- CPUs --- */

static void check_pool(const Doctor *doctor)
{
    const Plan *plan = doctor->snapshot->plan;
    double limit = policy_get_cpu_overcommit(doctor->snapshot->policy);
    unsigned n_vcpus = 0, n_cpus = cpuset_weight(plan->shared);

    for (unsigned i = 0; i < plan->n_guests; i++)
        for (unsigned j = 0; plan->guests[i]->pool && j < plan->guests[i]->n_vcpus; j++)
            n_vcpus += plan->guests[i]->vcpus[j].online;
    if (n_vcpus <= n_cpus)
        return;
    g_autofree char *cpus = cpuset_format(plan->shared);
    double each = n_cpus > 0 ? (double)n_vcpus / n_cpus : INFINITY;
    Finding *finding =
        doctor_find(doctor, FINDING_POOL_OVERCOMMIT,
                    "%u vCPUs share the %u CPUs of the pool (%s); the policy lets %.1f share one",
                    n_vcpus, n_cpus, n_cpus > 0 ? cpus : "none", limit);
    if (each > limit)
        doctor_raise(finding, SEVERITY_MEDIUM);
    doctor_advise(finding, "give guests fewer vCPUs, or move some to another host");
}

static void check_tuners(const Doctor *doctor)
{
    for (guint i = 0; i < doctor->vitals->tuners->len; i++) {
        const Tuner *tuner = &g_array_index(doctor->vitals->tuners, Tuner, i);
        if (!tuner->does ||
            (tuner->interrupts && cpuset_is_empty(doctor->snapshot->plan->exclusive)))
            continue;
        Finding *finding = doctor_find(doctor, FINDING_RIVAL_TUNER, "%s runs (PID %d): it %s",
                                       tuner->name, (int)tuner->pid, tuner->does);
        if (tuner->ways)
            doctor_raise(finding, SEVERITY_MEDIUM);
        doctor_advise(finding, "%s", tuner->remedy);
    }
}

/* Takes out CPUs that some vCPU was given there, by whomever. */
static void take_used(const GuestStatus *status, const CpuSet *reserved, CpuSet *unused)
{
    const GuestKernel *kernel = status->guest ? status->guest->kernel : NULL;

    for (unsigned i = 0; kernel && i < kernel->n_threads; i++) {
        const GuestThread *thread = &kernel->threads[i];
        if (thread->thread_class == THREAD_VCPU && cpuset_is_subset(thread->affinity, reserved))
            hwloc_bitmap_andnot(unused, unused, thread->affinity);
    }
}

static void check_isolated(const Doctor *doctor)
{
    const Topo *topo = doctor->snapshot->topo;
    g_autoptr(CpuSet) reserved = cpuset_or(topo->isolated, topo->nohz_full);
    g_autoptr(CpuSet) unused = cpuset_minus(reserved, doctor->snapshot->plan->exclusive);

    for (guint i = 0; i < doctor->snapshot->guests->len; i++)
        take_used(status_at(doctor, i), reserved, unused);
    if (cpuset_is_empty(unused))
        return;
    g_autofree char *cpus = cpuset_format(unused);
    bool isolated = cpuset_intersects(unused, topo->isolated);
    Finding *finding = doctor_find(
        doctor, FINDING_ISOLATED_UNUSED, "CPUs %s are %s: %s", cpus,
        isolated ? "isolated" : "without a tick",
        isolated ? "the scheduler gives them no work, and no vCPU has one for itself"
                 : "each entry to the kernel costs more there, and no vCPU has one for itself");
    doctor_advise(finding, "give them to guests (cpu: {policy: dedicated}), or take them from "
                           "isolcpus= and nohz_full= of the kernel's command line");
}

static void check_governor(const Doctor *doctor)
{
    g_autoptr(CpuSet) slow = cpuset_and(doctor->vitals->slow_cpus, doctor->snapshot->topo->online);

    if (cpuset_is_empty(slow))
        return;
    g_autofree char *cpus = cpuset_format(slow);
    doctor_advise(doctor_find(doctor, FINDING_GOVERNOR,
                              "the governor powersave keeps CPUs %s at %u of %u MHz", cpus,
                              doctor->vitals->slow_mhz, doctor->vitals->max_mhz),
                  "cpupower frequency-set -g performance");
}

/* Only with these does KVM not let guests read the time without an exit of the host's. */
static void check_clocksource(const Doctor *doctor)
{
    static const char *const slow[] = {"hpet", "acpi_pm", "jiffies", "refined-jiffies", NULL};
    const char *clocksource = doctor->vitals->clocksource;

    if (!clocksource || !g_strv_contains(slow, clocksource))
        return;
    doctor_advise(
        doctor_find(doctor, FINDING_CLOCKSOURCE,
                    "the host's clock is %s: its programs read the time by a system call, "
                    "and so do guests with kvmclock",
                    clocksource),
        "dmesg | grep -i -e tsc -e clocksource  # why the kernel does not trust the TSC");
}

static void check_kernel(const Doctor *doctor)
{
    const GArray *faults = doctor->vitals->kernel_faults;

    for (guint i = 0; i < faults->len && count_running(doctor) > 0; i++) {
        const KernelFault *fault = &g_array_index(faults, KernelFault, i);
        doctor_advise(doctor_find(doctor, fault->finding, "%s", fault->evidence), "%s",
                      fault->remedy);
    }
}

/* --- memory --- */

/* Of running guests on ordinary pages. */
static uint64_t ordinary_kib(const Doctor *doctor, unsigned *ret_n)
{
    uint64_t kib = 0;

    *ret_n = 0;
    for (guint i = 0; i < doctor->snapshot->guests->len; i++) {
        const GuestStatus *status = status_at(doctor, i);
        if (!runs(status) || status->guest->live->has_hugepages)
            continue;
        kib += status->guest->live->memory_kib;
        ++*ret_n;
    }
    return kib;
}

static void check_thp(const Doctor *doctor)
{
    unsigned n;
    uint64_t kib = ordinary_kib(doctor, &n);

    if (g_strcmp0(doctor_host_knob(doctor, KNOB_HOST_THP), "never") != 0 ||
        kib < ADVISE_LARGE_GUEST_KIB)
        return;
    g_autofree char *size = doctor_size(kib);
    doctor_mend(doctor,
                doctor_find(doctor, FINDING_THP_OFF,
                            "transparent huge pages are 'never', and %s of %u guests are in "
                            "ordinary pages; QEMU asks for them by madvise",
                            size, n),
                KEY_HOST_THP, "{enabled: madvise}");
}

static void check_overcommit(const Doctor *doctor)
{
    const Host *host = doctor->vitals->host;
    uint64_t kib = 0;

    for (guint i = 0; i < doctor->snapshot->guests->len; i++)
        kib += runs(status_at(doctor, i)) ? status_at(doctor, i)->guest->live->memory_kib : 0;
    if (!host || kib <= host->memory_kib)
        return;
    g_autofree char *wanted = doctor_size(kib), *has = doctor_size(host->memory_kib);
    g_autofree char *available = doctor_size(host->available_kib);
    Finding *finding = doctor_find(doctor, FINDING_MEMORY_OVERCOMMIT,
                                   "running guests may use %s; the host has %s, and %s of it is "
                                   "available now",
                                   wanted, has, available);
    if (host->available_kib * 100 < host->memory_kib * NODE_FULL_PCT)
        doctor_raise(finding, SEVERITY_HIGH);
    doctor_advise(finding, "give guests less memory, or move some to another host");
}

/* Names of guests that have memory there; NULL: nobody. */
static char *guests_on(const Doctor *doctor, unsigned node)
{
    g_autoptr(GPtrArray) names = g_ptr_array_new();

    for (guint i = 0; i < doctor->snapshot->guests->len; i++) {
        const GuestStatus *status = status_at(doctor, i);
        const GuestKernel *kernel = status->guest ? status->guest->kernel : NULL;
        if (kernel && cpuset_has(kernel->memory_nodes, node))
            g_ptr_array_add(names, status->name);
    }
    if (names->len == 0)
        return NULL;
    g_ptr_array_add(names, NULL);
    return g_strjoinv(", ", (char **)names->pdata);
}

static void check_nodes(const Doctor *doctor)
{
    for (guint i = 0; i < doctor->vitals->nodes->len; i++) {
        const NodeVitals *node = &g_array_index(doctor->vitals->nodes, NodeVitals, i);
        if (node->free_kib * 100 >= node->memory_kib * NODE_FULL_PCT)
            continue;
        g_autofree char *names = guests_on(doctor, node->node);
        g_autofree char *left = doctor_size(node->free_kib);
        if (!names)
            continue;
        doctor_advise(doctor_find(doctor, FINDING_NODE_FULL,
                                  "%s, %" PRIu64 "%%, of node %u are free or page cache; memory "
                                  "there have: %s",
                                  left, node->free_kib * 100 / node->memory_kib, node->node, names),
                      "move memory of a guest to another node (numa: {migrate_memory: on}), or a "
                      "guest to another host");
    }
}

static void check_shortage(const Doctor *doctor, const MemoryShortage *shortage)
{
    const GuestStatus *status = snapshot_find(doctor->snapshot, shortage->uuid);
    unsigned base_kib = doctor->snapshot->topo->base_page_kib;
    const NodeVitals *node =
        shortage->node >= 0 ? vitals_node(doctor->vitals, (unsigned)shortage->node) : NULL;

    if (!status || !status->guest)
        return;
    g_autoptr(GString) text = g_string_new("it ");
    g_autofree char *short_of = memory_shortage_format(shortage);
    g_string_append(text, short_of);
    if (node && shortage->size_kib > base_kib) {
        uint64_t blocks_kib = node_vitals_blocks_kib(node, base_kib, shortage->size_kib);
        g_autofree char *left = doctor_size(node->free_kib), *whole = doctor_size(blocks_kib);
        g_string_append_printf(text, "; %s are free or page cache there, %s of it in one piece%s",
                               left, whole,
                               node->free_kib >= shortage->pages * shortage->size_kib &&
                                       blocks_kib < shortage->pages * shortage->size_kib
                                   ? ": its memory is fragmented"
                                   : "");
    }
    Finding *finding = doctor_find_of(doctor, FINDING_PAGES_SHORT, status->guest,
                                      g_string_free(g_steal_pointer(&text), FALSE));
    if (shortage->size_kib > base_kib && !doctor->snapshot->policy->values[KEY_HOST_HUGEPAGES])
        finding_remedy(finding, KEY_HOST_HUGEPAGES, "auto");
    else
        doctor_advise(finding, "stop another guest, or restart the host: huge pages are easily had "
                               "early");
}

static void check_shortages(const Doctor *doctor)
{
    const HostPlan *plan = doctor->snapshot->host.plan;

    for (guint i = 0; plan && i < plan->shortages->len; i++)
        check_shortage(doctor, g_ptr_array_index(plan->shortages, i));
}

static void check_merging(const Doctor *doctor)
{
    const PolicyValue *said = doctor->snapshot->policy->values[KEY_HOST_KSM];
    uint64_t merged = doctor->vitals->merged_pages;
    bool across = merged > 0 && doctor->snapshot->topo->n_nodes > 1 &&
                  g_strcmp0(doctor_host_knob(doctor, KNOB_HOST_KSM_MERGE_ACROSS_NODES), "1") == 0;

    if (g_strcmp0(doctor_host_knob(doctor, KNOB_HOST_KSM_RUN), "1") != 0 || (said && !across))
        return;
    g_autofree char *saved = doctor_size(merged * doctor->snapshot->topo->base_page_kib);
    Finding *finding = doctor_find(
        doctor, FINDING_PAGE_MERGING, "ksmd compares pages all the time, and saves %s%s", saved,
        across ? "; what is merged may be on another node than its guest" : "");
    if (across)
        doctor_raise(finding, SEVERITY_MEDIUM);
    if (policy_value_entry(said, "merge_across_nodes"))
        doctor_advise(finding, "vmtuned-ctl host  # the policy has a word on it already");
    else
        finding_remedy(finding, KEY_HOST_KSM,
                       said     ? "{merge_across_nodes: off}"
                       : across ? "{mode: auto, merge_across_nodes: off}"
                                : "{mode: auto}");
}

static void check_balancing(const Doctor *doctor)
{
    double faults = doctor_per_second(doctor, doctor->vitals->hint_faults);

    if (faults < HINT_FAULTS_LOW || count_running(doctor) == 0)
        return;
    Finding *finding =
        doctor_find(doctor, FINDING_NUMA_BALANCING,
                    "%.0f hint faults a second, for placing what vmtuned places", faults);
    if (faults >= HINT_FAULTS_MEDIUM)
        doctor_raise(finding, SEVERITY_MEDIUM);
    doctor_mend(doctor, finding, KEY_HOST_NUMA_BALANCING, "off");
}

const DoctorCheck doctor_host_checks[] = {
    check_pool,
    check_tuners,
    check_isolated,
    check_governor,
    check_clocksource,
    check_kernel,
    check_thp,
    check_overcommit,
    check_nodes,
    check_shortages,
    check_merging,
    check_balancing,
    NULL,
};
