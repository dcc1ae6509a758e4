/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The pool: who floats over it, what they may use of it, and the floor under it. */
#include "plan/board.h"

CpuSet *pool_now(const Planner *planner)
{
    return cpuset_minus(planner->pool_base, planner->exclusive);
}

unsigned seat_pool_vcpus(const Seat *seat)
{
    unsigned own = 0;

    if (seat->unmanaged || (seat->cpu_policy == CPU_DEDICATED && !seat->refused))
        return 0;
    unsigned all = cpuset_weight(seat->def->vcpus);
    if (seat->refused)
        return all;
    switch (seat->cpu_policy) {
    case CPU_SHARED:
        return all;
    case CPU_DEDICATED:
        return 0;
    case CPU_MIXED:
        return all - seat->n_vcpu_claims;
    case CPU_MANUAL:
        CPUSET_FOREACH(id, seat->def->vcpus)
        own += seat_pin(seat, id) != NULL;
        return all - own;
    }
    return all;
}

/* The nodes the policy lists, where that leaves anything. */
static void restrict_to_list(const Planner *planner, const Seat *seat, CpuSet *cpus)
{
    if (!seat->node_list || seat->refused)
        return;
    g_autoptr(CpuSet) listed = topo_cpus_of_nodes(planner->topo, seat->node_list);
    if (cpuset_intersects(cpus, listed))
        hwloc_bitmap_and(cpus, cpus, listed);
}

CpuSet *pool_mask(const Planner *planner, const Seat *seat, const CpuSet *pool, PoolMask *ret_kind)
{
    g_autoptr(CpuSet) cpus = cpuset_and(pool, seat->allowed);

    if (seat->home != NO_NODE)
        hwloc_bitmap_and(cpus, cpus, planner->topo->nodes[seat->home].cpus);
    *ret_kind = MASK_POOL;
    if (cpuset_is_empty(cpus)) {
        *ret_kind = MASK_OTHER;
        /* Its partition may lie outside the one the pool is in. */
        g_autoptr(CpuSet) rest = cpuset_minus(seat->allowed, planner->exclusive);
        hwloc_bitmap_andnot(cpus, rest, planner->topo->isolated);
        /* On isolated CPUs a mask of several is as good as its first. */
        if (cpuset_is_empty(cpus) && !cpuset_is_empty(rest))
            hwloc_bitmap_only(cpus, cpuset_first(rest));
    }
    if (cpuset_is_empty(cpus)) {
        *ret_kind = MASK_ALL;
        hwloc_bitmap_copy(cpus,
                          cpuset_is_empty(seat->allowed) ? planner->topo->online : seat->allowed);
    }
    restrict_to_list(planner, seat, cpus);
    return g_steal_pointer(&cpus);
}

/* --- the floor --- */

static unsigned limit_tenths(const Planner *planner)
{
    return (unsigned)(policy_get_cpu_overcommit(planner->policy) * 10 + 0.5);
}

unsigned pool_pus_needed(const Planner *planner, unsigned n_vcpus)
{
    unsigned tenths = MAX(limit_tenths(planner), 1);

    return (unsigned)(((uint64_t)n_vcpus * 10 + tenths - 1) / tenths);
}

void refuse_for_floor(const Planner *planner, Seat *seat, unsigned left)
{
    unsigned n_vcpus = planner->board->pool_vcpus;
    unsigned need = MAX(pool_pus_needed(planner, n_vcpus), 1), tenths = limit_tenths(planner);
    PlanShortage shortage = {"pool PUs", need > left ? need - left : 1, "PUs", -1};

    if (need <= left || left == 0)
        seat_refuse(seat, shortage,
                    "would leave no pool CPU to the guests that float: %" PRIu64 " pool %s short",
                    shortage.amount, shortage.amount == 1 ? "PU" : "PUs");
    else
        seat_refuse(seat, shortage,
                    "would leave %u pool %s to %u floating vCPUs, cpu_overcommit %u.%u needs %u: "
                    "%" PRIu64 " pool %s short",
                    left, left == 1 ? "PU" : "PUs", n_vcpus, tenths / 10, tenths % 10, need,
                    shortage.amount, shortage.amount == 1 ? "PU" : "PUs");
}

bool pool_is_missed(const Planner *planner, const GPtrArray *seats)
{
    g_autoptr(CpuSet) pool = pool_now(planner);

    for (guint i = 0; i < seats->len; i++) {
        const Seat *seat = g_ptr_array_index(seats, i);
        if (seat->refused && cpuset_intersects(planner->pool_base, seat->allowed) &&
            !cpuset_intersects(pool, seat->allowed))
            return true;
    }
    return false;
}

void pool_diagnose(const Planner *planner, DiagList *diags)
{
    unsigned n_vcpus = planner->board->pool_vcpus, n_pus = cpuset_weight(planner->pool);

    for (guint i = 0; i < planner->seats->len; i++) {
        const Seat *seat = g_ptr_array_index(planner->seats, i);
        PoolMask kind;
        if (planner->board->pool_by_set[seat->set] > 0)
            continue;
        hwloc_bitmap_free(pool_mask(planner, seat, planner->pool, &kind));
        if (kind == MASK_ALL && seat_pool_vcpus(seat) > 0)
            diag_add(diags, DIAG_WARNING, NULL, seat->in->guest->name,
                     "the pool is empty: it may run on all CPUs it is allowed, those of dedicated "
                     "guests too");
    }
    if (n_pus == 0 || n_pus >= pool_pus_needed(planner, n_vcpus))
        return;
    unsigned tenths = (unsigned)((uint64_t)n_vcpus * 10 / n_pus), limit = limit_tenths(planner);
    diag_add(diags, DIAG_WARNING, NULL, "host.cpu_overcommit",
             "%u vCPUs float over %u pool %s: %u.%u to one, the limit is %u.%u", n_vcpus, n_pus,
             n_pus == 1 ? "PU" : "PUs", tenths / 10, tenths % 10, limit / 10, limit % 10);
}
