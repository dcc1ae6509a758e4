/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* clock.profile → Settings. */
#include "plan/knobs.h"

void knobs_want_clock(const KnobWants *wants)
{
    (void)wants;
}
