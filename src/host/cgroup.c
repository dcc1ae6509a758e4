/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A guest's cgroups → cpusets, weights, quotas and the threads in them. */
#include "host/cgroup.h"

#include "base/file.h"
#include "base/util.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>

/* tasks has a line per thread */
#define CGROUP_FILE_MAX (1024 * 1024)

typedef struct CgroupFiles {
    const char *cpus, *cpus_effective, *mems, *mems_effective, *threads, *shares;
} CgroupFiles;

static const CgroupFiles files_v1 = {
    .cpus = "cpuset.cpus",
    .cpus_effective = "cpuset.effective_cpus",
    .mems = "cpuset.mems",
    .mems_effective = "cpuset.effective_mems",
    .threads = "tasks",
    .shares = "cpu.shares",
};

static const CgroupFiles files_v2 = {
    .cpus = "cpuset.cpus",
    .cpus_effective = "cpuset.cpus.effective",
    .mems = "cpuset.mems",
    .mems_effective = "cpuset.mems.effective",
    .threads = "cgroup.threads",
    .shares = "cpu.weight",
};

static const CgroupFiles *files_of(const CgroupDir *dir)
{
    return dir->v2 ? &files_v2 : &files_v1;
}

/* *ret is NULL if there is no such file, or the cgroup is going away. */
static int text_read(const char *dir, const char *file, char **ret)
{
    g_autofree char *path = g_strconcat(dir, "/", file, NULL);

    *ret = NULL;
    int r = file_read_small(AT_FDCWD, path, CGROUP_FILE_MAX, ret);
    return r == -ENOENT || r == -ENODEV ? 0 : r;
}

static int set_read(const char *dir, const char *file, CpuSet **ret)
{
    g_autofree char *text = NULL;

    int r = text_read(dir, file, &text);
    return r < 0 || !text ? r : cpuset_parse(text, ret);
}

static int number_read(const char *dir, const char *file, int64_t *ret)
{
    g_autofree char *text = NULL;

    int r = text_read(dir, file, &text);
    if (r == 0 && text)
        *ret = g_ascii_strtoll(text, NULL, 10);
    return r;
}

/* "max 100000", "50000 100000" */
static int quota_read_v2(const char *dir, GuestCgroup *ret)
{
    g_autofree char *text = NULL;
    char *end;

    int r = text_read(dir, "cpu.max", &text);
    if (r < 0 || !text)
        return r;
    bool unlimited = g_str_has_prefix(text, "max");
    int64_t quota = unlimited ? -1 : g_ascii_strtoll(text, &end, 10);
    ret->quota_usec = quota;
    ret->period_usec = g_ascii_strtoull(unlimited ? text + 3 : end, NULL, 10);
    return 0;
}

static int quota_read(const CgroupDir *cpu, const char *name, GuestCgroup *ret)
{
    int64_t period = 0;

    if (!cpu->base)
        return 0;
    g_autofree char *dir = g_strconcat(cpu->base, "/", name, NULL);
    if (cpu->v2)
        return quota_read_v2(dir, ret);
    int r = number_read(dir, "cpu.cfs_quota_us", &ret->quota_usec);
    if (r < 0)
        return r;
    r = number_read(dir, "cpu.cfs_period_us", &period);
    ret->period_usec = (uint64_t)period;
    return r;
}

static void members_append(GArray *members, const char *text, const GuestCgroup *cgroup)
{
    const char *p = text;

    while (*p) {
        char *end;
        long tid = (long)g_ascii_strtoll(p, &end, 10);
        if (end == p)
            return;
        p = end;
        CgroupMember member = {.tid = (pid_t)tid, .home = cgroup->home, .home_id = cgroup->home_id};
        if (tid > 0) /* 0: in another PID namespace */
            g_array_append_val(members, member);
    }
}

static bool home_parse(const char *name, ThreadHome *ret_home, unsigned *ret_id)
{
    static const struct {
        const char *prefix;
        ThreadHome home;
    } homes[] = {{"vcpu", HOME_VCPU}, {"iothread", HOME_IOTHREAD}};
    uint64_t id;

    *ret_home = HOME_EMULATOR;
    *ret_id = 0;
    if (g_str_equal(name, "emulator"))
        return true;
    for (size_t i = 0; i < G_N_ELEMENTS(homes); i++) {
        if (!g_str_has_prefix(name, homes[i].prefix) ||
            parse_u64(name + strlen(homes[i].prefix), UINT_MAX, &id) < 0)
            continue;
        *ret_home = homes[i].home;
        *ret_id = (unsigned)id;
        return true;
    }
    return false;
}

static char *home_name(const GuestCgroup *cgroup)
{
    switch (cgroup->home) {
    case HOME_EMULATOR:
        return g_strdup("emulator");
    case HOME_VCPU:
        return g_strdup_printf("vcpu%u", cgroup->home_id);
    case HOME_IOTHREAD:
        return g_strdup_printf("iothread%u", cgroup->home_id);
    }
    return NULL;
}

static int cgroup_compare(gconstpointer a, gconstpointer b)
{
    const GuestCgroup *one = a, *two = b;

    return one->home != two->home ? CMP(one->home, two->home) : CMP(one->home_id, two->home_id);
}

static void cgroup_clear(gpointer data)
{
    GuestCgroup *cgroup = data;

    hwloc_bitmap_free(cgroup->cpus);
    hwloc_bitmap_free(cgroup->cpus_effective);
    hwloc_bitmap_free(cgroup->mems);
}

/* The emulator's comes first: a thread on its way from there to another is seen in both or in the
 * second, never in none. */
static int homes_list(const char *base, GArray *cgroups)
{
    struct dirent *entry;
    DIR *dir = opendir(base);

    if (!dir)
        return errno == ENOENT ? 0 : -errno;
    while ((entry = readdir(dir))) {
        GuestCgroup cgroup = {.quota_usec = -1};
        if (home_parse(entry->d_name, &cgroup.home, &cgroup.home_id))
            g_array_append_val(cgroups, cgroup);
    }
    closedir(dir);
    g_array_sort(cgroups, cgroup_compare);
    return 0;
}

static int cgroup_read(const CgroupPlaces *places, GuestCgroup *cgroup, GArray *members)
{
    const CgroupDir *threads = places->cpuset.base ? &places->cpuset : &places->cpu;
    g_autofree char *name = home_name(cgroup), *text = NULL;
    g_autofree char *dir = g_strconcat(threads->base, "/", name, NULL);

    int r = text_read(dir, files_of(threads)->threads, &text);
    if (r < 0)
        return r;
    if (text)
        members_append(members, text, cgroup);
    if (places->cpuset.base) {
        r = set_read(dir, files_of(threads)->cpus, &cgroup->cpus);
        if (r >= 0)
            r = set_read(dir, files_of(threads)->cpus_effective, &cgroup->cpus_effective);
        if (r >= 0)
            r = set_read(dir, files_of(threads)->mems, &cgroup->mems);
    }
    return r < 0 ? r : quota_read(&places->cpu, name, cgroup);
}

/* CPUs may be taken from the guest itself, too; the memory nodes of its own cgroup are libvirt's.
 */
static int allowed_read(const CgroupDir *cpuset, GuestKernel *kernel)
{
    g_autofree char *partition = g_path_get_dirname(cpuset->scope);

    int r = set_read(cpuset->scope, files_of(cpuset)->cpus_effective, &kernel->allowed);
    if (r < 0)
        return r;
    return set_read(partition, files_of(cpuset)->mems_effective, &kernel->allowed_mems);
}

static int homes_read(const CgroupPlaces *places, GuestKernel *kernel, GArray *members)
{
    const CgroupDir *threads = places->cpuset.base ? &places->cpuset : &places->cpu;
    g_autoptr(GArray) cgroups = g_array_new(FALSE, FALSE, sizeof(GuestCgroup));

    g_array_set_clear_func(cgroups, cgroup_clear);
    int r = homes_list(threads->base, cgroups);
    for (guint i = 0; i < cgroups->len && r == 0; i++)
        r = cgroup_read(places, &g_array_index(cgroups, GuestCgroup, i), members);
    if (r < 0)
        return r;
    kernel->n_cgroups = cgroups->len;
    kernel->cgroups = (GuestCgroup *)(void *)g_array_steal(cgroups, NULL);
    return 0;
}

int cgroup_acquire(const CgroupPlaces *places, GuestKernel *kernel, GArray *members)
{
    const CgroupDir *threads = places->cpuset.base ? &places->cpuset : &places->cpu;

    g_free(kernel->cgroup);
    kernel->cgroup = g_strdup(threads->path ? threads->path : "");
    kernel->cgroup_v2 = places->cpu.base ? places->cpu.v2 : places->cpuset.v2;
    kernel->cpu_shares = -1;
    if (!threads->base)
        return 0;

    int r = homes_read(places, kernel, members);
    if (r == 0 && places->cpuset.base)
        r = allowed_read(&places->cpuset, kernel);
    if (r == 0 && places->cpu.base)
        r = number_read(places->cpu.scope, files_of(&places->cpu)->shares, &kernel->cpu_shares);
    return r;
}
