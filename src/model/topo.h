/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The host as the planner sees it. Static: what is there, never what is free right now (that is
 * TopoFree, another value). Frozen once built; shared by reference.
 *
 * PUs and NUMA nodes are named by OS index, cores, LLCs and packages by hwloc logical index.
 * Arrays are sorted by that index. Disallowed CPUs (cgroup) are included and marked, since guests
 * live in cpusets of their own and not in ours.
 */
#pragma once

#include "model/cpuset.h"

#include <stdint.h>

typedef struct TopoPu {
    unsigned os_index;
    unsigned core;    /* logical index */
    unsigned llc;     /* logical index */
    unsigned package; /* logical index */
    unsigned node;    /* OS index of its nearest NUMA node with CPUs */
} TopoPu;

typedef struct TopoCore {
    unsigned index;
    CpuSet *cpus; /* its online PUs */
    unsigned llc, package, node;
    int kind; /* efficiency rank as hwloc_cpukinds: higher is faster; 0 where all are alike */
} TopoCore;

typedef struct TopoLlc {
    unsigned index; /* a host or package without cache information is one LLC per node */
    CpuSet *cpus;
    unsigned node, package;
    uint64_t size_kib; /* 0: not known */
} TopoLlc;

typedef struct TopoPagePool {
    unsigned size_kib;
    uint64_t total; /* pages: nr_hugepages; for the base page size memory_kib / size */
} TopoPagePool;

typedef struct TopoNode {
    unsigned os_index;
    CpuSet *cpus; /* online PUs; empty for a memory-only node */
    uint64_t memory_kib;
    TopoPagePool *pools; /* huge page sizes, ascending */
    unsigned n_pools;
    unsigned *distances; /* to nodes[i], as SLIT (10 = local); n_nodes of them */
} TopoNode;

typedef struct TopoPciLocality {
    char *address; /* "0000:3b:00.0" */
    unsigned node; /* OS index */
} TopoPciLocality;

typedef struct TopoNetLocality {
    char *name;    /* "eth0", "br0" */
    unsigned node; /* OS index; of the NIC below, if it is a bond, VLAN or bridge */
} TopoNetLocality;

typedef struct Topo {
    TopoPu *pus; /* online ones */
    unsigned n_pus;
    TopoCore *cores;
    unsigned n_cores;
    TopoLlc *llcs;
    unsigned n_llcs;
    TopoNode *nodes;
    unsigned n_nodes;
    unsigned n_packages;
    TopoPciLocality *pci; /* sorted by address */
    unsigned n_pci;
    TopoNetLocality *nets; /* sorted by name */
    unsigned n_nets;

    CpuSet *online;    /* all PUs that can run now */
    CpuSet *offline;   /* present but offline */
    CpuSet *isolated;  /* isolcpus= and cpuset isolated partitions; subset of online */
    CpuSet *nohz_full; /* subset of online */
    CpuSet *allowed; /* effective CPUs of the guests' partition (machine.slice); subset of online */
    CpuSet *allowed_mems; /* effective nodes of that partition */
    unsigned base_page_kib;
    bool no_kvm;       /* known to have no /dev/kvm */
    bool no_vhost_net; /* known to have no /dev/vhost-net */
    bool no_io_uring;  /* known to have no io_uring that QEMU may use */
    char *source;      /* "this host", the XML file, or the synthetic text */
} Topo;

/* What is free at one moment, by node (index into Topo.nodes). */
typedef struct TopoFree {
    uint64_t *memory_kib;
    unsigned n_nodes;
} TopoFree;

Topo *topo_new(void); /* zeroed, refcount 1, empty sets; for topo/ only */
Topo *topo_ref(const Topo *topo);
void topo_unref(Topo *topo);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Topo, topo_unref)

/* Equal in all that planning uses: the same machine in the same state. */
bool topo_equal(const Topo *a, const Topo *b);
/* Equal in what the kernel goes by when it resets affinities: the CPUs, and what guests may use. */
bool topo_same_cpus(const Topo *a, const Topo *b);

/* By OS or logical index; NULL if there is none. */
const TopoPu *topo_pu(const Topo *topo, unsigned os_index);
const TopoCore *topo_core(const Topo *topo, unsigned index);
const TopoLlc *topo_llc(const Topo *topo, unsigned index);
const TopoNode *topo_node(const Topo *topo, unsigned os_index);
unsigned topo_distance(const Topo *topo, unsigned node_a, unsigned node_b); /* 10/20 if not known */
/* True if some core has more than one online PU. */
bool topo_has_smt(const Topo *topo);
/* Logical LLC indexes touched by cpus; OS indexes of nodes touched by cpus; CPUs of nodes. */
CpuSet *topo_llcs_of(const Topo *topo, const CpuSet *cpus);
CpuSet *topo_nodes_of(const Topo *topo, const CpuSet *cpus);
CpuSet *topo_cpus_of_nodes(const Topo *topo, const CpuSet *nodes);
/* Node of a PCI address or -1 if not known. */
int topo_pci_node(const Topo *topo, const char *address);
/* Node of a network device; -1 if not known, virtual, or over NICs of several nodes. */
int topo_net_node(const Topo *topo, const char *name);
