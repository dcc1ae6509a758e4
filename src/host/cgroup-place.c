/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* /proc/PID/cgroup and mountinfo → the directories of a guest's cgroups. */
#include "host/cgroup.h"

#include "base/file.h"
#include "host/proc.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define MOUNTINFO_MAX (16 * 1024 * 1024)

typedef struct PlaceSearch {
    const char *root;
    char **mounts; /* lines of mountinfo */
    char **lines;  /* lines of /proc/PID/cgroup */
} PlaceSearch;

static bool list_has(const char *list, const char *word)
{
    g_auto(GStrv) words = g_strsplit(list, ",", -1);

    return g_strv_contains((const char *const *)words, word);
}

/* The guest's cgroup in the hierarchy of a v1 controller, or in v2 (controller NULL). Borrowed. */
static const char *cgroup_path(const PlaceSearch *search, const char *controller)
{
    for (char **line = search->lines; *line; line++) {
        g_auto(GStrv) fields = g_strsplit(*line, ":", 3);
        if (g_strv_length(fields) < 3)
            continue;
        if (controller ? list_has(fields[1], controller) : g_str_equal(fields[0], "0"))
            return *line + strlen(fields[0]) + strlen(fields[1]) + 2;
    }
    return NULL;
}

/* Where that cgroup is, if this line of mountinfo mounts its hierarchy; else NULL. */
static char *mount_resolve(const char *line, const char *controller, const char *path)
{
    const char *dash = strstr(line, " - ");

    if (!dash)
        return NULL;
    g_auto(GStrv) before = g_strsplit(line, " ", 6), after = g_strsplit(dash + 3, " ", 3);
    if (g_strv_length(before) < 6 || g_strv_length(after) < 3)
        return NULL;
    if (!g_str_equal(after[0], controller ? "cgroup" : "cgroup2") ||
        (controller && !list_has(after[2], controller)))
        return NULL;

    g_autofree char *top = g_strcompress(before[3]), *point = g_strcompress(before[4]);
    if (g_str_equal(top, "/"))
        return g_strconcat(point, path, NULL);
    const char *rest = g_str_has_prefix(path, top) ? path + strlen(top) : NULL;
    return rest && (*rest == '/' || !*rest) ? g_strconcat(point, rest, NULL) : NULL;
}

static char *hierarchy_resolve(const PlaceSearch *search, const char *controller, const char *path)
{
    for (char **line = search->mounts; *line; line++) {
        g_autofree char *dir = mount_resolve(*line, controller, path);
        if (dir)
            return g_strconcat(search->root, dir, NULL);
    }
    return NULL;
}

static bool file_exists(const char *dir, const char *file)
{
    g_autofree char *path = g_strconcat(dir, "/", file, NULL);

    return access(path, F_OK) == 0;
}

static char *suffix_stripped(const char *path, const char *suffix)
{
    return g_strndup(path, strlen(path) - (g_str_has_suffix(path, suffix) ? strlen(suffix) : 0));
}

static CgroupDir dir_make(const char *leaf_dir, const char *path, bool v2)
{
    CgroupDir dir = {.v2 = v2};

    dir.base = suffix_stripped(leaf_dir, "/emulator");
    dir.scope = suffix_stripped(dir.base, "/libvirt");
    dir.path = suffix_stripped(path, "/emulator");
    return dir;
}

static void dir_clear(CgroupDir *dir)
{
    g_free(dir->base);
    g_free(dir->scope);
    g_free(dir->path);
    *dir = (CgroupDir){0};
}

/* v2 if it has the controller (probe: a file only then there), else the v1 hierarchy. */
static CgroupDir thread_dir_find(const PlaceSearch *search, const char *controller,
                                 const char *probe)
{
    const char *path = cgroup_path(search, NULL);
    g_autofree char *unified =
        path && g_str_has_suffix(path, "/emulator") ? hierarchy_resolve(search, NULL, path) : NULL;
    if (unified && file_exists(unified, probe))
        return dir_make(unified, path, true);

    path = cgroup_path(search, controller);
    g_autofree char *own = path && g_str_has_suffix(path, "/emulator")
                               ? hierarchy_resolve(search, controller, path)
                               : NULL;
    return own ? dir_make(own, path, false) : (CgroupDir){0};
}

/* Memory is counted for the guest as a whole. Its v1 cgroup has the name it has elsewhere; anything
 * else is shared with other processes. */
static CgroupDir memory_dir_find(const PlaceSearch *search, const CgroupDir *threads)
{
    const char *path = cgroup_path(search, NULL);
    g_autofree char *unified =
        path && g_str_has_suffix(path, "/emulator") ? hierarchy_resolve(search, NULL, path) : NULL;
    if (unified) {
        CgroupDir dir = dir_make(unified, path, true);
        if (file_exists(dir.scope, "memory.numa_stat"))
            return dir;
        dir_clear(&dir);
    }

    path = cgroup_path(search, "memory");
    g_autofree char *machine = threads->path ? suffix_stripped(threads->path, "/libvirt") : NULL;
    g_autofree char *own = path && machine && g_str_has_prefix(path, machine)
                               ? hierarchy_resolve(search, "memory", path)
                               : NULL;
    return own ? dir_make(own, path, false) : (CgroupDir){0};
}

int cgroup_places_find(const char *root, pid_t pid, CgroupPlaces *ret)
{
    g_autofree char *cgroup = NULL, *mountinfo = NULL;
    g_autofree char *path = g_strconcat(root, "/proc/self/mountinfo", NULL);

    *ret = (CgroupPlaces){0};
    int r = proc_file_acquire(root, pid, "cgroup", &cgroup);
    if (r != HOST_DONE)
        return r;
    r = file_read_small(AT_FDCWD, path, MOUNTINFO_MAX, &mountinfo);
    if (r < 0)
        return r;

    g_auto(GStrv) lines = g_strsplit(cgroup, "\n", -1), mounts = g_strsplit(mountinfo, "\n", -1);
    PlaceSearch search = {.root = root, .mounts = mounts, .lines = lines};
    ret->cpuset = thread_dir_find(&search, "cpuset", "cpuset.cpus");
    ret->cpu = thread_dir_find(&search, "cpu", "cpu.max");
    ret->memory = memory_dir_find(&search, ret->cpuset.base ? &ret->cpuset : &ret->cpu);
    return HOST_DONE;
}

void cgroup_places_clear(CgroupPlaces *places)
{
    dir_clear(&places->cpuset);
    dir_clear(&places->cpu);
    dir_clear(&places->memory);
}
