/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A look at a guest → Settings: every knob, instance, plane and thread that was looked at. */
#include "plan/diff.h"

/* libvirt's and the kernel's default CFS period */
#define DEFAULT_PERIOD_USEC 100000

static Knob home_knob(ThreadHome home)
{
    switch (home) {
    case HOME_VCPU:
        return KNOB_VCPU_PIN;
    case HOME_IOTHREAD:
        return KNOB_IOTHREAD_PIN;
    case HOME_EMULATOR:
        return KNOB_EMULATOR_PIN;
    }
    return KNOB_EMULATOR_PIN;
}

/* Shares as the cgroup has them → weight, exactly, or the raw form where no weight means it. */
static char *weight_value(int64_t shares, bool cgroup_v2)
{
    if (shares < 0)
        return NULL;
    int64_t weight = cgroup_v2 ? shares : (shares * 100 + 512) / 1024;
    if (cgroup_v2 || weight * 1024 / 100 == shares)
        return g_strdup_printf("%" G_GINT64_FORMAT, weight);
    return g_strdup_printf("shares:%" G_GINT64_FORMAT, shares);
}

static char *quota_value(int64_t quota_usec, uint64_t period_usec)
{
    int64_t period = period_usec > 0 ? (int64_t)period_usec : DEFAULT_PERIOD_USEC;

    if (quota_usec <= 0)
        return g_strdup("none");
    if (quota_usec * 100 % period == 0)
        return g_strdup_printf("%" G_GINT64_FORMAT, quota_usec * 100 / period);
    return g_strdup_printf("%" G_GINT64_FORMAT "/%" G_GINT64_FORMAT, quota_usec, period);
}

static void observe_text(SettingList *list, Knob knob, Plane plane, unsigned instance, char *value)
{
    SettingKey key = {.knob = knob, .instance = instance, .plane = plane};

    setting_list_add(list, &key, value, NULL, NULL);
    g_free(value);
}

static void observe_cpus(SettingList *list, Knob knob, Plane plane, unsigned instance,
                         const CpuSet *cpus)
{
    observe_text(list, knob, plane, instance, cpus ? cpuset_format(cpus) : NULL);
}

static void observe_definition(SettingList *list, const GuestDef *def, Plane plane, bool cgroup_v2)
{
    for (unsigned id = 0; id < def->max_vcpus; id++) {
        const CpuSet *pin = guest_def_vcpu_pin(def, id);
        observe_cpus(list, KNOB_VCPU_PIN, plane, id, pin ? pin : def->vcpu_cpuset);
    }
    CPUSET_FOREACH(id, def->iothreads)
    {
        const CpuSet *pin = guest_def_iothread_pin(def, id);
        observe_cpus(list, KNOB_IOTHREAD_PIN, plane, id, pin ? pin : def->vcpu_cpuset);
    }
    observe_cpus(list, KNOB_EMULATOR_PIN, plane, 0,
                 def->emulator_pin ? def->emulator_pin : def->vcpu_cpuset);
    observe_text(list, KNOB_CPU_WEIGHT, plane, 0, weight_value(def->shares, cgroup_v2));
    observe_text(list, KNOB_CPU_QUOTA, plane, 0, quota_value(def->vcpu_quota, def->vcpu_period));
    observe_text(list, KNOB_NUMA_NODESET, plane, 0,
                 nodeset_format(def->numa_mode, def->numa_nodeset));
    for (unsigned i = 0; i < setting_list_size(def->knobs); i++) {
        const Setting *knob = setting_list_get(def->knobs, i);
        SettingKey key = knob->key;
        key.plane = plane;
        setting_list_add(list, &key, knob->value, NULL, NULL);
    }
}

/* v2: an empty cpuset is as wide as its parent's. */
static const CpuSet *set_or_null(const CpuSet *set)
{
    return cpuset_is_empty(set) ? NULL : set;
}

/* Where the kernel can grant nothing of what was asked for, what the parent has is in force. */
static const CpuSet *cpuset_in_force(const GuestCgroup *cgroup)
{
    bool refused = !cpuset_is_empty(cgroup->cpus_effective) &&
                   !cpuset_intersects(cgroup->cpus, cgroup->cpus_effective);

    return refused && !cpuset_is_empty(cgroup->cpus) ? cgroup->cpus_effective
                                                     : set_or_null(cgroup->cpus);
}

static void observe_cgroups(SettingList *list, const GuestKernel *kernel)
{
    g_autoptr(CpuSet) mems = cpuset_new();
    bool has_mems = false;

    for (unsigned i = 0; i < kernel->n_cgroups; i++) {
        const GuestCgroup *cgroup = &kernel->cgroups[i];
        if (cgroup->cpus)
            observe_cpus(list, home_knob(cgroup->home), PLANE_ACTUAL, cgroup->home_id,
                         cpuset_in_force(cgroup));
        if (cgroup->home != HOME_VCPU)
            continue;
        if (cgroup->period_usec > 0)
            observe_text(list, KNOB_CPU_QUOTA, PLANE_ACTUAL, cgroup->home_id,
                         quota_value(cgroup->quota_usec, cgroup->period_usec));
        if (cgroup->mems) {
            hwloc_bitmap_or(mems, mems, cgroup->mems);
            has_mems = true;
        }
    }
    if (has_mems)
        observe_cpus(list, KNOB_NUMA_NODESET, PLANE_ACTUAL, 0, set_or_null(mems));
    if (kernel->cpu_shares >= 0)
        observe_text(list, KNOB_CPU_WEIGHT, PLANE_ACTUAL, 0,
                     weight_value(kernel->cpu_shares, kernel->cgroup_v2));
}

static void observe_threads(SettingList *list, const GuestKernel *kernel)
{
    for (unsigned i = 0; i < kernel->n_threads; i++) {
        const GuestThread *thread = &kernel->threads[i];
        bool vhost = thread->home == HOME_EMULATOR && thread->thread_class == THREAD_VHOST;
        SettingKey key = {.knob = vhost ? KNOB_VHOST_PIN : home_knob(thread->home),
                          .instance = thread->home_id,
                          .plane = PLANE_ACTUAL,
                          .tid = thread->tid,
                          .tid_start = thread->starttime};
        setting_list_add_cpus(list, &key, thread->affinity, NULL, NULL);
    }
}

SettingList *observed_make(const Guest *guest)
{
    g_autoptr(SettingList) list = setting_list_new();
    bool cgroup_v2 = guest->kernel && guest->kernel->cgroup_v2;

    if (guest->live)
        observe_definition(list, guest->live, PLANE_LIVE, cgroup_v2);
    if (guest->config)
        observe_definition(list, guest->config, PLANE_CONFIG, cgroup_v2);
    if (guest->kernel) {
        observe_cgroups(list, guest->kernel);
        observe_threads(list, guest->kernel);
    }
    setting_list_sort(list);
    return g_steal_pointer(&list);
}
