/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "daemon/restart.h"

#include "daemon/bus.h"

#include "report/report.h"
#include "vmtuned/message-ids.h"

/* A guest that ended this soon after its machine was reset ended by that. */
#define RESET_TO_END_USEC (60 * G_TIME_SPAN_SECOND)
/* A start may have to wait for all of its memory. */
#define START_TIMEOUT_USEC (10 * G_TIME_SPAN_MINUTE)

struct Restart {
    Manager *manager;
    RestartEntry *entry;
    uint64_t job;            /* see jobs.h */
    int64_t asked_usec;      /* monotonic, when the list got it */
    sd_bus_message *message; /* who waits for the end; NULL: nobody, or it was answered */
    sd_event_source *timer;  /* until the guest must be off; NULL: there is no hurry */
    bool begun;              /* the guest was asked, or a daemon before this one did */
    bool recovered;          /* by that one, and not looked at since */
    bool off;                /* it ended */
    int64_t off_usec;        /* monotonic, when vmtuned was told so; 0: it saw it */
    bool unseen;             /* it may have ended without vmtuned being told */
    bool in_flight;          /* a step is on its way */
    bool canceled;           /* given up for that */
    const char *given_up;    /* why; NULL: it is not */
    int64_t since_usec;      /* monotonic, of the end of the last step */
    int64_t reset_usec;      /* monotonic, of the last reset of its machine; 0: none */
};

/* --- the list --- */

static Restart *restart_find(const Manager *manager, const char *uuid)
{
    for (guint i = 0; i < manager->restarts->len; i++) {
        Restart *restart = g_ptr_array_index(manager->restarts, i);
        if (g_strcmp0(restart->entry->uuid, uuid) == 0)
            return restart;
    }
    return NULL;
}

/* message: of who asked for it; NULL: a daemon before this one was asked. */
static Restart *restart_add(Manager *manager, const RestartEntry *entry, sd_bus_message *message)
{
    Restart *restart = g_new0(Restart, 1);
    const char *const uuids[] = {entry->uuid, NULL};

    restart->manager = manager;
    restart->entry = restart_entry_copy(entry);
    restart->message = sd_bus_message_ref(message);
    restart->asked_usec = g_get_monotonic_time();
    restart->job = job_begin(manager, JOB_RESTART_INTO, uuids,
                             message ? sd_bus_message_get_sender(message) : NULL);
    g_ptr_array_add(manager->restarts, restart);
    return restart;
}

static void restart_free(gpointer data)
{
    Restart *restart = data;

    sd_event_source_disable_unref(restart->timer);
    sd_bus_message_unref(restart->message);
    restart_entry_free(restart->entry);
    g_free(restart);
}

void restarts_free(Manager *manager)
{
    g_clear_pointer(&manager->restarts, g_ptr_array_unref);
}

const char *restart_words(const Manager *manager, const char *uuid)
{
    const Restart *restart = restart_find(manager, uuid);

    if (!restart || !restart->begun)
        return NULL;
    return restart->entry->on_reboot ? "its own next reboot is a cold start"
                                     : "shutting down, to be started anew";
}

/* --- answers --- */

static void reply_error(Restart *restart, const char *text)
{
    if (restart->message)
        sd_bus_reply_method_errorf(restart->message, VMTUNED_BUS_ERROR_NOT_RESTARTED, "%s: %s",
                                   restart->entry->name, text);
    restart->message = sd_bus_message_unref(restart->message);
}

static void reply_done(Restart *restart, const char *result, const char *text)
{
    if (!restart->message)
        return;
    reply_document(restart->message,
                   report_step(restart->entry->name, restart->entry->uuid, result, text));
    restart->message = sd_bus_message_unref(restart->message);
}

static void tell(const Restart *restart, bool done, const char *text)
{
    const LogField fields[] = {{"VMTUNED_GUEST", restart->entry->name},
                               {"VMTUNED_UUID", restart->entry->uuid},
                               {NULL, NULL}};

    log_full(done ? LOG_LEVEL_NOTICE : LOG_LEVEL_WARNING,
             done ? VMTUNED_MESSAGE_RESTARTED : VMTUNED_MESSAGE_NOT_RESTARTED, fields, "%s: %s",
             restart->entry->name, text);
}

/* --- steps --- */

typedef struct RestartPoolJob {
    PoolJob base;
    Backend backend;
    RestartJob *job;
} RestartPoolJob;

static void step_run(PoolJob *base)
{
    restart_job_run(((RestartPoolJob *)base)->job);
}

static void step_free(PoolJob *base)
{
    restart_job_free(((RestartPoolJob *)base)->job);
    g_free(base);
}

static void step_done(PoolJob *base, bool abandoned);

static void step_submit(Restart *restart, RestartStep step, bool unseen)
{
    Manager *manager = restart->manager;
    RestartPoolJob *pool_job = g_new0(RestartPoolJob, 1);
    bool starts = step == RESTART_START || step == RESTART_RECOVER;

    pool_job->base = (PoolJob){.run = step_run,
                               .done = step_done,
                               .free = step_free,
                               .owner = manager,
                               .slow_usec = JOB_SLOW_USEC,
                               .timeout_usec = starts ? START_TIMEOUT_USEC : JOB_TIMEOUT_USEC};
    pool_job->job = restart_job_new(step, restart->entry);
    pool_job->backend = manager_backend_for(manager, &pool_job->base);
    pool_job->job->backend = &pool_job->backend;
    pool_job->job->record = manager->record;
    pool_job->job->boot_id = manager->boot_id;
    pool_job->job->unseen = unseen;
    restart->in_flight = true;
    pool_submit(manager->pool, &pool_job->base);
}

/* An end that nobody saw may have been a reboot; one that vmtuned was told of was it only if it was
 * told of the reset, too. */
static bool was_no_reboot(const Restart *restart)
{
    int64_t end_usec = restart->off_usec != 0 ? restart->off_usec : g_get_monotonic_time();
    bool reset = restart->reset_usec != 0 && end_usec - restart->reset_usec < RESET_TO_END_USEC;

    return restart->entry->on_reboot && !reset && !restart->unseen;
}

static bool runs_as_before(const Restart *restart, const Managed *managed)
{
    return guest_is_of_process(managed->guest, restart->entry->pid, restart->entry->starttime);
}

/* Its next start needs huge pages, which are made once it was seen to be off, with the end of that
 * cycle. */
static bool waits_for_pages(const Restart *restart)
{
    const Manager *manager = restart->manager;
    const Managed *managed = g_hash_table_lookup(manager->by_uuid, restart->entry->uuid);
    const GuestDef *next = managed && managed->guest ? managed->guest->config : NULL;

    return restart->off_usec != 0 && next && next->has_hugepages &&
           policy_get_auto_pools(manager->policy) &&
           (managed->looked_usec <= restart->off_usec || runs_as_before(restart, managed));
}

/* Does what is due. */
static void restart_go(Restart *restart)
{
    bool stopping = restart->manager->stop_usec != 0;

    if (restart->in_flight || !restart->begun || (stopping && !restart->given_up))
        return;
    if (restart->off && !restart->given_up && was_no_reboot(restart))
        restart->given_up = "it was shut down, not rebooted: it stays off";
    if (restart->given_up) {
        step_submit(restart, RESTART_UNDO, false);
    } else if (restart->recovered) {
        step_submit(restart, RESTART_RECOVER, true);
    } else if (restart->off && !waits_for_pages(restart)) {
        restart->off = false;
        restart->off_usec = 0;
        restart->timer = sd_event_source_disable_unref(restart->timer); /* it is off in time */
        step_submit(restart, RESTART_START, restart->unseen && restart->reset_usec == 0);
    }
}

/* It is over. */
static void restart_drop(Restart *restart, const RestartJob *job)
{
    const char *text = restart->given_up ? restart->given_up : job->text;

    if (job->outcome == RESTART_STARTED) {
        tell(restart, true, text ? text : "started anew");
        reply_done(restart, "started", text);
    } else {
        if (restart->given_up && job->text)
            tell(restart, false, job->text);
        if (text)
            tell(restart, false, text);
        reply_error(restart, text ? text : "given up");
    }
    job_end(restart->manager, restart->job,
            job->outcome == RESTART_STARTED ? JOB_DONE
            : restart->canceled             ? JOB_CANCELED
                                            : JOB_FAILED);
    g_ptr_array_remove(restart->manager->restarts, restart);
}

static int on_timeout(sd_event_source *source, uint64_t usec, void *data)
{
    Restart *restart = data;

    (void)source;
    (void)usec;
    if (restart->off)
        return 0;
    restart->given_up = "it did not shut down in time and runs on; if it still does, it stays off";
    restart_go(restart);
    return 0;
}

static void timer_start(Restart *restart)
{
    int64_t left_usec = restart->entry->until_usec - g_get_monotonic_time();

    if (restart->entry->until_usec != 0 && !restart->timer)
        sd_event_add_time_relative(restart->manager->event, &restart->timer, CLOCK_MONOTONIC,
                                   (uint64_t)MAX(left_usec, 0), G_USEC_PER_SEC / 10, on_timeout,
                                   restart);
}

static void restart_waits(Restart *restart, const RestartJob *job)
{
    restart_entry_free(restart->entry);
    restart->entry = restart_entry_copy(job->entry);
    restart->begun = true;
    restart->recovered = false;
    timer_start(restart);
    if (restart->entry->on_reboot && job->step == RESTART_ARM) {
        log_notice("%s: its own next reboot is a cold start", restart->entry->name);
        reply_done(restart, "waits", "its own next reboot is a cold start");
    }
    if (restart->manager->stop_usec != 0 && restart->entry->on_reboot)
        restart->given_up = "vmtuned stops: its reboot does again what it did";
    restart_go(restart);
}

static bool some_in_flight(const Manager *manager)
{
    for (guint i = 0; i < manager->restarts->len; i++)
        if (((const Restart *)g_ptr_array_index(manager->restarts, i))->in_flight)
            return true;
    return false;
}

static void step_done(PoolJob *base, bool abandoned)
{
    Manager *manager = base->owner;
    const RestartJob *job = ((RestartPoolJob *)base)->job;
    Restart *restart = restart_find(manager, job->entry->uuid);

    if (!restart)
        return;
    restart->in_flight = false;
    restart->since_usec = g_get_monotonic_time();
    if (abandoned) {
        reply_error(restart, "a call about it has not come back; it is tried again");
        restart->begun = restart->recovered = true; /* the record knows how far it came */
    } else if (job->outcome == RESTART_WAITS) {
        restart_waits(restart, job);
    } else if (job->outcome == RESTART_AGAIN) {
        restart->off |= job->step == RESTART_START; /* with the next cycle */
    } else {
        restart_drop(restart, job);
    }
    restarts_note_jobs(manager);
    if (manager->stop_usec != 0 && !some_in_flight(manager))
        sd_event_exit(manager->event, 0);
}

/* --- what happens --- */

void restart_event(Manager *manager, const VirtEvent *event)
{
    if (event->kind == VIRT_EVENT_DISCONNECTED) {
        for (guint i = 0; i < manager->restarts->len; i++)
            ((Restart *)g_ptr_array_index(manager->restarts, i))->unseen = true;
        return;
    }
    Restart *restart = event->uuid ? restart_find(manager, event->uuid) : NULL;
    if (!restart)
        return;
    if (event->kind == VIRT_EVENT_RESET)
        restart->reset_usec = g_get_monotonic_time();
    if (event->kind == VIRT_EVENT_STOPPED) {
        restart->off = true;
        restart->off_usec = g_get_monotonic_time();
        restart_go(restart);
    }
}

/* What was seen of the guest since the last step. */
static void look_one(Restart *restart, const Managed *managed)
{
    if (!managed) {
        restart->given_up = "it is no longer defined";
    } else if (managed->looked_usec <= restart->since_usec || !managed->guest) {
        return;
    } else if (!managed->active) {
        restart->off = true;
    } else if (!runs_as_before(restart, managed)) {
        restart->off = true;
    } else if (restart->entry->on_reboot &&
               g_strcmp0(managed->guest->live->on_reboot, "destroy") != 0) {
        restart->given_up = "somebody else changed its on_reboot";
    } else if (virt_hub_tells_resets(restart->manager->hub)) {
        restart->unseen = false;
    }
}

void restart_look(Manager *manager)
{
    for (guint i = 0; i < manager->restarts->len; i++) {
        Restart *restart = g_ptr_array_index(manager->restarts, i);
        if (restart->in_flight || !restart->begun)
            continue;
        if (!restart->recovered)
            look_one(restart, g_hash_table_lookup(manager->by_uuid, restart->entry->uuid));
        restart_go(restart);
    }
}

void restart_undo(Manager *manager, const char *uuid)
{
    Restart *restart = restart_find(manager, uuid);

    if (!restart || !restart->entry->on_reboot)
        return;
    restart->given_up = "restored: its reboot does again what it did";
    restart_go(restart);
}

/* It waits for the guest, and for nothing else. */
static bool only_waits(const Restart *restart)
{
    return restart->begun && !restart->recovered && !restart->in_flight && !restart->off &&
           !restart->given_up;
}

bool restart_cancel(Manager *manager, const char *uuid)
{
    Restart *restart = restart_find(manager, uuid);

    if (!restart || !only_waits(restart))
        return false;
    restart->canceled = true;
    restart->given_up = "cancelled; if it shuts down all the same, it stays off";
    restart_go(restart);
    return true;
}

static JobProgress progress_of(const Restart *restart)
{
    JobProgress progress = {.can_cancel = only_waits(restart)};

    if (restart->entry->until_usec > restart->asked_usec) {
        int64_t asked = restart->asked_usec, now = g_get_monotonic_time();
        /* it was asked for a moment before */
        progress.total =
            (uint64_t)(restart->entry->until_usec - asked + G_USEC_PER_SEC / 2) / G_USEC_PER_SEC;
        progress.done = MIN((uint64_t)(now - asked) / G_USEC_PER_SEC, progress.total);
    }
    if (restart->given_up)
        progress.phase = "giving up";
    else if (!restart->begun)
        progress.phase =
            restart->entry->on_reboot ? "changing what its reboot does" : "asking it to shut down";
    else if (only_waits(restart))
        progress.phase =
            restart->entry->on_reboot ? "waiting for its reboot" : "waiting for it to shut down";
    else
        progress.phase = "starting";
    return progress;
}

void restarts_note_jobs(Manager *manager)
{
    for (guint i = 0; i < manager->restarts->len; i++) {
        const Restart *restart = g_ptr_array_index(manager->restarts, i);
        const JobProgress progress = progress_of(restart);
        job_progress(manager, restart->job, &progress);
    }
}

bool restart_stop(Manager *manager)
{
    for (guint i = 0; i < manager->restarts->len; i++) {
        Restart *restart = g_ptr_array_index(manager->restarts, i);
        reply_error(restart, "vmtuned stops; it starts the guest when it is there again");
        if (restart->entry->on_reboot && restart->begun && !restart->off)
            restart->given_up = "vmtuned stops: its reboot does again what it did";
        restart_go(restart);
    }
    return !some_in_flight(manager);
}

void restart_take(Manager *manager, const GPtrArray *entries)
{
    manager->restarts_unread = false;
    for (guint i = 0; i < entries->len; i++) {
        const RestartEntry *entry = g_ptr_array_index(entries, i);
        if (restart_find(manager, entry->uuid))
            continue;
        Restart *restart = restart_add(manager, entry, NULL);
        restart->begun = restart->recovered = restart->unseen = true;
    }
}

void restart_recover(Manager *manager)
{
    g_autoptr(GPtrArray) entries = NULL;

    manager->restarts = g_ptr_array_new_with_free_func(restart_free);
    if (manager->options.once || manager->options.dry_run)
        return;
    int r = record_restarts(manager->record, &entries);
    if (r < 0) {
        log_warning("cannot read which guests are to be started anew: %s", g_strerror(-r));
        manager->restarts_unread = true;
        return;
    }
    restart_take(manager, entries);
}

int restart_request(Manager *manager, const Managed *managed, const RestartRequest *request)
{
    const RestartEntry entry = {
        .uuid = managed->uuid,
        .name = managed->name,
        .until_usec = request->on_reboot
                          ? 0
                          : g_get_monotonic_time() + (int64_t)request->timeout_sec * G_USEC_PER_SEC,
    };

    if (restart_find(manager, managed->uuid))
        return sd_bus_reply_method_errorf(request->message, VMTUNED_BUS_ERROR_NOT_RESTARTED,
                                          "%s: it is to be started anew already", managed->name);
    Restart *restart = restart_add(manager, &entry, request->message);
    restart->unseen = !virt_hub_tells_resets(manager->hub);
    step_submit(restart, request->on_reboot ? RESTART_ARM : RESTART_SHUT_DOWN, false);
    restarts_note_jobs(manager);
    return 1;
}
