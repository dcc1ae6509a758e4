/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "daemon/usage-total.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define UUID "6a0f7d5c-1b1e-4f0e-9d0c-2b8f6f1c000a"

static void add_thread(GuestUsage *usage, pid_t tid, ThreadClass thread_class, uint64_t nsec)
{
    const ThreadUsage thread = {.tid = tid,
                                .starttime = 1,
                                .thread_class = thread_class,
                                .cpus = cpuset_new(),
                                .counted = true,
                                .cpu_nsec = nsec,
                                .delay_nsec = 2 * nsec};

    guest_usage_add(usage, &thread);
}

/* A sample of one guest with a vCPU (tid 10) and, if it used anything, a worker of that tid. */
static void sample(UsageTotals *totals, int64_t time_usec, uint64_t vcpu_nsec, pid_t worker,
                   uint64_t worker_nsec)
{
    g_autoptr(GPtrArray) list = g_ptr_array_new_with_free_func((GDestroyNotify)guest_usage_free);
    GuestUsage *usage = guest_usage_new(UUID, "db1");

    usage->time_usec = time_usec;
    if (time_usec != 0)
        add_thread(usage, 10, THREAD_VCPU, vcpu_nsec);
    if (worker_nsec > 0)
        add_thread(usage, worker, THREAD_HELPER, worker_nsec);
    g_ptr_array_add(list, usage);
    usage_totals_add(totals, list);
}

static void assert_totals(UsageTotals *totals, uint64_t vcpu_nsec, uint64_t helper_nsec)
{
    UsageTotal total[N_THREAD_CLASSES];

    usage_totals_get(totals, UUID, total);
    assert_int_equal(total[THREAD_VCPU].cpu_nsec, vcpu_nsec);
    assert_int_equal(total[THREAD_VCPU].delay_nsec, 2 * vcpu_nsec);
    assert_int_equal(total[THREAD_HELPER].cpu_nsec, helper_nsec);
}

static void test_sums_only_grow(void **state)
{
    (void)state;
    g_autoptr(UsageTotals) totals = usage_totals_new();

    assert_totals(totals, 0, 0);
    sample(totals, 1, 1000, 20, 500);
    assert_totals(totals, 0, 0); /* what was before the first question does not count */
    sample(totals, 2, 1100, 20, 530);
    assert_totals(totals, 100, 30);
    sample(totals, 3, 1150, 21, 7); /* another worker, which is new */
    assert_totals(totals, 150, 37);
    sample(totals, 4, 1150, 0, 0); /* and gone */
    assert_totals(totals, 150, 37);
    sample(totals, 3, 1140, 0, 0); /* comes late */
    assert_totals(totals, 150, 37);
    sample(totals, 0, 0, 0, 0); /* off */
    assert_totals(totals, 150, 37);
    sample(totals, 6, 40, 0, 0); /* another process */
    assert_totals(totals, 190, 37);
}

static void test_who_is_gone_is_forgotten(void **state)
{
    (void)state;
    g_autoptr(UsageTotals) totals = usage_totals_new();
    g_autoptr(GPtrArray) nobody = g_ptr_array_new();
    UsageTotal total[N_THREAD_CLASSES];

    sample(totals, 1, 0, 0, 0);
    sample(totals, 2, 50, 0, 0);
    assert_totals(totals, 50, 0);
    usage_totals_get(totals, UUID, total);
    assert_true(total[THREAD_VCPU].counted);
    assert_false(total[THREAD_VHOST].counted);
    usage_totals_add(totals, nobody);
    assert_totals(totals, 0, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sums_only_grow),
        cmocka_unit_test(test_who_is_gone_is_forgotten),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
