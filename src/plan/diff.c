/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Wanted × observed → changes, in order of application.
 *
 * libvirt's live call of a pin or a cputune value writes the definition, the cgroup and the thread.
 * So the first difference of a knob's instance in definition or cgroup makes one such call, and
 * the others it settles are "carried": recorded and checked, not written again. What the call does
 * not settle (an emulator thread whose class is narrower than the union) differs at the next look.
 */
#include "plan/diff.h"

/* Definition first, since libvirt's live call resets cgroup and affinities; config last, since it
 * is the one that can wait, and edits after calls: they are made together. */
static unsigned change_rank(const Change *change)
{
    const SettingKey *key = &change->key;

    switch (key->plane) {
    case PLANE_LIVE:
        return 0;
    case PLANE_ACTUAL:
        return key->tid == 0 ? 1 : 2;
    case PLANE_CONFIG:
        return change_is_edit(change) ? 4 : 3;
    }
    return 5;
}

static int change_compare(gconstpointer a, gconstpointer b)
{
    const Change *one = *(const Change *const *)a, *two = *(const Change *const *)b;
    unsigned rank_one = change_rank(one), rank_two = change_rank(two);

    if (rank_one != rank_two)
        return rank_one < rank_two ? -1 : 1;
    return setting_key_compare(&one->key, &two->key);
}

static bool text_equal(const char *a, const char *b)
{
    return a && b ? g_str_equal(a, b) : a == b;
}

static void mark_carried(ChangeSet *set)
{
    for (guint i = 0; i < set->items->len; i++) {
        Change *change = g_ptr_array_index(set->items, i);
        for (guint j = 0; j < i && !change->carried; j++) {
            const Change *carrier = g_ptr_array_index(set->items, j);
            change->carried = !carrier->carried && change_carries(&carrier->key, &change->key) &&
                              (change->key.tid == 0 || text_equal(carrier->to, change->to));
        }
    }
}

static bool is_drift(const SettingList *before, const Setting *wanted, const CpuSet *allowed,
                     const CpuSet *online)
{
    const Setting *then = before ? setting_list_find(before, &wanted->key) : NULL;

    return then && setting_value_equal(&wanted->key, then->value, wanted->value, allowed, online);
}

ChangeSet *diff_make(const SettingList *wanted, const SettingList *before,
                     const SettingList *observed, const CpuSet *allowed, const CpuSet *online)
{
    ChangeSet *set = change_set_new();

    for (unsigned i = 0; i < setting_list_size(wanted); i++) {
        const Setting *want = setting_list_get(wanted, i);
        const Setting *is = setting_list_find(observed, &want->key);
        if (!is || setting_value_equal(&want->key, want->value, is->value, allowed, online))
            continue;
        Change *change = change_set_add(set, &want->key, is->value, want->value);
        change->reason = g_strdup(want->reason);
        change->origin = g_strdup(want->origin);
        change->drift = is_drift(before, want, allowed, online);
    }
    g_ptr_array_sort(set->items, change_compare);
    mark_carried(set);
    return set;
}

static int name_compare(gconstpointer a, gconstpointer b)
{
    return g_strcmp0(*(const char *const *)a, *(const char *const *)b);
}

char **intruders_find(const GuestPlan *plan, const Guest *const *others, unsigned n_others)
{
    g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);

    for (unsigned i = 0; i < n_others; i++) {
        const Guest *other = others[i];
        if (!other->kernel || g_str_equal(other->uuid, plan->uuid))
            continue;
        g_autoptr(CpuSet) cpus = guest_kernel_affinity(other->kernel);
        if (cpuset_intersects(cpus, plan->exclusive))
            g_ptr_array_add(names, g_strdup(other->name));
    }
    if (names->len == 0)
        return NULL;
    g_ptr_array_sort(names, name_compare);
    g_ptr_array_add(names, NULL);
    return (char **)g_ptr_array_free(g_steal_pointer(&names), FALSE);
}
