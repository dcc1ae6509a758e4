/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * States of a job: QUEUED → RUNNING → FINISHED → done() and freed by the main thread, or RUNNING →
 * ABANDONED, when done() is called while the worker still holds the job: then the last of the two
 * frees it. All transitions and the reference count are under the lock.
 */
#include "daemon/pool.h"

#include <errno.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum { JOB_QUEUED, JOB_RUNNING, JOB_FINISHED, JOB_ABANDONED };

struct Pool {
    GMutex lock;
    GCond wake;
    GCond ended;     /* a job */
    GQueue queued;   /* of PoolJob */
    GQueue running;  /* of PoolJob */
    GQueue finished; /* of PoolJob */
    unsigned n_workers, n_abandoned;
    bool closing;
    int fd;
    int references; /* the owner and every worker: a stuck worker may outlive pool_free() */
};

static void pool_release(Pool *pool)
{
    g_mutex_lock(&pool->lock);
    bool last = --pool->references == 0;
    g_mutex_unlock(&pool->lock);
    if (!last)
        return;
    close(pool->fd);
    g_mutex_clear(&pool->lock);
    g_cond_clear(&pool->wake);
    g_cond_clear(&pool->ended);
    g_free(pool);
}

static void job_free(PoolJob *job)
{
    job->free(job);
}

/* Under the lock. */
static void job_release(PoolJob *job)
{
    if (--job->references == 0)
        job_free(job);
}

/* Under the lock. True if the worker may go on. */
static bool job_finish(Pool *pool, PoolJob *job)
{
    g_cond_broadcast(&pool->ended);
    if (job->state == JOB_ABANDONED) {
        pool->n_abandoned--;
        job_release(job);
        return false;
    }
    g_queue_remove(&pool->running, job);
    job->state = JOB_FINISHED;
    g_queue_push_tail(&pool->finished, job);
    eventfd_write(pool->fd, 1);
    return true;
}

static gpointer worker_run(gpointer data)
{
    Pool *pool = data;
    bool go_on = true;

    g_mutex_lock(&pool->lock);
    while (go_on) {
        while (!pool->closing && g_queue_is_empty(&pool->queued))
            g_cond_wait(&pool->wake, &pool->lock);
        if (pool->closing)
            break;
        PoolJob *job = g_queue_pop_head(&pool->queued);
        job->state = JOB_RUNNING;
        job->deadline_usec = g_get_monotonic_time() + (int64_t)job->timeout_usec;
        g_queue_push_tail(&pool->running, job);
        g_mutex_unlock(&pool->lock);
        job->run(job);
        g_mutex_lock(&pool->lock);
        go_on = job_finish(pool, job);
    }
    g_mutex_unlock(&pool->lock);
    pool_release(pool);
    return NULL;
}

static void worker_start(Pool *pool)
{
    pool->references++;
    pool->n_workers++;
    g_thread_unref(g_thread_new("worker", worker_run, pool));
}

int pool_new(Pool **ret)
{
    int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

    if (fd < 0)
        return -errno;
    Pool *pool = g_new0(Pool, 1);
    g_mutex_init(&pool->lock);
    g_cond_init(&pool->wake);
    g_cond_init(&pool->ended);
    pool->fd = fd;
    pool->references = 1;
    g_mutex_lock(&pool->lock);
    for (unsigned i = 0; i < POOL_WORKERS; i++)
        worker_start(pool);
    g_mutex_unlock(&pool->lock);
    *ret = pool;
    return 0;
}

/* Under the lock. */
static void pool_close(Pool *pool)
{
    pool->closing = true;
    g_queue_clear_full(&pool->queued, (GDestroyNotify)job_free);
    g_cond_broadcast(&pool->wake);
}

bool pool_drain(Pool *pool, int64_t end_usec)
{
    g_mutex_lock(&pool->lock);
    pool_close(pool);
    while (pool->running.length > 0 && g_cond_wait_until(&pool->ended, &pool->lock, end_usec))
        continue;
    bool idle = pool->running.length == 0 && pool->n_abandoned == 0;
    g_mutex_unlock(&pool->lock);
    return idle;
}

void pool_free(Pool *pool)
{
    if (!pool)
        return;
    g_mutex_lock(&pool->lock);
    pool_close(pool);
    for (PoolJob *job; (job = g_queue_pop_head(&pool->running));) {
        job->state = JOB_ABANDONED; /* its worker frees it */
        pool->n_abandoned++;
    }
    g_queue_clear_full(&pool->finished, (GDestroyNotify)job_free);
    g_mutex_unlock(&pool->lock);
    pool_release(pool);
}

int pool_get_fd(const Pool *pool)
{
    return pool->fd;
}

void pool_submit(Pool *pool, PoolJob *job)
{
    g_mutex_lock(&pool->lock);
    job->state = JOB_QUEUED;
    job->references = 1;
    g_queue_push_tail(&pool->queued, job);
    g_cond_signal(&pool->wake);
    g_mutex_unlock(&pool->lock);
}

/* The next job past its deadline, with a reference for the caller; NULL: none. */
static PoolJob *take_overdue(Pool *pool, int64_t now_usec)
{
    PoolJob *overdue = NULL;

    g_mutex_lock(&pool->lock);
    for (GList *item = pool->running.head; item && !overdue; item = item->next) {
        PoolJob *job = item->data;
        if (job->deadline_usec <= now_usec)
            overdue = job;
    }
    if (overdue) {
        g_queue_remove(&pool->running, overdue);
        overdue->state = JOB_ABANDONED;
        overdue->references++;
        if (++pool->n_abandoned <= POOL_MAX_ABANDONED)
            worker_start(pool);
    }
    g_mutex_unlock(&pool->lock);
    return overdue;
}

static void dispatch_overdue(Pool *pool, int64_t now_usec)
{
    for (PoolJob *job; (job = take_overdue(pool, now_usec));) {
        job->done(job, true);
        g_mutex_lock(&pool->lock);
        job_release(job);
        g_mutex_unlock(&pool->lock);
    }
}

void pool_dispatch(Pool *pool, int64_t now_usec)
{
    eventfd_t count;
    GQueue finished = G_QUEUE_INIT;

    g_mutex_lock(&pool->lock);
    eventfd_read(pool->fd, &count);
    for (PoolJob *job; (job = g_queue_pop_head(&pool->finished));)
        g_queue_push_tail(&finished, job);
    g_mutex_unlock(&pool->lock);

    for (PoolJob *job; (job = g_queue_pop_head(&finished));) {
        job->done(job, false);
        job_free(job);
    }
    dispatch_overdue(pool, now_usec);
}

unsigned pool_count_abandoned(const Pool *pool)
{
    Pool *locked = (Pool *)pool;

    g_mutex_lock(&locked->lock);
    unsigned count = pool->n_abandoned;
    g_mutex_unlock(&locked->lock);
    return count;
}
