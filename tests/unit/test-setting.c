/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "common/world.h"
#include "model/setting.h"

#include <stdlib.h>
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

static const SettingKey vcpu_thread = {KNOB_VCPU_PIN, 3, PLANE_ACTUAL, 4711, 99, ""};
static const SettingKey vcpu_cgroup = {KNOB_VCPU_PIN, 3, PLANE_ACTUAL, 0, 0, ""};
static const SettingKey vcpu_live = {KNOB_VCPU_PIN, 3, PLANE_LIVE, 0, 0, ""};
static const SettingKey vcpu_config = {KNOB_VCPU_PIN, 3, PLANE_CONFIG, 0, 0, ""};
static const SettingKey weight_key = {KNOB_CPU_WEIGHT, 0, PLANE_ACTUAL, 0, 0, ""};
static const SettingKey quota_key = {KNOB_CPU_QUOTA, 0, PLANE_LIVE, 0, 0, ""};
static const SettingKey nodes_live = {KNOB_NUMA_NODESET, 0, PLANE_LIVE, 0, 0, ""};
static const SettingKey nodes_actual = {KNOB_NUMA_NODESET, 0, PLANE_ACTUAL, 0, 0, ""};

/* --- keys --- */

static void test_key_order(void **state)
{
    static const SettingKey ascending[] = {
        {KNOB_VCPU_PIN, 0, PLANE_CONFIG, 0, 0, ""},
        {KNOB_VCPU_PIN, 1, PLANE_ACTUAL, 0, 0, ""},
        {KNOB_VCPU_PIN, 1, PLANE_ACTUAL, 7, 1, ""},
        {KNOB_VCPU_PIN, 1, PLANE_ACTUAL, 7, 2, ""},
        {KNOB_VCPU_PIN, 1, PLANE_ACTUAL, 9, 1, ""},
        {KNOB_VCPU_PIN, 1, PLANE_LIVE, 0, 0, ""},
        {KNOB_EMULATOR_PIN, 0, PLANE_LIVE, 0, 0, ""},
        {KNOB_NUMA_NODESET, 0, PLANE_CONFIG, 0, 0, ""},
    };
    (void)state;

    for (size_t i = 0; i < G_N_ELEMENTS(ascending); i++) {
        for (size_t j = 0; j < G_N_ELEMENTS(ascending); j++)
            assert_int_equal(setting_key_compare(&ascending[i], &ascending[j]), (i > j) - (i < j));
    }
}

static void test_start_counts_for_threads_only(void **state)
{
    SettingKey a = vcpu_cgroup, b = vcpu_cgroup;
    (void)state;

    a.tid_start = 5;
    assert_int_equal(setting_key_compare(&a, &b), 0);
}

static void assert_key(const SettingKey *key, const char *words, const char *instance)
{
    g_autofree char *format = setting_key_format(key);
    g_autofree char *column = setting_key_instance(key);

    assert_string_equal(format, words);
    assert_string_equal(column, instance);
}

static void test_key_words(void **state)
{
    static const SettingKey emulator = {KNOB_EMULATOR_PIN, 0, PLANE_LIVE, 0, 0, ""};
    static const SettingKey emulator_thread = {KNOB_EMULATOR_PIN, 0, PLANE_ACTUAL, 12, 1, ""};
    static const SettingKey quota_actual = {KNOB_CPU_QUOTA, 0, PLANE_ACTUAL, 0, 0, ""};
    (void)state;

    assert_key(&vcpu_live, "vcpu.pin 3", "3");
    assert_key(&vcpu_thread, "vcpu.pin 3 thread 4711", "3/4711");
    assert_key(&emulator, "emulator.pin", "");
    assert_key(&emulator_thread, "emulator.pin thread 12", "/12");
    assert_key(&quota_key, "cpu.quota", "");
    assert_key(&quota_actual, "cpu.quota 0", "0");
}

/* --- names of devices --- */

static SettingKey disk_key(Knob knob, const char *device, Plane plane)
{
    SettingKey key = {.knob = knob, .plane = plane};

    assert_true(setting_key_set_device(&key, device));
    return key;
}

static void test_device_names(void **state)
{
    SettingKey key = disk_key(KNOB_DISK_CACHE, "vda", PLANE_CONFIG);
    SettingKey other = disk_key(KNOB_DISK_CACHE, "vda-longer", PLANE_CONFIG);
    static const char longest[] = "a-name-as-long-as-there-is-room";
    (void)state;

    assert_key(&key, "disk.cache vda", "vda");
    assert_true(setting_key_compare(&key, &other) < 0);
    assert_true(setting_key_set_device(&other, "vda")); /* nothing is left of the longer one */
    assert_memory_equal(&key, &other, sizeof(key));

    assert_int_equal(strlen(longest), DEVICE_NAME_SIZE - 1);
    assert_true(setting_key_set_device(&key, longest));
    assert_string_equal(key.device, longest);
    assert_false(setting_key_set_device(&key, "a-name-a-letter-longer-than-that"));
    assert_string_equal(key.device, "");
    assert_false(setting_key_set_device(&key, ""));
    assert_false(setting_key_set_device(&key, NULL));
}

/* Settings of several devices do not get mixed up. */
static void test_list_of_devices(void **state)
{
    static const char *const devices[] = {"vdb", "vda", "sda"};
    g_autoptr(SettingList) list = setting_list_new();
    SettingKey none = disk_key(KNOB_DISK_CACHE, "vdc", PLANE_LIVE);
    (void)state;

    for (unsigned i = 0; i < G_N_ELEMENTS(devices); i++) {
        SettingKey cache = disk_key(KNOB_DISK_CACHE, devices[i], PLANE_CONFIG);
        SettingKey io = disk_key(KNOB_DISK_IO, devices[i], PLANE_CONFIG);
        setting_list_add(list, &cache, devices[i], NULL, NULL);
        setting_list_add(list, &io, "native", NULL, NULL);
    }
    setting_list_sort(list);
    assert_int_equal(setting_list_size(list), 6);
    assert_string_equal(setting_list_get(list, 0)->value, "sda");
    for (unsigned i = 0; i < G_N_ELEMENTS(devices); i++) {
        SettingKey cache = disk_key(KNOB_DISK_CACHE, devices[i], PLANE_CONFIG);
        assert_string_equal(setting_list_find(list, &cache)->value, devices[i]);
    }
    assert_null(setting_list_find(list, &none));
}

/* --- list --- */

static void test_list(void **state)
{
    g_autoptr(SettingList) list = setting_list_new();
    g_autoptr(CpuSet) cpus = world_cpus("1-2");
    (void)state;

    assert_null(setting_list_find(list, &vcpu_live));
    setting_list_add(list, &weight_key, "50", "why", "p.yaml:3");
    setting_list_add_cpus(list, &vcpu_live, cpus, NULL, NULL);
    setting_list_add_cpus(list, &vcpu_config, NULL, NULL, NULL);
    setting_list_sort(list);

    assert_int_equal(setting_list_size(list), 3);
    assert_string_equal(setting_list_get(list, 0)->value, "1-2");
    assert_null(setting_list_get(list, 1)->value);
    const Setting *weight = setting_list_find(list, &weight_key);
    assert_string_equal(weight->value, "50");
    assert_string_equal(weight->reason, "why");
    assert_string_equal(weight->origin, "p.yaml:3");
    assert_null(setting_list_find(list, &quota_key));
    setting_list_free(NULL);
}

static SettingList *shared_list(const char *weight, const char *reason)
{
    SettingList *list = setting_list_new();

    setting_list_add(list, &weight_key, weight, reason, NULL);
    setting_list_add(list, &vcpu_live, NULL, NULL, NULL);
    setting_list_sort(list);
    setting_list_share(list);
    return list;
}

static bool share(const SettingList *a, const SettingList *b, const SettingKey *key)
{
    return setting_list_find(a, key) == setting_list_find(b, key);
}

static void test_equal_settings_are_shared(void **state)
{
    SettingList *first = shared_list("50", "why");
    g_autoptr(SettingList) same = shared_list("50", "why");
    g_autoptr(SettingList) other = shared_list("60", "why");
    g_autoptr(SettingList) told_otherwise = shared_list("50", NULL);
    (void)state;

    assert_ptr_equal(first->items, same->items);
    assert_true(share(first, same, &weight_key) && share(first, same, &vcpu_live));
    assert_true(!share(first, other, &weight_key) && share(first, other, &vcpu_live));
    assert_false(share(first, told_otherwise, &weight_key));
    setting_list_share(same);
    setting_list_free(first);
    assert_string_equal(setting_list_find(same, &weight_key)->value, "50");
    assert_string_equal(setting_list_find(same, &weight_key)->reason, "why");

    g_autoptr(SettingList) late = shared_list("50", "why");
    assert_ptr_equal(late->items, same->items);
    g_autoptr(SettingList) none = setting_list_new();
    setting_list_share(none);
    assert_int_equal(setting_list_size(none), 0);
}

static gpointer share_and_free(gpointer data)
{
    (void)data;
    for (unsigned i = 0; i < 1000; i++) {
        g_autoptr(SettingList) list = shared_list(i % 2 ? "50" : "60", NULL);
        g_assert_cmpuint(setting_list_size(list), ==, 2);
    }
    return NULL;
}

static void test_threads_share(void **state)
{
    GThread *threads[4];
    (void)state;

    for (unsigned i = 0; i < G_N_ELEMENTS(threads); i++)
        threads[i] = g_thread_new("share", share_and_free, NULL);
    for (unsigned i = 0; i < G_N_ELEMENTS(threads); i++)
        g_thread_join(threads[i]);
}

static void test_last_added_stays(void **state)
{
    g_autoptr(SettingList) list = setting_list_new();
    (void)state;

    setting_list_sort(list);
    for (unsigned i = 0; i < 300; i++) {
        SettingKey key = {KNOB_VCPU_PIN, i % 100, PLANE_LIVE, 0, 0, ""};
        g_autofree char *value = g_strdup_printf("%u", i);
        setting_list_add(list, &key, value, NULL, NULL);
    }
    setting_list_sort(list);
    assert_int_equal(setting_list_size(list), 100);
    for (unsigned i = 0; i < 100; i++) {
        SettingKey key = {KNOB_VCPU_PIN, i, PLANE_LIVE, 0, 0, ""};
        assert_int_equal(atoi(setting_list_find(list, &key)->value), 200 + (int)i);
    }
}

/* --- values --- */

static void assert_equal_when(bool expected, const SettingKey *key, const char *a, const char *b,
                              const char *all, const char *online)
{
    g_autoptr(CpuSet) all_set = all ? world_cpus(all) : NULL;
    g_autoptr(CpuSet) online_set = online ? world_cpus(online) : NULL;
    bool there = setting_value_equal(key, a, b, all_set, online_set);
    bool back = setting_value_equal(key, b, a, all_set, online_set);

    if (there != expected || back != expected)
        fail_msg("%s and %s: %d, %d", a ? a : "NULL", b ? b : "NULL", there, back);
}

static void test_thread_affinity(void **state)
{
    (void)state;
    assert_equal_when(true, &vcpu_thread, "0-3", "0-3", "0-15", "0-15");
    assert_equal_when(false, &vcpu_thread, "0-3", "0-2", "0-15", "0-15");
    /* CPU 3 is off: the kernel leaves it out. */
    assert_equal_when(true, &vcpu_thread, "0-3", "0-2", "0-15", "0-2,4-15");
    assert_equal_when(true, &vcpu_thread, NULL, "0-15", "0-15", "0-15");
    assert_equal_when(true, &vcpu_thread, NULL, "0-14", "0-15", "0-14");
    assert_equal_when(false, &vcpu_thread, NULL, "0-3", "0-15", "0-15");
    /* Of a thread only what it has counts: wider than all is not all. */
    assert_equal_when(false, &vcpu_thread, NULL, "0-15", "0-7", "0-15");
    assert_equal_when(true, &vcpu_thread, NULL, "0-7", NULL, "0-7");
    assert_equal_when(false, &vcpu_thread, NULL, "0-6", NULL, "0-7");
    assert_equal_when(true, &vcpu_thread, NULL, NULL, NULL, NULL);
    assert_equal_when(false, &vcpu_thread, "junk", "0", "0-7", "0-7");
}

static void test_definition_pin(void **state)
{
    (void)state;
    assert_equal_when(true, &vcpu_live, "0-3", "0-3", "0-15", "0-15");
    assert_equal_when(true, &vcpu_live, "0,1,2-3", "0-3", "0-15", "0-15");
    assert_equal_when(false, &vcpu_live, "0-3", "4-7", "0-15", "0-15");
    assert_equal_when(true, &vcpu_live, NULL, "0-15", "0-15", "0-15");
    assert_equal_when(true, &vcpu_config, NULL, "0-63", "0-15", "0-15");
    assert_equal_when(true, &vcpu_config, "0-31", "0-63", "0-15", "0-15");
    assert_equal_when(false, &vcpu_config, NULL, "0-14", "0-15", "0-15");
    /* A definition keeps CPUs that are off. */
    assert_equal_when(false, &vcpu_live, "0-3", "0-2", "0-15", "0-2,4-15");
    assert_equal_when(false, &vcpu_live, NULL, "0-15", NULL, NULL);
    assert_equal_when(false, &vcpu_live, "", NULL, "0-15", NULL);
}

static void test_cgroup_cpuset(void **state)
{
    (void)state;
    assert_equal_when(true, &vcpu_cgroup, NULL, "0-15", "0-15", "0-15");
    assert_equal_when(true, &vcpu_cgroup, NULL, "0-14", "0-15", "0-14");
    assert_equal_when(true, &vcpu_cgroup, "0-3", "0-2", "0-15", "0-2,4-15");
    assert_equal_when(true, &vcpu_cgroup, NULL, "0-31", "0-15", "0-31");
    assert_equal_when(false, &vcpu_cgroup, "0-3", "0-4", "0-15", "0-15");
}

static void test_other_types(void **state)
{
    (void)state;
    assert_equal_when(true, &weight_key, NULL, "100", NULL, NULL);
    assert_equal_when(false, &weight_key, NULL, "200", NULL, NULL);
    assert_equal_when(true, &quota_key, NULL, "none", NULL, NULL);
    assert_equal_when(true, &quota_key, "150", "150", NULL, NULL);
    assert_equal_when(false, &quota_key, NULL, "100", NULL, NULL);
    assert_equal_when(true, &nodes_live, NULL, NULL, NULL, NULL);
    assert_equal_when(true, &nodes_live, "strict:0-1", "strict:0-1", NULL, NULL);
    assert_equal_when(false, &nodes_live, "strict:0", "restrictive:0", NULL, NULL);
    assert_equal_when(false, &nodes_live, "strict:0", NULL, NULL, NULL);
    assert_equal_when(true, &nodes_actual, "0,1", "0-1", NULL, NULL);
    assert_equal_when(false, &nodes_actual, "0", "0-1", NULL, NULL);
    assert_equal_when(false, &nodes_actual, "0", NULL, NULL, NULL);
    assert_equal_when(false, &nodes_actual, "x", "0", NULL, NULL);
}

/* "Not set" is the value the hypervisor then takes. */
static void test_texts_and_fields(void **state)
{
    SettingKey cache = disk_key(KNOB_DISK_CACHE, "vda", PLANE_CONFIG);
    SettingKey iotune = disk_key(KNOB_DISK_IOTUNE, "vda", PLANE_LIVE);
    SettingKey mtu = disk_key(KNOB_NET_MTU, "52:54:00:00:00:01", PLANE_CONFIG);
    (void)state;

    assert_equal_when(true, &cache, NULL, "default", NULL, NULL);
    assert_equal_when(false, &cache, NULL, "none", NULL, NULL);
    assert_equal_when(true, &cache, "none", "none", NULL, NULL);
    assert_equal_when(false, &mtu, NULL, "1500", NULL, NULL);
    assert_equal_when(true, &mtu, NULL, NULL, NULL, NULL);
    assert_equal_when(true, &iotune, "size_iops_sec=1", "size_iops_sec=1", NULL, NULL);
    assert_equal_when(false, &iotune, "size_iops_sec=1", NULL, NULL, NULL);
    assert_equal_when(true, &iotune, NULL, NULL, NULL, NULL);
}

/* --- changes --- */

static void test_edits(void **state)
{
    static const struct {
        Knob knob;
        Plane plane;
        const char *to;
        bool edit;
    } cases[] = {
        {KNOB_DISK_CACHE, PLANE_CONFIG, "none", true},
        {KNOB_DISK_CACHE, PLANE_CONFIG, NULL, true},
        {KNOB_DISK_CACHE, PLANE_LIVE, NULL, false},
        {KNOB_DISK_IOTUNE, PLANE_CONFIG, "size_iops_sec=1", false},
        {KNOB_DISK_IOTUNE, PLANE_CONFIG, NULL, true},
        {KNOB_VCPU_PIN, PLANE_CONFIG, "4", false},
        {KNOB_VCPU_PIN, PLANE_CONFIG, NULL, true},
        {KNOB_VCPU_PIN, PLANE_LIVE, NULL, false},
    };
    (void)state;

    for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
        Change change = {.key = {.knob = cases[i].knob, .plane = cases[i].plane},
                         .to = (char *)cases[i].to};
        assert_int_equal(change_is_edit(&change), cases[i].edit);
    }
}

static void test_changes(void **state)
{
    g_autoptr(ChangeSet) set = change_set_new();
    (void)state;

    Change *change = change_set_add(set, &vcpu_live, NULL, "4");
    change->reason = g_strdup("r");
    change->origin = g_strdup("o");
    change_set_add(set, &vcpu_config, "4", NULL);
    g_autoptr(ChangeSet) same = change_set_ref(set);
    assert_int_equal(change_set_size(same), 2);
    assert_null(change_set_get(same, 0)->from);
    assert_string_equal(change_set_get(same, 0)->to, "4");
    assert_string_equal(change_set_get(same, 1)->from, "4");
    assert_false(change_set_get(same, 0)->drift);
    change_set_unref(NULL);
    change_free(NULL);
}

static void test_original(void **state)
{
    Original *original = g_new0(Original, 1);
    (void)state;

    original->original = g_strdup("0-3");
    original->written = g_strdup("4");
    original_free(original);
    original_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_key_order),
        cmocka_unit_test(test_start_counts_for_threads_only),
        cmocka_unit_test(test_key_words),
        cmocka_unit_test(test_device_names),
        cmocka_unit_test(test_list_of_devices),
        cmocka_unit_test(test_list),
        cmocka_unit_test(test_equal_settings_are_shared),
        cmocka_unit_test(test_threads_share),
        cmocka_unit_test(test_last_added_stays),
        cmocka_unit_test(test_thread_affinity),
        cmocka_unit_test(test_definition_pin),
        cmocka_unit_test(test_cgroup_cpuset),
        cmocka_unit_test(test_other_types),
        cmocka_unit_test(test_texts_and_fields),
        cmocka_unit_test(test_edits),
        cmocka_unit_test(test_changes),
        cmocka_unit_test(test_original),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
