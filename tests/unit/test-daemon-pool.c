/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "daemon/pool.h"

#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

typedef struct TestJob {
    PoolJob base;
    GMutex *gate; /* NULL: does not wait */
    int *n_freed;
    int *n_done, *n_abandoned;
} TestJob;

static int n_freed, n_done, n_abandoned, n_started, n_slow, n_late, n_saw_given_up;

static void test_run(PoolJob *base)
{
    TestJob *job = (TestJob *)base;

    g_atomic_int_inc(&n_started);
    if (job->gate) {
        g_mutex_lock(job->gate);
        g_mutex_unlock(job->gate);
    }
    if (g_atomic_int_get(&base->given_up))
        g_atomic_int_inc(&n_saw_given_up);
}

static void test_slow(PoolJob *base)
{
    (void)base;
    n_slow++;
}

static void test_late(PoolJob *base)
{
    (void)base;
    n_late++;
}

static void test_done(PoolJob *base, bool abandoned)
{
    TestJob *job = (TestJob *)base;

    ++*(abandoned ? job->n_abandoned : job->n_done);
}

static void test_job_free(PoolJob *base)
{
    g_atomic_int_inc(((TestJob *)base)->n_freed);
    g_free(base);
}

static void submit_slow(Pool *pool, GMutex *gate, uint64_t slow_usec, uint64_t timeout_usec)
{
    TestJob *job = g_new0(TestJob, 1);

    job->base = (PoolJob){.run = test_run,
                          .done = test_done,
                          .slow = test_slow,
                          .late = test_late,
                          .free = test_job_free,
                          .slow_usec = slow_usec,
                          .timeout_usec = timeout_usec};
    job->gate = gate;
    job->n_freed = &n_freed;
    job->n_done = &n_done;
    job->n_abandoned = &n_abandoned;
    pool_submit(pool, &job->base);
}

static void submit(Pool *pool, GMutex *gate, uint64_t timeout_usec)
{
    submit_slow(pool, gate, 0, timeout_usec);
}

static int reset(void **state)
{
    (void)state;
    n_freed = n_done = n_abandoned = n_started = n_slow = n_late = n_saw_given_up = 0;
    return 0;
}

/* Dispatches until count() reaches wanted, up to ten seconds. */
static void dispatch_until(Pool *pool, const int *count, int wanted, int64_t ahead_usec)
{
    for (int i = 0; i < 1000 && g_atomic_int_get(count) < wanted; i++) {
        struct pollfd fd = {.fd = pool_get_fd(pool), .events = POLLIN};
        poll(&fd, 1, 10);
        pool_dispatch(pool, g_get_monotonic_time() + ahead_usec);
    }
    assert_int_equal(g_atomic_int_get(count), wanted);
}

static void test_jobs_come_back(void **state)
{
    g_autoptr(Pool) pool = NULL;
    (void)state;

    assert_int_equal(pool_new(&pool), 0);
    for (int i = 0; i < 100; i++)
        submit(pool, NULL, G_TIME_SPAN_HOUR);
    dispatch_until(pool, &n_done, 100, 0);
    assert_int_equal(n_freed, 100);
    assert_int_equal(n_abandoned, 0);
}

/* More stuck jobs than workers: each is replaced, and later jobs still run. */
static void test_stuck_jobs_are_replaced(void **state)
{
    g_autoptr(Pool) pool = NULL;
    GMutex gate;
    const int n_stuck = POOL_WORKERS + 2;
    (void)state;

    g_mutex_init(&gate);
    g_mutex_lock(&gate);
    assert_int_equal(pool_new(&pool), 0);
    for (int i = 0; i < n_stuck; i++)
        submit(pool, &gate, G_TIME_SPAN_SECOND);
    dispatch_until(pool, &n_abandoned, n_stuck, G_TIME_SPAN_MINUTE);
    submit(pool, NULL, G_TIME_SPAN_HOUR);
    dispatch_until(pool, &n_done, 1, 0);
    assert_int_equal(pool_count_replaced(pool), n_stuck);
    assert_int_equal(pool_count_abandoned(pool), n_stuck);
    assert_int_equal(n_freed, 1);

    g_mutex_unlock(&gate);
    dispatch_until(pool, &n_freed, n_stuck + 1, 0);
    assert_int_equal(n_done, 1);
    assert_int_equal(n_late, n_stuck);
    assert_int_equal(n_saw_given_up, n_stuck);
    assert_int_equal(pool_count_replaced(pool), 0);
    g_mutex_clear(&gate);
}

/* Slow jobs hold up no others, are told of once, and come back as any. */
static void test_slow_jobs_come_back(void **state)
{
    g_autoptr(Pool) pool = NULL;
    GMutex gate;
    (void)state;

    g_mutex_init(&gate);
    g_mutex_lock(&gate);
    assert_int_equal(pool_new(&pool), 0);
    for (unsigned i = 0; i < POOL_WORKERS; i++)
        submit_slow(pool, &gate, G_TIME_SPAN_SECOND, G_TIME_SPAN_HOUR);
    submit(pool, NULL, G_TIME_SPAN_HOUR);
    dispatch_until(pool, &n_slow, POOL_WORKERS, G_TIME_SPAN_MINUTE);
    dispatch_until(pool, &n_done, 1, G_TIME_SPAN_MINUTE);
    assert_int_equal(n_slow, POOL_WORKERS);
    assert_int_equal(pool_count_replaced(pool), POOL_WORKERS);

    g_mutex_unlock(&gate);
    dispatch_until(pool, &n_done, POOL_WORKERS + 1, 0);
    assert_int_equal(n_abandoned + n_late + n_saw_given_up, 0);
    assert_int_equal(pool_count_replaced(pool), 0);
    submit(pool, NULL, G_TIME_SPAN_HOUR);
    dispatch_until(pool, &n_done, POOL_WORKERS + 2, 0);
    g_mutex_clear(&gate);
}

/* All that may be replaced are: what comes then waits, and who owns the pool can know. */
static void test_exhausted_when_all_hang(void **state)
{
    g_autoptr(Pool) pool = NULL;
    GMutex gate;
    const int n_all = POOL_WORKERS + POOL_MAX_REPLACED;
    (void)state;

    g_mutex_init(&gate);
    g_mutex_lock(&gate);
    assert_int_equal(pool_new(&pool), 0);
    for (int i = 0; i < n_all - 1; i++)
        submit(pool, &gate, G_TIME_SPAN_SECOND);
    dispatch_until(pool, &n_abandoned, n_all - 1, G_TIME_SPAN_MINUTE);
    assert_false(pool_is_exhausted(pool));
    submit(pool, &gate, G_TIME_SPAN_SECOND);
    dispatch_until(pool, &n_abandoned, n_all, G_TIME_SPAN_MINUTE);
    assert_true(pool_is_exhausted(pool));
    submit(pool, NULL, G_TIME_SPAN_HOUR);
    assert_int_equal(g_atomic_int_get(&n_started), n_all); /* no worker is left for the last */
    g_mutex_unlock(&gate);
    dispatch_until(pool, &n_late, n_all, 0);
    dispatch_until(pool, &n_done, 1, 0); /* those that come back are workers again */
    assert_false(pool_is_exhausted(pool));
    g_mutex_clear(&gate);
}

/* More jobs are slow than workers may be replaced: all come back, and as many run side by side as
 * before. */
static void test_no_worker_is_lost_past_the_bound(void **state)
{
    g_autoptr(Pool) pool = NULL;
    GMutex gate, second;
    const int n_slow_jobs = POOL_MAX_REPLACED + 3;
    (void)state;

    g_mutex_init(&gate);
    g_mutex_init(&second);
    g_mutex_lock(&gate);
    assert_int_equal(pool_new(&pool), 0);
    for (int i = 0; i < n_slow_jobs; i++)
        submit_slow(pool, &gate, G_TIME_SPAN_SECOND, G_TIME_SPAN_HOUR);
    dispatch_until(pool, &n_slow, n_slow_jobs, G_TIME_SPAN_MINUTE);
    g_mutex_unlock(&gate);
    dispatch_until(pool, &n_done, n_slow_jobs, 0);
    assert_int_equal(pool_count_replaced(pool), 0);

    g_mutex_lock(&second);
    n_started = 0;
    for (unsigned i = 0; i < POOL_WORKERS * 2; i++)
        submit(pool, &second, G_TIME_SPAN_HOUR);
    dispatch_until(pool, &n_started, POOL_WORKERS, 0);
    g_mutex_unlock(&second);
    dispatch_until(pool, &n_done, n_slow_jobs + (int)POOL_WORKERS * 2, 0);
    g_mutex_clear(&gate);
    g_mutex_clear(&second);
}

static unsigned count_workers(void)
{
    g_autoptr(GDir) tasks = g_dir_open("/proc/self/task", 0, NULL);
    unsigned n = 0;

    assert_non_null(tasks);
    for (const char *name; (name = g_dir_read_name(tasks));) {
        g_autofree char *path = g_strdup_printf("/proc/self/task/%s/comm", name);
        g_autofree char *comm = NULL;
        n += g_file_get_contents(path, &comm, NULL, NULL) && g_str_equal(comm, "worker\n");
    }
    return n;
}

static void wait_for_workers(unsigned wanted)
{
    for (unsigned i = 0; i < 3000 && count_workers() != wanted; i++)
        g_usleep(10000);
    assert_int_equal(count_workers(), wanted);
}

/* As many as are needed start, and all but one end once there is nothing to do. */
static void test_idle_workers_end(void **state)
{
    g_autoptr(Pool) pool = NULL;
    GMutex gate;
    (void)state;

    g_mutex_init(&gate);
    g_mutex_lock(&gate);
    assert_int_equal(pool_new(&pool), 0);
    wait_for_workers(1);
    for (unsigned i = 0; i < POOL_WORKERS * 2; i++)
        submit(pool, &gate, G_TIME_SPAN_HOUR);
    dispatch_until(pool, &n_started, POOL_WORKERS, 0);
    wait_for_workers(POOL_WORKERS);
    g_mutex_unlock(&gate);
    dispatch_until(pool, &n_done, POOL_WORKERS * 2, 0);
    wait_for_workers(1);
    submit(pool, NULL, G_TIME_SPAN_HOUR);
    dispatch_until(pool, &n_done, POOL_WORKERS * 2 + 1, 0);
    g_mutex_clear(&gate);
}

static void test_free_with_jobs_under_way(void **state)
{
    Pool *pool = NULL;
    GMutex gate;
    (void)state;

    g_mutex_init(&gate);
    g_mutex_lock(&gate);
    assert_int_equal(pool_new(&pool), 0);
    for (unsigned i = 0; i < POOL_WORKERS * 2; i++)
        submit(pool, &gate, G_TIME_SPAN_HOUR);
    pool_free(pool);
    g_mutex_unlock(&gate);
    for (int i = 0; i < 1000 && g_atomic_int_get(&n_freed) < (int)POOL_WORKERS * 2; i++)
        g_usleep(10000);
    assert_int_equal(g_atomic_int_get(&n_freed), POOL_WORKERS * 2);
    assert_int_equal(n_done + n_abandoned, 0);
    g_usleep(100000); /* the workers leave the gate before it goes */
    g_mutex_clear(&gate);
}

static gpointer open_gate(gpointer gate)
{
    g_usleep(50000);
    g_mutex_unlock(gate);
    return NULL;
}

/* Jobs under way end, those that wait never start, one that is stuck is told. */
static void test_drain_waits_for_jobs_under_way(void **state)
{
    g_autoptr(Pool) pool = NULL;
    GMutex gate;
    (void)state;

    g_mutex_init(&gate);
    g_mutex_lock(&gate);
    assert_int_equal(pool_new(&pool), 0);
    for (unsigned i = 0; i < POOL_WORKERS * 2; i++)
        submit(pool, &gate, G_TIME_SPAN_HOUR);
    for (unsigned i = 0; i < 1000 && g_atomic_int_get(&n_started) < (int)POOL_WORKERS; i++)
        g_usleep(1000);
    assert_false(pool_drain(pool, g_get_monotonic_time()));
    assert_int_equal(n_freed, POOL_WORKERS);
    GThread *opener = g_thread_new("opener", open_gate, &gate);
    assert_true(pool_drain(pool, g_get_monotonic_time() + G_TIME_SPAN_MINUTE));
    g_thread_join(opener);
    assert_int_equal(n_started, POOL_WORKERS);
    assert_int_equal(n_done + n_abandoned, 0);
    g_mutex_clear(&gate);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_jobs_come_back, reset),
        cmocka_unit_test_setup(test_stuck_jobs_are_replaced, reset),
        cmocka_unit_test_setup(test_slow_jobs_come_back, reset),
        cmocka_unit_test_setup(test_exhausted_when_all_hang, reset),
        cmocka_unit_test_setup(test_no_worker_is_lost_past_the_bound, reset),
        cmocka_unit_test_setup(test_idle_workers_end, reset),
        cmocka_unit_test_setup(test_free_with_jobs_under_way, reset),
        cmocka_unit_test_setup(test_drain_waits_for_jobs_under_way, reset),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
