/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "host/proc.h"

#include "base/file.h"
#include "base/util.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

/* numa_maps has a line per mapping; 65530 mappings are the kernel's default limit */
#define PROC_FILE_MAX (64 * 1024 * 1024)

/* Fields of stat after the comm, counted from 0 = state (field 3 of proc(5)) */
enum { FIELD_FLAGS = 9 - 3, FIELD_STARTTIME = 22 - 3, FIELD_PROCESSOR = 39 - 3 };

/* The n-th of the words that single spaces part. False: there is none, or no number up to max. */
static bool field_number(const char *fields, unsigned n, uint64_t max, uint64_t *ret)
{
    for (; n > 0 && fields; n--) {
        const char *space = strchr(fields, ' ');
        fields = space ? space + 1 : NULL;
    }
    if (!fields)
        return false;
    g_autofree char *field = g_strndup(fields, strcspn(fields, " \n"));
    return parse_u64(field, max, ret) == 0;
}

bool proc_stat_parse(const char *text, ProcStat *ret)
{
    const char *open = strchr(text, '('), *close = strrchr(text, ')');
    uint64_t flags, last_cpu;

    if (!open || !close || close < open || close[1] != ' ')
        return false;
    const char *fields = close + 2;
    if (!field_number(fields, FIELD_FLAGS, UINT_MAX, &flags) ||
        !field_number(fields, FIELD_STARTTIME, UINT64_MAX, &ret->starttime))
        return false;
    bool told = field_number(fields, FIELD_PROCESSOR, CPUSET_MAX_INDEX, &last_cpu);
    ret->last_cpu = told ? (int)last_cpu : -1;

    size_t length = MIN((size_t)(close - open - 1), sizeof(ret->comm) - 1);
    memset(ret->comm, 0, sizeof(ret->comm));
    memcpy(ret->comm, open + 1, length);
    ret->state = *fields;
    ret->flags = (unsigned)flags;
    return true;
}

static int gone_or_errno(int r)
{
    return r == -ENOENT || r == -ESRCH ? HOST_GONE : r;
}

int proc_file_acquire(const char *root, pid_t tid, const char *name, char **ret)
{
    g_autofree char *path = g_strdup_printf("%s/proc/%d/%s", root, (int)tid, name);

    return gone_or_errno(file_read_small(AT_FDCWD, path, PROC_FILE_MAX, ret));
}

int proc_stat_acquire(const char *root, pid_t tid, ProcStat *ret)
{
    g_autofree char *text = NULL;

    int r = proc_file_acquire(root, tid, "stat", &text);
    if (r != HOST_DONE)
        return r;
    if (!proc_stat_parse(text, ret))
        return -EBADMSG;
    return ret->state == 'Z' || ret->state == 'X' ? HOST_GONE : HOST_DONE;
}

int proc_verify(const char *root, pid_t tid, uint64_t starttime)
{
    ProcStat stat;

    int r = proc_stat_acquire(root, tid, &stat);
    if (r != HOST_DONE)
        return r;
    return stat.starttime == starttime ? HOST_DONE : HOST_GONE;
}

bool proc_stat_is_stopped(const ProcStat *stat)
{
    return stat->state == 'T';
}

bool proc_is_stopped(const char *root, pid_t tid)
{
    ProcStat stat;

    return proc_stat_acquire(root, tid, &stat) == HOST_DONE && proc_stat_is_stopped(&stat);
}

int proc_status_acquire(const char *root, pid_t tid, const char *name, char **ret)
{
    g_autofree char *text = NULL;
    g_autofree char *prefix = g_strconcat("\n", name, ":", NULL);

    int r = proc_file_acquire(root, tid, "status", &text);
    if (r != HOST_DONE)
        return r;
    const char *line = strstr(text, prefix);
    if (!line)
        return -ENODATA;
    line += strlen(prefix);
    *ret = g_strstrip(g_strndup(line, strcspn(line, "\n")));
    return HOST_DONE;
}

static int tid_compare(gconstpointer a, gconstpointer b)
{
    return CMP(*(const pid_t *)a, *(const pid_t *)b);
}

/* The names that are numbers, ascending. */
static int numbers_read(const char *path, GArray **ret)
{
    DIR *dir = opendir(path);

    if (!dir)
        return gone_or_errno(-errno);
    g_autoptr(GArray) tids = g_array_new(FALSE, FALSE, sizeof(pid_t));
    struct dirent *entry;
    for (errno = 0; (entry = readdir(dir)); errno = 0) {
        uint64_t tid;
        if (parse_u64(entry->d_name, INT_MAX, &tid) == 0) {
            pid_t one = (pid_t)tid;
            g_array_append_val(tids, one);
        }
    }
    int r = -errno;
    closedir(dir);
    if (r < 0)
        return gone_or_errno(r);
    g_array_sort(tids, tid_compare);
    *ret = g_steal_pointer(&tids);
    return HOST_DONE;
}

int proc_pids_acquire(const char *root, GArray **ret)
{
    g_autofree char *path = g_strconcat(root, "/proc", NULL);

    return numbers_read(path, ret);
}

int proc_tasks_acquire(const char *root, pid_t pid, GArray **ret)
{
    g_autofree char *path = g_strdup_printf("%s/proc/%d/task", root, (int)pid);

    return numbers_read(path, ret);
}
