/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The process's task directory is kept open, and its main thread's stat, which also holds on to
 * that very process: once it is gone the directory reads as gone, whoever has its pid by then.
 * Masks are kept as the kernel's words, so that a check is a few comparisons and no allocation.
 */
#include "host/quick.h"

#include "base/util.h"
#include "host/affinity.h"
#include "host/proc.h"
#include "host/ram.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct QuickThread {
    pid_t tid;
    bool is_task;     /* listed in the task directory */
    unsigned n_words; /* 0: no wanted affinity */
    unsigned long *wanted;
} QuickThread;

struct QuickWatch {
    int task_fd;          /* or negative errno */
    int stat_fd;          /* the main thread's stat; -1: there is no task_fd */
    bool gone;            /* the process had ended when the watch was made */
    QuickThread *threads; /* sorted by tid */
    unsigned n_threads, n_tasks;
    GuestKernel *kernel; /* the look it is from */
};

/* Room for about 340 entries of 24 to 32 bytes a read */
#define DIRENT_BYTES 8192
/* Room for the first fields of a stat file: pid, comm (16 bytes) and state */
#define STAT_BYTES 64

static void thread_want(QuickThread *thread, const GuestThread *source, const SettingList *wanted)
{
    g_autoptr(CpuSet) cpus = NULL;

    for (unsigned i = 0; i < setting_list_size(wanted); i++) {
        const Setting *setting = setting_list_get(wanted, i);
        if (setting->key.plane != PLANE_ACTUAL || setting->key.tid != source->tid ||
            setting->key.tid_start != source->starttime || !setting->value)
            continue;
        if (cpuset_parse(setting->value, &cpus) < 0)
            return;
        thread->n_words = (unsigned)MAX(hwloc_bitmap_nr_ulongs(cpus), 1);
        thread->wanted = g_new0(unsigned long, thread->n_words);
        hwloc_bitmap_to_ulongs(cpus, thread->n_words, thread->wanted);
        return;
    }
}

/* The directory first, then the proof: what the proof holds for is then what is open. */
static void watch_open(QuickWatch *watch, const GuestKernel *kernel)
{
    g_autofree char *path = g_strdup_printf("/proc/%d/task", (int)kernel->pid);

    watch->task_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (watch->task_fd < 0)
        watch->task_fd = -errno;
    watch->gone =
        watch->task_fd == -ENOENT || proc_verify("", kernel->pid, kernel->starttime) == HOST_GONE;
    watch->stat_fd = -1;
    if (watch->task_fd < 0 || watch->gone)
        return;
    g_autofree char *stat = g_strdup_printf("%d/stat", (int)kernel->pid);
    watch->stat_fd = openat(watch->task_fd, stat, O_RDONLY | O_CLOEXEC);
    if (watch->stat_fd >= 0)
        return;
    watch->gone = errno == ENOENT || errno == ESRCH;
    close(watch->task_fd);
    watch->task_fd = -errno;
}

QuickWatch *quick_watch_new(const GuestKernel *kernel, const SettingList *wanted)
{
    QuickWatch *watch = g_new0(QuickWatch, 1);

    watch_open(watch, kernel);
    watch->kernel = guest_kernel_ref(kernel);
    watch->n_threads = kernel->n_threads;
    watch->threads = g_new0(QuickThread, kernel->n_threads);
    for (unsigned i = 0; i < kernel->n_threads; i++) {
        QuickThread *thread = &watch->threads[i];
        thread->tid = kernel->threads[i].tid;
        thread->is_task = kernel->threads[i].tgid == kernel->pid;
        watch->n_tasks += thread->is_task;
        thread_want(thread, &kernel->threads[i], wanted);
    }
    return watch;
}

void quick_watch_free(QuickWatch *watch)
{
    if (!watch)
        return;
    if (watch->task_fd >= 0)
        close(watch->task_fd);
    if (watch->stat_fd >= 0)
        close(watch->stat_fd);
    for (unsigned i = 0; i < watch->n_threads; i++)
        g_free(watch->threads[i].wanted);
    g_free(watch->threads);
    guest_kernel_unref(watch->kernel);
    g_free(watch);
}

static int thread_compare(const void *a, const void *b)
{
    return CMP(((const QuickThread *)a)->tid, ((const QuickThread *)b)->tid);
}

/* The name of a task; 0 for "." and "..". */
static pid_t tid_parse(const char *name)
{
    pid_t tid = 0;

    for (; *name >= '0' && *name <= '9'; name++)
        tid = tid * 10 + (*name - '0');
    return tid;
}

/* The same threads as then: each one listed is known, and as many are listed as are known. */
static int tasks_check(const QuickWatch *watch)
{
    char buffer[DIRENT_BYTES] __attribute__((aligned(8)));
    unsigned n_seen = 0;
    ssize_t n;

    if (lseek(watch->task_fd, 0, SEEK_SET) < 0)
        return -errno;
    while ((n = getdents64(watch->task_fd, buffer, sizeof(buffer))) > 0) {
        for (ssize_t at = 0; at < n;) {
            const struct dirent64 *entry = (const void *)(buffer + at);
            at += entry->d_reclen;
            QuickThread key = {.tid = tid_parse(entry->d_name)};
            if (key.tid == 0)
                continue;
            const QuickThread *thread =
                bsearch(&key, watch->threads, watch->n_threads, sizeof(key), thread_compare);
            if (!thread || !thread->is_task)
                return HOST_CHANGED;
            n_seen++;
        }
    }
    if (n < 0)
        return errno == ENOENT || errno == ESRCH ? HOST_GONE : -errno;
    if (n_seen == 0)
        return HOST_GONE;
    return n_seen == watch->n_tasks ? HOST_DONE : HOST_CHANGED;
}

/* A process that a signal stopped, or let go on. The state follows the last parenthesis. */
static int stopped_check(const QuickWatch *watch)
{
    char text[STAT_BYTES];

    ssize_t n = pread(watch->stat_fd, text, sizeof(text) - 1, 0);
    if (n < 0 && errno != ESRCH)
        return -errno;
    if (n <= 0)
        return HOST_GONE;
    text[n] = '\0';
    const char *end = strrchr(text, ')');
    bool stopped = end && end[1] == ' ' && end[2] == 'T';
    return stopped == watch->kernel->stopped ? HOST_DONE : HOST_CHANGED;
}

static int thread_check(const QuickThread *thread, const unsigned long *online, unsigned long *mask)
{
    int n = affinity_read(thread->tid, mask);
    if (n < 0)
        return n == -ESRCH ? HOST_CHANGED : n;
    for (unsigned i = 0; i < (unsigned)n && thread->n_words > 0; i++) {
        unsigned long wanted = i < thread->n_words ? thread->wanted[i] : 0;
        if ((wanted & online[i]) != (mask[i] & online[i]))
            return HOST_CHANGED;
    }
    return HOST_DONE;
}

/* Of the pages that were there then and are there now. */
int quick_check_memory(const QuickWatch *watch)
{
    const GuestKernel *kernel = watch->kernel;
    int nodes[RAM_SAMPLES];
    unsigned n, n_there = 0, n_moved = 0;

    if (!kernel->sample_nodes)
        return HOST_DONE;
    g_autofree uint64_t *samples = ram_samples(kernel->ram, &n);
    int r = ram_nodes_acquire(kernel->pid, samples, n, nodes);
    for (unsigned i = 0; i < n && r == HOST_DONE; i++) {
        bool there = nodes[i] >= 0 && kernel->sample_nodes[i] != NO_SAMPLE;
        n_there += there;
        n_moved += there && nodes[i] != kernel->sample_nodes[i];
    }
    if (r != HOST_DONE)
        return r;
    return n_moved * 100 >= MAX(n_there, 1) * QUICK_MEMORY_MOVED_PCT ? HOST_CHANGED : HOST_DONE;
}

int quick_check(const QuickWatch *watch, const CpuSet *online)
{
    unsigned long online_mask[AFFINITY_WORDS], mask[AFFINITY_WORDS];

    if (watch->gone)
        return HOST_GONE;
    if (watch->task_fd < 0)
        return watch->task_fd;
    int r = tasks_check(watch);
    if (r == HOST_DONE)
        r = stopped_check(watch);
    if (r != HOST_DONE)
        return r;
    hwloc_bitmap_to_ulongs(online, AFFINITY_WORDS, online_mask);
    for (unsigned i = 0; i < watch->n_threads && r == HOST_DONE; i++)
        r = thread_check(&watch->threads[i], online_mask, mask);
    return r;
}
