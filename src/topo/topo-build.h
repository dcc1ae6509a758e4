/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A loaded hwloc topology → Topo, and the parts of it. */
#pragma once

#include "model/topo.h"

#include <hwloc.h>

/* Everything hwloc knows; isolated and nohz_full stay empty. The topology must have been loaded
 * with disallowed resources included. NULL if its indexes are out of any sane range (a forged
 * file). */
Topo *topo_build(hwloc_topology_t hwloc);

/* Distances from the running kernel (libnuma) in place of those hwloc had. Nothing happens on a
 * kernel without NUMA. */
void topo_use_live_distances(Topo *topo);

/* The network devices of the running host, from sysfs below root, for a topology that has none yet.
 * What sysfs does not tell is left out. */
void topo_use_live_nets(Topo *topo, const char *root);

/* --- parts of topo_build() --- */

/* All NUMA nodes, sorted by OS index; owned by the caller (g_free), the objects are hwloc's. */
hwloc_obj_t *topo_list_nodes(hwloc_topology_t hwloc, unsigned *ret_n);
/* Index into nodes of the node a PU belongs to. A PU outside all nodes belongs to the first. */
unsigned topo_find_node(hwloc_obj_t *nodes, unsigned n, unsigned pu);
/* Nodes with memory, page pools and distances, and the base page size; no CPUs yet. */
void topo_fill_nodes(Topo *topo, hwloc_topology_t hwloc, hwloc_obj_t *nodes, unsigned n);
/* PUs, cores, LLCs, packages, and the CPUs of the nodes, which are filled before. */
void topo_fill_cpus(Topo *topo, hwloc_topology_t hwloc, hwloc_obj_t *nodes);
/* Network devices of PCI devices, which are filled before. */
void topo_fill_nets(Topo *topo, hwloc_topology_t hwloc);
/* "0000:3b:00.0"; owned by the caller. */
char *topo_pci_address(unsigned domain, unsigned bus, unsigned dev, unsigned func);
