/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Which process is a guest's QEMU. That it carries the uuid is read from its memory, which a QEMU
 * in trouble may have locked for long: of those that are another guest's it is not asked.
 */
#include "host/proc.h"

#include "base/file.h"
#include "base/util.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>

/* libvirt keeps one "NAME.pid" there for each guest that runs. */
#define PID_FILES "/run/libvirt/qemu"

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

/* Of a file "NAME.pid"; false: it is none, or there is no number in it. */
static bool pid_file_read(const char *root, const char *file, pid_t *ret)
{
    g_autofree char *path = g_strdup_printf("%s" PID_FILES "/%s", root, file);
    g_autofree char *text = NULL;
    uint64_t pid;

    if (!g_str_has_suffix(file, ".pid") || strchr(file, '/') ||
        file_read_small(AT_FDCWD, path, 64, &text) < 0 || parse_u64(text, INT_MAX, &pid) < 0)
        return false;
    *ret = (pid_t)pid;
    return true;
}

/* libvirt writes the guest's name as in XML (virPidFileBuildPath()). */
static char *pid_file_name(const char *name)
{
    GString *file = g_string_new(name);

    g_string_replace(file, "&", "&amp;", 0);
    g_string_replace(file, "<", "&lt;", 0);
    g_string_replace(file, ">", "&gt;", 0);
    g_string_replace(file, "'", "&apos;", 0);
    g_string_replace(file, "\"", "&quot;", 0);
    g_string_append(file, ".pid");
    return g_string_free(file, FALSE);
}

static int pid_file_check(const char *root, const char *uuid, const char *name, pid_t *ret_pid,
                          ProcStat *ret)
{
    g_autofree char *file = pid_file_name(name);

    return pid_file_read(root, file, ret_pid) ? process_check(root, *ret_pid, uuid, ret)
                                              : HOST_GONE;
}

/* The processes that have a pid file: the set of them. */
static GHashTable *pid_files_acquire(const char *root)
{
    GHashTable *pids = g_hash_table_new(NULL, NULL);
    g_autofree char *path = g_strconcat(root, PID_FILES, NULL);
    DIR *dir = opendir(path);
    struct dirent *entry;
    pid_t pid;

    while (dir && (entry = readdir(dir)))
        if (pid_file_read(root, entry->d_name, &pid))
            g_hash_table_add(pids, GINT_TO_POINTER(pid));
    if (dir)
        closedir(dir);
    return pids;
}

/* A wrapper or a monitoring tool may carry the uuid too: one called qemu… goes first. */
static int proc_search(const char *root, const char *uuid, pid_t *ret_pid, ProcStat *ret)
{
    g_autoptr(GHashTable) others = pid_files_acquire(root);
    g_autoptr(GArray) pids = NULL;
    bool found = false, is_qemu = false;

    int r = proc_pids_acquire(root, &pids);
    if (r != HOST_DONE)
        return r;
    for (guint i = 0; i < pids->len && !is_qemu; i++) {
        pid_t pid = g_array_index(pids, pid_t, i);
        ProcStat stat;
        if (g_hash_table_contains(others, GINT_TO_POINTER(pid)) ||
            process_check(root, pid, uuid, &stat) != HOST_DONE)
            continue;
        is_qemu = g_str_has_prefix(stat.comm, "qemu");
        if (found && !is_qemu)
            continue;
        found = true;
        *ret_pid = pid;
        *ret = stat;
    }
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
