/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Random fault schedules. Some guests and the host are tuned by one plan after another, looked at
 * and restored, while calls fail in every way, the disk is full for a while, somebody else changes
 * what vmtuned set, and vmtuned is killed. Afterwards, in a world without faults, each guest
 * becomes as planned, the record knows what is in force, and a restore gives the first state back.
 *
 * The first state is what was there before vmtuned came. What somebody else changes while vmtuned
 * has it in hand, and knows its original, does not become part of it; what he changes else may.
 * VMTUNED_SEED and VMTUNED_COUNT choose the schedules; one that fails is printed with its steps.
 */
#include "common/fake-guest.h"
#include "common/record-dir.h"
#include "common/world.h"
#include "daemon/host-job.h"
#include "plan/diff.h"
#include "plan/plan-make.h"
#include "property/random-world.h"
#include "unit/guest-world.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#define DEFAULT_COUNT 1000
#define MAX_GUESTS 3
#define MIN_STEPS 4
#define MORE_STEPS 8
#define N_CPUS 16
#define BOOT "boot-1"

static const SettingKey thp = {.knob = KNOB_HOST_THP, .plane = PLANE_ACTUAL};
static const SettingKey ksm = {.knob = KNOB_HOST_KSM_RUN, .plane = PLANE_ACTUAL};

/* A guest and what vmtuned and the test know of it. */
typedef struct Subject {
    Guest *guest; /* in the fake */
    GuestPlan *plan, *settled;
    ProcessFlags flags;
    ChangeSet *refused;
    SettingList *first;
    SettingList *touched; /* what somebody else set */
    SettingList *others;  /* and that may stay */
    bool settled_now;     /* as planned, by the last job */
} Subject;

typedef struct Schedule {
    Random random;
    FakeBackend *fake;
    Topo *topo;
    Policy *policy;
    Subject subjects[MAX_GUESTS];
    unsigned n_subjects;
    SettingList *host_first;
    HostPlan *host_plan;
    char *directory;
    Record *record;
    unsigned fault_pct, kill_pct, full_pct; /* of each call */
    bool full;                              /* the disk is */
    bool unwritten; /* something may be in memory only: a kill would lose it */
    bool dead;
    GPtrArray *disk; /* the record when vmtuned died */
    bool drift;      /* somebody else was there */
    GString *steps;
    char *fault;
} Schedule;

static unsigned n_faults, n_kills, n_fulls, n_drifts, n_jobs;

static void fail(Schedule *schedule, const char *format, ...) G_GNUC_PRINTF(2, 3);
static void fail(Schedule *schedule, const char *format, ...)
{
    va_list arguments;

    if (schedule->fault)
        return;
    va_start(arguments, format);
    schedule->fault = g_strdup_vprintf(format, arguments);
    va_end(arguments);
}

/* --- the record --- */

/* As the next vmtuned finds it. */
static void record_reopen(Schedule *schedule)
{
    g_autofree char *text = NULL;

    g_clear_pointer(&schedule->record, record_close);
    if (schedule->disk)
        record_dir_put(schedule->directory, schedule->disk);
    if (record_open(schedule->directory, &schedule->record, &text) != RECORD_DONE)
        g_error("%s", text);
}

/* No file can be written, or again. */
static void disk_set_full(Schedule *schedule, bool full)
{
    disk_limit(full ? 0 : RLIM_INFINITY);
    n_fulls += full && !schedule->full;
    schedule->full = full;
    schedule->unwritten |= full;
}

/* As with each interval. */
static void record_check_now(Schedule *schedule)
{
    g_autofree char *text = NULL;

    if (record_check(schedule->record, true, &text) != RECORD_DONE)
        fail(schedule, "the record does not come back: %s", text);
    schedule->unwritten = false;
}

/* --- what goes wrong --- */

static int dead_guest_acquire(void *ctx, const char *uuid, const Guest *off, Guest **ret)
{
    (void)ctx;
    (void)uuid;
    (void)off;
    (void)ret;
    return BACKEND_GONE;
}

static int dead_guest_ready(void *ctx, const Guest *guest)
{
    (void)ctx;
    (void)guest;
    return BACKEND_GONE;
}

static int dead_host_acquire(void *ctx, Host **ret)
{
    (void)ctx;
    (void)ret;
    return -EIO;
}

static int dead_setting_apply(void *ctx, const Guest *guest, const Change *change,
                              char **ret_in_force, char **reterr_text)
{
    (void)ctx;
    (void)guest;
    (void)change;
    (void)ret_in_force;
    (void)reterr_text;
    return BACKEND_GONE;
}

static int dead_host_apply(void *ctx, const Change *change, const BackendWatch *watch,
                           char **ret_in_force, char **reterr_text)
{
    (void)ctx;
    (void)change;
    (void)watch;
    (void)ret_in_force;
    (void)reterr_text;
    return -EIO;
}

static int dead_definition_edit(void *ctx, const Guest *guest, const Change *const *changes,
                                unsigned n, EditResult *ret, char **reterr_text)
{
    (void)ctx;
    (void)guest;
    (void)changes;
    (void)n;
    (void)ret;
    (void)reterr_text;
    return BACKEND_GONE;
}

/* From here on nothing reaches the world, and the disk stays as it is now. */
static void die(Schedule *schedule)
{
    FakeBackend *fake = schedule->fake;

    g_clear_pointer(&schedule->disk, g_ptr_array_unref);
    schedule->disk = record_dir_copy(schedule->directory);
    schedule->dead = true;
    n_kills++;
    fake->fail_call = fake->n_calls;
    fake->fault = FAKE_EIO;
    fake->backend.guest_acquire = dead_guest_acquire;
    fake->backend.guest_ready = dead_guest_ready;
    fake->backend.host_acquire = dead_host_acquire;
    fake->backend.setting_apply = dead_setting_apply;
    fake->backend.host_apply = dead_host_apply;
    fake->backend.definition_edit = dead_definition_edit;
}

/* Before each call. */
static void before_call(FakeBackend *fake, void *data)
{
    Schedule *schedule = data;

    fake->callback_call = fake->n_calls + 1;
    if (random_chance(&schedule->random, schedule->full_pct))
        disk_set_full(schedule, !schedule->full);
    if (!schedule->unwritten && random_chance(&schedule->random, schedule->kill_pct)) {
        die(schedule);
    } else if (random_chance(&schedule->random, schedule->fault_pct)) {
        fake->fail_call = fake->n_calls;
        /* a pin made by half while it cannot be recorded is not promised to go back */
        fake->fault = (FakeFault)random_below(&schedule->random,
                                              schedule->unwritten ? FAKE_HALF : N_FAKE_FAULTS);
        n_faults++;
    }
}

static void faults_begin(Schedule *schedule)
{
    fake_backend_reset(schedule->fake);
    schedule->fake->callback_call = 1;
    schedule->fake->callback = before_call;
    schedule->fake->callback_data = schedule;
}

/* The next vmtuned knows what the record knows. */
static void live_again(Schedule *schedule, const Backend *alive)
{
    schedule->fake->backend = *alive;
    schedule->dead = false;
    record_reopen(schedule);
    for (unsigned i = 0; i < schedule->n_subjects; i++) {
        Subject *subject = &schedule->subjects[i];
        ProcessKey process = guest_process_key(subject->guest, BOOT);
        if (record_get_flags(schedule->record, &process, &subject->flags) < 0)
            fail(schedule, "the flags cannot be read");
        g_clear_pointer(&subject->settled, guest_plan_unref);
        change_set_unref(subject->refused);
        subject->refused = change_set_new();
        subject->settled_now = false;
        if (subject->plan && subject->flags.settled == guest_plan_digest(subject->plan))
            subject->settled = guest_plan_ref(subject->plan);
    }
}

/* --- somebody else --- */

static GPtrArray *originals_of(Schedule *schedule, const Subject *subject)
{
    GPtrArray *list = NULL;
    ProcessKey process = guest_process_key(subject->guest, BOOT);

    if (record_originals(schedule->record, &process, &list) < 0)
        g_error("the originals cannot be read");
    return list;
}

/* Set with that call, whether it was another value before or not. */
static bool is_touched(const SettingKey *key, Knob knob, unsigned instance, pid_t tid)
{
    if (key->plane == PLANE_CONFIG)
        return false;
    if (tid != 0)
        return key->tid == tid;
    return key->instance == instance &&
           (key->knob == knob || (knob == KNOB_EMULATOR_PIN && key->knob == KNOB_VHOST_PIN));
}

/* What he set is his to keep, unless all of it was vmtuned's. tid 0: the whole class. */
static void keep_others(Schedule *schedule, Subject *subject, Knob knob, unsigned instance,
                        pid_t tid)
{
    g_autoptr(SettingList) now = observed_make(subject->guest);
    g_autoptr(GPtrArray) originals = originals_of(schedule, subject);
    g_autoptr(SettingList) wanted =
        subject->settled_now ? wanted_make(subject->plan, subject->guest) : setting_list_new();
    g_autoptr(SettingList) touched = setting_list_new();
    bool ours = true;

    for (unsigned i = 0; i < setting_list_size(now); i++) {
        const Setting *setting = setting_list_get(now, i);
        if (!is_touched(&setting->key, knob, instance, tid))
            continue;
        setting_list_add(touched, &setting->key, setting->value, NULL, NULL);
        ours &= setting_is_wanted(wanted, &setting->key) && original_find(originals, &setting->key);
    }
    for (unsigned i = 0; i < setting_list_size(touched); i++) {
        const Setting *setting = setting_list_get(touched, i);
        setting_list_add(subject->touched, &setting->key, NULL, NULL, NULL);
        if (!ours)
            setting_list_add(subject->others, &setting->key, setting->value, NULL, NULL);
    }
}

static void disturb_thread(Schedule *schedule, Subject *subject, const char *set)
{
    const GuestKernel *kernel = subject->guest->kernel;
    pid_t tid = kernel->threads[random_below(&schedule->random, kernel->n_threads)].tid;

    g_string_append_printf(schedule->steps, "  somebody sets thread %d of %s to %s\n", (int)tid,
                           subject->guest->name, set);
    if (fake_taskset(subject->guest->kernel, tid, set))
        keep_others(schedule, subject, 0, 0, tid);
}

static void disturb_pin(Schedule *schedule, Subject *subject, const char *set)
{
    static const struct {
        Knob knob;
        unsigned instance;
    } pins[] = {
        {KNOB_VCPU_PIN, 0}, {KNOB_VCPU_PIN, 1}, {KNOB_EMULATOR_PIN, 0}, {KNOB_IOTHREAD_PIN, 1}};
    unsigned i = random_below(&schedule->random, G_N_ELEMENTS(pins));

    g_string_append_printf(schedule->steps, "  somebody pins %s %u of %s to %s\n",
                           knob_info(pins[i].knob)->name, pins[i].instance, subject->guest->name,
                           set);
    fake_live_pin(schedule->fake, subject->guest, pins[i].knob, pins[i].instance, set);
    keep_others(schedule, subject, pins[i].knob, pins[i].instance, 0);
}

static void disturb(Schedule *schedule, Subject *subject)
{
    static const char *const sets[] = {"0", "3-4", "8-15", "0-15", "2,9,12"};
    const char *set = sets[random_below(&schedule->random, G_N_ELEMENTS(sets))];

    if (random_chance(&schedule->random, 50))
        disturb_thread(schedule, subject, set);
    else
        disturb_pin(schedule, subject, set);
    schedule->drift = true;
    n_drifts++;
}

/* --- plans --- */

static const char *pick(Random *random, const char *const *texts, unsigned n)
{
    return texts[random_below(random, n)];
}
#define PICK(random, ...)                                                                          \
    pick(random, (const char *const[]){__VA_ARGS__},                                               \
         G_N_ELEMENTS(((const char *const[]){__VA_ARGS__})))

static GuestPlan *random_plan(Schedule *schedule, const Subject *subject)
{
    Random *random = &schedule->random;
    PlanSpec spec = {.vcpus = "8-15|8-15", .emulator = "8-15", .vhost = "8-15", .iothread = "8-15"};

    if (random_chance(random, 75))
        spec = (PlanSpec){
            .pinned = true,
            .vcpus = PICK(random, "4|5", "6|7", "1-2|1-2", "0-15|3"),
            .emulator = PICK(random, "0", "2-3", "0-1"),
            .vhost = PICK(random, "0", "1", "2-3"),
            .iothread = PICK(random, "2", "3", "0-15"),
            .weight = random_below(random, 3) * 150,
            .quota_pct = random_below(random, 3) * 100,
            .nodes = random_chance(random, 50) ? PICK(random, "0", "1", "0-1") : NULL,
            .persist = (PersistMode)random_below(random, PERSIST_ALL + 1),
        };
    return plan_spec_make(&spec, subject->guest, schedule->topo);
}

/* --- jobs --- */

static GuestJob *job_new(const Schedule *schedule, const Subject *subject, GuestJobKind kind)
{
    GuestJob *job = guest_job_new(kind, subject->guest->uuid, subject->guest->name);

    job->backend = &schedule->fake->backend;
    job->record = schedule->record;
    job->boot_id = BOOT;
    job->topo = topo_ref(schedule->topo);
    job->policy = policy_ref(schedule->policy);
    job->plan = subject->plan ? guest_plan_ref(subject->plan) : NULL;
    job->settled = subject->settled ? guest_plan_ref(subject->settled) : NULL;
    job->flags = subject->flags;
    change_set_unref(job->refused);
    job->refused = change_set_copy(subject->refused);
    job->pid = subject->guest->kernel->pid;
    job->starttime = subject->guest->kernel->starttime;
    return job;
}

/* What vmtuned learns of it. */
static void job_take(Subject *subject, const GuestJob *job)
{
    subject->settled_now = false;
    subject->flags = job->flags;
    change_set_unref(subject->refused);
    subject->refused = change_set_copy(job->refused);
    if (job->kind == GUEST_RESTORE) {
        g_clear_pointer(&subject->settled, guest_plan_unref);
    } else if (job->kind == GUEST_TUNE && job->result == BACKEND_DONE && job->left &&
               change_set_size(job->left) == 0) {
        g_clear_pointer(&subject->settled, guest_plan_unref);
        subject->settled = guest_plan_ref(subject->plan);
        subject->settled_now = true;
    }
}

static void step_guest(Schedule *schedule, Subject *subject)
{
    static const char *const kind_names[] = {"a look at", "tuning", "restore of"};
    Random *random = &schedule->random;
    GuestJobKind kind = random_chance(random, 15)   ? GUEST_LOOK
                        : random_chance(random, 20) ? GUEST_RESTORE
                                                    : GUEST_TUNE;

    if (kind == GUEST_TUNE && (!subject->plan || random_chance(random, 60))) {
        g_clear_pointer(&subject->plan, guest_plan_unref);
        subject->plan = random_plan(schedule, subject);
        change_set_unref(subject->refused);
        subject->refused = change_set_new();
    }
    g_autoptr(GuestJob) job = job_new(schedule, subject, kind);
    job->force = random_chance(random, 30);
    guest_job_run(job);
    g_string_append_printf(schedule->steps, "  %s %s: %d\n", kind_names[kind], subject->guest->name,
                           job->result);
    if (!schedule->dead)
        job_take(subject, job);
}

static HostJob *host_job(const Schedule *schedule, HostJobKind kind)
{
    HostJob *job = host_job_new(kind);

    job->backend = &schedule->fake->backend;
    job->record = schedule->record;
    job->boot_id = BOOT;
    job->plan = kind == HOST_TUNE ? host_plan_ref(schedule->host_plan) : NULL;
    return job;
}

static void step_host(Schedule *schedule)
{
    Random *random = &schedule->random;
    HostPlan *plan = host_plan_new();
    const SettingKey pages = host_pool_key(0, 2048);

    if (random_chance(random, 70))
        setting_list_add(plan->wanted, &thp, PICK(random, "never", "madvise"), "x", NULL);
    if (random_chance(random, 70))
        setting_list_add(plan->wanted, &ksm, PICK(random, "1", "2"), "x", NULL);
    if (random_chance(random, 70))
        setting_list_add(plan->wanted, &pages, PICK(random, "16", "64"), "x", NULL);
    setting_list_sort(plan->wanted);
    if (schedule->host_plan)
        host_plan_unref(schedule->host_plan);
    schedule->host_plan = plan;
    HostJobKind kind = random_chance(random, 20) ? HOST_RESTORE : HOST_TUNE;
    g_autoptr(HostJob) job = host_job(schedule, kind);
    host_job_run(job);
    g_string_append_printf(schedule->steps, "  %s of the host: %d\n",
                           kind == HOST_TUNE ? "tuning" : "restore", job->result);
}

static void add_log(Schedule *schedule)
{
    for (guint i = 0; i < schedule->fake->log->len; i++)
        g_string_append_printf(schedule->steps, "      %s\n",
                               (const char *)g_ptr_array_index(schedule->fake->log, i));
}

static void step(Schedule *schedule)
{
    const Backend alive = schedule->fake->backend;
    Subject *subject = &schedule->subjects[random_below(&schedule->random, schedule->n_subjects)];

    if (random_chance(&schedule->random, 20))
        disturb(schedule, subject);
    faults_begin(schedule);
    disk_set_full(schedule, random_chance(&schedule->random, schedule->full_pct));
    n_jobs++;
    if (random_chance(&schedule->random, 20))
        step_host(schedule);
    else
        step_guest(schedule, subject);
    add_log(schedule);
    if (schedule->unwritten)
        g_string_append(schedule->steps, "    with a full disk, now or before\n");
    disk_set_full(schedule, false);
    fake_backend_reset(schedule->fake);
    if (schedule->unwritten && random_chance(&schedule->random, 50))
        record_check_now(schedule);
    if (schedule->dead) {
        g_string_append(schedule->steps, "    killed\n");
        live_again(schedule, &alive);
    }
}

/* --- afterwards --- */

static void print_left(GString *out, const ChangeSet *changes)
{
    for (unsigned i = 0; i < change_set_size(changes); i++) {
        const Change *change = change_set_get(changes, i);
        g_autofree char *key = setting_key_format(&change->key);
        g_string_append_printf(out, " %s (%s) is %s, not %s;", key, plane_name(change->key.plane),
                               change->from ? change->from : "-", change->to ? change->to : "-");
    }
}

/* Is nothing left? */
static bool run_clean(Schedule *schedule, Subject *subject, GuestJobKind kind, bool force)
{
    g_autoptr(GString) left = g_string_new(NULL);

    change_set_unref(subject->refused);
    subject->refused = change_set_new();
    g_autoptr(GuestJob) job = job_new(schedule, subject, kind);
    job->force = force;
    fake_backend_reset(schedule->fake);
    guest_job_run(job);
    g_string_append(schedule->steps, kind == GUEST_TUNE ? "  clean tuning\n" : "  clean restore\n");
    add_log(schedule);
    /* of a pin that somebody else set in between, cgroup and definition may be from different
     * times: they do not all go back at once */
    if (job->left && (kind == GUEST_TUNE || !schedule->drift))
        print_left(left, job->left);
    if (job->result != BACKEND_DONE || job->record_error != 0 || left->len > 0)
        fail(schedule, "%s: a clean %s ends with %d, %d:%s", subject->guest->name,
             kind == GUEST_TUNE ? "tuning" : "restore", job->result, job->record_error, left->str);
    if (kind == GUEST_RESTORE && !schedule->drift && diag_list_get(job->diags, 0))
        fail(schedule, "%s: %s", subject->guest->name, diag_list_get(job->diags, 0)->text);
    return job->left && change_set_size(job->left) == 0;
}

static void check_as_planned(Schedule *schedule, const Subject *subject)
{
    g_autoptr(SettingList) wanted = wanted_make(subject->plan, subject->guest);
    g_autoptr(SettingList) observed = observed_make(subject->guest);
    g_autoptr(GString) left = g_string_new(NULL);
    g_autoptr(ChangeSet) wrong =
        diff_make(wanted, NULL, observed, schedule->topo->allowed, schedule->topo->online);

    print_left(left, wrong);
    if (left->len > 0)
        fail(schedule, "%s: not as planned:%s", subject->guest->name, left->str);
}

static bool same(const Schedule *schedule, const SettingKey *key, const char *a, const char *b)
{
    return setting_value_equal(key, a, b, schedule->topo->allowed, schedule->topo->online);
}

static bool has_key(const SettingList *list, const SettingKey *key)
{
    for (unsigned i = 0; i < setting_list_size(list); i++)
        if (setting_key_compare(&setting_list_get(list, i)->key, key) == 0)
            return true;
    return false;
}

/* What the record says was written last, or may be in force of a write that was cut off, is, unless
 * somebody else set it. Of one that was taken back unseen that is the original. Threads aside: of
 * those a pin of their class resets, the record knows what they had. */
static void check_record(Schedule *schedule, const Subject *subject)
{
    g_autoptr(GPtrArray) originals = originals_of(schedule, subject);
    g_autoptr(SettingList) observed = observed_make(subject->guest);
    g_autoptr(SettingList) wanted = wanted_make(subject->plan, subject->guest);

    for (guint i = 0; i < originals->len; i++) {
        const Original *original = g_ptr_array_index(originals, i);
        const SettingKey *key = &original->key;
        const Setting *now = setting_list_find(observed, key);
        if (!now || !setting_list_find(wanted, key) || has_key(subject->touched, key) ||
            key->tid != 0 || same(schedule, key, now->value, original->written) ||
            (original->pending && (same(schedule, key, now->value, original->previous) ||
                                   same(schedule, key, now->value, original->original))))
            continue;
        g_autofree char *text = setting_key_format(key);
        fail(schedule, "%s: %s (%s) is %s; the record has %s", subject->guest->name, text,
             plane_name(key->plane), now->value ? now->value : "-",
             original->written ? original->written : "-");
    }
}

/* A thread that was given the mask of its class counts as born under it. */
static bool same_class(const SettingKey *a, const SettingKey *b)
{
    bool emulator = (a->knob == KNOB_VHOST_PIN || a->knob == KNOB_EMULATOR_PIN) &&
                    (b->knob == KNOB_VHOST_PIN || b->knob == KNOB_EMULATOR_PIN);

    return a->tid != 0 && b->tid != 0 &&
           (emulator || (a->knob == b->knob && a->instance == b->instance));
}

/* What the kernel makes of an affinity in the cpuset the thread is in. */
static bool same_cut(const Schedule *schedule, const Setting *now, const char *affinity,
                     const SettingList *observed)
{
    const SettingKey cgroup = {.knob = now->key.knob == KNOB_VHOST_PIN ? KNOB_EMULATOR_PIN
                                                                       : now->key.knob,
                               .instance = now->key.instance,
                               .plane = PLANE_ACTUAL};
    const Setting *bound = setting_list_find(observed, &cgroup);
    g_autoptr(CpuSet) cpus = world_cpus(affinity ? affinity : "0-15");
    g_autoptr(CpuSet) most = world_cpus(bound && bound->value ? bound->value : "0-15");
    g_autoptr(CpuSet) cut = cpuset_and(cpus, most);
    g_autofree char *text = cpuset_format(cpuset_is_empty(cut) ? most : cut);

    return same(schedule, &now->key, text, now->value);
}

static bool may_be(const Schedule *schedule, const Subject *subject, const Setting *now,
                   const SettingList *observed)
{
    if (now->key.tid != 0 && has_key(subject->touched, &now->key) &&
        same_cut(schedule, now, NULL, observed))
        return true;
    for (unsigned i = 0; i < setting_list_size(subject->others); i++) {
        const Setting *other = setting_list_get(subject->others, i);
        if (now->key.tid != 0 ? same_class(&other->key, &now->key) &&
                                    same_cut(schedule, now, other->value, observed)
                              : setting_key_compare(&other->key, &now->key) == 0 &&
                                    same(schedule, &now->key, other->value, now->value))
            return true;
    }
    return false;
}

static void check_first(Schedule *schedule, const Subject *subject)
{
    g_autoptr(SettingList) observed = observed_make(subject->guest);

    for (unsigned i = 0; i < setting_list_size(observed); i++) {
        const Setting *now = setting_list_get(observed, i);
        const Setting *first = setting_list_find(subject->first, &now->key);
        if (same(schedule, &now->key, first ? first->value : NULL, now->value) ||
            may_be(schedule, subject, now, observed))
            continue;
        g_autofree char *key = setting_key_format(&now->key);
        fail(schedule, "%s: restored, but %s (%s) is %s and was %s", subject->guest->name, key,
             plane_name(now->key.plane), now->value ? now->value : "-",
             first && first->value ? first->value : "-");
    }
}

/* What a restore without force left is somebody else's. */
static void check_kept(Schedule *schedule, const Subject *subject)
{
    g_autoptr(GPtrArray) originals = originals_of(schedule, subject);
    g_autoptr(SettingList) observed = observed_make(subject->guest);

    for (guint i = 0; i < originals->len; i++) {
        const Original *original = g_ptr_array_index(originals, i);
        const Setting *now = setting_list_find(observed, &original->key);
        if (!now || same(schedule, &original->key, now->value, original->original) ||
            has_key(subject->touched, &original->key))
            continue;
        g_autofree char *text = setting_key_format(&original->key);
        fail(schedule, "%s: nobody else set %s (%s), and it was kept: %s, not %s",
             subject->guest->name, text, plane_name(original->key.plane),
             now->value ? now->value : "-", original->original ? original->original : "-");
    }
}

static void check_host(Schedule *schedule)
{
    g_autoptr(HostJob) tune = NULL;

    if (schedule->host_plan) {
        tune = host_job(schedule, HOST_TUNE);
        host_job_run(tune);
        if (tune->result != 0 || change_set_size(tune->left) > 0)
            fail(schedule, "the host is not as planned");
    }
    g_autoptr(HostJob) job = host_job(schedule, HOST_RESTORE);
    host_job_run(job);
    for (unsigned i = 0; i < setting_list_size(schedule->host_first); i++) {
        const Setting *first = setting_list_get(schedule->host_first, i);
        const char *now = fake_host_get(schedule->fake, &first->key);
        if (g_strcmp0(now, first->value) != 0)
            fail(schedule, "restored, but %s of the host is %s and was %s",
                 knob_info(first->key.knob)->name, now, first->value);
    }
}

static void check_after(Schedule *schedule)
{
    g_autoptr(GPtrArray) left = NULL;

    for (unsigned i = 0; i < schedule->n_subjects && !schedule->fault; i++) {
        Subject *subject = &schedule->subjects[i];
        if (subject->plan) {
            run_clean(schedule, subject, GUEST_TUNE, false);
            check_as_planned(schedule, subject);
            check_record(schedule, subject);
        }
        /* what did not go back at once ends the rounds: the rest is left, and not kept */
        if (run_clean(schedule, subject, GUEST_RESTORE, false))
            check_kept(schedule, subject);
        for (unsigned again = 0; schedule->drift && again < 2; again++)
            run_clean(schedule, subject, GUEST_RESTORE, true);
        check_first(schedule, subject);
    }
    if (!schedule->fault)
        check_host(schedule);
    if (!schedule->drift && (record_guests(schedule->record, &left) < 0 || left->len > 0))
        fail(schedule, "all went back, and the record still has originals of %s",
             left ? (const char *)g_ptr_array_index(left, 0) : "?");
}

/* --- a schedule --- */

static void add_guest(Schedule *schedule, unsigned number)
{
    Subject *subject = &schedule->subjects[number];
    Random *random = &schedule->random;
    FakeKernelOptions options = {.pid = 100 + 100 * (pid_t)number,
                                 .allowed = schedule->topo->allowed,
                                 .mems = schedule->topo->allowed_mems,
                                 .cgroup_v2 = random_chance(random, 50),
                                 .n_workers = 1,
                                 .n_vhost = random_below(random, 2)};
    g_autofree char *name = g_strdup_printf("guest%u", number);

    subject->guest = fake_backend_add(schedule->fake, fake_guest_new(name, 2, 1, &options));
    for (unsigned i = 0; i < 2; i++) {
        GuestDef *def = i ? subject->guest->config : subject->guest->live;
        def->numa_mode = NUMA_RESTRICTIVE;
        def->numa_nodeset = cpuset_copy(schedule->topo->allowed_mems);
    }
    subject->refused = change_set_new();
    subject->others = setting_list_new();
    subject->touched = setting_list_new();
    if (random_chance(random, 30))
        fake_live_pin(schedule->fake, subject->guest, KNOB_EMULATOR_PIN, 0, "0");
    if (random_chance(random, 30))
        fake_live_pin(schedule->fake, subject->guest, KNOB_VCPU_PIN, 1, "9-10");
    subject->first = observed_make(subject->guest);
    subject->flags.known = true;
}

static Schedule *schedule_new(uint64_t seed)
{
    Schedule *schedule = g_new0(Schedule, 1);
    const SettingKey pages = host_pool_key(0, 2048);

    schedule->random.state = seed;
    schedule->steps = g_string_new(NULL);
    schedule->topo = world_topo(1, 2, 1, N_CPUS / 2, 1);
    schedule->policy = policy_new();
    schedule->fake = fake_backend_new();
    schedule->fake->old_kernel = random_chance(&schedule->random, 50);
    schedule->fault_pct = random_below(&schedule->random, 4) * 10;
    schedule->kill_pct = random_below(&schedule->random, 3) * 3;
    schedule->full_pct = random_below(&schedule->random, 3) * 10;
    fake_host_set(schedule->fake, &thp, "always");
    fake_host_set(schedule->fake, &ksm, "0");
    fake_host_set(schedule->fake, &pages, "10");
    schedule->host_first = setting_list_new();
    for (unsigned i = 0; i < setting_list_size(schedule->fake->host->knobs); i++) {
        const Setting *setting = setting_list_get(schedule->fake->host->knobs, i);
        setting_list_add(schedule->host_first, &setting->key, setting->value, NULL, NULL);
    }
    schedule->n_subjects = 1 + random_below(&schedule->random, MAX_GUESTS);
    for (unsigned i = 0; i < schedule->n_subjects; i++)
        add_guest(schedule, i);
    schedule->directory = record_dir_new();
    record_reopen(schedule);
    return schedule;
}

static void schedule_free(Schedule *schedule)
{
    record_close(schedule->record);
    record_dir_clear(schedule->directory);
    rmdir(schedule->directory);
    for (unsigned i = 0; i < schedule->n_subjects; i++) {
        Subject *subject = &schedule->subjects[i];
        g_clear_pointer(&subject->plan, guest_plan_unref);
        g_clear_pointer(&subject->settled, guest_plan_unref);
        change_set_unref(subject->refused);
        setting_list_free(subject->first);
        setting_list_free(subject->others);
        setting_list_free(subject->touched);
    }
    g_clear_pointer(&schedule->disk, g_ptr_array_unref);
    g_clear_pointer(&schedule->host_plan, host_plan_unref);
    setting_list_free(schedule->host_first);
    fake_backend_free(schedule->fake);
    policy_unref(schedule->policy);
    topo_unref(schedule->topo);
    g_string_free(schedule->steps, TRUE);
    g_free(schedule->directory);
    g_free(schedule->fault);
    g_free(schedule);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Schedule, schedule_free)

static bool run_schedule(uint64_t seed)
{
    g_autoptr(Schedule) schedule = schedule_new(seed);

    for (unsigned i = 0, n = MIN_STEPS + random_below(&schedule->random, MORE_STEPS); i < n; i++)
        step(schedule);
    check_after(schedule);
    if (!schedule->fault)
        return true;
    printf("VMTUNED_SEED=%" PRIu64 " VMTUNED_COUNT=1\n%sFAILED %s\n", seed, schedule->steps->str,
           schedule->fault);
    return false;
}

int main(void)
{
    uint64_t seed = environment_number("VMTUNED_SEED", g_random_int());
    uint64_t count = environment_number("VMTUNED_COUNT", DEFAULT_COUNT), passed = 0;

    for (uint64_t i = 0; i < count; i++)
        passed += run_schedule(seed + i);
    printf("figure: %" PRIu64 " fault schedules: %u jobs, %u failed calls, %u kills, %u times no "
           "room on the disk, %u changes by others; %" PRIu64
           " converged and restored (VMTUNED_SEED=%" PRIu64 ")\n",
           count, n_jobs, n_faults, n_kills, n_fulls, n_drifts, passed, seed);
    printf("%" PRIu64 " passed, %" PRIu64 " failed\n", passed, count - passed);
    return passed == count ? 0 : 1;
}
