/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the daemon counts since its start, for metrics. Plain numbers that only grow. */
#pragma once

#include "model/knob.h"

#include <stdint.h>

/* What a cycle was begun for; the first of these that is true of it. */
typedef enum CycleTrigger {
    CYCLE_BY_REQUEST,  /* somebody on the bus asked for it */
    CYCLE_BY_INTERVAL, /* the policy's interval was over */
    CYCLE_BY_EVENT,    /* of libvirt or the host, a new policy, the start */
    CYCLE_BY_RETRY,    /* something could not be done before */
} CycleTrigger;
#define N_CYCLE_TRIGGERS (CYCLE_BY_RETRY + 1)
const char *cycle_trigger_name(CycleTrigger trigger); /* "request", "interval", "event", "retry" */

/* How long something took. Buckets are half a decade wide: from far below a plan of a small host to
 * the limit of a tuning. */
#define N_DURATION_BOUNDS 10
typedef struct Durations {
    uint64_t counts[N_DURATION_BOUNDS + 1]; /* by upper bound; the last one has none */
    uint64_t sum_usec;
} Durations;
/* Upper bound of a bucket (inclusive), ascending, i < N_DURATION_BOUNDS. */
uint64_t duration_bound_usec(unsigned i);
void durations_add(Durations *durations, int64_t usec); /* negative: 0 */

/* Of the settings of one knob, of all guests or the host. */
typedef struct KnobCounts {
    uint64_t drift;    /* foreign changes found */
    uint64_t repaired; /* of those, put right */
    uint64_t changed;  /* changes made, repairs among them */
    uint64_t refused;  /* changes refused by libvirt or the kernel, or without effect */
} KnobCounts;

typedef struct Counters {
    KnobCounts knobs[N_KNOBS];
    uint64_t cycles[N_CYCLE_TRIGGERS]; /* that were begun */
    uint64_t cycles_given_up;          /* of those, not brought to their end */
    uint64_t jobs_abandoned;           /* jobs of workers, past their deadline */
    Durations cycle, plan;             /* of whole cycles; of planning all guests */
} Counters;
