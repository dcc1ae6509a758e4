/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The guest's cgroups as libvirt lays them out:
 *   v2  <partition>/<scope>/libvirt/{emulator,vcpuN,iothreadN}, before libvirt 7.1 without libvirt/
 *   v1  <partition>/<machine>/{emulator,vcpuN,iothreadN} in cpuset and cpu; memory has no children
 * The main thread sits in emulator/, which tells where the others are. A guest outside such a
 * cgroup (session mode) has none of its own.
 */
#pragma once

#include "host/guest-kernel.h"

/* The guest in one controller; base NULL: it has none there. */
typedef struct CgroupDir {
    bool v2;
    char *base;  /* holds emulator/ and the like, as a path to open */
    char *scope; /* the guest's own: base, or the directory above a "libvirt" */
    char *path;  /* base as a path below the mount */
} CgroupDir;

typedef struct CgroupPlaces {
    CgroupDir cpuset, cpu, memory;
} CgroupPlaces;

/* A thread, and the cgroup it was found in. */
typedef struct CgroupMember {
    pid_t tid;
    ThreadHome home;
    unsigned home_id;
} CgroupMember;

/* HOST_DONE, HOST_GONE, negative errno. Cleared by the caller in any case. */
int cgroup_places_find(const char *root, pid_t pid, CgroupPlaces *ret);
void cgroup_places_clear(CgroupPlaces *places);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(CgroupPlaces, cgroup_places_clear)

/* Fills cgroup_v2, cgroup, cgroups, cpu_shares, allowed and allowed_mems, and appends every thread
 * found to members (of CgroupMember). A cgroup that goes away on the way is left out. 0, negative
 * errno. */
int cgroup_acquire(const CgroupPlaces *places, GuestKernel *kernel, GArray *members);
