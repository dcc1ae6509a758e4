/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the threads of a guest used of the CPUs: counters of the kernel, as one look found them. Of
 * two looks, how much it was meanwhile. Frozen once built.
 */
#pragma once

#include "model/guest.h"

typedef struct ThreadUsage {
    pid_t tid;
    uint64_t starttime; /* tells a reused tid */
    ThreadClass thread_class;
    unsigned id; /* vCPU or IOThread; else 0 */
    char comm[16];
    CpuSet *cpus;        /* where it may run; never NULL */
    int last_cpu;        /* where it runs, or ran last; -1: the kernel does not tell */
    bool counted;        /* by the kernel; else the next two mean nothing */
    uint64_t cpu_nsec;   /* ran */
    uint64_t delay_nsec; /* waited for a CPU: ready to run, and another ran */
} ThreadUsage;

typedef struct GuestUsage {
    char *uuid, *name;
    int64_t time_usec; /* CLOCK_MONOTONIC; 0: it is off, or was not looked at */
    GArray *threads;   /* of ThreadUsage, sorted by tid */
} GuestUsage;

GuestUsage *guest_usage_new(const char *uuid, const char *name); /* no threads; time 0 */
void guest_usage_free(GuestUsage *usage);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(GuestUsage, guest_usage_free)
/* Takes thread->cpus over; ascending by tid. For who builds it: nobody else has it yet. */
void guest_usage_add(GuestUsage *usage, const ThreadUsage *thread);
/* That very thread; NULL: there was none. Borrowed. */
const ThreadUsage *guest_usage_thread(const GuestUsage *usage, pid_t tid, uint64_t starttime);
/* In a list of GuestUsage; NULL: none. Borrowed. */
const GuestUsage *guest_usage_find(const GPtrArray *list, const char *uuid);

/* In percent of one CPU's time. */
typedef struct UsageRate {
    double cpu_pct;
    double delay_pct;
} UsageRate;

/* False: not known, as the thread was not there before, or no time passed. before may be NULL.
 * Neither part is more than 100: the kernel counts in strides. */
bool thread_usage_rate(const GuestUsage *before, const GuestUsage *after, const ThreadUsage *thread,
                       UsageRate *ret);
/* cpu_pct: sum over all threads, 100 is one CPU. delay_pct: mean over the vCPUs, what a guest sees
 * as steal time. False: no thread's is known. */
bool guest_usage_rate(const GuestUsage *before, const GuestUsage *after, UsageRate *ret);

/* What all threads of one class used since some time (daemon/usage-total.h). */
typedef struct UsageTotal {
    bool counted; /* the guest had such threads, and the kernel counts */
    uint64_t cpu_nsec, delay_nsec;
} UsageTotal;
