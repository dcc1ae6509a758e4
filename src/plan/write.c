/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Seats -> GuestPlans, once every guest has its place and the pool is known. */
#include "plan/knobs.h"
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
    const VcpuPlan *last = vcpus->len > 0 ? &g_array_index(vcpus, VcpuPlan, vcpus->len - 1) : NULL;
    bool same = last && cpuset_equal(last->cpus, cpus);
    VcpuPlan vcpu = {.id = id, .online = online, .pinned = pinned};

    vcpu.cpus = same ? last->cpus : cpuset_copy(cpus);
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

/* own: of its vCPUs; so below. */
static void vcpus_write(const Seat *seat, const CpuSet *own, const CpuSet *pool, GuestPlan *plan)
{
    GArray *vcpus = g_array_new(FALSE, FALSE, sizeof(VcpuPlan));

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

/* Of all its vCPUs may run on. */
static void floating_location_write(Planner *planner, GuestPlan *plan)
{
    g_autoptr(CpuSet) cpus = cpuset_new();

    for (unsigned i = 0; i < plan->n_vcpus; i++)
        if (plan->vcpus[i].online && (i == 0 || plan->vcpus[i].cpus != plan->vcpus[i - 1].cpus))
            hwloc_bitmap_or(cpus, cpus, plan->vcpus[i].cpus);
    if (!cpuset_equal(cpus, planner->where.cpus)) {
        set_replace(&planner->where.nodes, topo_nodes_of(planner->topo, cpus));
        set_replace(&planner->where.llcs, topo_llcs_of(planner->topo, cpus));
        set_replace(&planner->where.cpus, g_steal_pointer(&cpus));
    }
    hwloc_bitmap_copy(plan->nodes, planner->where.nodes);
    hwloc_bitmap_copy(plan->llcs, planner->where.llcs);
}

static void own_location_write(const Topo *topo, const CpuSet *own, GuestPlan *plan)
{
    CPUSET_FOREACH(cpu, own)
    {
        const TopoPu *pu = topo_pu(topo, cpu);
        hwloc_bitmap_set(plan->nodes, pu->node);
        hwloc_bitmap_set(plan->llcs, pu->llc);
    }
}

static void location_write(Planner *planner, const Seat *seat, const CpuSet *own, GuestPlan *plan)
{
    if (seat->refused || cpuset_is_empty(own))
        floating_location_write(planner, plan);
    else
        own_location_write(planner->topo, own, plan);
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

static char *own_reason(const Planner *planner, const Seat *seat, const CpuSet *own)
{
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
    if (seat->home != NO_NODE)
        g_string_append_printf(text, " of node %u", planner->topo->nodes[seat->home].os_index);
    return g_string_free(text, FALSE);
}

static char *home_reason(const Topo *topo, const Seat *seat)
{
    unsigned node = topo->nodes[seat->home].os_index;
    const GuestKernel *kernel = seat->in->running ? seat->in->guest->kernel : NULL;
    bool there = kernel && kernel->memory_nodes && cpuset_has(kernel->memory_nodes, node);

    return g_strdup_printf("floats over the pool of node %u%s", node,
                           there ? ", where its memory is" : "");
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
    if (seat->home != NO_NODE)
        return home_reason(planner->topo, seat);
    g_autoptr(GString) text = g_string_new("floats over the pool");
    home_explain(planner, seat, text);
    return g_strdup(text->str); /* no longer than it is: each guest has one */
}

static char *placed_reason(const Planner *planner, const Seat *seat, const CpuSet *own,
                           const CpuSet *pool)
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
    return own_reason(planner, seat, own);
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
    hwloc_bitmap_copy(plan->allowed, seat->allowed);
    if (!seat->refused)
        hwloc_bitmap_copy(plan->exclusive, seat->exclusive);
}

static void unmanaged_write(Planner *planner, const Seat *seat, const CpuSet *own, GuestPlan *plan)
{
    plan->result = PLAN_UNMANAGED;
    plan->reason =
        g_strdup(seat->in->released ? "released" : "pinned by hand before vmtuned saw it");
    vcpus_write_unmanaged(seat, plan);
    location_write(planner, seat, own, plan);
}

/* Also says which part of the pool it depends on. */
static GuestPlan *guest_plan_write(Planner *planner, Seat *seat)
{
    GuestPlan *plan = guest_plan_new();
    const Topo *topo = planner->topo;
    PoolMask kind;
    g_autoptr(CpuSet) own = seat_vcpu_pus(seat);
    g_autoptr(CpuSet) mask = pool_mask(planner, seat, planner->pool, &kind);

    identity_write(planner, seat, plan);
    seat->watch = WATCH_NOTHING;
    if (seat->unmanaged) {
        unmanaged_write(planner, seat, own, plan);
        helpers_write(planner, seat, mask, plan);
        return plan;
    }
    plan->result = seat->refused ? PLAN_REFUSED : PLAN_PLACED;
    plan->moved = seat->moved;
    plan->pool = seat->refused || seat->cpu_policy == CPU_SHARED;
    if (seat->refused)
        plan->shortage = seat->shortage;
    plan->reason = seat->refused ? g_strdup(seat->reason) : placed_reason(planner, seat, own, mask);
    vcpus_write(seat, own, mask, plan);
    location_write(planner, seat, own, plan);
    plan->home = seat->home == NO_NODE ? -1 : (int)topo->nodes[seat->home].os_index;
    bool helpers = helpers_write(planner, seat, mask, plan);
    bool floats = helpers || seat_pool_vcpus(seat) > 0;
    if (floats && kind != MASK_POOL)
        seat->watch = WATCH_OWNED(topo);
    else if (seat->home != NO_NODE && !(helpers && seat->n_vcpu_claims > 0))
        seat->watch = seat->home;
    else if (floats)
        seat->watch = WATCH_POOL(topo);
    values_write(seat, plan);
    if (!seat->refused)
        numa_write(planner, seat, plan);
    knobs_plan(plan, topo, planner->policy, seat->in->policy, seat->in->guest);
    return plan;
}

/* --- who may run on CPUs that are another's own --- */

static CpuSet *guest_plan_cpus(const GuestPlan *plan)
{
    CpuSet *cpus = cpuset_or(plan->emulator.cpus, plan->vhost.cpus);

    for (unsigned i = 0; i < plan->n_vcpus; i++)
        if (plan->vcpus[i].online && (i == 0 || plan->vcpus[i].cpus != plan->vcpus[i - 1].cpus))
            hwloc_bitmap_or(cpus, cpus, plan->vcpus[i].cpus);
    for (unsigned i = 0; i < plan->n_iothreads; i++)
        hwloc_bitmap_or(cpus, cpus, plan->iothreads[i].cpus);
    return cpus;
}

/* What follows the pool never meets a CPU of another's own. */
static CpuSet *find_reach(const Planner *planner, const Seat *seat)
{
    g_autoptr(CpuSet) cpus = guest_plan_cpus(seat->plan);

    hwloc_bitmap_andnot(cpus, cpus, seat->plan->exclusive);
    hwloc_bitmap_andnot(cpus, cpus, planner->housekeeping);
    if (seat->watch != WATCH_NOTHING)
        hwloc_bitmap_andnot(cpus, cpus, planner->pool);
    return cpuset_is_empty(cpus) ? NULL : g_steal_pointer(&cpus);
}

static void intruders_write(const Planner *planner, GuestPlan *plan)
{
    if (planner->strays->len == 0 || cpuset_is_empty(plan->exclusive))
        return;
    g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
    for (guint i = 0; i < planner->strays->len; i++) {
        const Seat *seat = g_ptr_array_index(planner->strays, i);
        if (seat->plan != plan && cpuset_intersects(seat->reach, plan->exclusive))
            g_ptr_array_add(names, g_strdup(seat->in->guest->name));
    }
    if (names->len == 0)
        return;
    g_ptr_array_add(names, NULL);
    plan->intruders = (char **)g_ptr_array_free(g_steal_pointer(&names), FALSE);
}

/* --- all guests --- */

/* reach is consumed. */
static void set_reach(Planner *planner, Seat *seat, CpuSet *reach)
{
    g_autoptr(CpuSet) had = seat->reach;

    seat->reach = reach;
    if (had)
        g_ptr_array_remove(planner->strays, seat);
    if (reach)
        g_ptr_array_add(planner->strays, seat);
    if (had && reach)
        hwloc_bitmap_xor(had, had, reach);
    if (had || reach)
        hwloc_bitmap_or(planner->strayed, planner->strayed, had ? had : reach);
}

/* But for its reach: where it may run has changed only if the next plan says so. */
static void clear_plan(Planner *planner, Seat *seat)
{
    if (seat->watch != WATCH_NOTHING)
        g_ptr_array_remove_fast(planner->watchers[seat->watch], seat);
    seat->watch = WATCH_NOTHING;
    g_clear_pointer(&seat->plan, guest_plan_unref);
    g_ptr_array_set_size(seat->diags->items, (gint)seat->n_diags);
}

void seat_forget_plan(Planner *planner, Seat *seat)
{
    clear_plan(planner, seat);
    set_reach(planner, seat, NULL);
}

static void seat_write(Planner *planner, Seat *seat, GPtrArray *written)
{
    if (seat->written == planner->n_writes)
        return;
    if (seat->plan)
        clear_plan(planner, seat);
    else
        seat->n_diags = seat->diags->items->len;
    seat->written = planner->n_writes;
    seat->plan = guest_plan_write(planner, seat);
    guest_plan_share(seat->plan);
    if (seat->watch != WATCH_NOTHING)
        g_ptr_array_add(planner->watchers[seat->watch], seat);
    set_reach(planner, seat, find_reach(planner, seat));
    g_ptr_array_add(written, seat);
}

static void write_watchers(Planner *planner, unsigned watch, GPtrArray *written)
{
    /* Writing takes a seat from its list and puts it back. */
    g_autoptr(GPtrArray) seats = g_ptr_array_copy(planner->watchers[watch], NULL, NULL);

    for (guint i = 0; i < seats->len; i++)
        seat_write(planner, g_ptr_array_index(seats, i), written);
}

/* Those that depend on a part of the pool, or on what is somebody's own, that is no longer the
 * same. */
static void write_all_watchers(Planner *planner, GPtrArray *written)
{
    const Topo *topo = planner->topo;
    g_autoptr(CpuSet) pool = pool_now(planner);
    g_autoptr(CpuSet) changed = cpuset_new();
    bool owned_changed = !cpuset_equal(planner->owned, planner->exclusive);

    hwloc_bitmap_xor(changed, pool, planner->pool);
    set_replace(&planner->pool, g_steal_pointer(&pool));
    hwloc_bitmap_copy(planner->owned, planner->exclusive);
    for (unsigned i = 0; i < topo->n_nodes; i++)
        if (cpuset_intersects(changed, topo->nodes[i].cpus))
            write_watchers(planner, i, written);
    if (!cpuset_is_empty(changed))
        write_watchers(planner, WATCH_POOL(topo), written);
    if (owned_changed)
        write_watchers(planner, WATCH_OWNED(topo), written);
}

/* Those with CPUs of their own that others may run on now, or no longer. */
static void write_strayed(Planner *planner, GPtrArray *written)
{
    for (guint i = 0; i < planner->seats->len && !cpuset_is_empty(planner->strayed); i++) {
        Seat *seat = g_ptr_array_index(planner->seats, i);
        if (cpuset_intersects(seat->plan->exclusive, planner->strayed))
            seat_write(planner, seat, written);
    }
    hwloc_bitmap_zero(planner->strayed);
}

/* A node that cannot hold what is on it any more, or can again, counts for strict nodesets. */
static bool over_changed(Planner *planner)
{
    bool changed = false;

    for (unsigned i = 0; i < planner->topo->n_nodes; i++) {
        bool over = capacity_is_over(planner->capacity, i);
        changed |= over != planner->over[i];
        planner->over[i] = over;
    }
    return changed;
}

static void write_seats(Planner *planner, const GPtrArray *seats, GPtrArray *written)
{
    for (guint i = 0; i < seats->len; i++)
        seat_write(planner, g_ptr_array_index(seats, i), written);
}

void planner_write(Planner *planner, const GPtrArray *fresh)
{
    g_autoptr(GPtrArray) written = g_ptr_array_new();

    planner->n_writes++;
    bool all = over_changed(planner);
    g_autoptr(GPtrArray) rehomed = homes_assign(planner);
    write_all_watchers(planner, written);
    write_seats(planner, rehomed, written);
    write_seats(planner, all ? planner->seats : fresh, written);
    write_strayed(planner, written);
    g_ptr_array_sort(planner->strays, seat_pointer_compare);
    for (guint i = 0; i < written->len; i++)
        intruders_write(planner, ((Seat *)g_ptr_array_index(written, i))->plan);
    planner->n_written = written->len;
}

static void add_diags(DiagList *diags, const DiagList *more)
{
    g_autoptr(DiagList) copy = diag_list_copy(more);

    diag_list_take_all(diags, copy);
}

Plan *planner_plan(const Planner *planner)
{
    Plan *plan = plan_new();

    hwloc_bitmap_copy(plan->shared, planner->pool);
    hwloc_bitmap_copy(plan->housekeeping, planner->housekeeping);
    hwloc_bitmap_copy(plan->exclusive, planner->exclusive);
    plan->n_guests = planner->seats->len;
    plan->guests = g_new0(GuestPlan *, MAX(plan->n_guests, 1));
    add_diags(plan->diags, planner->diags);
    for (unsigned i = 0; i < plan->n_guests; i++) {
        const Seat *seat = g_ptr_array_index(planner->seats, i);
        plan->guests[i] = guest_plan_ref(seat->plan);
        if (seat->diags->items->len > 0)
            add_diags(plan->diags, seat->diags);
    }
    pool_diagnose(planner, plan->diags);
    return plan;
}
