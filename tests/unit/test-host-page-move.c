/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Moving pages against a kernel of the test's own, with a clock of its own: budget, rests,
 * pressure, goal, stop, pages that stay, nodes that are full. */
#include "host/page-move.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define START 0x7f0000000000ull
#define N_PAGES 8192u
#define FOREVER INT64_MAX

typedef struct FakeMemory {
    unsigned page_kib;
    int node[N_PAGES]; /* of each page; -1: not there */
    bool locked[N_PAGES];
    uint64_t free_kib;     /* of node 1 */
    int64_t usec_per_page; /* a move takes */
    int64_t now_usec, rested_usec, longest_usec;
    double pressure;
    unsigned n_calls; /* that move */
    unsigned calm_at; /* pressure is over after so many rests; 0: never */
    unsigned n_rests;
    unsigned stop_at; /* after this call it is told to stop; 0: never */
    PageMove *move;
    PageMoveCalls calls;
    int error; /* of every call that moves */
} FakeMemory;

static int fake_move(void *ctx, pid_t pid, unsigned n, const uint64_t *addresses, const int *nodes,
                     int *status)
{
    FakeMemory *memory = ctx;

    (void)pid;
    if (nodes && memory->error < 0)
        return memory->error;
    for (unsigned i = 0; i < n; i++) {
        uint64_t page = (addresses[i] - START) / 1024 / memory->page_kib;
        assert_true(page < N_PAGES);
        if (nodes && memory->locked[page])
            status[i] = -EBUSY;
        else if (memory->node[page] < 0)
            status[i] = -ENOENT;
        else if (nodes) {
            memory->node[page] = nodes[i];
            memory->free_kib -= MIN(memory->page_kib, memory->free_kib);
            status[i] = nodes[i];
        } else
            status[i] = memory->node[page];
    }
    if (!nodes)
        return 0;
    memory->now_usec += n * memory->usec_per_page;
    memory->longest_usec = MAX(memory->longest_usec, n * memory->usec_per_page);
    if (++memory->n_calls == memory->stop_at)
        atomic_store(&memory->move->stop, true);
    return 0;
}

static int fake_room(void *ctx, unsigned node, unsigned page_kib, uint64_t *ret_free_kib,
                     uint64_t *ret_all_kib)
{
    const FakeMemory *memory = ctx;

    (void)page_kib;
    *ret_free_kib = node == 1 ? memory->free_kib : 1ull << 30;
    *ret_all_kib = 1024 * 1024;
    return 0;
}

static int fake_pressure(void *ctx, double *ret_pct)
{
    *ret_pct = ((FakeMemory *)ctx)->pressure;
    return 0;
}

static int64_t fake_now(void *ctx)
{
    return ((FakeMemory *)ctx)->now_usec;
}

static void fake_rest(void *ctx, int64_t usec)
{
    FakeMemory *memory = ctx;

    memory->now_usec += usec;
    memory->rested_usec += usec;
    if (++memory->n_rests == memory->calm_at)
        memory->pressure = 0;
}

/* All of it on node 0, and to be on node 1. */
static FakeMemory *memory_new(unsigned page_kib, unsigned goal_pct)
{
    FakeMemory *memory = g_new0(FakeMemory, 1);
    const RamRange range = {START, (uint64_t)N_PAGES * page_kib * 1024, page_kib};
    GArray *ranges = g_array_new(FALSE, FALSE, sizeof(RamRange));

    g_array_append_val(ranges, range);
    memory->page_kib = page_kib;
    memory->free_kib = 1ull << 40;
    memory->usec_per_page = 10;
    memory->calls =
        (PageMoveCalls){memory, fake_move, fake_room, fake_pressure, fake_now, fake_rest};
    memory->move = page_move_new(&memory->calls, 1, ranges, cpuset_new_one(1), goal_pct);
    return memory;
}

static void memory_free(FakeMemory *memory)
{
    page_move_unref(memory->move);
    g_free(memory);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC(FakeMemory, memory_free)

static unsigned count(const FakeMemory *memory, int node)
{
    unsigned n = 0;

    for (unsigned i = 0; i < N_PAGES; i++)
        n += memory->node[i] == node;
    return n;
}

static void it_stops_at_the_goal(void **state)
{
    g_autoptr(FakeMemory) memory = memory_new(4, 90);

    (void)state;
    assert_int_equal(page_move_run(memory->move, FOREVER), PAGE_MOVE_DONE);
    assert_true(count(memory, 1) >= N_PAGES * 85 / 100);
    assert_true(count(memory, 1) < N_PAGES);
    assert_int_equal(atomic_load(&memory->move->moved_kib), count(memory, 1) * 4);
    assert_true(atomic_load(&memory->move->local_pct) >= 90);
}

static void nothing_is_done_at_the_goal(void **state)
{
    g_autoptr(FakeMemory) memory = memory_new(4, 90);

    (void)state;
    for (unsigned i = 0; i < N_PAGES; i++)
        memory->node[i] = i % 20 == 0 ? 0 : 1;
    assert_int_equal(page_move_run(memory->move, FOREVER), PAGE_MOVE_DONE);
    assert_int_equal(memory->n_calls, 0);
}

/* However dear a page is: no call is over the budget once it is known, and it rests as long. */
static void calls_keep_to_the_budget(void **state)
{
    static const int64_t costs[] = {1, 10, 100, 1000, 15000};

    (void)state;
    for (size_t i = 0; i < G_N_ELEMENTS(costs); i++) {
        g_autoptr(FakeMemory) memory = memory_new(4, 100);
        memory->usec_per_page = costs[i];
        page_move_run(memory->move, FOREVER);
        int64_t first = PAGE_MOVE_FIRST_KIB / 4 * costs[i];
        assert_true(memory->longest_usec <= MAX(PAGE_MOVE_BUDGET_USEC, first));
        assert_true(memory->rested_usec * 2 >= memory->now_usec);
        assert_true(count(memory, 1) >= N_PAGES * 99 / 100); /* till all samples are there */
        int64_t at_rate =
            (int64_t)count(memory, 1) * 4 * G_TIME_SPAN_SECOND / PAGE_MOVE_KIB_PER_SEC;
        assert_true(memory->now_usec * 100 >= at_rate * 99);
    }
}

static void a_slice_ends_in_time_and_goes_on(void **state)
{
    g_autoptr(FakeMemory) memory = memory_new(4, 100);
    unsigned slices = 0;

    (void)state;
    memory->usec_per_page = 100;
    for (PageMoveResult r = PAGE_MOVE_AGAIN; r == PAGE_MOVE_AGAIN; slices++) {
        int64_t until = memory->now_usec + G_TIME_SPAN_SECOND / 10;
        r = page_move_run(memory->move, until);
        assert_true(memory->now_usec <= until + 3 * PAGE_MOVE_BUDGET_USEC);
        assert_true(r == PAGE_MOVE_AGAIN || r == PAGE_MOVE_DONE);
    }
    assert_true(slices > 5);
    assert_true(count(memory, 1) >= N_PAGES * 99 / 100);
}

static void it_can_be_stopped(void **state)
{
    g_autoptr(FakeMemory) memory = memory_new(4, 100);

    (void)state;
    memory->stop_at = 3;
    assert_int_equal(page_move_run(memory->move, FOREVER), PAGE_MOVE_STOPPED);
    assert_int_equal(memory->n_calls, 3);
    assert_string_equal(memory->move->why, "it was told to stop");
    unsigned moved = count(memory, 1);
    assert_true(moved > 0 && moved < N_PAGES);
}

static void it_rests_under_pressure(void **state)
{
    g_autoptr(FakeMemory) memory = memory_new(4, 100);

    (void)state;
    memory->pressure = 30;
    memory->calm_at = 100;
    assert_int_equal(page_move_run(memory->move, G_TIME_SPAN_SECOND), PAGE_MOVE_AGAIN);
    assert_int_equal(memory->n_calls, 0);
    assert_int_equal(page_move_run(memory->move, FOREVER), PAGE_MOVE_DONE);
    assert_true(memory->rested_usec >= 5 * G_TIME_SPAN_SECOND);
}

static void pages_that_stay_are_counted(void **state)
{
    g_autoptr(FakeMemory) memory = memory_new(4, 90);

    (void)state;
    for (unsigned i = 0; i < N_PAGES; i++)
        memory->locked[i] = i % 4 == 0;
    assert_int_equal(page_move_run(memory->move, FOREVER), PAGE_MOVE_STOPPED);
    assert_int_equal(count(memory, 1), N_PAGES / 4 * 3);
    assert_string_equal(memory->move->why, "2048 pages could not be moved");
}

/* Pages that are not there are no work, and no failure. */
static void holes_are_passed_over(void **state)
{
    g_autoptr(FakeMemory) memory = memory_new(4, 100);

    (void)state;
    for (unsigned i = 0; i < N_PAGES / 2; i++)
        memory->node[i] = -1;
    assert_int_equal(page_move_run(memory->move, FOREVER), PAGE_MOVE_DONE);
    assert_true(count(memory, 1) >= N_PAGES / 2 * 98 / 100);
}

static void a_full_node_ends_it(void **state)
{
    g_autoptr(FakeMemory) memory = memory_new(4, 100);

    (void)state;
    memory->free_kib = 60 * 1024; /* 5 percent of 1 GiB are 51 MiB */
    assert_int_equal(page_move_run(memory->move, FOREVER), PAGE_MOVE_STOPPED);
    assert_string_equal(memory->move->why, "node 1 has no free memory");
    assert_true(count(memory, 1) > 0 && count(memory, 1) * 4 <= 10 * 1024);
}

/* One by one, as long as one is free. */
static void huge_pages_need_free_ones(void **state)
{
    g_autoptr(FakeMemory) memory = memory_new(2048, 100);

    (void)state;
    memory->free_kib = 20 * 2048;
    assert_int_equal(page_move_run(memory->move, FOREVER), PAGE_MOVE_STOPPED);
    assert_string_equal(memory->move->why, "node 1 has no free pages of 2 MiB");
    assert_true(count(memory, 1) >= 20);
}

static void gone_and_errors_are_told(void **state)
{
    g_autoptr(FakeMemory) gone = memory_new(4, 100);

    (void)state;
    gone->error = -ESRCH;
    assert_int_equal(page_move_run(gone->move, FOREVER), PAGE_MOVE_GONE);
    g_autoptr(FakeMemory) refused = memory_new(4, 100);
    refused->error = -EPERM;
    assert_int_equal(page_move_run(refused->move, FOREVER), PAGE_MOVE_STOPPED);
    assert_string_equal(refused->move->why, g_strerror(EPERM));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_stops_at_the_goal),
        cmocka_unit_test(nothing_is_done_at_the_goal),
        cmocka_unit_test(calls_keep_to_the_budget),
        cmocka_unit_test(a_slice_ends_in_time_and_goes_on),
        cmocka_unit_test(it_can_be_stopped),
        cmocka_unit_test(it_rests_under_pressure),
        cmocka_unit_test(pages_that_stay_are_counted),
        cmocka_unit_test(holes_are_passed_over),
        cmocka_unit_test(a_full_node_ends_it),
        cmocka_unit_test(huge_pages_need_free_ones),
        cmocka_unit_test(gone_and_errors_are_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
