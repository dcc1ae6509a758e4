/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * From a GuestPlan and a look at the guest to the changes that are needed. The one definition of
 * "right": planning, drift, verify, restore and the tests all use diff_make(). Pure.
 */
#pragma once

#include "model/plan.h"

/* The Settings the plan wants of the guest as it is now: every thread that exists gets its entry.
 * Empty for unmanaged and released guests. Sorted. */
SettingList *wanted_make(const GuestPlan *plan, const Guest *guest);

/* The guest's state as Settings: every knob, instance, plane and thread that was looked at. Sorted.
 */
SettingList *observed_make(const Guest *guest);

/* What differs, in order of application: libvirt's live calls, then affinities, then config.
 * before: what was wanted when the guest was last seen right; a difference from a value that is
 * wanted now as it was then is drift; NULL: nothing is drift (first time).
 * allowed: what "not pinned" means; online: the CPUs that can run now. */
ChangeSet *diff_make(const SettingList *wanted, const SettingList *before,
                     const SettingList *observed, const CpuSet *allowed, const CpuSet *online);

/* Settings that put originals back, for all originals (wanted NULL) or only those whose knob,
 * instance and plane wanted no longer names. A value that is not what vmtuned wrote last is
 * somebody else's: left out with a Diag unless force. Threads born under our mask get the original
 * of their class. Threads are listed also if they have it already, since a pin of their class may
 * reset them; affinities are cut to the cpuset that will bound them. Sorted. */
SettingList *restore_make(GPtrArray *originals, const SettingList *wanted, const Guest *guest,
                          bool force, DiagList *diags);

/* What is in force of originals whose last write was cut off, where that is the new value or the
 * one before it. Sorted. */
SettingList *settle_make(GPtrArray *originals, const Guest *guest);

/* True if wanted names key's knob, instance and plane (for a thread: any thread of that class). */
bool setting_is_wanted(const SettingList *wanted, const SettingKey *key);

/* Names of the guests that can run on plan's exclusive CPUs right now, by what was observed of
 * them; sorted and NULL-ended, or NULL. */
char **intruders_find(const GuestPlan *plan, const Guest *const *others, unsigned n_others);
