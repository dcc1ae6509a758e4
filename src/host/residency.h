/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * How much of a guest's memory each NUMA node holds, by page size. Cheapest source first: ordinary
 * pages from the memory controller's numa_stat; huge pages, which it does not count, by asking
 * where they are (host/ram.h); numa_maps only where that cannot be had.
 */
#pragma once

#include "host/cgroup.h"
#include "host/guest-kernel.h"

/* KiB by NUMA node; nodes past the array are left out. */
#define RESIDENCY_NODES 1024u /* MAX_NUMNODES of the kernel (CONFIG_NODES_SHIFT is at most 10) */
/* A guest has few sizes of pages: those past the array count as ordinary ones. */
#define RESIDENCY_SIZES 4u
/* So many huge pages are asked about one by one (128 GiB of 2 MiB, some 10 ms); of more, so many,
 * evenly spread. */
#define RESIDENCY_MAX_PAGES 65536u

typedef struct HugeResidency {
    unsigned page_kib; /* 0: not used */
    uint64_t kib[RESIDENCY_NODES];
} HugeResidency;

typedef struct Residency {
    uint64_t kib[RESIDENCY_NODES];             /* all of it */
    uint64_t transparent_kib[RESIDENCY_NODES]; /* of that, in transparent huge pages */
    HugeResidency huge[RESIDENCY_SIZES];       /* of that, in huge pages of a pool */
} Residency;

/* Adds the guest's own memory of a memory.numa_stat. In v2 that is anon and shmem, in bytes; in v1
 * hierarchical_anon (which has shmem) and hierarchical_unevictable, in pages of page_kib. The page
 * cache of disk images, which the guest's cgroup pays for too, is not its memory. v1 does not tell
 * transparent huge pages. */
void residency_add_numa_stat(Residency *residency, const char *text, bool v2, unsigned page_kib);

/* Adds the huge pages of a numa_maps. */
void residency_add_numa_maps(Residency *residency, const char *text);
/* Adds kib in huge pages of that size on one node. */
void residency_add_huge(Residency *residency, unsigned node, unsigned page_kib, uint64_t kib);

/* Fills memory_kib, memory_nodes, memory_nodes_any and pages; all are NULL if nothing was counted.
 * transparent_kib: size of a transparent huge page; base_kib: of an ordinary one. */
void residency_judge(const Residency *residency, unsigned base_kib, unsigned transparent_kib,
                     GuestKernel *kernel);

/* Measures, and finds its RAM for the quick pass. def: of the running guest; NULL: only what
 * its cgroup tells. HOST_DONE, HOST_GONE, negative errno. */
int residency_acquire(const char *root, const CgroupDir *memory, const GuestDef *def,
                      GuestKernel *kernel);
