/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "host/cgroup.h"
#include "host/guest-kernel.h"

/* KiB by NUMA node; nodes past the array are left out. */
#define RESIDENCY_NODES 1024u /* MAX_NUMNODES of the kernel (CONFIG_NODES_SHIFT is at most 10) */
typedef struct Residency {
    uint64_t kib[RESIDENCY_NODES];
} Residency;

/* Adds the guest's own memory of a memory.numa_stat. In v2 that is anon and shmem, in bytes; in v1
 * hierarchical_anon (which has shmem) and hierarchical_unevictable, in pages of page_kib. The page
 * cache of disk images, which the guest's cgroup pays for too, is not its memory. */
void residency_add_numa_stat(Residency *residency, const char *text, bool v2, unsigned page_kib);

/* Adds the huge pages of a numa_maps. */
void residency_add_numa_maps(Residency *residency, const char *text);

/* Fills memory_kib, memory_nodes and memory_nodes_any; all are NULL if nothing was counted. */
void residency_judge(const Residency *residency, GuestKernel *kernel);

/* Measures. HOST_DONE, HOST_GONE, negative errno. */
int residency_acquire(const char *root, const CgroupDir *memory, bool huge, GuestKernel *kernel);
