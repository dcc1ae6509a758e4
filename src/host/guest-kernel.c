/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "host/guest-kernel.h"

#include "host/cgroup.h"
#include "host/proc.h"
#include "host/residency.h"
#include "host/thread.h"

static int kernel_fill(const char *root, const GuestDef *def, GuestKernel *kernel)
{
    g_auto(CgroupPlaces) places = {0};
    g_autoptr(GArray) members = g_array_new(FALSE, FALSE, sizeof(CgroupMember));

    int r = cgroup_places_find(root, kernel->pid, &places);
    if (r == HOST_DONE)
        r = cgroup_acquire(&places, kernel, members);
    if (r == HOST_DONE)
        r = threads_acquire(root, members, kernel);
    if (r == HOST_DONE)
        r = residency_acquire(root, &places.memory, def, kernel);
    return r;
}

/* The process is proved at both ends, so that nothing in between can be of another that got its
 * number. */
int guest_kernel_acquire(const char *root, pid_t pid, uint64_t starttime, const GuestDef *def,
                         GuestKernel **ret)
{
    g_autoptr(GuestKernel) kernel = guest_kernel_new();

    kernel->pid = pid;
    kernel->starttime = starttime;
    int r = proc_verify(root, pid, starttime);
    if (r != HOST_DONE)
        return r;
    r = kernel_fill(root, def, kernel);
    ProcStat stat = {0};
    int alive = proc_stat_acquire(root, pid, &stat);
    if (alive == HOST_GONE || (alive == HOST_DONE && stat.starttime != starttime))
        return HOST_GONE;
    if (r != HOST_DONE)
        return r;
    kernel->stopped = alive == HOST_DONE && proc_stat_is_stopped(&stat);
    guest_kernel_share(kernel);
    *ret = g_steal_pointer(&kernel);
    return HOST_DONE;
}
