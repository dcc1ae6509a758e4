/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "daemon/read-job.h"

#include "daemon/gate.h"

/* Of one kind. */
typedef struct ReadQueue {
    const ReadKind *kind;
    GPtrArray *waiting; /* of ReadCall */
    ReadJob *job;       /* under way; NULL: none */
} ReadQueue;

static void call_free(gpointer data)
{
    ReadCall *call = data;

    g_strfreev(call->uuids);
    sd_bus_message_unref(call->message);
    g_free(call->text);
    g_free(call);
}

static GPtrArray *calls_new(void)
{
    return g_ptr_array_new_with_free_func(call_free);
}

static void queue_free(gpointer data)
{
    ReadQueue *queue = data;

    g_ptr_array_unref(queue->waiting);
    g_free(queue);
}

GPtrArray *read_queues_new(void)
{
    return g_ptr_array_new_with_free_func(queue_free);
}

static ReadQueue *queue_for(Manager *manager, const ReadKind *kind)
{
    for (guint i = 0; i < manager->reads->len; i++) {
        ReadQueue *queue = g_ptr_array_index(manager->reads, i);
        if (queue->kind == kind)
            return queue;
    }
    ReadQueue *queue = g_new0(ReadQueue, 1);
    queue->kind = kind;
    queue->waiting = calls_new();
    g_ptr_array_add(manager->reads, queue);
    return queue;
}

/* --- the job --- */

static void job_run(PoolJob *base)
{
    ReadJob *job = (ReadJob *)base;

    if (job->kind->read)
        job->kind->read(job);
    for (guint i = 0; i < job->calls->len && !g_atomic_int_get(&base->given_up); i++) {
        ReadCall *call = g_ptr_array_index(job->calls, i);
        call->text = job->kind->answer(job, call, &call->error);
    }
}

static void job_free(PoolJob *base)
{
    ReadJob *job = (ReadJob *)base;

    if (job->kind->clear)
        job->kind->clear(job);
    g_ptr_array_unref(job->calls);
    g_ptr_array_unref(job->guests);
    snapshot_free(job->snapshot);
    g_free(job);
}

static void call_reply(Manager *manager, ReadCall *call, bool abandoned)
{
    if (abandoned)
        sd_bus_reply_method_errorf(call->message, VMTUNED_BUS_ERROR_NOT_READY,
                                   "it could not be read in time");
    else if (!gate_may_answer(manager))
        sd_bus_reply_method_errorf(call->message, SD_BUS_ERROR_LIMITS_EXCEEDED, GATE_JAMMED);
    else if (call->text)
        sd_bus_reply_method_return(call->message, "s", call->text);
    else
        sd_bus_reply_method_errorf(call->message, VMTUNED_BUS_ERROR_NOT_READY, "%s", call->error);
    call->message = sd_bus_message_unref(call->message);
}

static void queue_submit(Manager *manager, ReadQueue *queue);

static void job_done(PoolJob *base, bool abandoned)
{
    Manager *manager = base->owner;
    ReadJob *job = (ReadJob *)base;
    ReadQueue *queue = queue_for(manager, job->kind);

    queue->job = NULL;
    for (guint i = 0; i < job->calls->len; i++)
        call_reply(manager, g_ptr_array_index(job->calls, i), abandoned);
    if (queue->waiting->len > 0)
        queue_submit(manager, queue);
}

static GPtrArray *guests_looked_at(const Manager *manager)
{
    GPtrArray *guests = g_ptr_array_new_with_free_func((GDestroyNotify)guest_unref);

    for (guint i = 0; i < manager->guests->len; i++) {
        const Managed *managed = g_ptr_array_index(manager->guests, i);
        if (managed->guest)
            g_ptr_array_add(guests, guest_ref(managed->guest));
    }
    return guests;
}

/* All that wait. */
static void queue_submit(Manager *manager, ReadQueue *queue)
{
    ReadJob *job = g_malloc0(queue->kind->size);

    job->base = (PoolJob){.run = job_run,
                          .done = job_done,
                          .free = job_free,
                          .owner = manager,
                          .timeout_usec = JOB_TIMEOUT_USEC};
    job->kind = queue->kind;
    job->calls = queue->waiting;
    job->snapshot = manager_snapshot(manager);
    job->guests = guests_looked_at(manager);
    if (job->kind->prepare)
        job->kind->prepare(job, manager);
    queue->waiting = calls_new();
    queue->job = job;
    pool_submit(manager->pool, &job->base);
}

/* --- calls --- */

int read_call_queue(Manager *manager, const ReadKind *kind, sd_bus_message *message, ReadCall asked,
                    sd_bus_error *reterr)
{
    int r = gate_admit(manager, message, reterr);

    if (r < 0) {
        g_strfreev(asked.uuids);
        return r;
    }
    ReadQueue *queue = queue_for(manager, kind);
    ReadCall *call = g_memdup2(&asked, sizeof(asked));
    call->message = sd_bus_message_ref(message);
    g_ptr_array_add(queue->waiting, call);
    if (!queue->job)
        queue_submit(manager, queue);
    return 1;
}

static bool is_from(const ReadCall *call, const char *sender)
{
    return !sender || g_strcmp0(sd_bus_message_get_sender(call->message), sender) == 0;
}

static unsigned count_of(const GPtrArray *calls, const char *sender)
{
    unsigned count = 0;

    for (guint i = 0; i < calls->len; i++)
        count += is_from(g_ptr_array_index(calls, i), sender);
    return count;
}

unsigned read_calls_count(const Manager *manager, const char *sender)
{
    unsigned count = 0;

    for (guint i = 0; i < manager->reads->len; i++) {
        const ReadQueue *queue = g_ptr_array_index(manager->reads, i);
        count += count_of(queue->waiting, sender);
        if (queue->job)
            count += count_of(queue->job->calls, sender);
    }
    return count;
}

void read_calls_drop(Manager *manager, const char *sender)
{
    for (guint i = 0; i < manager->reads->len; i++) {
        const ReadQueue *queue = g_ptr_array_index(manager->reads, i);
        for (guint j = queue->waiting->len; j-- > 0;)
            if (is_from(g_ptr_array_index(queue->waiting, j), sender))
                g_ptr_array_remove_index(queue->waiting, j);
    }
}
