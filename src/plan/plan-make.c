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
#include "plan/planner.h"
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

/* Guests that run on PUs of their own, priority, running before starting, large before small. */
static int queue_compare(gconstpointer a, gconstpointer b)
{
    const Seat *one = *(const Seat *const *)a, *two = *(const Seat *const *)b;
    unsigned priority_one = guest_policy_get_priority(one->in->policy);
    unsigned priority_two = guest_policy_get_priority(two->in->policy);

    if (one->in_place != two->in_place)
        return one->in_place ? -1 : 1;
    if (priority_one != priority_two)
        return CMP(priority_two, priority_one);
    if (one->in->running != two->in->running)
        return one->in->running ? -1 : 1;
    if (one->claims->len != two->claims->len)
        return CMP(two->claims->len, one->claims->len);
    return seat_name_compare(one, two);
}

static Planner *planner_run(const PlanInput *input, bool keep_pool, bool may_move)
{
    g_autoptr(Planner) planner = planner_new(input, keep_pool);
    g_autoptr(GPtrArray) queue = g_ptr_array_new();

    if (!may_move) {
        planner->moves_left = 0;
        planner->consolidate = false;
    }

    keep_running(planner);
    for (guint i = 0; i < planner->seats->len; i++)
        g_ptr_array_add(queue, g_ptr_array_index(planner->seats, i));
    g_ptr_array_sort(queue, queue_compare);
    if (!place_all(planner, queue))
        return planner_run(input, keep_pool, false);
    pool_diagnose(planner);
    return g_steal_pointer(&planner);
}

static Plan *plan_with(const PlanInput *input, bool may_move)
{
    g_autoptr(Planner) planner = planner_run(input, false, may_move);

    /* A guest may have been given the last of the pool before another one, refused, turned out to
     * need it. */
    if (pool_is_missed(planner)) {
        planner_free(planner);
        planner = planner_run(input, true, may_move);
    }
    return plan_write(planner);
}

/* The search looks at the components that matter most; that moves are for the better in all of
 * them is seen to here. */
Plan *plan_make(const PlanInput *input)
{
    g_autoptr(Plan) kept = plan_with(input, false);

    if (input->max_moves == 0 && policy_get_rebalance_moves(input->policy) == 0)
        return g_steal_pointer(&kept);
    g_autoptr(Plan) plan = plan_with(input, true);
    g_autoptr(GArray) score = plan_score(input, plan), score_kept = plan_score(input, kept);
    return score_compare(score, score_kept) < 0 ? g_steal_pointer(&plan) : g_steal_pointer(&kept);
}
