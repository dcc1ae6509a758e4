/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One running guest on the fake, with a record in a directory of its own: what the tests of the
 * guest job start from.
 *
 * 16 CPUs, two nodes. Threads: 100 main, 101 worker, 102 vhost, 103 and 104 vCPUs, 105 IOThread,
 * 106 a helper in vCPU 0's cgroup. Before vmtuned came somebody had set worker 101 to 12-15 and the
 * guest's memory to restrictive:0-1, the one nodeset that can change while it runs.
 */
#pragma once

#include "common/fake-backend.h"
#include "daemon/guest-job.h"

#define GUEST_WORLD_BOOT "boot-1"
#define GUEST_WORLD_FIRST "0-15 12-15 0-15 0-15 0-15 0-15 0-15"

typedef struct GuestWorld {
    FakeBackend *fake;
    Guest *guest; /* in the fake; borrowed. NULL once it left */
    Topo *topo;
    Policy *policy;
    GuestPlan *plan;
    GuestPlan *settled;
    ProcessFlags flags;
    char *directory;
    Record *record;
    GPtrArray *copy;    /* of the record, for the next reopen; NULL: none */
    SettingList *first; /* the guest before vmtuned came */
} GuestWorld;

/* One set per vCPU in one text: "4|5". */
typedef struct PlanSpec {
    bool pinned;
    const char *vcpus, *emulator, *vhost, *iothread;
    unsigned weight;    /* 0: not touched */
    unsigned quota_pct; /* 0: not touched */
    const char *nodes;  /* restrictive, live; NULL: not touched */
    PersistMode persist;
} PlanSpec;

GuestWorld *guest_world_new(void);
void guest_world_free(GuestWorld *world);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(GuestWorld, guest_world_free)

/* Takes what is so now for what was before vmtuned came. */
void guest_world_set_first(GuestWorld *world);
void guest_world_set_plan(GuestWorld *world, const PlanSpec *spec);
/* The plan alone, for a guest with one IOThread. Owned by the caller. */
GuestPlan *plan_spec_make(const PlanSpec *spec, const Guest *guest, const Topo *topo);
/* Gives a new job all it needs but for results; NULL plan for RESTORE and LOOK. */
void guest_world_fill(const GuestWorld *world, GuestJob *job);
/* The same guest, started anew: other pid, other threads, no pins. */
void guest_world_restart(GuestWorld *world, pid_t pid);
/* A thread with the affinity its parent has. */
void guest_world_spawn(GuestWorld *world, pid_t tid, ThreadClass thread_class, pid_t parent);

/* Closes the record and goes on with it, or with the copy made by guest_world_copy_record(). */
void guest_world_reopen(GuestWorld *world);
/* What a crash now would leave on disk replaces the record at the next reopen. */
void guest_world_copy_record(GuestWorld *world);
/* Originals of the process, or of another one of that guest; array of Original. */
GPtrArray *guest_world_originals(const GuestWorld *world, pid_t pid);

/* Affinities of all threads in order of tid, "0 0 1 4 5 2 4". Owned by the caller. */
char *guest_world_affinities(const GuestWorld *world);
/* What differs from the first state, or from the plan; owned by the caller. */
ChangeSet *guest_world_diff_first(const GuestWorld *world);
ChangeSet *guest_world_diff_plan(const GuestWorld *world);
void guest_world_print(const ChangeSet *changes);
