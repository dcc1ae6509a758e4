/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "report/report-parts.h"

/* What the kernel does not tell is null. */
static struct json_object *counter(const ThreadUsage *thread, uint64_t nsec)
{
    return thread->counted ? json_object_new_int64((int64_t)MIN(nsec, (uint64_t)INT64_MAX)) : NULL;
}

static struct json_object *planned(const GuestPlan *plan, const ThreadUsage *thread)
{
    const CpuSet *cpus =
        plan ? guest_plan_thread_cpus(plan, thread->thread_class, thread->id) : NULL;

    return cpus && !cpuset_is_empty(cpus) ? parts_set(cpus) : NULL;
}

static struct json_object *thread_row(const GuestPlan *plan, const ThreadUsage *thread)
{
    struct json_object *row = json_object_new_object();

    json_object_object_add(row, "class", parts_text(thread_class_name(thread->thread_class)));
    json_object_object_add(row, "id", json_object_new_int64(thread->id));
    json_object_object_add(row, "tid", json_object_new_int64(thread->tid));
    json_object_object_add(row, "started",
                           json_object_new_int64((int64_t)MIN(thread->starttime, INT64_MAX)));
    json_object_object_add(row, "name", parts_text(thread->comm));
    json_object_object_add(row, "cpus", parts_set(thread->cpus));
    json_object_object_add(row, "planned", planned(plan, thread));
    json_object_object_add(row, "last_cpu",
                           thread->last_cpu >= 0 ? json_object_new_int64(thread->last_cpu) : NULL);
    json_object_object_add(row, "cpu_nsec", counter(thread, thread->cpu_nsec));
    json_object_object_add(row, "delay_nsec", counter(thread, thread->delay_nsec));
    return row;
}

typedef struct UsageContext {
    const Topo *topo;
    const GPtrArray *sample;
} UsageContext;

static struct json_object *guest_entry(const GuestStatus *status, const void *data)
{
    const UsageContext *context = data;
    const GuestUsage *usage = guest_usage_find(context->sample, status->uuid);
    struct json_object *entry = json_object_new_object(), *threads = json_object_new_array();
    int64_t time_usec = usage ? usage->time_usec : 0;

    for (guint i = 0; usage && i < usage->threads->len; i++)
        json_object_array_add(
            threads, thread_row(status->plan, &g_array_index(usage->threads, ThreadUsage, i)));
    parts_add_identity(entry, status);
    json_object_object_add(entry, "vcpus", parts_number(guest_status_vcpus(status)));
    json_object_object_add(entry, "locality_pct", parts_locality(status, context->topo));
    json_object_object_add(entry, "drift", json_object_new_int64(status->drift_count));
    json_object_object_add(entry, "repaired", json_object_new_int64(status->repair_count));
    json_object_object_add(entry, "time_usec",
                           time_usec > 0 ? json_object_new_int64(time_usec) : NULL);
    json_object_object_add(entry, "threads", threads);
    return entry;
}

struct json_object *report_usage(const Snapshot *snapshot, const GPtrArray *sample,
                                 const char *const *names)
{
    const UsageContext context = {.topo = snapshot->topo, .sample = sample};
    const PartsOf of = {.make = guest_entry, .context = &context};
    ReportExit exit_status = REPORT_OK;
    struct json_object *guests = parts_guests(snapshot, names, &of, &exit_status);
    struct json_object *document = parts_document(exit_status);

    json_object_object_add(document, "guests", guests);
    return document;
}
