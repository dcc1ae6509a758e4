/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "policy/check.h"

#include "base/util.h"
#include "model/finding.h"
#include "model/policy-key.h"

#include <string.h>

typedef struct Check {
    const Policy *policy;
    GPtrArray *sources;
    bool whole;
    DiagList *diags;
} Check;

static void check_tell(const Check *check, PolicyKey key, const PolicyValue *value,
                       const char *text)
{
    const Origin *origin = &value->origin;

    for (guint i = 0; i < check->sources->len; i++) {
        Source *source = g_ptr_array_index(check->sources, i);
        if (strcmp(source->file, origin->file) == 0) {
            Mark mark = {.line = origin->line, .column = origin->column};
            source_error(source, check->diags, mark, policy_key_info(key)->path, "%s", text);
            return;
        }
    }
}

/* A block (defaults or a rule); NULL past the last. */
static PolicyValue *const *block_get(const Check *check, guint i)
{
    if (i == 0)
        return check->policy->defaults;
    if (i > check->policy->rules->len)
        return NULL;
    const PolicyRule *rule = g_ptr_array_index(check->policy->rules, i - 1);
    return rule->values;
}

static bool block_has_policy(PolicyValue *const *block, CpuPolicy policy)
{
    const PolicyValue *value = block[KEY_CPU_POLICY];

    return value && value->kind == VALUE_WORD && value->u == policy;
}

static bool key_anywhere(const Check *check, PolicyKey key)
{
    PolicyValue *const *block;

    for (guint i = 0; (block = block_get(check, i)); i++) {
        if (block[key])
            return true;
    }
    return false;
}

static bool policy_anywhere(const Check *check, CpuPolicy policy)
{
    PolicyValue *const *block;

    for (guint i = 0; (block = block_get(check, i)); i++) {
        const PolicyValue *value = block[KEY_CPU_POLICY];
        /* A faulty value has been told; it may have been meant as this one. */
        if (value && (value->kind != VALUE_WORD || value->u == policy))
            return true;
    }
    return false;
}

static void block_check(const Check *check, PolicyValue *const *block,
                        const PolicyCompanion *companion)
{
    const PolicyValue *policy = block[KEY_CPU_POLICY];
    const PolicyValue *value = block[companion->key];
    const char *name = policy_key_info(companion->key)->path;
    const char *wanted = cpu_policy_name(companion->policy);
    g_autofree char *text = NULL;

    /* Of defaults, one part may come from an earlier file and be meant to be overridden. */
    bool together = value && policy && strcmp(value->origin.file, policy->origin.file) == 0;

    if (together && policy->kind == VALUE_WORD && policy->u != companion->policy) {
        text = g_strdup_printf("only goes with cpu.policy: %s, not with '%s' of line %u", wanted,
                               policy->text, policy->origin.line);
        check_tell(check, companion->key, value, text);
    } else if (value && !policy && check->whole && !policy_anywhere(check, companion->policy)) {
        text = g_strdup_printf("only goes with cpu.policy: %s, which is nowhere set", wanted);
        check_tell(check, companion->key, value, text);
    } else if (!value && companion->required && check->whole &&
               block_has_policy(block, companion->policy) && !key_anywhere(check, companion->key)) {
        text = g_strdup_printf("'%s' needs %s, which is nowhere set", wanted, name);
        check_tell(check, KEY_CPU_POLICY, policy, text);
    }
}

static void advice_check(const Check *check)
{
    const PolicyValue *ignore = check->policy->values[KEY_ADVICE_IGNORE];
    const char *names[N_FINDINGS + 1];

    finding_names(names);
    for (unsigned i = 0; ignore && i < ignore->n_entries; i++) {
        const PolicyValue *id = ignore->entries[i].value;
        if (g_strv_contains(names, id->text))
            continue;
        const char *nearest = text_nearest(id->text, names);
        g_autofree char *quoted = source_quote(id->text);
        g_autofree char *text =
            nearest
                ? g_strdup_printf("no finding has the id %s; did you mean '%s'?", quoted, nearest)
                : g_strdup_printf("no finding has the id %s", quoted);
        check_tell(check, KEY_ADVICE_IGNORE, id, text);
    }
}

void policy_check(const Policy *policy, GPtrArray *sources, bool whole, DiagList *diags)
{
    const Check check = {.policy = policy, .sources = sources, .whole = whole, .diags = diags};
    PolicyValue *const *block;

    for (guint i = 0; (block = block_get(&check, i)); i++) {
        for (unsigned c = 0; policy_companion(c); c++)
            block_check(&check, block, policy_companion(c));
    }
    advice_check(&check);
}
