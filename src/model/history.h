/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What was changed, as the record has it. */
#pragma once

#include "model/setting.h"

typedef struct HistoryEntry {
    int64_t id;        /* ascending in the order of the changes; none comes twice */
    int64_t time_usec; /* CLOCK_REALTIME, right before the change */
    char *uuid, *name; /* of the guest, as it was called then; "host" both: the host */
    char *why;         /* "plan", "drift": put right; "restore"; "late": any of them, made while the
                          record could not be written */
    char *result;      /* "done", "refused" …; "unfinished": not known */
    SettingKey key;
    char *from, *to;       /* NULL: not set */
    char *reason, *origin; /* as Change has them; NULL: not known */
} HistoryEntry;
void history_entry_free(HistoryEntry *entry);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(HistoryEntry, history_entry_free)
