/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The host's own settings, as the Manager knows them between cycles: what cycle.c is for guests.
 * Looked at with the list of guests, planned after them, tuned beside them. A foreign change is
 * told and left (drift: report) until a new policy, "apply" without guests, or the daemon's start.
 */
#pragma once

#include "daemon/host-job.h"
#include "daemon/list-job.h"

/* A pool that could not be had whole, or what the kernel refused, is tried again after this. */
#define HOST_RETRY_USEC G_TIME_SPAN_HOUR

/* While nothing is asked of it, it is looked at so often, for those who want to see its memory. */
#define HOST_IDLE_LOOK_USEC G_TIME_SPAN_MINUTE

struct HostState {
    bool dirty;                 /* needs a look */
    struct HostPoolJob *tuning; /* under way; NULL: none, or it was abandoned */
    bool in_flight;             /* a job is on its way, or was abandoned and is still at work */
    uint64_t pages_job;         /* see jobs.h; 0: it changes no pool */
    uint64_t n_pages;           /* how many that is to make or give back */
    bool apply_now;             /* "apply" was asked for */
    bool restore, force;        /* "restore" was asked for */
    bool reclaimed;             /* it was released, and "apply" asked for: the record is to know */
    bool replanned;             /* not tuned since the plan changed: what it no longer names goes
                                   back */
    bool released;              /* after restore: left alone until "apply" or the next boot */
    Host *host;                 /* last look; NULL: never */
    int64_t looked_usec;        /* monotonic, of that look */
    SettingList *originals;     /* sorted; NULL: not known */
    HostPlan *plan, *settled;   /* current; last one that was found in force */
    ChangeSet *left, *refused;  /* never NULL */
    SettingList *ceilings;      /* HostInput.ceilings, sorted; never NULL */
    int64_t refused_usec;       /* monotonic, since when refused and ceilings hold */
    unsigned drift_count, write_count;
};

HostState *host_state_new(void);
void host_state_free(HostState *state);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(HostState, host_state_free)

/* A new policy: it is applied also where somebody else changed a setting. */
void host_state_reset(HostState *state);
/* What a request about all guests asks of the host. */
void host_state_request(HostState *state, const Request *request);
/* Whether a look is due with the next list of guests. */
bool host_state_is_due(const Manager *manager);
/* Takes the look of a job (HOST_LOOK) over. */
void host_state_take(Manager *manager, HostJob *job);
/* Plans the host, and compares. After the guests' plans. */
void host_state_plan(Manager *manager);
/* Submits a job if something is to be changed, which counts in jobs_pending. */
void host_state_tune(Manager *manager);
/* How far the pools came. */
void host_state_note_job(Manager *manager);
/* At the end of a cycle: requests are served, unless they wait for a job that hangs. */
void host_state_end(HostState *state);
/* What that guest lacks to start now; NULL: nothing is known to be short. Borrowed. */
const MemoryShortage *host_state_shortage(const Manager *manager, const char *uuid);
/* True if nothing differs and nothing was refused. */
bool host_state_is_right(const HostState *state);
