/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "daemon/memory-move.h"

#include "daemon/jobs.h"
#include "host/page-move.h"
#include "host/proc.h"
#include "plan/move.h"
#include "vmtuned/message-ids.h"

/* A worker is back after this, and its guest still as planned or not. */
#define SLICE_USEC G_TIME_SPAN_SECOND

struct MemoryMove {
    char *uuid, *name;
    pid_t pid;
    uint64_t starttime;
    CpuSet *nodes;
    PageMove *pages; /* NULL: not begun */
    uint64_t job;    /* see jobs.h; 0: it never began */
    bool in_flight;
    bool held;          /* it was told to stop */
    int64_t retry_usec; /* monotonic: not before; 0: at once */
    char *words;        /* how it ended; NULL: it goes on */
};

static void move_free(gpointer data)
{
    MemoryMove *move = data;

    g_free(move->uuid);
    g_free(move->name);
    hwloc_bitmap_free(move->nodes);
    g_clear_pointer(&move->pages, page_move_unref);
    g_free(move->words);
    g_free(move);
}

GPtrArray *memory_moves_new(void)
{
    return g_ptr_array_new_with_free_func(move_free);
}

static MemoryMove *move_find(const Manager *manager, const char *uuid)
{
    for (guint i = 0; i < manager->moves->len; i++) {
        MemoryMove *move = g_ptr_array_index(manager->moves, i);
        if (g_str_equal(move->uuid, uuid))
            return move;
    }
    return NULL;
}

static bool some_in_flight(const Manager *manager)
{
    for (guint i = 0; i < manager->moves->len; i++)
        if (((const MemoryMove *)g_ptr_array_index(manager->moves, i))->in_flight)
            return true;
    return false;
}

/* --- is it wanted --- */

/* May its memory be moved at all? */
static bool may_move(const Manager *manager, const Managed *managed)
{
    return managed_is_planned(managed) && managed->plan && managed->policy &&
           !managed->flags.released && !managed->guest->in_job && manager->stop_usec == 0 &&
           manager->topo && !manager->options.dry_run &&
           policy_get_mode(manager->policy) == MODE_ENFORCE;
}

/* Nothing else is to be changed first; while others have its CPUs elsewhere, nothing is worth it.
 */
static bool is_settled(const Managed *managed)
{
    return !managed->stuck && !managed->in_flight && change_set_size(managed->left) == 0;
}

static MoveNeed need_of(const Manager *manager, const Managed *managed, bool begun,
                        CpuSet **ret_nodes, const char **ret_why)
{
    if (!may_move(manager, managed) || (!begun && !is_settled(managed)))
        return MOVE_NONE;
    return memory_move_need(manager->topo, managed->policy, managed->plan, managed->guest, begun,
                            ret_nodes, ret_why);
}

static bool is_same_process(const MemoryMove *move, const Managed *managed)
{
    return managed_is_planned(managed) &&
           guest_is_of_process(managed->guest, move->pid, move->starttime);
}

/* --- slices --- */

typedef struct SliceJob {
    PoolJob base;
    char *uuid;
    pid_t pid;
    uint64_t starttime;
    GuestDef *def;
    CpuSet *nodes;
    PageMove *pages; /* NULL: to be begun */
    PageMoveResult result;
} SliceJob;

static void slice_run(PoolJob *base)
{
    SliceJob *job = (SliceJob *)base;
    GArray *ranges = NULL;

    job->result = PAGE_MOVE_GONE;
    if (proc_verify("", job->pid, job->starttime) != HOST_DONE)
        return;
    if (!job->pages && ram_acquire("", job->pid, job->def, &ranges) != HOST_DONE)
        return;
    if (!job->pages)
        job->pages = page_move_new(&page_move_kernel, job->pid, ranges, cpuset_copy(job->nodes),
                                   MOVE_GOAL_PCT);
    if (g_atomic_int_get(&base->given_up))
        return; /* its guest may be moved by another by now */
    job->result = page_move_run(job->pages, g_get_monotonic_time() + SLICE_USEC);
}

static void slice_free(PoolJob *base)
{
    SliceJob *job = (SliceJob *)base;

    g_free(job->uuid);
    guest_def_unref(job->def);
    hwloc_bitmap_free(job->nodes);
    g_clear_pointer(&job->pages, page_move_unref);
    g_free(job);
}

static void slice_done(PoolJob *base, bool abandoned);

static void slice_submit(Manager *manager, MemoryMove *move, const Managed *managed)
{
    SliceJob *job = g_new0(SliceJob, 1);

    job->base = (PoolJob){.run = slice_run,
                          .done = slice_done,
                          .free = slice_free,
                          .owner = manager,
                          .timeout_usec = JOB_TIMEOUT_USEC};
    job->uuid = g_strdup(move->uuid);
    job->pid = move->pid;
    job->starttime = move->starttime;
    job->def = guest_def_ref(managed->guest->live);
    job->nodes = cpuset_copy(move->nodes);
    job->pages = move->pages ? page_move_ref(move->pages) : NULL;
    move->in_flight = true;
    pool_submit(manager->pool, &job->base);
}

static void tell(const MemoryMove *move, LogLevel level, const char *id, const char *text)
{
    const LogField fields[] = {
        {"VMTUNED_GUEST", move->name}, {"VMTUNED_UUID", move->uuid}, {NULL, NULL}};

    log_full(level, id, fields, "%s: %s", move->name, text);
}

static char *moved_text(const PageMove *pages)
{
    uint64_t mib = pages ? atomic_load(&pages->moved_kib) / 1024 : 0;
    unsigned local = pages ? atomic_load(&pages->local_pct) : 0;

    return g_strdup_printf("%" G_GUINT64_FORMAT " MiB moved, %u%% local", mib, local);
}

static void move_end(Manager *manager, MemoryMove *move, const char *why)
{
    g_autofree char *moved = moved_text(move->pages);
    g_autofree char *nodes = cpuset_format(move->nodes);

    g_free(move->words);
    if (!why) {
        move->words = NULL;
        g_autofree char *text = g_strdup_printf("its memory is on node %s: %s", nodes, moved);
        tell(move, LOG_LEVEL_NOTICE, VMTUNED_MESSAGE_MOVE_DONE, text);
        move->retry_usec = g_get_monotonic_time() + MEMORY_MOVE_SETTLE_USEC;
    } else {
        move->words = g_strdup_printf("stopped: %s; %s", why, moved);
        g_autofree char *text =
            g_strdup_printf("moving its memory to node %s %s", nodes, move->words);
        tell(move, LOG_LEVEL_WARNING, VMTUNED_MESSAGE_MOVE_STOPPED, text);
        move->retry_usec = g_get_monotonic_time() + MEMORY_MOVE_RETRY_USEC;
    }
    g_clear_pointer(&move->pages, page_move_unref);
    job_end(manager, move->job, !why ? JOB_DONE : move->held ? JOB_CANCELED : JOB_FAILED);
    manager_trigger(manager, move->uuid);
}

static void move_stop(MemoryMove *move)
{
    if (move->pages)
        atomic_store(&move->pages->stop, true);
}

/* Another slice, if that is still wanted. */
static void move_go_on(Manager *manager, MemoryMove *move, const Managed *managed)
{
    g_autoptr(CpuSet) nodes = NULL;
    const char *why = "it is not wanted any more";

    if (need_of(manager, managed, true, &nodes, &why) == MOVE_WANTED &&
        cpuset_equal(nodes, move->nodes)) {
        slice_submit(manager, move, managed);
        return;
    }
    move_end(manager, move, why);
    move->retry_usec = 0; /* it did not fail */
}

static void slice_done(PoolJob *base, bool abandoned)
{
    Manager *manager = base->owner;
    SliceJob *job = (SliceJob *)base;
    MemoryMove *move = move_find(manager, job->uuid);
    const Managed *managed = g_hash_table_lookup(manager->by_uuid, job->uuid);

    if (!move)
        return;
    move->in_flight = false;
    if (abandoned)
        move_stop(move);
    if (abandoned || !managed || !is_same_process(move, managed) || job->result == PAGE_MOVE_GONE) {
        job_end(manager, move->job, JOB_FAILED);
        g_ptr_array_remove(manager->moves, move);
        return;
    }
    if (!move->pages && job->pages)
        move->pages = page_move_ref(job->pages);
    if (move->held)
        move_stop(move);
    if (job->result == PAGE_MOVE_AGAIN)
        move_go_on(manager, move, managed);
    else
        move_end(manager, move, job->result == PAGE_MOVE_DONE ? NULL : job->pages->why);
}

/* --- what is due --- */

static MemoryMove *move_for(Manager *manager, const Managed *managed)
{
    MemoryMove *move = move_find(manager, managed->uuid);

    if (move && is_same_process(move, managed))
        return move;
    if (move)
        g_ptr_array_remove(manager->moves, move);
    move = g_new0(MemoryMove, 1);
    move->uuid = g_strdup(managed->uuid);
    move->name = g_strdup(managed->name);
    move->pid = managed->guest->kernel->pid;
    move->starttime = managed->guest->kernel->starttime;
    move->nodes = cpuset_new();
    g_ptr_array_add(manager->moves, move);
    return move;
}

static void note_refused(Manager *manager, const Managed *managed, const char *why)
{
    MemoryMove *move = move_for(manager, managed);
    g_autofree char *words = g_strdup_printf("not moved: %s", why);

    if (g_strcmp0(move->words, words) == 0)
        return;
    g_free(move->words);
    move->words = g_steal_pointer(&words);
    g_autofree char *text = g_strdup_printf("its memory is %s", move->words);
    tell(move, LOG_LEVEL_WARNING, VMTUNED_MESSAGE_MOVE_STOPPED, text);
}

static bool is_due(const MemoryMove *move, const CpuSet *nodes)
{
    bool same = cpuset_equal(move->nodes, nodes);

    return !move->held && (!same || g_get_monotonic_time() >= move->retry_usec);
}

static void move_begin(Manager *manager, MemoryMove *move, const Managed *managed,
                       const CpuSet *nodes)
{
    const char *const uuids[] = {move->uuid, NULL};
    g_autofree char *list = cpuset_format(nodes);
    g_autofree char *text = g_strdup_printf(
        "moving its memory to node %s: %d%% are local", list,
        guest_plan_locality_pct(managed->plan, manager->topo, managed->guest->kernel));

    hwloc_bitmap_copy(move->nodes, nodes);
    g_clear_pointer(&move->words, g_free);
    move->job = job_begin(manager, JOB_MOVE_MEMORY, uuids, NULL);
    tell(move, LOG_LEVEL_NOTICE, VMTUNED_MESSAGE_MOVE_STARTED, text);
    slice_submit(manager, move, managed);
}

/* True if it was begun. */
static bool look_at(Manager *manager, const Managed *managed)
{
    g_autoptr(CpuSet) nodes = NULL;
    const char *why = NULL;
    MemoryMove *move;

    switch (need_of(manager, managed, false, &nodes, &why)) {
    case MOVE_NONE:
        break;
    case MOVE_REFUSED:
        note_refused(manager, managed, why);
        break;
    case MOVE_WANTED:
        move = move_for(manager, managed);
        if (!is_due(move, nodes))
            break;
        move_begin(manager, move, managed, nodes);
        return true;
    }
    return false;
}

/* Of guests that ended. */
static void drop_dead(Manager *manager)
{
    for (guint i = manager->moves->len; i-- > 0;) {
        const MemoryMove *move = g_ptr_array_index(manager->moves, i);
        const Managed *managed = g_hash_table_lookup(manager->by_uuid, move->uuid);
        if (!move->in_flight && (!managed || !is_same_process(move, managed)))
            g_ptr_array_remove_index(manager->moves, i);
    }
}

void memory_moves_look(Manager *manager)
{
    drop_dead(manager);
    if (some_in_flight(manager))
        return;
    for (guint i = 0; i < manager->guests->len; i++)
        if (look_at(manager, g_ptr_array_index(manager->guests, i)))
            return;
}

/* --- from outside --- */

bool memory_move_hold(Manager *manager, const char *uuid)
{
    MemoryMove *move = move_find(manager, uuid);

    if (!move || !move->in_flight)
        return false;
    move->held = true;
    move_stop(move);
    return true;
}

void memory_moves_forget(Manager *manager, const char *uuid)
{
    for (guint i = manager->moves->len; i-- > 0;) {
        MemoryMove *move = g_ptr_array_index(manager->moves, i);
        if (uuid && !g_str_equal(move->uuid, uuid))
            continue;
        move->held = false;
        move->retry_usec = 0;
        if (!move->in_flight)
            g_ptr_array_remove_index(manager->moves, i);
    }
}

void memory_moves_stop(Manager *manager)
{
    for (guint i = 0; i < manager->moves->len; i++)
        move_stop(g_ptr_array_index(manager->moves, i));
}

void memory_moves_note_jobs(Manager *manager)
{
    for (guint i = 0; i < manager->moves->len; i++) {
        const MemoryMove *move = g_ptr_array_index(manager->moves, i);
        const JobProgress progress = {
            .phase = "moving memory",
            .done = move->pages ? atomic_load(&move->pages->done_pct) : 0,
            .total = 100,
            .can_cancel = !move->held,
        };
        if (move->in_flight)
            job_progress(manager, move->job, &progress);
    }
}

char *memory_move_words(const Manager *manager, const char *uuid)
{
    const MemoryMove *move = move_find(manager, uuid);

    if (!move)
        return NULL;
    if (!move->in_flight)
        return g_strdup(move->words);
    g_autofree char *nodes = cpuset_format(move->nodes);
    g_autofree char *moved = moved_text(move->pages);
    return g_strdup_printf("moving to node %s: %u%% gone through, %s", nodes,
                           move->pages ? atomic_load(&move->pages->done_pct) : 0, moved);
}
