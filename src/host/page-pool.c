/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "host/page-pool.h"

#include "host/kernel-file.h"
#include "model/host.h"

#include <errno.h>

/* --- growing and shrinking --- */

typedef struct Resize {
    const PoolFiles *files;
    const PoolGoal *goal;
    uint64_t total;
    const char *why; /* it came short; static */
} Resize;

/* True if another step leaves the node enough. */
static int step_is_safe(const Resize *resize, uint64_t pages, bool *ret)
{
    uint64_t kib, free_kib;

    int r = resize->files->memory_read(resize->files->ctx, &kib, &free_kib);
    if (r < 0)
        return r;
    *ret = free_kib >= pages * resize->goal->size_kib + kib / 100 * POOL_MIN_FREE_PCT;
    return 0;
}

static int write_total(Resize *resize, uint64_t pages)
{
    const BackendWatch *watch = resize->goal->watch;
    uint64_t before = resize->total;

    if (watch && watch->given_up && g_atomic_int_get(watch->given_up) != 0)
        return -ECANCELED;
    int r = resize->files->total_write(resize->files->ctx, pages);
    if (r == 0)
        r = resize->files->total_read(resize->files->ctx, &resize->total);
    if (r == 0 && watch && watch->n_pages)
        atomic_fetch_add(watch->n_pages, MAX(before, resize->total) - MIN(before, resize->total));
    return r;
}

/* One step, with compaction if it comes short. */
static int grow_step(Resize *resize, uint64_t pages)
{
    int r = write_total(resize, pages);

    if (r < 0 || resize->total >= pages)
        return r;
    r = resize->files->compact(resize->files->ctx);
    if (r < 0 && r != -ENOENT)
        return r;
    return write_total(resize, pages);
}

static int grow(Resize *resize)
{
    uint64_t step = MAX(POOL_STEP_KIB / resize->goal->size_kib, 1);

    while (resize->total < resize->goal->pages) {
        uint64_t pages = MIN(resize->total + step, resize->goal->pages);
        bool safe = false;
        int r = step_is_safe(resize, pages - resize->total, &safe);
        if (r < 0)
            return r;
        if (!safe) {
            resize->why = "the node's memory is in use";
            return 0;
        }
        r = grow_step(resize, pages);
        if (r < 0)
            return r;
        if (resize->total < pages) {
            resize->why = "its memory is fragmented";
            return 0;
        }
    }
    return 0;
}

/* Pages in use would become surplus ones: they stay, and so does the pool's claim to them. */
static int shrink(Resize *resize)
{
    uint64_t unused;

    int r = resize->files->free_read(resize->files->ctx, &unused);
    if (r < 0)
        return r;
    uint64_t used = resize->total > unused ? resize->total - unused : 0;
    r = write_total(resize, MAX(resize->goal->pages, used));
    if (r == 0 && resize->total > resize->goal->pages)
        resize->why = "pages are in use";
    return r;
}

int pool_resize(const PoolFiles *files, const PoolGoal *goal, uint64_t *ret_total,
                char **reterr_text)
{
    Resize resize = {.files = files, .goal = goal};

    int r = files->total_read(files->ctx, &resize.total);
    if (r == 0 && resize.total != goal->pages)
        r = resize.total < goal->pages ? grow(&resize) : shrink(&resize);
    if (r < 0)
        return r;
    *ret_total = resize.total;
    if (resize.total == goal->pages)
        return HOST_DONE;
    g_autofree char *size = page_size_format(goal->size_kib);
    *reterr_text = g_strdup_printf(resize.total < goal->pages
                                       ? "%" G_GUINT64_FORMAT " of %" G_GUINT64_FORMAT
                                         " pages of %s could be had on node %u: %s"
                                       : "%" G_GUINT64_FORMAT " pages instead of %" G_GUINT64_FORMAT
                                         " of %s are left on node %u: %s",
                                   resize.total, goal->pages, size, goal->node,
                                   resize.why ? resize.why : "the kernel has it otherwise");
    return HOST_REFUSED;
}

/* --- the kernel's files --- */

typedef struct KernelPool {
    const char *root;
    unsigned node;
    const char *directory; /* of the pool */
} KernelPool;

static int total_read(void *ctx, uint64_t *ret)
{
    const KernelPool *pool = ctx;

    return kernel_number_read(pool->root, pool->directory, "nr_hugepages", ret);
}

static int free_read(void *ctx, uint64_t *ret)
{
    const KernelPool *pool = ctx;

    return kernel_number_read(pool->root, pool->directory, "free_hugepages", ret);
}

static int total_write(void *ctx, uint64_t pages)
{
    const KernelPool *pool = ctx;
    g_autofree char *path = g_strconcat(pool->directory, "/nr_hugepages", NULL);
    g_autofree char *text = g_strdup_printf("%" G_GUINT64_FORMAT, pages);

    return kernel_text_write(pool->root, path, text);
}

static int memory_read(void *ctx, uint64_t *ret_kib, uint64_t *ret_free_kib)
{
    const KernelPool *pool = ctx;

    return kernel_node_memory_read(pool->root, pool->node, ret_kib, ret_free_kib);
}

static int compact(void *ctx)
{
    const KernelPool *pool = ctx;
    g_autofree char *path = g_strdup_printf("/sys/devices/system/node/node%u/compact", pool->node);

    return kernel_text_write(pool->root, path, "1");
}

int pool_apply(const char *root, const PoolGoal *goal, uint64_t *ret_total, char **reterr_text)
{
    g_autofree char *directory = g_strdup_printf(
        "/sys/devices/system/node/node%u/hugepages/hugepages-%ukB", goal->node, goal->size_kib);
    KernelPool pool = {.root = root, .node = goal->node, .directory = directory};
    const PoolFiles files = {.ctx = &pool,
                             .total_read = total_read,
                             .free_read = free_read,
                             .total_write = total_write,
                             .memory_read = memory_read,
                             .compact = compact};

    return pool_resize(&files, goal, ret_total, reterr_text);
}
