/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Placement of all guests of a host together. Pure: same input, same plan, byte for byte. */
#pragma once

#include "model/plan.h"

/* Never fails: what does not fit is refused in the plan with resource, amount and node, and what is
 * odd is a Diag there. Every guest of the input has its GuestPlan. */
Plan *plan_make(const PlanInput *input);

/* True if the guest's definition pins a vCPU, or all of them by <vcpu cpuset>, to less than
 * allowed: somebody pinned it by hand. A pin that covers all of allowed is no pin. */
bool guest_is_hand_pinned(const Guest *guest, const CpuSet *allowed);
