/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "model/status.h"

#include <string.h>

const char *guest_state_name(GuestState state)
{
    switch (state) {
    case GUEST_OFF:
        return "off";
    case GUEST_AS_PLANNED:
        return "as-planned";
    case GUEST_PENDING:
        return "pending";
    case GUEST_DRIFTED:
        return "drifted";
    case GUEST_CONTESTED:
        return "contested";
    case GUEST_COLD_PENDING:
        return "cold-pending";
    case GUEST_NOT_EXCLUSIVE:
        return "not-exclusive";
    case GUEST_REFUSED:
        return "refused";
    case GUEST_UNMANAGED:
        return "unmanaged";
    case GUEST_RELEASED:
        return "released";
    case GUEST_BUSY:
        return "busy";
    case GUEST_STUCK:
        return "stuck";
    case GUEST_FAILED:
        return "failed";
    }
    return "unknown";
}

GuestStatus *guest_status_new(const char *uuid, const char *name)
{
    GuestStatus *status = g_new0(GuestStatus, 1);

    status->uuid = g_strdup(uuid);
    status->name = g_strdup(name);
    status->left = change_set_new();
    status->refused = change_set_new();
    return status;
}

void guest_status_free(GuestStatus *status)
{
    if (!status)
        return;
    g_free(status->uuid);
    g_free(status->name);
    g_free(status->text);
    guest_unref(status->guest);
    guest_policy_unref(status->policy);
    guest_plan_unref(status->plan);
    change_set_unref(status->left);
    change_set_unref(status->refused);
    contest_free(status->contest);
    pending_list_unref(status->pending);
    g_free(status->memory_move);
    g_strfreev(status->intruders);
    g_free(status);
}

unsigned guest_status_vcpus(const GuestStatus *status)
{
    unsigned online = 0;

    if (status->guest)
        return cpuset_weight(guest_def(status->guest)->vcpus);
    for (unsigned i = 0; status->plan && i < status->plan->n_vcpus; i++)
        online += status->plan->vcpus[i].online;
    return online;
}

int guest_status_locality_pct(const GuestStatus *status, const Topo *topo)
{
    const GuestKernel *kernel = status->guest ? status->guest->kernel : NULL;

    return status->plan && topo ? guest_plan_locality_pct(status->plan, topo, kernel) : -1;
}

CpuSet *guest_status_cpus(const GuestStatus *status)
{
    CpuSet *cpus = cpuset_new();

    for (unsigned i = 0; status->plan && i < status->plan->n_vcpus; i++)
        if (status->plan->vcpus[i].online)
            hwloc_bitmap_or(cpus, cpus, status->plan->vcpus[i].cpus);
    if (!cpuset_is_empty(cpus) || !status->guest || !status->guest->kernel)
        return cpus;
    hwloc_bitmap_free(cpus);
    return guest_kernel_affinity(status->guest->kernel);
}

const char *guest_status_cpu_policy(const GuestStatus *status)
{
    if (status->plan)
        return cpu_policy_name(status->plan->cpu_policy);
    return status->policy ? cpu_policy_name(guest_policy_get_cpu_policy(status->policy)) : NULL;
}

static void status_destroy(gpointer data)
{
    guest_status_free(data);
}

Snapshot *snapshot_new(void)
{
    Snapshot *snapshot = g_new0(Snapshot, 1);

    snapshot->policy_diags = diag_list_new();
    snapshot->guests = g_ptr_array_new_with_free_func(status_destroy);
    snapshot->jobs = g_ptr_array_new_with_free_func((GDestroyNotify)job_status_free);
    return snapshot;
}

void snapshot_free(Snapshot *snapshot)
{
    if (!snapshot)
        return;
    topo_unref(snapshot->topo);
    policy_unref(snapshot->policy);
    plan_unref(snapshot->plan);
    g_clear_pointer(&snapshot->host.host, host_unref);
    g_clear_pointer(&snapshot->host.plan, host_plan_unref);
    change_set_unref(snapshot->host.left);
    change_set_unref(snapshot->host.refused);
    diag_list_free(snapshot->policy_diags);
    g_free(snapshot->record_problem);
    g_strfreev(snapshot->cannot);
    g_ptr_array_unref(snapshot->guests);
    g_ptr_array_unref(snapshot->jobs);
    g_free(snapshot);
}

const GuestStatus *snapshot_find(const Snapshot *snapshot, const char *uuid_or_name)
{
    const GuestStatus *by_name = NULL;

    for (guint i = 0; i < snapshot->guests->len; i++) {
        const GuestStatus *status = g_ptr_array_index(snapshot->guests, i);
        if (strcmp(status->uuid, uuid_or_name) == 0)
            return status;
        if (!by_name && strcmp(status->name, uuid_or_name) == 0)
            by_name = status;
    }
    return by_name;
}
