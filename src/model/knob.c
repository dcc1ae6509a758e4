/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "model/knob.h"

#include <string.h>

#define ALL_PLANES                                                                                 \
    {                                                                                              \
        [PLANE_ACTUAL] = true, [PLANE_LIVE] = true, [PLANE_CONFIG] = true                          \
    }
#define ACTUAL_ONLY                                                                                \
    {                                                                                              \
        [PLANE_ACTUAL] = true                                                                      \
    }

static const KnobInfo knobs[N_KNOBS] = {
    [KNOB_VCPU_PIN] =
        {
            .knob = KNOB_VCPU_PIN,
            .name = "vcpu.pin",
            .type = KNOB_TYPE_CPUS,
            .instance = INSTANCE_VCPU,
            .instance_actual = INSTANCE_VCPU,
            .change = KNOB_LIVE,
            .planes = ALL_PLANES,
            .per_thread = true,
            .observes = "cpuset of cgroup vcpuN, sched_getaffinity, <vcpupin>",
            .applies = "virDomainPinVcpuFlags, sched_setaffinity",
            .doc = "CPUs a vCPU may run on",
        },
    [KNOB_EMULATOR_PIN] =
        {
            .knob = KNOB_EMULATOR_PIN,
            .name = "emulator.pin",
            .type = KNOB_TYPE_CPUS,
            .instance = INSTANCE_GUEST,
            .instance_actual = INSTANCE_GUEST,
            .change = KNOB_LIVE,
            .planes = ALL_PLANES,
            .per_thread = true,
            .observes = "cpuset of cgroup emulator, sched_getaffinity, <emulatorpin>",
            .applies = "virDomainPinEmulator, sched_setaffinity",
            .doc = "CPUs of QEMU's main thread and other helper threads; the cgroup and the "
                   "definitions "
                   "hold the union with vhost.pin",
        },
    [KNOB_IOTHREAD_PIN] =
        {
            .knob = KNOB_IOTHREAD_PIN,
            .name = "iothread.pin",
            .type = KNOB_TYPE_CPUS,
            .instance = INSTANCE_IOTHREAD,
            .instance_actual = INSTANCE_IOTHREAD,
            .change = KNOB_LIVE,
            .planes = ALL_PLANES,
            .per_thread = true,
            .observes = "cpuset of cgroup iothreadN, sched_getaffinity, <iothreadpin>",
            .applies = "virDomainPinIOThread, sched_setaffinity",
            .doc = "CPUs an IOThread may run on",
        },
    [KNOB_VHOST_PIN] =
        {
            .knob = KNOB_VHOST_PIN,
            .name = "vhost.pin",
            .type = KNOB_TYPE_CPUS,
            .instance = INSTANCE_GUEST,
            .instance_actual = INSTANCE_GUEST,
            .change = KNOB_LIVE,
            .planes = ACTUAL_ONLY,
            .per_thread = true,
            .observes = "sched_getaffinity",
            .applies = "sched_setaffinity",
            .doc = "CPUs of the guest's vhost workers; libvirt's definition has no word for it",
        },
    [KNOB_CPU_WEIGHT] =
        {
            .knob = KNOB_CPU_WEIGHT,
            .name = "cpu.weight",
            .type = KNOB_TYPE_WEIGHT,
            .instance = INSTANCE_GUEST,
            .instance_actual = INSTANCE_GUEST,
            .change = KNOB_LIVE,
            .planes = ALL_PLANES,
            .observes = "cpu.weight (v2) or cpu.shares (v1) of the guest's cgroup, <shares>",
            .applies = "virDomainSetSchedulerParametersFlags (cpu_shares)",
            .doc = "Share of CPU time where CPUs are short, against other guests",
        },
    [KNOB_CPU_QUOTA] =
        {
            .knob = KNOB_CPU_QUOTA,
            .name = "cpu.quota",
            .type = KNOB_TYPE_PERCENT,
            .instance = INSTANCE_GUEST,
            .instance_actual = INSTANCE_VCPU,
            .change = KNOB_LIVE,
            .planes = ALL_PLANES,
            .observes = "cpu.max (v2) or cpu.cfs_quota_us (v1) of cgroup vcpuN, <quota>",
            .applies = "virDomainSetSchedulerParametersFlags (vcpu_period, vcpu_quota)",
            .doc = "Most CPU time each vCPU may use",
        },
    [KNOB_NUMA_NODESET] =
        {
            .knob = KNOB_NUMA_NODESET,
            .name = "numa.nodeset",
            .type = KNOB_TYPE_NODESET,
            .instance = INSTANCE_GUEST,
            .instance_actual = INSTANCE_GUEST,
            .change = KNOB_LIVE,
            .planes = ALL_PLANES,
            .observes = "cpuset.mems of the guest's cgroups, <numatune><memory>",
            .applies = "virDomainSetNumaParameters (numa_mode, numa_nodeset)",
            .doc =
                "NUMA nodes the guest's memory comes from; a running guest takes it only in mode "
                "restrictive, or where its definition names no mode",
        },
};

const KnobInfo *knob_info(Knob knob)
{
    return &knobs[knob];
}

int knob_by_name(const char *name)
{
    for (int i = 0; i < N_KNOBS; i++) {
        if (strcmp(knobs[i].name, name) == 0)
            return i;
    }
    return -1;
}

const char *plane_name(Plane plane)
{
    switch (plane) {
    case PLANE_ACTUAL:
        return "actual";
    case PLANE_LIVE:
        return "live";
    case PLANE_CONFIG:
        return "config";
    }
    return "unknown";
}

int plane_by_name(const char *name)
{
    for (int i = 0; i < N_PLANES; i++) {
        if (strcmp(plane_name((Plane)i), name) == 0)
            return i;
    }
    return -1;
}

const char *knob_type_name(KnobType type)
{
    switch (type) {
    case KNOB_TYPE_CPUS:
        return "cpus";
    case KNOB_TYPE_WEIGHT:
        return "weight";
    case KNOB_TYPE_PERCENT:
        return "percent";
    case KNOB_TYPE_NODESET:
        return "nodeset";
    }
    return "unknown";
}

const char *knob_change_name(KnobChange change)
{
    switch (change) {
    case KNOB_LIVE:
        return "live";
    case KNOB_HOT:
        return "hot";
    case KNOB_COLD:
        return "cold";
    }
    return "unknown";
}
