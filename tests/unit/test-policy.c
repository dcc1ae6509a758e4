/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The effective policy of a guest: matching, merging, origins, defaults. */
#include "model/policy-key.h"
#include "policy/policy-load.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static void policy_add(Policy *policy, const char *file, const char *text)
{
    g_autoptr(DiagList) diags = diag_list_new();
    int r = policy_parse(text, strlen(text), file, policy, diags);

    for (unsigned i = 0; r < 0 && diag_list_get(diags, i); i++) {
        g_autofree char *words = diag_format(diag_list_get(diags, i));
        print_message("%s", words);
    }
    assert_int_equal(r, 0);
}

static Policy *policy_from(const char *text)
{
    Policy *policy = policy_new();

    policy_add(policy, "a.yaml", text);
    return policy;
}

static GuestPolicy *select_name(const Policy *policy, const char *name)
{
    return policy_select(policy, &(PolicySubject){.name = name});
}

static void assert_value(const GuestPolicy *policy, PolicyKey key, const char *text,
                         const char *origin)
{
    const PolicyValue *value = guest_policy_get(policy, key);
    assert_non_null(value);
    g_autofree char *formatted = policy_value_format(value);
    g_autofree char *place = origin_format(&value->origin);

    assert_string_equal(formatted, text);
    assert_string_equal(place, origin);
}

static void test_absent(void **state)
{
    (void)state;
    g_autoptr(Policy) policy = policy_from("version: 1\n");
    g_autoptr(GuestPolicy) guest = select_name(policy, "a");
    const CpuExpr *list = NULL;

    assert_int_equal(policy_get_mode(policy), MODE_OBSERVE);
    assert_int_equal(policy_get_interval_usec(policy), 30000000);
    assert_true(policy_get_cpu_overcommit(policy) >= 8.0);
    assert_true(policy_get_cpu_overcommit(policy) <= 8.0);
    assert_null(policy_get_housekeeping(policy));
    assert_int_equal(policy_get_reserved_memory_kib(policy, 0), 0);

    assert_false(guest->named);
    assert_null(guest->named_by.file);
    for (unsigned i = 0; i < N_POLICY_KEYS; i++)
        assert_null(guest_policy_get(guest, i));
    assert_int_equal(guest_policy_get_priority(guest), 100);
    assert_int_equal(guest_policy_get_persist(guest), PERSIST_COLD);
    assert_int_equal(guest_policy_get_drift(guest), DRIFT_ENFORCE);
    assert_int_equal(guest_policy_get_cpu_policy(guest), CPU_SHARED);
    assert_int_equal(guest_policy_get_threads(guest), THREADS_PREFER);
    assert_int_equal(guest_policy_get_class(guest, KEY_CPU_VHOST, &list), CLASS_ABSENT);
    assert_null(list);
}

static void test_set(void **state)
{
    (void)state;
    g_autoptr(Policy) policy = policy_from("version: 1\n"
                                           "mode: enforce\n"
                                           "interval: 1m\n"
                                           "host:\n"
                                           "  housekeeping_cpus: \"\"\n"
                                           "  cpu_overcommit: 2.5\n"
                                           "  reserved_memory: {0: 4GiB, 1: 512MiB}\n"
                                           "guests:\n"
                                           "  - match: {name: a}\n"
                                           "    priority: 7\n"
                                           "    persist: all\n"
                                           "    drift: ignore\n"
                                           "    cpu: {policy: mixed, dedicated_vcpus: \"0,2\",\n"
                                           "          threads: require, emulator: isolate,\n"
                                           "          vhost: \"node:1,^3\", iothreads: share}\n");
    g_autoptr(GuestPolicy) guest = select_name(policy, "a");
    const CpuExpr *list = NULL;

    assert_int_equal(policy_get_mode(policy), MODE_ENFORCE);
    assert_int_equal(policy_get_interval_usec(policy), 60000000);
    assert_true(policy_get_cpu_overcommit(policy) > 2.4);
    assert_true(policy_get_cpu_overcommit(policy) < 2.6);
    assert_non_null(policy_get_housekeeping(policy));
    assert_int_equal(policy_get_housekeeping(policy)->n_terms, 0);
    assert_int_equal(policy_get_reserved_memory_kib(policy, 0), 4 * 1024 * 1024);
    assert_int_equal(policy_get_reserved_memory_kib(policy, 1), 512 * 1024);
    assert_int_equal(policy_get_reserved_memory_kib(policy, 2), 0);

    assert_true(guest->named);
    assert_int_equal(guest->named_by.line, 9);
    assert_int_equal(guest_policy_get_priority(guest), 7);
    assert_int_equal(guest_policy_get_persist(guest), PERSIST_ALL);
    assert_int_equal(guest_policy_get_drift(guest), DRIFT_IGNORE);
    assert_int_equal(guest_policy_get_cpu_policy(guest), CPU_MIXED);
    assert_int_equal(guest_policy_get_threads(guest), THREADS_REQUIRE);
    assert_int_equal(guest_policy_get_class(guest, KEY_CPU_EMULATOR, &list), CLASS_ISOLATE);
    assert_int_equal(guest_policy_get_class(guest, KEY_CPU_IOTHREADS, &list), CLASS_SHARE);
    assert_int_equal(guest_policy_get_class(guest, KEY_CPU_VHOST, &list), CLASS_LIST);
    assert_int_equal(list->n_terms, 2);
    assert_int_equal(cpuset_weight(guest_policy_get(guest, KEY_CPU_DEDICATED_VCPUS)->set), 2);
}

static void test_matching(void **state)
{
    (void)state;
    static const struct {
        const char *match;
        bool holds;
    } cases[] = {
        {"{name: \"db-*\"}", true},
        {"{name: \"db\"}", false},
        {"{name: \"db-[12]\", os: \"*fedora*\"}", true},
        {"{name: \"db-?\", os: \"*windows*\"}", false},
        {"{uuid: \"ABCDEF00-*\"}", true},
        {"{uuid: abcdef00-0000-4000-8000-00000000000A}", true},
        {"{uuid: \"1*\"}", false},
        {"{title: \"A Data*\"}", true},
        {"{title: \"a data*\"}", false},
        {"{label: \"*\"}", false},
        {"{partition: /machine/gold}", true},
        {"{partition: \"/machine\"}", false},
    };
    const PolicySubject subject = {
        .name = "db-1",
        .uuid = "abcdef00-0000-4000-8000-00000000000a",
        .title = "A Database",
        .partition = "/machine/gold",
        .os = "http://fedoraproject.org/fedora/39",
    };

    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *text =
            g_strdup_printf("version: 1\nguests: [{match: %s}]\n", cases[i].match);
        g_autoptr(Policy) policy = policy_from(text);
        g_autoptr(GuestPolicy) guest = policy_select(policy, &subject);
        if (guest->named != cases[i].holds)
            fail_msg("%s", cases[i].match);
    }
}

static void test_typed_by_key(void **state)
{
    (void)state;
    g_autoptr(Policy) policy = policy_from("version: \"1\"\n"
                                           "host: {ksm: false, numa_balancing: \"no\"}\n"
                                           "guests: [{match: {name: 101, title: on}}]\n");
    g_autoptr(GuestPolicy) guest =
        policy_select(policy, &(PolicySubject){.name = "101", .title = "on"});

    assert_true(guest->named);
    assert_int_equal(policy->values[KEY_HOST_KSM]->kind, VALUE_WORD);
    assert_string_equal(policy->values[KEY_HOST_KSM]->text, "off");
    assert_int_equal(policy->values[KEY_HOST_NUMA_BALANCING]->kind, VALUE_BOOL);
    assert_int_equal(policy->values[KEY_HOST_NUMA_BALANCING]->u, 0);
}

static void test_merge(void **state)
{
    (void)state;
    g_autoptr(Policy) policy =
        policy_from("version: 1\n"
                    "mode: enforce\n"
                    "interval: 10s\n"
                    "host: {reserved_memory: {0: 1GiB, 1: 1GiB}}\n"
                    "advice: {ignore: [a, b]}\n"
                    "defaults: {cpu: {policy: shared, weight: 50}}\n"
                    "guests:\n"
                    "  - match: {name: \"db-*\"}\n"
                    "    cpu: {policy: manual, pins: {0: \"1\", 10: \"2\"}}\n"
                    "  - match: {name: \"web\"}\n"
                    "    cpu: {weight: 9}\n");
    policy_add(policy, "b.yaml",
               "version: 1\n"
               "interval: 20s\n"
               "host: {reserved_memory: {1: 2GiB, 2: 3GiB}}\n"
               "advice: {ignore: [c]}\n"
               "defaults: {cpu: {weight: 60}, drift: report}\n"
               "guests:\n"
               "  - match: {name: \"*-1\"}\n"
               "    cpu: {pins: {2: \"node:0,^4\", 10: \"3\"}}\n");
    g_autoptr(GuestPolicy) guest = select_name(policy, "db-1");
    g_autoptr(GuestPolicy) other = select_name(policy, "other");

    assert_int_equal(policy->files->len, 2);
    assert_int_equal(policy->rules->len, 3);
    assert_int_equal(policy_get_mode(policy), MODE_ENFORCE);
    assert_int_equal(policy_get_interval_usec(policy), 20000000);
    g_autofree char *reserved = policy_value_format(policy->values[KEY_HOST_RESERVED_MEMORY]);
    assert_string_equal(reserved, "{0: 1GiB, 1: 2GiB, 2: 3GiB}");
    g_autofree char *ignored = policy_value_format(policy->values[KEY_ADVICE_IGNORE]);
    assert_string_equal(ignored, "[c]");

    assert_value(guest, KEY_CPU_POLICY, "manual", "a.yaml:9");
    assert_value(guest, KEY_CPU_PINS, "{0: 1, 2: \"node:0,^4\", 10: 3}", "b.yaml:8");
    assert_value(guest, KEY_CPU_WEIGHT, "60", "b.yaml:5");
    assert_value(guest, KEY_DRIFT, "report", "b.yaml:5");
    g_autofree char *named_by = origin_format(&guest->named_by);
    assert_string_equal(named_by, "b.yaml:7");
    const PolicyValue *pin = policy_value_entry(guest_policy_get(guest, KEY_CPU_PINS), "0");
    assert_non_null(pin);
    assert_int_equal(pin->origin.line, 9);

    assert_false(other->named);
    assert_value(other, KEY_CPU_POLICY, "shared", "a.yaml:6");
    assert_value(other, KEY_CPU_WEIGHT, "60", "b.yaml:5");
    assert_null(policy_value_entry(guest_policy_get(other, KEY_CPU_PINS), "0"));
    g_autofree char *absent = origin_format(NULL);
    assert_string_equal(absent, "default");
}

static void test_equal(void **state)
{
    (void)state;
    static const char head[] = "version: 1\nguests: [{match: {name: a}, cpu: ";
    static const struct {
        const char *cpu;
        PolicyKey key;
        bool equal;
    } cases[] = {
        {"{quota: 50%}", KEY_CPU_QUOTA, true},
        {"{quota: none}", KEY_CPU_QUOTA, false},
        {"{pins: {1: \"3\", 0: \"1,2\"}}", KEY_CPU_PINS, true},
        {"{pins: {0: \"1,2\"}}", KEY_CPU_PINS, false},
        {"{dedicated_vcpus: \"0-1\"}", KEY_CPU_DEDICATED_VCPUS, true},
        {"{emulator: share}", KEY_CPU_EMULATOR, true},
        {"{emulator: isolate}", KEY_CPU_EMULATOR, false},
    };
    g_autofree char *text = g_strdup_printf("%s{quota: 50, pins: {0: \"1,2\", 1: 3}, "
                                            "dedicated_vcpus: \"1,0\", emulator: share}}]\n",
                                            head);
    g_autoptr(Policy) policy = policy_from(text);
    g_autoptr(GuestPolicy) guest = select_name(policy, "a");

    assert_true(policy_value_equal(NULL, NULL));
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *other_text = g_strdup_printf("%s%s}]\n", head, cases[i].cpu);
        g_autoptr(Policy) other_policy = policy_from(other_text);
        g_autoptr(GuestPolicy) other = select_name(other_policy, "a");
        const PolicyValue *value = guest_policy_get(guest, cases[i].key);
        assert_false(policy_value_equal(value, NULL));
        if (policy_value_equal(value, guest_policy_get(other, cases[i].key)) != cases[i].equal)
            fail_msg("%s", cases[i].cpu);
    }
}

static void test_names(void **state)
{
    (void)state;
    assert_string_equal(policy_mode_name(MODE_ENFORCE), "enforce");
    assert_string_equal(cpu_policy_name(CPU_MANUAL), "manual");
    assert_string_equal(numa_mode_name(NUMA_RESTRICTIVE), "restrictive");
}

static void test_shared_values(void **state)
{
    (void)state;
    Policy *policy = policy_from("version: 1\nguests: [{match: {name: a}, priority: 5}]\n");
    Policy *same = policy_ref(policy);
    g_autoptr(GuestPolicy) guest = select_name(policy, "a");

    policy_unref(policy);
    policy_unref(same);
    assert_value(guest, KEY_PRIORITY, "5", "a.yaml:2");
    assert_string_equal(guest->named_by.file, "a.yaml");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_absent),   cmocka_unit_test(test_set),
        cmocka_unit_test(test_matching), cmocka_unit_test(test_typed_by_key),
        cmocka_unit_test(test_merge),    cmocka_unit_test(test_equal),
        cmocka_unit_test(test_names),    cmocka_unit_test(test_shared_values),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
