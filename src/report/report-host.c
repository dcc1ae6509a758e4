/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What there is: the host's topology, and the knob table. */
#include "report/report-parts.h"

static struct json_object *number(unsigned value)
{
    return json_object_new_int64(value);
}

static struct json_object *node_object(const Topo *topo, unsigned index, const TopoFree *free_now)
{
    const TopoNode *node = &topo->nodes[index];
    struct json_object *object = json_object_new_object();
    struct json_object *pools = json_object_new_array(), *distances = json_object_new_object();

    for (unsigned i = 0; i < node->n_pools; i++) {
        struct json_object *pool = json_object_new_object();
        json_object_object_add(pool, "size_kib", number(node->pools[i].size_kib));
        json_object_object_add(pool, "total", json_object_new_int64((int64_t)node->pools[i].total));
        json_object_array_add(pools, pool);
    }
    for (unsigned i = 0; i < topo->n_nodes; i++) {
        unsigned other = topo->nodes[i].os_index;
        g_autofree char *name = g_strdup_printf("%u", other);
        json_object_object_add(distances, name, number(topo_distance(topo, node->os_index, other)));
    }
    json_object_object_add(object, "node", number(node->os_index));
    json_object_object_add(object, "cpus", parts_set(node->cpus));
    json_object_object_add(object, "memory_mib",
                           json_object_new_int64((int64_t)(node->memory_kib / 1024)));
    json_object_object_add(
        object, "free_mib",
        free_now ? json_object_new_int64((int64_t)(free_now->memory_kib[index] / 1024)) : NULL);
    json_object_object_add(object, "page_pools", pools);
    json_object_object_add(object, "distances", distances);
    return object;
}

static struct json_object *llc_object(const TopoLlc *llc)
{
    struct json_object *object = json_object_new_object();

    json_object_object_add(object, "llc", number(llc->index));
    json_object_object_add(object, "cpus", parts_set(llc->cpus));
    json_object_object_add(object, "node", number(llc->node));
    json_object_object_add(object, "package", number(llc->package));
    json_object_object_add(object, "size_kib", json_object_new_int64((int64_t)llc->size_kib));
    return object;
}

static struct json_object *core_object(const TopoCore *core)
{
    struct json_object *object = json_object_new_object();

    json_object_object_add(object, "core", number(core->index));
    json_object_object_add(object, "cpus", parts_set(core->cpus));
    json_object_object_add(object, "llc", number(core->llc));
    json_object_object_add(object, "node", number(core->node));
    json_object_object_add(object, "package", number(core->package));
    json_object_object_add(object, "kind", json_object_new_int(core->kind));
    return object;
}

static struct json_object *pci_array(const Topo *topo)
{
    struct json_object *array = json_object_new_array();

    for (unsigned i = 0; i < topo->n_pci; i++) {
        struct json_object *object = json_object_new_object();
        json_object_object_add(object, "address", parts_text(topo->pci[i].address));
        json_object_object_add(object, "node", number(topo->pci[i].node));
        json_object_array_add(array, object);
    }
    return array;
}

static struct json_object *net_array(const Topo *topo)
{
    struct json_object *array = json_object_new_array();

    for (unsigned i = 0; i < topo->n_nets; i++) {
        struct json_object *object = json_object_new_object();
        json_object_object_add(object, "name", parts_text(topo->nets[i].name));
        json_object_object_add(object, "node", number(topo->nets[i].node));
        json_object_array_add(array, object);
    }
    return array;
}

static void add_cpu_sets(struct json_object *document, const Topo *topo)
{
    json_object_object_add(document, "online", parts_set(topo->online));
    json_object_object_add(document, "offline", parts_set(topo->offline));
    json_object_object_add(document, "isolated", parts_set(topo->isolated));
    json_object_object_add(document, "nohz_full", parts_set(topo->nohz_full));
    json_object_object_add(document, "allowed", parts_set(topo->allowed));
    json_object_object_add(document, "allowed_mems", parts_set(topo->allowed_mems));
}

struct json_object *parts_nodes(const Topo *topo, const TopoFree *free_now)
{
    struct json_object *nodes = json_object_new_array();

    for (unsigned i = 0; i < topo->n_nodes; i++)
        json_object_array_add(nodes, node_object(topo, i, free_now));
    return nodes;
}

struct json_object *parts_cores(const Topo *topo)
{
    struct json_object *cores = json_object_new_array();

    for (unsigned i = 0; i < topo->n_cores; i++)
        json_object_array_add(cores, core_object(&topo->cores[i]));
    return cores;
}

struct json_object *parts_llcs(const Topo *topo)
{
    struct json_object *llcs = json_object_new_array();

    for (unsigned i = 0; i < topo->n_llcs; i++)
        json_object_array_add(llcs, llc_object(&topo->llcs[i]));
    return llcs;
}

struct json_object *report_topology(const Topo *topo, const TopoFree *free_now)
{
    struct json_object *document = parts_document(REPORT_OK);

    json_object_object_add(document, "source", parts_text(topo->source));
    json_object_object_add(document, "packages", number(topo->n_packages));
    json_object_object_add(document, "smt", json_object_new_boolean(topo_has_smt(topo)));
    json_object_object_add(document, "base_page_kib", number(topo->base_page_kib));
    json_object_object_add(document, "vhost_net", json_object_new_boolean(!topo->no_vhost_net));
    json_object_object_add(document, "io_uring", json_object_new_boolean(!topo->no_io_uring));
    add_cpu_sets(document, topo);
    json_object_object_add(document, "nodes", parts_nodes(topo, free_now));
    json_object_object_add(document, "llcs", parts_llcs(topo));
    json_object_object_add(document, "cores", parts_cores(topo));
    json_object_object_add(document, "pci", pci_array(topo));
    json_object_object_add(document, "net", net_array(topo));
    return document;
}

static struct json_object *knob_object(const KnobInfo *info)
{
    struct json_object *object = json_object_new_object(), *planes = json_object_new_array();

    for (unsigned plane = 0; plane < N_PLANES; plane++)
        if (info->planes[plane])
            json_object_array_add(planes, parts_text(plane_name((Plane)plane)));
    json_object_object_add(object, "name", parts_text(info->name));
    json_object_object_add(object, "type", parts_text(knob_type_name(info->type)));
    json_object_object_add(object, "instance", parts_text(knob_instance_name(info->instance)));
    json_object_object_add(object, "instance_actual",
                           parts_text(knob_instance_name(info->instance_actual)));
    json_object_object_add(object, "change", parts_text(knob_change_name(info->change)));
    json_object_object_add(object, "planes", planes);
    json_object_object_add(object, "per_thread", json_object_new_boolean(info->per_thread));
    json_object_object_add(object, "observes", parts_text(info->observes));
    json_object_object_add(object, "applies", parts_text(info->applies));
    json_object_object_add(object, "doc", parts_text(info->doc));
    return object;
}

struct json_object *report_knobs(void)
{
    struct json_object *document = parts_document(REPORT_OK), *knobs = json_object_new_array();

    for (unsigned knob = 0; knob < N_KNOBS; knob++)
        json_object_array_add(knobs, knob_object(knob_info((Knob)knob)));
    json_object_object_add(document, "knobs", knobs);
    return document;
}
