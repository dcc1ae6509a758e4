/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What others change: found in what differs, counted, told, and where it comes back again and again
 * given up (model/contest.h).
 */
#pragma once

#include "daemon/manager.h"

/* What a look at the guest found to differ from its plan. Takes left over. */
void drift_take_left(Manager *manager, Managed *managed, ChangeSet *left);
/* What a tuning has left (managed->left): its outcomes tell what could not be put right. True: of
 * that some may be if it is tried again soon. */
bool drift_judge_job(Managed *managed, const GuestJob *job);
/* Tells what is contested and was not told yet: who does it is looked for in a job, which counts in
 * jobs_pending. */
void drift_tell(Manager *manager, Managed *managed);
