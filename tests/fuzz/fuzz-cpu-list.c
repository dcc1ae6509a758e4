/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * CPU lists and expressions: whatever parses prints as a list that parses to the same set, keeps
 * its text, and names nothing outside the host.
 */
#include "common/world.h"
#include "model/cpu-expr.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool truth)
{
    if (!truth)
        abort();
}

static void check_round_trip(const CpuSet *set)
{
    g_autofree char *list = cpuset_format(set);
    g_autoptr(CpuSet) again = NULL;

    require(cpuset_parse(list, &again) == 0);
    require(cpuset_equal(set, again));
}

static void check_list(const char *text)
{
    g_autoptr(CpuSet) set = NULL;
    int r = cpuset_parse(text, &set);

    require(r == 0 || r == -EINVAL || r == -ERANGE);
    require((r == 0) == (set != NULL));
    if (set)
        check_round_trip(set);
}

static void check_expression(const char *text, const Topo *topo)
{
    g_autoptr(CpuExpr) expr = NULL;
    size_t offset = SIZE_MAX;
    const char *expected = NULL;
    int r = cpu_expr_parse(text, &expr, &offset, &expected);

    if (r != 0) {
        require(r == -EINVAL || r == -ERANGE);
        require(!expr && offset <= strlen(text) && expected);
        return;
    }
    require(strcmp(expr->text, text) == 0);

    g_autofree char *missing = NULL;
    g_autoptr(CpuSet) set = cpu_expr_resolve(expr, topo, &missing);
    require(cpuset_is_subset(set, topo->online));
    require(!missing || *missing);
    check_round_trip(set);
}

/* A plain list is an expression too and means the same on a host that has all of its CPUs. */
static void check_agreement(const char *text, const Topo *topo)
{
    g_autoptr(CpuSet) set = NULL;
    g_autoptr(CpuExpr) expr = NULL;
    size_t offset;
    const char *expected;

    if (cpuset_parse(text, &set) < 0)
        return;
    require(cpu_expr_parse(text, &expr, &offset, &expected) == 0);
    g_autoptr(CpuSet) resolved = cpu_expr_resolve(expr, topo, NULL);
    g_autoptr(CpuSet) there = cpuset_and(set, topo->online);
    require(cpuset_equal(resolved, there));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static Topo *topo;
    g_autofree char *text = size ? g_strndup((const char *)data, size) : g_strdup("");

    if (!topo)
        topo = world_topo(2, 2, 2, 2, 2);
    check_list(text);
    check_expression(text, topo);
    check_agreement(text, topo);
    return 0;
}
