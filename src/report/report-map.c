/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The map: the host, and the guests' threads and memory on it, as they are or as planned. */
#include "report/report-parts.h"

#define KIB_PER_MIB 1024

/* --- the host --- */

/* host NULL: nothing is known of what is free. */
static struct json_object *pools_array(const TopoNode *node, const Host *host)
{
    struct json_object *pools = json_object_new_array();

    for (unsigned i = 0; i < node->n_pools; i++) {
        const TopoPagePool *pool = &node->pools[i];
        const HostPool *now = host ? host_pool(host, node->os_index, pool->size_kib) : NULL;
        struct json_object *row = json_object_new_object();
        json_object_object_add(row, "size_kib", json_object_new_int64(pool->size_kib));
        json_object_object_add(row, "total",
                               json_object_new_int64((int64_t)(now ? now->total : pool->total)));
        json_object_object_add(row, "free", now ? json_object_new_int64((int64_t)now->free) : NULL);
        json_object_array_add(pools, row);
    }
    return pools;
}

static struct json_object *free_mib(const Host *host, unsigned node)
{
    for (unsigned i = 0; host && i < host->n_nodes; i++)
        if (host->nodes[i].node == node)
            return json_object_new_int64((int64_t)(host->nodes[i].free_kib / KIB_PER_MIB));
    return NULL;
}

static struct json_object *nodes_array(const Topo *topo, const Host *host)
{
    struct json_object *nodes = json_object_new_array();

    for (unsigned i = 0; i < topo->n_nodes; i++) {
        const TopoNode *node = &topo->nodes[i];
        struct json_object *row = json_object_new_object();
        json_object_object_add(row, "node", json_object_new_int64(node->os_index));
        json_object_object_add(row, "cpus", parts_set(node->cpus));
        json_object_object_add(row, "memory_mib",
                               json_object_new_int64((int64_t)(node->memory_kib / KIB_PER_MIB)));
        json_object_object_add(row, "free_mib", free_mib(host, node->os_index));
        json_object_object_add(row, "pools", pools_array(node, host));
        json_object_array_add(nodes, row);
    }
    return nodes;
}

static void add_host(struct json_object *document, const Topo *topo, const Plan *plan,
                     const Host *host)
{
    json_object_object_add(document, "source", parts_text(topo->source));
    json_object_object_add(document, "offline", parts_set(topo->offline));
    json_object_object_add(document, "isolated", parts_set(topo->isolated));
    json_object_object_add(document, "housekeeping", parts_set(plan->housekeeping));
    json_object_object_add(document, "shared", parts_set(plan->shared));
    json_object_object_add(document, "nodes", nodes_array(topo, host));
    json_object_object_add(document, "llcs", parts_llcs(topo));
    json_object_object_add(document, "cores", parts_cores(topo));
}

/* --- as it is --- */

static struct json_object *guest_entry(const GuestStatus *status, const void *context)
{
    const GuestKernel *kernel = status->guest ? status->guest->kernel : NULL;
    struct json_object *entry = json_object_new_object();

    (void)context;
    parts_add_identity(entry, status);
    json_object_object_add(entry, "cpu_policy", parts_text(guest_status_cpu_policy(status)));
    json_object_object_add(entry, "threads", parts_now(status->guest));
    json_object_object_add(entry, "memory_mib", parts_memory_mib(kernel));
    return entry;
}

struct json_object *report_map(const Snapshot *snapshot, const char *const *names)
{
    ReportExit exit_status = REPORT_OK;
    struct json_object *document = parts_document(exit_status);
    const PartsOf of = {.make = guest_entry};
    struct json_object *guests = parts_guests(snapshot, names, &of, &exit_status);

    parts_set_exit(document, exit_status);
    json_object_object_add(document, "hostname", parts_text(g_get_host_name()));
    json_object_object_add(document, "planned", json_object_new_boolean(false));
    add_host(document, snapshot->topo, snapshot->plan, snapshot->host.host);
    json_object_object_add(document, "guests", guests);
    return document;
}

/* --- as planned --- */

static void append_thread(struct json_object *threads, ThreadClass class, unsigned id,
                          const CpuSet *cpus)
{
    struct json_object *row = json_object_new_object();

    json_object_object_add(row, "class", parts_text(thread_class_name(class)));
    json_object_object_add(row, "id", json_object_new_int64(id));
    json_object_object_add(row, "cpus", parts_set(cpus));
    json_object_array_add(threads, row);
}

static struct json_object *planned_threads(const GuestPlan *plan)
{
    struct json_object *threads;

    if (plan->result != PLAN_PLACED)
        return NULL;
    threads = json_object_new_array();
    for (unsigned i = 0; i < plan->n_vcpus; i++)
        if (plan->vcpus[i].online)
            append_thread(threads, THREAD_VCPU, plan->vcpus[i].id, plan->vcpus[i].cpus);
    append_thread(threads, THREAD_EMULATOR, 0, plan->emulator.cpus);
    for (unsigned i = 0; i < plan->n_iothreads; i++)
        append_thread(threads, THREAD_IOTHREAD, plan->iothreads[i].id, plan->iothreads[i].cpus);
    append_thread(threads, THREAD_VHOST, 0, plan->vhost.cpus);
    return threads;
}

static struct json_object *planned_memory(const GuestPlan *plan, const Topo *topo)
{
    struct json_object *memory;

    if (plan->result != PLAN_PLACED)
        return NULL;
    memory = json_object_new_object();
    for (unsigned i = 0; i < topo->n_nodes; i++) {
        uint64_t mib = 0;
        for (unsigned m = 0; m < plan->n_memory; m++)
            mib += plan->memory[m].node == topo->nodes[i].os_index ? plan->memory[m].mib : 0;
        g_autofree char *node = g_strdup_printf("%u", topo->nodes[i].os_index);
        if (mib > 0)
            json_object_object_add(memory, node, json_object_new_int64((int64_t)mib));
    }
    return memory;
}

static struct json_object *planned_entry(const GuestPlan *plan, const Topo *topo)
{
    struct json_object *entry = json_object_new_object();

    json_object_object_add(entry, "name", parts_text(plan->name));
    json_object_object_add(entry, "uuid", parts_text(plan->uuid));
    json_object_object_add(entry, "state", parts_text(plan_result_name(plan->result)));
    json_object_object_add(entry, "text", parts_text(plan->reason));
    json_object_object_add(entry, "cpu_policy", parts_text(cpu_policy_name(plan->cpu_policy)));
    json_object_object_add(entry, "threads", planned_threads(plan));
    json_object_object_add(entry, "memory_mib", planned_memory(plan, topo));
    return entry;
}

struct json_object *report_planned_map(const Plan *plan, const Topo *topo, const DiagList *diags)
{
    struct json_object *document = parts_document(REPORT_OK), *guests = json_object_new_array();
    struct json_object *diagnostics = json_object_new_array();

    for (unsigned i = 0; i < plan->n_guests; i++) {
        json_object_array_add(guests, planned_entry(plan->guests[i], topo));
        if (plan->guests[i]->result == PLAN_REFUSED)
            parts_set_exit(document, REPORT_MISMATCH);
    }
    parts_append_diags(diagnostics, plan->diags);
    parts_append_diags(diagnostics, diags);
    json_object_object_add(document, "hostname", NULL);
    json_object_object_add(document, "planned", json_object_new_boolean(true));
    add_host(document, topo, plan, NULL);
    json_object_object_add(document, "guests", guests);
    json_object_object_add(document, "diagnostics", diagnostics);
    return document;
}
