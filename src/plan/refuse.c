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
static char *candidates_text(const Seat *seat, const char **ret_has, int *ret_node)
{
    const CpuSet *nodes = seat->cpu_nodes;
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
    g_autofree char *where = candidates_text(seat, &has, &shortage.node);

    seat_refuse(seat, shortage, "needs %u %s, %s %s %u free: %u %s short", need,
                cores ? plural(need, "whole core", "whole cores") : plural(need, "PU", "PUs"),
                where, has, have, need - have,
                cores ? plural(need - have, "core", "cores") : plural(need - have, "PU", "PUs"));
}

/* Whole cores for a thread policy that insists on them. */
static bool refuse_for_cores(const Finder *finder, Seat *seat)
{
    const Board *board = finder->board;
    unsigned width = MAX(pick_core_width(board->topo), 2), have = 0, n = finder->ask->n_vcpus;

    if (seat->threads == THREADS_PREFER || n == 0)
        return false;
    for (unsigned i = 0; i < board->n_areas; i++)
        if (area_room(board, finder->ask, i) > 0 &&
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

static bool refuse_for_pus(const Finder *finder, Seat *seat)
{
    unsigned need = finder->ask->n_vcpus + finder->ask->n_helpers, have = 0;

    for (unsigned i = 0; i < finder->n_offers; i++)
        have += finder->offers[i].n_free;
    if (have >= need)
        return false;
    refuse_for(seat, "PUs", need, have);
    return true;
}

/* --- memory --- */

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

static uint64_t memory_room(const Finder *finder, const Seat *seat, unsigned page_kib)
{
    const Topo *topo = finder->board->topo;
    uint64_t room = 0;

    for (unsigned i = 0; i < topo->n_nodes; i++) {
        unsigned node = topo->nodes[i].os_index;
        const CpuSet *nodes = seat->mem_nodes ? seat->mem_nodes : seat->cpu_nodes;
        if (cpuset_has(nodes, node) && cpuset_has(seat->mems, node))
            room += capacity_room_kib(finder->board->planner->capacity, i, page_kib);
    }
    return room;
}

static bool refuse_for_memory(const Finder *finder, Seat *seat)
{
    unsigned base_page_kib = finder->board->topo->base_page_kib;

    for (guint i = 0; i < seat->needs->len && !seat->in->running; i++) {
        unsigned page_kib = g_array_index(seat->needs, MemoryNeed, i).page_kib;
        uint64_t unit_kib = page_kib == base_page_kib ? 1024 : page_kib, need = 0;
        for (guint j = 0; j < seat->needs->len; j++)
            if (g_array_index(seat->needs, MemoryNeed, j).page_kib == page_kib)
                need += g_array_index(seat->needs, MemoryNeed, j).kib / unit_kib;
        uint64_t have = memory_room(finder, seat, page_kib) / unit_kib;
        if (have >= need)
            continue;
        const char *has;
        PlanShortage shortage = {.resource = page_kib == base_page_kib ? "memory" : "pages",
                                 .amount = need - have,
                                 .unit = page_unit(page_kib, base_page_kib)};
        g_autofree char *where = candidates_text(seat, &has, &shortage.node);
        seat_refuse(seat, shortage,
                    "needs %" PRIu64 " %s, %s %s %" PRIu64 " free: %" PRIu64 " %s short", need,
                    shortage.unit, where, has, have, need - have,
                    page_kib == base_page_kib ? "MiB" : plural(need - have, "page", "pages"));
        return true;
    }
    return false;
}

/* There is enough of all, but not for the helpers on the node of the first vCPU. */
static void refuse_for_home(const Finder *finder, Seat *seat)
{
    unsigned first = seat->threads == THREADS_ISOLATE ? pick_core_width(finder->board->topo) : 1;
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
        !refuse_for_memory(finder, seat))
        refuse_for_home(finder, seat);
}
