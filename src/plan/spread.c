/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * vCPUs over a given set of nodes. First whole guest cells, each with its memory on one node; if
 * that cannot be, all vCPUs in order, as evenly as the room allows. The guest's helpers go with its
 * first vCPU, on the "home" node, and take room there.
 */
#include "plan/board.h"

#include <string.h>

/* Enough for four cells on a few nodes, however they fill up; of more the best found so far. */
#define MAX_CELL_STEPS 300

/* There is no room, under however many caches: more than any host has, and a sum of some does not
 * overflow. */
#define MANY_LLCS (1u << 20)

/* vCPUs are dealt out in cores, so that siblings stay on one node. */
static unsigned chunk_of(const Finder *finder)
{
    return finder->ask->seat->threads == THREADS_ISOLATE || finder->core_each
               ? 1
               : finder->board->planner->core_width;
}

/* The fewest caches of an offer that hold n vCPUs. */
static unsigned llcs_for(const Finder *finder, unsigned offer, int n)
{
    const Board *board = finder->board;
    unsigned node = finder->offers[offer].node, used = 0;
    unsigned first = board->node_areas[node], end = board->node_areas[node + 1];

    for (unsigned i = first; i < end; i++)
        finder->used[i] = finder_room(finder, i);
    for (; n > 0; used++) {
        unsigned best = UINT_MAX, most = 0;
        for (unsigned i = first, next; i < end; i = next) {
            unsigned room = 0;
            next = finder_group_end(board, i, end);
            for (unsigned j = i; j < next; j++)
                room += finder->used[j];
            if (room > most) {
                most = room;
                best = i;
            }
        }
        if (best == UINT_MAX)
            break;
        n -= (int)most;
        for (unsigned j = best, next = finder_group_end(board, best, end); j < next; j++)
            finder->used[j] = 0;
    }
    for (unsigned i = first; i < end; i++)
        finder->used[i] = 0;
    return n > 0 ? MANY_LLCS : used;
}

/* --- whole cells --- */

typedef struct CellSpread {
    const Finder *finder;
    NodeTrial *trial;
    int *room;         /* vCPUs left, by member of the set */
    uint64_t *left;    /* memory left, by member and need */
    unsigned *order;   /* cells, large ones first */
    unsigned *node_of; /* member, by cell */
    unsigned *best;    /* the same, of the way that needs fewest caches */
    unsigned best_llcs;
    unsigned steps;
} CellSpread;

static const MemoryNeed *cell_need(const Finder *finder, unsigned cell, unsigned *ret_index)
{
    const GArray *needs = finder->ask->seat->needs;

    for (guint i = 0; i < needs->len; i++)
        if (g_array_index(needs, MemoryNeed, i).cell == cell) {
            *ret_index = i;
            return &g_array_index(needs, MemoryNeed, i);
        }
    return NULL;
}

/* Memory of the same page size is one store, whichever need it is for. */
static void cell_memory(const CellSpread *spread, unsigned member, const MemoryNeed *need,
                        bool give_back)
{
    const GArray *needs = spread->finder->ask->seat->needs;

    for (guint i = 0; need && i < needs->len; i++)
        if (g_array_index(needs, MemoryNeed, i).page_kib == need->page_kib)
            spread->left[member * needs->len + i] += give_back ? need->kib : -need->kib;
}

/* PUs the first cell's node gives up to the guest's helpers. */
static int helpers_of(const CellSpread *spread, unsigned cell, unsigned member)
{
    const NodeOffer *offer = &spread->finder->offers[spread->trial->set[member]];

    return cell == 0 ? offer->vcpu_room - offer->home_room : 0;
}

static bool cell_fits(const CellSpread *spread, unsigned cell, unsigned member)
{
    const Ask *ask = spread->finder->ask;
    const NodeOffer *offer = &spread->finder->offers[spread->trial->set[member]];
    unsigned index = 0;
    const MemoryNeed *need = cell_need(spread->finder, ask->seat->def->cells[cell].id, &index);

    if ((cell == 0 && offer->home_room < 0) || !finder_may_bind(spread->finder, cell, offer))
        return false;
    if (spread->room[member] - helpers_of(spread, cell, member) < (int)ask->cell_vcpus[cell])
        return false;
    return ask->seat->in->running || !need ||
           spread->left[member * ask->seat->needs->len + index] >= need->kib;
}

static unsigned cells_on(const CellSpread *spread, unsigned member)
{
    const Ask *ask = spread->finder->ask;
    unsigned n = 0;

    for (unsigned cell = 0; cell < ask->seat->def->n_cells; cell++)
        n += spread->node_of[cell] == member ? ask->cell_vcpus[cell] : 0;
    return n;
}

/* All cells have a node: kept if that needs fewer caches than before. With require one core may
 * be half full, not one on each node. */
static void judge_cells(CellSpread *spread)
{
    const Finder *finder = spread->finder;
    unsigned n_odd = 0, llcs = 0;

    for (unsigned member = 0; member < spread->trial->n; member++) {
        unsigned n = cells_on(spread, member);
        n_odd += n % chunk_of(finder) != 0;
        llcs += llcs_for(finder, spread->trial->set[member], (int)n);
    }
    if ((finder->ask->seat->threads == THREADS_REQUIRE && n_odd > 1) || llcs >= spread->best_llcs)
        return;
    spread->best_llcs = llcs;
    memcpy(spread->best, spread->node_of, finder->ask->seat->def->n_cells * sizeof(unsigned));
}

static void order_cells(const CellSpread *spread)
{
    const Ask *ask = spread->finder->ask;

    for (unsigned cell = 0; cell < ask->seat->def->n_cells; cell++) {
        unsigned i = cell;
        for (; i > 0 && ask->cell_vcpus[spread->order[i - 1]] < ask->cell_vcpus[cell]; i--)
            spread->order[i] = spread->order[i - 1];
        spread->order[i] = cell;
    }
}

/* The member with least room after this one; UINT_MAX: from the start, or none. */
static unsigned next_tightest(const CellSpread *spread, unsigned last)
{
    unsigned best = UINT_MAX;
    int room = last == UINT_MAX ? INT_MIN : spread->room[last];

    for (unsigned i = 0; i < spread->trial->n; i++) {
        bool after = spread->room[i] > room || (spread->room[i] == room && i > last);
        if (after && (best == UINT_MAX || spread->room[i] < spread->room[best]))
            best = i;
    }
    return best;
}

/* Large cells first, each where it leaves least: if every cell has a node of its own size, the
 * first way tried is the one. */
static void place_cells(CellSpread *spread, unsigned depth)
{
    const Ask *ask = spread->finder->ask;

    if (depth == ask->seat->def->n_cells) {
        judge_cells(spread);
        return;
    }
    unsigned index = 0, cell = spread->order[depth];
    const MemoryNeed *need = cell_need(spread->finder, ask->seat->def->cells[cell].id, &index);
    for (unsigned member = next_tightest(spread, UINT_MAX); member != UINT_MAX;
         member = next_tightest(spread, member)) {
        int taken = (int)ask->cell_vcpus[cell] + helpers_of(spread, cell, member);
        if (spread->steps++ > MAX_CELL_STEPS || !cell_fits(spread, cell, member))
            continue;
        spread->room[member] -= taken;
        cell_memory(spread, member, need, false);
        spread->node_of[cell] = member;
        place_cells(spread, depth + 1);
        spread->room[member] += taken;
        cell_memory(spread, member, need, true);
    }
}

static void cells_assign(const CellSpread *spread)
{
    const Seat *seat = spread->finder->ask->seat;
    NodeTrial *trial = spread->trial;

    for (unsigned i = 0; i < seat->n_vcpu_claims; i++)
        for (unsigned cell = seat->def->n_cells; cell > 0; cell--)
            if (cpuset_has(seat->def->cells[cell - 1].vcpus, seat_claim(seat, i)->id))
                trial->offer_of[i] = trial->set[spread->best[cell - 1]];
    trial->home = trial->set[spread->best[0]];
}

static bool spread_by_cells(Finder *finder, NodeTrial *trial)
{
    const Ask *ask = finder->ask;
    guint n_needs = ask->seat->needs->len;

    if (!ask->cell_vcpus || trial->n == 1)
        return false;
    CellSpread spread = {.finder = finder,
                         .trial = trial,
                         .room = finder->numbers,
                         .left = finder->cell_left,
                         .node_of = finder->cell_node,
                         .best = finder->cell_node + ask->seat->def->n_cells,
                         .order = finder->cell_node + 2 * (gsize)ask->seat->def->n_cells,
                         .best_llcs = MANY_LLCS};
    for (unsigned i = 0; i < trial->n; i++) {
        const NodeOffer *offer = &finder->offers[trial->set[i]];
        spread.room[i] = offer->vcpu_room;
        for (guint j = 0; j < n_needs; j++)
            spread.left[i * n_needs + j] = offer->mem_room[j];
    }
    order_cells(&spread);
    place_cells(&spread, 0);
    if (spread.best_llcs == MANY_LLCS)
        return false;
    cells_assign(&spread);
    return true;
}

/* --- evenly --- */

static int room_of(const Finder *finder, const NodeTrial *trial, unsigned offer)
{
    const NodeOffer *it = &finder->offers[offer];

    return offer == trial->home ? it->home_room : it->vcpu_room;
}

/* The member not yet dealt to that has the least room. */
static unsigned tightest(const Finder *finder, const NodeTrial *trial, const int *dealt)
{
    unsigned best = trial->n;

    for (unsigned i = 0; i < trial->n; i++)
        if (dealt[i] < 0 && (best == trial->n || room_of(finder, trial, trial->set[i]) <
                                                     room_of(finder, trial, trial->set[best])))
            best = i;
    return best;
}

/* The first vCPU is still to be dealt, to the guest's helpers, and not with this member. */
static bool home_waits(const NodeTrial *trial, unsigned member, const int *dealt)
{
    for (unsigned i = 0; i < trial->n; i++)
        if (trial->set[i] == trial->home)
            return i != member && dealt[i] < 0;
    return false;
}

/* How many vCPUs go to each member; false if some find no room. Members with little room are
 * served first, so that what they cannot take is spread over the others. */
static bool deal(const Finder *finder, const NodeTrial *trial, int *dealt)
{
    int left = (int)finder->ask->n_vcpus, chunk = (int)chunk_of(finder);

    for (unsigned i = 0; i < trial->n; i++)
        dealt[i] = -1;
    for (int nodes = (int)trial->n; nodes > 0; nodes--) {
        unsigned member = tightest(finder, trial, dealt);
        int part = (left + nodes - 1) / nodes;
        part = (part + chunk - 1) / chunk * chunk;
        if (finder->ask->seat->threads != THREADS_REQUIRE && left >= nodes)
            part = MIN(part, left - (nodes - 1)); /* each node of the set is there for something */
        if (home_waits(trial, member, dealt))
            part = MIN(part, left - 1);
        part = MIN(MIN(part, left), room_of(finder, trial, trial->set[member]));
        if (finder->ask->seat->threads == THREADS_REQUIRE && part < left)
            part -= part % chunk;
        dealt[member] = part;
        left -= part;
    }
    return left == 0;
}

/* --- fewer caches --- */

/* Fewer caches from here to there, though less evenly. */
static int best_shift(const Finder *finder, const NodeTrial *trial, const int *dealt, unsigned from,
                      unsigned to)
{
    const unsigned *set = trial->set;
    int chunk = finder->ask->seat->threads == THREADS_REQUIRE ? (int)chunk_of(finder) : 1;
    unsigned least =
        llcs_for(finder, set[from], dealt[from]) + llcs_for(finder, set[to], dealt[to]);
    int best = 0;

    for (int n = chunk; n < dealt[from] && dealt[to] + n <= room_of(finder, trial, set[to]);
         n += chunk) {
        unsigned llcs =
            llcs_for(finder, set[from], dealt[from] - n) + llcs_for(finder, set[to], dealt[to] + n);
        if (llcs < least) {
            least = llcs;
            best = n;
        }
    }
    return best;
}

static void save_caches(const Finder *finder, const NodeTrial *trial, int *dealt)
{
    bool better = true;

    while (better) {
        better = false;
        for (unsigned from = 0; from < trial->n; from++)
            for (unsigned to = 0; to < trial->n; to++) {
                int n = from != to ? best_shift(finder, trial, dealt, from, to) : 0;
                dealt[from] -= n;
                dealt[to] += n;
                better |= n > 0;
            }
    }
}

static bool spread_from_home(Finder *finder, NodeTrial *trial, unsigned home_member)
{
    int *dealt = finder->numbers;
    unsigned next = 0;

    trial->home = trial->set[home_member];
    if (room_of(finder, trial, trial->home) < 0 || !deal(finder, trial, dealt))
        return false;
    if (finder->ask->n_vcpus > 0 && dealt[home_member] == 0)
        return false;
    save_caches(finder, trial, dealt);
    for (int i = 0; i < dealt[home_member]; i++)
        trial->offer_of[next++] = trial->home;
    for (unsigned member = 0; member < trial->n; member++)
        for (int i = 0; member != home_member && i < dealt[member]; i++)
            trial->offer_of[next++] = trial->set[member];
    return true;
}

bool spread_vcpus(Finder *finder, NodeTrial *trial)
{
    trial->aligned = spread_by_cells(finder, trial);
    if (trial->aligned)
        return true;
    trial->aligned = finder->ask->seat->def->n_cells <= 1 || trial->n == 1;
    for (unsigned member = 0; member < trial->n; member++)
        if (spread_from_home(finder, trial, member))
            return true;
    return false;
}
