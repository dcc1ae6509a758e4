/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Runs a ChangeSet of one guest, or of the host, through a Backend. */
#pragma once

#include "apply/backend.h"
#include "base/diag.h"

typedef enum OutcomeKind {
    OUTCOME_DONE,    /* every change is in force */
    OUTCOME_RETRY,   /* some could not be made now */
    OUTCOME_GONE,    /* the guest went away on the way */
    OUTCOME_REFUSED, /* some will not be made, or had no effect */
    OUTCOME_FATAL,   /* unexpected error; the rest was not tried */
} OutcomeKind;
const char *outcome_kind_name(OutcomeKind kind);

typedef struct ChangeResult {
    OutcomeKind kind;
    char *in_force; /* read back; NULL: not set or not read */
    char *error;    /* for people; NULL if done */
} ChangeResult;

typedef struct Outcome {
    OutcomeKind kind;   /* the worst of results, in the order DONE, RETRY, REFUSED, FATAL, GONE */
    ChangeSet *changes; /* what was asked, in order */
    ChangeResult *results; /* one for each change */
    unsigned n_writes;     /* backend calls made */
} Outcome;

void outcome_free(Outcome *outcome);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Outcome, outcome_free)

/* Makes the changes in order. Asks guest_ready() once before the first write, unless is_ready: a
 * look has just told that it may be written to; RETRY there makes all RETRY without a write, HUNG
 * all but the affinities of threads. Where libvirt is to be called, threads that are to stay within
 * the CPUs they have are placed by the kernel first, whatever comes of it. A refused or failed
 * change does not stop the next, except GONE and FATAL, which end the run (what FATAL left untried
 * is RETRY). A thread that is gone is RETRY and ends nothing while guest_ready() still knows the
 * guest. A carried change is not written: its result follows the change that carries it. A setter
 * that says DONE while something else is in force counts as REFUSED. A libvirt live change that
 * failed half-way is put back to its old value (best effort). Edits of the definition come last and
 * are made together; if that is refused, one by one, so that only those are left that libvirt will
 * not have. allowed, online: as diff_make(). guest NULL: knobs of the host, nobody is asked first.
 * Never fails. */
Outcome *apply_run(const Backend *backend, const Guest *guest, const ChangeSet *changes,
                   const CpuSet *allowed, const CpuSet *online, bool is_ready);
