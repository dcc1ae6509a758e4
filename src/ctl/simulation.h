/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The pipeline offline: files in, plan out. Guests whose start comes later (--start) are added one
 * by one; those planned before then run where they were placed.
 */
#pragma once

#include "ctl/doc.h"
#include "ctl/options.h"
#include "model/plan.h"

typedef struct Simulation {
    Topo *topo;
    Policy *policy;
    GPtrArray *guests; /* of SimGuest (simulation.c), as the files come */
    Plan *plan;        /* the last one */
    GArray *score;     /* of ScoreItem: of it */
} Simulation;

/* Reads everything that the options of "simulate" name. 0; -EINVAL with every error in diags,
 * which gets the warnings too. */
int simulation_load(const Options *options, Simulation **ret, DiagList *diags);
void simulation_free(Simulation *simulation);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Simulation, simulation_free)

/* Plans: first all guests but those to start, then each of those. */
void simulation_run(Simulation *simulation, const char *const *start);
/* The plan document: settings are what each guest's definition lacks. */
Doc *simulation_report(const Simulation *simulation, const DiagList *diags);
