/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Planning that goes on, guest by guest, gives the plan that plan_make() gives for the same guests,
 * byte for byte. In random worlds guests come and go, start, are carried out as planned, get and
 * lose vCPUs, are looked at again, are released and taken back, and all are defragmented.
 * VMTUNED_SEED and VMTUNED_COUNT choose the worlds; a step that fails is printed with its world.
 */
#include "common/fake-guest.h"
#include "common/world.h"
#include "plan/plan-make.h"
#include "plan/planning.h"
#include "property/plan-text.h"
#include "property/random-world.h"

#include <inttypes.h>
#include <stdio.h>

#define DEFAULT_SEED 20261
#define DEFAULT_COUNT 1000
#define STEPS 30
#define REST_PASSES 8
#define MAX_CHANGES 3 /* between two updates */

typedef struct Life {
    Random random;
    RandomWorld *world;
    Planning *planning;
    Plan *plan;       /* the last one */
    GPtrArray *plans; /* all of them */
    GArray *there;    /* of bool, by guest */
    GString *record;  /* of what was done */
} Life;

typedef enum Act {
    ACT_COME_OR_GO,
    ACT_START,
    ACT_CARRY_OUT,
    ACT_PLUG,
    ACT_LOOK,
    ACT_RELEASE,
    ACT_DEFRAG,
    N_ACTS
} Act;
static const char *const act_names[N_ACTS] = {"comes or goes",
                                              "starts",
                                              "is carried out",
                                              "is plugged",
                                              "is looked at",
                                              "is released or taken back",
                                              "and all others are defragmented"};

/* Its vCPUs are where the plan has them by now; its memory may have changed. */
static Guest *look_at(Life *life, const Guest *had)
{
    Guest *guest = guest_copy(had);
    const GuestPlan *plan = plan_find(life->plan, had->uuid);

    if (guest->kernel && random_chance(&life->random, 50))
        random_memory(&life->random, life->world->topo, guest->kernel);
    for (unsigned i = 0; guest->kernel && plan && i < guest->kernel->n_threads; i++) {
        GuestThread *thread = &guest->kernel->threads[i];
        if (thread->thread_class == THREAD_VCPU && thread->home_id < plan->n_vcpus)
            hwloc_bitmap_copy(thread->affinity, plan->vcpus[thread->home_id].cpus);
    }
    return guest;
}

/* The guest is the world's from now on, in the other's place. */
static void replace_guest(Life *life, guint i, Guest *guest)
{
    g_assert(life->world->guests->len == life->world->inputs->len);
    guest_unref(g_ptr_array_index(life->world->guests, i));
    g_ptr_array_index(life->world->guests, i) = guest;
    g_array_index(life->world->inputs, PlanGuest, i).guest = guest;
}

static void start_guest(Life *life, guint i)
{
    PlanGuest *in = &g_array_index(life->world->inputs, PlanGuest, i);
    const GuestPlan *plan = plan_find(life->plan, in->guest->uuid);
    const Topo *topo = life->world->topo;

    if (in->running || !plan)
        return;
    Guest *guest = guest_copy(in->guest);
    g_autoptr(CpuSet) allowed = random_partition(&life->random, topo);
    FakeKernelOptions options = {.pid = 1000 + (pid_t)i,
                                 .allowed = allowed,
                                 .mems = topo->allowed_mems,
                                 .cgroup_v2 = true,
                                 .n_workers = 1,
                                 .n_vhost = 1};
    guest->live = guest_def_ref(guest->config);
    guest->active = true;
    guest->kernel = fake_kernel_new(guest->live, &options);
    if (random_chance(&life->random, 30)) {
        const uint64_t kib[] = {1024, 1024};
        guest_kernel_set_memory(guest->kernel, kib, MIN(topo->n_nodes, 2));
    } else if (random_chance(&life->random, 70) && !cpuset_is_empty(plan->nodes)) {
        guest->kernel->memory_nodes = cpuset_copy(plan->nodes);
        guest->kernel->memory_nodes_any = cpuset_copy(plan->nodes);
    }
    in->running = true;
    replace_guest(life, i, guest);
}

static void plug_vcpu(Life *life, guint i)
{
    const PlanGuest *in = &g_array_index(life->world->inputs, PlanGuest, i);
    const GuestDef *had = guest_def(in->guest);

    if (had->max_vcpus < 2)
        return;
    Guest *guest = guest_copy(in->guest);
    GuestDef *def = world_def(had->name, i, had->max_vcpus, had->memory_kib);
    hwloc_bitmap_copy(def->vcpus, had->vcpus);
    hwloc_bitmap_copy(def->iothreads, had->iothreads);
    if (cpuset_has(def->vcpus, had->max_vcpus - 1))
        hwloc_bitmap_clr(def->vcpus, had->max_vcpus - 1);
    else
        hwloc_bitmap_set(def->vcpus, had->max_vcpus - 1);
    GuestDef **place = guest->live ? &guest->live : &guest->config;
    guest_def_unref(*place);
    *place = def;
    replace_guest(life, i, guest);
}

static void carry_out(Life *life, guint i)
{
    PlanGuest *in = &g_array_index(life->world->inputs, PlanGuest, i);
    const GuestPlan *plan = plan_find(life->plan, in->guest->uuid);

    if (in->running && plan)
        in->before = plan;
}

static void carry_all_out(Life *life)
{
    for (guint i = 0; i < life->world->inputs->len; i++)
        carry_out(life, i);
}

/* A defrag that is taken is no plan made anew, until it is carried out. */
static void defrag(Life *life)
{
    g_autoptr(GArray) before = NULL, after = NULL;

    life->plan = planning_defrag(life->planning, 3, true, &before, &after);
    g_ptr_array_add(life->plans, life->plan);
    carry_all_out(life);
}

static void act(Life *life)
{
    guint i = random_below(&life->random, life->world->inputs->len);
    PlanGuest *in = &g_array_index(life->world->inputs, PlanGuest, i);
    bool *there = &g_array_index(life->there, bool, i);
    Act what = (Act)random_below(&life->random, N_ACTS);

    if (!*there)
        what = ACT_COME_OR_GO;
    g_string_append_printf(life->record, "  %s %s\n", in->guest->name, act_names[what]);
    switch (what) {
    case ACT_COME_OR_GO:
        *there = !*there;
        if (!*there)
            planning_remove(life->planning, in->guest->uuid);
        in->before = NULL;
        break;
    case ACT_START:
        start_guest(life, i);
        break;
    case ACT_CARRY_OUT:
        carry_all_out(life);
        break;
    case ACT_PLUG:
        plug_vcpu(life, i);
        break;
    case ACT_LOOK:
        replace_guest(life, i, look_at(life, in->guest));
        break;
    case ACT_RELEASE:
        in->released = in->running && !in->released;
        break;
    case ACT_DEFRAG:
        defrag(life);
        break;
    case N_ACTS:
        break;
    }
}

/* NULL: both plans are the same. */
static char *differs(Life *life)
{
    g_autoptr(GArray) inputs = g_array_new(FALSE, FALSE, sizeof(PlanGuest));

    for (guint i = 0; i < life->world->inputs->len; i++)
        if (g_array_index(life->there, bool, i)) {
            const PlanGuest *in = &g_array_index(life->world->inputs, PlanGuest, i);
            planning_set(life->planning, in);
            g_array_append_vals(inputs, in, 1);
        }
    planning_update(life->planning);
    life->plan = planning_plan(life->planning);
    g_ptr_array_add(life->plans, life->plan);
    PlanInput input = {.topo = life->world->topo,
                       .policy = life->world->policy,
                       .guests = (const PlanGuest *)inputs->data,
                       .n_guests = inputs->len};
    g_autoptr(Plan) whole = plan_make(&input);
    g_autofree char *text = plan_text(life->plan), *text_whole = plan_text(whole);
    if (g_str_equal(text, text_whole))
        return NULL;
    return g_strdup_printf("--- as it goes\n%s--- as a whole\n%s", text, text_whole);
}

static unsigned update(Life *life)
{
    unsigned n_written = planning_update(life->planning);

    life->plan = planning_plan(life->planning);
    g_ptr_array_add(life->plans, life->plan);
    return n_written;
}

/* Nothing happens but that what is planned is carried out: soon that costs no more than an update
 * without a word, which writes only what is always open. NULL: so it is. */
static char *never_rests(Life *life)
{
    unsigned n_written = 1, n_open = 0;

    for (unsigned pass = 0; pass < REST_PASSES && n_written > n_open; pass++) {
        carry_all_out(life);
        for (guint i = 0; i < life->world->inputs->len; i++)
            if (g_array_index(life->there, bool, i))
                planning_set(life->planning, &g_array_index(life->world->inputs, PlanGuest, i));
        n_written = update(life);
        n_open = update(life);
    }
    if (n_written <= n_open)
        return NULL;
    return g_strdup_printf("%u plans are written in each pass, %u are open\n", n_written, n_open);
}

static bool life_holds(uint64_t seed, unsigned *n_whole)
{
    g_autoptr(RandomWorld) world = random_world_new(seed);
    g_autoptr(Planning) planning = planning_new(world->topo, world->policy);
    g_autoptr(GPtrArray) plans = g_ptr_array_new_with_free_func((GDestroyNotify)plan_unref);
    g_autoptr(GArray) there = g_array_new(FALSE, TRUE, sizeof(bool));
    g_autoptr(GString) record = g_string_new(NULL);
    Life life = {.random = {.state = seed ^ 0x5eed},
                 .world = world,
                 .planning = planning,
                 .plans = plans,
                 .there = there,
                 .record = record};
    g_autofree char *fault = NULL;

    g_array_set_size(there, world->inputs->len);
    for (guint i = 0; i < there->len; i++)
        g_array_index(there, bool, i) = random_chance(&life.random, 70);
    fault = differs(&life);
    for (unsigned step = 0; step < STEPS && !fault; step++) {
        g_string_append_printf(record, "step %u\n", step);
        for (unsigned n = 1 + random_below(&life.random, MAX_CHANGES); n > 0; n--)
            act(&life);
        fault = differs(&life);
    }
    if (!fault)
        fault = never_rests(&life);
    *n_whole += planning_count_whole(planning);
    if (!fault)
        return true;
    g_autofree char *text = random_world_format(world);
    printf("VMTUNED_SEED=%" PRIu64 " VMTUNED_COUNT=1\n%s%s%s\n", seed, text, record->str, fault);
    return false;
}

int main(void)
{
    uint64_t seed = environment_number("VMTUNED_SEED", DEFAULT_SEED);
    uint64_t count = environment_number("VMTUNED_COUNT", DEFAULT_COUNT), passed = 0;
    unsigned n_whole = 0;

    printf("VMTUNED_SEED=%" PRIu64 " VMTUNED_COUNT=%" PRIu64 "\n", seed, count);
    for (uint64_t i = 0; i < count; i++)
        passed += life_holds(seed + i, &n_whole);
    printf("%" PRIu64 " updates, %u of them planned as a whole\n", count * (STEPS + 1), n_whole);
    if (n_whole > count * (STEPS + 1) / 2)
        passed = 0;
    printf("%" PRIu64 " passed, %" PRIu64 " failed\n", passed, count - passed);
    return passed == count && count > 0 ? 0 : 1;
}
