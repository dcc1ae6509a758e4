/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * plan_make() over a grid of guests, PUs and nodes, beside a floor taken in the same run, in turn:
 * a bare first fit of the same vCPUs over one bitmap, which fills a plain array.
 *
 *   dedicated  all about to start, 1 to 8 vCPUs each, as many as fill 85 % of the host or, with
 *              many guests, one each; with few guests the host is emptier
 *   mixed      every other guest shared, with 1 to 4 vCPUs; the dedicated ones as above
 *   steady     the guests of mixed, running, each with what the first plan gave it
 *
 * and, on 16 nodes with 1,024 PUs, the refusal of one guest of many unequal cells that is short of
 * PUs, of memory, or of a node for its helpers, beside 1,000 small guests in place that leave one
 * or two PUs free on each node.
 *
 * A line on stdout for each, times in microseconds, ratios as medians over pairs:
 *   point,MIX,GUESTS,PUS,NODES,VCPUS,PLACED,REFUSED,REPETITIONS,MEDIAN,P99,FLOOR,RATIO
 *   cut,MIX,GUESTS,PUS,NODES,VCPUS,PLACED,REFUSED,1,TIME    one plan took longer than CUT_USEC
 *   refuse,SHORT OF,CELLS,REPETITIONS,MEDIAN,P99,FLOOR,RATIO,EXTRA    EXTRA: against a plan without
 *   growth,MIX,PUS,NODES,GUESTS,GUESTS,TIME RATIO,N LOG N RATIO    largest host
 *
 * plan-grid [REPETITIONS]
 */
#include "common/fake-guest.h"
#include "common/world.h"
#include "plan/plan-make.h"
#include "policy/policy-load.h"
#include "property/random-world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define DEFAULT_REPETITIONS 101
/* A plan that takes longer than SLOW_USEC is repeated SLOW_REPETITIONS times, past CUT_USEC not at
 * all. The floor is so short that many passes are one sample. */
#define SLOW_USEC 2e4
#define SLOW_REPETITIONS 11
#define CUT_USEC 2e6
#define FLOOR_VCPUS 20000

#define FILL_PCT 85
#define MAX_VCPUS 8
#define HOUSEKEEPING_PUS 2
#define THREADS 2
#define LLC_CORES 8
#define SEED 20261

/* Growth from 100 guests to 1,000: 1,000 log 1,000 / 100 log 100 = 10 x 3/2 */
#define GROWTH_FROM 1
#define GROWTH_TO 3
#define GROWTH_N_LOG_N 15.0

static const unsigned guest_counts[] = {10, 100, 300, 1000};
static const unsigned pu_counts[] = {16, 64, 256, 1024};
static const unsigned node_counts[] = {1, 4, 16};

static const char policy_text[] =
    "version: 1\n"
    "host: {cpu_overcommit: 64}\n"
    "guests:\n"
    "  - {match: {name: \"d*\"}, cpu: {policy: dedicated}}\n"
    "  - {match: {name: \"s*\"}, cpu: {policy: shared}}\n"
    "  - {match: {name: \"dh*\"}, cpu: {emulator: isolate, iothreads: isolate, vhost: isolate}}\n";

typedef struct GridWorld {
    Topo *topo;
    Policy *policy;
    GPtrArray *guests;   /* of Guest */
    GPtrArray *policies; /* of GuestPolicy */
    GArray *inputs;      /* of PlanGuest */
    GArray *own;         /* of unsigned: vCPUs that get a PU, by guest */
    unsigned n_vcpus;    /* of all guests */
} GridWorld;

typedef struct Timing {
    unsigned n; /* repetitions; 1: cut */
    unsigned n_placed, n_refused;
    double median, p99, floor, ratio, extra;
} Timing;

static double now_usec(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

static int compare_double(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The least value that so many percent of all do not exceed; sorts. */
static double percentile(double *values, unsigned n, unsigned percent)
{
    qsort(values, n, sizeof *values, compare_double);
    return values[MAX((n * percent + 99) / 100, 1) - 1];
}

/* --- worlds --- */

static GridWorld *world_new(unsigned n_pus, unsigned n_nodes)
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

static void world_free(GridWorld *world)
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
G_DEFINE_AUTOPTR_CLEANUP_FUNC(GridWorld, world_free)

/* before: what it has as a running guest; NULL: it is about to start. */
static void world_add(GridWorld *world, Guest *guest, const GuestPlan *before)
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

static void world_add_new(GridWorld *world, char kind, unsigned number, unsigned n_vcpus)
{
    g_autofree char *name = g_strdup_printf("%c%04u", kind, number);

    world_add(world, world_guest(name, number, n_vcpus, n_vcpus * WORLD_GIB_KIB, false), NULL);
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

static GridWorld *world_starting(unsigned n_guests, unsigned n_pus, unsigned n_nodes, bool mixed)
{
    GridWorld *world = world_new(n_pus, n_nodes);
    unsigned share = mixed ? 2 : 1, n = n_guests / share;
    g_autofree unsigned *sizes = random_sizes(n, n_pus * FILL_PCT / 100);

    for (unsigned i = 0; i < n_guests; i++)
        if (i % share == 0)
            world_add_new(world, 'd', i, sizes[i / share]);
        else
            world_add_new(world, 's', i, 1 + i / share % 4);
    return world;
}

/* The guest after its start as planned; pins do not matter beside what the plan gave it. */
static Guest *guest_started(const Topo *topo, const Guest *starting, const GuestPlan *plan)
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

/* All guests of a world and its plan, which the new world borrows from, running. */
static GridWorld *world_steady(const GridWorld *starting, const Plan *plan)
{
    const Topo *topo = starting->topo;
    GridWorld *world = world_new(topo->n_pus, topo->n_nodes);

    for (guint i = 0; i < starting->guests->len; i++) {
        const Guest *guest = g_ptr_array_index(starting->guests, i);
        const GuestPlan *before = plan_find(plan, guest->uuid);
        world_add(world, guest_started(topo, guest, before), before);
    }
    return world;
}

/* --- measuring --- */

static Plan *plan_world(const GridWorld *world, double *ret_usec)
{
    PlanInput input = {.topo = world->topo,
                       .policy = world->policy,
                       .guests = (const PlanGuest *)world->inputs->data,
                       .n_guests = world->inputs->len};
    double start = now_usec();
    Plan *plan = plan_make(&input);

    *ret_usec = now_usec() - start;
    return plan;
}

static double time_plan(const GridWorld *world)
{
    double usec;

    plan_unref(plan_world(world, &usec));
    return usec;
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

static double time_floor(const GridWorld *world)
{
    g_autofree int *pus = g_new0(int, world->n_vcpus + 1);
    unsigned passes = FLOOR_VCPUS / world->n_vcpus + 1;
    double start = now_usec();

    for (unsigned i = 0; i < passes; i++)
        first_fit(world, pus);
    return (now_usec() - start) / passes;
}

static void count_results(const Plan *plan, Timing *timing)
{
    for (unsigned i = 0; i < plan->n_guests; i++) {
        timing->n_placed += plan->guests[i]->result == PLAN_PLACED;
        timing->n_refused += plan->guests[i]->result == PLAN_REFUSED;
    }
}

/* without: the world the extra time is against; may be NULL. The first plan, which is not counted
 * unless it is the only one, is the caller's. */
static Plan *measure(const GridWorld *world, const GridWorld *without, unsigned repetitions,
                     Timing *ret)
{
    double first;
    Plan *plan = plan_world(world, &first);
    unsigned n = first > SLOW_USEC ? MIN(repetitions, SLOW_REPETITIONS) : repetitions;

    *ret = (Timing){.n = 1, .median = first, .p99 = first, .extra = first};
    count_results(plan, ret);
    if (first > CUT_USEC)
        return plan;
    g_autofree double *times = g_new(double, n);
    g_autofree double *floors = g_new(double, n);
    g_autofree double *ratios = g_new(double, n);
    g_autofree double *extras = g_new(double, n);
    for (unsigned i = 0; i < n; i++) {
        times[i] = time_plan(world);
        floors[i] = time_floor(world);
        ratios[i] = times[i] / floors[i];
        extras[i] = without ? times[i] - time_plan(without) : 0;
    }
    ret->n = n;
    ret->median = percentile(times, n, 50);
    ret->p99 = percentile(times, n, 99);
    ret->floor = percentile(floors, n, 50);
    ret->ratio = percentile(ratios, n, 50);
    ret->extra = percentile(extras, n, 50);
    return plan;
}

/* --- the grid --- */

typedef enum Mix { MIX_DEDICATED, MIX_MIXED, MIX_STEADY, N_MIXES } Mix;
static const char *const mix_names[N_MIXES] = {"dedicated", "mixed", "steady"};

/* Medians by mix, nodes and guests, of the largest host. */
typedef double Growth[N_MIXES][G_N_ELEMENTS(node_counts)][G_N_ELEMENTS(guest_counts)];

static void print_point(const GridWorld *world, Mix mix, const Timing *timing)
{
    printf("%s,%s,%u,%u,%u,%u,%u,%u,%u,%.1f", timing->n > 1 ? "point" : "cut", mix_names[mix],
           world->guests->len, world->topo->n_pus, world->topo->n_nodes, world->n_vcpus,
           timing->n_placed, timing->n_refused, timing->n, timing->median);
    if (timing->n > 1)
        printf(",%.1f,%.2f,%.1f", timing->p99, timing->floor, timing->ratio);
    printf("\n");
    fflush(stdout);
}

/* A PU for each dedicated guest, and nodes of more than a core or two. */
static bool makes_sense(unsigned n_guests, unsigned n_pus, unsigned n_nodes, bool mixed)
{
    return n_guests / (mixed ? 2 : 1) + HOUSEKEEPING_PUS <= n_pus && n_pus >= 4 * n_nodes;
}

static void run_point(unsigned guests, unsigned pus, unsigned nodes, unsigned repetitions,
                      Growth growth)
{
    unsigned n_guests = guest_counts[guests], n_pus = pu_counts[pus], n_nodes = node_counts[nodes];

    for (Mix mix = MIX_DEDICATED; mix <= MIX_MIXED; mix++) {
        Timing timing;
        if (!makes_sense(n_guests, n_pus, n_nodes, mix == MIX_MIXED))
            continue;
        g_autoptr(GridWorld) world = world_starting(n_guests, n_pus, n_nodes, mix == MIX_MIXED);
        g_autoptr(Plan) plan = measure(world, NULL, repetitions, &timing);
        print_point(world, mix, &timing);
        growth[mix][nodes][guests] = timing.median;
        if (mix != MIX_MIXED)
            continue;
        g_autoptr(GridWorld) steady = world_steady(world, plan);
        plan_unref(measure(steady, NULL, repetitions, &timing));
        print_point(steady, MIX_STEADY, &timing);
        growth[MIX_STEADY][nodes][guests] = timing.median;
    }
}

static void print_growth(Growth growth)
{
    for (Mix mix = MIX_DEDICATED; mix < N_MIXES; mix++)
        for (unsigned nodes = 0; nodes < G_N_ELEMENTS(node_counts); nodes++)
            printf("growth,%s,%u,%u,%u,%u,%.2f,%.2f\n", mix_names[mix],
                   pu_counts[G_N_ELEMENTS(pu_counts) - 1], node_counts[nodes],
                   guest_counts[GROWTH_FROM], guest_counts[GROWTH_TO],
                   growth[mix][nodes][GROWTH_TO] / growth[mix][nodes][GROWTH_FROM], GROWTH_N_LOG_N);
}

/* --- refusals --- */

typedef enum Short { SHORT_PUS, SHORT_MEMORY, SHORT_HOME, N_SHORTS } Short;

/* What the small guests leave. */
typedef struct Room {
    unsigned free_pus;
    uint64_t free_kib;
} Room;

/* What the guest asks for by cell: unequal, and too much of one thing alone. */
static void cell_size(Short kind, unsigned k, unsigned i, const Room *room, GuestCell *cell)
{
    uint64_t parts = k * (k + 1) / 2, free_gib = room->free_kib / WORLD_GIB_KIB;
    unsigned n = kind == SHORT_PUS ? room->free_pus / k + 1 + i : i == 0 ? 2 : 1;
    unsigned first = i == 0 ? 0 : hwloc_bitmap_last(cell[-1].vcpus) + 1;

    cell->id = i;
    cell->vcpus = cpuset_new_range(first, first + n - 1);
    cell->memory_kib = (i + 1) * WORLD_GIB_KIB;
    if (kind == SHORT_MEMORY)
        cell->memory_kib *= free_gib / parts + 1;
}

static Guest *impossible_guest(Short kind, unsigned k, const Room *room)
{
    static const char *const names[N_SHORTS] = {"dp", "dm", "dh"};
    GuestDef *def = guest_def_new();
    Guest *guest = guest_new("", names[kind]);

    def->n_cells = k;
    def->cells = g_new0(GuestCell, k);
    for (unsigned i = 0; i < k; i++) {
        cell_size(kind, k, i, room, &def->cells[i]);
        def->memory_kib += def->cells[i].memory_kib;
        hwloc_bitmap_or(def->vcpus, def->vcpus, def->cells[i].vcpus);
    }
    def->max_vcpus = cpuset_weight(def->vcpus);
    def->current_memory_kib = def->memory_kib;
    hwloc_bitmap_set(def->iothreads, 1);
    guest->config = def;
    guest->persistent = true;
    return guest;
}

/* A host with a guest of one vCPU on every PU but those of housekeeping. */
static GridWorld *world_full(unsigned n_pus, unsigned n_nodes)
{
    GridWorld *world = world_new(n_pus, n_nodes);

    for (unsigned i = 0; i < n_pus - HOUSEKEEPING_PUS; i++)
        world_add_new(world, 'd', i, 1);
    return world;
}

/* n_guests of a full world running; those stopped before are taken from one node after the other,
 * so that all nodes have as many free PUs. */
static GridWorld *world_thinned(const GridWorld *full, const Plan *plan, unsigned n_guests)
{
    const Topo *topo = full->topo;
    GridWorld *world = world_new(topo->n_pus, topo->n_nodes);
    g_autofree bool *stopped = g_new0(bool, full->guests->len);
    unsigned node = 0;

    for (unsigned n = full->guests->len; n > n_guests; node++)
        for (guint i = 0; i < full->guests->len; i++) {
            const Guest *guest = g_ptr_array_index(full->guests, i);
            const CpuSet *nodes = plan_find(plan, guest->uuid)->nodes;
            if (stopped[i] || !cpuset_has(nodes, node % topo->n_nodes))
                continue;
            stopped[i] = true;
            n--;
            break;
        }
    for (guint i = 0; i < full->guests->len; i++) {
        const Guest *guest = g_ptr_array_index(full->guests, i);
        const GuestPlan *before = plan_find(plan, guest->uuid);
        if (!stopped[i])
            world_add(world, guest_started(topo, guest, before), before);
    }
    return world;
}

static void run_refusal(Short kind, unsigned k, const GridWorld *without, GridWorld *with,
                        unsigned repetitions)
{
    static const char *const words[N_SHORTS] = {"PUs", "memory", "home"};
    Timing timing;

    plan_unref(measure(with, without, repetitions, &timing));
    printf("refuse,%s,%u,%u,%.1f,%.1f,%.2f,%.1f,%.1f\n", words[kind], k, timing.n, timing.median,
           timing.p99, timing.floor, timing.ratio, timing.extra);
    fflush(stdout);
    if (timing.n_refused != 1)
        fprintf(stderr, "short of %s, %u cells: not refused\n", words[kind], k);
}

static void run_refusals(unsigned repetitions)
{
    const unsigned n_guests = 1000, n_pus = 1024, n_nodes = 16;
    const Room room = {.free_pus = n_pus - HOUSEKEEPING_PUS - n_guests,
                       .free_kib = (4 * n_pus - n_guests) * WORLD_GIB_KIB};
    g_autoptr(GridWorld) full = world_full(n_pus, n_nodes);
    double usec;
    g_autoptr(Plan) plan = plan_world(full, &usec);
    g_autoptr(GridWorld) without = world_thinned(full, plan, n_guests);

    for (Short kind = SHORT_PUS; kind < N_SHORTS; kind++)
        for (unsigned k = 2; k <= 16; k *= 2) {
            g_autoptr(GridWorld) with = world_thinned(full, plan, n_guests);
            world_add(with, impossible_guest(kind, k, &room), NULL);
            run_refusal(kind, k, without, with, repetitions);
        }
}

int main(int argc, char **argv)
{
    unsigned repetitions = argc > 1 ? (unsigned)atoi(argv[1]) : DEFAULT_REPETITIONS;
    Growth growth = {0};

    if (argc > 2 || repetitions < 2) {
        fprintf(stderr, "usage: plan-grid [REPETITIONS]\n");
        return 2;
    }
    for (unsigned pus = 0; pus < G_N_ELEMENTS(pu_counts); pus++)
        for (unsigned nodes = 0; nodes < G_N_ELEMENTS(node_counts); nodes++)
            for (unsigned guests = 0; guests < G_N_ELEMENTS(guest_counts); guests++)
                run_point(guests, pus, nodes, repetitions, growth);
    print_growth(growth);
    run_refusals(repetitions);
    return 0;
}
