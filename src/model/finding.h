/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What was found that costs performance, of the host or a guest. Advice is what "advise" tells: it
 * follows from the definitions and the policy. The rest is measured, and told by "doctor" alone.
 */
#pragma once

#include "model/guest.h"
#include "model/policy.h"

/* Where it costs. */
typedef enum FindingClass {
    FINDING_CPU,
    FINDING_MEMORY,
    FINDING_STORAGE,
    FINDING_NETWORK
} FindingClass;
#define N_FINDING_CLASSES (FINDING_NETWORK + 1)
const char *finding_class_name(FindingClass finding_class); /* "cpu" */

/* info: to know, and no fault; low: a few percent, or only sometimes; medium: shows under load;
 * high: the guest is many times slower, or does not get what it was promised. */
typedef enum Severity { SEVERITY_INFO, SEVERITY_LOW, SEVERITY_MEDIUM, SEVERITY_HIGH } Severity;
const char *severity_name(Severity severity); /* "info" */

/* The ids are stable: policies name them in advice.ignore. */
typedef enum FindingId {
    /* advice */
    FINDING_NO_VHOST_NET,
    FINDING_PINNED_BY_HAND,
    FINDING_TRANSIENT,
    FINDING_UNSUPPORTED,
    FINDING_EMULATED,
    FINDING_CPU_DEFAULT_MODEL,
    FINDING_VCPUS_TOO_MANY,
    FINDING_CELLS,
    FINDING_HPET,
    FINDING_KVMCLOCK_OFF,
    FINDING_CLOCK_TSC,
    FINDING_WINDOWS_PLAIN,
    FINDING_DISK_NOT_VIRTIO,
    FINDING_DISK_SCSI_CONTROLLER,
    FINDING_DISK_QCOW2,
    FINDING_DISK_BACKING_CHAIN,
    FINDING_DISK_HOST_CACHE,
    FINDING_DISK_NO_IOTHREAD,
    FINDING_DISK_IO_THREADS,
    FINDING_DISK_ONE_QUEUE,
    FINDING_NIC_NOT_VIRTIO,
    FINDING_NIC_NO_VHOST,
    FINDING_NIC_ONE_QUEUE,
    FINDING_NIC_SHARED_MEMORY,
    FINDING_NO_HUGEPAGES,
    /* measured */
    FINDING_POOL_OVERCOMMIT,
    FINDING_RUN_DELAY,
    FINDING_ACROSS_NODES,
    FINDING_REFUSED,
    FINDING_NOT_APPLIED,
    FINDING_NOT_EXCLUSIVE,
    FINDING_EMULATOR_ON_VCPUS,
    FINDING_IOTHREAD_ON_VCPUS,
    FINDING_VHOST_ON_VCPUS,
    FINDING_INTERRUPTS,
    FINDING_RIVAL_TUNER,
    FINDING_ISOLATED_CROWDED,
    FINDING_ISOLATED_UNUSED,
    FINDING_GOVERNOR,
    FINDING_CLOCKSOURCE,
    FINDING_HALT_POLLING,
    FINDING_ENTRY_FLUSH,
    FINDING_SMT_OFF,
    FINDING_NAMED_MODEL,
    FINDING_SHADOW_PAGING,
    FINDING_SPLIT_HUGE_PAGES,
    FINDING_REMOTE_MEMORY,
    FINDING_SMALL_PAGES,
    FINDING_THP_OFF,
    FINDING_SWAPPED,
    FINDING_MEMORY_OVERCOMMIT,
    FINDING_NODE_FULL,
    FINDING_PAGES_SHORT,
    FINDING_PAGE_MERGING,
    FINDING_NUMA_BALANCING,
    FINDING_NIC_DROPS,
} FindingId;
#define N_FINDINGS (FINDING_NIC_DROPS + 1)

typedef struct FindingInfo {
    const char *name; /* "disk-not-virtio" */
    FindingClass finding_class;
    Severity severity; /* where it is always the same, else the least */
    bool advice;
    const char *doc; /* one line */
} FindingInfo;
const FindingInfo *finding_info(FindingId id);
/* All names, in order, NULL-ended. */
void finding_names(const char *ret[N_FINDINGS + 1]);

/* A line of the policy that mends it: of the host, or in a rule for the guest. */
typedef struct Remedy {
    PolicyKey key;
    char *value; /* as in YAML */
} Remedy;
#define MAX_REMEDIES 2

typedef struct Finding {
    FindingId id;
    FindingClass finding_class;
    Severity severity;
    char *guest, *uuid; /* NULL: the host */
    char *device;       /* disk, NIC or setting; NULL: all of it */
    char *reason;       /* why, in words and numbers */
    char *command; /* what to do where the policy cannot; NULL: nothing on this host, or remedies */
    Remedy remedies[MAX_REMEDIES];
    unsigned n_remedies;
} Finding;

void finding_free(Finding *finding);
/* Array of Finding that owns them. */
GPtrArray *finding_list_new(void);
/* Adds one of the usual class and severity, with no words; guest NULL: the host. Borrowed. */
Finding *finding_add(GPtrArray *list, FindingId id, const Guest *guest);
/* At most MAX_REMEDIES. finding may be NULL: nothing is done. */
void finding_remedy(Finding *finding, PolicyKey key, const char *value);

/* "disk: {cache: none, io: native}"; NULL: the policy cannot mend it. Owned by the caller. */
char *finding_keys(const Finding *finding);
/* One file for /etc/vmtuned/policy.d that has all remedies of the list, each once; NULL: there are
 * none. Owned by the caller. */
char *finding_drop_in(const GPtrArray *list);
