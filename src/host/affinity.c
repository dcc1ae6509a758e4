/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "host/affinity.h"

#include "host/proc.h"

#include <errno.h>
#include <sys/syscall.h>
#include <unistd.h>

int affinity_read(pid_t tid, unsigned long mask[AFFINITY_WORDS])
{
    long n = syscall(SYS_sched_getaffinity, tid, (size_t)AFFINITY_BYTES, mask);

    return n < 0 ? -errno : (int)((size_t)n / sizeof(unsigned long));
}

static int affinity_of_fixture(const char *root, pid_t tid, CpuSet **ret)
{
    g_autofree char *text = NULL;

    int r = proc_status_acquire(root, tid, "Cpus_allowed_list", &text);
    return r == HOST_DONE ? cpuset_parse(text, ret) : r;
}

int affinity_acquire(const char *root, pid_t tid, CpuSet **ret)
{
    unsigned long mask[AFFINITY_WORDS];

    if (*root)
        return affinity_of_fixture(root, tid, ret);
    int n = affinity_read(tid, mask);
    if (n < 0)
        return n == -ESRCH ? HOST_GONE : n;
    *ret = cpuset_new();
    hwloc_bitmap_from_ulongs(*ret, (unsigned)n, mask);
    return HOST_DONE;
}

static int affinity_write(pid_t tid, const CpuSet *cpus)
{
    unsigned long mask[AFFINITY_WORDS];

    /* an infinite set ("all") fills the mask; the kernel leaves out what it does not have */
    hwloc_bitmap_to_ulongs(cpus, AFFINITY_WORDS, mask);
    return syscall(SYS_sched_setaffinity, tid, sizeof(mask), mask) < 0 ? -errno : 0;
}

int thread_affinity_apply(pid_t tid, uint64_t starttime, const CpuSet *cpus, CpuSet **ret_in_force)
{
    g_autoptr(CpuSet) in_force = NULL;

    int r = proc_verify("", tid, starttime);
    if (r != HOST_DONE)
        return r;
    r = affinity_write(tid, cpus);
    if (r < 0)
        return r == -ESRCH ? HOST_GONE : r == -EINVAL || r == -EPERM ? HOST_REFUSED : r;
    r = affinity_acquire("", tid, &in_force);
    if (r != HOST_DONE)
        return r;
    r = proc_verify("", tid, starttime);
    if (r != HOST_DONE)
        return r;
    *ret_in_force = g_steal_pointer(&in_force);
    return HOST_DONE;
}
