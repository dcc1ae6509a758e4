/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Why a guest finds no room: what is short, by how much, and where. */
#include "plan/board.h"

#include <stdarg.h>

void seat_refuse(Seat *seat, PlanShortage shortage, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    g_free(seat->reason);
    seat->reason = g_strdup_vprintf(format, args);
    va_end(args);
    seat->refused = true;
    seat->shortage = shortage;
}

/* "node 1", "nodes 0-1"; *ret_node: the node if there is just one, else -1. */
static char *nodes_text(const CpuSet *nodes, const char **ret_has, int *ret_node)
{
    g_autofree char *list = cpuset_format(nodes);

    *ret_node = cpuset_weight(nodes) == 1 ? (int)cpuset_first(nodes) : -1;
    *ret_has = cpuset_weight(nodes) == 1 ? "has" : "have";
    if (cpuset_is_empty(nodes)) {
        *ret_has = "has";
        return g_strdup("the host");
    }
    return g_strconcat(*ret_node >= 0 ? "node " : "nodes ", list, NULL);
}

static const char *plural(uint64_t n, const char *one, const char *many)
{
    return n == 1 ? one : many;
}

static void refuse_for(Seat *seat, const char *resource, unsigned need, unsigned have)
{
    bool cores = g_str_equal(resource, "cores");
    const char *has;
    PlanShortage shortage = {
        .resource = resource, .amount = need - have, .unit = cores ? "cores" : "PUs"};
    g_autofree char *where = nodes_text(seat->cpu_nodes, &has, &shortage.node);

    seat_refuse(seat, shortage, "needs %u %s, %s %s %u free: %u %s short", need,
                cores ? plural(need, "whole core", "whole cores") : plural(need, "PU", "PUs"),
                where, has, have, need - have,
                cores ? plural(need - have, "core", "cores") : plural(need - have, "PU", "PUs"));
}

/* Whole cores for a thread policy that insists on them. */
static bool refuse_for_cores(const Finder *finder, Seat *seat)
{
    const Board *board = finder->board;
    unsigned width = MAX(board->planner->core_width, 2), have = 0, n = finder->ask->n_vcpus;

    if (seat->threads == THREADS_PREFER || n == 0)
        return false;
    for (unsigned i = 0; i < board->n_areas; i++)
        if (finder_room(finder, i) > 0 &&
            cpuset_has(seat->cpu_nodes, board->topo->nodes[board->areas[i].node].os_index))
            have += area_cores(board, i);
    unsigned need = seat->threads == THREADS_ISOLATE ? n : (n + width - 1) / width;
    if (seat->threads == THREADS_REQUIRE && !topo_has_smt(board->topo)) {
        PlanShortage shortage = {"cores", need, "cores", -1};
        seat_refuse(seat, shortage,
                    "threads: require needs cores with siblings, this host has none: %u %s short",
                    need, plural(need, "core", "cores"));
        return true;
    }
    if (have >= need)
        return false;
    refuse_for(seat, "cores", need, have);
    return true;
}

/* What wide guests leave unused would be free if these were squeezed. */
static bool refuse_for_pus(const Finder *finder, Seat *seat)
{
    const Board *board = finder->board;
    unsigned need = finder->ask->n_vcpus + finder->ask->n_helpers, have = 0;

    for (unsigned i = 0; i < finder->n_offers; i++) {
        unsigned node = finder->offers[i].node;
        have += finder->offers[i].n_free;
        for (unsigned area = board->node_areas[node]; area < board->node_areas[node + 1]; area++)
            have += board->areas[area].unused;
    }
    if (have >= need)
        return false;
    refuse_for(seat, "PUs", need, have);
    return true;
}

/* --- memory --- */

/* A guest that floats has its memory wherever there is room. */
static const CpuSet *nodes_for_memory(const Seat *seat)
{
    if (seat->mem_nodes)
        return seat->mem_nodes;
    return seat->n_vcpu_claims > 0 ? seat->cpu_nodes : seat->mems;
}

/* --- who could make room --- */

#define MAX_NAMED 3

typedef struct Holder {
    const Seat *seat;
    unsigned priority;
    uint64_t amount; /* of the resource, on nodes the refused one may use; 0: named already */
} Holder;

/* Huge pages of others are no ordinary memory, whoever gives them up. */
static bool is_held(const Topo *topo, const Seat *seat, const Seat *holder, const MemoryPlan *entry)
{
    return cpuset_has(nodes_for_memory(seat), entry->node) &&
           guest_def_page_kib(holder->def, entry->cell, topo->base_page_kib) == topo->base_page_kib;
}

static uint64_t held_mib(const Topo *topo, const Seat *seat, const Seat *holder)
{
    uint64_t mib = 0;

    for (guint i = 0; i < holder->memory->len; i++) {
        const MemoryPlan *entry = &g_array_index(holder->memory, MemoryPlan, i);
        mib += is_held(topo, seat, holder, entry) ? entry->mib : 0;
    }
    return mib;
}

static uint64_t held_pus(const Seat *holder, const CpuSet *cpus)
{
    uint64_t n = 0;

    CPUSET_FOREACH(pu, holder->exclusive)
    n += cpuset_has(cpus, pu);
    return n;
}

static uint64_t held_cores(const Topo *topo, const Seat *holder, const CpuSet *cpus)
{
    uint64_t n = 0;

    CPUSET_FOREACH(pu, holder->exclusive)
    {
        const CpuSet *core = topo_core(topo, topo_pu(topo, pu)->core)->cpus;
        n += cpuset_first(core) == pu && cpuset_is_subset(core, holder->exclusive) &&
             cpuset_is_subset(core, cpus);
    }
    return n;
}

/* Those of no higher priority, by name; owned by the caller. */
static Holder *list_holders(const Planner *planner, const Seat *seat, unsigned *ret_n)
{
    const GPtrArray *seats = planner->seats;
    Holder *holders = g_new(Holder, seats->len);
    unsigned priority = guest_policy_get_priority(seat->in->policy), n = 0;
    bool memory = g_str_equal(seat->shortage.resource, "memory");
    bool pus = g_str_equal(seat->shortage.resource, "PUs");
    g_autoptr(CpuSet) cpus = topo_cpus_of_nodes(planner->topo, seat->cpu_nodes);

    hwloc_bitmap_and(cpus, cpus, seat->allowed);
    for (guint i = 0; i < seats->len; i++) {
        const Seat *other = g_ptr_array_index(seats, i);
        Holder holder = {other, guest_policy_get_priority(other->in->policy), 0};
        if (other == seat || other->refused || holder.priority > priority)
            continue;
        if (memory)
            holder.amount = held_mib(planner->topo, seat, other);
        else
            holder.amount = pus ? held_pus(other, cpus) : held_cores(planner->topo, other, cpus);
        if (holder.amount > 0)
            holders[n++] = holder;
    }
    *ret_n = n;
    return holders;
}

/* Low priority first; of those the one that is just large enough, else the largest; else as they
 * are listed. */
static bool holder_is_better(const Holder *a, const Holder *b, uint64_t need)
{
    if (a->priority != b->priority)
        return a->priority < b->priority;
    if ((a->amount >= need) != (b->amount >= need))
        return a->amount >= need;
    return a->amount >= need ? a->amount < b->amount : a->amount > b->amount;
}

/* NULL: none is left. */
static Holder *best_holder(Holder *holders, unsigned n, uint64_t need)
{
    Holder *best = NULL;

    for (unsigned i = 0; i < n; i++)
        if (holders[i].amount > 0 && (!best || holder_is_better(&holders[i], best, need)))
            best = &holders[i];
    return best;
}

/* Where a holder has what it holds of the resource. */
static CpuSet *held_nodes(const Topo *topo, const Seat *seat, const Seat *holder)
{
    CpuSet *nodes;

    if (!g_str_equal(seat->shortage.resource, "memory")) {
        nodes = topo_nodes_of(topo, holder->exclusive);
        hwloc_bitmap_and(nodes, nodes, nodes_for_memory(seat));
        return nodes;
    }
    nodes = cpuset_new();
    for (guint i = 0; i < holder->memory->len; i++) {
        const MemoryPlan *entry = &g_array_index(holder->memory, MemoryPlan, i);
        if (is_held(topo, seat, holder, entry))
            hwloc_bitmap_set(nodes, entry->node);
    }
    return nodes;
}

static void name_holder(const Topo *topo, const Seat *seat, const Holder *holder, GString *text)
{
    g_autoptr(CpuSet) nodes = held_nodes(topo, seat, holder->seat);
    g_autofree char *list = cpuset_format(nodes);
    bool one = holder->amount == 1 && g_str_equal(seat->shortage.unit, "PUs");

    g_string_append_printf(text, "%s (%" PRIu64 " %s on %s %s)", holder->seat->in->guest->name,
                           holder->amount, one ? "PU" : seat->shortage.unit,
                           plural(cpuset_weight(nodes), "node", "nodes"), list);
}

/* Adds to the reason who would have to stop or move, if a few guests of no higher priority would
 * do. */
static void name_holders(const Planner *planner, Seat *seat)
{
    Holder named[MAX_NAMED];
    uint64_t need = seat->shortage.amount;
    unsigned n = 0, n_holders;
    g_autofree Holder *holders = list_holders(planner, seat, &n_holders);

    while (need > 0 && n < MAX_NAMED) {
        Holder *best = best_holder(holders, n_holders, need);
        if (!best)
            return;
        named[n++] = *best;
        need -= MIN(need, best->amount);
        best->amount = 0;
    }
    if (need > 0)
        return;
    GString *text = g_string_new(seat->reason);
    for (unsigned i = 0; i < n; i++) {
        g_string_append(text, i == 0 ? "; stop or move " : ", ");
        name_holder(planner->topo, seat, &named[i], text);
    }
    g_free(seat->reason);
    seat->reason = g_string_free(text, FALSE);
}

/* static text, since a PlanShortage only borrows it */
static const char *page_unit(unsigned page_kib, unsigned base_page_kib)
{
    static const struct {
        unsigned kib;
        const char *unit;
    } sizes[] = {
        {16, "pages of 16 KiB"},           {64, "pages of 64 KiB"},
        {512, "pages of 512 KiB"},         {1024, "pages of 1024 KiB"},
        {2048, "pages of 2048 KiB"},       {16384, "pages of 16384 KiB"},
        {32768, "pages of 32768 KiB"},     {524288, "pages of 524288 KiB"},
        {1048576, "pages of 1048576 KiB"}, {16777216, "pages of 16777216 KiB"},
    };

    if (page_kib == base_page_kib)
        return "MiB";
    for (unsigned i = 0; i < G_N_ELEMENTS(sizes); i++)
        if (sizes[i].kib == page_kib)
            return sizes[i].unit;
    return "huge pages";
}

static uint64_t memory_room(const Planner *planner, const Seat *seat, unsigned page_kib)
{
    const Topo *topo = planner->topo;
    uint64_t room = 0;

    for (unsigned i = 0; i < topo->n_nodes; i++) {
        unsigned node = topo->nodes[i].os_index;
        if (cpuset_has(nodes_for_memory(seat), node) && cpuset_has(seat->mems, node))
            room += capacity_room_kib(planner->capacity, i, page_kib);
    }
    return room;
}

static void refuse_memory(Seat *seat, unsigned base_page_kib, unsigned page_kib, uint64_t need_kib,
                          uint64_t have_kib, const CpuSet *nodes)
{
    bool ordinary = page_kib == base_page_kib;
    uint64_t unit_kib = ordinary ? 1024 : page_kib;
    uint64_t need = need_kib / unit_kib, have = have_kib / unit_kib;
    const char *has;
    PlanShortage shortage = {.resource = ordinary ? "memory" : "pages",
                             .amount = need - have,
                             .unit = page_unit(page_kib, base_page_kib)};
    g_autofree char *where = nodes_text(nodes, &has, &shortage.node);

    seat_refuse(seat, shortage,
                "needs %" PRIu64 " %s, %s %s %" PRIu64 " free: %" PRIu64 " %s short", need,
                shortage.unit, where, has, have, need - have,
                ordinary ? "MiB" : plural(need - have, "page", "pages"));
}

static uint64_t need_kib(const Seat *seat, unsigned page_kib)
{
    uint64_t kib = 0;

    for (guint i = 0; i < seat->needs->len; i++)
        if (g_array_index(seat->needs, MemoryNeed, i).page_kib == page_kib)
            kib += g_array_index(seat->needs, MemoryNeed, i).kib;
    return kib;
}

/* pages_only: of what may be anywhere on the host, only huge pages count. */
static bool refuse_for_memory(const Planner *planner, Seat *seat, bool pages_only)
{
    unsigned base_page_kib = planner->topo->base_page_kib;
    uint64_t bound, room;
    const MemoryNeed *held =
        seat->in->running ? NULL : memory_bound_short(planner, seat, &bound, &room);

    if (held) {
        refuse_memory(seat, base_page_kib, held->page_kib, bound, room, held->nodes);
        return true;
    }
    for (guint i = 0; i < seat->needs->len && !seat->in->running; i++) {
        unsigned page_kib = g_array_index(seat->needs, MemoryNeed, i).page_kib;
        uint64_t unit_kib = page_kib == base_page_kib ? 1024 : page_kib;
        uint64_t need = need_kib(seat, page_kib), have = memory_room(planner, seat, page_kib);
        if (have / unit_kib >= need / unit_kib || (pages_only && page_kib == base_page_kib))
            continue;
        refuse_memory(seat, base_page_kib, page_kib, need, have, nodes_for_memory(seat));
        return true;
    }
    return false;
}

bool refuse_floating(Board *board, Seat *seat)
{
    bool kept = seat->mem_nodes && numa_mode_of(seat) == NUMA_STRICT;

    board_count_floats(board, seat, -1);
    bool refused = refuse_for_memory(board->planner, seat, !kept);
    board_count_floats(board, seat, 1);
    return refused;
}

/* There is enough of all, but not for the helpers on the node of the first vCPU. */
static void refuse_for_home(const Finder *finder, Seat *seat)
{
    unsigned first = seat->threads == THREADS_ISOLATE ? finder->board->planner->core_width : 1;
    unsigned need = finder->ask->n_helpers + (finder->ask->n_vcpus > 0 ? first : 0), most = 0;
    PlanShortage shortage = {.resource = "PUs", .unit = "PUs", .node = -1};

    for (unsigned i = 0; i < finder->n_offers; i++) {
        const NodeOffer *offer = &finder->offers[i];
        if (shortage.node < 0 || offer->n_free > most) {
            most = offer->n_free;
            shortage.node = (int)finder->board->topo->nodes[offer->node].os_index;
        }
    }
    shortage.amount = most < need ? need - most : 1;
    seat_refuse(seat, shortage,
                "needs %u PUs on one node, for its first vCPU and its helper threads, node %d has "
                "%u free: %" PRIu64 " %s short",
                need, shortage.node, most, shortage.amount, plural(shortage.amount, "PU", "PUs"));
}

void refuse_for_room(const Finder *finder, Seat *seat)
{
    if (!refuse_for_cores(finder, seat) && !refuse_for_pus(finder, seat) &&
        !refuse_for_memory(finder->board->planner, seat, false))
        refuse_for_home(finder, seat);
    devices_explain_refusal(finder->board->topo, seat);
    if (g_str_equal(seat->shortage.resource, "PUs") ||
        g_str_equal(seat->shortage.resource, "cores") ||
        g_str_equal(seat->shortage.resource, "memory"))
        name_holders(finder->board->planner, seat);
}
