/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The fake itself: the tests that lean on it are worth what it is. */
#include "common/fake-backend.h"
#include "common/fake-guest.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

typedef struct World {
    FakeBackend *fake;
    Guest *guest; /* one vCPU pair, one IOThread, a worker and a vhost worker, on 0-7 */
} World;

static int world_setup(void **state)
{
    World *world = g_new0(World, 1);
    g_autoptr(CpuSet) allowed = cpuset_new_range(0, 7);
    FakeKernelOptions options = {.pid = 100, .allowed = allowed, .n_workers = 1, .n_vhost = 1};

    world->fake = fake_backend_new();
    world->guest = fake_backend_add(world->fake, fake_guest_new("db", 2, 1, &options));
    *state = world;
    return 0;
}

static int world_teardown(void **state)
{
    World *world = *state;

    fake_backend_free(world->fake);
    g_free(world);
    return 0;
}

static void assert_cpus(const CpuSet *set, const char *expected)
{
    g_autofree char *text = cpuset_format(set);

    assert_string_equal(text, expected);
}

static void assert_affinity(const World *world, pid_t tid, const char *expected)
{
    assert_cpus(fake_thread_find(world->guest->kernel, tid)->affinity, expected);
}

static int set(const World *world, SettingKey key, const char *to, char **ret_in_force)
{
    const Backend *backend = &world->fake->backend;
    g_autofree char *in_force = NULL, *text = NULL;
    Change change = {.key = key, .to = (char *)to};
    int r = backend->setting_apply(backend->ctx, world->guest, &change, &in_force, &text);

    assert_true(r == BACKEND_DONE || text || r == BACKEND_RETRY || r == BACKEND_GONE);
    if (ret_in_force)
        *ret_in_force = g_steal_pointer(&in_force);
    return r;
}

static void snapshots_are_frozen(void **state)
{
    World *world = *state;
    const Backend *backend = &world->fake->backend;
    g_autoptr(Guest) seen = NULL;

    assert_int_equal(backend->guest_acquire(backend->ctx, world->guest->uuid, NULL, &seen),
                     BACKEND_DONE);
    assert_true(fake_taskset(world->guest->kernel, 101, "3"));
    assert_cpus(fake_thread_find(seen->kernel, 101)->affinity, "0-7");
    assert_affinity(world, 101, "3");
    assert_int_equal(backend->guest_acquire(backend->ctx, "none", NULL, &seen), BACKEND_GONE);
}

/* Threads: 100 main, 101 worker, 102 vhost, 103 and 104 vCPUs, 105 IOThread. */
static void live_vcpu_pin_sets_all(void **state)
{
    World *world = *state;
    SettingKey key = {.knob = KNOB_VCPU_PIN, .instance = 1, .plane = PLANE_LIVE};
    g_autofree char *in_force = NULL;

    assert_int_equal(set(world, key, "4-5", &in_force), BACKEND_DONE);
    assert_string_equal(in_force, "4-5");
    assert_cpus(guest_def_vcpu_pin(world->guest->live, 1), "4-5");
    assert_cpus(guest_kernel_cgroup(world->guest->kernel, HOME_VCPU, 1)->cpus, "4-5");
    assert_affinity(world, 104, "4-5");
    assert_affinity(world, 103, "0-7");
    assert_null(guest_def_vcpu_pin(world->guest->config, 1));
}

static void iothread_pin_and_config(void **state)
{
    World *world = *state;
    SettingKey key = {.knob = KNOB_IOTHREAD_PIN, .instance = 1, .plane = PLANE_LIVE};
    g_autofree char *in_force = NULL;

    assert_int_equal(set(world, key, "6", NULL), BACKEND_DONE);
    assert_affinity(world, 105, "6");
    key.plane = PLANE_CONFIG;
    assert_int_equal(set(world, key, "7", NULL), BACKEND_DONE);
    assert_cpus(guest_def_iothread_pin(world->guest->config, 1), "7");
    assert_affinity(world, 105, "6");
    assert_int_equal(set(world, key, NULL, &in_force), BACKEND_DONE);
    assert_null(in_force);
    assert_null(guest_def_iothread_pin(world->guest->config, 1));
}

static void emulator_pin_new_and_old_kernel(void **state)
{
    World *world = *state;
    SettingKey key = {.knob = KNOB_EMULATOR_PIN, .plane = PLANE_LIVE};

    assert_true(fake_taskset(world->guest->kernel, 101, "2-3"));
    assert_int_equal(set(world, key, "0-3", NULL), BACKEND_DONE);
    assert_affinity(world, 100, "0-3");
    assert_affinity(world, 101, "2-3");
    assert_affinity(world, 102, "0-3");
    assert_int_equal(set(world, key, "0-5", NULL), BACKEND_DONE);
    assert_affinity(world, 100, "0-5");
    assert_affinity(world, 101, "2-3");
    assert_int_equal(set(world, key, "4-5", NULL), BACKEND_DONE);
    assert_affinity(world, 101, "4-5");

    world->fake->old_kernel = true;
    assert_int_equal(set(world, key, "0-5", NULL), BACKEND_DONE);
    assert_affinity(world, 101, "0-5");
    assert_affinity(world, 102, "0-5");
    assert_affinity(world, 103, "0-7");
}

static void affinity_keeps_to_the_cpuset(void **state)
{
    World *world = *state;
    SettingKey key = {.knob = KNOB_VHOST_PIN, .plane = PLANE_ACTUAL, .tid = 102, .tid_start = 1102};
    g_autofree char *in_force = NULL;

    assert_true(fake_live_pin(world->fake, world->guest, KNOB_EMULATOR_PIN, 0, "0-3"));
    assert_int_equal(set(world, key, "2-5", &in_force), BACKEND_DONE);
    assert_string_equal(in_force, "2-3");
    assert_int_equal(set(world, key, "4-5", NULL), BACKEND_REFUSED);
    assert_affinity(world, 102, "2-3");
    key.tid_start = 1;
    assert_int_equal(set(world, key, "2", NULL), BACKEND_GONE);
    key.tid = 4711;
    assert_int_equal(set(world, key, "2", NULL), BACKEND_GONE);
}

static void failed_pin_is_not_atomic(void **state)
{
    World *world = *state;
    SettingKey key = {.knob = KNOB_VCPU_PIN, .plane = PLANE_LIVE};
    const GuestCgroup *cgroup = guest_kernel_cgroup(world->guest->kernel, HOME_VCPU, 0);

    assert_int_equal(set(world, key, "8-9", NULL), BACKEND_REFUSED);
    assert_cpus(cgroup->cpus, "8-9");
    assert_cpus(cgroup->cpus_effective, "0-7");
    assert_null(guest_def_vcpu_pin(world->guest->live, 0));
}

static void weight_quota_nodeset(void **state)
{
    World *world = *state;
    Guest *guest = world->guest;
    SettingKey weight = {.knob = KNOB_CPU_WEIGHT, .plane = PLANE_LIVE};
    SettingKey quota = {.knob = KNOB_CPU_QUOTA, .plane = PLANE_LIVE};
    SettingKey nodes = {.knob = KNOB_NUMA_NODESET, .plane = PLANE_LIVE};

    assert_int_equal(set(world, weight, "200", NULL), BACKEND_DONE);
    assert_int_equal(guest->kernel->cpu_shares, 2048);
    assert_int_equal(set(world, quota, "150", NULL), BACKEND_DONE);
    assert_int_equal(guest_kernel_cgroup(guest->kernel, HOME_VCPU, 1)->quota_usec, 150000);
    assert_int_equal(set(world, quota, "2500/50000", NULL), BACKEND_DONE);
    assert_int_equal(guest->live->vcpu_quota, 2500);
    assert_int_equal(guest->live->vcpu_period, 50000);
    assert_int_equal(set(world, quota, "none", NULL), BACKEND_DONE);
    assert_int_equal(guest->live->vcpu_quota, -1);

    assert_int_equal(set(world, nodes, "restrictive:0-1", NULL), BACKEND_DONE);
    assert_int_equal(set(world, nodes, "restrictive:1", NULL), BACKEND_DONE);
    assert_cpus(guest_kernel_cgroup(guest->kernel, HOME_VCPU, 0)->mems, "1");
    assert_int_equal(set(world, nodes, "strict:1", NULL), BACKEND_REFUSED);
    nodes.plane = PLANE_CONFIG;
    assert_int_equal(set(world, nodes, "strict:0", NULL), BACKEND_DONE);
    assert_cpus(guest->config->numa_nodeset, "0");
}

static void jobs_and_absence(void **state)
{
    World *world = *state;
    const Backend *backend = &world->fake->backend;
    SettingKey key = {.knob = KNOB_VCPU_PIN, .plane = PLANE_LIVE};
    g_autoptr(Guest) seen = guest_copy(world->guest);

    world->guest->in_job = true;
    assert_int_equal(backend->guest_ready(backend->ctx, seen), BACKEND_RETRY);
    assert_int_equal(set(world, key, "1", NULL), BACKEND_RETRY);
    world->guest->in_job = false;
    assert_int_equal(backend->guest_ready(backend->ctx, seen), BACKEND_DONE);

    g_clear_pointer(&world->guest->config, guest_def_unref);
    key.plane = PLANE_CONFIG;
    assert_int_equal(set(world, key, "1", NULL), BACKEND_REFUSED);

    fake_backend_remove(world->fake, seen->uuid);
    assert_int_equal(backend->guest_ready(backend->ctx, seen), BACKEND_GONE);
    world->guest = seen;
    assert_int_equal(set(world, key, "1", NULL), BACKEND_GONE);
}

static void move_vcpu_0(FakeBackend *fake, void *data)
{
    assert_true(fake_cpuset_write(fake, ((Guest *)data)->kernel, HOME_VCPU, 0, "7"));
}

static void faults_callbacks_log(void **state)
{
    World *world = *state;
    FakeBackend *fake = world->fake;
    SettingKey key = {.knob = KNOB_VCPU_PIN, .plane = PLANE_LIVE};
    static const int expected[N_FAKE_FAULTS] = {
        [FAKE_RETRY] = BACKEND_RETRY,     [FAKE_GONE] = BACKEND_GONE,
        [FAKE_REFUSED] = BACKEND_REFUSED, [FAKE_EIO] = -EIO,
        [FAKE_NO_EFFECT] = BACKEND_DONE,  [FAKE_HALF] = BACKEND_REFUSED};

    for (int fault = 0; fault < N_FAKE_FAULTS; fault++) {
        fake_backend_reset(fake);
        fake->fail_call = 1;
        fake->fault = (FakeFault)fault;
        assert_int_equal(set(world, key, "1", NULL), expected[fault]);
        assert_null(guest_def_vcpu_pin(world->guest->live, 0));
    }
    assert_cpus(guest_kernel_cgroup(world->guest->kernel, HOME_VCPU, 0)->cpus, "1");

    fake_backend_reset(fake);
    fake->callback = move_vcpu_0;
    fake->callback_data = world->guest;
    key.instance = 1;
    assert_int_equal(set(world, key, "1", NULL), BACKEND_DONE);
    assert_affinity(world, 103, "1");
    fake->callback_call = 2;
    key.instance = 0;
    key.plane = PLANE_CONFIG;
    assert_int_equal(set(world, key, "2", NULL), BACKEND_DONE);
    assert_affinity(world, 103, "7");
    assert_int_equal(fake->n_calls, 2);
    assert_int_equal(fake->n_writes, 2);
    assert_string_equal(g_ptr_array_index(fake->log, 0), "db: vcpu.pin 1 live - -> 1 = done");
    assert_string_equal(g_ptr_array_index(fake->log, 1), "db: vcpu.pin 0 config - -> 2 = done");
}

static void without_cpuset_controller(void **state)
{
    World *world = *state;
    g_autoptr(CpuSet) allowed = cpuset_new_range(0, 3);
    FakeKernelOptions options = {.pid = 200, .allowed = allowed, .no_cpuset = true};
    Guest *bare = fake_backend_add(world->fake, fake_guest_new("bare", 1, 0, &options));

    assert_true(fake_live_pin(world->fake, bare, KNOB_VCPU_PIN, 0, "2"));
    assert_cpus(fake_thread_of(bare->kernel, THREAD_VCPU, HOME_VCPU, 0)->affinity, "2");
    assert_false(fake_cpuset_write(world->fake, bare->kernel, HOME_VCPU, 0, "1"));
    assert_false(fake_taskset(bare->kernel, 200, "4-7"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(snapshots_are_frozen),         TEST(live_vcpu_pin_sets_all),
        TEST(iothread_pin_and_config),      TEST(emulator_pin_new_and_old_kernel),
        TEST(affinity_keeps_to_the_cpuset), TEST(failed_pin_is_not_atomic),
        TEST(weight_quota_nodeset),         TEST(jobs_and_absence),
        TEST(faults_callbacks_log),         TEST(without_cpuset_controller),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
