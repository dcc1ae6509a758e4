/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "model/setting.h"

#include "base/util.h"

#include <stdlib.h>
#include <string.h>

/* --- key --- */

bool setting_key_set_device(SettingKey *key, const char *device)
{
    bool fits = device && *device && strlen(device) < DEVICE_NAME_SIZE;

    memset(key->device, 0, sizeof(key->device));
    if (fits)
        memcpy(key->device, device, strlen(device));
    return fits;
}

int setting_key_compare(const SettingKey *a, const SettingKey *b)
{
    int r = CMP(a->knob, b->knob);
    if (r == 0)
        r = CMP(a->instance, b->instance);
    if (r == 0)
        r = strcmp(a->device, b->device);
    if (r == 0)
        r = CMP(a->plane, b->plane);
    if (r == 0)
        r = CMP(a->tid, b->tid);
    if (r == 0 && a->tid != 0)
        r = CMP(a->tid_start, b->tid_start);
    return r;
}

/* Appends which one, if there can be several. False: there is only one. */
static bool append_instance(GString *text, const SettingKey *key)
{
    const KnobInfo *info = knob_info(key->knob);
    KnobInstance kind = key->plane == PLANE_ACTUAL ? info->instance_actual : info->instance;

    if (kind == INSTANCE_GUEST || kind == INSTANCE_HOST)
        return false;
    if (knob_instance_is_named(kind))
        g_string_append(text, key->device);
    else
        g_string_append_printf(text, "%u", key->instance);
    return true;
}

char *setting_key_format(const SettingKey *key)
{
    GString *text = g_string_new(knob_info(key->knob)->name);
    gsize length = text->len;

    if (append_instance(text, key))
        g_string_insert_c(text, (gssize)length, ' ');
    if (key->tid)
        g_string_append_printf(text, " thread %d", (int)key->tid);
    return g_string_free(text, FALSE);
}

char *setting_key_instance(const SettingKey *key)
{
    GString *text = g_string_new(NULL);

    append_instance(text, key);
    if (key->tid)
        g_string_append_printf(text, "/%d", (int)key->tid);
    return g_string_free(text, FALSE);
}

/* --- list --- */

/* Settings that lists share, each a key of its own; none: NULL. The lock guards n_shared, too. */
static GMutex shared_lock;
static GHashTable *shared;
/* The items of whole lists that are equal → how many lists have them; of shared Settings, so that
 * they are equal if the pointers are. */
static GHashTable *shared_items;

static unsigned setting_hash(gconstpointer data)
{
    const Setting *setting = data;
    unsigned hash = g_str_hash(setting->key.device) + (unsigned)setting->key.knob;

    hash = hash * 31 + setting->key.instance;
    return setting->value ? hash * 31 + g_str_hash(setting->value) : hash;
}

static gboolean setting_same(gconstpointer a, gconstpointer b)
{
    const Setting *x = a, *y = b;

    return setting_key_compare(&x->key, &y->key) == 0 && g_strcmp0(x->value, y->value) == 0 &&
           g_strcmp0(x->reason, y->reason) == 0 && g_strcmp0(x->origin, y->origin) == 0;
}

static void setting_destroy(Setting *setting)
{
    g_free(setting->value);
    g_free(setting->reason);
    g_free(setting->origin);
    g_free(setting);
}

/* The list that frees it has it no more; others that share it may. */
static void setting_free(gpointer data)
{
    Setting *setting = data;

    g_mutex_lock(&shared_lock);
    bool is_last = setting->n_shared <= 1;
    if (setting->n_shared == 1)
        g_hash_table_remove(shared, setting);
    else if (setting->n_shared > 1)
        setting->n_shared--;
    if (shared && g_hash_table_size(shared) == 0)
        g_clear_pointer(&shared, g_hash_table_unref);
    g_mutex_unlock(&shared_lock);
    if (is_last)
        setting_destroy(setting);
}

static unsigned items_hash(gconstpointer data)
{
    const GPtrArray *items = data;
    unsigned hash = items->len;

    for (guint i = 0; i < items->len; i++)
        hash = hash * 31 + g_direct_hash(items->pdata[i]);
    return hash;
}

static gboolean items_same(gconstpointer a, gconstpointer b)
{
    const GPtrArray *x = a, *y = b;

    return x->len == y->len &&
           (x->len == 0 || memcmp(x->pdata, y->pdata, x->len * sizeof(x->pdata[0])) == 0);
}

/* Under the lock. The items a list is to have in place of these, with a reference of its own. */
static GPtrArray *items_share(GPtrArray *items)
{
    gpointer found = NULL, count = NULL;

    if (!shared_items)
        shared_items = g_hash_table_new(items_hash, items_same);
    if (!g_hash_table_lookup_extended(shared_items, items, &found, &count))
        found = items;
    g_hash_table_insert(shared_items, found, GUINT_TO_POINTER(GPOINTER_TO_UINT(count) + 1));
    return g_ptr_array_ref(found);
}

/* Nobody finds them any more once the last list has let them go. */
static void items_release(GPtrArray *items)
{
    g_mutex_lock(&shared_lock);
    unsigned count = GPOINTER_TO_UINT(g_hash_table_lookup(shared_items, items));
    if (count > 1)
        g_hash_table_insert(shared_items, items, GUINT_TO_POINTER(count - 1));
    else
        g_hash_table_remove(shared_items, items);
    if (g_hash_table_size(shared_items) == 0)
        g_clear_pointer(&shared_items, g_hash_table_unref);
    g_mutex_unlock(&shared_lock);
}

SettingList *setting_list_new(void)
{
    SettingList *list = g_new0(SettingList, 1);

    list->items = g_ptr_array_new_with_free_func(setting_free);
    return list;
}

void setting_list_free(SettingList *list)
{
    if (!list)
        return;
    if (list->is_shared)
        items_release(list->items);
    g_ptr_array_unref(list->items);
    g_free(list);
}

/* It would change other guests' lists. */
static void must_be_own(const SettingList *list)
{
    if (list->is_shared)
        abort();
}

void setting_list_add(SettingList *list, const SettingKey *key, const char *value,
                      const char *reason, const char *origin)
{
    Setting *setting = g_new0(Setting, 1);

    must_be_own(list);
    setting->key = *key;
    setting->value = g_strdup(value);
    setting->reason = g_strdup(reason);
    setting->origin = g_strdup(origin);
    g_ptr_array_add(list->items, setting);
}

void setting_list_add_cpus(SettingList *list, const SettingKey *key, const CpuSet *cpus,
                           const char *reason, const char *origin)
{
    g_autofree char *value = cpus ? cpuset_format(cpus) : NULL;

    setting_list_add(list, key, value, reason, origin);
}

static int compare_settings(gconstpointer a, gconstpointer b)
{
    const Setting *const *x = a, *const *y = b;

    return setting_key_compare(&(*x)->key, &(*y)->key);
}

void setting_list_sort(SettingList *list)
{
    must_be_own(list);
    /* Stable, so that of equal keys the last one added is the last one still. */
    g_ptr_array_sort(list->items, compare_settings);
    for (guint i = list->items->len; i-- > 1;) {
        if (compare_settings(&list->items->pdata[i - 1], &list->items->pdata[i]) == 0)
            g_ptr_array_remove_index(list->items, i - 1);
    }
}

/* Under the lock. */
static void setting_share(Setting **setting)
{
    if (!shared)
        shared = g_hash_table_new(setting_hash, setting_same);
    Setting *found = g_hash_table_lookup(shared, *setting);
    if (found) {
        setting_destroy(*setting);
        *setting = found;
    } else {
        g_hash_table_add(shared, *setting);
    }
    (*setting)->n_shared++;
}

void setting_list_share(SettingList *list)
{
    GPtrArray *own = list->items;

    if (list->is_shared)
        return;
    g_mutex_lock(&shared_lock);
    for (guint i = 0; i < own->len; i++)
        setting_share((Setting **)&own->pdata[i]);
    list->items = items_share(own);
    list->is_shared = true;
    g_mutex_unlock(&shared_lock);
    g_ptr_array_unref(own);
}

static int compare_key(const void *key, const void *element)
{
    const Setting *const *setting = element;

    return setting_key_compare(key, &(*setting)->key);
}

const Setting *setting_list_find(const SettingList *list, const SettingKey *key)
{
    if (list->items->len == 0)
        return NULL;

    Setting *const *found = bsearch(key, list->items->pdata, list->items->len,
                                    sizeof(list->items->pdata[0]), compare_key);
    return found ? *found : NULL;
}

bool setting_list_equal(const SettingList *a, const SettingList *b)
{
    bool equal = setting_list_size(a) == setting_list_size(b);

    for (unsigned i = 0; equal && i < setting_list_size(a); i++) {
        const Setting *one = setting_list_get(a, i), *two = setting_list_get(b, i);
        equal = setting_key_compare(&one->key, &two->key) == 0 &&
                g_strcmp0(one->value, two->value) == 0;
    }
    return equal;
}

unsigned setting_list_size(const SettingList *list)
{
    return list->items->len;
}

const Setting *setting_list_get(const SettingList *list, unsigned i)
{
    return g_ptr_array_index(list->items, i);
}

/* --- equality of values --- */

/* The set a value stands for, within online. NULL stands for all; all NULL for every CPU there can
 * be. NULL if value is no list. */
static CpuSet *value_cpus(const char *value, const CpuSet *all, const CpuSet *online)
{
    g_autoptr(CpuSet) set = NULL;

    if (value) {
        if (cpuset_parse(value, &set) < 0)
            return NULL;
    } else if (all) {
        set = cpuset_copy(all);
    } else {
        set = cpuset_new();
        hwloc_bitmap_fill(set);
    }
    return online ? cpuset_and(set, online) : g_steal_pointer(&set);
}

static bool cpus_equal(const SettingKey *key, const char *a, const char *b, const CpuSet *all,
                       const CpuSet *online)
{
    /* The kernel forgets CPUs that are off; a definition keeps them. */
    const CpuSet *within = key->plane == PLANE_ACTUAL ? online : NULL;
    g_autoptr(CpuSet) set_a = value_cpus(a, all, within);
    g_autoptr(CpuSet) set_b = value_cpus(b, all, within);

    if (!set_a || !set_b)
        return false;
    if (cpuset_equal(set_a, set_b))
        return true;
    if (key->tid != 0)
        return false;

    /* A pin that covers all is no pin. */
    g_autoptr(CpuSet) whole = value_cpus(NULL, all, within);
    return cpuset_is_subset(whole, set_a) && cpuset_is_subset(whole, set_b);
}

static bool nodes_equal(const char *a, const char *b)
{
    g_autoptr(CpuSet) set_a = NULL;
    g_autoptr(CpuSet) set_b = NULL;

    return cpuset_parse(a, &set_a) == 0 && cpuset_parse(b, &set_b) == 0 &&
           cpuset_equal(set_a, set_b);
}

bool setting_value_equal(const SettingKey *key, const char *a, const char *b, const CpuSet *all,
                         const CpuSet *online)
{
    if (g_strcmp0(a, b) == 0)
        return true;

    const KnobInfo *info = knob_info(key->knob);
    switch (info->type) {
    case KNOB_TYPE_CPUS:
        return cpus_equal(key, a, b, all, online);
    case KNOB_TYPE_WEIGHT:
        return strcmp(a ? a : "100", b ? b : "100") == 0;
    case KNOB_TYPE_PERCENT:
        return strcmp(a ? a : "none", b ? b : "none") == 0;
    case KNOB_TYPE_NODESET:
        return key->plane == PLANE_ACTUAL && a && b && nodes_equal(a, b);
    case KNOB_TYPE_TEXT:
        return g_strcmp0(a ? a : info->absent, b ? b : info->absent) == 0;
    case KNOB_TYPE_FIELDS:
        return false; /* in canonical form, and not the same */
    }
    return false;
}

/* --- changes --- */

void change_free(Change *change)
{
    if (!change)
        return;
    g_free(change->from);
    g_free(change->to);
    g_free(change->reason);
    g_free(change->origin);
    g_free(change);
}

static void change_destroy(gpointer data)
{
    change_free(data);
}

ChangeSet *change_set_new(void)
{
    ChangeSet *set = g_atomic_rc_box_new0(ChangeSet);

    set->items = g_ptr_array_new_with_free_func(change_destroy);
    return set;
}

static void change_set_clear(gpointer data)
{
    ChangeSet *set = data;

    g_ptr_array_unref(set->items);
}

ChangeSet *change_set_ref(const ChangeSet *set)
{
    return g_atomic_rc_box_acquire((ChangeSet *)set);
}

void change_set_unref(ChangeSet *set)
{
    if (set)
        g_atomic_rc_box_release_full(set, change_set_clear);
}

Change *change_set_add(ChangeSet *set, const SettingKey *key, const char *from, const char *to)
{
    Change *change = g_new0(Change, 1);

    change->key = *key;
    change->from = g_strdup(from);
    change->to = g_strdup(to);
    g_ptr_array_add(set->items, change);
    return change;
}

Change *change_set_add_copy(ChangeSet *set, const Change *change)
{
    Change *copy = change_set_add(set, &change->key, change->from, change->to);

    copy->drift = change->drift;
    copy->contested = change->contested;
    copy->carried = change->carried;
    copy->reason = g_strdup(change->reason);
    copy->origin = g_strdup(change->origin);
    return copy;
}

ChangeSet *change_set_copy(const ChangeSet *set)
{
    ChangeSet *copy = change_set_new();

    for (guint i = 0; i < set->items->len; i++)
        change_set_add_copy(copy, g_ptr_array_index(set->items, i));
    return copy;
}

const Change *change_set_find(const ChangeSet *set, const SettingKey *key)
{
    for (guint i = 0; i < set->items->len; i++) {
        const Change *change = g_ptr_array_index(set->items, i);
        if (setting_key_compare(&change->key, key) == 0)
            return change;
    }
    return NULL;
}

static bool change_set_has(const ChangeSet *set, const Change *change)
{
    for (guint i = 0; i < set->items->len; i++) {
        const Change *other = g_ptr_array_index(set->items, i);
        if (setting_key_compare(&other->key, &change->key) == 0 &&
            g_strcmp0(other->from, change->from) == 0 && g_strcmp0(other->to, change->to) == 0)
            return true;
    }
    return false;
}

void change_set_drop(ChangeSet *set, const ChangeSet *others)
{
    for (guint i = set->items->len; i-- > 0;)
        if (change_set_has(others, g_ptr_array_index(set->items, i)))
            g_ptr_array_remove_index(set->items, i);
}

void change_set_own(ChangeSet *set, const ChangeSet *others)
{
    for (guint i = 0; i < set->items->len; i++) {
        Change *change = g_ptr_array_index(set->items, i);
        if (change_set_find(others, &change->key))
            change->drift = false;
    }
}

unsigned change_set_size(const ChangeSet *set)
{
    return set->items->len;
}

unsigned change_set_size_open(const ChangeSet *set)
{
    unsigned n = 0;

    for (guint i = 0; i < set->items->len; i++)
        n += !((const Change *)g_ptr_array_index(set->items, i))->contested;
    return n;
}

const Change *change_set_get(const ChangeSet *set, unsigned i)
{
    return g_ptr_array_index(set->items, i);
}

bool change_is_edit(const Change *change)
{
    return change->key.plane == PLANE_CONFIG &&
           (!change->to || knob_info(change->key.knob)->edited);
}

bool change_is_of_thread(const Change *change)
{
    return change->key.tid != 0 && !change->carried;
}

bool change_may_be_made(const Change *change, bool keep_drift, bool threads_only)
{
    return !change->contested && !(change->drift && keep_drift) &&
           (!threads_only || change_is_of_thread(change));
}

/* --- originals --- */

void original_free(Original *original)
{
    if (!original)
        return;
    g_free(original->original);
    g_free(original->written);
    g_free(original->previous);
    g_free(original);
}

Original *original_find(const GPtrArray *originals, const SettingKey *key)
{
    for (guint i = 0; i < originals->len; i++) {
        Original *original = g_ptr_array_index(originals, i);
        if (setting_key_compare(&original->key, key) == 0)
            return original;
    }
    return NULL;
}
