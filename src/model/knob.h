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
    KNOB_NUMA_CELLS,
    KNOB_NUMA_MEMNODE,
    KNOB_MEMORY_PAGE_SIZE,
    KNOB_MEMORY_LOCKED,
    KNOB_MEMORY_NOSHAREPAGES,
    KNOB_MEMORY_ALLOCATION_THREADS,
    KNOB_CPU_TOPOLOGY,
    KNOB_CPU_CACHE,
    KNOB_CPU_HINT_DEDICATED,
    KNOB_CPU_POLL_CONTROL,
    KNOB_CPU_HYPERV,
    KNOB_CLOCK_TIMER,
    KNOB_CLOCK_TICKPOLICY,
    KNOB_IOTHREAD_IDS,
    KNOB_IOTHREAD_POLL_MAX,
    KNOB_IOTHREAD_POLL_GROW,
    KNOB_IOTHREAD_POLL_SHRINK,
    KNOB_NET_DRIVER,
    KNOB_NET_QUEUES,
    KNOB_NET_RX_QUEUE_SIZE,
    KNOB_NET_TX_QUEUE_SIZE,
    KNOB_NET_PACKED,
    KNOB_NET_EVENT_IDX,
    KNOB_NET_MTU,
    KNOB_NET_INBOUND,
    KNOB_NET_OUTBOUND,
    KNOB_DISK_CACHE,
    KNOB_DISK_IO,
    KNOB_DISK_DISCARD,
    KNOB_DISK_DETECT_ZEROES,
    KNOB_DISK_QUEUES,
    KNOB_DISK_QUEUE_SIZE,
    KNOB_DISK_IOTHREAD,
    KNOB_DISK_IOTUNE,
    KNOB_SCSI_QUEUES,
    KNOB_SCSI_IOTHREAD,
    /* of the host; in the order they are set in */
    KNOB_HOST_PAGES,
    KNOB_HOST_THP,
    KNOB_HOST_THP_DEFRAG,
    KNOB_HOST_NUMA_BALANCING,
    KNOB_HOST_ZONE_RECLAIM_MODE,
    KNOB_HOST_KSM_MERGE_ACROSS_NODES,
    KNOB_HOST_KSM_PAGES_TO_SCAN,
    KNOB_HOST_KSM_SLEEP_MILLISECS,
    KNOB_HOST_KSM_RUN,
} Knob;
#define N_KNOBS (KNOB_HOST_KSM_RUN + 1)

/* What the kernel does; libvirt's definition of the running guest; the one for its next start. */
typedef enum Plane { PLANE_ACTUAL, PLANE_LIVE, PLANE_CONFIG } Plane;
#define N_PLANES (PLANE_CONFIG + 1)

typedef enum KnobType {
    KNOB_TYPE_CPUS,    /* list of CPUs; absent in a definition = all */
    KNOB_TYPE_WEIGHT,  /* 2…10000, 100 = default */
    KNOB_TYPE_PERCENT, /* of one CPU per vCPU, "none" */
    KNOB_TYPE_NODESET, /* "mode:nodes" */
    KNOB_TYPE_TEXT,    /* libvirt's word or number */
    KNOB_TYPE_FIELDS,  /* "name=value,name=value": attributes or children of one element */
} KnobType;

typedef enum KnobChange { KNOB_LIVE, KNOB_HOT, KNOB_COLD } KnobChange;
/* What a knob is set on: all of the guest, or one of several things of a kind. */
typedef enum KnobInstance {
    INSTANCE_GUEST,
    INSTANCE_VCPU,
    INSTANCE_IOTHREAD,
    INSTANCE_CELL,       /* NUMA cell of the guest */
    INSTANCE_CONTROLLER, /* virtio-scsi controller, by its index */
    INSTANCE_NIC,        /* by MAC address, lower case */
    INSTANCE_DISK,       /* by target */
    INSTANCE_TIMER,      /* by name: "hpet" */
    INSTANCE_FEATURE,    /* Hyper-V enlightenment, by name: "relaxed" */
    INSTANCE_HOST,
    INSTANCE_POOL, /* pool of huge pages, by node and size: "1:2MiB" (model/host.h) */
} KnobInstance;
#define N_INSTANCES (INSTANCE_POOL + 1)

/* One part of a KNOB_TYPE_FIELDS value. */
typedef struct KnobField {
    const char *name;
    const char *absent; /* means the same as no such field, and is left out; NULL: nothing does */
} KnobField;

typedef struct KnobInfo {
    Knob knob;
    const char *name;
    KnobType type;
    KnobInstance instance;        /* in the definitions */
    KnobInstance instance_actual; /* in the actual plane: the cgroups and threads behind it */
    KnobChange change;
    bool planes[N_PLANES];
    bool per_thread;         /* also observed and set on each thread by affinity */
    bool host;               /* of the host, not of a guest; actual plane only */
    bool edited;             /* config is written by an edit of the definition, not by a call */
    bool with_cold;          /* cold knobs need it: persist: cold writes it too */
    const char *absent;      /* KNOB_TYPE_TEXT: what "not set" means; NULL: nothing else */
    const KnobField *fields; /* KNOB_TYPE_FIELDS: in the order of the value; ends with name NULL */
    const char *observes;    /* who reads it, in words */
    const char *applies;     /* who writes it, in words */
    const char *doc;
} KnobInfo;

const KnobInfo *knob_info(Knob knob);
/* -1 if there is none of that name */
int knob_by_name(const char *name);
/* True if the instances have names, in SettingKey.device; else numbers, or there is only one. */
bool knob_instance_is_named(KnobInstance instance);
const char *knob_instance_name(KnobInstance instance); /* "guest", "vcpu", "nic" … */
/* The names there can be of a kind that has a fixed set (timers, enlightenments), NULL-ended; NULL
 * for other kinds. */
const char *const *knob_instance_names(KnobInstance instance);

/* The value of a KNOB_TYPE_FIELDS knob from the values of its fields, in the order of info->fields
 * (NULL: no such field). Owned by the caller; NULL if there is none. */
char *knob_fields_format(const KnobInfo *info, const char *const *values);
/* The other way: *ret has an entry for each of info->fields, NULL for what is not there; freed with
 * knob_fields_free(). value may be NULL. 0, -EINVAL. */
int knob_fields_parse(const KnobInfo *info, const char *value, char ***ret);
void knob_fields_free(const KnobInfo *info, char **values);
unsigned knob_fields_count(const KnobInfo *info);

const char *plane_name(Plane plane);
int plane_by_name(const char *name);
const char *knob_type_name(KnobType type);
const char *knob_change_name(KnobChange change);
