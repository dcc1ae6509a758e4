/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "model/topo.h"

#include <stdlib.h>
#include <string.h>

/* Distances of the ACPI SLIT where the firmware tells none. */
#define DISTANCE_LOCAL 10
#define DISTANCE_REMOTE 20

Topo *topo_new(void)
{
    Topo *topo = g_atomic_rc_box_new0(Topo);

    topo->online = cpuset_new();
    topo->offline = cpuset_new();
    topo->isolated = cpuset_new();
    topo->nohz_full = cpuset_new();
    topo->allowed = cpuset_new();
    topo->allowed_mems = cpuset_new();
    return topo;
}

static void topo_clear(gpointer data)
{
    Topo *topo = data;

    for (unsigned i = 0; i < topo->n_cores; i++)
        hwloc_bitmap_free(topo->cores[i].cpus);
    for (unsigned i = 0; i < topo->n_llcs; i++)
        hwloc_bitmap_free(topo->llcs[i].cpus);
    for (unsigned i = 0; i < topo->n_nodes; i++) {
        hwloc_bitmap_free(topo->nodes[i].cpus);
        g_free(topo->nodes[i].pools);
        g_free(topo->nodes[i].distances);
    }
    for (unsigned i = 0; i < topo->n_pci; i++)
        g_free(topo->pci[i].address);
    for (unsigned i = 0; i < topo->n_nets; i++)
        g_free(topo->nets[i].name);
    g_free(topo->pus);
    g_free(topo->cores);
    g_free(topo->llcs);
    g_free(topo->nodes);
    g_free(topo->pci);
    g_free(topo->nets);
    hwloc_bitmap_free(topo->online);
    hwloc_bitmap_free(topo->offline);
    hwloc_bitmap_free(topo->isolated);
    hwloc_bitmap_free(topo->nohz_full);
    hwloc_bitmap_free(topo->allowed);
    hwloc_bitmap_free(topo->allowed_mems);
    g_free(topo->source);
}

Topo *topo_ref(const Topo *topo)
{
    return g_atomic_rc_box_acquire((Topo *)topo);
}

void topo_unref(Topo *topo)
{
    if (topo)
        g_atomic_rc_box_release_full(topo, topo_clear);
}

/* --- comparison --- */

static bool pus_equal(const Topo *a, const Topo *b)
{
    if (a->n_pus != b->n_pus)
        return false;
    for (unsigned i = 0; i < a->n_pus; i++) {
        const TopoPu *x = &a->pus[i], *y = &b->pus[i];
        if (x->os_index != y->os_index || x->core != y->core || x->llc != y->llc ||
            x->package != y->package || x->node != y->node)
            return false;
    }
    return true;
}

static bool cores_equal(const Topo *a, const Topo *b)
{
    if (a->n_cores != b->n_cores)
        return false;
    for (unsigned i = 0; i < a->n_cores; i++) {
        const TopoCore *x = &a->cores[i], *y = &b->cores[i];
        if (x->index != y->index || x->llc != y->llc || x->package != y->package ||
            x->node != y->node || x->kind != y->kind || !cpuset_equal(x->cpus, y->cpus))
            return false;
    }
    return true;
}

static bool llcs_equal(const Topo *a, const Topo *b)
{
    if (a->n_llcs != b->n_llcs)
        return false;
    for (unsigned i = 0; i < a->n_llcs; i++) {
        const TopoLlc *x = &a->llcs[i], *y = &b->llcs[i];
        if (x->index != y->index || x->node != y->node || x->package != y->package ||
            x->size_kib != y->size_kib || !cpuset_equal(x->cpus, y->cpus))
            return false;
    }
    return true;
}

static bool node_equal(const TopoNode *a, const TopoNode *b)
{
    if (a->os_index != b->os_index || a->memory_kib != b->memory_kib || a->n_pools != b->n_pools ||
        !cpuset_equal(a->cpus, b->cpus))
        return false;
    for (unsigned i = 0; i < a->n_pools; i++) {
        if (a->pools[i].size_kib != b->pools[i].size_kib || a->pools[i].total != b->pools[i].total)
            return false;
    }
    return true;
}

static unsigned node_distance(const TopoNode *nodes, unsigned i, unsigned j)
{
    if (nodes[i].distances)
        return nodes[i].distances[j];
    return i == j ? DISTANCE_LOCAL : DISTANCE_REMOTE;
}

static bool nodes_equal(const Topo *a, const Topo *b)
{
    if (a->n_nodes != b->n_nodes)
        return false;
    for (unsigned i = 0; i < a->n_nodes; i++) {
        if (!node_equal(&a->nodes[i], &b->nodes[i]))
            return false;
        for (unsigned j = 0; j < a->n_nodes; j++) {
            if (node_distance(a->nodes, i, j) != node_distance(b->nodes, i, j))
                return false;
        }
    }
    return true;
}

static bool pci_equal(const Topo *a, const Topo *b)
{
    if (a->n_pci != b->n_pci)
        return false;
    for (unsigned i = 0; i < a->n_pci; i++) {
        if (a->pci[i].node != b->pci[i].node || strcmp(a->pci[i].address, b->pci[i].address) != 0)
            return false;
    }
    return true;
}

static bool nets_equal(const Topo *a, const Topo *b)
{
    if (a->n_nets != b->n_nets)
        return false;
    for (unsigned i = 0; i < a->n_nets; i++) {
        if (a->nets[i].node != b->nets[i].node || strcmp(a->nets[i].name, b->nets[i].name) != 0)
            return false;
    }
    return true;
}

bool topo_same_cpus(const Topo *a, const Topo *b)
{
    return cpuset_equal(a->online, b->online) && cpuset_equal(a->offline, b->offline) &&
           cpuset_equal(a->isolated, b->isolated) && cpuset_equal(a->allowed, b->allowed) &&
           cpuset_equal(a->allowed_mems, b->allowed_mems);
}

bool topo_equal(const Topo *a, const Topo *b)
{
    return topo_same_cpus(a, b) && a->n_packages == b->n_packages &&
           a->base_page_kib == b->base_page_kib && a->no_kvm == b->no_kvm &&
           a->no_vhost_net == b->no_vhost_net && a->no_io_uring == b->no_io_uring &&
           cpuset_equal(a->nohz_full, b->nohz_full) && pus_equal(a, b) && cores_equal(a, b) &&
           llcs_equal(a, b) && nodes_equal(a, b) && pci_equal(a, b) && nets_equal(a, b);
}

/* --- lookup --- */

/* Every element of the arrays starts with the index it is sorted by. */
G_STATIC_ASSERT(offsetof(TopoPu, os_index) == 0);
G_STATIC_ASSERT(offsetof(TopoCore, index) == 0);
G_STATIC_ASSERT(offsetof(TopoLlc, index) == 0);
G_STATIC_ASSERT(offsetof(TopoNode, os_index) == 0);

static int compare_index(const void *key, const void *element)
{
    unsigned a = *(const unsigned *)key, b = *(const unsigned *)element;

    return (a > b) - (a < b);
}

static const void *find_index(unsigned index, const void *array, unsigned n, size_t size)
{
    return n ? bsearch(&index, array, n, size, compare_index) : NULL;
}

const TopoPu *topo_pu(const Topo *topo, unsigned os_index)
{
    return find_index(os_index, topo->pus, topo->n_pus, sizeof(TopoPu));
}

const TopoCore *topo_core(const Topo *topo, unsigned index)
{
    return find_index(index, topo->cores, topo->n_cores, sizeof(TopoCore));
}

const TopoLlc *topo_llc(const Topo *topo, unsigned index)
{
    return find_index(index, topo->llcs, topo->n_llcs, sizeof(TopoLlc));
}

const TopoNode *topo_node(const Topo *topo, unsigned os_index)
{
    return find_index(os_index, topo->nodes, topo->n_nodes, sizeof(TopoNode));
}

unsigned topo_distance(const Topo *topo, unsigned node_a, unsigned node_b)
{
    const TopoNode *a = topo_node(topo, node_a), *b = topo_node(topo, node_b);

    if (!a || !b)
        return node_a == node_b ? DISTANCE_LOCAL : DISTANCE_REMOTE;
    return node_distance(topo->nodes, (unsigned)(a - topo->nodes), (unsigned)(b - topo->nodes));
}

bool topo_has_smt(const Topo *topo)
{
    for (unsigned i = 0; i < topo->n_cores; i++) {
        if (cpuset_weight(topo->cores[i].cpus) > 1)
            return true;
    }
    return false;
}

/* Each CPU has one cache and one node, whose other CPUs need not be looked at then. */
CpuSet *topo_llcs_of(const Topo *topo, const CpuSet *cpus)
{
    CpuSet *llcs = cpuset_new();
    g_autoptr(CpuSet) left = cpuset_and(cpus, topo->online);

    CPUSET_FOREACH(cpu, left)
    {
        const TopoLlc *llc = topo_llc(topo, topo_pu(topo, cpu)->llc);
        hwloc_bitmap_set(llcs, llc->index);
        hwloc_bitmap_andnot(left, left, llc->cpus);
    }
    return llcs;
}

CpuSet *topo_nodes_of(const Topo *topo, const CpuSet *cpus)
{
    CpuSet *nodes = cpuset_new();
    g_autoptr(CpuSet) left = cpuset_and(cpus, topo->online);

    CPUSET_FOREACH(cpu, left)
    {
        const TopoNode *node = topo_node(topo, topo_pu(topo, cpu)->node);
        hwloc_bitmap_set(nodes, node->os_index);
        hwloc_bitmap_andnot(left, left, node->cpus);
    }
    return nodes;
}

CpuSet *topo_cpus_of_nodes(const Topo *topo, const CpuSet *nodes)
{
    CpuSet *cpus = cpuset_new();

    for (unsigned i = 0; i < topo->n_nodes; i++) {
        if (cpuset_has(nodes, topo->nodes[i].os_index))
            hwloc_bitmap_or(cpus, cpus, topo->nodes[i].cpus);
    }
    return cpus;
}

static int compare_address(const void *key, const void *element)
{
    const TopoPciLocality *pci = element;

    return strcmp(key, pci->address);
}

int topo_pci_node(const Topo *topo, const char *address)
{
    if (topo->n_pci == 0)
        return -1;

    const TopoPciLocality *pci =
        bsearch(address, topo->pci, topo->n_pci, sizeof(TopoPciLocality), compare_address);
    return pci ? (int)pci->node : -1;
}

static int compare_name(const void *key, const void *element)
{
    const TopoNetLocality *net = element;

    return strcmp(key, net->name);
}

int topo_net_node(const Topo *topo, const char *name)
{
    if (topo->n_nets == 0)
        return -1;

    const TopoNetLocality *net =
        bsearch(name, topo->nets, topo->n_nets, sizeof(TopoNetLocality), compare_name);
    return net ? (int)net->node : -1;
}
