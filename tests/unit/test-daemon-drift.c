/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What counts as a reversal, and what does not. */
#include "daemon/drift.h"

#include "common/fake-guest.h"
#include "guest-world.h"
#include "plan/diff.h"
#include "policy/policy-load.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

enum { MAIN_TID = 100, VHOST_TID = 102, VCPU_TID = 103, BORN_TID = 150 };

static const PlanSpec dedicated = {true, "4|5", "0", "1", "2", 0, 0, NULL, PERSIST_NEVER};

typedef struct Stage {
    GuestWorld *world;
    Manager manager;
    Managed *managed;
} Stage;

/* As a cycle does: whole look, then what differs. */
static void look(Stage *stage)
{
    const Backend *backend = &stage->world->fake->backend;
    g_autoptr(Guest) seen = NULL;

    assert_int_equal(backend->guest_acquire(backend->ctx, stage->managed->uuid, NULL, &seen),
                     BACKEND_DONE);
    managed_set_guest(stage->managed, seen);
    g_autoptr(SettingList) wanted = wanted_make(stage->managed->plan, seen);
    g_autoptr(SettingList) observed = observed_make(seen);
    const GuestPlan *then = managed_before(stage->managed);
    g_autoptr(SettingList) before = then ? wanted_make(then, seen) : NULL;
    drift_take_left(&stage->manager, stage->managed,
                    diff_make(wanted, before, observed, stage->world->topo->allowed,
                              stage->world->topo->online));
}

static GuestJob *tune(Stage *stage)
{
    GuestJob *job = guest_job_new(GUEST_TUNE, stage->managed->uuid, "db");

    guest_world_fill(stage->world, job);
    if (managed_before(stage->managed))
        job->settled = guest_plan_ref(managed_before(stage->managed));
    job->contest = contest_copy(stage->managed->contest);
    fake_backend_reset(stage->world->fake);
    stage->world->fake->callback = NULL;
    return job;
}

static void repair(Stage *stage)
{
    g_autoptr(GuestJob) job = tune(stage);

    guest_job_run(job);
    assert_int_equal(job->result, BACKEND_DONE);
    managed_set_guest(stage->managed, job->guest);
    change_set_unref(stage->managed->left);
    stage->managed->left = change_set_ref(job->left);
    drift_judge_job(stage->managed, job);
    if (change_set_size_open(job->left) == 0)
        managed_settle(stage->managed);
}

static void set_policy(Stage *stage, const char *text)
{
    g_clear_pointer(&stage->manager.policy, policy_unref);
    g_clear_pointer(&stage->managed->policy, guest_policy_unref);
    g_autoptr(DiagList) diags = diag_list_new();
    stage->manager.policy = policy_new();
    assert_int_equal(policy_parse(text, strlen(text), "p.yaml", stage->manager.policy, diags), 0);
    PolicySubject subject = guest_policy_subject(stage->world->guest);
    stage->managed->policy = policy_select(stage->manager.policy, &subject);
}

static int setup(void **state)
{
    Stage *stage = g_new0(Stage, 1);

    stage->world = guest_world_new();
    stage->managed = managed_new(stage->world->guest->uuid, "db");
    stage->managed->active = true;
    guest_world_set_plan(stage->world, &dedicated);
    stage->managed->plan = guest_plan_ref(stage->world->plan);
    set_policy(
        stage,
        "version: 1\nmode: enforce\nguests: [{match: {name: db}, cpu: {policy: dedicated}}]\n");
    look(stage);
    repair(stage);
    look(stage);
    assert_int_equal(change_set_size(stage->managed->left), 0);
    *state = stage;
    return 0;
}

static int teardown(void **state)
{
    Stage *stage = *state;

    managed_free(stage->managed);
    policy_unref(stage->manager.policy);
    guest_world_free(stage->world);
    g_free(stage);
    return 0;
}

static void taskset(Stage *stage, pid_t tid, const char *cpus)
{
    assert_true(fake_taskset(stage->world->guest->kernel, tid, cpus));
}

static unsigned contested(const Stage *stage)
{
    return contest_size(stage->managed->contest);
}

/* --- what counts --- */

static void a_reversal_is_counted_once_it_was_repaired(void **state)
{
    Stage *stage = *state;

    for (unsigned i = 1; i < CONTEST_REVERSALS; i++) {
        taskset(stage, VHOST_TID, "0");
        look(stage);
        look(stage); /* not repaired yet: still the same one */
        look(stage);
        repair(stage);
        assert_int_equal(contested(stage), 0);
        look(stage);
        assert_int_equal(change_set_size(stage->managed->left), 0);
    }
    taskset(stage, VHOST_TID, "0");
    look(stage);
    assert_int_equal(contested(stage), 1);
    assert_int_equal(contest_get(stage->managed->contest, 0)->key.knob, KNOB_VHOST_PIN);
    assert_false(managed_has_work(stage->managed));
    assert_int_equal(managed_judge(stage->managed), GUEST_CONTESTED);
    assert_int_equal(stage->managed->drift_count, CONTEST_REVERSALS);
    assert_int_equal(stage->manager.counters.knobs[KNOB_VHOST_PIN].drift, CONTEST_REVERSALS);

    /* all that comes after is left, and counted no more */
    repair(stage);
    assert_int_equal(stage->world->fake->n_writes, 0);
    taskset(stage, VHOST_TID, "1");
    look(stage);
    assert_int_equal(managed_judge(stage->managed), GUEST_CONTESTED);
    taskset(stage, VHOST_TID, "0");
    look(stage);
    assert_int_equal(stage->managed->drift_count, CONTEST_REVERSALS);

    managed_forget_contest(stage->managed);
    assert_true(stage->managed->dirty);
    look(stage);
    assert_true(managed_has_work(stage->managed));
    repair(stage);
    assert_int_equal(managed_judge(stage->managed), GUEST_AS_PLANNED);
}

/* Who is left alone with one setting is settled with all others: they drift as before. */
static void others_are_still_watched(void **state)
{
    Stage *stage = *state;

    contest_give_up(stage->managed->contest, &(SettingKey){.knob = KNOB_VHOST_PIN});
    taskset(stage, VHOST_TID, "0");
    taskset(stage, VCPU_TID, "4");
    look(stage);
    g_clear_pointer(&stage->managed->settled, guest_plan_unref);
    look(stage);
    assert_non_null(stage->managed->settled);
    assert_true(fake_live_pin(stage->world->fake, stage->world->guest, KNOB_VCPU_PIN, 0, "5"));
    look(stage);
    assert_true(managed_has_work(stage->managed));
    assert_int_equal(managed_judge(stage->managed), GUEST_PENDING);
    unsigned n_drift = 0;
    for (unsigned i = 0; i < change_set_size(stage->managed->left); i++)
        n_drift += change_set_get(stage->managed->left, i)->drift;
    assert_int_equal(n_drift, change_set_size(stage->managed->left));
}

/* --- what does not --- */

static void threads_that_are_born_elsewhere(void **state)
{
    Stage *stage = *state;

    for (unsigned i = 0; i < 3 * CONTEST_REVERSALS; i++) {
        guest_world_spawn(stage->world, BORN_TID + (pid_t)i, THREAD_VHOST, MAIN_TID);
        look(stage);
        assert_true(change_set_size(stage->managed->left) > 0);
        repair(stage);
    }
    assert_int_equal(contested(stage), 0);
    assert_true(stage->managed->drift_count >= CONTEST_REVERSALS);
}

static void what_the_kernel_resets(void **state)
{
    Stage *stage = *state;

    for (unsigned i = 0; i < 3 * CONTEST_REVERSALS; i++) {
        stage->managed->host_changed = true; /* a CPU went off line */
        taskset(stage, VHOST_TID, "0");
        look(stage);
        assert_true(managed_has_work(stage->managed));
        repair(stage);
    }
    assert_int_equal(contested(stage), 0);
}

static void what_is_not_put_right(void **state)
{
    static const char *const policies[] = {
        "version: 1\nmode: observe\nguests: [{match: {name: db}, cpu: {policy: dedicated}}]\n",
        "version: 1\nmode: enforce\nguests: [{match: {name: db}, drift: report}]\n",
        "version: 1\nmode: enforce\nguests: [{match: {name: db}, drift: ignore}]\n",
    };
    Stage *stage = *state;

    for (size_t row = 0; row < G_N_ELEMENTS(policies); row++) {
        set_policy(stage, policies[row]);
        for (unsigned i = 0; i < 3 * CONTEST_REVERSALS; i++) {
            taskset(stage, VHOST_TID, i % 2 ? "0" : "1");
            look(stage);
        }
        assert_int_equal(contested(stage), 0);
    }
}

static void a_new_plan(void **state)
{
    static const char *const cpus[] = {"4|6", "4|7"};
    Stage *stage = *state;

    for (unsigned i = 0; i < 3 * CONTEST_REVERSALS; i++) {
        PlanSpec spec = dedicated;
        spec.vcpus = cpus[i % 2];
        guest_world_set_plan(stage->world, &spec);
        guest_plan_unref(stage->managed->plan);
        stage->managed->plan = guest_plan_ref(stage->world->plan);
        look(stage);
        assert_true(managed_has_work(stage->managed));
        repair(stage);
    }
    assert_int_equal(contested(stage), 0);
}

static void a_new_process(void **state)
{
    Stage *stage = *state;

    contest_give_up(stage->managed->contest, &(SettingKey){.knob = KNOB_VHOST_PIN});
    guest_world_restart(stage->world, 500);
    look(stage);
    assert_int_equal(contested(stage), 0);
}

/* --- while it is being put right --- */

/* Somebody moves the worker before each call of the backend. */
static void restless(FakeBackend *fake, void *data)
{
    Stage *stage = data;

    taskset(stage, VHOST_TID, "0");
    fake->callback_call = fake->n_calls + 1;
}

static void changed_back_in_every_round(void **state)
{
    Stage *stage = *state;

    taskset(stage, VHOST_TID, "0");
    look(stage);
    g_autoptr(GuestJob) job = tune(stage);
    stage->world->fake->callback = restless;
    stage->world->fake->callback_data = stage;
    stage->world->fake->callback_call = 1;
    guest_job_run(job);
    assert_int_equal(job->outcomes->len, GUEST_JOB_MAX_ROUNDS);
    change_set_unref(stage->managed->left);
    stage->managed->left = change_set_ref(job->left);
    assert_false(drift_judge_job(stage->managed, job));
    assert_int_equal(contested(stage), 1);
    assert_false(managed_has_work(stage->managed));
}

/* The setter says so: another value is in force straight after. */
static void outrun(void **state)
{
    Stage *stage = *state;

    taskset(stage, VHOST_TID, "0");
    look(stage);
    for (unsigned i = 1; i < CONTEST_REVERSALS; i++) {
        assert_int_equal(contested(stage), 0);
        g_autoptr(GuestJob) job = tune(stage);
        stage->world->fake->fault = FAKE_NO_EFFECT;
        stage->world->fake->fail_call = 2; /* look, set */
        guest_job_run(job);
        bool last = i + 1 == CONTEST_REVERSALS;
        assert_int_equal(drift_judge_job(stage->managed, job), !last);
    }
    assert_int_equal(contested(stage), 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_reversal_is_counted_once_it_was_repaired),
        TEST(others_are_still_watched),
        TEST(threads_that_are_born_elsewhere),
        TEST(what_the_kernel_resets),
        TEST(what_is_not_put_right),
        TEST(a_new_plan),
        TEST(a_new_process),
        TEST(changed_back_in_every_round),
        TEST(outrun),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
