/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "apply/apply.h"
#include "common/fake-backend.h"
#include "common/fake-guest.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

/* A world of one guest on CPUs 0-7 with three live pins, one thread's affinity and one config pin
 * to make. Threads: 100 main, 101 and 102 vCPUs. */
typedef struct World {
    FakeBackend *fake;
    Guest *guest;
    CpuSet *cpus;
    ChangeSet *changes;
} World;

static Change *want(World *world, Knob knob, unsigned id, Plane plane, pid_t tid, const char *from,
                    const char *to)
{
    SettingKey key = {.knob = knob,
                      .instance = id,
                      .plane = plane,
                      .tid = tid,
                      .tid_start = tid ? 1000 + (uint64_t)tid : 0};

    return change_set_add(world->changes, &key, from, to);
}

static World *world_new(void)
{
    World *world = g_new0(World, 1);

    world->cpus = cpuset_new_range(0, 7);
    world->fake = fake_backend_new();
    FakeKernelOptions options = {.pid = 100, .allowed = world->cpus};
    world->guest = fake_backend_add(world->fake, fake_guest_new("db", 2, 0, &options));
    world->changes = change_set_new();
    return world;
}

static void world_free(World *world)
{
    change_set_unref(world->changes);
    hwloc_bitmap_free(world->cpus);
    fake_backend_free(world->fake);
    g_free(world);
}

static void want_usual(World *world)
{
    want(world, KNOB_VCPU_PIN, 0, PLANE_LIVE, 0, NULL, "4");
    want(world, KNOB_VCPU_PIN, 1, PLANE_LIVE, 0, NULL, "5");
    want(world, KNOB_EMULATOR_PIN, 0, PLANE_LIVE, 0, NULL, "0-1");
    want(world, KNOB_VCPU_PIN, 0, PLANE_ACTUAL, 0, "0-7", "4")->carried = true;
    want(world, KNOB_VCPU_PIN, 1, PLANE_ACTUAL, 102, "0-7", "5")->carried = true;
    want(world, KNOB_EMULATOR_PIN, 0, PLANE_ACTUAL, 100, "0-7", "1");
    want(world, KNOB_VCPU_PIN, 0, PLANE_CONFIG, 0, NULL, "4");
}

static Outcome *run(World *world)
{
    g_autoptr(Guest) seen = guest_copy(world->guest);

    return apply_run(&world->fake->backend, seen, world->changes, world->cpus, world->cpus);
}

static void fail_call(World *world, unsigned call, FakeFault fault)
{
    world->fake->fail_call = call;
    world->fake->fault = fault;
}

static void assert_log(const World *world, unsigned i, const char *expected)
{
    assert_true(i < world->fake->log->len);
    assert_string_equal(g_ptr_array_index(world->fake->log, i), expected);
}

static int setup(void **state)
{
    *state = world_new();
    return 0;
}

static int teardown(void **state)
{
    world_free(*state);
    return 0;
}

static void all_done(void **state)
{
    World *world = *state;

    want_usual(world);
    g_autoptr(Outcome) outcome = run(world);
    assert_int_equal(outcome->kind, OUTCOME_DONE);
    assert_int_equal(outcome->n_writes, 5);
    assert_int_equal(world->fake->n_calls, 6);
    assert_ptr_equal(outcome->changes, world->changes);
    for (unsigned i = 0; i < change_set_size(world->changes); i++) {
        assert_int_equal(outcome->results[i].kind, OUTCOME_DONE);
        assert_null(outcome->results[i].error);
    }
    assert_string_equal(outcome->results[5].in_force, "1");
    assert_null(outcome->results[3].in_force);
    assert_log(world, 0, "ready db = done");
    assert_log(world, 1, "db: vcpu.pin 0 live - -> 4 = done");
    assert_log(world, 5, "db: vcpu.pin 0 config - -> 4 = done");
}

static void nothing_to_do_asks_nobody(void **state)
{
    World *world = *state;
    g_autoptr(Outcome) outcome = run(world);

    assert_int_equal(outcome->kind, OUTCOME_DONE);
    assert_int_equal(world->fake->n_calls, 0);
}

static void not_ready(void **state)
{
    static const struct {
        FakeFault fault;
        OutcomeKind kind;
    } cases[] = {
        {FAKE_RETRY, OUTCOME_RETRY},
        {FAKE_GONE, OUTCOME_GONE},
        {FAKE_REFUSED, OUTCOME_REFUSED},
        {FAKE_EIO, OUTCOME_FATAL},
    };
    World *world = *state;

    want_usual(world);
    for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
        fake_backend_reset(world->fake);
        fail_call(world, 1, cases[i].fault);
        g_autoptr(Outcome) outcome = run(world);
        assert_int_equal(outcome->kind, cases[i].kind);
        assert_int_equal(outcome->n_writes, 0);
        assert_int_equal(world->fake->n_calls, 1);
        for (unsigned j = 0; j < change_set_size(world->changes); j++) {
            assert_int_equal(outcome->results[j].kind, cases[i].kind);
            assert_non_null(outcome->results[j].error);
        }
    }
}

/* What a fault in a write makes of the whole, and how many writes are made: an undo of a live
 * change is one more, an end of the run leaves out the rest. */
typedef struct FaultCase {
    FakeFault fault;
    OutcomeKind kind;
    bool ends;
    bool undoes;
} FaultCase;

static const FaultCase fault_cases[] = {
    {FAKE_RETRY, OUTCOME_RETRY, false, false},       {FAKE_GONE, OUTCOME_GONE, true, false},
    {FAKE_REFUSED, OUTCOME_REFUSED, false, true},    {FAKE_EIO, OUTCOME_FATAL, true, true},
    {FAKE_NO_EFFECT, OUTCOME_REFUSED, false, false}, {FAKE_HALF, OUTCOME_REFUSED, false, true},
};

/* The change of the usual set that write number n (from 1) makes, and how many writes it has. */
static const unsigned change_of_write[] = {0, 1, 2, 5, 6};
#define N_USUAL_WRITES G_N_ELEMENTS(change_of_write)

static void assert_fault(const World *world, const Outcome *outcome, const FaultCase *fault,
                         unsigned write)
{
    unsigned failed = change_of_write[write];
    const SettingKey *key = &change_set_get(outcome->changes, failed)->key;
    bool undone = fault->undoes && key->plane == PLANE_LIVE;
    bool thread_gone = fault->fault == FAKE_GONE && key->tid != 0;
    OutcomeKind kind = thread_gone ? OUTCOME_RETRY : fault->kind;
    bool ends = fault->ends && !thread_gone;

    assert_int_equal(outcome->kind, kind);
    assert_int_equal(outcome->results[failed].kind, kind);
    assert_non_null(outcome->results[failed].error);
    assert_int_equal(outcome->n_writes, (ends ? write + 1 : N_USUAL_WRITES) + undone);
    assert_int_equal(outcome->n_writes, world->fake->n_writes);
    assert_int_equal(strstr(outcome->results[failed].error, "put back") != NULL, undone);
    for (unsigned i = 0; i < failed; i++)
        if (!change_set_get(outcome->changes, i)->carried)
            assert_int_equal(outcome->results[i].kind, OUTCOME_DONE);
    for (unsigned i = failed + 1; i < change_set_size(outcome->changes) && ends; i++)
        assert_int_equal(outcome->results[i].kind,
                         kind == OUTCOME_GONE ? OUTCOME_GONE : OUTCOME_RETRY);
}

/* Fails the 1st, 2nd, 3rd … call until the run succeeds; a second run then always ends well. */
static void every_call_fails_once(void **state)
{
    (void)state;
    for (unsigned i = 0; i < G_N_ELEMENTS(fault_cases); i++) {
        unsigned call = 2;
        for (;; call++) {
            World *world = world_new();
            want_usual(world);
            fail_call(world, call, fault_cases[i].fault);
            g_autoptr(Outcome) outcome = run(world);
            bool met = world->fake->n_calls >= call;
            if (met)
                assert_fault(world, outcome, &fault_cases[i], call - 2);
            else
                assert_int_equal(outcome->kind, OUTCOME_DONE);
            fake_backend_reset(world->fake);
            g_autoptr(Outcome) again = run(world);
            assert_int_equal(again->kind, OUTCOME_DONE);
            world_free(world);
            if (!met)
                break;
        }
        assert_int_equal(call, 2 + N_USUAL_WRITES);
    }
}

static void carried_follows_its_carrier(void **state)
{
    World *world = *state;

    want_usual(world);
    fail_call(world, 2, FAKE_REFUSED);
    g_autoptr(Outcome) outcome = run(world);
    assert_int_equal(outcome->results[0].kind, OUTCOME_REFUSED);
    assert_int_equal(outcome->results[3].kind, OUTCOME_REFUSED);
    assert_string_equal(outcome->results[3].error, outcome->results[0].error);
    assert_int_equal(outcome->results[4].kind, OUTCOME_DONE);
}

static void half_made_is_put_back(void **state)
{
    World *world = *state;
    const GuestCgroup *cgroup = guest_kernel_cgroup(world->guest->kernel, HOME_VCPU, 0);

    want(world, KNOB_VCPU_PIN, 0, PLANE_LIVE, 0, "2-3", "4");
    assert_true(fake_live_pin(world->fake, world->guest, KNOB_VCPU_PIN, 0, "2-3"));
    fail_call(world, 2, FAKE_HALF);
    g_autoptr(Outcome) outcome = run(world);
    g_autofree char *cpus = cpuset_format(cgroup->cpus);
    assert_int_equal(outcome->kind, OUTCOME_REFUSED);
    assert_int_equal(outcome->n_writes, 2);
    assert_string_equal(cpus, "2-3");
    assert_string_equal(outcome->results[0].error,
                        "cannot set CPU affinity: Invalid argument; put back");
    assert_string_equal(outcome->results[0].in_force, "2-3");
    assert_log(world, 2, "db: vcpu.pin 0 live 4 -> 2-3 = done");
}

static void outside_the_partition_is_put_back(void **state)
{
    World *world = *state;

    want(world, KNOB_VCPU_PIN, 0, PLANE_LIVE, 0, NULL, "8-9");
    g_autoptr(Outcome) outcome = run(world);
    const GuestCgroup *cgroup = guest_kernel_cgroup(world->guest->kernel, HOME_VCPU, 0);
    g_autofree char *cpus = cpuset_format(cgroup->cpus);
    assert_int_equal(outcome->kind, OUTCOME_REFUSED);
    assert_string_equal(cpus, "0-7");
}

static void undo_that_fails_is_told(void **state)
{
    World *world = *state;

    want(world, KNOB_VCPU_PIN, 0, PLANE_LIVE, 0, "10", "8-9");
    want(world, KNOB_VCPU_PIN, 1, PLANE_LIVE, 0, NULL, "5");
    g_autoptr(Outcome) outcome = run(world);
    assert_non_null(strstr(outcome->results[0].error, "could not be put back: cannot set"));
    assert_int_equal(outcome->results[0].kind, OUTCOME_REFUSED);
    assert_int_equal(outcome->results[1].kind, OUTCOME_DONE);
    assert_int_equal(outcome->n_writes, 3);
}

static void cut_affinity_is_no_success(void **state)
{
    World *world = *state;

    assert_true(fake_cpuset_write(world->fake, world->guest->kernel, HOME_VCPU, 0, "4-6"));
    want(world, KNOB_VCPU_PIN, 0, PLANE_ACTUAL, 101, "4-6", "6-7");
    g_autoptr(Outcome) outcome = run(world);
    assert_int_equal(outcome->kind, OUTCOME_REFUSED);
    assert_string_equal(outcome->results[0].in_force, "6");
    assert_string_equal(outcome->results[0].error, "had no such effect: 6 is in force");
    assert_int_equal(outcome->n_writes, 1);
}

static void offline_cpu_is_no_failure(void **state)
{
    World *world = *state;
    g_autoptr(CpuSet) allowed = cpuset_new_range(0, 9);

    want(world, KNOB_VCPU_PIN, 0, PLANE_ACTUAL, 101, "0-7", "6-9");
    g_autoptr(Outcome) outcome =
        apply_run(&world->fake->backend, world->guest, world->changes, allowed, world->cpus);
    assert_int_equal(outcome->kind, OUTCOME_DONE);
}

static void remove_guest(FakeBackend *fake, void *data)
{
    fake_backend_remove(fake, data);
}

static void guest_goes_on_the_way(void **state)
{
    World *world = *state;
    g_autofree char *uuid = g_strdup(world->guest->uuid);

    want_usual(world);
    world->fake->callback = remove_guest;
    world->fake->callback_data = uuid;
    world->fake->callback_call = 3;
    g_autoptr(Outcome) outcome = run(world);
    assert_int_equal(outcome->kind, OUTCOME_GONE);
    assert_int_equal(outcome->n_writes, 2);
    assert_int_equal(outcome->results[0].kind, OUTCOME_DONE);
    assert_int_equal(outcome->results[1].kind, OUTCOME_GONE);
    assert_int_equal(outcome->results[6].kind, OUTCOME_GONE);
}

static void guest_goes_at_a_thread(void **state)
{
    World *world = *state;
    g_autofree char *uuid = g_strdup(world->guest->uuid);

    want(world, KNOB_VCPU_PIN, 0, PLANE_ACTUAL, 101, "0-7", "6");
    want(world, KNOB_VCPU_PIN, 1, PLANE_ACTUAL, 102, "0-7", "7");
    world->fake->callback = remove_guest;
    world->fake->callback_data = uuid;
    world->fake->callback_call = 2;
    g_autoptr(Outcome) outcome = run(world);
    assert_int_equal(outcome->kind, OUTCOME_GONE);
    assert_int_equal(outcome->n_writes, 1);
}

static void thread_that_ended_ends_nothing(void **state)
{
    World *world = *state;

    want(world, KNOB_EMULATOR_PIN, 0, PLANE_ACTUAL, 4711, "0-7", "6");
    want(world, KNOB_VCPU_PIN, 1, PLANE_ACTUAL, 102, "0-7", "7");
    g_autoptr(Outcome) outcome = run(world);
    assert_int_equal(outcome->kind, OUTCOME_RETRY);
    assert_int_equal(outcome->results[0].kind, OUTCOME_RETRY);
    assert_int_equal(outcome->results[1].kind, OUTCOME_DONE);
}

static void set_in_job(FakeBackend *fake, void *data)
{
    (void)fake;
    ((Guest *)data)->in_job = true;
}

static void job_begins_on_the_way(void **state)
{
    World *world = *state;

    want_usual(world);
    world->fake->callback = set_in_job;
    world->fake->callback_data = world->guest;
    world->fake->callback_call = 3;
    g_autoptr(Outcome) outcome = run(world);
    assert_int_equal(outcome->kind, OUTCOME_RETRY);
    assert_int_equal(outcome->results[0].kind, OUTCOME_DONE);
    assert_int_equal(outcome->results[1].kind, OUTCOME_RETRY);
    assert_string_equal(outcome->results[1].error, "busy");
}

/* A guest whose monitor hangs is kept off others' CPUs; libvirt is not asked. */
static void hung_guest_gets_its_threads_set(void **state)
{
    World *world = *state;

    world->guest->hung = true;
    want(world, KNOB_VCPU_PIN, 0, PLANE_LIVE, 0, NULL, "6");
    want(world, KNOB_VCPU_PIN, 1, PLANE_ACTUAL, 102, "0-7", "7");
    g_autoptr(Outcome) outcome = run(world);
    assert_int_equal(outcome->kind, OUTCOME_RETRY);
    assert_int_equal(outcome->results[0].kind, OUTCOME_RETRY);
    assert_int_equal(outcome->results[1].kind, OUTCOME_DONE);
    assert_int_equal(outcome->n_writes, 1);
    world->guest->hung = false;
}

static void names(void **state)
{
    (void)state;
    assert_string_equal(outcome_kind_name(OUTCOME_DONE), "done");
    assert_string_equal(outcome_kind_name(OUTCOME_RETRY), "retry");
    assert_string_equal(outcome_kind_name(OUTCOME_GONE), "gone");
    assert_string_equal(outcome_kind_name(OUTCOME_REFUSED), "refused");
    assert_string_equal(outcome_kind_name(OUTCOME_FATAL), "fatal");
    outcome_free(NULL);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(all_done),
        TEST(nothing_to_do_asks_nobody),
        TEST(not_ready),
        cmocka_unit_test(every_call_fails_once),
        TEST(carried_follows_its_carrier),
        TEST(half_made_is_put_back),
        TEST(outside_the_partition_is_put_back),
        TEST(undo_that_fails_is_told),
        TEST(cut_affinity_is_no_success),
        TEST(offline_cpu_is_no_failure),
        TEST(guest_goes_on_the_way),
        TEST(guest_goes_at_a_thread),
        TEST(thread_that_ended_ends_nothing),
        TEST(hung_guest_gets_its_threads_set),
        TEST(job_begins_on_the_way),
        cmocka_unit_test(names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
