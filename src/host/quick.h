/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The quick pass: is every thread of this guest still where it was wanted, and its memory where it
 * was? One readdir and one sched_getaffinity per thread, no parsing: about 0.3 µs a thread, where a
 * status file costs 12; and one move_pages(2) that asks about 256 pages, some 40 µs whatever the
 * guest's size.
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

/* Less is noise of the samples, or of pages that come and go. */
#define QUICK_MEMORY_MOVED_PCT 10u

/* May hang as long as the process's memory is locked: in a worker alone. HOST_DONE: all as wanted
 * (within online); HOST_CHANGED: a thread is new, gone or elsewhere, or QUICK_MEMORY_MOVED_PCT of
 * the memory and more is on another node than the look saw; HOST_GONE: the process ended; negative
 * errno: could not read. */
int quick_check(const QuickWatch *watch, const CpuSet *online);
/* The part of it that looks at the memory. */
int quick_check_memory(const QuickWatch *watch);
