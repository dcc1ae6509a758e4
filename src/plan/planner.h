/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the stages of plan_make() share. Each guest has a Seat, which collects what the guest asks
 * for (survey.c), what it keeps (keep.c) and what it gets (place.c), until write.c makes its
 * GuestPlan. A Claim is one vCPU or helper class that wants a PU no other guest may run on.
 *
 * Arrays "by node" have one entry for each of topo->nodes, in that order.
 */
#pragma once

#include "base/util.h"
#include "plan/plan-make.h"

#include <inttypes.h>
#include <limits.h>

#define NO_PU UINT_MAX
#define NO_NODE UINT_MAX

/* --- memory (capacity.c) --- */

typedef struct Capacity Capacity;

/* The memory of one guest cell, or of the whole guest if it has none. */
typedef struct MemoryNeed {
    unsigned cell;
    unsigned page_kib;
    uint64_t kib;
    const CpuSet *vcpus; /* of the cell; NULL: all */
} MemoryNeed;

/* --- the guests on their way --- */

typedef enum HelperClass { HELPER_EMULATOR, HELPER_IOTHREADS, HELPER_VHOST, N_HELPERS } HelperClass;
PolicyKey helper_key(HelperClass helper);

typedef struct Claim {
    ThreadClass thread_class;
    unsigned id; /* vCPU or IOThread; 0 for emulator and vhost */
    unsigned pu; /* OS index, or NO_PU */
} Claim;

typedef struct Seat {
    const PlanGuest *in;
    const GuestDef *def;
    const GuestPlan *before; /* of a running guest that was managed; else NULL */
    CpuPolicy cpu_policy;
    ThreadPolicy threads;
    bool unmanaged;
    CpuSet *allowed, *mems; /* of its partition, within what is online */
    unsigned set;           /* number of its set of allowed CPUs, see board.h */
    CpuSet *node_list;      /* numa.nodes; NULL: auto */
    CpuSet *cpu_nodes;      /* nodes its vCPUs may go to, all with CPUs */
    CpuSet *mem_nodes;      /* nodes its memory is or must be on; NULL: those of its vCPUs */
    ClassPolicy classes[N_HELPERS];
    CpuSet *lists[N_HELPERS]; /* CLASS_LIST resolved; else NULL */
    GuestPin *pins;           /* cpu.pins resolved, by vCPU */
    unsigned n_pins;

    GArray *claims; /* of Claim: vCPUs by id, then emulator, IOThreads, vhost */
    unsigned n_vcpu_claims;
    GArray *needs; /* of MemoryNeed */

    bool moved;    /* in place, but somewhere else from now on */
    bool in_place; /* runs on PUs of its own, and keeps them */
    bool refused;
    PlanShortage shortage;
    char *reason;      /* of the refusal */
    CpuSet *exclusive; /* PUs of its claims, and siblings kept empty */
    GArray *memory;    /* of MemoryPlan */
} Seat;

/* Of guests in place: none moves, those that stand in the way do, or all that may are placed anew,
 * as far as there are moves for them. */
typedef enum PlanMoves { MOVES_NONE, MOVES_SOME, MOVES_ALL } PlanMoves;

typedef struct Planner {
    const PlanInput *input;
    const Topo *topo;
    GPtrArray *seats; /* of Seat, by name and uuid */
    CpuSet *housekeeping;
    CpuSet *pool_base; /* the pool if nobody had exclusive CPUs */
    CpuSet *off;       /* pinned by hand, or listed in the policy: dedicated guests keep off */
    CpuSet *exclusive; /* of all seats */
    Capacity *capacity;
    unsigned core_width; /* most PUs any core has */
    unsigned wide_above; /* vCPUs, see Ask.wide */
    PlanMoves moves;
    unsigned moves_left; /* guests in place that may move */
    unsigned min_gain;   /* percent of what they cost that a move must gain */
    bool consolidate;    /* moves may also serve to empty caches */
    bool core_each;      /* some guest was placed with a core for each vCPU, see board.h */
    bool squeeze;        /* cores are as if scarce, see place.c */
    bool keep_pool;      /* no guest may empty the pool, even if none seems to need it */
    DiagList *diags;
} Planner;

/* --- survey.c: what every guest asks for --- */
Planner *planner_new(const PlanInput *input, bool keep_pool);
void planner_free(Planner *planner);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Planner, planner_free)
int seat_name_compare(const Seat *a, const Seat *b); /* name, then uuid */
/* The cpu.pins entry of a vCPU; NULL: it has none. */
const CpuSet *seat_pin(const Seat *seat, unsigned vcpu);
Claim *seat_claim(const Seat *seat, unsigned i);
/* True if the policy gives the guest this word for the key. */
bool seat_word_is(const Seat *seat, PolicyKey key, const char *word);
/* The claim of that vCPU, IOThread or class; NULL: none. */
const Claim *seat_find_claim(const Seat *seat, ThreadClass thread_class, unsigned id);
CpuSet *seat_vcpu_pus(const Seat *seat); /* PUs of its vCPU claims */

/* --- candidates.c: where a guest may go --- */
void seat_choose_candidates(Planner *planner, Seat *seat);
/* The masks its definition and its threads have now, but for those that cover all it may use. */
CpuSet *seat_live_cpus(const Seat *seat);

/* --- devices.c: the host's devices a guest uses --- */
/* Of unsigned: the node (OS index) of each whose node is known; none with numa.devices: ignore.
 * Owned by the caller. */
GArray *seat_device_nodes(const Topo *topo, const Seat *seat);
/* The nodes of all its devices, if numa.devices: required holds the guest there; else NULL. */
CpuSet *seat_required_nodes(const Topo *topo, const Seat *seat);
/* Appends whether a guest with its vCPUs on these nodes is near its devices. */
void devices_explain(const Topo *topo, const Seat *seat, const CpuSet *nodes, GString *text);
/* Adds to the reason of a refusal that only the nodes of its devices counted, if it is so. */
void devices_explain_refusal(const Topo *topo, Seat *seat);

/* --- keep.c: running guests keep what they have --- */
void keep_running(Planner *planner);
/* Marks the PUs of the seat's claims, and siblings its thread policy keeps empty, as exclusive. */
void seat_take(Planner *planner, Seat *seat);
/* --- place.c --- */
/* False: with guests moved it does not work out. */
bool place_all(Planner *planner, const GPtrArray *queue);
void seat_refuse(Seat *seat, PlanShortage shortage, const char *format, ...) G_GNUC_PRINTF(3, 4);

/* --- pick.c: which PUs of a set --- */

/* PUs vCPUs may take under a thread policy: prefer: all of free; require: all of the whole cores
 * with siblings; isolate: one of each whole core. */
CpuSet *pick_usable(const Topo *topo, const CpuSet *free, ThreadPolicy threads);
/* n of usable (or all, if there are fewer): isolated before nohz_full before others, few LLCs
 * (those of near first), whole cores before broken ones. */
CpuSet *pick_vcpu_pus(const Topo *topo, const CpuSet *usable, unsigned n, const CpuSet *near,
                      ThreadPolicy threads);
/* The same for helpers, which leave isolated CPUs and whole cores to vCPUs. */
CpuSet *pick_helper_pus(const Topo *topo, const CpuSet *free, unsigned n, const CpuSet *near);
/* The most cores one last-level cache has. */
unsigned pick_llc_cores(const Topo *topo);
/* PUs of the widest core. */
unsigned pick_core_width(const Topo *topo);
/* Cores with siblings of which pus holds just one. */
unsigned pick_count_broken(const Topo *topo, const CpuSet *pus);
#define N_TIERS 3
/* 0 isolated, 1 nohz_full, 2 other */
unsigned pick_tier(const Topo *topo, unsigned pu);
/* The PUs of all cores that pus touches. */
CpuSet *pick_with_siblings(const Topo *topo, const CpuSet *pus);

/* --- pool.c --- */
CpuSet *pool_now(const Planner *planner);
/* vCPUs of this guest that float over the pool. */
unsigned seat_pool_vcpus(const Seat *seat);
unsigned pool_count_vcpus(const Planner *planner);
/* pool: pool_now(). What the guest may use of it; if that is empty, what it may use and is nobody's
 * own; if there is nothing, all it may use (*ret_empty, which may be NULL, is then true). */
CpuSet *pool_mask(const Planner *planner, const Seat *seat, const CpuSet *pool, bool *ret_empty);
/* Fewest PUs that carry so many vCPUs within the limit. */
unsigned pool_pus_needed(const Planner *planner, unsigned n_vcpus);
/* May a running guest have cpus for its own too? */
bool pool_floor_holds(const Planner *planner, const CpuSet *cpus);
/* left: PUs the pool would have if the seat's guest had its place. */
void refuse_for_floor(const Planner *planner, Seat *seat, unsigned left);
/* A refused guest has no CPU left to itself and others: the pool must be kept. */
bool pool_is_missed(const Planner *planner);
void pool_diagnose(const Planner *planner);

/* --- capacity.c --- */
Capacity *capacity_new(const Topo *topo, const Policy *policy);
void capacity_free(Capacity *capacity);
void capacity_take(Capacity *capacity, unsigned node_index, unsigned page_kib, uint64_t kib);
void capacity_give(Capacity *capacity, unsigned node_index, unsigned page_kib, uint64_t kib);
uint64_t capacity_room_kib(const Capacity *capacity, unsigned node_index, unsigned page_kib);
/* True if more was taken of the node than there is. */
bool capacity_is_over(const Capacity *capacity, unsigned node_index);
GArray *memory_needs(const Topo *topo, const GuestDef *def);
unsigned guest_page_kib(const Topo *topo, const GuestDef *def);
/* Of a running guest, where it is; of a starting one without a place, where there is room. */
void memory_hold_running(Planner *planner, Seat *seat);
void memory_hold_floating(Planner *planner, Seat *seat);

/* --- write.c, numa.c: seats -> GuestPlans --- */
Plan *plan_write(Planner *planner);
void numa_write(const Planner *planner, const Seat *seat, GuestPlan *plan);
/* Emulator, IOThreads and vhost; pool: the mask of what floats. */
void helpers_write(const Planner *planner, const Seat *seat, const CpuSet *pool, GuestPlan *plan);
char *policy_origin(const GuestPolicy *policy, PolicyKey key); /* NULL: default */
