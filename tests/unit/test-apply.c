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

static void want_device(World *world, Knob knob, const char *device, const char *from,
                        const char *to)
{
    SettingKey key = {.knob = knob, .plane = PLANE_CONFIG};

    assert_true(setting_key_set_device(&key, device));
    change_set_add(world->changes, &key, from, to);
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

/* The change of the usual set that write number n makes, once its threads have been placed. */
static const unsigned change_of_write[] = {0, 1, 2, 5, 6};
#define N_USUAL_WRITES G_N_ELEMENTS(change_of_write)
#define N_PLACED 2u

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

    return apply_run(&world->fake->backend, seen, world->changes, world->cpus, world->cpus, false);
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
    assert_int_equal(outcome->n_writes, N_PLACED + N_USUAL_WRITES);
    assert_int_equal(world->fake->n_calls, 1 + N_PLACED + N_USUAL_WRITES);
    assert_ptr_equal(outcome->changes, world->changes);
    for (unsigned i = 0; i < change_set_size(world->changes); i++) {
        assert_int_equal(outcome->results[i].kind, OUTCOME_DONE);
        assert_null(outcome->results[i].error);
    }
    assert_string_equal(outcome->results[5].in_force, "1");
    assert_null(outcome->results[3].in_force);
    assert_log(world, 0, "ready db = done");
    assert_log(world, 1, "db: vcpu.pin 1 thread 102 actual 0-7 -> 5 = done");
    assert_log(world, 2, "db: emulator.pin thread 100 actual 0-7 -> 1 = done");
    assert_log(world, 3, "db: vcpu.pin 0 live - -> 4 = done");
    assert_log(world, 7, "db: vcpu.pin 0 config - -> 4 = done");
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
    assert_int_equal(outcome->n_writes, N_PLACED + (ends ? write + 1 : N_USUAL_WRITES) + undone);
    assert_int_equal(outcome->n_writes, world->fake->n_writes);
    assert_int_equal(strstr(outcome->results[failed].error, "put back") != NULL, undone);
    for (unsigned i = 0; i < failed; i++)
        if (!change_set_get(outcome->changes, i)->carried)
            assert_int_equal(outcome->results[i].kind, OUTCOME_DONE);
    for (unsigned i = failed + 1; i < change_set_size(outcome->changes) && ends; i++)
        assert_int_equal(outcome->results[i].kind,
                         kind == OUTCOME_GONE ? OUTCOME_GONE : OUTCOME_RETRY);
}

/* Fails the 1st, 2nd, 3rd … call until the run succeeds; a second run then always ends well. A
 * thread that is not placed at once is placed in its turn. */
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
            if (met && call >= 2 + N_PLACED)
                assert_fault(world, outcome, &fault_cases[i], call - 2 - N_PLACED);
            else
                assert_int_equal(outcome->kind, OUTCOME_DONE);
            fake_backend_reset(world->fake);
            g_autoptr(Outcome) again = run(world);
            assert_int_equal(again->kind, OUTCOME_DONE);
            world_free(world);
            if (!met)
                break;
        }
        assert_int_equal(call, 2 + N_PLACED + N_USUAL_WRITES);
    }
}

static void carried_follows_its_carrier(void **state)
{
    World *world = *state;

    want_usual(world);
    fail_call(world, 2 + N_PLACED, FAKE_REFUSED);
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
        apply_run(&world->fake->backend, world->guest, world->changes, allowed, world->cpus, false);
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
    world->fake->callback_call = 3 + N_PLACED;
    g_autoptr(Outcome) outcome = run(world);
    assert_int_equal(outcome->kind, OUTCOME_GONE);
    assert_int_equal(outcome->n_writes, N_PLACED + 2);
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
    world->fake->callback_call = 3 + N_PLACED;
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

    world->guest->hung = "its monitor does not answer";
    want(world, KNOB_VCPU_PIN, 0, PLANE_LIVE, 0, NULL, "6");
    want(world, KNOB_VCPU_PIN, 1, PLANE_ACTUAL, 102, "0-7", "7");
    g_autoptr(Outcome) outcome = run(world);
    assert_int_equal(outcome->kind, OUTCOME_RETRY);
    assert_int_equal(outcome->results[0].kind, OUTCOME_RETRY);
    assert_int_equal(outcome->results[1].kind, OUTCOME_DONE);
    assert_int_equal(outcome->n_writes, 1);
    world->guest->hung = NULL;
}

/* --- edits of the definition --- */

/* A pin, which libvirt has a call for; then three edits of disks and a pin to be taken out. */
static void want_edits(World *world)
{
    GuestDef *config = (GuestDef *)world->guest->config;

    want(world, KNOB_VCPU_PIN, 0, PLANE_CONFIG, 0, NULL, "4");
    want_device(world, KNOB_DISK_IO, "vda", NULL, "native");
    want_device(world, KNOB_DISK_CACHE, "vda", NULL, "none");
    want_device(world, KNOB_DISK_CACHE, "vdb", "none", NULL);
    want(world, KNOB_VCPU_PIN, 1, PLANE_CONFIG, 0, "5", NULL);
    for (unsigned i = 1; i < 4; i++) {
        const Change *change = change_set_get(world->changes, i);
        SettingKey key = change->key;
        key.plane = 0;
        setting_list_add(config->knobs, &key, change->from, NULL, NULL);
    }
    setting_list_sort(config->knobs);
}

static void assert_config(const World *world, unsigned i, const char *expected)
{
    SettingKey key = change_set_get(world->changes, i)->key;

    key.plane = 0;
    const Setting *setting = setting_list_find(world->guest->config->knobs, &key);
    assert_string_equal(setting->value ? setting->value : "-", expected);
}

static void assert_kinds(const Outcome *outcome, const OutcomeKind *kinds)
{
    for (unsigned i = 0; i < change_set_size(outcome->changes); i++) {
        assert_int_equal(outcome->results[i].kind, kinds[i]);
        assert_int_equal(outcome->results[i].error != NULL, kinds[i] != OUTCOME_DONE);
    }
}

#define KINDS(a, b, c, d, e)                                                                       \
    ((const OutcomeKind[]){OUTCOME_##a, OUTCOME_##b, OUTCOME_##c, OUTCOME_##d, OUTCOME_##e})

static void edits_are_made_together(void **state)
{
    World *world = *state;

    want_edits(world);
    g_autoptr(Outcome) outcome = run(world);
    assert_kinds(outcome, KINDS(DONE, DONE, DONE, DONE, DONE));
    assert_int_equal(outcome->kind, OUTCOME_DONE);
    assert_int_equal(outcome->n_writes, 2);
    assert_int_equal(world->fake->n_calls, 3);
    assert_config(world, 1, "native");
    assert_config(world, 2, "none");
    assert_config(world, 3, "-");
    assert_string_equal(outcome->results[1].in_force, "native");
    assert_null(outcome->results[3].in_force);
    assert_log(world, 2, "db: disk.io vda config - -> native = done");
    assert_log(world, 4, "db: disk.cache vdb config none -> - = done");
}

/* What a fault in the edit of all makes of it: refused, each is tried alone. */
static void edit_that_fails(void **state)
{
    static const struct {
        FakeFault fault;
        OutcomeKind kind;
        unsigned n_writes;
    } cases[] = {
        {FAKE_RETRY, OUTCOME_RETRY, 2}, {FAKE_GONE, OUTCOME_GONE, 2},
        {FAKE_EIO, OUTCOME_FATAL, 2},   {FAKE_REFUSED, OUTCOME_DONE, 6},
        {FAKE_HALF, OUTCOME_DONE, 6},   {FAKE_NO_EFFECT, OUTCOME_REFUSED, 2},
    };
    (void)state;

    for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
        World *world = world_new();
        OutcomeKind kind = cases[i].kind;
        want_edits(world);
        fail_call(world, 3, cases[i].fault);
        g_autoptr(Outcome) outcome = run(world);
        assert_kinds(outcome, (const OutcomeKind[]){OUTCOME_DONE, kind, kind, kind, kind});
        assert_int_equal(outcome->kind, kind);
        assert_int_equal(outcome->n_writes, cases[i].n_writes);
        fake_backend_reset(world->fake);
        g_autoptr(Outcome) again = run(world);
        assert_int_equal(again->kind, OUTCOME_DONE);
        world_free(world);
    }
}

static void edit_without_effect_is_refused(void **state)
{
    World *world = *state;

    want_edits(world);
    fail_call(world, 3, FAKE_NO_EFFECT);
    g_autoptr(Outcome) outcome = run(world);
    assert_string_equal(outcome->results[1].error, "had no such effect: nothing is in force");
    assert_string_equal(outcome->results[3].error, "had no such effect: none is in force");
    assert_string_equal(outcome->results[3].in_force, "none");
}

/* Devices left since the look: their edits wait for the next look, the others are made. */
static void edit_of_a_device_that_left(void **state)
{
    World *world = *state;

    want_edits(world);
    setting_list_free(world->guest->config->knobs);
    world->guest->config->knobs = setting_list_new();
    g_autoptr(Outcome) outcome = run(world);
    assert_kinds(outcome, KINDS(DONE, RETRY, RETRY, RETRY, DONE));
    assert_string_equal(outcome->results[1].error, "its device is not there");
    assert_int_equal(outcome->kind, OUTCOME_RETRY);
    assert_int_equal(outcome->n_writes, 2);
}

static void edit_of_a_transient_guest(void **state)
{
    World *world = *state;

    want_edits(world);
    g_clear_pointer(&world->guest->config, guest_def_unref);
    g_autoptr(Outcome) outcome = run(world);
    assert_int_equal(outcome->kind, OUTCOME_REFUSED);
    for (unsigned i = 0; i < 5; i++)
        assert_string_equal(outcome->results[i].error, "transient guest");
}

/* --- a hypervisor that is hard to please --- */

/* All edits at once are refused. Alone, some always are, one until another is in, and one may end
 * it all. By place among the changes; 0: none. */
typedef struct Moods {
    Backend backend; /* of the fake, with an edit of its own */
    const World *world;
    unsigned never, waits, waits_for;
    unsigned ends;
    int end;
    bool came; /* what it waited for */
} Moods;

static int moody_edit(void *ctx, const Guest *guest, const Change *const *changes, unsigned n,
                      EditResult *ret, char **reterr_text)
{
    Moods *moods = ctx;
    const ChangeSet *all = moods->world->changes;
    const Backend *fake = &moods->world->fake->backend;

    *reterr_text = g_strdup(n > 1 ? "not all" : "not this one");
    if (n > 1 || changes[0] == change_set_get(all, moods->never))
        return BACKEND_REFUSED;
    if (changes[0] == change_set_get(all, moods->waits) && !moods->came)
        return BACKEND_REFUSED;
    if (changes[0] == change_set_get(all, moods->ends))
        return moods->end;
    moods->came |= changes[0] == change_set_get(all, moods->waits_for);
    g_clear_pointer(reterr_text, g_free);
    return fake->definition_edit(fake->ctx, guest, changes, n, ret, reterr_text);
}

static int moody_ready(void *ctx G_GNUC_UNUSED, const Guest *guest G_GNUC_UNUSED)
{
    return BACKEND_DONE;
}

static int moody_apply(void *ctx, const Guest *guest, const Change *change, char **ret_in_force,
                       char **reterr_text)
{
    const Backend *fake = &((Moods *)ctx)->world->fake->backend;

    return fake->setting_apply(fake->ctx, guest, change, ret_in_force, reterr_text);
}

static Outcome *run_moody(World *world, Moods moods)
{
    g_autoptr(Guest) seen = guest_copy(world->guest);

    moods.world = world;
    moods.backend = (Backend){.ctx = &moods,
                              .guest_ready = moody_ready,
                              .setting_apply = moody_apply,
                              .definition_edit = moody_edit};
    return apply_run(&moods.backend, seen, world->changes, world->cpus, world->cpus, false);
}

static void only_what_is_refused_is_left(void **state)
{
    World *world = *state;

    want_edits(world);
    g_autoptr(Outcome) outcome = run_moody(world, (Moods){.never = 3});
    assert_kinds(outcome, KINDS(DONE, DONE, DONE, REFUSED, DONE));
    assert_string_equal(outcome->results[3].error, "not this one");
    assert_int_equal(outcome->n_writes,
                     1 + 1 + 4 + 1); /* alone, and once more after others were made */
    assert_config(world, 2, "none");
    assert_config(world, 3, "none");
}

static void one_edit_needs_another(void **state)
{
    World *world = *state;

    want_edits(world);
    g_autoptr(Outcome) outcome = run_moody(world, (Moods){.never = 3, .waits = 1, .waits_for = 2});
    assert_kinds(outcome, KINDS(DONE, DONE, DONE, REFUSED, DONE));
    assert_config(world, 1, "native");
}

/* Nothing is asked of a guest that is gone, nor after what nobody expects. */
static void one_edit_ends_all(void **state)
{
    static const struct {
        int end;
        OutcomeKind kind, rest;
    } cases[] = {
        {BACKEND_GONE, OUTCOME_GONE, OUTCOME_GONE},
        {-EIO, OUTCOME_FATAL, OUTCOME_RETRY},
    };
    (void)state;

    for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
        World *world = world_new();
        want_edits(world);
        g_autoptr(Outcome) outcome =
            run_moody(world, (Moods){.never = 1, .ends = 2, .end = cases[i].end});
        assert_kinds(outcome, (const OutcomeKind[]){OUTCOME_DONE, OUTCOME_REFUSED, cases[i].kind,
                                                    cases[i].rest, cases[i].rest});
        assert_int_equal(outcome->n_writes, 4);
        assert_int_equal(outcome->kind, cases[i].kind);
        world_free(world);
    }
}

/* What was made before the end stays told as made. */
static void end_in_a_later_pass(void **state)
{
    World *world = *state;

    want_edits(world);
    Moods moods = {.waits = 1, .waits_for = 2, .ends = 1, .end = BACKEND_GONE};
    g_autoptr(Outcome) outcome = run_moody(world, moods);
    assert_kinds(outcome, KINDS(DONE, GONE, DONE, DONE, DONE));
}

/* A guest in a job: what is done is done, the rest waits. */
static void one_edit_is_too_early(void **state)
{
    World *world = *state;

    want_edits(world);
    g_autoptr(Outcome) outcome = run_moody(world, (Moods){.ends = 3, .end = BACKEND_RETRY});
    assert_kinds(outcome, KINDS(DONE, DONE, DONE, RETRY, DONE));
    assert_int_equal(outcome->n_writes, 1 + 1 + 4);
}

static void hung_guest_gets_no_edit(void **state)
{
    World *world = *state;

    world->guest->hung = "its monitor does not answer";
    want_edits(world);
    g_autoptr(Outcome) outcome = run(world);
    assert_kinds(outcome, KINDS(RETRY, RETRY, RETRY, RETRY, RETRY));
    assert_int_equal(outcome->n_writes, 0);
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
        TEST(edits_are_made_together),
        cmocka_unit_test(edit_that_fails),
        TEST(edit_without_effect_is_refused),
        TEST(edit_of_a_device_that_left),
        TEST(edit_of_a_transient_guest),
        TEST(only_what_is_refused_is_left),
        TEST(one_edit_needs_another),
        cmocka_unit_test(one_edit_ends_all),
        TEST(end_in_a_later_pass),
        TEST(one_edit_is_too_early),
        TEST(hung_guest_gets_no_edit),
        cmocka_unit_test(names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
