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
 * A line on stdout for each, times in microseconds, ratios as medians over pairs:
 *   point,MIX,GUESTS,PUS,NODES,VCPUS,PLACED,REFUSED,REPETITIONS,MEDIAN,P99,FLOOR,RATIO
 *   cut,MIX,GUESTS,PUS,NODES,VCPUS,PLACED,REFUSED,1,TIME    one plan took longer than CUT_USEC
 *   growth,MIX,PUS,NODES,GUESTS,GUESTS,TIME RATIO,N LOG N RATIO    largest host
 *
 * plan-grid [REPETITIONS]
 */
#include "common/grid-world.h"
#include "plan/plan-make.h"

#include <stdio.h>
#include <stdlib.h>

#define DEFAULT_REPETITIONS 101
/* A plan that takes longer than SLOW_USEC is repeated SLOW_REPETITIONS times, past CUT_USEC not at
 * all. */
#define SLOW_USEC 2e4
#define SLOW_REPETITIONS 11
#define CUT_USEC 2e6

/* Growth from 100 guests to 1,000: 1,000 log 1,000 / 100 log 100 = 10 x 3/2 */
#define GROWTH_FROM 1
#define GROWTH_TO 3
#define GROWTH_N_LOG_N 15.0

static const unsigned guest_counts[] = {10, 100, 300, 1000};
static const unsigned pu_counts[] = {16, 64, 256, 1024};
static const unsigned node_counts[] = {1, 4, 16};

typedef struct Timing {
    unsigned n; /* repetitions; 1: cut */
    unsigned n_placed, n_refused;
    double median, p99, floor, ratio;
} Timing;

/* --- measuring --- */

static Plan *plan_world(const GridWorld *world, double *ret_usec)
{
    PlanInput input = grid_world_input(world);
    double start = grid_now_usec();
    Plan *plan = plan_make(&input);

    *ret_usec = grid_now_usec() - start;
    return plan;
}

static double time_plan(const GridWorld *world)
{
    double usec;

    plan_unref(plan_world(world, &usec));
    return usec;
}

static void count_results(const Plan *plan, Timing *timing)
{
    for (unsigned i = 0; i < plan->n_guests; i++) {
        timing->n_placed += plan->guests[i]->result == PLAN_PLACED;
        timing->n_refused += plan->guests[i]->result == PLAN_REFUSED;
    }
}

/* The first plan, which is not counted unless it is the only one, is the caller's. */
static Plan *measure(const GridWorld *world, unsigned repetitions, Timing *ret)
{
    double first;
    Plan *plan = plan_world(world, &first);
    unsigned n = first > SLOW_USEC ? MIN(repetitions, SLOW_REPETITIONS) : repetitions;

    *ret = (Timing){.n = 1, .median = first, .p99 = first};
    count_results(plan, ret);
    if (first > CUT_USEC)
        return plan;
    g_autofree double *times = g_new(double, n);
    g_autofree double *floors = g_new(double, n);
    g_autofree double *ratios = g_new(double, n);
    for (unsigned i = 0; i < n; i++) {
        times[i] = time_plan(world);
        floors[i] = grid_world_floor_usec(world);
        ratios[i] = times[i] / floors[i];
    }
    ret->n = n;
    ret->median = grid_percentile(times, n, 50);
    ret->p99 = grid_percentile(times, n, 99);
    ret->floor = grid_percentile(floors, n, 50);
    ret->ratio = grid_percentile(ratios, n, 50);
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
    return n_guests / (mixed ? 2 : 1) + GRID_HOUSEKEEPING_PUS <= n_pus && n_pus >= 4 * n_nodes;
}

static void run_point(unsigned guests, unsigned pus, unsigned nodes, unsigned repetitions,
                      Growth growth)
{
    unsigned n_guests = guest_counts[guests], n_pus = pu_counts[pus], n_nodes = node_counts[nodes];

    for (Mix mix = MIX_DEDICATED; mix <= MIX_MIXED; mix++) {
        Timing timing;
        if (!makes_sense(n_guests, n_pus, n_nodes, mix == MIX_MIXED))
            continue;
        g_autoptr(GridWorld) world =
            grid_world_starting(n_guests, n_pus, n_nodes, mix == MIX_MIXED);
        g_autoptr(Plan) plan = measure(world, repetitions, &timing);
        print_point(world, mix, &timing);
        growth[mix][nodes][guests] = timing.median;
        if (mix != MIX_MIXED)
            continue;
        g_autoptr(GridWorld) steady = grid_world_steady(world, plan);
        plan_unref(measure(steady, repetitions, &timing));
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
    return 0;
}
