/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "daemon/restart-job.h"

#include "base/log.h"

#include <errno.h>

/* Less than the pool waits for a job: one that was given up there must not begin after all. */
#define BEGIN_USEC (30 * G_TIME_SPAN_SECOND)
#define ENDS "destroy" /* libvirt's word for a reboot that ends the guest */

RestartJob *restart_job_new(RestartStep step, const RestartEntry *entry)
{
    RestartJob *job = g_new0(RestartJob, 1);

    job->step = step;
    job->entry = restart_entry_copy(entry);
    return job;
}

void restart_job_free(RestartJob *job)
{
    if (!job)
        return;
    restart_entry_free(job->entry);
    g_free(job->text);
    g_free(job);
}

static void end(RestartJob *job, RestartOutcome outcome, const char *text)
{
    job->outcome = outcome;
    g_free(job->text);
    job->text = g_strdup(text);
}

static bool keep(RestartJob *job)
{
    if (backend_is_given_up(job->backend))
        return false;
    int r = job->record ? record_restart_keep(job->record, job->entry) : -ENODATA;

    if (r == 0)
        return true;
    g_autofree char *text = g_strdup_printf(
        "the record cannot be used (%s): if vmtuned ended meanwhile, nobody would start the guest",
        job->record ? g_strerror(-r) : "there is none");
    end(job, RESTART_FAILED, text);
    return false;
}

/* What cannot be forgotten is found, and judged anew, by the next daemon; what was given up, by the
 * next step. */
static void forget(RestartJob *job)
{
    bool may = job->record && !backend_is_given_up(job->backend);
    int r = may ? record_restart_forget(job->record, job->entry->uuid) : 0;

    if (r < 0)
        log_warning("%s: its restart stays in the record: %s", job->entry->name, g_strerror(-r));
}

static void give_up(RestartJob *job, RestartOutcome outcome, const char *text)
{
    forget(job);
    end(job, outcome, text);
}

/* NULL: it cannot be looked at now, and the outcome says so. */
static Guest *look(RestartJob *job)
{
    Guest *guest = NULL;
    int r = backend_guest_acquire(job->backend, job->entry->uuid, NULL, &guest);

    if (r == BACKEND_DONE)
        return guest;
    if (r == BACKEND_GONE && job->step == RESTART_UNDO)
        give_up(job, RESTART_UNDONE, NULL);
    else
        end(job, RESTART_AGAIN, "libvirt or the guest does not answer");
    return NULL;
}

static bool is_old_process(const RestartJob *job, const Guest *guest)
{
    const RestartEntry *entry = job->entry;

    return guest->active && guest->kernel && guest->kernel->pid == entry->pid &&
           guest->kernel->starttime == entry->starttime &&
           g_strcmp0(entry->boot_id, job->boot_id) == 0;
}

/* --- beginning --- */

/* NULL: nothing stands in the way. */
static const char *obstacle(const RestartJob *job, const Guest *guest)
{
    if (!guest->active)
        return guest->managed_save
                   ? "it is off and saved: a start would go on with the definition of then; "
                     "discard the save with 'virsh managedsave-remove', then start it"
                   : "it is off: start it, and it has all that is pending";
    if (!guest->persistent)
        return "it is transient: once it ends it is gone";
    if (guest->in_job)
        return "it is in a job (migration, snapshot, backup)";
    if (guest->hung || !guest->kernel || !guest->live)
        return "it does not answer";
    if (job->step == RESTART_ARM && g_strcmp0(guest->live->on_reboot, ENDS) == 0)
        return "its reboot ends it already (on_reboot is 'destroy'), and not by vmtuned: "
               "who starts it then?";
    return NULL;
}

/* False: the outcome is there. */
static bool begin(RestartJob *job)
{
    g_autoptr(Guest) guest = look(job);

    if (!guest) {
        job->outcome = RESTART_FAILED;
        return false;
    }
    const char *why = obstacle(job, guest);
    if (why) {
        end(job, RESTART_FAILED, why);
        return false;
    }
    if (g_get_monotonic_time() - job->began_usec > BEGIN_USEC) {
        end(job, RESTART_FAILED, "libvirt took too long to tell about it: nothing was done");
        return false;
    }
    g_free(job->entry->boot_id);
    job->entry->boot_id = g_strdup(job->boot_id);
    job->entry->pid = guest->kernel->pid;
    job->entry->starttime = guest->kernel->starttime;
    g_free(job->entry->on_reboot);
    job->entry->on_reboot = job->step == RESTART_ARM ? g_strdup(guest->live->on_reboot) : NULL;
    return keep(job);
}

static void run_shut_down(RestartJob *job)
{
    g_autofree char *text = NULL;

    if (!begin(job))
        return;
    int r = backend_guest_shutdown(job->backend, job->entry->uuid, &text);
    if (r == BACKEND_DONE || r == BACKEND_GONE) /* gone: it went off just now */
        end(job, RESTART_WAITS, NULL);
    else
        give_up(job, RESTART_FAILED, text ? text : "it could not be asked to shut down");
}

static void run_arm(RestartJob *job)
{
    g_autofree char *text = NULL;

    if (!begin(job))
        return;
    backend_reboot_action_apply(job->backend, job->entry->uuid, ENDS, &text);
    /* not known: the record keeps what it was */
    g_autoptr(Guest) guest = look(job);
    if (!guest || (is_old_process(job, guest) && g_strcmp0(guest->live->on_reboot, ENDS) == 0))
        end(job, RESTART_WAITS, NULL);
    else
        give_up(job, RESTART_FAILED, text ? text : "its on_reboot could not be changed");
}

/* --- the guest is off --- */

/* NULL: it may be started. */
static const char *off_obstacle(const Guest *guest, bool unseen)
{
    if (guest->managed_save)
        return "it was saved meanwhile";
    switch (guest->off) {
    case OFF_SHUT_DOWN:
    case OFF_UNKNOWN:
        return NULL;
    case OFF_DESTROYED:
    case OFF_CRASHED:
        return unseen ? "it was ended by force" : NULL;
    case OFF_FAILED:
    case OFF_ELSEWHERE:
        break;
    }
    return "it was migrated, reverted, or did not start";
}

static void start(RestartJob *job, const Guest *guest, bool unseen)
{
    g_autofree char *text = NULL;
    const char *why = off_obstacle(guest, unseen);

    if (why) {
        give_up(job, RESTART_FAILED, why);
        return;
    }
    int r = backend_guest_start(job->backend, job->entry->uuid, &text);
    g_autoptr(Guest) now = r == BACKEND_REFUSED ? look(job) : NULL;
    if (r == BACKEND_DONE)
        give_up(job, RESTART_STARTED, NULL);
    else if (now && now->active)
        give_up(job, RESTART_STARTED, "somebody else started it");
    else if (r == BACKEND_REFUSED)
        give_up(job, RESTART_FAILED, text);
    else
        end(job, RESTART_AGAIN, text);
}

static void run_start(RestartJob *job)
{
    g_autoptr(Guest) guest = look(job);

    if (!guest)
        return;
    if (is_old_process(job, guest))
        end(job, RESTART_WAITS, NULL);
    else if (guest->active)
        give_up(job, RESTART_STARTED, "somebody else started it");
    else
        start(job, guest, job->unseen);
}

/* --- giving up --- */

/* Only what is still as vmtuned made it. */
static void undo(RestartJob *job, const Guest *guest)
{
    g_autofree char *text = NULL;
    const char *on_reboot = job->entry->on_reboot;
    int r = BACKEND_DONE;

    if (on_reboot && is_old_process(job, guest) && guest->live &&
        g_strcmp0(guest->live->on_reboot, ENDS) == 0)
        r = backend_reboot_action_apply(job->backend, job->entry->uuid, on_reboot, &text);
    if (r == BACKEND_RETRY || r < 0)
        end(job, RESTART_AGAIN, text);
    else
        give_up(job, r == BACKEND_REFUSED ? RESTART_FAILED : RESTART_UNDONE, text);
}

static void run_undo(RestartJob *job)
{
    g_autoptr(Guest) guest = look(job);

    if (guest)
        undo(job, guest);
}

/* As the record has it: a call that did not come back may have got further than its caller knows.
 * False: the outcome is there. */
static bool reload(RestartJob *job)
{
    g_autoptr(GPtrArray) list = NULL;

    if (!job->record || record_restarts(job->record, &list) < 0) {
        end(job, RESTART_AGAIN, "the record cannot be read");
        return false;
    }
    for (guint i = 0; i < list->len; i++) {
        const RestartEntry *entry = g_ptr_array_index(list, i);
        if (g_strcmp0(entry->uuid, job->entry->uuid) != 0)
            continue;
        restart_entry_free(job->entry);
        job->entry = restart_entry_copy(entry);
        return true;
    }
    end(job, RESTART_UNDONE, NULL);
    return false;
}

/* A guest that was asked to shut down and still runs is waited for; one whose reboot was to end it
 * is as it was before. */
static void run_recover(RestartJob *job)
{
    if (!reload(job))
        return;
    const RestartEntry *entry = job->entry;
    if (g_strcmp0(entry->boot_id, job->boot_id) != 0) {
        give_up(job, RESTART_UNDONE, NULL); /* all guests ended with the host */
        return;
    }
    g_autoptr(Guest) guest = look(job);
    if (!guest)
        return;
    if (is_old_process(job, guest) && !entry->on_reboot &&
        g_get_monotonic_time() < entry->until_usec)
        end(job, RESTART_WAITS, NULL);
    else if (guest->active)
        undo(job, guest);
    else
        start(job, guest, true);
}

void restart_job_run(RestartJob *job)
{
    job->began_usec = g_get_monotonic_time();
    switch (job->step) {
    case RESTART_SHUT_DOWN:
        run_shut_down(job);
        break;
    case RESTART_ARM:
        run_arm(job);
        break;
    case RESTART_START:
        run_start(job);
        break;
    case RESTART_UNDO:
        run_undo(job);
        break;
    case RESTART_RECOVER:
        run_recover(job);
        break;
    }
}
