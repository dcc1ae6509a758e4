/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Placement of all guests of a host, constructively: see what all ask for, let running guests keep
 * what they have, then give the others their places in order of priority. Guests that have no CPUs
 * of their own, or do not get them, share what is left.
 *
 * Invariants: an exclusive CPU has one owner; it is never housekeeping; the pool is what is
 * allowed, online, not isolated and nobody's. Every choice is by a total order, so that neither the
 * order of the input nor the addresses of objects show in the plan.
 */
#include "plan/board.h"
#include "plan/score.h"

bool guest_is_hand_pinned(const Guest *guest, const CpuSet *allowed)
{
    const GuestDef *def = guest_def(guest);

    if (def->vcpu_cpuset && !cpuset_is_subset(allowed, def->vcpu_cpuset))
        return true;
    for (unsigned i = 0; i < def->n_vcpu_pins; i++)
        if (!cpuset_is_subset(allowed, def->vcpu_pins[i].cpus))
            return true;
    return false;
}

/* --- the order of placement --- */

/* A core for each vCPU counts as such. */
static unsigned pus_of(const Seat *seat, unsigned width)
{
    bool cores = seat->threads == THREADS_ISOLATE;

    return seat->claims->len + (cores ? seat->n_vcpu_claims * (width - 1) : 0);
}

/* Small sets first: there is less choice. */
static int sets_compare(const CpuSet *a, const CpuSet *b)
{
    if (cpuset_equal(a, b))
        return 0;
    unsigned n_a = a ? cpuset_weight(a) : UINT_MAX, n_b = b ? cpuset_weight(b) : UINT_MAX;
    return n_a != n_b || !a ? CMP(n_a, n_b) : hwloc_bitmap_compare(a, b);
}

static int needs_compare(const Seat *one, const Seat *two)
{
    if (one->needs->len != two->needs->len)
        return CMP(two->needs->len, one->needs->len);
    for (guint i = 0; i < one->needs->len; i++) {
        const MemoryNeed *a = &g_array_index(one->needs, MemoryNeed, i);
        const MemoryNeed *b = &g_array_index(two->needs, MemoryNeed, i);
        int order = sets_compare(a->vcpus, b->vcpus);
        if (a->kib != b->kib)
            return CMP(b->kib, a->kib);
        if (a->page_kib != b->page_kib)
            return CMP(b->page_kib, a->page_kib);
        if (order != 0)
            return order;
    }
    return 0;
}

/* How much of their memory is where, if they run and that leaves a choice. */
static int measured_compare(const Topo *topo, const Seat *one, const Seat *two)
{
    const GuestKernel *a = one->in->guest->kernel, *b = two->in->guest->kernel;

    if (!one->in->running || !two->in->running || !a || !b || cpuset_weight(one->cpu_nodes) < 2)
        return 0;
    for (unsigned i = 0; i < topo->n_nodes; i++) {
        uint64_t kib_a = guest_kernel_memory_on(a, topo->nodes[i].os_index);
        uint64_t kib_b = guest_kernel_memory_on(b, topo->nodes[i].os_index);
        if (kib_a != kib_b)
            return CMP(kib_b, kib_a);
    }
    return 0;
}

/* All that tells guests of a size apart, so that names only decide between guests that are alike.
 */
static int shape_compare(const Topo *topo, const Seat *one, const Seat *two)
{
    int order = needs_compare(one, two);

    if (one->threads != two->threads)
        return CMP(two->threads, one->threads);
    if (one->n_vcpu_claims != two->n_vcpu_claims)
        return CMP(two->n_vcpu_claims, one->n_vcpu_claims);
    if (order == 0)
        order = sets_compare(one->cpu_nodes, two->cpu_nodes);
    if (order == 0)
        order = sets_compare(one->mem_nodes, two->mem_nodes);
    if (order == 0)
        order = measured_compare(topo, one, two);
    return order == 0 ? sets_compare(one->allowed, two->allowed) : order;
}

/* Guests that run on PUs of their own, priority, running before starting, large before small. */
static int queue_compare(gconstpointer a, gconstpointer b, gpointer data)
{
    const Seat *one = *(const Seat *const *)a, *two = *(const Seat *const *)b;
    const Planner *planner = data;
    unsigned width = planner->core_width;
    unsigned priority_one = guest_policy_get_priority(one->in->policy);
    unsigned priority_two = guest_policy_get_priority(two->in->policy);

    if (one->in_place != two->in_place)
        return one->in_place ? -1 : 1;
    if (priority_one != priority_two)
        return CMP(priority_two, priority_one);
    if (one->in->running != two->in->running)
        return one->in->running ? -1 : 1;
    if (pus_of(one, width) != pus_of(two, width))
        return CMP(pus_of(two, width), pus_of(one, width));
    int order = shape_compare(planner->topo, one, two);
    return order != 0 ? order : seat_name_compare(one, two);
}

/* --- ways to plan --- */

typedef struct Way {
    PlanMoves moves;
    bool squeeze;   /* wide guests are placed without a core for each vCPU at first */
    bool keep_pool; /* no guest may empty the pool, even if none seems to need it */
} Way;

bool planner_place(Planner *planner, const GPtrArray *fresh)
{
    g_autoptr(GPtrArray) queue = g_ptr_array_new();

    keep_running(planner, fresh);
    for (guint i = 0; i < fresh->len; i++) {
        Seat *seat = g_ptr_array_index(fresh, i);
        if (!seat->starts && seat->n_vcpu_claims == 0)
            home_wish(planner, seat);
        seat->open = seat_is_open(seat);
        if (seat->open || seat_is_movable(planner, seat))
            g_ptr_array_add(queue, seat);
    }
    g_ptr_array_sort_with_data(queue, queue_compare, planner);
    if (!place_all(planner, queue))
        return false;
    for (guint i = 0; i < fresh->len; i++)
        home_enter(planner, g_ptr_array_index(fresh, i));
    return true;
}

static Planner *planner_run(const PlanInput *input, Way way)
{
    g_autoptr(Planner) planner = planner_new(input);

    planner->moves = way.moves;
    planner->squeeze = way.squeeze;
    planner->keep_pool = way.keep_pool;
    if (way.moves == MOVES_NONE) {
        planner->moves_left = 0;
        planner->consolidate = false;
    }
    if (planner_place(planner, planner->seats))
        return g_steal_pointer(&planner);
    way.moves = MOVES_NONE;
    return planner_run(input, way);
}

static Planner *plan_with(const PlanInput *input, PlanMoves moves, bool squeeze)
{
    Way way = {.moves = moves, .squeeze = squeeze};
    g_autoptr(Planner) planner = planner_run(input, way);

    /* A guest may have been given the last of the pool before another one, refused, turned out to
     * need it. */
    if (pool_is_missed(planner, planner->seats)) {
        way.keep_pool = true;
        planner_free(planner);
        planner = planner_run(input, way);
    }
    planner_write(planner, planner->seats);
    return g_steal_pointer(&planner);
}

static bool any_refused(const GPtrArray *seats)
{
    for (guint i = 0; i < seats->len; i++)
        if (((const Seat *)g_ptr_array_index(seats, i))->refused)
            return true;
    return false;
}

/* Takes the other, which is consumed, if the score of its plan is better. */
static void keep_better(const PlanInput *input, Planner **best, Planner *other)
{
    g_autoptr(Plan) plan = planner_plan(other), plan_best = planner_plan(*best);
    g_autoptr(GArray) score = plan_score(input, plan), score_best = plan_score(input, plan_best);

    if (score_compare(score, score_best) < 0) {
        Planner *worse = *best;
        *best = other;
        other = worse;
    }
    planner_free(other);
}

/* The search looks at the components that matter most; that another way is for the better in all
 * of them is seen to here. */
Planner *planner_make(const PlanInput *input)
{
    g_autoptr(Planner) best = plan_with(input, MOVES_NONE, false);

    if (best->core_each && any_refused(best->seats))
        keep_better(input, &best, plan_with(input, MOVES_NONE, true));
    if (input->max_moves == 0 && policy_get_rebalance_moves(input->policy) == 0)
        return g_steal_pointer(&best);
    keep_better(input, &best, plan_with(input, MOVES_SOME, false));
    if (any_refused(best->seats))
        keep_better(input, &best, plan_with(input, MOVES_ALL, false));
    return g_steal_pointer(&best);
}

/* --- again --- */

void planner_settle(Planner *planner)
{
    planner->moves = MOVES_NONE;
    planner->moves_left = 0;
    planner->consolidate = planner->squeeze = planner->keep_pool = planner->core_each = false;
}

bool planner_place_more(Planner *planner, const GPtrArray *fresh)
{
    planner_settle(planner);
    if (board_has_idle_set(planner->board))
        return false;
    for (guint i = 0; i < fresh->len; i++) {
        const Seat *seat = g_ptr_array_index(fresh, i);
        if (seat->set == UINT_MAX || seat_is_disputed(planner, seat))
            return false;
    }
    if (!cpuset_equal(planner->off, planner->board->off) || !planner_place(planner, fresh))
        return false;
    return !(planner->core_each && any_refused(fresh)) && !pool_is_missed(planner, fresh);
}

Plan *plan_make(const PlanInput *input)
{
    g_autoptr(Planner) planner = planner_make(input);

    return planner_plan(planner);
}
