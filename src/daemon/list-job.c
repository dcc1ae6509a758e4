/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The first step of a cycle, in a worker: the quick pass over the guests that are watched, and what
 * is due of the record, the host's topology, the host's settings, and all guests in one bulk call.
 *
 * The quick pass asks the kernel about one process after the other, and one whose memory is locked
 * holds it up: the list goes no further, and the next one leaves that guest out.
 */
#include "daemon/guest-pool.h"
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

/* False: nobody waits for the rest. */
static bool list_check(ListJob *job)
{
    for (guint i = 0; i < job->watches->len; i++) {
        Watch *watch = g_ptr_array_index(job->watches, i);
        g_atomic_int_set(&job->at, (int)i);
        if (quick_check(watch->quick, job->online) != 0 ||
            ((job->pass + i) % QUICK_MEMORY_PASSES == 0 && quick_check_memory(watch->quick) != 0))
            g_ptr_array_add(job->changed, g_strdup(g_ptr_array_index(job->uuids, i)));
        if (g_atomic_int_get(&job->base.given_up))
            return false;
    }
    g_atomic_int_set(&job->at, -1);
    return true;
}

static void list_run(PoolJob *base)
{
    ListJob *job = (ListJob *)base;

    if (job->check_record)
        record_check(job->record, job->probe_record, &job->record_problem);
    if (job->read_restarts)
        record_restarts(job->record, &job->restarts);
    if (!list_check(job))
        return;
    if (job->alive && !g_atomic_int_get(&base->given_up)) /* else who lives now is not known */
        list_drop_dead(job);
    job->check_topo |= job->changed->len > 0; /* perhaps by the host's CPUs */
    if (job->check_topo)
        list_topo(job);
    if (job->host)
        host_job_run(job->host);
    if (job->list)
        job->result = virt_guests_list(job->hub, job->autostart, &job->guests);
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
    g_clear_pointer(&job->restarts, g_ptr_array_unref);
    g_clear_pointer(&job->topo, topo_unref);
    g_clear_pointer(&job->online, hwloc_bitmap_free);
    g_clear_pointer(&job->host, host_job_free);
    g_free(job->record_problem);
    g_free(job->stamp);
    g_free(job);
}

/* --- in the main thread --- */

/* Who the quick pass is at; NULL: nobody. */
static Managed *list_at(const ListJob *job)
{
    const Manager *manager = job->base.owner;
    int at = g_atomic_int_get(&job->at);

    return at < 0 ? NULL
                  : g_hash_table_lookup(manager->by_uuid, g_ptr_array_index(job->uuids, (guint)at));
}

/* If it hangs at a guest. What it was to drop from the record is found again. */
static void list_leave(ListJob *job)
{
    Manager *manager = job->base.owner;
    Managed *managed = list_at(job);

    if (!managed)
        return;
    job->left_behind = true;
    g_atomic_int_set(&job->base.given_up, 1);
    manager->some_ended |= job->alive != NULL;
    managed_set_stuck(managed, job->base.started_usec, NULL);
}

/* What one that failed was to find is still to be found, whatever calls for the next. */
static void list_hand_back(ListJob *job, bool abandoned)
{
    Manager *manager = job->base.owner;

    manager->called |= abandoned || job->result != VIRT_DONE;
    job->done(&job->base, abandoned);
}

static void list_slow(PoolJob *base)
{
    ListJob *job = (ListJob *)base;

    list_leave(job);
    if (job->left_behind)
        list_hand_back(job, true);
}

static void list_late(PoolJob *base)
{
    Managed *managed = list_at((const ListJob *)base);

    if (managed)
        guest_pool_look_anew(base->owner, managed);
}

static void list_done(PoolJob *base, bool abandoned)
{
    ListJob *job = (ListJob *)base;

    if (job->left_behind) {
        if (!abandoned)
            list_late(base);
        return;
    }
    if (abandoned)
        list_leave(job);
    list_hand_back(job, abandoned);
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

/* Nothing but the interval called for this cycle: what rarely changes is left out of most. */
static bool is_routine(const Manager *manager)
{
    return manager->interval_due && !manager->called && manager->topo &&
           g_queue_is_empty((GQueue *)&manager->answering);
}

void list_job_submit(Manager *manager, void (*done)(PoolJob *, bool))
{
    ListJob *job = g_new0(ListJob, 1);
    int64_t now = g_get_monotonic_time();

    job->base = (PoolJob){.run = list_run,
                          .done = list_done,
                          .slow = list_slow,
                          .late = list_late,
                          .free = list_free,
                          .owner = manager,
                          .slow_usec = JOB_SLOW_USEC,
                          .timeout_usec = JOB_TIMEOUT_USEC};
    job->done = done;
    job->at = -1;
    job->hub = manager->hub;
    job->autostart = policy_get_auto_pools(manager->policy) != NULL;
    job->record = manager->record;
    job->check_record = manager->interval_due;
    job->probe_record = manager->record_problem != NULL;
    job->read_restarts = manager->restarts_unread;
    job->boot_id = manager->boot_id;
    job->pass = manager->passes;
    job->list = !is_routine(manager) || manager->passes % LIST_PASSES == 0 ||
                now - manager->listed_usec >= DEEP_PASS_USEC;
    job->check_topo = !is_routine(manager) || now - manager->stamp_usec >= STAMP_USEC;
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
    if (now - manager->topo_usec < DEEP_PASS_USEC)
        job->stamp = g_strdup(manager->topo_stamp);
    for (guint i = 0; manager->interval_due && i < manager->guests->len; i++) {
        Managed *managed = g_ptr_array_index(manager->guests, i);
        if (!managed->watch || managed->stuck || managed->n_lost > 0)
            continue;
        g_ptr_array_add(job->watches, watch_ref(managed->watch));
        g_ptr_array_add(job->uuids, g_strdup(managed->uuid));
    }
    manager->passes += manager->interval_due;
    manager->interval_due = manager->called = false;
    pool_submit(manager->pool, &job->base);
}
