/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "model/knob.h"

#include <errno.h>
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

static void test_table_is_whole(void **state)
{
    (void)state;
    for (int i = 0; i < N_KNOBS; i++) {
        const KnobInfo *info = knob_info((Knob)i);
        assert_int_equal(info->knob, i);
        assert_non_null(info->name);
        assert_int_equal(knob_by_name(info->name), i);
        assert_true(info->planes[PLANE_ACTUAL] || info->planes[PLANE_LIVE]);
        assert_true(info->planes[PLANE_LIVE] || !info->planes[PLANE_CONFIG]);
        assert_true(info->planes[PLANE_CONFIG] || !info->edited);
        assert_int_equal(info->type == KNOB_TYPE_FIELDS, info->fields != NULL);
        assert_true(info->type == KNOB_TYPE_TEXT || !info->absent);
        assert_true(strlen(info->observes) > 0);
        assert_true(strlen(info->applies) > 0);
        assert_true(strlen(info->doc) > 0);
        assert_null(strchr(info->doc, '\n'));
    }
}

static void test_rows(void **state)
{
    (void)state;
    assert_string_equal(knob_info(KNOB_VCPU_PIN)->name, "vcpu.pin");
    assert_string_equal(knob_info(KNOB_EMULATOR_PIN)->name, "emulator.pin");
    assert_string_equal(knob_info(KNOB_IOTHREAD_PIN)->name, "iothread.pin");
    assert_string_equal(knob_info(KNOB_VHOST_PIN)->name, "vhost.pin");
    assert_string_equal(knob_info(KNOB_CPU_WEIGHT)->name, "cpu.weight");
    assert_string_equal(knob_info(KNOB_CPU_QUOTA)->name, "cpu.quota");
    assert_string_equal(knob_info(KNOB_NUMA_NODESET)->name, "numa.nodeset");
    assert_false(knob_info(KNOB_VHOST_PIN)->planes[PLANE_LIVE]);
    assert_true(knob_info(KNOB_VHOST_PIN)->per_thread);
    assert_false(knob_info(KNOB_CPU_WEIGHT)->per_thread);
    assert_int_equal(knob_info(KNOB_CPU_QUOTA)->instance, INSTANCE_GUEST);
    assert_int_equal(knob_info(KNOB_CPU_QUOTA)->instance_actual, INSTANCE_VCPU);
}

/* --- instances --- */

static void test_instances(void **state)
{
    static const struct {
        KnobInstance instance;
        const char *name;
        bool named, fixed;
    } cases[] = {
        {INSTANCE_GUEST, "guest", false, false},
        {INSTANCE_VCPU, "vcpu", false, false},
        {INSTANCE_IOTHREAD, "iothread", false, false},
        {INSTANCE_CELL, "cell", false, false},
        {INSTANCE_CONTROLLER, "controller", false, false},
        {INSTANCE_NIC, "nic", true, false},
        {INSTANCE_DISK, "disk", true, false},
        {INSTANCE_TIMER, "timer", true, true},
        {INSTANCE_FEATURE, "feature", true, true},
        {INSTANCE_HOST, "host", false, false},
        {INSTANCE_POOL, "pool", true, false},
    };
    (void)state;

    assert_int_equal(G_N_ELEMENTS(cases), N_INSTANCES);
    for (unsigned i = 0; i < N_INSTANCES; i++) {
        assert_string_equal(knob_instance_name(cases[i].instance), cases[i].name);
        assert_int_equal(knob_instance_is_named(cases[i].instance), cases[i].named);
        assert_int_equal(knob_instance_names(cases[i].instance) != NULL, cases[i].fixed);
    }
    assert_true(g_strv_contains(knob_instance_names(INSTANCE_TIMER), "hpet"));
    assert_true(g_strv_contains(knob_instance_names(INSTANCE_FEATURE), "spinlocks"));
}

/* --- fields --- */

static void test_fields(void **state)
{
    const KnobInfo *info = knob_info(KNOB_CPU_TOPOLOGY);
    const char *const all[] = {"2", "1", NULL, "4", "2"}, *const none[] = {NULL, "1", NULL, NULL,
                                                                           NULL};
    g_autofree char *text = knob_fields_format(info, all);
    char **values = NULL;
    (void)state;

    assert_int_equal(knob_fields_count(info), 5);
    assert_int_equal(knob_fields_count(knob_info(KNOB_NET_QUEUES)), 0);
    assert_string_equal(text, "sockets=2,cores=4,threads=2"); /* one die is as good as none */
    assert_null(knob_fields_format(info, none));
    assert_int_equal(knob_fields_parse(info, "threads=2,dies=3", &values), 0);
    assert_null(values[0]);
    assert_string_equal(values[1], "3");
    assert_string_equal(values[4], "2");
    knob_fields_free(info, values);
    assert_int_equal(knob_fields_parse(info, NULL, &values), 0);
    for (unsigned i = 0; i < 5; i++)
        assert_null(values[i]);
    knob_fields_free(info, values);
    knob_fields_free(info, NULL);
}

static void test_bad_fields(void **state)
{
    static const char *const bad[] = {"sockets",         "=1",       ",",
                                      "sockets=1,",      "socket=1", "socketss=1",
                                      "cores=1,cores=1", "Cores=1",  " cores=1"};
    char **values = NULL;
    (void)state;

    for (unsigned i = 0; i < G_N_ELEMENTS(bad); i++)
        if (knob_fields_parse(knob_info(KNOB_CPU_TOPOLOGY), bad[i], &values) != -EINVAL)
            fail_msg("taken: %s", bad[i]);
    assert_null(values);
}

/* Any name of a group comes back as it was. */
static void test_escapes(void **state)
{
    static const struct {
        const char *name, *text;
    } cases[] = {
        {"plain", "group_name=plain"}, {"a,b=c", "group_name=a%2Cb=c"},
        {"%2C", "group_name=%252C"},   {"100%", "group_name=100%25"},
        {",,", "group_name=%2C%2C"},   {"größe", "group_name=größe"},
    };
    const KnobInfo *info = knob_info(KNOB_DISK_IOTUNE);
    int place = -1;
    char **values;
    (void)state;

    for (int i = 0; info->fields[i].name; i++)
        if (strcmp(info->fields[i].name, "group_name") == 0)
            place = i;
    assert_true(place >= 0);
    for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
        assert_int_equal(knob_fields_parse(info, cases[i].text, &values), 0);
        assert_string_equal(values[place], cases[i].name);
        g_autofree char *text = knob_fields_format(info, (const char *const *)values);
        assert_string_equal(text, cases[i].text);
        knob_fields_free(info, values);
    }
    /* what is no escape stands for itself */
    assert_int_equal(knob_fields_parse(info, "group_name=5%,size_iops_sec=1%zz", &values), 0);
    assert_string_equal(values[place], "5%");
    knob_fields_free(info, values);
}

static void test_names(void **state)
{
    (void)state;
    assert_int_equal(knob_by_name("vcpu"), -1);
    assert_int_equal(knob_by_name(""), -1);
    for (int i = 0; i < N_PLANES; i++)
        assert_int_equal(plane_by_name(plane_name((Plane)i)), i);
    assert_string_equal(plane_name(PLANE_ACTUAL), "actual");
    assert_int_equal(plane_by_name("Live"), -1);
    assert_string_equal(knob_type_name(KNOB_TYPE_CPUS), "cpus");
    assert_string_equal(knob_type_name(KNOB_TYPE_WEIGHT), "weight");
    assert_string_equal(knob_type_name(KNOB_TYPE_PERCENT), "percent");
    assert_string_equal(knob_type_name(KNOB_TYPE_NODESET), "nodeset");
    assert_string_equal(knob_type_name(KNOB_TYPE_TEXT), "text");
    assert_string_equal(knob_type_name(KNOB_TYPE_FIELDS), "fields");
    assert_string_equal(knob_change_name(KNOB_LIVE), "live");
    assert_string_equal(knob_change_name(KNOB_HOT), "hot");
    assert_string_equal(knob_change_name(KNOB_COLD), "cold");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table_is_whole), cmocka_unit_test(test_rows),
        cmocka_unit_test(test_instances),      cmocka_unit_test(test_fields),
        cmocka_unit_test(test_bad_fields),     cmocka_unit_test(test_escapes),
        cmocka_unit_test(test_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
