/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Guests for tests: a deep copy, and what the kernel would have of a guest just started. */
#pragma once

#include "model/plan.h"

/* Nothing is shared with the original; refcount 1. */
Guest *guest_copy(const Guest *guest);

typedef struct FakeKernelOptions {
    pid_t pid;             /* main thread; the others count up from it */
    const CpuSet *allowed; /* of the partition: cpuset of every cgroup without a pin */
    const CpuSet *mems;    /* allowed nodes; NULL: {0} */
    bool cgroup_v2;
    bool no_cpuset;      /* no cpuset controller */
    bool vhost_kthreads; /* vhost workers as kernel threads, not threads of QEMU */
    unsigned n_workers;  /* helper threads in the emulator cgroup */
    unsigned n_vhost;    /* vhost workers */
} FakeKernelOptions;

/* Threads and cgroups as libvirt sets them up from the definition: pins, else <vcpu cpuset>, else
 * all allowed CPUs. Start times are 1000 + tid. */
GuestKernel *fake_kernel_new(const GuestDef *def, const FakeKernelOptions *options);

/* A running, persistent guest with vCPUs 0…n_vcpus-1 and IOThreads 1…n_iothreads, no pins, both
 * definitions alike. */
Guest *fake_guest_new(const char *name, unsigned n_vcpus, unsigned n_iothreads,
                      const FakeKernelOptions *options);

/* All its memory is where the plan says. */
void fake_kernel_set_memory(GuestKernel *kernel, const GuestPlan *plan);

/* Adds a thread to a guest a test owns; its start time is 1000 + tid. Sorted in. */
void fake_thread_add(GuestKernel *kernel, const GuestThread *thread);
/* NULL if there is none. */
GuestThread *fake_thread_find(const GuestKernel *kernel, pid_t tid);
/* First thread of that class, home and id; NULL if there is none. */
GuestThread *fake_thread_of(const GuestKernel *kernel, ThreadClass thread_class, ThreadHome home,
                            unsigned home_id);
