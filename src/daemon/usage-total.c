/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "daemon/usage-total.h"

#include <string.h>

typedef struct GuestTotal {
    GuestUsage *last; /* never NULL */
    UsageTotal classes[N_THREAD_CLASSES];
} GuestTotal;

struct UsageTotals {
    GMutex lock;
    GHashTable *guests; /* uuid, of the last sample → GuestTotal */
};

static void guest_total_free(gpointer data)
{
    GuestTotal *total = data;

    guest_usage_free(total->last);
    g_free(total);
}

static GHashTable *guests_new(void)
{
    return g_hash_table_new_full(g_str_hash, g_str_equal, NULL, guest_total_free);
}

UsageTotals *usage_totals_new(void)
{
    UsageTotals *totals = g_atomic_rc_box_new0(UsageTotals);

    g_mutex_init(&totals->lock);
    totals->guests = guests_new();
    return totals;
}

UsageTotals *usage_totals_ref(UsageTotals *totals)
{
    return g_atomic_rc_box_acquire(totals);
}

static void totals_clear(UsageTotals *totals)
{
    g_hash_table_unref(totals->guests);
    g_mutex_clear(&totals->lock);
}

void usage_totals_unref(UsageTotals *totals)
{
    g_atomic_rc_box_release_full(totals, (GDestroyNotify)totals_clear);
}

static uint64_t grown(uint64_t before, uint64_t now)
{
    return now > before ? now - before : 0;
}

/* known: a thread that was not there in the sample before is new, and all it used counts. */
static void add_threads(GuestTotal *total, const GuestUsage *usage, bool known)
{
    for (guint i = 0; i < usage->threads->len; i++) {
        const ThreadUsage *thread = &g_array_index(usage->threads, ThreadUsage, i);
        const ThreadUsage *before =
            known ? guest_usage_thread(total->last, thread->tid, thread->starttime) : thread;
        UsageTotal *sum = &total->classes[thread->thread_class];
        if (!thread->counted)
            continue;
        sum->counted = true;
        sum->cpu_nsec += grown(before ? before->cpu_nsec : 0, thread->cpu_nsec);
        sum->delay_nsec += grown(before ? before->delay_nsec : 0, thread->delay_nsec);
    }
}

/* Takes usage over. */
static GuestTotal *guest_total_next(GuestTotal *before, GuestUsage *usage)
{
    GuestTotal *total = before ? before : g_new0(GuestTotal, 1);

    if (before && usage->time_usec != 0 && usage->time_usec <= before->last->time_usec) {
        guest_usage_free(usage);
        return total;
    }
    add_threads(total, usage, before != NULL);
    guest_usage_free(total->last);
    total->last = usage;
    return total;
}

void usage_totals_add(UsageTotals *totals, GPtrArray *sample)
{
    g_mutex_lock(&totals->lock);
    g_autoptr(GHashTable) before = totals->guests;
    totals->guests = guests_new();
    while (sample->len > 0) {
        GuestUsage *usage = g_ptr_array_steal_index_fast(sample, sample->len - 1);
        gpointer known = NULL;
        g_hash_table_steal_extended(before, usage->uuid, NULL, &known);
        GuestTotal *total = guest_total_next(known, usage);
        g_hash_table_insert(totals->guests, total->last->uuid, total);
    }
    g_mutex_unlock(&totals->lock);
}

void usage_totals_get(UsageTotals *totals, const char *uuid, UsageTotal ret[N_THREAD_CLASSES])
{
    static const GuestTotal none;

    g_mutex_lock(&totals->lock);
    const GuestTotal *total = g_hash_table_lookup(totals->guests, uuid);
    memcpy(ret, (total ? total : &none)->classes, sizeof(none.classes));
    g_mutex_unlock(&totals->lock);
}
