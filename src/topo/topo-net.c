/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Which node the packets of a network device come from. A NIC is on the node of its PCI device; a
 * bond, VLAN or bridge over it is there too. A device over NICs of several nodes is on none, and so
 * is one over no NIC.
 *
 * hwloc XML has NICs as I/O objects. On the running host they are read from sysfs, since asking
 * hwloc for them would load its plugins for GPUs as well. There one goes from the NICs upwards: the
 * taps of guests, of which a bridge may have many, are never looked into.
 */
#include "topo/topo-build.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/if.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NET_DIR "/sys/class/net"
#define UPPER_PREFIX "upper_"

/* A NIC, a bond, a VLAN, a tunnel and a bridge; the kernel allows 8 (MAX_NEST_DEV). */
#define MAX_LEVELS 8
/* Devices followed on one host: a VLAN and its bridge for each of 4094 ids. */
#define MAX_DEVICES 8192

/* Network device → set of nodes. */
typedef GHashTable NodesByName;

static NodesByName *nodes_by_name_new(void)
{
    return g_hash_table_new_full(g_str_hash, g_str_equal, g_free,
                                 (GDestroyNotify)hwloc_bitmap_free);
}

/* XML may say anything; no name of the kernel's is longer. */
static bool is_name(const char *name)
{
    for (const char *p = name; *p; p++)
        if (!g_ascii_isgraph(*p) || *p == '/')
            return false;
    return *name && strlen(name) < IFNAMSIZ;
}

/* Adds to what the device has; false if that is no news, or too many devices are known. */
static bool add_nodes(NodesByName *all, const char *name, const CpuSet *nodes)
{
    CpuSet *known = g_hash_table_lookup(all, name);

    if (!is_name(name) || (known && cpuset_is_subset(nodes, known)))
        return false;
    if (!known && g_hash_table_size(all) >= MAX_DEVICES)
        return false;
    if (!known) {
        known = cpuset_new();
        g_hash_table_insert(all, g_strdup(name), known);
    }
    hwloc_bitmap_or(known, known, nodes);
    return true;
}

static int compare_nets(const void *a, const void *b)
{
    return strcmp(((const TopoNetLocality *)a)->name, ((const TopoNetLocality *)b)->name);
}

/* The devices on just one node become the topology's; consumes all. */
static void finish(Topo *topo, NodesByName *all)
{
    GHashTableIter iter;
    gpointer name, nodes;

    topo->nets = g_new0(TopoNetLocality, g_hash_table_size(all));
    g_hash_table_iter_init(&iter, all);
    while (g_hash_table_iter_next(&iter, &name, &nodes))
        if (cpuset_weight(nodes) == 1)
            topo->nets[topo->n_nets++] =
                (TopoNetLocality){.name = g_strdup(name), .node = cpuset_first(nodes)};
    if (topo->n_nets > 0)
        qsort(topo->nets, topo->n_nets, sizeof(*topo->nets), compare_nets);
    g_hash_table_unref(all);
}

/* --- hwloc --- */

static int pci_node(const Topo *topo, hwloc_obj_t obj)
{
    while (obj && obj->type != HWLOC_OBJ_PCI_DEVICE)
        obj = obj->parent;
    if (!obj)
        return -1;
    const struct hwloc_pcidev_attr_s *pci = &obj->attr->pcidev;
    g_autofree char *address = topo_pci_address(pci->domain, pci->bus, pci->dev, pci->func);
    return topo_pci_node(topo, address);
}

void topo_fill_nets(Topo *topo, hwloc_topology_t hwloc)
{
    NodesByName *all = nodes_by_name_new();

    for (hwloc_obj_t obj = NULL; (obj = hwloc_get_next_osdev(hwloc, obj));) {
        int node = obj->attr->osdev.type == HWLOC_OBJ_OSDEV_NETWORK ? pci_node(topo, obj) : -1;
        if (node < 0 || !obj->name)
            continue;
        g_autoptr(CpuSet) nodes = cpuset_new_one((unsigned)node);
        add_nodes(all, obj->name, nodes);
    }
    finish(topo, all);
}

/* --- the running host --- */

/* In .../devices/pci0000:80/0000:80:01.0/0000:81:00.0/net/eth0 the last address is the NIC's. */
static int linked_node(const Topo *topo, const char *link)
{
    g_auto(GStrv) parts = g_strsplit(link, "/", -1);
    int node = -1;

    for (char **part = parts; *part; part++) {
        int found = topo_pci_node(topo, *part);
        node = found >= 0 ? found : node;
    }
    return node;
}

static void read_nics(const Topo *topo, DIR *dir, NodesByName *all, GPtrArray *names)
{
    const struct dirent *entry;

    while ((entry = readdir(dir))) {
        char link[PATH_MAX];
        ssize_t n = readlinkat(dirfd(dir), entry->d_name, link, sizeof(link) - 1);
        if (n < 0)
            continue;
        link[n] = '\0';
        int node = linked_node(topo, link);
        if (node < 0)
            continue;
        g_autoptr(CpuSet) nodes = cpuset_new_one((unsigned)node);
        if (add_nodes(all, entry->d_name, nodes))
            g_ptr_array_add(names, g_strdup(entry->d_name));
    }
}

/* The macvtap of one guest; what guests come and go with is no part of the host. */
static bool is_macvtap(int net_fd, const char *name)
{
    g_autofree char *path = g_strconcat(name, "/macvtap", NULL);

    return faccessat(net_fd, path, F_OK, 0) == 0;
}

/* What lies right over this device is on its nodes too; names: devices of which there is news. */
static void read_uppers(int net_fd, const char *name, NodesByName *all, GPtrArray *names)
{
    int fd = openat(net_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    const struct dirent *entry;

    if (!dir && fd >= 0)
        close(fd);
    while (dir && (entry = readdir(dir))) {
        if (!g_str_has_prefix(entry->d_name, UPPER_PREFIX))
            continue;
        const char *upper = entry->d_name + strlen(UPPER_PREFIX);
        if (!is_macvtap(net_fd, upper) && add_nodes(all, upper, g_hash_table_lookup(all, name)))
            g_ptr_array_add(names, g_strdup(upper));
    }
    if (dir)
        closedir(dir);
}

void topo_use_live_nets(Topo *topo, const char *root)
{
    g_autofree char *path = g_strconcat(root, NET_DIR, NULL);
    g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
    NodesByName *all = nodes_by_name_new();
    DIR *dir = opendir(path);

    if (dir)
        read_nics(topo, dir, all, names);
    for (unsigned level = 0; level < MAX_LEVELS && names->len > 0; level++) {
        g_autoptr(GPtrArray) uppers = g_ptr_array_new_with_free_func(g_free);
        for (guint i = 0; i < names->len; i++)
            read_uppers(dirfd(dir), g_ptr_array_index(names, i), all, uppers);
        g_ptr_array_unref(names);
        names = g_steal_pointer(&uppers);
    }
    if (dir)
        closedir(dir);
    finish(topo, all);
}
