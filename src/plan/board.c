/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "plan/board.h"

#include <string.h>

/* More than the pairs of nodes of any set, so that packages only decide between equal distances. */
#define MAX_PAIRS (UINT64_C(1) << 31)

/* --- building it --- */

/* One PU that is free, with all that tells areas apart. */
typedef struct FreePu {
    unsigned os_index, core, node, rank, tier, llc, width, own_tier;
    bool pool;
    const bool *sets; /* n_sets of them */
    unsigned n_sets;
} FreePu;

static int area_compare(const FreePu *a, const FreePu *b)
{
    const unsigned one[] = {a->node, a->rank, a->llc, a->width};
    const unsigned two[] = {b->node, b->rank, b->llc, b->width};

    for (unsigned i = 0; i < G_N_ELEMENTS(one); i++)
        if (one[i] != two[i])
            return CMP(one[i], two[i]);
    return memcmp(a->sets, b->sets, a->n_sets * sizeof(bool));
}

static int free_pu_compare(gconstpointer a, gconstpointer b)
{
    const FreePu *one = a, *two = b;
    int order = area_compare(one, two);

    if (order != 0)
        return order;
    if (one->core != two->core)
        return CMP(one->core, two->core);
    return one->own_tier != two->own_tier ? CMP(one->own_tier, two->own_tier)
                                          : CMP(one->os_index, two->os_index);
}

static unsigned find_set(const Board *board, const CpuSet *allowed)
{
    for (guint i = 0; i < board->sets->len; i++)
        if (cpuset_equal(g_ptr_array_index(board->sets, i), allowed))
            return i;
    return UINT_MAX;
}

static int set_compare(gconstpointer a, gconstpointer b)
{
    return hwloc_bitmap_compare(*(CpuSet *const *)a, *(CpuSet *const *)b);
}

/* The distinct sets of allowed CPUs, in an order of their own; each seat learns the number of its
 * set. */
static void find_sets(Board *board)
{
    const GPtrArray *seats = board->planner->seats;

    board->sets = g_ptr_array_new_with_free_func((GDestroyNotify)hwloc_bitmap_free);
    for (guint i = 0; i < seats->len; i++) {
        const Seat *seat = g_ptr_array_index(seats, i);
        if (find_set(board, seat->allowed) == UINT_MAX)
            g_ptr_array_add(board->sets, cpuset_copy(seat->allowed));
    }
    g_ptr_array_sort(board->sets, set_compare);
    board->n_sets = board->sets->len;
    board->seats_by_set = g_new0(unsigned, MAX(board->n_sets, 1));
    for (guint i = 0; i < seats->len; i++) {
        Seat *seat = g_ptr_array_index(seats, i);
        seat->set = find_set(board, seat->allowed);
        board->seats_by_set[seat->set]++;
    }
}

void board_count_seat(Board *board, Seat *seat, int sign)
{
    seat->set = find_set(board, seat->allowed);
    if (seat->set == UINT_MAX)
        return;
    board->seats_by_set[seat->set] += (unsigned)sign;
    board_count_floats(board, seat, sign);
}

bool board_has_idle_set(const Board *board)
{
    for (unsigned set = 0; set < board->n_sets; set++)
        if (board->seats_by_set[set] == 0)
            return true;
    return false;
}

/* Index into topo->nodes by OS index. */
unsigned index_of_node(const Topo *topo, unsigned os_index)
{
    for (unsigned i = 0; i < topo->n_nodes; i++)
        if (topo->nodes[i].os_index == os_index)
            return i;
    return NO_NODE;
}

/* Kinds of all cores, fastest first. */
static GArray *core_kinds(const Topo *topo)
{
    GArray *kinds = g_array_new(FALSE, FALSE, sizeof(int));

    for (unsigned i = 0; i < topo->n_cores; i++) {
        guint j = 0;
        while (j < kinds->len && g_array_index(kinds, int, j) > topo->cores[i].kind)
            j++;
        if (j == kinds->len || g_array_index(kinds, int, j) != topo->cores[i].kind)
            g_array_insert_val(kinds, j, topo->cores[i].kind);
    }
    return kinds;
}

/* Siblings stay together: a core is as good as the least of its PUs, then as the best of them. */
static unsigned core_tier(const Topo *topo, const TopoCore *core)
{
    unsigned least = 0, best = N_TIERS - 1;

    CPUSET_FOREACH(pu, core->cpus)
    {
        unsigned tier = pick_tier(topo, pu);
        least = MAX(least, tier);
        best = MIN(best, tier);
    }
    return least * N_TIERS + best;
}

static unsigned core_rank(const Topo *topo, const GArray *kinds, const TopoCore *core)
{
    unsigned kind = 0;

    while (g_array_index(kinds, int, kind) != core->kind)
        kind++;
    return core_tier(topo, core) * kinds->len + kind;
}

static unsigned best_rank(const Topo *topo, const GArray *kinds)
{
    unsigned best = UINT_MAX;

    for (unsigned i = 0; i < topo->n_cores; i++)
        if (!cpuset_is_empty(topo->cores[i].cpus))
            best = MIN(best, core_rank(topo, kinds, &topo->cores[i]));
    return best;
}

static GArray *free_pus(Board *board, bool *rows)
{
    const GPtrArray *sets = board->sets;
    const Topo *topo = board->topo;
    const Planner *planner = board->planner;
    GArray *pus = g_array_sized_new(FALSE, FALSE, sizeof(FreePu), MAX(topo->n_pus, 1));
    g_autoptr(CpuSet) free = cpuset_minus(topo->online, planner->housekeeping);
    g_autoptr(GArray) kinds = core_kinds(topo);
    unsigned best = best_rank(topo, kinds);

    hwloc_bitmap_andnot(free, free, planner->off);
    for (unsigned i = 0; i < topo->n_cores; i++) {
        const TopoCore *core = &topo->cores[i];
        if (!cpuset_intersects(core->cpus, free))
            continue;
        FreePu pu = {.core = i,
                     .node = index_of_node(topo, core->node),
                     .rank = core_rank(topo, kinds, core) - best,
                     .tier = core_tier(topo, core),
                     .llc = core->llc,
                     .width = cpuset_weight(core->cpus),
                     .n_sets = sets->len};
        CPUSET_FOREACH(os_index, core->cpus)
        {
            if (!cpuset_has(free, os_index))
                continue;
            bool *row = rows + (gsize)pus->len * sets->len;
            for (guint j = 0; j < sets->len; j++)
                row[j] = cpuset_has(g_ptr_array_index(sets, j), os_index);
            pu.os_index = os_index;
            pu.own_tier = pick_tier(topo, os_index);
            pu.pool = cpuset_has(planner->pool_base, os_index);
            pu.sets = row;
            g_array_append_val(pus, pu);
        }
    }
    g_array_sort(pus, free_pu_compare);
    return pus;
}

static void add_area(Board *board, const FreePu *pu, unsigned first_core)
{
    Area *area = &board->areas[board->n_areas];

    *area = (Area){.node = pu->node,
                   .rank = pu->rank,
                   .tier = pu->tier,
                   .mixed = pu->tier / N_TIERS != pu->tier % N_TIERS,
                   .llc = pu->llc,
                   .width = pu->width,
                   .first = first_core};
    memcpy(board->member + (gsize)board->n_areas * board->n_sets, pu->sets,
           board->n_sets * sizeof(bool));
    board->n_areas++;
}

static void build_areas(Board *board, const GArray *free)
{
    unsigned n_cores = 0;

    for (guint i = 0; i < free->len; i++) {
        const FreePu *pu = &g_array_index(free, FreePu, i);
        const FreePu *last = i > 0 ? &g_array_index(free, FreePu, i - 1) : NULL;
        bool new_area = !last || area_compare(last, pu) != 0;
        if (new_area)
            add_area(board, pu, n_cores);
        Area *area = &board->areas[board->n_areas - 1];
        if (new_area || last->core != pu->core) {
            board->cores[n_cores++] = (BoardCore){.area = board->n_areas - 1, .first = i};
            area->n++;
        }
        BoardCore *core = &board->cores[n_cores - 1];
        board->pus[i] = pu->os_index;
        board->core_of[topo_pu(board->topo, pu->os_index) - board->topo->pus] = n_cores - 1;
        core->n++;
        core->left++;
        area->free++;
        core->whole = core->n == pu->width;
        area->whole += core->whole;
        area->pool |= pu->pool;
    }
    unsigned area = 0;
    for (unsigned node = 0; node <= board->topo->n_nodes; node++) {
        while (area < board->n_areas && board->areas[area].node < node)
            area++;
        board->node_areas[node] = area;
    }
}

/* Nodes of one package are nearer than others the host gives the same distance, or none at all. */
static void build_distances(Board *board)
{
    const Topo *topo = board->topo;
    gsize n = topo->n_nodes;

    board->distances = g_new0(uint64_t, MAX(n * n, 1));
    for (unsigned i = 0; i < n; i++) {
        const TopoNode *a = &topo->nodes[i];
        for (unsigned j = 0; j < n && !cpuset_is_empty(a->cpus); j++) {
            const TopoNode *b = &topo->nodes[j];
            bool apart =
                !cpuset_is_empty(b->cpus) && topo_pu(topo, cpuset_first(a->cpus))->package !=
                                                 topo_pu(topo, cpuset_first(b->cpus))->package;
            board->distances[i * n + j] =
                (uint64_t)topo_distance(topo, a->os_index, b->os_index) * MAX_PAIRS + apart;
        }
    }
}

uint64_t pair_distance(const Board *board, unsigned a, unsigned b)
{
    return board->distances[(gsize)a * board->topo->n_nodes + b];
}

/* So many PUs of the node come to the pool, or leave it. */
static void pool_count(Board *board, unsigned node, int n)
{
    board->pool_left += n;
    board->pool_by_node[node] += n;
}

static void pool_count_set(Board *board, unsigned set, unsigned node, int n)
{
    board->pool_by_set[set] += n;
    board->pool_by_both[(gsize)set * board->topo->n_nodes + node] += n;
}

static void pool_count_pu(Board *board, unsigned pu, int n)
{
    unsigned node = index_of_node(board->topo, topo_pu(board->topo, pu)->node);

    pool_count(board, node, n);
    for (unsigned set = 0; set < board->n_sets; set++)
        if (cpuset_has(g_ptr_array_index(board->sets, set), pu))
            pool_count_set(board, set, node, n);
}

static void build_pool(Board *board)
{
    const Planner *planner = board->planner;
    gsize n_nodes = board->topo->n_nodes;

    board->pool_by_set = g_new0(int, MAX(board->n_sets, 1));
    board->pool_before = g_new0(int, MAX(board->n_sets, 1));
    board->floats_by_set = g_new0(unsigned, MAX(board->n_sets, 1));
    board->pool_by_node = g_new0(int, MAX(n_nodes, 1));
    board->pool_by_both = g_new0(int, MAX(board->n_sets * n_nodes, 1));
    CPUSET_FOREACH(pu, planner->pool_base)
    pool_count_pu(board, pu, 1);
    for (guint i = 0; i < planner->seats->len; i++)
        board_count_floats(board, g_ptr_array_index(planner->seats, i), 1);
}

Board *board_new(Planner *planner)
{
    Board *board = g_new0(Board, 1);
    const Topo *topo = planner->topo;

    board->planner = planner;
    board->topo = topo;
    board->off = cpuset_copy(planner->off);
    find_sets(board);
    g_autofree bool *rows = g_new0(bool, MAX((gsize)topo->n_pus * board->n_sets, 1));
    g_autoptr(GArray) free = free_pus(board, rows);
    board->pus = g_new0(unsigned, MAX(free->len, 1));
    board->cores = g_new0(BoardCore, MAX(free->len, 1));
    board->areas = g_new0(Area, MAX(free->len, 1));
    board->taken = g_new0(bool, MAX(free->len, 1));
    board->member = g_new0(bool, MAX((gsize)free->len * board->n_sets, 1));
    board->node_areas = g_new0(unsigned, topo->n_nodes + 1);
    board->core_of = g_new(unsigned, MAX(topo->n_pus, 1));
    for (unsigned i = 0; i < topo->n_pus; i++)
        board->core_of[i] = NO_CORE;
    board->closed = g_new0(bool, MAX(topo->n_llcs, 1));
    build_areas(board, free);
    build_distances(board);
    build_pool(board);
    return board;
}

void board_free(Board *board)
{
    if (!board)
        return;
    g_free(board->pus);
    g_free(board->cores);
    g_free(board->areas);
    g_free(board->member);
    g_free(board->node_areas);
    g_free(board->core_of);
    g_free(board->taken);
    g_ptr_array_unref(board->sets);
    g_free(board->seats_by_set);
    hwloc_bitmap_free(board->off);
    g_free(board->distances);
    g_free(board->closed);
    g_free(board->pool_by_set);
    g_free(board->pool_before);
    g_free(board->floats_by_set);
    g_free(board->pool_by_node);
    g_free(board->pool_by_both);
    g_free(board);
}

/* --- asks and spots --- */

static bool cells_cover(const Seat *seat)
{
    g_autoptr(CpuSet) covered = cpuset_new();

    for (unsigned i = 0; i < seat->def->n_cells; i++)
        hwloc_bitmap_or(covered, covered, seat->def->cells[i].vcpus);
    for (unsigned i = 0; i < seat->n_vcpu_claims; i++)
        if (!cpuset_has(covered, seat_claim(seat, i)->id))
            return false;
    return seat->def->n_cells > 0 && seat->n_vcpu_claims > 0;
}

/* numa.devices: preferred counts in the costs, required bounds the candidates (candidates.c). */
static void find_devices(const Topo *topo, Ask *ask)
{
    g_autoptr(GArray) nodes = seat_device_nodes(topo, ask->seat);

    ask->devices = g_new0(unsigned, nodes->len + 1);
    for (; ask->n_devices < nodes->len; ask->n_devices++)
        ask->devices[ask->n_devices] =
            index_of_node(topo, g_array_index(nodes, unsigned, ask->n_devices));
}

Ask *ask_new(const Board *board, Seat *seat)
{
    Ask *ask = g_new0(Ask, 1);

    ask->seat = seat;
    ask->n_vcpus = seat->n_vcpu_claims;
    ask->n_helpers = seat->claims->len - seat->n_vcpu_claims;
    ask->nodes = g_new0(unsigned, MAX(board->topo->n_nodes, 1));
    for (unsigned i = 0; i < board->topo->n_nodes; i++)
        if (cpuset_has(seat->cpu_nodes, board->topo->nodes[i].os_index))
            ask->nodes[ask->n_nodes++] = i;
    ask->wide = seat->threads == THREADS_PREFER && ask->n_vcpus > board->planner->wide_above;
    ask->spread = seat_word_is(seat, KEY_NUMA_STRATEGY, "spread");
    find_devices(board->topo, ask);
    ask->memory_mib = seat_measured_mib(board->topo, seat);
    for (unsigned i = 0; ask->memory_mib && i < board->topo->n_nodes; i++)
        ask->all_mib += ask->memory_mib[i];
    if (cells_cover(seat)) {
        ask->cell_vcpus = g_new0(unsigned, seat->def->n_cells);
        for (unsigned cell = 0; cell < seat->def->n_cells; cell++)
            for (unsigned i = 0; i < seat->n_vcpu_claims; i++)
                ask->cell_vcpus[cell] +=
                    cpuset_has(seat->def->cells[cell].vcpus, seat_claim(seat, i)->id);
    }
    spot_init(&ask->spot, board, seat->claims->len, seat->needs->len);
    return ask;
}

void ask_free(Ask *ask)
{
    if (!ask)
        return;
    spot_clear(&ask->spot);
    spot_clear(&ask->had);
    g_free(ask->cores);
    g_free(ask->cell_vcpus);
    g_free(ask->memory_mib);
    g_free(ask->devices);
    g_free(ask->nodes);
    g_free(ask);
}

void spot_init(Spot *spot, const Board *board, gsize n_claims, gsize n_needs)
{
    *spot = (Spot){.parts = g_new0(Part, n_claims + 1),
                   .nodes = g_new0(unsigned, MAX(board->topo->n_nodes, 1)),
                   .node_of = g_new0(unsigned, n_claims + 1),
                   .memory = g_new0(MemoryPart, n_needs * board->topo->n_nodes + 1)};
}

void spot_clear(Spot *spot)
{
    g_free(spot->parts);
    g_free(spot->nodes);
    g_free(spot->node_of);
    g_free(spot->memory);
}

void spot_copy(Spot *to, const Spot *from, const Ask *ask)
{
    to->placed = from->placed;
    to->in_place = from->in_place;
    to->core_each = from->core_each;
    to->cost = from->cost;
    to->home = from->home;
    to->n_parts = from->n_parts;
    to->n_nodes = from->n_nodes;
    to->n_memory = from->n_memory;
    memcpy(to->parts, from->parts, from->n_parts * sizeof(Part));
    memcpy(to->nodes, from->nodes, from->n_nodes * sizeof(unsigned));
    memcpy(to->memory, from->memory, from->n_memory * sizeof(MemoryPart));
    memcpy(to->node_of, from->node_of, ask->n_vcpus * sizeof(unsigned));
}

/* --- guests in place --- */

/* The core of the guest's PU, which is on the board. */
static unsigned seat_core(const Board *board, const Seat *seat, guint claim)
{
    return board->core_of[topo_pu(board->topo, seat_claim(seat, claim)->pu) - board->topo->pus];
}

static unsigned core_of(const Board *board, const Ask *ask, guint claim)
{
    return seat_core(board, ask->seat, claim);
}

bool board_has_cores(const Board *board, const Seat *seat)
{
    for (unsigned i = 0; seat->threads == THREADS_ISOLATE && i < seat->n_vcpu_claims; i++)
        if (!board->cores[seat_core(board, seat, i)].whole)
            return false;
    return true;
}

void spot_add(Spot *spot, unsigned area, unsigned n, bool helpers)
{
    unsigned i = helpers ? spot->n_parts : 0;

    while (i < spot->n_parts && (spot->parts[i].area != area || spot->parts[i].helpers))
        i++;
    if (i == spot->n_parts)
        spot->parts[spot->n_parts++] = (Part){.area = area, .helpers = helpers};
    spot->parts[i].n += n;
}

static void spot_add_node(Spot *spot, unsigned node)
{
    unsigned i = 0;

    while (i < spot->n_nodes && spot->nodes[i] < node)
        i++;
    if (i < spot->n_nodes && spot->nodes[i] == node)
        return;
    memmove(spot->nodes + i + 1, spot->nodes + i, (spot->n_nodes - i) * sizeof(unsigned));
    spot->nodes[i] = node;
    spot->n_nodes++;
}

static void find_cores(const Board *board, Ask *ask)
{
    ask->cores = g_new0(unsigned, ask->seat->claims->len);
    for (guint i = 0; i < ask->seat->claims->len; i++) {
        unsigned core = core_of(board, ask, i), j = 0;
        while (j < ask->n_cores && ask->cores[j] != core)
            j++;
        if (j < ask->n_cores)
            continue;
        ask->cores[ask->n_cores++] = core;
    }
}

/* No two vCPUs on one core. */
static bool vcpus_are_apart(const Board *board, const Ask *ask)
{
    for (unsigned i = 0; i < ask->n_vcpus; i++)
        for (unsigned j = 0; j < i; j++)
            if (core_of(board, ask, i) == core_of(board, ask, j))
                return false;
    return true;
}

Ask *ask_new_in_place(const Board *board, Seat *seat)
{
    Ask *ask = ask_new(board, seat);
    Spot *spot = &ask->spot;

    for (guint i = 0; i < seat->claims->len; i++) {
        unsigned area = board->cores[core_of(board, ask, i)].area;
        spot_add(spot, area, 1, i >= ask->n_vcpus);
        if (i >= ask->n_vcpus)
            continue;
        spot->node_of[i] = board->areas[area].node;
        spot_add_node(spot, spot->node_of[i]);
    }
    spot->home = spot->node_of[0];
    if (ask->wide && !vcpus_are_apart(board, ask))
        spot->cost.of[COST_SQUEEZED] = ask->n_vcpus;
    spot->placed = spot->in_place = ask->in_place = true;
    find_cores(board, ask);
    spot_init(&ask->had, board, seat->claims->len, seat->needs->len);
    return ask;
}

/* --- taking --- */

unsigned part_pus(const Board *board, const Ask *ask, const Spot *spot, const Part *part)
{
    bool cores = !part->helpers && (ask->seat->threads == THREADS_ISOLATE || spot->core_each);

    return cores ? part->n * board->areas[part->area].width : part->n;
}

unsigned area_cores(const Board *board, unsigned index)
{
    const Area *area = &board->areas[index];

    if (area->whole * area->width <= area->free)
        return area->whole;
    return area->free / area->width;
}

unsigned area_room(const Board *board, const Ask *ask, bool core_each, unsigned index)
{
    const Area *area = &board->areas[index];

    if (!board->member[(gsize)index * board->n_sets + ask->seat->set] || board->closed[area->llc])
        return 0;
    if (ask->seat->threads == THREADS_PREFER && !core_each)
        return area->free;
    unsigned cores = area_cores(board, index);
    if (ask->seat->threads != THREADS_REQUIRE)
        return cores;
    return area->width > 1 ? cores * area->width : 0;
}

/* A core is whole when the last that has some of it has gone. */
static void core_count(Board *board, BoardCore *core, int sign)
{
    bool had = core->owners > 0;

    core->owners += (unsigned)sign;
    if (core->whole && had != (core->owners > 0))
        board->areas[core->area].whole -= (unsigned)sign;
}

static void count_owners(Board *board, const Ask *ask, int sign)
{
    for (unsigned i = 0; i < ask->n_cores; i++)
        core_count(board, &board->cores[ask->cores[i]], sign);
}

static void pu_count(Board *board, unsigned pu, int sign)
{
    unsigned index = board->core_of[topo_pu(board->topo, pu) - board->topo->pus];
    BoardCore *core = index == NO_CORE ? NULL : &board->cores[index];

    if (cpuset_has(board->planner->pool_base, pu))
        pool_count_pu(board, pu, -sign);
    if (!core)
        return;
    core_count(board, core, sign);
    core->left -= (unsigned)sign;
    board->areas[core->area].free -= (unsigned)sign;
    for (unsigned i = core->first; i < core->first + core->n; i++)
        if (board->pus[i] == pu)
            board->taken[i] = sign > 0;
}

void board_take_pus(Board *board, const CpuSet *pus)
{
    CPUSET_FOREACH(pu, pus)
    pu_count(board, pu, 1);
}

void board_give_pus(Board *board, const CpuSet *pus)
{
    CPUSET_FOREACH(pu, pus)
    pu_count(board, pu, -1);
}

static void board_count(Board *board, const Ask *ask, const Spot *spot, int sign)
{
    if (spot->in_place)
        count_owners(board, ask, sign);
    for (unsigned i = 0; i < spot->n_parts; i++) {
        const Part *part = &spot->parts[i];
        Area *area = &board->areas[part->area];
        area->free -= (unsigned)sign * part_pus(board, ask, spot, part);
        area->whole -= (unsigned)sign * part->cores;
        if (spot->core_each && !part->helpers)
            area->unused += (unsigned)sign * part->n * (area->width - 1);
        if (!area->pool)
            continue;
        int pus = sign * (int)(spot->core_each ? part->n : part_pus(board, ask, spot, part));
        pool_count(board, area->node, -pus);
        for (unsigned set = 0; set < board->n_sets; set++)
            if (board->member[(gsize)part->area * board->n_sets + set])
                pool_count_set(board, set, area->node, -pus);
    }
}

static unsigned need_page_kib(const Ask *ask, unsigned need)
{
    return g_array_index(ask->seat->needs, MemoryNeed, need).page_kib;
}

bool ask_books_memory(const Ask *ask)
{
    return !ask->seat->in->running && ask->n_vcpus > 0;
}

static void place_memory(const Board *board, const Ask *ask, Spot *spot)
{
    const GArray *needs = ask->seat->needs;

    if (spot->n_nodes > 1 || ask->seat->mem_nodes) {
        spot->n_memory = memory_place(board->planner, ask->seat, spot->node_of, spot->nodes,
                                      spot->n_nodes, spot->memory);
        return;
    }
    for (guint i = 0; i < needs->len; i++)
        spot->memory[spot->n_memory++] =
            (MemoryPart){i, spot->nodes[0], g_array_index(needs, MemoryNeed, i).kib};
}

void board_take(Board *board, const Ask *ask, Spot *spot)
{
    if (spot->n_memory == 0 && ask_books_memory(ask))
        place_memory(board, ask, spot);
    board_count(board, ask, spot, 1);
    for (unsigned i = 0; i < spot->n_memory; i++)
        capacity_take(board->planner->capacity, spot->memory[i].node,
                      need_page_kib(ask, spot->memory[i].need), spot->memory[i].kib);
}

void board_give(Board *board, const Ask *ask, const Spot *spot)
{
    board_count(board, ask, spot, -1);
    for (unsigned i = 0; i < spot->n_memory; i++)
        capacity_give(board->planner->capacity, spot->memory[i].node,
                      need_page_kib(ask, spot->memory[i].need), spot->memory[i].kib);
}

void board_settle(Board *board, const Ask *ask)
{
    board_count(board, ask, &ask->spot, -1);
    board_take_pus(board, ask->seat->exclusive);
    ask->seat->taken = true;
}

/* --- the pool --- */

void board_begin(Board *board)
{
    memcpy(board->pool_before, board->pool_by_set, board->n_sets * sizeof(int));
}

static int count_pool(const Board *board, const CpuSet *cpus, const CpuSet *within)
{
    int n = 0;

    if (!cpus)
        return 0;
    CPUSET_FOREACH(cpu, cpus)
    n += cpuset_has(board->planner->pool_base, cpu) && (!within || cpuset_has(within, cpu));
    return n;
}

bool board_floor_holds(const Board *board, const CpuSet *less)
{
    int taken = count_pool(board, less, NULL), left = board->pool_left - taken;

    if (less && taken == 0)
        return true;
    if (board->planner->keep_pool && left <= 0)
        return false;
    for (unsigned set = 0; set < board->n_sets; set++) {
        int had = less ? board->pool_by_set[set] : board->pool_before[set];
        if (board->floats_by_set[set] > 0 && had > 0 &&
            board->pool_by_set[set] <= count_pool(board, less, g_ptr_array_index(board->sets, set)))
            return false;
    }
    return left >= (int)pool_pus_needed(board->planner, board->pool_vcpus);
}

void board_count_floats(Board *board, const Seat *seat, int sign)
{
    unsigned n = seat_pool_vcpus(seat);

    board->pool_vcpus += (unsigned)sign * n;
    board->floats_by_set[seat->set] += n > 0 ? (unsigned)sign : 0;
}

void board_set_refused(Board *board, const Ask *ask, bool refused)
{
    board_count_floats(board, ask->seat, -1);
    ask->seat->refused = refused;
    board_count_floats(board, ask->seat, 1);
}

/* --- costs --- */

int cost_compare(const Cost *a, const Cost *b, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        if (a->of[i] != b->of[i])
            return CMP(a->of[i], b->of[i]);
    return 0;
}

void cost_add(Cost *sum, const Cost *cost)
{
    for (unsigned i = 0; i < N_COSTS; i++)
        sum->of[i] += cost->of[i];
}
