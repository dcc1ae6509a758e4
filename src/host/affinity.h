/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "host/guest-kernel.h"

/* Bytes of a mask of all CPUs a CpuSet can hold: larger than any kernel's (CONFIG_NR_CPUS is at
 * most 8192), so that sched_getaffinity never finds it too small. */
#define AFFINITY_BYTES ((CPUSET_MAX_INDEX + 1) / 8)
#define AFFINITY_WORDS (AFFINITY_BYTES / sizeof(unsigned long))

/* Fills the first words of mask and tells how many; the rest is left as it was. Words, or negative
 * errno. Not glibc's call, which clears the whole buffer each time. */
int affinity_read(pid_t tid, unsigned long mask[AFFINITY_WORDS]);

/* The affinity of a thread. With a root, from the fixture's status file. HOST_DONE, HOST_GONE,
 * negative errno. */
int affinity_acquire(const char *root, pid_t tid, CpuSet **ret);
