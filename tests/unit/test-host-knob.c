/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The host's own settings as files below a directory. */
#include "fake-host.h"
#include "host/host-knob.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static int setup(void **state)
{
    char *root = fake_host_new();

    fake_host_put(root, "/proc/meminfo",
                  "MemTotal:       24000000 kB\nMemFree:        1000000 kB\n"
                  "MemAvailable:   20000000 kB\n");
    fake_host_put(root, "/proc/pressure/memory",
                  "some avg10=1.25 avg60=0.00 avg300=0.00 total=0\n"
                  "full avg10=0.00 avg60=0.00 avg300=0.00 total=0\n");
    fake_host_put(root, "/sys/kernel/mm/transparent_hugepage/enabled", "always [madvise] never\n");
    fake_host_put(root, "/sys/kernel/mm/ksm/run", "1\n");
    fake_host_put(root, "/sys/kernel/mm/ksm/merge_across_nodes", "1\n");
    for (unsigned node = 0; node < 11; node += 10) {
        g_autofree char *meminfo = g_strdup_printf("/sys/devices/system/node/node%u/meminfo", node);
        g_autofree char *text = g_strdup_printf("Node %u MemTotal:  12000000 kB\n"
                                                "Node %u MemFree:     500000 kB\n",
                                                node, node);
        g_autofree char *pool =
            g_strdup_printf("/sys/devices/system/node/node%u/hugepages/hugepages-2048kB/", node);
        g_autofree char *total = g_strconcat(pool, "nr_hugepages", NULL);
        g_autofree char *available = g_strconcat(pool, "free_hugepages", NULL);
        g_autofree char *surplus = g_strconcat(pool, "surplus_hugepages", NULL);
        fake_host_put(root, meminfo, text);
        fake_host_put(root, total, "64\n");
        fake_host_put(root, available, "10\n");
        fake_host_put(root, surplus, "0\n");
    }
    *state = root;
    return 0;
}

static int teardown(void **state)
{
    fake_host_free(*state);
    return 0;
}

static const char *value(const Host *host, Knob knob)
{
    const SettingKey key = {.knob = knob, .plane = PLANE_ACTUAL};
    const Setting *setting = setting_list_find(host->knobs, &key);

    return setting ? setting->value : NULL;
}

static void all_there_is_is_seen(void **state)
{
    g_autoptr(Host) host = NULL;

    assert_int_equal(host_acquire(*state, &host), 0);
    assert_string_equal(value(host, KNOB_HOST_THP), "madvise");
    assert_string_equal(value(host, KNOB_HOST_KSM_RUN), "1");
    assert_null(value(host, KNOB_HOST_NUMA_BALANCING)); /* this kernel has none */
    assert_int_equal(host->memory_kib, 24000000);
    assert_int_equal(host->available_kib, 20000000);
    assert_int_equal((int)(host->pressure_pct * 100), 125);
    assert_int_equal(host->n_nodes, 2);
    assert_int_equal(host->nodes[1].node, 10);
    assert_int_equal(host->nodes[1].free_kib, 500000);
    assert_int_equal(host->n_pools, 2);
    assert_int_equal(host_pool(host, 10, 2048)->free, 10);
    assert_null(host_pool(host, 1, 2048));
    const SettingKey key = host_pool_key(10, 2048);
    assert_string_equal(setting_list_find(host->knobs, &key)->value, "64");
}

static void a_kernel_without_pressure_is_told_apart(void **state)
{
    g_autoptr(Host) host = NULL;

    fake_host_put(*state, "/proc/pressure/memory", "nonsense\n");
    assert_int_equal(host_acquire(*state, &host), 0);
    assert_true(host->pressure_pct < 0);
}

static void odd_files_are_errors(void **state)
{
    g_autoptr(Host) host = NULL;

    fake_host_put(*state, "/sys/kernel/mm/transparent_hugepage/enabled", "always madvise never\n");
    assert_int_equal(host_acquire(*state, &host), -EBADMSG);
}

static int apply(const char *root, Knob knob, const char *to, char **in_force, char **error)
{
    Change change = {.key = {.knob = knob, .plane = PLANE_ACTUAL}, .to = (char *)to};

    return host_knob_apply(root, &change, NULL, in_force, error);
}

static char *text(const char *root, const char *path)
{
    g_autofree char *whole = g_strconcat(root, path, NULL);
    char *content = NULL;

    assert_true(g_file_get_contents(whole, &content, NULL, NULL));
    return content;
}

static void a_value_is_written_and_read_back(void **state)
{
    g_autofree char *in_force = NULL, *error = NULL;

    fake_host_put(*state, "/proc/sys/vm/zone_reclaim_mode", "0");
    assert_int_equal(apply(*state, KNOB_HOST_ZONE_RECLAIM_MODE, "1", &in_force, &error), HOST_DONE);
    assert_string_equal(in_force, "1");
}

/* What is merged is taken apart while it changes, and merging goes on as before. */
static void merging_rests_while_its_reach_changes(void **state)
{
    g_autofree char *in_force = NULL, *error = NULL;

    assert_int_equal(apply(*state, KNOB_HOST_KSM_MERGE_ACROSS_NODES, "0", &in_force, &error),
                     HOST_DONE);
    assert_string_equal(in_force, "0");
    g_autofree char *run = text(*state, "/sys/kernel/mm/ksm/run");
    assert_true(g_str_has_prefix(run, "1"));
}

static void what_is_not_there_is_told(void **state)
{
    g_autofree char *in_force = NULL, *error = NULL;

    assert_int_equal(apply(*state, KNOB_HOST_NUMA_BALANCING, "0", &in_force, &error), -ENOENT);
    assert_non_null(strstr(error, "/proc/sys/kernel/numa_balancing"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(all_there_is_is_seen, setup, teardown),
        cmocka_unit_test_setup_teardown(a_kernel_without_pressure_is_told_apart, setup, teardown),
        cmocka_unit_test_setup_teardown(odd_files_are_errors, setup, teardown),
        cmocka_unit_test_setup_teardown(a_value_is_written_and_read_back, setup, teardown),
        cmocka_unit_test_setup_teardown(merging_rests_while_its_reach_changes, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_not_there_is_told, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
