/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Emulator, IOThreads and vhost workers: each class on PUs of its own, on a list, on shared CPUs,
 * or, if the policy is silent, where the guest's vCPUs are. Never on isolated CPUs with more than
 * one to choose from: nobody balances load there.
 */
#include "plan/planner.h"

typedef struct HelperSets {
    CpuSet *own, *share;                   /* share: NULL as long as no class needs it */
    const char *own_reason, *share_reason; /* static */
    bool by_pool;                          /* the pool decides what share is */
} HelperSets;

/* The CPUs of the guest's vCPUs. */
static CpuSet *own_cpus(const Seat *seat, const CpuSet *pool, const char **ret_reason)
{
    CpuSet *own = seat_vcpu_pus(seat);

    *ret_reason = "on the guest's own CPUs";
    if (!seat->refused)
        CPUSET_FOREACH(id, seat->def->vcpus)
        {
            const CpuSet *pin = seat_pin(seat, id);
            if (pin)
                hwloc_bitmap_or(own, own, pin);
        }
    if (seat->refused || cpuset_is_empty(own)) {
        *ret_reason = seat->refused ? "on the pool, since the guest is refused" : "on the pool";
        hwloc_bitmap_copy(own, pool);
    } else if (seat_pool_vcpus(seat) > 0) {
        *ret_reason = "on the guest's own CPUs and the pool";
        hwloc_bitmap_or(own, own, pool);
    }
    return own;
}

/* Nodes of what the guest has for its vCPUs alone, else of all they float over. */
static CpuSet *home_cpus(const Planner *planner, const Seat *seat, const CpuSet *own)
{
    g_autoptr(CpuSet) pus = seat_vcpu_pus(seat);
    g_autoptr(CpuSet) nodes = topo_nodes_of(planner->topo, cpuset_is_empty(pus) ? own : pus);

    return topo_cpus_of_nodes(planner->topo, nodes);
}

/* ret_by_pool: the pool decides what it is. */
static CpuSet *share_cpus(const Planner *planner, const Seat *seat, const CpuSet *own,
                          const char **ret_reason, bool *ret_by_pool)
{
    g_autoptr(CpuSet) pool = pool_now(planner);
    g_autoptr(CpuSet) home = home_cpus(planner, seat, own);
    const struct {
        const CpuSet *cpus;
        bool at_home;
        const char *reason;
    } choices[] = {
        {planner->housekeeping, true, "on the housekeeping CPUs of its nodes"},
        {pool, true, "on the pool of its nodes, which have no housekeeping CPU"},
        {planner->housekeeping, false, "on the housekeeping CPUs, its nodes have no shared ones"},
        {pool, false, "on the pool, its nodes have no shared CPUs"},
    };

    for (unsigned i = 0; i < G_N_ELEMENTS(choices); i++) {
        g_autoptr(CpuSet) cpus = cpuset_and(choices[i].cpus, seat->allowed);
        if (choices[i].at_home)
            hwloc_bitmap_and(cpus, cpus, home);
        *ret_reason = choices[i].reason;
        *ret_by_pool = i > 0;
        if (!cpuset_is_empty(cpus))
            return g_steal_pointer(&cpus);
    }
    CpuSet *cpus = cpuset_minus(own, planner->topo->isolated);
    *ret_reason = "on the guest's own CPUs, there are no shared ones";
    if (cpuset_is_empty(cpus) && !cpuset_is_empty(own)) {
        hwloc_bitmap_only(cpus, cpuset_first(own));
        *ret_reason =
            "on one of the guest's own CPUs, which are isolated: there are no shared ones";
    }
    return cpus;
}

static const CpuSet *use_share(const Planner *planner, const Seat *seat, HelperSets *sets,
                               const char **ret_reason)
{
    if (!sets->share)
        sets->share = share_cpus(planner, seat, sets->own, &sets->share_reason, &sets->by_pool);
    *ret_reason = sets->share_reason;
    return sets->share;
}

static const CpuSet *silent_cpus(const Planner *planner, const Seat *seat, HelperSets *sets,
                                 const char **ret_reason)
{
    if (!seat->refused && cpuset_intersects(sets->own, planner->topo->isolated))
        return use_share(planner, seat, sets, ret_reason);
    *ret_reason = sets->own_reason;
    return sets->own;
}

static void class_write(const Planner *planner, const Seat *seat, HelperClass helper,
                        const Claim *claim, HelperSets *sets, ClassPlan *plan)
{
    const CpuSet *cpus = NULL; /* NULL: the PU of the claim */
    const char *reason = NULL;
    ClassPolicy wish = seat->refused ? CLASS_ABSENT : seat->classes[helper];

    switch (wish) {
    case CLASS_ABSENT:
        cpus = silent_cpus(planner, seat, sets, &reason);
        break;
    case CLASS_SHARE:
        cpus = use_share(planner, seat, sets, &reason);
        break;
    case CLASS_ISOLATE:
        if (!claim || claim->pu == NO_PU) {
            cpus = use_share(planner, seat, sets, &reason);
            break;
        }
        reason = helper == HELPER_VHOST ? "one PU for all its vhost workers" : "a PU of its own";
        break;
    case CLASS_LIST:
        cpus = seat->lists[helper];
        reason = "CPU list of the policy";
        break;
    }
    if (cpus)
        hwloc_bitmap_copy(plan->cpus, cpus);
    else
        hwloc_bitmap_only(plan->cpus, claim->pu);
    plan->reason = g_strdup(reason);
    plan->origin = policy_origin(seat->in->policy, helper_key(helper));
    plan->pinned = helper != HELPER_VHOST && !seat->refused &&
                   (wish == CLASS_LIST || seat->cpu_policy != CPU_SHARED);
}

static void iothreads_alloc(const Seat *seat, GuestPlan *plan)
{
    unsigned n = 0;

    plan->n_iothreads = cpuset_weight(seat->def->iothreads);
    plan->iothreads = g_new0(ClassPlan, MAX(plan->n_iothreads, 1));
    CPUSET_FOREACH(id, seat->def->iothreads)
    plan->iothreads[n++] = (ClassPlan){.id = id, .cpus = cpuset_new()};
}

static void live_class_write(const Seat *seat, const CpuSet *pin, ClassPlan *plan)
{
    if (!pin)
        pin = seat->def->vcpu_cpuset;
    hwloc_bitmap_free(plan->cpus);
    plan->cpus = cpuset_copy(pin ? pin : seat->allowed);
    plan->pinned = pin != NULL;
    plan->reason = g_strdup("left as it is");
}

static void live_write(const Seat *seat, GuestPlan *plan)
{
    live_class_write(seat, seat->def->emulator_pin, &plan->emulator);
    live_class_write(seat, seat->def->emulator_pin, &plan->vhost);
    plan->vhost.pinned = false;
    for (unsigned i = 0; i < plan->n_iothreads; i++)
        live_class_write(seat, guest_def_iothread_pin(seat->def, plan->iothreads[i].id),
                         &plan->iothreads[i]);
}

bool helpers_write(const Planner *planner, const Seat *seat, const CpuSet *pool, GuestPlan *plan)
{
    HelperSets sets = {0};

    iothreads_alloc(seat, plan);
    if (seat->unmanaged) {
        live_write(seat, plan);
        return false;
    }
    sets.own = own_cpus(seat, pool, &sets.own_reason);
    class_write(planner, seat, HELPER_EMULATOR, seat_find_claim(seat, THREAD_EMULATOR, 0), &sets,
                &plan->emulator);
    class_write(planner, seat, HELPER_VHOST, seat_find_claim(seat, THREAD_VHOST, 0), &sets,
                &plan->vhost);
    for (unsigned i = 0; i < plan->n_iothreads; i++)
        class_write(planner, seat, HELPER_IOTHREADS,
                    seat_find_claim(seat, THREAD_IOTHREAD, plan->iothreads[i].id), &sets,
                    &plan->iothreads[i]);
    hwloc_bitmap_free(sets.own);
    hwloc_bitmap_free(sets.share);
    return sets.by_pool;
}
