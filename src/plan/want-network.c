/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Keys of network.* → Settings. */
#include "plan/knobs.h"

void knobs_want_network(const KnobWants *wants)
{
    (void)wants;
}
