/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Originals from the record → the Settings that put them back. */
#include "plan/diff.h"

#include <string.h>

typedef struct Restore {
    GPtrArray *originals;
    const SettingList *wanted; /* NULL: all originals go back */
    const Guest *guest;
    bool force;
    SettingList *observed;
    SettingList *others; /* what goes back but for threads; sorted once all are in */
    SettingList *threads;
    DiagList *diags;
} Restore;

/* Same knob, instance and plane; for threads any thread of that class. */
static bool same_class(const SettingKey *a, const SettingKey *b)
{
    return a->knob == b->knob && a->instance == b->instance && strcmp(a->device, b->device) == 0 &&
           a->plane == b->plane && (a->tid == 0) == (b->tid == 0);
}

bool setting_is_wanted(const SettingList *wanted, const SettingKey *key)
{
    for (unsigned i = 0; wanted && i < setting_list_size(wanted); i++)
        if (same_class(&setting_list_get(wanted, i)->key, key))
            return true;
    return false;
}

/* libvirt cannot take a live pin away: "not set" is put back as all allowed CPUs. */
static bool is_value(const Restore *restore, const Setting *now, const char *value)
{
    const CpuSet *allowed = restore->guest->kernel ? restore->guest->kernel->allowed : NULL;

    return setting_value_equal(&now->key, now->value, value, allowed, NULL);
}

static bool was_written(const Restore *restore, const Setting *now, const Original *original)
{
    return is_value(restore, now, original->written) ||
           (original->pending && is_value(restore, now, original->previous));
}

/* The cgroup a thread is in, as a key. */
static SettingKey cgroup_of(const SettingKey *thread)
{
    return (SettingKey){.knob = thread->knob == KNOB_VHOST_PIN ? KNOB_EMULATOR_PIN : thread->knob,
                        .instance = thread->instance,
                        .plane = PLANE_ACTUAL};
}

/* What the kernel makes of an affinity in that cpuset. Owned by the caller; NULL: not set. */
static char *cut_to(const char *affinity, const Setting *cgroup)
{
    g_autoptr(CpuSet) bound = NULL;
    g_autoptr(CpuSet) cpus = NULL;

    if (!affinity || !cgroup || !cgroup->value || cpuset_parse(cgroup->value, &bound) < 0 ||
        cpuset_parse(affinity, &cpus) < 0 || cpuset_is_subset(cpus, bound))
        return g_strdup(affinity);
    g_autoptr(CpuSet) cut = cpuset_and(cpus, bound);
    return cpuset_format(cpuset_is_empty(cut) ? bound : cut);
}

/* A write that was cut off pinned the class, perhaps, but did not come to this thread: it has what
 * its new cpuset makes of the value it had. */
static bool was_reset(const Restore *restore, const Setting *now, const Original *original)
{
    const char *values[] = {original->original, original->written, original->previous};
    SettingKey key = cgroup_of(&now->key);
    const Setting *cgroup = setting_list_find(restore->observed, &key);

    if (now->key.tid == 0 || !original->pending || !cgroup)
        return false;
    if (is_value(restore, now, cgroup->value))
        return true; /* Linux before 6.2 */
    for (unsigned i = 0; i < G_N_ELEMENTS(values); i++) {
        g_autofree char *cut = cut_to(values[i], cgroup);
        if (cut && is_value(restore, now, cut))
            return true;
    }
    return false;
}

/* Was vmtuned the last to write this value? With force, or by what was written. */
static bool is_ours(const Restore *restore, const Setting *now, const Original *original)
{
    const char *written = original->written;

    if (restore->force || was_written(restore, now, original) || was_reset(restore, now, original))
        return true;
    g_autofree char *name = setting_key_format(&now->key);
    diag_add(restore->diags, DIAG_WARNING, NULL, restore->guest->name,
             "%s (%s) is now %s, and vmtuned set it to %s: kept", name, plane_name(now->key.plane),
             now->value ? now->value : "not set", written ? written : "not set");
    return false;
}

/* libvirt cannot take numatune off a running guest. Mode restrictive binds nothing by itself: its
 * nodes are the cpuset's, which the actual plane puts back. */
static bool is_back(const Restore *restore, const Setting *now, const char *original)
{
    if (now->key.knob == KNOB_NUMA_NODESET && now->key.plane == PLANE_LIVE && !original &&
        now->value && g_str_has_prefix(now->value, "restrictive:"))
        return true;
    return is_value(restore, now, original);
}

/* Affinities as the cpuset will bound them when all is back; not set: all of it. Owned by the
 * caller; NULL: not set. */
static char *value_to_put_back(const Restore *restore, const SettingKey *key, const char *original)
{
    if (key->tid == 0)
        return g_strdup(original);
    SettingKey cgroup_key = cgroup_of(key);
    const Setting *cgroup = setting_list_find(restore->others, &cgroup_key);
    if (!cgroup)
        cgroup = setting_list_find(restore->observed, &cgroup_key);
    if (original)
        return cut_to(original, cgroup);
    const CpuSet *allowed = restore->guest->kernel ? restore->guest->kernel->allowed : NULL;
    if (cgroup && cgroup->value)
        return g_strdup(cgroup->value);
    return allowed ? cpuset_format(allowed) : NULL;
}

static void restore_one(const Restore *restore, const Original *original)
{
    const Setting *now = setting_list_find(restore->observed, &original->key);

    if (!now || now->key.tid_start != original->key.tid_start)
        return; /* that thread, or that instance, is gone and its value with it */
    g_autofree char *value = value_to_put_back(restore, &now->key, original->original);
    bool is_thread = now->key.tid != 0, back = is_back(restore, now, value);
    if (back ? is_thread : is_ours(restore, now, original))
        setting_list_add(is_thread ? restore->threads : restore->others, &now->key, value,
                         "value from before vmtuned changed it", NULL);
}

static void restore_originals(const Restore *restore, bool threads)
{
    for (guint i = 0; i < restore->originals->len; i++) {
        const Original *original = g_ptr_array_index(restore->originals, i);
        if ((original->key.tid != 0) == threads &&
            !setting_is_wanted(restore->wanted, &original->key))
            restore_one(restore, original);
    }
}

/* A vhost worker is started by one of the emulator's threads and has its mask. */
static bool is_heir(const SettingKey *thread, const SettingKey *of)
{
    SettingKey parent = *thread;

    parent.knob = KNOB_EMULATOR_PIN;
    return same_class(thread, of) || (thread->knob == KNOB_VHOST_PIN && same_class(&parent, of));
}

/* The original of another thread of that class that got the mask this one has. */
static const Original *original_of_class(const Restore *restore, const Setting *now)
{
    const SettingKey *key = &now->key;
    const Original *found = NULL;

    for (guint i = 0; i < restore->originals->len; i++) {
        const Original *original = g_ptr_array_index(restore->originals, i);
        const SettingKey *of = &original->key;
        if (!is_heir(key, of))
            continue;
        if (of->tid == key->tid && of->tid_start == key->tid_start)
            return NULL; /* it has its own */
        bool nearer = !found || (of->knob == key->knob && found->key.knob != key->knob) ||
                      (of->knob == found->key.knob && of->tid < found->key.tid);
        if (nearer && was_written(restore, now, original))
            found = original;
    }
    return found;
}

/* Threads born after the mask was set inherited it: they get what their class had. */
static void restore_heirs(const Restore *restore)
{
    for (unsigned i = 0; i < setting_list_size(restore->observed); i++) {
        const Setting *now = setting_list_get(restore->observed, i);
        if (now->key.tid == 0 || setting_is_wanted(restore->wanted, &now->key))
            continue;
        const Original *original = original_of_class(restore, now);
        if (!original)
            continue;
        g_autofree char *value = value_to_put_back(restore, &now->key, original->original);
        setting_list_add(restore->threads, &now->key, value,
                         "value its class had before vmtuned changed it", NULL);
    }
}

SettingList *restore_make(GPtrArray *originals, const SettingList *wanted, const Guest *guest,
                          bool force, DiagList *diags)
{
    g_autoptr(SettingList) list = setting_list_new();
    g_autoptr(SettingList) others = setting_list_new();
    g_autoptr(SettingList) observed = observed_make(guest);
    Restore restore = {.originals = originals,
                       .wanted = wanted,
                       .guest = guest,
                       .force = force,
                       .observed = observed,
                       .others = others,
                       .threads = list,
                       .diags = diags};

    restore_originals(&restore, false);
    setting_list_sort(others);
    restore_originals(&restore, true);
    restore_heirs(&restore);
    for (unsigned i = 0; i < setting_list_size(others); i++) {
        const Setting *setting = setting_list_get(others, i);
        setting_list_add(list, &setting->key, setting->value, setting->reason, NULL);
    }
    setting_list_sort(list);
    return g_steal_pointer(&list);
}

SettingList *settle_make(GPtrArray *originals, const Guest *guest)
{
    g_autoptr(SettingList) observed = observed_make(guest);
    Restore restore = {.guest = guest, .observed = observed};
    SettingList *list = setting_list_new();

    for (guint i = 0; i < originals->len; i++) {
        const Original *original = g_ptr_array_index(originals, i);
        const Setting *now = setting_list_find(observed, &original->key);
        if (original->pending && now && now->key.tid_start == original->key.tid_start &&
            was_written(&restore, now, original))
            setting_list_add(list, &now->key, now->value, NULL, NULL);
    }
    setting_list_sort(list);
    return list;
}
