/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * numatune: only where the policy or the guest names a mode, and mode and nodes always together. A
 * guest that floats gets one only for nodes the policy lists.
 */
#include "plan/planner.h"

/* With placement='auto' the nodes are numad's, which a nodeset would take away for good: libvirt
 * has no call that brings it back. */
int numa_mode_of(const Seat *seat)
{
    const PolicyValue *word = guest_policy_get(seat->in->policy, KEY_NUMA_MODE);

    if (seat->def->numa_auto)
        return -1;
    for (NumaMode mode = NUMA_STRICT; word && mode <= NUMA_RESTRICTIVE; mode++)
        if (g_strcmp0(word->text, numa_mode_name(mode)) == 0)
            return (int)mode;
    return seat->def->numa_mode;
}

/* What the guest has already, if its vCPUs are still within: memory that went to more nodes at the
 * start stays bound to them. NULL: it has none. */
static const CpuSet *nodes_had(const Seat *seat, int mode, const CpuSet *vcpu_nodes)
{
    const GuestDef *live = seat->in->running ? seat->in->guest->live : NULL;
    const CpuSet *nodes = NULL;

    if (seat->before && seat->before->numa_mode == mode)
        nodes = seat->before->numa_nodes;
    else if (live && mode == NUMA_STRICT && live->numa_mode == NUMA_STRICT)
        nodes = live->numa_nodeset;
    return nodes && !cpuset_is_empty(nodes) && cpuset_is_subset(vcpu_nodes, nodes) ? nodes : NULL;
}

/* NULL: no nodes to bind to */
static CpuSet *nodes_of(const Planner *planner, const Seat *seat, const GuestPlan *plan, int mode)
{
    g_autoptr(CpuSet) own = seat_vcpu_pus(seat);
    g_autoptr(CpuSet) vcpu_nodes = topo_nodes_of(planner->topo, own);
    const CpuSet *had = nodes_had(seat, mode, vcpu_nodes);

    if (seat->node_list)
        return cpuset_copy(seat->node_list);
    if (cpuset_is_empty(own))
        return NULL;
    if (had)
        return cpuset_copy(had);
    g_autoptr(CpuSet) nodes = cpuset_and(plan->nodes, seat->mems);
    return cpuset_is_empty(nodes) ? NULL : g_steal_pointer(&nodes);
}

/* The first of nodes that cannot hold all guests assigned to it; -1: all can. */
static int node_over(const Planner *planner, const CpuSet *nodes)
{
    for (unsigned i = 0; i < planner->topo->n_nodes; i++)
        if (cpuset_has(nodes, planner->topo->nodes[i].os_index) &&
            capacity_is_over(planner->capacity, i))
            return (int)planner->topo->nodes[i].os_index;
    return -1;
}

/* The one live change libvirt makes: mode restrictive there already or with this call, and then
 * only if no page would move. */
static bool can_change_live(const Seat *seat, int mode, const CpuSet *nodes)
{
    const GuestDef *live = seat->in->running ? seat->in->guest->live : NULL;
    const GuestKernel *kernel = seat->in->guest->kernel;

    if (!live || mode != NUMA_RESTRICTIVE)
        return false;
    if (live->numa_mode >= 0 && live->numa_mode != NUMA_RESTRICTIVE)
        return false;
    if (live->numa_mode == mode && cpuset_equal(live->numa_nodeset, nodes))
        return false;
    return kernel && kernel->memory_nodes_any && cpuset_is_subset(kernel->memory_nodes_any, nodes);
}

void numa_write(const Planner *planner, const Seat *seat, GuestPlan *plan)
{
    int mode = numa_mode_of(seat);
    g_autoptr(CpuSet) nodes = mode >= 0 ? nodes_of(planner, seat, plan, mode) : NULL;

    if (!nodes)
        return;
    int over = mode == NUMA_STRICT && !seat->node_list ? node_over(planner, nodes) : -1;
    if (over >= 0) {
        diag_add(seat->diags, DIAG_WARNING, NULL, seat->in->guest->name,
                 "node %d cannot hold the memory of all guests on it: no strict nodeset", over);
        return;
    }
    plan->numa_mode = mode;
    hwloc_bitmap_copy(plan->numa_nodes, nodes);
    plan->numa_live = can_change_live(seat, mode, nodes);
    plan->numa_reason =
        g_strdup(seat->node_list ? "nodes the policy lists" : "nodes it is placed on");
    plan->numa_origin =
        policy_origin(seat->in->policy, seat->node_list ? KEY_NUMA_NODES : KEY_NUMA_MODE);
}
