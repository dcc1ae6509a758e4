/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * LLC of a PU: its largest cache of level 3 or more; without one its L2, if cores share it; else
 * whatever the PU's node and package have in common.
 *
 * Numbers: hwloc's logical indexes for cores, packages and the host's highest kind of cache. What
 * stands in for a missing object is numbered behind them, in hwloc's order.
 */
#include "topo/topo-build.h"

#include "base/util.h"

#include <stdlib.h>

typedef struct Numbering {
    hwloc_obj_type_t type; /* objects of this type keep their logical index */
    unsigned next;
    GHashTable *others; /* object → number */
} Numbering;

static void numbering_init(Numbering *numbering, hwloc_topology_t hwloc, hwloc_obj_type_t type)
{
    numbering->type = type;
    numbering->next = (unsigned)MAX(hwloc_get_nbobjs_by_type(hwloc, type), 0);
    numbering->others = g_hash_table_new(NULL, NULL);
}

static unsigned numbering_get(Numbering *numbering, hwloc_obj_t obj)
{
    gpointer known;

    if (obj->type == numbering->type)
        return obj->logical_index;
    if (g_hash_table_lookup_extended(numbering->others, obj, NULL, &known))
        return GPOINTER_TO_UINT(known);
    g_hash_table_insert(numbering->others, obj, GUINT_TO_POINTER(numbering->next));
    return numbering->next++;
}

/* The highest kind of cache from level 3 on; L3 if the host has none. */
static hwloc_obj_type_t leading_cache(hwloc_topology_t hwloc)
{
    if (hwloc_get_nbobjs_by_type(hwloc, HWLOC_OBJ_L5CACHE) > 0)
        return HWLOC_OBJ_L5CACHE;
    if (hwloc_get_nbobjs_by_type(hwloc, HWLOC_OBJ_L4CACHE) > 0)
        return HWLOC_OBJ_L4CACHE;
    return HWLOC_OBJ_L3CACHE;
}

static hwloc_obj_t ancestor_or(hwloc_topology_t hwloc, hwloc_obj_type_t type, hwloc_obj_t obj,
                               hwloc_obj_t otherwise)
{
    hwloc_obj_t found = hwloc_get_ancestor_obj_by_type(hwloc, type, obj);
    return found ? found : otherwise;
}

static bool is_shared_by_cores(hwloc_obj_t cache, hwloc_obj_t core)
{
    return !hwloc_bitmap_isincluded(cache->cpuset, core->cpuset);
}

/* The object that stands for the PU's LLC: a cache, its package or its node. */
static hwloc_obj_t find_llc(hwloc_obj_t pu, hwloc_obj_t core, hwloc_obj_t package, hwloc_obj_t node)
{
    hwloc_obj_t best = NULL;

    for (hwloc_obj_t obj = pu->parent; obj; obj = obj->parent) {
        if (!hwloc_obj_type_is_dcache(obj->type))
            continue;
        if (obj->attr->cache.depth >= 3 ||
            (obj->attr->cache.depth == 2 && is_shared_by_cores(obj, core)))
            best = obj;
    }
    if (best)
        return best;
    return hwloc_bitmap_isincluded(package->cpuset, node->cpuset) ? package : node;
}

/* Efficiency rank of the core's kind, 0 if hwloc cannot rank. */
static int find_kind(hwloc_topology_t hwloc, hwloc_obj_t pu)
{
    int efficiency = 0;
    int kind = hwloc_cpukinds_get_by_cpuset(hwloc, pu->cpuset, 0);

    if (kind < 0 ||
        hwloc_cpukinds_get_info(hwloc, (unsigned)kind, NULL, &efficiency, NULL, NULL, 0) < 0)
        return 0;
    return MAX(efficiency, 0);
}

typedef struct Build {
    hwloc_topology_t hwloc;
    hwloc_obj_t *nodes; /* as in topo->nodes */
    Numbering cores, llcs, packages;
    GArray *core_slots; /* TopoCore by index; cpus NULL: no such core */
    GArray *llc_slots;
} Build;

static void *slot_at(GArray *slots, unsigned index, gsize size)
{
    if (slots->len <= index)
        g_array_set_size(slots, index + 1);
    return slots->data + index * size;
}

static void add_to_core(Build *build, const TopoPu *pu, hwloc_obj_t obj)
{
    TopoCore *core = slot_at(build->core_slots, pu->core, sizeof(TopoCore));

    if (!core->cpus) {
        *core = (TopoCore){.index = pu->core,
                           .cpus = cpuset_new(),
                           .llc = pu->llc,
                           .package = pu->package,
                           .node = pu->node,
                           .kind = find_kind(build->hwloc, obj)};
    }
    hwloc_bitmap_set(core->cpus, pu->os_index);
}

static void add_to_llc(Build *build, const TopoPu *pu, hwloc_obj_t cache)
{
    TopoLlc *llc = slot_at(build->llc_slots, pu->llc, sizeof(TopoLlc));

    if (!llc->cpus) {
        bool real = hwloc_obj_type_is_dcache(cache->type);
        *llc = (TopoLlc){.index = pu->llc,
                         .cpus = cpuset_new(),
                         .node = pu->node,
                         .package = pu->package,
                         .size_kib = real ? cache->attr->cache.size / 1024 : 0};
    }
    hwloc_bitmap_set(llc->cpus, pu->os_index);
}

static void add_pu(Build *build, Topo *topo, hwloc_obj_t obj)
{
    hwloc_obj_t root = hwloc_get_root_obj(build->hwloc);
    hwloc_obj_t core = ancestor_or(build->hwloc, HWLOC_OBJ_CORE, obj, obj);
    hwloc_obj_t package = ancestor_or(build->hwloc, HWLOC_OBJ_PACKAGE, obj, root);
    unsigned node = topo_find_node(build->nodes, topo->n_nodes, obj->os_index);
    hwloc_obj_t llc = find_llc(obj, core, package, build->nodes[node]);
    TopoPu *pu = &topo->pus[topo->n_pus++];

    *pu = (TopoPu){.os_index = obj->os_index,
                   .core = numbering_get(&build->cores, core),
                   .llc = numbering_get(&build->llcs, llc),
                   .package = numbering_get(&build->packages, package),
                   .node = build->nodes[node]->os_index};
    hwloc_bitmap_set(topo->nodes[node].cpus, pu->os_index);
    hwloc_bitmap_set(topo->online, pu->os_index);
    add_to_core(build, pu, obj);
    add_to_llc(build, pu, llc);
}

static int compare_pus(const void *a, const void *b)
{
    return CMP(((const TopoPu *)a)->os_index, ((const TopoPu *)b)->os_index);
}

/* The slots in use, packed, in order of index. */
static TopoCore *take_cores(GArray *slots, unsigned *ret_n)
{
    TopoCore *cores = (TopoCore *)(void *)slots->data;
    unsigned n = 0;

    for (unsigned i = 0; i < slots->len; i++) {
        if (cores[i].cpus)
            cores[n++] = cores[i];
    }
    *ret_n = n;
    return (TopoCore *)(void *)g_array_free(slots, FALSE);
}

static TopoLlc *take_llcs(GArray *slots, unsigned *ret_n)
{
    TopoLlc *llcs = (TopoLlc *)(void *)slots->data;
    unsigned n = 0;

    for (unsigned i = 0; i < slots->len; i++) {
        if (llcs[i].cpus)
            llcs[n++] = llcs[i];
    }
    *ret_n = n;
    return (TopoLlc *)(void *)g_array_free(slots, FALSE);
}

void topo_fill_cpus(Topo *topo, hwloc_topology_t hwloc, hwloc_obj_t *nodes)
{
    Build build = {.hwloc = hwloc,
                   .nodes = nodes,
                   .core_slots = g_array_new(FALSE, TRUE, sizeof(TopoCore)),
                   .llc_slots = g_array_new(FALSE, TRUE, sizeof(TopoLlc))};

    numbering_init(&build.cores, hwloc, HWLOC_OBJ_CORE);
    numbering_init(&build.llcs, hwloc, leading_cache(hwloc));
    numbering_init(&build.packages, hwloc, HWLOC_OBJ_PACKAGE);

    topo->pus = g_new0(TopoPu, (unsigned)hwloc_get_nbobjs_by_type(hwloc, HWLOC_OBJ_PU));
    for (hwloc_obj_t pu = NULL; (pu = hwloc_get_next_obj_by_type(hwloc, HWLOC_OBJ_PU, pu));)
        add_pu(&build, topo, pu);
    qsort(topo->pus, topo->n_pus, sizeof(*topo->pus), compare_pus);
    topo->cores = take_cores(build.core_slots, &topo->n_cores);
    topo->llcs = take_llcs(build.llc_slots, &topo->n_llcs);
    topo->n_packages = build.packages.next;

    g_hash_table_unref(build.cores.others);
    g_hash_table_unref(build.llcs.others);
    g_hash_table_unref(build.packages.others);
}
