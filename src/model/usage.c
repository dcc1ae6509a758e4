/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "model/usage.h"

#include "base/util.h"

#include <stdlib.h>

#define NSEC_PER_USEC 1000.0

static void thread_clear(gpointer data)
{
    hwloc_bitmap_free(((ThreadUsage *)data)->cpus);
}

GuestUsage *guest_usage_new(const char *uuid, const char *name)
{
    GuestUsage *usage = g_new0(GuestUsage, 1);

    usage->uuid = g_strdup(uuid);
    usage->name = g_strdup(name);
    usage->threads = g_array_new(FALSE, FALSE, sizeof(ThreadUsage));
    g_array_set_clear_func(usage->threads, thread_clear);
    return usage;
}

void guest_usage_free(GuestUsage *usage)
{
    if (!usage)
        return;
    g_free(usage->uuid);
    g_free(usage->name);
    g_array_unref(usage->threads);
    g_free(usage);
}

void guest_usage_add(GuestUsage *usage, const ThreadUsage *thread)
{
    g_array_append_vals(usage->threads, thread, 1);
}

static int tid_compare(const void *a, const void *b)
{
    return CMP(((const ThreadUsage *)a)->tid, ((const ThreadUsage *)b)->tid);
}

const ThreadUsage *guest_usage_thread(const GuestUsage *usage, pid_t tid, uint64_t starttime)
{
    const ThreadUsage key = {.tid = tid};

    if (usage->threads->len == 0)
        return NULL;
    const ThreadUsage *found =
        bsearch(&key, usage->threads->data, usage->threads->len, sizeof(key), tid_compare);
    return found && found->starttime == starttime ? found : NULL;
}

const GuestUsage *guest_usage_find(const GPtrArray *list, const char *uuid)
{
    for (guint i = 0; i < list->len; i++) {
        const GuestUsage *usage = g_ptr_array_index(list, i);
        if (g_str_equal(usage->uuid, uuid))
            return usage;
    }
    return NULL;
}

static double percent(uint64_t before, uint64_t after, int64_t span_usec)
{
    if (after < before)
        return 0;
    return MIN((double)(after - before) / NSEC_PER_USEC / (double)span_usec, 1.0) * 100.0;
}

bool thread_usage_rate(const GuestUsage *before, const GuestUsage *after, const ThreadUsage *thread,
                       UsageRate *ret)
{
    const ThreadUsage *then =
        before ? guest_usage_thread(before, thread->tid, thread->starttime) : NULL;

    if (!then || !then->counted || !thread->counted || after->time_usec <= before->time_usec)
        return false;
    int64_t span_usec = after->time_usec - before->time_usec;
    ret->cpu_pct = percent(then->cpu_nsec, thread->cpu_nsec, span_usec);
    ret->delay_pct = percent(then->delay_nsec, thread->delay_nsec, span_usec);
    return true;
}

bool guest_usage_rate(const GuestUsage *before, const GuestUsage *after, UsageRate *ret)
{
    UsageRate sum = {0}, rate;
    unsigned n_vcpus = 0;
    bool known = false;

    for (guint i = 0; i < after->threads->len; i++) {
        const ThreadUsage *thread = &g_array_index(after->threads, ThreadUsage, i);
        if (!thread_usage_rate(before, after, thread, &rate))
            continue;
        known = true;
        sum.cpu_pct += rate.cpu_pct;
        if (thread->thread_class != THREAD_VCPU)
            continue;
        sum.delay_pct += rate.delay_pct;
        n_vcpus++;
    }
    *ret =
        (UsageRate){.cpu_pct = sum.cpu_pct, .delay_pct = n_vcpus > 0 ? sum.delay_pct / n_vcpus : 0};
    return known;
}
