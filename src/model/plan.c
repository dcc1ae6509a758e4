/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "model/plan.h"

#include <string.h>

const char *plan_result_name(PlanResult result)
{
    switch (result) {
    case PLAN_PLACED:
        return "placed";
    case PLAN_REFUSED:
        return "refused";
    case PLAN_UNMANAGED:
        return "unmanaged";
    }
    return "unknown";
}

PlanGuest plan_guest_ref(const PlanGuest *guest)
{
    PlanGuest copy = *guest;

    copy.guest = guest_ref(guest->guest);
    copy.policy = guest_policy_ref(guest->policy);
    copy.before = guest->before ? guest_plan_ref(guest->before) : NULL;
    return copy;
}

void plan_guest_clear(PlanGuest *guest)
{
    guest_unref((Guest *)guest->guest);
    guest_policy_unref((GuestPolicy *)guest->policy);
    guest_plan_unref((GuestPlan *)guest->before);
}

GuestPlan *guest_plan_new(void)
{
    GuestPlan *plan = g_atomic_rc_box_new0(GuestPlan);

    plan->shortage.node = -1;
    plan->allowed = cpuset_new();
    plan->nodes = cpuset_new();
    plan->llcs = cpuset_new();
    plan->exclusive = cpuset_new();
    plan->emulator.cpus = cpuset_new();
    plan->vhost.cpus = cpuset_new();
    plan->numa_nodes = cpuset_new();
    plan->knobs = setting_list_new();
    plan->unsupported = setting_list_new();
    plan->weight = -1;
    plan->quota_pct = -1;
    plan->numa_mode = -1;
    plan->home = -1;
    return plan;
}

/* vCPUs in a row have equal sets in common. */
static void vcpu_sets_each(GuestPlan *plan, void (*call)(CpuSet **set))
{
    const CpuSet *had = NULL;

    for (unsigned i = 0; i < plan->n_vcpus; i++) {
        VcpuPlan *vcpu = &plan->vcpus[i];
        bool common = i > 0 && vcpu->cpus == had;
        had = vcpu->cpus;
        if (common)
            vcpu->cpus = vcpu[-1].cpus;
        else
            call(&vcpu->cpus);
    }
}

static void sets_each(GuestPlan *plan, void (*call)(CpuSet **set))
{
    call(&plan->allowed);
    call(&plan->nodes);
    call(&plan->llcs);
    call(&plan->exclusive);
    vcpu_sets_each(plan, call);
    call(&plan->emulator.cpus);
    call(&plan->vhost.cpus);
    for (unsigned i = 0; i < plan->n_iothreads; i++)
        call(&plan->iothreads[i].cpus);
    call(&plan->numa_nodes);
}

void guest_plan_share(GuestPlan *plan)
{
    sets_each(plan, cpuset_share);
    setting_list_share(plan->knobs);
    setting_list_share(plan->unsupported);
}

static void class_plan_clear(ClassPlan *class_plan)
{
    g_free(class_plan->reason);
    g_free(class_plan->origin);
}

static void guest_plan_clear(gpointer data)
{
    GuestPlan *plan = data;

    g_free(plan->uuid);
    g_free(plan->name);
    g_free(plan->reason);
    g_free(plan->origin);
    sets_each(plan, cpuset_release);
    g_free(plan->vcpus);
    class_plan_clear(&plan->emulator);
    class_plan_clear(&plan->vhost);
    for (unsigned i = 0; i < plan->n_iothreads; i++)
        class_plan_clear(&plan->iothreads[i]);
    g_free(plan->iothreads);
    g_free(plan->memory);
    g_free(plan->weight_origin);
    g_free(plan->quota_origin);
    g_free(plan->numa_reason);
    g_free(plan->numa_origin);
    setting_list_free(plan->knobs);
    setting_list_free(plan->unsupported);
    g_strfreev(plan->intruders);
}

GuestPlan *guest_plan_ref(const GuestPlan *plan)
{
    return g_atomic_rc_box_acquire((GuestPlan *)plan);
}

void guest_plan_unref(GuestPlan *plan)
{
    if (plan)
        g_atomic_rc_box_release_full(plan, guest_plan_clear);
}

/* --- comparison --- */

static bool vcpus_equal(const GuestPlan *a, const GuestPlan *b)
{
    if (a->n_vcpus != b->n_vcpus)
        return false;
    for (unsigned i = 0; i < a->n_vcpus; i++) {
        const VcpuPlan *x = &a->vcpus[i], *y = &b->vcpus[i];
        if (x->id != y->id || x->online != y->online || x->pinned != y->pinned ||
            !cpuset_equal(x->cpus, y->cpus))
            return false;
    }
    return true;
}

static bool class_equal(const ClassPlan *a, const ClassPlan *b)
{
    return a->id == b->id && a->pinned == b->pinned && cpuset_equal(a->cpus, b->cpus);
}

static bool helpers_equal(const GuestPlan *a, const GuestPlan *b)
{
    if (!class_equal(&a->emulator, &b->emulator) || !class_equal(&a->vhost, &b->vhost) ||
        a->n_iothreads != b->n_iothreads)
        return false;
    for (unsigned i = 0; i < a->n_iothreads; i++) {
        if (!class_equal(&a->iothreads[i], &b->iothreads[i]))
            return false;
    }
    return true;
}

static bool memory_equal(const GuestPlan *a, const GuestPlan *b)
{
    if (a->n_memory != b->n_memory)
        return false;
    for (unsigned i = 0; i < a->n_memory; i++) {
        const MemoryPlan *x = &a->memory[i], *y = &b->memory[i];
        if (x->cell != y->cell || x->node != y->node || x->mib != y->mib)
            return false;
    }
    return a->numa_mode == b->numa_mode && a->numa_live == b->numa_live &&
           cpuset_equal(a->numa_nodes, b->numa_nodes) && a->page_size_kib == b->page_size_kib;
}

static bool standing_equal(const GuestPlan *a, const GuestPlan *b)
{
    return g_strcmp0(a->uuid, b->uuid) == 0 && g_strcmp0(a->name, b->name) == 0 &&
           a->result == b->result && a->cpu_policy == b->cpu_policy && a->named == b->named &&
           a->manual == b->manual && a->released == b->released && a->pool == b->pool &&
           a->persist == b->persist && a->drift == b->drift && a->home == b->home;
}

bool guest_plan_equal(const GuestPlan *a, const GuestPlan *b)
{
    return standing_equal(a, b) && cpuset_equal(a->allowed, b->allowed) &&
           cpuset_equal(a->nodes, b->nodes) && cpuset_equal(a->llcs, b->llcs) &&
           cpuset_equal(a->exclusive, b->exclusive) && vcpus_equal(a, b) && helpers_equal(a, b) &&
           memory_equal(a, b) && a->weight == b->weight && a->quota_pct == b->quota_pct &&
           setting_list_equal(a->knobs, b->knobs);
}

/* --- digest: FNV-1a --- */

static void digest_bytes(uint64_t *hash, const void *data, size_t n)
{
    const unsigned char *bytes = data;

    for (size_t i = 0; i < n; i++)
        *hash = (*hash ^ bytes[i]) * UINT64_C(0x100000001b3);
}

static void digest_number(uint64_t *hash, int64_t number)
{
    digest_bytes(hash, &number, sizeof(number));
}

static void digest_text(uint64_t *hash, const char *text)
{
    digest_bytes(hash, text ? text : "", text ? strlen(text) + 1 : 0);
}

static void digest_set(uint64_t *hash, const CpuSet *set)
{
    g_autofree char *text = set ? cpuset_format(set) : NULL;

    digest_text(hash, text);
}

static void digest_class(uint64_t *hash, const ClassPlan *class)
{
    digest_number(hash, class->id);
    digest_number(hash, class->pinned);
    digest_set(hash, class->cpus);
}

static void digest_knobs(uint64_t *hash, const SettingList *knobs)
{
    for (unsigned i = 0; i < setting_list_size(knobs); i++) {
        const Setting *knob = setting_list_get(knobs, i);
        const int64_t numbers[] = {knob->key.knob, knob->key.instance, knob->key.plane};
        digest_bytes(hash, numbers, sizeof(numbers));
        digest_text(hash, knob->key.device);
        digest_text(hash, knob->value);
    }
}

static void digest_memory(uint64_t *hash, const GuestPlan *plan)
{
    digest_number(hash, plan->n_memory);
    for (unsigned i = 0; i < plan->n_memory; i++) {
        digest_number(hash, plan->memory[i].cell);
        digest_number(hash, plan->memory[i].node);
        digest_number(hash, (int64_t)plan->memory[i].mib);
    }
    digest_number(hash, plan->numa_mode);
    digest_number(hash, plan->numa_live);
    digest_set(hash, plan->numa_nodes);
    digest_number(hash, plan->page_size_kib);
}

uint64_t guest_plan_digest(const GuestPlan *plan)
{
    const CpuSet *sets[] = {plan->allowed, plan->nodes, plan->llcs, plan->exclusive};
    const int64_t numbers[] = {plan->result,   plan->cpu_policy, plan->named,   plan->manual,
                               plan->released, plan->pool,       plan->persist, plan->drift,
                               plan->weight,   plan->quota_pct,  plan->n_vcpus, plan->n_iothreads,
                               plan->home};
    uint64_t hash = UINT64_C(0xcbf29ce484222325);

    digest_text(&hash, plan->uuid);
    digest_text(&hash, plan->name);
    digest_bytes(&hash, numbers, sizeof(numbers));
    for (unsigned i = 0; i < G_N_ELEMENTS(sets); i++)
        digest_set(&hash, sets[i]);
    for (unsigned i = 0; i < plan->n_vcpus; i++) {
        const ClassPlan vcpu = {
            .id = plan->vcpus[i].id, .pinned = plan->vcpus[i].pinned, .cpus = plan->vcpus[i].cpus};
        digest_number(&hash, plan->vcpus[i].online);
        digest_class(&hash, &vcpu);
    }
    digest_class(&hash, &plan->emulator);
    digest_class(&hash, &plan->vhost);
    for (unsigned i = 0; i < plan->n_iothreads; i++)
        digest_class(&hash, &plan->iothreads[i]);
    digest_memory(&hash, plan);
    digest_knobs(&hash, plan->knobs);
    return MAX(hash, 1);
}

/* --- the whole plan --- */

CpuSet *guest_plan_vcpu_nodes(const GuestPlan *plan, const Topo *topo)
{
    g_autoptr(CpuSet) cpus = cpuset_new();

    for (unsigned i = 0; i < plan->n_vcpus; i++)
        if (plan->vcpus[i].online)
            hwloc_bitmap_or(cpus, cpus, plan->vcpus[i].cpus);
    return topo_nodes_of(topo, cpus);
}

int guest_plan_locality_pct(const GuestPlan *plan, const Topo *topo, const GuestKernel *kernel)
{
    g_autoptr(CpuSet) nodes = guest_plan_vcpu_nodes(plan, topo);
    uint64_t total = 0, near = 0;
    bool sampled = kernel && kernel->samples_on;
    unsigned n = !kernel ? 0 : sampled ? kernel->n_samples_on : kernel->n_memory_kib;
    for (unsigned node = 0; node < n; node++) {
        uint64_t here = sampled ? kernel->samples_on[node] : kernel->memory_kib[node];
        total += here;
        near += cpuset_has(nodes, node) ? here : 0;
    }
    return total > 0 && !cpuset_is_empty(nodes) ? (int)(near * 100 / total) : -1;
}

const CpuSet *guest_plan_thread_cpus(const GuestPlan *plan, ThreadClass thread_class, unsigned id)
{
    switch (thread_class) {
    case THREAD_VCPU:
        for (unsigned i = 0; i < plan->n_vcpus; i++)
            if (plan->vcpus[i].id == id)
                return plan->vcpus[i].cpus;
        break;
    case THREAD_IOTHREAD:
        for (unsigned i = 0; i < plan->n_iothreads; i++)
            if (plan->iothreads[i].id == id)
                return plan->iothreads[i].cpus;
        break;
    case THREAD_EMULATOR:
        return plan->emulator.cpus;
    case THREAD_VHOST:
        return plan->vhost.cpus;
    case THREAD_HELPER:
        break;
    }
    return NULL;
}

Plan *plan_new(void)
{
    Plan *plan = g_atomic_rc_box_new0(Plan);

    plan->housekeeping = cpuset_new();
    plan->shared = cpuset_new();
    plan->exclusive = cpuset_new();
    plan->diags = diag_list_new();
    return plan;
}

static void plan_clear(gpointer data)
{
    Plan *plan = data;

    for (unsigned i = 0; i < plan->n_guests; i++)
        guest_plan_unref(plan->guests[i]);
    g_free(plan->guests);
    hwloc_bitmap_free(plan->housekeeping);
    hwloc_bitmap_free(plan->shared);
    hwloc_bitmap_free(plan->exclusive);
    diag_list_free(plan->diags);
}

Plan *plan_ref(const Plan *plan)
{
    return g_atomic_rc_box_acquire((Plan *)plan);
}

void plan_unref(Plan *plan)
{
    if (plan)
        g_atomic_rc_box_release_full(plan, plan_clear);
}

const GuestPlan *plan_find(const Plan *plan, const char *uuid)
{
    for (unsigned i = 0; i < plan->n_guests; i++) {
        if (strcmp(plan->guests[i]->uuid, uuid) == 0)
            return plan->guests[i];
    }
    return NULL;
}
