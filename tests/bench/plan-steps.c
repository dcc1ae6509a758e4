/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Planning that goes on, on a host full of running guests: one guest starts, stops, is refused for
 * its memory, is carried out as planned or looked at again, and nobody else changes. Beside it
 * plan_make() of all guests, and the floor of plan-grid. On hosts of
 *
 *   dedicated  dedicated guests alone
 *   mixed      every other guest shared, so that its CPUs follow the pool
 *   small      dedicated guests of one vCPU that leave one or two PUs free on each node, where a
 *              guest of many unequal cells is short of PUs, of memory, or of a node for its helpers
 *
 * A line on stdout for each, times in microseconds; WRITTEN: plans written anew:
 *   step,MIX,GUESTS,PUS,NODES,WHAT,REPETITIONS,WRITTEN,MEDIAN,P99,WHOLE,FLOOR
 *   memory,GUESTS,PUS,NODES,TRIED,ALLOCATIONS,OF THE SEARCH    of one plan: candidates tried, calls
 *                                                              of malloc() and the like
 *
 * plan-steps [REPETITIONS]
 */
#include "common/grid-world.h"
#include "common/fake-guest.h"
#include "common/world.h"
#include "plan/board.h"
#include "plan/planning.h"

#include <stdio.h>
#include <stdlib.h>

#define DEFAULT_REPETITIONS 1001
#define WHOLE_REPETITIONS 11
#define NEW_VCPUS 2
#define N_PUS 1024

static const unsigned guest_counts[] = {100, 300, 1000};
static const unsigned node_counts[] = {1, 4, 16};

/* --- calls of malloc() --- */

static uint64_t n_allocations;

extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t n, size_t size);
extern void *__libc_realloc(void *memory, size_t size);

void *malloc(size_t size)
{
    n_allocations++;
    return __libc_malloc(size);
}

void *calloc(size_t n, size_t size)
{
    n_allocations++;
    return __libc_calloc(n, size);
}

void *realloc(void *memory, size_t size)
{
    n_allocations++;
    return __libc_realloc(memory, size);
}

/* --- a host and what is planned for it --- */

typedef struct Stage {
    const char *mix;
    GridWorld *world;
    Planning *planning;
    unsigned repetitions;
    double whole, floor;
} Stage;

static const PlanGuest *world_input(const GridWorld *world, guint i)
{
    return &g_array_index(world->inputs, PlanGuest, i);
}

/* All guests of the world are in place and carried out as planned. */
static Planning *planning_of(const GridWorld *world)
{
    Planning *planning = planning_new(world->topo, world->policy);

    for (guint i = 0; i < world->inputs->len; i++)
        planning_set(planning, world_input(world, i));
    planning_update(planning);
    return planning;
}

static double whole_usec(const GridWorld *world)
{
    double times[WHOLE_REPETITIONS];
    PlanInput input = grid_world_input(world);

    for (unsigned i = 0; i < WHOLE_REPETITIONS; i++) {
        double start = grid_now_usec();
        plan_unref(plan_make(&input));
        times[i] = grid_now_usec() - start;
    }
    return grid_percentile(times, WHOLE_REPETITIONS, 50);
}

static Stage stage_new(const char *mix, GridWorld *world, unsigned repetitions)
{
    return (Stage){.mix = mix,
                   .world = world,
                   .planning = planning_of(world),
                   .repetitions = repetitions,
                   .whole = whole_usec(world),
                   .floor = grid_world_floor_usec(world)};
}

static void stage_clear(Stage *stage)
{
    planning_free(stage->planning);
}

static void report(const Stage *stage, const char *what, unsigned n_written, double *times)
{
    const Topo *topo = stage->world->topo;

    printf("step,%s,%u,%u,%u,%s,%u,%u,%.1f,%.1f,%.0f,%.2f\n", stage->mix, stage->world->guests->len,
           topo->n_pus, topo->n_nodes, what, stage->repetitions, n_written,
           grid_percentile(times, stage->repetitions, 50),
           grid_percentile(times, stage->repetitions, 99), stage->whole, stage->floor);
    fflush(stdout);
}

/* --- steps --- */

static unsigned update(const Stage *stage, double start, double *ret_usec)
{
    unsigned n = planning_update(stage->planning);

    *ret_usec = grid_now_usec() - start;
    return n;
}

/* Comes and goes; stops: NULL if going is not told. */
static void come_and_go(const Stage *stage, const PlanGuest *guest, PlanResult result,
                        const char *starts, const char *stops)
{
    g_autofree double *come = g_new(double, stage->repetitions);
    g_autofree double *go = g_new(double, stage->repetitions);
    unsigned whole = planning_count_whole(stage->planning), n_come = 0, n_go = 0;

    for (unsigned i = 0; i < stage->repetitions; i++) {
        double start = grid_now_usec();
        planning_set(stage->planning, guest);
        n_come = update(stage, start, &come[i]);
        g_autoptr(Plan) plan = i == 0 ? planning_plan(stage->planning) : NULL;
        if (plan && plan_find(plan, guest->guest->uuid)->result != result)
            fprintf(stderr, "%s: %s\n", starts, plan_find(plan, guest->guest->uuid)->reason);
        start = grid_now_usec();
        planning_remove(stage->planning, guest->guest->uuid);
        n_go = update(stage, start, &go[i]);
    }
    if (planning_count_whole(stage->planning) != whole)
        fprintf(stderr, "%s: planned as a whole\n", starts);
    report(stage, starts, n_come, come);
    if (stops)
        report(stage, stops, n_go, go);
}

static void run_new(const Stage *stage, const char *name, uint64_t memory_kib, PlanResult result,
                    const char *starts, const char *stops)
{
    g_autoptr(GridWorld) more = grid_world_new(N_PUS, stage->world->topo->n_nodes);

    grid_world_add(more, world_guest(name, 9999, NEW_VCPUS, memory_kib, false), NULL);
    come_and_go(stage, world_input(more, 0), result, starts, stops);
}

/* A guest that runs as planned: it is told so, or is looked at again and found as it was. */
static void run_same(const Stage *stage, bool looked_at)
{
    g_autofree double *times = g_new(double, stage->repetitions);
    g_autoptr(Plan) plan = planning_plan(stage->planning);
    unsigned n_written = 0;

    for (unsigned i = 0; i < stage->repetitions; i++) {
        PlanGuest guest = *world_input(stage->world, i % stage->world->inputs->len);
        g_autoptr(Guest) copy = guest_copy(guest.guest);
        guest.before = looked_at ? guest.before : plan_find(plan, guest.guest->uuid);
        guest.guest = looked_at ? copy : guest.guest;
        double start = grid_now_usec();
        planning_set(stage->planning, &guest);
        n_written = update(stage, start, &times[i]);
    }
    report(stage, looked_at ? "looked at" : "carried out", n_written, times);
}

static void run_steps(bool mixed, unsigned n_guests, unsigned n_nodes, unsigned repetitions)
{
    g_autoptr(GridWorld) starting = grid_world_starting(n_guests, N_PUS, n_nodes, mixed);
    PlanInput input = grid_world_input(starting);
    g_autoptr(Plan) plan = plan_make(&input);
    g_autoptr(GridWorld) world = grid_world_steady(starting, plan);
    Stage stage = stage_new(mixed ? "mixed" : "dedicated", world, repetitions);

    run_new(&stage, "d9999", WORLD_GIB_KIB, PLAN_PLACED, "starts", "stops");
    run_new(&stage, "d9999", 4 * N_PUS * WORLD_GIB_KIB, PLAN_REFUSED, "refused", NULL);
    if (mixed)
        run_new(&stage, "s9999", WORLD_GIB_KIB, PLAN_PLACED, "shared starts", "shared stops");
    run_same(&stage, false);
    run_same(&stage, true);
    stage_clear(&stage);
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
    GridWorld *world = grid_world_new(n_pus, n_nodes);

    for (unsigned i = 0; i < n_pus - GRID_HOUSEKEEPING_PUS; i++)
        grid_world_add_new(world, 'd', i, 1);
    return world;
}

/* n_guests of a full world running; those stopped before are taken from one node after the other,
 * so that all nodes have as many free PUs. */
static GridWorld *world_thinned(const GridWorld *full, const Plan *plan, unsigned n_guests)
{
    const Topo *topo = full->topo;
    GridWorld *world = grid_world_new(topo->n_pus, topo->n_nodes);
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
            grid_world_add(world, grid_guest_started(topo, guest, before), before);
    }
    return world;
}

static void run_refusals(unsigned repetitions)
{
    static const char *const words[N_SHORTS] = {"PUs", "memory", "home"};
    const unsigned n_guests = 1000, n_nodes = 16;
    const Room room = {.free_pus = N_PUS - GRID_HOUSEKEEPING_PUS - n_guests,
                       .free_kib = (4 * N_PUS - n_guests) * WORLD_GIB_KIB};
    g_autoptr(GridWorld) full = world_full(N_PUS, n_nodes);
    PlanInput input = grid_world_input(full);
    g_autoptr(Plan) plan = plan_make(&input);
    g_autoptr(GridWorld) world = world_thinned(full, plan, n_guests);
    Stage stage = stage_new("small", world, repetitions);

    for (Short kind = SHORT_PUS; kind < N_SHORTS; kind++)
        for (unsigned k = 2; k <= 16; k *= 2) {
            g_autoptr(GridWorld) more = grid_world_new(N_PUS, n_nodes);
            g_autofree char *what = g_strdup_printf("short of %s (%u cells)", words[kind], k);
            grid_world_add(more, impossible_guest(kind, k, &room), NULL);
            come_and_go(&stage, world_input(more, 0), PLAN_REFUSED, what, NULL);
        }
    stage_clear(&stage);
}

/* --- memory --- */

/* A plan of guests that are about to start. The search is what is between the surveyed guests and
 * their plans. */
static void run_memory(unsigned n_guests, unsigned n_pus, unsigned n_nodes)
{
    g_autoptr(GridWorld) world = grid_world_starting(n_guests, n_pus, n_nodes, false);
    PlanInput input = grid_world_input(world);
    uint64_t before = n_allocations;
    g_autoptr(Planner) planner = planner_new(&input);
    uint64_t surveyed = n_allocations;

    planner_settle(planner);
    if (!planner_place(planner, planner->seats))
        abort();
    uint64_t placed = n_allocations;
    planner_write(planner, planner->seats);
    printf("memory,%u,%u,%u,%" PRIu64 ",%" PRIu64 ",%" PRIu64 "\n", n_guests, n_pus, n_nodes,
           planner->finder->n_tries, n_allocations - before, placed - surveyed);
}

int main(int argc, char **argv)
{
    unsigned repetitions = argc > 1 ? (unsigned)atoi(argv[1]) : DEFAULT_REPETITIONS;

    if (argc > 2 || repetitions < 2) {
        fprintf(stderr, "usage: plan-steps [REPETITIONS]\n");
        return 2;
    }
    for (unsigned mixed = 0; mixed < 2; mixed++)
        for (unsigned nodes = 0; nodes < G_N_ELEMENTS(node_counts); nodes++)
            for (unsigned guests = 0; guests < G_N_ELEMENTS(guest_counts); guests++)
                run_steps(mixed > 0, guest_counts[guests], node_counts[nodes], repetitions);
    run_refusals(repetitions);
    run_memory(1000, N_PUS, 16);
    run_memory(10, 64, 16);
    return 0;
}
