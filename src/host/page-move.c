/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "host/page-move.h"

#include "host/kernel-file.h"
#include "model/host.h"

#include <errno.h>
#include <numaif.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* So often it looks whether it is to stop while it rests. */
#define REST_STEP_USEC (50 * G_TIME_SPAN_MILLISECOND)

PageMove *page_move_new(const PageMoveCalls *calls, pid_t pid, GArray *ranges, CpuSet *nodes,
                        unsigned goal_pct)
{
    PageMove *move = g_atomic_rc_box_new0(PageMove);

    move->calls = calls;
    move->pid = pid;
    move->ranges = ranges;
    move->nodes = nodes;
    move->goal_pct = goal_pct;
    move->base_kib = (unsigned)(sysconf(_SC_PAGESIZE) / 1024);
    move->chunk_kib = PAGE_MOVE_FIRST_KIB;
    return move;
}

PageMove *page_move_ref(PageMove *move)
{
    return g_atomic_rc_box_acquire(move);
}

static void page_move_clear(gpointer data)
{
    PageMove *move = data;

    g_array_unref(move->ranges);
    hwloc_bitmap_free(move->nodes);
}

void page_move_unref(PageMove *move)
{
    g_atomic_rc_box_release_full(move, page_move_clear);
}

static PageMoveResult stop(PageMove *move, const char *why)
{
    g_strlcpy(move->why, why, sizeof(move->why));
    return PAGE_MOVE_STOPPED;
}

static PageMoveResult fail(PageMove *move, int error)
{
    return error == -ESRCH ? PAGE_MOVE_GONE : stop(move, g_strerror(-error));
}

/* --- where it is --- */

/* Of the pages asked about and there, those on the nodes. */
static int measure(PageMove *move)
{
    unsigned n, there = 0, local = 0;
    g_autofree uint64_t *addresses = ram_samples(move->ranges, &n);
    int status[RAM_SAMPLES];
    int r = 0;

    if (n > 0)
        r = move->calls->move(move->calls->ctx, move->pid, n, addresses, NULL, status);

    for (unsigned i = 0; i < n && r == 0; i++) {
        there += status[i] >= 0;
        local += status[i] >= 0 && cpuset_has(move->nodes, (unsigned)status[i]);
    }
    if (r == 0)
        atomic_store(&move->local_pct,
                     there > 0 ? local * 100 / there : 100); /* none is there yet */
    return r;
}

/* --- one call --- */

static unsigned node_in_turn(const PageMove *move, uint64_t turn)
{
    unsigned index = (unsigned)(turn % cpuset_weight(move->nodes));

    CPUSET_FOREACH(node, move->nodes)
    if (index-- == 0)
        return node;
    return cpuset_first(move->nodes);
}

/* Of the pages at addresses keeps those that are elsewhere. */
static int keep_away(const PageMove *move, uint64_t *addresses, unsigned *n)
{
    int status[PAGE_MOVE_MOST];
    unsigned kept = 0;

    int r = move->calls->move(move->calls->ctx, move->pid, *n, addresses, NULL, status);
    for (unsigned i = 0; i < *n && r == 0; i++)
        if (status[i] >= 0 && !cpuset_has(move->nodes, (unsigned)status[i]))
            addresses[kept++] = addresses[i];
    *n = r == 0 ? kept : 0;
    return r;
}

/* Is there room for n more pages on each node? Sets why if not. */
static int check_room(PageMove *move, unsigned page_kib, unsigned n, bool *ret)
{
    bool huge = page_kib > move->base_kib;

    *ret = true;
    CPUSET_FOREACH(node, move->nodes)
    {
        uint64_t free_kib = 0, all_kib = 0;
        int r = move->calls->room(move->calls->ctx, node, page_kib, &free_kib, &all_kib);
        if (r < 0)
            return r;
        uint64_t least = huge ? 0 : all_kib / 100 * PAGE_MOVE_MIN_FREE_PCT;
        if (free_kib >= least + (uint64_t)(huge ? 1 : n) * page_kib)
            continue;
        g_autofree char *size = page_size_format(page_kib);
        if (huge)
            snprintf(move->why, sizeof(move->why), "node %u has no free pages of %s", node, size);
        else
            snprintf(move->why, sizeof(move->why), "node %u has no free memory", node);
        *ret = false;
        return 0;
    }
    return 0;
}

static int move_them(PageMove *move, const uint64_t *addresses, unsigned n, unsigned page_kib)
{
    int nodes[PAGE_MOVE_MOST], status[PAGE_MOVE_MOST];

    for (unsigned i = 0; i < n; i++)
        nodes[i] = (int)node_in_turn(move, move->turn + i);
    move->turn += n;
    int r = move->calls->move(move->calls->ctx, move->pid, n, addresses, nodes, status);
    if (r == 0) /* of a transparent huge page, which moves as one, it tells of one page alone */
        r = move->calls->move(move->calls->ctx, move->pid, n, addresses, NULL, status);
    for (unsigned i = 0; i < n && r == 0; i++) {
        if (status[i] >= 0 && cpuset_has(move->nodes, (unsigned)status[i]))
            atomic_fetch_add(&move->moved_kib, page_kib);
        else
            atomic_fetch_add(&move->stuck_pages, 1);
    }
    return r;
}

static void rest(PageMove *move, int64_t usec)
{
    for (; usec > 0 && !atomic_load(&move->stop); usec -= REST_STEP_USEC)
        move->calls->rest(move->calls->ctx, MIN(usec, REST_STEP_USEC));
}

/* As many pages as fit the budget the next time, and a rest. */
static void adapt(PageMove *move, unsigned n, unsigned page_kib, int64_t took_usec)
{
    int64_t kib = (int64_t)n * page_kib;
    int64_t at_rate = kib * G_TIME_SPAN_SECOND / PAGE_MOVE_KIB_PER_SEC;
    int64_t fit = kib * PAGE_MOVE_BUDGET_USEC / MAX(took_usec, 1);

    /* a little below, and never more than twice as many: the next pages may be dearer */
    move->chunk_kib = (unsigned)CLAMP(MIN(fit / 4 * 3, kib * 2), 1, PAGE_MOVE_MOST_KIB);
    rest(move, MAX(took_usec, at_rate - took_usec));
}

/* The next pages of a range. *ret_go_on: false: it came to a stop, and why is set. */
static int step(PageMove *move, const RamRange *range, bool *ret_go_on)
{
    uint64_t addresses[PAGE_MOVE_MOST];
    unsigned most = CLAMP(move->chunk_kib / range->page_kib, 1, PAGE_MOVE_MOST);
    unsigned n = (unsigned)MIN(most, ram_pages(range) - move->page);

    for (unsigned i = 0; i < n; i++)
        addresses[i] = range->start + (move->page + i) * range->page_kib * 1024;
    move->page += n;
    int r = keep_away(move, addresses, &n);
    if (r < 0 || n == 0)
        return r;
    r = check_room(move, range->page_kib, n, ret_go_on);
    if (r < 0 || !*ret_go_on)
        return r;
    int64_t before = move->calls->now_usec(move->calls->ctx);
    r = move_them(move, addresses, n, range->page_kib);
    if (r == 0)
        adapt(move, n, range->page_kib, move->calls->now_usec(move->calls->ctx) - before);
    return r;
}

/* --- all of it --- */

static void set_done_pct(PageMove *move)
{
    uint64_t all = 0, done = 0;

    for (guint i = 0; i < move->ranges->len; i++) {
        const RamRange *range = &g_array_index(move->ranges, RamRange, i);
        all += range->length / 1024;
        if (i < move->range)
            done += range->length / 1024;
        else if (i == move->range)
            done += move->page * range->page_kib;
    }
    atomic_store(&move->done_pct, all > 0 ? (unsigned)(done * 100 / all) : 100);
}

static PageMoveResult end(PageMove *move)
{
    uint64_t stuck = atomic_load(&move->stuck_pages);

    if (atomic_load(&move->local_pct) >= move->goal_pct)
        return PAGE_MOVE_DONE;
    snprintf(move->why, sizeof(move->why), "%" G_GUINT64_FORMAT " pages could not be moved", stuck);
    return PAGE_MOVE_STOPPED;
}

static int next_step(PageMove *move, bool *ret_go_on)
{
    const RamRange *range = &g_array_index(move->ranges, RamRange, move->range);
    int r = 0;

    if (move->page >= ram_pages(range)) {
        move->range++;
        move->page = 0;
    } else {
        r = step(move, range, ret_go_on);
    }
    set_done_pct(move);
    return r;
}

PageMoveResult page_move_run(PageMove *move, int64_t until_usec)
{
    bool go_on = true;
    double pressure = 0;

    int r = measure(move);
    while (r == 0 && atomic_load(&move->local_pct) < move->goal_pct &&
           move->range < move->ranges->len) {
        if (atomic_load(&move->stop))
            return stop(move, "it was told to stop");
        if (move->calls->now_usec(move->calls->ctx) >= until_usec)
            return PAGE_MOVE_AGAIN;
        if (move->calls->pressure(move->calls->ctx, &pressure) == 0 &&
            pressure > PAGE_MOVE_MAX_PRESSURE_PCT) {
            rest(move, PAGE_MOVE_PRESSURE_REST_USEC);
            continue;
        }
        r = next_step(move, &go_on);
        if (!go_on)
            return PAGE_MOVE_STOPPED;
        if (r == 0)
            r = measure(move);
    }
    return r < 0 ? fail(move, r) : end(move);
}

/* --- the kernel --- */

static int kernel_move(void *ctx, pid_t pid, unsigned n, const uint64_t *addresses,
                       const int *nodes, int *status)
{
    void *pages[PAGE_MOVE_MOST];

    (void)ctx;
    for (unsigned i = 0; i < n; i++)
        pages[i] = (void *)(uintptr_t)addresses[i]; /* of another process */
    long r = move_pages(pid, n, pages, nodes, status, nodes ? MPOL_MF_MOVE_ALL : 0);
    return r < 0 ? -errno : 0; /* more than 0: some were not moved; status has which */
}

static int kernel_room(void *ctx, unsigned node, unsigned page_kib, uint64_t *ret_free_kib,
                       uint64_t *ret_all_kib)
{
    g_autofree char *pool =
        g_strdup_printf("/sys/devices/system/node/node%u/hugepages/hugepages-%ukB", node, page_kib);
    uint64_t pages;

    (void)ctx;
    if (page_kib <= (unsigned)(sysconf(_SC_PAGESIZE) / 1024))
        return kernel_node_memory_read("", node, ret_all_kib, ret_free_kib);
    int r = kernel_number_read("", pool, "free_hugepages", &pages);
    *ret_free_kib = r == 0 ? pages * page_kib : 0;
    return r == -ENOENT ? 0 : r;
}

static int kernel_pressure(void *ctx, double *ret_pct)
{
    (void)ctx;
    return kernel_pressure_read("", ret_pct);
}

static int64_t kernel_now(void *ctx)
{
    (void)ctx;
    return g_get_monotonic_time();
}

static void kernel_rest(void *ctx, int64_t usec)
{
    (void)ctx;
    g_usleep((gulong)usec);
}

const PageMoveCalls page_move_kernel = {.move = kernel_move,
                                        .room = kernel_room,
                                        .pressure = kernel_pressure,
                                        .now_usec = kernel_now,
                                        .rest = kernel_rest};
