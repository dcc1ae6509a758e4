/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "plan/move.h"

/* Nodes where its vCPUs may run, and its memory too. */
static CpuSet *target_nodes(const Topo *topo, const GuestPlan *plan, const Guest *guest)
{
    g_autoptr(CpuSet) nodes = guest_plan_vcpu_nodes(plan, topo);

    return cpuset_and(nodes, guest->kernel->allowed_mems ? guest->kernel->allowed_mems
                                                         : topo->allowed_mems);
}

/* move_pages(2) moves to no node outside the cpuset of the process. */
static bool cpuset_lets(const GuestKernel *kernel, const CpuSet *nodes)
{
    const GuestCgroup *cgroup = guest_kernel_cgroup(kernel, HOME_EMULATOR, 0);

    return !cgroup || cpuset_is_empty(cgroup->mems) || cpuset_is_subset(nodes, cgroup->mems);
}

static const char *why_not(const Guest *guest, const CpuSet *nodes)
{
    const GuestDef *live = guest->live;

    if (cpuset_is_empty(nodes))
        return "its vCPUs are on no node its memory may be on";
    if (live->hostdevs && live->hostdevs[0])
        return "host devices it has to itself hold its memory where it is";
    if (live->encrypted)
        return "its memory is encrypted, and stays where it is";
    if (live->n_cells > 0)
        return "it has NUMA cells: each has its own place, which its next start brings";
    if (live->numa_mode == NUMA_STRICT && !cpuset_is_empty(live->numa_nodeset) &&
        !cpuset_is_subset(nodes, live->numa_nodeset))
        return "its strict nodeset holds it where it is";
    return cpuset_lets(guest->kernel, nodes) ? NULL : "its cpuset holds it where it is";
}

MoveNeed memory_move_need(const Topo *topo, const GuestPolicy *policy, const GuestPlan *plan,
                          const Guest *guest, bool begun, CpuSet **ret_nodes, const char **ret_why)
{
    const PolicyValue *migrate = guest_policy_get(policy, KEY_NUMA_MIGRATE_MEMORY);

    if (!migrate || !migrate->u || plan->result != PLAN_PLACED || !guest->kernel || !guest->live)
        return MOVE_NONE;
    int local = guest_plan_locality_pct(plan, topo, guest->kernel);
    if (!begun && (local < 0 || local >= MOVE_GOAL_PCT))
        return MOVE_NONE;
    g_autoptr(CpuSet) nodes = target_nodes(topo, plan, guest);
    const char *why = why_not(guest, nodes);
    if (why) {
        *ret_why = why;
        return MOVE_REFUSED;
    }
    *ret_nodes = g_steal_pointer(&nodes);
    return MOVE_WANTED;
}
