/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What costs the performance of one guest that runs. */
#include "plan/advise.h"
#include "plan/doctor-parts.h"
#include "plan/knobs.h"
#include "plan/move.h"

#include <inttypes.h>
#include <string.h>

/* Percent of the time in which a vCPU was ready and another ran; VMware's marks for CPU ready. */
#define RUN_DELAY_MEDIUM_PCT 5.0
#define RUN_DELAY_HIGH_PCT 10.0
/* Percent of one CPU that helpers take from the vCPUs they share CPUs with. */
#define HELPERS_LOW_PCT 1.0
#define HELPERS_MEDIUM_PCT 10.0
/* Interrupts a second on dedicated CPUs: each ends a run of the vCPU for some µs. */
#define INTERRUPTS_LOW 10.0
#define INTERRUPTS_MEDIUM 1000.0
/* With less than half of it local a guest runs at the far node's speed. */
#define LOCALITY_HIGH_PCT 50
/* Of its memory, in percent. */
#define SWAP_MEDIUM_PCT 1
#define SWAP_HIGH_PCT 10
#define SMALL_PAGES_PCT 50

static const GuestPlan *plan_of(const Doctor *doctor)
{
    return doctor->of->plan;
}

static const GuestKernel *kernel_of(const Doctor *doctor)
{
    return doctor->of->guest->kernel;
}

static const GuestDef *live_of(const Doctor *doctor)
{
    return doctor->of->guest->live;
}

static bool is_dedicated(const Doctor *doctor)
{
    return plan_of(doctor)->result == PLAN_PLACED && !cpuset_is_empty(plan_of(doctor)->exclusive);
}

/* --- CPU time --- */

static bool rate_of(const Doctor *doctor, const ThreadUsage *thread, UsageRate *ret)
{
    return thread_usage_rate(doctor->vital->before, doctor->vital->after, thread, ret);
}

/* The vCPU that waited longest, in percent; -1: none is known. */
static int find_worst_vcpu(const Doctor *doctor, double *ret_pct)
{
    const GuestUsage *after = doctor->vital ? doctor->vital->after : NULL;
    int worst = -1;

    *ret_pct = 0;
    for (guint i = 0; after && i < after->threads->len; i++) {
        const ThreadUsage *thread = &g_array_index(after->threads, ThreadUsage, i);
        UsageRate rate;
        if (thread->thread_class != THREAD_VCPU || !rate_of(doctor, thread, &rate) ||
            rate.delay_pct <= *ret_pct)
            continue;
        *ret_pct = rate.delay_pct;
        worst = (int)thread->id;
    }
    return worst;
}

static void mend_delay(const Doctor *doctor, Finding *finding)
{
    const GuestDef *live = live_of(doctor);
    bool fits = cpuset_weight(live->vcpus) < cpuset_weight(doctor->snapshot->plan->shared);

    if (live->vcpu_quota > 0)
        doctor_mend(doctor, finding, KEY_CPU_QUOTA, "none");
    else if (plan_of(doctor)->pool && fits)
        doctor_mend(doctor, finding, KEY_CPU_POLICY, "dedicated");
    else
        doctor_advise(finding, "vmtuned-ctl map  # who else may run on its CPUs");
}

static void check_delay(const Doctor *doctor)
{
    UsageRate all;
    double worst_pct;
    int worst = find_worst_vcpu(doctor, &worst_pct);

    if (worst < 0 || worst_pct < RUN_DELAY_MEDIUM_PCT ||
        !guest_usage_rate(doctor->vital->before, doctor->vital->after, &all))
        return;
    g_autofree char *sample = doctor_sample(doctor);
    Finding *finding = doctor_find(
        doctor, FINDING_RUN_DELAY,
        "vCPU %d waited %.0f%% of the last %s for a CPU, all of them %.0f%% on average%s", worst,
        worst_pct, sample, all.delay_pct,
        live_of(doctor)->vcpu_quota > 0 ? "; its quota counts, too" : "");
    if (worst_pct >= RUN_DELAY_HIGH_PCT)
        doctor_raise(finding, SEVERITY_HIGH);
    mend_delay(doctor, finding);
}

/* --- where vCPUs are --- */

static CpuSet *vcpu_affinity(const GuestKernel *kernel)
{
    CpuSet *cpus = cpuset_new();

    for (unsigned i = 0; i < kernel->n_threads; i++)
        if (kernel->threads[i].thread_class == THREAD_VCPU)
            hwloc_bitmap_or(cpus, cpus, kernel->threads[i].affinity);
    return cpus;
}

/* The node that could hold all of it, and has most of its memory; NULL: there is none. */
static const TopoNode *find_node(const Doctor *doctor)
{
    const Topo *topo = doctor->snapshot->topo;
    const GuestDef *live = live_of(doctor);
    const TopoNode *best = NULL;
    uint64_t best_kib = 0;

    for (unsigned i = 0; i < topo->n_nodes; i++) {
        const TopoNode *node = &topo->nodes[i];
        uint64_t kib = guest_kernel_memory_on(kernel_of(doctor), node->os_index);
        g_autoptr(CpuSet) cpus = cpuset_and(node->cpus, topo->allowed);
        if (cpuset_weight(cpus) < cpuset_weight(live->vcpus) ||
            node->memory_kib < live->memory_kib || (best && kib <= best_kib))
            continue;
        best = node;
        best_kib = kib;
    }
    return best;
}

static void mend_across(const Doctor *doctor, Finding *finding, const TopoNode *node)
{
    g_autoptr(CpuSet) planned = guest_plan_vcpu_nodes(plan_of(doctor), doctor->snapshot->topo);
    g_autofree char *number = g_strdup_printf("%u", node->os_index);

    if (cpuset_weight(planned) == 1)
        doctor_advise(finding, "vmtuned-ctl apply %s  # node %u is planned for it",
                      doctor_called(doctor), cpuset_first(planned));
    else if (plan_of(doctor)->cpu_policy == CPU_DEDICATED)
        doctor_advise(finding, "vmtuned-ctl defrag --dry-run");
    else
        doctor_mend(doctor, finding, KEY_NUMA_NODES, number);
}

static void check_nodes(const Doctor *doctor)
{
    const Topo *topo = doctor->snapshot->topo;
    g_autoptr(CpuSet) cpus = vcpu_affinity(kernel_of(doctor));
    g_autoptr(CpuSet) nodes = topo_nodes_of(topo, cpus);
    const TopoNode *node = find_node(doctor);

    if (cpuset_weight(nodes) < 2 || live_of(doctor)->n_cells > 1 || !node)
        return;
    g_autofree char *list = cpuset_format(nodes);
    mend_across(doctor,
                doctor_find(doctor, FINDING_ACROSS_NODES,
                            "its %u vCPUs may run on nodes %s, and node %u alone has room for them",
                            cpuset_weight(live_of(doctor)->vcpus), list, node->os_index),
                node);
}

static void check_crowded(const Doctor *doctor)
{
    const GuestKernel *kernel = kernel_of(doctor);
    g_autoptr(CpuSet) vcpus = cpuset_new();
    g_autoptr(CpuSet) cpus = cpuset_new();

    for (unsigned i = 0; i < kernel->n_threads; i++) {
        const GuestThread *thread = &kernel->threads[i];
        if (thread->thread_class != THREAD_VCPU || cpuset_weight(thread->affinity) < 2 ||
            !cpuset_is_subset(thread->affinity, doctor->snapshot->topo->isolated))
            continue;
        hwloc_bitmap_set(vcpus, guest_thread_id(thread));
        hwloc_bitmap_or(cpus, cpus, thread->affinity);
    }
    if (cpuset_weight(vcpus) < 2)
        return;
    g_autofree char *who = cpuset_format(vcpus), *where = cpuset_format(cpus);
    doctor_mend(doctor,
                doctor_find(doctor, FINDING_ISOLATED_CROWDED,
                            "vCPUs %s may run on the isolated CPUs %s, where the scheduler never "
                            "moves one to a CPU that is idle",
                            who, where),
                KEY_CPU_POLICY, "dedicated");
}

/* --- what it was to have --- */

static void check_refused(const Doctor *doctor)
{
    const GuestPlan *plan = plan_of(doctor);

    if (plan->result != PLAN_REFUSED)
        return;
    doctor_advise(doctor_find(doctor, FINDING_REFUSED, "%s is refused: %s",
                              cpu_policy_name(plan->cpu_policy), plan->reason),
                  "vmtuned-ctl defrag --dry-run  # whether moving others makes room");
}

/* States with something left to do, and who does it. */
static const struct {
    GuestState state;
    Severity severity;
    const char *words, *command;
} unapplied[] = {
    {GUEST_PENDING, SEVERITY_MEDIUM, "settings are not in force", "vmtuned-ctl apply %s"},
    {GUEST_DRIFTED, SEVERITY_MEDIUM, "settings were changed by others, and the policy only reports",
     "vmtuned-ctl apply %s"},
    {GUEST_CONTESTED, SEVERITY_MEDIUM, "settings are left to who keeps changing them back",
     "vmtuned-ctl resume %s  # once that has stopped"},
    {GUEST_FAILED, SEVERITY_MEDIUM, "settings could not be made", "vmtuned-ctl explain %s"},
    {GUEST_COLD_PENDING, SEVERITY_LOW, "settings wait for its next cold start",
     "vmtuned-ctl restart-into %s"},
};

static unsigned count_left(const GuestStatus *status)
{
    if (status->state == GUEST_CONTESTED)
        return contest_size(status->contest);
    if (status->state == GUEST_COLD_PENDING)
        return pending_list_size(status->pending);
    return change_set_size_open(status->left);
}

static void check_applied(const Doctor *doctor)
{
    const GuestStatus *of = doctor->of;
    bool observed = doctor->snapshot->mode == MODE_OBSERVE && of->state == GUEST_PENDING;

    for (gsize i = 0; i < G_N_ELEMENTS(unapplied); i++) {
        if (of->state != unapplied[i].state || count_left(of) == 0)
            continue;
        g_auto(GStrv) command = g_strsplit(unapplied[i].command, "%s", 2);
        g_autofree char *line = g_strjoinv(doctor_called(doctor), command);
        Finding *finding =
            doctor_find(doctor, FINDING_NOT_APPLIED, "%u %s%s", count_left(of), unapplied[i].words,
                        observed ? ": the policy says mode: observe" : "");
        if (finding)
            finding->severity = unapplied[i].severity;
        doctor_advise(finding, "%s", line);
    }
}

static void check_exclusive(const Doctor *doctor)
{
    char **intruders = doctor->of->intruders;

    if (!intruders || !intruders[0])
        return;
    const GuestStatus *first = snapshot_find(doctor->snapshot, intruders[0]);
    g_autofree char *names = g_strjoinv(", ", intruders);
    g_autofree char *cpus = cpuset_format(plan_of(doctor)->exclusive);
    doctor_advise(doctor_find(doctor, FINDING_NOT_EXCLUSIVE,
                              "threads of these may run on its CPUs %s: %s", cpus, names),
                  "vmtuned-ctl status %s  # why it may",
                  first ? advise_called(first->name, first->uuid) : "--map");
}

/* --- helpers and interrupts on its CPUs --- */

typedef struct Helpers {
    FindingId id;
    ThreadClass classes[2];
    const char *who;
    PolicyKey key;
} Helpers;

static const Helpers helpers[] = {
    {FINDING_EMULATOR_ON_VCPUS,
     {THREAD_EMULATOR, THREAD_HELPER},
     "QEMU's main and other threads",
     KEY_CPU_EMULATOR},
    {FINDING_IOTHREAD_ON_VCPUS,
     {THREAD_IOTHREAD, THREAD_IOTHREAD},
     "its IOThreads",
     KEY_CPU_IOTHREADS},
    {FINDING_VHOST_ON_VCPUS, {THREAD_VHOST, THREAD_VHOST}, "its vhost workers", KEY_CPU_VHOST},
};

/* Percent of a CPU that threads of these classes, which may run on cpus, used. */
static double used_by(const Doctor *doctor, const Helpers *who, const CpuSet *cpus)
{
    const GuestUsage *after = doctor->vital ? doctor->vital->after : NULL;
    double pct = 0;

    for (guint i = 0; after && i < after->threads->len; i++) {
        const ThreadUsage *thread = &g_array_index(after->threads, ThreadUsage, i);
        UsageRate rate;
        if ((thread->thread_class == who->classes[0] || thread->thread_class == who->classes[1]) &&
            cpuset_intersects(thread->cpus, cpus) && rate_of(doctor, thread, &rate))
            pct += rate.cpu_pct;
    }
    return pct;
}

static void check_helpers(const Doctor *doctor)
{
    g_autoptr(CpuSet) vcpus = cpuset_new();

    if (!is_dedicated(doctor))
        return;
    for (unsigned i = 0; i < plan_of(doctor)->n_vcpus; i++)
        hwloc_bitmap_or(vcpus, vcpus, plan_of(doctor)->vcpus[i].cpus);
    hwloc_bitmap_and(vcpus, vcpus, plan_of(doctor)->exclusive);
    g_autofree char *cpus = cpuset_format(vcpus);
    g_autofree char *sample = doctor_sample(doctor);
    for (gsize i = 0; i < G_N_ELEMENTS(helpers); i++) {
        double pct = used_by(doctor, &helpers[i], vcpus);
        if (pct < HELPERS_LOW_PCT)
            continue;
        Finding *finding =
            doctor_find(doctor, helpers[i].id,
                        "%s used %.0f%% of a CPU in the last %s, and may run on its CPUs %s",
                        helpers[i].who, pct, sample, cpus);
        if (pct >= HELPERS_MEDIUM_PCT)
            doctor_raise(finding, SEVERITY_MEDIUM);
        doctor_mend(doctor, finding, helpers[i].key, "share");
    }
}

/* A device passed through to the guest interrupts for the guest. */
static bool is_its_own(const Doctor *doctor, const InterruptCount *count)
{
    char **hostdevs = live_of(doctor)->hostdevs;

    for (unsigned i = 0; hostdevs && hostdevs[i]; i++)
        if (strstr(count->device, hostdevs[i]))
            return true;
    return false;
}

static void check_interrupts(const Doctor *doctor)
{
    const GArray *counts = doctor->vitals->interrupts;
    const InterruptCount *most = NULL;
    uint64_t all = 0;

    for (guint i = 0; is_dedicated(doctor) && i < counts->len; i++) {
        const InterruptCount *count = &g_array_index(counts, InterruptCount, i);
        if (!cpuset_has(plan_of(doctor)->exclusive, count->cpu) || is_its_own(doctor, count))
            continue;
        all += count->count;
        if (!most || count->count > most->count)
            most = count;
    }
    double rate = doctor_per_second(doctor, all);
    if (!most || rate < INTERRUPTS_LOW)
        return;
    g_autofree char *cpus = cpuset_format(plan_of(doctor)->exclusive);
    g_autofree char *others = cpuset_format(doctor->snapshot->plan->shared);
    Finding *finding =
        doctor_find(doctor, FINDING_INTERRUPTS,
                    "%.0f a second on its CPUs %s, most of them irq %u (%s) on CPU %u", rate, cpus,
                    most->irq, most->device, most->cpu);
    if (rate >= INTERRUPTS_MEDIUM)
        doctor_raise(finding, SEVERITY_MEDIUM);
    doctor_advise(finding, "echo %s >/proc/irq/%u/smp_affinity_list", others, most->irq);
}

static void check_named_model(const Doctor *doctor)
{
    const GuestDef *live = live_of(doctor);

    if (g_strcmp0(live->type, "kvm") != 0 || !knob_is_x86(live) ||
        g_strcmp0(live->cpu_mode, "custom") != 0 || advise_has_default_model(live))
        return;
    doctor_advise(doctor_find(doctor, FINDING_NAMED_MODEL,
                              "its CPU model is %s: what this host has beyond that it cannot use",
                              live->cpu_model),
                  "virsh edit %s  # <cpu mode='host-model'/>, where all hosts it migrates to are "
                  "alike",
                  doctor_called(doctor));
}

/* --- memory --- */

static void check_locality(const Doctor *doctor)
{
    const GuestPlan *plan = plan_of(doctor);
    int pct = guest_plan_locality_pct(plan, doctor->snapshot->topo, kernel_of(doctor));

    if (pct < 0 || pct >= MOVE_GOAL_PCT)
        return;
    g_autoptr(CpuSet) nodes = guest_plan_vcpu_nodes(plan, doctor->snapshot->topo);
    g_autofree char *near = cpuset_format(nodes);
    g_autofree char *where = cpuset_format(kernel_of(doctor)->memory_nodes);
    Finding *finding =
        doctor_find(doctor, FINDING_REMOTE_MEMORY,
                    "%d%% of its memory is on the nodes of its vCPUs (%s); it is on nodes %s%s%s",
                    pct, near, where, doctor->of->memory_move ? "; " : "",
                    doctor->of->memory_move ? doctor->of->memory_move : "");
    if (pct < LOCALITY_HIGH_PCT)
        doctor_raise(finding, SEVERITY_HIGH);
    doctor_mend(doctor, finding, KEY_NUMA_MIGRATE_MEMORY, "on");
}

static bool is_found(const Doctor *doctor, FindingId id)
{
    for (guint i = 0; i < doctor->list->len; i++) {
        const Finding *finding = g_ptr_array_index(doctor->list, i);
        if (finding->id == id && g_strcmp0(finding->uuid, doctor->of->uuid) == 0)
            return true;
    }
    return false;
}

/* What advice says of dedicated guests from their definition is seen here of all. */
static void check_pages(const Doctor *doctor)
{
    const GuestKernel *kernel = kernel_of(doctor);
    unsigned base_kib = doctor->snapshot->topo->base_page_kib;
    uint64_t small = 0, all = 0;

    for (unsigned i = 0; i < kernel->n_pages; i++) {
        const GuestPages *pages = &kernel->pages[i];
        all += pages->kib;
        small += pages->page_kib == base_kib && !pages->transparent ? pages->kib : 0;
    }
    if (all < ADVISE_LARGE_GUEST_KIB || small * 100 < all * SMALL_PAGES_PCT ||
        is_found(doctor, FINDING_NO_HUGEPAGES))
        return;
    g_autofree char *size = doctor_size(all);
    Finding *finding =
        doctor_find(doctor, FINDING_SMALL_PAGES,
                    "%" PRIu64 "%% of its %s are pages of %u KiB, %" PRIu64 " of them",
                    small * 100 / all, size, base_kib, small / base_kib);
    if (doctor->of->policy && guest_policy_get(doctor->of->policy, KEY_MEMORY_PAGE_SIZE))
        doctor_advise(finding, "vmtuned-ctl pending %s", doctor_called(doctor));
    else if (memory_small_huge_page(doctor->snapshot->topo, live_of(doctor)) > 0)
        advise_huge_pages(doctor->snapshot->policy, finding);
}

static void check_swap(const Doctor *doctor)
{
    uint64_t swap_kib = doctor->vital ? doctor->vital->swap_kib : 0;
    uint64_t memory_kib = live_of(doctor)->memory_kib;

    if (swap_kib == 0 || swap_kib * 100 < memory_kib * SWAP_MEDIUM_PCT)
        return;
    g_autofree char *size = doctor_size(swap_kib);
    Finding *finding =
        doctor_find(doctor, FINDING_SWAPPED, "%s of it, %" PRIu64 "%%, are on the swap device",
                    size, memory_kib > 0 ? swap_kib * 100 / memory_kib : 100);
    if (swap_kib * 100 >= memory_kib * SWAP_HIGH_PCT)
        doctor_raise(finding, SEVERITY_HIGH);
    doctor_mend(doctor, finding, KEY_MEMORY_LOCKED, "on");
}

/* --- network --- */

static void check_drops(const Doctor *doctor)
{
    for (guint i = 0; doctor->vital && i < doctor->vital->drops->len; i++) {
        const NicDrops *drops = &g_array_index(doctor->vital->drops, NicDrops, i);
        SettingKey key = {.knob = KNOB_NET_RX_QUEUE_SIZE};
        if (drops->dropped == 0)
            continue;
        setting_key_set_device(&key, drops->mac);
        const Setting *setting = setting_list_find(live_of(doctor)->knobs, &key);
        const char *ring = setting && setting->value ? setting->value : "256";
        g_autofree char *sample = doctor_sample(doctor);
        Finding *finding =
            doctor_find(doctor, FINDING_NIC_DROPS,
                        "%" PRIu64 " packets for it were dropped at %s in the last %s, %" PRIu64
                        " since it started; its ring has %s places",
                        drops->dropped, drops->device, sample, drops->total, ring);
        if (finding)
            finding->device = g_strdup(drops->mac);
        if (g_str_equal(ring, "1024"))
            doctor_advise(finding, "give it more queues, or CPUs to its vCPUs and vhost workers");
        else
            doctor_mend(doctor, finding, KEY_NETWORK_RX_QUEUE_SIZE, "1024");
    }
}

const DoctorCheck doctor_guest_checks[] = {
    check_delay,       check_nodes,
    check_crowded,     check_refused,
    check_applied,     check_exclusive,
    check_helpers,     check_interrupts,
    check_named_model, check_locality,
    check_pages,       check_swap,
    check_drops,       NULL,
};
