/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Hosts full of guests, for measuring the planner: names that begin with d are dedicated, with s
 * shared. */
#pragma once

#include "model/plan.h"

#define GRID_HOUSEKEEPING_PUS 2

typedef struct GridWorld {
    Topo *topo;
    Policy *policy;
    GPtrArray *guests;   /* of Guest */
    GPtrArray *policies; /* of GuestPolicy */
    GArray *inputs;      /* of PlanGuest */
    GArray *own;         /* of unsigned: vCPUs that get a PU, by guest */
    unsigned n_vcpus;    /* of all guests */
} GridWorld;

/* A regular host with 4 GiB for each PU, and nobody on it. */
GridWorld *grid_world_new(unsigned n_pus, unsigned n_nodes);
void grid_world_free(GridWorld *world);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(GridWorld, grid_world_free)
/* The guest is the world's. before: what it has as a running guest; NULL: it is about to start. */
void grid_world_add(GridWorld *world, Guest *guest, const GuestPlan *before);
/* A guest about to start, with 1 GiB for each vCPU; kind: the first letter of its name. */
void grid_world_add_new(GridWorld *world, char kind, unsigned number, unsigned n_vcpus);
/* Guests about to start: dedicated, with 1 to 8 vCPUs each, as many as fill 85 % of the host or, if
 * they are too many, one each; mixed: every other one is shared, with 1 to 4 vCPUs. */
GridWorld *grid_world_starting(unsigned n_guests, unsigned n_pus, unsigned n_nodes, bool mixed);
/* The same guests running as planned; the plan is borrowed. */
GridWorld *grid_world_steady(const GridWorld *starting, const Plan *plan);
/* The guest after its start as planned; owned by the caller. */
Guest *grid_guest_started(const Topo *topo, const Guest *starting, const GuestPlan *plan);
PlanInput grid_world_input(const GridWorld *world);
/* The floor: a bare first fit of all vCPUs of dedicated guests over one bitmap, which fills a plain
 * array. Microseconds a pass. */
double grid_world_floor_usec(const GridWorld *world);
/* CPU time of the thread: a plan waits for nothing, and what else the machine does is left out. */
double grid_now_usec(void);
/* The least value that so many percent of all do not exceed; sorts. */
double grid_percentile(double *values, unsigned n, unsigned percent);
