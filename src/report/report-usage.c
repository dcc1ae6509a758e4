/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "report/report-parts.h"

/* What the kernel does not tell is null. */
static struct json_object *counter(const ThreadUsage *thread, uint64_t nsec)
{
    return thread->counted ? json_object_new_int64((int64_t)MIN(nsec, (uint64_t)INT64_MAX)) : NULL;
}

static struct json_object *thread_row(const ThreadUsage *thread)
{
    struct json_object *row = json_object_new_object();

    json_object_object_add(row, "class", parts_text(thread_class_name(thread->thread_class)));
    json_object_object_add(row, "id", json_object_new_int64(thread->id));
    json_object_object_add(row, "tid", json_object_new_int64(thread->tid));
    json_object_object_add(row, "started",
                           json_object_new_int64((int64_t)MIN(thread->starttime, INT64_MAX)));
    json_object_object_add(row, "name", parts_text(thread->comm));
    json_object_object_add(row, "cpus", parts_set(thread->cpus));
    json_object_object_add(row, "last_cpu",
                           thread->last_cpu >= 0 ? json_object_new_int64(thread->last_cpu) : NULL);
    json_object_object_add(row, "cpu_nsec", counter(thread, thread->cpu_nsec));
    json_object_object_add(row, "delay_nsec", counter(thread, thread->delay_nsec));
    return row;
}

static struct json_object *guest_entry(const GuestUsage *usage)
{
    struct json_object *entry = json_object_new_object(), *threads = json_object_new_array();

    for (guint i = 0; i < usage->threads->len; i++)
        json_object_array_add(threads, thread_row(&g_array_index(usage->threads, ThreadUsage, i)));
    json_object_object_add(entry, "name", parts_text(usage->name));
    json_object_object_add(entry, "uuid", parts_text(usage->uuid));
    json_object_object_add(entry, "time_usec",
                           usage->time_usec > 0 ? json_object_new_int64(usage->time_usec) : NULL);
    json_object_object_add(entry, "threads", threads);
    return entry;
}

struct json_object *report_usage(const GPtrArray *list, const char *const *uuids)
{
    struct json_object *document = report_document(), *guests = json_object_new_array();

    for (guint i = 0; i < list->len; i++) {
        const GuestUsage *usage = g_ptr_array_index(list, i);
        if (!uuids[0] || g_strv_contains(uuids, usage->uuid))
            json_object_array_add(guests, guest_entry(usage));
    }
    json_object_object_add(document, "guests", guests);
    return document;
}
