/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Guests that are started anew: each step, what stands in its way, and a crash at any point. */
#include "common/fake-guest.h"
#include "daemon/restart-job.h"
#include "guest-world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define OTHER_PID 900

static int setup(void **state)
{
    *state = guest_world_new();
    return 0;
}

static int teardown(void **state)
{
    guest_world_free(*state);
    return 0;
}

/* --- helpers --- */

static RestartJob *job_for(const GuestWorld *world, RestartStep step, const RestartEntry *entry)
{
    g_autoptr(RestartEntry) fresh = g_new0(RestartEntry, 1);

    if (!entry) {
        fresh->uuid = g_strdup(world->guest->uuid);
        fresh->name = g_strdup(world->guest->name);
        fresh->until_usec = g_get_monotonic_time() + G_TIME_SPAN_HOUR;
    }
    RestartJob *job = restart_job_new(step, entry ? entry : fresh);

    job->backend = &world->fake->backend;
    job->record = world->record;
    job->boot_id = GUEST_WORLD_BOOT;
    return job;
}

static RestartJob *run(const GuestWorld *world, RestartStep step, const RestartEntry *entry)
{
    RestartJob *job = job_for(world, step, entry);

    fake_backend_reset(world->fake);
    restart_job_run(job);
    return job;
}

/* That of the record; NULL: none. Owned by the caller. */
static RestartEntry *recorded(const GuestWorld *world)
{
    g_autoptr(GPtrArray) list = NULL;

    assert_int_equal(record_restarts(world->record, &list), 0);
    assert_true(list->len <= 1);
    return list->len == 1 ? restart_entry_copy(g_ptr_array_index(list, 0)) : NULL;
}

static void assert_recorded(const GuestWorld *world, bool expected)
{
    g_autoptr(RestartEntry) entry = recorded(world);

    assert_int_equal(entry != NULL, expected);
}

static void assert_run(const GuestWorld *world, RestartStep step, const RestartEntry *entry,
                       RestartOutcome outcome)
{
    g_autoptr(RestartJob) job = run(world, step, entry);

    if (job->outcome != outcome && job->text)
        print_message("%s\n", job->text);
    assert_int_equal(job->outcome, outcome);
    assert_recorded(world, outcome == RESTART_WAITS || outcome == RESTART_AGAIN);
}

/* The guest's reboot is to end it. */
static RestartEntry *arm(const GuestWorld *world)
{
    assert_run(world, RESTART_ARM, NULL, RESTART_WAITS);
    assert_string_equal(world->guest->live->on_reboot, "destroy");
    return recorded(world);
}

static RestartEntry *shut_down(const GuestWorld *world)
{
    assert_run(world, RESTART_SHUT_DOWN, NULL, RESTART_WAITS);
    return recorded(world);
}

static bool called(const GuestWorld *world, const char *words)
{
    for (guint i = 0; i < world->fake->log->len; i++)
        if (strstr(g_ptr_array_index(world->fake->log, i), words))
            return true;
    return false;
}

/* --- the way it should go --- */

static void shut_down_and_start(void **state)
{
    GuestWorld *world = *state;
    g_autoptr(RestartEntry) entry = shut_down(world);

    assert_false(world->guest->active);
    assert_int_equal(entry->pid, 100);
    assert_null(entry->on_reboot);
    assert_run(world, RESTART_START, entry, RESTART_STARTED);
    assert_true(world->guest->active);
}

static void reboot_becomes_a_start(void **state)
{
    GuestWorld *world = *state;
    g_autoptr(RestartEntry) entry = arm(world);

    assert_string_equal(entry->on_reboot, "restart");
    fake_power_off(world->guest, OFF_SHUT_DOWN);
    assert_run(world, RESTART_START, entry, RESTART_STARTED);
    assert_string_equal(world->guest->live->on_reboot, "restart");
}

static void given_up_reboot_is_as_before(void **state)
{
    GuestWorld *world = *state;
    g_autoptr(RestartEntry) entry = NULL;

    g_free(world->guest->live->on_reboot);
    world->guest->live->on_reboot = g_strdup("preserve");
    entry = arm(world);
    assert_run(world, RESTART_UNDO, entry, RESTART_UNDONE);
    assert_string_equal(world->guest->live->on_reboot, "preserve");
    assert_true(world->guest->active);
}

static void somebody_elses_on_reboot_is_kept(void **state)
{
    GuestWorld *world = *state;
    g_autoptr(RestartEntry) entry = arm(world);

    g_free(world->guest->live->on_reboot);
    world->guest->live->on_reboot = g_strdup("preserve");
    assert_run(world, RESTART_UNDO, entry, RESTART_UNDONE);
    assert_string_equal(world->guest->live->on_reboot, "preserve");
}

static void another_process_is_left_alone(void **state)
{
    GuestWorld *world = *state;
    g_autoptr(RestartEntry) entry = arm(world);

    guest_world_restart(world, OTHER_PID);
    g_free(world->guest->live->on_reboot);
    world->guest->live->on_reboot = g_strdup("destroy");
    assert_run(world, RESTART_UNDO, entry, RESTART_UNDONE);
    assert_false(called(world, "on_reboot"));
    assert_string_equal(world->guest->live->on_reboot, "destroy");
}

static void start_by_somebody_else_is_one(void **state)
{
    GuestWorld *world = *state;
    g_autoptr(RestartEntry) entry = arm(world);

    guest_world_restart(world, OTHER_PID);
    assert_run(world, RESTART_START, entry, RESTART_STARTED);
    assert_false(called(world, "start"));
}

static void guest_that_still_runs_waits_on(void **state)
{
    GuestWorld *world = *state;
    g_autoptr(RestartEntry) entry = NULL;

    world->fake->stubborn = true;
    entry = shut_down(world);
    assert_run(world, RESTART_START, entry, RESTART_WAITS);
    assert_false(called(world, "start"));
    assert_run(world, RESTART_UNDO, entry, RESTART_UNDONE);
    assert_true(world->guest->active);
}

static void undefined_guest_is_forgotten(void **state)
{
    GuestWorld *world = *state;
    g_autoptr(RestartEntry) entry = arm(world);

    fake_backend_remove(world->fake, world->guest->uuid);
    world->guest = NULL;
    assert_run(world, RESTART_UNDO, entry, RESTART_UNDONE);
}

/* --- what stands in the way --- */

typedef struct Obstacle {
    const char *name;
    bool off, saved, transient, in_job, ends, no_record;
    const char *hung;
    RestartStep step;
    const char *text;
} Obstacle;

static const Obstacle obstacles[] = {
    {.name = "off", .off = true, .step = RESTART_SHUT_DOWN, .text = "it is off"},
    {.name = "saved", .off = true, .saved = true, .step = RESTART_SHUT_DOWN, .text = "saved"},
    {.name = "transient", .transient = true, .step = RESTART_ARM, .text = "transient"},
    {.name = "in a job", .in_job = true, .step = RESTART_SHUT_DOWN, .text = "in a job"},
    {.name = "hung",
     .hung = "its monitor does not answer",
     .step = RESTART_ARM,
     .text = "does not answer"},
    {.name = "ends already", .ends = true, .step = RESTART_ARM, .text = "ends it already"},
    {.name = "no record", .no_record = true, .step = RESTART_ARM, .text = "cannot be used"},
};

static void set_obstacle(GuestWorld *world, const Obstacle *obstacle)
{
    Guest *guest = world->guest;

    if (obstacle->off)
        fake_power_off(guest, OFF_SHUT_DOWN);
    guest->managed_save = obstacle->saved;
    guest->persistent = !obstacle->transient;
    guest->in_job = obstacle->in_job;
    guest->hung = obstacle->hung;
    if (obstacle->ends) {
        g_free(guest->live->on_reboot);
        guest->live->on_reboot = g_strdup("destroy");
    }
}

static void obstacles_are_told(void **state)
{
    (void)state;
    for (unsigned i = 0; i < G_N_ELEMENTS(obstacles); i++) {
        g_autoptr(GuestWorld) world = guest_world_new();
        set_obstacle(world, &obstacles[i]);
        g_autoptr(RestartJob) job = job_for(world, obstacles[i].step, NULL);
        if (obstacles[i].no_record)
            job->record = NULL;
        restart_job_run(job);
        print_message("%s: %s\n", obstacles[i].name, job->text);
        assert_int_equal(job->outcome, RESTART_FAILED);
        assert_non_null(strstr(job->text, obstacles[i].text));
        assert_recorded(world, false);
        assert_false(called(world, "shutdown"));
        assert_false(called(world, "on_reboot"));
    }
}

static const struct {
    OffReason off;
    bool saved, unseen;
    RestartOutcome outcome;
} ends[] = {
    {OFF_SHUT_DOWN, false, false, RESTART_STARTED}, {OFF_UNKNOWN, false, true, RESTART_STARTED},
    {OFF_DESTROYED, false, false, RESTART_STARTED}, {OFF_DESTROYED, false, true, RESTART_FAILED},
    {OFF_CRASHED, false, true, RESTART_FAILED},     {OFF_ELSEWHERE, false, false, RESTART_FAILED},
    {OFF_ELSEWHERE, false, true, RESTART_FAILED},   {OFF_SHUT_DOWN, true, false, RESTART_FAILED},
};

static void not_every_end_is_followed_by_a_start(void **state)
{
    (void)state;
    for (unsigned i = 0; i < G_N_ELEMENTS(ends); i++) {
        g_autoptr(GuestWorld) world = guest_world_new();
        g_autoptr(RestartEntry) entry = arm(world);
        fake_power_off(world->guest, ends[i].off);
        world->guest->managed_save = ends[i].saved;
        g_autoptr(RestartJob) job = job_for(world, RESTART_START, entry);
        job->unseen = ends[i].unseen;
        restart_job_run(job);
        assert_int_equal(job->outcome, ends[i].outcome);
        assert_int_equal(world->guest->active, ends[i].outcome == RESTART_STARTED);
        assert_recorded(world, false);
    }
}

static void start_is_tried_again_or_given_up(void **state)
{
    GuestWorld *world = *state;
    g_autoptr(RestartEntry) entry = shut_down(world);

    for (unsigned i = 0; i < 2; i++) {
        g_autoptr(RestartJob) job = job_for(world, RESTART_START, entry);
        fake_backend_reset(world->fake);
        world->fake->fail_call = 2;
        world->fake->fault = i == 0 ? FAKE_RETRY : FAKE_REFUSED;
        restart_job_run(job);
        assert_int_equal(job->outcome, i == 0 ? RESTART_AGAIN : RESTART_FAILED);
        assert_string_equal(job->text, "no start");
        assert_recorded(world, i == 0);
    }
}

/* --- faults and crashes --- */

/* Whatever fails: the guest runs, its reboot does what it did or the record has what that was. */
static void assert_true_record(const GuestWorld *world)
{
    g_autoptr(RestartEntry) entry = recorded(world);
    bool ends_it = world->guest->active && g_strcmp0(world->guest->live->on_reboot, "destroy") == 0;

    if (ends_it) {
        assert_non_null(entry);
        assert_string_equal(entry->on_reboot, "restart");
    }
    assert_true(world->guest->active || entry);
}

static void run_with_fault(RestartStep step, bool armed, unsigned call, FakeFault fault)
{
    g_autoptr(GuestWorld) world = guest_world_new();
    g_autoptr(RestartEntry) entry = armed ? arm(world) : NULL;
    g_autoptr(RestartJob) job = job_for(world, step, entry);

    fake_backend_reset(world->fake);
    world->fake->fail_call = call;
    world->fake->fault = fault;
    restart_job_run(job);
    /* what is refused, or of a process that is gone, nobody can put back */
    if (!armed || (fault != FAKE_REFUSED && fault != FAKE_GONE))
        assert_true_record(world);
}

static void faults_leave_a_true_record(void **state)
{
    (void)state;
    for (unsigned call = 1; call <= 4; call++) {
        for (FakeFault fault = 0; fault < N_FAKE_FAULTS; fault++) {
            if (fault == FAKE_NO_EFFECT || fault == FAKE_HALF)
                continue;
            run_with_fault(RESTART_ARM, false, call, fault);
            run_with_fault(RESTART_SHUT_DOWN, false, call, fault);
            run_with_fault(RESTART_UNDO, true, call, fault);
            run_with_fault(RESTART_RECOVER, true, call, fault);
        }
    }
}

/* The machine and the disk as a crash of the daemon before that call leaves them. */
typedef struct Crash {
    GuestWorld *world;
    Guest *guest;
} Crash;

static void crash(FakeBackend *fake, void *data)
{
    Crash *crash = data;

    (void)fake;
    crash->guest = guest_copy(crash->world->guest);
    guest_world_copy_record(crash->world);
}

/* False: the step has no such call. */
static bool crash_before(RestartStep step, bool armed, unsigned call)
{
    g_autoptr(GuestWorld) world = guest_world_new();
    g_autoptr(RestartEntry) entry = armed ? arm(world) : NULL;
    g_autoptr(RestartJob) job = job_for(world, step, entry);
    Crash data = {.world = world};

    fake_backend_reset(world->fake);
    world->fake->callback = crash;
    world->fake->callback_call = call;
    world->fake->callback_data = &data;
    restart_job_run(job);
    if (!data.guest)
        return false;
    g_autofree char *uuid = g_strdup(world->guest->uuid);
    fake_backend_remove(world->fake, uuid);
    world->guest = fake_backend_add(world->fake, data.guest);
    fake_backend_reset(world->fake);
    guest_world_reopen(world);
    assert_true_record(world);

    g_autoptr(RestartEntry) left = recorded(world);
    if (!left)
        return true;
    g_autoptr(RestartJob) next = job_for(world, RESTART_RECOVER, left);
    restart_job_run(next);
    assert_true(next->outcome == RESTART_UNDONE ||
                (next->outcome == RESTART_WAITS && !left->on_reboot));
    assert_true(world->guest->active);
    assert_string_equal(world->guest->live->on_reboot, "restart");
    return true;
}

static void crashes_leave_guests_running(void **state)
{
    static const struct {
        RestartStep step;
        bool armed;
    } steps[] = {{RESTART_ARM, false}, {RESTART_SHUT_DOWN, false}, {RESTART_UNDO, true}};

    (void)state;
    for (unsigned i = 0; i < G_N_ELEMENTS(steps); i++) {
        unsigned n = 0;
        while (crash_before(steps[i].step, steps[i].armed, n + 1))
            n++;
        assert_true(n >= 2);
    }
}

static void guest_found_off_is_started(void **state)
{
    GuestWorld *world = *state;

    for (unsigned i = 0; i < 2; i++) {
        g_autoptr(RestartEntry) entry = i == 0 ? arm(world) : shut_down(world);
        if (i == 0)
            fake_power_off(world->guest, OFF_SHUT_DOWN);
        assert_run(world, RESTART_RECOVER, entry, RESTART_STARTED);
        assert_true(world->guest->active);
    }
}

static void record_knows_how_far_it_came(void **state)
{
    GuestWorld *world = *state;
    restart_entry_free(arm(world));

    assert_run(world, RESTART_RECOVER, NULL, RESTART_UNDONE);
    assert_string_equal(world->guest->live->on_reboot, "restart");
    assert_run(world, RESTART_RECOVER, NULL, RESTART_UNDONE);
    assert_false(called(world, "acquire"));
}

static void earlier_boot_is_forgotten(void **state)
{
    GuestWorld *world = *state;
    g_autoptr(RestartEntry) entry = arm(world);

    g_free(entry->boot_id);
    entry->boot_id = g_strdup("boot-0");
    assert_int_equal(record_restart_keep(world->record, entry), 0);
    fake_power_off(world->guest, OFF_UNKNOWN);
    assert_run(world, RESTART_RECOVER, entry, RESTART_UNDONE);
    assert_false(world->guest->active);
}

static void shutdown_is_not_waited_for_for_ever(void **state)
{
    GuestWorld *world = *state;

    world->fake->stubborn = true;
    g_autoptr(RestartEntry) entry = shut_down(world);
    assert_run(world, RESTART_RECOVER, entry, RESTART_WAITS);
    entry->until_usec = g_get_monotonic_time() - 1;
    assert_int_equal(record_restart_keep(world->record, entry), 0);
    assert_run(world, RESTART_RECOVER, entry, RESTART_UNDONE);
}

/* --- a call that hangs, is given up, and comes back --- */

typedef struct Late {
    const GuestWorld *world;
    int given_up;
    bool was_recorded;
} Late;

static void give_up_now(FakeBackend *fake, void *data)
{
    Late *late = data;
    g_autoptr(RestartEntry) entry = recorded(late->world);

    (void)fake;
    late->was_recorded = entry != NULL;
    g_atomic_int_set(&late->given_up, 1);
}

/* False: the step has no such call. */
static bool comes_back_late(RestartStep step, unsigned call)
{
    g_autoptr(GuestWorld) world = guest_world_new();
    Late late = {.world = world};
    Backend backend = world->fake->backend;
    g_autoptr(RestartEntry) entry = step == RESTART_START  ? shut_down(world)
                                    : step == RESTART_UNDO ? arm(world)
                                                           : NULL;
    g_autoptr(RestartJob) job = job_for(world, step, entry);

    backend.watch.given_up = &late.given_up;
    job->backend = &backend;
    fake_backend_reset(world->fake);
    world->fake->callback_call = call;
    world->fake->callback = give_up_now;
    world->fake->callback_data = &late;
    restart_job_run(job);
    if (!late.given_up)
        return false;
    assert_int_equal(world->fake->n_calls, call);
    assert_recorded(world, late.was_recorded);
    return true;
}

static void given_up_step_does_nothing_more(void **state)
{
    static const RestartStep steps[] = {RESTART_SHUT_DOWN, RESTART_ARM, RESTART_START,
                                        RESTART_UNDO};

    (void)state;
    for (unsigned i = 0; i < G_N_ELEMENTS(steps); i++) {
        unsigned call = 1;
        while (comes_back_late(steps[i], call))
            call++;
        assert_true(call > 2);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(shut_down_and_start, setup, teardown),
        cmocka_unit_test_setup_teardown(reboot_becomes_a_start, setup, teardown),
        cmocka_unit_test_setup_teardown(given_up_reboot_is_as_before, setup, teardown),
        cmocka_unit_test_setup_teardown(somebody_elses_on_reboot_is_kept, setup, teardown),
        cmocka_unit_test_setup_teardown(another_process_is_left_alone, setup, teardown),
        cmocka_unit_test_setup_teardown(start_by_somebody_else_is_one, setup, teardown),
        cmocka_unit_test_setup_teardown(guest_that_still_runs_waits_on, setup, teardown),
        cmocka_unit_test_setup_teardown(undefined_guest_is_forgotten, setup, teardown),
        cmocka_unit_test(obstacles_are_told),
        cmocka_unit_test(not_every_end_is_followed_by_a_start),
        cmocka_unit_test_setup_teardown(start_is_tried_again_or_given_up, setup, teardown),
        cmocka_unit_test(faults_leave_a_true_record),
        cmocka_unit_test(given_up_step_does_nothing_more),
        cmocka_unit_test(crashes_leave_guests_running),
        cmocka_unit_test_setup_teardown(guest_found_off_is_started, setup, teardown),
        cmocka_unit_test_setup_teardown(record_knows_how_far_it_came, setup, teardown),
        cmocka_unit_test_setup_teardown(earlier_boot_is_forgotten, setup, teardown),
        cmocka_unit_test_setup_teardown(shutdown_is_not_waited_for_for_ever, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
