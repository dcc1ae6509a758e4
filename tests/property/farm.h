/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A host whose guests come and go: each runs as it was planned when it started, with its memory
 * where it was planned then. A fault is kept with the host as it was, and is the only one.
 */
#pragma once

#include "model/plan.h"

#define FARM_GIB_PER_VCPU 1
#define FARM_MAX_CELLS 16

typedef enum FarmThreads { FARM_PREFER, FARM_REQUIRE, FARM_ISOLATE } FarmThreads;

/* What a guest is, but for its name. */
typedef struct FarmShape {
    FarmThreads threads;
    unsigned n_vcpus;
    bool strict;                    /* numa.mode: strict; else as the guest */
    int node;                       /* numa.nodes; -1: auto */
    unsigned n_cells;               /* 0: none */
    unsigned cells[FARM_MAX_CELLS]; /* vCPUs of each; n_vcpus is their sum */
    uint64_t more_kib;              /* memory beyond FARM_GIB_PER_VCPU */
} FarmShape;

typedef struct FarmGuest {
    FarmShape shape;
    unsigned number;
    Guest *off, *guest; /* as defined; as it is now */
    GuestPolicy *policy;
    GuestPolicy *at_home; /* of one that runs: with numa.nodes where its memory is */
    GuestPlan *plan;      /* what it runs as; NULL: about to start */
} FarmGuest;

typedef struct Farm {
    Topo *topo;
    Policy *policy;
    GPtrArray *guests; /* of FarmGuest; owned */
    char *fault;       /* NULL: none so far */
} Farm;

Farm *farm_new(Topo *topo); /* takes the topo, and sets its memory: more than its guests need */
void farm_free(Farm *farm);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Farm, farm_free)
/* About to start. The number makes its name and uuid. */
FarmGuest *farm_add(Farm *farm, const FarmShape *shape, unsigned number);
void farm_remove(Farm *farm, FarmGuest *guest);
void farm_run(Farm *farm, FarmGuest *guest, const GuestPlan *plan);
/* All that are placed. */
void farm_run_all(Farm *farm, const Plan *plan);
/* Keeps what is wrong, and the host and its guests as they are. */
void farm_fail(Farm *farm, const FarmGuest *guest, const char *format, ...) G_GNUC_PRINTF(3, 4);

typedef enum FarmHow {
    FARM_AS_IT_RUNS,
    FARM_ANEW,        /* as if none ran */
    FARM_ANEW_AT_HOME /* the same, but each on the nodes its memory is on */
} FarmHow;

/* score, if not NULL: of the plan, owned by the caller. */
Plan *farm_plan(const Farm *farm, FarmHow how, unsigned max_moves, GArray **score);
uint64_t score_value(const GArray *score, const char *name); /* the sum of those of that name */
const GuestPlan *farm_find(const Plan *plan, const FarmGuest *guest);
bool plan_places_all(const Plan *plan);
/* Checks that nobody shares a PU and that who runs keeps its memory, and its PUs unless it may
 * move; the number that moved. */
unsigned farm_check(Farm *farm, const Plan *plan, bool may_move);
/* PUs a node could still give, by node index. */
void farm_rooms(const Farm *farm, unsigned *rooms);
