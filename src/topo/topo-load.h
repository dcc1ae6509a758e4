/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* hwloc + libnuma + sysfs → Topo. */
#pragma once

#include "model/topo.h"

/* What hwloc XML and synthetic text cannot say; NULL: not given. */
typedef struct TopoExtra {
    const CpuSet *isolated, *nohz_full, *allowed, *allowed_mems;
} TopoExtra;

/* This host. root: prefix for /sys and /proc ("" for real). 0 or negative errno; *reterr_text. */
int topo_acquire(const char *root, Topo **ret, char **reterr_text);

/* A text that stays the same as long as CPUs on line, isolation, the sum of memory, page pools,
 * vhost-net and the CPUs and nodes of the guests' partition do: while it does, topo_acquire() would
 * say the same, but for PCI and network devices. 0 or negative errno. */
int topo_stamp_acquire(const char *root, char **ret);

/* text: path of an hwloc XML file if such a file exists, else an hwloc synthetic string. 0; -EINVAL
 * (not a topology), -ENOENT, …; *reterr_text says what was expected. */
int topo_load(const char *text, const TopoExtra *extra, Topo **ret, char **reterr_text);

/* Free memory per node now (libnuma). 0 or negative errno. */
int topo_free_acquire(const Topo *topo, TopoFree **ret);
void topo_free_free(TopoFree *value);
