/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "plan/score.h"

#include "plan/board.h"

#include <stdlib.h>

/* How often each core is somebody's own, and what a guest has, as numbers. */
typedef struct Tally {
    const Plan *plan;
    Planner *planner;  /* surveyed, nobody placed */
    Board *board;      /* the empty host */
    unsigned *area_of; /* by OS index of a PU; UINT_MAX: none */
    unsigned max_pu;
    uint64_t squeezed, extra_nodes, distance, split_cells, remote_mib, lesser, extra_llcs;
} Tally;

static void add_item(GArray *score, const char *name, int priority, uint64_t value)
{
    ScoreItem item = {name, priority, value};

    g_array_append_val(score, item);
}

/* --- refused --- */

static int priority_compare(gconstpointer a, gconstpointer b)
{
    return CMP(*(const int *)b, *(const int *)a);
}

static void score_refused(const Tally *tally, GArray *score)
{
    g_autoptr(GArray) priorities = g_array_new(FALSE, FALSE, sizeof(int));

    for (guint i = 0; i < tally->planner->seats->len; i++) {
        const Seat *seat = g_ptr_array_index(tally->planner->seats, i);
        int priority = (int)guest_policy_get_priority(seat->in->policy);
        if (seat->claims->len > 0 || tally->plan->guests[i]->result == PLAN_REFUSED)
            g_array_append_val(priorities, priority);
    }
    g_array_sort(priorities, priority_compare);
    for (guint i = 0; i < priorities->len; i++) {
        int priority = g_array_index(priorities, int, i);
        uint64_t n = 0;
        if (i > 0 && g_array_index(priorities, int, i - 1) == priority)
            continue;
        for (guint j = 0; j < tally->planner->seats->len; j++) {
            const Seat *seat = g_ptr_array_index(tally->planner->seats, j);
            n += tally->plan->guests[j]->result == PLAN_REFUSED &&
                 (int)guest_policy_get_priority(seat->in->policy) == priority;
        }
        add_item(score, "refused", priority, n);
    }
}

/* --- one guest --- */

/* PUs that are one vCPU's own. */
static CpuSet *own_pus(const GuestPlan *plan)
{
    CpuSet *pus = cpuset_new();

    for (unsigned i = 0; i < plan->n_vcpus; i++)
        if (plan->vcpus[i].online && cpuset_weight(plan->vcpus[i].cpus) == 1 &&
            cpuset_is_subset(plan->vcpus[i].cpus, plan->exclusive))
            hwloc_bitmap_or(pus, pus, plan->vcpus[i].cpus);
    return pus;
}

static unsigned count_cores(const Topo *topo, const CpuSet *pus)
{
    unsigned n = 0;

    for (unsigned i = 0; i < topo->n_cores; i++)
        n += cpuset_intersects(topo->cores[i].cpus, pus);
    return n;
}

static bool is_split(const Topo *topo, const GuestCell *cell, const GuestPlan *plan)
{
    g_autoptr(CpuSet) pus = cpuset_new();

    for (unsigned i = 0; i < plan->n_vcpus; i++)
        if (plan->vcpus[i].online && cpuset_has(cell->vcpus, plan->vcpus[i].id) &&
            cpuset_weight(plan->vcpus[i].cpus) == 1)
            hwloc_bitmap_or(pus, pus, plan->vcpus[i].cpus);
    g_autoptr(CpuSet) nodes = topo_nodes_of(topo, pus);
    return cpuset_weight(nodes) > 1;
}

static int room_compare(gconstpointer a, gconstpointer b)
{
    return CMP(*(const unsigned *)b, *(const unsigned *)a);
}

/* How many of these it takes to hold n. */
static unsigned fewest(unsigned *rooms, unsigned n_rooms, unsigned n)
{
    unsigned used = 0;

    qsort(rooms, n_rooms, sizeof(unsigned), room_compare);
    for (unsigned have = 0; have < n && used < n_rooms; used++)
        have += rooms[used];
    return used;
}

/* Beyond the fewest nodes and caches that would hold as many of its vCPUs on the empty host. */
static void tally_extra(Tally *tally, const Ask *ask, bool core_each, unsigned n, unsigned n_nodes,
                        unsigned n_llcs)
{
    const Board *board = tally->board;
    const Topo *topo = board->topo;
    g_autofree unsigned *by_node = g_new0(unsigned, topo->n_nodes + 1);
    g_autofree unsigned *by_llc = g_new0(unsigned, topo->n_llcs + 1);

    for (unsigned i = 0; i < board->n_areas; i++) {
        const Area *area = &board->areas[i];
        if (!cpuset_has(ask->seat->cpu_nodes, topo->nodes[area->node].os_index))
            continue;
        unsigned room = area_room(board, ask, core_each, i);
        by_node[area->node] += room;
        by_llc[area->llc] += room;
    }
    unsigned nodes = fewest(by_node, topo->n_nodes, n), llcs = fewest(by_llc, topo->n_llcs, n);
    if (!ask->spread)
        tally->extra_nodes += n_nodes - MIN(n_nodes, nodes);
    tally->extra_llcs += n_llcs - MIN(n_llcs, llcs);
}

/* MiB that are on none of these nodes: as measured, else as planned. */
static uint64_t remote_mib(const Ask *ask, const Topo *topo, const GuestPlan *plan,
                           const CpuSet *nodes)
{
    uint64_t mib = 0;

    for (unsigned i = 0; ask->memory_mib && i < topo->n_nodes; i++)
        if (!cpuset_has(nodes, topo->nodes[i].os_index))
            mib += ask->memory_mib[i];
    for (unsigned i = 0; !ask->memory_mib && i < plan->n_memory; i++)
        if (!cpuset_has(nodes, plan->memory[i].node))
            mib += plan->memory[i].mib;
    return mib;
}

static void tally_guest(Tally *tally, Seat *seat, const GuestPlan *plan)
{
    const Topo *topo = tally->board->topo;
    g_autoptr(CpuSet) pus = own_pus(plan);
    g_autoptr(CpuSet) nodes = topo_nodes_of(topo, pus), llcs = topo_llcs_of(topo, pus);
    unsigned n = cpuset_weight(pus);
    g_autoptr(Ask) ask = ask_new(tally->board, seat);

    if (n == 0)
        return;
    bool core_each = ask->wide && n == count_cores(topo, pus);
    tally->squeezed += ask->wide && !core_each ? n : 0;
    tally_extra(tally, ask, core_each, n, cpuset_weight(nodes), cpuset_weight(llcs));
    CPUSET_FOREACH(a, nodes)
    CPUSET_FOREACH(b, nodes)
    if (a < b)
        tally->distance += topo_distance(topo, a, b);
    for (unsigned i = 0; i < seat->def->n_cells; i++)
        tally->split_cells += is_split(topo, &seat->def->cells[i], plan);
    tally->remote_mib += remote_mib(ask, topo, plan, nodes);
    CPUSET_FOREACH(pu, pus)
    if (tally->area_of[pu] != UINT_MAX)
        tally->lesser += tally->board->areas[tally->area_of[pu]].rank;
}

/* --- the host --- */

/* By core: guests that have some of it. */
static unsigned *count_owners(const Topo *topo, const Plan *plan)
{
    unsigned *owners = g_new0(unsigned, MAX(topo->n_cores, 1));
    g_autofree unsigned *last = g_new0(unsigned, MAX(topo->n_cores, 1));

    for (unsigned i = 0; i < plan->n_guests; i++)
        CPUSET_FOREACH(pu, plan->guests[i]->exclusive)
        {
            unsigned core = topo_pu(topo, pu)->core;
            owners[core] += last[core] != i + 1;
            last[core] = i + 1;
        }
    return owners;
}

static void score_cores(const Tally *tally, GArray *score)
{
    const Topo *topo = tally->board->topo;
    uint64_t shared = 0, broken = 0, llcs = 0, nodes = 0;
    g_autofree unsigned *owners = count_owners(topo, tally->plan);

    for (unsigned i = 0; i < topo->n_cores; i++) {
        if (!cpuset_intersects(topo->cores[i].cpus, tally->plan->exclusive))
            continue;
        shared += owners[i] > 1;
        broken += !cpuset_is_subset(topo->cores[i].cpus, tally->plan->exclusive);
    }
    for (unsigned i = 0; i < topo->n_llcs; i++)
        llcs += cpuset_intersects(topo->llcs[i].cpus, tally->plan->exclusive);
    for (unsigned i = 0; i < topo->n_nodes; i++)
        nodes += cpuset_intersects(topo->nodes[i].cpus, tally->plan->exclusive);
    add_item(score, "broken_cores", -1, broken);
    add_item(score, "shared_cores", -1, shared);
    add_item(score, "used_nodes", -1, nodes);
    add_item(score, "used_llcs", -1, llcs);
}

static void map_areas(Tally *tally)
{
    const Board *board = tally->board;

    for (unsigned i = 0; i < board->topo->n_pus; i++)
        tally->max_pu = MAX(tally->max_pu, board->topo->pus[i].os_index);
    tally->area_of = g_new(unsigned, tally->max_pu + 1);
    for (unsigned pu = 0; pu <= tally->max_pu; pu++)
        tally->area_of[pu] = UINT_MAX;
    for (unsigned i = 0; i < board->n_areas; i++)
        for (unsigned j = board->areas[i].first; j < board->areas[i].first + board->areas[i].n; j++)
            for (unsigned k = 0; k < board->cores[j].n; k++)
                tally->area_of[board->pus[board->cores[j].first + k]] = i;
}

int score_compare(const GArray *a, const GArray *b)
{
    for (guint i = 0; i < MIN(a->len, b->len); i++) {
        const ScoreItem *one = &g_array_index(a, ScoreItem, i);
        const ScoreItem *two = &g_array_index(b, ScoreItem, i);
        if (one->value != two->value)
            return CMP(one->value, two->value);
    }
    return 0;
}

GArray *plan_score(const PlanInput *input, const Plan *plan)
{
    g_autoptr(Planner) planner = planner_new(input);
    GArray *score = g_array_new(FALSE, FALSE, sizeof(ScoreItem));
    Tally tally = {.plan = plan, .planner = planner, .board = planner->board};

    map_areas(&tally);
    for (guint i = 0; i < planner->seats->len; i++)
        if (plan->guests[i]->result == PLAN_PLACED)
            tally_guest(&tally, g_ptr_array_index(planner->seats, i), plan->guests[i]);
    score_refused(&tally, score);
    add_item(score, "squeezed", -1, tally.squeezed);
    add_item(score, "extra_nodes", -1, tally.extra_nodes);
    add_item(score, "distance", -1, tally.distance);
    add_item(score, "split_cells", -1, tally.split_cells);
    add_item(score, "remote_mib", -1, tally.remote_mib);
    add_item(score, "lesser_cpus", -1, tally.lesser);
    add_item(score, "extra_llcs", -1, tally.extra_llcs);
    score_cores(&tally, score);
    g_free(tally.area_of);
    return score;
}
