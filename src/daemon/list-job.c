/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The first step of a cycle, in a worker: the quick pass over the guests that are watched, the
 * host's topology if it changed, and all guests in one bulk call.
 */
#include "daemon/host-state.h"

#include "topo/topo-load.h"

/* The stamp comes first: what changes after it is found by the next cycle. */
static void list_topo(ListJob *job)
{
    g_autofree char *error = NULL, *stamp = NULL;

    int r = topo_stamp_acquire("", &stamp);
    if (r == 0 && g_strcmp0(stamp, job->stamp) == 0)
        return;
    g_free(job->stamp);
    job->stamp = g_steal_pointer(&stamp);
    r = topo_acquire("", &job->topo, &error);
    if (r < 0)
        log_error("cannot read the host's topology: %s", error ? error : g_strerror(-r));
}

static void list_drop_dead(const ListJob *job)
{
    guint n = 0, n_alive = job->alive->len, n_defined = job->defined->len;
    g_autofree ProcessKey *alive = g_new0(ProcessKey, n_alive + n_defined + 1);

    for (guint i = 0; i < n_alive; i++)
        alive[n++] = guest_process_key(g_ptr_array_index(job->alive, i), job->boot_id);
    for (guint i = 0; i < n_defined; i++)
        alive[n++] = (ProcessKey){.uuid = g_ptr_array_index(job->defined, i), .boot_id = ""};
    alive[n++] = host_process_key(job->boot_id);
    int r = record_drop_dead(job->record, alive, n);
    if (r < 0)
        log_debug("the record keeps what belongs to ended processes: %s", g_strerror(-r));
}

static void list_run(PoolJob *base)
{
    ListJob *job = (ListJob *)base;

    if (job->check_record)
        record_check(job->record, job->probe_record, &job->record_problem);
    for (guint i = 0; i < job->watches->len; i++) {
        Watch *watch = g_ptr_array_index(job->watches, i);
        if (quick_check(watch->quick, job->online) != 0)
            g_ptr_array_add(job->changed, g_strdup(g_ptr_array_index(job->uuids, i)));
    }
    if (job->alive && !g_atomic_int_get(&base->given_up)) /* else who lives now is not known */
        list_drop_dead(job);
    list_topo(job);
    if (job->host)
        host_job_run(job->host);
    job->result = virt_guests_list(job->hub, &job->guests);
}

static void list_free(PoolJob *base)
{
    ListJob *job = (ListJob *)base;

    g_ptr_array_unref(job->watches);
    g_ptr_array_unref(job->uuids);
    g_ptr_array_unref(job->changed);
    g_clear_pointer(&job->guests, g_ptr_array_unref);
    g_clear_pointer(&job->alive, g_ptr_array_unref);
    g_clear_pointer(&job->defined, g_ptr_array_unref);
    g_clear_pointer(&job->topo, topo_unref);
    g_clear_pointer(&job->online, hwloc_bitmap_free);
    g_clear_pointer(&job->host, host_job_free);
    g_free(job->record_problem);
    g_free(job->stamp);
    g_free(job);
}

/* Asked when processes or guests ended, once all that run have been seen: nothing else writes for a
 * guest while the list is made. */
static void list_known(Manager *manager, ListJob *job)
{
    g_autoptr(GPtrArray) alive = g_ptr_array_new_with_free_func((GDestroyNotify)guest_unref);
    g_autoptr(GPtrArray) defined = g_ptr_array_new_with_free_func(g_free);

    if (!manager->some_ended || manager->cycles == 0)
        return;
    for (guint i = 0; i < manager->guests->len; i++) {
        const Managed *managed = g_ptr_array_index(manager->guests, i);
        if (managed->in_flight || managed->stuck)
            return;
        g_ptr_array_add(defined, g_strdup(managed->uuid));
        if (!managed->active)
            continue;
        if (managed->dirty || !managed_is_planned(managed))
            return;
        g_ptr_array_add(alive, guest_ref(managed->guest));
    }
    manager->some_ended = false;
    job->alive = g_steal_pointer(&alive);
    job->defined = g_steal_pointer(&defined);
}

void list_job_submit(Manager *manager, void (*done)(PoolJob *, bool))
{
    ListJob *job = g_new0(ListJob, 1);

    job->base = (PoolJob){.run = list_run,
                          .done = done,
                          .free = list_free,
                          .owner = manager,
                          .timeout_usec = JOB_TIMEOUT_USEC};
    job->hub = manager->hub;
    job->record = manager->record;
    job->check_record = manager->interval_due;
    job->probe_record = manager->record_problem != NULL;
    job->boot_id = manager->boot_id;
    list_known(manager, job);
    if (host_state_is_due(manager)) {
        job->host = host_job_new(HOST_LOOK);
        job->backend = manager_backend_for(manager, &job->base);
        job->host->backend = &job->backend;
        job->host->record = manager->record;
        job->host->boot_id = manager->boot_id;
    }
    job->watches = g_ptr_array_new_with_free_func((GDestroyNotify)watch_unref);
    job->uuids = g_ptr_array_new_with_free_func(g_free);
    job->changed = g_ptr_array_new_with_free_func(g_free);
    job->online = cpuset_copy(manager->topo ? manager->topo->online : NULL);
    if (g_get_monotonic_time() - manager->topo_usec < DEEP_PASS_USEC)
        job->stamp = g_strdup(manager->topo_stamp);
    for (guint i = 0; manager->interval_due && i < manager->guests->len; i++) {
        Managed *managed = g_ptr_array_index(manager->guests, i);
        if (!managed->watch)
            continue;
        g_ptr_array_add(job->watches, watch_ref(managed->watch));
        g_ptr_array_add(job->uuids, g_strdup(managed->uuid));
    }
    manager->interval_due = false;
    pool_submit(manager->pool, &job->base);
}
