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

#define SERVICE_OFF(PROGRAM) "systemctl disable --now " PROGRAM

/* By their name in the kernel, of which there are 15 characters. irqbalance and ksmtuned are never
 * who changed a guest: they set interrupts and page merging. */
static const Tuner known[] = {
    {.name = "numad",
     .ways = WAY_BIT(WAY_THREAD),
     .does = "moves processes and their memory between nodes, by a plan of its own",
     .remedy = SERVICE_OFF("numad")},
    {.name = "tuned",
     .ways = WAY_BIT(WAY_THREAD) | WAY_BIT(WAY_CGROUP),
     .does = "sets what its profile names, such as transparent huge pages, and with its scheduler "
             "plugin the CPUs of threads",
     .remedy = "tuned-adm profile virtual-host  # and enabled=false in [scheduler] of its profile"},
    {.name = "tuna",
     .ways = WAY_BIT(WAY_THREAD),
     .does = "sets the CPUs of threads and interrupts",
     .remedy = "close it, once it has done what it was for"},
    {.name = "cgrulesengd",
     .ways = WAY_BIT(WAY_CGROUP),
     .does = "moves processes to cgroups of its own rules",
     .remedy = SERVICE_OFF("cgred")},
    {.name = "irqbalance",
     .does = "moves interrupts to any CPU that it was not told to leave alone",
     .remedy = "ban the dedicated CPUs by its IRQBALANCE_BANNED_CPULIST, or stop it",
     .interrupts = true},
    {.name = "ksmtuned",
     .does = "switches page merging by its own thresholds",
     .remedy = SERVICE_OFF("ksmtuned")},
    {.name = "momd",
     .ways = WAY_BIT(WAY_LIBVIRT),
     .does = "switches page merging, and sets balloons and quotas of guests",
     .remedy = SERVICE_OFF("momd")},
    {.name = "nova-compute", .ways = WAY_BIT(WAY_LIBVIRT)},
    {.name = "vdsmd", .ways = WAY_BIT(WAY_LIBVIRT)},
    {.name = "virt-launcher", .ways = WAY_BIT(WAY_LIBVIRT)},
    {.name = "virt-manager", .ways = WAY_BIT(WAY_LIBVIRT)},
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
            Tuner tuner = known[i];
            tuner.pid = pid;
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
