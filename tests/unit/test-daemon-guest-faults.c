/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Every backend call of a job fails once in every way, vmtuned is killed before every call, and
 * every call hangs until another job has worked on that guest. Whatever happened: the job says what
 * is left, a clean run after it converges, and a restore after that gives the guest back as it was
 * before vmtuned came.
 */
#include "common/fake-guest.h"
#include "guest-world.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>
#include <sqlite3.h>

static const PlanSpec dedicated = {true, "4|5", "0", "1", "2", 300, 150, "0", PERSIST_ALL};
static const PlanSpec one_set = {true, "6|7", "2-3", "2-3", "3", .persist = PERSIST_COLD};
static const PlanSpec pool = {
    .vcpus = "8-15|8-15", .emulator = "8-15", .vhost = "8-15", .iothread = "8-15"};

/* before: what is in force when the job starts; NULL: nothing yet. */
static const struct Way {
    const char *name;
    const PlanSpec *before, *plan;
    GuestJobKind kind;
} ways[] = {
    {"first tuning", NULL, &dedicated, GUEST_TUNE},
    {"first tuning, helpers in one set", NULL, &one_set, GUEST_TUNE},
    {"first mask of the pool", NULL, &pool, GUEST_TUNE},
    {"another dedicated set", &dedicated, &one_set, GUEST_TUNE},
    {"into the pool", &dedicated, &pool, GUEST_TUNE},
    {"out of the pool", &pool, &dedicated, GUEST_TUNE},
    {"restore of a dedicated guest", &dedicated, &dedicated, GUEST_RESTORE},
    {"restore of one set", &one_set, &one_set, GUEST_RESTORE},
    {"restore of a pool guest", &pool, &pool, GUEST_RESTORE},
};

/* What may happen in one way. */
typedef struct Case {
    const struct Way *way;
    bool old_kernel;
    bool foreign_pins; /* the guest had pins before vmtuned came */
    unsigned call;     /* the one that fails */
} Case;

static GuestJob *run(GuestWorld *world, GuestJobKind kind)
{
    GuestJob *job = guest_job_new(kind, world->guest->uuid, "db");

    guest_world_fill(world, job);
    guest_job_run(job);
    return job;
}

static bool sample; /* under a slow wrapper: not every fault at every call */
static char *now;   /* which case runs, for the one that fails */

static void say_now(const Case *at, const char *what)
{
    g_free(now);
    now = g_strdup_printf("%s, %s kernel%s: %s at call %u", at->way->name,
                          at->old_kernel ? "old" : "new", at->foreign_pins ? ", own pins" : "",
                          what, at->call);
}

static void assert_none(const ChangeSet *changes)
{
    if (change_set_size(changes) == 0)
        return;
    guest_world_print(changes);
    fail_msg("%s: not as it should be", now);
}

/* Everything can be done and nothing is somebody else's. */
static void run_clean(GuestWorld *world, GuestJobKind kind)
{
    fake_backend_reset(world->fake);
    g_autoptr(GuestJob) job = run(world, kind);
    assert_int_equal(job->result, BACKEND_DONE);
    assert_int_equal(job->record_error, 0);
    assert_none(job->left);
    if (diag_list_get(job->diags, 0))
        fail_msg("%s: %s", now, diag_list_get(job->diags, 0)->text);
}

/* Right where the job is to lead: to the plan, or back to the first state. */
static ChangeSet *diff(const GuestWorld *world, GuestJobKind kind)
{
    return kind == GUEST_RESTORE ? guest_world_diff_first(world) : guest_world_diff_plan(world);
}

static void assert_right(const GuestWorld *world, GuestJobKind kind)
{
    g_autoptr(ChangeSet) changes = diff(world, kind);

    assert_none(changes);
}

/* The emulator's own set is what the first plan gives its threads, so that some need no change. */
static void pin_by_hand(GuestWorld *world)
{
    assert_true(fake_live_pin(world->fake, world->guest, KNOB_EMULATOR_PIN, 0, "0"));
    assert_true(fake_live_pin(world->fake, world->guest, KNOB_VCPU_PIN, 1, "9-10"));
    guest_world_set_first(world);
}

static GuestWorld *case_start(const Case *at)
{
    GuestWorld *world = guest_world_new();

    world->fake->old_kernel = at->old_kernel;
    if (at->foreign_pins)
        pin_by_hand(world);
    if (at->way->before) {
        guest_world_set_plan(world, at->way->before);
        run_clean(world, GUEST_TUNE);
    }
    guest_world_set_plan(world, at->way->plan);
    fake_backend_reset(world->fake);
    return world;
}

/* A clean run, then the way back. */
static void converge(GuestWorld *world, const Case *at)
{
    run_clean(world, at->way->kind);
    assert_right(world, at->way->kind);
    run_clean(world, GUEST_RESTORE);
    assert_right(world, GUEST_RESTORE);
}

static void print_log(const GuestWorld *world)
{
    for (guint i = 0; i < world->fake->log->len; i++)
        print_message("    %2u %s\n", i + 1, (const char *)g_ptr_array_index(world->fake->log, i));
}

/* --- one call fails --- */

/* False: the job has no such call. */
static bool fail_once(const Case *at, FakeFault fault)
{
    g_autoptr(GuestWorld) world = case_start(at);

    say_now(at, fake_fault_name(fault));
    world->fake->fail_call = at->call;
    world->fake->fault = fault;
    g_autoptr(GuestJob) job = run(world, at->way->kind);
    if (world->fake->n_calls < at->call)
        return false;
    assert_int_equal(job->record_error, 0);
    g_autoptr(ChangeSet) wrong = diff(world, at->way->kind);
    bool told = job->result != BACKEND_DONE || change_set_size(job->left) > 0 ||
                diag_list_count(job->diags, DIAG_WARNING) > 0;
    if (change_set_size(wrong) > 0 && !told) {
        print_log(world);
        assert_none(wrong);
    }
    converge(world, at);
    return true;
}

static bool fail_in_every_way(const Case *at)
{
    bool more = false;

    for (unsigned fault = 0; fault < N_FAKE_FAULTS; fault++)
        if (!sample || fault == at->call % N_FAKE_FAULTS)
            more |= fail_once(at, (FakeFault)fault);
    return more;
}

/* Runs fn for every way, kernel and guest, and every call until it says there is none. */
typedef bool (*CaseRun)(const Case *at);

static void each_case(CaseRun fn)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(ways); i++) {
        for (unsigned bits = 0; bits < 4; bits++) {
            Case at = {
                .way = &ways[i], .old_kernel = bits & 1, .foreign_pins = bits & 2, .call = 1};
            while (fn(&at))
                at.call += sample && fn != fail_in_every_way ? 4 : 1;
            assert_true(at.call > 5);
        }
    }
}

static void any_call_may_fail(void **state)
{
    (void)state;
    each_case(fail_in_every_way);
}

/* --- killed --- */

static int dead_acquire(void *ctx, const char *uuid, const Guest *off, Guest **ret)
{
    (void)ctx;
    (void)uuid;
    (void)off;
    (void)ret;
    return -EIO;
}

static int dead_ready(void *ctx, const Guest *guest)
{
    (void)ctx;
    (void)guest;
    return -EIO;
}

static int dead_apply(void *ctx, const Guest *guest, const Change *change, char **ret_in_force,
                      char **reterr_text)
{
    (void)ctx;
    (void)guest;
    (void)change;
    (void)ret_in_force;
    (void)reterr_text;
    return -EIO;
}

/* From here on nothing reaches the guest, and the record stays as it is on disk now. */
static void die(FakeBackend *fake, void *data)
{
    guest_world_copy_record(data);
    fake->fail_call = fake->n_calls;
    fake->fault = FAKE_EIO;
    fake->backend.guest_acquire = dead_acquire;
    fake->backend.guest_ready = dead_ready;
    fake->backend.setting_apply = dead_apply;
}

static bool kill_at(const Case *at, bool restore_only)
{
    g_autoptr(GuestWorld) world = case_start(at);
    const Backend alive = world->fake->backend;

    say_now(at, restore_only ? "killed, then restored" : "killed");
    world->fake->callback_call = at->call;
    world->fake->callback = die;
    world->fake->callback_data = world;
    guest_job_free(run(world, at->way->kind));
    if (world->fake->backend.guest_ready == alive.guest_ready)
        return false;
    world->fake->backend = alive;
    guest_world_reopen(world);
    if (restore_only) {
        run_clean(world, GUEST_RESTORE);
        assert_right(world, GUEST_RESTORE);
    } else {
        converge(world, at);
    }
    return true;
}

static bool kill_then_tune(const Case *at)
{
    return kill_at(at, false);
}

static bool kill_then_restore(const Case *at)
{
    return kill_at(at, true);
}

static void killed_then_tuned(void **state)
{
    (void)state;
    each_case(kill_then_tune);
}

static void killed_then_restored(void **state)
{
    (void)state;
    each_case(kill_then_restore);
}

/* --- a call that hangs, is given up, and comes back --- */

typedef struct Hang {
    GuestWorld *world;
    const PlanSpec *next; /* the plan by which the guest is tuned meanwhile */
    sqlite3 *reader;
    int given_up;
    unsigned n_calls; /* when it came back */
    int version;      /* of the record, then */
} Hang;

/* Of a connection that only reads: another number when somebody wrote. */
static int record_version(sqlite3 *reader)
{
    sqlite3_stmt *stmt = NULL;

    assert_int_equal(sqlite3_prepare_v2(reader, "PRAGMA data_version", -1, &stmt, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
    int version = sqlite3_column_int(stmt, 0);
    sqlite3_finalize(stmt);
    return version;
}

/* Before the call takes effect another job works on that guest, to its end. */
static void hang(FakeBackend *fake, void *data)
{
    Hang *hang = data;

    g_atomic_int_set(&hang->given_up, 1);
    guest_world_set_plan(hang->world, hang->next);
    g_autoptr(GuestJob) job = guest_job_new(GUEST_TUNE, hang->world->guest->uuid, "db");
    guest_world_fill(hang->world, job);
    job->keep_originals = true;
    guest_job_run(job);
    assert_int_equal(job->result, BACKEND_DONE);
    assert_none(job->left);
    hang->n_calls = fake->n_calls;
    hang->version = record_version(hang->reader);
}

static void run_hanging(const Case *at, Hang *hang)
{
    GuestWorld *world = hang->world;
    Backend backend = world->fake->backend;
    g_autoptr(GuestJob) job = guest_job_new(at->way->kind, world->guest->uuid, "db");

    guest_world_fill(world, job);
    backend.watch.given_up = &hang->given_up;
    job->backend = &backend;
    guest_job_run(job);
}

/* False: the job has no such call. */
static bool hang_at(const Case *at, const PlanSpec *next)
{
    g_autoptr(GuestWorld) world = case_start(at);
    g_autofree char *path = g_build_filename(world->directory, "record.db", NULL);
    Hang hanging = {.world = world, .next = next};

    say_now(at, "given up");
    assert_int_equal(sqlite3_open(path, &hanging.reader), SQLITE_OK);
    world->fake->callback_call = at->call;
    world->fake->callback = hang;
    world->fake->callback_data = &hanging;
    run_hanging(at, &hanging);
    if (hanging.given_up) {
        /* that one call, and nothing more */
        if (world->fake->n_calls != hanging.n_calls)
            print_log(world);
        assert_int_equal(world->fake->n_calls, hanging.n_calls);
        assert_int_equal(record_version(hanging.reader), hanging.version);
        run_clean(world, GUEST_TUNE);
        assert_right(world, GUEST_TUNE);
        run_clean(world, GUEST_RESTORE);
        assert_right(world, GUEST_RESTORE);
    }
    sqlite3_close(hanging.reader);
    return hanging.given_up;
}

static bool hang_then_tune(const Case *at)
{
    return hang_at(at, at->way->plan == &one_set ? &dedicated : &one_set);
}

/* A plan that names less: what the hanging job had begun goes back. */
static bool hang_then_pool(const Case *at)
{
    return hang_at(at, &pool);
}

static void given_up_at_any_call(void **state)
{
    (void)state;
    each_case(hang_then_tune);
    each_case(hang_then_pool);
}

/* --- a record that cannot be read --- */

static void sql(const GuestWorld *world, const char *text)
{
    g_autofree char *path = g_build_filename(world->directory, "record.db", NULL);
    sqlite3 *db = NULL;

    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, text, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
}

static void find_originals(FakeBackend *fake, void *data)
{
    (void)fake;
    sql(data, "ALTER TABLE lost RENAME TO original");
}

static void force_back(GuestWorld *world)
{
    g_autoptr(GuestJob) job = guest_job_new(GUEST_RESTORE, world->guest->uuid, "db");

    guest_world_fill(world, job);
    job->force = true;
    fake_backend_reset(world->fake);
    guest_job_run(job);
    assert_none(job->left);
}

/* What could not be read is neither restored nor forgotten. */
static void originals_that_cannot_be_read(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        GuestJobKind kind = i ? GUEST_RESTORE : GUEST_TUNE;
        g_autoptr(GuestWorld) world = guest_world_new();
        guest_world_set_plan(world, &dedicated);
        run_clean(world, GUEST_TUNE);
        guest_world_set_plan(world, &one_set);
        sql(world, "ALTER TABLE original RENAME TO lost");
        fake_backend_reset(world->fake);
        if (kind == GUEST_TUNE) {
            world->fake->callback_call = 2;
            world->fake->callback = find_originals;
            world->fake->callback_data = world;
        }
        g_autoptr(GuestJob) job = run(world, kind);
        assert_true(job->record_error < 0);
        assert_int_equal(job->result, kind == GUEST_RESTORE ? job->record_error : BACKEND_DONE);
        assert_false(job->flags.released);
        if (kind == GUEST_RESTORE)
            find_originals(world->fake, world);
        force_back(world);
        assert_right(world, GUEST_RESTORE);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_call_may_fail),
        cmocka_unit_test(killed_then_tuned),
        cmocka_unit_test(killed_then_restored),
        cmocka_unit_test(given_up_at_any_call),
        cmocka_unit_test(originals_that_cannot_be_read),
    };
    sample = getenv("TEST_WRAP") && *getenv("TEST_WRAP");
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    g_free(now);
    return failed;
}
