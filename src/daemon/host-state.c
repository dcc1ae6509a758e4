/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "daemon/host-state.h"

#include "daemon/jobs.h"

#include "plan/diff.h"

HostState *host_state_new(void)
{
    HostState *state = g_new0(HostState, 1);

    state->dirty = state->replanned = true;
    state->left = change_set_new();
    state->refused = change_set_new();
    state->ceilings = setting_list_new();
    return state;
}

void host_state_free(HostState *state)
{
    if (!state)
        return;
    g_clear_pointer(&state->host, host_unref);
    g_clear_pointer(&state->originals, setting_list_free);
    g_clear_pointer(&state->plan, host_plan_unref);
    g_clear_pointer(&state->settled, host_plan_unref);
    change_set_unref(state->left);
    change_set_unref(state->refused);
    setting_list_free(state->ceilings);
    g_free(state);
}

/* All may be tried again. */
static void forget_refused(HostState *state)
{
    change_set_unref(state->refused);
    setting_list_free(state->ceilings);
    state->refused = change_set_new();
    state->ceilings = setting_list_new();
    state->dirty = state->replanned = true;
}

void host_state_reset(HostState *state)
{
    g_clear_pointer(&state->settled, host_plan_unref);
    forget_refused(state);
}

void host_state_request(HostState *state, const Request *request)
{
    state->dirty = true;
    if (request->uuids[0])
        return;
    state->apply_now |= request->kind == REQUEST_APPLY;
    if (request->kind == REQUEST_APPLY)
        forget_refused(state);
    state->restore |= request->kind == REQUEST_RESTORE;
    state->force |= request->kind == REQUEST_RESTORE && request->force;
}

/* The policy asks something of the host, or something is still to go back. */
static bool host_state_is_asked(const HostState *state)
{
    return !state->plan || setting_list_size(state->plan->wanted) > 0 ||
           setting_list_size(state->plan->unsupported) > 0 || state->plan->shortages->len > 0 ||
           change_set_size(state->left) > 0 || !state->originals ||
           setting_list_size(state->originals) > 0;
}

bool host_state_is_due(const Manager *manager)
{
    const HostState *state = manager->host;

    if (state->dirty || !state->host)
        return true;
    return manager->interval_due &&
           (host_state_is_asked(state) ||
            g_get_monotonic_time() - state->looked_usec > HOST_IDLE_LOOK_USEC);
}

void host_state_take(Manager *manager, HostJob *job)
{
    HostState *state = manager->host;

    if (job->result != 0) {
        log_warning("cannot look at the host's settings: %s", g_strerror(-job->result));
        return;
    }
    state->dirty = false;
    state->looked_usec = g_get_monotonic_time();
    state->released = job->released;
    g_clear_pointer(&state->host, host_unref);
    state->host = g_steal_pointer(&job->host);
    g_clear_pointer(&state->originals, setting_list_free);
    state->originals = g_steal_pointer(&job->originals);
}

/* --- plan --- */

static HostPlan *plan_make_now(const Manager *manager)
{
    const HostState *state = manager->host;
    g_autofree HostGuest *guests = g_new0(HostGuest, manager->guests->len + 1);
    unsigned n = 0;

    for (guint i = 0; i < manager->guests->len; i++) {
        const Managed *managed = g_ptr_array_index(manager->guests, i);
        if (managed->guest && managed->policy)
            guests[n++] = (HostGuest){managed->guest, managed->policy,
                                      managed->active ? managed->plan : NULL};
    }
    const HostInput input = {.topo = manager->topo,
                             .policy = manager->policy,
                             .host = state->host,
                             .guests = guests,
                             .n_guests = n,
                             .originals = state->originals,
                             .ceilings = state->ceilings};
    return host_plan_make(&input);
}

/* Settings that are still to go back since the policy has no word on them any more. */
static bool some_to_put_back(const HostState *state)
{
    for (unsigned i = 0; state->originals && i < setting_list_size(state->originals); i++)
        if (!setting_list_find(state->plan->wanted, &setting_list_get(state->originals, i)->key))
            return true;
    return false;
}

static bool has_work(const HostState *state)
{
    for (unsigned i = 0; i < change_set_size(state->left); i++)
        if (!change_set_get(state->left, i)->drift || state->apply_now)
            return true;
    return state->reclaimed || (state->replanned && some_to_put_back(state));
}

static void tell_drift(Manager *manager, const ChangeSet *before)
{
    HostState *state = manager->host;

    for (unsigned i = 0; i < change_set_size(state->left); i++) {
        const Change *change = change_set_get(state->left, i);
        if (!change->drift || change_set_find(before, &change->key))
            continue;
        state->drift_count++;
        manager->counters.knobs[change->key.knob].drift++;
        journal_log_host_change(change, NULL);
    }
}

/* Who would not start now, or would again, is told once. */
static void tell_shortages(const HostPlan *before, const HostPlan *now)
{
    for (guint i = 0; i < now->shortages->len; i++) {
        const MemoryShortage *shortage = g_ptr_array_index(now->shortages, i);
        const MemoryShortage *was = before ? host_plan_shortage(before, shortage->uuid) : NULL;
        if (!was || was->node != shortage->node || was->size_kib != shortage->size_kib)
            journal_log_shortage(shortage, true);
    }
    for (guint i = 0; before && i < before->shortages->len; i++) {
        const MemoryShortage *shortage = g_ptr_array_index(before->shortages, i);
        if (!host_plan_shortage(now, shortage->uuid))
            journal_log_shortage(shortage, false);
    }
}

const MemoryShortage *host_state_shortage(const Manager *manager, const char *uuid)
{
    const HostPlan *plan = manager->host->plan;

    return plan ? host_plan_shortage(plan, uuid) : NULL;
}

void host_state_plan(Manager *manager)
{
    HostState *state = manager->host;

    if (!state->host)
        return;
    if (change_set_size(state->refused) > 0 &&
        g_get_monotonic_time() - state->refused_usec > HOST_RETRY_USEC)
        forget_refused(state);
    if (state->apply_now && state->released) {
        state->released = false;
        state->reclaimed = true;
    }
    g_autoptr(HostPlan) plan = plan_make_now(manager);
    g_autoptr(ChangeSet) before = g_steal_pointer(&state->left);

    state->replanned |= !state->plan || !setting_list_equal(state->plan->wanted, plan->wanted);
    tell_shortages(state->plan, plan);
    g_clear_pointer(&state->plan, host_plan_unref);
    state->plan = g_steal_pointer(&plan);
    state->left = diff_make(state->plan->wanted, state->settled ? state->settled->wanted : NULL,
                            state->host->knobs, NULL, NULL);
    change_set_drop(state->left, state->refused);
    change_set_own(state->left, state->refused);
    if (state->released) {
        change_set_unref(state->left);
        state->left = change_set_new();
    }
    tell_drift(manager, before);
    if (change_set_size(state->left) == 0) {
        g_clear_pointer(&state->settled, host_plan_unref);
        state->settled = host_plan_ref(state->plan);
    }
}

bool host_state_is_right(const HostState *state)
{
    return change_set_size(state->left) == 0 && change_set_size(state->refused) == 0;
}

/* --- tune --- */

typedef struct HostPoolJob {
    PoolJob base;
    Backend backend;
    HostJob *job;
    bool left_behind; /* its cycle went on without it */
    atomic_uint_fast64_t n_pages;
} HostPoolJob;

static void pool_run(PoolJob *base)
{
    host_job_run(((HostPoolJob *)base)->job);
}

static void pool_free_job(PoolJob *base)
{
    host_job_free(((HostPoolJob *)base)->job);
    g_free(base);
}

/* Making huge pages takes its time: guests do not wait for it. */
static void tune_slow(PoolJob *base)
{
    Manager *manager = base->owner;

    ((HostPoolJob *)base)->left_behind = true;
    log_warning("a setting of the host has not come into force yet; going on without it");
    manager->jobs_pending--;
    cycle_job_done(manager);
}

/* A pool that could not be had whole: the next plan wants no more than can be had. */
static void note_ceilings(HostState *state, const Outcome *outcome, const Host *host)
{
    for (unsigned i = 0; i < change_set_size(outcome->changes); i++) {
        const Change *change = change_set_get(outcome->changes, i);
        const ChangeResult *result = &outcome->results[i];
        const Setting *now = setting_list_find(host->knobs, &change->key);
        if (change->key.knob == KNOB_HOST_PAGES && result->kind != OUTCOME_DONE && now &&
            g_ascii_strtoull(change->to, NULL, 10) > g_ascii_strtoull(now->value, NULL, 10))
            setting_list_add(state->ceilings, &change->key, now->value, result->error, NULL);
    }
    setting_list_sort(state->ceilings);
}

static void merge_outcome(Manager *manager, const HostJob *job)
{
    HostState *state = manager->host;
    const Outcome *outcome = job->outcome;

    if (!outcome)
        return;
    for (unsigned i = 0; i < change_set_size(outcome->changes); i++) {
        journal_log_host_change(change_set_get(outcome->changes, i), &outcome->results[i]);
        manager_count_result(manager, change_set_get(outcome->changes, i), &outcome->results[i]);
    }
    state->write_count += outcome->n_writes;
    if (job->host)
        note_ceilings(state, outcome, job->host);
    if (change_set_size(job->refused) != change_set_size(state->refused))
        state->refused_usec = g_get_monotonic_time();
    change_set_unref(state->refused);
    state->refused = change_set_ref(job->refused);
}

static bool is_of_pool(const Change *change)
{
    return change->key.knob == KNOB_HOST_PAGES && change->from && change->to;
}

/* How many pages are to be made or given back. */
static uint64_t pages_of(const ChangeSet *changes, bool keep_drift)
{
    uint64_t sum = 0;

    for (unsigned i = 0; i < change_set_size(changes); i++) {
        const Change *change = change_set_get(changes, i);
        if (is_of_pool(change) && !(change->drift && keep_drift))
            sum += (uint64_t)ABS(g_ascii_strtoll(change->to, NULL, 10) -
                                 g_ascii_strtoll(change->from, NULL, 10));
    }
    return sum;
}

static void begin_pages(Manager *manager, HostPoolJob *pool_job)
{
    HostState *state = manager->host;

    state->n_pages = pages_of(state->left, pool_job->job->keep_drift);
    state->pages_job = state->n_pages > 0 ? job_begin(manager, JOB_PAGES, NULL, NULL) : 0;
    state->tuning = pool_job;
    host_state_note_job(manager);
}

static void end_pages(Manager *manager, const Outcome *outcome)
{
    bool whole = outcome != NULL;

    for (unsigned i = 0; outcome && i < change_set_size(outcome->changes); i++)
        whole &= !is_of_pool(change_set_get(outcome->changes, i)) ||
                 outcome->results[i].kind == OUTCOME_DONE;
    manager->host->tuning = NULL;
    job_end(manager, manager->host->pages_job, whole ? JOB_DONE : JOB_FAILED);
}

void host_state_note_job(Manager *manager)
{
    const HostState *state = manager->host;

    if (!state->tuning)
        return;
    const JobProgress progress = {
        .phase = "changing pools of huge pages",
        .done = MIN(atomic_load(&state->tuning->n_pages), state->n_pages),
        .total = state->n_pages,
    };
    job_progress(manager, state->pages_job, &progress);
}

static void tune_late(PoolJob *base)
{
    Manager *manager = base->owner;

    manager->host->in_flight = false;
    manager->host->dirty = true;
    manager_trigger(manager, NULL);
}

static void tune_done(PoolJob *base, bool abandoned)
{
    Manager *manager = base->owner;
    HostState *state = manager->host;
    const HostPoolJob *pool_job = (HostPoolJob *)base;
    HostJob *job = pool_job->job;

    state->in_flight = abandoned; /* until it is late */
    end_pages(manager, abandoned ? NULL : job->outcome);
    if (!abandoned) {
        manager_note_record_error(manager, job->record_error);
        for (unsigned i = 0; diag_list_get(job->diags, i); i++)
            log_notice("host: %s", diag_list_get(job->diags, i)->text);
        merge_outcome(manager, job);
        state->replanned = state->reclaimed = false;
        if (job->kind == HOST_RESTORE) /* what differs from a plan from now on is no drift */
            g_clear_pointer(&state->settled, host_plan_unref);
        if (job->host)
            host_state_take(manager, job);
        host_state_plan(manager);
        /* what became of it may make another plan: pools that cannot be had go back */
        if (change_set_size(state->left) > 0 && job->outcome)
            manager_retry(manager);
    }
    if (!pool_job->left_behind) {
        manager->jobs_pending--;
        cycle_job_done(manager);
    } else if (!abandoned) {
        manager_trigger(manager, NULL);
    }
}

static void forget_requests(HostState *state)
{
    state->apply_now = state->restore = state->force = false;
}

void host_state_tune(Manager *manager)
{
    HostState *state = manager->host;
    bool may = policy_get_mode(manager->policy) == MODE_ENFORCE || state->apply_now;

    if (!state->plan || manager->look_only || state->in_flight)
        return;
    if (!state->restore && (!may || state->released || !has_work(state)))
        return;
    HostPoolJob *pool_job = g_new0(HostPoolJob, 1);
    HostJob *job = host_job_new(state->restore ? HOST_RESTORE : HOST_TUNE);
    pool_job->base = (PoolJob){.run = pool_run,
                               .done = tune_done,
                               .slow = tune_slow,
                               .late = tune_late,
                               .free = pool_free_job,
                               .owner = manager,
                               .slow_usec = JOB_SLOW_USEC,
                               .timeout_usec = JOB_TIMEOUT_USEC};
    pool_job->job = job;
    pool_job->backend = manager_backend_for(manager, &pool_job->base);
    pool_job->backend.watch.n_pages = &pool_job->n_pages;
    job->backend = &pool_job->backend;
    job->record = manager->record;
    job->boot_id = manager->boot_id;
    job->plan = host_plan_ref(state->plan);
    job->settled = state->settled ? host_plan_ref(state->settled) : NULL;
    job->keep_drift = !state->apply_now;
    job->force = state->force;
    change_set_unref(job->refused);
    job->refused = change_set_copy(state->refused);
    forget_requests(state);
    state->in_flight = true;
    manager->jobs_pending++;
    begin_pages(manager, pool_job);
    pool_submit(manager->pool, &pool_job->base);
}

void host_state_end(HostState *state)
{
    if (!state->in_flight)
        forget_requests(state);
}
