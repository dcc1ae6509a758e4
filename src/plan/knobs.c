/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "plan/knobs.h"

#include "model/policy-key.h"
#include "plan/plan-make.h"

static SettingKey key_of(const KnobWants *wants, const KnobTarget *target)
{
    SettingKey key = {.knob = target->knob, .instance = target->instance, .plane = wants->plane};

    setting_key_set_device(&key, target->device);
    return key;
}

static bool is_wanted_here(const KnobWants *wants, Knob knob)
{
    const KnobInfo *info = knob_info(knob);

    if (!info->planes[wants->plane])
        return false;
    if (wants->plane == PLANE_LIVE)
        return info->change == KNOB_LIVE;
    return wants->plan->persist == PERSIST_ALL ||
           (wants->plan->persist == PERSIST_COLD && (info->change == KNOB_COLD || info->with_cold));
}

static void add(const KnobWants *wants, SettingList *list, const KnobTarget *target,
                const char *value, const char *reason, const PolicyValue *by)
{
    SettingKey key = key_of(wants, target);
    g_autofree char *origin = by ? origin_format(&by->origin) : NULL;

    if (is_wanted_here(wants, target->knob))
        setting_list_add(list, &key, value, reason, origin);
}

void knob_want(const KnobWants *wants, const KnobTarget *target, const char *value,
               const char *reason, const PolicyValue *by)
{
    add(wants, wants->plan->knobs, target, value, reason, by);
}

void knob_unsupported(const KnobWants *wants, const KnobTarget *target, const char *value,
                      const char *reason, const PolicyValue *by)
{
    add(wants, wants->plan->unsupported, target, value, reason, by);
}

static const Setting *now_find(const KnobWants *wants, const KnobTarget *target)
{
    SettingKey key = key_of(wants, target);

    key.plane = 0; /* means nothing in a definition's list */
    return setting_list_find(wants->def->knobs, &key);
}

bool knob_is_there(const KnobWants *wants, const KnobTarget *target)
{
    return now_find(wants, target) != NULL;
}

const char *knob_now(const KnobWants *wants, const KnobTarget *target)
{
    const Setting *setting = now_find(wants, target);

    return setting ? setting->value : NULL;
}

const PolicyValue *knob_policy(const KnobWants *wants, PolicyKey key, PolicyKey table,
                               const char *name, const char *alias)
{
    const PolicyValue *devices = guest_policy_get(wants->policy, table);
    const PolicyValue *entry = policy_value_entry(devices, name);

    if (!entry && alias)
        entry = policy_value_entry(devices, alias);
    const PolicyValue *own = policy_value_entry(entry, policy_key_info(key)->field.name);
    return own ? own : guest_policy_get(wants->policy, key);
}

static void want_all(const KnobWants *wants)
{
    if (!wants->def)
        return;
    knobs_want_network(wants);
    knobs_want_disks(wants);
    knobs_want_iothreads(wants);
    knobs_want_clock(wants);
    knobs_want_cpu(wants);
    knobs_want_memory(wants);
    knobs_want_cells(wants); /* in whole pages of the size that is wanted */
}

void knobs_plan(GuestPlan *plan, const Topo *topo, const Policy *host, const GuestPolicy *policy,
                const Guest *guest)
{
    KnobWants wants = {.plan = plan, .topo = topo, .host = host, .policy = policy, .guest = guest};

    wants.plane = PLANE_CONFIG;
    wants.def = guest->config;
    want_all(&wants);
    wants.plane = PLANE_LIVE;
    wants.def = guest->live;
    want_all(&wants);
    setting_list_sort(plan->knobs);
    setting_list_sort(plan->unsupported);
}

GuestPlan *knobs_plan_off(const Topo *topo, const Policy *host, const GuestPolicy *policy,
                          const Guest *guest, bool released)
{
    GuestPlan *plan = guest_plan_new();
    const PolicyValue *value = guest_policy_get(policy, KEY_CPU_POLICY);

    plan->uuid = g_strdup(guest->uuid);
    plan->name = g_strdup(guest->name);
    plan->named = policy->named;
    plan->manual = !policy->named && guest_is_hand_pinned(guest, topo->allowed);
    plan->released = released;
    plan->cpu_policy = guest_policy_get_cpu_policy(policy);
    plan->persist = guest_policy_get_persist(policy);
    plan->drift = guest_policy_get_drift(policy);
    plan->origin = value ? origin_format(&value->origin) : NULL;
    plan->result = plan->manual || released ? PLAN_UNMANAGED : PLAN_PLACED;
    plan->reason = g_strdup(released       ? "released"
                            : plan->manual ? "pinned by hand"
                                           : "off: its definition alone");
    if (plan->result != PLAN_UNMANAGED)
        knobs_plan(plan, topo, host, policy, guest);
    return plan;
}
