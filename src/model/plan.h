/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The plan: where every guest's vCPUs, helper threads and memory belong, and why. Frozen once
 * built; a GuestPlan is shared by reference with the worker that carries it out.
 *
 * Words: the pool is the set of CPUs of all guests that have none of their own. "Exclusive" CPUs
 * are those no other guest may run on: dedicated vCPUs, isolated helper PUs, and with
 * threads: isolate the siblings that are kept empty.
 */
#pragma once

#include "base/diag.h"
#include "model/guest.h"
#include "model/policy.h"
#include "model/setting.h"
#include "model/topo.h"

/* --- input --- */

typedef struct PlanGuest {
    const Guest *guest;
    const GuestPolicy *policy;
    bool running; /* keeps what it has where that is still valid; false: about to start */
    const struct GuestPlan *before; /* what vmtuned gave this process by its last plan: counts over
                                       the live definition, which somebody may have changed; NULL:
                                       not known, the live definition counts */
    bool manual;   /* manual by detection: left as it is, dedicated guests keep off its CPUs */
    bool released; /* after restore: left alone */
} PlanGuest;
/* References what it points to; plan_guest_clear() gives that back. */
PlanGuest plan_guest_ref(const PlanGuest *guest);
void plan_guest_clear(PlanGuest *guest);

typedef struct PlanInput {
    const Topo *topo;
    const Policy *policy;
    const PlanGuest *guests; /* any order; the result does not depend on it */
    unsigned n_guests;
    unsigned max_moves; /* running guests that may get other PUs than they have, and how large holes
                           count then (defrag); 0: as host.rebalance says, mostly none */
} PlanInput;

/* --- output --- */

typedef enum PlanResult { PLAN_PLACED, PLAN_REFUSED, PLAN_UNMANAGED } PlanResult;
const char *plan_result_name(PlanResult result); /* "placed", "refused", "unmanaged" */

/* What a refused guest lacks. */
typedef struct PlanShortage {
    const char *resource; /* static: "PUs", "cores", "memory", "pages", "pool PUs"; NULL: none */
    uint64_t amount;      /* how much more is needed */
    const char *unit;     /* static: "PUs", "cores", "MiB", "pages of 2048 KiB" … */
    int node;             /* OS index, or -1: no single node */
} PlanShortage;

typedef struct VcpuPlan {
    unsigned id;
    bool online;  /* false: pinned in advance for a hotplug to come */
    bool pinned;  /* through libvirt; false: pool mask by affinity only */
    CpuSet *cpus; /* the very set of the vCPU before it if that is equal */
} VcpuPlan;

typedef struct ClassPlan {
    unsigned id; /* IOThread id; 0 for emulator and vhost */
    bool pinned; /* emulator, IOThread: through libvirt; false: by affinity only */
    CpuSet *cpus;
    char *reason; /* never NULL */
    char *origin; /* may be NULL */
} ClassPlan;

typedef struct MemoryPlan {
    unsigned cell; /* guest cell; 0 without vNUMA */
    unsigned node; /* OS index */
    uint64_t mib;
} MemoryPlan;

typedef struct GuestPlan {
    char *uuid, *name;
    PlanResult result;
    char *reason;          /* one sentence, never NULL: why here, or why not */
    PlanShortage shortage; /* of a refused guest */
    CpuPolicy cpu_policy;  /* what it asked for */
    bool named, manual, released;
    bool moved; /* runs, and gets other PUs than it has, for a better plan */
    bool pool;  /* wears the pool mask (shared, unnamed, refused) */
    PersistMode persist;
    DriftMode drift;
    char *origin; /* of cpu.policy, or of the rule; NULL: default */

    CpuSet *allowed;      /* effective CPUs of its cgroup: what "not pinned" means */
    CpuSet *nodes, *llcs; /* those its vCPUs (placed guests: also memory) are on */
    int home;          /* node (OS index) on whose part of the pool it floats; -1: on all of it */
    CpuSet *exclusive; /* no other guest may run here */
    unsigned page_size_kib;
    VcpuPlan
        *vcpus; /* by id; in a pool guest and a refused one every online vCPU has the pool mask */
    unsigned n_vcpus;
    ClassPlan emulator, vhost;
    ClassPlan *iothreads;
    unsigned n_iothreads;
    MemoryPlan *memory;
    unsigned n_memory;

    int64_t weight; /* -1: not touched */
    char *weight_origin;
    int64_t quota_pct; /* -1: not touched; 0: none (unlimited) */
    char *quota_origin;
    int numa_mode; /* enum NumaMode; -1: numatune not touched */
    CpuSet *numa_nodes;
    bool numa_live; /* the running guest's nodeset can and may change now */
    char *numa_reason, *numa_origin;

    SettingList
        *knobs; /* of devices, clock and CPU model, in the planes they are wanted in; sorted */
    SettingList *unsupported; /* what policy asks for and this guest, libvirt, QEMU or kernel cannot
                                 have; reason: why. Sorted */

    char **intruders; /* names of guests whose planned masks still touch exclusive; sorted,
                         NULL-ended; NULL: none */
} GuestPlan;

typedef struct Plan {
    GuestPlan **guests; /* sorted by name, then uuid */
    unsigned n_guests;
    CpuSet *housekeeping;
    CpuSet *shared;    /* the pool on this host */
    CpuSet *exclusive; /* union over all guests */
    DiagList *diags;
} Plan;

/* One component of what a plan is worth (plan/score.h). */
typedef struct ScoreItem {
    const char *name; /* static */
    int priority;     /* of "refused": of those guests; else -1 */
    uint64_t value;   /* lower is better */
} ScoreItem;

/* refcount 1, zeroed, "not touched", words NULL; sets empty, those of emulator and vhost and
 * numa_nodes too: free one before another takes its place. */
GuestPlan *guest_plan_new(void);
GuestPlan *guest_plan_ref(const GuestPlan *plan);
void guest_plan_unref(GuestPlan *plan);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(GuestPlan, guest_plan_unref)
/* It is whole: from now on it shares what it can with others (model/cpuset.h). Once. */
void guest_plan_share(GuestPlan *plan);
/* Same wants (masks, pins, values); words (reasons, origins) do not count. */
bool guest_plan_equal(const GuestPlan *a, const GuestPlan *b);
/* A number for what guest_plan_equal() compares, the same in every run; never 0. */
uint64_t guest_plan_digest(const GuestPlan *plan);

/* Nodes of the CPUs its online vCPUs may run on. Owned by the caller. */
CpuSet *guest_plan_vcpu_nodes(const GuestPlan *plan, const Topo *topo);

/* Of 100 parts of its RAM, how many are on nodes where its vCPUs may run by the plan: by samples of
 * it; without them of all memory QEMU has for it, its own included. -1: not measured, or not
 * placed. */
int guest_plan_locality_pct(const GuestPlan *plan, const Topo *topo, const GuestKernel *kernel);

/* Where a thread of that class (vCPU or IOThread id) belongs; NULL: the plan does not say, as of
 * helpers. Borrowed. */
const CpuSet *guest_plan_thread_cpus(const GuestPlan *plan, ThreadClass thread_class, unsigned id);

Plan *plan_new(void); /* refcount 1, no guests, sets empty */
Plan *plan_ref(const Plan *plan);
void plan_unref(Plan *plan);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Plan, plan_unref)
const GuestPlan *plan_find(const Plan *plan, const char *uuid); /* NULL: not in it */
