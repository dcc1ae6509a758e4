/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "host/usage.h"

#include "base/util.h"
#include "host/affinity.h"
#include "host/proc.h"

#include <string.h>

bool schedstat_parse(const char *text, uint64_t *ret_cpu_nsec, uint64_t *ret_delay_nsec,
                     bool *ret_counted)
{
    g_auto(GStrv) fields = g_strsplit(text, " ", 4);
    uint64_t times;

    if (g_strv_length(fields) != 3 || parse_u64(fields[0], UINT64_MAX, ret_cpu_nsec) < 0 ||
        parse_u64(fields[1], UINT64_MAX, ret_delay_nsec) < 0 ||
        parse_u64(fields[2], UINT64_MAX, &times) < 0)
        return false;
    *ret_counted = times > 0; /* a thread that is there has run */
    return true;
}

/* Below its process: there stat is about the thread alone, and need not sum up all others. */
static int thread_file_acquire(const char *root, const GuestThread *thread, const char *file,
                               char **ret)
{
    g_autofree char *name = g_strdup_printf("task/%d/%s", (int)thread->tid, file);

    return proc_file_acquire(root, thread->tgid, name, ret);
}

/* False: it ended, or cannot be asked. */
static bool thread_acquire(const char *root, const GuestThread *source, ThreadUsage *ret)
{
    g_autofree char *stat_text = NULL, *schedstat = NULL;
    ProcStat stat;

    if (thread_file_acquire(root, source, "stat", &stat_text) != HOST_DONE ||
        !proc_stat_parse(stat_text, &stat) || stat.starttime != source->starttime ||
        affinity_acquire(root, source->tid, &ret->cpus) != HOST_DONE)
        return false;
    ret->tid = source->tid;
    ret->starttime = source->starttime;
    ret->thread_class = source->thread_class;
    ret->id = guest_thread_id(source);
    memcpy(ret->comm, source->comm, sizeof(ret->comm));
    ret->last_cpu = stat.last_cpu;
    if (thread_file_acquire(root, source, "schedstat", &schedstat) != HOST_DONE ||
        !schedstat_parse(schedstat, &ret->cpu_nsec, &ret->delay_nsec, &ret->counted))
        ret->counted = false;
    return true;
}

GuestUsage *guest_usage_acquire(const char *root, const Guest *guest)
{
    GuestUsage *usage = guest_usage_new(guest->uuid, guest->name);
    int64_t now_usec = g_get_monotonic_time();

    for (unsigned i = 0; guest->kernel && i < guest->kernel->n_threads; i++) {
        ThreadUsage thread = {0};
        if (thread_acquire(root, &guest->kernel->threads[i], &thread))
            guest_usage_add(usage, &thread);
    }
    if (usage->threads->len > 0)
        usage->time_usec = now_usec;
    return usage;
}
