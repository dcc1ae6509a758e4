/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Planning that goes on: guests come, change and go, and only they and those they touch are planned
 * again. At any time the plan is the one plan_make() makes of the same guests, byte for byte; after
 * a defrag that was taken, again once it is carried out.
 *
 * Planned anew as a whole is only when it must be: at first, with host.rebalance, when what others
 * keep off or the partitions' sets of CPUs change, when a running guest has had CPUs that are
 * another's now, and when a guest is refused that another way of placing might serve.
 */
#pragma once

#include "model/plan.h"

typedef struct Planning Planning;

/* No guests. topo and policy are referenced. */
Planning *planning_new(const Topo *topo, const Policy *policy);
void planning_free(Planning *planning);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Planning, planning_free)

/* A guest that is new or, by its uuid, no longer the same; what it points to is referenced. A guest
 * for which nothing changed, or that was just carried out as planned (before), costs nothing. */
void planning_set(Planning *planning, const PlanGuest *guest);
/* A guest that is gone; not known: nothing is done. */
void planning_remove(Planning *planning, const char *uuid);

/* Plans what changed since the last time. Returns how many guests' plans were written anew. */
unsigned planning_update(Planning *planning);
/* Of one guest, as of the last update; NULL: not known. Borrowed, valid until the next call. */
const GuestPlan *planning_find(const Planning *planning, const char *uuid);
/* All of them as of the last update. Refcount 1. */
Plan *planning_plan(const Planning *planning);
/* How often everything was planned as a whole. */
unsigned planning_count_whole(const Planning *planning);

/* What moving up to max_moves guests in place would make of it, with the scores before and after;
 * take: that is the plan from now on. Refcount 1. */
Plan *planning_defrag(Planning *planning, unsigned max_moves, bool take, GArray **ret_before,
                      GArray **ret_after);
