/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Where a topology comes from: the running host (hwloc, then sysfs for what hwloc does not tell),
 * an XML file, or a synthetic description. hwloc's own complaints on stderr are silenced; ours go
 * to *reterr_text.
 */
#include "topo/topo-load.h"

#include "topo/topo-build.h"
#include "topo/topo-sysfs.h"

#include <errno.h>
#include <hwloc.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* hwloc writes some 330 KiB for 1024 PUs. */
#define MAX_XML_BYTES (16 * 1024 * 1024)

typedef struct hwloc_topology HwlocTopology;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(HwlocTopology, hwloc_topology_destroy)

/* A topology ready to be given its source. Disallowed resources are included: guests live in
 * cpusets of their own. All PCI devices are kept, as any of them may be passed to a guest; network
 * devices of a file, while those of this host are read from sysfs (topo-net.c). */
static int open_hwloc(unsigned long flags, enum hwloc_type_filter_e os_devices, HwlocTopology **ret)
{
    static gsize quiet;
    if (g_once_init_enter(&quiet)) {
        g_setenv("HWLOC_HIDE_ERRORS", "2", FALSE);
        g_once_init_leave(&quiet, 1);
    }

    g_autoptr(HwlocTopology) hwloc = NULL;
    if (hwloc_topology_init(&hwloc) < 0)
        return -errno;
    if (hwloc_topology_set_flags(hwloc, HWLOC_TOPOLOGY_FLAG_INCLUDE_DISALLOWED | flags) < 0 ||
        hwloc_topology_set_type_filter(hwloc, HWLOC_OBJ_BRIDGE, HWLOC_TYPE_FILTER_KEEP_IMPORTANT) <
            0 ||
        hwloc_topology_set_type_filter(hwloc, HWLOC_OBJ_PCI_DEVICE, HWLOC_TYPE_FILTER_KEEP_ALL) <
            0 ||
        hwloc_topology_set_type_filter(hwloc, HWLOC_OBJ_OS_DEVICE, os_devices) < 0)
        return -errno;
    *ret = g_steal_pointer(&hwloc);
    return 0;
}

/* --- this host --- */

/* hwloc reads the real /sys unless this variable names another root. */
static int load_live(HwlocTopology *hwloc, const char *root)
{
    static GMutex lock;

    if (!*root)
        return hwloc_topology_load(hwloc) < 0 ? -errno : 0;

    g_mutex_lock(&lock);
    g_setenv("HWLOC_FSROOT", root, TRUE);
    int r = hwloc_topology_load(hwloc) < 0 ? -errno : 0;
    g_unsetenv("HWLOC_FSROOT");
    g_mutex_unlock(&lock);
    return r;
}

/* target becomes what is in both; target itself if wanted is NULL. */
static void narrow(CpuSet *target, const CpuSet *wanted)
{
    if (wanted)
        hwloc_bitmap_and(target, target, wanted);
}

static void set_to(CpuSet *target, const CpuSet *wanted, const CpuSet *bound)
{
    if (wanted)
        hwloc_bitmap_and(target, wanted, bound);
}

static CpuSet *all_nodes(const Topo *topo)
{
    CpuSet *nodes = cpuset_new();
    for (unsigned i = 0; i < topo->n_nodes; i++)
        hwloc_bitmap_set(nodes, topo->nodes[i].os_index);
    return nodes;
}

/* hwloc took "allowed" from the cgroup of this process; it is the guests' partition that counts. */
static void use_sysfs(Topo *topo, const TopoSysfs *sysfs)
{
    g_autoptr(CpuSet) nodes = all_nodes(topo);

    if (sysfs->present)
        hwloc_bitmap_andnot(topo->offline, sysfs->present, topo->online);
    set_to(topo->isolated, sysfs->isolated, topo->online);
    set_to(topo->nohz_full, sysfs->nohz_full, topo->online);

    hwloc_bitmap_copy(topo->allowed, topo->online);
    hwloc_bitmap_copy(topo->allowed_mems, nodes);
    narrow(topo->allowed, sysfs->allowed);
    narrow(topo->allowed_mems, sysfs->allowed_mems);
}

int topo_acquire(const char *root, Topo **ret, char **reterr_text)
{
    g_auto(TopoSysfs) sysfs = {0};
    g_autoptr(HwlocTopology) hwloc = NULL;

    int r = topo_sysfs_acquire(root, &sysfs, reterr_text);
    if (r < 0)
        return r;
    /* Probing by moving from CPU to CPU would disturb them, isolated ones too; sysfs tells all. */
    r = open_hwloc(HWLOC_TOPOLOGY_FLAG_DONT_CHANGE_BINDING, HWLOC_TYPE_FILTER_KEEP_NONE, &hwloc);
    if (r == 0)
        r = load_live(hwloc, root);
    g_autoptr(Topo) topo = r < 0 ? NULL : topo_build(hwloc);
    if (!topo) {
        r = r < 0 ? r : -EINVAL;
        *reterr_text = g_strdup_printf("hwloc cannot read this host: %s", g_strerror(-r));
        return r;
    }

    topo->source = g_strdup("this host");
    if (!*root) {
        topo->base_page_kib = (unsigned)(sysconf(_SC_PAGESIZE) / 1024);
        topo_use_live_distances(topo);
    }
    topo_use_live_nets(topo, root);
    topo->no_kvm = !topo_has_kvm(root);
    topo->no_vhost_net = !topo_has_vhost_net(root);
    topo->no_io_uring = !topo_has_io_uring(root);
    use_sysfs(topo, &sysfs);
    *ret = g_steal_pointer(&topo);
    return 0;
}

/* --- files and descriptions --- */

static int set_xml(HwlocTopology *hwloc, const char *path, char **reterr_text)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *bytes = NULL;
    gsize size = 0;
    struct stat st;

    if (stat(path, &st) < 0) {
        int r = -errno;
        *reterr_text = g_strdup_printf("%s: %s", path, g_strerror(-r));
        return r;
    }
    if (!S_ISREG(st.st_mode) || st.st_size > MAX_XML_BYTES) {
        *reterr_text = g_strdup_printf("%s: not a regular file of at most %d MiB", path,
                                       MAX_XML_BYTES / 1024 / 1024);
        return S_ISREG(st.st_mode) ? -EFBIG : -EINVAL;
    }
    if (!g_file_get_contents(path, &bytes, &size, &error)) {
        *reterr_text = g_strdup(error->message);
        return -EIO;
    }
    /* hwloc wants the terminating zero that GLib puts behind the bytes to be counted. */
    if (hwloc_topology_set_xmlbuffer(hwloc, bytes, (int)size + 1) < 0 ||
        hwloc_topology_load(hwloc) < 0) {
        *reterr_text = g_strdup_printf("%s: not a topology as lstopo exports it (hwloc XML)", path);
        return -EINVAL;
    }
    return 0;
}

/* A description multiplies up quickly, and hwloc would build all of it: the product of the counts
 * outside brackets is bounded first. */
static bool are_counts_bounded(const char *text)
{
    uint64_t product = 1;
    int depth = 0;
    bool in_name = false;

    for (const char *p = text; *p; p++) {
        depth += (*p == '(' || *p == '[') - (*p == ')' || *p == ']');
        if (depth != 0)
            continue;
        if (!g_ascii_isdigit(*p) || in_name) {
            in_name = g_ascii_isalnum(*p);
            continue;
        }
        char *end;
        uint64_t count = g_ascii_strtoull(p, &end, 10);
        if (count > CPUSET_MAX_INDEX || product * MAX(count, 1) > CPUSET_MAX_INDEX + UINT64_C(1))
            return false;
        product *= MAX(count, 1);
        p = end - 1;
    }
    return true;
}

/* Likewise the numbers of every "(indexes=…)": a bitmap is as long as its highest member. */
static bool are_indexes_bounded(const char *text)
{
    while ((text = strstr(text, "indexes="))) {
        for (text += strlen("indexes="); *text && *text != ')' && *text != ' ';) {
            char *end = (char *)text + 1;
            if (g_ascii_isdigit(*text) && g_ascii_strtoull(text, &end, 10) > CPUSET_MAX_INDEX)
                return false;
            text = end;
        }
    }
    return true;
}

/* hwloc gives a description without NUMA nodes one of 1 GiB, and up to 2.9 at least copies
 * overlapping memory for it: better to say it outright. Levels without a type ("2 2 2") include
 * nodes. */
static char *with_node(const char *text)
{
    bool is_typed = strchr(text, ':') != NULL;
    bool has_node = g_regex_match_simple("numa|node|(^|\\s)\\d", text, G_REGEX_CASELESS, 0);

    return g_strconcat(is_typed && !has_node ? "[numa(memory=1073741824)] " : "", text, NULL);
}

static int set_synthetic(HwlocTopology *hwloc, const char *text, char **reterr_text)
{
    if (!are_counts_bounded(text) || !are_indexes_bounded(text)) {
        *reterr_text = g_strdup_printf("'%s': more than %u CPUs or nodes, or an index past %u",
                                       text, CPUSET_MAX_INDEX + 1, CPUSET_MAX_INDEX);
        return -EINVAL;
    }
    g_autofree char *full = with_node(text);
    if (hwloc_topology_set_synthetic(hwloc, full) == 0 && hwloc_topology_load(hwloc) == 0)
        return 0;
    if (strchr(text, '/') || g_str_has_suffix(text, ".xml")) {
        *reterr_text = g_strdup_printf("%s: %s", text, g_strerror(ENOENT));
        return -ENOENT;
    }
    *reterr_text = g_strdup_printf("'%s' is neither a file nor an hwloc synthetic description "
                                   "(such as 'package:2 numa:2(memory=16GB) l3:2 core:4 pu:2')",
                                   text);
    return -EINVAL;
}

static int use_extra(Topo *topo, const TopoExtra *extra, char **reterr_text)
{
    g_autoptr(CpuSet) nodes = all_nodes(topo);

    if (!extra)
        return 0;
    set_to(topo->isolated, extra->isolated, topo->online);
    set_to(topo->nohz_full, extra->nohz_full, topo->online);
    set_to(topo->allowed, extra->allowed, topo->online);
    set_to(topo->allowed_mems, extra->allowed_mems, nodes);
    if (!cpuset_is_empty(topo->allowed) && !cpuset_is_empty(topo->allowed_mems))
        return 0;

    *reterr_text = g_strdup_printf("no allowed %s is part of this topology",
                                   cpuset_is_empty(topo->allowed) ? "CPU" : "node");
    return -EINVAL;
}

int topo_load(const char *text, const TopoExtra *extra, Topo **ret, char **reterr_text)
{
    g_autoptr(HwlocTopology) hwloc = NULL;
    bool is_file = access(text, F_OK) == 0;

    int r = open_hwloc(0, HWLOC_TYPE_FILTER_KEEP_ALL, &hwloc);
    if (r < 0) {
        *reterr_text = g_strdup_printf("hwloc: %s", g_strerror(-r));
        return r;
    }
    r = is_file ? set_xml(hwloc, text, reterr_text) : set_synthetic(hwloc, text, reterr_text);
    if (r < 0)
        return r;

    g_autoptr(Topo) topo = topo_build(hwloc);
    if (!topo) {
        *reterr_text = g_strdup_printf("%s: CPU or node numbers that no host has", text);
        return -EINVAL;
    }
    topo->source = g_strdup(text);
    r = use_extra(topo, extra, reterr_text);
    if (r < 0)
        return r;
    *ret = g_steal_pointer(&topo);
    return 0;
}
