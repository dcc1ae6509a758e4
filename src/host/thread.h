/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "host/cgroup.h"
#include "host/proc.h"

/* Sorts one thread by its cgroup, name and owner. is_qemu: its process is QEMU itself. home counts
 * for guests with cgroups only. */
ThreadClass thread_classify(const GuestThread *thread, bool is_main, bool is_qemu, bool is_kernel);

/* Fills threads: the members of the guest's cgroups, and whatever else the QEMU process has.
 * HOST_DONE, HOST_GONE (the process), negative errno. */
int threads_acquire(const char *root, const GArray *members, GuestKernel *kernel);
