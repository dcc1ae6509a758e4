/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Reversals are counted by setting, forgotten in time, and end in giving up. */
#include "model/contest.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#define MINUTE G_TIME_SPAN_MINUTE
#define START (1000 * MINUTE)

static const SettingKey vcpu = {.knob = KNOB_VCPU_PIN, .instance = 3, .plane = PLANE_LIVE};

static int setup(void **state)
{
    *state = contest_new();
    return 0;
}

static int teardown(void **state)
{
    contest_free(*state);
    return 0;
}

/* Reversals at START, START + step, …; how many it took until one was contested. */
static unsigned reversals(Contest *contest, const SettingKey *key, int64_t step_usec, unsigned most)
{
    for (unsigned i = 0; i < most; i++)
        if (contest_note(contest, key, START + i * step_usec))
            return i + 1;
    return 0;
}

static void test_limit(void **state)
{
    Contest *contest = *state;

    assert_int_equal(contest_size(contest), 0);
    assert_null(contest_find(contest, &vcpu));
    assert_int_equal(reversals(contest, &vcpu, MINUTE, 100), CONTEST_REVERSALS);
    assert_int_equal(contest_size(contest), 1);
    assert_ptr_equal(contest_find(contest, &vcpu), contest_get(contest, 0));
    /* told once */
    assert_false(contest_note(contest, &vcpu, START + 90 * MINUTE));
    assert_false(contest_give_up(contest, &vcpu));
    assert_int_equal(contest_size(contest), 1);
}

static void test_window(void **state)
{
    Contest *contest = *state;

    /* as often as the window just does not hold, for a week */
    assert_int_equal(
        reversals(contest, &vcpu, CONTEST_WINDOW_USEC / (CONTEST_REVERSALS - 1) + 1, 7 * 24 * 4),
        0);
    contest_free(contest);
    *state = contest = contest_new();
    assert_int_equal(reversals(contest, &vcpu, CONTEST_WINDOW_USEC / (CONTEST_REVERSALS - 1), 100),
                     CONTEST_REVERSALS);
}

static void test_a_job_every_ten_minutes_is_found_out(void **state)
{
    assert_int_equal(reversals(*state, &vcpu, 10 * MINUTE, 7), CONTEST_REVERSALS);
}

static void test_one_look_is_one_reversal(void **state)
{
    Contest *contest = *state;

    for (unsigned look = 1; look < CONTEST_REVERSALS; look++)
        for (pid_t tid = 0; tid < 100; tid++) {
            SettingKey key = vcpu;
            key.plane = PLANE_ACTUAL;
            key.tid = tid;
            key.tid_start = 7;
            assert_false(contest_note(contest, &key, START + look));
        }
    assert_true(contest_note(contest, &vcpu, START + CONTEST_REVERSALS));
}

static void test_planes_and_threads_are_one_setting(void **state)
{
    SettingKey keys[] = {
        {.knob = KNOB_VCPU_PIN, .instance = 3, .plane = PLANE_CONFIG},
        {.knob = KNOB_VCPU_PIN, .instance = 3, .plane = PLANE_ACTUAL},
        {.knob = KNOB_VCPU_PIN, .instance = 3, .plane = PLANE_ACTUAL, .tid = 44, .tid_start = 9},
    };
    SettingKey others[] = {
        {.knob = KNOB_VCPU_PIN, .instance = 2, .plane = PLANE_LIVE},
        {.knob = KNOB_IOTHREAD_PIN, .instance = 3, .plane = PLANE_LIVE},
    };
    Contest *contest = *state;

    assert_true(contest_give_up(contest, &vcpu));
    for (size_t i = 0; i < G_N_ELEMENTS(keys); i++)
        assert_non_null(contest_find(contest, &keys[i]));
    for (size_t i = 0; i < G_N_ELEMENTS(others); i++)
        assert_null(contest_find(contest, &others[i]));

    /* the quota is of each vCPU's cgroup, and one setting of the guest */
    SettingKey quota = {.knob = KNOB_CPU_QUOTA, .plane = PLANE_LIVE};
    SettingKey cgroup = {.knob = KNOB_CPU_QUOTA, .instance = 5, .plane = PLANE_ACTUAL};
    assert_true(contest_give_up(contest, &cgroup));
    assert_false(contest_give_up(contest, &quota));

    /* devices by name */
    SettingKey vda = {.knob = KNOB_DISK_CACHE, .plane = PLANE_CONFIG};
    SettingKey vdb = vda;
    setting_key_set_device(&vda, "vda");
    setting_key_set_device(&vdb, "vdb");
    assert_true(contest_give_up(contest, &vda));
    assert_null(contest_find(contest, &vdb));
}

static void test_settings_are_counted_apart(void **state)
{
    Contest *contest = *state;

    for (unsigned look = 1; look < CONTEST_REVERSALS; look++)
        for (unsigned id = 0; id < 300; id++) {
            SettingKey key = vcpu;
            key.instance = id;
            assert_false(contest_note(contest, &key, START + look));
        }
    assert_int_equal(contest_size(contest), 0);
    SettingKey last = vcpu;
    last.instance = 299;
    assert_true(contest_note(contest, &last, START + 10));
    assert_int_equal(contest_size(contest), 1);
    assert_null(contest_find(contest, &vcpu));
}

static void test_sorted_and_copied(void **state)
{
    Contest *contest = *state;

    for (unsigned id = 10; id-- > 0;) {
        SettingKey key = vcpu;
        key.instance = id;
        contest_give_up(contest, &key);
    }
    for (unsigned look = 1; look < CONTEST_REVERSALS; look++)
        contest_note(contest, &(SettingKey){.knob = KNOB_EMULATOR_PIN}, START + look);
    contest_get(contest, 0)->rival = g_strdup("a script");
    g_autoptr(Contest) copy = contest_copy(contest);
    for (unsigned i = 0; i < 10; i++)
        assert_int_equal(contest_get(copy, i)->key.instance, i);
    assert_string_equal(contest_get(copy, 0)->rival, "a script");
    assert_ptr_not_equal(contest_get(copy, 0)->rival, contest_get(contest, 0)->rival);
    /* its counts too */
    assert_true(contest_note(copy, &(SettingKey){.knob = KNOB_EMULATOR_PIN}, START + 10));
    assert_int_equal(contest_size(contest), 10);
}

static void assert_text(const Contest *contest, const char *expected)
{
    g_autofree char *text = contest_format(contest);

    if (expected)
        assert_string_equal(text, expected);
    else
        assert_null(text);
}

static void test_marks(void **state)
{
    const SettingKey keys[] = {
        vcpu,
        {.knob = KNOB_VCPU_PIN, .instance = 3, .tid = 44, .tid_start = 9},
        {.knob = KNOB_VCPU_PIN, .instance = 4, .plane = PLANE_LIVE},
    };
    g_autoptr(ChangeSet) changes = change_set_new();

    for (size_t i = 0; i < G_N_ELEMENTS(keys); i++)
        change_set_add(changes, &keys[i], "0", "1");
    contest_mark(NULL, changes);
    assert_int_equal(change_set_size_open(changes), 3);
    contest_give_up(*state, &vcpu);
    contest_mark(*state, changes);
    assert_int_equal(change_set_size_open(changes), 1);
    assert_false(change_set_get(changes, 2)->contested);
    contest_mark(NULL, changes);
    assert_int_equal(change_set_size_open(changes), 3);
}

static void test_words(void **state)
{
    Contest *contest = *state;

    assert_text(NULL, NULL);
    assert_text(contest, NULL);
    contest_give_up(contest, &vcpu);
    assert_text(contest, "vcpu.pin 3 is contested");
    contest_get(contest, 0)->rival = g_strdup("likely numad (PID 812)");
    assert_text(contest, "vcpu.pin 3 is contested: likely numad (PID 812)");
    contest_give_up(contest, &(SettingKey){.knob = KNOB_EMULATOR_PIN});
    assert_text(contest, "vcpu.pin 3 and 1 more are contested: likely numad (PID 812)");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_limit, setup, teardown),
        cmocka_unit_test_setup_teardown(test_window, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_job_every_ten_minutes_is_found_out, setup, teardown),
        cmocka_unit_test_setup_teardown(test_one_look_is_one_reversal, setup, teardown),
        cmocka_unit_test_setup_teardown(test_planes_and_threads_are_one_setting, setup, teardown),
        cmocka_unit_test_setup_teardown(test_settings_are_counted_apart, setup, teardown),
        cmocka_unit_test_setup_teardown(test_sorted_and_copied, setup, teardown),
        cmocka_unit_test_setup_teardown(test_marks, setup, teardown),
        cmocka_unit_test_setup_teardown(test_words, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
