/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "topo/topo-sysfs.h"

#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/io_uring.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Longest list: 8192 CPUs, every second one set, 5 bytes each. */
#define MAX_LIST_BYTES 65536

#define CPU_DIR "/sys/devices/system/cpu/"
#define CGROUP_DIR "/sys/fs/cgroup/"

/* Guests live in machine.slice (systemd, v2 or v1) or machine (libvirt alone, v1); where neither
 * has a cpuset, in the whole tree. First file that is there and not empty. */
static const char *const allowed_files[] = {
    CGROUP_DIR "machine.slice/cpuset.cpus.effective",
    CGROUP_DIR "cpuset/machine.slice/cpuset.effective_cpus",
    CGROUP_DIR "cpuset/machine/cpuset.effective_cpus",
    CGROUP_DIR "cpuset.cpus.effective",
    CGROUP_DIR "cpuset/cpuset.effective_cpus",
    NULL,
};

static const char *const allowed_mems_files[] = {
    CGROUP_DIR "machine.slice/cpuset.mems.effective",
    CGROUP_DIR "cpuset/machine.slice/cpuset.effective_mems",
    CGROUP_DIR "cpuset/machine/cpuset.effective_mems",
    CGROUP_DIR "cpuset.mems.effective",
    CGROUP_DIR "cpuset/cpuset.effective_mems",
    NULL,
};

static const char *const present_files[] = {CPU_DIR "present", NULL};
static const char *const isolated_files[] = {CPU_DIR "isolated", NULL};
static const char *const partition_files[] = {CGROUP_DIR "cpuset.cpus.isolated", NULL};
static const char *const nohz_files[] = {CPU_DIR "nohz_full", NULL};

/* *ret stays NULL if none of the files is there or has anything in it. */
static int list_acquire(const char *root, const char *const *files, CpuSet **ret,
                        char **reterr_text)
{
    for (; *files; files++) {
        g_autofree char *path = g_strconcat(root, *files, NULL);
        g_autofree char *text = NULL;
        int r = file_read_small(AT_FDCWD, path, MAX_LIST_BYTES, &text);
        if (r == -ENOENT || r == -ENOTDIR)
            continue;
        /* nohz_full prints a null pointer where the feature is off (up to Linux 6.5). */
        if (r == 0 && (*text == '\0' || g_strstr_len(text, -1, "(null)")))
            continue;
        if (r == 0)
            r = cpuset_parse(text, ret);
        if (r < 0)
            *reterr_text = g_strdup_printf("%s: %s", path, g_strerror(-r));
        return r;
    }
    return 0;
}

int topo_sysfs_acquire(const char *root, TopoSysfs *ret, char **reterr_text)
{
    g_auto(TopoSysfs) got = {0};
    g_autoptr(CpuSet) partitions = NULL;
    const struct {
        const char *const *files;
        CpuSet **set;
        bool needed;
    } lists[] = {
        {present_files, &got.present, false}, {isolated_files, &got.isolated, true},
        {partition_files, &partitions, true}, {nohz_files, &got.nohz_full, true},
        {allowed_files, &got.allowed, false}, {allowed_mems_files, &got.allowed_mems, false},
    };

    for (unsigned i = 0; i < G_N_ELEMENTS(lists); i++) {
        int r = list_acquire(root, lists[i].files, lists[i].set, reterr_text);
        if (r < 0)
            return r;
        if (!*lists[i].set && lists[i].needed)
            *lists[i].set = cpuset_new();
    }
    hwloc_bitmap_or(got.isolated, got.isolated, partitions);
    *ret = got;
    got = (TopoSysfs){0};
    return 0;
}

/* Not access(2): that asks the device cgroup too, and vmtuned opens none of them. */
static bool is_there(const char *root, const char *device)
{
    g_autofree char *path = g_strconcat(root, device, NULL);
    struct stat st;

    return stat(path, &st) == 0;
}

bool topo_has_vhost_net(const char *root)
{
    return is_there(root, "/dev/vhost-net");
}

bool topo_has_kvm(const char *root)
{
    return is_there(root, "/dev/kvm");
}

/* kernel.io_uring_disabled: 1 is for root and one group, 2 for nobody. A kernel that has no such
 * file keeps it from nobody. */
static bool is_io_uring_off(const char *root)
{
    g_autofree char *path = g_strconcat(root, "/proc/sys/kernel/io_uring_disabled", NULL);
    g_autofree char *group_path = g_strconcat(root, "/proc/sys/kernel/io_uring_group", NULL);
    g_autofree char *disabled = NULL, *group = NULL;

    if (file_read_small(AT_FDCWD, path, MAX_LIST_BYTES, &disabled) < 0)
        return false;
    if (g_str_has_prefix(disabled, "1"))
        return file_read_small(AT_FDCWD, group_path, MAX_LIST_BYTES, &group) < 0 ||
               g_str_has_prefix(group, "-");
    return !g_str_has_prefix(disabled, "0");
}

bool topo_has_io_uring(const char *root)
{
    struct io_uring_params params = {0};

    if (is_io_uring_off(root))
        return false;
    if (*root)
        return true;
    int fd = (int)syscall(SYS_io_uring_setup, 1, &params);
    if (fd >= 0)
        close(fd);
    return fd >= 0 || (errno != ENOSYS && errno != EPERM);
}

void topo_sysfs_clear(TopoSysfs *sysfs)
{
    hwloc_bitmap_free(sysfs->present);
    hwloc_bitmap_free(sysfs->isolated);
    hwloc_bitmap_free(sysfs->nohz_full);
    hwloc_bitmap_free(sysfs->allowed);
    hwloc_bitmap_free(sysfs->allowed_mems);
    *sysfs = (TopoSysfs){0};
}
