/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * CPU list expressions of the policy: "0-3,8,^2", "all", "node:1", "llc:0", "core:4". They stay
 * expressions until the planner resolves them on this host, since "all" and "node:1" differ from
 * host to host.
 *
 *   list  = [term {"," term}], white space around a term
 *   term  = ["^"] ("all" | ["node:" | "llc:" | "core:"] number ["-" number])
 *
 * Terms apply from left to right; ^ takes out of what came before. A prefix holds for its own term
 * only: "node:0,1" is node 0 and CPU 1.
 */
#pragma once

#include "model/cpuset.h"
#include "model/topo.h"

typedef enum CpuTermKind {
    CPU_TERM_RANGE, /* first..last OS indexes */
    CPU_TERM_ALL,
    CPU_TERM_NODE, /* first..last: OS index of the NUMA nodes */
    CPU_TERM_LLC,  /* first..last: hwloc logical index of the last-level cache */
    CPU_TERM_CORE, /* first..last: hwloc logical index of the core */
} CpuTermKind;

typedef struct CpuTerm {
    CpuTermKind kind;
    bool exclude;
    unsigned first, last;
} CpuTerm;

typedef struct CpuExpr {
    char *text; /* as written */
    CpuTerm *terms;
    unsigned n_terms;
} CpuExpr;

/* 0; -EINVAL or -ERANGE with *reterr_offset (bytes into text) and *reterr_text (static: what was
 * expected). An empty text gives an expression without terms (the empty set). */
int cpu_expr_parse(const char *text, CpuExpr **ret, size_t *reterr_offset,
                   const char **reterr_text);
void cpu_expr_free(CpuExpr *expr);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(CpuExpr, cpu_expr_free)

/* The set on this host. Terms that name what the host does not have (CPU 99, node 7) add nothing
 * and, when ret_missing is given, are told there as text ("node:7"); *ret_missing NULL if none. An
 * offline CPU is missing too; a ^ term is never told, since what it takes out is not there. */
CpuSet *cpu_expr_resolve(const CpuExpr *expr, const Topo *topo, char **ret_missing);
