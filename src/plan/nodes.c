/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Which nodes. The fewest that fit PUs and memory; of those sets the one whose nodes are nearest
 * to each other, then the one where a trial of the guest comes out best. All sets of a size are
 * tried as long as they can be counted; beyond, one grown greedily from each node.
 */
#include "plan/planner.h"

/* Sets of nodes of one size that are looked at one by one: all sets of 6 of 15 nodes. */
#define MAX_SETS 5005

/* Of equally near sets so many are tried in full, which takes some 0.2 ms each on a large host. */
#define MAX_ALIKE 200

/* More than the pairs of nodes of any set, so that packages only decide between equal distances. */
#define MAX_PAIRS (UINT64_C(1) << 31)

typedef struct NodeScore {
    uint64_t distance; /* sum over pairs, see pair_distance() */
    unsigned split;    /* 1: a guest cell is on several nodes */
    unsigned tier;     /* sum over PUs: isolated, nohz_full, other */
    unsigned n_llcs;
    unsigned broken; /* cores with a sibling left to others */
    unsigned spare;  /* PUs left over */
} NodeScore;

typedef struct NodeBest {
    NodeScore score;
    unsigned *pus; /* by claim; NULL: none found */
    CpuSet *nodes;
    unsigned n_alike; /* sets of that distance that were tried */
} NodeBest;

static void offer_clear(gpointer data)
{
    NodeOffer *offer = data;

    hwloc_bitmap_free(offer->free);
    hwloc_bitmap_free(offer->usable);
    g_free(offer->mem_room);
}

NodeOffer *node_search_offer(const NodeSearch *search, unsigned i)
{
    return &g_array_index(search->offers, NodeOffer, i);
}

/* --- offers --- */

/* vCPUs that fit when helpers take what vCPUs cannot use, then as few of their PUs as will do. */
static int offer_home_room(const NodeSearch *search, const NodeOffer *offer)
{
    const Topo *topo = search->planner->topo;
    int helpers = (int)search->n_helpers, room = offer->vcpu_room;
    int left = (int)cpuset_weight(offer->free) - helpers;

    if (left < 0)
        return -1;
    if (search->seat->threads != THREADS_ISOLATE)
        return MIN(room, left);
    g_autoptr(CpuSet) cores = pick_with_siblings(topo, offer->usable);
    int missing = helpers - ((int)cpuset_weight(offer->free) - (int)cpuset_weight(cores));
    while (missing > 0 && room > 0) {
        unsigned most = 0;
        const CpuSet *largest = cores;
        CPUSET_FOREACH(pu, cores)
        {
            const CpuSet *core = topo_core(topo, topo_pu(topo, pu)->core)->cpus;
            if (cpuset_weight(core) > most) {
                most = cpuset_weight(core);
                largest = core;
            }
        }
        hwloc_bitmap_andnot(cores, cores, largest);
        missing -= (int)most;
        room--;
    }
    return room;
}

static uint64_t offer_memory(const NodeSearch *search, unsigned index, unsigned page_kib)
{
    const Seat *seat = search->seat;
    unsigned node = search->planner->topo->nodes[index].os_index;

    if (!cpuset_has(seat->mems, node) || (seat->mem_nodes && !cpuset_has(seat->mem_nodes, node)))
        return 0;
    return capacity_room_kib(search->planner->capacity, index, page_kib);
}

static void offer_add(NodeSearch *search, unsigned index, const CpuSet *free)
{
    const Topo *topo = search->planner->topo;
    const Seat *seat = search->seat;
    NodeOffer offer = {.node = &topo->nodes[index], .index = index};

    offer.free = cpuset_and(free, offer.node->cpus);
    offer.usable = pick_usable(topo, offer.free, seat->threads);
    offer.vcpu_room = (int)cpuset_weight(offer.usable);
    offer.home_room = offer_home_room(search, &offer);
    offer.mem_room = g_new0(uint64_t, MAX(seat->needs->len, 1));
    for (guint i = 0; i < seat->needs->len; i++)
        offer.mem_room[i] =
            offer_memory(search, index, g_array_index(seat->needs, MemoryNeed, i).page_kib);
    g_array_append_val(search->offers, offer);
}

NodeSearch *node_search_new(const Planner *planner, const Seat *seat)
{
    const Topo *topo = planner->topo;
    NodeSearch *search = g_new0(NodeSearch, 1);
    g_autoptr(CpuSet) free = seat_free_pus(planner, seat);

    search->planner = planner;
    search->seat = seat;
    search->n_vcpus = seat->n_vcpu_claims;
    search->n_helpers = seat->claims->len - seat->n_vcpu_claims;
    search->offers = g_array_new(FALSE, FALSE, sizeof(NodeOffer));
    g_array_set_clear_func(search->offers, offer_clear);
    for (unsigned i = 0; i < topo->n_nodes; i++)
        if (cpuset_has(seat->cpu_nodes, topo->nodes[i].os_index))
            offer_add(search, i, free);
    return search;
}

void node_search_free(NodeSearch *search)
{
    if (!search)
        return;
    g_array_unref(search->offers);
    g_free(search);
}

/* --- one set of nodes --- */

/* Memory-only nodes the guest may use beside those of its vCPUs. */
static uint64_t extra_memory(const NodeSearch *search, unsigned page_kib)
{
    const Topo *topo = search->planner->topo;
    uint64_t room = 0;

    for (unsigned i = 0; search->seat->mem_nodes && i < topo->n_nodes; i++)
        if (!cpuset_has(search->seat->cpu_nodes, topo->nodes[i].os_index))
            room += offer_memory(search, i, page_kib);
    return room;
}

static bool memory_fits(const NodeSearch *search, const unsigned *set, unsigned n)
{
    const Seat *seat = search->seat;

    if (seat->in->running || seat->n_vcpu_claims == 0)
        return true;
    for (guint i = 0; i < seat->needs->len; i++) {
        unsigned page_kib = g_array_index(seat->needs, MemoryNeed, i).page_kib;
        uint64_t need = 0, room = extra_memory(search, page_kib);
        for (guint j = 0; j < seat->needs->len; j++)
            if (g_array_index(seat->needs, MemoryNeed, j).page_kib == page_kib)
                need += g_array_index(seat->needs, MemoryNeed, j).kib;
        for (unsigned j = 0; j < n; j++)
            room += node_search_offer(search, set[j])->mem_room[i];
        if (need > room)
            return false;
    }
    return true;
}

static bool pus_may_fit(const NodeSearch *search, const unsigned *set, unsigned n)
{
    int room = 0;

    for (unsigned i = 0; i < n; i++)
        room += node_search_offer(search, set[i])->vcpu_room;
    return room >= (int)search->n_vcpus;
}

/* Nodes of one package are nearer than others the host gives the same distance, or none at all. */
static uint64_t pair_distance(const NodeSearch *search, unsigned a, unsigned b)
{
    const Topo *topo = search->planner->topo;
    const TopoNode *one = node_search_offer(search, a)->node;
    const TopoNode *two = node_search_offer(search, b)->node;
    bool apart = topo_pu(topo, cpuset_first(one->cpus))->package !=
                 topo_pu(topo, cpuset_first(two->cpus))->package;

    return (uint64_t)topo_distance(topo, one->os_index, two->os_index) * MAX_PAIRS + apart;
}

static uint64_t set_distance(const NodeSearch *search, const unsigned *set, unsigned n)
{
    uint64_t sum = 0;

    for (unsigned i = 0; i < n; i++)
        for (unsigned j = 0; j < i; j++)
            sum += pair_distance(search, set[i], set[j]);
    return sum;
}

/* The vCPUs of one node get their PUs: full cores first, so that neighbours are siblings. */
static bool seat_vcpus(const NodeSearch *search, const NodeTrial *trial, unsigned offer,
                       const CpuSet *picked, unsigned *pus)
{
    const Topo *topo = search->planner->topo;
    unsigned claim = 0;

    for (unsigned full = 2; full > 0; full--)
        for (unsigned i = 0; i < topo->n_cores; i++) {
            const CpuSet *core = topo->cores[i].cpus;
            g_autoptr(CpuSet) here = cpuset_and(core, picked);
            if ((cpuset_weight(here) == cpuset_weight(core)) != (full == 2))
                continue;
            CPUSET_FOREACH(pu, here)
            {
                while (claim < search->n_vcpus && trial->offer_of[claim] != offer)
                    claim++;
                if (claim == search->n_vcpus)
                    return false;
                pus[claim++] = pu;
            }
        }
    return true;
}

static unsigned count_vcpus(const NodeSearch *search, const NodeTrial *trial, unsigned offer)
{
    unsigned n = 0;

    for (unsigned i = 0; i < search->n_vcpus; i++)
        n += trial->offer_of[i] == offer;
    return n;
}

static bool seat_helpers(const NodeSearch *search, const NodeTrial *trial, const CpuSet *vcpu_pus,
                         unsigned *pus)
{
    const Topo *topo = search->planner->topo;
    const NodeOffer *home = node_search_offer(search, trial->home);
    g_autoptr(CpuSet) left = cpuset_minus(home->free, vcpu_pus);
    unsigned claim = search->n_vcpus;

    if (search->n_helpers == 0)
        return true;
    if (search->seat->threads == THREADS_ISOLATE) {
        g_autoptr(CpuSet) cores = pick_with_siblings(topo, vcpu_pus);
        hwloc_bitmap_andnot(left, left, cores);
    }
    g_autoptr(CpuSet) near = topo_llcs_of(topo, vcpu_pus);
    g_autoptr(CpuSet) picked = pick_helper_pus(topo, left, search->n_helpers, near);
    if (cpuset_weight(picked) < search->n_helpers)
        return false;
    CPUSET_FOREACH(pu, picked)
    pus[claim++] = pu;
    return true;
}

/* PUs for all claims with this spread of vCPUs, and what they are worth; NULL: does not work out.
 */
static unsigned *try_spread(const NodeSearch *search, const NodeTrial *trial, NodeScore *score)
{
    const Topo *topo = search->planner->topo;
    g_autofree unsigned *pus = g_new0(unsigned, search->n_vcpus + search->n_helpers + 1);
    g_autoptr(CpuSet) all = cpuset_new(), none = cpuset_new();

    score->spare = 0;
    for (unsigned i = 0; i < trial->n; i++) {
        const NodeOffer *offer = node_search_offer(search, trial->set[i]);
        unsigned n = count_vcpus(search, trial, trial->set[i]);
        g_autoptr(CpuSet) picked =
            pick_vcpu_pus(topo, offer->usable, n, none, search->seat->threads);
        if (cpuset_weight(picked) < n || !seat_vcpus(search, trial, trial->set[i], picked, pus))
            return NULL;
        hwloc_bitmap_or(all, all, picked);
        score->spare += cpuset_weight(offer->free) - n;
    }
    if (!seat_helpers(search, trial, all, pus))
        return NULL;
    g_autoptr(CpuSet) llcs = topo_llcs_of(topo, all);
    score->split = !trial->aligned;
    score->n_llcs = cpuset_weight(llcs);
    score->broken = pick_count_broken(topo, all);
    score->tier = 0;
    CPUSET_FOREACH(pu, all)
    score->tier += pick_tier(topo, pu);
    return g_steal_pointer(&pus);
}

static int score_compare(const NodeScore *a, const NodeScore *b)
{
    const uint64_t one[] = {a->distance, a->split, a->tier, a->n_llcs, a->broken, a->spare};
    const uint64_t two[] = {b->distance, b->split, b->tier, b->n_llcs, b->broken, b->spare};

    for (unsigned i = 0; i < G_N_ELEMENTS(one); i++)
        if (one[i] != two[i])
            return CMP(one[i], two[i]);
    return 0;
}

static void try_set(const NodeSearch *search, const unsigned *set, unsigned n, NodeBest *best)
{
    NodeScore score = {.distance = set_distance(search, set, n)};

    if (best->pus && score.distance > best->score.distance)
        return;
    if (best->pus && score.distance == best->score.distance && best->n_alike == MAX_ALIKE)
        return;
    if (!pus_may_fit(search, set, n) || !memory_fits(search, set, n))
        return;
    g_autofree unsigned *offer_of = g_new0(unsigned, search->n_vcpus + 1);
    NodeTrial trial = {.set = set, .n = n, .offer_of = offer_of};
    if (!spread_vcpus(search, &trial))
        return;
    unsigned *pus = try_spread(search, &trial, &score);
    if (!pus)
        return;
    if (!best->pus || score.distance < best->score.distance)
        best->n_alike = 0;
    best->n_alike++;
    if (best->pus && score_compare(&score, &best->score) >= 0) {
        g_free(pus);
        return;
    }
    g_free(best->pus);
    hwloc_bitmap_free(best->nodes);
    best->pus = pus;
    best->nodes = cpuset_new();
    best->score = score;
    for (unsigned i = 0; i < n; i++)
        hwloc_bitmap_set(best->nodes, node_search_offer(search, set[i])->node->os_index);
}

/* --- all sets of one size --- */

static unsigned count_sets(unsigned n, unsigned k)
{
    uint64_t count = 1;

    for (unsigned i = 1; i <= k; i++) {
        count = count * (n - k + i) / i;
        if (count > MAX_SETS)
            return MAX_SETS + 1;
    }
    return (unsigned)count;
}

/* The next set of k out of n in lexical order; false after the last. */
static bool next_set(unsigned *set, unsigned k, unsigned n)
{
    for (unsigned i = k; i > 0; i--) {
        if (set[i - 1] == n - k + i - 1)
            continue;
        set[i - 1]++;
        for (unsigned j = i; j < k; j++)
            set[j] = set[j - 1] + 1;
        return true;
    }
    return false;
}

static void try_all_sets(const NodeSearch *search, unsigned k, NodeBest *best)
{
    g_autofree unsigned *set = g_new0(unsigned, k);

    for (unsigned i = 0; i < k; i++)
        set[i] = i;
    do
        try_set(search, set, k, best);
    while (next_set(set, k, search->offers->len));
}

static uint64_t distance_to_set(const NodeSearch *search, const CpuSet *members, unsigned offer)
{
    uint64_t sum = 0;

    CPUSET_FOREACH(member, members)
    sum += pair_distance(search, member, offer);
    return sum;
}

/* Of those with room for at least so many vCPUs; UINT_MAX: none is left. */
static unsigned nearest_offer(const NodeSearch *search, const CpuSet *members, int least_room)
{
    unsigned best = UINT_MAX;
    uint64_t best_distance = UINT64_MAX;

    for (unsigned i = 0; i < search->offers->len; i++) {
        if (cpuset_has(members, i) || node_search_offer(search, i)->vcpu_room < least_room)
            continue;
        uint64_t distance = distance_to_set(search, members, i);
        if (distance < best_distance ||
            (distance == best_distance && node_search_offer(search, i)->vcpu_room >
                                              node_search_offer(search, best)->vcpu_room)) {
            best = i;
            best_distance = distance;
        }
    }
    return best;
}

static void try_grown_set(const NodeSearch *search, unsigned seed, unsigned k, int least_room,
                          NodeBest *best)
{
    g_autofree unsigned *set = g_new0(unsigned, k);
    g_autoptr(CpuSet) members = cpuset_new_one(seed);
    unsigned n = 0;

    while (cpuset_weight(members) < k) {
        unsigned next = nearest_offer(search, members, least_room);
        if (next == UINT_MAX)
            return;
        hwloc_bitmap_set(members, next);
    }
    CPUSET_FOREACH(member, members)
    set[n++] = member;
    try_set(search, set, k, best);
}

/* From each node, once by distance alone, once only over nodes that carry their part. */
static void try_grown_sets(const NodeSearch *search, unsigned k, NodeBest *best)
{
    int part = (int)((search->n_vcpus + k - 1) / k);

    for (unsigned seed = 0; seed < search->offers->len; seed++) {
        try_grown_set(search, seed, k, 0, best);
        if (node_search_offer(search, seed)->vcpu_room >= part)
            try_grown_set(search, seed, k, part, best);
    }
}

unsigned *node_search_run(NodeSearch *search, CpuSet **ret_nodes)
{
    NodeBest best = {0};

    for (unsigned k = 1; k <= search->offers->len && !best.pus; k++) {
        if (count_sets(search->offers->len, k) <= MAX_SETS)
            try_all_sets(search, k, &best);
        else
            try_grown_sets(search, k, &best);
    }
    *ret_nodes = best.nodes;
    return best.pus;
}
