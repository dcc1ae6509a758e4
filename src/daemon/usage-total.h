/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What guests used of the CPUs since somebody first asked, by class of thread: sums that only grow,
 * though threads end. They are added up from one sample to the next, so what a thread used after
 * the last sample before its end is lost. Any thread may use it.
 */
#pragma once

#include "model/usage.h"

typedef struct UsageTotals UsageTotals;

UsageTotals *usage_totals_new(void); /* refcount 1 */
UsageTotals *usage_totals_ref(UsageTotals *totals);
void usage_totals_unref(UsageTotals *totals);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(UsageTotals, usage_totals_unref)

/* A sample of all guests: array of GuestUsage, whose entries are taken out of it. A guest that is
 * new begins with 0; one that is gone is forgotten; a sample older than the one before counts
 * nothing. */
void usage_totals_add(UsageTotals *totals, GPtrArray *sample);
/* By class; zero of a guest that is not known. */
void usage_totals_get(UsageTotals *totals, const char *uuid, UsageTotal ret[N_THREAD_CLASSES]);
