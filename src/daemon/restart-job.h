/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a worker does to start a guest anew (vmtuned-ctl restart-into): one step at a time, none of
 * which waits for the guest. Before anything is done to it the record has it, so that a daemon that
 * comes after knows. Knows no threads and no loop, so that tests drive it with a fake Backend.
 */
#pragma once

#include "apply/backend.h"
#include "record/record.h"

typedef enum RestartStep {
    RESTART_SHUT_DOWN, /* asks the guest to shut down */
    RESTART_ARM,       /* makes its own next reboot end it */
    RESTART_START,     /* it is off now: starts it */
    RESTART_UNDO,      /* gives it up; its own reboot does again what it did */
    RESTART_RECOVER,   /* a daemon before this one was at it, and nobody saw what came since */
} RestartStep;

typedef enum RestartOutcome {
    RESTART_WAITS,   /* the guest runs, and is to end; in the record */
    RESTART_STARTED, /* runs as a new process; no longer in the record */
    RESTART_UNDONE,  /* nothing is to be done any more; no longer in the record */
    RESTART_AGAIN,   /* could not be done now: the same once more, later */
    RESTART_FAILED,  /* cannot be done; text says why; no longer in the record */
} RestartOutcome;

typedef struct RestartJob {
    RestartStep step;
    const Backend *backend;
    Record *record; /* NULL: there is none, and nothing is begun */
    const char *boot_id;
    RestartEntry *entry; /* SHUT_DOWN, ARM: uuid, name, until_usec; RECOVER: uuid, name; else all */
    bool unseen;         /* START: how it ended was not seen; libvirt's reason decides */
    int64_t began_usec;  /* private */

    /* results */
    RestartOutcome outcome; /* entry is whole with WAITS */
    char *text;             /* for people; NULL: nothing to say */
} RestartJob;

/* entry is copied. */
RestartJob *restart_job_new(RestartStep step, const RestartEntry *entry);
void restart_job_free(RestartJob *job);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(RestartJob, restart_job_free)

/* Blocks. */
void restart_job_run(RestartJob *job);
