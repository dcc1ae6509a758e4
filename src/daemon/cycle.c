/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The cycle: from a trigger to a host that looks as planned.
 *
 *   cycle_start   take the triggers and requests that wait
 *   cycle_list    worker: topology, all guests in one bulk call, the host's settings, quick pass
 *   cycle_look    workers: a whole look at each guest that is new, changed or due
 *   cycle_plan    here, pure: all guests together → one plan; then the host's settings
 *   cycle_tune    workers: who differs, and the host: diff → record → apply → look again
 *   cycle_end     who is on whose CPUs, how everybody stands, answers
 *
 * Each step submits jobs and ends; the last job that comes back calls the next step. A guest whose
 * job is slow is marked stuck, and the cycle goes on without it: when the job comes back, be it
 * after it was abandoned, the guest is looked at anew.
 */
#include "daemon/bus.h"
#include "daemon/drift.h"
#include "daemon/guest-pool.h"
#include "daemon/host-state.h"
#include "daemon/memory-move.h"
#include "daemon/restart.h"

#include "plan/diff.h"
#include "plan/knobs.h"
#include "report/report.h"
#include "vmtuned/message-ids.h"

#include <malloc.h>
#include <string.h>

static void cycle_look(Manager *manager);
static void cycle_plan(Manager *manager);
static void cycle_tune(Manager *manager);
static void cycle_end(Manager *manager);

/* --- cycle_start --- */

static bool request_looks_only(const Request *request)
{
    switch (request->kind) {
    case REQUEST_VERIFY:
    case REQUEST_DRY_RUN:
    case REQUEST_DEFRAG_DRY_RUN:
        return true;
    case REQUEST_APPLY:
    case REQUEST_RESTORE:
    case REQUEST_RESUME:
    case REQUEST_DEFRAG:
        return false;
    }
    return true;
}

/* One cycle serves the requests at the head that agree on writing or not. */
static void take_requests(Manager *manager)
{
    Request *first = g_queue_peek_head(&manager->requests);
    bool owing = manager->owing;

    manager->owing = false;
    if (owing && first && request_looks_only(first)) {
        manager->look_only = false;
        return;
    }
    manager->look_only = manager->options.dry_run || (first && request_looks_only(first));
    while (!g_queue_is_empty(&manager->requests)) {
        Request *request = g_queue_peek_head(&manager->requests);
        if (request_looks_only(request) != request_looks_only(first))
            break;
        g_queue_push_tail(&manager->answering, g_queue_pop_head(&manager->requests));
    }
}

/* --- cycle_list --- */

/* autostart: it was asked for. */
static void sync_one(Manager *manager, const Guest *guest, bool autostart)
{
    Managed *managed = g_hash_table_lookup(manager->by_uuid, guest->uuid);

    if (!managed) {
        managed = managed_new(guest->uuid, guest->name);
        g_ptr_array_add(manager->guests, managed);
        g_hash_table_insert(manager->by_uuid, managed->uuid, managed);
        managed->dirty = manager->host->dirty = true;
    } else if (!g_str_equal(managed->name, guest->name)) {
        g_free(managed->name);
        managed->name = g_strdup(guest->name);
        managed->dirty = true;
    }
    if (autostart && !guest->active && managed->guest &&
        managed->guest->autostart != guest->autostart)
        managed->dirty = manager->host->dirty = true;
    if (managed->active == guest->active)
        return;
    manager->must_plan = manager->host->dirty = true;
    managed->active = guest->active;
    managed->dirty = true;
    manager->some_ended |= !guest->active;
    if (guest->active)
        managed->flags = (ProcessFlags){0}; /* a new process */
    else
        managed_set_off(managed);
}

/* It is no longer defined. */
static void drop_guest(Manager *manager, guint index)
{
    Managed *managed = g_ptr_array_index(manager->guests, index);

    manager->host->dirty = true;
    manager->must_plan |= managed->active;
    manager->some_ended = true;
    if (manager->planning)
        planning_remove(manager->planning, managed->uuid);
    bus_guest_hide(manager, managed);
    g_hash_table_remove(manager->by_uuid, managed->uuid);
    g_ptr_array_remove_index(manager->guests, index);
}

static void sync_guests(Manager *manager, const ListJob *job)
{
    const GPtrArray *list = job->guests;
    g_autoptr(GHashTable) listed = g_hash_table_new(g_str_hash, g_str_equal);

    manager->listed_usec = g_get_monotonic_time();
    for (guint i = 0; i < list->len; i++)
        g_hash_table_add(listed, ((Guest *)g_ptr_array_index(list, i))->uuid);
    for (guint i = manager->guests->len; i-- > 0;)
        if (!g_hash_table_contains(listed,
                                   ((Managed *)g_ptr_array_index(manager->guests, i))->uuid))
            drop_guest(manager, i);
    for (guint i = 0; i < list->len; i++)
        sync_one(manager, g_ptr_array_index(list, i), job->autostart);
    g_ptr_array_sort(manager->guests, managed_compare);
}

static void sync_topo(Manager *manager, ListJob *job)
{
    if (!job->topo)
        return;
    g_free(manager->topo_stamp);
    manager->topo_stamp = g_steal_pointer(&job->stamp);
    manager->topo_usec = g_get_monotonic_time();
    if (manager->topo && topo_equal(manager->topo, job->topo))
        return;
    if (manager->topo)
        log_full(LOG_LEVEL_NOTICE, VMTUNED_MESSAGE_HOST_CHANGED, NULL,
                 "the host's CPUs, nodes, page pools or devices changed: planning again");
    if (manager->topo && !topo_same_cpus(manager->topo, job->topo))
        manager_host_changed(manager);
    g_clear_pointer(&manager->planning, planning_free);
    g_clear_pointer(&manager->topo, topo_unref);
    manager->topo = topo_ref(job->topo);
    manager->must_plan = true;
    manager_mark_dirty(manager, NULL);
}

/* Refused, perhaps for CPUs that its own cgroup lacks: nobody tells when it gets them back. */
static bool may_get_cpus(const Manager *manager, const Managed *managed)
{
    const GuestKernel *kernel = managed->guest ? managed->guest->kernel : NULL;

    return managed->plan && managed->plan->result == PLAN_REFUSED && kernel && kernel->allowed &&
           manager->topo && !cpuset_equal(kernel->allowed, manager->topo->allowed);
}

static void mark_due(Manager *manager, const ListJob *job)
{
    int64_t now = g_get_monotonic_time();

    for (guint i = 0; i < job->changed->len; i++)
        manager_mark_dirty(manager, g_ptr_array_index(job->changed, i));
    for (guint i = 0; i < manager->guests->len; i++) {
        Managed *managed = g_ptr_array_index(manager->guests, i);
        bool passing =
            managed->hung || (managed->guest && (managed->guest->in_job || managed->guest->hung));
        if (managed->stuck && now - managed->stuck_usec > STUCK_USEC)
            managed->stuck = false;
        if (passing || managed->shortage || may_get_cpus(manager, managed) ||
            now - managed->looked_usec > DEEP_PASS_USEC)
            managed->dirty = true;
        if (now - managed->refused_usec > REFUSED_RETRY_USEC)
            managed_forget_refused(managed);
    }
}

static void mark_requested(Manager *manager)
{
    for (GList *item = manager->answering.head; item; item = item->next) {
        const Request *request = item->data;
        host_state_request(manager->host, request);
        for (guint i = 0; i < manager->guests->len; i++) {
            Managed *managed = g_ptr_array_index(manager->guests, i);
            if (!request_is_about(request, managed))
                continue;
            managed->dirty = true;
            managed->apply_now |= request->kind == REQUEST_APPLY;
            if (request->kind == REQUEST_APPLY || request->kind == REQUEST_RESTORE ||
                request->kind == REQUEST_RESUME)
                managed_forget_contest(managed);
            if (request->kind == REQUEST_APPLY) {
                managed_forget_refused(managed);
                memory_moves_forget(manager, managed->uuid);
            }
            managed->restore |= request->kind == REQUEST_RESTORE;
            if (request->kind == REQUEST_RESTORE) {
                restart_undo(manager, managed->uuid);
                memory_move_hold(manager, managed->uuid);
            }
            managed->force |= request->kind == REQUEST_RESTORE && request->force;
        }
    }
}

static void list_done(PoolJob *base, bool abandoned)
{
    ListJob *job = (ListJob *)base;
    Manager *manager = base->owner;

    if (!abandoned && job->check_record)
        manager_set_record_problem(manager, job->record_problem);
    if (!abandoned && job->restarts)
        restart_take(manager, job->restarts);
    if (abandoned || job->result != VIRT_DONE || (!job->topo && !manager->topo)) {
        if (abandoned && !job->left_behind)
            log_warning("libvirt does not answer: the cycle is given up");
        cycle_end(manager);
        return;
    }
    if (job->check_topo)
        manager->stamp_usec = g_get_monotonic_time();
    sync_topo(manager, job);
    if (manager->slept) /* again: jobs that were under way then may have settled their guests */
        manager_host_changed(manager);
    manager->slept = false;
    if (job->host)
        host_state_take(manager, job->host);
    if (job->guests)
        sync_guests(manager, job);
    mark_due(manager, job);
    mark_requested(manager);
    cycle_look(manager);
}

static void cycle_list(Manager *manager)
{
    manager->phase = CYCLE_LISTING;
    jobs_note_requests(manager);
    list_job_submit(manager, list_done);
}

void cycle_job_done(Manager *manager)
{
    jobs_note_requests(manager);
    if (manager->jobs_pending > 0)
        return;
    if (manager->phase == CYCLE_LOOKING)
        cycle_plan(manager);
    else
        cycle_end(manager);
}

static CycleTrigger trigger_of(const Manager *manager)
{
    if (manager->answering.length > 0)
        return CYCLE_BY_REQUEST;
    if (manager->interval_due)
        return CYCLE_BY_INTERVAL;
    return manager->triggered ? CYCLE_BY_EVENT : CYCLE_BY_RETRY;
}

void cycle_start(Manager *manager)
{
    if (manager->phase != CYCLE_IDLE)
        return;
    take_requests(manager);
    manager->counters.cycles[trigger_of(manager)]++;
    manager->cycle_usec = g_get_monotonic_time();
    manager->triggered = false;
    cycle_list(manager);
}

/* --- cycle_look and cycle_tune: one job per guest --- */

/* A look or tuning that could not be done now: when to try again. */
static void managed_set_back(Manager *manager, Managed *managed, int result)
{
    managed->hung = result == BACKEND_HUNG ? "its monitor does not answer" : NULL;
    if (result == BACKEND_GONE) {
        managed_set_off(managed);
        manager->must_plan = manager->some_ended = true;
    } else if (result == BACKEND_RETRY) {
        managed->dirty = true;
    } else if (result == BACKEND_HUNG) {
        return; /* with the next interval */
    } else {
        if (!managed->failed)
            log_error("%s: %s", managed->name, g_strerror(result < 0 ? -result : EIO));
        managed->failed = true;
        managed->looked_usec = g_get_monotonic_time();
        return; /* it would come to the same: with the deep pass, or an event */
    }
    manager_retry(manager);
}

static void look_done(PoolJob *base, bool abandoned)
{
    Manager *manager = base->owner;
    const GuestPoolJob *pool_job = (GuestPoolJob *)base;
    GuestJob *job = pool_job->job;
    Managed *managed = guest_pool_back(manager, pool_job, abandoned);

    if (pool_job->left_behind)
        return;
    if (managed && job->result == BACKEND_DONE) {
        managed->failed = false;
        managed->recheck = true;
        manager->some_ended |= managed->active && !job->guest->active;
        managed->active = job->guest->active;
        managed_set_guest(managed, job->guest);
        managed->flags = job->flags;
        manager->must_plan = true;
    } else if (managed) {
        managed_set_back(manager, managed, job->result);
    }
    cycle_job_done(manager);
}

static void cycle_look(Manager *manager)
{
    manager->phase = CYCLE_LOOKING;
    manager->jobs_pending = 0;
    for (guint i = 0; i < manager->guests->len; i++) {
        Managed *managed = g_ptr_array_index(manager->guests, i);
        if (!managed->dirty || managed->stuck || managed->in_flight)
            continue;
        managed->dirty = false; /* an event that comes from now on asks for another look */
        guest_pool_submit(manager, managed, GUEST_LOOK, look_done);
    }
    cycle_job_done(manager);
}

/* --- cycle_plan --- */

static bool is_defrag(const Request *request)
{
    return request->kind == REQUEST_DEFRAG || request->kind == REQUEST_DEFRAG_DRY_RUN;
}

static bool defrag_asked(const Manager *manager)
{
    for (GList *link = manager->answering.head; link; link = link->next)
        if (is_defrag(link->data))
            return true;
    return false;
}

/* What moving some guests would gain; with defrag itself that is the plan from now on. */
static void plan_defrag(Manager *manager, Request *request)
{
    bool take = request->kind == REQUEST_DEFRAG;
    g_autoptr(GArray) before = NULL, after = NULL;
    g_autoptr(Plan) better =
        planning_defrag(manager->planning, request->max_moves, take, &before, &after);

    request->document = report_defrag(manager->plan, better, before, after);
    if (!take)
        return;
    plan_unref(manager->plan);
    manager->plan = g_steal_pointer(&better);
}

/* Guests have one policy where all its values are the very same; selected is consumed. */
static GuestPolicy *share_policy(const Manager *manager, GuestPolicy *selected)
{
    for (guint i = 0; i < manager->guests->len; i++) {
        const Managed *other = g_ptr_array_index(manager->guests, i);
        if (!other->policy || other->reselect || !guest_policy_is_same(other->policy, selected))
            continue;
        guest_policy_unref(selected);
        return guest_policy_ref(other->policy);
    }
    return selected;
}

static void plan_one(Manager *manager, Managed *managed)
{
    if (!managed->guest) {
        planning_remove(manager->planning, managed->uuid);
        return;
    }
    if (!managed->policy || managed->reselect) {
        PolicySubject subject = guest_policy_subject(managed->guest);
        g_clear_pointer(&managed->policy, guest_policy_unref);
        managed->policy = share_policy(manager, policy_select(manager->policy, &subject));
        managed->reselect = false;
    }
    if (managed->apply_now || managed->restore)
        managed->flags.released = managed->restore;
    if (!managed_is_planned(managed)) {
        planning_remove(manager->planning, managed->uuid);
        return;
    }
    PlanGuest guest = {
        .guest = managed->guest,
        .policy = managed->policy,
        .before = managed->settled,
        .running = true,
        .manual = managed->flags.manual && !managed->policy->named,
        .released = managed->flags.released,
    };
    planning_set(manager->planning, &guest);
}

static void plan_all(Manager *manager)
{
    int64_t begun_usec = g_get_monotonic_time();

    if (!manager->planning)
        manager->planning = planning_new(manager->topo, manager->policy);
    for (guint i = 0; i < manager->guests->len; i++)
        plan_one(manager, g_ptr_array_index(manager->guests, i));
    planning_update(manager->planning);
    g_clear_pointer(&manager->plan, plan_unref);
    manager->plan = planning_plan(manager->planning);
    manager->must_plan = false;
    durations_add(&manager->counters.plan, g_get_monotonic_time() - begun_usec);
    for (GList *link = manager->answering.head; link; link = link->next)
        if (is_defrag(link->data))
            plan_defrag(manager, link->data);
}

/* That of its definition alone, for a guest that is off; NULL: none. Owned by the caller. */
static GuestPlan *plan_off(const Manager *manager, const Managed *managed)
{
    if (managed->active || !managed->guest || !managed->guest->config)
        return NULL;
    return knobs_plan_off(manager->topo, manager->policy, managed->policy, managed->guest,
                          managed->flags.released);
}

/* A plan that changed makes its guest be compared again; after a restart of the daemon a guest that
 * was settled with the same plan is taken as settled. */
static void assign_plans(Manager *manager)
{
    for (guint i = 0; i < manager->guests->len; i++) {
        Managed *managed = g_ptr_array_index(manager->guests, i);
        g_autoptr(GuestPlan) off = plan_off(manager, managed);
        const GuestPlan *plan = off ? off : planning_find(manager->planning, managed->uuid);
        bool same = plan && managed->plan &&
                    (plan == managed->plan || guest_plan_equal(plan, managed->plan));

        managed->replanned |= plan && !same;
        managed->recheck |= plan && !same;
        if (plan == managed->plan)
            continue;
        g_clear_pointer(&managed->plan, guest_plan_unref);
        managed->plan = plan ? guest_plan_ref(plan) : NULL;
        if (!plan)
            continue;
        if (managed->settled ? guest_plan_equal(plan, managed->settled)
                             : managed->flags.settled == guest_plan_digest(plan)) {
            g_clear_pointer(&managed->settled, guest_plan_unref);
            managed->settled = guest_plan_ref(plan);
        }
    }
}

static ChangeSet *managed_diff(const Manager *manager, const Managed *managed)
{
    g_autoptr(SettingList) wanted = wanted_make(managed->plan, managed->guest);
    g_autoptr(SettingList) observed = observed_make(managed->guest);
    g_autoptr(SettingList) before =
        managed_before(managed) ? wanted_make(managed_before(managed), managed->guest) : NULL;

    ChangeSet *changes =
        diff_make(wanted, before, observed, guest_allowed(managed->guest, manager->topo),
                  manager->topo->online);

    change_set_drop(changes, managed->refused);
    return changes;
}

bool manager_may_change(const Manager *manager, const Managed *managed)
{
    return (policy_get_mode(manager->policy) == MODE_ENFORCE || managed->apply_now) &&
           managed->plan && !managed->guest->in_job &&
           (managed->plan->result != PLAN_UNMANAGED || managed->plan->manual);
}

bool manager_may_write(const Manager *manager, const Managed *managed)
{
    return !manager->look_only && manager_may_change(manager, managed);
}

static void cycle_plan(Manager *manager)
{
    if (manager->must_plan || defrag_asked(manager)) {
        plan_all(manager);
        assign_plans(manager);
    }
    for (guint i = 0; i < manager->guests->len; i++) {
        Managed *managed = g_ptr_array_index(manager->guests, i);
        if (!managed_is_tuned(managed))
            continue;
        managed->recheck |= managed->replanned && manager_may_write(manager, managed);
        if (managed->recheck)
            drift_take_left(manager, managed, managed_diff(manager, managed));
    }
    host_state_plan(manager);
    cycle_tune(manager);
}

/* --- cycle_tune --- */

static void count_outcomes(Manager *manager, Managed *managed, const GuestJob *job)
{
    for (guint i = 0; i < job->outcomes->len; i++) {
        const Outcome *outcome = g_ptr_array_index(job->outcomes, i);
        managed->write_count += outcome->n_writes;
        for (unsigned j = 0; j < change_set_size(outcome->changes); j++) {
            const Change *change = change_set_get(outcome->changes, j);
            const ChangeResult *result = &outcome->results[j];
            if (change->carried)
                continue;
            journal_log_change(managed, change, result);
            manager_count_result(manager, change, result);
            managed->failure_count +=
                result->kind == OUTCOME_REFUSED || result->kind == OUTCOME_FATAL;
            if (!change->drift)
                continue;
            managed->repair_count += result->kind == OUTCOME_DONE;
            bus_emit_drift(manager, managed, change, outcome_kind_name(result->kind));
        }
    }
}

static OutcomeKind last_outcome(const GuestJob *job)
{
    if (job->outcomes->len == 0)
        return OUTCOME_DONE;
    return ((const Outcome *)g_ptr_array_index(job->outcomes, job->outcomes->len - 1))->kind;
}

/* What is left is judged by how the last round ended. */
static void merge_left(Manager *manager, Managed *managed, const GuestJob *job)
{
    change_set_unref(managed->left);
    managed->left = change_set_ref(job->left);
    if (change_set_size(job->refused) != change_set_size(managed->refused))
        managed->refused_usec = g_get_monotonic_time();
    change_set_unref(managed->refused);
    managed->refused = change_set_ref(job->refused);
    bool again = job->kind == GUEST_TUNE && drift_judge_job(managed, job);
    managed_watch(managed);
    OutcomeKind kind = last_outcome(job);
    managed->replanned = false;
    if (change_set_size_open(managed->left) == 0) {
        managed_settle(managed);
        /* where a guest has moved away, the next one may move to */
        if (managed->plan->moved && policy_get_rebalance_moves(manager->policy) > 0)
            manager->must_plan = manager->triggered = true;
    } else if (!managed->guest->hung && /* else every cycle looks at it anyway */
               (again || kind == OUTCOME_RETRY || kind == OUTCOME_GONE)) {
        managed->dirty = managed->replanned = true;
        manager_retry(manager);
    } else {
        managed->failed = managed_has_work(managed);
    }
}

static void tell_diags(const GuestJob *job)
{
    for (unsigned i = 0; diag_list_get(job->diags, i); i++)
        log_notice("%s: %s", job->name, diag_list_get(job->diags, i)->text);
}

static void tell_restored(const GuestJob *job)
{
    if (job->result == BACKEND_DONE && change_set_size(job->left) == 0)
        log_full(LOG_LEVEL_NOTICE, VMTUNED_MESSAGE_RESTORED, NULL, "%s: restored and released",
                 job->name);
    else
        log_warning("%s: not all could be put back", job->name);
}

/* No other process was started while the job was left behind. */
static bool is_of_process(const GuestJob *job, const Managed *managed)
{
    return guest_is_of_process(managed_is_planned(managed) ? managed->guest : NULL, job->pid,
                               job->starttime);
}

static void tune_done(PoolJob *base, bool abandoned)
{
    Manager *manager = base->owner;
    const GuestPoolJob *pool_job = (GuestPoolJob *)base;
    GuestJob *job = pool_job->job;
    Managed *managed = guest_pool_back(manager, pool_job, abandoned);

    if (managed) {
        count_outcomes(manager, managed, job);
        tell_diags(job);
        if (is_of_process(job, managed))
            managed->flags = job->flags;
        if (pool_job->left_behind || (job->threads_only && job->result != BACKEND_DONE)) {
            ; /* the plan may be another by now; who is stuck is looked at anew when it is not */
        } else if (job->result != BACKEND_DONE) {
            managed_set_back(manager, managed, job->result);
        } else {
            managed_set_guest(managed, job->guest);
            if (managed_is_tuned(managed) && job->left)
                merge_left(manager, managed, job);
        }
        if (job->kind == GUEST_RESTORE) {
            managed->n_kept = diag_list_count(job->diags, DIAG_WARNING) +
                              (job->left ? change_set_size(job->left) : 0);
            tell_restored(job);
            g_clear_pointer(&managed->settled, guest_plan_unref);
            manager->must_plan = manager->triggered = true;
        }
        drift_tell(manager, managed);
    }
    if (!pool_job->left_behind)
        cycle_job_done(manager);
}

/* A guest is stuck, and others were given CPUs that it may still run on: it is kept off them. */
static bool must_give_way(const Manager *manager, const Managed *managed)
{
    return managed->stuck && !managed->threads_stuck && managed->replanned &&
           managed_is_planned(managed) && manager_may_write(manager, managed);
}

static void tune_one(Manager *manager, Managed *managed)
{
    drift_tell(manager, managed);
    if (managed->in_flight)
        return;
    if (managed->stuck) {
        if (must_give_way(manager, managed))
            guest_pool_submit(manager, managed, GUEST_TUNE, tune_done);
        return;
    }
    if (managed->restore && !manager->look_only) {
        guest_pool_submit(manager, managed, GUEST_RESTORE, tune_done);
        return;
    }
    if (!managed->recheck || !managed_is_tuned(managed) || !manager_may_write(manager, managed))
        return;
    if (!managed_has_work(managed) && !managed->apply_now && !managed->replanned)
        return;
    guest_pool_submit(manager, managed, GUEST_TUNE, tune_done);
}

static void cycle_tune(Manager *manager)
{
    manager->phase = CYCLE_TUNING;
    manager->jobs_pending = 0;
    for (guint i = 0; i < manager->guests->len; i++)
        tune_one(manager, g_ptr_array_index(manager->guests, i));
    host_state_tune(manager);
    cycle_job_done(manager);
}

/* --- cycle_end --- */

static void find_intruders(Manager *manager)
{
    g_autofree const Guest **guests = g_new0(const Guest *, manager->guests->len + 1);
    unsigned n = 0;

    for (guint i = 0; i < manager->guests->len; i++) {
        const Managed *managed = g_ptr_array_index(manager->guests, i);
        if (managed_is_planned(managed))
            guests[n++] = managed->guest;
    }
    for (guint i = 0; i < manager->guests->len; i++) {
        Managed *managed = g_ptr_array_index(manager->guests, i);
        g_clear_pointer(&managed->intruders, g_strfreev);
        if (managed->plan && !cpuset_is_empty(managed->plan->exclusive))
            managed->intruders = intruders_find(managed->plan, guests, n);
    }
}

/* At the first look after its start it is told what of the settings that awaited it came true. */
static void set_pending(Managed *managed)
{
    managed_set_pending(managed);
    if (!managed->pending || !managed->awaited)
        return;
    journal_log_awaited(managed);
    g_clear_pointer(&managed->awaited, pending_list_unref);
}

static void judge_all(Manager *manager)
{
    for (guint i = 0; i < manager->guests->len; i++) {
        Managed *managed = g_ptr_array_index(manager->guests, i);
        if (managed->recheck || !managed->pending)
            set_pending(managed);
        managed_set_shortage(managed, host_state_shortage(manager, managed->uuid));
        GuestState state = managed_judge(managed);
        bool changed = state != managed->state || managed->since_usec == 0;

        managed->state = state;
        g_autofree char *text_before = g_steal_pointer(&managed->text);
        managed->text = managed_describe(managed);
        bool to_show = changed || managed->recheck || g_strcmp0(managed->text, text_before) != 0;
        managed->recheck = false;
        managed->apply_now = managed->restore = managed->force = false;
        if (changed)
            managed->since_usec = g_get_real_time();
        if (to_show)
            bus_guest_show(manager, managed);
        if (!changed)
            continue;
        journal_log_state(managed);
        bus_emit_guest_changed(manager, managed);
    }
}

static void answer_all(Manager *manager, bool whole)
{
    if (!g_queue_is_empty(&manager->answering))
        manager->answered_usec = g_get_monotonic_time();
    for (Request *request; (request = g_queue_pop_head(&manager->answering));) {
        bus_answer(manager, request, whole);
        request_free(request);
    }
}

/* What a cycle for verify found, but might not change, is the next one's. */
static void leave_to_next(Manager *manager)
{
    for (guint i = 0; i < manager->guests->len; i++) {
        Managed *managed = g_ptr_array_index(manager->guests, i);
        if (!managed->recheck || !managed_is_tuned(managed) ||
            !manager_may_change(manager, managed) ||
            (!managed_has_work(managed) && !managed->replanned))
            continue;
        managed->dirty = true;
        manager->owing = true;
    }
}

static void cycle_end(Manager *manager)
{
    bool looked = manager->phase == CYCLE_TUNING;

    if (looked && manager->look_only && !manager->options.dry_run)
        leave_to_next(manager);
    if (looked) {
        find_intruders(manager);
        judge_all(manager);
        host_state_end(manager->host);
        manager->cycles++;
        manager->last_cycle_usec = g_get_real_time();
        durations_add(&manager->counters.cycle, g_get_monotonic_time() - manager->cycle_usec);
        bus_manager_show(manager);
        bus_emit_cycle_done(manager);
    } else {
        manager->counters.cycles_given_up++;
    }
    answer_all(manager, looked);
    if (manager->n_jobs > 0)
        malloc_trim(0); /* looks and definitions took far more than what is kept of them */
    manager->n_jobs = 0;
    manager->phase = CYCLE_IDLE;
    manager_cycle_ended(manager, looked);
}
