/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a look, a tuning and a restore leave behind in the guest and in the record. */
#include "common/fake-guest.h"
#include "common/record-dir.h"
#include "common/world.h"
#include "guest-world.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static const PlanSpec dedicated = {true, "4|5", "0", "1", "2", 300, 150, "0", PERSIST_ALL};
static const PlanSpec pool = {
    .vcpus = "0-7|0-7", .emulator = "0-7", .vhost = "0-7", .iothread = "0-7"};
#define DEDICATED "0 0 1 4 5 2 4"
#define POOL "0-7 0-7 0-7 0-7 0-7 0-7 0-7"

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

/* --- jobs --- */

static GuestJob *job_new(GuestWorld *world, GuestJobKind kind)
{
    GuestJob *job = guest_job_new(kind, world->guest->uuid, "db");

    guest_world_fill(world, job);
    fake_backend_reset(world->fake);
    return job;
}

static GuestJob *run(GuestWorld *world, GuestJobKind kind)
{
    GuestJob *job = job_new(world, kind);

    guest_job_run(job);
    world->flags = job->flags;
    return job;
}

/* Runs to the end: nothing left, no error, everything done. */
static GuestJob *run_well(GuestWorld *world, GuestJobKind kind)
{
    GuestJob *job = run(world, kind);

    assert_int_equal(job->result, BACKEND_DONE);
    assert_int_equal(job->record_error, 0);
    assert_non_null(job->left);
    guest_world_print(job->left);
    assert_int_equal(change_set_size(job->left), 0);
    for (guint i = 0; i < job->outcomes->len; i++)
        assert_int_equal(((const Outcome *)g_ptr_array_index(job->outcomes, i))->kind,
                         OUTCOME_DONE);
    return job;
}

static void tune(GuestWorld *world, const PlanSpec *spec)
{
    guest_world_set_plan(world, spec);
    guest_job_free(run_well(world, GUEST_TUNE));
}

/* As the manager does once the guest is seen right. */
static void settle(GuestWorld *world, const PlanSpec *spec)
{
    tune(world, spec);
    g_clear_pointer(&world->settled, guest_plan_unref);
    world->settled = guest_plan_ref(world->plan);
}

static void assert_affinities(const GuestWorld *world, const char *expected)
{
    g_autofree char *text = guest_world_affinities(world);

    assert_string_equal(text, expected);
}

static void assert_n_originals(const GuestWorld *world, pid_t pid, unsigned n)
{
    g_autoptr(GPtrArray) list = guest_world_originals(world, pid);

    assert_int_equal(list->len, n);
}

static void assert_first(const GuestWorld *world)
{
    g_autoptr(ChangeSet) changes = guest_world_diff_first(world);

    guest_world_print(changes);
    assert_int_equal(change_set_size(changes), 0);
}

static void assert_as_planned(const GuestWorld *world)
{
    g_autoptr(ChangeSet) changes = guest_world_diff_plan(world);

    guest_world_print(changes);
    assert_int_equal(change_set_size(changes), 0);
}

static bool log_has(const GuestWorld *world, const char *words)
{
    for (guint i = 0; i < world->fake->log->len; i++)
        if (strstr(g_ptr_array_index(world->fake->log, i), words))
            return true;
    return false;
}

static const CpuSet *cgroup_cpus(const GuestWorld *world, ThreadHome home, unsigned id)
{
    return guest_kernel_cgroup(world->guest->kernel, home, id)->cpus;
}

/* --- look --- */

static const struct {
    const char *name;
    const char *pin;    /* of vCPU 1; NULL: none */
    const char *cpuset; /* <vcpu cpuset>; NULL: none */
    bool named;
    bool manual;
} sights[] = {
    {"no pin", NULL, NULL, false, false},
    {"a pin", "3", NULL, false, true},
    {"a pin that covers all", "0-15", NULL, false, false},
    {"a pin wider than the host", "0-63", NULL, false, false},
    {"a cpuset for all vCPUs", NULL, "0-3", false, true},
    {"a cpuset that covers all", NULL, "0-15", false, false},
    {"a pin on a named guest", "3", NULL, true, false},
    {"a cpuset on a named guest", NULL, "0-3", true, false},
};

static void set_pin(GuestWorld *world, const char *list)
{
    assert_true(fake_live_pin(world->fake, world->guest, KNOB_VCPU_PIN, 1, list));
}

static void name_guest(GuestWorld *world)
{
    PolicyRule *rule = policy_rule_new();

    rule->match.name = g_strdup("d*");
    g_ptr_array_add(world->policy->rules, rule);
}

static void look_manual(GuestWorld *world, bool manual)
{
    g_autoptr(GuestJob) job = NULL;

    world->flags = (ProcessFlags){0};
    job = run(world, GUEST_LOOK);
    assert_int_equal(job->result, BACKEND_DONE);
    assert_int_equal(job->record_error, 0);
    assert_non_null(job->guest);
    assert_null(job->left);
    assert_true(job->flags.known);
    assert_int_equal(job->flags.manual, manual);
    assert_false(job->flags.released);
    assert_int_equal(world->fake->n_writes, 0);
}

static void first_sight_is_judged_and_kept(void **state)
{
    (void)state;
    for (unsigned i = 0; i < G_N_ELEMENTS(sights); i++) {
        g_autoptr(GuestWorld) world = guest_world_new();
        print_message("%s\n", sights[i].name);
        if (sights[i].pin)
            set_pin(world, sights[i].pin);
        if (sights[i].cpuset)
            world->guest->live->vcpu_cpuset = world_cpus(sights[i].cpuset);
        if (sights[i].named)
            name_guest(world);
        look_manual(world, sights[i].manual);
        /* what happens later changes nothing, nor does a new vmtuned */
        set_pin(world, sights[i].manual ? "0-15" : "7");
        look_manual(world, sights[i].manual);
        guest_world_reopen(world);
        look_manual(world, sights[i].manual);
        /* another process is judged anew */
        guest_world_restart(world, 200);
        look_manual(world, false);
    }
}

static void without_a_record_a_look_judges_too(void **state)
{
    GuestWorld *world = *state;

    g_clear_pointer(&world->record, record_close);
    set_pin(world, "3");
    look_manual(world, true);
}

/* The record was lost, and there is a new one: what vmtuned pinned meanwhile was not pinned by
 * hand. */
static void what_is_known_outlives_the_record(void **state)
{
    GuestWorld *world = *state;
    static const ProcessFlags known = {.known = true, .released = true};

    set_pin(world, "3");
    world->flags = known;
    g_autoptr(GuestJob) job = run(world, GUEST_LOOK);
    assert_false(job->flags.manual);
    assert_true(job->flags.released);
    world->flags = (ProcessFlags){0};
    g_autoptr(GuestJob) next = run(world, GUEST_LOOK); /* the next vmtuned */
    assert_true(next->flags.known && next->flags.released && !next->flags.manual);
}

/* It was started anew between two looks: what was known of the old process goes with it, whether
 * the record tells or there is none. */
static void what_is_known_ends_with_the_process(void **state)
{
    static const ProcessFlags known = {.known = true, .released = true, .settled = 7};
    (void)state;

    for (unsigned i = 0; i < 2; i++) {
        g_autoptr(GuestWorld) world = guest_world_new();
        if (i > 0)
            g_clear_pointer(&world->record, record_close);
        world->flags = known;
        g_autoptr(GuestJob) job = job_new(world, GUEST_LOOK);
        guest_world_restart(world, 200);
        set_pin(world, "3");
        guest_job_run(job);
        assert_int_equal(job->result, BACKEND_DONE);
        assert_true(job->flags.known && job->flags.manual);
        assert_false(job->flags.released);
        assert_int_equal(job->flags.settled, 0);
    }
}

static void a_restore_takes_no_flags_of_another_process(void **state)
{
    GuestWorld *world = *state;

    world->flags = (ProcessFlags){.known = true, .manual = true};
    g_autoptr(GuestJob) job = job_new(world, GUEST_RESTORE);
    guest_world_restart(world, 200);
    guest_job_run(job);
    assert_int_equal(job->result, BACKEND_DONE);
    assert_true(job->flags.released);
    assert_false(job->flags.manual);
}

static void a_guest_that_is_off_is_not_judged(void **state)
{
    GuestWorld *world = *state;

    g_clear_pointer(&world->guest->kernel, guest_kernel_unref);
    g_clear_pointer(&world->guest->live, guest_def_unref);
    world->flags = (ProcessFlags){0};
    g_autoptr(GuestJob) job = run(world, GUEST_LOOK);
    assert_int_equal(job->result, BACKEND_DONE);
    assert_false(job->flags.known);
}

static void a_look_at_no_guest(void **state)
{
    static const FakeFault faults[] = {FAKE_RETRY, FAKE_GONE, FAKE_EIO};
    static const int results[] = {BACKEND_RETRY, BACKEND_GONE, -EIO};
    GuestWorld *world = *state;

    for (unsigned i = 0; i < G_N_ELEMENTS(faults); i++) {
        g_autoptr(GuestJob) job = job_new(world, GUEST_LOOK);
        world->fake->fail_call = 1;
        world->fake->fault = faults[i];
        guest_job_run(job);
        assert_int_equal(job->result, results[i]);
        assert_null(job->guest);
    }
}

/* --- tune --- */

static void assert_original(const GPtrArray *list, SettingKey key, const char *first,
                            const char *written)
{
    if (key.tid)
        key.tid_start = 1000 + (uint64_t)key.tid;
    const Original *original = original_find(list, &key);

    assert_non_null(original);
    assert_int_equal(g_strcmp0(original->original, first), 0);
    assert_int_equal(g_strcmp0(original->written, written), 0);
    assert_false(original->pending);
}

static void all_that_is_planned_lands(void **state)
{
    GuestWorld *world = *state;

    guest_world_set_plan(world, &dedicated);
    g_autoptr(GuestJob) job = run_well(world, GUEST_TUNE);
    assert_true(job->flags.settled == guest_plan_digest(job->plan));
    assert_as_planned(world);
    assert_affinities(world, DEDICATED);
    assert_cpus(cgroup_cpus(world, HOME_VCPU, 0), "4");
    assert_cpus(cgroup_cpus(world, HOME_IOTHREAD, 1), "2");
    assert_cpus(cgroup_cpus(world, HOME_EMULATOR, 0), "0-1");
    assert_cpus(world->guest->live->emulator_pin, "0-1");
    assert_cpus(guest_def_vcpu_pin(world->guest->live, 1), "5");
    assert_cpus(guest_def_iothread_pin(world->guest->config, 1), "2");
    assert_int_equal(world->guest->kernel->cpu_shares, 300);
    assert_int_equal(world->guest->config->shares, 300);
    assert_int_equal(guest_kernel_cgroup(world->guest->kernel, HOME_VCPU, 1)->quota_usec, 150000);
    assert_cpus(guest_kernel_cgroup(world->guest->kernel, HOME_VCPU, 1)->mems, "0");
    assert_cpus(world->guest->config->numa_nodeset, "0");

    fake_backend_reset(world->fake);
    g_autoptr(GuestJob) again = run_well(world, GUEST_TUNE);
    assert_int_equal(world->fake->n_writes, 0);
    assert_int_equal(again->outcomes->len, 0);
}

static void originals_belong_to_the_process(void **state)
{
    GuestWorld *world = *state;

    tune(world, &dedicated);
    g_autoptr(GPtrArray) list = guest_world_originals(world, 100);
    assert_original(list, (SettingKey){.knob = KNOB_VCPU_PIN, .plane = PLANE_LIVE}, NULL, "4");
    assert_original(list, (SettingKey){.knob = KNOB_VCPU_PIN, .plane = PLANE_ACTUAL}, "0-15", "4");
    assert_original(list, (SettingKey){.knob = KNOB_VCPU_PIN, .plane = PLANE_ACTUAL, .tid = 106},
                    "0-15", "4");
    assert_original(list,
                    (SettingKey){.knob = KNOB_EMULATOR_PIN, .plane = PLANE_ACTUAL, .tid = 101},
                    "12-15", "0");
    assert_original(list, (SettingKey){.knob = KNOB_VHOST_PIN, .plane = PLANE_ACTUAL, .tid = 102},
                    "0-15", "1");
    assert_original(list, (SettingKey){.knob = KNOB_VCPU_PIN, .plane = PLANE_CONFIG}, NULL, "4");
    assert_original(list, (SettingKey){.knob = KNOB_CPU_QUOTA, .plane = PLANE_LIVE}, "none", "150");
    assert_original(list, (SettingKey){.knob = KNOB_NUMA_NODESET, .plane = PLANE_LIVE},
                    "restrictive:0-1", "restrictive:0");
    /* another process of that guest has the ones for the next start only */
    g_autoptr(GPtrArray) others = guest_world_originals(world, 200);
    assert_true(others->len > 0 && others->len < list->len);
    for (guint i = 0; i < others->len; i++)
        assert_int_equal(((const Original *)g_ptr_array_index(others, i))->key.plane, PLANE_CONFIG);
}

/* Emulator and vhost have one cpuset but sets of their own within it. */
static const struct {
    PlanSpec spec;
    const char *expected, *cgroup;
} splits[] = {
    {{true, "4|5", "0", "1", "2", .persist = PERSIST_COLD}, "0 0 1 4 5 2 4", "0-1"},
    {{true, "4|5", "1", "0", "2", .persist = PERSIST_COLD}, "1 1 0 4 5 2 4", "0-1"},
    {{true, "4|5", "1", "2", "2", .persist = PERSIST_COLD}, "1 1 2 4 5 2 4", "1-2"},
    {{true, "4|5", "0-3", "2", "2", .persist = PERSIST_COLD}, "0-3 0-3 2 4 5 2 4", "0-3"},
    {{true, "4|5", "8-9", "8-9", "2", .persist = PERSIST_COLD}, "8-9 8-9 8-9 4 5 2 4", "8-9"},
};

static void emulator_and_vhost_split(void **state)
{
    (void)state;
    for (unsigned old_kernel = 0; old_kernel < 2; old_kernel++) {
        g_autoptr(GuestWorld) world = guest_world_new();
        world->fake->old_kernel = old_kernel;
        for (unsigned i = 0; i < G_N_ELEMENTS(splits); i++) {
            tune(world, &splits[i].spec);
            assert_affinities(world, splits[i].expected);
            assert_cpus(cgroup_cpus(world, HOME_EMULATOR, 0), splits[i].cgroup);
        }
        guest_job_free(run_well(world, GUEST_RESTORE));
        assert_first(world);
    }
}

/* Threads that are right already are reset by libvirt's pin of their class: their originals are
 * what they had, not what libvirt left. */
static void a_pin_resets_threads_that_were_right(void **state)
{
    static const PlanSpec beside = {true, "4|5", "0", "1", "2", .persist = PERSIST_COLD};
    (void)state;

    for (unsigned old_kernel = 0; old_kernel < 2; old_kernel++) {
        g_autoptr(GuestWorld) world = guest_world_new();
        world->fake->old_kernel = old_kernel;
        assert_true(fake_live_pin(world->fake, world->guest, KNOB_EMULATOR_PIN, 0, "0"));
        guest_world_set_first(world);
        tune(world, &beside);
        assert_affinities(world, DEDICATED);
        guest_job_free(run_well(world, GUEST_RESTORE));
        assert_first(world);
        assert_affinities(world, "0 0 0 0-15 0-15 0-15 0-15");
        assert_n_originals(world, 100, 0);
    }
}

static void a_pool_guest_wears_affinity_only(void **state)
{
    GuestWorld *world = *state;

    tune(world, &pool);
    assert_affinities(world, POOL);
    assert_true(world->fake->n_writes == 7);
    for (guint i = 0; i < world->fake->log->len; i++) {
        const char *line = g_ptr_array_index(world->fake->log, i);
        if (g_str_has_prefix(line, "db: "))
            assert_non_null(strstr(line, " thread "));
    }
    assert_null(world->guest->live->emulator_pin);
    assert_int_equal(world->guest->live->n_vcpu_pins, 0);
    assert_cpus(cgroup_cpus(world, HOME_VCPU, 0), "0-15");
    assert_n_originals(world, 100, 7);
}

static void a_foreign_pin_on_a_pool_guest_is_widened(void **state)
{
    GuestWorld *world = *state;

    settle(world, &pool);
    set_pin(world, "3");
    guest_job_free(run_well(world, GUEST_TUNE));
    assert_true(log_has(world, "vcpu.pin 1 live 3 -> - = done"));
    assert_cpus(guest_def_vcpu_pin(world->guest->live, 1), "0-15");
    assert_cpus(cgroup_cpus(world, HOME_VCPU, 1), "0-15");
    assert_affinities(world, POOL);
    /* the original is what was there before the foreign pin */
    guest_job_free(run_well(world, GUEST_RESTORE));
    assert_affinities(world, "0-15 12-15 0-15 0-15 0-15 0-15 0-15");
    assert_cpus(cgroup_cpus(world, HOME_VCPU, 1), "0-15");
}

/* --- drift --- */

static const char *drift_of(const GuestJob *job)
{
    const Outcome *outcome = g_ptr_array_index(job->outcomes, 0);

    for (unsigned i = 0; i < change_set_size(outcome->changes); i++)
        if (change_set_get(outcome->changes, i)->drift)
            return knob_info(change_set_get(outcome->changes, i)->key.knob)->name;
    return NULL;
}

static void drift_is_what_was_right_before(void **state)
{
    GuestWorld *world = *state;

    tune(world, &dedicated);
    assert_true(fake_taskset(world->guest->kernel, 102, "0"));
    g_autoptr(GuestJob) unknown = run_well(world, GUEST_TUNE);
    assert_null(drift_of(unknown));
    settle(world, &dedicated);
    assert_true(fake_taskset(world->guest->kernel, 102, "0"));
    g_autoptr(GuestJob) drifted = run_well(world, GUEST_TUNE);
    assert_string_equal(drift_of(drifted), "vhost.pin");
    assert_affinities(world, DEDICATED);
}

static void history_tells_why(void **state)
{
    GuestWorld *world = *state;
    g_autoptr(GPtrArray) history = NULL;

    settle(world, &dedicated);
    assert_true(fake_taskset(world->guest->kernel, 102, "0"));
    guest_job_free(run_well(world, GUEST_TUNE));
    assert_int_equal(record_history(world->record, &(HistoryQuery){0}, &history), 0);
    const HistoryEntry *newest = g_ptr_array_index(history, 0);
    const HistoryEntry *oldest = g_ptr_array_index(history, history->len - 1);
    assert_string_equal(newest->why, "drift");
    assert_string_equal(newest->result, "done");
    assert_string_equal(oldest->why, "plan");
    assert_non_null(oldest->reason);
}

static void kept_drift_stays_and_the_rest_is_made(void **state)
{
    GuestWorld *world = *state;
    PlanSpec heavier = dedicated;

    settle(world, &dedicated);
    heavier.weight = 500;
    guest_world_set_plan(world, &heavier);
    assert_true(fake_taskset(world->guest->kernel, 102, "0"));
    g_autoptr(GuestJob) job = job_new(world, GUEST_TUNE);
    job->keep_drift = true;
    guest_job_run(job);
    assert_int_equal(job->result, BACKEND_DONE);
    assert_affinities(world, "0 0 0 4 5 2 4");
    assert_int_equal(world->guest->kernel->cpu_shares, 500);
    assert_int_equal(change_set_size(job->left), 1);
    assert_true(change_set_get(job->left, 0)->drift);
    /* once more: nothing to do */
    g_autoptr(GuestJob) again = job_new(world, GUEST_TUNE);
    again->keep_drift = true;
    guest_job_run(again);
    assert_int_equal(world->fake->n_writes, 0);
    assert_int_equal(change_set_size(again->left), 1);
}

/* --- contested --- */

/* Everything that is left is contested, and of these settings. */
static void assert_left_to_others(const GuestJob *job, unsigned n)
{
    assert_int_equal(job->result, BACKEND_DONE);
    guest_world_print(job->left);
    assert_int_equal(change_set_size(job->left), n);
    assert_int_equal(change_set_size_open(job->left), 0);
}

static GuestJob *run_contested(GuestWorld *world, const SettingKey *key)
{
    GuestJob *job = job_new(world, GUEST_TUNE);

    job->contest = contest_new();
    contest_give_up(job->contest, key);
    guest_job_run(job);
    world->flags = job->flags;
    return job;
}

static void what_is_contested_stays_and_the_rest_is_made(void **state)
{
    static const SettingKey vcpu = {.knob = KNOB_VCPU_PIN, .plane = PLANE_LIVE};
    GuestWorld *world = *state;

    settle(world, &dedicated);
    assert_true(fake_live_pin(world->fake, world->guest, KNOB_VCPU_PIN, 0, "0"));
    assert_true(fake_taskset(world->guest->kernel, 102, "0"));
    assert_affinities(world, "0 0 0 0 5 2 0"); /* 106 is in the cgroup of that vCPU */
    g_autoptr(GuestJob) job = run_contested(world, &vcpu);
    assert_left_to_others(job, 4); /* definition, cgroup, its thread and the helper in it */
    assert_affinities(world, "0 0 1 0 5 2 0");
    assert_int_equal(job->flags.settled, guest_plan_digest(world->plan));

    /* once more: nothing is written */
    g_autoptr(GuestJob) again = run_contested(world, &vcpu);
    assert_left_to_others(again, 4);
    assert_int_equal(world->fake->n_writes, 0);

    /* and when that is ended: all is */
    guest_job_free(run_well(world, GUEST_TUNE));
    assert_affinities(world, DEDICATED);
}

/* They are in one cgroup. */
static void a_vhost_worker_is_set_where_the_emulator_is_contested(void **state)
{
    static const SettingKey emulator = {.knob = KNOB_EMULATOR_PIN, .plane = PLANE_LIVE};
    PlanSpec together = dedicated;
    GuestWorld *world = *state;

    together.emulator = together.vhost = "0-1";
    settle(world, &together);
    assert_true(fake_live_pin(world->fake, world->guest, KNOB_EMULATOR_PIN, 0, "0-3"));
    assert_true(fake_taskset(world->guest->kernel, 102, "2"));
    g_autoptr(GuestJob) job = run_contested(world, &emulator);
    assert_int_equal(job->result, BACKEND_DONE);
    assert_int_equal(change_set_size_open(job->left), 0);
    g_autofree char *affinities = guest_world_affinities(world);
    assert_string_equal(affinities + strlen("0-3 0-3 "), "0-1 4 5 2 4");
}

/* --- what leaves the plan --- */

static void assert_knob_forgotten(const GuestWorld *world, Knob knob, int plane)
{
    g_autoptr(GPtrArray) list = guest_world_originals(world, 100);

    for (guint i = 0; i < list->len; i++) {
        const SettingKey *key = &((const Original *)g_ptr_array_index(list, i))->key;
        assert_false(key->knob == knob && (plane < 0 || (int)key->plane == plane));
    }
}

static void weight_and_quota_leave_the_plan(void **state)
{
    GuestWorld *world = *state;
    PlanSpec spec = dedicated;

    tune(world, &dedicated);
    spec.weight = 0;
    tune(world, &spec);
    assert_int_equal(world->guest->kernel->cpu_shares, 100);
    assert_int_equal(world->guest->config->shares, -1);
    assert_int_equal(world->guest->live->vcpu_quota, 150000);
    assert_knob_forgotten(world, KNOB_CPU_WEIGHT, -1);
    spec.quota_pct = 0;
    tune(world, &spec);
    assert_int_equal(world->guest->live->vcpu_quota, -1);
    assert_int_equal(world->guest->config->vcpu_quota, -1);
    assert_knob_forgotten(world, KNOB_CPU_QUOTA, -1);
    spec.nodes = NULL;
    tune(world, &spec);
    assert_cpus(guest_kernel_cgroup(world->guest->kernel, HOME_VCPU, 0)->mems, "0-1");
    assert_cpus(world->guest->config->numa_nodeset, "0-1");
    assert_knob_forgotten(world, KNOB_NUMA_NODESET, -1);
    assert_affinities(world, DEDICATED);
}

static void persistence_leaves_the_plan(void **state)
{
    GuestWorld *world = *state;
    PlanSpec spec = dedicated;

    tune(world, &dedicated);
    spec.persist = PERSIST_COLD;
    tune(world, &spec);
    assert_null(world->guest->config->emulator_pin);
    assert_int_equal(world->guest->config->n_vcpu_pins, 0);
    assert_int_equal(world->guest->config->shares, -1);
    assert_cpus(world->guest->config->numa_nodeset, "0");
    assert_knob_forgotten(world, KNOB_VCPU_PIN, PLANE_CONFIG);
    assert_affinities(world, DEDICATED);
    assert_int_equal(world->guest->kernel->cpu_shares, 300);
}

static void what_somebody_changed_is_kept_when_it_leaves(void **state)
{
    GuestWorld *world = *state;
    PlanSpec spec = dedicated;

    tune(world, &dedicated);
    world->guest->config->shares = 700;
    spec.weight = 0;
    guest_world_set_plan(world, &spec);
    g_autoptr(GuestJob) job = run_well(world, GUEST_TUNE);
    assert_int_equal(world->guest->config->shares, 700);
    assert_int_equal(world->guest->kernel->cpu_shares, 100);
    assert_int_equal(diag_list_count(job->diags, DIAG_WARNING), 1);
    assert_knob_forgotten(world, KNOB_CPU_WEIGHT, -1);
}

/* --- restore --- */

static void restore_gives_all_back(void **state)
{
    static const PlanSpec *const specs[] = {&dedicated, &pool};
    (void)state;

    for (unsigned i = 0; i < 8; i++) {
        g_autoptr(GuestWorld) world = guest_world_new();
        world->fake->old_kernel = i & 1;
        if (i & 2)
            set_pin(world, "10-11");
        guest_world_set_first(world);
        tune(world, specs[i >> 2]);
        tune(world, specs[!(i >> 2)]);
        g_autoptr(GuestJob) job = run_well(world, GUEST_RESTORE);
        assert_true(job->flags.released);
        assert_int_equal(diag_list_count(job->diags, DIAG_WARNING), 0);
        assert_first(world);
        assert_n_originals(world, 100, 0);
        world->flags = (ProcessFlags){0};
        g_autoptr(GuestJob) look = run(world, GUEST_LOOK);
        assert_true(look->flags.known && look->flags.released);
        guest_job_free(run_well(world, GUEST_RESTORE));
        assert_int_equal(world->fake->n_writes, 0);
    }
}

/* Born before and after the last tuning; a vhost worker is a child of the main thread. */
static void threads_born_under_the_mask(void **state)
{
    static const PlanSpec *const specs[] = {&dedicated, &pool};
    (void)state;

    for (unsigned i = 0; i < 4; i++) {
        g_autoptr(GuestWorld) world = guest_world_new();
        world->fake->old_kernel = i & 1;
        tune(world, specs[i >> 1]);
        guest_world_spawn(world, 900, THREAD_HELPER, 100);
        guest_world_spawn(world, 901, THREAD_VHOST, 100);
        guest_world_spawn(world, 902, THREAD_HELPER, 103);
        tune(world, specs[i >> 1]);
        guest_world_spawn(world, 903, THREAD_HELPER, 100);
        guest_world_spawn(world, 904, THREAD_VHOST, 100);
        guest_world_spawn(world, 905, THREAD_HELPER, 105);
        guest_job_free(run_well(world, GUEST_RESTORE));
        assert_first(world);
        assert_affinities(world, GUEST_WORLD_FIRST " 0-15 0-15 0-15 0-15 0-15 0-15");
    }
}

static void foreign_values_need_force(void **state)
{
    GuestWorld *world = *state;

    tune(world, &pool);
    assert_true(fake_taskset(world->guest->kernel, 103, "9"));
    g_autoptr(GuestJob) job = run_well(world, GUEST_RESTORE);
    assert_affinities(world, "0-15 12-15 0-15 9 0-15 0-15 0-15");
    assert_int_equal(diag_list_count(job->diags, DIAG_WARNING), 1);
    assert_non_null(
        strstr(diag_list_get(job->diags, 0)->text, "is now 9, and vmtuned set it to 0-7"));
    assert_true(job->flags.released);
    assert_n_originals(world, 100, 1);

    /* who sees that can still force it */
    g_autoptr(GuestJob) again = job_new(world, GUEST_RESTORE);
    again->force = true;
    guest_job_run(again);
    assert_affinities(world, "0-15 12-15 0-15 0-15 0-15 0-15 0-15");
    assert_n_originals(world, 100, 0);
}

static void force_takes_foreign_values_back(void **state)
{
    GuestWorld *world = *state;

    tune(world, &pool);
    assert_true(fake_taskset(world->guest->kernel, 103, "9"));
    g_autoptr(GuestJob) job = job_new(world, GUEST_RESTORE);
    job->force = true;
    guest_job_run(job);
    assert_int_equal(diag_list_count(job->diags, DIAG_WARNING), 0);
    assert_first(world);
}

static void another_process_gets_nothing_back(void **state)
{
    GuestWorld *world = *state;
    PlanSpec spec = dedicated;

    spec.persist = PERSIST_NEVER;
    tune(world, &spec);
    guest_world_restart(world, 100 + 200);
    assert_true(fake_taskset(world->guest->kernel, 301, "0"));
    guest_job_free(run_well(world, GUEST_RESTORE));
    assert_int_equal(world->fake->n_writes, 0);
    assert_affinities(world, "0-15 0 0-15 0-15 0-15 0-15");
}

/* --- the guest is busy, leaves, comes back as another --- */

static void in_a_job_nothing_is_written(void **state)
{
    GuestWorld *world = *state;

    guest_world_set_plan(world, &dedicated);
    world->guest->in_job = true;
    g_autoptr(GuestJob) job = run(world, GUEST_TUNE);
    const Outcome *outcome = g_ptr_array_index(job->outcomes, 0);
    assert_int_equal(outcome->kind, OUTCOME_RETRY);
    assert_int_equal(world->fake->n_writes, 0);
    assert_true(change_set_size(job->left) > 0);
    assert_false(job->flags.settled);
    assert_first(world);
    assert_n_originals(world, 100, 0);
    world->guest->in_job = false;
    guest_job_free(run_well(world, GUEST_TUNE));
}

/* What needs libvirt is not even tried, so that the record is not written in vain; its threads give
 * way. */
static void of_a_guest_that_hangs_only_threads_are_set(void **state)
{
    GuestWorld *world = *state;
    PlanSpec spec = pool;

    spec.weight = 300;
    guest_world_set_plan(world, &spec);
    world->guest->hung = "its monitor does not answer";
    for (unsigned i = 0; i < 2; i++) {
        g_autoptr(GuestJob) job = run(world, GUEST_TUNE);
        assert_int_equal(job->result, BACKEND_DONE);
        assert_affinities(world, POOL);
        assert_true(change_set_size(job->left) > 0);
        assert_false(job->flags.settled);
        assert_int_equal(job->outcomes->len, i == 0 ? 1 : 0);
    }
    world->guest->hung = NULL;
    guest_job_free(run_well(world, GUEST_TUNE));
    assert_as_planned(world);
}

static int hung_guest_acquire(void *ctx, const char *uuid, const Guest *off, Guest **ret)
{
    (void)ctx;
    (void)uuid;
    (void)off;
    (void)ret;
    return BACKEND_HUNG;
}

/* A libvirt that does not tell the definition of a guest that hangs: that of the look before holds,
 * as long as it is the same process. */
static void who_hangs_is_as_seen_before(void **state)
{
    GuestWorld *world = *state;
    g_autoptr(GuestJob) seen = job_new(world, GUEST_LOOK);
    g_autoptr(GuestJob) never = job_new(world, GUEST_LOOK);
    g_autoptr(GuestJob) again = job_new(world, GUEST_LOOK);
    g_autoptr(GuestJob) another = job_new(world, GUEST_LOOK);

    guest_job_run(seen);
    world->fake->backend.guest_acquire = hung_guest_acquire;
    guest_job_run(never);
    assert_int_equal(never->result, BACKEND_HUNG);
    again->last = guest_ref(seen->guest);
    guest_job_run(again);
    assert_int_equal(again->result, BACKEND_DONE);
    assert_non_null(again->guest->hung);
    assert_non_null(again->guest->live);
    another->last = guest_ref(seen->guest);
    guest_world_restart(world, 200);
    guest_job_run(another);
    assert_int_equal(another->result, BACKEND_HUNG);
}

static unsigned looks_of(GuestWorld *world, const Guest *last, int64_t last_usec)
{
    g_autoptr(GuestJob) job = job_new(world, GUEST_TUNE);
    unsigned n = 0;

    job->last = guest_ref(last);
    job->last_usec = last_usec;
    guest_job_run(job);
    assert_int_equal(job->result, BACKEND_DONE);
    assert_int_equal(change_set_size(job->left), 0);
    for (guint i = 0; i < world->fake->log->len; i++)
        n += g_str_has_prefix(g_ptr_array_index(world->fake->log, i), "acquire");
    return n;
}

/* The look that its plan was made from need not be taken again, unless it is old. */
static void a_look_just_taken_is_not_repeated(void **state)
{
    GuestWorld *world = *state;

    guest_world_set_plan(world, &pool);
    guest_job_free(run_well(world, GUEST_TUNE));
    g_autoptr(GuestJob) seen = job_new(world, GUEST_LOOK);
    guest_job_run(seen);
    assert_int_equal(looks_of(world, seen->guest, g_get_monotonic_time()), 0);
    assert_int_equal(looks_of(world, seen->guest, 1), 1);
}

/* Calls about it hang: libvirt is not asked for anything, and it still gives way. */
static void a_guest_that_is_stuck_gives_way(void **state)
{
    GuestWorld *world = *state;
    PlanSpec spec = pool;

    spec.weight = 300;
    guest_world_set_plan(world, &spec);
    g_autoptr(GuestJob) job = job_new(world, GUEST_TUNE);
    job->last = guest_ref(world->guest);
    job->threads_only = true;
    job->keep_originals = true;
    guest_job_run(job);
    assert_int_equal(job->result, BACKEND_DONE);
    assert_affinities(world, POOL);
    assert_false(log_has(world, "ready"));
    assert_true(change_set_size(job->left) > 0);
    assert_n_originals(world, 100, 7); /* one for each thread */
    guest_job_free(run_well(world, GUEST_TUNE));
    guest_job_free(run_well(world, GUEST_RESTORE));
    assert_first(world);
}

static void leave(FakeBackend *fake, void *data)
{
    GuestWorld *world = data;

    fake_backend_remove(fake, world->guest->uuid);
    world->guest = NULL;
}

static void come_back(FakeBackend *fake, void *data)
{
    (void)fake;
    guest_world_restart(data, 300);
}

static void the_guest_leaves_at_any_call(void **state)
{
    static const GuestJobKind kinds[] = {GUEST_TUNE, GUEST_RESTORE};
    (void)state;

    for (unsigned i = 0; i < G_N_ELEMENTS(kinds); i++) {
        for (unsigned call = 1;; call++) {
            g_autoptr(GuestWorld) world = guest_world_new();
            guest_world_set_plan(world, &dedicated);
            if (kinds[i] == GUEST_RESTORE)
                tune(world, &dedicated);
            g_autoptr(GuestJob) job = job_new(world, kinds[i]);
            world->fake->callback_call = call;
            world->fake->callback = leave;
            world->fake->callback_data = world;
            guest_job_run(job);
            if (world->guest)
                break;
            assert_int_equal(job->result, BACKEND_GONE);
            assert_int_equal(job->record_error, 0);
        }
    }
}

/* Which of its threads a pin came to is not known where the guest was not seen afterwards. */
static void a_restore_loses_sight_of_the_guest(void **state)
{
    const PlanSpec one_set = {true, "6|7", "2-3", "2-3", "3", .persist = PERSIST_COLD};
    (void)state;

    for (unsigned call = 1;; call++) {
        g_autoptr(GuestWorld) world = guest_world_new();
        assert_true(fake_live_pin(world->fake, world->guest, KNOB_EMULATOR_PIN, 0, "0-15"));
        assert_true(fake_taskset(world->guest->kernel, 101, "0-15"));
        guest_world_set_first(world);
        tune(world, &one_set);
        g_autoptr(GuestJob) job = job_new(world, GUEST_RESTORE);
        world->fake->fail_call = call;
        world->fake->fault = FAKE_GONE;
        guest_job_run(job);
        if (world->fake->n_calls < call)
            break;
        tune(world, &one_set);
        g_autoptr(GuestJob) restore = run_well(world, GUEST_RESTORE);
        assert_null(diag_list_get(restore->diags, 0));
        assert_first(world);
    }
}

/* The new process is not tuned by what was seen of the old one, nor does it get its originals. */
static void another_process_at_any_call(void **state)
{
    (void)state;
    for (unsigned call = 2;; call++) {
        g_autoptr(GuestWorld) world = guest_world_new();
        PlanSpec spec = dedicated;
        spec.persist = PERSIST_NEVER;
        guest_world_set_plan(world, &spec);
        g_autoptr(GuestJob) job = job_new(world, GUEST_TUNE);
        world->fake->callback_call = call;
        world->fake->callback = come_back;
        world->fake->callback_data = world;
        guest_job_run(job);
        if (world->guest->kernel->pid != 300)
            break;
        assert_int_equal(job->result, BACKEND_GONE);
        assert_affinities(world, "0-15 0-15 0-15 0-15 0-15 0-15");
        assert_int_equal(world->guest->live->n_vcpu_pins, 0);
        assert_n_originals(world, 300, 0);
    }
}

/* --- CPUs go while it is tuned --- */

static int (*fake_apply)(void *ctx, const Guest *guest, const Change *change, char **ret_in_force,
                         char **reterr_text);

/* No mask is asked for outside of what was in effect when the guest was last looked at. */
static int within_apply(void *ctx, const Guest *guest, const Change *change, char **ret_in_force,
                        char **reterr_text)
{
    if (change->to && knob_info(change->key.knob)->type == KNOB_TYPE_CPUS) {
        g_autoptr(CpuSet) asked = world_cpus(change->to);
        assert_true(cpuset_is_subset(asked, guest->kernel->allowed));
    }
    return fake_apply(ctx, guest, change, ret_in_force, reterr_text);
}

static void cpus_4_and_5_go(FakeBackend *fake, void *data)
{
    const GuestWorld *world = data;

    fake_partition_set(fake, world->guest->kernel, "0-3,6-15");
}

/* False: the job has no such call. */
static bool cpus_go_at(unsigned call, bool old_kernel)
{
    static const PlanSpec elsewhere = {true, "6|7", "0", "1", "2", 300, 150, "0", PERSIST_ALL};
    g_autoptr(GuestWorld) world = guest_world_new();

    world->fake->old_kernel = old_kernel;
    guest_world_set_plan(world, &dedicated);
    g_autoptr(GuestJob) job = job_new(world, GUEST_TUNE);
    fake_apply = world->fake->backend.setting_apply;
    world->fake->backend.setting_apply = within_apply;
    world->fake->callback_call = call;
    world->fake->callback = cpus_4_and_5_go;
    world->fake->callback_data = world;
    guest_job_run(job);
    if (world->fake->n_calls < call)
        return false;
    assert_int_equal(job->result, BACKEND_RETRY);
    assert_int_equal(job->record_error, 0);
    /* then the topology is read and all planned again */
    hwloc_bitmap_clr_range(world->topo->online, 4, 5);
    hwloc_bitmap_clr_range(world->topo->allowed, 4, 5);
    tune(world, &elsewhere);
    assert_as_planned(world);
    return true;
}

static void cpus_go_at_any_call(void **state)
{
    (void)state;
    for (unsigned old_kernel = 0; old_kernel < 2; old_kernel++) {
        unsigned call = 1;
        while (cpus_go_at(call, old_kernel))
            call++;
        assert_true(call > 5);
    }
}

/* --- no record, or none that can be written --- */

static void without_a_record(void **state)
{
    GuestWorld *world = *state;

    g_clear_pointer(&world->record, record_close);
    tune(world, &dedicated);
    assert_as_planned(world);
    tune(world, &pool);
    assert_affinities(world, POOL);
    g_autoptr(GuestJob) job = run_well(world, GUEST_RESTORE);
    assert_int_equal(world->fake->n_writes, 0);
    assert_true(job->flags.released);
}

static void lift_limit(FakeBackend *fake, void *data)
{
    (void)fake;
    (void)data;
    disk_limit(RLIM_INFINITY);
}

/* room_again: only the first intent is lost, and later writes do not make up for it. */
static void check_full_disk(GuestWorld *world, bool room_again)
{
    guest_world_set_plan(world, &dedicated);
    g_autoptr(GuestJob) job = job_new(world, GUEST_TUNE);
    if (room_again) {
        world->fake->callback_call = 2; /* guest_ready(), after the first intent */
        world->fake->callback = lift_limit;
    }
    disk_limit(1);
    guest_job_run(job);
    disk_limit(RLIM_INFINITY);
    assert_int_equal(job->result, BACKEND_DONE);
    assert_true(job->record_error < 0);
    assert_int_equal(change_set_size(job->left), 0);
    assert_affinities(world, DEDICATED);
    assert_as_planned(world);
}

static void a_record_that_cannot_be_written(void **state)
{
    (void)state;
    for (unsigned room_again = 0; room_again < 2; room_again++) {
        g_autoptr(GuestWorld) world = guest_world_new();
        check_full_disk(world, room_again);
    }
}

static void run_on_full_disk(GuestJob *job)
{
    disk_limit(0);
    guest_job_run(job);
    disk_limit(RLIM_INFINITY);
}

/* Tuned to the plan while nothing can be written. */
static void tune_on_full_disk(GuestWorld *world, const PlanSpec *spec)
{
    guest_world_set_plan(world, spec);
    g_autoptr(GuestJob) job = job_new(world, GUEST_TUNE);
    run_on_full_disk(job);
    assert_true(job->record_error < 0);
    assert_as_planned(world);
}

/* Once there is room, drift is repaired and recorded; what was there before all goes back. */
static void what_the_record_missed_goes_back(void **state)
{
    for (unsigned recorded = 0; recorded < 2; recorded++) {
        g_autoptr(GuestWorld) world = guest_world_new();
        if (recorded)
            tune(world, &pool);
        tune_on_full_disk(world, &dedicated);
        fake_taskset(world->guest->kernel, 103, "9");
        fake_live_pin(world->fake, world->guest, KNOB_VCPU_PIN, 1, "3");
        tune(world, &dedicated);
        guest_world_reopen(world);
        g_autoptr(GuestJob) job = run_well(world, GUEST_RESTORE);
        g_autoptr(ChangeSet) left = guest_world_diff_first(world);
        guest_world_print(left);
        assert_int_equal(change_set_size(left), 0);
        assert_null(diag_list_get(job->diags, 0));
    }
    (void)state;
}

/* And while there is none. */
static void restored_on_full_disk(void **state)
{
    GuestWorld *world = *state;

    tune(world, &pool);
    tune_on_full_disk(world, &dedicated);
    g_autoptr(GuestJob) job = job_new(world, GUEST_RESTORE);
    run_on_full_disk(job);
    assert_int_equal(job->result, BACKEND_DONE);
    assert_null(diag_list_get(job->diags, 0));
    g_autoptr(ChangeSet) left = guest_world_diff_first(world);
    guest_world_print(left);
    assert_int_equal(change_set_size(left), 0);
    g_autoptr(GuestJob) look = run(world, GUEST_LOOK);
    assert_true(look->flags.released);
}

/* --- review --- */

static const SettingKey cache = {.knob = KNOB_DISK_CACHE, .device = "vda", .plane = PLANE_CONFIG};

static void add_disk(GuestWorld *world)
{
    SettingKey key = cache;

    key.plane = 0;
    setting_list_add(world->guest->config->knobs, &key, "writeback", NULL, NULL);
    setting_list_sort(world->guest->config->knobs);
}

static void plan_cache(GuestWorld *world, const PlanSpec *spec, const char *value)
{
    guest_world_set_plan(world, spec);
    if (value)
        setting_list_add(world->plan->knobs, &cache, value, "policy", NULL);
}

static const char *cache_now(const GuestWorld *world)
{
    SettingKey key = cache;

    key.plane = 0;
    return setting_list_find(world->guest->config->knobs, &key)->value;
}

/* T1 */
static void refused_put_back_keeps_its_original(void **state)
{
    GuestWorld *world = *state;

    add_disk(world);
    plan_cache(world, &pool, "none");
    guest_job_free(run_well(world, GUEST_TUNE));
    assert_string_equal(cache_now(world), "none");
    plan_cache(world, &pool, NULL);
    g_autoptr(GuestJob) job = job_new(world, GUEST_TUNE);
    world->fake->fail_call = 2; /* the first is the look */
    world->fake->fault = FAKE_REFUSED;
    guest_job_run(job);
    assert_int_equal(job->result, BACKEND_DONE);
    assert_string_equal(cache_now(world), "none");
    assert_int_equal(change_set_size(job->refused), 1);
    g_autoptr(GPtrArray) list = guest_world_originals(world, 100);
    const Original *original = original_find(list, &cache);
    assert_non_null(original);
    assert_string_equal(original->original, "writeback");
}

/* T2 */
static void restored_is_not_settled(void **state)
{
    GuestWorld *world = *state;

    add_disk(world);
    plan_cache(world, &pool, "none");
    guest_job_free(run_well(world, GUEST_TUNE));
    assert_true(world->flags.settled != 0);
    guest_job_free(run_well(world, GUEST_RESTORE));
    assert_string_equal(cache_now(world), "writeback");
    world->flags = (ProcessFlags){0};
    guest_job_free(run(world, GUEST_LOOK));
    assert_true(world->flags.settled == 0);
}

/* T2b: what a settled plan after a restore does */
static void tuned_after_a_restore_keeps_the_original(void **state)
{
    GuestWorld *world = *state;

    add_disk(world);
    plan_cache(world, &pool, "none");
    guest_job_free(run_well(world, GUEST_TUNE));
    guest_job_free(run_well(world, GUEST_RESTORE));
    world->flags = (ProcessFlags){0};
    guest_job_free(run(world, GUEST_LOOK));
    if (world->flags.settled == guest_plan_digest(world->plan)) { /* assign_plans() */
        g_clear_pointer(&world->settled, guest_plan_unref);
        world->settled = guest_plan_ref(world->plan);
    }
    guest_job_free(run_well(world, GUEST_TUNE));
    assert_string_equal(cache_now(world), "none");
    g_autoptr(GPtrArray) list = guest_world_originals(world, 100);
    const Original *original = original_find(list, &cache);
    assert_non_null(original);
    assert_string_equal(original->original, "writeback");
    guest_job_free(run_well(world, GUEST_RESTORE));
    assert_string_equal(cache_now(world), "writeback");
}

/* T3: most went back, one did not; later the operator edits, and apply tunes again */
static void half_restored_forgets_what_went_back(void **state)
{
    GuestWorld *world = *state;
    PlanSpec spec = pool;

    add_disk(world);
    spec.weight = 300;
    plan_cache(world, &spec, "none");
    guest_job_free(run_well(world, GUEST_TUNE));
    g_autoptr(GuestJob) job = job_new(world, GUEST_RESTORE);
    world->fake->fail_call = 3; /* the weight */
    world->fake->fault = FAKE_REFUSED;
    guest_job_run(job);
    assert_true(change_set_size(job->left) > 0);
    assert_string_equal(cache_now(world), "writeback");
    assert_true(job->flags.released);
    SettingKey key = cache;
    key.plane = 0;
    Setting *edited = (Setting *)setting_list_find(world->guest->config->knobs, &key);
    g_free(edited->value);
    edited->value = g_strdup("directsync");
    plan_cache(world, &pool, "none");
    guest_job_free(run(world, GUEST_TUNE));
    assert_string_equal(cache_now(world), "none");
    guest_job_free(run(world, GUEST_RESTORE));
    assert_string_equal(cache_now(world), "directsync");
}

/* The first look at a guest that was off takes over what no start changes; those that follow ask.
 */
static void a_start_is_looked_at_quickly(void **state)
{
    GuestWorld *world = *state;
    g_autoptr(GuestJob) first = job_new(world, GUEST_LOOK), next = job_new(world, GUEST_LOOK);

    first->last = guest_new(world->guest->uuid, "db");
    first->last->n_snapshots = 7;
    guest_job_run(first);
    assert_true(first->guest->active);
    assert_int_equal(first->guest->n_snapshots, 7);
    next->last = guest_ref(first->guest);
    guest_job_run(next);
    assert_int_equal(next->guest->n_snapshots, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(first_sight_is_judged_and_kept),
        TEST(without_a_record_a_look_judges_too),
        TEST(what_is_known_outlives_the_record),
        cmocka_unit_test(what_is_known_ends_with_the_process),
        TEST(a_restore_takes_no_flags_of_another_process),
        TEST(a_guest_that_is_off_is_not_judged),
        TEST(a_look_at_no_guest),
        TEST(all_that_is_planned_lands),
        TEST(originals_belong_to_the_process),
        cmocka_unit_test(emulator_and_vhost_split),
        cmocka_unit_test(a_pin_resets_threads_that_were_right),
        TEST(a_pool_guest_wears_affinity_only),
        TEST(a_foreign_pin_on_a_pool_guest_is_widened),
        TEST(drift_is_what_was_right_before),
        TEST(history_tells_why),
        TEST(kept_drift_stays_and_the_rest_is_made),
        TEST(what_is_contested_stays_and_the_rest_is_made),
        TEST(a_vhost_worker_is_set_where_the_emulator_is_contested),
        TEST(weight_and_quota_leave_the_plan),
        TEST(persistence_leaves_the_plan),
        TEST(what_somebody_changed_is_kept_when_it_leaves),
        cmocka_unit_test(restore_gives_all_back),
        cmocka_unit_test(threads_born_under_the_mask),
        TEST(foreign_values_need_force),
        TEST(force_takes_foreign_values_back),
        TEST(another_process_gets_nothing_back),
        TEST(in_a_job_nothing_is_written),
        TEST(of_a_guest_that_hangs_only_threads_are_set),
        TEST(who_hangs_is_as_seen_before),
        TEST(a_look_just_taken_is_not_repeated),
        TEST(a_guest_that_is_stuck_gives_way),
        cmocka_unit_test(the_guest_leaves_at_any_call),
        cmocka_unit_test(a_restore_loses_sight_of_the_guest),
        cmocka_unit_test(another_process_at_any_call),
        cmocka_unit_test(cpus_go_at_any_call),
        TEST(without_a_record),
        cmocka_unit_test(a_record_that_cannot_be_written),
        cmocka_unit_test(what_the_record_missed_goes_back),
        TEST(restored_on_full_disk),
        TEST(refused_put_back_keeps_its_original),
        TEST(restored_is_not_settled),
        TEST(tuned_after_a_restore_keeps_the_original),
        TEST(half_restored_forgets_what_went_back),
        TEST(a_start_is_looked_at_quickly),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
