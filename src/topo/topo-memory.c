/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Node of a PU: of the nodes whose CPUs contain it, ordinary memory before special (HBM, GPU, …),
 * then the node with the fewest CPUs, then the lowest OS index. hwloc gives a node without CPUs of
 * its own those of its nearest neighbours; such a node is never chosen, so it ends up without CPUs
 * and is memory-only, as the kernel has it.
 */
#include "topo/topo-build.h"

#include "base/util.h"

#include <hwloc/distances.h>
#include <stdlib.h>
#include <string.h>

/* SLIT: 10 is local, values below are reserved, 255 is unreachable (ACPI 6.5, 5.2.17). */
#define DISTANCE_LOCAL 10
#define DISTANCE_REMOTE 20
/* Without a matrix: nodes beside the same CPUs, such as DRAM and HBM of one package. */
#define DISTANCE_BESIDE 15
#define DISTANCE_MAX 255

#define DEFAULT_PAGE_KIB 4

static int compare_nodes(const void *a, const void *b)
{
    return CMP((*(const hwloc_obj_t *)a)->os_index, (*(const hwloc_obj_t *)b)->os_index);
}

hwloc_obj_t *topo_list_nodes(hwloc_topology_t hwloc, unsigned *ret_n)
{
    unsigned n = (unsigned)hwloc_get_nbobjs_by_type(hwloc, HWLOC_OBJ_NUMANODE);
    hwloc_obj_t *nodes = g_new0(hwloc_obj_t, n);

    for (unsigned i = 0; i < n; i++)
        nodes[i] = hwloc_get_obj_by_type(hwloc, HWLOC_OBJ_NUMANODE, i);
    qsort(nodes, n, sizeof(*nodes), compare_nodes);
    *ret_n = n;
    return nodes;
}

static bool is_special_memory(hwloc_obj_t node)
{
    return node->subtype && strcmp(node->subtype, "DRAM") != 0;
}

/* Nearer means: a better home for the CPUs both have. */
static bool is_nearer(hwloc_obj_t a, hwloc_obj_t b)
{
    if (is_special_memory(a) != is_special_memory(b))
        return !is_special_memory(a);
    return hwloc_bitmap_weight(a->cpuset) < hwloc_bitmap_weight(b->cpuset);
}

unsigned topo_find_node(hwloc_obj_t *nodes, unsigned n, unsigned pu)
{
    unsigned best = n;

    for (unsigned i = 0; i < n; i++) {
        if (hwloc_bitmap_isset(nodes[i]->cpuset, pu) &&
            (best == n || is_nearer(nodes[i], nodes[best])))
            best = i;
    }
    return best == n ? 0 : best;
}

/* The page size all memory is counted in that is not set aside as huge pages. */
static unsigned base_page_kib(hwloc_obj_t *nodes, unsigned n)
{
    uint64_t least = 0;

    for (unsigned i = 0; i < n; i++) {
        const struct hwloc_numanode_attr_s *memory = &nodes[i]->attr->numanode;
        for (unsigned k = 0; k < memory->page_types_len; k++) {
            uint64_t size = memory->page_types[k].size / 1024;
            if (size && (!least || size < least))
                least = size;
        }
    }
    return least && least <= UINT_MAX ? (unsigned)least : DEFAULT_PAGE_KIB;
}

static int compare_pools(const void *a, const void *b)
{
    return CMP(((const TopoPagePool *)a)->size_kib, ((const TopoPagePool *)b)->size_kib);
}

static void fill_node(TopoNode *node, hwloc_obj_t obj, unsigned base_kib)
{
    const struct hwloc_numanode_attr_s *memory = &obj->attr->numanode;

    node->os_index = obj->os_index;
    node->cpus = cpuset_new();
    node->memory_kib = memory->local_memory / 1024;
    node->pools = g_new0(TopoPagePool, memory->page_types_len);
    for (unsigned k = 0; k < memory->page_types_len; k++) {
        uint64_t size = memory->page_types[k].size / 1024;
        if (size <= base_kib || size > UINT_MAX)
            continue;
        node->pools[node->n_pools++] =
            (TopoPagePool){.size_kib = (unsigned)size, .total = memory->page_types[k].count};
    }
    if (node->n_pools > 0)
        qsort(node->pools, node->n_pools, sizeof(*node->pools), compare_pools);
}

/* --- distances --- */

static unsigned distance_sane(uint64_t value, unsigned otherwise)
{
    return value >= DISTANCE_LOCAL && value <= DISTANCE_MAX ? (unsigned)value : otherwise;
}

static unsigned distance_guess(hwloc_obj_t a, hwloc_obj_t b)
{
    if (a == b)
        return DISTANCE_LOCAL;
    return hwloc_bitmap_intersects(a->cpuset, b->cpuset) ? DISTANCE_BESIDE : DISTANCE_REMOTE;
}

/* The first latency matrix over all nodes, or NULL. */
static struct hwloc_distances_s *find_distances(hwloc_topology_t hwloc)
{
    struct hwloc_distances_s *found = NULL;
    unsigned n = 1;

    if (hwloc_distances_get_by_type(hwloc, HWLOC_OBJ_NUMANODE, &n, &found,
                                    HWLOC_DISTANCES_KIND_MEANS_LATENCY, 0) < 0 ||
        n == 0)
        return NULL;
    return found;
}

static void fill_distances(Topo *topo, hwloc_topology_t hwloc, hwloc_obj_t *nodes)
{
    struct hwloc_distances_s *matrix = find_distances(hwloc);

    for (unsigned i = 0; i < topo->n_nodes; i++) {
        topo->nodes[i].distances = g_new0(unsigned, topo->n_nodes);
        for (unsigned j = 0; j < topo->n_nodes; j++) {
            hwloc_uint64_t there = 0, back = 0;
            if (matrix)
                hwloc_distances_obj_pair_values(matrix, nodes[i], nodes[j], &there, &back);
            topo->nodes[i].distances[j] = distance_sane(there, distance_guess(nodes[i], nodes[j]));
        }
    }
    if (matrix)
        hwloc_distances_release(hwloc, matrix);
}

void topo_fill_nodes(Topo *topo, hwloc_topology_t hwloc, hwloc_obj_t *nodes, unsigned n)
{
    topo->base_page_kib = base_page_kib(nodes, n);
    topo->n_nodes = n;
    topo->nodes = g_new0(TopoNode, n);
    for (unsigned i = 0; i < n; i++)
        fill_node(&topo->nodes[i], nodes[i], topo->base_page_kib);
    fill_distances(topo, hwloc, nodes);
}
