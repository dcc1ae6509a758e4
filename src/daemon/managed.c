/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One guest as the Manager knows it between cycles. */
#include "daemon/manager.h"

#include "plan/diff.h"
#include "plan/pending.h"
#include "vmtuned/message-ids.h"

#include <string.h>

Watch *watch_new(QuickWatch *quick)
{
    Watch *watch = g_atomic_rc_box_new0(Watch);

    watch->quick = quick;
    return watch;
}

Watch *watch_ref(Watch *watch)
{
    return g_atomic_rc_box_acquire(watch);
}

static void watch_clear(Watch *watch)
{
    quick_watch_free(watch->quick);
}

void watch_unref(Watch *watch)
{
    g_atomic_rc_box_release_full(watch, (GDestroyNotify)watch_clear);
}

Managed *managed_new(const char *uuid, const char *name)
{
    Managed *managed = g_new0(Managed, 1);

    managed->uuid = g_strdup(uuid);
    managed->name = g_strdup(name);
    managed->left = change_set_new();
    managed->refused = change_set_new();
    managed->contest = contest_new();
    return managed;
}

/* The process it waited for the end of has ended. */
static void pending_to_awaited(Managed *managed)
{
    if (!managed->pending || pending_list_size(managed->pending) == 0)
        return;
    g_clear_pointer(&managed->awaited, pending_list_unref);
    managed->awaited = g_steal_pointer(&managed->pending);
}

/* All that is of one QEMU process. */
static void forget_process(Managed *managed)
{
    g_clear_pointer(&managed->pending, pending_list_unref);
    g_clear_pointer(&managed->guest, guest_unref);
    g_clear_pointer(&managed->seen, guest_kernel_unref);
    g_clear_pointer(&managed->plan, guest_plan_unref);
    g_clear_pointer(&managed->settled, guest_plan_unref);
    g_clear_pointer(&managed->watch, watch_unref);
    g_clear_pointer(&managed->intruders, g_strfreev);
    g_clear_pointer(&managed->left, change_set_unref);
    g_clear_pointer(&managed->refused, change_set_unref);
    g_clear_pointer(&managed->contest, contest_free);
}

void managed_free(Managed *managed)
{
    forget_process(managed);
    g_clear_pointer(&managed->awaited, pending_list_unref);
    g_clear_pointer(&managed->policy, guest_policy_unref);
    g_free(managed->uuid);
    g_free(managed->name);
    g_free(managed->text);
    g_free(managed->shortage);
    g_free(managed->failure);
    g_clear_pointer(&managed->shown, g_variant_unref);
    g_free(managed);
}

int managed_compare(gconstpointer a, gconstpointer b)
{
    const Managed *one = *(const Managed *const *)a, *two = *(const Managed *const *)b;
    int order = strcmp(one->name, two->name);

    return order != 0 ? order : strcmp(one->uuid, two->uuid);
}

void managed_set_stuck(Managed *managed, int64_t since_usec, const char *in)
{
    managed->stuck = managed->dirty = true;
    managed->recheck = false;
    managed->stuck_usec = since_usec;
    managed->stuck_in = in;
    g_clear_pointer(&managed->watch, watch_unref);
    log_full(LOG_LEVEL_WARNING, VMTUNED_MESSAGE_GUEST_STUCK, NULL,
             "%s: a call about it has not come back (%s); going on without it", managed->name,
             in ? in : "in the kernel");
}

void managed_set_off(Managed *managed)
{
    bool released = managed->flags.released; /* until its next start */

    managed->active = false;
    managed->dirty = true;
    managed->stuck = managed->threads_stuck = false;
    managed->hung = NULL;
    managed->failed = false;
    managed->replanned = false;
    managed->host_changed = false;
    managed->flags = (ProcessFlags){.released = released};
    pending_to_awaited(managed);
    forget_process(managed);
    managed->left = change_set_new();
    managed->refused = change_set_new();
    managed->contest = contest_new();
}

void managed_forget_contest(Managed *managed)
{
    if (contest_size(managed->contest) > 0) {
        log_notice("%s: what was contested is vmtuned's again", managed->name);
        managed->dirty = true;
    }
    contest_free(managed->contest);
    managed->contest = contest_new();
}

void managed_forget_refused(Managed *managed)
{
    if (change_set_size(managed->refused) == 0)
        return;
    change_set_unref(managed->refused);
    managed->refused = change_set_new();
    managed->dirty = true;
    managed->replanned = true; /* originals that were refused, too: the job alone knows of them */
}

static bool same_process(const Guest *a, const Guest *b)
{
    if (a && b && !a->active && !b->active)
        return true;
    return a && b && a->kernel && b->kernel &&
           guest_is_of_process(a, b->kernel->pid, b->kernel->starttime);
}

void managed_set_guest(Managed *managed, const Guest *guest)
{
    if (!same_process(managed->guest, guest)) {
        g_clear_pointer(&managed->settled, guest_plan_unref);
        g_clear_pointer(&managed->guest, guest_unref);
        managed_forget_contest(managed);
        pending_to_awaited(managed);
    } else if (managed->guest->kernel && guest->kernel) {
        managed->host_changed |=
            !cpuset_equal(managed->guest->kernel->allowed, guest->kernel->allowed);
    }
    /* what it could not get while it hung is not all known here: the job has the originals */
    managed->replanned |= managed->guest && managed->guest->hung && !guest->hung;
    g_clear_pointer(&managed->seen, guest_kernel_unref);
    if (managed->guest && managed->guest->kernel)
        managed->seen = guest_kernel_ref(managed->guest->kernel);
    guest_unref(managed->guest);
    managed->guest = guest_ref(guest);
    managed->hung = NULL;
    managed->reselect = true;
    managed->looked_usec = g_get_monotonic_time();
}

/* When CPUs come or go, or the CPUs allowed to guests change, the kernel resets affinities: nobody
 * drifted. */
const GuestPlan *managed_before(const Managed *managed)
{
    return managed->host_changed ? NULL : managed->settled;
}

bool managed_is_planned(const Managed *managed)
{
    return managed->active && managed->guest && managed->guest->kernel;
}

bool managed_is_tuned(const Managed *managed)
{
    return managed->guest && managed->plan &&
           (managed->active ? managed->guest->kernel != NULL : managed->guest->persistent);
}

bool managed_keeps_drift(const Managed *managed)
{
    return guest_policy_get_drift(managed->policy) != DRIFT_ENFORCE && !managed->apply_now;
}

bool managed_has_work(const Managed *managed)
{
    bool hangs = managed->guest && managed->guest->hung;

    for (unsigned i = 0; i < change_set_size(managed->left); i++)
        if (change_may_be_made(change_set_get(managed->left, i), managed_keeps_drift(managed),
                               hangs))
            return true;
    return false;
}

void managed_settle(Managed *managed)
{
    g_clear_pointer(&managed->settled, guest_plan_unref);
    managed->settled = guest_plan_ref(managed->plan);
    managed->host_changed = false;
    managed->failed = false;
}

void managed_watch(Managed *managed)
{
    g_clear_pointer(&managed->watch, watch_unref);
    if (!managed->guest->kernel)
        return;
    g_autoptr(SettingList) observed = observed_make(managed->guest);
    managed->watch = watch_new(quick_watch_new(managed->guest->kernel, observed));
}

void managed_set_pending(Managed *managed)
{
    g_clear_pointer(&managed->pending, pending_list_unref);
    if (managed_is_planned(managed))
        managed->pending = pending_make(managed->plan, managed->guest, managed->refused);
}

void managed_set_shortage(Managed *managed, const MemoryShortage *shortage)
{
    bool failed = !managed->active && managed->guest && managed->guest->off == OFF_FAILED;

    if (managed->active)
        shortage = NULL;
    if (!failed)
        g_clear_pointer(&managed->failure, g_free);
    if (failed && !managed->failure) {
        managed->failure = shortage ? memory_shortage_format_failed(shortage)
                                    : g_strdup("its start failed; libvirt's log has why");
        journal_log_start_failed(managed);
    }
    g_free(managed->shortage);
    managed->shortage = shortage ? memory_shortage_format(shortage) : NULL;
}

GuestState managed_judge(const Managed *managed)
{
    if (managed->stuck || managed->hung)
        return GUEST_STUCK;
    if (!managed->active)
        return managed->flags.released ? GUEST_RELEASED : GUEST_OFF;
    if (!managed->plan || !managed->guest)
        return managed->failed ? GUEST_FAILED : GUEST_PENDING;
    if (managed->flags.released)
        return GUEST_RELEASED;
    if (managed->plan->result == PLAN_UNMANAGED)
        return GUEST_UNMANAGED;
    if (managed->guest->hung)
        return GUEST_STUCK;
    if (managed->guest->in_job)
        return GUEST_BUSY;
    if (managed->failed)
        return GUEST_FAILED;
    if (managed->plan->result == PLAN_REFUSED)
        return GUEST_REFUSED;
    if (change_set_size_open(managed->left) > 0)
        return managed_has_work(managed) ? GUEST_PENDING : GUEST_DRIFTED;
    if (contest_size(managed->contest) > 0)
        return GUEST_CONTESTED;
    if (managed->intruders)
        return GUEST_NOT_EXCLUSIVE;
    return managed->pending && pending_list_size(managed->pending) > 0 ? GUEST_COLD_PENDING
                                                                       : GUEST_AS_PLANNED;
}

char *managed_describe(const Managed *managed)
{
    g_autofree char *who = NULL, *contested = NULL;

    switch (managed->state) {
    case GUEST_CONTESTED:
        contested = contest_format(managed->contest);
        if (!managed->intruders)
            return g_steal_pointer(&contested);
        who = g_strjoinv(", ", managed->intruders);
        return g_strdup_printf("%s; not exclusive: %s", contested, who);
    case GUEST_NOT_EXCLUSIVE:
        who = g_strjoinv(", ", managed->intruders);
        return g_strdup_printf("placed, not exclusive: %s", who);
    case GUEST_PENDING:
    case GUEST_DRIFTED:
    case GUEST_FAILED:
        if (!managed->plan)
            return g_strdup("it cannot be looked at");
        return g_strdup_printf("%u settings differ", change_set_size(managed->left));
    case GUEST_AS_PLANNED:
    case GUEST_REFUSED:
    case GUEST_UNMANAGED:
        return managed->plan ? g_strdup(managed->plan->reason) : NULL;
    case GUEST_COLD_PENDING:
        return pending_list_size(managed->pending) == 1
                   ? g_strdup("as planned; its next cold start changes one setting")
                   : g_strdup_printf("as planned; its next cold start changes %u settings",
                                     pending_list_size(managed->pending));
    case GUEST_BUSY:
        return g_strdup("in a job (start, migration, snapshot, backup): left alone");
    case GUEST_STUCK:
        if (!managed->stuck)
            return g_strdup(managed->hung ? managed->hung : managed->guest->hung);
        return g_strdup_printf("a call about it has not come back%s%s",
                               managed->stuck_in ? ": " : "",
                               managed->stuck_in ? managed->stuck_in : "");
    case GUEST_OFF:
        if (change_set_size(managed->left) > 0)
            return g_strdup_printf("%u settings of its definition differ",
                                   change_set_size(managed->left));
        if (managed->failure || managed->shortage)
            return g_strdup(managed->failure ? managed->failure : managed->shortage);
        if (managed->guest && managed->guest->managed_save)
            return g_strdup("saved: what differs from it is pending until the save is discarded");
        return NULL;
    case GUEST_RELEASED:
        return managed->n_kept > 0
                   ? g_strdup_printf("%u settings were not put back", managed->n_kept)
                   : NULL;
    }
    return NULL;
}
