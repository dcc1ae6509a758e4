/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Which nodes a guest may go to. vCPUs go where the memory is, never memory to vCPUs: a running
 * guest has only the nodes where its memory is, by its strict nodeset, else as measured, else as
 * its pins suggest; but with numa.migrate_memory all its memory can be moved to. A starting guest
 * has those the policy lists, or all.
 */
#include "plan/planner.h"

/* For each memory-only node the nodes with CPUs that are nearest to it. */
static CpuSet *nearest_cpu_nodes(const Planner *planner, const CpuSet *nodes)
{
    const Topo *topo = planner->topo;
    CpuSet *nearest = cpuset_new();

    CPUSET_FOREACH(from, nodes)
    {
        unsigned least = UINT_MAX;
        CPUSET_FOREACH(to, planner->cpu_nodes)
        least = MIN(least, topo_distance(topo, from, to));
        CPUSET_FOREACH(to, planner->cpu_nodes)
        if (topo_distance(topo, from, to) == least)
            hwloc_bitmap_set(nearest, to);
    }
    return nearest;
}

CpuSet *cpu_nodes_for(const Planner *planner, const CpuSet *nodes)
{
    return cpuset_intersects(nodes, planner->cpu_nodes) ? cpuset_and(nodes, planner->cpu_nodes)
                                                        : nearest_cpu_nodes(planner, nodes);
}

static void add_narrow(CpuSet *cpus, const CpuSet *mask, const CpuSet *allowed)
{
    if (mask && !cpuset_is_subset(allowed, mask))
        hwloc_bitmap_or(cpus, cpus, mask);
}

static CpuSet *pinned_vcpus_cpus(const Seat *seat)
{
    CpuSet *cpus = cpuset_new();

    CPUSET_FOREACH(id, seat->def->vcpus)
    {
        const CpuSet *pin = guest_def_vcpu_pin(seat->def, id);
        add_narrow(cpus, pin ? pin : seat->def->vcpu_cpuset, seat->allowed);
    }
    hwloc_bitmap_and(cpus, cpus, seat->allowed);
    return cpus;
}

CpuSet *seat_live_cpus(const Seat *seat)
{
    const GuestDef *def = seat->def;
    const GuestKernel *kernel = seat->in->guest->kernel;
    CpuSet *cpus = pinned_vcpus_cpus(seat);

    add_narrow(cpus, def->vcpu_cpuset, seat->allowed);
    add_narrow(cpus, def->emulator_pin, seat->allowed);
    for (unsigned i = 0; i < def->n_iothread_pins; i++)
        add_narrow(cpus, def->iothread_pins[i].cpus, seat->allowed);
    for (unsigned i = 0; kernel && i < kernel->n_threads; i++)
        if (!kernel->threads[i].fixed)
            add_narrow(cpus, kernel->threads[i].affinity, seat->allowed);
    return cpus;
}

static bool had_own_pus(const GuestPlan *before)
{
    return before && before->result == PLAN_PLACED && !cpuset_is_empty(before->exclusive) &&
           (before->cpu_policy == CPU_DEDICATED || before->cpu_policy == CPU_MIXED);
}

/* Nodes its cells are bound to; NULL: not all of them are. */
static CpuSet *nodes_of_cells(const GuestDef *def)
{
    g_autoptr(CpuSet) nodes = cpuset_new();

    for (unsigned i = 0; i < def->n_cells; i++) {
        if (!def->cells[i].nodes)
            return NULL;
        hwloc_bitmap_or(nodes, nodes, def->cells[i].nodes);
    }
    return def->n_cells > 0 ? g_steal_pointer(&nodes) : NULL;
}

/* Of nodes those its definition holds its memory on; NULL: it does not. What restrictive says of
 * the whole guest may be changed while it runs. */
static CpuSet *bound_nodes(const Seat *seat, const CpuSet *nodes)
{
    const GuestDef *def = seat->def;
    g_autoptr(CpuSet) of_cells = nodes_of_cells(def);

    if (of_cells)
        return cpuset_intersects(nodes, of_cells) ? cpuset_and(nodes, of_cells) : NULL;
    bool bound =
        def->numa_mode == NUMA_STRICT || (def->numa_mode == NUMA_RESTRICTIVE && !seat->in->running);

    return bound && !def->numa_auto && cpuset_intersects(nodes, def->numa_nodeset)
               ? cpuset_and(nodes, def->numa_nodeset)
               : NULL;
}

/* A guest without vCPUs of its own that runs and has less than a tenth of its memory: where that
 * is says nothing of the rest. */
static bool has_little_memory(const Seat *seat)
{
    const GuestKernel *kernel = seat->in->guest->kernel;
    uint64_t kib = 0;

    if (!seat->in->running || !seat_floats(seat) || seat->n_vcpu_claims > 0 || !kernel ||
        !kernel->memory_kib)
        return false;
    for (unsigned i = 0; i < kernel->n_memory_kib; i++)
        kib += kernel->memory_kib[i];
    return kib * 10 < seat->def->current_memory_kib;
}

/* Where the memory of a running guest is, as far as it can be told; may be all nodes. */
static CpuSet *running_nodes(const Planner *planner, const Seat *seat)
{
    const GuestKernel *kernel = seat->in->guest->kernel;
    const Topo *topo = planner->topo;
    const CpuSet *nodes = planner->nodes;
    g_autoptr(CpuSet) bound = bound_nodes(seat, nodes);
    bool at_home = seat->n_vcpu_claims == 0 && seat->had != NO_NODE && !seat->node_list;

    if (bound)
        return g_steal_pointer(&bound);
    if (kernel && kernel->memory_nodes && cpuset_intersects(nodes, kernel->memory_nodes) &&
        !has_little_memory(seat))
        return cpuset_and(nodes, kernel->memory_nodes);
    if (at_home)
        return cpuset_new_one(topo->nodes[seat->had].os_index);
    g_autoptr(CpuSet) cpus = pinned_vcpus_cpus(seat);
    g_autoptr(CpuSet) pinned_nodes =
        had_own_pus(seat->before) ? cpuset_copy(seat->before->nodes) : topo_nodes_of(topo, cpus);
    if (cpuset_intersects(pinned_nodes, seat->mems))
        return cpuset_and(pinned_nodes, seat->mems);
    return cpuset_copy(cpuset_is_empty(seat->mems) ? nodes : seat->mems);
}

static CpuSet *running_cpu_nodes(const Seat *seat)
{
    if (!seat->node_list || cpuset_is_subset(seat->mem_nodes, seat->node_list))
        return cpuset_copy(seat->mem_nodes);
    if (cpuset_intersects(seat->mem_nodes, seat->node_list))
        return cpuset_and(seat->mem_nodes, seat->node_list);
    g_autofree char *have = cpuset_format(seat->mem_nodes);
    g_autofree char *want = cpuset_format(seat->node_list);
    if (!seat->unmanaged)
        diag_add(seat->diags, DIAG_WARNING, NULL, seat->in->guest->name,
                 "its memory is on node %s: its vCPUs stay there, and numa.nodes %s holds from its "
                 "next start",
                 have, want);
    return cpuset_copy(seat->mem_nodes);
}

/* numa.devices: required. */
static void near_devices(const Topo *topo, const Seat *seat, CpuSet *nodes)
{
    g_autoptr(CpuSet) with = seat_required_nodes(topo, seat);

    if (with)
        hwloc_bitmap_and(nodes, nodes, with);
}

static bool is_starting(const Seat *seat, const CpuSet *bound)
{
    if (!seat->in->running)
        return true;
    return has_little_memory(seat) && !seat->before && seat->had == NO_NODE && !bound &&
           !seat->node_list;
}

/* Its memory will be where its definition says, wherever its vCPUs are. */
static bool is_bound_at_start(const Seat *seat)
{
    return seat->n_vcpu_claims == 0 || seat->def->has_memnodes ||
           seat->def->numa_mode == NUMA_STRICT;
}

bool seat_migrates(const Seat *seat)
{
    const PolicyValue *migrate = guest_policy_get(seat->in->policy, KEY_NUMA_MIGRATE_MEMORY);

    return seat->in->running && !seat->unmanaged && migrate && migrate->u;
}

/* Its strict nodeset holds; else the policy's list, or all it may use. */
static void choose_migrating(const Planner *planner, Seat *seat, const CpuSet *bound)
{
    if (bound)
        seat->mem_nodes = cpuset_copy(bound);
    else if (seat->node_list && cpuset_intersects(seat->node_list, seat->mems))
        seat->mem_nodes = cpuset_and(seat->node_list, seat->mems);
    else
        seat->mem_nodes = cpuset_copy(cpuset_is_empty(seat->mems) ? planner->nodes : seat->mems);
}

void seat_choose_candidates(const Planner *planner, Seat *seat)
{
    g_autoptr(CpuSet) bound = bound_nodes(seat, planner->nodes);
    g_autoptr(CpuSet) nodes = NULL;

    seat->had = home_had(planner->topo, seat);
    seat->starts = is_starting(seat, bound);
    if (!seat->starts && seat_migrates(seat)) {
        choose_migrating(planner, seat, bound);
        nodes = running_cpu_nodes(seat);
    } else if (!seat->starts) {
        seat->mem_nodes = running_nodes(planner, seat);
        nodes = running_cpu_nodes(seat);
    } else if (seat->node_list) {
        seat->mem_nodes = cpuset_and(seat->node_list, seat->mems);
        nodes = cpuset_copy(seat->node_list);
    } else if (bound && is_bound_at_start(seat)) {
        seat->mem_nodes = cpuset_copy(bound);
        nodes = cpuset_copy(bound);
    } else {
        nodes = cpuset_copy(planner->nodes);
        if (!cpuset_intersects(planner->cpu_nodes, seat->mems))
            seat->mem_nodes = cpuset_copy(seat->mems);
    }
    near_devices(planner->topo, seat, nodes);
    seat->cpu_nodes = cpu_nodes_for(planner, nodes);
}
