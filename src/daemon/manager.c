/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Life of the daemon: what wakes it, when a cycle follows, how it ends. */
#include "daemon/manager.h"

#include "base/text.h"
#include "daemon/backend-real.h"
#include "daemon/bus.h"
#include "daemon/gate.h"
#include "daemon/host-state.h"
#include "daemon/memory-move.h"
#include "daemon/read-job.h"
#include "daemon/restart.h"
#include "host/ability.h"
#include "host/guest-kernel.h"
#include "policy/policy-load.h"
#include "report/report.h"
#include "vmtuned/message-ids.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <systemd/sd-daemon.h>
#include <sysexits.h>
#include <time.h>

/* --once gives libvirtd this long to answer */
#define ONCE_CONNECT_USEC (30 * G_TIME_SPAN_SECOND)
/* Busy guests are tried again by --once for so many cycles. */
#define ONCE_MAX_CYCLES 5u
/* Jobs under way get this long to end when the daemon stops. */
#define STOP_WAIT_USEC (5 * G_TIME_SPAN_SECOND)
/* How often running jobs are held against their deadline, and the clocks against each other. */
#define DEADLINE_CHECK_USEC G_TIME_SPAN_SECOND
/* A shorter sleep is not told from two clocks that were not read at once. */
#define RESUME_USEC (G_TIME_SPAN_SECOND / 2)

/* --- values --- */

void request_free(Request *request)
{
    g_strfreev(request->uuids);
    json_object_put(request->document);
    sd_bus_message_unref(request->message);
    g_free(request);
}

bool request_is_about(const Request *request, const Managed *managed)
{
    return !request->uuids[0] ||
           g_strv_contains((const char *const *)request->uuids, managed->uuid);
}

Managed *manager_find(const Manager *manager, const char *uuid_or_name)
{
    Managed *found = g_hash_table_lookup(manager->by_uuid, uuid_or_name);

    for (guint i = 0; i < manager->guests->len && !found; i++) {
        Managed *managed = g_ptr_array_index(manager->guests, i);
        if (g_str_equal(managed->name, uuid_or_name))
            found = managed;
    }
    return found;
}

/* --- triggers --- */

static void arm(sd_event_source *timer, uint64_t delay_usec)
{
    sd_event_source_set_time_relative(timer, delay_usec);
    sd_event_source_set_enabled(timer, SD_EVENT_ONESHOT);
}

/* Sets the timer, or brings it forward: a stream of events must not put a cycle off. */
static void arm_sooner(sd_event_source *timer, uint64_t delay_usec)
{
    uint64_t now, then;
    int enabled;

    if (sd_event_now(sd_event_source_get_event(timer), CLOCK_MONOTONIC, &now) >= 0 &&
        sd_event_source_get_enabled(timer, &enabled) >= 0 && enabled != SD_EVENT_OFF &&
        sd_event_source_get_time(timer, &then) >= 0 && then <= now + delay_usec)
        return;
    arm(timer, delay_usec);
}

static void wake(Manager *manager, uint64_t delay_usec)
{
    if (manager->phase == CYCLE_IDLE && manager->connected)
        arm_sooner(manager->trigger_timer, delay_usec);
}

void manager_mark_dirty(Manager *manager, const char *uuid)
{
    for (guint i = 0; i < manager->guests->len; i++) {
        Managed *managed = g_ptr_array_index(manager->guests, i);
        if (!uuid || g_str_equal(uuid, managed->uuid))
            managed->dirty = true;
    }
}

void manager_host_changed(Manager *manager)
{
    for (guint i = 0; i < manager->guests->len; i++)
        ((Managed *)g_ptr_array_index(manager->guests, i))->host_changed = true;
}

void manager_trigger(Manager *manager, const char *uuid)
{
    manager_mark_dirty(manager, uuid);
    manager->called = manager->triggered = true;
    wake(manager, TRIGGER_DELAY_USEC);
}

void manager_retry(Manager *manager)
{
    manager->retrying = true;
}

static uint64_t request_delay(const Manager *manager)
{
    int64_t rest = manager->answered_usec + REQUEST_REST_USEC - g_get_monotonic_time();

    return manager->answered_usec != 0 && rest > 0 ? (uint64_t)rest : 0;
}

void manager_request(Manager *manager, Request *request)
{
    g_queue_push_tail(&manager->requests, request);
    wake(manager, request_delay(manager));
}

Backend manager_backend_for(const Manager *manager, const PoolJob *job)
{
    Backend backend = manager->backend;

    backend.watch.given_up = &job->given_up;
    return backend;
}

void manager_set_record_problem(Manager *manager, const char *problem)
{
    if (!problem && manager->record_problem)
        log_notice("the record can be written again");
    if (problem && !manager->record_problem)
        log_full(LOG_LEVEL_ERROR, VMTUNED_MESSAGE_RECORD_PROBLEM, NULL,
                 "the record cannot be used (%s): guests are tuned, but what they had before is "
                 "known only as long as vmtuned runs",
                 problem);
    g_free(manager->record_problem);
    manager->record_problem = g_strdup(problem);
    bus_manager_show(manager);
}

void manager_count_result(Manager *manager, const Change *change, const ChangeResult *result)
{
    KnobCounts *counts = &manager->counters.knobs[change->key.knob];

    counts->changed += result->kind == OUTCOME_DONE;
    counts->repaired += result->kind == OUTCOME_DONE && change->drift;
    counts->refused += result->kind == OUTCOME_REFUSED || result->kind == OUTCOME_FATAL;
}

void manager_note_record_error(Manager *manager, int error)
{
    if (error < 0 && !manager->record_problem)
        manager_set_record_problem(manager, g_strerror(-error));
}

/* What a cycle was about to be started for, this one does too. */
static void start_now(Manager *manager)
{
    sd_event_source_set_enabled(manager->trigger_timer, SD_EVENT_OFF);
    if (manager->connected)
        cycle_start(manager);
}

static int on_trigger_timer(sd_event_source *source, uint64_t usec, void *data)
{
    (void)source;
    (void)usec;
    start_now(data);
    return 0;
}

static int on_interval(sd_event_source *source, uint64_t usec, void *data)
{
    Manager *manager = data;

    (void)usec;
    manager->interval_due = manager->triggered = true;
    arm(source, policy_get_interval_usec(manager->policy));
    start_now(manager);
    return 0;
}

/* The one clock goes on while the host sleeps, the other does not. */
static int64_t suspended_acquire(void)
{
    struct timespec whole, awake;

    clock_gettime(CLOCK_MONOTONIC, &awake);
    clock_gettime(CLOCK_BOOTTIME, &whole);
    return (whole.tv_sec - awake.tv_sec) * G_USEC_PER_SEC + (whole.tv_nsec - awake.tv_nsec) / 1000;
}

/* A host that slept took its CPUs off line and back, and the kernel moved threads that could not
 * wait: a whole look at everybody, and nobody drifted. */
static void look_for_resume(Manager *manager)
{
    int64_t suspended_usec = suspended_acquire();

    if (suspended_usec - manager->suspended_usec < RESUME_USEC)
        return;
    manager->suspended_usec = suspended_usec;
    log_full(LOG_LEVEL_NOTICE, VMTUNED_MESSAGE_HOST_CHANGED, NULL,
             "the host was suspended: looking at all of it again");
    manager->topo_usec = 0;
    manager->host->dirty = true;
    manager->slept = true;
    manager_host_changed(manager);
    manager_trigger(manager, NULL);
}

static int on_deadline(sd_event_source *source, uint64_t usec, void *data)
{
    Manager *manager = data;

    (void)usec;
    pool_dispatch(manager->pool, g_get_monotonic_time());
    look_for_resume(manager);
    jobs_look(manager);
    if (gate_is_lost(manager))
        bus_reattach(manager);
    if (manager->stop_usec != 0 && g_get_monotonic_time() > manager->stop_usec)
        return sd_event_exit(manager->event, 0);
    if (pool_is_exhausted(manager->pool)) {
        log_error("all workers hang in calls that do not come back: ending, to be started anew");
        return sd_event_exit(manager->event, EX_TEMPFAIL);
    }
    arm(source, DEADLINE_CHECK_USEC);
    return 0;
}

static int on_pool(sd_event_source *source, int fd, uint32_t events, void *data)
{
    Manager *manager = data;

    (void)source;
    (void)fd;
    (void)events;
    pool_dispatch(manager->pool, g_get_monotonic_time());
    return 0;
}

/* --- libvirt --- */

static void fail_requests(Manager *manager)
{
    for (Request *request; (request = g_queue_pop_head(&manager->requests));) {
        sd_bus_reply_method_errorf(request->message, VMTUNED_BUS_ERROR_NOT_READY,
                                   "libvirt is not reachable at %s", manager->options.uri);
        job_end(manager, request->job, JOB_FAILED);
        request_free(request);
    }
}

static void set_connected(Manager *manager, bool connected)
{
    if (manager->connected == connected)
        return;
    manager->connected = connected;
    bus_manager_show(manager);
    if (connected) {
        log_full(LOG_LEVEL_NOTICE, VMTUNED_MESSAGE_LIBVIRT_CONNECTED, NULL, "connected to %s",
                 manager->options.uri);
        return;
    }
    log_full(LOG_LEVEL_WARNING, VMTUNED_MESSAGE_LIBVIRT_LOST, NULL,
             "lost %s; trying again until it is back", manager->options.uri);
    sd_notifyf(0, "STATUS=Waiting for libvirt at %s", manager->options.uri);
    fail_requests(manager);
}

static void take_event(Manager *manager, const VirtEvent *event)
{
    restart_event(manager, event);
    switch (event->kind) {
    case VIRT_EVENT_CONNECTED:
        set_connected(manager, true);
        manager_trigger(manager, NULL);
        break;
    case VIRT_EVENT_DISCONNECTED:
        set_connected(manager, false);
        break;
    case VIRT_EVENT_STARTED:
    case VIRT_EVENT_STOPPED:
    case VIRT_EVENT_DEFINED:
    case VIRT_EVENT_CHANGED:
    case VIRT_EVENT_RESET:
    case VIRT_EVENT_JOB_DONE:
        manager_trigger(manager, event->uuid);
        break;
    }
}

static int on_virt(sd_event_source *source, int fd, uint32_t events, void *data)
{
    Manager *manager = data;

    (void)source;
    (void)fd;
    (void)events;
    for (VirtEvent *event; (event = virt_hub_next_event(manager->hub));) {
        take_event(manager, event);
        virt_event_free(event);
    }
    return 0;
}

/* --- signals and policy --- */

int manager_reload(Manager *manager)
{
    g_autoptr(DiagList) diags = diag_list_new();
    g_autoptr(Policy) policy = NULL;

    int r = policy_load(manager->options.policy_file, &policy, diags);
    diag_list_free(manager->policy_diags);
    manager->policy_diags = g_steal_pointer(&diags);
    manager->policy_rejected = r < 0;
    journal_log_policy(manager);
    if (r < 0) {
        bus_manager_show(manager);
        return r;
    }
    g_clear_pointer(&manager->planning, planning_free);
    host_state_reset(manager->host);
    memory_moves_forget(manager, NULL);
    manager->must_plan = true;
    policy_unref(manager->policy);
    manager->policy = g_steal_pointer(&policy);
    bus_manager_show(manager);
    for (guint i = 0; i < manager->guests->len; i++) {
        Managed *managed = g_ptr_array_index(manager->guests, i);
        /* a new policy applies also where drift is only reported */
        g_clear_pointer(&managed->settled, guest_plan_unref);
        managed->flags.settled = 0;
        managed->reselect = true;
        managed_forget_contest(managed);
    }
    arm(manager->interval_timer, policy_get_interval_usec(manager->policy));
    manager_trigger(manager, NULL);
    return 0;
}

static int on_reload(sd_event_source *source, const struct signalfd_siginfo *info, void *data)
{
    (void)source;
    (void)info;
    sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%" G_GINT64_FORMAT, g_get_monotonic_time());
    manager_reload(data);
    sd_notify(0, "READY=1");
    return 0;
}

/* What must be put back before it ends is, if that does not take long; a second signal does not
 * wait.
 */
static int on_stop(sd_event_source *source, const struct signalfd_siginfo *info, void *data)
{
    Manager *manager = data;
    bool again = manager->stop_usec != 0;

    memory_moves_stop(manager);
    (void)info;
    sd_notify(0, "STOPPING=1");
    manager->stop_usec = g_get_monotonic_time() + STOP_WAIT_USEC;
    if (again || restart_stop(manager))
        return sd_event_exit(sd_event_source_get_event(source), 0);
    return 0;
}

/* --- the end of a cycle --- */

/* With --dry-run: the document that vmtuned-ctl plan --json has. */
static void print_plan(const Manager *manager)
{
    const char *const everybody[] = {NULL};
    g_autoptr(Snapshot) snapshot = manager_snapshot(manager);
    struct json_object *document = report_live_plan(snapshot, everybody);

    g_autofree char *safe =
        text_show_json(json_object_to_json_string_ext(document, JSON_C_TO_STRING_PRETTY));
    puts(safe);
    json_object_put(document);
}

static int once_exit_code(const Manager *manager)
{
    int code = host_state_is_right(manager->host) ? 0 : 1;

    for (guint i = 0; i < manager->guests->len; i++) {
        const Managed *managed = g_ptr_array_index(manager->guests, i);
        switch (managed->state) {
        case GUEST_OFF:
        case GUEST_AS_PLANNED:
        case GUEST_UNMANAGED:
        case GUEST_RELEASED:
            break;
        case GUEST_COLD_PENDING:
            code = code == 0 ? 3 : code;
            break;
        case GUEST_PENDING:
        case GUEST_DRIFTED:
        case GUEST_CONTESTED:
        case GUEST_NOT_EXCLUSIVE:
        case GUEST_REFUSED:
        case GUEST_BUSY:
        case GUEST_STUCK:
        case GUEST_FAILED:
            code = 1;
            break;
        }
    }
    return code;
}

static bool some_dirty(const Manager *manager)
{
    for (guint i = 0; i < manager->guests->len; i++)
        if (((const Managed *)g_ptr_array_index(manager->guests, i))->dirty)
            return true;
    return false;
}

static void tell_status(const Manager *manager)
{
    unsigned running = 0, right = 0;

    for (guint i = 0; i < manager->guests->len; i++) {
        const Managed *managed = g_ptr_array_index(manager->guests, i);
        running += managed->active;
        right += managed->state == GUEST_AS_PLANNED;
    }
    sd_notifyf(0, "STATUS=%u guests running, %u as planned%s", running, right,
               policy_get_mode(manager->policy) == MODE_OBSERVE ? " (observe mode)" : "");
}

static void next_cycle(Manager *manager)
{
    if (manager->owing)
        arm(manager->trigger_timer, 0);
    else if (manager->triggered)
        arm(manager->trigger_timer, TRIGGER_DELAY_USEC);
    else if (!g_queue_is_empty(&manager->requests))
        arm(manager->trigger_timer, request_delay(manager));
    else if (manager->retrying)
        arm(manager->trigger_timer, RETRY_USEC);
    manager->retrying = false;
}

void manager_cycle_ended(Manager *manager, bool whole)
{
    if (whole) {
        tell_status(manager);
        restart_look(manager);
        memory_moves_look(manager);
    } else {
        manager->retrying = true;
    }
    if (whole && manager->options.once &&
        (!some_dirty(manager) || manager->cycles >= ONCE_MAX_CYCLES)) {
        if (manager->options.dry_run)
            print_plan(manager);
        manager->exit_code = once_exit_code(manager);
        sd_event_exit(manager->event, 0);
        return;
    }
    next_cycle(manager);
}

/* --- life --- */

static int add_timer(Manager *manager, sd_event_time_handler_t handler, sd_event_source **ret)
{
    int r =
        sd_event_add_time_relative(manager->event, ret, CLOCK_MONOTONIC, 0, 1000, handler, manager);
    if (r < 0)
        return r;
    return sd_event_source_set_enabled(*ret, SD_EVENT_OFF);
}

static int add_signal(Manager *manager, int number, sd_event_signal_handler_t handler)
{
    return sd_event_add_signal(manager->event, NULL, number, handler, manager);
}

static int attach_sources(Manager *manager)
{
    int r;

    if ((r = add_timer(manager, on_trigger_timer, &manager->trigger_timer)) < 0 ||
        (r = add_timer(manager, on_interval, &manager->interval_timer)) < 0 ||
        (r = add_timer(manager, on_deadline, &manager->deadline_timer)) < 0 ||
        (r = add_signal(manager, SIGTERM, on_stop)) < 0 ||
        (r = add_signal(manager, SIGINT, on_stop)) < 0 ||
        (r = add_signal(manager, SIGHUP, on_reload)) < 0 ||
        (r = sd_event_add_io(manager->event, NULL, pool_get_fd(manager->pool), EPOLLIN, on_pool,
                             manager)) < 0 ||
        (r = sd_event_add_io(manager->event, NULL, virt_hub_get_fd(manager->hub), EPOLLIN, on_virt,
                             manager)) < 0)
        return r;
    arm(manager->interval_timer, policy_get_interval_usec(manager->policy));
    arm(manager->deadline_timer, DEADLINE_CHECK_USEC);
    return sd_event_set_watchdog(manager->event, true);
}

/* A record that cannot be used is left as it is and told; guests are tuned all the same. */
static void open_record(Manager *manager)
{
    g_autofree char *why = NULL;

    manager->record = record_new(manager->options.state_dir);
    record_check(manager->record, false, &why);
    manager_set_record_problem(manager, why);
}

/* What vmtuned may not do here it does not try; told once. */
static void find_abilities(Manager *manager)
{
    manager->cannot = abilities_missing("");
    for (char **words = manager->cannot; *words; words++)
        log_full(LOG_LEVEL_WARNING, VMTUNED_MESSAGE_CANNOT, NULL, "%s", *words);
}

/* The signals belong to sd-event: no other thread may take them. A bus or a libvirtd that goes away
 * is an error of the write, not the end. */
static void block_signals(void)
{
    sigset_t set;

    signal(SIGPIPE, SIG_IGN);
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    sigprocmask(SIG_BLOCK, &set, NULL);
}

int manager_new(const ManagerOptions *options, Policy *policy, DiagList *policy_diags,
                Manager **ret)
{
    g_autoptr(Manager) manager = g_new0(Manager, 1);
    int r;

    manager->options = *options;
    manager->policy = policy_ref(policy);
    manager->policy_diags = policy_diags;
    manager->guests = g_ptr_array_new_with_free_func((GDestroyNotify)managed_free);
    manager->by_uuid = g_hash_table_new(g_str_hash, g_str_equal);
    manager->host = host_state_new();
    manager->moves = memory_moves_new();
    manager->reads = read_queues_new();
    manager->usage_totals = usage_totals_new();
    manager->jobs = jobs_new();
    manager->gate = gate_new();
    g_queue_init(&manager->requests);
    g_queue_init(&manager->answering);
    manager->started_usec = g_get_real_time();
    manager->suspended_usec = suspended_acquire();
    manager->some_ended = true; /* while no daemon ran */
    block_signals();
    if ((r = boot_id_acquire("", &manager->boot_id)) < 0 ||
        (r = sd_event_default(&manager->event)) < 0 || (r = pool_new(&manager->pool)) < 0 ||
        (r = virt_hub_new(options->uri, &manager->hub)) < 0)
        return r;
    backend_real_init(&manager->backend, manager->hub);
    find_abilities(manager);
    open_record(manager);
    restart_recover(manager);
    if ((r = attach_sources(manager)) < 0 || (r = bus_attach(manager)) < 0)
        return r;
    *ret = g_steal_pointer(&manager);
    return 0;
}

void manager_free(Manager *manager)
{
    if (!manager)
        return;
    g_queue_clear_full(&manager->requests, (GDestroyNotify)request_free);
    g_queue_clear_full(&manager->answering, (GDestroyNotify)request_free);
    if (manager->pool && !pool_drain(manager->pool, g_get_monotonic_time() + STOP_WAIT_USEC)) {
        log_warning("a call about a guest has not come back: not waiting for it");
        return; /* what its worker holds on to ends with the process */
    }
    restarts_free(manager);
    g_clear_pointer(&manager->pool, pool_free);
    g_clear_pointer(&manager->hub, virt_hub_free);
    gate_free(manager->gate);
    sd_bus_flush_close_unref(manager->bus);
    sd_event_source_unref(manager->trigger_timer);
    sd_event_source_unref(manager->interval_timer);
    sd_event_source_unref(manager->deadline_timer);
    sd_event_unref(manager->event);
    g_clear_pointer(&manager->record, record_close);
    g_clear_pointer(&manager->by_uuid, g_hash_table_unref);
    g_ptr_array_unref(manager->guests);
    g_clear_pointer(&manager->host, host_state_free);
    g_clear_pointer(&manager->moves, g_ptr_array_unref);
    g_clear_pointer(&manager->reads, g_ptr_array_unref);
    g_clear_pointer(&manager->usage_totals, usage_totals_unref);
    g_clear_pointer(&manager->jobs, g_ptr_array_unref);
    g_clear_pointer(&manager->shown, g_variant_unref);
    g_clear_pointer(&manager->planning, planning_free);
    g_clear_pointer(&manager->plan, plan_unref);
    g_clear_pointer(&manager->topo, topo_unref);
    g_clear_pointer(&manager->policy, policy_unref);
    diag_list_free(manager->policy_diags);
    g_free(manager->topo_stamp);
    g_free(manager->record_problem);
    g_strfreev(manager->cannot);
    g_free(manager->boot_id);
    g_free(manager);
}

static int on_once_timeout(sd_event_source *source, uint64_t usec, void *data)
{
    Manager *manager = data;

    (void)usec;
    if (manager->connected)
        return 0;
    log_error("libvirt at %s does not answer", manager->options.uri);
    manager->exit_code = EX_UNAVAILABLE;
    return sd_event_exit(sd_event_source_get_event(source), 0);
}

int manager_run(Manager *manager)
{
    sd_event_source *timeout = NULL;

    if (manager->options.once) {
        int r = add_timer(manager, on_once_timeout, &timeout);
        if (r < 0)
            return r;
        arm(timeout, ONCE_CONNECT_USEC);
    }
    log_full(LOG_LEVEL_INFO, VMTUNED_MESSAGE_STARTED, NULL, "started (%s mode)",
             policy_mode_name(policy_get_mode(manager->policy)));
    sd_notifyf(0, "READY=1\nSTATUS=Waiting for libvirt at %s", manager->options.uri);
    int r = sd_event_loop(manager->event);
    sd_event_source_unref(timeout);
    log_full(LOG_LEVEL_INFO, VMTUNED_MESSAGE_STOPPED, NULL, "stopped; guests are left as they are");
    return r != 0 ? r : manager->exit_code; /* sd-bus exits the loop when the bus is gone */
}
