/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "host/host-knob.h"

#include "base/util.h"
#include "host/ability.h"
#include "host/kernel-file.h"
#include "host/page-pool.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define NODES_PATTERN "/sys/devices/system/node/node[0-9]*"
#define POOLS_PATTERN NODES_PATTERN "/hugepages/hugepages-*kB"

/* --- files --- */

typedef struct KnobFile {
    Knob knob;
    const char *path;
    bool words; /* all that can be, with the one in force in brackets */
} KnobFile;

static const KnobFile files[] = {
    {KNOB_HOST_THP, "/sys/kernel/mm/transparent_hugepage/enabled", true},
    {KNOB_HOST_THP_DEFRAG, "/sys/kernel/mm/transparent_hugepage/defrag", true},
    {KNOB_HOST_NUMA_BALANCING, "/proc/sys/kernel/numa_balancing", false},
    {KNOB_HOST_ZONE_RECLAIM_MODE, "/proc/sys/vm/zone_reclaim_mode", false},
    {KNOB_HOST_KSM_MERGE_ACROSS_NODES, "/sys/kernel/mm/ksm/merge_across_nodes", false},
    {KNOB_HOST_KSM_PAGES_TO_SCAN, "/sys/kernel/mm/ksm/pages_to_scan", false},
    {KNOB_HOST_KSM_SLEEP_MILLISECS, "/sys/kernel/mm/ksm/sleep_millisecs", false},
    {KNOB_HOST_KSM_RUN, "/sys/kernel/mm/ksm/run", false},
};
static const char ksm_run_path[] = "/sys/kernel/mm/ksm/run";

static const KnobFile *file_find(Knob knob)
{
    for (gsize i = 0; i < G_N_ELEMENTS(files); i++)
        if (files[i].knob == knob)
            return &files[i];
    return NULL;
}

/* "always [madvise] never" → "madvise"; owned by the caller, NULL: there is none. */
static char *bracketed(const char *text)
{
    const char *open = strchr(text, '[');
    const char *close = open ? strchr(open, ']') : NULL;

    return close ? g_strndup(open + 1, (gsize)(close - open - 1)) : NULL;
}

static int knob_read(const char *root, const KnobFile *file, char **ret)
{
    g_autofree char *text = NULL;

    int r = kernel_text_read(root, file->path, &text);
    if (r < 0)
        return r;
    *ret = file->words ? bracketed(text) : g_steal_pointer(&text);
    return *ret ? 0 : -EBADMSG;
}

/* NULL: it may be written; else why not. Owned by the caller. */
static char *unwritable(const char *root, const char *path)
{
    g_autofree char *whole = g_strconcat(root, path, NULL);

    if (faccessat(AT_FDCWD, whole, W_OK, AT_EACCESS) == 0 || errno == ENOENT)
        return NULL;
    return g_strdup_printf("%s cannot be written: %s", path, g_strerror(errno));
}

/* --- looking --- */

static void fixed_acquire(const char *root, const SettingKey *key, const char *path, Host *host)
{
    g_autofree char *why = unwritable(root, path);

    if (!why && key->knob == KNOB_HOST_NUMA_BALANCING && !*root &&
        !ability_has(ABILITY_NUMA_BALANCING))
        why = g_strdup("vmtuned has no CAP_SYS_ADMIN");
    if (why)
        setting_list_add(host->fixed, key, NULL, why, NULL);
}

static int knobs_acquire(const char *root, Host *host)
{
    for (gsize i = 0; i < G_N_ELEMENTS(files); i++) {
        const SettingKey key = {.knob = files[i].knob, .plane = PLANE_ACTUAL};
        g_autofree char *value = NULL;
        int r = knob_read(root, &files[i], &value);
        if (r == 0)
            setting_list_add(host->knobs, &key, value, NULL, NULL);
        if (r == 0)
            fixed_acquire(root, &key, files[i].path, host);
        else if (r != -ENOENT)
            return r;
    }
    return 0;
}

/* Calls take() with each path that is found, less root. */
static int paths_each(const char *root, const char *pattern,
                      int (*take)(const char *root, const char *path, Host *host), Host *host)
{
    g_autofree char *whole = g_strconcat(root, pattern, NULL);
    glob_t found;
    int r = glob(whole, 0, NULL, &found);

    if (r != 0)
        return r == GLOB_NOMATCH ? 0 : -EIO;
    for (size_t i = 0; r == 0 && i < found.gl_pathc; i++)
        r = take(root, found.gl_pathv[i] + strlen(root), host);
    globfree(&found);
    return r;
}

static int pool_acquire(const char *root, const char *path, Host *host)
{
    HostPool pool = {0};
    int r;

    if (sscanf(path, "/sys/devices/system/node/node%u/hugepages/hugepages-%ukB", &pool.node,
               &pool.size_kib) != 2)
        return 0;
    if ((r = kernel_number_read(root, path, "nr_hugepages", &pool.total)) < 0 ||
        (r = kernel_number_read(root, path, "free_hugepages", &pool.free)) < 0 ||
        (r = kernel_number_read(root, path, "surplus_hugepages", &pool.surplus)) < 0)
        return r == -ENOENT ? 0 : r;
    host->pools = g_renew(HostPool, host->pools, host->n_pools + 1);
    host->pools[host->n_pools++] = pool;
    return 0;
}

static int node_acquire(const char *root, const char *path, Host *host)
{
    g_autofree char *file = g_strconcat(path, "/meminfo", NULL);
    g_autofree char *text = NULL;
    HostNode node = {0};

    if (sscanf(path, "/sys/devices/system/node/node%u", &node.node) != 1)
        return 0;
    int r = kernel_text_read(root, file, &text);
    if (r < 0)
        return r == -ENOENT ? 0 : r;
    node.memory_kib = kernel_meminfo_value(text, "MemTotal");
    node.free_kib = kernel_meminfo_value(text, "MemFree");
    host->nodes = g_renew(HostNode, host->nodes, host->n_nodes + 1);
    host->nodes[host->n_nodes++] = node;
    return 0;
}

static int memory_acquire(const char *root, Host *host)
{
    g_autofree char *meminfo = NULL;

    int r = kernel_text_read(root, "/proc/meminfo", &meminfo);
    if (r < 0)
        return r;
    host->memory_kib = kernel_meminfo_value(meminfo, "MemTotal");
    host->available_kib = kernel_meminfo_value(meminfo, "MemAvailable");
    kernel_pressure_read(root, &host->pressure_pct); /* kept as "not known" without it */
    return 0;
}

static int pool_compare(const void *a, const void *b)
{
    const HostPool *one = a, *two = b;

    return one->node != two->node ? CMP(one->node, two->node) : CMP(one->size_kib, two->size_kib);
}

static int node_compare(const void *a, const void *b)
{
    return CMP(((const HostNode *)a)->node, ((const HostNode *)b)->node);
}

int host_acquire(const char *root, Host **ret)
{
    g_autoptr(Host) host = host_new();
    int r;

    if ((r = memory_acquire(root, host)) < 0 || (r = knobs_acquire(root, host)) < 0 ||
        (r = paths_each(root, NODES_PATTERN, node_acquire, host)) < 0 ||
        (r = paths_each(root, POOLS_PATTERN, pool_acquire, host)) < 0)
        return r;
    if (host->n_pools > 0)
        qsort(host->pools, host->n_pools, sizeof(HostPool), pool_compare);
    if (host->n_nodes > 0)
        qsort(host->nodes, host->n_nodes, sizeof(HostNode), node_compare);
    for (unsigned i = 0; i < host->n_pools; i++) {
        const SettingKey key = host_pool_key(host->pools[i].node, host->pools[i].size_kib);
        g_autofree char *value = g_strdup_printf("%" G_GUINT64_FORMAT, host->pools[i].total);
        setting_list_add(host->knobs, &key, value, NULL, NULL);
    }
    setting_list_sort(host->knobs);
    setting_list_sort(host->fixed);
    *ret = g_steal_pointer(&host);
    return 0;
}

/* All pools are alike: the first speaks for them. */
static void pools_missing(const char *root, GStrvBuilder *missing)
{
    g_autofree char *pattern = g_strconcat(root, POOLS_PATTERN "/nr_hugepages", NULL);
    glob_t found;

    if (glob(pattern, 0, NULL, &found) != 0)
        return;
    g_autofree char *why = unwritable(root, found.gl_pathv[0] + strlen(root));
    globfree(&found);
    if (why)
        g_strv_builder_add(missing, why);
}

void host_knobs_missing(const char *root, GStrvBuilder *missing)
{
    for (gsize i = 0; i < G_N_ELEMENTS(files); i++) {
        g_autofree char *why = unwritable(root, files[i].path);
        if (why)
            g_strv_builder_add(missing, why);
    }
    pools_missing(root, missing);
}

/* --- changing --- */

/* A page that was merged a moment ago may still be held by the kernel itself. */
#define UNMERGE_TRIES 20
#define UNMERGE_WAIT_USEC 50000

/* The kernel lets no merged page be while this changes: what is merged is taken apart first, and
 * merging goes on as before afterwards. */
static int merge_across_write(const char *root, const KnobFile *file, const char *value)
{
    g_autofree char *run = NULL;

    int r = kernel_text_read(root, ksm_run_path, &run);
    if (r < 0)
        return r;
    for (unsigned i = 0; i < UNMERGE_TRIES; i++) {
        r = kernel_text_write(root, ksm_run_path, "2");
        if (r == 0)
            r = kernel_text_write(root, file->path, value);
        if (r != -EBUSY)
            break;
        g_usleep(UNMERGE_WAIT_USEC);
    }
    int back = kernel_text_write(root, ksm_run_path, run);
    return r < 0 ? r : back;
}

static int pages_apply(const char *root, const Change *change, const BackendWatch *watch,
                       char **ret_in_force, char **reterr_text)
{
    PoolGoal goal = {.watch = watch};
    uint64_t total;

    if (host_pool_parse(&change->key, &goal.node, &goal.size_kib) < 0 ||
        parse_u64(change->to, UINT64_MAX, &goal.pages) < 0)
        return -EINVAL;
    int r = pool_apply(root, &goal, &total, reterr_text);
    if (r == HOST_DONE)
        *ret_in_force = g_strdup_printf("%" G_GUINT64_FORMAT, total);
    return r;
}

int host_knob_apply(const char *root, const Change *change, const BackendWatch *watch,
                    char **ret_in_force, char **reterr_text)
{
    const KnobFile *file = file_find(change->key.knob);
    int r;

    if (change->key.knob == KNOB_HOST_PAGES && change->to)
        return pages_apply(root, change, watch, ret_in_force, reterr_text);
    if (!file || !change->to)
        return -EINVAL;
    if (file->knob == KNOB_HOST_KSM_MERGE_ACROSS_NODES)
        r = merge_across_write(root, file, change->to);
    else
        r = kernel_text_write(root, file->path, change->to);
    if (r == 0)
        r = knob_read(root, file, ret_in_force);
    if (r == 0)
        return HOST_DONE;
    *reterr_text = g_strdup_printf("%s: %s", file->path, g_strerror(-r));
    return r == -EINVAL || r == -EACCES || r == -EPERM || r == -EROFS || r == -EBUSY ? HOST_REFUSED
                                                                                     : r;
}
