/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "model/cpu-expr.h"

#include <errno.h>
#include <string.h>

static const char expected_term[] =
    "expected a CPU number, a range, \"all\", \"node:N\", \"llc:N\" or \"core:N\"";
static const char expected_number[] = "expected a number";
static const char expected_ascent[] = "expected a range whose end is not below its start";
static const char expected_limit[] = "expected a number up to 65535";
static const char expected_comma[] = "expected a comma or the end of the list";

G_STATIC_ASSERT(CPUSET_MAX_INDEX == 65535);

static const struct {
    CpuTermKind kind;
    const char *prefix; /* also as cpu_expr_resolve() tells what is missing */
} kinds[] = {
    {CPU_TERM_NODE, "node:"},
    {CPU_TERM_LLC, "llc:"},
    {CPU_TERM_CORE, "core:"},
};

static const char *kind_prefix(CpuTermKind kind)
{
    for (size_t i = 0; i < G_N_ELEMENTS(kinds); i++) {
        if (kinds[i].kind == kind)
            return kinds[i].prefix;
    }
    return "";
}

static const char *skip_space(const char *p)
{
    while (g_ascii_isspace(*p))
        p++;
    return p;
}

/* One term at *cursor, which moves past it, or to the fault. */
static int term_parse(const char **cursor, CpuTerm *ret, const char **reterr_text)
{
    *ret = (CpuTerm){.kind = CPU_TERM_RANGE, .exclude = **cursor == '^'};
    *cursor += ret->exclude;

    if (g_str_has_prefix(*cursor, "all")) {
        ret->kind = CPU_TERM_ALL;
        *cursor += strlen("all");
        return 0;
    }
    for (size_t i = 0; i < G_N_ELEMENTS(kinds); i++) {
        if (g_str_has_prefix(*cursor, kinds[i].prefix)) {
            ret->kind = kinds[i].kind;
            *cursor += strlen(kinds[i].prefix);
            break;
        }
    }

    const char *start = *cursor;
    int r = cpuset_range_parse(cursor, &ret->first, &ret->last);
    if (r == -ERANGE)
        *reterr_text = expected_limit;
    else if (r < 0 && g_ascii_isdigit(**cursor))
        *reterr_text = expected_ascent;
    else if (r < 0 && *cursor == start && ret->kind == CPU_TERM_RANGE)
        *reterr_text = expected_term;
    else if (r < 0)
        *reterr_text = expected_number;
    return r;
}

/* All terms of text; on a fault *reterr_at is where. */
static int terms_parse(const char *text, GArray *terms, const char **reterr_at,
                       const char **reterr_text)
{
    const char *p = skip_space(text);

    while (*p || terms->len > 0) {
        CpuTerm term;
        int r = term_parse(&p, &term, reterr_text);
        if (r < 0) {
            *reterr_at = p;
            return r;
        }
        g_array_append_val(terms, term);

        p = skip_space(p);
        if (!*p)
            return 0;
        if (*p != ',') {
            *reterr_at = p;
            *reterr_text = expected_comma;
            return -EINVAL;
        }
        p = skip_space(p + 1);
    }
    return 0;
}

int cpu_expr_parse(const char *text, CpuExpr **ret, size_t *reterr_offset, const char **reterr_text)
{
    g_autoptr(GArray) terms = g_array_new(FALSE, TRUE, sizeof(CpuTerm));
    const char *at = text, *expected = NULL;

    int r = terms_parse(text, terms, &at, &expected);
    if (r < 0) {
        *reterr_offset = (size_t)(at - text);
        *reterr_text = expected;
        return r;
    }

    CpuExpr *expr = g_new0(CpuExpr, 1);
    expr->text = g_strdup(text);
    expr->n_terms = terms->len;
    expr->terms = g_memdup2(terms->data, terms->len * sizeof(CpuTerm));
    *ret = expr;
    return 0;
}

void cpu_expr_free(CpuExpr *expr)
{
    if (!expr)
        return;
    g_free(expr->text);
    g_free(expr->terms);
    g_free(expr);
}

/* Node, LLC or core number i of the host's array of that kind; NULL past the end. */
static const CpuSet *unit_get(const Topo *topo, CpuTermKind kind, unsigned i, unsigned *ret_index)
{
    switch (kind) {
    case CPU_TERM_RANGE:
    case CPU_TERM_ALL:
        return NULL;
    case CPU_TERM_NODE:
        if (i >= topo->n_nodes)
            return NULL;
        *ret_index = topo->nodes[i].os_index;
        return topo->nodes[i].cpus;
    case CPU_TERM_LLC:
        if (i >= topo->n_llcs)
            return NULL;
        *ret_index = topo->llcs[i].index;
        return topo->llcs[i].cpus;
    case CPU_TERM_CORE:
        if (i >= topo->n_cores)
            return NULL;
        *ret_index = topo->cores[i].index;
        return topo->cores[i].cpus;
    }
    return NULL;
}

/* The CPUs a term names on this host; *ret_absent: the indexes it names that are not there. */
static CpuSet *term_resolve(const CpuTerm *term, const Topo *topo, CpuSet **ret_absent)
{
    if (term->kind == CPU_TERM_ALL) {
        *ret_absent = cpuset_new();
        return cpuset_copy(topo->online);
    }

    g_autoptr(CpuSet) named = cpuset_new_range(term->first, term->last);
    if (term->kind == CPU_TERM_RANGE) {
        *ret_absent = cpuset_minus(named, topo->online);
        return cpuset_and(named, topo->online);
    }

    CpuSet *cpus = cpuset_new();
    const CpuSet *unit;
    unsigned index;
    for (unsigned i = 0; (unit = unit_get(topo, term->kind, i, &index)); i++) {
        if (index < term->first || index > term->last)
            continue;
        hwloc_bitmap_or(cpus, cpus, unit);
        hwloc_bitmap_clr(named, index);
    }
    *ret_absent = g_steal_pointer(&named);
    return cpus;
}

/* Appends "node:7,node:9-11": every range with its prefix. */
static void append_missing(GString *missing, const char *prefix, const CpuSet *absent)
{
    if (cpuset_is_empty(absent))
        return;

    g_autofree char *list = cpuset_format(absent);
    g_auto(GStrv) ranges = g_strsplit(list, ",", -1);
    for (char **range = ranges; *range; range++)
        g_string_append_printf(missing, "%s%s%s", missing->len ? "," : "", prefix, *range);
}

CpuSet *cpu_expr_resolve(const CpuExpr *expr, const Topo *topo, char **ret_missing)
{
    CpuSet *set = cpuset_new();
    GString *missing = g_string_new(NULL);

    for (unsigned i = 0; i < expr->n_terms; i++) {
        const CpuTerm *term = &expr->terms[i];
        g_autoptr(CpuSet) absent = NULL;
        g_autoptr(CpuSet) cpus = term_resolve(term, topo, &absent);
        if (term->exclude) {
            hwloc_bitmap_andnot(set, set, cpus);
            continue;
        }
        hwloc_bitmap_or(set, set, cpus);
        append_missing(missing, kind_prefix(term->kind), absent);
    }

    char *text = g_string_free(missing, missing->len == 0);
    if (ret_missing)
        *ret_missing = text;
    else
        g_free(text);
    return set;
}
