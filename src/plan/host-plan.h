/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The host's own settings: what the policy's host keys want of it, and which guests would not start
 * for want of huge pages. Pure.
 */
#pragma once

#include "model/host.h"
#include "model/plan.h"

typedef struct HostGuest {
    const Guest *guest;
    const GuestPolicy *policy;
    const GuestPlan *plan; /* of a running guest; NULL: off, or not planned */
} HostGuest;

typedef struct HostInput {
    const Topo *topo;
    const Policy *policy;
    const Host *host;
    const HostGuest *guests; /* all that are defined, sorted by name, uuid */
    unsigned n_guests;
    const SettingList *originals; /* values from before vmtuned changed them; sorted; may be NULL */
    const SettingList *ceilings;  /* of host.pages: how many could be had at the last attempt, where
                                     that was less than wanted; sorted; may be NULL */
} HostInput;

/* Refcount 1. A key the policy does not have is not touched. */
HostPlan *host_plan_make(const HostInput *input);

/* Settings that put originals (of Original) back, but for those wanted names (NULL: all). A value
 * that is not what vmtuned wrote last is somebody else's: left out with a Diag unless force.
 * Sorted.
 */
SettingList *host_restore_make(const GPtrArray *originals, const SettingList *wanted,
                               const Host *host, bool force, DiagList *diags);

/* page-pools.c: adds host.pages to wanted, and the shortages. Lists are not sorted yet. */
void pools_plan(const HostInput *input, HostPlan *plan);
