/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The knob table: everything vmtuned can set. Diff, drift, explain, record, restore, "knobs" and
 * docs/KNOBS.md go by it. */
#pragma once

#include <glib.h>
#include <stdbool.h>

typedef enum Knob {
    KNOB_VCPU_PIN,
    KNOB_EMULATOR_PIN,
    KNOB_IOTHREAD_PIN,
    KNOB_VHOST_PIN,
    KNOB_CPU_WEIGHT,
    KNOB_CPU_QUOTA,
    KNOB_NUMA_NODESET,
} Knob;
#define N_KNOBS (KNOB_NUMA_NODESET + 1)

/* What the kernel does; libvirt's definition of the running guest; the one for its next start. */
typedef enum Plane { PLANE_ACTUAL, PLANE_LIVE, PLANE_CONFIG } Plane;
#define N_PLANES (PLANE_CONFIG + 1)

typedef enum KnobType {
    KNOB_TYPE_CPUS,    /* list of CPUs; absent in a definition = all */
    KNOB_TYPE_WEIGHT,  /* 2…10000, 100 = default */
    KNOB_TYPE_PERCENT, /* of one CPU per vCPU, "none" */
    KNOB_TYPE_NODESET, /* "mode:nodes" */
} KnobType;

typedef enum KnobChange { KNOB_LIVE, KNOB_HOT, KNOB_COLD } KnobChange;
typedef enum KnobInstance { INSTANCE_GUEST, INSTANCE_VCPU, INSTANCE_IOTHREAD } KnobInstance;

typedef struct KnobInfo {
    Knob knob;
    const char *name;
    KnobType type;
    KnobInstance instance;        /* in the definitions */
    KnobInstance instance_actual; /* in the actual plane: the cgroups and threads behind it */
    KnobChange change;
    bool planes[N_PLANES];
    bool per_thread;      /* also observed and set on each thread by affinity */
    const char *observes; /* who reads it, in words */
    const char *applies;  /* who writes it, in words */
    const char *doc;
} KnobInfo;

const KnobInfo *knob_info(Knob knob);
/* -1 if there is none of that name */
int knob_by_name(const char *name);
const char *plane_name(Plane plane);
int plane_by_name(const char *name);
const char *knob_type_name(KnobType type);
const char *knob_change_name(KnobChange change);
