/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "model/usage.h"
#include "report/report.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#define SECOND G_USEC_PER_SEC
#define MSEC 1000000ULL /* in ns */

static void add(GuestUsage *usage, pid_t tid, ThreadClass thread_class, uint64_t cpu_nsec,
                uint64_t delay_nsec)
{
    ThreadUsage thread = {.tid = tid,
                          .starttime = 1000ULL + (uint64_t)tid,
                          .thread_class = thread_class,
                          .id = thread_class == THREAD_VCPU ? (unsigned)tid - 10 : 0,
                          .comm = "CPU 0/KVM",
                          .cpus = cpuset_new(),
                          .last_cpu = 3,
                          .counted = true,
                          .cpu_nsec = cpu_nsec,
                          .delay_nsec = delay_nsec};

    hwloc_bitmap_set_range(thread.cpus, 2, 3);
    guest_usage_add(usage, &thread);
}

static GuestUsage *usage_at(int64_t time_usec)
{
    GuestUsage *usage = guest_usage_new("u1", "db1");

    usage->time_usec = time_usec;
    return usage;
}

static const ThreadUsage *thread_at(const GuestUsage *usage, guint i)
{
    return &g_array_index(usage->threads, ThreadUsage, i);
}

static void test_thread_rate(void **state)
{
    g_autoptr(GuestUsage) before = usage_at(5 * SECOND), after = usage_at(7 * SECOND);
    UsageRate rate;
    (void)state;

    add(before, 10, THREAD_VCPU, 100 * MSEC, 50 * MSEC);
    add(after, 10, THREAD_VCPU, 1100 * MSEC, 250 * MSEC);
    assert_true(thread_usage_rate(before, after, thread_at(after, 0), &rate));
    assert_float_equal(rate.cpu_pct, 50, 1e-6);
    assert_float_equal(rate.delay_pct, 10, 1e-6);
}

/* A guest that was not there, a thread that was not, one of the same number, no time between. */
static void test_unknown_rates(void **state)
{
    g_autoptr(GuestUsage) before = usage_at(SECOND), after = usage_at(2 * SECOND);
    g_autoptr(GuestUsage) off = usage_at(0);
    UsageRate rate;
    (void)state;

    add(before, 10, THREAD_VCPU, 0, 0);
    add(after, 10, THREAD_VCPU, 100 * MSEC, 0);
    add(after, 11, THREAD_VCPU, 100 * MSEC, 0);
    assert_false(thread_usage_rate(NULL, after, thread_at(after, 0), &rate));
    assert_false(thread_usage_rate(before, after, thread_at(after, 1), &rate));
    assert_false(thread_usage_rate(off, after, thread_at(after, 0), &rate));
    assert_false(guest_usage_rate(NULL, after, &rate));
    assert_false(guest_usage_rate(after, off, &rate));
    assert_false(thread_usage_rate(after, after, thread_at(after, 0), &rate));
    g_array_index(before->threads, ThreadUsage, 0).starttime++;
    assert_false(thread_usage_rate(before, after, thread_at(after, 0), &rate));
    g_array_index(before->threads, ThreadUsage, 0).starttime--;
    g_array_index(before->threads, ThreadUsage, 0).counted = false;
    assert_false(thread_usage_rate(before, after, thread_at(after, 0), &rate));
}

/* What the kernel adds late, of a time before, is no more than all of the time; and counters that
 * went back are no use. */
static void test_rates_are_bounded(void **state)
{
    g_autoptr(GuestUsage) before = usage_at(SECOND), after = usage_at(2 * SECOND);
    UsageRate rate;
    (void)state;

    add(before, 10, THREAD_VCPU, 500 * MSEC, 0);
    add(after, 10, THREAD_VCPU, 400 * MSEC, 9000 * MSEC);
    assert_true(thread_usage_rate(before, after, thread_at(after, 0), &rate));
    assert_float_equal(rate.cpu_pct, 0, 0);
    assert_float_equal(rate.delay_pct, 100, 0);
}

/* CPU time of all threads together, delay of the vCPUs on average. */
static void test_guest_rate(void **state)
{
    g_autoptr(GuestUsage) before = usage_at(SECOND), after = usage_at(2 * SECOND);
    UsageRate rate;
    (void)state;

    add(before, 9, THREAD_EMULATOR, 0, 0);
    add(before, 10, THREAD_VCPU, 0, 0);
    add(before, 11, THREAD_VCPU, 0, 0);
    add(after, 9, THREAD_EMULATOR, 100 * MSEC, 900 * MSEC);
    add(after, 10, THREAD_VCPU, 1000 * MSEC, 0);
    add(after, 11, THREAD_VCPU, 600 * MSEC, 400 * MSEC);
    assert_true(guest_usage_rate(before, after, &rate));
    assert_float_equal(rate.cpu_pct, 170, 1e-6);
    assert_float_equal(rate.delay_pct, 20, 1e-6);
}

static struct json_object *part(struct json_object *object, const char *key)
{
    struct json_object *value = NULL;

    assert_true(json_object_object_get_ex(object, key, &value));
    return value;
}

static void test_document(void **state)
{
    static const char *const all[] = {NULL}, *const other[] = {"u2", "u3", NULL};
    g_autoptr(GPtrArray) sample = g_ptr_array_new_with_free_func((GDestroyNotify)guest_usage_free);
    g_autoptr(Snapshot) snapshot = snapshot_new();
    GuestStatus *status = guest_status_new("u1", "db1");
    GuestUsage *usage = usage_at(SECOND);
    (void)state;

    add(usage, 10, THREAD_VCPU, 7, 8);
    add(usage, 11, THREAD_VHOST, 0, 0);
    g_array_index(usage->threads, ThreadUsage, 1).counted = false;
    g_array_index(usage->threads, ThreadUsage, 1).last_cpu = -1;
    g_ptr_array_add(sample, usage);
    status->state = GUEST_AS_PLANNED;
    status->drift_count = 3;
    g_ptr_array_add(snapshot->guests, status);
    g_ptr_array_add(snapshot->guests, guest_status_new("u2", "off"));

    struct json_object *document = report_usage(snapshot, sample, all);
    struct json_object *guests = part(document, "guests");
    assert_int_equal(json_object_array_length(guests), 2);
    struct json_object *guest = json_object_array_get_idx(guests, 0);
    struct json_object *row = json_object_array_get_idx(part(guest, "threads"), 0);
    assert_string_equal(json_object_get_string(part(guest, "name")), "db1");
    assert_string_equal(json_object_get_string(part(guest, "state")), "as-planned");
    assert_int_equal(json_object_get_int(part(guest, "drift")), 3);
    assert_int_equal(json_object_get_int64(part(guest, "time_usec")), SECOND);
    assert_string_equal(json_object_get_string(part(row, "class")), "vcpu");
    assert_int_equal(json_object_get_int(part(row, "tid")), 10);
    assert_int_equal(json_object_get_int64(part(row, "cpu_nsec")), 7);
    assert_int_equal(json_object_get_int64(part(row, "delay_nsec")), 8);
    assert_int_equal(json_object_get_int(part(row, "last_cpu")), 3);
    assert_string_equal(json_object_get_string(part(row, "cpus")), "2-3");
    assert_null(part(row, "planned"));
    row = json_object_array_get_idx(part(guest, "threads"), 1);
    assert_null(part(row, "cpu_nsec"));
    assert_null(part(row, "delay_nsec"));
    assert_null(part(row, "last_cpu"));
    assert_null(part(json_object_array_get_idx(guests, 1), "time_usec"));
    json_object_put(document);

    document = report_usage(snapshot, sample, other);
    guests = part(document, "guests");
    assert_int_equal(report_get_exit(document), REPORT_BAD_INPUT);
    assert_string_equal(json_object_get_string(part(json_object_array_get_idx(guests, 0), "name")),
                        "off");
    assert_non_null(part(json_object_array_get_idx(guests, 1), "error"));
    json_object_put(document);
}

static GuestPlan *plan_make(void)
{
    GuestPlan *plan = guest_plan_new();

    plan->n_vcpus = 1;
    plan->vcpus = g_new0(VcpuPlan, 1);
    plan->vcpus[0] = (VcpuPlan){.id = 2, .online = true, .cpus = cpuset_new()};
    hwloc_bitmap_set(plan->vcpus[0].cpus, 7);
    return plan;
}

static void test_planned_cpus(void **state)
{
    g_autoptr(GuestPlan) plan = plan_make();
    (void)state;

    assert_true(hwloc_bitmap_isset(guest_plan_thread_cpus(plan, THREAD_VCPU, 2), 7));
    assert_null(guest_plan_thread_cpus(plan, THREAD_VCPU, 0));
    assert_null(guest_plan_thread_cpus(plan, THREAD_IOTHREAD, 2));
    assert_null(guest_plan_thread_cpus(plan, THREAD_HELPER, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_thread_rate),       cmocka_unit_test(test_unknown_rates),
        cmocka_unit_test(test_rates_are_bounded), cmocka_unit_test(test_guest_rate),
        cmocka_unit_test(test_document),          cmocka_unit_test(test_planned_cpus),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
