/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The host in numbers, for placing guests anew. The PUs that may become somebody's own are grouped
 * into areas, within which one is as good as another; an area is two counters, what is free of it
 * and how much of that is whole cores, so that taking and giving back is arithmetic. Which PUs of
 * an area a guest gets is decided once, at the end (settle.c).
 *
 * Within an area the counters suffice: isolate and require take whole cores first, the others fit
 * into whatever is left, so a set of guests fits if their whole cores and their PUs do.
 */
#pragma once

#include "plan/planner.h"

typedef struct BoardCore {
    unsigned area;
    unsigned first, n; /* into Board.pus: those of the area; ascending OS index */
    bool whole;        /* all online PUs of the core */
    unsigned owners;   /* PUs that are taken one by one, and guests that have some of it and may
                        * move */
    unsigned left;     /* PUs not taken one by one */
} BoardCore;

/* PUs of one node under one last-level cache, of the same kind and allowed to the same guests, in
 * cores of the same width. */
typedef struct Area {
    unsigned node; /* index into topo->nodes */
    unsigned rank; /* of preference: isolated, nohz_full, other; then faster cores. 0: the best
                    * there is on this host */
    unsigned tier; /* of its cores, see core_tier() */
    unsigned llc;
    unsigned width;       /* online PUs of each core */
    bool mixed;           /* its cores have PUs of several kinds */
    bool pool;            /* taken from the pool: not isolated */
    unsigned first, n;    /* into Board.cores */
    unsigned free, whole; /* PUs; cores of which nothing is taken */
    unsigned unused;      /* PUs beside vCPUs that have a core each */
} Area;

typedef struct Board {
    Planner *planner;
    uint64_t *distances; /* of all pairs of nodes, see pair_distance() */
    bool *closed;        /* by LLC: nobody goes there, while it is to be emptied */
    const Topo *topo;
    unsigned *pus; /* OS indexes */
    BoardCore *cores;
    Area *areas; /* by node, rank, LLC */
    unsigned n_areas;
    unsigned *node_areas; /* first area by node; one more entry at the end */
    unsigned *core_of;    /* index into cores, by index into topo->pus; NO_CORE: not on the board */
    bool *taken;          /* as pus: one by one */
    GPtrArray *sets;      /* of CpuSet: distinct sets of allowed CPUs, see Seat.set */
    unsigned n_sets;
    unsigned *seats_by_set;
    CpuSet *off;  /* Planner.off at that time */
    bool *member; /* by area and set */

    int pool_left;    /* PUs of the pool; of a spot, a core that is isolated in part counts
                       * whole */
    int *pool_by_set; /* those a set holds */
    int *pool_by_node;
    int *pool_by_both;       /* by set and node */
    int *pool_before;        /* the same before guests were placed: who had none misses none */
    unsigned *floats_by_set; /* guests with vCPUs on the pool */
    unsigned pool_vcpus;
} Board;

#define NO_CORE UINT_MAX
#define NO_AREA UINT_MAX

/* Once all guests are surveyed: the empty host. */
Board *board_new(Planner *planner);
void board_free(Board *board);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Board, board_free)

/* --- what a guest takes --- */

/* Everything a lexicographic comparison of places looks at, most important first; lower is better.
 * The sum over guests is that of a plan; what comes after COST_SUMMED only chooses between places
 * of one guest. docs/PLANNER.md explains each. */
typedef enum CostIndex {
    COST_REFUSED,
    COST_SQUEEZED,
    COST_NODES,
    COST_DISTANCE,
    COST_SPLIT,
    COST_REMOTE,
    COST_RANK,
    COST_LLCS,
    COST_SUMMED,
    COST_UNPAIRED = COST_SUMMED,
    COST_DEVICES,
    COST_SPARE,
    N_COSTS,
} CostIndex;

typedef struct Cost {
    uint64_t of[N_COSTS];
} Cost;

/* Of one guest in one area. */
typedef struct Part {
    unsigned area;
    unsigned n;     /* vCPUs, or helpers */
    unsigned cores; /* whole ones it takes; of a guest in place see Ask.cores */
    bool helpers;
} Part;

typedef struct MemoryPart {
    unsigned need; /* index into Seat.needs */
    unsigned node; /* index into topo->nodes */
    uint64_t kib;
} MemoryPart;

/* A place for one guest. */
typedef struct Spot {
    bool placed;
    bool in_place;  /* on the very PUs it runs on */
    bool core_each; /* a core for each vCPU, whose siblings stay in the pool; see Ask.wide */
    Cost cost;
    Part *parts;
    unsigned n_parts;
    unsigned *nodes; /* indexes into topo->nodes, ascending */
    unsigned n_nodes;
    unsigned home;     /* node index: first vCPU and helpers */
    unsigned *node_of; /* node index by vCPU claim */
    MemoryPart *memory;
    unsigned n_memory;
} Spot;

/* A guest that wants PUs of its own and has none yet. */
typedef struct Ask {
    Seat *seat;
    unsigned level; /* 0: those of the highest priority, 1: of the next … */
    unsigned n_vcpus, n_helpers;
    unsigned *nodes; /* candidates: indexes into topo->nodes */
    unsigned n_nodes;
    bool spread;       /* numa.strategy: many nodes, not few */
    unsigned *devices; /* node index by device whose node is known and counts */
    unsigned n_devices;
    bool wide;            /* threads: prefer, and more vCPUs than a cache has cores: a core each
                           * if there are that many */
    unsigned *cell_vcpus; /* by guest cell; NULL: no cells, or they do not cover its vCPUs */
    uint64_t *memory_mib; /* see seat_measured_mib() */
    uint64_t all_mib;     /* their sum */
    Cost least;           /* on the empty host */
    bool in_place;        /* runs on PUs of its own, and may move */
    Spot had;             /* of a guest in place: what it has */
    unsigned *cores;      /* of that: indexes into Board.cores */
    unsigned n_cores;
    Spot spot;
} Ask;

Ask *ask_new(const Board *board, Seat *seat);
/* The same of a running guest in place, whose PUs are free on the board, and that has its spot
 * after. */
Ask *ask_new_in_place(const Board *board, Seat *seat);
void ask_free(Ask *ask);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Ask, ask_free)
/* With room for guests of up to so many claims and memory needs. */
void spot_init(Spot *spot, const Board *board, gsize n_claims, gsize n_needs);
void spot_clear(Spot *spot);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Spot, spot_clear)
void spot_copy(Spot *to, const Spot *from, const Ask *ask);
/* n more vCPUs there, in one part for each area; helpers have parts of their own. */
void spot_add(Spot *spot, unsigned area, unsigned n, bool helpers);

/* The cores such a guest has to itself are each in one area: no partition cuts through them. */
bool board_has_cores(const Board *board, const Seat *seat);
/* PUs a part takes. */
unsigned part_pus(const Board *board, const Ask *ask, const Spot *spot, const Part *part);
/* Whole cores an area has left. */
unsigned area_cores(const Board *board, unsigned area);
/* How many vCPUs of this guest an area has room for, with a core for each if it is so; 0 if it may
 * not run there. */
unsigned area_room(const Board *board, const Ask *ask, bool core_each, unsigned area);
/* It is about to start, and its memory is for the planner to book. */
bool ask_books_memory(const Ask *ask);
/* PUs are taken one by one, or given back: those of a guest in place. */
void board_take_pus(Board *board, const CpuSet *pus);
void board_give_pus(Board *board, const CpuSet *pus);
/* Instead of the spot's PUs, which are given back, those of the seat are taken one by one. */
void board_settle(Board *board, const Ask *ask);
/* The spot's PUs, pool and memory are taken, or given back. Where the memory goes is decided when a
 * spot is taken for the first time. */
void board_take(Board *board, const Ask *ask, Spot *spot);
void board_give(Board *board, const Ask *ask, const Spot *spot);
/* The guest's vCPUs on the pool count, or no longer. */
void board_count_floats(Board *board, const Seat *seat, int sign);
/* Refused guests float, and count for the pool. */
void board_set_refused(Board *board, const Ask *ask, bool refused);
/* From now on guests are placed, see Board.pool_before. */
void board_begin(Board *board);
/* The pool that is left suffices for those that float; less: if these PUs go too (NULL: none). */
bool board_floor_holds(const Board *board, const CpuSet *less);
/* One more seat, surveyed, whose set is found, or one less. */
void board_count_seat(Board *board, Seat *seat, int sign);
/* The areas tell sets of allowed CPUs apart that nobody has any more. */
bool board_has_idle_set(const Board *board);

/* <0, 0, >0 by the first n costs. */
int cost_compare(const Cost *a, const Cost *b, unsigned n);
void cost_add(Cost *sum, const Cost *cost);

/* --- spot.c: the best place for one guest --- */

/* What a candidate node has for one guest. */
typedef struct NodeOffer {
    unsigned node;      /* index into topo->nodes */
    int vcpu_room;      /* how many vCPUs fit */
    int home_room;      /* how many fit beside the guest's helpers; -1: not even those */
    unsigned n_free;    /* PUs for anything */
    unsigned n_paired;  /* PUs of whole cores with siblings */
    uint64_t *mem_room; /* KiB, for each of the guest's needs, by page size */
} NodeOffer;

/* Where to look, and room to work in: one for all guests. */
typedef struct Finder {
    const Board *board;
    const Ask *ask;
    bool core_each; /* places with a core for each vCPU */
    unsigned rest;  /* the area for the vCPUs of its node that fill no cache; NO_AREA: where they
                     * leave least */
    bool rest_used; /* the last place has some there */
    bool loose;     /* cells need not be where their memory is bound to */
    NodeOffer *offers;
    unsigned n_offers;
    uint64_t *mem_rooms; /* behind the offers */
    gsize n_mem_rooms;
    unsigned *room; /* of each area of the offers, see area_room() */
    unsigned *used; /* vCPUs put into each area by the spot at work */
    /* By cache and node: equal to stamp where the spot counted last has vCPUs. */
    unsigned *llc_seen, *node_seen, stamp;
    int *numbers; /* n_nodes each, see spread.c */
    unsigned *set, *offer_of;
    uint64_t n_tries; /* places tried, fit or not */
    gsize n_offer_of;
    unsigned *cell_node;
    uint64_t *cell_left;
    gsize n_cell_left, n_cell_node;
    Spot trial;
    gsize trial_claims, trial_memory;
} Finder;

Finder *finder_new(const Board *board);
void finder_free(Finder *finder);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Finder, finder_free)
/* Fills finder->offers for this guest; nodes: only these (NULL: all its candidates). */
void finder_ask(Finder *finder, const Ask *ask, bool core_each, const bool *nodes);
/* The cell's memory is not bound to other nodes that the guest's vCPUs may be on. */
bool finder_may_bind(const Finder *finder, unsigned cell, const NodeOffer *offer);
/* area_room() of what was asked, for an area of an offer. */
unsigned finder_room(const Finder *finder, unsigned area);
/* A place on one node whose vCPUs start in this area (an index, or UINT_MAX: the best): as many as
 * it has room for, the rest as finder_run() would. offer: index into finder->offers. */
bool finder_fill_node(Finder *finder, unsigned offer, unsigned area, Spot *spot);
/* A place on all of these nodes: as many vCPUs as fit on each but one, which comes last. set:
 * offers by index, ascending; last: index into it. */
bool finder_fill_up(Finder *finder, const unsigned *set, unsigned n, unsigned last, Spot *spot);
/* The cells of the mask on the first, the others on the second. */
bool finder_fill_cells(Finder *finder, unsigned first, unsigned second, unsigned mask, Spot *spot);
/* The best place on all of these nodes, if it is better than what best has, or that has none;
 * offers by index, ascending. */
void finder_try_set(Finder *finder, const unsigned *set, unsigned n, Spot *best);
/* Of two nodes (indexes into topo->nodes); between packages a little more. */
uint64_t pair_distance(const Board *board, unsigned a, unsigned b);
/* The summed costs of a place a guest has already. */
void finder_price(Finder *finder, Spot *spot);
bool finder_can_fit(Finder *finder);

/* --- sets.c --- */

/* The next set of n of all, in order, from the first, 0 to n - 1; false: that was the last. */
bool next_set(unsigned *set, unsigned n, unsigned all);

/* The best place by all costs, not taken yet. spot->placed tells. */
void finder_run(Finder *finder, Spot *spot);
/* The same on that many nodes or more. */
void finder_run_from(Finder *finder, unsigned n_nodes, Spot *spot);

/* First area of the node after those of the same rank under the same cache; end: of the node. */
unsigned finder_group_end(const Board *board, unsigned area, unsigned end);

/* --- capacity.c --- */

/* Where the memory of a guest goes whose vCPUs are on these nodes (node_of: by claim): near them,
 * within what is free. Returns the number of parts; nothing is booked. */
unsigned memory_place(const Planner *planner, const Seat *seat, const unsigned *node_of,
                      const unsigned *chosen, unsigned n_chosen, MemoryPart *parts);

/* --- spread.c: vCPUs over a given set of nodes --- */

/* A set of offers under trial and what goes where. */
typedef struct NodeTrial {
    const unsigned *set; /* indexes of offers, ascending */
    unsigned n;
    unsigned home;      /* offer with the guest's helpers */
    unsigned *offer_of; /* by vCPU claim */
    bool aligned;       /* no guest cell is split */
} NodeTrial;

bool spread_vcpus(Finder *finder, NodeTrial *trial);

/* --- improve.c: local search over all guests placed anew. True: some are elsewhere now. --- */
bool improve(Board *board, Ask **asks, unsigned n_asks);

/* Empties caches that few use, by moving guests in place, without making any worse. */
void consolidate(Board *board, Ask **asks, unsigned n_asks);

/* --- settle.c: counts -> PUs. False: beside those that stay where they are it does not work out,
 * and the seats are of no use. --- */
bool settle(Board *board, Ask **asks, unsigned n_asks);

/* --- refuse.c --- */
void refuse_for_room(const Finder *finder, Seat *seat);
/* A guest that floats needs more memory than there is, of a kind it can have nowhere else: huge
 * pages, or that of nodes it is kept to. Refused, and true. */
bool refuse_floating(Board *board, Seat *seat);
