/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the kernel has of a guest: process, threads with their class, cgroups v1 and v2.
 * root: prefix of /proc and /sys, "" on a real host, a fixture's directory in tests.
 */
#pragma once

#include "model/guest.h"

typedef enum HostResult {
    HOST_DONE = 0,
    HOST_GONE = 1,    /* no such process or thread, or its pid now belongs to another */
    HOST_REFUSED = 2, /* the kernel will not do this (EINVAL, EPERM, PF_NO_SETAFFINITY) */
    HOST_CHANGED = 3, /* quick pass: something differs, look deeper */
} HostResult;

/* The QEMU process of that guest: libvirt's pid file, else a search of /proc among those without
 * one, and its command line must carry the guest's uuid. HOST_DONE, HOST_GONE, negative errno. */
int guest_process_find(const char *root, const char *uuid, const char *name, pid_t *ret_pid,
                       uint64_t *ret_starttime);

/* The whole inventory. HOST_DONE with *ret, HOST_GONE, negative errno. def: of the running guest,
 * by which its RAM is found (host/residency.h); NULL: not known. */
int guest_kernel_acquire(const char *root, pid_t pid, uint64_t starttime, const GuestDef *def,
                         GuestKernel **ret);

/* Sets one thread's affinity after proving it is still that thread, and reads back what is in
 * force. HOST_DONE, HOST_GONE, HOST_REFUSED, negative errno. */
int thread_affinity_apply(pid_t tid, uint64_t starttime, const CpuSet *cpus, CpuSet **ret_in_force);

/* The host's boot id, from /proc/sys/kernel/random/boot_id. */
int boot_id_acquire(const char *root, char **ret);
