/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The thread inventory. The cgroups tell which class a thread may be of, its name and owner which
 * it is: pool workers inherit the cgroup of the vCPU or IOThread that started them, vhost workers
 * and swtpm share the emulator's. A vhost worker is a kernel thread up to Linux 6.3 and a thread of
 * QEMU after. The process's own task list is the cross-check: what it has and the cgroups have not
 * (a thread in a foreign cgroup, or one that was born meanwhile) is added.
 */
#include "host/thread.h"

#include "base/util.h"
#include "host/ability.h"
#include "host/affinity.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

typedef struct Inventory {
    const char *root;
    const GuestKernel *kernel;
    GArray *members; /* of CgroupMember, sorted by tid */
    GArray *tasks;   /* of pid_t, sorted: threads of QEMU */
    GArray *threads; /* of GuestThread, the result */
    bool may_set;    /* their affinity */
} Inventory;

/* "<prefix><number><rest>"; -1 if it is not that. */
static int64_t comm_number(const char *comm, const char *prefix, char rest)
{
    char *end;

    if (!g_str_has_prefix(comm, prefix) || !g_ascii_isdigit(comm[strlen(prefix)]))
        return -1;
    guint64 number = g_ascii_strtoull(comm + strlen(prefix), &end, 10);
    return *end == rest && number <= INT_MAX ? (int64_t)number : -1;
}

ThreadClass thread_classify(const GuestThread *thread, bool is_main, bool is_qemu, bool is_kernel)
{
    switch (thread->home) {
    case HOME_VCPU:
        return is_qemu && comm_number(thread->comm, "CPU ", '/') == thread->home_id ? THREAD_VCPU
                                                                                    : THREAD_HELPER;
    case HOME_IOTHREAD:
        return is_qemu && g_str_has_prefix(thread->comm, "IO ") ? THREAD_IOTHREAD : THREAD_HELPER;
    case HOME_EMULATOR:
        break;
    }
    if (is_main)
        return THREAD_EMULATOR;
    if (g_str_has_prefix(thread->comm, "vhost-") && (is_qemu || is_kernel))
        return THREAD_VHOST;
    return is_qemu ? THREAD_EMULATOR : THREAD_HELPER;
}

/* A thread of QEMU outside the guest's cgroups has only its name. Where the guest has no cgroups at
 * all the name also tells which vCPU or IOThread it belongs to; else the emulator's cpuset is the
 * one it will be in. */
static void stray_classify(const Inventory *inventory, GuestThread *thread, bool is_main)
{
    int64_t vcpu = comm_number(thread->comm, "CPU ", '/');
    int64_t iothread = comm_number(thread->comm, "IO iothread", '\0');
    bool has_cgroups = inventory->kernel->n_cgroups > 0;

    thread->home = HOME_EMULATOR;
    thread->home_id = 0;
    if (!is_main && vcpu >= 0) {
        thread->thread_class = THREAD_VCPU;
        thread->home = has_cgroups ? HOME_EMULATOR : HOME_VCPU;
        thread->home_id = has_cgroups ? 0 : (unsigned)vcpu;
    } else if (!is_main && iothread >= 0) {
        thread->thread_class = THREAD_IOTHREAD;
        thread->home = has_cgroups ? HOME_EMULATOR : HOME_IOTHREAD;
        thread->home_id = has_cgroups ? 0 : (unsigned)iothread;
    } else {
        thread->thread_class = thread_classify(thread, is_main, true, false);
    }
}

static int tid_compare(const void *a, const void *b)
{
    return CMP(*(const pid_t *)a, *(const pid_t *)b);
}

/* Elements begin with their tid. */
static bool has_tid(const GArray *sorted, pid_t tid)
{
    return sorted->len > 0 && bsearch(&tid, sorted->data, sorted->len,
                                      g_array_get_element_size((GArray *)sorted), tid_compare);
}

static int owner_acquire(const Inventory *inventory, GuestThread *thread)
{
    g_autofree char *text = NULL;
    uint64_t tgid;

    int r = proc_status_acquire(inventory->root, thread->tid, "Tgid", &text);
    if (r != HOST_DONE)
        return r;
    if (parse_u64(text, INT_MAX, &tgid) < 0)
        return -EBADMSG;
    thread->tgid = (pid_t)tgid;
    return HOST_DONE;
}

/* HOST_GONE: it ended meanwhile. */
static int thread_append(const Inventory *inventory, const CgroupMember *member)
{
    bool is_qemu = has_tid(inventory->tasks, member->tid);
    GuestThread thread = {.tid = member->tid,
                          .tgid = inventory->kernel->pid,
                          .home = member->home,
                          .home_id = member->home_id};
    ProcStat stat;

    int r = proc_stat_acquire(inventory->root, thread.tid, &stat);
    if (r == HOST_DONE && !is_qemu)
        r = owner_acquire(inventory, &thread);
    if (r == HOST_DONE)
        r = affinity_acquire(inventory->root, thread.tid, &thread.affinity);
    if (r != HOST_DONE)
        return r;
    thread.starttime = stat.starttime;
    thread.fixed = (stat.flags & PROC_FLAG_NO_SETAFFINITY) || !inventory->may_set;
    memcpy(thread.comm, stat.comm, sizeof(thread.comm));
    thread.thread_class = thread_classify(&thread, thread.tid == inventory->kernel->pid, is_qemu,
                                          stat.flags & PROC_FLAG_KTHREAD);
    g_array_append_val(inventory->threads, thread);
    return HOST_DONE;
}

static int member_compare(gconstpointer a, gconstpointer b)
{
    const CgroupMember *one = a, *two = b;

    if (one->tid != two->tid)
        return CMP(one->tid, two->tid);
    return CMP(one->home, two->home);
}

static int members_append(const Inventory *inventory)
{
    for (guint i = 0; i < inventory->members->len; i++) {
        const CgroupMember *member = &g_array_index(inventory->members, CgroupMember, i);
        /* seen twice: it was on its way out of the emulator's cgroup, which sorts first */
        if (i + 1 < inventory->members->len && member[1].tid == member->tid)
            continue;
        int r = thread_append(inventory, member);
        if (r < 0)
            return r;
    }
    return 0;
}

static int strays_append(const Inventory *inventory)
{
    for (guint i = 0; i < inventory->tasks->len; i++) {
        CgroupMember stray = {.tid = g_array_index(inventory->tasks, pid_t, i)};
        if (has_tid(inventory->members, stray.tid))
            continue;
        int r = thread_append(inventory, &stray);
        if (r < 0)
            return r;
        if (r == HOST_DONE)
            stray_classify(
                inventory,
                &g_array_index(inventory->threads, GuestThread, inventory->threads->len - 1),
                stray.tid == inventory->kernel->pid);
    }
    return 0;
}

static int thread_compare(gconstpointer a, gconstpointer b)
{
    return CMP(((const GuestThread *)a)->tid, ((const GuestThread *)b)->tid);
}

static void thread_clear(gpointer data)
{
    hwloc_bitmap_free(((GuestThread *)data)->affinity);
}

int threads_acquire(const char *root, const GArray *members, GuestKernel *kernel)
{
    g_autoptr(GArray) sorted = g_array_copy((GArray *)members), tasks = NULL;
    g_autoptr(GArray) threads = g_array_new(FALSE, FALSE, sizeof(GuestThread));

    g_array_set_clear_func(threads, thread_clear);
    g_array_sort(sorted, member_compare);
    int r = proc_tasks_acquire(root, kernel->pid, &tasks);
    if (r != HOST_DONE)
        return r;

    Inventory inventory = {.root = root,
                           .kernel = kernel,
                           .members = sorted,
                           .tasks = tasks,
                           .threads = threads,
                           .may_set = *root || ability_has(ABILITY_AFFINITY)};
    r = members_append(&inventory);
    if (r == 0)
        r = strays_append(&inventory);
    if (r < 0)
        return r;
    g_array_sort(threads, thread_compare);
    kernel->n_threads = threads->len;
    kernel->threads = (GuestThread *)(void *)g_array_steal(threads, NULL);
    return HOST_DONE;
}
