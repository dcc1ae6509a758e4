/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which process is a guest's QEMU. */
#include "host/proc.h"

#include "base/file.h"
#include "base/util.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>

/* "-uuid <uuid>" among the NUL-separated arguments, as libvirt has always started QEMU. */
static bool cmdline_has_uuid(const char *cmdline, size_t length, const char *uuid)
{
    bool before = false;

    for (size_t i = 0; i < length; i += strlen(cmdline + i) + 1) {
        if (before && g_ascii_strcasecmp(cmdline + i, uuid) == 0)
            return true;
        before = g_str_equal(cmdline + i, "-uuid");
    }
    return false;
}

static bool process_has_uuid(const char *root, pid_t pid, const char *uuid)
{
    g_autofree char *path = g_strdup_printf("%s/proc/%d/cmdline", root, (int)pid);
    g_autofree char *cmdline = NULL;
    gsize length;

    /* GLib ends the text with a NUL of its own, so that the last argument has one in any case */
    return g_file_get_contents(path, &cmdline, &length, NULL) &&
           cmdline_has_uuid(cmdline, length, uuid);
}

/* HOST_DONE with *ret if that process is alive and carries the uuid, else HOST_GONE. */
static int process_check(const char *root, pid_t pid, const char *uuid, ProcStat *ret)
{
    int r = proc_stat_acquire(root, pid, ret);
    if (r != HOST_DONE)
        return r;
    return process_has_uuid(root, pid, uuid) ? HOST_DONE : HOST_GONE;
}

static int pid_file_check(const char *root, const char *uuid, const char *name, pid_t *ret_pid,
                          ProcStat *ret)
{
    g_autofree char *path = g_strdup_printf("%s/run/libvirt/qemu/%s.pid", root, name);
    g_autofree char *text = NULL;
    uint64_t pid;

    if (strchr(name, '/') || file_read_small(AT_FDCWD, path, 64, &text) < 0 ||
        parse_u64(text, INT_MAX, &pid) < 0)
        return HOST_GONE;
    *ret_pid = (pid_t)pid;
    return process_check(root, (pid_t)pid, uuid, ret);
}

/* A wrapper or a monitoring tool may carry the uuid too: one called qemu… goes first. */
static int proc_search(const char *root, const char *uuid, pid_t *ret_pid, ProcStat *ret)
{
    g_autofree char *path = g_strconcat(root, "/proc", NULL);
    DIR *dir = opendir(path);
    struct dirent *entry;
    bool found = false, is_qemu = false;

    if (!dir)
        return -errno;
    while (!is_qemu && (entry = readdir(dir))) {
        uint64_t pid;
        ProcStat stat;
        if (parse_u64(entry->d_name, INT_MAX, &pid) < 0 ||
            process_check(root, (pid_t)pid, uuid, &stat) != HOST_DONE)
            continue;
        is_qemu = g_str_has_prefix(stat.comm, "qemu");
        if (found && !is_qemu)
            continue;
        found = true;
        *ret_pid = (pid_t)pid;
        *ret = stat;
    }
    closedir(dir);
    return found ? HOST_DONE : HOST_GONE;
}

int guest_process_find(const char *root, const char *uuid, const char *name, pid_t *ret_pid,
                       uint64_t *ret_starttime)
{
    ProcStat stat;

    int r = pid_file_check(root, uuid, name, ret_pid, &stat);
    if (r == HOST_GONE)
        r = proc_search(root, uuid, ret_pid, &stat);
    if (r == HOST_DONE)
        *ret_starttime = stat.starttime;
    return r;
}

int boot_id_acquire(const char *root, char **ret)
{
    g_autofree char *path = g_strconcat(root, "/proc/sys/kernel/random/boot_id", NULL);

    return file_read_small(AT_FDCWD, path, 128, ret);
}
