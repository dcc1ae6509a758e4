/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A policy for one guest, proposed from what it is. Pure.
 *
 * In force are only lines that keep what there is, or choose what a definition leaves open.
 * Whatever takes CPUs or pages from others, changes what a disk promises, or binds a migration is
 * behind a "#", each line for itself, with what it is good for.
 */
#pragma once

#include "model/guest.h"
#include "model/policy.h"
#include "model/topo.h"

/* A whole policy file, which loads without a warning, with any of the proposals in force too.
 * policy: the one in force for the guest. Owned by the caller. */
char *proposal_make(const Topo *topo, const Guest *guest, const GuestPolicy *policy);
