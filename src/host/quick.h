/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The quick pass: is every thread of this guest still where it was wanted, and its memory where it
 * was? One readdir and one sched_getaffinity per thread, no parsing: about 0.3 µs a thread, where a
 * status file costs 12; and, as that is slow to change, at every QUICK_MEMORY_PASSES-th pass one
 * move_pages(2) that asks about 256 pages, some 40 µs whatever the guest's size.
 */
#pragma once

#include "model/guest.h"
#include "model/setting.h"

typedef struct QuickWatch QuickWatch; /* frozen; may be read from any thread */

/* From a deep look and the Settings wanted then (thread entries of the actual plane). Asks nothing
 * of the process that it could hold up. */
QuickWatch *quick_watch_new(const GuestKernel *kernel, const SettingList *wanted);
void quick_watch_free(QuickWatch *watch);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(QuickWatch, quick_watch_free)

/* Of so many passes the memory is looked at in one: as the daemon's passes are spread over the
 * guests, each costs the same. */
#define QUICK_MEMORY_PASSES 8u
/* Less is noise of the samples, or of pages that come and go. */
#define QUICK_MEMORY_MOVED_PCT 10u

/* HOST_DONE: all threads as wanted (within online); HOST_CHANGED: one is new, gone or elsewhere;
 * HOST_GONE: the process ended; negative errno: could not read. */
int quick_check(const QuickWatch *watch, const CpuSet *online);
/* The same of its memory: HOST_CHANGED if QUICK_MEMORY_MOVED_PCT of it and more is on another node
 * than the look saw. May hang as long as that memory is locked: in a worker alone. */
int quick_check_memory(const QuickWatch *watch);
