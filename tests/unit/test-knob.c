/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "model/knob.h"

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
    assert_string_equal(knob_change_name(KNOB_LIVE), "live");
    assert_string_equal(knob_change_name(KNOB_HOT), "hot");
    assert_string_equal(knob_change_name(KNOB_COLD), "cold");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table_is_whole),
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
