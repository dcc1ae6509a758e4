/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Who keeps changing a setting back: a guess from where it was changed and what runs on this host.
 * Nobody signs for an affinity, so words for people are all that comes of it.
 */
#pragma once

#include "model/guest.h"
#include "model/vitals.h"

/* All of them, by pid: array of Tuner. Never NULL: what cannot be read is not in it. Reads names
 * only: a command line is in the memory of a process that may hang. */
GArray *tuners_acquire(const char *root);

/* Pure. Who changed the setting that key belongs to (contest_key()), of which changes have at least
 * one plane or thread; "likely numad (PID 812)". Owned by the caller, never NULL. */
char *rival_describe(const ChangeSet *changes, const SettingKey *key, const Guest *guest,
                     const GArray *tuners);
