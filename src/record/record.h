/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The record: what was changed, the values from before, and how it ended. SQLite, WAL,
 * synchronous=FULL: the original is on disk before the machine changes, one transaction per guest
 * and round. Thread-safe (one lock). Calls block on the disk: workers only, and main() before the
 * loop runs.
 *
 * Live and actual originals belong to one QEMU process, keyed by boot id, PID and start time, and
 * go with it. Config originals belong to the guest. A thread's original belongs to its tid and
 * start time.
 */
#pragma once

#include "model/history.h"

typedef struct Record Record;

typedef struct ProcessKey {
    const char *uuid;
    const char *name; /* for people */
    const char *boot_id;
    pid_t pid;
    uint64_t starttime; /* pid 0: the guest is off; only config settings are meant */
} ProcessKey;

typedef enum RecordResult {
    RECORD_DONE = 0,
    RECORD_NEWER = 1,   /* written by a newer vmtuned: left as it is */
    RECORD_CORRUPT = 2, /* not a database, or damaged: left as it is */
} RecordResult;

/* What is known of one QEMU process. */
typedef struct ProcessFlags {
    bool known;       /* seen before */
    bool manual;      /* manual by detection, judged when it was first seen */
    bool released;    /* restored and left alone */
    uint64_t settled; /* digest of the plan it was last seen right with; 0: never */
} ProcessFlags;

/* Opens or creates directory/record.db. RECORD_DONE, RECORD_NEWER, RECORD_CORRUPT or negative
 * errno; *reterr_text says why in words. */
int record_open(const char *directory, Record **ret, char **reterr_text);
/* One that is not open: every call fails with -ENODATA until record_check() could open it. */
Record *record_new(const char *directory);
/* Opens it if it is not open, or anew if its file is no longer the one in the directory (removed,
 * replaced, another file system): what the old one had is lost. One that a call found damaged
 * (-EUCLEAN) is closed and judged as if it had just been found. With probe it also writes, to find
 * out whether there is room. As record_open(). */
int record_check(Record *record, bool probe, char **reterr_text);
void record_close(Record *record);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Record, record_close)

/* Before the changes are made: keeps the from value of every change that has no original yet (of
 * drift: the to value, which held until somebody changed it; of a thread born under vmtuned's mask:
 * the original of its class, not the mask), and to as the value written; adds history rows. One
 * transaction; 0 means it is on disk; -ESTALE: its file is no longer in the directory. why: "plan",
 * of which a change that is drift has "drift", or "restore". *ret_batch names the batch for
 * record_finish(). Negative errno: nothing was kept on disk, and *ret_batch stays as it is. */
int record_begin(Record *record, const ProcessKey *process, const ChangeSet *changes,
                 const char *why, int64_t *ret_batch);

/* After: results[i] is a static word for change i ("done", "refused", …). A change that was not
 * made loses its written value and, if this batch kept it, its original. "half": not made, but the
 * old value is gone too; the original stays, as of a write that was cut off. 0 or negative errno.
 * batch 0: record_begin() failed, and the changes were made all the same. What was made is kept in
 * memory, known to record_originals() while the disk can be read, and written (why: "late") with
 * the next transaction that succeeds, that of record_check() at the latest. */
int record_finish(Record *record, const ProcessKey *process, int64_t batch,
                  const ChangeSet *changes, const char *const *results);

/* Ends what a batch without record_finish(), or with "half", left open: the value of each key is
 * what vmtuned wrote last. 0, or negative errno: not on disk, but kept until it can be. */
int record_settle(Record *record, const ProcessKey *process, const SettingList *values);

/* Originals of this process (actual, live) and of the guest (config). Array of Original, never
 * NULL. 0 or negative errno. */
int record_originals(Record *record, const ProcessKey *process, GPtrArray **ret);

/* Forgets originals that were put back: those in keys, or all of the guest if keys is NULL. */
int record_forget(Record *record, const ProcessKey *process, const SettingList *keys);

int record_get_flags(Record *record, const ProcessKey *process, ProcessFlags *ret);
/* Negative errno: not on disk, but kept until they can be. */
int record_set_flags(Record *record, const ProcessKey *process, const ProcessFlags *flags);

/* A guest vmtuned is to start anew once it is off. */
typedef struct RestartEntry {
    char *uuid, *name, *boot_id;
    pid_t pid; /* of the process that is to end */
    uint64_t starttime;
    char *on_reboot; /* what the guest's own reboot did before vmtuned made it end the guest; NULL:
                        the guest was asked to shut down instead */
    int64_t until_usec; /* CLOCK_MONOTONIC of that boot: not waited for any longer; 0: for as long
                           as it takes */
} RestartEntry;
RestartEntry *restart_entry_copy(const RestartEntry *entry);
void restart_entry_free(RestartEntry *entry);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(RestartEntry, restart_entry_free)
/* Before anything is done to the guest; one for each guest. 0 means it is on disk. */
int record_restart_keep(Record *record, const RestartEntry *entry);
int record_restart_forget(Record *record, const char *uuid);
/* Array of RestartEntry. */
int record_restarts(Record *record, GPtrArray **ret);

/* Drops all that belongs to processes not among alive. Guests that are defined are there with pid
 * 0; what is kept of those that are not, and may come back, is bounded: the last 1,000. */
int record_drop_dead(Record *record, const ProcessKey *alive, unsigned n_alive);

/* Every guest that has originals, for "restore --all": array of char * uuids. */
int record_guests(Record *record, GPtrArray **ret);

/* Which entries: of these guests (uuids, or the names they had then; NULL or empty: all), since
 * then, and the newest if there are more than limit. */
typedef struct HistoryQuery {
    const char *const *guests;
    int64_t since_usec;
    unsigned limit; /* 0: no limit */
} HistoryQuery;

/* Array of HistoryEntry, the newest first. Kept: the last 10,000. */
int record_history(Record *record, const HistoryQuery *query, GPtrArray **ret);
