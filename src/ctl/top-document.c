/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ctl/top-document.h"

#include "model/usage.h"

/* What is passed on as it is. */
static const char *const guest_keys[] = {"name",  "uuid",         "state", "text",
                                         "vcpus", "locality_pct", "drift", "repaired"};
static const char *const thread_keys[] = {"class", "id",      "tid",     "name",
                                          "cpus",  "planned", "last_cpu"};

static void copy_keys(Doc *from, Doc *to, const char *const *keys, size_t n)
{
    for (size_t i = 0; i < n; i++)
        json_object_object_add(to, keys[i], json_object_get(doc_get(from, keys[i])));
}

/* With one digit; null: not known. */
static void add_rate(Doc *object, const char *key, bool known, double pct)
{
    char text[32];

    g_ascii_formatd(text, sizeof(text), "%.1f", pct);
    json_object_object_add(object, key, known ? json_object_new_double_s(pct, text) : NULL);
}

static void add_rates(Doc *object, bool known, const UsageRate *rate)
{
    add_rate(object, "cpu_pct", known, rate->cpu_pct);
    add_rate(object, "delay_pct", known, rate->delay_pct);
}

static ThreadClass class_by_name(const char *name)
{
    for (int i = THREAD_VCPU; i < THREAD_HELPER; i++)
        if (g_str_equal(thread_class_name((ThreadClass)i), name))
            return (ThreadClass)i;
    return THREAD_HELPER;
}

/* The counters alone, in the order of the document. */
static GuestUsage *read_usage(Doc *guest)
{
    GuestUsage *usage = guest_usage_new(doc_word(guest, "uuid"), doc_word(guest, "name"));

    usage->time_usec = doc_number(guest, "time_usec");
    DOC_FOREACH(row, guest, "threads")
    {
        const ThreadUsage thread = {
            .tid = (pid_t)doc_number(row, "tid"),
            .starttime = (uint64_t)doc_number(row, "started"),
            .thread_class = class_by_name(doc_word(row, "class")),
            .counted = doc_get(row, "cpu_nsec") && doc_get(row, "delay_nsec"),
            .cpu_nsec = (uint64_t)doc_number(row, "cpu_nsec"),
            .delay_nsec = (uint64_t)doc_number(row, "delay_nsec"),
        };
        guest_usage_add(usage, &thread);
    }
    return usage;
}

/* NULL: it was not there. */
static GuestUsage *read_usage_before(Doc *before, const char *uuid)
{
    DOC_FOREACH(guest, before, "guests")
    if (g_str_equal(doc_word(guest, "uuid"), uuid))
        return read_usage(guest);
    return NULL;
}

/* It may run where it does not belong. */
static bool is_astray(Doc *row)
{
    g_autoptr(CpuSet) cpus = NULL, planned = NULL;

    return doc_text(row, "planned") && cpuset_parse(doc_word(row, "cpus"), &cpus) == 0 &&
           cpuset_parse(doc_text(row, "planned"), &planned) == 0 &&
           !hwloc_bitmap_isincluded(cpus, planned);
}

static Doc *top_thread(Doc *row, bool known, const UsageRate *rate)
{
    Doc *thread = json_object_new_object();

    copy_keys(row, thread, thread_keys, G_N_ELEMENTS(thread_keys));
    json_object_object_add(thread, "astray", json_object_new_boolean(is_astray(row)));
    add_rates(thread, known, rate);
    return thread;
}

static Doc *top_guest(Doc *guest, Doc *before)
{
    g_autoptr(GuestUsage) now = read_usage(guest);
    g_autoptr(GuestUsage) then = before ? read_usage_before(before, now->uuid) : NULL;
    Doc *entry = json_object_new_object(), *threads = json_object_new_array();
    UsageRate rate = {0};
    bool known = guest_usage_rate(then, now, &rate);

    copy_keys(guest, entry, guest_keys, G_N_ELEMENTS(guest_keys));
    json_object_object_add(entry, "running", json_object_new_boolean(now->time_usec > 0));
    add_rates(entry, known, &rate);
    for (guint i = 0; i < now->threads->len; i++) {
        known = thread_usage_rate(then, now, &g_array_index(now->threads, ThreadUsage, i), &rate);
        json_object_array_add(threads, top_thread(doc_at(guest, "threads", i), known, &rate));
    }
    json_object_object_add(entry, "threads", threads);
    return entry;
}

Doc *top_document(Doc *before, Doc *now)
{
    Doc *document = json_object_new_object(), *guests = json_object_new_array();

    json_object_object_add(document, "version", json_object_get(doc_get(now, "version")));
    json_object_object_add(document, "exit", json_object_get(doc_get(now, "exit")));
    DOC_FOREACH(guest, now, "guests")
    json_object_array_add(guests, top_guest(guest, before));
    json_object_object_add(document, "guests", guests);
    return document;
}
