/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "host/proc.h"
#include "host/usage.h"
#include "unit/fake-host.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <unistd.h>

#define STAT                                                                                       \
    "%d (CPU 0/KVM) S 1 70 70 0 -1 4194368 1 2 3 4 5 6 7 8 20 0 1 0 %d 1000 20 30 40 "             \
    "1 1 0 0 0 0 4096 17536 0 0 0 -1 %d 0 0 0 0 0 0 0 0 0 0 0 0 0\n"

static int setup(void **state)
{
    *state = fake_host_new();
    return 0;
}

static int teardown(void **state)
{
    fake_host_free(*state);
    return 0;
}

static void put_thread(const char *root, pid_t tid, int last_cpu, const char *schedstat)
{
    g_autofree char *stat_path = g_strdup_printf("/proc/70/task/%d/stat", (int)tid);
    g_autofree char *path = g_strdup_printf("/proc/70/task/%d/schedstat", (int)tid);
    g_autofree char *stat = g_strdup_printf(STAT, (int)tid, 1000 + (int)tid, last_cpu);
    FakeThread thread = {.tid = tid, .tgid = 70, .comm = "CPU 0/KVM", .cpus = "2-3"};

    fake_host_add_thread(root, &thread);
    fake_host_put(root, stat_path, stat);
    if (schedstat)
        fake_host_put(root, path, schedstat);
}

/* With two threads, 70 and 71. */
static Guest *guest_make(void)
{
    Guest *guest = guest_new("u1", "db1");
    GuestKernel *kernel = guest_kernel_new();

    kernel->pid = 70;
    kernel->n_threads = 2;
    kernel->threads = g_new0(GuestThread, 2);
    kernel->threads[0] = (GuestThread){
        .tid = 70, .tgid = 70, .starttime = 1070, .thread_class = THREAD_EMULATOR, .comm = "qemu"};
    kernel->threads[1] = (GuestThread){.tid = 71,
                                       .tgid = 70,
                                       .starttime = 1071,
                                       .thread_class = THREAD_VCPU,
                                       .home = HOME_VCPU,
                                       .home_id = 5,
                                       .comm = "CPU 5/KVM"};
    guest->kernel = kernel;
    return guest;
}

static const ThreadUsage *thread_at(const GuestUsage *usage, guint i)
{
    return &g_array_index(usage->threads, ThreadUsage, i);
}

static void test_counters(void **state)
{
    g_autoptr(Guest) guest = guest_make();

    put_thread(*state, 70, 1, "100 20 3\n");
    put_thread(*state, 71, 11, "18446744073709551615 7000000000 12\n");
    g_autoptr(GuestUsage) usage = guest_usage_acquire(*state, guest);
    assert_true(usage->time_usec > 0);
    assert_int_equal(usage->threads->len, 2);
    assert_int_equal(thread_at(usage, 0)->cpu_nsec, 100);
    assert_int_equal(thread_at(usage, 0)->delay_nsec, 20);
    assert_int_equal(thread_at(usage, 0)->last_cpu, 1);
    const ThreadUsage *vcpu = thread_at(usage, 1);
    assert_true(vcpu->counted);
    assert_true(vcpu->cpu_nsec == UINT64_MAX);
    assert_int_equal(vcpu->delay_nsec, 7000000000);
    assert_int_equal(vcpu->last_cpu, 11);
    assert_int_equal(vcpu->thread_class, THREAD_VCPU);
    assert_int_equal(vcpu->id, 5);
    g_autofree char *cpus = cpuset_format(vcpu->cpus);
    assert_string_equal(cpus, "2-3");
}

/* Kernels without the counters have no file, or one of zeros. */
static void test_not_counted(void **state)
{
    static const char *const texts[] = {NULL, "0 0 0\n", "", "x", "1 2", "1 2 3 4", "-1 2 3"};
    g_autoptr(Guest) guest = guest_make();

    for (size_t i = 0; i < G_N_ELEMENTS(texts); i++) {
        put_thread(*state, 70, 1, texts[i]);
        g_autoptr(GuestUsage) usage = guest_usage_acquire(*state, guest);
        assert_int_equal(usage->threads->len, 1);
        assert_false(thread_at(usage, 0)->counted);
        assert_int_equal(thread_at(usage, 0)->last_cpu, 1);
    }
}

/* One that ended, and one whose number another has by now. */
static void test_gone(void **state)
{
    g_autoptr(Guest) guest = guest_make();

    put_thread(*state, 70, 1, "100 20 3\n");
    guest->kernel->threads[0].starttime = 7;
    g_autoptr(GuestUsage) usage = guest_usage_acquire(*state, guest);
    assert_int_equal(usage->threads->len, 0);
    assert_int_equal(usage->time_usec, 0);
    g_autoptr(Guest) off = guest_new("u2", "off");
    g_autoptr(GuestUsage) none = guest_usage_acquire(*state, off);
    assert_int_equal(none->threads->len, 0);
    assert_string_equal(none->name, "off");
}

/* Of the kernel this runs on: a thread that works has more CPU time afterwards. */
static void test_this_thread(void **state)
{
    g_autoptr(Guest) guest = guest_make();
    GuestThread *thread = &guest->kernel->threads[0];
    uint64_t before = 0;
    ProcStat stat;
    (void)state;

    thread->tid = thread->tgid = getpid();
    assert_int_equal(proc_stat_acquire("", thread->tid, &stat), HOST_DONE);
    thread->starttime = stat.starttime;
    for (volatile unsigned turns = 0;; turns++) {
        g_autoptr(GuestUsage) usage = guest_usage_acquire("", guest);
        assert_int_equal(usage->threads->len, 1);
        if (!thread_at(usage, 0)->counted)
            skip();
        assert_true(thread_at(usage, 0)->last_cpu >= 0);
        assert_true(thread_at(usage, 0)->cpu_nsec >= before);
        if (before > 0 && thread_at(usage, 0)->cpu_nsec > before)
            break;
        before = thread_at(usage, 0)->cpu_nsec;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_counters, setup, teardown),
        cmocka_unit_test_setup_teardown(test_not_counted, setup, teardown),
        cmocka_unit_test_setup_teardown(test_gone, setup, teardown),
        cmocka_unit_test(test_this_thread),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
