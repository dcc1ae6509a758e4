/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The host that the command line names. */
#pragma once

#include "base/diag.h"
#include "ctl/options.h"
#include "model/topo.h"

/* --topology with --isolated, --nohz-full, --allowed-cpus and --allowed-mems; without --topology
 * this host. 0, or -EINVAL with errors in diags. */
int topology_open(const Options *options, Topo **ret, DiagList *diags);
