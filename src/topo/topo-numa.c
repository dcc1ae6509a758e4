/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What libnuma reads of the running kernel. */
#include "topo/topo-build.h"
#include "topo/topo-load.h"

#include <errno.h>
#include <numa.h>

void topo_use_live_distances(Topo *topo)
{
    if (numa_available() < 0)
        return;
    for (unsigned i = 0; i < topo->n_nodes; i++) {
        for (unsigned j = 0; j < topo->n_nodes; j++) {
            int distance =
                numa_distance((int)topo->nodes[i].os_index, (int)topo->nodes[j].os_index);
            if (distance > 0)
                topo->nodes[i].distances[j] = (unsigned)distance;
        }
    }
}

int topo_free_acquire(const Topo *topo, TopoFree **ret)
{
    if (numa_available() < 0)
        return -EOPNOTSUPP;

    TopoFree *value = g_new0(TopoFree, 1);
    value->n_nodes = topo->n_nodes;
    value->memory_kib = g_new0(uint64_t, topo->n_nodes);
    for (unsigned i = 0; i < topo->n_nodes; i++) {
        long long free_bytes = -1;
        if (numa_node_size64((int)topo->nodes[i].os_index, &free_bytes) < 0 || free_bytes < 0) {
            topo_free_free(value);
            return -ENXIO;
        }
        value->memory_kib[i] = (uint64_t)free_bytes / 1024;
    }
    *ret = value;
    return 0;
}

void topo_free_free(TopoFree *value)
{
    if (!value)
        return;
    g_free(value->memory_kib);
    g_free(value);
}
