/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "model/counters.h"

static const uint64_t bounds_usec[N_DURATION_BOUNDS] = {
    1000, 3000, 10000, 30000, 100000, 300000, 1000000, 3000000, 10000000, 30000000,
};

const char *cycle_trigger_name(CycleTrigger trigger)
{
    switch (trigger) {
    case CYCLE_BY_REQUEST:
        return "request";
    case CYCLE_BY_INTERVAL:
        return "interval";
    case CYCLE_BY_EVENT:
        return "event";
    case CYCLE_BY_RETRY:
        return "retry";
    }
    return "unknown";
}

uint64_t duration_bound_usec(unsigned i)
{
    return bounds_usec[i];
}

void durations_add(Durations *durations, int64_t usec)
{
    uint64_t took = usec > 0 ? (uint64_t)usec : 0;
    unsigned i = 0;

    while (i < N_DURATION_BOUNDS && took > bounds_usec[i])
        i++;
    durations->counts[i]++;
    durations->sum_usec += took;
}
