/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What waits for a guest's next cold start: knobs that only change there and of which the running
 * guest has another value than the policy wants or, where the policy says nothing, than its
 * definition has. A device that only one of its definitions has is not pending: it was plugged, or
 * will be. Pure.
 */
#pragma once

#include "model/pending.h"
#include "model/plan.h"

/* Empty for a guest that is off. plan NULL: the policy wants nothing of it. refused: what libvirt
 * will not have in its definition, which no start will bring; NULL: nothing. Refcount 1. */
PendingList *pending_make(const GuestPlan *plan, const Guest *guest, const ChangeSet *refused);

/* What became of the settings that waited for the start that made guest. */
typedef enum PendingFate {
    PENDING_TOOK_EFFECT,
    PENDING_DID_NOT,   /* the guest has another value */
    PENDING_SUPERSEDED /* its definition was changed once more, or the device is gone */
} PendingFate;
PendingFate pending_fate(const PendingSetting *setting, const Guest *guest);
