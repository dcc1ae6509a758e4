/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The devices of the host that a guest uses, and the nodes they are on (numa.devices): PCI devices
 * it has to itself, and the NICs below its network interfaces. A device whose node the host does
 * not tell does not count.
 */
#include "plan/planner.h"

static void add_node(const Topo *topo, int node, GArray *nodes)
{
    unsigned index = (unsigned)node;

    if (node >= 0 && topo_node(topo, index))
        g_array_append_val(nodes, index);
}

GArray *seat_device_nodes(const Topo *topo, const Seat *seat)
{
    const GuestDef *def = seat->def;
    GArray *nodes = g_array_new(FALSE, FALSE, sizeof(unsigned));

    if (seat_word_is(seat, KEY_NUMA_DEVICES, "ignore"))
        return nodes;
    for (unsigned i = 0; def->hostdevs && def->hostdevs[i]; i++)
        add_node(topo, topo_pci_node(topo, def->hostdevs[i]), nodes);
    for (unsigned i = 0; i < def->n_nics; i++) {
        if (def->nics[i].pci)
            add_node(topo, topo_pci_node(topo, def->nics[i].pci), nodes);
        else if (def->nics[i].host)
            add_node(topo, topo_net_node(topo, def->nics[i].host), nodes);
    }
    return nodes;
}

static CpuSet *device_set(const Topo *topo, const Seat *seat)
{
    g_autoptr(GArray) nodes = seat_device_nodes(topo, seat);
    CpuSet *set = cpuset_new();

    for (guint i = 0; i < nodes->len; i++)
        hwloc_bitmap_set(set, g_array_index(nodes, unsigned, i));
    return set;
}

CpuSet *seat_required_nodes(const Topo *topo, const Seat *seat)
{
    if (seat->in->running || !seat_word_is(seat, KEY_NUMA_DEVICES, "required"))
        return NULL;
    g_autoptr(CpuSet) nodes = device_set(topo, seat);
    return cpuset_is_empty(nodes) ? NULL : g_steal_pointer(&nodes);
}

/* "node 1", "nodes 0-1" */
static char *nodes_text(const CpuSet *nodes)
{
    g_autofree char *list = cpuset_format(nodes);

    return g_strconcat(cpuset_weight(nodes) == 1 ? "node " : "nodes ", list, NULL);
}

void devices_explain(const Topo *topo, const Seat *seat, const CpuSet *nodes, GString *text)
{
    if (topo->n_nodes < 2 || (!seat->def->hostdevs && seat->def->n_nics == 0))
        return;
    g_autoptr(CpuSet) devices = device_set(topo, seat);
    if (cpuset_is_empty(devices))
        return;
    g_autoptr(CpuSet) near = cpuset_and(devices, nodes), far = cpuset_minus(devices, nodes);
    g_autofree char *near_text = nodes_text(near), *far_text = nodes_text(far);
    if (cpuset_is_empty(far))
        g_string_append_printf(text, ", near its devices (%s)", near_text);
    else if (cpuset_is_empty(near))
        g_string_append_printf(text, ", not near its devices (%s)", far_text);
    else
        g_string_append_printf(text, ", near its devices on %s, not those on %s", near_text,
                               far_text);
}

void devices_explain_refusal(const Topo *topo, Seat *seat)
{
    g_autoptr(CpuSet) nodes = seat_required_nodes(topo, seat);

    if (!nodes)
        return;
    g_autofree char *where = nodes_text(nodes), *reason = seat->reason;
    if (seat->node_list && !cpuset_intersects(seat->node_list, nodes)) {
        g_autofree char *listed = nodes_text(seat->node_list);
        seat->reason = g_strdup_printf(
            "numa.devices: required, its devices are on %s, and numa.nodes has %s", where, listed);
        return;
    }
    seat->reason =
        g_strdup_printf("%s (numa.devices: required, its devices are on %s)", reason, where);
}
