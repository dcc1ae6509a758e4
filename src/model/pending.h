/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a running guest only gets at its next cold start. Frozen once built; shared by reference. */
#pragma once

#include "model/setting.h"

typedef struct PendingSetting {
    SettingKey key; /* plane config */
    bool of_policy; /* the policy wants a value; else somebody edited the definition */
    char *wanted;   /* of_policy; NULL: not set */
    char *live;     /* of the running guest; NULL: not set */
    char *next;     /* in the definition for the next start; NULL: not set */
    char *reason;   /* of_policy: why, in words; may be NULL */
    char *origin;   /* "file:line" of the policy; may be NULL */
} PendingSetting;

/* Sorted by key. */
typedef struct PendingList {
    GPtrArray *items; /* of PendingSetting, owned */
} PendingList;

PendingList *pending_list_new(void); /* refcount 1 */
PendingList *pending_list_ref(const PendingList *list);
void pending_list_unref(PendingList *list);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(PendingList, pending_list_unref)
/* Appends a setting with its key, the rest zeroed, to be filled in. Borrowed. */
PendingSetting *pending_list_add(PendingList *list, const SettingKey *key);
unsigned pending_list_size(const PendingList *list);
const PendingSetting *pending_list_get(const PendingList *list, unsigned i);
/* The value the next start is to bring. */
const char *pending_expected(const PendingSetting *setting);
