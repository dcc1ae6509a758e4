/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What was changed while the record could not be written: kept in memory until it can. Inside
 * record/ only; whoever calls holds Record.lock.
 */
#pragma once

#include "record/record.h"

/* Of one owner: a process, or (boot id "", pid 0) the guest. */
typedef struct Unwritten {
    char *uuid, *name, *boot_id;
    pid_t pid;
    uint64_t starttime;
    ChangeSet *made;    /* first value to last value, each setting once */
    ChangeSet *half;    /* the last write of a setting, if it was made by half: after made */
    ProcessFlags flags; /* known: they are to be written */
} Unwritten;

/* An array of Unwritten. */
GPtrArray *unwritten_new(void);
/* results as in record_finish(); originals: those known so far. Bounded: past that, what is new is
 * not kept. */
void unwritten_add(GPtrArray *list, const ProcessKey *process, const ChangeSet *changes,
                   const char *const *results, const GPtrArray *originals);
void unwritten_set_flags(GPtrArray *list, const ProcessKey *process, const ProcessFlags *flags);
/* NULL: there are none. Borrowed. */
const ProcessFlags *unwritten_flags(const GPtrArray *list, const ProcessKey *process);
/* Merges what is of that process, and of the guest, into an array of Original from the disk. */
void unwritten_merge(const GPtrArray *list, const ProcessKey *process, GPtrArray *originals);
/* Drops those of processes not among alive; guests stay. */
void unwritten_drop_dead(GPtrArray *list, const ProcessKey *alive, unsigned n_alive);
/* Strings borrowed. */
ProcessKey unwritten_process(const Unwritten *unwritten);

/* What a change replaces; of a foreign change to what was right all along, what it was then. */
const char *change_value_before(const Change *change);
