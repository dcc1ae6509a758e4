/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The host's own settings: files of sysfs and procfs, as the knob table has them. */
#pragma once

#include "apply/backend.h"
#include "host/guest-kernel.h"
#include "model/host.h"

/* Everything there is to observe of the host's memory. root: "" or a directory that stands for /.
 * 0 or negative errno; what this kernel does not have is not listed. */
int host_acquire(const char *root, Host **ret);

/* Adds to missing, in words, what of it this process may not write; root as above. */
void host_knobs_missing(const char *root, GStrvBuilder *missing);

/* Writes one knob of the host and reads back what is in force (owned by the caller). watch: of
 * PoolGoal. HOST_DONE; HOST_REFUSED or negative errno with *reterr_text for people. */
int host_knob_apply(const char *root, const Change *change, const BackendWatch *watch,
                    char **ret_in_force, char **reterr_text);
