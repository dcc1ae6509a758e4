/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Memory by node: what there is, what the policy reserves, and what planned guests hold. Counters
 * of free memory never enter: what a planned guest holds is its own, wherever it is just now.
 *
 * Huge pages are counted in the node's pool of their size; ordinary memory is what is left of the
 * node beside its pools.
 */
#include "plan/board.h"

#include <string.h>

#define KIB_PER_MIB 1024

/* Of one page size; ordinary memory in KiB, huge pages in pages. */
typedef struct Store {
    uint64_t total, taken;
} Store;

typedef struct NodeRoom {
    Store ordinary;
    Store *pools; /* by pool of the node */
} NodeRoom;

struct Capacity {
    const Topo *topo;
    NodeRoom *rooms; /* by node */
    /* Room to work in: candidates by the thousand are asked where their memory would go. */
    CpuSet *nodes, *vcpu_nodes;
    unsigned *weights;  /* by node */
    uint64_t *part_kib; /* by node */
};

static uint64_t minus_floor(uint64_t a, uint64_t b)
{
    return a > b ? a - b : 0;
}

Capacity *capacity_new(const Topo *topo, const Policy *policy)
{
    Capacity *capacity = g_new0(Capacity, 1);

    capacity->topo = topo;
    capacity->rooms = g_new0(NodeRoom, topo->n_nodes);
    capacity->nodes = cpuset_new();
    capacity->vcpu_nodes = cpuset_new();
    capacity->weights = g_new0(unsigned, topo->n_nodes);
    capacity->part_kib = g_new0(uint64_t, topo->n_nodes);
    for (unsigned i = 0; i < topo->n_nodes; i++) {
        const TopoNode *node = &topo->nodes[i];
        NodeRoom *room = &capacity->rooms[i];
        room->ordinary.total =
            minus_floor(node->memory_kib, policy_get_reserved_memory_kib(policy, node->os_index));
        room->pools = g_new0(Store, node->n_pools);
        for (unsigned j = 0; j < node->n_pools; j++) {
            PolicyPool kept = policy_get_pool(policy, node->os_index, node->pools[j].size_kib);
            room->pools[j].total = minus_floor(node->pools[j].total, kept.reserved);
            room->ordinary.total =
                minus_floor(room->ordinary.total, node->pools[j].total * node->pools[j].size_kib);
        }
    }
    return capacity;
}

void capacity_free(Capacity *capacity)
{
    if (!capacity)
        return;
    for (unsigned i = 0; i < capacity->topo->n_nodes; i++)
        g_free(capacity->rooms[i].pools);
    g_free(capacity->rooms);
    hwloc_bitmap_free(capacity->nodes);
    hwloc_bitmap_free(capacity->vcpu_nodes);
    g_free(capacity->weights);
    g_free(capacity->part_kib);
    g_free(capacity);
}

/* NULL: the node has no pages of that size. */
static Store *room_store(const Capacity *capacity, unsigned node_index, unsigned page_kib)
{
    const TopoNode *node = &capacity->topo->nodes[node_index];

    if (page_kib == capacity->topo->base_page_kib)
        return &capacity->rooms[node_index].ordinary;
    for (unsigned j = 0; j < node->n_pools; j++)
        if (node->pools[j].size_kib == page_kib)
            return &capacity->rooms[node_index].pools[j];
    return NULL;
}

static unsigned store_unit_kib(const Capacity *capacity, unsigned page_kib)
{
    return page_kib == capacity->topo->base_page_kib ? 1 : page_kib;
}

uint64_t capacity_room_kib(const Capacity *capacity, unsigned node_index, unsigned page_kib)
{
    const Store *store = room_store(capacity, node_index, page_kib);

    return store ? minus_floor(store->total, store->taken) * store_unit_kib(capacity, page_kib) : 0;
}

bool capacity_is_over(const Capacity *capacity, unsigned node_index)
{
    const NodeRoom *room = &capacity->rooms[node_index];
    bool over = room->ordinary.taken > room->ordinary.total;

    for (unsigned j = 0; j < capacity->topo->nodes[node_index].n_pools; j++)
        over |= room->pools[j].taken > room->pools[j].total;
    return over;
}

static uint64_t units_of(const Capacity *capacity, unsigned page_kib, uint64_t kib)
{
    unsigned unit = store_unit_kib(capacity, page_kib);

    return (kib + unit - 1) / unit;
}

void capacity_take(Capacity *capacity, unsigned node_index, unsigned page_kib, uint64_t kib)
{
    Store *store = room_store(capacity, node_index, page_kib);

    if (store)
        store->taken += units_of(capacity, page_kib, kib);
}

void capacity_give(Capacity *capacity, unsigned node_index, unsigned page_kib, uint64_t kib)
{
    Store *store = room_store(capacity, node_index, page_kib);

    if (store)
        store->taken -= units_of(capacity, page_kib, kib);
}

/* --- what a guest needs --- */

static unsigned cell_page_kib(const Topo *topo, const GuestDef *def, unsigned cell)
{
    return guest_def_page_kib(def, cell, topo->base_page_kib);
}

unsigned guest_page_kib(const Topo *topo, const GuestDef *def)
{
    return cell_page_kib(topo, def, def->n_cells > 0 ? def->cells[0].id : 0);
}

/* Whole pages; ordinary memory in MiB, as the plan speaks. */
static uint64_t grain_kib(unsigned page_kib)
{
    return MAX(page_kib, KIB_PER_MIB);
}

static void need_add(GArray *needs, const Topo *topo, const GuestDef *def, MemoryNeed need)
{
    need.page_kib = cell_page_kib(topo, def, need.cell);

    uint64_t grain = grain_kib(need.page_kib);
    need.kib = (need.kib + grain - 1) / grain * grain;
    if (need.kib > 0)
        g_array_append_val(needs, need);
}

GArray *memory_needs(const Topo *topo, const GuestDef *def)
{
    GArray *needs = g_array_new(FALSE, FALSE, sizeof(MemoryNeed));

    for (unsigned i = 0; i < def->n_cells; i++) {
        const GuestCell *cell = &def->cells[i];
        need_add(needs, topo, def,
                 (MemoryNeed){cell->id, 0, cell->memory_kib, cell->vcpus, cell->nodes,
                              cell->strict && cell->nodes});
    }
    if (def->n_cells == 0)
        need_add(needs, topo, def, (MemoryNeed){.kib = def->memory_kib});
    return needs;
}

uint64_t *seat_measured_mib(const Topo *topo, const Seat *seat)
{
    const GuestKernel *kernel = seat->in->running ? seat->in->guest->kernel : NULL;

    if (!kernel || !kernel->memory_kib)
        return NULL;
    uint64_t *mib = g_new0(uint64_t, MAX(topo->n_nodes, 1));
    for (unsigned i = 0; i < topo->n_nodes; i++)
        mib[i] = guest_kernel_memory_on(kernel, topo->nodes[i].os_index) / KIB_PER_MIB;
    return mib;
}

/* --- where it goes --- */

typedef struct Spread {
    const Planner *planner;
    const MemoryNeed *need;
    bool there;         /* it is in use already, whatever the room */
    unsigned *weights;  /* by node: how large a part; at least one is not 0 */
    uint64_t *part_kib; /* by node: result */
} Spread;

static unsigned spread_weight(const Spread *spread)
{
    unsigned total = 0;

    for (unsigned i = 0; i < spread->planner->topo->n_nodes; i++)
        total += spread->weights[i];
    return total;
}

static uint64_t part_room(const Spread *spread, unsigned i)
{
    uint64_t grain = grain_kib(spread->need->page_kib);
    if (spread->there)
        return minus_floor(spread->need->kib, spread->part_kib[i]);
    uint64_t room = capacity_room_kib(spread->planner->capacity, i, spread->need->page_kib);

    return minus_floor(room / grain * grain, spread->part_kib[i]);
}

/* Each weighted node its part, within its room; the rest where there is room, weighted nodes first,
 * then those the guest may use; what fits nowhere on the weightiest. */
static void spread_parts(const Spread *spread, const CpuSet *nodes)
{
    const Topo *topo = spread->planner->topo;
    uint64_t grain = grain_kib(spread->need->page_kib), left = spread->need->kib / grain;
    uint64_t all = left, total = spread_weight(spread);
    unsigned heaviest = 0;

    for (unsigned i = 0; i < topo->n_nodes; i++) {
        uint64_t part = MIN(all * spread->weights[i] / total, part_room(spread, i) / grain);
        spread->part_kib[i] = part * grain;
        left -= part;
        if (spread->weights[i] > spread->weights[heaviest])
            heaviest = i;
    }
    for (unsigned pass = 0; pass < 2; pass++)
        for (unsigned i = 0; i < topo->n_nodes && left > 0; i++) {
            if ((spread->weights[i] > 0) != (pass == 0) ||
                !cpuset_has(nodes, topo->nodes[i].os_index))
                continue;
            uint64_t more = MIN(left, part_room(spread, i) / grain);
            spread->part_kib[i] += more * grain;
            left -= more;
        }
    spread->part_kib[heaviest] += left * grain;
}

/* Fills Capacity.part_kib by Capacity.weights. False: they are all 0. */
static bool spread_need(const Planner *planner, const MemoryNeed *need, bool there,
                        const CpuSet *nodes)
{
    Capacity *capacity = planner->capacity;
    Spread spread = {planner, need, there, capacity->weights, capacity->part_kib};

    memset(capacity->part_kib, 0, planner->topo->n_nodes * sizeof(uint64_t));
    if (spread_weight(&spread) == 0)
        return false;
    spread_parts(&spread, nodes);
    return true;
}

/* As Capacity.weights say. */
static void hold_need(Planner *planner, Seat *seat, const MemoryNeed *need, const CpuSet *nodes)
{
    const Topo *topo = planner->topo;
    uint64_t *part_kib = planner->capacity->part_kib;

    if (!spread_need(planner, need, !seat->starts, nodes))
        return;
    for (unsigned i = 0; i < topo->n_nodes; i++) {
        if (part_kib[i] == 0)
            continue;
        MemoryPlan entry = {
            .cell = need->cell, .node = topo->nodes[i].os_index, .mib = part_kib[i] / KIB_PER_MIB};
        capacity_take(planner->capacity, i, need->page_kib, part_kib[i]);
        g_array_append_val(seat->memory, entry);
    }
}

/* --- weights: each of these fills Capacity.weights --- */

/* vCPUs of the need on each of nodes; node_of: by vCPU claim, index into topo->nodes or NO_NODE. */
static void weigh_by_vcpus(const Planner *planner, const Seat *seat, const MemoryNeed *need,
                           const unsigned *node_of, const CpuSet *nodes)
{
    const Topo *topo = planner->topo;
    unsigned *weights = planner->capacity->weights;

    memset(weights, 0, topo->n_nodes * sizeof(unsigned));
    for (unsigned c = 0; c < seat->n_vcpu_claims; c++)
        if (node_of[c] != NO_NODE && cpuset_has(nodes, topo->nodes[node_of[c]].os_index) &&
            (!need->vcpus || cpuset_has(need->vcpus, seat_claim(seat, c)->id)))
            weights[node_of[c]]++;
}

static void weigh_evenly(const Planner *planner, const CpuSet *nodes)
{
    for (unsigned i = 0; i < planner->topo->n_nodes; i++)
        planner->capacity->weights[i] = cpuset_has(nodes, planner->topo->nodes[i].os_index);
}

static void weigh_one(const Planner *planner, unsigned node)
{
    memset(planner->capacity->weights, 0, planner->topo->n_nodes * sizeof(unsigned));
    planner->capacity->weights[node] = 1;
}

/* As its memory was measured on these nodes; all 0 if none of it was. */
static void weigh_as_measured(const Planner *planner, const Seat *seat, const CpuSet *nodes)
{
    const Topo *topo = planner->topo;
    g_autofree uint64_t *mib = seat_measured_mib(topo, seat);
    unsigned *weights = planner->capacity->weights;

    for (unsigned i = 0; i < topo->n_nodes; i++)
        weights[i] = mib && cpuset_has(nodes, topo->nodes[i].os_index)
                         ? (unsigned)MIN(mib[i], UINT_MAX / topo->n_nodes)
                         : 0;
}

static bool any_weight(const Planner *planner)
{
    for (unsigned i = 0; i < planner->topo->n_nodes; i++)
        if (planner->capacity->weights[i] > 0)
            return true;
    return false;
}

/* On the nodes the need is bound to, as far as the guest may use them; all 0 if it is to none. */
static void weigh_bound(const Planner *planner, const Seat *seat, const MemoryNeed *need)
{
    const Topo *topo = planner->topo;

    for (unsigned i = 0; i < topo->n_nodes; i++)
        planner->capacity->weights[i] = need->nodes &&
                                        cpuset_has(need->nodes, topo->nodes[i].os_index) &&
                                        cpuset_has(seat->mems, topo->nodes[i].os_index);
}

/* No vCPU is on any of nodes: the one nearest to those there are that has room for all of it, so
 * that few nodes are used; evenly if none has. */
static void weigh_nearest(const Planner *planner, const CpuSet *vcpu_nodes, const MemoryNeed *need,
                          const CpuSet *nodes)
{
    const Topo *topo = planner->topo;
    unsigned best = UINT_MAX, least = UINT_MAX;

    for (unsigned i = 0; i < topo->n_nodes; i++) {
        unsigned distance = 0;
        if (!cpuset_has(nodes, topo->nodes[i].os_index) ||
            capacity_room_kib(planner->capacity, i, need->page_kib) < need->kib)
            continue;
        CPUSET_FOREACH(node, vcpu_nodes)
        distance += topo_distance(topo, node, topo->nodes[i].os_index);
        if (distance < least) {
            best = i;
            least = distance;
        }
    }
    if (best == UINT_MAX)
        weigh_evenly(planner, nodes);
    else
        weigh_one(planner, best);
}

/* --- a place --- */

/* Those its memory may be on if these are chosen for its vCPUs. */
static void memory_nodes(const Seat *seat, const CpuSet *chosen, CpuSet *nodes)
{
    hwloc_bitmap_and(nodes, chosen, seat->mems);
    if (!seat->mem_nodes)
        return;
    hwloc_bitmap_and(nodes, nodes, seat->mem_nodes);
    CPUSET_FOREACH(node, seat->mem_nodes)
    if (!cpuset_has(seat->cpu_nodes, node))
        hwloc_bitmap_set(nodes, node);
}

unsigned memory_place(const Planner *planner, const Seat *seat, const unsigned *node_of,
                      const unsigned *chosen, unsigned n_chosen, MemoryPart *parts)
{
    const Topo *topo = planner->topo;
    Capacity *capacity = planner->capacity;
    unsigned n = 0;

    hwloc_bitmap_zero(capacity->vcpu_nodes);
    for (unsigned i = 0; i < n_chosen; i++)
        hwloc_bitmap_set(capacity->vcpu_nodes, topo->nodes[chosen[i]].os_index);
    memory_nodes(seat, capacity->vcpu_nodes, capacity->nodes);
    for (guint i = 0; i < seat->needs->len; i++) {
        const MemoryNeed *need = &g_array_index(seat->needs, MemoryNeed, i);
        weigh_bound(planner, seat, need);
        if (!any_weight(planner))
            weigh_by_vcpus(planner, seat, need, node_of, capacity->nodes);
        if (!any_weight(planner))
            weigh_nearest(planner, capacity->vcpu_nodes, need, capacity->nodes);
        spread_need(planner, need, false, capacity->nodes);
        for (unsigned node = 0; node < topo->n_nodes; node++) {
            if (capacity->part_kib[node] == 0)
                continue;
            parts[n++] = (MemoryPart){i, node, capacity->part_kib[node]};
            capacity_take(capacity, node, need->page_kib, capacity->part_kib[node]);
        }
    }
    for (unsigned i = 0; i < n; i++)
        capacity_give(capacity, parts[i].node,
                      g_array_index(seat->needs, MemoryNeed, parts[i].need).page_kib, parts[i].kib);
    return n;
}

/* --- guests that hold theirs --- */

/* The node of each vCPU claim, as an index into topo->nodes. */
static unsigned *seat_nodes_of(const Topo *topo, const Seat *seat)
{
    unsigned *node_of = g_new0(unsigned, seat->n_vcpu_claims + 1);

    for (unsigned c = 0; c < seat->n_vcpu_claims; c++) {
        unsigned pu = seat_claim(seat, c)->pu;
        node_of[c] = NO_NODE;
        for (unsigned i = 0; pu != NO_PU && i < topo->n_nodes; i++)
            if (topo->nodes[i].os_index == topo_pu(topo, pu)->node)
                node_of[c] = i;
    }
    return node_of;
}

/* What the last plan said of the memory of this process, if that is still where it can be. */
static bool hold_as_before(Planner *planner, Seat *seat)
{
    const GuestPlan *before = seat->before;
    uint64_t need_mib = 0, had_mib = 0;

    for (unsigned i = 0; before && i < before->n_memory; i++) {
        if (!cpuset_has(seat->mem_nodes, before->memory[i].node))
            return false;
        had_mib += before->memory[i].mib;
    }
    for (guint i = 0; i < seat->needs->len; i++)
        need_mib += g_array_index(seat->needs, MemoryNeed, i).kib / KIB_PER_MIB;
    if (!before || had_mib != need_mib)
        return false;
    for (unsigned i = 0; i < before->n_memory; i++) {
        const MemoryPlan *entry = &before->memory[i];
        for (unsigned n = 0; n < planner->topo->n_nodes; n++)
            if (planner->topo->nodes[n].os_index == entry->node)
                capacity_take(planner->capacity, n,
                              cell_page_kib(planner->topo, seat->def, entry->cell),
                              entry->mib * KIB_PER_MIB);
        g_array_append_vals(seat->memory, entry, 1);
    }
    return true;
}

/* In proportion to the vCPUs it keeps there, as it was placed. If memory is known to be on a node
 * without them: as it was measured, else evenly. */
static void weigh_running(const Planner *planner, const Seat *seat, const MemoryNeed *need,
                          const unsigned *node_of, bool by_vcpus)
{
    weigh_bound(planner, seat, need);
    if (any_weight(planner))
        return;
    if (by_vcpus) {
        weigh_by_vcpus(planner, seat, need, node_of, seat->mem_nodes);
        if (any_weight(planner))
            return;
    }
    weigh_as_measured(planner, seat, seat->mem_nodes);
    if (!any_weight(planner))
        weigh_evenly(planner, seat->mem_nodes);
}

void memory_hold_running(Planner *planner, Seat *seat)
{
    const Topo *topo = planner->topo;

    g_autoptr(CpuSet) own = seat_vcpu_pus(seat);
    g_autoptr(CpuSet) cpu_nodes = topo_nodes_of(topo, own);
    bool moves = seat_migrates(seat) && cpuset_intersects(cpu_nodes, seat->mem_nodes);
    g_autoptr(CpuSet) nodes =
        moves ? cpuset_and(cpu_nodes, seat->mem_nodes) : cpuset_copy(seat->mem_nodes);
    bool by_vcpus = moves || cpuset_is_subset(seat->mem_nodes, cpu_nodes);

    if (!moves && hold_as_before(planner, seat))
        return;
    g_autofree unsigned *node_of = seat_nodes_of(topo, seat);
    for (guint i = 0; i < seat->needs->len; i++) {
        const MemoryNeed *need = &g_array_index(seat->needs, MemoryNeed, i);
        weigh_running(planner, seat, need, node_of, by_vcpus);
        hold_need(planner, seat, need, nodes);
    }
}

/* All cells that can be nowhere but on nodes. */
static uint64_t bound_need_kib(const Seat *seat, const MemoryNeed *of)
{
    uint64_t kib = 0;

    for (guint i = 0; i < seat->needs->len; i++) {
        const MemoryNeed *need = &g_array_index(seat->needs, MemoryNeed, i);
        if (need->strict && need->page_kib == of->page_kib &&
            cpuset_is_subset(need->nodes, of->nodes))
            kib += need->kib;
    }
    return kib;
}

static uint64_t bound_room_kib(const Planner *planner, const Seat *seat, const MemoryNeed *need)
{
    uint64_t kib = 0;

    for (unsigned i = 0; i < planner->topo->n_nodes; i++)
        if (cpuset_has(need->nodes, planner->topo->nodes[i].os_index) &&
            cpuset_has(seat->mems, planner->topo->nodes[i].os_index))
            kib += capacity_room_kib(planner->capacity, i, need->page_kib);
    return kib;
}

const MemoryNeed *memory_bound_short(const Planner *planner, const Seat *seat, uint64_t *ret_kib,
                                     uint64_t *ret_room_kib)
{
    for (guint i = 0; i < seat->needs->len; i++) {
        const MemoryNeed *need = &g_array_index(seat->needs, MemoryNeed, i);
        if (!need->strict)
            continue;
        *ret_kib = bound_need_kib(seat, need);
        *ret_room_kib = bound_room_kib(planner, seat, need);
        if (*ret_kib > *ret_room_kib)
            return need;
    }
    return NULL;
}

bool memory_has_room(const Planner *planner, const Seat *seat, unsigned node_index)
{
    for (guint i = 0; i < seat->needs->len; i++) {
        unsigned page_kib = g_array_index(seat->needs, MemoryNeed, i).page_kib;
        uint64_t kib = 0;
        for (guint j = 0; j < seat->needs->len; j++)
            if (g_array_index(seat->needs, MemoryNeed, j).page_kib == page_kib)
                kib += g_array_index(seat->needs, MemoryNeed, j).kib;
        if (capacity_room_kib(planner->capacity, node_index, page_kib) < kib)
            return false;
    }
    return true;
}

/* The node with most room for it; NO_NODE: it may use none. */
static unsigned roomiest(const Planner *planner, const MemoryNeed *need, const CpuSet *nodes)
{
    const Topo *topo = planner->topo;
    unsigned best = NO_NODE;

    for (unsigned i = 0; i < topo->n_nodes; i++)
        if (cpuset_has(nodes, topo->nodes[i].os_index) &&
            (best == NO_NODE || capacity_room_kib(planner->capacity, i, need->page_kib) >
                                    capacity_room_kib(planner->capacity, best, need->page_kib)))
            best = i;
    return best;
}

/* Where it is bound, else at home; without one on the roomiest node, and others when it is full. */
void memory_hold_floating(Planner *planner, Seat *seat)
{
    const CpuSet *nodes = seat->mem_nodes ? seat->mem_nodes : seat->mems;
    unsigned home = home_find(planner, seat);

    for (guint n = 0; n < seat->needs->len; n++) {
        const MemoryNeed *need = &g_array_index(seat->needs, MemoryNeed, n);
        weigh_bound(planner, seat, need);
        if (!any_weight(planner)) {
            unsigned best = home == NO_NODE ? roomiest(planner, need, nodes) : home;
            if (best == NO_NODE)
                continue;
            weigh_one(planner, best);
        }
        hold_need(planner, seat, need, nodes);
    }
}

void memory_release(Planner *planner, Seat *seat)
{
    const Topo *topo = planner->topo;

    for (guint i = 0; i < seat->memory->len; i++) {
        const MemoryPlan *entry = &g_array_index(seat->memory, MemoryPlan, i);
        for (unsigned n = 0; n < topo->n_nodes; n++)
            if (topo->nodes[n].os_index == entry->node)
                capacity_give(planner->capacity, n, cell_page_kib(topo, seat->def, entry->cell),
                              entry->mib * KIB_PER_MIB);
    }
    g_array_set_size(seat->memory, 0);
}
