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
    const CpuSet *nodes; /* where its definition puts the cell; NULL: nowhere */
    bool strict;         /* and nowhere else */
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
    PlanGuest guest;     /* referenced */
    const PlanGuest *in; /* the same */
    const GuestDef *def;
    const GuestPlan *before; /* of a running guest that was managed; else NULL */
    CpuPolicy cpu_policy;
    ThreadPolicy threads;
    bool unmanaged;
    CpuSet *allowed, *mems; /* of its cgroup and partition, within what is online */
    unsigned set;           /* number of its set of allowed CPUs, see board.h */
    CpuSet *node_list;      /* numa.nodes; NULL: auto */
    CpuSet *cpu_nodes;      /* nodes its vCPUs may go to, all with CPUs */
    CpuSet *mem_nodes;      /* nodes its memory is or must be on; NULL: those of its vCPUs */
    bool starts;            /* its memory is nowhere yet: about to start, or just started */
    ClassPolicy classes[N_HELPERS];
    CpuSet *lists[N_HELPERS]; /* CLASS_LIST resolved; else NULL */
    GuestPin *pins;           /* cpu.pins resolved, by vCPU */
    unsigned n_pins;

    GArray *claims; /* of Claim: vCPUs by id, then emulator, IOThreads, vhost */
    unsigned n_vcpu_claims;
    GArray *needs; /* of MemoryNeed */

    bool moved;    /* in place, but somewhere else from now on */
    bool in_place; /* runs on PUs of its own, and keeps them */
    bool open;     /* was so when it was its turn, see seat_is_open(): planned anew each time */
    bool refused;
    PlanShortage shortage;
    char *reason;      /* of the refusal */
    CpuSet *exclusive; /* PUs of its claims, and siblings kept empty */
    bool taken;        /* on the board exclusive is taken, PU by PU */
    GArray *memory;    /* of MemoryPlan: what it holds */
    DiagList *diags;

    /* index of a node, or NO_NODE; see home.c */
    unsigned had;      /* home of a running guest up to now */
    unsigned wish;     /* where its floating vCPUs belong */
    unsigned home;     /* where they are */
    unsigned n_wished; /* vCPUs counted in Planner.wished */

    /* as written */
    GuestPlan *plan;  /* NULL: not yet */
    guint n_diags;    /* those that are not of writing */
    uint64_t written; /* Planner.n_writes at that time */
    unsigned watch;   /* index of a node: its plan depends on the pool there; else WATCH_… */
    CpuSet *reach;    /* CPUs it may run on that are or may become another's own; NULL: none */
} Seat;

#define WATCH_POOL(topo) ((topo)->n_nodes)      /* on all of the pool */
#define WATCH_OWNED(topo) ((topo)->n_nodes + 1) /* on all CPUs that are somebody's own */
#define WATCH_LISTS(topo) ((topo)->n_nodes + 2)
#define WATCH_NOTHING UINT_MAX

/* Of guests in place: none moves, those that stand in the way do, or all that may are placed anew,
 * as far as there are moves for them. */
typedef enum PlanMoves { MOVES_NONE, MOVES_SOME, MOVES_ALL } PlanMoves;

typedef struct Planner {
    const Topo *topo;
    const Policy *policy;
    GPtrArray *seats;          /* of Seat, by name and uuid */
    CpuSet *nodes, *cpu_nodes; /* of the host; those with CPUs */
    CpuSet *housekeeping;
    CpuSet *pool_base; /* the pool if nobody had exclusive CPUs */
    CpuSet *off;       /* pinned by hand, or listed in the policy: dedicated guests keep off */
    unsigned *n_off;   /* guests that keep others off, by OS index up to that of the last PU */
    CpuSet *exclusive; /* of all seats */
    CpuSet *pool;      /* as last written */
    CpuSet *owned;     /* exclusive, as last written */
    Capacity *capacity;
    struct Board *board; /* with all guests in place on it */
    struct Finder *finder;
    unsigned *wished;    /* by node: floating vCPUs that belong there */
    GArray *floats;      /* of guests that have a wish, see home.c */
    unsigned core_width; /* most PUs any core has */
    unsigned wide_above; /* vCPUs, see Ask.wide */
    PlanMoves moves;
    unsigned moves_left; /* guests in place that may move */
    unsigned min_gain;   /* percent of what they cost that a move must gain */
    bool consolidate;    /* moves may also serve to empty caches */
    bool core_each;      /* some guest was placed with a core for each vCPU, see board.h */
    bool squeeze;        /* cores are as if scarce, see place.c */
    bool keep_pool;      /* no guest may empty the pool, even if none seems to need it */
    DiagList *diags;     /* on the host */

    uint64_t n_writes;
    unsigned n_written;   /* seats, the last time */
    GPtrArray **watchers; /* of Seat, by Seat.watch */
    GPtrArray *strays;    /* of Seat: those that have a reach */
    CpuSet *strayed;      /* CPUs that came into a seat's reach or left it since the last time */
    bool *over;           /* by node: as last written, see capacity_is_over() */
    struct {
        CpuSet *cpus, *nodes, *llcs;
    } where; /* of the CPUs looked up last: many guests float over the same */
} Planner;

/* --- plan-make.c --- */
/* The best of all ways to plan, written. */
Planner *planner_make(const PlanInput *input);
/* Places for these seats, beside all others. False: see place_all(). */
bool planner_place(Planner *planner, const GPtrArray *fresh);
/* From now on one way: nobody moves, as at first. */
void planner_settle(Planner *planner);
/* Places for these seats, just added. False: that does not do, all must be planned as a whole. */
bool planner_place_more(Planner *planner, const GPtrArray *fresh);

/* --- survey.c: what every guest asks for --- */
/* All guests surveyed, nobody placed. What the input's guests point to is referenced. */
Planner *planner_new(const PlanInput *input);
void planner_free(Planner *planner);
/* One more guest, surveyed. Its set is UINT_MAX if the board does not know the CPUs it is allowed.
 */
Seat *planner_add(Planner *planner, const PlanGuest *guest);
/* The seat goes, with all it holds. */
void planner_drop(Planner *planner, Seat *seat);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Planner, planner_free)
int seat_name_compare(const Seat *a, const Seat *b);        /* name, then uuid */
int seat_pointer_compare(gconstpointer a, gconstpointer b); /* the same, of Seat ** */
/* The cpu.pins entry of a vCPU; NULL: it has none. */
const CpuSet *seat_pin(const Seat *seat, unsigned vcpu);
Claim *seat_claim(const Seat *seat, unsigned i);
/* True if the policy gives the guest this word for the key. */
bool seat_word_is(const Seat *seat, PolicyKey key, const char *word);
/* The claim of that vCPU, IOThread or class; NULL: none. */
const Claim *seat_find_claim(const Seat *seat, ThreadClass thread_class, unsigned id);
CpuSet *seat_vcpu_pus(const Seat *seat); /* PUs of its vCPU claims */

/* Index into topo->nodes; NO_NODE: there is none. */
unsigned index_of_node(const Topo *topo, unsigned os_index);

/* --- candidates.c: where a guest may go --- */
void seat_choose_candidates(const Planner *planner, Seat *seat);
/* Those of the nodes that have CPUs; if none has, the nearest to them that do. */
/* A running guest whose memory may be moved to its vCPUs (numa.migrate_memory). */
bool seat_migrates(const Seat *seat);
CpuSet *cpu_nodes_for(const Planner *planner, const CpuSet *nodes);
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
void keep_running(Planner *planner, const GPtrArray *seats);
/* A running guest not in place yet has had PUs that are another's now: who is to keep them is for
 * keep_running() of all guests to say. */
bool seat_is_disputed(const Planner *planner, const Seat *seat);
/* Marks the PUs of the seat's claims, and siblings its thread policy keeps empty, as exclusive. */
void seat_mark(Planner *planner, Seat *seat);
/* The same, and takes them on the board instead of what the seat had there. */
void seat_take(Planner *planner, Seat *seat);
/* Gives the seat's exclusive PUs back; seat->exclusive still tells which they were. */
void seat_release(Planner *planner, Seat *seat);
/* --- place.c --- */
/* Its place is not settled yet: it does not run, is new, or lacks something. */
bool seat_is_open(const Seat *seat);
/* It is in place, and may move. */
bool seat_is_movable(const Planner *planner, const Seat *seat);
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
typedef enum PoolMask {
    MASK_POOL,  /* what the guest may use of the pool, at home if it has one */
    MASK_OTHER, /* none of that: what it may use and is nobody's own */
    MASK_ALL,   /* nor that: all it may use */
} PoolMask;
/* pool: pool_now(). Where the guest floats; which it is in *ret_kind. */
CpuSet *pool_mask(const Planner *planner, const Seat *seat, const CpuSet *pool, PoolMask *ret_kind);
/* Fewest PUs that carry so many vCPUs within the limit. */
unsigned pool_pus_needed(const Planner *planner, unsigned n_vcpus);
/* left: PUs the pool would have if the seat's guest had its place. */
void refuse_for_floor(const Planner *planner, Seat *seat, unsigned left);
/* A refused guest of these has no CPU left to itself and others: the pool must be kept. */
bool pool_is_missed(const Planner *planner, const GPtrArray *seats);
void pool_diagnose(const Planner *planner, DiagList *diags);

/* --- home.c: nodes for guests that float --- */
/* For Planner.floats, empty. */
GArray *home_floats_new(void);
/* Its policy lets vCPUs of it float. */
bool seat_floats(const Seat *seat);
/* Index of the home a running guest has, by the last plan, else by its vCPUs' threads; NO_NODE:
 * none. */
unsigned home_had(const Topo *topo, const Seat *seat);
/* The best home for a guest that starts, with room for its memory; NO_NODE: there is none. */
unsigned home_find(const Planner *planner, const Seat *seat);
/* Its wish, as far as it can be told. */
void home_wish(Planner *planner, Seat *seat);
/* From now on it takes part in homes_assign(), if it has a wish. */
void home_enter(Planner *planner, Seat *seat);
/* Neither wish nor home, as at first. */
void home_forget(Planner *planner, Seat *seat);
/* Homes for all, once everybody has a place. Returns the seats with another home than they were
 * written with, borrowed. */
GPtrArray *homes_assign(Planner *planner);
/* Appends why a guest that floats over all of the pool has no home, if there are homes at all. */
void home_explain(const Planner *planner, const Seat *seat, GString *text);

/* --- capacity.c --- */
Capacity *capacity_new(const Topo *topo, const Policy *policy);
void capacity_free(Capacity *capacity);
void capacity_take(Capacity *capacity, unsigned node_index, unsigned page_kib, uint64_t kib);
void capacity_give(Capacity *capacity, unsigned node_index, unsigned page_kib, uint64_t kib);
uint64_t capacity_room_kib(const Capacity *capacity, unsigned node_index, unsigned page_kib);
/* True if more was taken of the node than there is. */
bool capacity_is_over(const Capacity *capacity, unsigned node_index);
GArray *memory_needs(const Topo *topo, const GuestDef *def);
/* MiB of its memory by node, as measured; owned by the caller. NULL: it is about to start, or was
 * not measured. */
uint64_t *seat_measured_mib(const Topo *topo, const Seat *seat);
unsigned guest_page_kib(const Topo *topo, const GuestDef *def);
/* The first cell that its definition holds on nodes without room for all that is held there; NULL:
 * there is room. With what is needed there, and what is free. */
const MemoryNeed *memory_bound_short(const Planner *planner, const Seat *seat, uint64_t *ret_kib,
                                     uint64_t *ret_room_kib);
/* The node has room for all of the guest's memory. */
bool memory_has_room(const Planner *planner, const Seat *seat, unsigned node_index);
/* Of a running guest, where it is; of a starting one without a place at home, else where there is
 * room. */
void memory_hold_running(Planner *planner, Seat *seat);
void memory_hold_floating(Planner *planner, Seat *seat);
/* What the seat holds is free again. */
void memory_release(Planner *planner, Seat *seat);

/* --- write.c, numa.c: seats -> GuestPlans --- */
/* Writes the plans of these seats and of all that depend on what changed since the last time. */
void planner_write(Planner *planner, const GPtrArray *fresh);
/* The plans of all guests as written. */
Plan *planner_plan(const Planner *planner);
/* The seat is about to be written anew, or to go. */
void seat_forget_plan(Planner *planner, Seat *seat);
/* The NumaMode of the policy, else of the definition; -1: neither names one, or it is not ours. */
int numa_mode_of(const Seat *seat);
void numa_write(const Planner *planner, const Seat *seat, GuestPlan *plan);
/* Emulator, IOThreads and vhost; pool: the mask of what floats. True: some are where they are
 * because of how the pool is. */
bool helpers_write(const Planner *planner, const Seat *seat, const CpuSet *pool, GuestPlan *plan);
char *policy_origin(const GuestPolicy *policy, PolicyKey key); /* NULL: default */
