/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a worker does for one guest: look at it, or carry its plan out: observe → diff → record
 * intent → apply → observe, until nothing differs. Knows no threads and no loop, so that tests
 * drive it with a fake Backend.
 */
#pragma once

#include "apply/apply.h"
#include "model/contest.h"
#include "model/plan.h"
#include "record/record.h"

/* Rounds of diff and apply before giving up: one settles nearly everything, one more the threads
 * that libvirt's emulator pin has reset, one is for a guest that changes meanwhile. */
#define GUEST_JOB_MAX_ROUNDS 4u
/* A look that is not older is as good as another. Short against what people and tools do. */
#define LOOK_FRESH_USEC (100 * G_TIME_SPAN_MILLISECOND)

typedef enum GuestJobKind {
    GUEST_LOOK,    /* observe only */
    GUEST_TUNE,    /* make it as planned; what the plan no longer names goes back */
    GUEST_RESTORE, /* put everything back and leave the guest alone */
} GuestJobKind;

typedef struct GuestJob {
    GuestJobKind kind;
    char *uuid, *name;
    const Backend *backend;
    Record *record; /* NULL: there is none to write to */
    const char *boot_id;
    Topo *topo;
    Policy *policy;  /* LOOK: decides "manual by detection" at first sight */
    GuestPlan *plan; /* TUNE */
    pid_t pid;       /* the process that plan and flags are of; 0: none, or the guest was off */
    uint64_t starttime;
    Guest *last;         /* the look before, for what one that hangs does not tell; NULL: never */
    int64_t last_usec;   /* TUNE: when, monotonic; 0: it does not hold any more */
    bool threads_only;   /* TUNE: calls about it hang: libvirt is not asked anything, and only its
                            threads are set, of the process of last */
    GuestPlan *settled;  /* TUNE: the plan it was last seen right with; NULL: never */
    bool keep_drift;     /* TUNE: leave foreign changes as they are (drift: report, ignore) */
    bool keep_originals; /* a job that was given up is still at work: what it writes may have to go
                            back */
    bool force;          /* RESTORE: also what somebody else changed since */
    ProcessFlags flags; /* as known; LOOK fills it; those of another process than pid are dropped */
    ChangeSet *refused; /* TUNE: what libvirt will not have in a definition, not to be tried; what
                           it refuses now is added, with its words as reason */

    Contest *contest; /* TUNE: what is left to others; NULL: nothing */

    /* results */
    int result;          /* BackendResult or negative errno; RESTORE: also of reading the record */
    Guest *guest;        /* last look; NULL if there was none */
    int64_t looked_usec; /* when it was begun, monotonic */
    GPtrArray *outcomes; /* of Outcome, one per round that wrote */
    ChangeSet *left;     /* what still differs; NULL for LOOK */
    DiagList *diags;
    int record_error; /* 0, or why the record could first not be read or written */
} GuestJob;

GuestJob *guest_job_new(GuestJobKind kind, const char *uuid, const char *name);
void guest_job_free(GuestJob *job);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(GuestJob, guest_job_free)

/* Blocks. */
void guest_job_run(GuestJob *job);

/* The key of the process that was looked at; pid 0 for a guest that is off. Strings borrowed. */
ProcessKey guest_process_key(const Guest *guest, const char *boot_id);

/* Whose rule matches: the guest as the policy sees it. Strings borrowed from the guest. */
PolicySubject guest_policy_subject(const Guest *guest);

/* What "not pinned" means for that guest: its cgroup's CPUs, else the host's. Borrowed. */
const CpuSet *guest_allowed(const Guest *guest, const Topo *topo);
