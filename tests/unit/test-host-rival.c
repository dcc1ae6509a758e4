/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Who changes settings back, by the trace it leaves and by what runs. */
#include "host/rival.h"

#include "fake-host.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

enum { VCPU_TID = 103, LIMITED_TID = 104 };

static const SettingKey live = {.knob = KNOB_VCPU_PIN, .plane = PLANE_LIVE};
static const SettingKey config = {.knob = KNOB_VCPU_PIN, .plane = PLANE_CONFIG};
static const SettingKey cgroup = {.knob = KNOB_VCPU_PIN, .plane = PLANE_ACTUAL};
static const SettingKey thread = {
    .knob = KNOB_VCPU_PIN, .plane = PLANE_ACTUAL, .tid = VCPU_TID, .tid_start = 1};
static const SettingKey limited = {
    .knob = KNOB_VCPU_PIN, .plane = PLANE_ACTUAL, .tid = LIMITED_TID, .tid_start = 1};
static const SettingKey other = {.knob = KNOB_VCPU_PIN, .instance = 7, .plane = PLANE_LIVE};

static void put_thread(GuestKernel *kernel, unsigned i, pid_t tid)
{
    kernel->threads[i] = (GuestThread){.tid = tid,
                                       .tgid = 100,
                                       .thread_class = THREAD_VCPU,
                                       .home = HOME_VCPU,
                                       .home_id = i,
                                       .affinity = cpuset_new()};
}

static void put_cgroup(GuestKernel *kernel, unsigned i, const char *effective)
{
    kernel->cgroups[i] = (GuestCgroup){.home = HOME_VCPU, .home_id = i, .quota_usec = -1};
    assert_int_equal(cpuset_parse("4", &kernel->cgroups[i].cpus), 0);
    assert_int_equal(cpuset_parse(effective, &kernel->cgroups[i].cpus_effective), 0);
}

/* Thread 103 has the CPU its cgroup asks for, 104 does not. */
static Guest *guest_make(void)
{
    Guest *guest = guest_new("8f3f7c1a-0000-4000-8000-000000000001", "db");
    GuestKernel *kernel = guest_kernel_new();

    kernel->threads = g_new0(GuestThread, 2);
    kernel->n_threads = 2;
    put_thread(kernel, 0, VCPU_TID);
    put_thread(kernel, 1, LIMITED_TID);
    kernel->cgroups = g_new0(GuestCgroup, 2);
    kernel->n_cgroups = 2;
    put_cgroup(kernel, 0, "4");
    put_cgroup(kernel, 1, "0-1");
    guest->kernel = kernel;
    return guest;
}

static const struct {
    const char *name;
    const SettingKey *keys[3]; /* that differ */
    const char *alone;         /* nothing known runs */
    const char *among;         /* numad, tuned, nova-compute and cgrulesengd run */
} traces[] = {
    {"threads",
     {&thread},
     "something that sets the affinity of its threads directly",
     "likely numad (PID 812) or tuned (PID 900)"},
    {"a cgroup and the thread in it",
     {&cgroup, &thread},
     "something that writes its cgroups directly",
     "likely tuned (PID 900) or cgrulesengd (PID 901)"},
    {"libvirt",
     {&live, &cgroup, &thread},
     "another libvirt client",
     "another libvirt client, likely nova-compute (PID 950)"},
    {"the definition alone",
     {&config},
     "another libvirt client",
     "another libvirt client, likely nova-compute (PID 950)"},
    {"a limit",
     {&limited},
     "a limit on the cgroup above it, such as AllowedCPUs= of systemd",
     "a limit on the cgroup above it, such as AllowedCPUs= of systemd"},
    {"another setting says nothing",
     {&thread, &other},
     "something that sets the affinity of its threads directly",
     "likely numad (PID 812) or tuned (PID 900)"},
};

static void assert_described(size_t row, const GArray *tuners, const char *expected)
{
    g_autoptr(ChangeSet) changes = change_set_new();
    g_autoptr(Guest) guest = guest_make();

    for (size_t i = 0; i < 3 && traces[row].keys[i]; i++)
        change_set_add(changes, traces[row].keys[i], "0-1", "4");
    g_autofree char *text = rival_describe(changes, &live, guest, tuners);
    assert_string_equal(text, expected);
}

static void run_process(const char *root, pid_t pid, const char *comm)
{
    const FakeThread process = {.tid = pid, .tgid = pid, .comm = comm, .cpus = "0-7"};

    fake_host_add_thread(root, &process);
}

static void test_traces(void **state)
{
    char *root = fake_host_new();
    g_autoptr(GArray) none = tuners_acquire(root);

    (void)state;
    run_process(root, 1, "systemd");
    run_process(root, 900, "tuned");
    run_process(root, 950, "nova-compute");
    run_process(root, 812, "numad");
    run_process(root, 813, "numad-helper");
    run_process(root, 901, "cgrulesengd");
    run_process(root, 77, "irqbalance");
    g_autoptr(GArray) tuners = tuners_acquire(root);
    assert_int_equal(none->len, 0);
    assert_int_equal(tuners->len, 5);
    for (size_t i = 0; i < G_N_ELEMENTS(traces); i++) {
        print_message("%s\n", traces[i].name);
        assert_described(i, none, traces[i].alone);
        assert_described(i, tuners, traces[i].among);
    }
    fake_host_free(root);
}

/* A guest that is off has no threads to look at. */
static void test_guest_off(void **state)
{
    g_autoptr(Guest) guest = guest_new("8f3f7c1a-0000-4000-8000-000000000001", "db");
    g_autoptr(ChangeSet) changes = change_set_new();
    g_autoptr(GArray) none = tuners_acquire("/nonexistent");

    (void)state;
    change_set_add(changes, &config, "0-1", "4");
    change_set_add(changes, &thread, "0-1", "4");
    g_autofree char *text = rival_describe(changes, &config, guest, none);
    assert_string_equal(text, "another libvirt client");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_traces),
        cmocka_unit_test(test_guest_off),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
