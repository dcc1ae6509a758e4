/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "unit/fake-host.h"

#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

char *fake_host_new(void)
{
    char *root = g_strdup("/tmp/vmtuned-test-XXXXXX");

    if (!g_mkdtemp(root))
        abort();
    return root;
}

static int remove_one(const char *path, const struct stat *stat G_GNUC_UNUSED,
                      int type G_GNUC_UNUSED, struct FTW *ftw G_GNUC_UNUSED)
{
    return remove(path);
}

void fake_host_free(char *root)
{
    nftw(root, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    g_free(root);
}

static void put_bytes(const char *root, const char *path, const char *bytes, gssize length)
{
    g_autofree char *full = g_strconcat(root, path, NULL), *dir = g_path_get_dirname(full);

    if (g_mkdir_with_parents(dir, 0700) < 0 || !g_file_set_contents(full, bytes, length, NULL))
        abort();
}

void fake_host_put(const char *root, const char *path, const char *text)
{
    put_bytes(root, path, text, -1);
}

void fake_host_link(const char *root, const char *path, const char *target)
{
    g_autofree char *full = g_strconcat(root, path, NULL), *dir = g_path_get_dirname(full);

    if (g_mkdir_with_parents(dir, 0700) < 0 || symlink(target, full) < 0)
        abort();
}

void fake_host_add_thread(const char *root, const FakeThread *thread)
{
    g_autofree char *stat_path = g_strdup_printf("/proc/%d/stat", (int)thread->tid);
    g_autofree char *status_path = g_strdup_printf("/proc/%d/status", (int)thread->tid);
    g_autofree char *task_path =
        g_strdup_printf("/proc/%d/task/%d/comm", (int)thread->tgid, (int)thread->tid);
    g_autofree char *stat = g_strdup_printf(
        "%d (%s) S 1 %d %d 0 -1 %u 1 2 3 4 5 6 7 8 20 0 1 0 %llu 1000 20 30 40\n", (int)thread->tid,
        thread->comm, (int)thread->tgid, (int)thread->tgid, thread->flags, thread->starttime);
    g_autofree char *status =
        g_strdup_printf("Name:\t%s\nUmask:\t0022\nTgid:\t%d\nPid:\t%d\nCpus_allowed_list:\t%s\n",
                        thread->comm, (int)thread->tgid, (int)thread->tid, thread->cpus);

    fake_host_put(root, stat_path, stat);
    fake_host_put(root, status_path, status);
    fake_host_put(root, task_path, thread->comm);
}

void fake_host_add_cmdline(const char *root, pid_t pid, const char *uuid)
{
    g_autofree char *path = g_strdup_printf("/proc/%d/cmdline", (int)pid);
    GString *line = g_string_new(NULL);
    const char *const words[] = {
        "/usr/bin/qemu-system-x86_64", "-name", "guest=g1", "-uuid", uuid, "-S"};

    for (size_t i = 0; i < G_N_ELEMENTS(words); i++)
        g_string_append_len(line, words[i], (gssize)strlen(words[i]) + 1);
    put_bytes(root, path, line->str, (gssize)line->len);
    g_string_free(line, TRUE);
}

void fake_host_add_mounts_v1(const char *root)
{
    fake_host_put(root, "/proc/self/mountinfo",
                  "20 1 0:28 / / rw,relatime - ext4 /dev/vda rw\n"
                  "31 20 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755\n"
                  "32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw shared:9 - cgroup cgroup "
                  "rw,cpu,cpuacct\n"
                  "34 31 0:31 / /sys/fs/cgroup/cpuset rw - cgroup cgroup rw,cpuset\n"
                  "35 31 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"
                  "41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n");
}

void fake_host_add_mounts_v2(const char *root)
{
    fake_host_put(root, "/proc/self/mountinfo",
                  "20 1 0:28 / / rw,relatime - ext4 /dev/vda rw\n"
                  "29 20 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 "
                  "rw,nsdelegate\n");
}
