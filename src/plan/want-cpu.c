/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* cpu.topology, cpu.cache, cpu.hints and numa.guest_cells → Settings. */
#include "plan/knobs.h"

void knobs_want_cpu(const KnobWants *wants)
{
    (void)wants;
}
