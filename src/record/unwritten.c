/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "record/unwritten.h"

#include <string.h>

#define ORIGINALS_KEPT 50000u /* in all: a big host's guests, several times over */

static void unwritten_free(gpointer data)
{
    Unwritten *unwritten = data;

    g_free(unwritten->uuid);
    g_free(unwritten->name);
    g_free(unwritten->boot_id);
    g_ptr_array_unref(unwritten->originals);
    g_free(unwritten);
}

GPtrArray *unwritten_new(void)
{
    return g_ptr_array_new_with_free_func(unwritten_free);
}

ProcessKey unwritten_process(const Unwritten *unwritten)
{
    return (ProcessKey){.uuid = unwritten->uuid,
                        .name = unwritten->name,
                        .boot_id = unwritten->boot_id,
                        .pid = unwritten->pid,
                        .starttime = unwritten->starttime};
}

static bool is_of(const Unwritten *unwritten, const ProcessKey *owner)
{
    return unwritten->pid == owner->pid && unwritten->starttime == owner->starttime &&
           strcmp(unwritten->uuid, owner->uuid) == 0 &&
           (owner->pid == 0 || strcmp(unwritten->boot_id, owner->boot_id) == 0);
}

static Unwritten *find(const GPtrArray *list, const ProcessKey *owner)
{
    for (guint i = 0; i < list->len; i++)
        if (is_of(g_ptr_array_index(list, i), owner))
            return g_ptr_array_index(list, i);
    return NULL;
}

static Unwritten *find_or_add(GPtrArray *list, const ProcessKey *owner)
{
    Unwritten *unwritten = find(list, owner);

    if (unwritten)
        return unwritten;
    unwritten = g_new0(Unwritten, 1);
    unwritten->uuid = g_strdup(owner->uuid);
    unwritten->name = g_strdup(owner->name);
    unwritten->boot_id = g_strdup(owner->boot_id);
    unwritten->pid = owner->pid;
    unwritten->starttime = owner->starttime;
    unwritten->originals = g_ptr_array_new_with_free_func((GDestroyNotify)original_free);
    g_ptr_array_add(list, unwritten);
    return unwritten;
}

static Original *find_key(const GPtrArray *originals, const SettingKey *key)
{
    for (guint i = 0; i < originals->len; i++) {
        Original *original = g_ptr_array_index(originals, i);
        if (setting_key_compare(&original->key, key) == 0)
            return original;
    }
    return NULL;
}

const char *change_value_before(const Change *change)
{
    return change->drift ? change->to : change->from;
}

/* As the record has it: what it was before anybody changed it, but of a thread that was born under
 * a mask of vmtuned's the original of its class: one of the first n, which were there before. */
static const char *first_value(const GPtrArray *originals, guint n, const Change *change)
{
    const SettingKey *key = &change->key;

    for (guint i = 0; key->tid != 0 && i < n; i++) {
        const Original *other = g_ptr_array_index(originals, i);
        const SettingKey *of = &other->key;
        bool is_class = (of->knob == key->knob && of->instance == key->instance) ||
                        (key->knob == KNOB_VHOST_PIN && of->knob == KNOB_EMULATOR_PIN);
        if (of->tid != 0 && is_class && g_strcmp0(other->written, change_value_before(change)) == 0)
            return other->original;
    }
    return change_value_before(change);
}

static void add_original(Unwritten *unwritten, guint n_before, const Change *change)
{
    Original *original = g_new0(Original, 1);

    original->key = change->key;
    original->original = g_strdup(first_value(unwritten->originals, n_before, change));
    original->written = g_strdup(change_value_before(change));
    g_ptr_array_add(unwritten->originals, original);
}

static void set_written(Original *original, const char *value, const char *previous, bool pending)
{
    char *old_written = original->written, *old_previous = original->previous;

    original->written = g_strdup(value);
    original->previous = g_strdup(previous);
    original->pending = pending;
    g_free(old_written);
    g_free(old_previous);
}

/* What vmtuned wrote before a write that was made by half; a third value is what that found. */
static const char *value_written_before(const Original *original, const Change *change)
{
    if (!original->pending || g_strcmp0(original->written, change->from) == 0)
        return original->written;
    return change->from;
}

static unsigned count(const GPtrArray *list)
{
    unsigned n = 0;

    for (guint i = 0; i < list->len; i++)
        n += ((const Unwritten *)g_ptr_array_index(list, i))->originals->len;
    return n;
}

static bool is_made(const char *result)
{
    return g_str_equal(result, "done") || g_str_equal(result, "half");
}

static void add_new(GPtrArray *list, Unwritten *const owners[2], const ChangeSet *changes,
                    const char *const *results)
{
    guint n_before = owners[0]->originals->len;

    for (unsigned i = 0; i < change_set_size(changes); i++) {
        const Change *change = change_set_get(changes, i);
        Unwritten *owner = owners[change->key.plane == PLANE_CONFIG];
        if (is_made(results[i]) && !find_key(owner->originals, &change->key) && count(list) < ORIGINALS_KEPT)
            add_original(owner, n_before, change);
    }
}

void unwritten_add(GPtrArray *list, const ProcessKey *process, const ChangeSet *changes,
                   const char *const *results)
{
    const ProcessKey guest = {.uuid = process->uuid, .name = process->name, .boot_id = ""};
    Unwritten *const owners[] = {find_or_add(list, process), find_or_add(list, &guest)};

    add_new(list, owners, changes, results);
    for (unsigned i = 0; i < change_set_size(changes); i++) {
        const Change *change = change_set_get(changes, i);
        Original *original =
            find_key(owners[change->key.plane == PLANE_CONFIG]->originals, &change->key);
        if (!original || !is_made(results[i]))
            continue;
        bool half = g_str_equal(results[i], "half");
        set_written(original, change->to, half ? value_written_before(original, change) : NULL,
                    half);
    }
}

void unwritten_set_flags(GPtrArray *list, const ProcessKey *process, const ProcessFlags *flags)
{
    ProcessFlags *ours = &find_or_add(list, process)->flags;

    *ours = *flags;
    ours->known = true;
}

const ProcessFlags *unwritten_flags(const GPtrArray *list, const ProcessKey *process)
{
    const Unwritten *unwritten = find(list, process);

    return unwritten && unwritten->flags.known ? &unwritten->flags : NULL;
}

static void merge_one(const Unwritten *unwritten, GPtrArray *originals)
{
    for (guint i = 0; i < unwritten->originals->len; i++) {
        const Original *from = g_ptr_array_index(unwritten->originals, i);
        Original *to = find_key(originals, &from->key);
        if (!to) {
            to = g_new0(Original, 1);
            to->key = from->key;
            to->original = g_strdup(from->original);
            g_ptr_array_add(originals, to);
        }
        set_written(to, from->written, from->previous, from->pending);
    }
}

void unwritten_merge(const GPtrArray *list, const ProcessKey *process, GPtrArray *originals)
{
    const ProcessKey guest = {.uuid = process->uuid, .boot_id = ""};

    for (guint i = 0; i < list->len; i++)
        if (is_of(g_ptr_array_index(list, i), process) ||
            is_of(g_ptr_array_index(list, i), &guest))
            merge_one(g_ptr_array_index(list, i), originals);
}

void unwritten_drop_dead(GPtrArray *list, const ProcessKey *alive, unsigned n_alive)
{
    for (guint i = list->len; i-- > 0;) {
        const Unwritten *unwritten = g_ptr_array_index(list, i);
        bool found = unwritten->pid == 0;
        for (unsigned j = 0; !found && j < n_alive; j++)
            found = is_of(unwritten, &alive[j]);
        if (!found)
            g_ptr_array_remove_index(list, i);
    }
}
