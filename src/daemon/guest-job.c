/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "daemon/guest-job.h"

#include "plan/diff.h"
#include "plan/plan-make.h"

GuestJob *guest_job_new(GuestJobKind kind, const char *uuid, const char *name)
{
    GuestJob *job = g_new0(GuestJob, 1);

    job->kind = kind;
    job->uuid = g_strdup(uuid);
    job->name = g_strdup(name);
    job->outcomes = g_ptr_array_new_with_free_func((GDestroyNotify)outcome_free);
    job->diags = diag_list_new();
    job->refused = change_set_new();
    return job;
}

void guest_job_free(GuestJob *job)
{
    if (!job)
        return;
    g_free(job->uuid);
    g_free(job->name);
    g_clear_pointer(&job->topo, topo_unref);
    g_clear_pointer(&job->policy, policy_unref);
    g_clear_pointer(&job->plan, guest_plan_unref);
    g_clear_pointer(&job->last, guest_unref);
    g_clear_pointer(&job->settled, guest_plan_unref);
    g_clear_pointer(&job->guest, guest_unref);
    g_clear_pointer(&job->left, change_set_unref);
    change_set_unref(job->refused);
    contest_free(job->contest);
    g_ptr_array_unref(job->outcomes);
    diag_list_free(job->diags);
    g_free(job);
}

ProcessKey guest_process_key(const Guest *guest, const char *boot_id)
{
    return (ProcessKey){
        .uuid = guest->uuid,
        .name = guest->name,
        .boot_id = guest->kernel ? boot_id : "",
        .pid = guest->kernel ? guest->kernel->pid : 0,
        .starttime = guest->kernel ? guest->kernel->starttime : 0,
    };
}

PolicySubject guest_policy_subject(const Guest *guest)
{
    const GuestDef *def = guest_def(guest);
    PolicySubject subject = {.name = guest->name, .uuid = guest->uuid};

    if (def) {
        subject.title = def->title;
        subject.label = def->label;
        subject.partition = def->partition;
        subject.os = def->os;
    }
    return subject;
}

const CpuSet *guest_allowed(const Guest *guest, const Topo *topo)
{
    return guest->kernel && guest->kernel->allowed ? guest->kernel->allowed : topo->allowed;
}

/* As guest_process_key(), with strings that outlive the look. */
static ProcessKey job_process(const GuestJob *job)
{
    ProcessKey process = guest_process_key(job->guest, job->boot_id);

    process.uuid = job->uuid;
    process.name = job->name;
    return process;
}

static bool same_process(const ProcessKey *a, const ProcessKey *b)
{
    return a->pid == b->pid && a->starttime == b->starttime;
}

/* Flags, and a plan, are of the process that was seen before the job: true if it is that one. What
 * was known of another one goes. */
static bool check_process(GuestJob *job, const ProcessKey *process)
{
    const ProcessKey known = {.pid = job->pid, .starttime = job->starttime};

    if (same_process(process, &known))
        return true;
    job->flags = (ProcessFlags){0};
    return false;
}

static bool is_fresh(int64_t looked_usec)
{
    return g_get_monotonic_time() - looked_usec <= LOOK_FRESH_USEC;
}

static int look(GuestJob *job)
{
    g_autoptr(Guest) guest = NULL;
    const Guest *last = job->guest ? job->guest : job->last;

    job->looked_usec = g_get_monotonic_time();
    if (job->threads_only) {
        job->result = backend_guest_threads_acquire(job->backend, last,
                                                    "a call about it has not come back", &guest);
    } else {
        const Guest *off = job->kind == GUEST_LOOK && last && !last->active ? last : NULL;
        job->result = backend_guest_acquire(job->backend, job->uuid, off, &guest);
        if (job->result == BACKEND_HUNG && last && last->kernel)
            job->result = backend_guest_threads_acquire(job->backend, last,
                                                        "its monitor does not answer", &guest);
    }
    if (job->result == BACKEND_DONE) {
        g_clear_pointer(&job->guest, guest_unref);
        job->guest = g_steal_pointer(&guest);
    }
    return job->result;
}

/* The first error stays: a later success does not make up for what was lost. */
static void note_record(GuestJob *job, int r)
{
    if (job->record_error == 0)
        job->record_error = r;
}

/* Of the process, and of the guest for when it is off: released until its next start. */
static void keep_flags(GuestJob *job, const ProcessKey *process)
{
    ProcessKey off = {.uuid = process->uuid, .name = process->name, .boot_id = ""};

    note_record(job, record_set_flags(job->record, &off, &job->flags));
    if (process->pid != 0)
        note_record(job, record_set_flags(job->record, process, &job->flags));
}

/* Whether the guest was pinned by hand is judged when vmtuned first sees its process, and kept:
 * later pins are drift. */
static void judge_first_sight(GuestJob *job, const ProcessKey *process)
{
    PolicySubject subject = guest_policy_subject(job->guest);
    g_autoptr(GuestPolicy) policy = policy_select(job->policy, &subject);

    job->flags = (ProcessFlags){
        .known = true,
        .manual = !policy->named &&
                  guest_is_hand_pinned(job->guest, guest_allowed(job->guest, job->topo)),
    };
    if (job->record && job->record_error == 0)
        keep_flags(job, process);
}

static void run_look(GuestJob *job)
{
    if (look(job) != BACKEND_DONE)
        return;
    ProcessKey process = job_process(job);
    check_process(job, &process);
    const ProcessFlags known = job->flags;
    if (job->record)
        note_record(job, record_get_flags(job->record, &process, &job->flags));
    if (!job->flags.known && known.known) { /* by a record that was lost */
        job->flags = known;
        keep_flags(job, &process);
    } else if (!job->flags.known && job->guest->kernel) {
        judge_first_sight(job, &process);
    }
}

/* Of a guest that is off only what an edit of its definition alone can set is tuned. */
static bool is_out_of_reach(const GuestJob *job, const SettingKey *key)
{
    return job->kind == GUEST_TUNE && !job->guest->active &&
           knob_info(key->knob)->planes[PLANE_ACTUAL];
}

/* NULL: they could not be read. */
static GPtrArray *originals(GuestJob *job, const ProcessKey *process)
{
    GPtrArray *list = NULL;

    if (!job->record)
        return g_ptr_array_new_with_free_func((GDestroyNotify)original_free);
    note_record(job, record_originals(job->record, process, &list));
    for (guint i = list ? list->len : 0; i-- > 0;)
        if (is_out_of_reach(job, &((Original *)g_ptr_array_index(list, i))->key))
            g_ptr_array_remove_index(list, i);
    return list;
}

/* Of a write that was cut off the record has both values; what came about can be seen now, unless a
 * job that was given up may still make it. */
static void settle_pending(GuestJob *job, const ProcessKey *process)
{
    if (job->keep_originals)
        return;
    g_autoptr(GPtrArray) kept = originals(job, process);
    g_autoptr(SettingList) values = kept ? settle_make(kept, job->guest) : setting_list_new();

    if (setting_list_size(values) > 0)
        note_record(job, record_settle(job->record, process, values));
}

/* What should hold now: the plan, and the originals of all it no longer names. NULL: what is to be
 * restored is not known. */
static SettingList *job_wanted(GuestJob *job, const ProcessKey *process)
{
    g_autoptr(GPtrArray) kept = originals(job, process);

    g_ptr_array_set_size(job->diags->items, 0); /* those of the last round hold */
    if (job->kind == GUEST_RESTORE)
        return kept ? restore_make(kept, NULL, job->guest, job->force, job->diags) : NULL;

    g_autoptr(SettingList) wanted = wanted_make(job->plan, job->guest);
    if (!kept)
        return g_steal_pointer(&wanted);
    g_autoptr(SettingList) back = restore_make(kept, wanted, job->guest, false, job->diags);
    for (unsigned i = 0; i < setting_list_size(back); i++) {
        const Setting *setting = setting_list_get(back, i);
        setting_list_add(wanted, &setting->key, setting->value, setting->reason, setting->origin);
    }
    setting_list_sort(wanted);
    return g_steal_pointer(&wanted);
}

static ChangeSet *job_diff(const GuestJob *job, const SettingList *wanted)
{
    g_autoptr(SettingList) observed = observed_make(job->guest);
    g_autoptr(SettingList) before =
        job->settled && job->kind == GUEST_TUNE ? wanted_make(job->settled, job->guest) : NULL;
    ChangeSet *changes = diff_make(wanted, before, observed, guest_allowed(job->guest, job->topo),
                                   job->topo->online);

    if (job->kind == GUEST_TUNE)
        change_set_drop(changes, job->refused);
    contest_mark(job->contest, changes);
    return changes;
}

/* Does one of the changes set it through libvirt: a thread to another set than its own, or a
 * cgroup, which is another if that fails and is taken back? */
static bool is_reset(const ChangeSet *changes, const Setting *want)
{
    SettingKey key = want->key;

    if (key.knob == KNOB_VHOST_PIN) /* in the emulator's cgroup */
        key.knob = KNOB_EMULATOR_PIN;
    for (unsigned i = 0; i < change_set_size(changes); i++) {
        const Change *change = change_set_get(changes, i);
        if (change_carries(&change->key, &key) &&
            (key.tid == 0 || g_strcmp0(change->to, want->value) != 0))
            return true;
    }
    return false;
}

/* What is right, but may not be after a pin: recorded with the value it has. Threads are set again
 * after the pin of their class. */
static void add_reset(const GuestJob *job, const SettingList *wanted, ChangeSet *chosen)
{
    g_autoptr(SettingList) observed = observed_make(job->guest);
    bool any = change_set_size(chosen) > 0;

    for (unsigned i = 0; any && i < setting_list_size(wanted); i++) {
        const Setting *want = setting_list_get(wanted, i);
        const Setting *now =
            want->key.plane == PLANE_ACTUAL ? setting_list_find(observed, &want->key) : NULL;
        if (!now || change_set_find(job->left, &want->key) || !is_reset(chosen, want))
            continue;
        Change *change = change_set_add(chosen, &want->key, now->value, want->value);
        change->carried = want->key.tid == 0;
        change->reason = g_strdup("a pin of its class resets it");
        change->origin = g_strdup(want->origin);
    }
}

/* Those of job->left to be made now, and what they entail. What a guest that hangs cannot get is
 * not tried: it would fail in every cycle. */
static ChangeSet *job_select(const GuestJob *job, const SettingList *wanted)
{
    ChangeSet *chosen = change_set_new();
    bool hangs = job->kind == GUEST_TUNE && job->guest->hung;

    for (unsigned i = 0; i < change_set_size(job->left); i++) {
        const Change *change = change_set_get(job->left, i);
        if (change_may_be_made(change, job->keep_drift, hangs))
            change_set_add_copy(chosen, change);
    }
    add_reset(job, wanted, chosen);
    return chosen;
}

/* The word for the record, by what was found in force afterwards; NULL observed: not known. */
static const char *change_word(const GuestJob *job, const Outcome *outcome, unsigned i,
                               const SettingList *observed)
{
    const Change *change = change_set_get(outcome->changes, i);
    const Setting *now = observed ? setting_list_find(observed, &change->key) : NULL;
    const char *word = outcome_kind_name(outcome->results[i].kind);
    bool done = outcome->results[i].kind == OUTCOME_DONE;
    const CpuSet *allowed = guest_allowed(job->guest, job->topo), *online = job->topo->online;

    if (outcome->n_writes == 0 || (observed && !now))
        return word;
    /* libvirt's pin sets one thread of the class and leaves the others within their old mask */
    bool sure = change->key.tid == 0 || !change->carried;
    if (!now)
        return done && sure ? word : "half";
    if (done &&
        (sure || setting_value_equal(&change->key, now->value, change->to, allowed, online)))
        return word;
    if (!setting_value_equal(&change->key, now->value, change->from, allowed, online))
        return "half";
    return done ? outcome_kind_name(OUTCOME_RETRY) : word;
}

/* What a call that failed, and was taken back, left in a cgroup is vmtuned's doing. */
static void settle_half(GuestJob *job, const ProcessKey *process, const ChangeSet *changes,
                        const char *const *words, const SettingList *observed)
{
    g_autoptr(SettingList) values = setting_list_new();

    for (unsigned i = 0; observed && i < change_set_size(changes); i++) {
        const SettingKey *key = &change_set_get(changes, i)->key;
        const Setting *now = setting_list_find(observed, key);
        if (now && key->plane == PLANE_ACTUAL && key->tid == 0 && g_str_equal(words[i], "half"))
            setting_list_add(values, key, now->value, NULL, NULL);
    }
    setting_list_sort(values);
    if (setting_list_size(values) > 0)
        note_record(job, record_settle(job->record, process, values));
}

static void finish_batch(GuestJob *job, const ProcessKey *process, int64_t batch,
                         const Outcome *outcome)
{
    unsigned n = change_set_size(outcome->changes);
    g_autofree const char **words = g_new0(const char *, n + 1);
    g_autoptr(SettingList) observed =
        job->result == BACKEND_DONE ? observed_make(job->guest) : NULL;

    for (unsigned i = 0; i < n; i++)
        words[i] = change_word(job, outcome, i, observed);
    note_record(job, record_finish(job->record, process, batch, outcome->changes, words));
    settle_half(job, process, outcome->changes, words, observed);
}

/* A look asks whether the guest may be written to; setters of libvirt do so again. */
static bool is_ready(const GuestJob *job)
{
    return !job->guest->hung && !job->guest->in_job && is_fresh(job->looked_usec);
}

/* record intent → apply → look → record outcome. The record comes first; where it can't be written
 * the guest is tuned all the same, and the record is told afterwards what it missed. */
static const Outcome *job_apply(GuestJob *job, const ProcessKey *process, const ChangeSet *changes)
{
    int64_t batch = 0;
    const char *why = job->kind == GUEST_RESTORE ? "restore" : "plan";
    int r = job->record ? record_begin(job->record, process, changes, why, &batch) : 0;
    Outcome *outcome =
        apply_run(job->backend, job->guest, changes, guest_allowed(job->guest, job->topo),
                  job->topo->online, is_ready(job));

    g_ptr_array_add(job->outcomes, outcome);
    look(job);
    note_record(job, r);
    if (job->record && !backend_is_given_up(job->backend))
        finish_batch(job, process, batch, outcome);
    return outcome;
}

/* What libvirt will not have in a definition is no failure of the rest, and not tried again and
 * again: it is unsupported. False: some change failed in another way. */
static bool only_unsupported(GuestJob *job, const Outcome *outcome)
{
    bool only = true;

    for (unsigned i = 0; i < change_set_size(outcome->changes); i++) {
        const Change *change = change_set_get(outcome->changes, i);
        const ChangeResult *result = &outcome->results[i];
        if (result->kind == OUTCOME_REFUSED && !knob_info(change->key.knob)->planes[PLANE_ACTUAL]) {
            Change *copy = change_set_add_copy(job->refused, change);
            g_free(copy->reason);
            copy->reason = g_strdup(result->error);
        } else {
            only &= result->kind == OUTCOME_DONE;
        }
    }
    return only;
}

/* Its CPUs are others than those it was planned for: it is planned anew, not asked for CPUs that
 * went. */
static bool is_outdated(const GuestJob *job)
{
    const CpuSet *allowed = job->guest->kernel ? job->guest->kernel->allowed : NULL;

    if (job->kind != GUEST_TUNE || !allowed)
        return false;
    g_autoptr(CpuSet) now = cpuset_and(allowed, job->topo->online);
    return !cpuset_equal(now, job->plan->allowed);
}

/* Wanted as job_wanted(), by which job->left is made. */
static SettingList *update_left(GuestJob *job, const ProcessKey *process)
{
    SettingList *wanted = job_wanted(job, process);

    g_clear_pointer(&job->left, change_set_unref);
    if (wanted)
        job->left = job_diff(job, wanted);
    else
        job->result = job->record_error;
    if (backend_is_given_up(job->backend)) /* the disk hung */
        job->result = BACKEND_GIVEN_UP;
    return wanted;
}

/* The look that the plan was made from is as good as one more: it has just been taken. */
static int first_look(GuestJob *job)
{
    const Guest *last = job->last;

    if (!last || !last->active || last->hung || last->in_job || job->threads_only ||
        !is_fresh(job->last_usec))
        return look(job);
    job->guest = guest_ref(last);
    job->looked_usec = job->last_usec;
    job->result = BACKEND_DONE;
    return job->result;
}

static void run_rounds(GuestJob *job)
{
    if (first_look(job) != BACKEND_DONE)
        return;
    const ProcessKey process = job_process(job);

    if (!check_process(job, &process) && job->kind == GUEST_TUNE) {
        job->result = BACKEND_GONE;
        return;
    }
    settle_pending(job, &process);
    for (unsigned round = 0; round < GUEST_JOB_MAX_ROUNDS; round++) {
        if (is_outdated(job)) {
            job->result = BACKEND_RETRY;
            return;
        }
        g_autoptr(SettingList) wanted = update_left(job, &process);
        if (!wanted || job->result != BACKEND_DONE)
            return;
        g_autoptr(ChangeSet) changes = job_select(job, wanted);
        if (change_set_size(changes) == 0)
            return;
        const Outcome *outcome = job_apply(job, &process, changes);
        if (job->result != BACKEND_DONE)
            return;
        ProcessKey now = job_process(job);
        if (!same_process(&now, &process)) {
            job->result = BACKEND_GONE;
            return;
        }
        if (!only_unsupported(job, outcome))
            break;
    }
    if (is_outdated(job))
        job->result = BACKEND_RETRY;
    else
        setting_list_free(update_left(job, &process));
}

/* It was to go back, and libvirt will not have it now. */
static bool is_refused(const GuestJob *job, const SettingList *observed, const Original *original)
{
    const Setting *now = setting_list_find(observed, &original->key);

    return now && change_set_find(job->refused, &original->key) &&
           !setting_value_equal(&original->key, now->value, original->original,
                                guest_allowed(job->guest, job->topo), NULL);
}

/* Originals of what the plan no longer names are in force again: nothing is left to put back. */
static void forget_unwanted(GuestJob *job, const ProcessKey *process)
{
    g_autoptr(GPtrArray) kept = originals(job, process);
    g_autoptr(SettingList) observed = observed_make(job->guest);
    g_autoptr(SettingList) wanted = wanted_make(job->plan, job->guest);
    g_autoptr(SettingList) done = setting_list_new();

    for (guint i = 0; kept && i < kept->len; i++) {
        const Original *original = g_ptr_array_index(kept, i);
        if (!setting_is_wanted(wanted, &original->key) && !is_refused(job, observed, original))
            setting_list_add(done, &original->key, NULL, NULL, NULL);
    }
    setting_list_sort(done);
    if (setting_list_size(done) > 0)
        note_record(job, record_forget(job->record, process, done));
}

/* All that went back. What somebody else had changed was kept, and so is its original: it can still
 * be forced. */
static void forget_restored(GuestJob *job, const ProcessKey *process, bool settled)
{
    if (settled && diag_list_count(job->diags, DIAG_WARNING) == 0) {
        note_record(job, record_forget(job->record, process, NULL));
        return;
    }
    g_autoptr(GPtrArray) kept = originals(job, process);
    g_autoptr(SettingList) observed = observed_make(job->guest);
    g_autoptr(SettingList) back = setting_list_new();
    for (guint i = 0; kept && i < kept->len; i++) {
        const Original *original = g_ptr_array_index(kept, i);
        const Setting *now = setting_list_find(observed, &original->key);
        if (!settled && original->key.plane != PLANE_CONFIG)
            continue; /* threads born meanwhile may need it; it ends with the process */
        if (!now || setting_value_equal(&original->key, now->value, original->original,
                                        guest_allowed(job->guest, job->topo), NULL))
            setting_list_add(back, &original->key, NULL, NULL, NULL);
    }
    setting_list_sort(back);
    note_record(job, record_forget(job->record, process, back));
}

/* In a job or hung: nothing went back, and the guest is not given up. */
static bool could_not_be_written(const GuestJob *job)
{
    const Outcome *last =
        job->outcomes->len > 0 ? g_ptr_array_index(job->outcomes, job->outcomes->len - 1) : NULL;

    return last && last->kind == OUTCOME_RETRY;
}

static void forget_done(GuestJob *job, const ProcessKey *process, bool settled)
{
    if (job->keep_originals)
        return;
    if (job->kind == GUEST_RESTORE)
        forget_restored(job, process, settled);
    else if (settled && job->record_error == 0) /* all that was to go back was known */
        forget_unwanted(job, process);
}

static void finish_record(GuestJob *job)
{
    if (job->result != BACKEND_DONE)
        return;
    ProcessKey process = job_process(job);
    bool settled = change_set_size_open(job->left) == 0;

    if (job->kind == GUEST_RESTORE && job->record && !job->flags.known)
        note_record(job, record_get_flags(job->record, &process, &job->flags));
    if (job->kind == GUEST_RESTORE)
        job->flags.released = !could_not_be_written(job);
    if (job->kind == GUEST_RESTORE)
        job->flags.settled = 0; /* what differs from a plan from now on is no drift */
    else if (settled)
        job->flags.settled = guest_plan_digest(job->plan);
    if (!job->record)
        return;
    forget_done(job, &process, settled);
    keep_flags(job, &process);
}

void guest_job_run(GuestJob *job)
{
    switch (job->kind) {
    case GUEST_LOOK:
        run_look(job);
        break;
    case GUEST_TUNE:
    case GUEST_RESTORE:
        run_rounds(job);
        if (job->left)
            finish_record(job);
        break;
    }
}
