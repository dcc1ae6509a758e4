/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the policy's host keys want of the host, and what goes back. */
#include "common/world.h"
#include "plan/host-plan.h"
#include "policy/policy-load.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define GIB (1024ull * 1024)

static Policy *policy_of(const char *yaml)
{
    g_autoptr(DiagList) diags = diag_list_new();
    g_autofree char *text = g_strconcat("version: 1\n", yaml, NULL);
    Policy *policy = policy_new();

    assert_int_equal(policy_parse(text, strlen(text), "unit.yaml", policy, diags), 0);
    return policy;
}

static SettingKey key_of(Knob knob)
{
    return (SettingKey){.knob = knob, .plane = PLANE_ACTUAL};
}

static void set(Host *host, Knob knob, const char *value)
{
    const SettingKey key = key_of(knob);

    setting_list_add(host->knobs, &key, value, NULL, NULL);
    setting_list_sort(host->knobs);
}

/* Has all but huge pages. */
static Host *host_of(void)
{
    Host *host = host_new();

    set(host, KNOB_HOST_THP, "always");
    set(host, KNOB_HOST_THP_DEFRAG, "madvise");
    set(host, KNOB_HOST_NUMA_BALANCING, "1");
    set(host, KNOB_HOST_ZONE_RECLAIM_MODE, "0");
    set(host, KNOB_HOST_KSM_MERGE_ACROSS_NODES, "1");
    set(host, KNOB_HOST_KSM_PAGES_TO_SCAN, "100");
    set(host, KNOB_HOST_KSM_SLEEP_MILLISECS, "20");
    set(host, KNOB_HOST_KSM_RUN, "0");
    host->memory_kib = 100 * GIB;
    host->available_kib = 80 * GIB;
    host->pressure_pct = 0;
    return host;
}

static HostPlan *plan_of(const Host *host, const char *yaml)
{
    g_autoptr(Policy) policy = policy_of(yaml);
    g_autoptr(Topo) topo = world_topo(1, 2, 1, 4, 1);
    const HostInput input = {.topo = topo, .policy = policy, .host = host};

    return host_plan_make(&input);
}

/* NULL: not wanted */
static const char *wanted(const HostPlan *plan, Knob knob)
{
    const SettingKey key = key_of(knob);
    const Setting *setting = setting_list_find(plan->wanted, &key);

    return setting ? setting->value : NULL;
}

static void absent_keys_are_never_touched(void **state)
{
    g_autoptr(Host) host = host_of();
    g_autoptr(HostPlan) plan = plan_of(host, "mode: enforce\n");

    (void)state;
    assert_int_equal(setting_list_size(plan->wanted), 0);
    assert_int_equal(setting_list_size(plan->unsupported), 0);
}

static void each_key_has_its_file(void **state)
{
    g_autoptr(Host) host = host_of();
    g_autoptr(HostPlan) plan = plan_of(
        host,
        "host:\n  thp: {enabled: madvise, defrag: defer+madvise}\n  numa_balancing: off\n"
        "  zone_reclaim_mode: 1\n"
        "  ksm: {mode: on, pages_to_scan: 300, sleep_millisecs: 10, merge_across_nodes: no}\n");

    (void)state;
    assert_string_equal(wanted(plan, KNOB_HOST_THP), "madvise");
    assert_string_equal(wanted(plan, KNOB_HOST_THP_DEFRAG), "defer+madvise");
    assert_string_equal(wanted(plan, KNOB_HOST_NUMA_BALANCING), "0");
    assert_string_equal(wanted(plan, KNOB_HOST_ZONE_RECLAIM_MODE), "1");
    assert_string_equal(wanted(plan, KNOB_HOST_KSM_PAGES_TO_SCAN), "300");
    assert_string_equal(wanted(plan, KNOB_HOST_KSM_SLEEP_MILLISECS), "10");
    assert_string_equal(wanted(plan, KNOB_HOST_KSM_MERGE_ACROSS_NODES), "0");
    assert_string_equal(wanted(plan, KNOB_HOST_KSM_RUN), "1");
    const SettingKey key = key_of(KNOB_HOST_THP);
    assert_string_equal(setting_list_find(plan->wanted, &key)->origin, "unit.yaml:3");
}

static void what_may_not_be_written_is_unsupported(void **state)
{
    g_autoptr(Host) host = host_of();
    const SettingKey key = key_of(KNOB_HOST_THP);

    (void)state;
    setting_list_add(host->fixed, &key, NULL, "read-only", NULL);
    g_autoptr(HostPlan) plan =
        plan_of(host, "host: {thp: {enabled: never, defrag: never}, zone_reclaim_mode: 0}\n");
    assert_null(wanted(plan, KNOB_HOST_THP));
    assert_string_equal(wanted(plan, KNOB_HOST_THP_DEFRAG), "never");
    assert_int_equal(setting_list_size(plan->unsupported), 1);
    assert_string_equal(setting_list_get(plan->unsupported, 0)->reason, "read-only");
}

static void what_the_kernel_has_not_is_unsupported(void **state)
{
    g_autoptr(Host) host = host_new();
    g_autoptr(HostPlan) plan = plan_of(host, "host: {ksm: off, thp: {enabled: never}}\n");

    (void)state;
    assert_int_equal(setting_list_size(plan->wanted), 0);
    assert_int_equal(setting_list_size(plan->unsupported), 2);
}

typedef struct KsmCase {
    const char *policy; /* of the map */
    unsigned available_gib;
    double pressure;
    const char *now, *expected;
} KsmCase;

static void ksm_goes_by_memory_with_hysteresis(void **state)
{
    static const KsmCase cases[] = {
        {"mode: auto", 21, 0, "0", "0"}, /* a fifth is free */
        {"mode: auto", 19, 0, "0", "1"},
        {"mode: auto", 21, 0, "1", "1"}, /* not yet a quarter more */
        {"mode: auto", 26, 0, "1", "0"},
        {"mode: auto", 80, 11, "0", "1"}, /* somebody waits for memory */
        {"mode: auto", 80, 5, "0", "0"},
        {"mode: auto", 80, 5, "1", "1"},
        {"mode: auto", 80, 0.5, "1", "0"},
        {"mode: auto", 80, -1, "1", "0"}, /* a kernel without PSI */
        {"mode: auto, threshold: 50", 49, 0, "0", "1"},
        {"mode: auto, threshold: 50", 51, 0, "0", "0"},
        {"mode: off", 1, 50, "1", "0"},
        {"mode: on", 90, 0, "0", "1"},
    };

    (void)state;
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(Host) host = host_of();
        g_autofree char *yaml = g_strdup_printf("host: {ksm: {%s}}\n", cases[i].policy);
        set(host, KNOB_HOST_KSM_RUN, cases[i].now);
        host->available_kib = cases[i].available_gib * GIB;
        host->pressure_pct = cases[i].pressure;
        g_autoptr(HostPlan) plan = plan_of(host, yaml);
        if (strcmp(wanted(plan, KNOB_HOST_KSM_RUN), cases[i].expected) != 0)
            fail_msg("case %zu", i);
    }
}

/* A fifth of 6 GiB is little: 2 GiB are to be free; of 1 GiB half. */
static void small_hosts_keep_a_floor_free(void **state)
{
    g_autoptr(Host) host = host_of();

    (void)state;
    host->memory_kib = 6 * GIB;
    host->available_kib = 2 * GIB - 1024;
    g_autoptr(HostPlan) six = plan_of(host, "host: {ksm: {mode: auto}}\n");
    assert_string_equal(wanted(six, KNOB_HOST_KSM_RUN), "1");
    host->memory_kib = GIB;
    host->available_kib = GIB / 2 + 1024;
    g_autoptr(HostPlan) one = plan_of(host, "host: {ksm: {mode: auto}}\n");
    assert_string_equal(wanted(one, KNOB_HOST_KSM_RUN), "0");
}

static void add_original(GPtrArray *list, Knob knob, const char *original, const char *written,
                         bool pending)
{
    Original *entry = g_new0(Original, 1);

    entry->key = key_of(knob);
    entry->original = g_strdup(original);
    entry->written = g_strdup(written);
    entry->pending = pending;
    g_ptr_array_add(list, entry);
}

static void only_what_vmtuned_wrote_goes_back(void **state)
{
    g_autoptr(Host) host = host_of();
    g_autoptr(GPtrArray) originals = g_ptr_array_new_with_free_func((GDestroyNotify)original_free);
    g_autoptr(DiagList) diags = diag_list_new(), forced = diag_list_new();
    const SettingKey thp = key_of(KNOB_HOST_THP), ksm = key_of(KNOB_HOST_KSM_RUN);
    const SettingKey scan = key_of(KNOB_HOST_KSM_PAGES_TO_SCAN);

    (void)state;
    add_original(originals, KNOB_HOST_THP, "madvise", "always", false);       /* as written */
    add_original(originals, KNOB_HOST_KSM_RUN, "1", "1", false);              /* somebody set 0 */
    add_original(originals, KNOB_HOST_KSM_PAGES_TO_SCAN, "50", "1000", true); /* cut off */
    g_autoptr(SettingList) back = host_restore_make(originals, NULL, host, false, diags);
    assert_string_equal(setting_list_find(back, &thp)->value, "madvise");
    assert_null(setting_list_find(back, &ksm));
    assert_string_equal(setting_list_find(back, &scan)->value, "50");
    assert_int_equal(diag_list_count(diags, DIAG_WARNING), 1);

    g_autoptr(SettingList) all = host_restore_make(originals, NULL, host, true, forced);
    assert_string_equal(setting_list_find(all, &ksm)->value, "1");
    assert_int_equal(diag_list_count(forced, DIAG_WARNING), 0);

    g_autoptr(HostPlan) plan = plan_of(host, "host: {thp: {enabled: never}}\n");
    g_autoptr(SettingList) rest = host_restore_make(originals, plan->wanted, host, true, forced);
    assert_null(setting_list_find(rest, &thp));
}

static void pools_have_names(void **state)
{
    static const struct {
        unsigned node, size_kib;
        const char *name;
    } cases[] = {{0, 2048, "0:2MiB"},
                 {1, 1048576, "1:1GiB"},
                 {3, 64, "3:64KiB"},
                 {12, 16777216, "12:16GiB"}};
    unsigned node, size_kib;

    (void)state;
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        SettingKey key = host_pool_key(cases[i].node, cases[i].size_kib);
        assert_string_equal(key.device, cases[i].name);
        assert_int_equal(host_pool_parse(&key, &node, &size_kib), 0);
        assert_int_equal(node, cases[i].node);
        assert_int_equal(size_kib, cases[i].size_kib);
    }
    static const char *const bad[] = {
        "",       ":2MiB",  "1:",     "1:MiB",           "1:2",
        "1:0MiB", "1:2TiB", "x:2MiB", "1:9999999999GiB", "99999999:2MiB"};
    for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
        SettingKey key = {.knob = KNOB_HOST_PAGES};
        setting_key_set_device(&key, bad[i]);
        assert_int_not_equal(host_pool_parse(&key, &node, &size_kib), 0);
    }
}

static void shortages_are_told_in_words(void **state)
{
    const MemoryShortage one = {.node = 1, .size_kib = 2048, .pages = 14};
    const MemoryShortage other = {.node = -1, .size_kib = 1048576, .pages = 1};
    g_autofree char *text = memory_shortage_format(&one);
    g_autofree char *text_other = memory_shortage_format(&other);

    (void)state;
    assert_string_equal(text, "will not start on node 1: 14 pages of 2 MiB short");
    assert_string_equal(text_other, "will not start: 1 page of 1 GiB short");
    g_autofree char *failed = memory_shortage_format_failed(&one);
    assert_string_equal(failed, "its start failed: node 1 was 14 pages of 2 MiB short");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(absent_keys_are_never_touched),
        cmocka_unit_test(each_key_has_its_file),
        cmocka_unit_test(what_may_not_be_written_is_unsupported),
        cmocka_unit_test(what_the_kernel_has_not_is_unsupported),
        cmocka_unit_test(ksm_goes_by_memory_with_hysteresis),
        cmocka_unit_test(small_hosts_keep_a_floor_free),
        cmocka_unit_test(only_what_vmtuned_wrote_goes_back),
        cmocka_unit_test(pools_have_names),
        cmocka_unit_test(shortages_are_told_in_words),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
