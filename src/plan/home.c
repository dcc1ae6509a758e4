/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Homes: a guest that floats does so over the pool of one node, where its memory is, if it fits
 * there, else over all of the pool.
 *
 * Its wish follows from itself alone: where its memory is or, if it starts, goes; of a guest with
 * some vCPUs of its own, where those are. Who is at home follows from all wishes, from who was at
 * home before, and from how many PUs and vCPUs the pool has. The order in which guests came does
 * not count, so that planning guest by guest ends where planning all at once does.
 *
 * A node has room for so many vCPUs for each PU as the host has as a whole, rounded up to a
 * quarter, and for one. Whoever had its home keeps it a little beyond that, so that nobody comes
 * and goes because others do. Since the room of a node is only ever filled, those at home fit again
 * the next time, and those who did not fit do not.
 */
#include "plan/board.h"

#define QUARTERS 4
#define MORE_TO_KEEP 2 /* quarters of a vCPU for each PU */
#define LEAST_PUS 2    /* no home is a single CPU */

/* Turns, in which homes are given. */
typedef enum Turn { TURN_LISTED, TURN_HAD, TURN_NEW, N_TURNS } Turn;

/* What homes_assign() needs of a seat, in one piece. In order of priority, vCPUs, name. */
typedef struct Float {
    Seat *seat;
    unsigned priority, vcpus, set;
    unsigned node; /* Seat.wish */
    unsigned home; /* Seat.home */
    Turn turn;
} Float;

GArray *home_floats_new(void)
{
    return g_array_new(FALSE, FALSE, sizeof(Float));
}

bool seat_floats(const Seat *seat)
{
    return (seat->cpu_policy == CPU_SHARED || seat->cpu_policy == CPU_MIXED) &&
           seat_pool_vcpus(seat) > 0;
}

static unsigned only_node(const Topo *topo, const CpuSet *nodes)
{
    return cpuset_weight(nodes) == 1 ? index_of_node(topo, cpuset_first(nodes)) : NO_NODE;
}

unsigned home_had(const Topo *topo, const Seat *seat)
{
    const GuestKernel *kernel = seat->in->guest->kernel;

    if (!seat->in->running || !seat_floats(seat))
        return NO_NODE;
    if (seat->before)
        return seat->before->home < 0 ? NO_NODE : index_of_node(topo, (unsigned)seat->before->home);
    g_autoptr(CpuSet) cpus = cpuset_new();
    for (unsigned i = 0; kernel && i < kernel->n_threads; i++)
        if (kernel->threads[i].thread_class == THREAD_VCPU)
            hwloc_bitmap_or(cpus, cpus, kernel->threads[i].affinity);
    g_autoptr(CpuSet) nodes = topo_nodes_of(topo, cpus);
    return cpuset_is_subset(seat->allowed, cpus) ? NO_NODE : only_node(topo, nodes);
}

/* Homes make sense if the pool is on several nodes. */
static bool has_homes(const Board *board)
{
    unsigned n = 0;

    for (unsigned i = 0; i < board->topo->n_nodes; i++)
        n += board->pool_by_node[i] > 0;
    return n > 1;
}

/* PUs of the pool that guests of the set have there. */
static unsigned pool_pus(const Board *board, unsigned set, unsigned node)
{
    return (unsigned)MAX(board->pool_by_both[(gsize)set * board->topo->n_nodes + node], 0);
}

static bool has_pus(const Board *board, unsigned set, unsigned node, unsigned vcpus)
{
    return pool_pus(board, set, node) >= MAX(vcpus, LEAST_PUS);
}

/* --- the wish --- */

static bool may_start_on(const Planner *planner, const Seat *seat, unsigned node)
{
    unsigned os_index = planner->topo->nodes[node].os_index;

    return cpuset_has(seat->cpu_nodes, os_index) && cpuset_has(seat->mems, os_index) &&
           (!seat->mem_nodes || cpuset_has(seat->mem_nodes, os_index)) &&
           has_pus(planner->board, seat->set, node, seat_pool_vcpus(seat)) &&
           memory_has_room(planner, seat, node);
}

/* vCPUs for each PU that node a would have with so many more, against node b. */
static int load_compare(const Planner *planner, unsigned a, unsigned b, unsigned more)
{
    uint64_t pus_a = (uint64_t)MAX(planner->board->pool_by_node[a], 0);
    uint64_t pus_b = (uint64_t)MAX(planner->board->pool_by_node[b], 0);

    return CMP((planner->wished[a] + more) * pus_b, (planner->wished[b] + more) * pus_a);
}

unsigned home_find(const Planner *planner, const Seat *seat)
{
    unsigned best = NO_NODE;

    if (!seat_floats(seat) || seat->node_list || !has_homes(planner->board))
        return NO_NODE;
    for (unsigned i = 0; i < planner->topo->n_nodes; i++)
        if (may_start_on(planner, seat, i) &&
            (best == NO_NODE || load_compare(planner, i, best, seat_pool_vcpus(seat)) < 0))
            best = i;
    return best;
}

/* Of a guest with memory on several nodes: half of it or more is there. */
static bool holds_most(const Topo *topo, const Seat *seat, unsigned node)
{
    g_autofree uint64_t *mib = seat_measured_mib(topo, seat);
    uint64_t all = 0;

    for (unsigned i = 0; mib && i < topo->n_nodes; i++)
        all += mib[i];
    return all > 0 && 2 * mib[node] >= all;
}

/* The one node for a guest that starts, by those with a tenth or more of its memory as planned. */
static unsigned planned_node(const Planner *planner, const Seat *seat)
{
    const Topo *topo = planner->topo;
    g_autofree uint64_t *mib = g_new0(uint64_t, topo->n_nodes);
    g_autoptr(CpuSet) nodes = cpuset_new();
    uint64_t all = 0;

    for (guint i = 0; i < seat->memory->len; i++) {
        const MemoryPlan *part = &g_array_index(seat->memory, MemoryPlan, i);
        mib[index_of_node(topo, part->node)] += part->mib;
        all += part->mib;
    }
    for (unsigned i = 0; i < topo->n_nodes; i++)
        if (mib[i] > 0 && mib[i] * 10 >= all)
            hwloc_bitmap_set(nodes, topo->nodes[i].os_index);
    g_autoptr(CpuSet) with_cpus = cpu_nodes_for(planner, nodes);
    return cpuset_is_subset(with_cpus, seat->cpu_nodes) ? only_node(topo, with_cpus) : NO_NODE;
}

/* Of the nodes its vCPUs may go to the one that holds most of its memory; NO_NODE: none holds any.
 */
static unsigned fullest_node(const Topo *topo, const Seat *seat)
{
    g_autofree uint64_t *mib = seat_measured_mib(topo, seat);
    unsigned fullest = NO_NODE;

    for (unsigned i = 0; mib && i < topo->n_nodes; i++)
        if (mib[i] > 0 && cpuset_has(seat->cpu_nodes, topo->nodes[i].os_index) &&
            (fullest == NO_NODE || mib[i] > mib[fullest]))
            fullest = i;
    return fullest;
}

static unsigned find_wish(const Planner *planner, const Seat *seat)
{
    const Topo *topo = planner->topo;

    if (seat->node_list) {
        unsigned listed = only_node(topo, seat->node_list);
        return listed != NO_NODE && cpuset_is_empty(topo->nodes[listed].cpus) ? NO_NODE : listed;
    }
    if (seat->n_vcpu_claims > 0) {
        g_autoptr(CpuSet) own = seat_vcpu_pus(seat);
        g_autoptr(CpuSet) nodes = topo_nodes_of(topo, own);
        return only_node(topo, nodes);
    }
    unsigned only = only_node(topo, seat->cpu_nodes);
    if (only != NO_NODE)
        return only;
    if (seat->starts)
        return planned_node(planner, seat);
    if (seat_migrates(seat))
        return seat->had != NO_NODE ? seat->had : fullest_node(topo, seat);
    return seat->had != NO_NODE && holds_most(topo, seat, seat->had) ? seat->had : NO_NODE;
}

void home_wish(Planner *planner, Seat *seat)
{
    if (!seat_floats(seat) || seat->refused || seat->wish != NO_NODE)
        return;
    seat->wish = find_wish(planner, seat);
    if (seat->wish == NO_NODE || seat->n_vcpu_claims > 0)
        return;
    seat->n_wished = seat_pool_vcpus(seat);
    planner->wished[seat->wish] += seat->n_wished;
}

/* --- who is at home --- */

static int float_compare(const Float *a, const Float *b)
{
    if (a->priority != b->priority)
        return CMP(b->priority, a->priority);
    return a->vcpus != b->vcpus ? CMP(b->vcpus, a->vcpus) : seat_name_compare(a->seat, b->seat);
}

static Float float_of(Seat *seat)
{
    Turn turn = seat->had == seat->wish ? TURN_HAD : TURN_NEW;

    return (Float){.seat = seat,
                   .priority = guest_policy_get_priority(seat->in->policy),
                   .vcpus = seat_pool_vcpus(seat),
                   .set = seat->set,
                   .node = seat->wish,
                   .home = NO_NODE,
                   .turn = seat->node_list ? TURN_LISTED : turn};
}

/* Index of the first that does not come before it. */
static guint find_float(const GArray *floats, const Float *one)
{
    guint low = 0, high = floats->len;

    while (low < high) {
        guint middle = (low + high) / 2;
        if (float_compare(&g_array_index(floats, Float, middle), one) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

void home_enter(Planner *planner, Seat *seat)
{
    home_wish(planner, seat);
    if (seat->wish == NO_NODE || seat->refused)
        return;
    Float one = float_of(seat);
    g_array_insert_val(planner->floats, find_float(planner->floats, &one), one);
}

void home_forget(Planner *planner, Seat *seat)
{
    if (seat->wish == NO_NODE)
        return;
    Float one = float_of(seat);
    guint i = find_float(planner->floats, &one);
    if (i < planner->floats->len && g_array_index(planner->floats, Float, i).seat == seat)
        g_array_remove_index(planner->floats, i);
    planner->wished[seat->wish] -= seat->n_wished;
    seat->n_wished = 0;
    seat->wish = seat->home = NO_NODE;
}

/* Quarters of a vCPU for each PU: what any node has room for. */
static unsigned quarters_for_each(const Board *board)
{
    unsigned pus = (unsigned)MAX(board->pool_left, 1);

    return MAX((board->pool_vcpus * QUARTERS + pus - 1) / pus, QUARTERS);
}

static bool fits(const Board *board, const Float *one, unsigned load)
{
    unsigned quarters = quarters_for_each(board) + (one->turn == TURN_HAD ? MORE_TO_KEEP : 0);

    if (one->turn == TURN_LISTED)
        return pool_pus(board, one->set, one->node) > 0;
    return has_pus(board, one->set, one->node, one->vcpus) &&
           (uint64_t)(load + one->vcpus) * QUARTERS <=
               (uint64_t)board->pool_by_node[one->node] * quarters;
}

GPtrArray *homes_assign(Planner *planner)
{
    const Board *board = planner->board;
    GPtrArray *changed = g_ptr_array_new();
    g_autofree unsigned *load = g_new0(unsigned, MAX(board->topo->n_nodes, 1));
    bool any = has_homes(board);

    for (Turn turn = TURN_LISTED; turn < N_TURNS; turn++)
        for (guint i = 0; i < planner->floats->len; i++) {
            Float *one = &g_array_index(planner->floats, Float, i);
            if (one->turn != turn)
                continue;
            unsigned home = any && fits(board, one, load[one->node]) ? one->node : NO_NODE;
            load[one->node] += home == NO_NODE ? 0 : one->vcpus;
            if (home == one->home)
                continue;
            one->home = one->seat->home = home;
            if (one->seat->plan)
                g_ptr_array_add(changed, one->seat);
        }
    return changed;
}

/* --- words --- */

void home_explain(const Planner *planner, const Seat *seat, GString *text)
{
    const Topo *topo = planner->topo;
    const GuestKernel *kernel = seat->in->running ? seat->in->guest->kernel : NULL;

    if (!has_homes(planner->board) || seat->node_list)
        return;
    if (seat->wish == NO_NODE) {
        g_autofree char *list =
            kernel && kernel->memory_nodes ? cpuset_format(kernel->memory_nodes) : NULL;
        if (seat->starts)
            g_string_append(text, ": no node has room for its vCPUs and its memory");
        else if (!list)
            g_string_append(text, ": its memory was not measured");
        else if (cpuset_weight(kernel->memory_nodes) > 1)
            g_string_append_printf(text, ": its memory is on nodes %s", list);
        return;
    }
    unsigned node = topo->nodes[seat->wish].os_index;
    unsigned pus = pool_pus(planner->board, seat->set, seat->wish);
    if (has_pus(planner->board, seat->set, seat->wish, seat_pool_vcpus(seat)))
        g_string_append_printf(text, ": node %u has its share of vCPUs", node);
    else if (pus > 0)
        g_string_append_printf(text, ": node %u has only %u pool %s", node, pus,
                               pus == 1 ? "PU" : "PUs");
    else
        g_string_append_printf(text, ": node %u has no pool PU", node);
}
