/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "model/policy.h"

#include "base/util.h"
#include "model/policy-key.h"

#include <string.h>

/* The words of the table stand in the order of the enums. */
static const char *key_word(PolicyKey key, unsigned index)
{
    return policy_key_info(key)->field.words[index];
}

const char *policy_mode_name(PolicyMode mode)
{
    return key_word(KEY_MODE, mode);
}

const char *cpu_policy_name(CpuPolicy policy)
{
    return key_word(KEY_CPU_POLICY, policy);
}

const char *numa_mode_name(NumaMode mode)
{
    return key_word(KEY_NUMA_MODE, mode);
}

char *nodeset_format(int mode, const CpuSet *nodes)
{
    g_autofree char *text = nodes ? cpuset_format(nodes) : g_strdup("");

    return mode < 0 ? NULL : g_strconcat(numa_mode_name((NumaMode)mode), ":", text, NULL);
}

static void values_clear(PolicyValue **values)
{
    for (unsigned i = 0; i < N_POLICY_KEYS; i++)
        policy_value_unref(values[i]);
}

PolicyRule *policy_rule_new(void)
{
    return g_new0(PolicyRule, 1);
}

void policy_rule_free(PolicyRule *rule)
{
    if (!rule)
        return;
    g_free(rule->match.name);
    g_free(rule->match.uuid);
    g_free(rule->match.title);
    g_free(rule->match.label);
    g_free(rule->match.partition);
    g_free(rule->match.os);
    if (rule->origin.file)
        g_ref_string_release(rule->origin.file);
    values_clear(rule->values);
    g_free(rule);
}

static void rule_destroy(gpointer data)
{
    policy_rule_free(data);
}

Policy *policy_new(void)
{
    Policy *policy = g_atomic_rc_box_new0(Policy);

    policy->rules = g_ptr_array_new_with_free_func(rule_destroy);
    policy->files = g_ptr_array_new_with_free_func(g_free);
    return policy;
}

static void policy_clear(gpointer data)
{
    Policy *policy = data;

    values_clear(policy->values);
    values_clear(policy->defaults);
    g_ptr_array_unref(policy->rules);
    g_ptr_array_unref(policy->files);
}

Policy *policy_ref(const Policy *policy)
{
    return g_atomic_rc_box_acquire((Policy *)policy);
}

void policy_unref(Policy *policy)
{
    if (policy)
        g_atomic_rc_box_release_full(policy, policy_clear);
}

PolicyMode policy_get_mode(const Policy *policy)
{
    const PolicyValue *value = policy->values[KEY_MODE];

    return value ? (PolicyMode)value->u : MODE_OBSERVE;
}

uint64_t policy_get_interval_usec(const Policy *policy)
{
    const PolicyValue *value = policy->values[KEY_INTERVAL];

    return value ? value->u : UINT64_C(30) * 1000 * 1000;
}

double policy_get_cpu_overcommit(const Policy *policy)
{
    const PolicyValue *value = policy->values[KEY_HOST_CPU_OVERCOMMIT];

    return value ? value->real : 8.0;
}

static uint64_t rebalance_number(const Policy *policy, const char *key, uint64_t otherwise)
{
    const PolicyValue *value = policy->values[KEY_HOST_REBALANCE];

    if (!value || value->kind != VALUE_MAP)
        return 0;
    for (unsigned i = 0; i < value->n_entries; i++)
        if (g_str_equal(value->entries[i].key, key))
            return value->entries[i].value->u;
    return otherwise;
}

unsigned policy_get_rebalance_moves(const Policy *policy)
{
    return (unsigned)rebalance_number(policy, "moves_per_cycle", 1);
}

unsigned policy_get_rebalance_min_gain(const Policy *policy)
{
    return (unsigned)rebalance_number(policy, "min_gain", 10);
}

const CpuExpr *policy_get_housekeeping(const Policy *policy)
{
    const PolicyValue *value = policy->values[KEY_HOST_HOUSEKEEPING_CPUS];

    return value ? value->cpus : NULL;
}

uint64_t policy_get_reserved_memory_kib(const Policy *policy, unsigned node)
{
    g_autofree char *key = g_strdup_printf("%u", node);
    const PolicyValue *value = policy_value_entry(policy->values[KEY_HOST_RESERVED_MEMORY], key);

    return value ? value->u / 1024 : 0;
}

#define DEFAULT_POOL_KIB 2048

static uint64_t entry_number(const PolicyValue *entry, const char *name, uint64_t absent)
{
    const PolicyValue *value = policy_value_entry(entry, name);

    return value ? value->u : absent;
}

PolicyPool policy_get_pool(const Policy *policy, unsigned node, unsigned size_kib)
{
    const PolicyValue *pools = policy_value_entry(policy->values[KEY_HOST_HUGEPAGES], "pools");
    PolicyPool pool = {0};

    for (unsigned i = 0; pools && i < pools->n_entries; i++) {
        const PolicyValue *entry = pools->entries[i].value;
        if (entry_number(entry, "node", node) != node ||
            entry_number(entry, "size", (uint64_t)DEFAULT_POOL_KIB * 1024) / 1024 != size_kib)
            continue;
        pool.min = MAX(pool.min, entry_number(entry, "min", 0));
        pool.reserved = MAX(pool.reserved, entry_number(entry, "reserved", 0));
        pool.origin = entry;
    }
    return pool;
}

const PolicyValue *policy_get_auto_pools(const Policy *policy)
{
    const PolicyValue *value = policy->values[KEY_HOST_HUGEPAGES];
    const PolicyValue *mode =
        value && value->kind == VALUE_MAP ? policy_value_entry(value, "mode") : value;

    return mode && g_strcmp0(mode->text, "auto") == 0 ? mode : NULL;
}

/* No condition holds for anything; a condition on what the guest has not does not hold. */
static bool condition_holds(const char *glob, const char *text)
{
    return !glob || (text && glob_matches(glob, text));
}

static bool uuid_holds(const char *glob, const char *uuid)
{
    if (!glob || !uuid)
        return !glob;

    g_autofree char *lower_glob = g_ascii_strdown(glob, -1);
    g_autofree char *lower_uuid = g_ascii_strdown(uuid, -1);
    return glob_matches(lower_glob, lower_uuid);
}

static bool match_holds(const PolicyMatch *match, const PolicySubject *subject)
{
    return condition_holds(match->name, subject->name) && uuid_holds(match->uuid, subject->uuid) &&
           condition_holds(match->title, subject->title) &&
           condition_holds(match->label, subject->label) &&
           condition_holds(match->partition, subject->partition) &&
           condition_holds(match->os, subject->os);
}

static void values_merge(PolicyValue **base, PolicyValue *const *over)
{
    for (unsigned i = 0; i < N_POLICY_KEYS; i++) {
        PolicyValue *merged = policy_value_merge(base[i], over[i]);
        policy_value_unref(base[i]);
        base[i] = merged;
    }
}

GuestPolicy *policy_select(const Policy *policy, const PolicySubject *subject)
{
    GuestPolicy *selected = g_atomic_rc_box_new0(GuestPolicy);
    const PolicyRule *last = NULL;

    values_merge(selected->values, policy->defaults);
    for (guint i = 0; i < policy->rules->len; i++) {
        const PolicyRule *rule = g_ptr_array_index(policy->rules, i);
        if (!match_holds(&rule->match, subject))
            continue;
        values_merge(selected->values, rule->values);
        last = rule;
    }
    if (last) {
        selected->named = true;
        selected->named_by = last->origin;
        if (last->origin.file)
            selected->named_by.file = g_ref_string_acquire(last->origin.file);
    }
    return selected;
}

bool guest_policy_is_same(const GuestPolicy *a, const GuestPolicy *b)
{
    return memcmp(a->values, b->values, sizeof(a->values)) == 0 && a->named == b->named &&
           a->named_by.file == b->named_by.file && a->named_by.line == b->named_by.line;
}

GuestPolicy *guest_policy_ref(const GuestPolicy *policy)
{
    return g_atomic_rc_box_acquire((GuestPolicy *)policy);
}

static void guest_policy_clear(gpointer data)
{
    GuestPolicy *policy = data;

    values_clear(policy->values);
    if (policy->named_by.file)
        g_ref_string_release(policy->named_by.file);
}

void guest_policy_unref(GuestPolicy *policy)
{
    if (policy)
        g_atomic_rc_box_release_full(policy, guest_policy_clear);
}

const PolicyValue *guest_policy_get(const GuestPolicy *policy, PolicyKey key)
{
    return policy->values[key];
}

unsigned guest_policy_get_priority(const GuestPolicy *policy)
{
    const PolicyValue *value = policy->values[KEY_PRIORITY];

    return value ? (unsigned)value->u : 100;
}

PersistMode guest_policy_get_persist(const GuestPolicy *policy)
{
    const PolicyValue *value = policy->values[KEY_PERSIST];

    return value ? (PersistMode)value->u : PERSIST_COLD;
}

DriftMode guest_policy_get_drift(const GuestPolicy *policy)
{
    const PolicyValue *value = policy->values[KEY_DRIFT];

    return value ? (DriftMode)value->u : DRIFT_ENFORCE;
}

CpuPolicy guest_policy_get_cpu_policy(const GuestPolicy *policy)
{
    const PolicyValue *value = policy->values[KEY_CPU_POLICY];

    return value ? (CpuPolicy)value->u : CPU_SHARED;
}

ThreadPolicy guest_policy_get_threads(const GuestPolicy *policy)
{
    const PolicyValue *value = policy->values[KEY_CPU_THREADS];

    return value ? (ThreadPolicy)value->u : THREADS_PREFER;
}

ClassPolicy guest_policy_get_class(const GuestPolicy *policy, PolicyKey key,
                                   const CpuExpr **ret_list)
{
    const PolicyValue *value = policy->values[key];

    if (!value)
        return CLASS_ABSENT;
    if (value->kind == VALUE_CPUS) {
        *ret_list = value->cpus;
        return CLASS_LIST;
    }
    return value->u == 0 ? CLASS_SHARE : CLASS_ISOLATE;
}
