/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "record/unwritten.h"

#include <string.h>

#define CHANGES_KEPT 50000u /* in all: a big host's guests, several times over */

static void unwritten_free(gpointer data)
{
    Unwritten *unwritten = data;

    g_free(unwritten->uuid);
    g_free(unwritten->name);
    g_free(unwritten->boot_id);
    change_set_unref(unwritten->made);
    change_set_unref(unwritten->half);
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
    unwritten->made = change_set_new();
    unwritten->half = change_set_new();
    g_ptr_array_add(list, unwritten);
    return unwritten;
}

const char *change_value_before(const Change *change)
{
    return change->drift ? change->to : change->from;
}

static void set_text(char **text, const char *value)
{
    char *copy = g_strdup(value);

    g_free(*text);
    *text = copy;
}

static bool is_class(const SettingKey *thread, const SettingKey *of)
{
    return thread->tid != 0 && of->tid != 0 &&
           ((of->knob == thread->knob && of->instance == thread->instance) ||
            (thread->knob == KNOB_VHOST_PIN && of->knob == KNOB_EMULATOR_PIN));
}

/* A thread without an original that has the mask vmtuned wrote for its class was born under it, and
 * has the original of its class, as in the record. NULL: it was not. */
static const Original *original_of_class(const GPtrArray *originals, const Change *thread)
{
    const char *mask = change_value_before(thread);

    if (original_find(originals, &thread->key))
        return NULL;
    for (guint i = 0; i < originals->len; i++) {
        const Original *original = g_ptr_array_index(originals, i);
        bool has_mask = g_strcmp0(original->written, mask) == 0 ||
                        (original->pending && g_strcmp0(original->previous, mask) == 0);
        if (has_mask && is_class(&thread->key, &original->key))
            return original;
    }
    return NULL;
}

/* An earlier write was cut off and left a third value, which this one failed to replace. */
static bool is_left_by_half(const GPtrArray *originals, const Change *change)
{
    const Original *original = original_find(originals, &change->key);

    return original && original->pending && g_strcmp0(original->written, change->from) != 0 &&
           g_strcmp0(original->previous, change->from) != 0;
}

/* The changes, with the original of their class as the first value of threads born meanwhile. */
static ChangeSet *changes_with_originals(const ChangeSet *changes, const GPtrArray *originals)
{
    ChangeSet *result = change_set_copy(changes);

    for (guint i = 0; i < result->items->len; i++) {
        Change *change = g_ptr_array_index(result->items, i);
        const Original *of = original_of_class(originals, change);
        if (!of)
            continue;
        set_text(&change->from, of->original);
        change->drift = false;
    }
    return result;
}

static Change *find_change(const ChangeSet *set, const SettingKey *key)
{
    return (Change *)change_set_find(set, key);
}

static void add_made(Unwritten *unwritten, const Change *change)
{
    Change *made = find_change(unwritten->made, &change->key);

    if (made)
        set_text(&made->to, change->to);
    else
        change_set_add(unwritten->made, &change->key, change_value_before(change), change->to);
}

static void add_change(Unwritten *unwritten, const Change *change, bool half)
{
    Change *before = find_change(unwritten->half, &change->key);

    if (before) {
        bool in_vain = !before->drift && g_strcmp0(before->from, change->from) == 0;
        if (!in_vain) {
            add_made(unwritten, before);
            set_text(&find_change(unwritten->made, &change->key)->to, change->from);
        }
        g_ptr_array_remove(unwritten->half->items, before);
    }
    if (half)
        change_set_add_copy(unwritten->half, change);
    else
        add_made(unwritten, change);
}

static bool has_room(const GPtrArray *list)
{
    unsigned n = 0;

    for (guint i = 0; i < list->len; i++) {
        const Unwritten *unwritten = g_ptr_array_index(list, i);
        n += change_set_size(unwritten->made) + change_set_size(unwritten->half);
    }
    return n < CHANGES_KEPT;
}

void unwritten_add(GPtrArray *list, const ProcessKey *process, const ChangeSet *changes,
                   const char *const *results, const GPtrArray *originals)
{
    const ProcessKey guest = {.uuid = process->uuid, .name = process->name, .boot_id = ""};
    g_autoptr(ChangeSet) own = changes_with_originals(changes, originals);

    for (unsigned i = 0; i < change_set_size(own); i++) {
        const Change *change = change_set_get(own, i);
        bool done = g_str_equal(results[i], "done");
        bool half =
            g_str_equal(results[i], "half") || (!done && is_left_by_half(originals, change));
        if (!half && !done)
            continue;
        Unwritten *owner = find_or_add(list, change->key.plane == PLANE_CONFIG ? &guest : process);
        bool is_known = change_set_find(owner->made, &change->key) ||
                        change_set_find(owner->half, &change->key);
        if (is_known || has_room(list))
            add_change(owner, change, half);
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

static Original *find_or_add_original(GPtrArray *originals, const Change *change)
{
    Original *original = original_find(originals, &change->key);

    if (original)
        return original;
    original = g_new0(Original, 1);
    original->key = change->key;
    original->original = g_strdup(change_value_before(change));
    original->written = g_strdup(change->from);
    g_ptr_array_add(originals, original);
    return original;
}

/* What becomes of an original by these changes, as in the record. */
static void merge_changes(GPtrArray *originals, const ChangeSet *changes, bool half)
{
    for (unsigned i = 0; i < change_set_size(changes); i++) {
        const Change *change = change_set_get(changes, i);
        Original *original = find_or_add_original(originals, change);
        if (!half)
            set_text(&original->previous, NULL);
        else if (!original->pending || g_strcmp0(original->written, change->from) == 0)
            set_text(&original->previous, original->written);
        else
            set_text(&original->previous, change->from);
        set_text(&original->written, change->to);
        original->pending = half;
    }
}

void unwritten_merge(const GPtrArray *list, const ProcessKey *process, GPtrArray *originals)
{
    const ProcessKey guest = {.uuid = process->uuid, .boot_id = ""};

    for (guint i = 0; i < list->len; i++) {
        const Unwritten *unwritten = g_ptr_array_index(list, i);
        if (!is_of(unwritten, process) && !is_of(unwritten, &guest))
            continue;
        merge_changes(originals, unwritten->made, false);
        merge_changes(originals, unwritten->half, true);
    }
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
