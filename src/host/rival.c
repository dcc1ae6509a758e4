/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "host/rival.h"

#include "host/proc.h"
#include "model/contest.h"

/* How a setting can be changed, the surest trace first: a definition of libvirt's is changed by its
 * clients alone; a cgroup that asks for the right CPUs and does not have them is limited from
 * above; its files are written by whoever manages cgroups; threads by anybody. */
typedef enum Way { WAY_LIBVIRT, WAY_LIMIT, WAY_CGROUP, WAY_THREAD } Way;
#define WAY_BIT(way) (1u << (way))

static const char *const way_words[] = {
    [WAY_LIBVIRT] = "another libvirt client",
    [WAY_LIMIT] = "a limit on the cgroup above it, such as AllowedCPUs= of systemd",
    [WAY_CGROUP] = "something that writes its cgroups directly",
    [WAY_THREAD] = "something that sets the affinity of its threads directly",
};

/* By their name in the kernel, of which there are 15 characters. irqbalance is not here: it moves
 * interrupts, never threads. */
static const Tuner known[] = {
    {"numad", 0, WAY_BIT(WAY_THREAD)},
    {"tuned", 0, WAY_BIT(WAY_THREAD) | WAY_BIT(WAY_CGROUP)},
    {"tuna", 0, WAY_BIT(WAY_THREAD)},
    {"cgrulesengd", 0, WAY_BIT(WAY_CGROUP)},
    {"nova-compute", 0, WAY_BIT(WAY_LIBVIRT)},
    {"vdsmd", 0, WAY_BIT(WAY_LIBVIRT)},
    {"momd", 0, WAY_BIT(WAY_LIBVIRT)},
    {"virt-launcher", 0, WAY_BIT(WAY_LIBVIRT)},
    {"virt-manager", 0, WAY_BIT(WAY_LIBVIRT)},
};

GArray *tuners_acquire(const char *root)
{
    g_autoptr(GArray) pids = NULL;
    GArray *tuners = g_array_new(FALSE, FALSE, sizeof(Tuner));

    (void)proc_pids_acquire(root, &pids);
    for (guint p = 0; pids && p < pids->len; p++) {
        pid_t pid = g_array_index(pids, pid_t, p);
        ProcStat stat;
        if (proc_stat_acquire(root, pid, &stat) != HOST_DONE)
            continue;
        for (size_t i = 0; i < G_N_ELEMENTS(known); i++) {
            Tuner tuner = {known[i].name, pid, known[i].ways};
            if (g_str_equal(stat.comm, known[i].name))
                g_array_append_val(tuners, tuner);
        }
    }
    return tuners;
}

static const GuestCgroup *cgroup_of_thread(const GuestKernel *kernel, pid_t tid)
{
    const GuestThread *thread = guest_kernel_thread(kernel, tid);

    return thread ? guest_kernel_cgroup(kernel, thread->home, thread->home_id) : NULL;
}

/* Its cgroup asks for what is wanted, and does not have it. */
static bool is_limited(const Change *change, const Guest *guest)
{
    g_autoptr(CpuSet) wanted = NULL;

    if (change->key.tid == 0 || !guest->kernel || !change->to ||
        cpuset_parse(change->to, &wanted) < 0)
        return false;
    const GuestCgroup *cgroup = cgroup_of_thread(guest->kernel, change->key.tid);
    return cgroup && cgroup->cpus && cgroup->cpus_effective &&
           cpuset_is_subset(wanted, cgroup->cpus) &&
           !cpuset_is_subset(wanted, cgroup->cpus_effective);
}

static Way change_way(const Change *change, const Guest *guest)
{
    if (change->key.plane != PLANE_ACTUAL)
        return WAY_LIBVIRT;
    if (change->key.tid == 0)
        return WAY_CGROUP;
    return is_limited(change, guest) ? WAY_LIMIT : WAY_THREAD;
}

static Way surest_way(const ChangeSet *changes, const SettingKey *key, const Guest *guest)
{
    const SettingKey whole = contest_key(key);
    Way surest = WAY_THREAD;

    for (unsigned i = 0; i < change_set_size(changes); i++) {
        const Change *change = change_set_get(changes, i);
        const SettingKey other = contest_key(&change->key);
        if (setting_key_compare(&other, &whole) == 0)
            surest = MIN(surest, change_way(change, guest));
    }
    return surest;
}

char *rival_describe(const ChangeSet *changes, const SettingKey *key, const Guest *guest,
                     const GArray *tuners)
{
    Way way = surest_way(changes, key, guest);
    GString *text = g_string_new(NULL);

    if (way == WAY_LIBVIRT)
        g_string_append(text, way_words[way]);
    for (guint i = 0, n = 0; i < tuners->len; i++) {
        const Tuner *tuner = &g_array_index(tuners, Tuner, i);
        if (!(tuner->ways & WAY_BIT(way)))
            continue;
        g_string_append_printf(text, "%s%s (PID %d)",
                               n++ > 0         ? " or "
                               : text->len > 0 ? ", likely "
                                               : "likely ",
                               tuner->name, (int)tuner->pid);
    }
    if (text->len == 0)
        g_string_append(text, way_words[way]);
    return g_string_free(text, FALSE);
}
