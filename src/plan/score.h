/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a plan is worth, so that anyone can compare two. docs/PLANNER.md explains each component. */
#pragma once

#include "model/plan.h"

/* The components in their order, the most important first: of two plans for the same input the
 * one with the lower value in the first component that differs is better. Owned by the caller. */
GArray *plan_score(const PlanInput *input, const Plan *plan);
/* <0: a is better; of two plans for the same input. */
int score_compare(const GArray *a, const GArray *b);
