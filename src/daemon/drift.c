/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A reversal is a foreign change that the daemon would put right: found again after it was put
 * right, or refused while it is being put right (somebody else is quicker, or limits the cgroup). A
 * thread that is new was never put right: that it is elsewhere is nobody's doing.
 */
#include "daemon/drift.h"

#include "daemon/bus.h"
#include "host/rival.h"

/* --- found --- */

/* False: a thread that was not there at the look before. */
static bool was_there(const Managed *managed, const SettingKey *key)
{
    const GuestThread *thread = managed->seen ? guest_kernel_thread(managed->seen, key->tid) : NULL;

    return key->tid == 0 || (thread && thread->starttime == key->tid_start);
}

static bool is_repaired(const Manager *manager, const Managed *managed)
{
    return guest_policy_get_drift(managed->policy) == DRIFT_ENFORCE && !manager->options.dry_run &&
           manager_may_change(manager, managed);
}

/* Foreign changes that were not there at the last look. */
static void count_drift(Manager *manager, Managed *managed, const ChangeSet *left)
{
    bool repaired = is_repaired(manager, managed);
    int64_t now = g_get_monotonic_time();

    for (unsigned i = 0; i < change_set_size(left); i++) {
        const Change *change = change_set_get(left, i);
        if (!change->drift || change->contested || change_set_find(managed->left, &change->key))
            continue;
        if (repaired && was_there(managed, &change->key))
            contest_note(managed->contest, &change->key, now);
        if (change->carried)
            continue;
        managed->drift_count++;
        manager->counters.knobs[change->key.knob].drift++;
        if (!repaired) {
            journal_log_change(managed, change, NULL);
            bus_emit_drift(manager, managed, change, "reported");
        }
    }
}

/* With drift: ignore, foreign changes are not even looked at. */
static ChangeSet *without_drift(ChangeSet *set)
{
    for (guint i = set->items->len; i-- > 0;)
        if (((const Change *)g_ptr_array_index(set->items, i))->drift)
            g_ptr_array_remove_index(set->items, i);
    return set;
}

void drift_take_left(Manager *manager, Managed *managed, ChangeSet *left)
{
    contest_mark(managed->contest, left);
    if (managed->policy && guest_policy_get_drift(managed->policy) == DRIFT_IGNORE &&
        !managed->apply_now) {
        left = without_drift(left);
    } else {
        count_drift(manager, managed, left);
        contest_mark(managed->contest, left);
    }
    change_set_unref(managed->left);
    managed->left = left;
    if (change_set_size_open(left) == 0)
        managed_settle(managed);
    managed_watch(managed);
}

/* --- not to be put right --- */

/* The changes of that setting that a job made, by how they ended. */
typedef struct Tries {
    unsigned n_done, n_refused;
    bool outrun; /* another value was in force straight after */
} Tries;

static Tries count_tries(const GuestJob *job, const SettingKey *key)
{
    Tries tries = {0};

    for (guint i = 0; i < job->outcomes->len; i++) {
        const Outcome *outcome = g_ptr_array_index(job->outcomes, i);
        for (unsigned j = 0; j < change_set_size(outcome->changes); j++) {
            const ChangeResult *result = &outcome->results[j];
            if (setting_key_compare(&change_set_get(outcome->changes, j)->key, key) != 0)
                continue;
            tries.n_done += result->kind == OUTCOME_DONE;
            tries.n_refused += result->kind == OUTCOME_REFUSED;
            tries.outrun |= result->kind == OUTCOME_REFUSED && result->in_force;
        }
    }
    return tries;
}

bool drift_judge_job(Managed *managed, const GuestJob *job)
{
    int64_t now = g_get_monotonic_time();
    bool again = false;

    for (unsigned i = 0; i < change_set_size(managed->left); i++) {
        const Change *change = change_set_get(managed->left, i);
        const Tries tries = count_tries(job, &change->key);
        if (tries.n_done == GUEST_JOB_MAX_ROUNDS)
            contest_give_up(managed->contest, &change->key);
        else if (change->drift && tries.n_refused > 0)
            again |= !contest_note(managed->contest, &change->key, now) && tries.outrun;
    }
    contest_mark(managed->contest, managed->left);
    return again;
}

/* --- told --- */

typedef struct RivalJob {
    PoolJob base;
    char *uuid;
    Guest *guest;
    ChangeSet *left;
    Contest *contest; /* a copy; as a result with the rival of what is told now */
} RivalJob;

static void rival_run(PoolJob *base)
{
    RivalJob *job = (RivalJob *)base;
    g_autoptr(GArray) tuners = tuners_acquire("");

    for (unsigned i = 0; i < contest_size(job->contest); i++) {
        Contested *contested = contest_get(job->contest, i);
        if (!contested->rival)
            contested->rival = rival_describe(job->left, &contested->key, job->guest, tuners);
    }
}

static void rival_free(PoolJob *base)
{
    RivalJob *job = (RivalJob *)base;

    g_free(job->uuid);
    guest_unref(job->guest);
    change_set_unref(job->left);
    contest_free(job->contest);
    g_free(job);
}

static void rival_done(PoolJob *base, bool abandoned)
{
    RivalJob *job = (RivalJob *)base;
    Manager *manager = base->owner;
    Managed *managed = g_hash_table_lookup(manager->by_uuid, job->uuid);

    manager->jobs_pending--;
    for (unsigned i = 0; managed && !abandoned && i < contest_size(job->contest); i++) {
        Contested *named = contest_get(job->contest, i);
        Contested *contested = contest_find(managed->contest, &named->key);
        if (contested && !contested->rival)
            contested->rival = g_steal_pointer(&named->rival);
    }
    if (managed && contest_size(managed->contest) > 0)
        journal_log_contested(managed);
    cycle_job_done(manager);
}

/* Marks what is told now; false: nothing. */
static bool mark_told(Manager *manager, Managed *managed)
{
    int64_t now = g_get_real_time();
    bool any = false;

    for (unsigned i = 0; i < change_set_size(managed->left); i++) {
        const Change *change = change_set_get(managed->left, i);
        const Contested *contested = contest_find(managed->contest, &change->key);
        if (contested && contested->since_usec == 0 && !change->carried)
            bus_emit_drift(manager, managed, change, "contested");
    }
    for (unsigned i = 0; i < contest_size(managed->contest); i++) {
        Contested *contested = contest_get(managed->contest, i);
        if (contested->since_usec != 0)
            continue;
        contested->since_usec = now;
        any = true;
    }
    return any;
}

void drift_tell(Manager *manager, Managed *managed)
{
    RivalJob *job;

    if (!mark_told(manager, managed))
        return;
    job = g_new0(RivalJob, 1);
    job->base = (PoolJob){.run = rival_run,
                          .done = rival_done,
                          .free = rival_free,
                          .owner = manager,
                          .timeout_usec = JOB_TIMEOUT_USEC};
    job->uuid = g_strdup(managed->uuid);
    job->guest = guest_ref(managed->guest);
    job->left = change_set_copy(managed->left);
    job->contest = contest_copy(managed->contest);
    manager->jobs_pending++;
    pool_submit(manager->pool, &job->base);
}
