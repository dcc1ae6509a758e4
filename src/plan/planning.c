/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "plan/planning.h"

#include "plan/board.h"
#include "plan/score.h"

typedef struct Entry {
    char *uuid;
    PlanGuest guest; /* referenced */
    Seat *seat;      /* in Planning.planner; NULL: not in it yet */
    bool touched;    /* in Planning.touched */
} Entry;

struct Planning {
    Topo *topo;
    Policy *policy;
    GPtrArray *entries;  /* of Entry, in no order: it does not matter to the plan */
    GHashTable *by_uuid; /* the same; borrowed */
    GPtrArray *touched;  /* of Entry: to be planned */
    Planner *planner;    /* NULL: as a whole the next time */
    unsigned n_whole;
};

/* --- guests --- */

static void entry_free(gpointer data)
{
    Entry *entry = data;

    plan_guest_clear(&entry->guest);
    g_free(entry->uuid);
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
    planning->entries = g_ptr_array_new_with_free_func(entry_free);
    planning->by_uuid = g_hash_table_new(g_str_hash, g_str_equal);
    planning->touched = g_ptr_array_new();
    return planning;
}

void planning_free(Planning *planning)
{
    if (!planning)
        return;
    planner_free(planning->planner);
    g_ptr_array_unref(planning->touched);
    g_hash_table_unref(planning->by_uuid);
    g_ptr_array_unref(planning->entries);
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

/* NULL: its plan before says nothing that counts. */
static const GuestPlan *before_of(const PlanGuest *guest)
{
    const GuestPlan *before = guest->before;

    return before && before->result != PLAN_UNMANAGED ? before : NULL;
}

static bool is_same(const Entry *entry, const PlanGuest *guest)
{
    const PlanGuest *had = &entry->guest;

    return had->guest == guest->guest && had->policy == guest->policy &&
           had->running == guest->running && had->manual == guest->manual &&
           had->released == guest->released &&
           (before_of(had) == before_of(guest) || (guest->running && is_carried_out(entry, guest)));
}

static void add_entry(Planning *planning, const PlanGuest *guest)
{
    Entry *entry = g_new0(Entry, 1);

    entry->uuid = g_strdup(guest->guest->uuid);
    entry->guest = plan_guest_ref(guest);
    g_ptr_array_add(planning->entries, entry);
    g_hash_table_insert(planning->by_uuid, entry->uuid, entry);
    touch(planning, entry);
}

static void replace(PlanGuest *guest, const PlanGuest *with)
{
    PlanGuest copy = plan_guest_ref(with);

    plan_guest_clear(guest);
    *guest = copy;
}

void planning_set(Planning *planning, const PlanGuest *guest)
{
    Entry *entry = g_hash_table_lookup(planning->by_uuid, guest->guest->uuid);

    if (!entry) {
        add_entry(planning, guest);
        return;
    }
    if (!is_same(entry, guest)) {
        touch(planning, entry);
    } else if (entry->seat) {
        replace(&entry->seat->guest, guest);
        if (guest->before == entry->seat->plan)
            entry->seat->before = guest->before;
    }
    replace(&entry->guest, guest);
}

void planning_remove(Planning *planning, const char *uuid)
{
    Entry *entry = g_hash_table_lookup(planning->by_uuid, uuid);

    if (!entry)
        return;
    if (entry->seat)
        planner_drop(planning->planner, entry->seat);
    if (entry->touched)
        g_ptr_array_remove_fast(planning->touched, entry);
    g_hash_table_remove(planning->by_uuid, uuid);
    g_ptr_array_remove_fast(planning->entries, entry);
}

/* --- planning --- */

static GArray *all_guests(const Planning *planning)
{
    GArray *guests = g_array_new(FALSE, FALSE, sizeof(PlanGuest));

    for (guint i = 0; i < planning->entries->len; i++)
        g_array_append_val(guests, ((Entry *)g_ptr_array_index(planning->entries, i))->guest);
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

/* From now on the planner is that one, which is consumed. */
static void adopt(Planning *planning, Planner *planner)
{
    planner_free(planning->planner);
    planning->planner = planner;
    planner_settle(planner);
    for (guint i = 0; i < planner->seats->len; i++) {
        Seat *seat = g_ptr_array_index(planner->seats, i);
        Entry *entry = g_hash_table_lookup(planning->by_uuid, seat->in->guest->uuid);
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
    planner_write(planner, fresh);
    return true;
}

unsigned planning_update(Planning *planning)
{
    bool whole = !planning->planner || policy_get_rebalance_moves(planning->policy) > 0;

    if (whole || !plan_touched(planning))
        plan_whole(planning);
    return planning->planner->n_written;
}

const GuestPlan *planning_find(const Planning *planning, const char *uuid)
{
    const Entry *entry = g_hash_table_lookup(planning->by_uuid, uuid);

    return entry && entry->seat ? entry->seat->plan : NULL;
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
    }
    return plan;
}
