/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a worker does for the host's own settings, as guest-job.h for a guest: look, or carry the
 * plan out: observe → diff → record intent → apply → observe. Knows no threads and no loop.
 */
#pragma once

#include "apply/apply.h"
#include "plan/host-plan.h"
#include "record/record.h"

typedef enum HostJobKind {
    HOST_LOOK,    /* observe only */
    HOST_TUNE,    /* make it as planned; what the plan no longer names goes back */
    HOST_RESTORE, /* put everything back and leave the host alone */
} HostJobKind;

typedef struct HostJob {
    HostJobKind kind;
    const Backend *backend;
    Record *record; /* NULL: there is none */
    const char *boot_id;
    HostPlan *plan;    /* TUNE */
    HostPlan *settled; /* TUNE: the plan it was last seen right with: what differs since is somebody
                          else's; NULL: never */
    bool keep_drift;   /* TUNE: and is left so */
    bool force;        /* RESTORE: also what somebody else changed since */
    ChangeSet *refused; /* TUNE: what the kernel will not do, not to be tried; what it refuses now
                           is added */

    /* results */
    int result;             /* 0 or negative errno */
    Host *host;             /* last look; NULL if there was none */
    SettingList *originals; /* values from before vmtuned changed them, sorted; NULL: not known */
    bool released;          /* restored and left alone; RESTORE, LOOK */
    Outcome *outcome;       /* NULL: nothing was written */
    ChangeSet *left;        /* what still differs; NULL for LOOK */
    DiagList *diags;
    int record_error; /* 0, or why the record could first not be read or written */
} HostJob;

HostJob *host_job_new(HostJobKind kind);
void host_job_free(HostJob *job);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(HostJob, host_job_free)

/* Blocks. */
void host_job_run(HostJob *job);

/* The host in the record: as a process that lives as long as the boot. */
ProcessKey host_process_key(const char *boot_id);
