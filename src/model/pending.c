/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "model/pending.h"

static void setting_free(gpointer data)
{
    PendingSetting *setting = data;

    g_free(setting->wanted);
    g_free(setting->live);
    g_free(setting->next);
    g_free(setting->reason);
    g_free(setting->origin);
    g_free(setting);
}

PendingList *pending_list_new(void)
{
    PendingList *list = g_atomic_rc_box_new0(PendingList);

    list->items = g_ptr_array_new_with_free_func(setting_free);
    return list;
}

PendingList *pending_list_ref(const PendingList *list)
{
    return g_atomic_rc_box_acquire((PendingList *)list);
}

static void pending_list_clear(gpointer data)
{
    PendingList *list = data;

    g_ptr_array_unref(list->items);
}

void pending_list_unref(PendingList *list)
{
    if (list)
        g_atomic_rc_box_release_full(list, pending_list_clear);
}

PendingSetting *pending_list_add(PendingList *list, const SettingKey *key)
{
    PendingSetting *setting = g_new0(PendingSetting, 1);

    setting->key = *key;
    setting->key.plane = PLANE_CONFIG;
    g_ptr_array_add(list->items, setting);
    return setting;
}

unsigned pending_list_size(const PendingList *list)
{
    return list->items->len;
}

const PendingSetting *pending_list_get(const PendingList *list, unsigned i)
{
    return g_ptr_array_index(list->items, i);
}

const char *pending_expected(const PendingSetting *setting)
{
    return setting->of_policy ? setting->wanted : setting->next;
}
