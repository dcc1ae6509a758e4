/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * GuestPlan × the guest as it is → the Settings that should hold.
 *
 * A pool guest wears its mask by thread affinity alone: its definitions and cgroups are wanted "not
 * set", so that a foreign pin counts as a difference and a missing one never does. A pinned class
 * is wanted in libvirt's definition, in its cgroup and on each thread. Emulator and vhost share one
 * cpuset: definition and cgroup get the union, each thread the set of its own class.
 */
#include "plan/diff.h"

typedef struct Want {
    const GuestPlan *plan;
    const Guest *guest;
    SettingList *list;
} Want;

static bool persists_live_knobs(const Want *want)
{
    return want->plan->persist == PERSIST_ALL && want->guest->persistent;
}

/* One class (a vCPU, an IOThread, the emulator) in definition and cgroup; cpus NULL: not pinned. */
static void want_pin(const Want *want, Knob knob, unsigned id, ThreadHome home, const CpuSet *cpus,
                     const char *reason, const char *origin)
{
    SettingKey key = {.knob = knob, .instance = id, .plane = PLANE_LIVE};

    if (want->guest->live)
        setting_list_add_cpus(want->list, &key, cpus, reason, origin);

    const GuestCgroup *cgroup =
        want->guest->kernel ? guest_kernel_cgroup(want->guest->kernel, home, id) : NULL;
    key.plane = PLANE_ACTUAL;
    if (cgroup && cgroup->cpus)
        setting_list_add_cpus(want->list, &key, cpus, reason, origin);

    key.plane = PLANE_CONFIG;
    if (cpus && persists_live_knobs(want))
        setting_list_add_cpus(want->list, &key, cpus, reason, origin);
}

static void want_thread(const Want *want, Knob knob, const GuestThread *thread, const CpuSet *cpus,
                        const char *reason, const char *origin)
{
    SettingKey key = {.knob = knob,
                      .instance = thread->home_id,
                      .plane = PLANE_ACTUAL,
                      .tid = thread->tid,
                      .tid_start = thread->starttime};

    if (!thread->fixed)
        setting_list_add_cpus(want->list, &key, cpus, reason, origin);
}

static const VcpuPlan *vcpu_plan_find(const GuestPlan *plan, unsigned id)
{
    for (unsigned i = 0; i < plan->n_vcpus; i++)
        if (plan->vcpus[i].id == id)
            return &plan->vcpus[i];
    return NULL;
}

static const ClassPlan *iothread_plan_find(const GuestPlan *plan, unsigned id)
{
    for (unsigned i = 0; i < plan->n_iothreads; i++)
        if (plan->iothreads[i].id == id)
            return &plan->iothreads[i];
    return NULL;
}

static void want_definitions(const Want *want)
{
    const GuestPlan *plan = want->plan;

    for (unsigned i = 0; i < plan->n_vcpus; i++) {
        const VcpuPlan *vcpu = &plan->vcpus[i];
        want_pin(want, KNOB_VCPU_PIN, vcpu->id, HOME_VCPU, vcpu->pinned ? vcpu->cpus : NULL,
                 plan->reason, plan->origin);
    }
    for (unsigned i = 0; i < plan->n_iothreads; i++) {
        const ClassPlan *iothread = &plan->iothreads[i];
        want_pin(want, KNOB_IOTHREAD_PIN, iothread->id, HOME_IOTHREAD,
                 iothread->pinned ? iothread->cpus : NULL, iothread->reason, iothread->origin);
    }
    g_autoptr(CpuSet) both =
        plan->emulator.pinned ? cpuset_or(plan->emulator.cpus, plan->vhost.cpus) : NULL;
    want_pin(want, KNOB_EMULATOR_PIN, 0, HOME_EMULATOR, both, plan->emulator.reason,
             plan->emulator.origin);
}

static void want_threads(const Want *want)
{
    const GuestPlan *plan = want->plan;
    const GuestKernel *kernel = want->guest->kernel;

    for (unsigned i = 0; kernel && i < kernel->n_threads; i++) {
        const GuestThread *thread = &kernel->threads[i];
        const VcpuPlan *vcpu;
        const ClassPlan *iothread;

        switch (thread->home) {
        case HOME_VCPU:
            vcpu = vcpu_plan_find(plan, thread->home_id);
            if (vcpu)
                want_thread(want, KNOB_VCPU_PIN, thread, vcpu->cpus, plan->reason, plan->origin);
            break;
        case HOME_IOTHREAD:
            iothread = iothread_plan_find(plan, thread->home_id);
            if (iothread)
                want_thread(want, KNOB_IOTHREAD_PIN, thread, iothread->cpus, iothread->reason,
                            iothread->origin);
            break;
        case HOME_EMULATOR:
            if (thread->thread_class == THREAD_VHOST)
                want_thread(want, KNOB_VHOST_PIN, thread, plan->vhost.cpus, plan->vhost.reason,
                            plan->vhost.origin);
            else
                want_thread(want, KNOB_EMULATOR_PIN, thread, plan->emulator.cpus,
                            plan->emulator.reason, plan->emulator.origin);
            break;
        }
    }
}

static void want_guest_value(const Want *want, Knob knob, Plane plane, unsigned instance,
                             const char *value, const char *reason, const char *origin)
{
    SettingKey key = {.knob = knob, .instance = instance, .plane = plane};

    setting_list_add(want->list, &key, value, reason, origin);
}

static void want_weight(const Want *want)
{
    const GuestPlan *plan = want->plan;
    const GuestKernel *kernel = want->guest->kernel;

    if (plan->weight < 0)
        return;
    g_autofree char *value = g_strdup_printf("%" G_GINT64_FORMAT, plan->weight);
    if (kernel && kernel->cpu_shares >= 0)
        want_guest_value(want, KNOB_CPU_WEIGHT, PLANE_ACTUAL, 0, value, "cpu.weight of the policy",
                         plan->weight_origin);
    if (want->guest->live)
        want_guest_value(want, KNOB_CPU_WEIGHT, PLANE_LIVE, 0, value, "cpu.weight of the policy",
                         plan->weight_origin);
    if (persists_live_knobs(want))
        want_guest_value(want, KNOB_CPU_WEIGHT, PLANE_CONFIG, 0, value, "cpu.weight of the policy",
                         plan->weight_origin);
}

static void want_quota(const Want *want)
{
    static const char reason[] = "cpu.quota of the policy";
    const GuestPlan *plan = want->plan;
    const GuestKernel *kernel = want->guest->kernel;

    if (plan->quota_pct < 0)
        return;
    g_autofree char *value = plan->quota_pct == 0
                                 ? g_strdup("none")
                                 : g_strdup_printf("%" G_GINT64_FORMAT, plan->quota_pct);
    for (unsigned i = 0; kernel && i < kernel->n_cgroups; i++)
        if (kernel->cgroups[i].home == HOME_VCPU && kernel->cgroups[i].period_usec > 0)
            want_guest_value(want, KNOB_CPU_QUOTA, PLANE_ACTUAL, kernel->cgroups[i].home_id, value,
                             reason, plan->quota_origin);
    if (want->guest->live)
        want_guest_value(want, KNOB_CPU_QUOTA, PLANE_LIVE, 0, value, reason, plan->quota_origin);
    if (persists_live_knobs(want))
        want_guest_value(want, KNOB_CPU_QUOTA, PLANE_CONFIG, 0, value, reason, plan->quota_origin);
}

static bool numa_is_live(const GuestPlan *plan, const Guest *guest)
{
    return guest->live && guest->live->numa_mode == plan->numa_mode &&
           cpuset_equal(guest->live->numa_nodeset, plan->numa_nodes);
}

/* The running guest's nodeset only where it can change, or already did; else the next start's. The
 * kernel's cpuset.mems is judged only in mode restrictive: the other modes are policies of QEMU's
 * memory, and libvirt will not set them again. */
static void want_nodeset(const Want *want)
{
    const GuestPlan *plan = want->plan;

    if (plan->numa_mode < 0 || cpuset_is_empty(plan->numa_nodes))
        return;
    g_autofree char *nodes = cpuset_format(plan->numa_nodes);
    g_autofree char *value = nodeset_format(plan->numa_mode, plan->numa_nodes);
    bool live = plan->numa_live || numa_is_live(plan, want->guest);

    if (live && plan->numa_mode == NUMA_RESTRICTIVE && want->guest->kernel)
        want_guest_value(want, KNOB_NUMA_NODESET, PLANE_ACTUAL, 0, nodes, plan->numa_reason,
                         plan->numa_origin);
    if (live && want->guest->live)
        want_guest_value(want, KNOB_NUMA_NODESET, PLANE_LIVE, 0, value, plan->numa_reason,
                         plan->numa_origin);
    if (plan->persist != PERSIST_NEVER && want->guest->persistent)
        want_guest_value(want, KNOB_NUMA_NODESET, PLANE_CONFIG, 0, value, plan->numa_reason,
                         plan->numa_origin);
}

static void want_knobs(const Want *want)
{
    const SettingList *knobs = want->plan->knobs;

    for (unsigned i = 0; i < setting_list_size(knobs); i++) {
        const Setting *knob = setting_list_get(knobs, i);
        bool there =
            knob->key.plane == PLANE_CONFIG ? want->guest->persistent : want->guest->active;
        if (there)
            setting_list_add(want->list, &knob->key, knob->value, knob->reason, knob->origin);
    }
}

SettingList *wanted_make(const GuestPlan *plan, const Guest *guest)
{
    g_autoptr(SettingList) list = setting_list_new();
    Want want = {.plan = plan, .guest = guest, .list = list};

    if (plan->result != PLAN_UNMANAGED) {
        want_definitions(&want);
        want_threads(&want);
        want_weight(&want);
        want_quota(&want);
        want_nodeset(&want);
        want_knobs(&want);
    }
    setting_list_sort(list);
    return g_steal_pointer(&list);
}
