/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "common/world.h"

#include <errno.h>
#include <limits.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

static void assert_parses(const char *text, const char *expected)
{
    g_autoptr(CpuSet) set = NULL;

    assert_int_equal(cpuset_parse(text, &set), 0);
    assert_cpus(set, expected);
}

static void assert_fails(const char *text, int expected)
{
    CpuSet *set = NULL;
    int r = cpuset_parse(text, &set);

    if (r != expected || set)
        fail_msg("\"%s\": %d, %d expected", text, r, expected);
}

static void test_parse(void **state)
{
    (void)state;
    assert_parses("", "");
    assert_parses(" \t\n", "");
    assert_parses("0", "0");
    assert_parses("0-3,8", "0-3,8");
    assert_parses(" 0-3 , 8 \n", "0-3,8");
    assert_parses("8,0-3,2-5", "0-5,8");
    assert_parses("0-3,^2", "0-1,3");
    assert_parses("0-7,^2-4", "0-1,5-7");
    assert_parses("^2,0-3", "0-3");
    assert_parses("^2", "");
    assert_parses("007", "7");
    assert_parses("3-3", "3");
    assert_parses("65535", "65535");
}

static void test_parse_errors(void **state)
{
    static const char *const bad[] = {",",   "1,",   ",1",  "1,,2", "3-1",  "a",   "1a",     "-1",
                                      "1-",  "1--2", "1 2", "1 -2", "1- 2", "^",   "^ 1",    "^^1",
                                      "1;2", "+1",   "0x1", "1.0",  "all",  "1-a", "0-3:1/2"};
    (void)state;

    for (size_t i = 0; i < G_N_ELEMENTS(bad); i++)
        assert_fails(bad[i], -EINVAL);
    assert_fails("65536", -ERANGE);
    assert_fails("0-4000000000", -ERANGE);
    assert_fails("99999999999999999999999", -ERANGE);
}

static void test_range_parse_places_the_fault(void **state)
{
    static const struct {
        const char *text;
        int result;
        size_t offset;
    } cases[] = {{"4-7,", 0, 3},      {"x", -EINVAL, 0},       {"1-x", -EINVAL, 2},
                 {"3-1", -EINVAL, 2}, {"1-70000", -ERANGE, 2}, {"70000", -ERANGE, 0}};
    (void)state;

    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        const char *cursor = cases[i].text;
        unsigned first = 0, last = 0;
        assert_int_equal(cpuset_range_parse(&cursor, &first, &last), cases[i].result);
        assert_int_equal(cursor - cases[i].text, cases[i].offset);
    }
}

static void test_make(void **state)
{
    g_autoptr(CpuSet) none = cpuset_new();
    g_autoptr(CpuSet) one = cpuset_new_one(70);
    g_autoptr(CpuSet) range = cpuset_new_range(3, 66);
    g_autoptr(CpuSet) copy = cpuset_copy(range);
    (void)state;

    assert_cpus(none, "");
    assert_cpus(one, "70");
    assert_cpus(range, "3-66");
    hwloc_bitmap_clr(range, 3);
    assert_cpus(copy, "3-66");
    assert_null(cpuset_copy(NULL));
}

static void test_operations(void **state)
{
    g_autoptr(CpuSet) a = world_cpus("0-3,64");
    g_autoptr(CpuSet) b = world_cpus("2-5");
    g_autoptr(CpuSet) both = cpuset_and(a, b);
    g_autoptr(CpuSet) either = cpuset_or(a, b);
    g_autoptr(CpuSet) rest = cpuset_minus(a, b);
    (void)state;

    assert_cpus(both, "2-3");
    assert_cpus(either, "0-5,64");
    assert_cpus(rest, "0-1,64");
    assert_cpus(a, "0-3,64");
}

static void test_questions(void **state)
{
    g_autoptr(CpuSet) a = world_cpus("0-3,64");
    g_autoptr(CpuSet) part = world_cpus("1,64");
    g_autoptr(CpuSet) other = world_cpus("5");
    g_autoptr(CpuSet) none = cpuset_new();
    (void)state;

    assert_true(cpuset_equal(NULL, NULL));
    assert_false(cpuset_equal(none, NULL));
    assert_false(cpuset_equal(a, part));
    assert_true(cpuset_is_empty(NULL));
    assert_true(cpuset_is_empty(none));
    assert_false(cpuset_is_empty(a));
    assert_true(cpuset_is_subset(part, a));
    assert_true(cpuset_is_subset(none, a));
    assert_false(cpuset_is_subset(a, part));
    assert_true(cpuset_intersects(a, part));
    assert_false(cpuset_intersects(a, other));
    assert_true(cpuset_has(a, 64));
    assert_false(cpuset_has(a, 65000));
    assert_int_equal(cpuset_weight(a), 5);
    assert_int_equal(cpuset_first(part), 1);
    assert_int_equal(cpuset_first(none), UINT_MAX);
}

static void test_foreach(void **state)
{
    g_autoptr(CpuSet) set = world_cpus("1,3,64-65");
    g_autoptr(CpuSet) none = cpuset_new();
    g_autoptr(CpuSet) visited = cpuset_new();
    unsigned count = 0;
    (void)state;

    CPUSET_FOREACH(i, set)
    {
        if (i == 3)
            continue;
        hwloc_bitmap_set(visited, i);
    }
    assert_cpus(visited, "1,64-65");
    CPUSET_FOREACH(i, none)
    count += i + 1;
    assert_int_equal(count, 0);
}

static CpuSet *share_new(const char *text)
{
    CpuSet *set = NULL;

    assert_int_equal(cpuset_parse(text, &set), 0);
    cpuset_share(&set);
    return set;
}

/* Equal sets are one, until the last who shares it gives it back. */
static void test_share(void **state)
{
    CpuSet *one = share_new("0-3,900"), *two = share_new("0-3,900"), *other = share_new("0-3");
    CpuSet *nobodys = cpuset_copy(one), *nothing = NULL;

    (void)state;
    assert_ptr_equal(one, two);
    assert_ptr_not_equal(one, other);
    cpuset_release(&nobodys); /* equal, and not shared */
    assert_null(nobodys);
    cpuset_release(&one);
    assert_null(one);
    assert_cpus(two, "0-3,900");
    one = share_new("0-3,900");
    assert_ptr_equal(one, two);
    cpuset_release(&one);
    cpuset_release(&two);
    cpuset_release(&other);
    cpuset_share(&nothing);
    cpuset_release(&nothing);
    assert_null(nothing);
}

static void test_share_odd(void **state)
{
    CpuSet *all = cpuset_new(), *empty = share_new(""), *none = cpuset_new();

    (void)state;
    hwloc_bitmap_fill(all);
    cpuset_share(&all);
    cpuset_share(&none);
    assert_ptr_equal(none, empty);
    assert_ptr_not_equal(none, all);
    cpuset_release(&all);
    cpuset_release(&none);
    cpuset_release(&empty);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parse),
        cmocka_unit_test(test_parse_errors),
        cmocka_unit_test(test_range_parse_places_the_fault),
        cmocka_unit_test(test_make),
        cmocka_unit_test(test_operations),
        cmocka_unit_test(test_questions),
        cmocka_unit_test(test_foreach),
        cmocka_unit_test(test_share),
        cmocka_unit_test(test_share_odd),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
