/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Worker threads for everything that may block: libvirt, procfs, cgroupfs, the record.
 *
 * A job runs in a worker and comes back to the main thread through done(). A slow job is told of by
 * slow(), and its worker is replaced: others do not wait for it. Past its deadline it is abandoned:
 * done() is called at once with abandoned set, and run() sees given_up once its call comes back and
 * does nothing more; that it did come back is told by late(). Threads stuck in a library cannot be
 * cancelled, so the number of replaced workers is bounded: past the bound no replacement starts,
 * and once all hang the pool is exhausted.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#define POOL_WORKERS 6u /* two connections × 3 calls in flight */
#define POOL_MAX_REPLACED 32u

typedef struct PoolJob PoolJob;
struct PoolJob {
    void (*run)(PoolJob *job); /* in a worker */
    /* In the main thread. Must not free the job; if abandoned, run() is still at work: only what
     * was in the job when it was submitted may be read. */
    void (*done)(PoolJob *job, bool abandoned);
    void (*slow)(PoolJob *job); /* in the main thread, before done(); NULL: nobody wants to know */
    void (*late)(PoolJob *job); /* in the main thread, long after done(); NULL: as above */
    void (*free)(PoolJob *job); /* in whichever thread is last */
    void *owner;                /* for the main thread */
    uint64_t slow_usec;         /* 0: it is slow only past its deadline */
    uint64_t timeout_usec;
    int given_up; /* atomic; set once abandoned, before done(), or by slow() */
    /* private to pool.c */
    int64_t started_usec; /* monotonic; 0 until it runs */
    int state;
};

typedef struct Pool Pool;

/* 0 or negative errno. */
int pool_new(Pool **ret);
/* Starts nothing more and waits for the jobs under way, until end_usec (monotonic). False: some
 * are still at work, and what they use must stay. done() is not called any more. */
bool pool_drain(Pool *pool, int64_t end_usec);
/* Does not wait for workers: busy ones are left behind, and what is left of it goes with the last.
 */
void pool_free(Pool *pool);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Pool, pool_free)

/* Readable while finished jobs wait for pool_dispatch(). */
int pool_get_fd(const Pool *pool);

/* Takes the job over. Main thread only, like all below. */
void pool_submit(Pool *pool, PoolJob *job);

/* Calls done() of every finished job and of every running one past its deadline. */
void pool_dispatch(Pool *pool, int64_t now_usec);

/* Slow jobs whose calls are still out: their workers are replaced, if other jobs need one. */
unsigned pool_count_replaced(const Pool *pool);
/* Jobs that were abandoned, ever. */
uint64_t pool_count_abandoned(const Pool *pool);
/* No other worker is left: nothing submitted runs any more. */
bool pool_is_exhausted(const Pool *pool);
