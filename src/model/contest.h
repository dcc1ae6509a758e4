/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Who is stronger: settings of one guest that somebody else keeps changing back. One that was
 * changed back CONTEST_REVERSALS times within CONTEST_WINDOW_USEC is contested: it is left as it is
 * until that is ended, since two that never give way only harm the guest between them.
 *
 * A setting is meant here as people mean it: its knob of one vCPU, IOThread or device, in all
 * planes and all threads. Pure: time is an argument.
 */
#pragma once

#include "model/setting.h"

/* An operator trying something out, or several tools that start with the host, change a setting a
 * few times; what does it more often does it again and again. */
#define CONTEST_REVERSALS 5u
/* So long that a job run every ten minutes is found out; one that runs every hour costs a write an
 * hour. */
#define CONTEST_WINDOW_USEC G_TIME_SPAN_HOUR

typedef struct Contested {
    SettingKey key;     /* see contest_key() */
    int64_t since_usec; /* CLOCK_REALTIME; 0: not told yet */
    char *rival;        /* who does it, in words; NULL: not told yet */
} Contested;

typedef struct Contest Contest;

Contest *contest_new(void);
void contest_free(Contest *contest);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Contest, contest_free)
Contest *contest_copy(const Contest *contest);

/* The setting that key is a plane or a thread of. */
SettingKey contest_key(const SettingKey *key);

/* The setting was found changed by somebody else, and would be put right. now_usec: monotonic, the
 * same for all that one look found, which is one reversal of a setting however many of its threads
 * differ. True: it is contested from now on. */
bool contest_note(Contest *contest, const SettingKey *key, int64_t now_usec);
/* It could not be put right at all: changed back at once, each time. True: it is contested from now
 * on; false: it was already. */
bool contest_give_up(Contest *contest, const SettingKey *key);

/* Marks the changes of settings that are contested; contest NULL: none is. What is carried by a
 * marked change is marked too: they are of one setting. */
void contest_mark(const Contest *contest, ChangeSet *changes);

/* NULL: it is not contested. Borrowed. */
Contested *contest_find(const Contest *contest, const SettingKey *key);
unsigned contest_size(const Contest *contest); /* how many are contested; NULL: 0 */
/* Sorted by key. Borrowed. */
Contested *contest_get(const Contest *contest, unsigned i);

/* "vcpu.pin 0 and 3 more are contested: likely numad (PID 812)"; NULL if nothing is. Owned by the
 * caller. */
char *contest_format(const Contest *contest);
