/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The documents of status, and of verify, apply and restore. */
#include "report/report-parts.h"

#define KIB_PER_MIB 1024

static struct json_object *daemon_object(const Snapshot *snapshot)
{
    struct json_object *object = json_object_new_object();
    struct json_object *files = json_object_new_array();

    for (unsigned i = 0; snapshot->policy && i < snapshot->policy->files->len; i++)
        json_object_array_add(files, parts_text(g_ptr_array_index(snapshot->policy->files, i)));
    json_object_object_add(object, "mode", parts_text(policy_mode_name(snapshot->mode)));
    json_object_object_add(object, "connected", json_object_new_boolean(snapshot->connected));
    json_object_object_add(object, "started", parts_time(snapshot->started_usec));
    json_object_object_add(object, "cycles", json_object_new_int64((int64_t)snapshot->cycles));
    json_object_object_add(object, "last_cycle", parts_time(snapshot->last_cycle_usec));
    json_object_object_add(object, "policy_files", files);
    json_object_object_add(object, "policy_rejected",
                           json_object_new_boolean(snapshot->policy_rejected));
    json_object_object_add(object, "record_problem", parts_text(snapshot->record_problem));
    json_object_object_add(object, "cannot", parts_names(snapshot->cannot));
    return object;
}

static struct json_object *now_row(const GuestKernel *kernel, ThreadClass thread_class, unsigned id)
{
    g_autoptr(CpuSet) cpus = cpuset_new();
    struct json_object *row = json_object_new_object();

    for (unsigned i = 0; i < kernel->n_threads; i++) {
        const GuestThread *thread = &kernel->threads[i];
        if (thread->affinity && thread->thread_class == thread_class &&
            guest_thread_id(thread) == id)
            hwloc_bitmap_or(cpus, cpus, thread->affinity);
    }
    json_object_object_add(row, "class", parts_text(thread_class_name(thread_class)));
    json_object_object_add(row, "id", json_object_new_int64(id));
    json_object_object_add(row, "cpus", parts_set(cpus));
    return row;
}

struct json_object *parts_now(const Guest *guest)
{
    static const ThreadClass classes[] = {THREAD_VCPU, THREAD_EMULATOR, THREAD_IOTHREAD,
                                          THREAD_VHOST};
    struct json_object *rows;

    if (!guest || !guest->kernel)
        return NULL;
    rows = json_object_new_array();
    for (size_t c = 0; c < G_N_ELEMENTS(classes); c++) {
        g_autoptr(CpuSet) ids = cpuset_new();
        for (unsigned i = 0; i < guest->kernel->n_threads; i++)
            if (guest->kernel->threads[i].thread_class == classes[c])
                hwloc_bitmap_set(ids, guest_thread_id(&guest->kernel->threads[i]));
        CPUSET_FOREACH(id, ids)
        json_object_array_add(rows, now_row(guest->kernel, classes[c], id));
    }
    return rows;
}

struct json_object *parts_memory_mib(const GuestKernel *kernel)
{
    struct json_object *object;

    if (!kernel || !kernel->memory_kib)
        return NULL;
    object = json_object_new_object();
    for (unsigned i = 0; i < kernel->n_memory_kib; i++) {
        uint64_t mib = guest_kernel_memory_on(kernel, i) / KIB_PER_MIB;
        char node[16];
        g_snprintf(node, sizeof(node), "%u", i);
        if (mib > 0)
            json_object_object_add(object, node, json_object_new_int64((int64_t)mib));
    }
    return object;
}

static struct json_object *host_object(const Topo *topo)
{
    struct json_object *host;

    if (!topo)
        return NULL;
    host = json_object_new_object();
    json_object_object_add(host, "nodes", parts_nodes(topo, NULL));
    json_object_object_add(host, "cores", parts_cores(topo));
    return host;
}

static struct json_object *status_entry(const GuestStatus *status, const void *context)
{
    const Topo *topo = context;
    const GuestPlan *plan = status->plan;
    const GuestKernel *kernel = status->guest ? status->guest->kernel : NULL;
    struct json_object *entry = json_object_new_object(), *settings = json_object_new_array();
    g_autoptr(CpuSet) cpus = guest_status_cpus(status);

    parts_append_changes(settings, status->uuid, status->left);
    parts_add_identity(entry, status);
    json_object_object_add(entry, "since", parts_time(status->since_usec));
    json_object_object_add(entry, "cpu_policy", parts_text(guest_status_cpu_policy(status)));
    json_object_object_add(entry, "vcpus", parts_number(guest_status_vcpus(status)));
    json_object_object_add(entry, "nodes", parts_set(plan ? plan->nodes : NULL));
    json_object_object_add(entry, "cpus", parts_set(cpus));
    json_object_object_add(entry, "now", parts_now(status->guest));
    json_object_object_add(entry, "memory_nodes",
                           kernel && kernel->memory_nodes ? parts_set(kernel->memory_nodes) : NULL);
    json_object_object_add(entry, "memory_mib", parts_memory_mib(kernel));
    json_object_object_add(entry, "memory", parts_memory(kernel));
    json_object_object_add(entry, "locality_pct", parts_locality(status, topo));
    json_object_object_add(entry, "drift", json_object_new_int64(status->drift_count));
    json_object_object_add(entry, "repaired", json_object_new_int64(status->repair_count));
    json_object_object_add(entry, "writes", json_object_new_int64(status->write_count));
    json_object_object_add(entry, "failures", json_object_new_int64(status->failure_count));
    json_object_object_add(entry, "intruders", parts_names(status->intruders));
    json_object_object_add(entry, "plan", plan ? parts_guest_plan(plan) : NULL);
    json_object_object_add(entry, "settings", settings);
    json_object_object_add(entry, "contested", parts_contested(status));
    json_object_object_add(entry, "pending", parts_pending(status));
    json_object_object_add(entry, "memory_move", parts_text(status->memory_move));
    json_object_object_add(entry, "restart", parts_text(status->restart));
    return entry;
}

/* The host counts where all guests do. */
static ReportExit with_host(const Snapshot *snapshot, const char *const *names, ReportExit guests)
{
    return names && names[0] ? guests : parts_worse(guests, parts_host_exit(&snapshot->host));
}

struct json_object *report_status(const Snapshot *snapshot, const char *const *names)
{
    ReportExit exit_status = parts_snapshot_exit(snapshot);
    struct json_object *document = parts_document(exit_status);
    const PartsOf of = {
        .make = status_entry, .context = snapshot->topo, .exit_of = parts_guest_exit};
    struct json_object *guests = parts_guests(snapshot, names, &of, &exit_status);
    struct json_object *diagnostics = json_object_new_array();

    parts_append_diags(diagnostics, snapshot->policy_diags);
    exit_status = with_host(snapshot, names, exit_status);
    parts_set_exit(document, exit_status);
    json_object_object_add(document, "daemon", daemon_object(snapshot));
    json_object_object_add(document, "host", host_object(snapshot->topo));
    json_object_object_add(document, "host_settings", parts_host(&snapshot->host));
    json_object_object_add(document, "guests", guests);
    json_object_object_add(document, "diagnostics", diagnostics);
    return document;
}

static struct json_object *left_rows(const GuestStatus *status)
{
    struct json_object *rows = json_object_new_array();

    for (unsigned i = 0; i < change_set_size(status->left); i++) {
        const Change *change = change_set_get(status->left, i);
        struct json_object *row =
            parts_setting(&change->key, change->to, change->from, change->reason, change->origin);
        json_object_object_add(row, "in_force", json_object_new_boolean(false));
        json_object_object_add(row, "contested", json_object_new_boolean(change->contested));
        json_object_array_add(rows, row);
    }
    return rows;
}

static struct json_object *verify_rows(const GuestStatus *status, const ReportLook *look)
{
    if (!look || !status->plan || !status->guest)
        return left_rows(status);
    g_autoptr(SettingList) wanted = look->wanted(status->plan, status->guest);
    g_autoptr(SettingList) observed = look->observed(status->guest);
    return parts_settings(status, wanted, observed);
}

static struct json_object *verify_entry(const GuestStatus *status, const void *context)
{
    ReportExit exit_status = parts_guest_exit(status);
    struct json_object *entry = json_object_new_object();

    parts_add_identity(entry, status);
    json_object_object_add(entry, "exit", json_object_new_int((int)exit_status));
    json_object_object_add(entry, "intruders", parts_names(status->intruders));
    json_object_object_add(entry, "contested", parts_contested(status));
    json_object_object_add(entry, "left", json_object_new_int64(change_set_size(status->left)));
    json_object_object_add(entry, "settings", verify_rows(status, context));
    return entry;
}

struct json_object *report_verify_look(const Snapshot *snapshot, const char *const *names,
                                       const ReportLook *look)
{
    ReportExit exit_status = parts_snapshot_exit(snapshot);
    struct json_object *document = parts_document(exit_status);
    const PartsOf of = {.make = verify_entry, .context = look, .exit_of = parts_guest_exit};
    struct json_object *guests = parts_guests(snapshot, names, &of, &exit_status);

    parts_set_exit(document, with_host(snapshot, names, exit_status));
    json_object_object_add(document, "daemon", daemon_object(snapshot));
    json_object_object_add(document, "host_settings", parts_host(&snapshot->host));
    json_object_object_add(document, "guests", guests);
    return document;
}

struct json_object *report_verify(const Snapshot *snapshot, const char *const *names)
{
    return report_verify_look(snapshot, names, NULL);
}
