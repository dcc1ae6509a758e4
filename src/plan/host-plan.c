/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "plan/host-plan.h"

#include "model/policy-key.h"

/* KSM in mode auto. Which share of the memory is to be free, and at least how much of it, are those
 * of ksmtuned (KSM_THRES_COEF and KSM_THRES_CONST); half of a small host at most. */
#define KSM_THRESHOLD_PCT 20u
#define KSM_THRESHOLD_MIN_KIB (2u * 1024 * 1024)
/* It is stopped only with a quarter more than that, so that what merging frees does not end it. */
#define KSM_STOP_NUMERATOR 5u
#define KSM_STOP_DENOMINATOR 4u
/* PSI: so much of the time somebody waits for memory, whatever the counters say; and so little that
 * nobody does. */
#define KSM_PRESSURE_START_PCT 10.0
#define KSM_PRESSURE_STOP_PCT 1.0

typedef struct HostRow {
    Knob knob;
    PolicyKey key;
    const char *field; /* entry of the key's map; NULL: the key's own value */
} HostRow;

static const HostRow rows[] = {
    {KNOB_HOST_THP, KEY_HOST_THP, "enabled"},
    {KNOB_HOST_THP_DEFRAG, KEY_HOST_THP, "defrag"},
    {KNOB_HOST_NUMA_BALANCING, KEY_HOST_NUMA_BALANCING, NULL},
    {KNOB_HOST_ZONE_RECLAIM_MODE, KEY_HOST_ZONE_RECLAIM_MODE, NULL},
    {KNOB_HOST_KSM_MERGE_ACROSS_NODES, KEY_HOST_KSM, "merge_across_nodes"},
    {KNOB_HOST_KSM_PAGES_TO_SCAN, KEY_HOST_KSM, "pages_to_scan"},
    {KNOB_HOST_KSM_SLEEP_MILLISECS, KEY_HOST_KSM, "sleep_millisecs"},
};

static void want(const HostInput *input, HostPlan *plan, Knob knob, const char *value,
                 const char *reason, const PolicyValue *by)
{
    const SettingKey key = {.knob = knob, .plane = PLANE_ACTUAL};
    g_autofree char *origin = origin_format(&by->origin);

    const Setting *fixed = setting_list_find(input->host->fixed, &key);
    if (!setting_list_find(input->host->knobs, &key))
        setting_list_add(plan->unsupported, &key, value, "this kernel does not have it", origin);
    else if (fixed)
        setting_list_add(plan->unsupported, &key, value, fixed->reason, origin);
    else
        setting_list_add(plan->wanted, &key, value, reason, origin);
}

/* As the kernel's file has it. Owned by the caller. */
static char *file_value(const PolicyValue *value)
{
    if (value->kind == VALUE_BOOL || value->kind == VALUE_UINT)
        return g_strdup_printf("%" G_GUINT64_FORMAT, value->u);
    return g_strdup(value->text);
}

static void want_row(const HostInput *input, HostPlan *plan, const HostRow *row)
{
    const PolicyValue *value = input->policy->values[row->key];

    if (row->field)
        value = policy_value_entry(value, row->field);
    if (!value)
        return;
    g_autofree char *text = file_value(value);
    want(input, plan, row->knob, text, "as the policy says", value);
}

/* --- KSM --- */

static bool ksm_runs(const Host *host)
{
    const SettingKey key = {.knob = KNOB_HOST_KSM_RUN, .plane = PLANE_ACTUAL};
    const Setting *now = setting_list_find(host->knobs, &key);

    return now && g_strcmp0(now->value, "1") == 0;
}

/* Memory that is to be available before pages are merged. */
static uint64_t ksm_threshold_kib(const Host *host, const PolicyValue *ksm)
{
    const PolicyValue *percent = policy_value_entry(ksm, "threshold");
    uint64_t share = host->memory_kib / 100 * (percent ? percent->u : KSM_THRESHOLD_PCT);

    return percent ? share : MAX(share, MIN(KSM_THRESHOLD_MIN_KIB, host->memory_kib / 2));
}

/* By memory pressure, and by whether it runs already. The reason is the caller's. */
static bool ksm_auto(const Host *host, const PolicyValue *ksm, char **ret_reason)
{
    uint64_t threshold = ksm_threshold_kib(host, ksm);
    uint64_t stop = threshold / KSM_STOP_DENOMINATOR * KSM_STOP_NUMERATOR;

    if (host->available_kib < threshold || host->pressure_pct > KSM_PRESSURE_START_PCT) {
        *ret_reason = g_strdup("memory is short");
        return true;
    }
    if (ksm_runs(host) &&
        (host->available_kib < stop || host->pressure_pct > KSM_PRESSURE_STOP_PCT)) {
        *ret_reason = g_strdup("memory was short, and is not plentiful yet");
        return true;
    }
    *ret_reason = g_strdup("memory is plentiful");
    return false;
}

static void want_ksm(const HostInput *input, HostPlan *plan)
{
    const PolicyValue *ksm = input->policy->values[KEY_HOST_KSM];
    const PolicyValue *mode = ksm && ksm->kind == VALUE_MAP ? policy_value_entry(ksm, "mode") : ksm;
    g_autofree char *reason = NULL;

    if (!mode)
        return;
    bool run = g_strcmp0(mode->text, "on") == 0;
    if (g_strcmp0(mode->text, "auto") == 0)
        run = ksm_auto(input->host, ksm, &reason);
    want(input, plan, KNOB_HOST_KSM_RUN, run ? "1" : "0", reason ? reason : "as the policy says",
         mode);
}

HostPlan *host_plan_make(const HostInput *input)
{
    HostPlan *plan = host_plan_new();

    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++)
        want_row(input, plan, &rows[i]);
    want_ksm(input, plan);
    pools_plan(input, plan);
    setting_list_sort(plan->wanted);
    setting_list_sort(plan->unsupported);
    return plan;
}

SettingList *host_restore_make(const GPtrArray *originals, const SettingList *wanted,
                               const Host *host, bool force, DiagList *diags)
{
    SettingList *list = setting_list_new();

    for (guint i = 0; i < originals->len; i++) {
        const Original *original = g_ptr_array_index(originals, i);
        const Setting *now = setting_list_find(host->knobs, &original->key);
        if (!now || (wanted && setting_list_find(wanted, &original->key)))
            continue;
        /* what was cut off half-way may have come to any value */
        bool ours = force || original->pending || g_strcmp0(now->value, original->written) == 0 ||
                    g_strcmp0(now->value, original->original) == 0;
        g_autofree char *name = setting_key_format(&original->key);
        if (ours)
            setting_list_add(list, &original->key, original->original, "the value from before",
                             NULL);
        else
            diag_add(diags, DIAG_WARNING, NULL, "host",
                     "%s is now %s, and vmtuned set it to %s: kept", name,
                     now->value ? now->value : "not set",
                     original->written ? original->written : "not set");
    }
    setting_list_sort(list);
    return list;
}
