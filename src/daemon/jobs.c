/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "daemon/jobs.h"

#include "daemon/bus.h"
#include "daemon/host-state.h"
#include "daemon/memory-move.h"
#include "daemon/restart.h"

static void job_free(gpointer data)
{
    Job *job = data;

    g_clear_pointer(&job->shown, g_variant_unref);
    g_strfreev(job->status.guests);
    g_free(job->status.client);
    g_free(job);
}

GPtrArray *jobs_new(void)
{
    return g_ptr_array_new_with_free_func(job_free);
}

Job *job_find(const Manager *manager, uint64_t id)
{
    for (guint i = 0; i < manager->jobs->len; i++) {
        Job *job = g_ptr_array_index(manager->jobs, i);
        if (job->status.id == id)
            return job;
    }
    return NULL;
}

static char **guests_of(const Manager *manager, const char *const *uuids)
{
    g_autoptr(GStrvBuilder) guests = g_strv_builder_new();

    for (; uuids && *uuids; uuids++) {
        const Managed *managed = g_hash_table_lookup(manager->by_uuid, *uuids);
        g_strv_builder_add(guests, *uuids);
        g_strv_builder_add(guests, managed ? managed->name : *uuids);
    }
    return g_strv_builder_end(guests);
}

uint64_t job_begin(Manager *manager, JobKind kind, const char *const *uuids, const char *client)
{
    Job *job = g_new0(Job, 1);

    job->status = (JobStatus){.id = ++manager->last_job,
                              .kind = kind,
                              .guests = guests_of(manager, uuids),
                              .client = g_strdup(client ? client : ""),
                              .started_usec = g_get_real_time(),
                              .progress = {.phase = VMTUNED_JOB_WAITING}};
    g_ptr_array_add(manager->jobs, job);
    bus_job_show(manager, job);
    return job->status.id;
}

static bool is_due(const Job *job)
{
    return g_get_monotonic_time() - job->shown_usec >= JOB_SHOW_USEC;
}

void job_progress(Manager *manager, uint64_t id, const JobProgress *progress)
{
    Job *job = job_find(manager, id);

    if (!job)
        return;
    bool another = g_strcmp0(job->status.progress.phase, progress->phase) != 0;
    job->status.progress = *progress;
    if (another || is_due(job))
        bus_job_show(manager, job);
}

void job_end(Manager *manager, uint64_t id, JobResult result)
{
    Job *job = job_find(manager, id);

    if (!job)
        return;
    bus_job_hide(manager, job, result);
    g_ptr_array_remove(manager->jobs, job);
}

/* --- requests --- */

/* False: it changes nothing. */
static bool kind_of(const Request *request, JobKind *ret)
{
    switch (request->kind) {
    case REQUEST_VERIFY:
    case REQUEST_DRY_RUN:
    case REQUEST_DEFRAG_DRY_RUN:
        return false;
    case REQUEST_APPLY:
        *ret = JOB_APPLY;
        return true;
    case REQUEST_RESTORE:
        *ret = JOB_RESTORE;
        return true;
    case REQUEST_RESUME:
        *ret = JOB_RESUME;
        return true;
    case REQUEST_DEFRAG:
        *ret = JOB_DEFRAG;
        return true;
    }
    return false;
}

void job_begin_request(Manager *manager, Request *request)
{
    JobKind kind;

    if (kind_of(request, &kind))
        request->job = job_begin(manager, kind, (const char *const *)request->uuids,
                                 sd_bus_message_get_sender(request->message));
}

/* Guests that are asked for and whose worker is back. */
static void count_guests(const Manager *manager, const Request *request, JobProgress *progress)
{
    for (guint i = 0; i < manager->guests->len; i++) {
        const Managed *managed = g_ptr_array_index(manager->guests, i);
        if (!request_is_about(request, managed))
            continue;
        progress->total++;
        progress->done += !managed->in_flight;
    }
}

void jobs_note_requests(Manager *manager)
{
    JobProgress progress = {.phase = manager->phase == CYCLE_TUNING ? "changing guests"
                                                                    : "looking at guests"};

    for (const GList *link = manager->answering.head; link; link = link->next) {
        const Request *request = link->data;
        const Job *job = job_find(manager, request->job);
        if (!job || (job->status.progress.phase == progress.phase && !is_due(job)))
            continue;
        progress.done = progress.total = 0;
        if (manager->phase != CYCLE_LISTING)
            count_guests(manager, request, &progress);
        job_progress(manager, request->job, &progress);
    }
}

/* --- what goes on by itself --- */

void jobs_look(Manager *manager)
{
    if (manager->jobs->len == 0)
        return;
    restarts_note_jobs(manager);
    memory_moves_note_jobs(manager);
    host_state_note_job(manager);
}

const char *job_cancel(Manager *manager, const Job *job)
{
    if (!job->status.progress.can_cancel)
        return NULL;
    const char *uuid = job->status.guests[0];
    bool moves = job->status.kind == JOB_MOVE_MEMORY;
    if (!(moves ? memory_move_hold(manager, uuid) : restart_cancel(manager, uuid)))
        return NULL;
    return moves ? MEMORY_MOVE_HELD : "if it shuts down all the same, it stays off";
}
