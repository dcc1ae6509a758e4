/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Counts -> PUs. Guests that insist on whole cores take theirs first, then the others, which fill
 * cores and take what remains to them from broken ones; helpers come last, into the smallest gaps.
 */
#include "plan/board.h"

#define LAST_TURN 3

typedef struct Pick {
    unsigned node, core, pu;
    bool full; /* all of the core is the guest's */
} Pick;

typedef struct Settling {
    const Board *board;
    unsigned *left; /* free PUs, by BoardCore */
    bool *taken;    /* as Board.pus */
} Settling;

/* The next free PU of a core that has one, as an index into Board.pus. */
static unsigned next_pu(const Settling *settling, unsigned core)
{
    unsigned i = settling->board->cores[core].first;

    while (settling->taken[i])
        i++;
    return i;
}

static void take_pu(const Settling *settling, unsigned core, unsigned index)
{
    settling->taken[index] = true;
    settling->left[core]--;
}

static void pick_pus(const Settling *settling, unsigned core, unsigned n, GArray *picks)
{
    const Board *board = settling->board;

    for (unsigned i = 0; i < n; i++) {
        unsigned index = next_pu(settling, core);
        const TopoPu *pu = topo_pu(board->topo, board->pus[index]);
        Pick pick = {.node = pu->node, .core = pu->core, .pu = pu->os_index};
        g_array_append_val(picks, pick);
        take_pu(settling, core, index);
    }
}

static void close_core(const Settling *settling, unsigned core)
{
    while (settling->left[core] > 0)
        take_pu(settling, core, next_pu(settling, core));
}

static bool is_whole(const Settling *settling, unsigned core)
{
    const BoardCore *it = &settling->board->cores[core];

    return it->whole && settling->left[core] == it->n;
}

/* Of cores that are isolated in part the isolated PUs first. */
static void pick_by_tier(const Settling *settling, const Area *area, unsigned n, GArray *picks)
{
    const Board *board = settling->board;

    for (unsigned tier = 0; tier < N_TIERS; tier++)
        for (unsigned i = area->first; i < area->first + area->n; i++) {
            while (n > 0 && settling->left[i] > 0 &&
                   pick_tier(board->topo, board->pus[next_pu(settling, i)]) == tier) {
                pick_pus(settling, i, 1, picks);
                n--;
            }
        }
}

/* One PU of each whole core; its siblings are nobody's. */
static void pick_cores(const Settling *settling, const Area *area, unsigned n, GArray *picks)
{
    for (unsigned i = area->first; i < area->first + area->n && n > 0; i++) {
        if (!is_whole(settling, i))
            continue;
        pick_pus(settling, i, 1, picks);
        close_core(settling, i);
        n--;
    }
}

/* Whole cores, then broken ones with much to give, as long as they are filled. */
static unsigned pick_filling(const Settling *settling, const Area *area, unsigned n,
                             bool whole_only, GArray *picks)
{
    for (unsigned i = area->first; i < area->first + area->n; i++)
        if (is_whole(settling, i) && settling->left[i] <= n) {
            n -= settling->left[i];
            pick_pus(settling, i, settling->left[i], picks);
        }
    for (unsigned size = whole_only ? 0 : area->width; size > 0; size--)
        for (unsigned i = area->first; i < area->first + area->n; i++)
            if (settling->left[i] == size && size <= n) {
                n -= size;
                pick_pus(settling, i, size, picks);
            }
    return n;
}

/* The rest, from the smallest gap that has it; a whole core only if there is none. */
static void pick_rest(const Settling *settling, const Area *area, unsigned n, bool whole_only,
                      GArray *picks)
{
    while (n > 0) {
        unsigned best = UINT_MAX;
        for (unsigned i = area->first; i < area->first + area->n; i++) {
            unsigned left = settling->left[i];
            if (left == 0 || (whole_only && !is_whole(settling, i)))
                continue;
            if (best == UINT_MAX || is_whole(settling, i) < is_whole(settling, best) ||
                (is_whole(settling, i) == is_whole(settling, best) && left <= settling->left[best]))
                best = i;
        }
        if (best == UINT_MAX)
            return;
        unsigned here = MIN(n, settling->left[best]);
        pick_pus(settling, best, here, picks);
        n -= here;
    }
}

static void pick_part(const Settling *settling, const Ask *ask, const Part *part, GArray *picks)
{
    const Area *area = &settling->board->areas[part->area];

    switch (part->helpers ? THREADS_PREFER : ask->seat->threads) {
    case THREADS_ISOLATE:
        pick_cores(settling, area, part->n, picks);
        return;
    case THREADS_REQUIRE: {
        unsigned odd = part->n % area->width;
        pick_filling(settling, area, part->n - odd, true, picks);
        pick_rest(settling, area, odd, true, picks);
        return;
    }
    case THREADS_PREFER:
        if (ask->spot.core_each && !part->helpers)
            pick_cores(settling, area, part->n, picks);
        else if (area->mixed && !part->helpers)
            pick_by_tier(settling, area, part->n, picks);
        else
            pick_rest(settling, area, pick_filling(settling, area, part->n, false, picks), false,
                      picks);
        return;
    }
}

/* --- claims --- */

static int pick_compare(gconstpointer a, gconstpointer b)
{
    const Pick *one = a, *two = b;

    if (one->full != two->full)
        return one->full ? -1 : 1;
    return one->core != two->core ? CMP(one->core, two->core) : CMP(one->pu, two->pu);
}

static void mark_full(const Topo *topo, GArray *picks)
{
    g_autoptr(CpuSet) all = cpuset_new();

    for (guint i = 0; i < picks->len; i++)
        hwloc_bitmap_set(all, g_array_index(picks, Pick, i).pu);
    for (guint i = 0; i < picks->len; i++) {
        Pick *pick = &g_array_index(picks, Pick, i);
        pick->full = cpuset_is_subset(topo_core(topo, pick->core)->cpus, all);
    }
}

static void claim_pu(const Ask *ask, unsigned index, unsigned pu)
{
    Claim *claim = seat_claim(ask->seat, index);

    ask->seat->moved |= ask->seat->in_place && claim->pu != pu;
    claim->pu = pu;
}

/* The vCPUs of a node in their order: full cores first, so that neighbours are siblings. */
static void seat_vcpus(const Board *board, const Ask *ask, GArray *picks)
{
    mark_full(board->topo, picks);
    g_array_sort(picks, pick_compare);
    for (unsigned i = 0; i < ask->spot.n_nodes; i++) {
        unsigned claim = 0;
        for (guint j = 0; j < picks->len; j++) {
            const Pick *pick = &g_array_index(picks, Pick, j);
            if (pick->node != board->topo->nodes[ask->spot.nodes[i]].os_index)
                continue;
            while (ask->spot.node_of[claim] != ask->spot.nodes[i])
                claim++;
            claim_pu(ask, claim++, pick->pu);
        }
    }
}

static int pu_compare(gconstpointer a, gconstpointer b)
{
    return CMP(((const Pick *)a)->pu, ((const Pick *)b)->pu);
}

/* In ascending order, which tells emulator from vhost later. */
static void seat_helpers(const Ask *ask, GArray *picks)
{
    g_array_sort(picks, pu_compare);
    for (guint i = 0; i < picks->len; i++)
        claim_pu(ask, ask->n_vcpus + i, g_array_index(picks, Pick, i).pu);
}

static bool settle_parts(const Settling *settling, const Ask *ask, bool helpers)
{
    g_autoptr(GArray) picks = g_array_new(FALSE, FALSE, sizeof(Pick));
    unsigned n = 0;

    for (unsigned i = 0; i < ask->spot.n_parts; i++) {
        if (ask->spot.parts[i].helpers != helpers)
            continue;
        pick_part(settling, ask, &ask->spot.parts[i], picks);
        n += ask->spot.parts[i].n;
    }
    if (picks->len < n)
        return false;
    if (helpers)
        seat_helpers(ask, picks);
    else
        seat_vcpus(settling->board, ask, picks);
    return true;
}

static void settle_memory(const Board *board, const Ask *ask)
{
    for (unsigned i = 0; i < ask->spot.n_memory; i++) {
        const MemoryPart *part = &ask->spot.memory[i];
        MemoryPlan entry = {.cell = g_array_index(ask->seat->needs, MemoryNeed, part->need).cell,
                            .node = board->topo->nodes[part->node].os_index,
                            .mib = part->kib / 1024};
        g_array_append_val(ask->seat->memory, entry);
    }
}

/* Those that need whole cores come first. */
static unsigned turn_of(const Ask *ask)
{
    if (ask->seat->threads == THREADS_ISOLATE)
        return 0;
    if (ask->seat->threads == THREADS_REQUIRE)
        return 1;
    return ask->spot.core_each ? 2 : LAST_TURN;
}

/* What a guest that stays has is taken before others choose. */
static void settle_as_before(const Settling *settling, const Ask *ask)
{
    const Board *board = settling->board;

    for (unsigned i = 0; i < ask->spot.n_parts; i++) {
        const Area *area = &board->areas[ask->spot.parts[i].area];
        for (unsigned core = area->first; core < area->first + area->n; core++)
            for (unsigned j = 0; j < board->cores[core].n; j++) {
                unsigned index = board->cores[core].first + j;
                if (!settling->taken[index] && cpuset_has(ask->seat->exclusive, board->pus[index]))
                    take_pu(settling, core, index);
            }
    }
}

static bool settle_all(const Settling *settling, Ask **asks, unsigned n_asks)
{
    for (unsigned i = 0; i < n_asks; i++)
        if (asks[i]->spot.in_place)
            settle_as_before(settling, asks[i]);
    for (unsigned turn = 0; turn <= LAST_TURN; turn++)
        for (unsigned i = 0; i < n_asks; i++)
            if (asks[i]->spot.placed && !asks[i]->spot.in_place && turn_of(asks[i]) == turn &&
                !settle_parts(settling, asks[i], false))
                return false;
    for (unsigned i = 0; i < n_asks; i++)
        if (asks[i]->spot.placed && !asks[i]->spot.in_place && asks[i]->n_helpers > 0 &&
            !settle_parts(settling, asks[i], true))
            return false;
    return true;
}

bool settle(Board *board, Ask **asks, unsigned n_asks)
{
    unsigned n_cores = 0, n_pus = 0;

    for (unsigned i = 0; i < board->n_areas; i++)
        n_cores = MAX(n_cores, board->areas[i].first + board->areas[i].n);
    g_autofree unsigned *left = g_new0(unsigned, MAX(n_cores, 1));
    for (unsigned i = 0; i < n_cores; i++) {
        left[i] = board->cores[i].left;
        n_pus += board->cores[i].n;
    }
    g_autofree bool *taken = g_memdup2(board->taken, MAX(n_pus, 1) * sizeof(bool));
    Settling settling = {board, left, taken};
    if (!settle_all(&settling, asks, n_asks))
        return false;
    for (unsigned i = 0; i < n_asks; i++) {
        if (!asks[i]->spot.placed)
            continue;
        board->planner->core_each |= asks[i]->spot.core_each;
        settle_memory(board, asks[i]);
        seat_mark(board->planner, asks[i]->seat);
    }
    return true;
}
