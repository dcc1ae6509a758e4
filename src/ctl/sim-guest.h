/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A guest of a simulation, from its domain XML file. */
#pragma once

#include "base/diag.h"
#include "model/plan.h"

typedef struct SimGuest {
    char *file;
    char *xml;
    gsize length;
    GuestDef *def;       /* as the file has it */
    Guest *guest;        /* as the planner sees it in the current step */
    GuestPolicy *policy; /* effective; NULL before sim_guest_set_policy() */
    GuestPlan *before;   /* what it was given in the step before; NULL: nothing */
    bool running;
    bool waiting; /* to be started in a later step: not planned yet */
    bool manual;  /* manual by detection */
} SimGuest;

/* Reads one file. 0; -EINVAL with an error in diags. */
int sim_guest_load(const char *file, SimGuest **ret, DiagList *diags);
void sim_guest_free(SimGuest *sim);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(SimGuest, sim_guest_free)

void sim_guest_set_policy(SimGuest *sim, const Policy *policy, const Topo *topo);
/* From now on it runs as its file says. */
void sim_guest_run(SimGuest *sim);
/* From now on it runs as planned: what the plan pins is pinned in its live definition. */
void sim_guest_run_as_planned(SimGuest *sim, const GuestPlan *plan);
/* The changes that its definition needs if it runs as the file says. */
ChangeSet *sim_guest_changes(const SimGuest *sim, const GuestPlan *plan, const Topo *topo);
