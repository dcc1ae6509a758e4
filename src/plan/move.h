/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Is the memory of a running guest to be moved to its vCPUs (numa.migrate_memory)? Pure.
 */
#pragma once

#include "model/plan.h"

/* With so much of its memory local nothing more is moved: the rest gains little, and a guest's
 * memory is never all in one place (QEMU's own, shared libraries). */
#define MOVE_GOAL_PCT 90

typedef enum MoveNeed {
    MOVE_NONE,    /* it is local enough, or the policy does not ask for it */
    MOVE_WANTED,  /* to the nodes told */
    MOVE_REFUSED, /* it would be, and cannot */
} MoveNeed;

/* begun: it is under way, and how much is local already does not count.
 * *ret_nodes: where its memory is to be, owned by the caller, with MOVE_WANTED; *ret_why: why not,
 * static, with MOVE_REFUSED. */
MoveNeed memory_move_need(const Topo *topo, const GuestPolicy *policy, const GuestPlan *plan,
                          const Guest *guest, bool begun, CpuSet **ret_nodes, const char **ret_why);
