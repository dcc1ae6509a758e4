/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What only the whole policy can tell: keys that need one another.
 *
 * The effective policy of a guest is put together from rules of several files, and which rules meet
 * on one guest is not known here. So an error is only what is wrong for every guest: a block that
 * contradicts itself, or a key that nothing anywhere can complete.
 */
#pragma once

#include "policy/source.h"

/* sources: of Source, every file that was read. whole false: some file was not read to its end, so
 * what is missing may be there. */
void policy_check(const Policy *policy, GPtrArray *sources, bool whole, DiagList *diags);
