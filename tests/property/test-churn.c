/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What plans are like after guests have come and gone for a long time, whether names matter, and
 * guests that are hard or impossible to place. VMTUNED_SEED and VMTUNED_COUNT (starts and stops on
 * each host) choose which; figures are printed for each host.
 */
#include "common/world.h"
#include "plan/score.h"
#include "property/farm.h"
#include "property/random-world.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEFAULT_SEED 20261
#define DEFAULT_COUNT 2000
#define DEFRAG_EVERY 200
#define MAX_MOVES 1000
#define MAX_ROUNDS 20
#define IDLE_ROUNDS 50
#define N_SHUFFLES 50
#define N_SETS 4
#define MAX_GUESTS 256
#define MAX_CELLS 16
#define N_CELL_CASES 1000 /* at most, and no more than starts and stops */
/* Of all starts, in percent, that may be refused after a defrag though they would fit anew. */
#define MAX_STUCK_PCT 1
/* Of the ten defrags on each host, that leave more splits than planning anew on the same nodes. */
#define MAX_WORSE 1

typedef struct Host {
    const char *name;
    unsigned packages, nodes, llcs, cores, threads;
} Host;

static const Host churn_hosts[] = {
    {"2 nodes, 4 LLCs of 4 cores", 1, 2, 4, 4, 1},
    {"4 nodes, 2 LLCs of 8 cores", 2, 2, 2, 8, 1},
    {"2 nodes, 4 LLCs of 4 cores, SMT-2", 1, 2, 4, 4, 2},
    {"4 nodes, 2 LLCs of 8 cores, SMT-2", 2, 2, 2, 8, 2},
};

static unsigned n_passed, n_failed;

/* Counts a case; prints what failed. */
static void report(const Farm *farm, const char *name)
{
    if (!farm->fault) {
        n_passed++;
        return;
    }
    n_failed++;
    printf("FAILED %s: %s\n", name, farm->fault);
}

static Farm *host_new(const Host *host)
{
    return farm_new(
        world_topo(host->packages, host->nodes, host->llcs, host->cores, host->threads));
}

static FarmShape random_shape(Random *random, const Topo *topo)
{
    FarmShape shape = {.n_vcpus = 1 + random_below(random, 8), .node = -1};

    shape.strict = random_chance(random, 50);
    if (topo_has_smt(topo) && random_chance(random, 30))
        shape.threads = random_chance(random, 50) ? FARM_REQUIRE : FARM_ISOLATE;
    return shape;
}

/* PUs nobody else can have. */
static unsigned shape_pus(const FarmShape *shape, const Host *host)
{
    return shape->threads == FARM_ISOLATE ? shape->n_vcpus * host->threads : shape->n_vcpus;
}

/* --- guests come and go --- */

typedef struct Splits {
    uint64_t squeezed, nodes, llcs;
} Splits;

typedef struct Churn {
    const Host *host;
    Farm *farm;
    Random random;
    unsigned percent, next;
    unsigned starts, stops, moved, most_rounds;
    unsigned refused, fit_anew, helped, stuck; /* starts; each of those before it */
    unsigned n_compared, n_worse;
    Splits before, left, least; /* of all defrags */
} Churn;

static void splits_add(Splits *splits, const GArray *score)
{
    splits->squeezed += score_value(score, "squeezed");
    splits->nodes += score_value(score, "extra_nodes");
    splits->llcs += score_value(score, "extra_llcs");
}

/* A start was refused. Had it fitted if all had been planned at once? Does a defrag help, and if
 * not, would anything that moves no memory? */
static void ask_why(Churn *churn, FarmGuest *guest)
{
    g_autoptr(Plan) anew = farm_plan(churn->farm, FARM_ANEW, 0, NULL);
    g_autoptr(Plan) defrag = farm_plan(churn->farm, FARM_AS_IT_RUNS, MAX_MOVES, NULL);
    g_autoptr(Plan) at_home = farm_plan(churn->farm, FARM_ANEW_AT_HOME, 0, NULL);
    bool helped = farm_find(defrag, guest)->result == PLAN_PLACED;

    churn->refused++;
    churn->fit_anew += plan_places_all(anew);
    churn->helped += helped;
    farm_check(churn->farm, defrag, true);
    if (!helped && plan_places_all(at_home)) {
        churn->stuck++;
        if (getenv("VMTUNED_VERBOSE")) {
            Farm copy = *churn->farm;
            copy.fault = NULL;
            farm_fail(&copy, guest, "stuck: %s", farm_find(defrag, guest)->reason);
            printf("%s", copy.fault);
            g_free(copy.fault);
        }
    }
}

static void start_one(Churn *churn, const FarmShape *shape)
{
    FarmGuest *guest = farm_add(churn->farm, shape, churn->next++);
    g_autoptr(Plan) plan = farm_plan(churn->farm, FARM_AS_IT_RUNS, 0, NULL);

    churn->starts++;
    farm_check(churn->farm, plan, false);
    if (farm_find(plan, guest)->result != PLAN_PLACED) {
        ask_why(churn, guest);
        farm_remove(churn->farm, guest);
        return;
    }
    farm_run_all(churn->farm, plan);
}

static void stop_one(Churn *churn)
{
    GPtrArray *guests = churn->farm->guests;

    farm_remove(churn->farm, g_ptr_array_index(guests, random_below(&churn->random, guests->len)));
    g_autoptr(Plan) plan = farm_plan(churn->farm, FARM_AS_IT_RUNS, 0, NULL);
    churn->stops++;
    farm_check(churn->farm, plan, false);
    farm_run_all(churn->farm, plan);
}

static void step(Churn *churn)
{
    const Farm *farm = churn->farm;
    FarmShape shape = random_shape(&churn->random, farm->topo);
    unsigned used = shape_pus(&shape, churn->host);

    for (guint i = 0; i < farm->guests->len; i++) {
        const FarmGuest *guest = g_ptr_array_index(farm->guests, i);
        used += shape_pus(&guest->shape, churn->host);
    }
    bool full = used * 100 > churn->percent * farm->topo->n_pus;
    if (farm->guests->len > 0 && (full || random_chance(&churn->random, 10)))
        stop_one(churn);
    else
        start_one(churn, &shape);
}

/* --- defrag --- */

/* Until nothing moves. */
static void defrag(Churn *churn)
{
    unsigned round = 0, n_moved = 1;

    for (; n_moved > 0 && !churn->farm->fault; round++) {
        g_autoptr(Plan) plan = farm_plan(churn->farm, FARM_AS_IT_RUNS, MAX_MOVES, NULL);
        n_moved = farm_check(churn->farm, plan, true);
        churn->moved += n_moved;
        if (n_moved > 0)
            farm_run_all(churn->farm, plan);
        if (round == MAX_ROUNDS)
            farm_fail(churn->farm, NULL, "defrag does not come to an end");
    }
    churn->most_rounds = MAX(churn->most_rounds, round - 1);
}

/* In the components that matter most, up to caches. Memory does not move: how much of it is remote
 * counts only between two plans for the same running guests. */
static int splits_compare(const GArray *a, const GArray *b, bool both_run)
{
    static const char *const names[] = {"squeezed",    "extra_nodes", "distance",
                                        "split_cells", "remote_mib",  "extra_llcs"};

    for (unsigned i = 0; i < G_N_ELEMENTS(names); i++) {
        uint64_t one = score_value(a, names[i]), two = score_value(b, names[i]);
        if (one != two && (both_run || !g_str_equal(names[i], "remote_mib")))
            return one < two ? -1 : 1;
    }
    return 0;
}

static GArray *score_as_it_runs(const Farm *farm)
{
    GArray *score = NULL;

    plan_unref(farm_plan(farm, FARM_AS_IT_RUNS, 0, &score));
    return score;
}

static void defrag_and_compare(Churn *churn)
{
    g_autoptr(GArray) before = score_as_it_runs(churn->farm), least = NULL;
    defrag(churn);
    g_autoptr(GArray) left = score_as_it_runs(churn->farm);
    g_autoptr(Plan) anew = farm_plan(churn->farm, FARM_ANEW_AT_HOME, 0, &least);

    if (splits_compare(left, before, true) > 0)
        farm_fail(churn->farm, NULL, "defrag made it worse");
    if (!plan_places_all(anew))
        return;
    churn->n_compared++;
    splits_add(&churn->before, before);
    splits_add(&churn->left, left);
    splits_add(&churn->least, least);
    if (splits_compare(left, least, false) <= 0)
        return;
    churn->n_worse++;
    if (getenv("VMTUNED_VERBOSE")) {
        Farm copy = *churn->farm;
        copy.fault = NULL;
        farm_fail(&copy, NULL, "worse than anew");
        printf("%s", copy.fault);
        g_free(copy.fault);
        for (unsigned i = 0; i < anew->n_guests; i++)
            printf("    anew %s\n", anew->guests[i]->reason);
    }
}

/* Nothing is done on a host where nothing happens. */
static void check_idle(Churn *churn)
{
    for (unsigned i = 0; i < IDLE_ROUNDS && !churn->farm->fault; i++) {
        g_autoptr(Plan) plan =
            farm_plan(churn->farm, FARM_AS_IT_RUNS, i % 2 == 0 ? MAX_MOVES : 0, NULL);
        if (farm_check(churn->farm, plan, true) > 0)
            farm_fail(churn->farm, NULL, "idle, and yet somebody moves");
        for (unsigned j = 0; j < plan->n_guests; j++) {
            const FarmGuest *guest = g_ptr_array_index(churn->farm->guests, j);
            if (!guest_plan_equal(farm_find(plan, guest), guest->plan))
                farm_fail(churn->farm, guest, "idle, and yet its plan is another");
        }
        farm_run_all(churn->farm, plan);
    }
}

static void check_totals(Churn *churn)
{
    if (churn->n_worse > MAX_WORSE)
        farm_fail(churn->farm, NULL, "%u of %u defrags leave more than planning anew",
                  churn->n_worse, churn->n_compared);
    if (churn->stuck * 100 > churn->starts * MAX_STUCK_PCT)
        farm_fail(churn->farm, NULL, "%u of %u starts stay refused after a defrag", churn->stuck,
                  churn->starts);
}

static void churn_print(const Churn *churn)
{
    printf("%s, %u %%: %u starts, %u stops; %u refused, %u of them fit anew; defrag first: %u "
           "placed, %u stuck; %u defrags: %u moves, at most %u rounds, %u worse than anew\n",
           churn->host->name, churn->percent, churn->starts, churn->stops, churn->refused,
           churn->fit_anew, churn->helped, churn->stuck, churn->n_compared, churn->moved,
           churn->most_rounds, churn->n_worse);
    printf("    before/left/least: squeezed %" PRIu64 "/%" PRIu64 "/%" PRIu64
           ", extra nodes %" PRIu64 "/%" PRIu64 "/%" PRIu64 ", extra caches %" PRIu64 "/%" PRIu64
           "/%" PRIu64 "\n",
           churn->before.squeezed, churn->left.squeezed, churn->least.squeezed, churn->before.nodes,
           churn->left.nodes, churn->least.nodes, churn->before.llcs, churn->left.llcs,
           churn->least.llcs);
}

static void test_churn(const Host *host, unsigned percent, uint64_t seed, uint64_t count)
{
    g_autoptr(Farm) farm = host_new(host);
    Churn churn = {
        .host = host, .farm = farm, .random = {.state = seed + percent}, .percent = percent};

    for (uint64_t i = 1; i <= count && !farm->fault; i++) {
        step(&churn);
        if (i % DEFRAG_EVERY == 0 || i == count)
            defrag_and_compare(&churn);
    }
    check_idle(&churn);
    check_totals(&churn);
    churn_print(&churn);
    report(farm, host->name);
}

/* --- names do not matter --- */

static GArray *score_named(Farm *farm, const FarmShape *shapes, const unsigned *numbers, unsigned n)
{
    GArray *score = NULL;

    g_ptr_array_set_size(farm->guests, 0);
    for (unsigned i = 0; i < n; i++)
        farm_add(farm, &shapes[i], numbers[i]);
    g_autoptr(Plan) plan = farm_plan(farm, FARM_AS_IT_RUNS, 0, &score);
    farm_check(farm, plan, false);
    return score;
}

/* NULL: none up to extra_llcs. */
static const ScoreItem *first_difference(const GArray *a, const GArray *b)
{
    for (guint i = 0; i < MIN(a->len, b->len); i++) {
        const ScoreItem *one = &g_array_index(a, ScoreItem, i);
        const ScoreItem *two = &g_array_index(b, ScoreItem, i);
        if (one->value != two->value)
            return one;
        if (g_str_equal(one->name, "extra_llcs"))
            return NULL;
    }
    return NULL;
}

static void shuffle(Random *random, unsigned *numbers, unsigned n)
{
    for (unsigned i = n; i > 1; i--) {
        unsigned j = random_below(random, i), number = numbers[i - 1];
        numbers[i - 1] = numbers[j];
        numbers[j] = number;
    }
}

static unsigned random_set(Random *random, const Host *host, unsigned percent, FarmShape *shapes)
{
    g_autoptr(Farm) farm = host_new(host);
    unsigned n = 0, used = 0;

    for (unsigned tries = 0; tries < 10 && n < MAX_GUESTS; tries++) {
        shapes[n] = random_shape(random, farm->topo);
        unsigned pus = shape_pus(&shapes[n], host);
        if ((used + pus) * 100 > percent * farm->topo->n_pus)
            continue;
        used += pus;
        n++;
        tries = 0;
    }
    return n;
}

static void test_names(const Host *host, unsigned percent, uint64_t seed)
{
    Random random = {.state = seed};
    FarmShape shapes[MAX_GUESTS];
    unsigned numbers[MAX_GUESTS], n = random_set(&random, host, percent, shapes), n_other = 0;
    g_autoptr(Farm) farm = host_new(host);

    for (unsigned i = 0; i < n; i++)
        numbers[i] = i;
    g_autoptr(GArray) first = score_named(farm, shapes, numbers, n);
    for (unsigned i = 0; i < N_SHUFFLES; i++) {
        shuffle(&random, numbers, n);
        g_autoptr(GArray) score = score_named(farm, shapes, numbers, n);
        const ScoreItem *item = first_difference(score, first);
        if (!item)
            continue;
        n_other++;
        farm_fail(farm, NULL, "with other names %s is %" PRIu64 ", not %" PRIu64, item->name,
                  item->value, score_value(first, item->name));
    }
    if (n_other > 0)
        printf("%s, %u %%: %u of %u orders of %u guests have another score\n", host->name, percent,
               n_other, N_SHUFFLES, n);
    report(farm, host->name);
}

/* --- hard and impossible guests --- */

/* A running guest on each node, which leaves just these rooms. False: some room is larger than the
 * node. */
static void occupy(Farm *farm, const unsigned *rooms)
{
    g_autofree unsigned *have = g_new0(unsigned, farm->topo->n_nodes);

    farm_rooms(farm, have);
    for (unsigned i = 0; i < farm->topo->n_nodes; i++) {
        FarmShape shape = {.n_vcpus = have[i] - rooms[i], .node = (int)i};
        if (shape.n_vcpus > 0)
            farm_add(farm, &shape, i);
    }
    g_autoptr(Plan) plan = farm_plan(farm, FARM_AS_IT_RUNS, 0, NULL);
    if (!plan_places_all(plan))
        farm_fail(farm, NULL, "a guest that fits its node is refused");
    else
        farm_run_all(farm, plan);
}

static unsigned sum_of(const unsigned *numbers, unsigned n)
{
    unsigned sum = 0;

    for (unsigned i = 0; i < n; i++)
        sum += numbers[i];
    return sum;
}

static uint64_t split_cells_after(Farm *farm, const FarmShape *shape, const Plan *plan)
{
    uint64_t n = 0;
    const GuestPlan *guest =
        farm_find(plan, g_ptr_array_index(farm->guests, farm->guests->len - 1));

    for (unsigned cell = 0, first = 0; cell < shape->n_cells; first += shape->cells[cell++]) {
        g_autoptr(CpuSet) cpus = cpuset_new();
        for (unsigned i = first; i < first + shape->cells[cell]; i++)
            hwloc_bitmap_or(cpus, cpus, guest->vcpus[i].cpus);
        g_autoptr(CpuSet) nodes = topo_nodes_of(farm->topo, cpus);
        n += cpuset_weight(nodes) > 1;
    }
    return n;
}

static void expect_refused(Farm *farm, const GuestPlan *plan, const char *resource, uint64_t amount)
{
    const FarmGuest *guest = g_ptr_array_index(farm->guests, farm->guests->len - 1);
    g_autofree char *short_of = g_strdup_printf(": %" PRIu64 " ", amount);

    if (plan->result != PLAN_REFUSED)
        farm_fail(farm, guest, "is placed though there is no room");
    else if (g_strcmp0(plan->shortage.resource, resource) != 0 || plan->shortage.amount != amount ||
             !strstr(plan->reason, short_of))
        farm_fail(farm, guest, "lacks %" PRIu64 " of %s, the plan says: %s", amount, resource,
                  plan->reason);
}

typedef enum HardCase {
    HARD_NO_PUS,
    HARD_NO_MEMORY,
    HARD_EXACT,
    HARD_SLACK,
    N_HARD_CASES
} HardCase;

/* k nodes have room for one cell each, and just that; the others have none, or less than the
 * smallest cell. */
static void hard_rooms(Random *random, HardCase hard, FarmShape *shape, unsigned k, unsigned *rooms)
{
    unsigned order[16];

    shape->n_cells = k;
    for (unsigned i = 0; i < 16; i++) {
        order[i] = i;
        rooms[i] = hard == HARD_SLACK ? random_below(random, 4) : 0;
    }
    shuffle(random, order, 16);
    for (unsigned i = 0; i < k; i++) {
        rooms[order[i]] = shape->cells[i] = 4 + random_below(random, 16);
        shape->n_vcpus += shape->cells[i];
    }
    shuffle(random, shape->cells, k);
}

static void test_hard(HardCase hard, unsigned k, uint64_t seed)
{
    g_autoptr(Farm) farm = farm_new(world_topo(2, 8, 4, 8, 2));
    Random random = {.state = seed};
    FarmShape shape = {.node = -1};
    unsigned rooms[16];

    hard_rooms(&random, hard, &shape, k, rooms);
    unsigned total = sum_of(rooms, 16), lack = 1 + random_below(&random, 3);
    if (hard == HARD_NO_PUS) {
        shape.cells[0] += lack;
        shape.n_vcpus += lack;
    }
    occupy(farm, rooms);
    if (hard == HARD_NO_MEMORY) /* nodes have twice the memory that all CPUs of the host need */
        shape.more_kib = 40 * WORLD_GIB_KIB * farm->topo->n_pus;
    FarmGuest *guest = farm_add(farm, &shape, 100);
    g_autoptr(Plan) plan = farm_plan(farm, FARM_AS_IT_RUNS, 0, NULL);
    const GuestPlan *now = farm_find(plan, guest);
    farm_check(farm, plan, false);
    uint64_t memory = 2 * 16 * (uint64_t)farm->topo->n_pus;
    uint64_t need = 40 * (uint64_t)farm->topo->n_pus + shape.n_vcpus + (1024 - 2 - total);
    if (hard == HARD_NO_PUS)
        expect_refused(farm, now, "PUs", lack);
    else if (hard == HARD_NO_MEMORY)
        expect_refused(farm, now, "memory", (need - memory) * 1024);
    else if (now->result != PLAN_PLACED)
        farm_fail(farm, guest, "is refused: %s", now->reason);
    else if (split_cells_after(farm, &shape, plan) > 0)
        farm_fail(farm, guest, "cells are split though each fits a node: %s", now->reason);
    report(farm, "cells");
}

/* --- cells against all ways there are --- */

typedef struct Best {
    unsigned n_nodes, distance; /* the fewest nodes with room for all, and the nearest of those */
    bool whole;                 /* some of them hold all cells whole */
} Best;

static unsigned set_distance(const Topo *topo, unsigned set)
{
    unsigned distance = 0;

    for (unsigned a = 0; a < topo->n_nodes; a++)
        for (unsigned b = a + 1; b < topo->n_nodes; b++)
            if ((set >> a & 1) && (set >> b & 1))
                distance += topo_distance(topo, a, b);
    return distance;
}

static bool holds_whole(const unsigned *rooms, unsigned n_nodes, unsigned set,
                        const FarmShape *shape)
{
    unsigned n_ways = 1;

    for (unsigned i = 0; i < shape->n_cells; i++)
        n_ways *= n_nodes;
    for (unsigned way = 0; way < n_ways; way++) {
        unsigned used[4] = {0}, left = way;
        bool fits = true;
        for (unsigned i = 0; i < shape->n_cells; i++, left /= n_nodes)
            used[left % n_nodes] += shape->cells[i];
        for (unsigned i = 0; i < n_nodes; i++)
            fits = fits && used[i] <= ((set >> i & 1) ? rooms[i] : 0);
        if (fits)
            return true;
    }
    return false;
}

static Best find_best(const Topo *topo, const unsigned *rooms, const FarmShape *shape)
{
    Best best = {0};

    for (unsigned set = 1; set < 1u << topo->n_nodes; set++) {
        unsigned n = (unsigned)__builtin_popcount(set), room = 0;
        for (unsigned i = 0; i < topo->n_nodes; i++)
            room += (set >> i & 1) ? rooms[i] : 0;
        if (room < shape->n_vcpus)
            continue;
        Best it = {n, set_distance(topo, set), holds_whole(rooms, topo->n_nodes, set, shape)};
        if (best.n_nodes > 0 && it.n_nodes == best.n_nodes && it.distance == best.distance)
            best.whole |= it.whole;
        else if (best.n_nodes == 0 || it.n_nodes < best.n_nodes ||
                 (it.n_nodes == best.n_nodes && it.distance < best.distance))
            best = it;
    }
    return best;
}

static void check_cells(Farm *farm, const unsigned *rooms, const FarmShape *shape)
{
    FarmGuest *guest = farm_add(farm, shape, 100);
    g_autoptr(Plan) plan = farm_plan(farm, FARM_AS_IT_RUNS, 0, NULL);
    const GuestPlan *now = farm_find(plan, guest);
    Best best = find_best(farm->topo, rooms, shape);

    farm_check(farm, plan, false);
    if (best.n_nodes == 0) {
        expect_refused(farm, now, "PUs", shape->n_vcpus - sum_of(rooms, farm->topo->n_nodes));
        return;
    }
    if (now->result != PLAN_PLACED) {
        farm_fail(farm, guest, "is refused: %s", now->reason);
        return;
    }
    g_autoptr(CpuSet) nodes = topo_nodes_of(farm->topo, now->exclusive);
    unsigned set = (unsigned)hwloc_bitmap_to_ulong(nodes);
    if (cpuset_weight(nodes) != best.n_nodes || set_distance(farm->topo, set) != best.distance)
        farm_fail(farm, guest, "%u nodes would do: %s", best.n_nodes, now->reason);
    else if (best.whole && split_cells_after(farm, shape, plan) > 0)
        farm_fail(farm, guest, "cells are split, and need not be: %s", now->reason);
}

/* One thread a core: with siblings, nodes are not all that matters. */
static void test_cells(uint64_t seed)
{
    Random random = {.state = seed};
    unsigned packages = 1 + random_below(&random, 2), rooms[4];
    g_autoptr(Farm) farm = farm_new(world_topo(packages, 1 + random_below(&random, 4 / packages),
                                               1 + random_below(&random, 2), 8, 1));
    FarmShape shape = {.node = -1, .n_cells = 2 + random_below(&random, 3)};

    farm_rooms(farm, rooms);
    for (unsigned i = 0; i < farm->topo->n_nodes; i++)
        rooms[i] = random_below(&random, rooms[i] + 1);
    for (unsigned i = 0; i < shape.n_cells; i++)
        shape.n_vcpus += shape.cells[i] = 1 + random_below(&random, 8);
    occupy(farm, rooms);
    if (!farm->fault)
        check_cells(farm, rooms, &shape);
    report(farm, "cells, all ways");
}

int main(void)
{
    static const unsigned percents[] = {70, 85, 95};
    uint64_t seed = environment_number("VMTUNED_SEED", DEFAULT_SEED);
    uint64_t count = environment_number("VMTUNED_COUNT", DEFAULT_COUNT);

    printf("VMTUNED_SEED=%" PRIu64 " VMTUNED_COUNT=%" PRIu64 "\n", seed, count);
    for (unsigned i = 0; i < G_N_ELEMENTS(churn_hosts); i++)
        for (unsigned j = 0; j < G_N_ELEMENTS(percents); j++) {
            test_churn(&churn_hosts[i], percents[j], seed, count);
            for (unsigned k = 0; k < (count < DEFAULT_COUNT ? 1 : N_SETS); k++)
                test_names(&churn_hosts[i], percents[j], seed + k);
        }
    for (HardCase hard = 0; hard < N_HARD_CASES; hard++)
        for (unsigned k = 2; k <= MAX_CELLS; k++)
            test_hard(hard, k, seed + k);
    for (unsigned i = 0; i < MIN(N_CELL_CASES, count); i++)
        test_cells(seed + i);
    printf("%u passed, %u failed\n", n_passed, n_failed);
    return n_passed > 0 && n_failed == 0 ? 0 : 1;
}
