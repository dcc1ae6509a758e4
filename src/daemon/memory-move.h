/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Guests whose memory is moved to their vCPUs (numa.migrate_memory), one at a time. The main thread
 * decides after each cycle; a worker moves for a second, and is submitted again as long as that is
 * still wanted. Pages have no originals: where they were is nothing to be restored.
 */
#pragma once

#include "daemon/manager.h"

/* A move that came short of its goal is tried again after this. */
#define MEMORY_MOVE_RETRY_USEC G_TIME_SPAN_HOUR
/* One that reached it is not looked at again before this: memory.numa_stat comes after it by
 * seconds, and samples have their error. */
#define MEMORY_MOVE_SETTLE_USEC (10 * G_TIME_SPAN_MINUTE)

/* What it means to end one. */
#define MEMORY_MOVE_HELD "what is moved already stays"

typedef struct MemoryMove MemoryMove; /* private to memory-move.c */

GPtrArray *memory_moves_new(void);
/* After a cycle: begins what is due. */
void memory_moves_look(Manager *manager);
/* Ends what is under way; false: nothing is. It is not tried again until a new policy, "apply", or
 * the guest's next start. */
bool memory_move_hold(Manager *manager, const char *uuid);
/* A guest (uuid; NULL: all) may be tried again. */
void memory_moves_forget(Manager *manager, const char *uuid);
/* The daemon stops: what is under way ends after its call. */
void memory_moves_stop(Manager *manager);
/* How far they came. */
void memory_moves_note_jobs(Manager *manager);
/* How that of one guest stands, in words, owned by the caller; NULL: there is none. */
char *memory_move_words(const Manager *manager, const char *uuid);
