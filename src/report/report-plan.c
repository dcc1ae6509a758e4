/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The plan document. Its form is stable: keys may be added, never changed or taken away. */
#include "report/report-parts.h"

static struct json_object *host_object(const Plan *plan, const Topo *topo)
{
    struct json_object *host = json_object_new_object();
    g_autoptr(CpuSet) cores = cpuset_new();
    g_autoptr(CpuSet) llcs = cpuset_new();
    g_autoptr(CpuSet) nodes = cpuset_new();

    for (unsigned i = 0; topo && i < topo->n_cores; i++)
        hwloc_bitmap_set(cores, topo->cores[i].index);
    for (unsigned i = 0; topo && i < topo->n_llcs; i++)
        hwloc_bitmap_set(llcs, topo->llcs[i].index);
    for (unsigned i = 0; topo && i < topo->n_nodes; i++)
        hwloc_bitmap_set(nodes, topo->nodes[i].os_index);
    json_object_object_add(host, "cpus", parts_set(topo ? topo->online : NULL));
    json_object_object_add(host, "cores", parts_set(cores));
    json_object_object_add(host, "llcs", parts_set(llcs));
    json_object_object_add(host, "nodes", parts_set(nodes));
    json_object_object_add(host, "housekeeping", parts_set(plan ? plan->housekeeping : NULL));
    json_object_object_add(host, "shared", parts_set(plan ? plan->shared : NULL));
    return host;
}

static struct json_object *shortage_object(const GuestPlan *plan)
{
    const PlanShortage *shortage = &plan->shortage;

    if (plan->result != PLAN_REFUSED || !shortage->resource)
        return NULL;
    struct json_object *object = json_object_new_object();
    json_object_object_add(object, "resource", parts_text(shortage->resource));
    json_object_object_add(object, "amount", json_object_new_int64((int64_t)shortage->amount));
    json_object_object_add(object, "unit", parts_text(shortage->unit));
    json_object_object_add(object, "node",
                           shortage->node < 0 ? NULL : json_object_new_int(shortage->node));
    return object;
}

static void append_cpus(struct json_object *array, unsigned id, const CpuSet *cpus)
{
    struct json_object *entry = json_object_new_object();

    json_object_object_add(entry, "id", json_object_new_int64(id));
    json_object_object_add(entry, "cpus", parts_set(cpus));
    json_object_array_add(array, entry);
}

static struct json_object *memory_array(const GuestPlan *plan, bool placed)
{
    struct json_object *array = json_object_new_array();

    for (unsigned i = 0; placed && i < plan->n_memory; i++) {
        const MemoryPlan *memory = &plan->memory[i];
        struct json_object *entry = json_object_new_object();
        g_autofree char *node = g_strdup_printf("%u", memory->node);
        json_object_object_add(entry, "cell", json_object_new_int64(memory->cell));
        json_object_object_add(entry, "nodes", parts_text(node));
        json_object_object_add(entry, "mib", json_object_new_int64((int64_t)memory->mib));
        json_object_array_add(array, entry);
    }
    return array;
}

struct json_object *parts_guest_plan(const GuestPlan *plan)
{
    bool placed = plan->result == PLAN_PLACED;
    struct json_object *entry = json_object_new_object();
    struct json_object *vcpus = json_object_new_array(), *iothreads = json_object_new_array();

    for (unsigned i = 0; placed && i < plan->n_vcpus; i++)
        if (plan->vcpus[i].online)
            append_cpus(vcpus, plan->vcpus[i].id, plan->vcpus[i].cpus);
    for (unsigned i = 0; placed && i < plan->n_iothreads; i++)
        append_cpus(iothreads, plan->iothreads[i].id, plan->iothreads[i].cpus);

    json_object_object_add(entry, "name", parts_text(plan->name));
    json_object_object_add(entry, "uuid", parts_text(plan->uuid));
    json_object_object_add(entry, "result", parts_text(plan_result_name(plan->result)));
    json_object_object_add(entry, "reason", parts_text(plan->reason));
    json_object_object_add(entry, "shortage", shortage_object(plan));
    json_object_object_add(entry, "cpu_policy", parts_text(cpu_policy_name(plan->cpu_policy)));
    json_object_object_add(entry, "nodes", parts_set(placed ? plan->nodes : NULL));
    json_object_object_add(entry, "llcs", parts_set(placed ? plan->llcs : NULL));
    json_object_object_add(entry, "home", plan->home < 0 ? NULL : json_object_new_int(plan->home));
    json_object_object_add(entry, "page_size_kib", json_object_new_int64(plan->page_size_kib));
    json_object_object_add(entry, "vcpus", vcpus);
    json_object_object_add(entry, "emulator", parts_set(placed ? plan->emulator.cpus : NULL));
    json_object_object_add(entry, "iothreads", iothreads);
    json_object_object_add(entry, "vhost", parts_set(placed ? plan->vhost.cpus : NULL));
    json_object_object_add(entry, "memory", memory_array(plan, placed));
    json_object_object_add(entry, "origin", parts_text(plan->origin));
    json_object_object_add(entry, "exclusive", parts_set(placed ? plan->exclusive : NULL));
    json_object_object_add(entry, "intruders", parts_names(plan->intruders));
    return entry;
}

/* The parts of the document while it is made. */
typedef struct PlanParts {
    ReportExit exit;
    struct json_object *guests, *settings, *diagnostics;
} PlanParts;

static PlanParts plan_parts_new(void)
{
    return (PlanParts){.guests = json_object_new_array(),
                       .settings = json_object_new_array(),
                       .diagnostics = json_object_new_array()};
}

/* plan and topo may be NULL: nothing is known of the host. */
static struct json_object *plan_parts_join(const PlanParts *parts, const Plan *plan,
                                           const Topo *topo)
{
    struct json_object *document = parts_document(parts->exit);

    json_object_object_add(document, "host", host_object(plan, topo));
    json_object_object_add(document, "guests", parts->guests);
    json_object_object_add(document, "settings", parts->settings);
    json_object_object_add(document, "diagnostics", parts->diagnostics);
    return document;
}

static struct json_object *score_array(const GArray *score)
{
    struct json_object *array = json_object_new_array();

    for (guint i = 0; i < score->len; i++) {
        const ScoreItem *item = &g_array_index(score, ScoreItem, i);
        struct json_object *entry = json_object_new_object();
        json_object_object_add(entry, "name", json_object_new_string(item->name));
        if (item->priority >= 0)
            json_object_object_add(entry, "priority", json_object_new_int(item->priority));
        json_object_object_add(entry, "value", json_object_new_uint64(item->value));
        json_object_array_add(array, entry);
    }
    return array;
}

struct json_object *report_plan(const Plan *plan, const Topo *topo, const GArray *score,
                                const ReportChanges *changes, unsigned n_changes,
                                const DiagList *diags)
{
    PlanParts parts = plan_parts_new();

    for (unsigned i = 0; i < plan->n_guests; i++) {
        json_object_array_add(parts.guests, parts_guest_plan(plan->guests[i]));
        if (plan->guests[i]->result == PLAN_REFUSED)
            parts.exit = REPORT_MISMATCH;
    }
    for (unsigned i = 0; i < n_changes; i++)
        parts_append_changes(parts.settings, changes[i].plan->uuid, changes[i].changes);
    parts_append_diags(parts.diagnostics, plan->diags);
    parts_append_diags(parts.diagnostics, diags);
    struct json_object *document = plan_parts_join(&parts, plan, topo);
    if (score)
        json_object_object_add(document, "score", score_array(score));
    return document;
}

struct json_object *report_defrag(const Plan *before, const Plan *after, const GArray *score_before,
                                  const GArray *score_after)
{
    struct json_object *document = parts_document(REPORT_OK), *moves = json_object_new_array();

    for (unsigned i = 0; i < after->n_guests; i++) {
        const GuestPlan *from = plan_find(before, after->guests[i]->uuid), *to = after->guests[i];
        if (!to->moved || !from)
            continue;
        struct json_object *entry = json_object_new_object();
        json_object_object_add(entry, "name", parts_text(to->name));
        json_object_object_add(entry, "uuid", parts_text(to->uuid));
        json_object_object_add(entry, "from", parts_set(from->exclusive));
        json_object_object_add(entry, "to", parts_set(to->exclusive));
        json_object_object_add(entry, "from_llcs", parts_set(from->llcs));
        json_object_object_add(entry, "to_llcs", parts_set(to->llcs));
        json_object_array_add(moves, entry);
    }
    json_object_object_add(document, "moves", moves);
    json_object_object_add(document, "score_before", score_array(score_before));
    json_object_object_add(document, "score", score_array(score_after));
    return document;
}

static bool is_named(const GuestStatus *status, const char *const *names)
{
    return !names || !names[0] || g_strv_contains(names, status->name) ||
           g_strv_contains(names, status->uuid);
}

/* A refused guest counts, and a cold start to come. What merely differs does not: to tell what
 * would change is what "plan" is for, and to judge it is verify's. */
static ReportExit live_exit(const GuestStatus *status)
{
    if (status->plan->result == PLAN_REFUSED)
        return REPORT_MISMATCH;
    return status->state == GUEST_COLD_PENDING ? REPORT_COLD : REPORT_OK;
}

struct json_object *report_live_plan(const Snapshot *snapshot, const char *const *names)
{
    PlanParts parts = plan_parts_new();
    struct json_object *pending = json_object_new_array();

    for (unsigned i = 0; i < snapshot->guests->len; i++) {
        const GuestStatus *status = g_ptr_array_index(snapshot->guests, i);
        if (!status->plan || !is_named(status, names))
            continue;
        json_object_array_add(parts.guests, parts_guest_plan(status->plan));
        parts_append_changes(parts.settings, status->uuid, status->left);
        parts_append_pending(pending, status->uuid, status);
        parts.exit = parts_worse(parts.exit, live_exit(status));
    }
    for (unsigned i = 0; names && names[i]; i++) {
        if (snapshot_find(snapshot, names[i]))
            continue;
        json_object_array_add(parts.guests, parts_unknown_guest(names[i]));
        parts.exit = REPORT_BAD_INPUT;
    }
    parts_append_diags(parts.diagnostics, snapshot->plan ? snapshot->plan->diags : NULL);
    parts_append_diags(parts.diagnostics, snapshot->policy_diags);
    struct json_object *document = plan_parts_join(&parts, snapshot->plan, snapshot->topo);
    json_object_object_add(document, "pending", pending);
    return document;
}
