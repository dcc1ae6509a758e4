/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Local search over all guests placed anew: around a guest whose place costs more than it must, the
 * guests of one to four nodes are taken off the board and put back in the best way a bounded
 * depth-first search finds. Only what lowers the sum of costs is kept, so no component of the score
 * ever gets worse for one after it. What is wrong most is mended first; then the same once more
 * with other places tried, see Style. Deterministic: fixed orders, and bounds that count places
 * tried.
 */
#include "plan/board.h"

#include <string.h>

#define MAX_MEMBERS 15     /* guests put back together; at most 15, see refused_weight() */
#define MAX_CANDIDATES 24  /* places tried for one of them */
#define REPAIR_TRIES 50000 /* places tried by one search */
#define REPACK_TRIES 20    /* what choosing nodes and members costs, in places tried */
#define ALL_TRIES 1000000  /* by all */
#define CYCLE_TRIES 100000 /* the same with host.rebalance, where every cycle goes on */
#define MAX_NODES 4        /* emptied together */
#define MAX_CELLS 5        /* of which every way onto two nodes is tried */

/* What places on a node differ in: the area they start in; nothing, just the best is tried; the
 * area of those vCPUs that fill no cache. */
typedef enum Style { BY_AREA, BY_NODE, BY_REST } Style;

typedef struct Search {
    Board *board;
    Style style;
    bool cut;       /* some way was not tried, for want of tries */
    unsigned moved; /* guests in place that are elsewhere in the way being tried */
    bool may_equal; /* a way that costs no more will do */
    Finder *finder;
    Ask **asks;
    unsigned n_asks;
    uint64_t n_repacks;  /* sets of nodes looked at */
    bool *nodes;         /* by node index: those at work */
    unsigned *cpu_nodes; /* node indexes of those on the board */
    unsigned n_cpu_nodes;
    Ask *members[MAX_MEMBERS];
    unsigned n_members;
    Cost least[MAX_MEMBERS + 1]; /* of those from here on */
    Spot best[MAX_MEMBERS];
    Spot spots[MAX_MEMBERS][MAX_CANDIDATES];
    Cost best_cost, old_cost;
    bool found;
    uint64_t limit; /* of finder->n_tries, for the repair at work */
    uint64_t end;   /* of count_tries() */
} Search;

/* --- places for one guest --- */

static uint64_t refused_weight(const Search *search, const Ask *ask)
{
    uint64_t weight = 1;
    unsigned last = ask->level;

    /* One digit of base 16 for each level of priority below. */
    for (unsigned i = 0; i < search->n_members; i++)
        if (search->members[i]->level > last) {
            last = search->members[i]->level;
            weight *= 16;
        }
    return weight;
}

static int spot_order(const Spot *a, const Spot *b)
{
    return cost_compare(&a->cost, &b->cost, N_COSTS);
}

/* Puts the last of n candidates where it belongs; one too many falls off. */
static unsigned insert_candidate(Spot *spots, unsigned n)
{
    Spot last = spots[n];
    unsigned i = n;

    while (i > 0 && spot_order(&last, &spots[i - 1]) < 0) {
        spots[i] = spots[i - 1];
        i--;
    }
    spots[i] = last;
    return MIN(n + 1, MAX_CANDIDATES - 2);
}

/* Another area that offers just the same was tried already. */
static bool is_repeated(const Board *board, unsigned area, unsigned first)
{
    const Area *it = &board->areas[area];

    for (unsigned i = first; i < area; i++) {
        const Area *other = &board->areas[i];
        if (other->rank == it->rank && other->free == it->free && other->whole == it->whole &&
            other->width == it->width && other->n == it->n &&
            memcmp(board->member + (gsize)i * board->n_sets,
                   board->member + (gsize)area * board->n_sets, board->n_sets * sizeof(bool)) == 0)
            return true;
    }
    return false;
}

/* Nobody has taken any of what a guest in place has in the meantime. */
static bool is_free(const Search *search, const Ask *ask)
{
    const Board *board = search->board;
    const Spot *had = &ask->had;

    for (unsigned i = 0; i < had->n_parts; i++) {
        const Area *area = &board->areas[had->parts[i].area];
        unsigned pus = 0, cores = 0;
        for (unsigned j = 0; j < had->n_parts; j++)
            if (had->parts[j].area == had->parts[i].area)
                pus += part_pus(board, ask, had, &had->parts[j]);
        for (unsigned j = 0; j < ask->n_cores; j++) {
            const BoardCore *core = &board->cores[ask->cores[j]];
            cores += core->area == had->parts[i].area && core->whole && core->owners == 0;
        }
        if (pus > area->free || cores > area->whole || board->closed[area->llc])
            return false;
    }
    return true;
}

/* A place found by the finder, unless it is the same as without what makes the difference now. */
static unsigned add_place(const Search *search, bool found, Spot *spots, unsigned n)
{
    const Finder *finder = search->finder;

    if (!found || (finder->rest != NO_AREA && !finder->rest_used))
        return n;
    return insert_candidate(spots, n);
}

/* Places on one node, by the area they start in. */
static unsigned list_node(Search *search, unsigned offer, Spot *spots, unsigned n)
{
    const Board *board = search->board;
    Finder *finder = search->finder;
    unsigned node = finder->offers[offer].node, first = board->node_areas[node];

    if (search->style == BY_NODE || finder->rest != NO_AREA) {
        bool found = finder_fill_node(finder, offer, NO_AREA, &spots[n]);
        return add_place(search, found, spots, n);
    }
    for (unsigned area = first; area < board->node_areas[node + 1]; area++) {
        if (finder_room(finder, area) == 0 || is_repeated(board, area, first))
            continue;
        bool found = finder_fill_node(finder, offer, area, &spots[n]);
        n = add_place(search, found, spots, n);
    }
    return n;
}

/* Ways to put the cells of a guest on two nodes. */
static unsigned list_cells(Search *search, const Ask *ask, const unsigned *set, Spot *spots,
                           unsigned n)
{
    unsigned n_cells = ask->cell_vcpus ? ask->seat->def->n_cells : 0;

    if (n_cells < 2 || n_cells > MAX_CELLS)
        return n;
    for (unsigned mask = 1; mask + 1 < 1u << n_cells; mask++) {
        bool found = finder_fill_cells(search->finder, set[0], set[1], mask, &spots[n]);
        n = add_place(search, found, spots, n);
    }
    return n;
}

/* Ways to spread a guest over all nodes of a set. */
static unsigned list_set(Search *search, const Ask *ask, const unsigned *set, unsigned n_set,
                         Spot *spots, unsigned n)
{
    Finder *finder = search->finder;

    spots[n].placed = false;
    finder_try_set(finder, set, n_set, &spots[n]);
    n = add_place(search, spots[n].placed, spots, n);
    if (n_set == 2)
        n = list_cells(search, ask, set, spots, n);
    for (unsigned last = n_set; last > 0; last--) {
        bool found = finder_fill_up(finder, set, n_set, last - 1, &spots[n]);
        n = add_place(search, found, spots, n);
    }
    return n;
}

static unsigned list_sets(Search *search, const Ask *ask, Spot *spots, unsigned n)
{
    Finder *finder = search->finder;

    for (unsigned i = 0; i < finder->n_offers; i++)
        n = list_node(search, i, spots, n);
    if (search->style != BY_REST && finder->n_offers > 2) {
        finder_run_from(finder, 3, &spots[n]);
        n = add_place(search, spots[n].placed, spots, n);
    }
    unsigned most = search->style == BY_REST ? MAX_NODES : 2;
    for (unsigned k = 2; k <= MIN(most, finder->n_offers); k++) {
        unsigned set[MAX_NODES] = {0, 1, 2, 3};
        do
            n = list_set(search, ask, set, k, spots, n);
        while (next_set(set, k, finder->n_offers));
    }
    return n;
}

/* Those with a core for each vCPU, or those without. */
static unsigned list_places(Search *search, const Ask *ask, bool core_each, Spot *spots, unsigned n)
{
    const Board *board = search->board;
    Finder *finder = search->finder;

    finder_ask(finder, ask, core_each, search->nodes);
    n = list_sets(search, ask, spots, n);
    for (unsigned i = 0; i < finder->n_offers && search->style == BY_REST; i++) {
        unsigned node = finder->offers[i].node, first = board->node_areas[node];
        for (unsigned area = first; area < board->node_areas[node + 1]; area++) {
            finder->rest = area;
            if (finder_room(finder, area) > 0 && !is_repeated(board, area, first))
                n = list_sets(search, ask, spots, n);
        }
    }
    finder->rest = NO_AREA;
    return n;
}

static unsigned list_candidates(Search *search, const Ask *ask, Spot *spots)
{
    unsigned n = 0;

    /* First: of places that cost the same the one it has. */
    if (ask->in_place && is_free(search, ask)) {
        spot_copy(&spots[n], &ask->had, ask);
        n = insert_candidate(spots, n);
    }
    if (ask->wide)
        n = list_places(search, ask, true, spots, n);
    n = list_places(search, ask, false, spots, n);
    if (ask->in_place)
        return n;
    spots[n].placed = false;
    spots[n].n_parts = spots[n].n_nodes = spots[n].n_memory = 0;
    spots[n].cost = (Cost){.of[COST_REFUSED] = refused_weight(search, ask)};
    return n + 1;
}

/* --- putting them back --- */

/* In the first component that gets better, in percent of what it was. */
static bool gains_enough(const Search *search, const Cost *sum)
{
    for (unsigned i = 0; i < COST_SUMMED; i++)
        if (sum->of[i] < search->old_cost.of[i])
            return (search->old_cost.of[i] - sum->of[i]) * 100 >=
                   search->old_cost.of[i] * search->board->planner->min_gain;
    return search->may_equal;
}

static void keep_best(Search *search, const Cost *sum)
{
    if (!board_floor_holds(search->board, NULL))
        return;
    if (search->moved > 0 && !gains_enough(search, sum))
        return;
    search->best_cost = *sum;
    search->found = true;
}

static void put(Search *search, const Ask *ask, Spot *spot)
{
    if (spot->placed)
        board_take(search->board, ask, spot);
    else
        board_set_refused(search->board, ask, true);
}

static void take_off(Search *search, const Ask *ask, const Spot *spot)
{
    if (spot->placed)
        board_give(search->board, ask, spot);
    else
        board_set_refused(search->board, ask, false);
}

static bool can_still_win(const Search *search, const Cost *sum, unsigned depth)
{
    Cost bound = *sum;

    cost_add(&bound, &search->least[depth]);
    return cost_compare(&bound, &search->best_cost, COST_SUMMED) < 0;
}

/* True if a better way was found from here on; search->best then holds it from depth on. */
static bool descend(Search *search, unsigned depth, const Cost *sum)
{
    if (depth == search->n_members) {
        search->found = false;
        keep_best(search, sum);
        return search->found;
    }
    const Ask *ask = search->members[depth];
    Spot *spots = search->spots[depth];
    unsigned n = list_candidates(search, ask, spots);
    bool better = false;
    for (unsigned i = 0; i < n && search->finder->n_tries < search->limit; i++) {
        Cost next = *sum;
        cost_add(&next, &spots[i].cost);
        if (!can_still_win(search, &next, depth + 1))
            continue;
        bool moves = ask->in_place && !spots[i].in_place;
        if (moves && search->moved == search->board->planner->moves_left)
            continue;
        search->moved += moves;
        put(search, ask, &spots[i]);
        if (descend(search, depth + 1, &next)) {
            spot_copy(&search->best[depth], &spots[i], ask);
            better = true;
        }
        take_off(search, ask, &spots[i]);
        search->moved -= moves;
    }
    return better;
}

static void swap_old_for_best(Search *search)
{
    for (unsigned i = 0; i < search->n_members; i++)
        spot_copy(&search->members[i]->spot, &search->best[i], search->members[i]);
}

/* Guests in place that moved already, but for the members. */
static unsigned count_moved(const Search *search)
{
    unsigned n = 0;

    for (unsigned i = 0; i < search->n_asks; i++)
        n += search->asks[i]->in_place && !search->asks[i]->spot.in_place;
    for (unsigned i = 0; i < search->n_members; i++)
        n -= search->members[i]->in_place && !search->members[i]->spot.in_place;
    return n;
}

/* Takes the members off and puts them back, in a better way if there is one. */
static bool repack(Search *search)
{
    Cost sum = {0};

    memset(search->least, 0, sizeof(search->least));
    search->best_cost = (Cost){0};
    for (unsigned i = search->n_members; i > 0; i--) {
        const Ask *ask = search->members[i - 1];
        search->least[i - 1] = search->least[i];
        cost_add(&search->least[i - 1], &ask->least);
        Cost cost = ask->spot.cost;
        if (!ask->spot.placed)
            cost = (Cost){.of[COST_REFUSED] = refused_weight(search, ask)};
        cost_add(&search->best_cost, &cost);
    }
    search->old_cost = search->best_cost;
    search->best_cost.of[COST_SUMMED - 1] += search->may_equal;
    search->moved = count_moved(search);
    search->limit = search->finder->n_tries + REPAIR_TRIES;
    for (unsigned i = 0; i < search->n_members; i++)
        take_off(search, search->members[i], &search->members[i]->spot);
    bool better = descend(search, 0, &sum);
    search->cut |= search->finder->n_tries >= search->limit;
    if (better)
        swap_old_for_best(search);
    for (unsigned i = 0; i < search->n_members; i++)
        put(search, search->members[i], &search->members[i]->spot);
    return better;
}

/* --- which --- */

/* One refused guest may be worth two others: around one all others come too. */
static bool takes_part(const Search *search, const Ask *ask, const Ask *defect)
{
    if (ask == defect)
        return true;
    if (!ask->spot.placed)
        return !defect->spot.placed;
    for (unsigned i = 0; i < ask->spot.n_nodes; i++)
        if (!search->nodes[ask->spot.nodes[i]])
            return false;
    return true;
}

/* The first component in which it costs more than it must; COST_SUMMED: it does not. */
static unsigned defect_of(const Ask *ask)
{
    if (!ask->spot.placed)
        return COST_REFUSED;
    if (cost_compare(&ask->spot.cost, &ask->least, COST_SUMMED) <= 0)
        return COST_SUMMED;
    unsigned i = 0;
    while (ask->spot.cost.of[i] == ask->least.of[i])
        i++;
    return i;
}

/* Those with the least choice come first: what needs whole cores, then the others; large ones
 * before small ones, as in the queue. */
static void add_members(Search *search, const Ask *defect)
{
    search->n_members = 0;
    for (unsigned turn = 0; turn < 2; turn++)
        for (unsigned i = 0; i < search->n_asks; i++) {
            Ask *ask = search->asks[i];
            if ((ask->seat->threads == THREADS_PREFER) != (turn == 1) ||
                !takes_part(search, ask, defect))
                continue;
            if (search->n_members < MAX_MEMBERS)
                search->members[search->n_members++] = ask;
            else if (ask == defect)
                search->members[MAX_MEMBERS - 1] = ask;
        }
}

/* The set of nodes at work; false: the defect may be on none of them. */
static bool set_nodes(Search *search, const Ask *defect, const unsigned *set, unsigned n)
{
    const Board *board = search->board;
    bool any = false;

    memset(search->nodes, 0, board->topo->n_nodes * sizeof(bool));
    for (unsigned i = 0; i < n; i++)
        search->nodes[search->cpu_nodes[set[i]]] = true;
    for (unsigned i = 0; i < defect->n_nodes; i++)
        any |= search->nodes[defect->nodes[i]];
    return any;
}

static uint64_t count_tries(const Search *search)
{
    return search->finder->n_tries + REPACK_TRIES * search->n_repacks;
}

static bool is_exhausted(const Search *search)
{
    return count_tries(search) > search->end;
}

static bool repair(Search *search, Ask *defect)
{
    for (unsigned n = 1; n <= MIN(MAX_NODES, search->n_cpu_nodes); n++) {
        unsigned set[MAX_NODES] = {0, 1, 2, 3};
        do {
            if (is_exhausted(search))
                return false;
            search->n_repacks++;
            if (!set_nodes(search, defect, set, n))
                continue;
            add_members(search, defect);
            /* Alone it is where it is best already, unless it was there before the plan. */
            if ((search->n_members > 1 || defect->in_place) && repack(search))
                return true;
        } while (next_set(set, n, search->n_cpu_nodes));
    }
    return false;
}

/* --- all --- */

static Search *search_new(Board *board, Ask **asks, unsigned n_asks)
{
    Search *search = g_new0(Search, 1);

    search->board = board;
    search->finder = board->planner->finder;
    search->asks = asks;
    search->n_asks = n_asks;
    search->nodes = g_new0(bool, MAX(board->topo->n_nodes, 1));
    search->cpu_nodes = g_new0(unsigned, MAX(board->topo->n_nodes, 1));
    for (unsigned i = 0; i < board->topo->n_nodes; i++)
        if (board->node_areas[i] < board->node_areas[i + 1])
            search->cpu_nodes[search->n_cpu_nodes++] = i;
    gsize n_claims = 0, n_needs = 0;
    for (unsigned i = 0; i < n_asks; i++) {
        n_claims = MAX(n_claims, asks[i]->n_vcpus + asks[i]->n_helpers);
        n_needs = MAX(n_needs, asks[i]->seat->needs->len);
    }
    for (unsigned i = 0; i < MAX_MEMBERS; i++) {
        spot_init(&search->best[i], board, n_claims, n_needs);
        for (unsigned j = 0; j < MAX_CANDIDATES; j++)
            spot_init(&search->spots[i][j], board, n_claims, n_needs);
    }
    return search;
}

static void search_free(Search *search)
{
    for (unsigned i = 0; i < MAX_MEMBERS; i++) {
        spot_clear(&search->best[i]);
        for (unsigned j = 0; j < MAX_CANDIDATES; j++)
            spot_clear(&search->spots[i][j]);
    }
    g_free(search->nodes);
    g_free(search->cpu_nodes);
    g_free(search);
}

static bool any_defect(Ask **asks, unsigned n_asks)
{
    for (unsigned i = 0; i < n_asks; i++)
        if (defect_of(asks[i]) < COST_SUMMED)
            return true;
    return false;
}

/* --- large holes --- */

static unsigned llc_users(const Search *search, unsigned llc)
{
    const Board *board = search->board;
    unsigned n = cpuset_intersects(board->topo->llcs[llc].cpus, board->planner->exclusive);

    for (unsigned i = 0; i < search->n_asks; i++)
        for (unsigned j = 0; j < search->asks[i]->spot.n_parts; j++)
            n += search->asks[i]->spot.placed &&
                 board->areas[search->asks[i]->spot.parts[j].area].llc == llc;
    return n;
}

static void add_users(Search *search, unsigned llc)
{
    search->n_members = 0;
    for (unsigned i = 0; i < search->n_asks && search->n_members < MAX_MEMBERS; i++) {
        Ask *ask = search->asks[i];
        bool uses = false;
        for (unsigned j = 0; j < ask->spot.n_parts; j++)
            uses |= ask->spot.placed && search->board->areas[ask->spot.parts[j].area].llc == llc;
        if (uses)
            search->members[search->n_members++] = ask;
    }
}

/* Its users go where others are already. */
static void empty_llc(Search *search, unsigned llc)
{
    Board *board = search->board;
    unsigned n_users = llc_users(search, llc);

    add_users(search, llc);
    if (n_users == 0 || n_users > search->n_members)
        return;
    for (unsigned i = 0; i < board->topo->n_llcs; i++)
        board->closed[i] = i == llc || llc_users(search, i) == 0;
    repack(search);
    memset(board->closed, 0, board->topo->n_llcs * sizeof(bool));
}

void consolidate(Board *board, Ask **asks, unsigned n_asks)
{
    if (n_asks == 0)
        return;
    Search *search = search_new(board, asks, n_asks);
    search->may_equal = true;
    memset(search->nodes, true, board->topo->n_nodes * sizeof(bool));
    for (unsigned n = 1; n <= MAX_MEMBERS; n++)
        for (unsigned llc = 0; llc < board->topo->n_llcs; llc++)
            if (llc_users(search, llc) == n)
                empty_llc(search, llc);
    search_free(search);
}

/* --- defects --- */

/* Until no search around any of them finds more. */
static bool mend_all(Search *search, Style style)
{
    const Planner *planner = search->board->planner;
    bool goes_on = planner->moves != MOVES_NONE && !planner->consolidate;
    bool again = style != BY_AREA, any = false, better = true;

    search->style = style;
    search->end = count_tries(search) + (goes_on ? CYCLE_TRIES : ALL_TRIES) / (again ? 4 : 1);
    while (better && !is_exhausted(search)) {
        better = false;
        for (unsigned cost = 0; cost < COST_SUMMED; cost++)
            for (unsigned i = 0; i < search->n_asks && !is_exhausted(search); i++)
                while (defect_of(search->asks[i]) == cost && repair(search, search->asks[i]))
                    any = better = true;
    }
    return any;
}

bool improve(Board *board, Ask **asks, unsigned n_asks)
{
    /* A guest alone is where it is best already, unless it was there before the plan. */
    if (!any_defect(asks, n_asks) || (n_asks == 1 && !asks[0]->in_place))
        return false;
    Search *search = search_new(board, asks, n_asks);
    bool better = mend_all(search, BY_AREA);
    if (search->cut && mend_all(search, BY_NODE)) {
        mend_all(search, BY_AREA);
        better = true;
    }
    better |= mend_all(search, BY_REST);
    search_free(search);
    return better;
}
