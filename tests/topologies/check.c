/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Plans on many hosts: each host gets some mixes of guests, until it is 50, 85 and 100 % full, and
 * every plan is held against what must always hold. A case is one mix on one host, so full.
 *
 * topologies-check [DIRECTORY]: the hosts of all hwloc XML files (*.xml) there; without it odd ones
 * made here. A line for each host, one for each case that fails, and 'N passed, N failed'.
 */
#include "common/fake-guest.h"
#include "common/world.h"
#include "plan/plan-make.h"
#include "policy/policy-load.h"
#include "topo/topo-load.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define KIB_PER_MIB 1024

/* What hwloc describes, and of it what guests may use; NULL: all, none isolated. */
typedef struct Host {
    const char *text;
    const char *allowed, *allowed_mems, *isolated;
} Host;

static const Host odd_hosts[] = {
    {"pu:1", NULL, NULL, NULL},
    {"core:1 pu:2", NULL, NULL, NULL},
    {"pu:6", NULL, NULL, NULL},
    {"numa:2(memory=8GB) pu:4", NULL, NULL, NULL},
    {"pack:2 numa:2(memory=8GB) core:4 pu:2", NULL, NULL, NULL},
    {"pack:2 l3:1 numa:2(memory=8GB) core:4 pu:2", NULL, NULL, NULL},
    {"pack:3 numa:1(memory=9GB) l3:3 core:3 pu:3", NULL, NULL, NULL},
    {"pack:2 numa:1(memory=8GB) l3:2 core:3 pu:8", NULL, NULL, NULL},
    {"numa:64(memory=2GB) core:2 pu:2", NULL, NULL, NULL},
    {"pack:16 numa:4(memory=2GB) pu:1", NULL, NULL, NULL},
    {"[numa(memory=8GB)] pack:2 [numa(memory=16GB)] core:4 pu:2", NULL, NULL, NULL},
    {"pack:2 numa:1(memory=8GB) l3:2 core:4 pu:2", "1-2,5,8-20", NULL, NULL},
    {"pack:2 numa:1(memory=8GB) l3:2 core:4 pu:2", "7", NULL, NULL},
    {"pack:2 numa:1(memory=8GB) l3:2 core:4 pu:2", "16-31", NULL, NULL},
    {"pack:2 numa:2(memory=8GB) core:4 pu:2", NULL, "1", NULL},
    {"pack:2 numa:2(memory=8GB) core:4 pu:2", NULL, NULL, "4-7,16-31"},
    {"pack:2 numa:2(memory=8GB) core:4 pu:2", NULL, NULL, "0-31"},
    {"pack:2 numa:2(memory=8GB) core:4 pu:2", "0-15", "0-2", "1,3,8-11"},
};

typedef enum Size { SIZE_SMALL, SIZE_WIDE, SIZE_EVEN } Size;

typedef struct Mix {
    const char *name;
    const char *cpu; /* policy of the guests with CPUs of their own */
    Size size;
    unsigned n_cells;
    unsigned n_helpers;   /* PUs for helpers */
    unsigned float_every; /* each so manieth guest floats; 0: none */
    bool whole_cores;     /* a core for each vCPU */
    bool memory;          /* it is memory they fill the host with */
} Mix;

static const Mix mixes[] = {
    {.name = "small", .cpu = "policy: dedicated", .size = SIZE_SMALL},
    {.name = "wide", .cpu = "policy: dedicated", .size = SIZE_WIDE},
    {.name = "isolate",
     .cpu = "policy: dedicated, threads: isolate",
     .size = SIZE_SMALL,
     .whole_cores = true},
    {.name = "require", .cpu = "policy: dedicated, threads: require", .size = SIZE_EVEN},
    {.name = "cells", .cpu = "policy: dedicated", .size = SIZE_WIDE, .n_cells = 3},
    {.name = "shared",
     .cpu = "policy: dedicated, emulator: share",
     .size = SIZE_SMALL,
     .float_every = 2},
    {.name = "helpers",
     .cpu = "policy: dedicated, emulator: isolate, iothreads: isolate, vhost: isolate",
     .size = SIZE_SMALL,
     .n_helpers = 4},
    {.name = "isolate and helpers",
     .cpu = "policy: dedicated, threads: isolate, emulator: isolate, vhost: isolate",
     .size = SIZE_SMALL,
     .n_helpers = 2,
     .whole_cores = true},
    {.name = "mixed",
     .cpu = "policy: mixed, dedicated_vcpus: \"0-1\"",
     .size = SIZE_SMALL,
     .float_every = 3},
    {.name = "memory", .cpu = "policy: dedicated", .size = SIZE_SMALL, .memory = true},
};
static const unsigned fills_pct[] = {50, 85, 100};

typedef struct Case {
    const Topo *topo;
    const Mix *mix;
    Policy *policy;
    GPtrArray *guests;   /* of Guest */
    GPtrArray *policies; /* of GuestPolicy */
    GArray *inputs;      /* of PlanGuest */
    Plan *plan;
    char *fault; /* NULL: none so far */
} Case;

typedef struct Tally {
    unsigned n_placed, n_refused; /* guests */
    unsigned n_passed, n_failed;  /* cases */
} Tally;

static void fail(Case *it, const char *guest, const char *format, ...) G_GNUC_PRINTF(3, 4);
static void fail(Case *it, const char *guest, const char *format, ...)
{
    va_list args;

    if (it->fault)
        return;
    va_start(args, format);
    g_autofree char *text = g_strdup_vprintf(format, args);
    va_end(args);
    it->fault = g_strconcat(guest, ": ", text, NULL);
}

/* --- guests --- */

static Plan *plan_inputs(const Case *it, const GArray *inputs)
{
    PlanInput input = {.topo = it->topo,
                       .policy = it->policy,
                       .guests = (const PlanGuest *)inputs->data,
                       .n_guests = inputs->len};

    return plan_make(&input);
}

/* Memory that is not in huge pages. */
static uint64_t node_kib(const TopoNode *node)
{
    uint64_t pools_kib = 0;

    for (unsigned i = 0; i < node->n_pools; i++)
        pools_kib += node->pools[i].total * node->pools[i].size_kib;
    return node->memory_kib > pools_kib ? node->memory_kib - pools_kib : 0;
}

/* Of the nodes that guests are given by themselves. */
static uint64_t host_kib(const Topo *topo)
{
    uint64_t sum = 0;

    for (unsigned i = 0; i < topo->n_nodes; i++)
        if (cpuset_has(topo->allowed_mems, topo->nodes[i].os_index) &&
            !cpuset_is_empty(topo->nodes[i].cpus))
            sum += node_kib(&topo->nodes[i]);
    return sum;
}

/* PUs dedicated guests may have, with nobody there. */
static CpuSet *usable_pus(const Case *it)
{
    g_autoptr(GArray) nobody = g_array_new(FALSE, FALSE, sizeof(PlanGuest));
    g_autoptr(Plan) plan = plan_inputs(it, nobody);
    CpuSet *pus = cpuset_and(it->topo->online, it->topo->allowed);

    hwloc_bitmap_andnot(pus, pus, plan->housekeeping);
    return pus;
}

static unsigned largest_node(const Topo *topo, const CpuSet *pus)
{
    unsigned most = 1;

    for (unsigned i = 0; i < topo->n_nodes; i++) {
        g_autoptr(CpuSet) here = cpuset_and(topo->nodes[i].cpus, pus);
        most = MAX(most, cpuset_weight(here));
    }
    return most;
}

static unsigned core_width(const Topo *topo)
{
    unsigned width = 1;

    for (unsigned i = 0; i < topo->n_cores; i++)
        width = MAX(width, cpuset_weight(topo->cores[i].cpus));
    return width;
}

static unsigned guest_size(const Mix *mix, unsigned number, unsigned node_pus)
{
    static const unsigned small[] = {1, 2, 4, 3, 8}, even[] = {2, 4, 6, 3};

    switch (mix->size) {
    case SIZE_SMALL:
        return small[number % G_N_ELEMENTS(small)];
    case SIZE_EVEN:
        return even[number % G_N_ELEMENTS(even)];
    case SIZE_WIDE:
        break;
    }
    return node_pus + node_pus / 2 + number % 3;
}

/* Cells of one vCPU more than the one before, as far as they go, the last with all that is left. */
static void add_cells(GuestDef *def, unsigned n)
{
    unsigned next = 0;

    if (def->max_vcpus < n || n == 0)
        return;
    def->n_cells = n;
    def->cells = g_new0(GuestCell, n);
    for (unsigned i = 0; i < n; i++) {
        unsigned left = def->max_vcpus - next, later = n - 1 - i;
        unsigned size = later == 0 ? left : MIN(def->max_vcpus / n + i, left - later);
        def->cells[i] = (GuestCell){.id = i,
                                    .vcpus = cpuset_new_range(next, next + size - 1),
                                    .memory_kib = def->memory_kib * size / def->max_vcpus};
        next += size;
    }
}

static void add_guest(Case *it, unsigned number, unsigned n_vcpus, uint64_t kib, bool floats)
{
    g_autofree char *name = g_strdup_printf("%s%03u", floats ? "f" : "g", number);
    Guest *guest = world_guest(name, number, n_vcpus, kib, false);
    PolicySubject subject = {.name = guest->name, .uuid = guest->uuid};
    GuestPolicy *policy = policy_select(it->policy, &subject);
    PlanGuest input = {.guest = guest, .policy = policy};

    add_cells(guest->config, it->mix->n_cells);
    if (it->mix->n_helpers > 0)
        hwloc_bitmap_set_range(guest->config->iothreads, 1, 2);
    g_ptr_array_add(it->guests, guest);
    g_ptr_array_add(it->policies, policy);
    g_array_append_val(it->inputs, input);
}

/* Parts of a node: most guests get in each other's way, some need two. */
static uint64_t large_kib(const Topo *topo, unsigned number)
{
    static const unsigned parts_pct[] = {60, 30, 110, 45, 15};
    uint64_t node = host_kib(topo) / MAX(cpuset_weight(topo->allowed_mems), 1);

    return MAX(node / 100 * parts_pct[number % G_N_ELEMENTS(parts_pct)], KIB_PER_MIB);
}

/* Guests until so much of the host's PUs, or of its memory, is asked for; at least two. */
static void add_guests(Case *it, unsigned fill_pct)
{
    g_autoptr(CpuSet) pus = usable_pus(it);
    unsigned node_pus = largest_node(it->topo, pus), all = MAX(cpuset_weight(pus), 1);
    unsigned width = it->mix->whole_cores ? core_width(it->topo) : 1, taken = 0;
    unsigned most = (2 * node_pus + 8) * width + it->mix->n_helpers;
    uint64_t fill_kib = host_kib(it->topo) / 100 * fill_pct, taken_kib = 0;

    for (unsigned i = 0; i < 2 || (taken < all * fill_pct / 100 && taken_kib < fill_kib); i++) {
        unsigned n_vcpus = guest_size(it->mix, i, node_pus);
        bool floats = it->mix->float_every > 0 && i % it->mix->float_every == 0;
        unsigned cost = floats ? 1 : n_vcpus * width + it->mix->n_helpers;
        uint64_t kib =
            it->mix->memory ? large_kib(it->topo, i) : fill_kib / (all + 2 * most) * cost;
        add_guest(it, i, n_vcpus, MAX(kib, 1), floats);
        taken += cost;
        taken_kib += kib;
    }
}

static Policy *mix_policy(const Mix *mix)
{
    g_autofree char *yaml =
        g_strdup_printf("version: 1\nguests: [{match: {name: \"g*\"}, cpu: {%s}}]\n", mix->cpu);
    g_autoptr(Policy) policy = policy_new();

    if (policy_parse(yaml, strlen(yaml), mix->name, policy, NULL) < 0)
        g_error("%s", yaml);
    return g_steal_pointer(&policy);
}

/* --- one plan --- */

static const PlanGuest *input_of(const Case *it, unsigned i)
{
    return &g_array_index(it->inputs, PlanGuest, i);
}

static const PlanGuest *input_find(const Case *it, const char *uuid)
{
    for (guint i = 0; i < it->inputs->len; i++)
        if (g_str_equal(input_of(it, i)->guest->uuid, uuid))
            return input_of(it, i);
    return NULL;
}

static CpuSet *guest_cpus(const GuestPlan *plan)
{
    CpuSet *cpus = cpuset_or(plan->emulator.cpus, plan->vhost.cpus);

    for (unsigned i = 0; i < plan->n_vcpus; i++)
        hwloc_bitmap_or(cpus, cpus, plan->vcpus[i].cpus);
    for (unsigned i = 0; i < plan->n_iothreads; i++)
        hwloc_bitmap_or(cpus, cpus, plan->iothreads[i].cpus);
    return cpus;
}

/* PUs that vCPUs have for themselves. */
static CpuSet *own_pus(const GuestPlan *plan)
{
    CpuSet *pus = cpuset_new();

    for (unsigned i = 0; i < plan->n_vcpus; i++)
        if (plan->vcpus[i].pinned && cpuset_weight(plan->vcpus[i].cpus) == 1)
            hwloc_bitmap_or(pus, pus, plan->vcpus[i].cpus);
    return pus;
}

static void check_there(Case *it)
{
    if (it->plan->n_guests != it->inputs->len)
        fail(it, "plan", "%u guests of %u", it->plan->n_guests, it->inputs->len);
    for (guint i = 0; i < it->inputs->len; i++) {
        const Guest *guest = input_of(it, i)->guest;
        const GuestPlan *plan = plan_find(it->plan, guest->uuid);
        if (!plan || !g_str_equal(plan->name, guest->name))
            fail(it, guest->name, "it is not in the plan");
        else if (plan->n_vcpus != guest->config->max_vcpus ||
                 plan->n_iothreads != cpuset_weight(guest->config->iothreads))
            fail(it, guest->name, "not all of its threads are in the plan");
        else if (plan->result == PLAN_UNMANAGED || !plan->reason || !*plan->reason)
            fail(it, guest->name, "neither placed nor refused, or without a reason");
    }
    for (unsigned i = 1; i < it->plan->n_guests; i++)
        if (strcmp(it->plan->guests[i - 1]->name, it->plan->guests[i]->name) >= 0)
            fail(it, "plan", "its guests are not in the order of their names");
}

static void check_exclusive(Case *it)
{
    g_autoptr(CpuSet) taken = cpuset_new();

    for (unsigned i = 0; i < it->plan->n_guests; i++) {
        const GuestPlan *plan = it->plan->guests[i];
        if (cpuset_intersects(taken, plan->exclusive))
            fail(it, plan->name, "a CPU is exclusive twice");
        hwloc_bitmap_or(taken, taken, plan->exclusive);
    }
    if (!cpuset_equal(taken, it->plan->exclusive))
        fail(it, "plan", "exclusive is not the union over guests");
    if (cpuset_intersects(taken, it->plan->housekeeping))
        fail(it, "plan", "a housekeeping CPU is exclusive");
    if (cpuset_intersects(taken, it->plan->shared))
        fail(it, "plan", "a CPU of the pool is exclusive");
    if (cpuset_intersects(taken, it->topo->offline))
        fail(it, "plan", "an offline CPU is exclusive");
    if (!cpuset_is_subset(taken, it->topo->allowed))
        fail(it, "plan", "a disallowed CPU is exclusive");
}

static void check_mask(Case *it, const GuestPlan *plan, const CpuSet *cpus)
{
    if (cpuset_is_empty(cpus))
        fail(it, plan->name, "an empty mask");
    if (!cpuset_is_subset(cpus, it->topo->allowed) || !cpuset_is_subset(cpus, it->topo->online))
        fail(it, plan->name, "a mask with a CPU that is not allowed, or off");
}

/* Nobody balances load over isolated CPUs. */
static void check_isolated(Case *it, const GuestPlan *plan)
{
    const CpuSet *helpers[] = {plan->emulator.cpus, plan->vhost.cpus};

    if (plan->result != PLAN_PLACED)
        return;
    for (unsigned i = 0; i < plan->n_vcpus + G_N_ELEMENTS(helpers); i++) {
        const CpuSet *cpus = i < plan->n_vcpus ? plan->vcpus[i].cpus : helpers[i - plan->n_vcpus];
        if (cpuset_intersects(cpus, it->topo->isolated) && cpuset_weight(cpus) > 1)
            fail(it, plan->name, "a mask of several CPUs has isolated ones");
    }
}

static void check_masks(Case *it, const GuestPlan *plan)
{
    check_mask(it, plan, plan->emulator.cpus);
    check_mask(it, plan, plan->vhost.cpus);
    for (unsigned i = 0; i < plan->n_iothreads; i++)
        check_mask(it, plan, plan->iothreads[i].cpus);
    for (unsigned i = 0; i < plan->n_vcpus; i++)
        check_mask(it, plan, plan->vcpus[i].cpus);
}

/* A placed guest has what its policy says: a PU for each vCPU, and for each helper. */
static void check_own(Case *it, const GuestPlan *plan)
{
    const GuestPolicy *policy = input_find(it, plan->uuid)->policy;
    g_autoptr(CpuSet) own = own_pus(plan);
    unsigned n_own = plan->cpu_policy == CPU_DEDICATED ? plan->n_vcpus
                     : plan->cpu_policy == CPU_MIXED   ? MIN(plan->n_vcpus, 2)
                                                       : 0;
    unsigned n_helpers = plan->cpu_policy == CPU_DEDICATED ? it->mix->n_helpers : 0;
    bool isolate = guest_policy_get_threads(policy) == THREADS_ISOLATE;

    if (plan->result != PLAN_PLACED)
        return;
    if (cpuset_weight(own) != n_own || !cpuset_is_subset(own, plan->exclusive))
        fail(it, plan->name, "%u vCPUs have a PU, not %u, or it is not exclusive",
             cpuset_weight(own), n_own);
    if (!isolate && cpuset_weight(plan->exclusive) != n_own + n_helpers)
        fail(it, plan->name, "%u CPUs are exclusive, not %u", cpuset_weight(plan->exclusive),
             n_own + n_helpers);
}

static void check_core(Case *it, const GuestPlan *plan, const CpuSet *core, unsigned *n_broken)
{
    ThreadPolicy threads = guest_policy_get_threads(input_find(it, plan->uuid)->policy);
    g_autoptr(CpuSet) own = own_pus(plan);
    g_autoptr(CpuSet) cpus = guest_cpus(plan);
    g_autoptr(CpuSet) here = cpuset_and(core, own);
    g_autoptr(CpuSet) used = cpuset_and(core, cpus);
    unsigned n = cpuset_weight(here);

    if (n == 0)
        return;
    *n_broken += n < cpuset_weight(core);
    if (threads == THREADS_ISOLATE &&
        (n > 1 || !cpuset_equal(used, here) || !cpuset_is_subset(core, plan->exclusive)))
        fail(it, plan->name, "isolate: a sibling is not kept empty");
    if (threads == THREADS_REQUIRE && cpuset_weight(core) == 1)
        fail(it, plan->name, "require: a core without siblings");
}

static void check_threads(Case *it, const GuestPlan *plan)
{
    ThreadPolicy threads = guest_policy_get_threads(input_find(it, plan->uuid)->policy);
    unsigned n_broken = 0;

    if (plan->result != PLAN_PLACED || threads == THREADS_PREFER)
        return;
    for (unsigned i = 0; i < it->topo->n_cores; i++)
        check_core(it, plan, it->topo->cores[i].cpus, &n_broken);
    if (threads == THREADS_REQUIRE && n_broken > 1)
        fail(it, plan->name, "require: %u cores are not full", n_broken);
}

/* nodes and llcs are those of its own PUs, else of the masks of its vCPUs; with PUs of its own also
 * the nodes of its memory. */
static void check_places(Case *it, const GuestPlan *plan)
{
    g_autoptr(CpuSet) cpus = own_pus(plan);
    bool has_own = !cpuset_is_empty(cpus) && plan->result == PLAN_PLACED && !plan->pool;

    for (unsigned i = 0; i < plan->n_vcpus && !has_own; i++)
        hwloc_bitmap_or(cpus, cpus, plan->vcpus[i].cpus);
    g_autoptr(CpuSet) nodes = topo_nodes_of(it->topo, cpus);
    g_autoptr(CpuSet) llcs = topo_llcs_of(it->topo, cpus);
    for (unsigned i = 0; i < plan->n_memory && has_own; i++)
        hwloc_bitmap_set(nodes, plan->memory[i].node);
    if (!cpuset_equal(nodes, plan->nodes))
        fail(it, plan->name, "its nodes are not those of its CPUs and memory");
    if (!cpuset_equal(llcs, plan->llcs))
        fail(it, plan->name, "its LLCs are not those of its CPUs");
}

/* --- memory --- */

static uint64_t mib_up(uint64_t kib)
{
    return (kib + KIB_PER_MIB - 1) / KIB_PER_MIB;
}

static uint64_t guest_mib(const GuestDef *def)
{
    uint64_t mib = def->n_cells == 0 ? mib_up(def->memory_kib) : 0;

    for (unsigned i = 0; i < def->n_cells; i++)
        mib += mib_up(def->cells[i].memory_kib);
    return mib;
}

static void check_guest_memory(Case *it, const GuestPlan *plan)
{
    uint64_t mib = guest_mib(input_find(it, plan->uuid)->guest->config), sum = 0;

    for (unsigned i = 0; i < plan->n_memory; i++) {
        sum += plan->memory[i].mib;
        if (plan->memory[i].mib == 0 || !cpuset_has(it->topo->allowed_mems, plan->memory[i].node))
            fail(it, plan->name, "memory of nothing, or on a node that is not allowed");
    }
    if (plan->result == PLAN_PLACED && sum != mib)
        fail(it, plan->name, "%" PRIu64 " MiB of %" PRIu64 " are planned", sum, mib);
}

static uint64_t node_mib_planned(const Plan *plan, unsigned node)
{
    uint64_t mib = 0;

    for (unsigned i = 0; i < plan->n_guests; i++)
        for (unsigned j = 0; j < plan->guests[i]->n_memory; j++)
            if (plan->guests[i]->memory[j].node == node)
                mib += plan->guests[i]->memory[j].mib;
    return mib;
}

static void check_node_memory(Case *it)
{
    for (unsigned i = 0; i < it->topo->n_nodes; i++) {
        const TopoNode *node = &it->topo->nodes[i];
        uint64_t planned = node_mib_planned(it->plan, node->os_index);
        if (planned * KIB_PER_MIB > node_kib(node))
            fail(it, "plan", "%" PRIu64 " MiB are planned on node %u, which has %" PRIu64, planned,
                 node->os_index, node_kib(node) / KIB_PER_MIB);
    }
}

/* --- refusals --- */

/* What is left when all are placed is no more than what a refused guest was shown. */
static CpuSet *left_pus(const Case *it)
{
    CpuSet *pus = cpuset_and(it->topo->online, it->topo->allowed);

    hwloc_bitmap_andnot(pus, pus, it->plan->housekeeping);
    hwloc_bitmap_andnot(pus, pus, it->plan->exclusive);
    return pus;
}

static uint64_t left_mib(const Case *it)
{
    uint64_t mib = 0;

    for (unsigned i = 0; i < it->topo->n_nodes; i++) {
        const TopoNode *node = &it->topo->nodes[i];
        uint64_t all = node_kib(node) / KIB_PER_MIB;
        if (cpuset_has(it->topo->allowed_mems, node->os_index) && !cpuset_is_empty(node->cpus))
            mib += all - MIN(all, node_mib_planned(it->plan, node->os_index));
    }
    return mib;
}

static unsigned left_cores(const Case *it, ThreadPolicy threads)
{
    g_autoptr(CpuSet) left = left_pus(it);
    unsigned n = 0;

    for (unsigned i = 0; i < it->topo->n_cores; i++) {
        const CpuSet *core = it->topo->cores[i].cpus;
        n += !cpuset_is_empty(core) && cpuset_is_subset(core, left) &&
             (threads == THREADS_ISOLATE || cpuset_weight(core) > 1);
    }
    return n;
}

/* It says the PUs of a node are too few for the first vCPU and the helpers, or those of the host
 * for all. */
static void check_short_of_pus(Case *it, const GuestPlan *plan, bool one_node)
{
    g_autoptr(CpuSet) left = left_pus(it);
    unsigned need = it->mix->n_helpers + (one_node ? 1 : plan->n_vcpus);

    if (plan->cpu_policy != CPU_DEDICATED || it->mix->whole_cores)
        return;
    unsigned most = one_node ? largest_node(it->topo, left) : cpuset_weight(left);
    if (most >= need && !cpuset_is_empty(left))
        fail(it, plan->name, "refused for want of %u PUs, %u are left: %s", need, most,
             plan->reason);
}

static void check_refused(Case *it, const GuestPlan *plan)
{
    const PlanShortage *shortage = &plan->shortage;
    ThreadPolicy threads = guest_policy_get_threads(input_find(it, plan->uuid)->policy);
    unsigned n_cores = left_cores(it, threads);

    if (plan->result != PLAN_REFUSED)
        return;
    if (!shortage->resource || shortage->amount == 0 || !shortage->unit)
        fail(it, plan->name, "refused without a shortage");
    if (!cpuset_is_empty(plan->exclusive) || !plan->pool || plan->n_memory > 0)
        fail(it, plan->name, "refused, but not without a place");
    if (g_strcmp0(shortage->resource, "PUs") == 0)
        check_short_of_pus(it, plan, strstr(plan->reason, "on one node") != NULL);
    if (g_strcmp0(shortage->resource, "cores") == 0 && threads == THREADS_ISOLATE &&
        n_cores >= plan->n_vcpus)
        fail(it, plan->name, "refused for want of %u cores, %u are left", plan->n_vcpus, n_cores);
    if (g_strcmp0(shortage->resource, "memory") == 0 &&
        left_mib(it) >= guest_mib(input_find(it, plan->uuid)->guest->config))
        fail(it, plan->name, "refused for want of memory, %" PRIu64 " MiB are left: %s",
             left_mib(it), plan->reason);
}

/* Whoever can run on a guest's exclusive CPUs is named. */
static void check_intruders(Case *it)
{
    g_autoptr(GPtrArray) masks = g_ptr_array_new_with_free_func((GDestroyNotify)hwloc_bitmap_free);

    for (unsigned i = 0; i < it->plan->n_guests; i++)
        g_ptr_array_add(masks, guest_cpus(it->plan->guests[i]));
    for (unsigned i = 0; i < it->plan->n_guests; i++)
        for (unsigned j = 0; j < it->plan->n_guests; j++) {
            const GuestPlan *plan = it->plan->guests[i], *other = it->plan->guests[j];
            bool named = plan->intruders &&
                         g_strv_contains((const char *const *)plan->intruders, other->name);
            if (i != j && named != cpuset_intersects(g_ptr_array_index(masks, j), plan->exclusive))
                fail(it, plan->name, "%s is %s intruder", other->name, named ? "no" : "an untold");
        }
}

/* --- the same again --- */

static char *places_text(const GuestPlan *plan)
{
    GString *text = g_string_new(plan_result_name(plan->result));
    const struct {
        const char *name;
        const CpuSet *set;
    } sets[] = {{"exclusive", plan->exclusive}, {"nodes", plan->nodes},
                {"LLCs", plan->llcs},           {"emulator", plan->emulator.cpus},
                {"vhost", plan->vhost.cpus},    {"allowed", plan->allowed}};

    for (unsigned i = 0; i < G_N_ELEMENTS(sets); i++) {
        g_autofree char *list = cpuset_format(sets[i].set);
        g_string_append_printf(text, " %s=%s", sets[i].name, list);
    }
    g_string_append(text, " vcpus=");
    for (unsigned i = 0; i < plan->n_vcpus; i++) {
        g_autofree char *list = cpuset_format(plan->vcpus[i].cpus);
        g_string_append_printf(text, "%s%s", i > 0 ? "/" : "", list);
    }
    for (unsigned i = 0; i < plan->n_memory; i++)
        g_string_append_printf(text, " cell%u@%u=%" PRIu64, plan->memory[i].cell,
                               plan->memory[i].node, plan->memory[i].mib);
    return g_string_free(text, FALSE);
}

static void fail_moved(Case *it, const GuestPlan *then, const GuestPlan *now, const char *when)
{
    g_autofree char *before = places_text(then);
    g_autofree char *after = places_text(now);

    fail(it, then->name, "another plan %s\n    %s\n    %s", when, before, after);
}

static void compare_results(Case *it, const Plan *other, const char *when)
{
    for (unsigned i = 0; i < it->plan->n_guests; i++) {
        const GuestPlan *then = it->plan->guests[i];
        const GuestPlan *now = plan_find(other, then->uuid);
        if (now && now->result != then->result)
            fail(it, then->name, "%s (%s), but %s (%s) %s", plan_result_name(then->result),
                 then->reason, plan_result_name(now->result), now->reason, when);
    }
}

/* Who is placed at all is told first: the rest follows from it. */
static void compare_plans(Case *it, const Plan *other, const char *when)
{
    compare_results(it, other, when);
    for (unsigned i = 0; i < it->plan->n_guests && !it->fault; i++) {
        const GuestPlan *then = it->plan->guests[i];
        const GuestPlan *now = plan_find(other, then->uuid);
        if (!now || !guest_plan_equal(then, now))
            fail_moved(it, then, now ? now : then, when);
    }
    if (!cpuset_equal(it->plan->shared, other->shared) ||
        !cpuset_equal(it->plan->housekeeping, other->housekeeping))
        fail(it, "plan", "another pool or housekeeping %s", when);
}

static void check_repeat(Case *it)
{
    g_autoptr(GArray) reversed = g_array_new(FALSE, FALSE, sizeof(PlanGuest));
    g_autoptr(Plan) again = plan_inputs(it, it->inputs);

    for (guint i = it->inputs->len; i > 0; i--)
        g_array_append_val(reversed, *input_of(it, i - 1));
    g_autoptr(Plan) backwards = plan_inputs(it, reversed);
    compare_plans(it, again, "at the second time");
    compare_plans(it, backwards, "with the guests in reverse");
}

/* The guests with what the plan gave them; refused ones run too, or are still about to start. */
static GArray *inputs_started(const Case *it, GPtrArray *guests, bool refused_too)
{
    GArray *inputs = g_array_new(FALSE, FALSE, sizeof(PlanGuest));

    for (guint i = 0; i < it->inputs->len; i++) {
        PlanGuest input = *input_of(it, i);
        const GuestPlan *plan = plan_find(it->plan, input.guest->uuid);
        if (refused_too || plan->result == PLAN_PLACED) {
            Guest *guest = guest_copy(input.guest);
            guest->live = guest_def_ref(guest->config);
            guest->active = true;
            g_ptr_array_add(guests, guest);
            input = (PlanGuest){
                .guest = guest, .policy = input.policy, .running = true, .before = plan};
        }
        g_array_append_val(inputs, input);
    }
    return inputs;
}

/* Placed guests that run stay, and what is refused is refused again. */
static void check_steady(Case *it)
{
    g_autoptr(GPtrArray) guests = g_ptr_array_new_with_free_func((GDestroyNotify)guest_unref);
    g_autoptr(GArray) inputs = inputs_started(it, guests, false);
    g_autoptr(Plan) again = plan_inputs(it, inputs);

    compare_plans(it, again, "with all placed guests running");
}

/* Once it runs a refused guest may find a place, as its memory is no question any more; what the
 * others have of their own stays so. */
static void check_all_running(Case *it)
{
    g_autoptr(GPtrArray) guests = g_ptr_array_new_with_free_func((GDestroyNotify)guest_unref);
    g_autoptr(GArray) inputs = inputs_started(it, guests, true);
    g_autoptr(Plan) again = plan_inputs(it, inputs);

    for (unsigned i = 0; i < it->plan->n_guests && !it->fault; i++) {
        const GuestPlan *then = it->plan->guests[i], *now = plan_find(again, then->uuid);
        g_autoptr(CpuSet) own_then = own_pus(then);
        g_autoptr(CpuSet) own_now = own_pus(now);
        if (then->result == PLAN_PLACED && !then->pool &&
            (!cpuset_equal(own_then, own_now) || !cpuset_equal(then->exclusive, now->exclusive)))
            fail_moved(it, then, now, "with all guests running");
    }
}

/* --- cases and hosts --- */

static void check_plan(Case *it)
{
    check_there(it);
    if (it->fault)
        return;
    check_exclusive(it);
    check_node_memory(it);
    check_intruders(it);
    for (unsigned i = 0; i < it->plan->n_guests; i++) {
        const GuestPlan *plan = it->plan->guests[i];
        check_masks(it, plan);
        check_isolated(it, plan);
        check_own(it, plan);
        check_threads(it, plan);
        check_places(it, plan);
        check_guest_memory(it, plan);
        check_refused(it, plan);
    }
    check_repeat(it);
    check_steady(it);
    check_all_running(it);
}

/* NULL, or what is wrong with it. */
static char *run_case(const Topo *topo, const Mix *mix, unsigned fill_pct, Tally *tally)
{
    Case it = {
        .topo = topo,
        .mix = mix,
        .policy = mix_policy(mix),
        .guests = g_ptr_array_new_with_free_func((GDestroyNotify)guest_unref),
        .policies = g_ptr_array_new_with_free_func((GDestroyNotify)guest_policy_unref),
        .inputs = g_array_new(FALSE, FALSE, sizeof(PlanGuest)),
    };

    add_guests(&it, fill_pct);
    it.plan = plan_inputs(&it, it.inputs);
    check_plan(&it);
    for (unsigned i = 0; i < it.plan->n_guests; i++) {
        tally->n_placed += it.plan->guests[i]->result == PLAN_PLACED;
        tally->n_refused += it.plan->guests[i]->result == PLAN_REFUSED;
    }
    tally->n_passed += !it.fault;
    tally->n_failed += it.fault != NULL;
    plan_unref(it.plan);
    policy_unref(it.policy);
    g_ptr_array_unref(it.guests);
    g_ptr_array_unref(it.policies);
    g_array_unref(it.inputs);
    return it.fault;
}

static void run_topo(const Topo *topo, const char *name, Tally *all)
{
    Tally tally = {0};

    for (unsigned i = 0; i < G_N_ELEMENTS(mixes); i++)
        for (unsigned j = 0; j < G_N_ELEMENTS(fills_pct); j++) {
            g_autofree char *fault = run_case(topo, &mixes[i], fills_pct[j], &tally);
            if (fault)
                printf("FAILED %s, %s, %u %% full: %s\n", name, mixes[i].name, fills_pct[j], fault);
        }
    printf("%s: %u PUs, %u nodes, %u LLCs; %u guests placed, %u refused\n", name, topo->n_pus,
           topo->n_nodes, topo->n_llcs, tally.n_placed, tally.n_refused);
    fflush(stdout);
    all->n_passed += tally.n_passed;
    all->n_failed += tally.n_failed;
}

static CpuSet *set_of(const char *list)
{
    CpuSet *set = NULL;

    if (list && cpuset_parse(list, &set) < 0)
        g_error("no list: %s", list);
    return set;
}

static char *host_name(const Host *host)
{
    const struct {
        const char *word, *list;
    } bounds[] = {{"allowed", host->allowed},
                  {"allowed nodes", host->allowed_mems},
                  {"isolated", host->isolated}};
    const char *slash = strrchr(host->text, '/');
    GString *name = g_string_new(slash ? slash + 1 : host->text);

    for (unsigned i = 0; i < G_N_ELEMENTS(bounds); i++)
        if (bounds[i].list)
            g_string_append_printf(name, ", %s %s", bounds[i].word, bounds[i].list);
    return g_string_free(name, FALSE);
}

static void run_host(const Host *host, Tally *all)
{
    g_autoptr(CpuSet) allowed = set_of(host->allowed);
    g_autoptr(CpuSet) allowed_mems = set_of(host->allowed_mems);
    g_autoptr(CpuSet) isolated = set_of(host->isolated);
    TopoExtra extra = {.isolated = isolated, .allowed = allowed, .allowed_mems = allowed_mems};
    g_autoptr(Topo) topo = NULL;
    g_autofree char *error = NULL;
    g_autofree char *name = host_name(host);

    if (topo_load(host->text, &extra, &topo, &error) < 0) {
        printf("FAILED %s: %s\n", name, error);
        all->n_failed++;
        return;
    }
    run_topo(topo, name, all);
}

static int path_compare(gconstpointer a, gconstpointer b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void run_directory(const char *path, Tally *all)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GDir) directory = g_dir_open(path, 0, &error);
    g_autoptr(GPtrArray) paths = g_ptr_array_new_with_free_func(g_free);
    const char *name;

    while (directory && (name = g_dir_read_name(directory)))
        if (g_str_has_suffix(name, ".xml"))
            g_ptr_array_add(paths, g_build_filename(path, name, NULL));
    if (paths->len == 0) {
        printf("FAILED %s: %s\n", path, error ? error->message : "no XML files");
        all->n_failed++;
    }
    g_ptr_array_sort(paths, path_compare);
    for (guint i = 0; i < paths->len; i++) {
        const Host host = {.text = g_ptr_array_index(paths, i)};
        run_host(&host, all);
    }
}

int main(int argc, char **argv)
{
    Tally all = {0};

    if (argc > 2) {
        fprintf(stderr, "usage: topologies-check [DIRECTORY]\n");
        return 2;
    }
    if (argc == 2)
        run_directory(argv[1], &all);
    for (unsigned i = 0; argc < 2 && i < G_N_ELEMENTS(odd_hosts); i++)
        run_host(&odd_hosts[i], &all);
    printf("%u passed, %u failed\n", all.n_passed, all.n_failed);
    return all.n_failed > 0 || all.n_passed == 0;
}
