/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the kernel says of CPUs beyond hwloc: isolation, and the CPUs and nodes of the partition
 * that guests live in. */
#pragma once

#include "model/cpuset.h"

typedef struct TopoSysfs {
    CpuSet *present;      /* NULL: not known */
    CpuSet *isolated;     /* isolcpus= and isolated cpuset partitions; never NULL */
    CpuSet *nohz_full;    /* never NULL */
    CpuSet *allowed;      /* NULL: no cpuset controller, no limit */
    CpuSet *allowed_mems; /* likewise */
} TopoSysfs;

/* root: prefix for /sys. 0, or negative errno with *reterr_text: a file is there but cannot be read
 * or is not a list. */
int topo_sysfs_acquire(const char *root, TopoSysfs *ret, char **reterr_text);
/* True if the device of vhost-net is there: the module is loaded, or will be when it is opened.
 * root: prefix for /dev. */
bool topo_has_vhost_net(const char *root);
/* True if the device of KVM is there. root: prefix for /dev. */
bool topo_has_kvm(const char *root);
/* True if QEMU, which has no privileges, may use io_uring: the kernel has it and does not keep it
 * to root. root: prefix for /proc; with one, the kernel is not asked. */
bool topo_has_io_uring(const char *root);
void topo_sysfs_clear(TopoSysfs *sysfs);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(TopoSysfs, topo_sysfs_clear)
