/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "plan/planning.h"

#include "plan/board.h"
#include "plan/score.h"

typedef struct Entry {
    PlanGuest guest; /* referenced */
    Seat *seat;      /* in Planning.planner; NULL: not in it yet */
    bool touched;    /* in Planning.touched */
} Entry;

struct Planning {
    Topo *topo;
    Policy *policy;
    GHashTable *entries; /* uuid → Entry */
    GPtrArray *touched;  /* of Entry: to be planned */
    Planner *planner;    /* NULL: as a whole the next time */
    GPtrArray *written;  /* of GuestPlan: by the last update */
    unsigned n_whole;
};

/* --- guests --- */

static void guest_clear(PlanGuest *guest)
{
    guest_unref((Guest *)guest->guest);
    guest_policy_unref((GuestPolicy *)guest->policy);
    guest_plan_unref((GuestPlan *)guest->before);
}

static PlanGuest guest_copy_refs(const PlanGuest *guest)
{
    PlanGuest copy = *guest;

    copy.guest = guest_ref(guest->guest);
    copy.policy = guest_policy_ref(guest->policy);
    copy.before = guest->before ? guest_plan_ref(guest->before) : NULL;
    return copy;
}

static void entry_free(gpointer data)
{
    Entry *entry = data;

    guest_clear(&entry->guest);
    g_free(entry);
}

static void touch(Planning *planning, Entry *entry)
{
    if (!entry->touched)
        g_ptr_array_add(planning->touched, entry);
    entry->touched = true;
}

Planning *planning_new(const Topo *topo, const Policy *policy)
{
    Planning *planning = g_new0(Planning, 1);

    planning->topo = topo_ref(topo);
    planning->policy = policy_ref(policy);
    planning->entries = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, entry_free);
    planning->touched = g_ptr_array_new();
    planning->written = g_ptr_array_new_with_free_func((GDestroyNotify)guest_plan_unref);
    return planning;
}

void planning_free(Planning *planning)
{
    if (!planning)
        return;
    planner_free(planning->planner);
    g_ptr_array_unref(planning->touched);
    g_ptr_array_unref(planning->written);
    g_hash_table_unref(planning->entries);
    topo_unref(planning->topo);
    policy_unref(planning->policy);
    g_free(planning);
}

/* What the plan gave it is what it has now; another home than it had counts as such from now on. */
static bool is_carried_out(const Entry *entry, const PlanGuest *guest)
{
    const Seat *seat = entry->seat;

    return seat && seat->plan == guest->before && seat->plan->result != PLAN_UNMANAGED &&
           !seat->plan->moved && seat->had == seat->home;
}

static bool is_same(const Entry *entry, const PlanGuest *guest)
{
    const PlanGuest *had = &entry->guest;

    return had->guest == guest->guest && had->policy == guest->policy &&
           had->running == guest->running && had->manual == guest->manual &&
           had->released == guest->released &&
           (had->before == guest->before || (guest->running && is_carried_out(entry, guest)));
}

void planning_set(Planning *planning, const PlanGuest *guest)
{
    Entry *entry = g_hash_table_lookup(planning->entries, guest->guest->uuid);
    PlanGuest copy = guest_copy_refs(guest);

    if (!entry) {
        entry = g_new0(Entry, 1);
        entry->guest = copy;
        g_hash_table_insert(planning->entries, guest->guest->uuid, entry);
        touch(planning, entry);
        return;
    }
    if (!is_same(entry, guest)) {
        touch(planning, entry);
    } else if (entry->seat) {
        entry->seat->guest = copy;
        entry->seat->before =
            guest->before == entry->seat->plan ? guest->before : entry->seat->before;
    }
    /* The key is the guest's. */
    g_hash_table_steal(planning->entries, guest->guest->uuid);
    guest_clear(&entry->guest);
    entry->guest = copy;
    g_hash_table_insert(planning->entries, copy.guest->uuid, entry);
}

void planning_remove(Planning *planning, const char *uuid)
{
    Entry *entry = g_hash_table_lookup(planning->entries, uuid);

    if (!entry)
        return;
    if (entry->seat)
        planner_drop(planning->planner, entry->seat);
    if (entry->touched)
        g_ptr_array_remove(planning->touched, entry);
    g_hash_table_remove(planning->entries, uuid);
}

/* --- planning --- */

/* In no order: it does not matter. */
static GArray *all_guests(const Planning *planning)
{
    GArray *guests = g_array_new(FALSE, FALSE, sizeof(PlanGuest));
    GHashTableIter iter;
    gpointer value;

    g_hash_table_iter_init(&iter, planning->entries);
    while (g_hash_table_iter_next(&iter, NULL, &value))
        g_array_append_val(guests, ((const Entry *)value)->guest);
    return guests;
}

static PlanInput input_of(const Planning *planning, const GArray *guests, unsigned max_moves)
{
    return (PlanInput){.topo = planning->topo,
                       .policy = planning->policy,
                       .guests = (const PlanGuest *)guests->data,
                       .n_guests = guests->len,
                       .max_moves = max_moves};
}

static void set_written(Planning *planning, const GPtrArray *seats)
{
    g_ptr_array_set_size(planning->written, 0);
    for (guint i = 0; i < seats->len; i++)
        g_ptr_array_add(planning->written,
                        guest_plan_ref(((const Seat *)g_ptr_array_index(seats, i))->plan));
}

/* From now on the planner is that one, which is consumed. */
static void adopt(Planning *planning, Planner *planner)
{
    planner_free(planning->planner);
    planning->planner = planner;
    planner_settle(planner);
    for (guint i = 0; i < planner->seats->len; i++) {
        Seat *seat = g_ptr_array_index(planner->seats, i);
        Entry *entry = g_hash_table_lookup(planning->entries, seat->in->guest->uuid);
        entry->seat = seat;
        entry->touched = false;
        if (seat->open)
            touch(planning, entry);
    }
}

static void plan_whole(Planning *planning)
{
    g_autoptr(GArray) guests = all_guests(planning);
    PlanInput input = input_of(planning, guests, 0);

    g_ptr_array_set_size(planning->touched, 0);
    planning->n_whole++;
    adopt(planning, planner_make(&input));
    set_written(planning, planning->planner->seats);
}

/* False: it has to be as a whole. */
static bool plan_touched(Planning *planning)
{
    Planner *planner = planning->planner;
    g_autoptr(GPtrArray) entries = g_steal_pointer(&planning->touched);
    g_autoptr(GPtrArray) fresh = g_ptr_array_new();

    planning->touched = g_ptr_array_new();
    for (guint i = 0; i < entries->len; i++) {
        Entry *entry = g_ptr_array_index(entries, i);
        if (entry->seat)
            planner_drop(planner, entry->seat);
    }
    for (guint i = 0; i < entries->len; i++) {
        Entry *entry = g_ptr_array_index(entries, i);
        entry->touched = false;
        entry->seat = planner_add(planner, &entry->guest);
        g_ptr_array_add(fresh, entry->seat);
    }
    if (!planner_place_more(planner, fresh))
        return false;
    for (guint i = 0; i < entries->len; i++) {
        Entry *entry = g_ptr_array_index(entries, i);
        if (entry->seat->open)
            touch(planning, entry);
    }
    g_autoptr(GPtrArray) written = planner_write(planner, fresh);
    set_written(planning, written);
    return true;
}

const GPtrArray *planning_update(Planning *planning)
{
    bool whole = !planning->planner || policy_get_rebalance_moves(planning->policy) > 0;

    if (whole || !plan_touched(planning))
        plan_whole(planning);
    return planning->written;
}

Plan *planning_plan(const Planning *planning)
{
    return planning->planner ? planner_plan(planning->planner) : plan_new();
}

unsigned planning_count_whole(const Planning *planning)
{
    return planning->n_whole;
}

Plan *planning_defrag(Planning *planning, unsigned max_moves, bool take, GArray **ret_before,
                      GArray **ret_after)
{
    g_autoptr(GArray) guests = all_guests(planning);
    PlanInput input = input_of(planning, guests, max_moves);
    g_autoptr(Planner) better = planner_make(&input);
    Plan *plan = planner_plan(better);
    g_autoptr(Plan) before = planning_plan(planning);

    *ret_before = plan_score(&input, before);
    *ret_after = plan_score(&input, plan);
    if (take) {
        g_ptr_array_set_size(planning->touched, 0);
        adopt(planning, g_steal_pointer(&better));
        set_written(planning, planning->planner->seats);
    }
    return plan;
}
