/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * plan → wanted → diff → apply → look again, on the fake: small cases by table, each run on old and
 * new kernels; then drift, order of application, restore.
 */
#include "apply/apply.h"
#include "common/fake-backend.h"
#include "common/fake-guest.h"
#include "common/record-dir.h"
#include "plan/diff.h"
#include "plan/pending.h"
#include "record/record.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define MAX_ROUNDS 3 /* as many as the daemon makes in one go */

/* Threads of the guest: 100 main, 101 worker, 102 vhost, 103… vCPUs, then IOThreads. */
typedef struct World {
    FakeBackend *fake;
    Guest *guest;
    CpuSet *allowed;
    GuestPlan *plan;
} World;

/* --- worlds and plans --- */

static World *world_new(unsigned n_vcpus, unsigned n_iothreads)
{
    World *world = g_new0(World, 1);

    world->allowed = cpuset_new_range(0, 15);
    FakeKernelOptions options = {
        .pid = 100, .allowed = world->allowed, .cgroup_v2 = true, .n_workers = 1, .n_vhost = 1};
    world->fake = fake_backend_new();
    world->guest =
        fake_backend_add(world->fake, fake_guest_new("db", n_vcpus, n_iothreads, &options));
    return world;
}

static void world_free(World *world)
{
    g_clear_pointer(&world->plan, guest_plan_unref);
    fake_backend_free(world->fake);
    hwloc_bitmap_free(world->allowed);
    g_free(world);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC(World, world_free)

static CpuSet *cpus(const char *text)
{
    CpuSet *set = NULL;

    assert_int_equal(cpuset_parse(text, &set), 0);
    return set;
}

static void plan_class(ClassPlan *class_plan, unsigned id, bool pinned, const char *text)
{
    hwloc_bitmap_free(class_plan->cpus);
    g_free(class_plan->reason);
    *class_plan =
        (ClassPlan){.id = id, .pinned = pinned, .cpus = cpus(text), .reason = g_strdup("class")};
}

/* One set per vCPU and IOThread, in one text: "4|5". */
static GuestPlan *guest_plan_make(const World *world, bool pinned, const char *vcpus,
                                  const char *emulator, const char *vhost, const char *iothreads)
{
    GuestPlan *plan = guest_plan_new();
    g_auto(GStrv) vcpu_sets = g_strsplit(vcpus, "|", -1);
    g_auto(GStrv) iothread_sets = g_strsplit(iothreads, "|", -1); /* "": none */

    plan->uuid = g_strdup(world->guest->uuid);
    plan->name = g_strdup(world->guest->name);
    plan->reason = g_strdup("placed");
    plan->pool = !pinned;
    plan->n_vcpus = g_strv_length(vcpu_sets);
    plan->vcpus = g_new0(VcpuPlan, plan->n_vcpus);
    for (unsigned i = 0; i < plan->n_vcpus; i++)
        plan->vcpus[i] =
            (VcpuPlan){.id = i, .online = true, .pinned = pinned, .cpus = cpus(vcpu_sets[i])};
    plan->n_iothreads = g_strv_length(iothread_sets);
    plan->iothreads = g_new0(ClassPlan, plan->n_iothreads);
    for (unsigned i = 0; i < plan->n_iothreads; i++)
        plan_class(&plan->iothreads[i], i + 1, pinned, iothread_sets[i]);
    plan_class(&plan->emulator, 0, pinned, emulator);
    plan_class(&plan->vhost, 0, pinned, vhost);
    hwloc_bitmap_copy(plan->allowed, world->allowed);
    return plan;
}

static void set_plan(World *world, bool pinned, const char *vcpus, const char *emulator,
                     const char *vhost, const char *iothreads)
{
    g_clear_pointer(&world->plan, guest_plan_unref);
    world->plan = guest_plan_make(world, pinned, vcpus, emulator, vhost, iothreads);
}

/* --- one round --- */

static Guest *look(const World *world)
{
    const Backend *backend = &world->fake->backend;
    Guest *seen = NULL;

    assert_int_equal(backend->guest_acquire(backend->ctx, world->guest->uuid, NULL, &seen),
                     BACKEND_DONE);
    return seen;
}

static ChangeSet *diff_wanted(const World *world, const SettingList *wanted)
{
    g_autoptr(Guest) seen = look(world);
    g_autoptr(SettingList) observed = observed_make(seen);

    return diff_make(wanted, NULL, observed, world->allowed, world->allowed);
}

/* before: the plan that was last seen in force, or NULL */
static ChangeSet *diff_now(const World *world, const GuestPlan *before)
{
    g_autoptr(Guest) seen = look(world);
    g_autoptr(SettingList) wanted = wanted_make(world->plan, seen);
    g_autoptr(SettingList) then = before ? wanted_make(before, seen) : NULL;
    g_autoptr(SettingList) observed = observed_make(seen);

    return diff_make(wanted, then, observed, world->allowed, world->allowed);
}

static void print_changes(const ChangeSet *changes)
{
    for (unsigned i = 0; i < change_set_size(changes); i++) {
        const Change *change = change_set_get(changes, i);
        g_autofree char *key = setting_key_format(&change->key);
        print_message("  left: %s (%s) %s -> %s\n", key, plane_name(change->key.plane),
                      change->from ? change->from : "-", change->to ? change->to : "-");
    }
}

static void apply(const World *world, const ChangeSet *changes)
{
    g_autoptr(Guest) seen = look(world);
    g_autoptr(Outcome) outcome =
        apply_run(&world->fake->backend, seen, changes, world->allowed, world->allowed, false);

    for (unsigned i = 0; outcome->kind != OUTCOME_DONE && i < change_set_size(changes); i++)
        if (outcome->results[i].error)
            print_message("  %s\n", outcome->results[i].error);
    assert_int_equal(outcome->kind, OUTCOME_DONE);
}

/* Rounds until the diff is empty; how many were needed. */
static unsigned tune(const World *world)
{
    for (unsigned round = 0; round <= MAX_ROUNDS; round++) {
        g_autoptr(ChangeSet) changes = diff_now(world, NULL);
        if (change_set_size(changes) == 0)
            return round;
        if (round == MAX_ROUNDS)
            print_changes(changes);
        else
            apply(world, changes);
    }
    fail_msg("not settled after %d rounds", MAX_ROUNDS);
    return MAX_ROUNDS;
}

static void assert_cpus(const CpuSet *set, const char *expected)
{
    g_autofree char *text = set ? cpuset_format(set) : g_strdup("none");

    assert_string_equal(text, expected);
}

static void assert_affinity(const World *world, pid_t tid, const char *expected)
{
    assert_cpus(fake_thread_find(world->guest->kernel, tid)->affinity, expected);
}

/* --- the way through, by table --- */

typedef struct Way {
    const char *name;
    bool pinned;
    const char *vcpus, *emulator, *vhost, *iothread;
    const char *expected; /* affinities of the threads in order of tid */
    const char *emulator_cgroup;
} Way;

/* Each from the world the way before it left. */
static const Way ways[] = {
    {"dedicated, emulator and vhost apart", true, "4|5", "0", "1", "2", "0 0 1 4 5 2", "0-1"},
    {"moved", true, "6|7", "2", "3", "1", "2 2 3 6 7 1", "2-3"},
    {"emulator and vhost widened to one set", true, "6|7", "2-5", "2-5", "2-5",
     "2-5 2-5 2-5 6 7 2-5", "2-5"},
    {"vCPUs over a set", true, "8-9|8-9", "8-9", "8-9", "8-9", "8-9 8-9 8-9 8-9 8-9 8-9", "8-9"},
    {"into the pool", false, "0-3|0-3", "0-3", "0-3", "0-3", "0-3 0-3 0-3 0-3 0-3 0-3", "0-15"},
    {"the pool moves", false, "4-15|4-15", "4-15", "4-15", "4-15", "4-15 4-15 4-15 4-15 4-15 4-15",
     "0-15"},
    {"out of the pool", true, "1|2", "0", "0", "0", "0 0 0 1 2 0", "0"},
};

static char *affinities(const World *world)
{
    GString *text = g_string_new(NULL);

    for (unsigned i = 0; i < world->guest->kernel->n_threads; i++) {
        g_autofree char *set = cpuset_format(world->guest->kernel->threads[i].affinity);
        g_string_append_printf(text, "%s%s", i ? " " : "", set);
    }
    return g_string_free(text, FALSE);
}

static void go_ways(bool old_kernel, PersistMode persist)
{
    g_autoptr(World) world = world_new(2, 1);

    world->fake->old_kernel = old_kernel;
    for (unsigned i = 0; i < G_N_ELEMENTS(ways); i++) {
        const Way *way = &ways[i];
        set_plan(world, way->pinned, way->vcpus, way->emulator, way->vhost, way->iothread);
        world->plan->persist = persist;
        print_message("%s\n", way->name);
        assert_true(tune(world) > 0);
        g_autofree char *are = affinities(world);
        assert_string_equal(are, way->expected);
        assert_cpus(guest_kernel_cgroup(world->guest->kernel, HOME_EMULATOR, 0)->cpus,
                    way->emulator_cgroup);
        fake_backend_reset(world->fake);
        assert_int_equal(tune(world), 0);
        assert_int_equal(world->fake->n_writes, 0);
    }
    const CpuSet *kept = guest_def_vcpu_pin(world->guest->config, 1);
    assert_cpus(kept, persist == PERSIST_ALL ? "2" : "none");
}

static void ways_on_a_new_kernel(void **state)
{
    (void)state;
    go_ways(false, PERSIST_COLD);
}

static void ways_on_an_old_kernel(void **state)
{
    (void)state;
    go_ways(true, PERSIST_COLD);
}

static void ways_persisted(void **state)
{
    (void)state;
    go_ways(false, PERSIST_ALL);
}

/* --- what is written, and in which order --- */

static void live_then_threads_then_config(void **state)
{
    g_autoptr(World) world = world_new(1, 0);
    (void)state;

    set_plan(world, true, "4", "0", "1", "");
    world->plan->persist = PERSIST_ALL;
    g_autoptr(ChangeSet) changes = diff_now(world, NULL);
    unsigned last = 0;
    for (unsigned i = 0; i < change_set_size(changes); i++) {
        const Change *change = change_set_get(changes, i);
        unsigned rank = change->key.plane == PLANE_LIVE     ? 0
                        : change->key.plane == PLANE_CONFIG ? 3
                        : change->key.tid != 0              ? 2
                                                            : 1;
        assert_true(rank >= last);
        assert_false(change->drift);
        last = rank;
    }
    fake_backend_reset(world->fake);
    apply(world, changes);
    /* four threads at once; two live pins, three threads of the emulator's cgroup again, two pins
     * for the next start */
    assert_int_equal(world->fake->n_writes, 4 + 7);
}

static void a_pin_sets_its_vcpu_in_one_call(void **state)
{
    g_autoptr(World) world = world_new(1, 0);
    g_autoptr(SettingList) wanted = setting_list_new();
    static const SettingKey keys[] = {
        {.knob = KNOB_VCPU_PIN, .plane = PLANE_LIVE},
        {.knob = KNOB_VCPU_PIN, .plane = PLANE_ACTUAL},
        {.knob = KNOB_VCPU_PIN, .plane = PLANE_ACTUAL, .tid = 103, .tid_start = 1103},
    };
    (void)state;

    for (unsigned i = 0; i < G_N_ELEMENTS(keys); i++)
        setting_list_add(wanted, &keys[i], "4", NULL, NULL);
    setting_list_sort(wanted);
    g_autoptr(ChangeSet) changes = diff_wanted(world, wanted);
    assert_int_equal(change_set_size(changes), 3);
    fake_backend_reset(world->fake);
    apply(world, changes);
    assert_int_equal(world->fake->n_writes, 1 + 1); /* its thread at once, then the pin */
    g_autoptr(ChangeSet) after = diff_wanted(world, wanted);
    assert_int_equal(change_set_size(after), 0);
}

static void weight_quota_and_nodes(void **state)
{
    g_autoptr(World) world = world_new(2, 0);
    (void)state;

    set_plan(world, false, "0-15|0-15", "0-15", "0-15", "");
    assert_int_equal(tune(world), 0);
    world->plan->weight = 300;
    world->plan->quota_pct = 150;
    world->plan->numa_mode = NUMA_RESTRICTIVE;
    hwloc_bitmap_set(world->plan->numa_nodes, 1);
    world->plan->numa_live = true;
    world->plan->persist = PERSIST_ALL;
    assert_int_equal(tune(world), 1);
    assert_int_equal(world->guest->kernel->cpu_shares, 300);
    assert_int_equal(world->guest->config->shares, 300);
    assert_int_equal(guest_kernel_cgroup(world->guest->kernel, HOME_VCPU, 1)->quota_usec, 150000);
    assert_cpus(guest_kernel_cgroup(world->guest->kernel, HOME_VCPU, 1)->mems, "1");
    assert_cpus(world->guest->config->numa_nodeset, "1");
    world->plan->quota_pct = 0;
    assert_int_equal(tune(world), 1);
    assert_int_equal(world->guest->live->vcpu_quota, -1);
}

static void strict_nodes_wait_for_a_cold_start(void **state)
{
    g_autoptr(World) world = world_new(1, 1);
    (void)state;

    set_plan(world, true, "4", "0", "0", "0");
    world->plan->numa_mode = NUMA_STRICT;
    hwloc_bitmap_set(world->plan->numa_nodes, 1);
    world->plan->persist = PERSIST_COLD;
    tune(world);
    assert_cpus(world->guest->config->numa_nodeset, "1");
    assert_null(world->guest->live->numa_nodeset);
    g_autoptr(Guest) seen = look(world);
    g_autoptr(PendingList) pending = pending_make(world->plan, seen, NULL);
    assert_int_equal(pending_list_size(pending), 1);
}

static void unmanaged_wants_nothing(void **state)
{
    g_autoptr(World) world = world_new(2, 1);
    (void)state;

    set_plan(world, true, "4|5", "0", "1", "2");
    world->plan->result = PLAN_UNMANAGED;
    assert_int_equal(tune(world), 0);
}

/* --- drift --- */

typedef void (*Meddle)(World *world);

static void meddle_taskset(World *world)
{
    assert_true(fake_taskset(world->guest->kernel, 101, "1"));
}

static void meddle_vcpupin(World *world)
{
    assert_true(fake_live_pin(world->fake, world->guest, KNOB_VCPU_PIN, 1, "0-9"));
}

static void meddle_cpuset(World *world)
{
    assert_true(fake_cpuset_write(world->fake, world->guest->kernel, HOME_VCPU, 0, "0-9"));
    assert_true(fake_taskset(world->guest->kernel, 103, "9"));
}

static void meddle_helper_born(World *world)
{
    g_autoptr(CpuSet) set = cpus("0-1");
    GuestThread thread = {.tid = 900,
                          .tgid = 100,
                          .thread_class = THREAD_HELPER,
                          .home = HOME_EMULATOR,
                          .comm = "worker",
                          .affinity = set};

    fake_thread_add(world->guest->kernel, &thread);
}

static void meddle_vhost_born(World *world)
{
    g_autoptr(CpuSet) set = cpus("0");
    GuestThread thread = {.tid = 901,
                          .tgid = 901,
                          .thread_class = THREAD_VHOST,
                          .home = HOME_EMULATOR,
                          .comm = "vhost-100",
                          .affinity = set};

    fake_thread_add(world->guest->kernel, &thread);
}

static void meddle_emulatorpin(World *world)
{
    assert_true(fake_live_pin(world->fake, world->guest, KNOB_EMULATOR_PIN, 0, "10-11"));
}

static const struct {
    const char *name;
    Meddle meddle;
    const char *knob; /* of every change */
} meddles[] = {
    {"taskset on a worker", meddle_taskset, "emulator.pin"},
    {"virsh vcpupin", meddle_vcpupin, "vcpu.pin"},
    {"cpuset.cpus and taskset", meddle_cpuset, "vcpu.pin"},
    {"a helper thread born", meddle_helper_born, "emulator.pin"},
    {"a vhost worker born under the emulator's mask", meddle_vhost_born, "vhost.pin"},
    {"virsh emulatorpin", meddle_emulatorpin, NULL},
};

static void drift_is_told_and_repaired(void **state)
{
    (void)state;
    for (unsigned i = 0; i < G_N_ELEMENTS(meddles); i++) {
        g_autoptr(World) world = world_new(2, 1);
        print_message("%s\n", meddles[i].name);
        set_plan(world, true, "4|5", "0", "1", "2");
        tune(world);
        meddles[i].meddle(world);
        g_autoptr(ChangeSet) changes = diff_now(world, world->plan);
        assert_true(change_set_size(changes) > 0);
        for (unsigned j = 0; j < change_set_size(changes); j++) {
            const Change *change = change_set_get(changes, j);
            assert_true(change->drift);
            if (meddles[i].knob)
                assert_string_equal(knob_info(change->key.knob)->name, meddles[i].knob);
        }
        tune(world);
    }
}

static void change_of_plan_is_no_drift(void **state)
{
    g_autoptr(World) world = world_new(2, 1);
    (void)state;

    set_plan(world, true, "4|5", "0", "1", "2");
    g_autoptr(ChangeSet) first = diff_now(world, NULL);
    assert_true(change_set_size(first) > 0);
    assert_false(change_set_get(first, 0)->drift);
    tune(world);

    g_autoptr(GuestPlan) before = g_steal_pointer(&world->plan);
    set_plan(world, true, "4|6", "0", "1", "2");
    meddle_taskset(world);
    g_autoptr(ChangeSet) changes = diff_now(world, before);
    for (unsigned i = 0; i < change_set_size(changes); i++) {
        const Change *change = change_set_get(changes, i);
        assert_int_equal(change->drift, change->key.knob == KNOB_EMULATOR_PIN);
    }
}

static void foreign_pin_on_a_pool_guest_is_widened(void **state)
{
    g_autoptr(World) world = world_new(2, 1);
    (void)state;

    set_plan(world, false, "0-7|0-7", "0-7", "0-7", "0-7");
    tune(world);
    assert_null(guest_def_vcpu_pin(world->guest->live, 0));
    assert_true(fake_live_pin(world->fake, world->guest, KNOB_VCPU_PIN, 0, "3"));
    g_autoptr(ChangeSet) changes = diff_now(world, world->plan);
    assert_true(change_set_size(changes) > 0);
    assert_true(change_set_get(changes, 0)->drift);
    tune(world);
    assert_cpus(guest_def_vcpu_pin(world->guest->live, 0), "0-15");
    assert_cpus(guest_kernel_cgroup(world->guest->kernel, HOME_VCPU, 0)->cpus, "0-15");
    assert_affinity(world, 103, "0-7");
}

/* As on cgroup v2 before anybody pinned. */
static void empty_cpuset_is_no_pin(void **state)
{
    g_autoptr(World) world = world_new(2, 1);
    (void)state;

    for (unsigned i = 0; i < world->guest->kernel->n_cgroups; i++)
        hwloc_bitmap_zero(world->guest->kernel->cgroups[i].cpus);
    set_plan(world, false, "0-7|0-7", "0-7", "0-7", "0-7");
    g_autoptr(ChangeSet) changes = diff_now(world, NULL);
    assert_true(change_set_size(changes) > 0);
    for (unsigned i = 0; i < change_set_size(changes); i++)
        assert_int_not_equal(change_set_get(changes, i)->key.tid, 0);
    tune(world);
    assert_cpus(guest_kernel_cgroup(world->guest->kernel, HOME_VCPU, 0)->cpus, "");

    set_plan(world, true, "4|5", "0", "1", "2");
    tune(world);
    hwloc_bitmap_zero(guest_kernel_cgroup(world->guest->kernel, HOME_VCPU, 0)->cpus);
    g_autoptr(ChangeSet) cleared = diff_now(world, world->plan);
    assert_int_equal(change_set_size(cleared), 1);
    assert_true(change_set_get(cleared, 0)->drift);
    assert_null(change_set_get(cleared, 0)->from);
    tune(world);
    assert_cpus(guest_kernel_cgroup(world->guest->kernel, HOME_VCPU, 0)->cpus, "4");
}

static void offline_cpus_do_not_count(void **state)
{
    g_autoptr(World) world = world_new(1, 1);
    g_autoptr(CpuSet) online = cpuset_new_range(0, 11);
    (void)state;

    set_plan(world, false, "8-15", "8-15", "8-15", "8-15");
    tune(world);
    for (unsigned i = 0; i < world->guest->kernel->n_threads; i++)
        hwloc_bitmap_and(world->guest->kernel->threads[i].affinity,
                         world->guest->kernel->threads[i].affinity, online);
    g_autoptr(SettingList) wanted = wanted_make(world->plan, world->guest);
    g_autoptr(SettingList) observed = observed_make(world->guest);
    g_autoptr(ChangeSet) changes = diff_make(wanted, NULL, observed, world->allowed, online);
    assert_int_equal(change_set_size(changes), 0);
}

static void fixed_threads_are_left(void **state)
{
    g_autoptr(World) world = world_new(1, 1);
    (void)state;

    fake_thread_find(world->guest->kernel, 101)->fixed = true;
    set_plan(world, false, "8-15", "8-15", "8-15", "8-15");
    tune(world);
    assert_affinity(world, 101, "0-15");
}

static void intruders(void **state)
{
    g_autoptr(World) world = world_new(1, 1);
    FakeKernelOptions options = {.pid = 500, .allowed = world->allowed};
    const Guest *web = fake_backend_add(world->fake, fake_guest_new("web", 1, 0, &options));
    options.pid = 600;
    const Guest *app = fake_backend_add(world->fake, fake_guest_new("app", 1, 0, &options));
    const Guest *others[] = {web, app, world->guest};
    (void)state;

    set_plan(world, true, "4", "0", "0", "0");
    hwloc_bitmap_set(world->plan->exclusive, 4);
    g_auto(GStrv) names = intruders_find(world->plan, others, G_N_ELEMENTS(others));
    assert_int_equal(g_strv_length(names), 2);
    assert_string_equal(names[0], "app");
    for (pid_t tid = 500; tid < 502; tid++) {
        assert_true(fake_taskset(web->kernel, tid, "5"));
        assert_true(fake_taskset(app->kernel, tid + 100, "5"));
    }
    assert_null(intruders_find(world->plan, others, G_N_ELEMENTS(others)));
}

/* --- restore --- */

/* A record in a directory of its own, and the cycle's use of it. */
typedef struct Kept {
    char *directory;
    Record *record;
    ProcessKey process;
} Kept;

static Kept kept_new(const World *world)
{
    g_autofree char *text = NULL;
    Kept kept = {.directory = record_dir_new(),
                 .process = {.uuid = world->guest->uuid,
                             .name = world->guest->name,
                             .boot_id = "boot",
                             .pid = world->guest->kernel->pid,
                             .starttime = world->guest->kernel->starttime}};

    assert_int_equal(record_open(kept.directory, &kept.record, &text), RECORD_DONE);
    return kept;
}

static void kept_clear(Kept *kept)
{
    record_close(kept->record);
    record_dir_clear(kept->directory);
    assert_int_equal(remove(kept->directory), 0);
    g_free(kept->directory);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Kept, kept_clear)

static void apply_recorded(const World *world, const Kept *kept, const ChangeSet *changes)
{
    g_autofree const char **words = g_new0(const char *, change_set_size(changes) + 1);
    int64_t batch;

    for (unsigned i = 0; i < change_set_size(changes); i++)
        words[i] = "done";
    assert_int_equal(record_begin(kept->record, &kept->process, changes, "plan", &batch), 0);
    apply(world, changes);
    assert_int_equal(record_finish(kept->record, &kept->process, batch, changes, words), 0);
}

static void tune_recorded(const World *world, const Kept *kept)
{
    for (unsigned round = 0; round < MAX_ROUNDS; round++) {
        g_autoptr(ChangeSet) changes = diff_now(world, NULL);
        if (change_set_size(changes) > 0)
            apply_recorded(world, kept, changes);
    }
}

/* Rounds as the daemon's; *diags are those of the last. */
static DiagList *restore(const World *world, const Kept *kept, const SettingList *wanted,
                         bool force)
{
    for (unsigned round = 0;; round++) {
        g_autoptr(DiagList) diags = diag_list_new();
        g_autoptr(Guest) seen = look(world);
        g_autoptr(GPtrArray) list = NULL;
        assert_int_equal(record_originals(kept->record, &kept->process, &list), 0);
        g_autoptr(SettingList) back = restore_make(list, wanted, seen, force, diags);
        g_autoptr(ChangeSet) changes = diff_wanted(world, back);
        if (change_set_size(changes) == 0)
            return g_steal_pointer(&diags);
        assert_true(round < MAX_ROUNDS);
        apply_recorded(world, kept, changes);
    }
}

static void restore_puts_all_back(void **state)
{
    static const char *const plans[][4] = {{"4|5", "0", "1", "2"}, {"6|7", "2", "3", "1"}};
    (void)state;

    for (unsigned pinned = 0; pinned < 2; pinned++) {
        g_autoptr(World) world = world_new(2, 1);
        g_auto(Kept) kept = kept_new(world);
        assert_true(fake_live_pin(world->fake, world->guest, KNOB_VCPU_PIN, 1, "10-11"));
        assert_true(fake_taskset(world->guest->kernel, 101, "12-15"));
        for (unsigned i = 0; i < G_N_ELEMENTS(plans); i++) {
            set_plan(world, pinned, plans[i][0], plans[i][1], plans[i][2], plans[i][3]);
            world->plan->weight = 300;
            tune_recorded(world, &kept);
        }
        g_autoptr(DiagList) diags = restore(world, &kept, NULL, false);
        assert_int_equal(diag_list_count(diags, DIAG_WARNING), 0);
        g_autofree char *are = affinities(world);
        assert_string_equal(are, "0-15 12-15 0-15 0-15 10-11 0-15");
        assert_cpus(guest_def_vcpu_pin(world->guest->live, 1), "10-11");
        assert_int_equal(world->guest->kernel->cpu_shares, 100);
    }
}

static void foreign_values_are_kept_unless_forced(void **state)
{
    g_autoptr(World) world = world_new(2, 1);
    g_auto(Kept) kept = kept_new(world);
    (void)state;

    set_plan(world, false, "4-7|4-7", "4-7", "4-7", "4-7");
    tune_recorded(world, &kept);
    assert_true(fake_taskset(world->guest->kernel, 103, "9"));
    g_autoptr(DiagList) diags = restore(world, &kept, NULL, false);
    assert_int_equal(diag_list_count(diags, DIAG_WARNING), 1);
    assert_non_null(strstr(diag_list_get(diags, 0)->text, "is now 9, and vmtuned set it to 4-7"));
    assert_affinity(world, 103, "9");
    assert_affinity(world, 104, "0-15");
    g_autoptr(DiagList) forced = restore(world, &kept, NULL, true);
    assert_int_equal(diag_list_count(forced, DIAG_WARNING), 0);
    assert_affinity(world, 103, "0-15");
}

static void add_worker(World *world, pid_t tid)
{
    GuestThread thread = {.tid = tid,
                          .tgid = 100,
                          .thread_class = THREAD_HELPER,
                          .home = HOME_EMULATOR,
                          .comm = "worker",
                          .affinity = fake_thread_find(world->guest->kernel, 100)->affinity};

    fake_thread_add(world->guest->kernel, &thread);
}

/* Born under the first mask and moved with the others, and born under the last. */
static void heirs_get_what_their_class_had(void **state)
{
    g_autoptr(World) world = world_new(2, 1);
    g_auto(Kept) kept = kept_new(world);
    (void)state;

    set_plan(world, false, "4-7|4-7", "4-7", "4-7", "4-7");
    tune_recorded(world, &kept);
    add_worker(world, 900);
    set_plan(world, false, "0-3|0-3", "0-3", "0-3", "0-3");
    tune_recorded(world, &kept);
    add_worker(world, 901);
    g_autoptr(DiagList) diags = restore(world, &kept, NULL, false);
    assert_int_equal(diag_list_count(diags, DIAG_WARNING), 0);
    assert_affinity(world, 900, "0-15");
    assert_affinity(world, 901, "0-15");
}

static void only_what_is_no_longer_wanted(void **state)
{
    g_autoptr(World) world = world_new(2, 1);
    g_auto(Kept) kept = kept_new(world);
    (void)state;

    set_plan(world, true, "4|5", "0", "1", "2");
    world->plan->weight = 300;
    tune_recorded(world, &kept);
    world->plan->weight = -1;
    g_autoptr(SettingList) wanted = wanted_make(world->plan, world->guest);
    g_autoptr(DiagList) diags = restore(world, &kept, wanted, false);
    assert_int_equal(diag_list_count(diags, DIAG_WARNING), 0);
    assert_int_equal(world->guest->kernel->cpu_shares, 100);
    assert_int_equal(tune(world), 0);
}

/* Killed between record and machine: both the last and the value before it are ours. */
static void cut_off_writes_are_ours(void **state)
{
    (void)state;
    for (unsigned written = 0; written < 2; written++) {
        g_autoptr(World) world = world_new(2, 1);
        g_auto(Kept) kept = kept_new(world);
        int64_t batch;
        set_plan(world, false, "4-7|4-7", "4-7", "4-7", "4-7");
        tune_recorded(world, &kept);
        set_plan(world, false, "0-3|0-3", "0-3", "0-3", "0-3");
        g_autoptr(ChangeSet) changes = diff_now(world, NULL);
        assert_int_equal(record_begin(kept.record, &kept.process, changes, "plan", &batch), 0);
        if (written)
            apply(world, changes);
        g_autoptr(DiagList) diags = restore(world, &kept, NULL, false);
        assert_int_equal(diag_list_count(diags, DIAG_WARNING), 0);
        g_autofree char *are = affinities(world);
        assert_string_equal(are, "0-15 0-15 0-15 0-15 0-15 0-15");
    }
}

/* The live pin that was there before is put back on a pool guest, although "not set" was written.
 */
static void foreign_pin_of_old_is_put_back(void **state)
{
    g_autoptr(World) world = world_new(2, 1);
    g_auto(Kept) kept = kept_new(world);
    (void)state;

    assert_true(fake_live_pin(world->fake, world->guest, KNOB_VCPU_PIN, 0, "3"));
    set_plan(world, false, "4-7|4-7", "4-7", "4-7", "4-7");
    tune_recorded(world, &kept);
    assert_cpus(guest_def_vcpu_pin(world->guest->live, 0), "0-15");
    g_autoptr(DiagList) diags = restore(world, &kept, NULL, false);
    assert_int_equal(diag_list_count(diags, DIAG_WARNING), 0);
    assert_cpus(guest_def_vcpu_pin(world->guest->live, 0), "3");
    assert_affinity(world, 103, "3");
}

/* A vCPU plugged under vmtuned's pin never had a mask of its own. */
static void thread_that_was_not_set_gets_all(void **state)
{
    g_autoptr(World) world = world_new(1, 0);
    g_autoptr(DiagList) diags = diag_list_new();
    g_autoptr(GPtrArray) originals = g_ptr_array_new();
    (void)state;

    set_plan(world, true, "4", "0", "1", "");
    tune(world);
    g_autoptr(Guest) seen = look(world);
    const GuestThread *thread = fake_thread_find(world->guest->kernel, 103);
    char four[] = "4";
    Original cgroup = {.key = {.knob = KNOB_VCPU_PIN, .plane = PLANE_ACTUAL}, .written = four};
    Original mask = cgroup;
    mask.key.tid = thread->tid;
    mask.key.tid_start = thread->starttime;
    g_ptr_array_add(originals, &cgroup);
    g_ptr_array_add(originals, &mask);
    g_autoptr(SettingList) back = restore_make(originals, NULL, seen, false, diags);
    assert_null(setting_list_find(back, &cgroup.key)->value);
    assert_string_equal(setting_list_find(back, &mask.key)->value, "0-15");
}

/* A cpuset outside the partition is accepted by the kernel, but the parent's is in force. */
static void a_cpuset_that_is_not_granted_differs(void **state)
{
    g_autoptr(World) world = world_new(2, 0);
    GuestCgroup *cgroup = NULL;
    (void)state;

    set_plan(world, true, "4|5", "4", "4", "");
    for (unsigned i = 0; i < world->guest->kernel->n_cgroups; i++)
        if (world->guest->kernel->cgroups[i].home == HOME_VCPU)
            cgroup = &world->guest->kernel->cgroups[i];
    hwloc_bitmap_free(cgroup->cpus);
    hwloc_bitmap_free(cgroup->cpus_effective);
    cgroup->cpus = cpus("5");
    cgroup->cpus_effective = cpus("0-3");
    g_autoptr(SettingList) observed = observed_make(world->guest);
    SettingKey key = {.knob = KNOB_VCPU_PIN, .instance = cgroup->home_id, .plane = PLANE_ACTUAL};
    assert_string_equal(setting_list_find(observed, &key)->value, "0-3");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ways_on_a_new_kernel),
        cmocka_unit_test(ways_on_an_old_kernel),
        cmocka_unit_test(ways_persisted),
        cmocka_unit_test(live_then_threads_then_config),
        cmocka_unit_test(a_pin_sets_its_vcpu_in_one_call),
        cmocka_unit_test(weight_quota_and_nodes),
        cmocka_unit_test(strict_nodes_wait_for_a_cold_start),
        cmocka_unit_test(unmanaged_wants_nothing),
        cmocka_unit_test(drift_is_told_and_repaired),
        cmocka_unit_test(change_of_plan_is_no_drift),
        cmocka_unit_test(foreign_pin_on_a_pool_guest_is_widened),
        cmocka_unit_test(empty_cpuset_is_no_pin),
        cmocka_unit_test(a_cpuset_that_is_not_granted_differs),
        cmocka_unit_test(thread_that_was_not_set_gets_all),
        cmocka_unit_test(offline_cpus_do_not_count),
        cmocka_unit_test(fixed_threads_are_left),
        cmocka_unit_test(intruders),
        cmocka_unit_test(restore_puts_all_back),
        cmocka_unit_test(foreign_values_are_kept_unless_forced),
        cmocka_unit_test(heirs_get_what_their_class_had),
        cmocka_unit_test(only_what_is_no_longer_wanted),
        cmocka_unit_test(cut_off_writes_are_ours),
        cmocka_unit_test(foreign_pin_of_old_is_put_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
