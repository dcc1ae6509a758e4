/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Which PUs of a set. A thread policy narrows the set first (pick_usable); what is left may be
 * taken in any combination, so all policies share one order of preference: kind of CPU (isolated,
 * nohz_full, other), then few last-level caches, then whole cores, then the remainder from cores
 * that are broken already.
 */
#include "plan/planner.h"

typedef struct CoreChoice {
    const TopoCore *core;
    CpuSet *cpus; /* those that may be taken */
    unsigned n;
    bool whole;
} CoreChoice;

static void core_choice_clear(gpointer data)
{
    hwloc_bitmap_free(((CoreChoice *)data)->cpus);
}

unsigned pick_tier(const Topo *topo, unsigned pu)
{
    if (cpuset_has(topo->isolated, pu))
        return 0;
    return cpuset_has(topo->nohz_full, pu) ? 1 : 2;
}

CpuSet *pick_with_siblings(const Topo *topo, const CpuSet *pus)
{
    CpuSet *all = cpuset_new();

    CPUSET_FOREACH(pu, pus)
    hwloc_bitmap_or(all, all, topo_core(topo, topo_pu(topo, pu)->core)->cpus);
    return all;
}

unsigned pick_core_width(const Topo *topo)
{
    unsigned width = 1;

    for (unsigned i = 0; i < topo->n_cores; i++)
        width = MAX(width, cpuset_weight(topo->cores[i].cpus));
    return width;
}

unsigned pick_llc_cores(const Topo *topo)
{
    g_autofree unsigned *cores = g_new0(unsigned, MAX(topo->n_llcs, 1));
    unsigned most = 0;

    for (unsigned i = 0; i < topo->n_cores; i++) {
        const TopoCore *core = &topo->cores[i];
        cores[core->llc] += !cpuset_is_empty(core->cpus);
        most = MAX(most, cores[core->llc]);
    }
    return most;
}

unsigned pick_count_broken(const Topo *topo, const CpuSet *pus)
{
    unsigned broken = 0;

    CPUSET_FOREACH(pu, pus)
    {
        const TopoCore *core = topo_core(topo, topo_pu(topo, pu)->core);
        g_autoptr(CpuSet) mine = cpuset_and(core->cpus, pus);
        if (cpuset_weight(core->cpus) > 1 && cpuset_weight(mine) == 1)
            broken++;
    }
    return broken;
}

static unsigned best_pu(const Topo *topo, const CpuSet *cpus)
{
    unsigned best = cpuset_first(cpus);

    CPUSET_FOREACH(pu, cpus)
    if (pick_tier(topo, pu) < pick_tier(topo, best))
        best = pu;
    return best;
}

CpuSet *pick_usable(const Topo *topo, const CpuSet *free, ThreadPolicy threads)
{
    if (threads == THREADS_PREFER)
        return cpuset_copy(free);

    CpuSet *usable = cpuset_new();
    for (unsigned i = 0; i < topo->n_cores; i++) {
        const TopoCore *core = &topo->cores[i];
        if (cpuset_is_empty(core->cpus) || !cpuset_is_subset(core->cpus, free))
            continue;
        if (threads == THREADS_ISOLATE)
            hwloc_bitmap_set(usable, best_pu(topo, core->cpus));
        else if (cpuset_weight(core->cpus) > 1)
            hwloc_bitmap_or(usable, usable, core->cpus);
    }
    return usable;
}

/* Whole cores, then cores with more to take, then faster ones. */
static int core_choice_compare(gconstpointer a, gconstpointer b)
{
    const CoreChoice *one = a, *two = b;

    if (one->whole != two->whole)
        return one->whole ? -1 : 1;
    if (one->n != two->n)
        return CMP(two->n, one->n);
    if (one->core->kind != two->core->kind)
        return CMP(two->core->kind, one->core->kind);
    return CMP(one->core->index, two->core->index);
}

static GArray *core_choices(const Topo *topo, const CpuSet *from, const CpuSet *usable)
{
    GArray *choices = g_array_new(FALSE, FALSE, sizeof(CoreChoice));

    g_array_set_clear_func(choices, core_choice_clear);
    for (unsigned i = 0; i < topo->n_cores; i++) {
        const TopoCore *core = &topo->cores[i];
        if (!cpuset_intersects(core->cpus, from))
            continue;
        CoreChoice choice = {.core = core, .cpus = cpuset_and(core->cpus, from)};
        choice.n = cpuset_weight(choice.cpus);
        choice.whole = cpuset_is_subset(core->cpus, usable);
        g_array_append_val(choices, choice);
    }
    g_array_sort(choices, core_choice_compare);
    return choices;
}

static unsigned take_some(CpuSet *picked, const CpuSet *cpus, unsigned n)
{
    unsigned taken = 0;

    CPUSET_FOREACH(pu, cpus)
    if (taken < n && !cpuset_has(picked, pu)) {
        hwloc_bitmap_set(picked, pu);
        taken++;
    }
    return taken;
}

/* n PUs of from, all under one cache: cores that fit whole, and the rest from the smallest core
 * that has enough, a broken one if there is. */
static void take_from_cores(const Topo *topo, const CpuSet *from, const CpuSet *usable, unsigned n,
                            CpuSet *picked)
{
    g_autoptr(GArray) choices = core_choices(topo, from, usable);

    for (guint i = 0; i < choices->len && n > 0; i++) {
        const CoreChoice *choice = &g_array_index(choices, CoreChoice, i);
        if (choice->n <= n)
            n -= take_some(picked, choice->cpus, choice->n);
    }
    for (guint i = choices->len; i > 0 && n > 0; i--)
        n -= take_some(picked, g_array_index(choices, CoreChoice, i - 1).cpus, n);
}

typedef struct LlcScore {
    bool far;          /* not one of those asked for */
    bool short_of;     /* has less than is needed */
    unsigned unpaired; /* PUs that would not have a sibling of the same guest */
    unsigned rest;     /* left over, or still to find */
} LlcScore;

static int llc_score_compare(const LlcScore *a, const LlcScore *b)
{
    if (a->far != b->far)
        return a->far ? 1 : -1;
    if (a->short_of != b->short_of)
        return a->short_of ? 1 : -1;
    if (!a->short_of && a->unpaired != b->unpaired)
        return CMP(a->unpaired, b->unpaired);
    return CMP(a->rest, b->rest);
}

static LlcScore llc_score(const Topo *topo, const TopoLlc *llc, const CpuSet *from, unsigned n,
                          const CpuSet *near)
{
    g_autoptr(CpuSet) here = cpuset_and(llc->cpus, from);
    unsigned have = cpuset_weight(here), paired = have - pick_count_broken(topo, here);

    return (LlcScore){.far = !cpuset_has(near, llc->index),
                      .short_of = have < n,
                      .unpaired = paired < n ? n - paired : 0,
                      .rest = have < n ? n - have : have - n};
}

static const TopoLlc *choose_llc(const Topo *topo, const CpuSet *from, unsigned n,
                                 const CpuSet *near)
{
    const TopoLlc *best = NULL;
    LlcScore best_score = {0};

    for (unsigned i = 0; i < topo->n_llcs; i++) {
        const TopoLlc *llc = &topo->llcs[i];
        if (!cpuset_intersects(llc->cpus, from))
            continue;
        LlcScore score = llc_score(topo, llc, from, n, near);
        if (!best || llc_score_compare(&score, &best_score) < 0) {
            best = llc;
            best_score = score;
        }
    }
    return best;
}

static void take_from_llcs(const Topo *topo, const CpuSet *from, unsigned n, const CpuSet *near,
                           CpuSet *picked)
{
    g_autoptr(CpuSet) left = cpuset_copy(from);

    while (n > 0 && !cpuset_is_empty(left)) {
        const TopoLlc *llc = choose_llc(topo, left, n, near);
        if (!llc)
            return;
        g_autoptr(CpuSet) here = cpuset_and(left, llc->cpus);
        unsigned taken = MIN(n, cpuset_weight(here));
        take_from_cores(topo, here, from, taken, picked);
        hwloc_bitmap_andnot(left, left, here);
        n -= taken;
    }
}

/* With require a core is of the worst kind among its PUs, so that siblings stay together. */
static CpuSet *tier_cpus(const Topo *topo, const CpuSet *usable, unsigned tier, bool by_core)
{
    CpuSet *cpus = cpuset_new();

    CPUSET_FOREACH(pu, usable)
    {
        unsigned kind = pick_tier(topo, pu);
        if (by_core)
            CPUSET_FOREACH(sibling, topo_core(topo, topo_pu(topo, pu)->core)->cpus)
        kind = MAX(kind, pick_tier(topo, sibling));
        if (kind == tier)
            hwloc_bitmap_set(cpus, pu);
    }
    return cpus;
}

CpuSet *pick_vcpu_pus(const Topo *topo, const CpuSet *usable, unsigned n, const CpuSet *near,
                      ThreadPolicy threads)
{
    CpuSet *picked = cpuset_new();

    for (unsigned tier = 0; tier < N_TIERS && n > 0; tier++) {
        g_autoptr(CpuSet) from = tier_cpus(topo, usable, tier, threads == THREADS_REQUIRE);
        unsigned here = MIN(n, cpuset_weight(from));
        take_from_llcs(topo, from, here, near, picked);
        n -= here;
    }
    return picked;
}

CpuSet *pick_helper_pus(const Topo *topo, const CpuSet *free, unsigned n, const CpuSet *near)
{
    CpuSet *picked = cpuset_new();
    g_autoptr(CpuSet) left = cpuset_copy(free);

    /* One by one, so that each looks for a broken core first. */
    for (unsigned tier = N_TIERS; tier > 0 && n > 0; tier--) {
        g_autoptr(CpuSet) from = tier_cpus(topo, left, tier - 1, false);
        while (n > 0 && !cpuset_is_empty(from)) {
            g_autoptr(CpuSet) one = cpuset_new();
            take_from_llcs(topo, from, 1, near, one);
            hwloc_bitmap_or(picked, picked, one);
            hwloc_bitmap_andnot(from, from, one);
            hwloc_bitmap_andnot(left, left, one);
            n--;
        }
    }
    return picked;
}
