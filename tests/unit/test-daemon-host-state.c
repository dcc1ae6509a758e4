/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Jobs about the host that hang: one at a time is out, whatever happens meanwhile. */
#include "daemon/host-state.h"

#include "daemon/jobs.h"
#include "guest-world.h"
#include "plan/diff.h"
#include "policy/policy-load.h"

#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static const SettingKey thp = {.knob = KNOB_HOST_THP, .plane = PLANE_ACTUAL};

typedef struct Stage {
    GuestWorld *world;
    Manager manager;
    GMutex gate; /* a write waits for it */
    int n_writes;
} Stage;

static void at_gate(FakeBackend *fake, void *data)
{
    Stage *stage = data;

    (void)fake;
    g_atomic_int_inc(&stage->n_writes);
    g_mutex_lock(&stage->gate);
    g_mutex_unlock(&stage->gate);
}

static int setup(void **state)
{
    static const char text[] = "version: 1\nmode: enforce\n";
    Stage *stage = g_new0(Stage, 1);
    Manager *manager = &stage->manager;
    g_autoptr(DiagList) diags = diag_list_new();

    stage->world = guest_world_new();
    fake_host_set(stage->world->fake, &thp, "always");
    manager->backend = stage->world->fake->backend;
    manager->record = stage->world->record;
    manager->boot_id = (char *)GUEST_WORLD_BOOT;
    manager->topo = stage->world->topo;
    manager->guests = g_ptr_array_new();
    manager->policy = policy_new();
    manager->host = host_state_new();
    manager->jobs = jobs_new();
    manager->jobs_pending = 1; /* that of a guest, so that the cycle does not end here */
    assert_int_equal(policy_parse(text, strlen(text), "p.yaml", manager->policy, diags), 0);
    assert_int_equal(pool_new(&manager->pool), 0);
    *state = stage;
    return 0;
}

static int teardown(void **state)
{
    Stage *stage = *state;

    assert_true(pool_drain(stage->manager.pool, g_get_monotonic_time() + 60 * G_USEC_PER_SEC));
    pool_free(stage->manager.pool);
    host_state_free(stage->manager.host);
    policy_unref(stage->manager.policy);
    g_ptr_array_unref(stage->manager.guests);
    g_ptr_array_unref(stage->manager.jobs);
    g_clear_pointer(&stage->manager.shown, g_variant_unref);
    guest_world_free(stage->world);
    g_free(stage);
    return 0;
}

/* As a cycle does, with one setting to change; true: a job went out. */
static bool tune_one(Stage *stage, const SettingKey *key, const char *from, const char *to)
{
    HostState *host = stage->manager.host;
    unsigned before = stage->manager.jobs_pending;

    g_clear_pointer(&host->plan, host_plan_unref);
    host->plan = host_plan_new();
    setting_list_add(host->plan->wanted, key, to, "x", NULL);
    change_set_unref(host->left);
    host->left = change_set_new();
    change_set_add(host->left, key, from, to);
    host_state_tune(&stage->manager);
    host_state_end(host);
    return stage->manager.jobs_pending > before;
}

static bool tune(Stage *stage)
{
    return tune_one(stage, &thp, "always", "never");
}

/* The next write waits for the gate. */
static void close_gate(Stage *stage)
{
    fake_backend_reset(stage->world->fake);
    stage->world->fake->callback_call = 2; /* look, write */
    stage->world->fake->callback = at_gate;
    stage->world->fake->callback_data = stage;
    g_mutex_lock(&stage->gate);
}

static void wait_for_write(const Stage *stage)
{
    while (g_atomic_int_get(&stage->n_writes) == 0)
        g_usleep(1000);
}

/* Its job is written off, and still hangs. */
static void lose_a_job(Stage *stage)
{
    close_gate(stage);
    assert_true(tune(stage));
    wait_for_write(stage);
    pool_dispatch(stage->manager.pool, g_get_monotonic_time() + JOB_TIMEOUT_USEC);
}

static void wait_back(Stage *stage)
{
    struct pollfd fd = {.fd = pool_get_fd(stage->manager.pool), .events = POLLIN};

    g_mutex_unlock(&stage->gate);
    assert_int_equal(poll(&fd, 1, 60000), 1);
    pool_dispatch(stage->manager.pool, g_get_monotonic_time());
}

static void no_other_while_one_is_lost(void **state)
{
    Stage *stage = *state;

    lose_a_job(stage);
    assert_int_equal(stage->manager.jobs_pending, 1);
    assert_false(tune(stage));
    assert_false(tune(stage));
    stage->manager.triggered = false;
    wait_back(stage);
    assert_true(stage->manager.triggered);
    assert_int_equal(stage->n_writes, 1);
    assert_true(tune(stage));
}

/* What is asked for meanwhile is done afterwards. */
static void requests_wait_for_a_lost_one(void **state)
{
    Stage *stage = *state;

    lose_a_job(stage);
    stage->manager.host->restore = true;
    assert_false(tune(stage));
    wait_back(stage);
    assert_true(stage->manager.host->restore);
    assert_true(tune(stage));
    assert_false(stage->manager.host->restore);
}

static void pools_of_pages_are_told_of(void **state)
{
    Stage *stage = *state;
    const SettingKey pages = host_pool_key(0, 2048);
    const GPtrArray *jobs = stage->manager.jobs;

    fake_host_set(stage->world->fake, &pages, "8");
    close_gate(stage);
    assert_true(tune_one(stage, &pages, "8", "108"));
    wait_for_write(stage);
    assert_int_equal(jobs->len, 1);
    const JobStatus *job = &((const Job *)g_ptr_array_index(jobs, 0))->status;
    assert_int_equal(job->kind, JOB_PAGES);
    assert_int_equal(job->progress.total, 100);
    assert_int_equal(job->progress.done, 0);
    assert_null(job_cancel(&stage->manager, g_ptr_array_index(jobs, 0)));
    wait_back(stage);
    assert_int_equal(jobs->len, 0);
    /* other settings of the host are no long work */
    assert_true(tune(stage));
    assert_int_equal(jobs->len, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(no_other_while_one_is_lost, setup, teardown),
        cmocka_unit_test_setup_teardown(pools_of_pages_are_told_of, setup, teardown),
        cmocka_unit_test_setup_teardown(requests_wait_for_a_lost_one, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
