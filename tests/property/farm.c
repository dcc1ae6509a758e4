/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "property/farm.h"

#include "common/fake-guest.h"
#include "common/world.h"
#include "plan/plan-make.h"
#include "plan/score.h"
#include "policy/policy-load.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

static const char *const thread_words[] = {"prefer", "require", "isolate"};

static const char policy_yaml[] = "version: 1\n"
                                  "mode: enforce\n"
                                  "guests:\n"
                                  "  - {match: {name: \"*\"}, cpu: {policy: dedicated}}\n"
                                  "  - {match: {name: \"require*\"}, cpu: {threads: require}}\n"
                                  "  - {match: {name: \"isolate*\"}, cpu: {threads: isolate}}\n"
                                  "  - {match: {name: \"*strict\"}, numa: {mode: strict}}\n";

/* --- guests --- */

static GuestPolicy *policy_of(const Farm *farm, const FarmShape *shape, const CpuSet *nodes)
{
    g_autofree char *name =
        g_strconcat(thread_words[shape->threads], shape->strict ? " strict" : "", NULL);
    PolicySubject subject = {.name = name};
    GuestPolicy *policy = policy_select(farm->policy, &subject);

    if (nodes) {
        PolicyValue *value = policy_value_new(VALUE_SET, &policy->named_by);
        value->set = cpuset_copy(nodes);
        value->text = cpuset_format(nodes);
        policy_value_unref(policy->values[KEY_NUMA_NODES]);
        policy->values[KEY_NUMA_NODES] = value;
    }
    return policy;
}

static void def_add_cells(GuestDef *def, const FarmShape *shape)
{
    unsigned first = 0;

    def->n_cells = shape->n_cells;
    def->cells = g_new0(GuestCell, shape->n_cells);
    for (unsigned i = 0; i < shape->n_cells; i++) {
        unsigned n = shape->cells[i];
        def->cells[i] = (GuestCell){.id = i,
                                    .vcpus = cpuset_new_range(first, first + n - 1),
                                    .memory_kib = n * FARM_GIB_PER_VCPU * WORLD_GIB_KIB};
        first += n;
    }
    if (shape->n_cells > 0)
        def->cells[0].memory_kib += shape->more_kib;
}

FarmGuest *farm_add(Farm *farm, const FarmShape *shape, unsigned number)
{
    g_autofree char *name = g_strdup_printf("g%05u", number);
    FarmGuest *guest = g_new0(FarmGuest, 1);
    uint64_t kib = shape->n_vcpus * FARM_GIB_PER_VCPU * WORLD_GIB_KIB + shape->more_kib;
    g_autoptr(CpuSet) nodes = shape->node >= 0 ? cpuset_new_one((unsigned)shape->node) : NULL;

    guest->shape = *shape;
    guest->number = number;
    guest->off = world_guest(name, number, shape->n_vcpus, kib, false);
    def_add_cells(guest->off->config, shape);
    guest->guest = guest_ref(guest->off);
    guest->policy = policy_of(farm, shape, nodes);
    g_ptr_array_add(farm->guests, guest);
    return guest;
}

static void guest_free(FarmGuest *guest)
{
    guest_unref(guest->off);
    guest_unref(guest->guest);
    guest_policy_unref(guest->policy);
    guest_policy_unref(guest->at_home);
    guest_plan_unref(guest->plan);
    g_free(guest);
}

void farm_remove(Farm *farm, FarmGuest *guest)
{
    g_ptr_array_remove(farm->guests, guest);
}

static CpuSet *nodes_of_memory(const GuestPlan *plan)
{
    CpuSet *nodes = cpuset_new();

    for (unsigned i = 0; i < plan->n_memory; i++)
        hwloc_bitmap_set(nodes, plan->memory[i].node);
    return nodes;
}

static GuestDef *live_def(const FarmGuest *guest, const GuestPlan *plan)
{
    g_autoptr(Guest) copy = guest_copy(guest->off);
    GuestDef *live = guest_def_ref(copy->config);

    live->vcpu_pins = g_new0(GuestPin, plan->n_vcpus);
    for (unsigned i = 0; i < plan->n_vcpus; i++)
        live->vcpu_pins[live->n_vcpu_pins++] =
            (GuestPin){.id = plan->vcpus[i].id, .cpus = cpuset_copy(plan->vcpus[i].cpus)};
    if (plan->numa_mode >= 0 && !cpuset_is_empty(plan->numa_nodes)) {
        live->numa_mode = plan->numa_mode;
        live->numa_nodeset = cpuset_copy(plan->numa_nodes);
    }
    return live;
}

void farm_run(Farm *farm, FarmGuest *guest, const GuestPlan *plan)
{
    g_autoptr(CpuSet) nodes = nodes_of_memory(plan);
    Guest *now = guest_copy(guest->off);
    FakeKernelOptions options = {.pid = 1000 + 100 * (pid_t)guest->number,
                                 .allowed = farm->topo->allowed,
                                 .mems = farm->topo->allowed_mems,
                                 .cgroup_v2 = true};

    now->active = true;
    now->live = live_def(guest, plan);
    now->kernel = fake_kernel_new(now->live, &options);
    fake_kernel_set_memory(now->kernel, plan);
    guest_unref(guest->guest);
    guest->guest = now;
    guest_policy_unref(guest->at_home);
    guest->at_home = policy_of(farm, &guest->shape, nodes);
    guest_plan_unref(guest->plan);
    guest->plan = guest_plan_ref(plan);
}

void farm_run_all(Farm *farm, const Plan *plan)
{
    for (guint i = 0; i < farm->guests->len; i++) {
        FarmGuest *guest = g_ptr_array_index(farm->guests, i);
        const GuestPlan *now = farm_find(plan, guest);
        if (guest->plan || now->result == PLAN_PLACED)
            farm_run(farm, guest, now);
    }
}

/* --- the host --- */

Farm *farm_new(Topo *topo)
{
    g_autoptr(DiagList) diags = diag_list_new();
    Farm *farm = g_new0(Farm, 1);

    farm->topo = topo;
    world_set_memory(topo, 2 * FARM_GIB_PER_VCPU * WORLD_GIB_KIB * topo->n_pus);
    farm->policy = policy_new();
    if (policy_parse(policy_yaml, strlen(policy_yaml), "farm.yaml", farm->policy, diags) < 0)
        abort();
    farm->guests = g_ptr_array_new_with_free_func((GDestroyNotify)guest_free);
    return farm;
}

void farm_free(Farm *farm)
{
    if (!farm)
        return;
    topo_unref(farm->topo);
    policy_unref(farm->policy);
    g_ptr_array_unref(farm->guests);
    g_free(farm->fault);
    g_free(farm);
}

void farm_rooms(const Farm *farm, unsigned *rooms)
{
    g_autoptr(CpuSet) taken = cpuset_copy(farm->topo->cores[0].cpus); /* housekeeping */

    for (guint i = 0; i < farm->guests->len; i++) {
        const FarmGuest *guest = g_ptr_array_index(farm->guests, i);
        if (guest->plan)
            hwloc_bitmap_or(taken, taken, guest->plan->exclusive);
    }
    for (unsigned i = 0; i < farm->topo->n_nodes; i++) {
        g_autoptr(CpuSet) free = cpuset_minus(farm->topo->nodes[i].cpus, taken);
        rooms[i] = cpuset_weight(free);
    }
}

static void format_guest(GString *out, const FarmGuest *guest)
{
    g_autoptr(CpuSet) nodes = guest->plan ? nodes_of_memory(guest->plan) : cpuset_new();
    g_autofree char *memory = cpuset_format(nodes);

    g_string_append_printf(out, "  %s: %u vCPUs, %s%s", guest->off->name, guest->shape.n_vcpus,
                           thread_words[guest->shape.threads],
                           guest->shape.strict ? ", strict" : "");
    if (guest->shape.node >= 0)
        g_string_append_printf(out, ", numa.nodes %d", guest->shape.node);
    for (unsigned i = 0; i < guest->shape.n_cells; i++)
        g_string_append_printf(out, "%s%u", i == 0 ? ", cells " : "+", guest->shape.cells[i]);
    g_string_append_printf(out, guest->plan ? ", memory on %s, runs on" : ", off", memory);
    for (unsigned i = 0; guest->plan && i < guest->plan->n_vcpus; i++)
        g_string_append_printf(out, " %d", hwloc_bitmap_first(guest->plan->vcpus[i].cpus));
    g_string_append(out, "\n");
}

void farm_fail(Farm *farm, const FarmGuest *guest, const char *format, ...)
{
    GString *out = g_string_new(guest ? guest->off->name : "all");
    va_list args;

    g_string_append(out, ": ");
    va_start(args, format);
    g_string_append_vprintf(out, format, args);
    va_end(args);
    g_string_append(out, "\n");
    for (guint i = 0; i < farm->guests->len; i++)
        format_guest(out, g_ptr_array_index(farm->guests, i));
    if (farm->fault)
        g_string_free(out, TRUE);
    else
        farm->fault = g_string_free(out, FALSE);
}

/* --- plans --- */

Plan *farm_plan(const Farm *farm, FarmHow how, unsigned max_moves, GArray **score)
{
    g_autofree PlanGuest *guests = g_new0(PlanGuest, farm->guests->len);
    PlanInput input = {.topo = farm->topo,
                       .policy = farm->policy,
                       .guests = guests,
                       .n_guests = farm->guests->len,
                       .max_moves = max_moves};

    for (guint i = 0; i < farm->guests->len; i++) {
        const FarmGuest *guest = g_ptr_array_index(farm->guests, i);
        bool home = how == FARM_ANEW_AT_HOME && guest->at_home;
        if (how == FARM_AS_IT_RUNS)
            guests[i] = (PlanGuest){.guest = guest->guest,
                                    .policy = guest->policy,
                                    .running = guest->plan != NULL,
                                    .before = guest->plan};
        else
            guests[i] =
                (PlanGuest){.guest = guest->off, .policy = home ? guest->at_home : guest->policy};
    }
    Plan *plan = plan_make(&input);
    if (score)
        *score = plan_score(&input, plan);
    return plan;
}

uint64_t score_value(const GArray *score, const char *name)
{
    uint64_t sum = 0;

    for (guint i = 0; i < score->len; i++)
        if (g_str_equal(g_array_index(score, ScoreItem, i).name, name))
            sum += g_array_index(score, ScoreItem, i).value;
    return sum;
}

const GuestPlan *farm_find(const Plan *plan, const FarmGuest *guest)
{
    return plan_find(plan, guest->off->uuid);
}

bool plan_places_all(const Plan *plan)
{
    for (unsigned i = 0; i < plan->n_guests; i++)
        if (plan->guests[i]->result != PLAN_PLACED)
            return false;
    return true;
}

static bool same_pus(const GuestPlan *a, const GuestPlan *b)
{
    if (a->n_vcpus != b->n_vcpus)
        return false;
    for (unsigned i = 0; i < a->n_vcpus; i++)
        if (!cpuset_equal(a->vcpus[i].cpus, b->vcpus[i].cpus))
            return false;
    return cpuset_equal(a->exclusive, b->exclusive);
}

static bool same_memory(const GuestPlan *a, const GuestPlan *b)
{
    if (a->n_memory != b->n_memory)
        return false;
    for (unsigned i = 0; i < a->n_memory; i++)
        if (a->memory[i].cell != b->memory[i].cell || a->memory[i].node != b->memory[i].node ||
            a->memory[i].mib != b->memory[i].mib)
            return false;
    return true;
}

/* A PU for each vCPU, and nobody else there. */
static void check_pus(Farm *farm, const FarmGuest *guest, const GuestPlan *plan, CpuSet *taken)
{
    g_autoptr(CpuSet) own = cpuset_new();

    for (unsigned i = 0; i < plan->n_vcpus; i++) {
        const CpuSet *cpus = plan->vcpus[i].cpus;
        if (cpuset_weight(cpus) != 1 || cpuset_intersects(own, cpus))
            farm_fail(farm, guest, "vCPU %u has no PU of its own", plan->vcpus[i].id);
        hwloc_bitmap_or(own, own, cpus);
    }
    if (!cpuset_is_subset(own, plan->exclusive) || cpuset_intersects(taken, plan->exclusive))
        farm_fail(farm, guest, "a PU is dedicated twice, or not at all");
    hwloc_bitmap_or(taken, taken, plan->exclusive);
}

/* True if it moved. */
static bool check_running(Farm *farm, const FarmGuest *guest, const GuestPlan *plan, bool may_move)
{
    g_autoptr(CpuSet) home = nodes_of_memory(guest->plan);
    bool same = same_pus(plan, guest->plan);

    if (plan->result != PLAN_PLACED)
        farm_fail(farm, guest, "runs, and loses its PUs: %s", plan->reason);
    if (!same_memory(plan, guest->plan))
        farm_fail(farm, guest, "its memory would move");
    if (!same && !may_move)
        farm_fail(farm, guest, "moves though nobody may");
    if (same == plan->moved)
        farm_fail(farm, guest, "moved, but not so marked, or the other way round");
    if (guest->shape.strict && plan->numa_mode >= 0 &&
        !cpuset_equal(plan->numa_nodes, guest->plan->numa_nodes))
        farm_fail(farm, guest, "its nodeset changes");
    for (unsigned i = 0; i < plan->n_vcpus; i++) {
        g_autoptr(CpuSet) nodes = topo_nodes_of(farm->topo, plan->vcpus[i].cpus);
        if (!cpuset_is_subset(nodes, home))
            farm_fail(farm, guest, "vCPU %u leaves the memory", plan->vcpus[i].id);
    }
    return !same;
}

unsigned farm_check(Farm *farm, const Plan *plan, bool may_move)
{
    g_autoptr(CpuSet) taken = cpuset_copy(plan->housekeeping);
    unsigned n_moved = 0;

    for (guint i = 0; i < farm->guests->len; i++) {
        const FarmGuest *guest = g_ptr_array_index(farm->guests, i);
        const GuestPlan *now = farm_find(plan, guest);
        if (now->result == PLAN_PLACED)
            check_pus(farm, guest, now, taken);
        if (guest->plan)
            n_moved += check_running(farm, guest, now, may_move);
    }
    return n_moved;
}
