/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "daemon/host-job.h"

#include "plan/diff.h"

HostJob *host_job_new(HostJobKind kind)
{
    HostJob *job = g_new0(HostJob, 1);

    job->kind = kind;
    job->refused = change_set_new();
    job->diags = diag_list_new();
    return job;
}

void host_job_free(HostJob *job)
{
    if (!job)
        return;
    g_clear_pointer(&job->plan, host_plan_unref);
    g_clear_pointer(&job->settled, host_plan_unref);
    g_clear_pointer(&job->host, host_unref);
    g_clear_pointer(&job->originals, setting_list_free);
    g_clear_pointer(&job->outcome, outcome_free);
    g_clear_pointer(&job->left, change_set_unref);
    change_set_unref(job->refused);
    diag_list_free(job->diags);
    g_free(job);
}

ProcessKey host_process_key(const char *boot_id)
{
    return (ProcessKey){.uuid = HOST_UUID, .name = HOST_UUID, .boot_id = boot_id, .pid = 1};
}

static void note_record(HostJob *job, int r)
{
    if (job->record_error == 0)
        job->record_error = r;
}

static int look(HostJob *job)
{
    g_autoptr(Host) host = NULL;

    job->result = backend_host_acquire(job->backend, &host);
    if (job->result == BACKEND_DONE) {
        g_clear_pointer(&job->host, host_unref);
        job->host = g_steal_pointer(&host);
    }
    return job->result;
}

/* Empty without a record; NULL: they could not be read. */
static GPtrArray *originals(HostJob *job, const ProcessKey *process)
{
    GPtrArray *list = NULL;

    if (!job->record)
        return g_ptr_array_new_with_free_func((GDestroyNotify)original_free);
    note_record(job, record_originals(job->record, process, &list));
    return list;
}

/* Somebody else added pages to a pool since vmtuned last wrote it: they are theirs, and stay. */
static bool others_added(const HostJob *job, const Original *original)
{
    const Setting *now = setting_list_find(job->host->knobs, &original->key);

    return original->key.knob == KNOB_HOST_PAGES && !original->pending && original->written &&
           now && now->value &&
           g_ascii_strtoull(now->value, NULL, 10) > g_ascii_strtoull(original->written, NULL, 10);
}

static void read_record(HostJob *job, const ProcessKey *process)
{
    g_autoptr(GPtrArray) kept = originals(job, process);
    ProcessFlags flags = {0};

    g_clear_pointer(&job->originals, setting_list_free);
    if (job->record)
        note_record(job, record_get_flags(job->record, process, &flags));
    job->released = flags.released;
    if (!kept)
        return;
    job->originals = setting_list_new();
    for (guint i = 0; i < kept->len; i++) {
        const Original *original = g_ptr_array_index(kept, i);
        const Setting *now = setting_list_find(job->host->knobs, &original->key);
        setting_list_add(job->originals, &original->key,
                         others_added(job, original) ? now->value : original->original, NULL, NULL);
    }
    setting_list_sort(job->originals);
}

/* What should hold now: the plan, and the originals of all it no longer names. NULL: what is to go
 * back is not known. */
static SettingList *job_wanted(HostJob *job, const ProcessKey *process)
{
    g_autoptr(GPtrArray) kept = originals(job, process);
    g_autoptr(SettingList) wanted = setting_list_new();
    const SettingList *planned = job->kind == HOST_TUNE ? job->plan->wanted : NULL;

    g_ptr_array_set_size(job->diags->items, 0); /* those of the last round hold */
    if (!kept && job->kind == HOST_RESTORE)
        return NULL;
    for (unsigned i = 0; planned && i < setting_list_size(planned); i++) {
        const Setting *want = setting_list_get(planned, i);
        setting_list_add(wanted, &want->key, want->value, want->reason, want->origin);
    }
    if (!kept)
        return g_steal_pointer(&wanted);
    g_autoptr(SettingList) back =
        host_restore_make(kept, planned, job->host, job->force, job->diags);
    for (unsigned i = 0; i < setting_list_size(back); i++) {
        const Setting *setting = setting_list_get(back, i);
        setting_list_add(wanted, &setting->key, setting->value, setting->reason, NULL);
    }
    setting_list_sort(wanted);
    return g_steal_pointer(&wanted);
}

/* False: what is to go back is not known. */
static bool update_left(HostJob *job, const ProcessKey *process)
{
    g_autoptr(SettingList) wanted = job_wanted(job, process);

    g_clear_pointer(&job->left, change_set_unref);
    if (!wanted) {
        job->result = job->record_error;
        return false;
    }
    job->left =
        diff_make(wanted, job->settled ? job->settled->wanted : NULL, job->host->knobs, NULL, NULL);
    if (job->kind == HOST_TUNE) {
        change_set_drop(job->left, job->refused);
        change_set_own(job->left, job->refused);
    }
    return true;
}

static ChangeSet *job_select(const HostJob *job)
{
    ChangeSet *chosen = change_set_new();

    for (unsigned i = 0; i < change_set_size(job->left); i++) {
        const Change *change = change_set_get(job->left, i);
        if (!change->drift || !job->keep_drift)
            change_set_add_copy(chosen, change);
    }
    return chosen;
}

/* It was made, and somebody has changed it since: two that never give way would write for ever. */
static bool is_outrun(const Change *change, const ChangeResult *result, const Setting *now)
{
    return result->kind == OUTCOME_DONE && now &&
           !setting_value_equal(&change->key, now->value, change->to, NULL, NULL);
}

static void leave(HostJob *job, const Change *change, const char *from, const char *reason)
{
    Change *copy = change_set_add(job->refused, &change->key, from, change->to);

    copy->reason = g_strdup(reason);
    copy->origin = g_strdup(change->origin);
}

/* What was not made is not tried again and again. A change that came half-way keeps its original:
 * it is to go back. */
static void finish(HostJob *job, const ProcessKey *process, int64_t batch)
{
    unsigned n = change_set_size(job->outcome->changes);
    g_autofree const char **words = g_new0(const char *, n + 1);

    for (unsigned i = 0; i < n; i++) {
        const Change *change = change_set_get(job->outcome->changes, i);
        const ChangeResult *result = &job->outcome->results[i];
        const Setting *now = setting_list_find(job->host->knobs, &change->key);
        bool done = result->kind == OUTCOME_DONE;
        words[i] = outcome_kind_name(result->kind);
        if (!done && (!now || g_strcmp0(now->value, change->from) != 0))
            words[i] = "half";
        if (is_outrun(change, result, now))
            leave(job, change, now->value, "somebody else changes it back at once");
        else if (!done)
            leave(job, change, change->from, result->error);
    }
    if (job->record)
        note_record(job, record_finish(job->record, process, batch, job->outcome->changes, words));
}

/* What became of it is not known; as after a crash, the record has both values. */
static void finish_unseen(HostJob *job, const ProcessKey *process, int64_t batch)
{
    unsigned n = change_set_size(job->outcome->changes);
    g_autofree const char **words = g_new0(const char *, n + 1);

    for (unsigned i = 0; i < n; i++)
        words[i] = "half";
    if (job->record)
        note_record(job, record_finish(job->record, process, batch, job->outcome->changes, words));
}

/* What others added is the original from now on. */
static void keep_added(HostJob *job, const ProcessKey *process)
{
    g_autoptr(GPtrArray) kept = originals(job, process);
    g_autoptr(SettingList) added = setting_list_new();

    for (guint i = 0; kept && i < kept->len; i++) {
        const Original *original = g_ptr_array_index(kept, i);
        if (others_added(job, original))
            setting_list_add(added, &original->key, NULL, NULL, NULL);
    }
    setting_list_sort(added);
    if (setting_list_size(added) > 0)
        note_record(job, record_forget(job->record, process, added));
}

static void apply(HostJob *job, const ProcessKey *process, const ChangeSet *changes)
{
    int64_t batch = 0;
    const char *why = job->kind == HOST_RESTORE ? "restore" : "plan";

    if (job->record && job->kind == HOST_TUNE)
        keep_added(job, process);
    if (job->record)
        note_record(job, record_begin(job->record, process, changes, why, &batch));
    job->outcome = apply_run(job->backend, NULL, changes, NULL, NULL, false);
    if (look(job) == BACKEND_DONE)
        finish(job, process, batch);
    else if (!backend_is_given_up(job->backend))
        finish_unseen(job, process, batch);
}

/* Originals that are in force again and that nothing wants changed: nothing is left to put back. */
static void forget_restored(HostJob *job, const ProcessKey *process)
{
    g_autoptr(GPtrArray) kept = originals(job, process);
    g_autoptr(SettingList) back = setting_list_new();

    for (guint i = 0; kept && i < kept->len; i++) {
        const Original *original = g_ptr_array_index(kept, i);
        const Setting *now = setting_list_find(job->host->knobs, &original->key);
        bool planned =
            job->kind == HOST_TUNE && setting_list_find(job->plan->wanted, &original->key);
        if (!planned && (!now || g_strcmp0(now->value, original->original) == 0))
            setting_list_add(back, &original->key, NULL, NULL, NULL);
    }
    setting_list_sort(back);
    if (setting_list_size(back) > 0)
        note_record(job, record_forget(job->record, process, back));
}

static void run_changes(HostJob *job, const ProcessKey *process)
{
    if (!update_left(job, process))
        return;
    g_autoptr(ChangeSet) changes = job_select(job);
    if (change_set_size(changes) > 0 && !backend_is_given_up(job->backend)) {
        apply(job, process, changes);
        if (job->result != BACKEND_DONE || !update_left(job, process))
            return;
    }
    if (!job->record || backend_is_given_up(job->backend))
        return;
    ProcessFlags flags = {.known = true, .released = job->kind == HOST_RESTORE};
    note_record(job, record_set_flags(job->record, process, &flags));
    forget_restored(job, process);
}

void host_job_run(HostJob *job)
{
    const ProcessKey process = host_process_key(job->boot_id);

    if (look(job) != BACKEND_DONE)
        return;
    if (job->kind != HOST_LOOK)
        run_changes(job, &process);
    read_record(job, &process);
}
