/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Seats -> GuestPlans, once every guest has its place and the pool is known. */
#include "plan/planner.h"

char *policy_origin(const GuestPolicy *policy, PolicyKey key)
{
    const PolicyValue *value = guest_policy_get(policy, key);

    if (value && value->origin.file)
        return origin_format(&value->origin);
    return NULL;
}

static const char *plural(unsigned n, const char *one, const char *many)
{
    return n == 1 ? one : many;
}

static void set_replace(CpuSet **set, CpuSet *with)
{
    hwloc_bitmap_free(*set);
    *set = with;
}

/* --- vCPUs --- */

static void vcpu_append(GArray *vcpus, unsigned id, bool online, bool pinned, const CpuSet *cpus)
{
    VcpuPlan vcpu = {.id = id, .online = online, .pinned = pinned, .cpus = cpuset_copy(cpus)};

    g_array_append_val(vcpus, vcpu);
}

/* PUs for itself; those of the guest if none was free for it, or as long as it is not plugged. */
static void own_vcpu_write(const Seat *seat, unsigned id, const CpuSet *own, GArray *vcpus)
{
    const Claim *claim = seat_find_claim(seat, THREAD_VCPU, id);

    if (!claim || claim->pu == NO_PU) {
        vcpu_append(vcpus, id, claim != NULL, true, own);
        return;
    }
    g_autoptr(CpuSet) pu = cpuset_new_one(claim->pu);
    vcpu_append(vcpus, id, true, true, pu);
}

static bool wants_own_pu(const Seat *seat, unsigned id)
{
    const PolicyValue *listed = guest_policy_get(seat->in->policy, KEY_CPU_DEDICATED_VCPUS);

    return seat->cpu_policy == CPU_DEDICATED ||
           (seat->cpu_policy == CPU_MIXED && listed && cpuset_has(listed->set, id));
}

static void vcpus_write(const Seat *seat, const CpuSet *pool, GuestPlan *plan)
{
    GArray *vcpus = g_array_new(FALSE, FALSE, sizeof(VcpuPlan));
    g_autoptr(CpuSet) own = seat_vcpu_pus(seat);

    for (unsigned id = 0; id < seat->def->max_vcpus; id++) {
        bool online = cpuset_has(seat->def->vcpus, id);
        const CpuSet *pin = seat_pin(seat, id);
        if (!seat->refused && wants_own_pu(seat, id) && !cpuset_is_empty(own))
            own_vcpu_write(seat, id, own, vcpus);
        else if (!seat->refused && pin)
            vcpu_append(vcpus, id, online, true, pin);
        else if (online)
            vcpu_append(vcpus, id, true, false, pool);
    }
    plan->n_vcpus = vcpus->len;
    plan->vcpus = (VcpuPlan *)g_array_free(vcpus, FALSE);
}

static void vcpus_write_unmanaged(const Seat *seat, GuestPlan *plan)
{
    GArray *vcpus = g_array_new(FALSE, FALSE, sizeof(VcpuPlan));

    CPUSET_FOREACH(id, seat->def->vcpus)
    {
        const CpuSet *pin = guest_def_vcpu_pin(seat->def, id);
        if (!pin)
            pin = seat->def->vcpu_cpuset;
        vcpu_append(vcpus, id, true, pin != NULL, pin ? pin : seat->allowed);
    }
    plan->n_vcpus = vcpus->len;
    plan->vcpus = (VcpuPlan *)g_array_free(vcpus, FALSE);
}

/* --- where that is --- */

static CpuSet *vcpus_cpus(const Seat *seat, const GuestPlan *plan)
{
    g_autoptr(CpuSet) own = seat_vcpu_pus(seat);

    if (!seat->refused && !cpuset_is_empty(own))
        return g_steal_pointer(&own);
    CpuSet *cpus = cpuset_new();
    for (unsigned i = 0; i < plan->n_vcpus; i++)
        if (plan->vcpus[i].online)
            hwloc_bitmap_or(cpus, cpus, plan->vcpus[i].cpus);
    return cpus;
}

static void location_write(const Planner *planner, const Seat *seat, GuestPlan *plan)
{
    g_autoptr(CpuSet) cpus = vcpus_cpus(seat, plan);

    set_replace(&plan->nodes, topo_nodes_of(planner->topo, cpus));
    set_replace(&plan->llcs, topo_llcs_of(planner->topo, cpus));
    if (seat->refused)
        return;
    plan->n_memory = seat->memory->len;
    plan->memory = g_new0(MemoryPlan, MAX(seat->memory->len, 1));
    for (guint i = 0; i < seat->memory->len; i++) {
        plan->memory[i] = g_array_index(seat->memory, MemoryPlan, i);
        if (seat->n_vcpu_claims > 0)
            hwloc_bitmap_set(plan->nodes, plan->memory[i].node);
    }
}

/* --- words --- */

static char *own_reason(const Planner *planner, const Seat *seat)
{
    g_autoptr(CpuSet) own = seat_vcpu_pus(seat);
    g_autoptr(CpuSet) nodes = topo_nodes_of(planner->topo, own);
    g_autofree char *list = cpuset_format(nodes);
    unsigned n = cpuset_weight(own), missing = seat->n_vcpu_claims - n;
    bool cores = seat->threads == THREADS_ISOLATE;
    GString *text = g_string_new(NULL);

    g_string_append_printf(text, "%u %s of its own on %s %s", n,
                           cores ? plural(n, "core", "cores") : plural(n, "PU", "PUs"),
                           plural(cpuset_weight(nodes), "node", "nodes"), list);
    devices_explain(planner->topo, seat, nodes, text);
    if (seat->moved)
        g_string_append(text, ", moved for a better plan");
    if (missing > 0)
        g_string_append_printf(text, ", shared by %u plugged %s no PU is free for", missing,
                               plural(missing, "vCPU", "vCPUs"));
    if (seat_pool_vcpus(seat) > 0)
        g_string_append_printf(text, ", %u %s on the pool", seat_pool_vcpus(seat),
                               plural(seat_pool_vcpus(seat), "vCPU", "vCPUs"));
    return g_string_free(text, FALSE);
}

static char *floating_reason(const Planner *planner, const Seat *seat, const CpuSet *pool)
{
    g_autoptr(CpuSet) now = pool_now(planner);

    if (!cpuset_intersects(pool, planner->exclusive) && !cpuset_is_empty(now) && seat->node_list) {
        g_autoptr(CpuSet) nodes = topo_nodes_of(planner->topo, pool);
        g_autofree char *list = cpuset_format(nodes);
        return g_strdup_printf("floats over the pool on %s %s",
                               plural(cpuset_weight(nodes), "node", "nodes"), list);
    }
    if (cpuset_intersects(pool, planner->exclusive) || cpuset_is_empty(now))
        return g_strdup("the pool is empty: floats over all CPUs it is allowed");
    return g_strdup("floats over the pool");
}

static char *placed_reason(const Planner *planner, const Seat *seat, const CpuSet *pool)
{
    switch (seat->cpu_policy) {
    case CPU_DEDICATED:
        break;
    case CPU_MIXED:
        if (seat->n_vcpu_claims > 0)
            break;
        return floating_reason(planner, seat, pool);
    case CPU_MANUAL:
        if (seat_pool_vcpus(seat) == 0)
            return g_strdup("pinned as cpu.pins says");
        return g_strdup_printf("pinned as cpu.pins says, %u %s on the pool", seat_pool_vcpus(seat),
                               plural(seat_pool_vcpus(seat), "vCPU", "vCPUs"));
    case CPU_SHARED:
        return floating_reason(planner, seat, pool);
    }
    return own_reason(planner, seat);
}

/* --- one guest --- */

static void values_write(const Seat *seat, GuestPlan *plan)
{
    const PolicyValue *weight = guest_policy_get(seat->in->policy, KEY_CPU_WEIGHT);
    const PolicyValue *quota = guest_policy_get(seat->in->policy, KEY_CPU_QUOTA);

    if (weight)
        plan->weight = (int64_t)weight->u;
    plan->weight_origin = policy_origin(seat->in->policy, KEY_CPU_WEIGHT);
    if (quota)
        plan->quota_pct = quota->kind == VALUE_WORD ? 0 : (int64_t)quota->u;
    plan->quota_origin = policy_origin(seat->in->policy, KEY_CPU_QUOTA);
}

static void identity_write(const Planner *planner, const Seat *seat, GuestPlan *plan)
{
    const GuestPolicy *policy = seat->in->policy;

    plan->uuid = g_strdup(seat->in->guest->uuid);
    plan->name = g_strdup(seat->in->guest->name);
    plan->cpu_policy = seat->cpu_policy;
    plan->named = policy->named;
    plan->manual = seat->in->manual;
    plan->released = seat->in->released;
    plan->persist = guest_policy_get_persist(policy);
    plan->drift = guest_policy_get_drift(policy);
    plan->origin = policy_origin(policy, KEY_CPU_POLICY);
    if (!plan->origin && policy->named)
        plan->origin = origin_format(&policy->named_by);
    plan->page_size_kib = guest_page_kib(planner->topo, seat->def);
    set_replace(&plan->allowed, cpuset_copy(seat->allowed));
    if (!seat->refused)
        set_replace(&plan->exclusive, cpuset_copy(seat->exclusive));
}

static void unmanaged_write(const Planner *planner, const Seat *seat, GuestPlan *plan)
{
    plan->result = PLAN_UNMANAGED;
    plan->reason =
        g_strdup(seat->in->released ? "released" : "pinned by hand before vmtuned saw it");
    vcpus_write_unmanaged(seat, plan);
    location_write(planner, seat, plan);
}

static GuestPlan *guest_plan_write(const Planner *planner, Seat *seat, const CpuSet *pool)
{
    GuestPlan *plan = guest_plan_new();
    g_autoptr(CpuSet) mask = pool_mask(planner, seat, pool, NULL);

    identity_write(planner, seat, plan);
    if (seat->unmanaged) {
        unmanaged_write(planner, seat, plan);
        helpers_write(planner, seat, mask, plan);
        return plan;
    }
    plan->result = seat->refused ? PLAN_REFUSED : PLAN_PLACED;
    plan->moved = seat->moved;
    plan->pool = seat->refused || seat->cpu_policy == CPU_SHARED;
    if (seat->refused)
        plan->shortage = seat->shortage;
    plan->reason = seat->refused ? g_strdup(seat->reason) : placed_reason(planner, seat, mask);
    vcpus_write(seat, mask, plan);
    location_write(planner, seat, plan);
    helpers_write(planner, seat, mask, plan);
    values_write(seat, plan);
    if (!seat->refused)
        numa_write(planner, seat, plan);
    return plan;
}

/* --- all guests --- */

static CpuSet *guest_plan_cpus(const GuestPlan *plan)
{
    CpuSet *cpus = cpuset_or(plan->emulator.cpus, plan->vhost.cpus);

    for (unsigned i = 0; i < plan->n_vcpus; i++)
        if (plan->vcpus[i].online)
            hwloc_bitmap_or(cpus, cpus, plan->vcpus[i].cpus);
    for (unsigned i = 0; i < plan->n_iothreads; i++)
        hwloc_bitmap_or(cpus, cpus, plan->iothreads[i].cpus);
    return cpus;
}

/* Whose own each CPU is, as an index into plan->guests. */
static unsigned *owners_of(const Plan *plan, unsigned n_cpus)
{
    unsigned *owners = g_new0(unsigned, n_cpus);

    for (unsigned i = 0; i < plan->n_guests; i++)
        CPUSET_FOREACH(cpu, plan->guests[i]->exclusive)
    owners[cpu] = i;
    return owners;
}

static void add_intruder(GPtrArray **names, const char *name)
{
    if (!*names)
        *names = g_ptr_array_new_with_free_func(g_free);
    if ((*names)->len == 0 || !g_str_equal(g_ptr_array_index(*names, (*names)->len - 1), name))
        g_ptr_array_add(*names, g_strdup(name));
}

static void intruders_write(const Plan *plan)
{
    int last = hwloc_bitmap_last(plan->exclusive);
    g_autofree unsigned *owners = owners_of(plan, (unsigned)(last + 1));
    g_autofree GPtrArray **names = g_new0(GPtrArray *, MAX(plan->n_guests, 1));

    for (unsigned i = 0; i < plan->n_guests; i++) {
        g_autoptr(CpuSet) cpus = guest_plan_cpus(plan->guests[i]);
        hwloc_bitmap_and(cpus, cpus, plan->exclusive);
        hwloc_bitmap_andnot(cpus, cpus, plan->guests[i]->exclusive);
        CPUSET_FOREACH(cpu, cpus)
        add_intruder(&names[owners[cpu]], plan->guests[i]->name);
    }
    for (unsigned i = 0; i < plan->n_guests; i++) {
        if (!names[i])
            continue;
        g_ptr_array_add(names[i], NULL);
        plan->guests[i]->intruders = (char **)g_ptr_array_free(names[i], FALSE);
    }
}

Plan *plan_write(Planner *planner)
{
    Plan *plan = plan_new();

    set_replace(&plan->shared, pool_now(planner));
    set_replace(&plan->housekeeping, cpuset_copy(planner->housekeeping));
    set_replace(&plan->exclusive, cpuset_copy(planner->exclusive));
    plan->n_guests = planner->seats->len;
    plan->guests = g_new0(GuestPlan *, MAX(plan->n_guests, 1));
    for (unsigned i = 0; i < plan->n_guests; i++)
        plan->guests[i] =
            guest_plan_write(planner, g_ptr_array_index(planner->seats, i), plan->shared);
    intruders_write(plan);
    diag_list_take_all(plan->diags, planner->diags);
    return plan;
}
