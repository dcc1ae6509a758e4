/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "common/world.h"
#include "model/cpu-expr.h"

#include <errno.h>
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

/* Two packages of one node, each with two LLCs of two cores of two threads: cores 0-7, PUs 0-15,
 * core c has c and c + 8; node 0: 0-3,8-11. CPU 5 is off. */
static Topo *topo;

static int make_topo(void **state)
{
    (void)state;
    topo = world_topo(2, 1, 2, 2, 2);
    hwloc_bitmap_clr(topo->online, 5);
    hwloc_bitmap_set(topo->offline, 5);
    hwloc_bitmap_clr(topo->nodes[1].cpus, 5);
    hwloc_bitmap_clr(topo->llcs[2].cpus, 5);
    hwloc_bitmap_clr(topo->cores[5].cpus, 5);
    return 0;
}

static int free_topo(void **state)
{
    (void)state;
    topo_unref(topo);
    return 0;
}

static CpuExpr *parse(const char *text)
{
    CpuExpr *expr = NULL;
    size_t offset = 0;
    const char *expected = NULL;

    if (cpu_expr_parse(text, &expr, &offset, &expected) != 0)
        fail_msg("\"%s\" at %zu: %s", text, offset, expected);
    return expr;
}

static void assert_resolves(const char *text, const char *cpus, const char *missing)
{
    g_autoptr(CpuExpr) expr = parse(text);
    g_autofree char *told = NULL;
    g_autoptr(CpuSet) set = cpu_expr_resolve(expr, topo, &told);
    g_autoptr(CpuSet) quiet = cpu_expr_resolve(expr, topo, NULL);

    assert_string_equal(expr->text, text);
    assert_cpus(set, cpus);
    assert_cpus(quiet, cpus);
    if (g_strcmp0(told, missing) != 0)
        fail_msg("\"%s\": \"%s\" missing, \"%s\" expected", text, told, missing);
}

static void assert_fails(const char *text, int result, size_t offset, const char *word)
{
    CpuExpr *expr = NULL;
    size_t at = 999;
    const char *expected = NULL;
    int r = cpu_expr_parse(text, &expr, &at, &expected);

    if (r != result || expr || at != offset || !strstr(expected, word))
        fail_msg("\"%s\": %d at %zu: %s; %d at %zu expected", text, r, at, expected, result,
                 offset);
}

static void test_resolve(void **state)
{
    (void)state;
    assert_resolves("", "", NULL);
    assert_resolves("  ", "", NULL);
    assert_resolves("0-3,8,^2", "0-1,3,8", NULL);
    assert_resolves(" 0-3 , 8,\t^2 ", "0-1,3,8", NULL);
    assert_resolves("all", "0-4,6-15", NULL);
    assert_resolves("all,^0", "1-4,6-15", NULL);
    assert_resolves("node:0", "0-3,8-11", NULL);
    assert_resolves("node:0-1", "0-4,6-15", NULL);
    assert_resolves("node:0,1", "0-3,8-11", NULL);
    assert_resolves("llc:1", "2-3,10-11", NULL);
    assert_resolves("core:4", "4,12", NULL);
    assert_resolves("core:1-2,^core:2", "1,9", NULL);
    assert_resolves("node:1,^llc:3", "4,12-13", NULL);
}

static void test_order_counts(void **state)
{
    (void)state;
    assert_resolves("^2,0-3", "0-3", NULL);
    assert_resolves("0-3,^all,1", "1", NULL);
    assert_resolves("^2", "", NULL);
    assert_resolves("^all", "", NULL);
}

static void test_missing(void **state)
{
    (void)state;
    assert_resolves("99", "", "99");
    assert_resolves("14-17", "14-15", "16-17");
    assert_resolves("4-6", "4,6", "5");
    assert_resolves("node:7", "", "node:7");
    assert_resolves("node:1-3,llc:9,core:8", "4,6-7,12-15", "node:2-3,llc:9,core:8");
    assert_resolves("4-17", "4,6-15", "5,16-17");
    assert_resolves("0,^99,^node:7", "0", NULL);
    assert_resolves("core:0-65535", "0-4,6-15", "core:8-65535");
}

static void test_memory_node(void **state)
{
    (void)state;
    world_add_memory_node(topo, WORLD_GIB_KIB);
    assert_resolves("node:2", "", NULL);
    assert_resolves("node:2-3", "", "node:3");
}

static void test_errors(void **state)
{
    (void)state;
    assert_fails("x", -EINVAL, 0, "CPU number");
    assert_fails("1,", -EINVAL, 2, "CPU number");
    assert_fails(",1", -EINVAL, 0, "CPU number");
    assert_fails("1,,2", -EINVAL, 2, "CPU number");
    assert_fails("^", -EINVAL, 1, "CPU number");
    assert_fails("^^1", -EINVAL, 1, "CPU number");
    assert_fails("All", -EINVAL, 0, "CPU number");
    assert_fails("cpu:1", -EINVAL, 0, "CPU number");
    assert_fails("-1", -EINVAL, 0, "CPU number");
    assert_fails("1-", -EINVAL, 2, "number");
    assert_fails("node:", -EINVAL, 5, "number");
    assert_fails("node:x", -EINVAL, 5, "number");
    assert_fails("node:node:1", -EINVAL, 5, "number");
    assert_fails("node: 1", -EINVAL, 5, "number");
    assert_fails("0,3-1", -EINVAL, 4, "not below");
    assert_fails("llc:9-8", -EINVAL, 6, "not below");
    assert_fails("allx", -EINVAL, 3, "comma");
    assert_fails("1 2", -EINVAL, 2, "comma");
    assert_fails("1;2", -EINVAL, 1, "comma");
    assert_fails("65536", -ERANGE, 0, "65535");
    assert_fails("0,1-99999", -ERANGE, 4, "65535");
    assert_fails("core:99999999999999999999", -ERANGE, 5, "65535");
}

static void test_terms(void **state)
{
    g_autoptr(CpuExpr) expr = parse("1-2,^node:3");
    (void)state;

    assert_int_equal(expr->n_terms, 2);
    assert_int_equal(expr->terms[0].kind, CPU_TERM_RANGE);
    assert_false(expr->terms[0].exclude);
    assert_int_equal(expr->terms[0].first, 1);
    assert_int_equal(expr->terms[0].last, 2);
    assert_int_equal(expr->terms[1].kind, CPU_TERM_NODE);
    assert_true(expr->terms[1].exclude);
    assert_int_equal(expr->terms[1].first, 3);
    assert_int_equal(expr->terms[1].last, 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_resolve, make_topo, free_topo),
        cmocka_unit_test_setup_teardown(test_order_counts, make_topo, free_topo),
        cmocka_unit_test_setup_teardown(test_missing, make_topo, free_topo),
        cmocka_unit_test_setup_teardown(test_memory_node, make_topo, free_topo),
        cmocka_unit_test(test_errors),
        cmocka_unit_test(test_terms),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
