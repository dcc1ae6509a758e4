/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "common/world.h"

#include <stdlib.h>
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

typedef struct Counts {
    unsigned packages, nodes, llcs, cores, pus;
} Counts;

static void fill_cores(Topo *topo, const Counts *n)
{
    topo->pus = g_new0(TopoPu, n->pus);
    topo->cores = g_new0(TopoCore, n->cores);
    topo->n_pus = n->pus;
    topo->n_cores = n->cores;
    for (unsigned c = 0; c < n->cores; c++) {
        TopoCore *core = &topo->cores[c];
        *core = (TopoCore){.index = c,
                           .cpus = cpuset_new(),
                           .llc = c / (n->cores / n->llcs),
                           .node = c / (n->cores / n->nodes),
                           .package = c / (n->cores / n->packages)};
        for (unsigned pu = c; pu < n->pus; pu += n->cores) {
            topo->pus[pu] = (TopoPu){.os_index = pu,
                                     .core = c,
                                     .llc = core->llc,
                                     .node = core->node,
                                     .package = core->package};
            hwloc_bitmap_set(core->cpus, pu);
        }
    }
}

static void fill_llcs(Topo *topo, const Counts *n)
{
    topo->llcs = g_new0(TopoLlc, n->llcs);
    topo->n_llcs = n->llcs;
    for (unsigned i = 0; i < n->llcs; i++) {
        topo->llcs[i] = (TopoLlc){.index = i,
                                  .cpus = cpuset_new(),
                                  .node = i / (n->llcs / n->nodes),
                                  .package = i / (n->llcs / n->packages),
                                  .size_kib = 32768};
    }
    for (unsigned i = 0; i < n->pus; i++)
        hwloc_bitmap_set(topo->llcs[topo->pus[i].llc].cpus, i);
}

static void fill_nodes(Topo *topo, const Counts *n)
{
    unsigned per_package = n->nodes / n->packages;

    topo->nodes = g_new0(TopoNode, n->nodes);
    topo->n_nodes = n->nodes;
    for (unsigned i = 0; i < n->nodes; i++) {
        TopoNode *node = &topo->nodes[i];
        node->os_index = i;
        node->cpus = cpuset_new();
        node->memory_kib = WORLD_NODE_MEMORY_KIB;
        node->distances = g_new0(unsigned, n->nodes);
        for (unsigned j = 0; j < n->nodes; j++)
            node->distances[j] = i == j ? 10 : i / per_package == j / per_package ? 12 : 20;
        hwloc_bitmap_set(topo->allowed_mems, i);
    }
    for (unsigned i = 0; i < n->pus; i++)
        hwloc_bitmap_set(topo->nodes[topo->pus[i].node].cpus, i);
}

Topo *world_topo(unsigned packages, unsigned nodes_per_package, unsigned llcs_per_node,
                 unsigned cores_per_llc, unsigned threads)
{
    Counts n = {.packages = packages};
    Topo *topo = topo_new();

    n.nodes = n.packages * nodes_per_package;
    n.llcs = n.nodes * llcs_per_node;
    n.cores = n.llcs * cores_per_llc;
    n.pus = n.cores * threads;
    fill_cores(topo, &n);
    fill_llcs(topo, &n);
    fill_nodes(topo, &n);
    topo->n_packages = packages;
    topo->base_page_kib = 4;
    topo->source = g_strdup("made by hand");
    hwloc_bitmap_set_range(topo->online, 0, (int)n.pus - 1);
    hwloc_bitmap_set_range(topo->allowed, 0, (int)n.pus - 1);
    return topo;
}

void world_set_memory(Topo *topo, uint64_t kib_per_node)
{
    for (unsigned i = 0; i < topo->n_nodes; i++)
        topo->nodes[i].memory_kib = kib_per_node;
}

static int compare_pools(const void *a, const void *b)
{
    const TopoPagePool *x = a, *y = b;

    return (x->size_kib > y->size_kib) - (x->size_kib < y->size_kib);
}

void world_add_pool(Topo *topo, unsigned node, unsigned size_kib, uint64_t total)
{
    TopoNode *at = &topo->nodes[node];

    at->pools = g_renew(TopoPagePool, at->pools, at->n_pools + 1);
    at->pools[at->n_pools++] = (TopoPagePool){.size_kib = size_kib, .total = total};
    qsort(at->pools, at->n_pools, sizeof(TopoPagePool), compare_pools);
}

void world_add_memory_node(Topo *topo, uint64_t memory_kib)
{
    unsigned n = topo->n_nodes + 1;

    topo->nodes = g_renew(TopoNode, topo->nodes, n);
    topo->nodes[n - 1] = (TopoNode){.os_index = n - 1,
                                    .cpus = cpuset_new(),
                                    .memory_kib = memory_kib,
                                    .distances = g_new0(unsigned, n)};
    for (unsigned i = 0; i < n; i++) {
        topo->nodes[i].distances = g_renew(unsigned, topo->nodes[i].distances, n);
        topo->nodes[i].distances[n - 1] = topo->nodes[n - 1].distances[i] = i == n - 1 ? 10 : 20;
    }
    topo->n_nodes = n;
    hwloc_bitmap_set(topo->allowed_mems, n - 1);
}

GuestDef *world_def(const char *name, unsigned number, unsigned n_vcpus, uint64_t memory_kib)
{
    GuestDef *def = guest_def_new();

    def->name = g_strdup(name);
    def->uuid = g_strdup_printf(WORLD_UUID, number);
    def->type = g_strdup("kvm");
    def->max_vcpus = n_vcpus;
    hwloc_bitmap_set_range(def->vcpus, 0, (int)n_vcpus - 1);
    def->memory_kib = def->current_memory_kib = memory_kib;
    return def;
}

Guest *world_guest(const char *name, unsigned number, unsigned n_vcpus, uint64_t memory_kib,
                   bool running)
{
    GuestDef *def = world_def(name, number, n_vcpus, memory_kib);
    Guest *guest = guest_new(def->uuid, name);

    guest->config = def;
    guest->live = running ? guest_def_ref(def) : NULL;
    guest->active = running;
    guest->persistent = true;
    return guest;
}

CpuSet *world_cpus(const char *list)
{
    CpuSet *set = NULL;

    if (cpuset_parse(list, &set) < 0)
        fail_msg("no CPU list: %s", list);
    return set;
}

void world_assert_cpus(const CpuSet *set, const char *list, const char *file, int line)
{
    if (!set)
        fail_msg("%s:%d: no set, %s expected", file, line, list);

    g_autofree char *text = cpuset_format(set);
    if (strcmp(text, list) != 0) {
        print_error("%s:%d: \"%s\", \"%s\" expected\n", file, line, text, list);
        fail();
    }
}
