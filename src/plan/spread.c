/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * vCPUs over a given set of nodes. First whole guest cells, each with its memory on one node; if
 * that cannot be, all vCPUs in order, as evenly as the room allows. The guest's helpers go with its
 * first vCPU, on the "home" node, and take room there.
 */
#include "plan/planner.h"

/* Enough for eight cells on a few nodes, however they fill up. */
#define MAX_CELL_STEPS 1000

/* vCPUs are dealt out in cores, so that siblings stay on one node. */
static unsigned chunk_of(const NodeSearch *search)
{
    return search->seat->threads == THREADS_ISOLATE ? 1 : pick_core_width(search->planner->topo);
}

/* --- whole cells --- */

typedef struct CellSpread {
    const NodeSearch *search;
    NodeTrial *trial;
    int *room;         /* vCPUs left, by member of the set */
    uint64_t *left;    /* memory left, by member and need */
    unsigned *node_of; /* member, by cell */
    unsigned steps;
} CellSpread;

static const MemoryNeed *cell_need(const NodeSearch *search, unsigned cell, unsigned *ret_index)
{
    const GArray *needs = search->seat->needs;

    for (guint i = 0; i < needs->len; i++)
        if (g_array_index(needs, MemoryNeed, i).cell == cell) {
            *ret_index = i;
            return &g_array_index(needs, MemoryNeed, i);
        }
    return NULL;
}

static unsigned cell_vcpus(const NodeSearch *search, unsigned cell)
{
    const Seat *seat = search->seat;
    unsigned n = 0;

    for (unsigned i = 0; i < seat->n_vcpu_claims; i++)
        n += cpuset_has(seat->def->cells[cell].vcpus, seat_claim(seat, i)->id);
    return n;
}

/* Memory of the same page size is one store, whichever need it is for. */
static void cell_memory(const CellSpread *spread, unsigned member, const MemoryNeed *need,
                        bool give_back)
{
    const GArray *needs = spread->search->seat->needs;

    for (guint i = 0; need && i < needs->len; i++)
        if (g_array_index(needs, MemoryNeed, i).page_kib == need->page_kib)
            spread->left[member * needs->len + i] += give_back ? need->kib : -need->kib;
}

static bool cell_fits(const CellSpread *spread, unsigned cell, unsigned member, unsigned n_vcpus)
{
    const Seat *seat = spread->search->seat;
    const NodeOffer *offer = node_search_offer(spread->search, spread->trial->set[member]);
    unsigned index = 0;
    const MemoryNeed *need = cell_need(spread->search, seat->def->cells[cell].id, &index);
    int helpers = cell == 0 ? offer->vcpu_room - offer->home_room : 0;

    if (cell == 0 && offer->home_room < 0)
        return false;
    if (spread->room[member] - helpers < (int)n_vcpus)
        return false;
    return seat->in->running || !need ||
           spread->left[member * seat->needs->len + index] >= need->kib;
}

static bool place_cells(CellSpread *spread, unsigned cell)
{
    const Seat *seat = spread->search->seat;

    if (cell == seat->def->n_cells)
        return true;
    unsigned n_vcpus = cell_vcpus(spread->search, cell), index = 0;
    const MemoryNeed *need = cell_need(spread->search, seat->def->cells[cell].id, &index);
    for (unsigned member = 0; member < spread->trial->n; member++) {
        const NodeOffer *offer = node_search_offer(spread->search, spread->trial->set[member]);
        int taken = (int)n_vcpus + (cell == 0 ? offer->vcpu_room - offer->home_room : 0);
        if (spread->steps++ > MAX_CELL_STEPS || !cell_fits(spread, cell, member, n_vcpus))
            continue;
        spread->room[member] -= taken;
        cell_memory(spread, member, need, false);
        spread->node_of[cell] = member;
        if (place_cells(spread, cell + 1))
            return true;
        spread->room[member] += taken;
        cell_memory(spread, member, need, true);
    }
    return false;
}

/* Every vCPU with a claim is in some cell. */
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

static void cells_assign(const CellSpread *spread)
{
    const Seat *seat = spread->search->seat;
    NodeTrial *trial = spread->trial;

    for (unsigned i = 0; i < seat->n_vcpu_claims; i++)
        for (unsigned cell = seat->def->n_cells; cell > 0; cell--)
            if (cpuset_has(seat->def->cells[cell - 1].vcpus, seat_claim(seat, i)->id))
                trial->offer_of[i] = trial->set[spread->node_of[cell - 1]];
    trial->home = trial->set[spread->node_of[0]];
}

/* Cells that do not fill cores could only be kept apart with cores half full. */
static bool cells_break_cores(const NodeSearch *search)
{
    const Seat *seat = search->seat;
    unsigned n_odd = 0;

    if (seat->threads != THREADS_REQUIRE)
        return false;
    for (unsigned cell = 0; cell < seat->def->n_cells; cell++)
        n_odd += cell_vcpus(search, cell) % chunk_of(search) != 0;
    return n_odd > 1;
}

static bool spread_by_cells(const NodeSearch *search, NodeTrial *trial)
{
    const Seat *seat = search->seat;
    guint n_needs = seat->needs->len;

    if (!cells_cover(seat) || trial->n == 1 || cells_break_cores(search))
        return false;
    g_autofree int *room = g_new0(int, trial->n);
    g_autofree uint64_t *left = g_new0(uint64_t, (gsize)trial->n * MAX(n_needs, 1));
    g_autofree unsigned *node_of = g_new0(unsigned, seat->def->n_cells);
    CellSpread spread = {search, trial, room, left, node_of, 0};
    for (unsigned i = 0; i < trial->n; i++) {
        const NodeOffer *offer = node_search_offer(search, trial->set[i]);
        room[i] = offer->vcpu_room;
        for (guint j = 0; j < n_needs; j++)
            left[i * n_needs + j] = offer->mem_room[j];
    }
    if (!place_cells(&spread, 0))
        return false;
    cells_assign(&spread);
    return true;
}

/* --- evenly --- */

static int room_of(const NodeSearch *search, const NodeTrial *trial, unsigned offer)
{
    const NodeOffer *it = node_search_offer(search, offer);

    return offer == trial->home ? it->home_room : it->vcpu_room;
}

/* The member not yet dealt to that has the least room. */
static unsigned tightest(const NodeSearch *search, const NodeTrial *trial, const int *dealt)
{
    unsigned best = trial->n;

    for (unsigned i = 0; i < trial->n; i++)
        if (dealt[i] < 0 && (best == trial->n || room_of(search, trial, trial->set[i]) <
                                                     room_of(search, trial, trial->set[best])))
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
static bool deal(const NodeSearch *search, const NodeTrial *trial, int *dealt)
{
    int left = (int)search->n_vcpus, chunk = (int)chunk_of(search);

    for (unsigned i = 0; i < trial->n; i++)
        dealt[i] = -1;
    for (int nodes = (int)trial->n; nodes > 0; nodes--) {
        unsigned member = tightest(search, trial, dealt);
        int part = (left + nodes - 1) / nodes;
        part = (part + chunk - 1) / chunk * chunk;
        if (search->seat->threads != THREADS_REQUIRE && left >= nodes)
            part = MIN(part, left - (nodes - 1)); /* each node of the set is there for something */
        if (home_waits(trial, member, dealt))
            part = MIN(part, left - 1);
        part = MIN(MIN(part, left), room_of(search, trial, trial->set[member]));
        if (search->seat->threads == THREADS_REQUIRE && part < left)
            part -= part % chunk;
        dealt[member] = part;
        left -= part;
    }
    return left == 0;
}

static bool spread_from_home(const NodeSearch *search, NodeTrial *trial, unsigned home_member)
{
    g_autofree int *dealt = g_new0(int, trial->n);
    unsigned next = 0;

    trial->home = trial->set[home_member];
    if (room_of(search, trial, trial->home) < 0 || !deal(search, trial, dealt))
        return false;
    if (search->n_vcpus > 0 && dealt[home_member] == 0)
        return false;
    for (int i = 0; i < dealt[home_member]; i++)
        trial->offer_of[next++] = trial->home;
    for (unsigned member = 0; member < trial->n; member++)
        for (int i = 0; member != home_member && i < dealt[member]; i++)
            trial->offer_of[next++] = trial->set[member];
    return true;
}

bool spread_vcpus(const NodeSearch *search, NodeTrial *trial)
{
    trial->aligned = spread_by_cells(search, trial);
    if (trial->aligned)
        return true;
    trial->aligned = search->seat->def->n_cells <= 1 || trial->n == 1;
    for (unsigned member = 0; member < trial->n; member++)
        if (spread_from_home(search, trial, member))
            return true;
    return false;
}
