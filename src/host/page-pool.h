/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Changing the size of one pool of huge pages. */
#pragma once

#include "apply/backend.h"
#include "host/guest-kernel.h"

/* So much is asked of the kernel at a time: a write that finds it returns within a fraction of a
 * second, and no more than this is taken too much. */
#define POOL_STEP_KIB (256u * 1024)
/* A pool stops growing when less of the node's memory than this would be free or page cache. */
#define POOL_MIN_FREE_PCT 5u

/* The files of one pool; tests have others than the kernel's. */
typedef struct PoolFiles {
    void *ctx;
    int (*total_read)(void *ctx, uint64_t *ret);     /* nr_hugepages */
    int (*free_read)(void *ctx, uint64_t *ret);      /* free_hugepages */
    int (*total_write)(void *ctx, uint64_t pages);   /* may come to fewer */
    int (*memory_read)(void *ctx, uint64_t *ret_kib, /* of the node: all of it */
                       uint64_t *ret_free_kib);      /* free, or page cache */
    int (*compact)(void *ctx);
} PoolFiles;

/* What one pool is to be. */
typedef struct PoolGoal {
    unsigned node, size_kib;
    uint64_t pages;
    const BackendWatch *watch; /* once given up, no write is made any more; NULL: nobody watches */
} PoolGoal;

/* Grows it by steps, with compaction where a step comes short, or shrinks it by pages nobody uses.
 * HOST_DONE: it has as many as wanted; HOST_REFUSED: as many as could be had or given back, with
 * *reterr_text for people; negative errno (-ECANCELED: given up). *ret_total: how many it has, but
 * for errors. */
int pool_resize(const PoolFiles *files, const PoolGoal *goal, uint64_t *ret_total,
                char **reterr_text);
/* The same of the kernel's. root: "" or a directory that stands for /. */
int pool_apply(const char *root, const PoolGoal *goal, uint64_t *ret_total, char **reterr_text);
