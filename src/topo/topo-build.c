/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "topo/topo-build.h"

#include "base/util.h"

#include <stdlib.h>
#include <string.h>

/* --- devices --- */

static int compare_pci(const void *a, const void *b)
{
    return strcmp(((const TopoPciLocality *)a)->address, ((const TopoPciLocality *)b)->address);
}

/* OS index of the one node with CPUs near obj, else of its one node at all; -1 if there are several
 * (a device hung off the machine, say). */
static int nearest_node(const Topo *topo, hwloc_obj_t obj)
{
    g_autoptr(CpuSet) nodes = topo_nodes_of(topo, obj->cpuset);
    const CpuSet *near = cpuset_is_empty(nodes) ? obj->nodeset : nodes;

    return cpuset_weight(near) == 1 ? (int)cpuset_first(near) : -1;
}

char *topo_pci_address(unsigned domain, unsigned bus, unsigned dev, unsigned func)
{
    return g_strdup_printf("%04x:%02x:%02x.%x", domain, bus, dev, func);
}

static void fill_pci(Topo *topo, hwloc_topology_t hwloc)
{
    int count = hwloc_get_nbobjs_by_type(hwloc, HWLOC_OBJ_PCI_DEVICE);

    topo->pci = g_new0(TopoPciLocality, (unsigned)MAX(count, 0));
    for (hwloc_obj_t obj = NULL; (obj = hwloc_get_next_pcidev(hwloc, obj));) {
        const struct hwloc_pcidev_attr_s *pci = &obj->attr->pcidev;
        int node = nearest_node(topo, hwloc_get_non_io_ancestor_obj(hwloc, obj));
        if (node < 0)
            continue;
        topo->pci[topo->n_pci++] = (TopoPciLocality){
            .address = topo_pci_address(pci->domain, pci->bus, pci->dev, pci->func),
            .node = (unsigned)node};
    }
    if (topo->n_pci > 0)
        qsort(topo->pci, topo->n_pci, sizeof(*topo->pci), compare_pci);
}

/* --- the whole --- */

/* A file may say anything: each PU is one CPU, no index is past what we take from outside, none
 * comes twice. */
static bool is_sane(hwloc_topology_t hwloc, hwloc_obj_t *nodes, unsigned n_nodes)
{
    g_autoptr(CpuSet) seen = cpuset_new();

    for (hwloc_obj_t pu = NULL; (pu = hwloc_get_next_obj_by_type(hwloc, HWLOC_OBJ_PU, pu));) {
        if (pu->os_index > CPUSET_MAX_INDEX || cpuset_has(seen, pu->os_index) ||
            cpuset_weight(pu->cpuset) != 1 || !cpuset_has(pu->cpuset, pu->os_index))
            return false;
        hwloc_bitmap_set(seen, pu->os_index);
    }
    for (unsigned i = 0; i < n_nodes; i++) {
        if (nodes[i]->os_index > CPUSET_MAX_INDEX ||
            (i > 0 && nodes[i]->os_index == nodes[i - 1]->os_index))
            return false;
    }
    return n_nodes > 0 && !cpuset_is_empty(seen);
}

static void replace(CpuSet **set, CpuSet *with)
{
    hwloc_bitmap_free(*set);
    *set = with;
}

Topo *topo_build(hwloc_topology_t hwloc)
{
    unsigned n_nodes;
    g_autofree hwloc_obj_t *nodes = topo_list_nodes(hwloc, &n_nodes);
    if (!is_sane(hwloc, nodes, n_nodes))
        return NULL;

    Topo *topo = topo_new();
    topo_fill_nodes(topo, hwloc, nodes, n_nodes);
    topo_fill_cpus(topo, hwloc, nodes);
    fill_pci(topo, hwloc);
    topo_fill_nets(topo, hwloc);

    hwloc_const_bitmap_t complete = hwloc_topology_get_complete_cpuset(hwloc);
    hwloc_const_bitmap_t allowed = hwloc_topology_get_allowed_cpuset(hwloc);
    hwloc_const_bitmap_t mems = hwloc_topology_get_allowed_nodeset(hwloc);
    replace(&topo->offline, cpuset_minus(complete, topo->online));
    replace(&topo->allowed, cpuset_and(allowed, topo->online));
    for (unsigned i = 0; i < n_nodes; i++) {
        if (cpuset_has(mems, nodes[i]->os_index))
            hwloc_bitmap_set(topo->allowed_mems, nodes[i]->os_index);
    }
    return topo;
}
