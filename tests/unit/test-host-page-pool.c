/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Growing and shrinking a pool, against a kernel of the test's own: fragmented, short, in use. */
#include "host/page-pool.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define PAGE_KIB 2048u
#define GIB (1024ull * 1024)

typedef struct FakePool {
    uint64_t total, used;
    uint64_t unbroken;  /* pages that can be had without compaction */
    uint64_t compacted; /* and with it */
    uint64_t kib, free_kib;
    unsigned n_writes, n_compactions;
    uint64_t largest_step;
    int error;     /* of every write */
    int *given_up; /* set with the first write, which hangs; NULL: nobody gives up */
    atomic_uint_fast64_t n_made;
} FakePool;

static int total_read(void *ctx, uint64_t *ret)
{
    *ret = ((FakePool *)ctx)->total;
    return 0;
}

static int free_read(void *ctx, uint64_t *ret)
{
    const FakePool *pool = ctx;

    *ret = pool->total - pool->used;
    return 0;
}

static int total_write(void *ctx, uint64_t pages)
{
    FakePool *pool = ctx;
    uint64_t more = pages > pool->total ? pages - pool->total : 0;
    uint64_t got = MIN(more, pool->unbroken);

    if (pool->error < 0)
        return pool->error;
    if (pool->given_up)
        g_atomic_int_set(pool->given_up, 1);
    pool->n_writes++;
    pool->largest_step = MAX(pool->largest_step, more);
    pool->unbroken -= got;
    pool->free_kib -= got * PAGE_KIB;
    pool->total = more > 0 ? pool->total + got : MAX(pages, pool->used);
    return 0;
}

static int memory_read(void *ctx, uint64_t *ret_kib, uint64_t *ret_free_kib)
{
    const FakePool *pool = ctx;

    *ret_kib = pool->kib;
    *ret_free_kib = pool->free_kib;
    return 0;
}

static int compact(void *ctx)
{
    FakePool *pool = ctx;

    pool->n_compactions++;
    pool->unbroken += pool->compacted;
    pool->compacted = 0;
    return 0;
}

static FakePool pool_new(void)
{
    return (FakePool){.unbroken = 10000, .kib = 64 * GIB, .free_kib = 60 * GIB};
}

static int resize(FakePool *pool, uint64_t wanted, char **error)
{
    const PoolFiles files = {pool, total_read, free_read, total_write, memory_read, compact};
    const BackendWatch watch = {.given_up = pool->given_up, .n_pages = &pool->n_made};
    const PoolGoal goal = {.node = 1, .size_kib = PAGE_KIB, .pages = wanted, .watch = &watch};
    uint64_t total = 0;

    int r = pool_resize(&files, &goal, &total, error);
    if (r >= 0)
        assert_int_equal(total, pool->total);
    return r;
}

static void it_grows_in_steps(void **state)
{
    FakePool pool = pool_new();
    g_autofree char *error = NULL;

    (void)state;
    assert_int_equal(resize(&pool, 1000, &error), HOST_DONE);
    assert_int_equal(pool.total, 1000);
    assert_int_equal(pool.n_writes, 8); /* of 128 pages */
    assert_int_equal(pool.n_made, 1000);
    assert_int_equal(pool.largest_step, POOL_STEP_KIB / PAGE_KIB);
    assert_int_equal(pool.n_compactions, 0);
    assert_int_equal(resize(&pool, 1000, &error), HOST_DONE);
    assert_int_equal(pool.n_writes, 8);
}

static void given_up_pools_do_not_grow_on(void **state)
{
    g_autofree char *error = NULL;

    (void)state;
    for (unsigned unbroken = 0; unbroken <= 10000; unbroken += 10000) {
        FakePool pool = pool_new();
        int given_up = 0;
        pool.unbroken = unbroken;
        pool.compacted = 10000;
        pool.given_up = &given_up;
        assert_int_equal(resize(&pool, 1000, &error), -ECANCELED);
        assert_int_equal(pool.n_writes, 1);
    }
}

static void compaction_helps(void **state)
{
    FakePool pool = pool_new();
    g_autofree char *error = NULL;

    (void)state;
    pool.unbroken = 30;
    pool.compacted = 100;
    assert_int_equal(resize(&pool, 64, &error), HOST_DONE);
    assert_int_equal(pool.n_compactions, 1);
}

static void what_cannot_be_had_is_told(void **state)
{
    FakePool pool = pool_new();
    g_autofree char *error = NULL;

    (void)state;
    pool.unbroken = 50;
    pool.compacted = 7;
    assert_int_equal(resize(&pool, 64, &error), HOST_REFUSED);
    assert_int_equal(pool.total, 57);
    assert_string_equal(error, "57 of 64 pages of 2 MiB could be had on node 1: its memory is "
                               "fragmented");
}

static void a_node_keeps_some_memory(void **state)
{
    FakePool pool = pool_new();
    g_autofree char *error = NULL;

    (void)state;
    pool.free_kib = 4 * GIB; /* 5 percent of 64 GiB are 3.2 */
    assert_int_equal(resize(&pool, 1000, &error), HOST_REFUSED);
    assert_true(pool.free_kib * 100 >= pool.kib / 100 * 100 * POOL_MIN_FREE_PCT);
    assert_true(pool.total > 0);
    assert_non_null(strstr(error, "the node's memory is in use"));
}

static void pages_in_use_stay(void **state)
{
    FakePool pool = pool_new();
    g_autofree char *error = NULL;

    (void)state;
    pool.total = 100;
    pool.used = 40;
    assert_int_equal(resize(&pool, 50, &error), HOST_DONE);
    assert_int_equal(pool.total, 50);
    assert_int_equal(resize(&pool, 10, &error), HOST_REFUSED);
    assert_int_equal(pool.total, 40);
    assert_string_equal(error, "40 pages instead of 10 of 2 MiB are left on node 1: pages are in "
                               "use");
}

static void errors_are_passed_on(void **state)
{
    FakePool pool = pool_new();
    g_autofree char *error = NULL;

    (void)state;
    pool.error = -EACCES;
    assert_int_equal(resize(&pool, 50, &error), -EACCES);
    assert_null(error);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_grows_in_steps),        cmocka_unit_test(given_up_pools_do_not_grow_on),
        cmocka_unit_test(compaction_helps),         cmocka_unit_test(what_cannot_be_had_is_told),
        cmocka_unit_test(a_node_keeps_some_memory), cmocka_unit_test(pages_in_use_stay),
        cmocka_unit_test(errors_are_passed_on),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
