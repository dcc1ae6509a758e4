/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A GuestJob in the pool. A cycle does not wait for a slow one: it is left behind, and its guest is
 * stuck. When it comes back, be it after it was abandoned, the guest is looked at anew: whatever
 * the job did is found then.
 */
#pragma once

#include "daemon/manager.h"

typedef struct GuestPoolJob {
    PoolJob base;
    Backend backend;
    GuestJob *job;
    bool left_behind; /* its cycle went on without it */
} GuestPoolJob;

/* With all the Manager knows of that guest; counts in jobs_pending. */
void guest_pool_submit(Manager *manager, Managed *managed, GuestJobKind kind,
                       void (*done)(PoolJob *job, bool abandoned));
/* From done(): counts the job as back. The guest it was about; NULL if the job was abandoned, or
 * the guest is no longer there. */
Managed *guest_pool_back(Manager *manager, const GuestPoolJob *pool_job, bool abandoned);
/* It hangs no longer. */
void guest_pool_look_anew(Manager *manager, Managed *managed);
