/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Long work, as those see it who wait for it: requests that change something, restarts, moves of
 * memory, pools of huge pages. Who does the work begins a job, tells how far it came, and ends it;
 * a job does nothing itself. It is known by its number, so that whoever ends it late harms nobody.
 */
#pragma once

#include "daemon/manager.h"

/* Progress is shown no sooner than this after the last time, but for another phase. */
#define JOB_SHOW_USEC (200 * G_TIME_SPAN_MILLISECOND)

typedef struct Job {
    JobStatus status;
    GVariant *shown;    /* see bus.h */
    int64_t shown_usec; /* monotonic */
} Job;

GPtrArray *jobs_new(void);

/* What begins; client NULL: nobody asked for it. Its number. */
uint64_t job_begin(Manager *manager, JobKind kind, const char *const *uuids, const char *client);
void job_progress(Manager *manager, uint64_t id, const JobProgress *progress);
void job_end(Manager *manager, uint64_t id, JobResult result);
Job *job_find(const Manager *manager, uint64_t id); /* NULL: there is none */

/* The same of a request: no job if it changes nothing. */
void job_begin_request(Manager *manager, Request *request);
/* How far the requests came that this cycle serves. */
void jobs_note_requests(Manager *manager);
/* Each second: what goes on by itself. */
void jobs_look(Manager *manager);
/* Ends what the job is of, and with it perhaps the job. What that means in words, static; NULL: it
 * cannot be ended now. */
const char *job_cancel(Manager *manager, const Job *job);
