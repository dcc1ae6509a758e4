/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "common/grid-world.h"

#include "common/fake-guest.h"
#include "common/world.h"
#include "policy/policy-load.h"
#include "property/random-world.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#define FLOOR_VCPUS 20000 /* a floor is so short that many passes are one sample */
#define FILL_PCT 85
#define MAX_VCPUS 8
#define THREADS 2
#define LLC_CORES 8
#define SEED 20261

static const char policy_text[] =
    "version: 1\n"
    "host: {cpu_overcommit: 64}\n"
    "guests:\n"
    "  - {match: {name: \"d*\"}, cpu: {policy: dedicated}}\n"
    "  - {match: {name: \"s*\"}, cpu: {policy: shared}}\n"
    "  - {match: {name: \"dh*\"}, cpu: {emulator: isolate, iothreads: isolate, vhost: isolate}}\n";

double grid_now_usec(void)
{
    struct timespec now;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

static int compare_double(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

double grid_percentile(double *values, unsigned n, unsigned percent)
{
    qsort(values, n, sizeof *values, compare_double);
    return values[MAX((n * percent + 99) / 100, 1) - 1];
}

/* --- worlds --- */

GridWorld *grid_world_new(unsigned n_pus, unsigned n_nodes)
{
    GridWorld *world = g_new0(GridWorld, 1);
    unsigned packages = n_nodes == 1 ? 1 : n_nodes / (n_nodes == 4 ? 2 : 4);
    unsigned cores = n_pus / n_nodes / THREADS, llc_cores = MIN(cores, LLC_CORES);

    world->topo = world_topo(packages, n_nodes / packages, cores / llc_cores, llc_cores, THREADS);
    world_set_memory(world->topo, 4 * WORLD_GIB_KIB * n_pus / n_nodes);
    world->policy = policy_new();
    if (policy_parse(policy_text, strlen(policy_text), "grid.yaml", world->policy, NULL) < 0)
        abort();
    world->guests = g_ptr_array_new_with_free_func((GDestroyNotify)guest_unref);
    world->policies = g_ptr_array_new_with_free_func((GDestroyNotify)guest_policy_unref);
    world->inputs = g_array_new(FALSE, FALSE, sizeof(PlanGuest));
    world->own = g_array_new(FALSE, FALSE, sizeof(unsigned));
    return world;
}

void grid_world_free(GridWorld *world)
{
    if (!world)
        return;
    topo_unref(world->topo);
    policy_unref(world->policy);
    g_ptr_array_unref(world->guests);
    g_ptr_array_unref(world->policies);
    g_array_unref(world->inputs);
    g_array_unref(world->own);
    g_free(world);
}

void grid_world_add(GridWorld *world, Guest *guest, const GuestPlan *before)
{
    PolicySubject subject = {.name = guest->name, .uuid = guest->uuid};
    GuestPolicy *policy = policy_select(world->policy, &subject);
    PlanGuest input = {
        .guest = guest, .policy = policy, .running = before != NULL, .before = before};
    unsigned n_vcpus = cpuset_weight(guest_def(guest)->vcpus);
    unsigned own = guest_policy_get_cpu_policy(policy) == CPU_DEDICATED ? n_vcpus : 0;

    g_ptr_array_add(world->guests, guest);
    g_ptr_array_add(world->policies, policy);
    g_array_append_val(world->inputs, input);
    g_array_append_val(world->own, own);
    world->n_vcpus += n_vcpus;
}

void grid_world_add_new(GridWorld *world, char kind, unsigned number, unsigned n_vcpus)
{
    g_autofree char *name = g_strdup_printf("%c%04u", kind, number);

    grid_world_add(world, world_guest(name, number, n_vcpus, n_vcpus * WORLD_GIB_KIB, false), NULL);
}

/* The sizes of n guests: one vCPU each, then one more for one of them until the sum is reached. */
static unsigned *random_sizes(unsigned n, unsigned sum)
{
    Random random = {.state = SEED};
    unsigned *sizes = g_new(unsigned, n);

    for (unsigned i = 0; i < n; i++)
        sizes[i] = 1;
    for (unsigned left = MIN(sum, n * MAX_VCPUS) - MIN(sum, n); left > 0;) {
        unsigned i = random_below(&random, n);
        if (sizes[i] == MAX_VCPUS)
            continue;
        sizes[i]++;
        left--;
    }
    return sizes;
}

GridWorld *grid_world_starting(unsigned n_guests, unsigned n_pus, unsigned n_nodes, bool mixed)
{
    GridWorld *world = grid_world_new(n_pus, n_nodes);
    unsigned share = mixed ? 2 : 1, n = n_guests / share;
    g_autofree unsigned *sizes = random_sizes(n, n_pus * FILL_PCT / 100);

    for (unsigned i = 0; i < n_guests; i++)
        if (i % share == 0)
            grid_world_add_new(world, 'd', i, sizes[i / share]);
        else
            grid_world_add_new(world, 's', i, 1 + i / share % 4);
    return world;
}

/* Pins do not matter beside what the plan gave it. */
Guest *grid_guest_started(const Topo *topo, const Guest *starting, const GuestPlan *plan)
{
    Guest *guest = guest_copy(starting);
    FakeKernelOptions options = {.pid = 1000,
                                 .allowed = topo->allowed,
                                 .mems = topo->allowed_mems,
                                 .cgroup_v2 = true,
                                 .n_workers = 1,
                                 .n_vhost = 1};

    guest->live = guest_def_ref(guest->config);
    guest->active = true;
    guest->kernel = fake_kernel_new(guest->live, &options);
    if (!cpuset_is_empty(plan->exclusive))
        fake_kernel_set_memory(guest->kernel, plan);
    return guest;
}

GridWorld *grid_world_steady(const GridWorld *starting, const Plan *plan)
{
    const Topo *topo = starting->topo;
    GridWorld *world = grid_world_new(topo->n_pus, topo->n_nodes);

    for (guint i = 0; i < starting->guests->len; i++) {
        const Guest *guest = g_ptr_array_index(starting->guests, i);
        const GuestPlan *before = plan_find(plan, guest->uuid);
        grid_world_add(world, grid_guest_started(topo, guest, before), before);
    }
    return world;
}

PlanInput grid_world_input(const GridWorld *world)
{
    return (PlanInput){.topo = world->topo,
                       .policy = world->policy,
                       .guests = (const PlanGuest *)world->inputs->data,
                       .n_guests = world->inputs->len};
}

static void first_fit(const GridWorld *world, int *pus)
{
    CpuSet *free = hwloc_bitmap_dup(world->topo->online);
    const unsigned *own = (const unsigned *)world->own->data;
    unsigned n = 0;

    for (unsigned i = 0; i < world->own->len; i++)
        for (unsigned vcpu = 0; vcpu < own[i]; vcpu++) {
            int pu = hwloc_bitmap_first(free);
            if (pu >= 0)
                hwloc_bitmap_clr(free, (unsigned)pu);
            pus[n++] = pu;
        }
    hwloc_bitmap_free(free);
}

double grid_world_floor_usec(const GridWorld *world)
{
    g_autofree int *pus = g_new0(int, world->n_vcpus + 1);
    unsigned passes = FLOOR_VCPUS / world->n_vcpus + 1;
    double start = grid_now_usec();

    for (unsigned i = 0; i < passes; i++)
        first_fit(world, pus);
    return (grid_now_usec() - start) / passes;
}
