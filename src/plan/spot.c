/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The best place for one guest on given nodes of a board, by the room of their areas, and what it
 * costs. No memory is allocated for a candidate.
 */
#include "plan/board.h"

#include <string.h>

#define LOCAL_DISTANCE 10 /* ACPI 6.5, 5.2.17: SLIT */

Finder *finder_new(const Board *board)
{
    Finder *finder = g_new0(Finder, 1);
    unsigned n_nodes = MAX(board->topo->n_nodes, 1);

    finder->board = board;
    finder->offers = g_new0(NodeOffer, n_nodes);
    finder->used = g_new0(unsigned, MAX(board->n_areas, 1));
    finder->room = g_new0(unsigned, MAX(board->n_areas, 1));
    finder->llc_seen = g_new0(unsigned, MAX(board->topo->n_llcs, 1));
    finder->node_seen = g_new0(unsigned, n_nodes);
    finder->numbers = g_new0(int, n_nodes);
    finder->set = g_new0(unsigned, n_nodes);
    return finder;
}

void finder_free(Finder *finder)
{
    if (!finder)
        return;
    spot_clear(&finder->trial);
    g_free(finder->offers);
    g_free(finder->mem_rooms);
    g_free(finder->used);
    g_free(finder->room);
    g_free(finder->llc_seen);
    g_free(finder->node_seen);
    g_free(finder->numbers);
    g_free(finder->set);
    g_free(finder->offer_of);
    g_free(finder->cell_node);
    g_free(finder->cell_left);
    g_free(finder);
}

/* --- offers --- */

static uint64_t offer_memory(const Finder *finder, unsigned node, unsigned page_kib)
{
    const Seat *seat = finder->ask->seat;
    unsigned os_index = finder->board->topo->nodes[node].os_index;

    if (!cpuset_has(seat->mems, os_index) ||
        (seat->mem_nodes && !cpuset_has(seat->mem_nodes, os_index)))
        return 0;
    return capacity_room_kib(finder->board->planner->capacity, node, page_kib);
}

/* PUs a vCPU takes there: a core, with isolate and in places with a core for each. */
static unsigned vcpu_width(const Finder *finder, unsigned node)
{
    const Board *board = finder->board;
    unsigned width = 1;

    if (!finder->core_each && finder->ask->seat->threads != THREADS_ISOLATE)
        return 1;
    for (unsigned i = board->node_areas[node]; i < board->node_areas[node + 1]; i++)
        if (finder_room(finder, i) > 0)
            width = MAX(width, board->areas[i].width);
    return width;
}

static void offer_add(Finder *finder, unsigned node)
{
    const Board *board = finder->board;
    const Ask *ask = finder->ask;
    const GArray *needs = ask->seat->needs;
    NodeOffer *offer = &finder->offers[finder->n_offers];
    int helpers = (int)ask->n_helpers;

    *offer = (NodeOffer){.node = node,
                         .mem_room = finder->mem_rooms + (gsize)finder->n_offers * needs->len};
    for (unsigned i = board->node_areas[node]; i < board->node_areas[node + 1]; i++) {
        finder->room[i] = area_room(board, ask, finder->core_each, i);
        offer->vcpu_room += (int)finder->room[i];
        if (board->areas[i].width > 1)
            offer->n_paired += area_cores(board, i) * board->areas[i].width;
        if (board->member[(gsize)i * board->n_sets + ask->seat->set])
            offer->n_free += board->areas[i].free;
    }
    int left = (int)offer->n_free - helpers;
    offer->home_room = left < 0 ? -1 : MIN(offer->vcpu_room, left / (int)vcpu_width(finder, node));
    for (guint i = 0; i < needs->len; i++)
        offer->mem_room[i] =
            offer_memory(finder, node, g_array_index(needs, MemoryNeed, i).page_kib);
    finder->n_offers++;
}

/* Room for a guest as large as this one. */
static void finder_reserve(Finder *finder, const Ask *ask)
{
    const Board *board = finder->board;
    gsize n_claims = ask->n_vcpus + ask->n_helpers, n_needs = MAX(ask->seat->needs->len, 1);
    gsize n_nodes = MAX(board->topo->n_nodes, 1), n_cells = MAX(ask->seat->def->n_cells, 1);

    if (n_needs * n_nodes > finder->n_mem_rooms) {
        finder->n_mem_rooms = n_needs * n_nodes;
        finder->mem_rooms = g_renew(uint64_t, finder->mem_rooms, finder->n_mem_rooms);
    }
    if (n_claims + 1 > finder->n_offer_of) {
        finder->n_offer_of = n_claims + 1;
        finder->offer_of = g_renew(unsigned, finder->offer_of, finder->n_offer_of);
    }
    if (n_cells > finder->n_cell_node) {
        finder->n_cell_node = n_cells;
        finder->cell_node = g_renew(unsigned, finder->cell_node, 3 * n_cells);
    }
    if (n_needs * n_nodes > finder->n_cell_left) {
        finder->n_cell_left = n_needs * n_nodes;
        finder->cell_left = g_renew(uint64_t, finder->cell_left, finder->n_cell_left);
    }
    if (!finder->trial.parts || n_claims > finder->trial_claims || n_needs > finder->trial_memory) {
        finder->trial_claims = MAX(finder->trial_claims, n_claims);
        finder->trial_memory = MAX(finder->trial_memory, n_needs);
        Spot *trial = &finder->trial;
        trial->parts = g_renew(Part, trial->parts, finder->trial_claims + 1);
        trial->node_of = g_renew(unsigned, trial->node_of, finder->trial_claims + 1);
        trial->nodes = g_renew(unsigned, trial->nodes, n_nodes);
        trial->memory = g_renew(MemoryPart, trial->memory, finder->trial_memory * n_nodes + 1);
    }
}

unsigned finder_room(const Finder *finder, unsigned area)
{
    return finder->room[area];
}

void finder_ask(Finder *finder, const Ask *ask, bool core_each, const bool *nodes)
{
    finder->ask = ask;
    finder->core_each = core_each;
    finder->loose = false;
    finder->rest = NO_AREA;
    finder->n_offers = 0;
    finder_reserve(finder, ask);
    for (unsigned i = 0; i < ask->n_nodes; i++)
        if (!nodes || nodes[ask->nodes[i]])
            offer_add(finder, ask->nodes[i]);
}

/* --- memory of a set of offers --- */

/* Memory-only nodes the guest may use beside those of its vCPUs. */
static uint64_t extra_memory(const Finder *finder, unsigned page_kib)
{
    const Topo *topo = finder->board->topo;
    const Seat *seat = finder->ask->seat;
    uint64_t room = 0;

    for (unsigned i = 0; seat->mem_nodes && i < topo->n_nodes; i++)
        if (!cpuset_has(seat->cpu_nodes, topo->nodes[i].os_index))
            room += offer_memory(finder, i, page_kib);
    return room;
}

static bool memory_fits(const Finder *finder, const unsigned *set, unsigned n)
{
    const GArray *needs = finder->ask->seat->needs;
    uint64_t bound, bound_room;

    if (!ask_books_memory(finder->ask))
        return true;
    if (memory_bound_short(finder->board->planner, finder->ask->seat, &bound, &bound_room))
        return false;
    for (guint i = 0; i < needs->len; i++) {
        unsigned page_kib = g_array_index(needs, MemoryNeed, i).page_kib;
        uint64_t need = 0, room = extra_memory(finder, page_kib);
        for (guint j = 0; j < needs->len; j++)
            if (g_array_index(needs, MemoryNeed, j).page_kib == page_kib)
                need += g_array_index(needs, MemoryNeed, j).kib;
        for (unsigned j = 0; j < n; j++)
            room += finder->offers[set[j]].mem_room[i];
        if (need > room)
            return false;
    }
    return true;
}

/* --- PUs on one node --- */

static unsigned room_left(const Finder *finder, unsigned area)
{
    return finder_room(finder, area) - finder->used[area];
}

/* First area after those of the same rank under the same cache. */
unsigned finder_group_end(const Board *board, unsigned area, unsigned end)
{
    unsigned i = area + 1;

    while (i < end && board->areas[i].rank == board->areas[area].rank &&
           board->areas[i].llc == board->areas[area].llc)
        i++;
    return i;
}

/* PUs that would not have a sibling of the same guest. */
static unsigned group_unpaired(const Finder *finder, unsigned area, unsigned end, unsigned n)
{
    unsigned paired = 0;

    if (finder->ask->seat->threads == THREADS_ISOLATE || finder->core_each)
        return 0;
    for (unsigned i = area; i < end; i++) {
        const Area *it = &finder->board->areas[i];
        if (it->width > 1 && room_left(finder, i) > 0)
            paired += area_cores(finder->board, i) * it->width;
    }
    return paired < n ? n - paired : 0;
}

typedef struct Group {
    unsigned first, end; /* areas */
    unsigned room;
    unsigned unpaired, rest;
} Group;

/* One that holds all n, with least left over; else the largest. */
static bool group_is_better(const Group *a, const Group *b, unsigned n)
{
    if ((a->room >= n) != (b->room >= n))
        return a->room >= n;
    if (a->room < n)
        return a->room > b->room;
    if (a->unpaired != b->unpaired)
        return a->unpaired < b->unpaired;
    return a->rest < b->rest;
}

static bool best_group(const Finder *finder, unsigned node, unsigned rank, unsigned n, Group *best)
{
    const Board *board = finder->board;
    unsigned end = board->node_areas[node + 1];
    bool found = false;

    for (unsigned i = board->node_areas[node], next; i < end; i = next) {
        next = finder_group_end(board, i, end);
        if (board->areas[i].rank != rank)
            continue;
        Group group = {.first = i, .end = next};
        unsigned free = 0;
        for (unsigned j = i; j < next; j++) {
            group.room += room_left(finder, j);
            free += board->areas[j].free;
        }
        if (group.room == 0)
            continue;
        group.unpaired = group_unpaired(finder, i, next, n);
        group.rest = free;
        if (!found || group_is_better(&group, best, n))
            *best = group;
        found = true;
    }
    return found;
}

static void fill_group(Finder *finder, Spot *spot, const Group *group, unsigned *n)
{
    for (unsigned i = group->first; i<group->end && * n> 0; i++) {
        unsigned here = MIN(*n, room_left(finder, i));
        if (here == 0)
            continue;
        finder->used[i] += here;
        spot_add(spot, i, here, false);
        *n -= here;
    }
}

static void fill_rank(Finder *finder, Spot *spot, unsigned node, unsigned rank, unsigned n)
{
    Group group;

    while (n > 0 && best_group(finder, node, rank, n, &group)) {
        spot->cost.of[COST_UNPAIRED] += MIN(group.unpaired, n);
        fill_group(finder, spot, &group, &n);
    }
}

static unsigned rank_room(const Finder *finder, unsigned node, unsigned rank)
{
    const Board *board = finder->board;
    unsigned room = 0;

    for (unsigned i = board->node_areas[node]; i < board->node_areas[node + 1]; i++)
        if (board->areas[i].rank == rank)
            room += room_left(finder, i);
    return room;
}

/* The rank to take from next: the first of the best tier that has room, but within a tier one kind
 * of core that holds them all before several kinds. */
static bool next_rank(const Finder *finder, unsigned node, unsigned n, unsigned *ret_rank)
{
    const Board *board = finder->board;
    unsigned end = board->node_areas[node + 1];
    const Area *first = NULL;

    for (unsigned i = board->node_areas[node]; i < end; i++) {
        const Area *area = &board->areas[i];
        if (room_left(finder, i) == 0)
            continue;
        if (!first)
            first = area;
        if (area->tier != first->tier)
            break;
        if (rank_room(finder, node, area->rank) >= n) {
            *ret_rank = area->rank;
            return true;
        }
    }
    *ret_rank = first ? first->rank : 0;
    return first != NULL;
}

/* How many of n fill no cache of the node, as far as its caches are alike. */
static unsigned rest_of(const Finder *finder, unsigned node, unsigned n)
{
    const Board *board = finder->board;
    unsigned end = board->node_areas[node + 1], most = 0;

    for (unsigned i = board->node_areas[node], next; i < end; i = next) {
        unsigned room = 0;
        next = finder_group_end(board, i, end);
        for (unsigned j = i; j < next; j++)
            room += room_left(finder, j);
        most = MAX(most, room);
    }
    return n > most && most > 0 ? n % most : 0;
}

static unsigned fill_rest(Finder *finder, Spot *spot, unsigned node, unsigned n)
{
    Group group = {
        .first = finder->rest,
        .end = finder_group_end(finder->board, finder->rest, finder->board->node_areas[node + 1])};
    unsigned rest = rest_of(finder, node, n), left = rest;

    fill_group(finder, spot, &group, &left);
    finder->rest_used |= left < rest;
    return n - (rest - left);
}

static bool fill_node(Finder *finder, Spot *spot, unsigned node, unsigned n)
{
    unsigned rank;

    if (finder->rest != NO_AREA && finder->board->areas[finder->rest].node == node)
        n = fill_rest(finder, spot, node, n);
    while (n > 0) {
        if (!next_rank(finder, node, n, &rank))
            return false;
        unsigned here = MIN(n, rank_room(finder, node, rank));
        fill_rank(finder, spot, node, rank, here);
        n -= here;
    }
    return true;
}

/* --- helpers --- */

static unsigned pus_left(const Finder *finder, unsigned area)
{
    const Spot spot = {.core_each = finder->core_each};
    const Part part = {.area = area, .n = finder->used[area]};
    const Board *board = finder->board;

    if (!board->member[(gsize)area * board->n_sets + finder->ask->seat->set])
        return 0;
    return board->areas[area].free - part_pus(board, finder->ask, &spot, &part);
}

/* They leave isolated CPUs and whole cores to vCPUs, and like the caches of their own. */
static bool helper_area_is_better(const Finder *finder, unsigned a, unsigned b)
{
    const Area *one = &finder->board->areas[a], *two = &finder->board->areas[b];
    bool near_one = finder->llc_seen[one->llc] == finder->stamp;
    bool near_two = finder->llc_seen[two->llc] == finder->stamp;
    bool broken_one = pus_left(finder, a) % one->width != 0;
    bool broken_two = pus_left(finder, b) % two->width != 0;

    if (one->rank != two->rank)
        return one->rank > two->rank;
    if (near_one != near_two)
        return near_one;
    if (broken_one != broken_two)
        return broken_one;
    return pus_left(finder, a) < pus_left(finder, b);
}

/* Those of the guest's vCPUs count as used already. */
static bool place_helpers(Finder *finder, Spot *spot, unsigned node)
{
    const Board *board = finder->board;
    unsigned first = spot->n_parts;

    for (unsigned n = finder->ask->n_helpers; n > 0; n--) {
        unsigned best = UINT_MAX;
        for (unsigned i = board->node_areas[node]; i < board->node_areas[node + 1]; i++) {
            unsigned taken = 0;
            for (unsigned j = first; j < spot->n_parts; j++)
                if (spot->parts[j].area == i)
                    taken += spot->parts[j].n;
            if (pus_left(finder, i) > taken &&
                (best == UINT_MAX || helper_area_is_better(finder, i, best)))
                best = i;
        }
        if (best == UINT_MAX)
            return false;
        spot_add(spot, best, 1, true);
    }
    return true;
}

/* --- what a place costs --- */

static uint64_t set_distance(const Finder *finder, const unsigned *set, unsigned n)
{
    uint64_t sum = 0;

    for (unsigned i = 0; i < n; i++)
        for (unsigned j = 0; j < i; j++)
            sum += pair_distance(finder->board, finder->offers[set[i]].node,
                                 finder->offers[set[j]].node);
    return sum;
}

static unsigned count_vcpus(const Finder *finder, const NodeTrial *trial, unsigned offer)
{
    unsigned n = 0;

    for (unsigned i = 0; i < finder->ask->n_vcpus; i++)
        n += trial->offer_of[i] == offer;
    return n;
}

static void forget_used(Finder *finder, const Spot *spot)
{
    for (unsigned i = 0; i < spot->n_parts; i++)
        finder->used[spot->parts[i].area] = 0;
}

/* With numa.strategy spread more nodes are better. */
static uint64_t nodes_cost(const Ask *ask, unsigned n)
{
    return ask->spread ? ask->n_nodes - n : n;
}

/* How far its devices are from the nearest of its nodes, as SLIT beyond local. */
static uint64_t devices_cost(const Finder *finder, const Spot *spot)
{
    const Topo *topo = finder->board->topo;
    const Ask *ask = finder->ask;
    uint64_t sum = 0;

    for (unsigned i = 0; i < ask->n_devices; i++) {
        unsigned least = UINT_MAX;
        for (unsigned j = 0; j < spot->n_nodes; j++)
            least = MIN(least, topo_distance(topo, topo->nodes[ask->devices[i]].os_index,
                                             topo->nodes[spot->nodes[j]].os_index));
        sum += least - MIN(least, LOCAL_DISTANCE);
    }
    return sum;
}

/* Measured memory is remote but for that on nodes of its vCPUs. */
static void count_node(Finder *finder, Spot *spot, unsigned node)
{
    if (finder->ask->memory_mib && finder->node_seen[node] != finder->stamp)
        spot->cost.of[COST_REMOTE] -= finder->ask->memory_mib[node];
    finder->node_seen[node] = finder->stamp;
}

/* Also marks the caches and nodes of the guest's vCPUs as seen. */
static void count_parts(Finder *finder, Spot *spot)
{
    const Board *board = finder->board;

    finder->stamp++;
    spot->cost.of[COST_LLCS] = spot->cost.of[COST_RANK] = 0;
    spot->cost.of[COST_REMOTE] = finder->ask->all_mib;
    for (unsigned i = 0; i < spot->n_parts; i++) {
        const Area *area = &board->areas[spot->parts[i].area];
        if (spot->parts[i].helpers)
            continue;
        spot->cost.of[COST_RANK] += (uint64_t)area->rank * spot->parts[i].n;
        spot->cost.of[COST_LLCS] += finder->llc_seen[area->llc] != finder->stamp;
        finder->llc_seen[area->llc] = finder->stamp;
        count_node(finder, spot, area->node);
    }
}

/* Cores that are whole no more; all vCPUs of a wide guest that have not one each. */
static void size_parts(const Finder *finder, Spot *spot)
{
    bool each = finder->core_each || finder->ask->seat->threads == THREADS_ISOLATE;

    for (unsigned i = 0; i < spot->n_parts; i++) {
        Part *part = &spot->parts[i];
        unsigned width = finder->board->areas[part->area].width;
        unsigned filled = each ? part->n : (part->n + width - 1) / width;
        if (part->helpers)
            continue;
        if (each || finder->ask->seat->threads == THREADS_REQUIRE)
            part->cores = filled;
    }
    if (finder->ask->wide && !finder->core_each)
        spot->cost.of[COST_SQUEEZED] = finder->ask->n_vcpus;
}

static bool any_cell_is_split(const Ask *ask, const Spot *spot)
{
    const GuestDef *def = ask->seat->def;

    for (unsigned cell = 0; cell < def->n_cells; cell++) {
        unsigned node = NO_NODE;
        for (unsigned i = 0; i < ask->n_vcpus; i++) {
            if (!cpuset_has(def->cells[cell].vcpus, seat_claim(ask->seat, i)->id))
                continue;
            if (node != NO_NODE && node != spot->node_of[i])
                return true;
            node = spot->node_of[i];
        }
    }
    return false;
}

void finder_price(Finder *finder, Spot *spot)
{
    spot->cost = (Cost){.of[COST_SQUEEZED] = spot->cost.of[COST_SQUEEZED]};
    spot->cost.of[COST_NODES] = nodes_cost(finder->ask, spot->n_nodes);
    for (unsigned i = 0; i < spot->n_nodes; i++)
        for (unsigned j = 0; j < i; j++)
            spot->cost.of[COST_DISTANCE] +=
                pair_distance(finder->board, spot->nodes[i], spot->nodes[j]);
    spot->cost.of[COST_SPLIT] = any_cell_is_split(finder->ask, spot);
    spot->cost.of[COST_DEVICES] = devices_cost(finder, spot);
    count_parts(finder, spot);
}

static void spot_begin(Spot *spot, Finder *finder, const unsigned *set, unsigned n)
{
    spot->placed = spot->in_place = false;
    spot->core_each = finder->core_each;
    spot->cost = (Cost){0};
    spot->n_parts = spot->n_memory = 0;
    finder->rest_used = false;
    spot->n_nodes = n;
    for (unsigned i = 0; i < n; i++)
        spot->nodes[i] = finder->offers[set[i]].node;
    spot->cost.of[COST_NODES] = nodes_cost(finder->ask, n);
    spot->cost.of[COST_DEVICES] = devices_cost(finder, spot);
    spot->cost.of[COST_DISTANCE] = set_distance(finder, set, n);
}

/* PUs for all claims with this spread of vCPUs. */
static bool spot_from_trial(Finder *finder, const NodeTrial *trial, Spot *spot)
{
    bool fits = true;

    spot->home = finder->offers[trial->home].node;
    for (unsigned i = 0; i < finder->ask->n_vcpus; i++)
        spot->node_of[i] = finder->offers[trial->offer_of[i]].node;
    for (unsigned i = 0; i < trial->n && fits; i++) {
        const NodeOffer *offer = &finder->offers[trial->set[i]];
        unsigned n = count_vcpus(finder, trial, trial->set[i]);
        fits = fill_node(finder, spot, offer->node, n);
        spot->cost.of[COST_SPARE] += offer->n_free - n;
    }
    size_parts(finder, spot);
    count_parts(finder, spot);
    spot->cost.of[COST_SPLIT] = !trial->aligned;
    fits = fits && place_helpers(finder, spot, spot->home);
    forget_used(finder, spot);
    return fits;
}

bool finder_may_bind(const Finder *finder, unsigned cell, const NodeOffer *offer)
{
    const Seat *seat = finder->ask->seat;
    const CpuSet *nodes = seat->def->cells[cell].nodes;

    return finder->loose || !nodes || !cpuset_intersects(nodes, seat->cpu_nodes) ||
           cpuset_has(nodes, finder->board->topo->nodes[offer->node].os_index);
}

static bool may_bind_all(const Finder *finder, const NodeOffer *offer)
{
    for (unsigned cell = 0; cell < finder->ask->seat->def->n_cells; cell++)
        if (!finder_may_bind(finder, cell, offer))
            return false;
    return true;
}

bool finder_fill_node(Finder *finder, unsigned index, unsigned area, Spot *spot)
{
    const Ask *ask = finder->ask;
    const Board *board = finder->board;
    const NodeOffer *offer = &finder->offers[index];
    unsigned n = ask->n_vcpus;

    finder->n_tries++;
    if (offer->vcpu_room < (int)n || offer->home_room < (int)n || !memory_fits(finder, &index, 1) ||
        !may_bind_all(finder, offer))
        return false;
    spot_begin(spot, finder, &index, 1);
    spot->home = offer->node;
    for (unsigned i = 0; i < n; i++)
        spot->node_of[i] = offer->node;
    if (area != UINT_MAX) {
        Group group = {.first = area,
                       .end = finder_group_end(board, area, board->node_areas[offer->node + 1])};
        fill_group(finder, spot, &group, &n);
    }
    bool fits = fill_node(finder, spot, offer->node, n);
    size_parts(finder, spot);
    count_parts(finder, spot);
    spot->cost.of[COST_SPARE] = offer->n_free - ask->n_vcpus;
    fits = fits && place_helpers(finder, spot, offer->node);
    forget_used(finder, spot);
    spot->placed = fits;
    return fits;
}

bool finder_fill_cells(Finder *finder, unsigned first, unsigned second, unsigned mask, Spot *spot)
{
    const Ask *ask = finder->ask;
    const Seat *seat = ask->seat;
    const unsigned set[] = {MIN(first, second), MAX(first, second)};
    NodeTrial trial = {.set = set,
                       .n = 2,
                       .home = mask & 1 ? first : second,
                       .offer_of = finder->offer_of,
                       .aligned = true};
    int on_first = 0, width = (int)finder->board->planner->core_width;

    finder->n_tries++;
    const NodeOffer *one = &finder->offers[first], *two = &finder->offers[second];
    for (unsigned cell = 0; cell < seat->def->n_cells; cell++) {
        if (!finder_may_bind(finder, cell, mask & (1u << cell) ? one : two))
            return false;
        on_first += mask & (1u << cell) ? (int)ask->cell_vcpus[cell] : 0;
    }
    int on_second = (int)ask->n_vcpus - on_first;
    if (on_first > (mask & 1 ? one->home_room : one->vcpu_room) ||
        on_second > (mask & 1 ? two->vcpu_room : two->home_room) || !memory_fits(finder, set, 2) ||
        (seat->threads == THREADS_REQUIRE && on_first % width != 0 && on_second % width != 0))
        return false;
    for (unsigned i = 0; i < ask->n_vcpus; i++)
        for (unsigned cell = seat->def->n_cells; cell > 0; cell--)
            if (cpuset_has(seat->def->cells[cell - 1].vcpus, seat_claim(seat, i)->id))
                trial.offer_of[i] = mask & (1u << (cell - 1)) ? first : second;
    spot_begin(spot, finder, set, 2);
    spot->placed = spot_from_trial(finder, &trial, spot);
    return spot->placed;
}

bool finder_fill_up(Finder *finder, const unsigned *set, unsigned n, unsigned last, Spot *spot)
{
    const Ask *ask = finder->ask;
    unsigned width = finder->board->planner->core_width, vcpu = 0;
    unsigned first = last == 0;
    NodeTrial trial = {.set = set, .n = n, .home = set[first], .offer_of = finder->offer_of};

    finder->n_tries++;
    for (unsigned i = 0; i < n; i++) {
        const NodeOffer *offer = &finder->offers[set[i]];
        unsigned room = (unsigned)MAX(i == first ? offer->home_room : offer->vcpu_room, 0);
        if (i == last)
            continue;
        if (ask->seat->threads == THREADS_REQUIRE)
            room -= room % width;
        if (room == 0 || vcpu + room >= ask->n_vcpus)
            return false;
        for (unsigned end = vcpu + room; vcpu < end; vcpu++)
            trial.offer_of[vcpu] = set[i];
    }
    if (ask->n_vcpus - vcpu > (unsigned)finder->offers[set[last]].vcpu_room ||
        !memory_fits(finder, set, n))
        return false;
    for (; vcpu < ask->n_vcpus; vcpu++)
        trial.offer_of[vcpu] = set[last];
    trial.aligned = ask->seat->def->n_cells <= 1;
    spot_begin(spot, finder, set, n);
    spot->placed = spot_from_trial(finder, &trial, spot);
    return spot->placed;
}

/* --- sets of nodes --- */

static bool pus_may_fit(const Finder *finder, const unsigned *set, unsigned n)
{
    int room = 0;

    for (unsigned i = 0; i < n; i++)
        room += finder->offers[set[i]].vcpu_room;
    return room >= (int)finder->ask->n_vcpus;
}

static void keep_better(const Finder *finder, Spot *best)
{
    if (!best->placed || cost_compare(&finder->trial.cost, &best->cost, N_COSTS) < 0)
        spot_copy(best, &finder->trial, finder->ask);
}

/* What is known of a place on that node alone before it is made is no better than the best. */
static bool is_no_better(const Finder *finder, const NodeOffer *offer, const Spot *best)
{
    const Ask *ask = finder->ask;
    Cost least = {.of[COST_NODES] = nodes_cost(ask, 1), .of[COST_LLCS] = ask->n_vcpus > 0};

    if (!best->placed || offer->n_free < ask->n_vcpus)
        return best->placed;
    if (ask->wide && !finder->core_each)
        least.of[COST_SQUEEZED] = ask->n_vcpus;
    if (ask->memory_mib)
        least.of[COST_REMOTE] = ask->all_mib - ask->memory_mib[offer->node];
    if (!finder->core_each && ask->seat->threads != THREADS_ISOLATE)
        least.of[COST_UNPAIRED] = ask->n_vcpus - MIN(ask->n_vcpus, offer->n_paired);
    least.of[COST_SPARE] = offer->n_free - ask->n_vcpus;
    return cost_compare(&best->cost, &least, N_COSTS) <= 0;
}

void finder_try_set(Finder *finder, const unsigned *set, unsigned n, Spot *best)
{
    Spot *spot = &finder->trial;

    finder->n_tries++;
    if (n == 1) {
        if (!is_no_better(finder, &finder->offers[set[0]], best) &&
            finder_fill_node(finder, set[0], UINT_MAX, spot))
            keep_better(finder, best);
        return;
    }
    if (!pus_may_fit(finder, set, n) || !memory_fits(finder, set, n))
        return;
    if (best->placed && set_distance(finder, set, n) > best->cost.of[COST_DISTANCE])
        return;
    NodeTrial trial = {.set = set, .n = n, .offer_of = finder->offer_of};
    spot_begin(spot, finder, set, n);
    if (!spread_vcpus(finder, &trial) || !spot_from_trial(finder, &trial, spot))
        return;
    spot->placed = true;
    keep_better(finder, best);
}

/* All of its candidates together have what it needs. */
bool finder_can_fit(Finder *finder)
{
    const Ask *ask = finder->ask;
    unsigned *all = finder->set;
    bool home = false;

    for (unsigned i = 0; i < finder->n_offers; i++) {
        all[i] = i;
        home |= finder->offers[i].home_room >= (ask->n_vcpus > 0 ? 1 : 0);
    }
    return home && pus_may_fit(finder, all, finder->n_offers) &&
           memory_fits(finder, all, finder->n_offers);
}
