/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What this process may do here. A container, a drop-in of the unit or an older kernel can take any
 * of it away: what cannot be done is told once and not tried, and all else goes on.
 */
#pragma once

#include <stdbool.h>

typedef enum Ability {
    ABILITY_AFFINITY,       /* of threads of other users: CAP_SYS_NICE */
    ABILITY_MEMORY,         /* of processes of other users, looked into and moved: CAP_SYS_PTRACE */
    ABILITY_NUMA_BALANCING, /* host.numa_balancing: CAP_SYS_ADMIN */
} Ability;
#define N_ABILITIES (ABILITY_NUMA_BALANCING + 1)

/* By the effective capabilities. Pure but for that. */
bool ability_has(Ability ability);

/* What is missing, in words for people; NULL-ended, owned by the caller. root: as guest-kernel.h.
 */
char **abilities_missing(const char *root);
