/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The host's settings: tuned, recorded, left to others, put back, and a fault at any call. */
#include "daemon/host-job.h"
#include "guest-world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static const SettingKey thp = {.knob = KNOB_HOST_THP, .plane = PLANE_ACTUAL};
static const SettingKey ksm = {.knob = KNOB_HOST_KSM_RUN, .plane = PLANE_ACTUAL};

static int setup(void **state)
{
    GuestWorld *world = guest_world_new();
    const SettingKey pages = host_pool_key(0, 2048);

    fake_host_set(world->fake, &thp, "always");
    fake_host_set(world->fake, &ksm, "0");
    fake_host_set(world->fake, &pages, "10");
    *state = world;
    return 0;
}

static int teardown(void **state)
{
    guest_world_free(*state);
    return 0;
}

static HostPlan *plan_of(const char *thp_value, const char *ksm_value, const char *pages_value)
{
    HostPlan *plan = host_plan_new();
    const SettingKey pages = host_pool_key(0, 2048);

    if (thp_value)
        setting_list_add(plan->wanted, &thp, thp_value, "x", NULL);
    if (ksm_value)
        setting_list_add(plan->wanted, &ksm, ksm_value, "x", NULL);
    if (pages_value)
        setting_list_add(plan->wanted, &pages, pages_value, "x", NULL);
    setting_list_sort(plan->wanted);
    return plan;
}

static HostJob *job_for(const GuestWorld *world, HostJobKind kind, HostPlan *plan)
{
    HostJob *job = host_job_new(kind);

    job->backend = &world->fake->backend;
    job->record = world->record;
    job->boot_id = GUEST_WORLD_BOOT;
    job->plan = plan;
    job->keep_drift = true;
    return job;
}

static void assert_now(const GuestWorld *world, const char *thp_value, const char *ksm_value,
                       const char *pages_value)
{
    const SettingKey pages = host_pool_key(0, 2048);

    assert_string_equal(fake_host_get(world->fake, &thp), thp_value);
    assert_string_equal(fake_host_get(world->fake, &ksm), ksm_value);
    assert_string_equal(fake_host_get(world->fake, &pages), pages_value);
}

static void run(const GuestWorld *world, HostJobKind kind, HostPlan *plan, unsigned expected_left)
{
    g_autoptr(HostJob) job = job_for(world, kind, plan);

    host_job_run(job);
    assert_int_equal(job->result, 0);
    assert_int_equal(job->record_error, 0);
    assert_int_equal(change_set_size(job->left), expected_left);
}

static void tuned_and_put_back(void **state)
{
    const GuestWorld *world = *state;

    run(world, HOST_TUNE, plan_of("never", "1", "64"), 0);
    assert_now(world, "never", "1", "64");
    run(world, HOST_TUNE, plan_of("madvise", "1", "32"), 0); /* originals stay the first */
    run(world, HOST_RESTORE, NULL, 0);
    assert_now(world, "always", "0", "10");
    g_autoptr(HostJob) look = job_for(world, HOST_LOOK, NULL);
    host_job_run(look);
    assert_true(look->released);
    assert_int_equal(setting_list_size(look->originals), 0);
}

static void give_up_now(FakeBackend *fake, void *given_up)
{
    (void)fake;
    g_atomic_int_set((int *)given_up, 1);
}

/* A call that hangs and was given up is the last, whichever it is; the next job goes on from there.
 */
static void given_up_job_does_nothing_more(void **state)
{
    const GuestWorld *world = *state;
    int given_up = 1;

    for (unsigned call = 1; given_up; call++) {
        g_autoptr(HostJob) job = job_for(world, HOST_TUNE, plan_of("never", "1", "64"));
        Backend backend = world->fake->backend;
        given_up = 0;
        backend.watch.given_up = &given_up;
        job->backend = &backend;
        fake_backend_reset(world->fake);
        world->fake->callback_call = call;
        world->fake->callback = give_up_now;
        world->fake->callback_data = &given_up;
        host_job_run(job);
        if (given_up)
            assert_int_equal(world->fake->n_calls, call);
        fake_backend_reset(world->fake);
        run(world, HOST_TUNE, plan_of("never", "1", "64"), 0);
        assert_now(world, "never", "1", "64");
        run(world, HOST_RESTORE, NULL, 0);
        assert_now(world, "always", "0", "10");
        assert_true(given_up || call > 3);
    }
}

/* Pages somebody added to a pool after vmtuned did are not taken from him, now or later. */
static void pages_others_added_stay(void **state)
{
    const GuestWorld *world = *state;
    const SettingKey pages = host_pool_key(0, 2048);

    run(world, HOST_TUNE, plan_of(NULL, NULL, "64"), 0);
    fake_host_set(world->fake, &pages, "128");
    g_autoptr(HostJob) look = job_for(world, HOST_LOOK, NULL);
    host_job_run(look);
    assert_string_equal(setting_list_get(look->originals, 0)->value, "128");
    run(world, HOST_TUNE, plan_of(NULL, NULL, "200"), 0);
    run(world, HOST_RESTORE, NULL, 0);
    assert_now(world, "always", "0", "128");
}

static void a_key_that_leaves_the_policy_goes_back(void **state)
{
    const GuestWorld *world = *state;

    run(world, HOST_TUNE, plan_of("never", "1", NULL), 0);
    run(world, HOST_TUNE, plan_of("never", NULL, NULL), 0);
    assert_now(world, "never", "0", "10");
    g_autoptr(HostJob) look = job_for(world, HOST_LOOK, NULL);
    host_job_run(look);
    assert_int_equal(setting_list_size(look->originals), 1);
    assert_false(look->released);
}

static void another_writer_is_respected(void **state)
{
    const GuestWorld *world = *state;
    g_autoptr(HostPlan) plan = plan_of("never", "1", NULL);

    run(world, HOST_TUNE, host_plan_ref(plan), 0);
    fake_host_set(world->fake, &thp, "madvise");
    g_autoptr(HostJob) job = job_for(world, HOST_TUNE, host_plan_ref(plan));
    job->settled = host_plan_ref(plan);
    host_job_run(job);
    assert_now(world, "madvise", "1", "10");
    assert_int_equal(change_set_size(job->left), 1);
    assert_true(change_set_get(job->left, 0)->drift);

    /* nor is it put back over what somebody else wrote, but by force */
    g_autoptr(HostJob) restore = job_for(world, HOST_RESTORE, NULL);
    host_job_run(restore);
    assert_int_equal(diag_list_count(restore->diags, DIAG_WARNING), 1);
    assert_now(world, "madvise", "0", "10");
    g_autoptr(HostJob) forced = job_for(world, HOST_RESTORE, NULL);
    forced->force = true;
    host_job_run(forced);
    assert_now(world, "always", "0", "10");
}

/* 57 of 64 pages: told, not tried again, and the former count comes back. */
static void a_pool_that_cannot_be_had_goes_back(void **state)
{
    GuestWorld *world = *state;

    world->fake->most_pages = 57;
    g_autoptr(HostJob) job = job_for(world, HOST_TUNE, plan_of(NULL, NULL, "64"));
    host_job_run(job);
    assert_now(world, "always", "0", "57");
    assert_int_equal(change_set_size(job->left), 1); /* from 57 now */
    assert_int_equal(change_set_size(job->refused), 1);
    assert_string_equal(job->outcome->results[0].in_force, "57");
    run(world, HOST_TUNE, plan_of(NULL, NULL, "10"), 0);
    assert_now(world, "always", "0", "10");
}

static void nothing_refused_is_tried_again(void **state)
{
    GuestWorld *world = *state;

    world->fake->fail_call = 2; /* look, write */
    world->fake->fault = FAKE_REFUSED;
    g_autoptr(HostJob) job = job_for(world, HOST_TUNE, plan_of("never", NULL, NULL));
    host_job_run(job);
    assert_int_equal(change_set_size(job->refused), 1);
    assert_int_equal(change_set_size(job->left), 0);
    fake_backend_reset(world->fake);
    g_autoptr(HostJob) again = job_for(world, HOST_TUNE, plan_of("never", NULL, NULL));
    change_set_add_copy(again->refused, change_set_get(job->refused, 0));
    host_job_run(again);
    assert_int_equal(world->fake->n_writes, 0);
}

/* Whatever call fails, and however: afterwards a tuning comes through, and restore gives the first
 * values back. */
static void a_fault_at_any_call_loses_nothing(void **state)
{
    GuestWorld *world = *state;
    unsigned n = 0;

    for (int fault = 0; fault < N_FAKE_FAULTS; fault++)
        for (unsigned call = 1; call <= 6; call++, n++) {
            fake_backend_reset(world->fake);
            world->fake->fail_call = call;
            world->fake->fault = (FakeFault)fault;
            g_autoptr(HostJob) job = job_for(world, HOST_TUNE, plan_of("never", "1", "64"));
            host_job_run(job);
            fake_backend_reset(world->fake);
            run(world, HOST_TUNE, plan_of("never", "1", "64"), 0);
            assert_now(world, "never", "1", "64");
            run(world, HOST_RESTORE, NULL, 0);
            assert_now(world, "always", "0", "10");
        }
    print_message("%u faults\n", n);
}

/* The process is cut off after its write: the record knew of it. */
static void a_crash_after_a_write_is_put_back(void **state)
{
    GuestWorld *world = *state;
    g_autoptr(ChangeSet) changes = change_set_new();
    const ProcessKey process = host_process_key(GUEST_WORLD_BOOT);
    int64_t batch;

    change_set_add(changes, &thp, "always", "never");
    assert_int_equal(record_begin(world->record, &process, changes, "plan", &batch), 0);
    fake_host_set(world->fake, &thp, "never");
    guest_world_reopen(world);
    run(world, HOST_RESTORE, NULL, 0);
    assert_now(world, "always", "0", "10");
}

/* Somebody is at it between each two calls of the backend. */
static void restless(FakeBackend *fake, void *data)
{
    (void)data;
    fake_host_set(fake, &ksm, "0");
    fake->callback_call = fake->n_calls + 1;
}

static void what_is_changed_back_at_once_is_left(void **state)
{
    const GuestWorld *world = *state;
    g_autoptr(HostJob) job = job_for(world, HOST_TUNE, plan_of("never", "1", NULL));

    world->fake->callback = restless;
    world->fake->callback_call = 1;
    host_job_run(job);
    assert_int_equal(job->outcome->n_writes, 2);
    assert_int_equal(change_set_size(job->left), 0);
    const Change *refused = change_set_find(job->refused, &ksm);
    assert_non_null(refused);
    assert_string_equal(refused->reason, "somebody else changes it back at once");
    assert_int_equal(change_set_size(job->refused), 1);
    assert_now(world, "never", "0", "10");

    /* and is not tried again */
    g_autoptr(HostJob) again = job_for(world, HOST_TUNE, plan_of("never", "1", NULL));
    change_set_unref(again->refused);
    again->refused = change_set_copy(job->refused);
    host_job_run(again);
    assert_null(again->outcome);
}

static void originals_end_with_the_boot(void **state)
{
    const GuestWorld *world = *state;
    const ProcessKey now = host_process_key("boot-2");
    GPtrArray *list = NULL;

    run(world, HOST_TUNE, plan_of("never", NULL, NULL), 0);
    assert_int_equal(record_drop_dead(world->record, &now, 1), 0);
    assert_int_equal(record_originals(world->record, &now, &list), 0);
    assert_int_equal(list->len, 0);
    g_ptr_array_unref(list);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(tuned_and_put_back, setup, teardown),
        cmocka_unit_test_setup_teardown(given_up_job_does_nothing_more, setup, teardown),
        cmocka_unit_test_setup_teardown(pages_others_added_stay, setup, teardown),
        cmocka_unit_test_setup_teardown(a_key_that_leaves_the_policy_goes_back, setup, teardown),
        cmocka_unit_test_setup_teardown(another_writer_is_respected, setup, teardown),
        cmocka_unit_test_setup_teardown(a_pool_that_cannot_be_had_goes_back, setup, teardown),
        cmocka_unit_test_setup_teardown(nothing_refused_is_tried_again, setup, teardown),
        cmocka_unit_test_setup_teardown(a_fault_at_any_call_loses_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(a_crash_after_a_write_is_put_back, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_changed_back_at_once_is_left, setup, teardown),
        cmocka_unit_test_setup_teardown(originals_end_with_the_boot, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
