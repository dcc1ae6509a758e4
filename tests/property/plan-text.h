/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Everything a plan says, as text, to compare two. */
#pragma once

#include "model/plan.h"

char *plan_text(const Plan *plan); /* owned by the caller */
