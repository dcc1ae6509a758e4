/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Long work that is under way: what it is, for whom, and how far it came. */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

typedef enum JobKind {
    JOB_APPLY,
    JOB_RESTORE,
    JOB_RESUME,
    JOB_DEFRAG,
    JOB_RESTART_INTO,
    JOB_MOVE_MEMORY,
    JOB_PAGES, /* huge pages of the host */
} JobKind;
const char *job_kind_name(JobKind kind);
/* What its progress is counted in: "guests", "seconds", "percent" or "pages". */
const char *job_kind_unit(JobKind kind);

typedef enum JobResult { JOB_DONE, JOB_FAILED, JOB_CANCELED } JobResult;
const char *job_result_name(JobResult result);

typedef struct JobProgress {
    const char *phase;    /* static: what it does now, in words */
    uint64_t done, total; /* total 0: nobody knows how much it is */
    bool can_cancel;
} JobProgress;

typedef struct JobStatus {
    uint64_t id;
    JobKind kind;
    char **guests;        /* uuid, name, uuid, name, … NULL; empty: all of them, or the host */
    char *client;         /* who asked for it, by its name on the bus; "": nobody, it was due */
    int64_t started_usec; /* CLOCK_REALTIME */
    JobProgress progress;
} JobStatus;

JobStatus *job_status_copy(const JobStatus *status);
void job_status_free(JobStatus *status);
