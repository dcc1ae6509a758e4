/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Where a QEMU process has its guest's RAM, and which nodes hold it, by sampling: move_pages(2)
 * without nodes asks about single pages, so the cost is the same for any size of guest. Reading
 * numa_maps walks all page tables and holds the process's mmap lock: 10 ms a GiB of small pages.
 *
 * Up to Linux 6.5 pages that the kernel's NUMA balancing has marked, and nobody has touched since,
 * can neither be asked about nor moved (follow_page() takes them for absent).
 */
#pragma once

#include "host/guest-kernel.h"

/* 256 pages tell a share to within 6 points 19 times of 20, in some 40 µs. */
#define RAM_SAMPLES 256u

/* One piece of RAM, as the definition has it. */
typedef struct RamBlock {
    uint64_t kib;
    unsigned page_kib;
} RamBlock;

/* Pages of a range. */
uint64_t ram_pages(const RamRange *range);

/* The guest's RAM by its cells, or as one; blocks has room for MAX(n_cells, 1). How many. */
unsigned ram_blocks(const GuestDef *def, unsigned base_page_kib, RamBlock *blocks);

/* RamRanges, by address, of a maps file: for each block the mapping of just its size, else the
 * largest that are left. Lines of other forms are passed over. Never NULL. */
GArray *ram_parse(const char *maps, const RamBlock *blocks, unsigned n_blocks);
/* The same of a process. HOST_DONE, HOST_GONE, negative errno. */
int ram_acquire(const char *root, pid_t pid, const GuestDef *def, GArray **ret);

/* Addresses of at most RAM_SAMPLES pages, ascending, one in each of as many equal parts; of all if
 * there are no more. Owned by the caller; NULL: there are none. */
uint64_t *ram_samples(const GArray *ranges, unsigned *ret_n);

/* The node of each page; negative errno of one that is not there (-ENOENT) or cannot be told.
 * HOST_DONE, HOST_GONE, negative errno (-EPERM). */
int ram_nodes_acquire(pid_t pid, const uint64_t *addresses, unsigned n, int *ret_nodes);
