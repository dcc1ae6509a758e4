/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How things stand: what the daemon knows after its last cycle. Frozen; every read over the bus is
 * answered from one Snapshot. */
#pragma once

#include "model/contest.h"
#include "model/counters.h"
#include "model/host.h"
#include "model/job.h"
#include "model/pending.h"
#include "model/plan.h"
#include "model/usage.h"

typedef enum GuestState {
    GUEST_OFF,           /* defined, not running */
    GUEST_AS_PLANNED,    /* looked at, nothing differs */
    GUEST_PENDING,       /* differs; will be, or may be (observe mode), changed */
    GUEST_DRIFTED,       /* somebody changed it and policy says only report */
    GUEST_CONTESTED,     /* right but for settings that somebody else keeps changing back */
    GUEST_COLD_PENDING,  /* right but for what needs a cold start */
    GUEST_NOT_EXCLUSIVE, /* as planned, but another guest can run on its CPUs */
    GUEST_REFUSED,       /* not placed; wears the pool mask */
    GUEST_UNMANAGED,     /* manual by detection */
    GUEST_RELEASED,      /* after restore */
    GUEST_BUSY,          /* in a job: left alone */
    GUEST_STUCK,         /* a call about it has not come back */
    GUEST_FAILED,        /* changes refused or without effect */
} GuestState;
#define N_GUEST_STATES (GUEST_FAILED + 1)
const char *guest_state_name(GuestState state);

typedef struct GuestStatus {
    char *uuid, *name;
    GuestState state;
    int64_t since_usec;   /* CLOCK_REALTIME of the last change of state */
    char *text;           /* more about the state; may be NULL */
    Guest *guest;         /* last deep look; NULL: never */
    GuestPolicy *policy;  /* effective; NULL while off and never asked */
    GuestPlan *plan;      /* NULL: not planned (off) */
    ChangeSet *left;      /* what differed at the last look, never NULL */
    ChangeSet *refused;   /* what libvirt will not have in its definitions; reason: its words; never
                             NULL */
    Contest *contest;     /* settings left to others; NULL: none */
    unsigned n_kept;      /* settings that its last restore did not put back */
    PendingList *pending; /* what waits for its next cold start; NULL: not known, or off */
    const char *restart;  /* static: what it waits for to be started anew; NULL: it is not to be */
    char *memory_move;    /* how moving its memory stands, in words; NULL: it is not moved */
    char **intruders;     /* seen on its CPUs; NULL: none */
    unsigned drift_count; /* foreign changes found since the daemon started */
    unsigned repair_count; /* of those, put right */
    unsigned write_count;  /* changes made */
    unsigned failure_count;
    UsageTotal usage[N_THREAD_CLASSES]; /* for metrics, else zero */
} GuestStatus;

/* The host's own settings. */
typedef struct HostStatus {
    Host *host;         /* last look; NULL: never */
    HostPlan *plan;     /* NULL: never planned */
    ChangeSet *left;    /* what differed at the last look; NULL: nothing */
    ChangeSet *refused; /* what the kernel would not do; reason: why; NULL: nothing */
    bool released;      /* restored, and left alone */
    unsigned drift_count, write_count;
} HostStatus;

typedef struct Snapshot {
    PolicyMode mode;
    bool connected;       /* to libvirt */
    bool policy_rejected; /* the newest policy had errors; the one before is in force */
    int64_t started_usec, last_cycle_usec; /* CLOCK_REALTIME; 0: none yet */
    uint64_t cycles;
    Topo *topo;
    Policy *policy;
    Plan *plan; /* NULL before the first cycle */
    HostStatus host;
    DiagList *policy_diags; /* of the last load, never NULL */
    char *record_problem;   /* NULL: fine */
    char **cannot;          /* what vmtuned may not do here, in words; NULL: nothing is missing */
    Counters counters;
    unsigned n_workers_hanging; /* whose call is slow, or has not come back */
    GPtrArray *guests;          /* of GuestStatus, sorted by name, uuid */
    GPtrArray *jobs;            /* of JobStatus, oldest first */
} Snapshot;

GuestStatus *guest_status_new(const char *uuid, const char *name);
void guest_status_free(GuestStatus *status);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(GuestStatus, guest_status_free)
/* vCPUs that are online; 0: not known. */
unsigned guest_status_vcpus(const GuestStatus *status);
/* Where its vCPUs may run: as planned, else as the kernel has the whole guest. Owned by the caller.
 */
CpuSet *guest_status_cpus(const GuestStatus *status);
/* How much of its memory is on the nodes of its vCPUs; negative: not known. topo may be NULL. */
int guest_status_locality_pct(const GuestStatus *status, const Topo *topo);
/* What it asks for, static; NULL: nobody knows yet. */
const char *guest_status_cpu_policy(const GuestStatus *status);
Snapshot *snapshot_new(void);
void snapshot_free(Snapshot *snapshot);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Snapshot, snapshot_free)
/* By uuid, else by name; NULL: none. */
const GuestStatus *snapshot_find(const Snapshot *snapshot, const char *uuid_or_name);
