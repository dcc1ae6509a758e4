/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * cpu.topology, cpu.cache, cpu.hints → Settings.
 *
 * What goes by the placement is of the running guest: for the next start it is taken to get the
 * same again. While a guest is off there is no placement, and what its definition has stays.
 */
#include "plan/knobs.h"

static const char no_own_cpus[] = "its vCPUs have no CPUs of their own";

bool knob_is_x86(const GuestDef *def)
{
    return !def->arch || g_str_equal(def->arch, "x86_64") || g_str_equal(def->arch, "i686");
}

/* Word of a key that means "hands off". */
static bool is_none(const PolicyValue *by)
{
    return !by || g_strcmp0(by->text, "none") == 0;
}

void knob_keep(const KnobWants *wants, const KnobTarget *target, const PolicyValue *by)
{
    knob_want(wants, target, knob_now(wants, target), "as it is: where its vCPUs are does not tell",
              by);
}

/* --- cpu.hints --- */

static bool has_own_cpus(const GuestPlan *plan)
{
    return plan->result == PLAN_PLACED && plan->cpu_policy == CPU_DEDICATED;
}

static const char *hint_fault(const KnobWants *wants)
{
    if (!knob_is_x86(wants->def) || g_strcmp0(wants->def->type, "kvm") != 0)
        return "KVM on x86 has it, nothing else";
    return has_own_cpus(wants->plan) ? NULL : no_own_cpus;
}

static void want_hints(const KnobWants *wants)
{
    static const Knob knobs[] = {KNOB_CPU_HINT_DEDICATED, KNOB_CPU_POLL_CONTROL};
    const PolicyValue *by = guest_policy_get(wants->policy, KEY_CPU_HINTS);

    for (unsigned i = 0; by && i < G_N_ELEMENTS(knobs); i++) {
        const KnobTarget target = {.knob = knobs[i]};
        const char *fault = by->u ? hint_fault(wants) : NULL;
        if (fault)
            knob_unsupported(wants, &target, "on", fault, by);
        else
            knob_want(wants, &target, by->u ? "on" : "off", "cpu.hints of the policy", by);
    }
}

/* --- cpu.cache --- */

static void want_cache(const KnobWants *wants)
{
    const KnobTarget target = {.knob = KNOB_CPU_CACHE};
    const PolicyValue *by = guest_policy_get(wants->policy, KEY_CPU_CACHE);

    if (is_none(by))
        return;
    bool through = g_str_equal(by->text, "passthrough");
    const char *mode = wants->def->cpu_mode, *fault = NULL;
    if (!knob_is_x86(wants->def))
        fault = "x86 has it, nothing else";
    else if (!mode)
        fault = "the definition names no CPU model";
    else if (through && !g_str_equal(mode, "host-passthrough") && !g_str_equal(mode, "maximum"))
        fault = "needs <cpu mode='host-passthrough'>";
    const char *value = through ? "mode=passthrough" : "mode=emulate,level=3";
    if (fault)
        knob_unsupported(wants, &target, value, fault, by);
    else
        knob_want(wants, &target, value, "cpu.cache of the policy", by);
}

/* --- cpu.topology --- */

static const TopoPu *vcpu_pu(const KnobWants *wants, unsigned i)
{
    return topo_pu(wants->topo, cpuset_first(wants->plan->vcpus[i].cpus));
}

/* One for each node its vCPUs are on, if they lie there in equal runs; else 1. */
static unsigned sockets_of(const KnobWants *wants)
{
    const GuestPlan *plan = wants->plan;
    unsigned n = cpuset_weight(plan->nodes), width = n > 0 ? plan->n_vcpus / n : 0;

    if (n < 2 || width * n != plan->n_vcpus)
        return 1;
    for (unsigned i = 0; i < plan->n_vcpus; i++) {
        const TopoPu *pu = vcpu_pu(wants, i), *first = vcpu_pu(wants, i - i % width);
        const TopoPu *last = i % width == 0 && i > 0 ? vcpu_pu(wants, i - 1) : NULL;
        if (!pu || !first || pu->node != first->node || (last && last->node == pu->node))
            return 1;
    }
    return n;
}

/* True if each run of width vCPUs sits on a core of its own. */
static bool is_threads(const KnobWants *wants, unsigned width)
{
    const GuestPlan *plan = wants->plan;

    if (plan->n_vcpus % width != 0)
        return false;
    for (unsigned i = 0; i < plan->n_vcpus; i++) {
        const TopoPu *pu = vcpu_pu(wants, i), *first = vcpu_pu(wants, i - i % width);
        const TopoPu *last = i % width == 0 && i > 0 ? vcpu_pu(wants, i - 1) : NULL;
        if (!pu || !first || pu->core != first->core || (last && last->core == pu->core))
            return false;
    }
    return true;
}

/* vCPUs that share a core; 1: each has its own, or they do not lie alike. */
static unsigned threads_of(const KnobWants *wants)
{
    unsigned most = 1;

    for (unsigned i = 0; i < wants->topo->n_cores; i++)
        most = MAX(most, cpuset_weight(wants->topo->cores[i].cpus));
    for (unsigned width = most; width > 1; width--)
        if (is_threads(wants, width))
            return width;
    return 1;
}

const char *knob_placement_fault(const KnobWants *wants)
{
    return has_own_cpus(wants->plan) ? NULL : no_own_cpus;
}

bool knob_placement_is_other(const KnobWants *wants)
{
    return wants->plan->n_vcpus == 0 ||
           (has_own_cpus(wants->plan) && wants->plan->n_vcpus != wants->def->max_vcpus);
}

static void want_topology(const KnobWants *wants)
{
    const KnobTarget target = {.knob = KNOB_CPU_TOPOLOGY};
    const PolicyValue *by = guest_policy_get(wants->policy, KEY_CPU_TOPOLOGY);

    if (is_none(by))
        return;
    if (knob_placement_is_other(wants)) {
        knob_keep(wants, &target, by);
        return;
    }
    const char *fault = knob_placement_fault(wants);
    unsigned threads = fault ? 1 : threads_of(wants), sockets = fault ? 1 : sockets_of(wants);
    g_autofree char *value = g_strdup_printf("sockets=%u,cores=%u,threads=%u", sockets,
                                             wants->def->max_vcpus / sockets / threads, threads);
    g_autofree char *reason = g_strdup_printf(threads > 1 ? "its vCPUs sit on cores in groups of %u"
                                                          : "its vCPUs have a core each",
                                              threads);
    if (fault)
        knob_unsupported(wants, &target, value, fault, by);
    else
        knob_want(wants, &target, value, reason, by);
}

void knobs_want_cpu(const KnobWants *wants)
{
    want_hints(wants);
    want_cache(wants);
    want_topology(wants);
}
