/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "model/history.h"

void history_entry_free(HistoryEntry *entry)
{
    if (!entry)
        return;
    g_free(entry->uuid);
    g_free(entry->name);
    g_free(entry->why);
    g_free(entry->result);
    g_free(entry->from);
    g_free(entry->to);
    g_free(entry->reason);
    g_free(entry->origin);
    g_free(entry);
}
