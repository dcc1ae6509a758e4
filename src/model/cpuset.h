/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Sets of CPUs and of NUMA nodes, by OS index. hwloc's bitmap is the type; this header is the way
 * to it for all folders, with the text form of /proc ("0-3,8") that the kernel, libvirt and our
 * JSON share.
 */
#pragma once

#include <glib.h>
#include <hwloc/bitmap.h>
#include <stdbool.h>

/* Highest CPU or node index accepted from outside, so that "0-4000000000" cannot exhaust memory.
 * Linux allows 8192 CPUs (CONFIG_NR_CPUS of MAXSMP); 64 Ki leaves room. */
#define CPUSET_MAX_INDEX 65535u

typedef struct hwloc_bitmap_s CpuSet;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(CpuSet, hwloc_bitmap_free)

CpuSet *cpuset_new(void);               /* empty; never NULL */
CpuSet *cpuset_new_one(unsigned index); /* {index} */
CpuSet *cpuset_new_range(unsigned first, unsigned last);
CpuSet *cpuset_copy(const CpuSet *set); /* NULL stays NULL */
CpuSet *cpuset_and(const CpuSet *a, const CpuSet *b);
CpuSet *cpuset_or(const CpuSet *a, const CpuSet *b);
CpuSet *cpuset_minus(const CpuSet *a, const CpuSet *b);
bool cpuset_equal(const CpuSet *a, const CpuSet *b); /* NULL equals only NULL */
bool cpuset_is_empty(const CpuSet *set);             /* NULL counts as empty */
bool cpuset_is_subset(const CpuSet *sub, const CpuSet *super);
bool cpuset_intersects(const CpuSet *a, const CpuSet *b);
bool cpuset_has(const CpuSet *set, unsigned index);
unsigned cpuset_weight(const CpuSet *set);
unsigned cpuset_first(const CpuSet *set); /* UINT_MAX if empty */

/* Sets that live long and never change again are kept once, however many have one like it. Shares
 * *set, which others may hold from now on; each shares it once. NULL stays NULL. */
void cpuset_share(CpuSet **set);
/* Gives back a share of *set, or frees it if it is nobody else's. *set is NULL then. */
void cpuset_release(CpuSet **set);

#define CPUSET_FOREACH(i, set)                                                                     \
    for (int i##_ = hwloc_bitmap_first(set); i##_ >= 0; i##_ = hwloc_bitmap_next(set, i##_))       \
        for (unsigned i = (unsigned)i##_, i##_once = 1; i##_once; i##_once = 0)

/* "0-3,8"; "" for empty. Owned by the caller. */
char *cpuset_format(const CpuSet *set);

/* The plain list of the kernel and libvirt: "0-3,8", and libvirt's "^2" that takes out of what came
 * before. White space around and an empty text (= empty set) are fine. 0, -EINVAL, or -ERANGE past
 * CPUSET_MAX_INDEX; *ret untouched on error. */
int cpuset_parse(const char *text, CpuSet **ret);

/* One "N" or "N-M" at *cursor, which moves past it. 0; -EINVAL (no number, or M below N) or -ERANGE
 * with *cursor at the number at fault. */
int cpuset_range_parse(const char **cursor, unsigned *ret_first, unsigned *ret_last);
