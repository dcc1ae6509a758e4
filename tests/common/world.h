/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Hosts and guests made by hand, and assertions on CPU sets, for all tests. */
#pragma once

#include "model/guest.h"
#include "model/topo.h"

#define WORLD_GIB_KIB UINT64_C(1048576)
#define WORLD_NODE_MEMORY_KIB (4 * WORLD_GIB_KIB)
#define WORLD_UUID "11111111-2222-3333-4444-%012x"

/* A regular host numbered as Linux does it on x86: core c has the PUs c, c + cores, c + 2 × cores …
 * Each node has WORLD_NODE_MEMORY_KIB, base pages of 4 KiB and no huge pages. Distances: 10 at
 * home, 12 in the package, 20 across. Every CPU is online and allowed. Owned by the caller. */
Topo *world_topo(unsigned packages, unsigned nodes_per_package, unsigned llcs_per_node,
                 unsigned cores_per_llc, unsigned threads);
/* Changes to a fresh topo that nobody shares yet. */
void world_set_memory(Topo *topo, uint64_t kib_per_node);
void world_add_pool(Topo *topo, unsigned node, unsigned size_kib, uint64_t total);
/* A memory-only node; its OS index is the next one. */
void world_add_memory_node(Topo *topo, uint64_t memory_kib);

/* A definition of n vCPUs; number goes into the uuid. No pins, no devices. */
GuestDef *world_def(const char *name, unsigned number, unsigned n_vcpus, uint64_t memory_kib);
/* A persistent guest of that definition; live too if running. No kernel part. */
Guest *world_guest(const char *name, unsigned number, unsigned n_vcpus, uint64_t memory_kib,
                   bool running);

/* The set of a list; fails the test if it is none. Owned by the caller. */
CpuSet *world_cpus(const char *list);
/* Asserts that set prints as list. */
#define assert_cpus(set, list) world_assert_cpus(set, list, __FILE__, __LINE__)
void world_assert_cpus(const CpuSet *set, const char *list, const char *file, int line);
