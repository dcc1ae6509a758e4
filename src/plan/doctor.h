/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Judges what costs performance, on the host and of each guest, from what is known of them and what
 * was just measured. docs/DOCTOR.md has every finding, its threshold and the source of that. Pure.
 */
#pragma once

#include "model/finding.h"
#include "model/status.h"
#include "model/vitals.h"

/* All findings, advice among them, but for what advice.ignore names: by class, the gravest first,
 * the host before guests. snapshot has had a cycle. Array of Finding, owned by the caller. */
GPtrArray *doctor_make(const Snapshot *snapshot, const Vitals *vitals);
