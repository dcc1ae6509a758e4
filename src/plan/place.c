/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One guest after the other gets its place, or is refused. A refused guest holds nothing but the
 * memory it has if it runs. */
#include "plan/planner.h"

CpuSet *seat_free_pus(const Planner *planner, const Seat *seat)
{
    CpuSet *pus = cpuset_minus(seat->allowed, planner->housekeeping);

    hwloc_bitmap_andnot(pus, pus, planner->exclusive);
    hwloc_bitmap_andnot(pus, pus, planner->off);
    return pus;
}

/* What would be exclusive if these were the PUs of the claims. */
static CpuSet *exclusive_of(const Topo *topo, const Seat *seat, const unsigned *pus)
{
    CpuSet *cpus = cpuset_new();

    for (unsigned i = 0; i < seat->n_vcpu_claims; i++)
        hwloc_bitmap_set(cpus, pus[i]);
    if (seat->threads == THREADS_ISOLATE) {
        g_autoptr(CpuSet) cores = pick_with_siblings(topo, cpus);
        hwloc_bitmap_or(cpus, cpus, cores);
    }
    for (unsigned i = seat->n_vcpu_claims; i < seat->claims->len; i++)
        hwloc_bitmap_set(cpus, pus[i]);
    return cpus;
}

static void place_new(Planner *planner, Seat *seat)
{
    g_autoptr(NodeSearch) search = node_search_new(planner, seat);
    g_autoptr(CpuSet) nodes = NULL;
    g_autofree unsigned *pus = node_search_run(search, &nodes);

    if (!pus) {
        refuse_for_room(seat, search);
        return;
    }
    g_autoptr(CpuSet) cpus = exclusive_of(planner->topo, seat, pus);
    if (!pool_floor_holds(planner, cpus)) {
        refuse_for_floor(planner, seat, cpus);
        return;
    }
    for (guint i = 0; i < seat->claims->len; i++)
        seat_claim(seat, i)->pu = pus[i];
    seat->nodes = g_steal_pointer(&nodes);
    seat_take(planner, seat);
}

/* --- what a running guest lacks --- */

/* One PU for a plugged vCPU: a sibling of its own, else as its thread policy wants. With require
 * no core is begun while another is not full. */
static unsigned pick_plugged(const Planner *planner, const Seat *seat, const CpuSet *free)
{
    const Topo *topo = planner->topo;
    g_autoptr(CpuSet) own = seat_vcpu_pus(seat);
    g_autoptr(CpuSet) near = topo_llcs_of(topo, own);
    g_autoptr(CpuSet) usable = pick_with_siblings(topo, own);
    bool full = cpuset_equal(usable, own);

    hwloc_bitmap_and(usable, usable, free);
    if (seat->threads == THREADS_ISOLATE ||
        (cpuset_is_empty(usable) && (full || seat->threads == THREADS_PREFER))) {
        hwloc_bitmap_free(usable);
        usable = pick_usable(topo, free, seat->threads);
    }
    g_autoptr(CpuSet) picked = pick_vcpu_pus(topo, usable, 1, near, seat->threads);
    return cpuset_is_empty(picked) ? NO_PU : cpuset_first(picked);
}

static unsigned pick_one_helper(const Planner *planner, const Seat *seat, const CpuSet *free)
{
    g_autoptr(CpuSet) own = seat_vcpu_pus(seat);
    g_autoptr(CpuSet) near = topo_llcs_of(planner->topo, own);
    g_autoptr(CpuSet) picked = pick_helper_pus(planner->topo, free, 1, near);

    return cpuset_is_empty(picked) ? NO_PU : cpuset_first(picked);
}

/* Nodes for one more PU, in turn: those it is on, then those it may be on. A helper has its home
 * node alone. */
static CpuSet *nodes_for_one(const Planner *planner, const Seat *seat, const Claim *claim,
                             unsigned turn)
{
    g_autoptr(CpuSet) own = seat_vcpu_pus(seat);
    g_autoptr(CpuSet) nodes = topo_nodes_of(planner->topo, own);

    if (turn > 0 || cpuset_is_empty(nodes))
        return cpuset_copy(seat->cpu_nodes);
    if (claim->thread_class == THREAD_VCPU)
        return g_steal_pointer(&nodes);
    for (unsigned i = 0; i < seat->n_vcpu_claims; i++)
        if (seat_claim(seat, i)->pu != NO_PU)
            return cpuset_new_one(topo_pu(planner->topo, seat_claim(seat, i)->pu)->node);
    return g_steal_pointer(&nodes);
}

static bool place_one(Planner *planner, Seat *seat, Claim *claim)
{
    bool vcpu = claim->thread_class == THREAD_VCPU;

    for (unsigned turn = 0; turn < (vcpu ? 2u : 1u); turn++) {
        g_autoptr(CpuSet) nodes = nodes_for_one(planner, seat, claim, turn);
        g_autoptr(CpuSet) cpus = topo_cpus_of_nodes(planner->topo, nodes);
        g_autoptr(CpuSet) free = seat_free_pus(planner, seat);
        hwloc_bitmap_and(free, free, cpus);
        unsigned pu =
            vcpu ? pick_plugged(planner, seat, free) : pick_one_helper(planner, seat, free);
        if (pu == NO_PU)
            continue;
        g_autoptr(CpuSet) taken = cpuset_new_one(pu);
        if (vcpu && seat->threads == THREADS_ISOLATE) {
            hwloc_bitmap_free(taken);
            taken = cpuset_copy(topo_core(planner->topo, topo_pu(planner->topo, pu)->core)->cpus);
        }
        if (!pool_floor_holds(planner, taken))
            continue;
        claim->pu = pu;
        seat_take(planner, seat);
        return true;
    }
    return false;
}

static int pu_compare(gconstpointer a, gconstpointer b)
{
    return CMP(*(const unsigned *)a, *(const unsigned *)b);
}

/* New helpers get their PUs in ascending order, which tells emulator from vhost later. */
static void order_helpers(const Seat *seat, const GArray *placed)
{
    g_autoptr(GArray) pus = g_array_new(FALSE, FALSE, sizeof(unsigned));

    for (guint i = 0; i < placed->len; i++)
        g_array_append_val(pus, seat_claim(seat, g_array_index(placed, guint, i))->pu);
    g_array_sort(pus, pu_compare);
    for (guint i = 0; i < placed->len; i++)
        seat_claim(seat, g_array_index(placed, guint, i))->pu = g_array_index(pus, unsigned, i);
}

static void place_missing(Planner *planner, Seat *seat)
{
    g_autoptr(GArray) placed = g_array_new(FALSE, FALSE, sizeof(guint));

    for (guint i = 0; i < seat->claims->len; i++) {
        Claim *claim = seat_claim(seat, i);
        if (claim->pu != NO_PU)
            continue;
        if (place_one(planner, seat, claim)) {
            if (claim->thread_class != THREAD_VCPU)
                g_array_append_val(placed, i);
            continue;
        }
        if (claim->thread_class == THREAD_VCPU)
            diag_add(planner->diags, DIAG_WARNING, NULL, seat->in->guest->name,
                     "no PU is free for vCPU %u: it shares those of the guest", claim->id);
        else
            diag_add(planner->diags, DIAG_WARNING, NULL, seat->in->guest->name,
                     "no PU is free for its %s alone: as if cpu.%s were share",
                     thread_class_name(claim->thread_class),
                     claim->thread_class == THREAD_IOTHREAD
                         ? "iothreads"
                         : (claim->thread_class == THREAD_VHOST ? "vhost" : "emulator"));
    }
    order_helpers(seat, placed);
}

/* --- */

void place_seat(Planner *planner, Seat *seat)
{
    if (seat->unmanaged)
        return;
    if (!seat->refused && seat->in_place)
        place_missing(planner, seat);
    else if (!seat->refused && seat->claims->len > 0)
        place_new(planner, seat);

    /* A refused guest has no place for its memory either: what is free stays for others. */
    if (seat->in->running || seat->refused)
        return;
    if (seat->n_vcpu_claims > 0)
        memory_hold_placed(planner, seat);
    else
        memory_hold_floating(planner, seat);
}
