/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A cheap fingerprint of what changes in a host while it runs. Loading a topology discovers devices
 * and costs milliseconds; reading these files costs some tens of microseconds.
 */
#include "topo/topo-load.h"

#include "base/file.h"
#include "topo/topo-sysfs.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <string.h>

/* As the longest list of topo-sysfs.c */
#define MAX_FILE_BYTES 65536

/* Those of cgroup v2, then of v1; a pattern costs a search of its directory. */
static const char *const files[] = {
    "/sys/devices/system/cpu/online",
    "/sys/devices/system/cpu/isolated",
    "/sys/devices/system/cpu/nohz_full",
    "/sys/devices/system/node/online",
    "/sys/fs/cgroup/cpuset.cpus.effective",
    "/sys/fs/cgroup/cpuset.cpus.isolated",
    "/sys/fs/cgroup/cpuset.mems.effective",
    "/sys/fs/cgroup/machine.slice/cpuset.cpus.effective",
    "/sys/fs/cgroup/machine.slice/cpuset.mems.effective",
    "/sys/fs/cgroup/cpuset/cpuset.effective_cpus",
    "/sys/fs/cgroup/cpuset/cpuset.effective_mems",
    "/sys/fs/cgroup/cpuset/machine/cpuset.effective_cpus",
    "/sys/fs/cgroup/cpuset/machine/cpuset.effective_mems",
    "/sys/fs/cgroup/cpuset/machine.slice/cpuset.effective_cpus",
    "/sys/fs/cgroup/cpuset/machine.slice/cpuset.effective_mems",
    "/proc/sys/kernel/io_uring_disabled",
    "/proc/sys/kernel/io_uring_group",
};
#define PAGE_POOLS "/sys/devices/system/node/node*/hugepages/hugepages-*/nr_hugepages"

/* A file that vanishes while it is read is not there. */
static int append_file(GString *stamp, const char *root, const char *file)
{
    g_autofree char *path = g_strconcat(root, file, NULL);
    g_autofree char *text = NULL;

    int r = file_read_small(AT_FDCWD, path, MAX_FILE_BYTES, &text);
    if (r == -ENOENT || r == -ENODEV)
        return 0;
    if (r == 0)
        g_string_append_printf(stamp, "%s %s\n", path, text);
    return r;
}

static int append_page_pools(GString *stamp, const char *root)
{
    g_autofree char *path = g_strconcat(root, PAGE_POOLS, NULL);
    glob_t found;
    int r = 0;

    switch (glob(path, 0, NULL, &found)) {
    case 0:
        break;
    case GLOB_NOMATCH:
        return 0;
    default:
        return -EIO;
    }
    for (size_t i = 0; r == 0 && i < found.gl_pathc; i++)
        r = append_file(stamp, "", found.gl_pathv[i]);
    globfree(&found);
    return r;
}

/* The sum alone, which is the first line: memory that is plugged or goes off line. */
static int append_memory(GString *stamp, const char *root)
{
    g_autofree char *path = g_strconcat(root, "/proc/meminfo", NULL);
    g_autofree char *text = NULL;

    int r = file_read_small(AT_FDCWD, path, MAX_FILE_BYTES, &text);
    if (r == 0)
        g_string_append_printf(stamp, "%.*s\n", (int)strcspn(text, "\n"), text);
    return r == -ENOENT ? 0 : r;
}

int topo_stamp_acquire(const char *root, char **ret)
{
    g_autoptr(GString) stamp = g_string_new(NULL);

    int r = append_page_pools(stamp, root);
    for (unsigned i = 0; r == 0 && i < G_N_ELEMENTS(files); i++)
        r = append_file(stamp, root, files[i]);
    if (r < 0 || (r = append_memory(stamp, root)) < 0)
        return r;
    if (topo_has_vhost_net(root))
        g_string_append(stamp, "vhost-net\n");
    if (topo_has_kvm(root))
        g_string_append(stamp, "kvm\n");
    *ret = g_string_free(g_steal_pointer(&stamp), FALSE);
    return 0;
}
