/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "plan/pending.h"

#include <string.h>

#define KIB_PER_MIB 1024

/* "vCPUs:KiB;…" as a running guest has it: libvirt rounds each cell up to whole MiB at the start.
 */
static char *cells_started(const char *cells)
{
    g_auto(GStrv) parts = g_strsplit(cells ? cells : "", ";", -1);

    for (char **part = parts; *part; part++) {
        char *colon = strchr(*part, ':');
        uint64_t kib = colon ? g_ascii_strtoull(colon + 1, NULL, 10) : 0;
        if (!colon || kib % KIB_PER_MIB == 0)
            continue;
        char *whole = g_strdup_printf("%.*s:%" G_GUINT64_FORMAT, (int)(colon - *part), *part,
                                      (kib / KIB_PER_MIB + 1) * KIB_PER_MIB);
        g_free(*part);
        *part = whole;
    }
    return g_strjoinv(";", parts);
}

static bool is_equal(const SettingKey *key, const char *a, const char *b)
{
    if (key->knob != KNOB_NUMA_CELLS)
        return setting_value_equal(key, a, b, NULL, NULL);
    g_autofree char *started_a = cells_started(a), *started_b = cells_started(b);
    return g_str_equal(started_a, started_b);
}

/* The nodeset is a knob of the running guest only where libvirt and the kernel change it there; the
 * plan knows. */
static void add_nodeset(PendingList *list, const GuestPlan *plan, const Guest *guest)
{
    const SettingKey key = {.knob = KNOB_NUMA_NODESET, .plane = PLANE_CONFIG};
    bool wanted = plan && plan->numa_mode >= 0 && !cpuset_is_empty(plan->numa_nodes);
    g_autofree char *live = nodeset_format(guest->live->numa_mode, guest->live->numa_nodeset);
    g_autofree char *next = nodeset_format(guest->config->numa_mode, guest->config->numa_nodeset);
    g_autofree char *want = wanted ? nodeset_format(plan->numa_mode, plan->numa_nodes) : NULL;

    if (wanted ? plan->numa_live || is_equal(&key, live, want) : is_equal(&key, live, next))
        return;
    PendingSetting *setting = pending_list_add(list, &key);
    setting->of_policy = wanted;
    setting->wanted = g_steal_pointer(&want);
    setting->live = g_steal_pointer(&live);
    setting->next = g_steal_pointer(&next);
    setting->reason = g_strdup(wanted ? plan->numa_reason : NULL);
    setting->origin = g_strdup(wanted ? plan->numa_origin : NULL);
}

/* What the policy wants of that knob at the next start; NULL: nothing that can be had. */
static const Setting *want_find(const GuestPlan *plan, const ChangeSet *refused,
                                const SettingKey *key)
{
    const Setting *want = plan ? setting_list_find(plan->knobs, key) : NULL;

    for (unsigned i = 0; want && refused && i < change_set_size(refused); i++) {
        const Change *change = change_set_get(refused, i);
        if (setting_key_compare(&change->key, key) == 0 && is_equal(key, change->to, want->value))
            return NULL;
    }
    return want;
}

/* libvirt starts a disk that guests share without the host's cache, whatever its definition leaves
 * open, and has that in the live definition. */
static bool is_for_sharing(const GuestDef *def, const Setting *live, const Setting *next)
{
    if (next->key.knob != KNOB_DISK_CACHE || next->value || g_strcmp0(live->value, "none") != 0)
        return false;
    for (unsigned i = 0; i < def->n_disks; i++)
        if (g_str_equal(def->disks[i].target, next->key.device))
            return def->disks[i].shareable;
    return false;
}

static void add_knob(PendingList *list, const Setting *want, const Setting *live,
                     const Setting *next)
{
    SettingKey key = next->key;

    key.plane = PLANE_CONFIG;
    if (is_equal(&key, live->value, want ? want->value : next->value))
        return;
    PendingSetting *setting = pending_list_add(list, &key);
    setting->of_policy = want != NULL;
    setting->live = g_strdup(live->value);
    setting->next = g_strdup(next->value);
    if (!want)
        return;
    setting->wanted = g_strdup(want->value);
    setting->reason = g_strdup(want->reason);
    setting->origin = g_strdup(want->origin);
}

PendingList *pending_make(const GuestPlan *plan, const Guest *guest, const ChangeSet *refused)
{
    PendingList *list = pending_list_new();

    if (!guest->live || !guest->config)
        return list;
    if (plan && plan->result == PLAN_UNMANAGED)
        plan = NULL;
    add_nodeset(list, plan, guest);
    for (unsigned i = 0; i < setting_list_size(guest->config->knobs); i++) {
        const Setting *next = setting_list_get(guest->config->knobs, i);
        const Setting *live = setting_list_find(guest->live->knobs, &next->key);
        SettingKey key = next->key;
        key.plane = PLANE_CONFIG;
        const Setting *want = want_find(plan, refused, &key);
        if (live && knob_info(key.knob)->change == KNOB_COLD &&
            (want || !is_for_sharing(guest->live, live, next)))
            add_knob(list, want, live, next);
    }
    return list;
}

/* False: the definition has no such device. */
static bool value_in(const GuestDef *def, const SettingKey *key, char **ret)
{
    SettingKey plain = *key;

    *ret = NULL;
    if (key->knob == KNOB_NUMA_NODESET) {
        *ret = nodeset_format(def->numa_mode, def->numa_nodeset);
        return true;
    }
    plain.plane = 0; /* means nothing in a definition's list */
    const Setting *setting = setting_list_find(def->knobs, &plain);
    *ret = g_strdup(setting ? setting->value : NULL);
    return setting != NULL;
}

PendingFate pending_fate(const PendingSetting *setting, const Guest *guest)
{
    const char *expected = pending_expected(setting);
    g_autofree char *live = NULL, *next = NULL;

    if (!guest->live || !value_in(guest->live, &setting->key, &live))
        return PENDING_SUPERSEDED;
    if (is_equal(&setting->key, live, expected))
        return PENDING_TOOK_EFFECT;
    bool edited = guest->config && value_in(guest->config, &setting->key, &next) &&
                  !is_equal(&setting->key, next, expected);
    return edited ? PENDING_SUPERSEDED : PENDING_DID_NOT;
}
