/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "daemon/guest-pool.h"

static void run(PoolJob *base)
{
    guest_job_run(((GuestPoolJob *)base)->job);
}

static void job_free(PoolJob *base)
{
    guest_job_free(((GuestPoolJob *)base)->job);
    g_free(base);
}

static Managed *find(const PoolJob *base)
{
    const Manager *manager = base->owner;

    return g_hash_table_lookup(manager->by_uuid, ((const GuestPoolJob *)base)->job->uuid);
}

void guest_pool_look_anew(Manager *manager, Managed *managed)
{
    managed->stuck = managed->threads_stuck = false;
    managed->replanned = true;
    manager_trigger(manager, managed->uuid);
}

static void slow(PoolJob *base)
{
    Manager *manager = base->owner;
    Managed *managed = find(base);

    ((GuestPoolJob *)base)->left_behind = true;
    if (managed) {
        managed->threads_stuck |= ((GuestPoolJob *)base)->job->threads_only;
        managed_set_stuck(managed, base->started_usec,
                          virt_hub_call_of(manager->hub, managed->uuid));
    }
    manager->jobs_pending--;
    cycle_job_done(manager);
}

/* The guest may have been undefined meanwhile, and be another one with the same uuid. */
static void late(PoolJob *base)
{
    Managed *managed = find(base);

    if (!managed)
        return;
    managed->n_lost -= managed->n_lost > 0;
    guest_pool_look_anew(base->owner, managed);
}

static GuestJob *job_for(Manager *manager, Managed *managed, GuestJobKind kind)
{
    GuestJob *job = guest_job_new(kind, managed->uuid, managed->name);

    job->record = manager->record;
    job->boot_id = manager->boot_id;
    job->topo = topo_ref(manager->topo);
    job->policy = policy_ref(manager->policy);
    job->plan = managed->plan ? guest_plan_ref(managed->plan) : NULL;
    job->settled = managed_before(managed) ? guest_plan_ref(managed_before(managed)) : NULL;
    job->keep_originals = managed->n_lost > 0;
    job->flags = managed->flags;
    change_set_unref(job->refused);
    job->refused = change_set_copy(managed->refused);
    job->contest = contest_copy(managed->contest);
    job->last = managed->guest ? guest_ref(managed->guest) : NULL;
    if (managed_is_planned(managed)) {
        job->pid = managed->guest->kernel->pid;
        job->starttime = managed->guest->kernel->starttime;
    }
    if (kind == GUEST_TUNE) {
        job->keep_drift = managed_keeps_drift(managed);
        job->threads_only = managed->stuck;
        job->last_usec = managed->dirty ? 0 : managed->looked_usec;
    }
    if (kind == GUEST_RESTORE) {
        job->force = managed->force;
        job->flags.released = false; /* the job says whether it is */
    }
    return job;
}

void guest_pool_submit(Manager *manager, Managed *managed, GuestJobKind kind,
                       void (*done)(PoolJob *job, bool abandoned))
{
    GuestPoolJob *pool_job = g_new0(GuestPoolJob, 1);

    pool_job->base = (PoolJob){.run = run,
                               .done = done,
                               .slow = slow,
                               .late = late,
                               .free = job_free,
                               .owner = manager,
                               .slow_usec = JOB_SLOW_USEC,
                               .timeout_usec = JOB_TIMEOUT_USEC};
    pool_job->job = job_for(manager, managed, kind);
    pool_job->backend = manager_backend_for(manager, &pool_job->base);
    pool_job->job->backend = &pool_job->backend;
    managed->in_flight = true;
    manager->jobs_pending++;
    manager->n_jobs++;
    pool_submit(manager->pool, &pool_job->base);
}

Managed *guest_pool_back(Manager *manager, const GuestPoolJob *pool_job, bool abandoned)
{
    const GuestJob *job = pool_job->job;
    Managed *managed = find(&pool_job->base);

    if (!pool_job->left_behind)
        manager->jobs_pending--;
    if (!managed)
        return NULL;
    managed->in_flight = false;
    if (abandoned) {
        managed->n_lost++;
        return NULL;
    }
    if (pool_job->left_behind)
        guest_pool_look_anew(manager, managed);
    manager_note_record_error(manager, job->record_error);
    return managed;
}
