/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Moves the RAM of a running guest to other NUMA nodes, a few pages at a time: while a page moves,
 * a vCPU that wants it waits.
 */
#pragma once

#include "host/ram.h"

#include <stdatomic.h>

/* The longest one call may take; sets how many pages it gets. */
#define PAGE_MOVE_BUDGET_USEC (20 * G_TIME_SPAN_MILLISECOND)
/* After each call it rests as long as the call took, so that the guest has half of the time for
 * sure, and longer where this rate would be exceeded: moving takes bandwidth of both nodes. */
#define PAGE_MOVE_KIB_PER_SEC (1024u * 1024)
/* PSI: somebody waited for memory so much of the last 10 s: rest, and look again. */
#define PAGE_MOVE_MAX_PRESSURE_PCT 10.0
#define PAGE_MOVE_PRESSURE_REST_USEC G_TIME_SPAN_SECOND
/* So much of a node's memory stays free. */
#define PAGE_MOVE_MIN_FREE_PCT 5u
/* In one call: the first, and the most; one page at least, which with 1 GiB is over any budget. */
#define PAGE_MOVE_FIRST_KIB 256u
#define PAGE_MOVE_MOST_KIB 16384u
#define PAGE_MOVE_MOST 4096u /* pages */

typedef enum PageMoveResult {
    PAGE_MOVE_AGAIN,   /* the time is up, or it rests: call it again */
    PAGE_MOVE_DONE,    /* the goal is reached */
    PAGE_MOVE_STOPPED, /* it cannot go on, or was told to stop; see why */
    PAGE_MOVE_GONE,    /* the process ended */
} PageMoveResult;

/* What it asks of the kernel; tests have another one. All: 0 or negative errno. */
typedef struct PageMoveCalls {
    void *ctx;
    /* As move_pages(2) with MPOL_MF_MOVE_ALL; nodes NULL: only asks. */
    int (*move)(void *ctx, pid_t pid, unsigned n, const uint64_t *addresses, const int *nodes,
                int *status);
    /* Memory of a node that can be had in pages of that size, and all it has; the base page size:
     * ordinary memory. */
    int (*room)(void *ctx, unsigned node, unsigned page_kib, uint64_t *ret_free_kib,
                uint64_t *ret_all_kib);
    int (*pressure)(void *ctx, double *ret_pct);
    int64_t (*now_usec)(void *ctx); /* monotonic */
    void (*rest)(void *ctx, int64_t usec);
} PageMoveCalls;
extern const PageMoveCalls page_move_kernel;

typedef struct PageMove {
    const PageMoveCalls *calls;
    pid_t pid;
    GArray *ranges; /* of RamRange */
    CpuSet *nodes;  /* where it is to be */
    unsigned goal_pct;
    unsigned base_kib;
    /* position */
    guint range;
    uint64_t page;
    unsigned chunk_kib; /* of the next call */
    uint64_t turn;      /* pages moved: the nodes get them in turn */
    /* progress; read from any thread */
    atomic_uint_fast64_t moved_kib, stuck_pages;
    atomic_uint local_pct, done_pct;
    atomic_bool stop; /* set from any thread */
    char why[128];    /* of PAGE_MOVE_STOPPED; read once it has returned */
} PageMove;

/* Takes ranges and nodes over. Refcount 1: a worker that hangs may outlive who began it. */
PageMove *page_move_new(const PageMoveCalls *calls, pid_t pid, GArray *ranges, CpuSet *nodes,
                        unsigned goal_pct);
PageMove *page_move_ref(PageMove *move);
void page_move_unref(PageMove *move);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(PageMove, page_move_unref)

/* Goes on until until_usec (monotonic) at the latest, one call more. Blocks. */
PageMoveResult page_move_run(PageMove *move, int64_t until_usec);
