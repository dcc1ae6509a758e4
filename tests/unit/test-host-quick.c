/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Affinities and the quick pass on real threads: of this process, and of a child that ends. */
#include "common/world.h"
#include "host/affinity.h"
#include "host/guest-kernel.h"
#include "host/proc.h"
#include "host/quick.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

typedef struct Sleeper {
    pthread_t thread;
    int pipe[2];
    pid_t tid;
} Sleeper;

static void *sleeper_run(void *data)
{
    Sleeper *sleeper = data;
    char byte;

    __atomic_store_n(&sleeper->tid, gettid(), __ATOMIC_RELEASE);
    while (read(sleeper->pipe[0], &byte, 1) > 0)
        continue;
    return NULL;
}

static void sleeper_start(Sleeper *sleeper)
{
    sleeper->tid = 0;
    assert_int_equal(pipe(sleeper->pipe), 0);
    assert_int_equal(pthread_create(&sleeper->thread, NULL, sleeper_run, sleeper), 0);
    while (__atomic_load_n(&sleeper->tid, __ATOMIC_ACQUIRE) == 0)
        usleep(100);
}

/* A joined thread may be listed a moment longer. */
static void sleeper_stop(Sleeper *sleeper)
{
    g_autofree char *path = g_strdup_printf("/proc/self/task/%d", (int)sleeper->tid);

    close(sleeper->pipe[1]);
    pthread_join(sleeper->thread, NULL);
    close(sleeper->pipe[0]);
    while (access(path, F_OK) == 0)
        usleep(100);
}

static GuestKernel *own_kernel(void)
{
    GuestKernel *kernel = NULL;
    ProcStat stat;

    assert_int_equal(proc_stat_acquire("", getpid(), &stat), HOST_DONE);
    assert_int_equal(guest_kernel_acquire("", getpid(), stat.starttime, NULL, &kernel), HOST_DONE);
    return kernel;
}

static const GuestThread *thread_of(const GuestKernel *kernel, pid_t tid)
{
    for (unsigned i = 0; i < kernel->n_threads; i++)
        if (kernel->threads[i].tid == tid)
            return &kernel->threads[i];
    return NULL;
}

/* Every thread wanted where it is. */
static SettingList *wanted_of(const GuestKernel *kernel)
{
    SettingList *list = setting_list_new();

    for (unsigned i = 0; i < kernel->n_threads; i++) {
        SettingKey key = {.knob = KNOB_EMULATOR_PIN,
                          .plane = PLANE_ACTUAL,
                          .tid = kernel->threads[i].tid,
                          .tid_start = kernel->threads[i].starttime};
        setting_list_add_cpus(list, &key, kernel->threads[i].affinity, NULL, NULL);
    }
    setting_list_sort(list);
    return list;
}

static void test_own_threads(void **state)
{
    Sleeper sleeper;
    (void)state;

    sleeper_start(&sleeper);
    g_autoptr(GuestKernel) kernel = own_kernel();
    const GuestThread *thread = thread_of(kernel, sleeper.tid);
    assert_non_null(thread);
    assert_int_equal(thread->tgid, getpid());
    assert_false(cpuset_is_empty(thread->affinity));
    assert_int_equal(thread_of(kernel, getpid())->thread_class, THREAD_EMULATOR);
    sleeper_stop(&sleeper);
}

static void test_affinity_apply(void **state)
{
    Sleeper sleeper;
    g_autoptr(CpuSet) before = NULL, in_force = NULL, again = NULL, none = cpuset_new();
    g_autoptr(CpuSet) absent = cpuset_new_one(CPUSET_MAX_INDEX), all = cpuset_new_range(0, 9999);
    ProcStat stat;
    (void)state;

    sleeper_start(&sleeper);
    assert_int_equal(proc_stat_acquire("", sleeper.tid, &stat), HOST_DONE);
    assert_int_equal(affinity_acquire("", sleeper.tid, &before), HOST_DONE);
    g_autoptr(CpuSet) one = cpuset_new_one(cpuset_first(before));

    assert_int_equal(thread_affinity_apply(sleeper.tid, stat.starttime, one, &in_force), HOST_DONE);
    assert_true(cpuset_equal(in_force, one));
    assert_int_equal(thread_affinity_apply(sleeper.tid, stat.starttime, none, &again),
                     HOST_REFUSED);
    assert_int_equal(thread_affinity_apply(sleeper.tid, stat.starttime, absent, &again),
                     HOST_REFUSED);
    assert_int_equal(thread_affinity_apply(sleeper.tid, stat.starttime + 1, before, &again),
                     HOST_GONE);
    assert_null(again);
    assert_int_equal(affinity_acquire("", sleeper.tid, &again), HOST_DONE);
    assert_true(cpuset_equal(again, one));
    hwloc_bitmap_free(g_steal_pointer(&again));
    assert_int_equal(thread_affinity_apply(sleeper.tid, stat.starttime, all, &again), HOST_DONE);
    assert_true(cpuset_is_subset(before, again)); /* what the kernel does not have is left out */

    hwloc_bitmap_free(g_steal_pointer(&again));
    sleeper_stop(&sleeper);
    assert_int_equal(thread_affinity_apply(sleeper.tid, stat.starttime, one, &again), HOST_GONE);
}

/* A process that a signal stops, and one that it lets go on. */
static void test_quick_stopped(void **state)
{
    g_autoptr(GuestKernel) running = NULL, stopped = NULL;
    g_autoptr(SettingList) none = setting_list_new();
    g_autoptr(CpuSet) online = cpuset_new_range(0, CPUSET_MAX_INDEX);
    ProcStat stat;
    (void)state;

    pid_t child = fork();
    if (child == 0)
        for (;;)
            pause();
    assert_int_equal(proc_stat_acquire("", child, &stat), HOST_DONE);
    assert_int_equal(guest_kernel_acquire("", child, stat.starttime, NULL, &running), HOST_DONE);
    assert_false(running->stopped);
    g_autoptr(QuickWatch) watch = quick_watch_new(running, none);
    assert_int_equal(quick_check(watch, online), HOST_DONE);

    assert_int_equal(kill(child, SIGSTOP), 0);
    assert_int_equal(waitpid(child, NULL, WUNTRACED), child);
    assert_int_equal(quick_check(watch, online), HOST_CHANGED);
    assert_int_equal(guest_kernel_acquire("", child, stat.starttime, NULL, &stopped), HOST_DONE);
    assert_true(stopped->stopped);
    g_autoptr(QuickWatch) again = quick_watch_new(stopped, none);
    assert_int_equal(quick_check(again, online), HOST_DONE);

    assert_int_equal(kill(child, SIGCONT), 0);
    assert_int_equal(waitpid(child, NULL, WCONTINUED), child);
    assert_int_equal(quick_check(again, online), HOST_CHANGED);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
}

static void test_quick_affinity(void **state)
{
    Sleeper sleeper;
    (void)state;

    sleeper_start(&sleeper);
    g_autoptr(GuestKernel) kernel = own_kernel();
    g_autoptr(SettingList) wanted = wanted_of(kernel);
    g_autoptr(QuickWatch) watch = quick_watch_new(kernel, wanted);
    const GuestThread *thread = thread_of(kernel, sleeper.tid);
    g_autoptr(CpuSet) online = cpuset_copy(thread->affinity), in_force = NULL;
    g_autoptr(CpuSet) one = cpuset_new_one(cpuset_first(thread->affinity));

    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(quick_check(watch, online), HOST_DONE);
    assert_int_equal(thread_affinity_apply(thread->tid, thread->starttime, one, &in_force),
                     HOST_DONE);
    if (cpuset_weight(online) > 1)
        assert_int_equal(quick_check(watch, online), HOST_CHANGED);
    assert_int_equal(quick_check(watch, one), HOST_DONE); /* the others are off: no difference */
    hwloc_bitmap_free(g_steal_pointer(&in_force));
    assert_int_equal(
        thread_affinity_apply(thread->tid, thread->starttime, thread->affinity, &in_force),
        HOST_DONE);
    assert_int_equal(quick_check(watch, online), HOST_DONE);
    sleeper_stop(&sleeper);
}

static void test_quick_threads_come_and_go(void **state)
{
    Sleeper first, second;
    (void)state;

    sleeper_start(&first);
    g_autoptr(GuestKernel) kernel = own_kernel();
    g_autoptr(SettingList) wanted = wanted_of(kernel);
    g_autoptr(QuickWatch) watch = quick_watch_new(kernel, wanted);
    g_autoptr(CpuSet) online = cpuset_new_range(0, 9999);

    assert_int_equal(quick_check(watch, online), HOST_DONE);
    sleeper_start(&second);
    assert_int_equal(quick_check(watch, online), HOST_CHANGED);
    sleeper_stop(&second);
    assert_int_equal(quick_check(watch, online), HOST_DONE);
    sleeper_stop(&first);
    assert_int_equal(quick_check(watch, online), HOST_CHANGED);
    sleeper_start(&second); /* as many as before, but another */
    assert_int_equal(quick_check(watch, online),
                     second.tid == first.tid ? HOST_DONE : HOST_CHANGED);
    sleeper_stop(&second);
}

/* More threads than one read of the directory returns. */
static void test_quick_many_threads(void **state)
{
    enum { N = 400 };
    g_autofree Sleeper *sleepers = g_new0(Sleeper, N);
    (void)state;

    for (unsigned i = 0; i < N; i++)
        sleeper_start(&sleepers[i]);
    g_autoptr(GuestKernel) kernel = own_kernel();
    g_autoptr(SettingList) wanted = wanted_of(kernel);
    g_autoptr(QuickWatch) watch = quick_watch_new(kernel, wanted);
    g_autoptr(CpuSet) online = cpuset_new_range(0, 9999);
    assert_int_equal(quick_check(watch, online), HOST_DONE);
    for (unsigned i = 0; i < N; i++)
        sleeper_stop(&sleepers[i]);
    assert_int_equal(quick_check(watch, online), HOST_CHANGED);
}

static void test_quick_gone(void **state)
{
    g_autoptr(SettingList) wanted = setting_list_new();
    g_autoptr(CpuSet) online = cpuset_new_range(0, 9999);
    GuestKernel *kernel = NULL;
    ProcStat stat;
    (void)state;

    pid_t child = fork();
    if (child == 0) {
        pause();
        _exit(0);
    }
    assert_int_equal(proc_stat_acquire("", child, &stat), HOST_DONE);
    assert_int_equal(guest_kernel_acquire("", child, stat.starttime, NULL, &kernel), HOST_DONE);
    g_autoptr(QuickWatch) watch = quick_watch_new(kernel, wanted);
    assert_int_equal(quick_check(watch, online), HOST_DONE);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    assert_int_equal(quick_check(watch, online), HOST_GONE);
    g_autoptr(QuickWatch) late = quick_watch_new(kernel, wanted);
    assert_int_equal(quick_check(late, online), HOST_GONE);
    guest_kernel_unref(kernel);
}

/* A thread without a wanted place only has to be there. */
static void test_quick_nothing_wanted(void **state)
{
    g_autoptr(GuestKernel) kernel = own_kernel();
    g_autoptr(SettingList) wanted = setting_list_new();
    g_autoptr(CpuSet) online = cpuset_new_range(0, 9999);
    (void)state;

    g_autoptr(QuickWatch) watch = quick_watch_new(kernel, wanted);
    assert_int_equal(quick_check(watch, online), HOST_DONE);
    quick_watch_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_own_threads),
        cmocka_unit_test(test_affinity_apply),
        cmocka_unit_test(test_quick_stopped),
        cmocka_unit_test(test_quick_affinity),
        cmocka_unit_test(test_quick_threads_come_and_go),
        cmocka_unit_test(test_quick_many_threads),
        cmocka_unit_test(test_quick_gone),
        cmocka_unit_test(test_quick_nothing_wanted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
