/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * States of a job: QUEUED → RUNNING [→ SLOW [→ ABANDONED]] → in the list of those that ended, from
 * which the main thread takes, tells and frees it. All transitions are under the lock. Once the
 * pool closes nobody takes from that list any more, and workers free their jobs themselves.
 *
 * A worker starts when more jobs wait than workers are idle, and ends when it has been idle for a
 * while: its stack is memory that a daemon at rest has no use for. One stays. There may be
 * POOL_WORKERS, and one more for each that hangs, up to POOL_MAX_REPLACED.
 */
#include "daemon/pool.h"

#include <errno.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define IDLE_USEC (2 * G_USEC_PER_SEC)

enum { JOB_QUEUED, JOB_RUNNING, JOB_SLOW, JOB_ABANDONED };

struct Pool {
    GMutex lock;
    GCond wake;
    GCond changed; /* running, n_replaced */
    unsigned n_workers, n_idle;
    GQueue queued;        /* of PoolJob */
    GQueue running;       /* of PoolJob, not those abandoned */
    GQueue ended;         /* of PoolJob */
    uint64_t n_abandoned; /* ever; main thread only */
    unsigned n_replaced;  /* past POOL_MAX_REPLACED: counted, but not replaced */
    bool closing, freed;
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
    g_cond_clear(&pool->changed);
    g_free(pool);
}

static void job_free(PoolJob *job)
{
    job->free(job);
}

static unsigned worker_limit(const Pool *pool)
{
    return POOL_WORKERS + MIN(pool->n_replaced, POOL_MAX_REPLACED);
}

/* Under the lock. */
static void job_finish(Pool *pool, PoolJob *job)
{
    if (pool->closing)
        g_cond_broadcast(&pool->changed);
    pool->n_replaced -= job->state != JOB_RUNNING;
    g_queue_remove(&pool->running, job);
    if (pool->freed) {
        job_free(job);
    } else {
        g_queue_push_tail(&pool->ended, job);
        eventfd_write(pool->fd, 1);
    }
}

/* Under the lock. False: no job has come, and there are enough without this worker. Who is idle
 * alone waits as long as it takes, so that one stays, and nobody is woken only to wait again. */
static bool worker_wait(Pool *pool)
{
    int64_t end = g_get_monotonic_time() + IDLE_USEC;
    bool stays = pool->n_idle == 0;

    pool->n_idle++;
    while (!pool->closing && g_queue_is_empty(&pool->queued)) {
        if (stays) {
            g_cond_wait(&pool->wake, &pool->lock);
        } else if (!g_cond_wait_until(&pool->wake, &pool->lock, end)) {
            if (pool->n_idle > 1)
                break;
            stays = true;
        }
    }
    pool->n_idle--;
    return !pool->closing && !g_queue_is_empty(&pool->queued);
}

static gpointer worker_run(gpointer data)
{
    Pool *pool = data;

    g_mutex_lock(&pool->lock);
    while (pool->n_workers <= worker_limit(pool) && worker_wait(pool)) {
        PoolJob *job = g_queue_pop_head(&pool->queued);
        job->state = JOB_RUNNING;
        job->started_usec = g_get_monotonic_time();
        g_queue_push_tail(&pool->running, job);
        g_mutex_unlock(&pool->lock);
        job->run(job);
        g_mutex_lock(&pool->lock);
        job_finish(pool, job);
    }
    pool->n_workers--;
    g_mutex_unlock(&pool->lock);
    pool_release(pool);
    return NULL;
}

/* Under the lock. False: the kernel gives no thread now. */
static bool worker_start(Pool *pool)
{
    GThread *thread = g_thread_try_new("worker", worker_run, pool, NULL);

    if (!thread)
        return false;
    g_thread_unref(thread);
    pool->references++;
    pool->n_workers++;
    return true;
}

/* Under the lock. */
static void worker_start_if_missed(Pool *pool)
{
    if (pool->queued.length > pool->n_idle && pool->n_workers < worker_limit(pool))
        worker_start(pool);
}

int pool_new(Pool **ret)
{
    int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

    if (fd < 0)
        return -errno;
    Pool *pool = g_new0(Pool, 1);
    g_mutex_init(&pool->lock);
    g_cond_init(&pool->wake);
    g_cond_init(&pool->changed);
    pool->fd = fd;
    pool->references = 1;
    g_mutex_lock(&pool->lock);
    bool started = worker_start(pool);
    g_mutex_unlock(&pool->lock);
    if (!started) {
        pool_release(pool);
        return -EAGAIN;
    }
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
    while (pool->running.length > 0 && g_cond_wait_until(&pool->changed, &pool->lock, end_usec))
        continue;
    bool idle = pool->running.length == 0 && pool->n_replaced == 0;
    g_mutex_unlock(&pool->lock);
    return idle;
}

void pool_free(Pool *pool)
{
    if (!pool)
        return;
    g_mutex_lock(&pool->lock);
    pool_close(pool);
    pool->freed = true;
    for (GList *item = pool->running.head; item; item = item->next)
        g_atomic_int_set(&((PoolJob *)item->data)->given_up, 1);
    g_queue_clear_full(&pool->ended, (GDestroyNotify)job_free);
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
    g_queue_push_tail(&pool->queued, job);
    worker_start_if_missed(pool);
    g_mutex_unlock(&pool->lock);
    g_cond_signal(&pool->wake); /* who is woken need not wait for the lock */
}

/* Under the lock. */
static bool is_past(const PoolJob *job, uint64_t usec, int64_t now_usec)
{
    return now_usec - job->started_usec >= (int64_t)usec;
}

/* The next job that became slow, or NULL. */
static PoolJob *take_slow(Pool *pool, int64_t now_usec)
{
    PoolJob *slow = NULL;

    g_mutex_lock(&pool->lock);
    for (GList *item = pool->running.head; item && !slow; item = item->next) {
        PoolJob *job = item->data;
        uint64_t usec = job->slow_usec ? job->slow_usec : job->timeout_usec;
        if (job->state == JOB_RUNNING && is_past(job, usec, now_usec))
            slow = job;
    }
    if (slow) {
        slow->state = JOB_SLOW;
        pool->n_replaced++;
        worker_start_if_missed(pool);
    }
    g_mutex_unlock(&pool->lock);
    return slow;
}

/* The next job past its deadline, or NULL; those just started wait until they are known to be slow.
 */
static PoolJob *take_overdue(Pool *pool, int64_t now_usec)
{
    PoolJob *overdue = NULL;

    g_mutex_lock(&pool->lock);
    for (GList *item = pool->running.head; item && !overdue; item = item->next) {
        PoolJob *job = item->data;
        if (job->state == JOB_SLOW && is_past(job, job->timeout_usec, now_usec))
            overdue = job;
    }
    if (overdue) {
        g_queue_remove(&pool->running, overdue);
        overdue->state = JOB_ABANDONED;
        g_atomic_int_set(&overdue->given_up, 1);
    }
    g_mutex_unlock(&pool->lock);
    return overdue;
}

/* A job that ends meanwhile is not freed before pool_dispatch() comes to it. */
static void dispatch_running(Pool *pool, int64_t now_usec)
{
    for (PoolJob *job; (job = take_slow(pool, now_usec));)
        if (job->slow)
            job->slow(job);
    for (PoolJob *job; (job = take_overdue(pool, now_usec));) {
        pool->n_abandoned++;
        job->done(job, true);
    }
}

static void dispatch_ended(PoolJob *job)
{
    if (job->state != JOB_ABANDONED)
        job->done(job, false);
    else if (job->late)
        job->late(job);
    job_free(job);
}

void pool_dispatch(Pool *pool, int64_t now_usec)
{
    eventfd_t count;
    GQueue ended = G_QUEUE_INIT;

    g_mutex_lock(&pool->lock);
    eventfd_read(pool->fd, &count);
    worker_start_if_missed(pool); /* once the kernel gives a thread again */
    for (PoolJob *job; (job = g_queue_pop_head(&pool->ended));)
        g_queue_push_tail(&ended, job);
    g_mutex_unlock(&pool->lock);

    for (PoolJob *job; (job = g_queue_pop_head(&ended));)
        dispatch_ended(job);
    dispatch_running(pool, now_usec);
}

unsigned pool_count_replaced(const Pool *pool)
{
    Pool *locked = (Pool *)pool;

    g_mutex_lock(&locked->lock);
    unsigned count = pool->n_replaced;
    g_mutex_unlock(&locked->lock);
    return count;
}

uint64_t pool_count_abandoned(const Pool *pool)
{
    return pool->n_abandoned;
}

bool pool_is_exhausted(const Pool *pool)
{
    return pool_count_replaced(pool) >= POOL_WORKERS + POOL_MAX_REPLACED;
}
