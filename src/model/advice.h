/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Advice: what was found that the policy does not cover, or that vmtuned must not change. */
#pragma once

#include <glib.h>

/* The ids are stable: policies name them in advice.ignore. */
typedef enum AdviceId {
    ADVICE_NO_VHOST_NET,
    ADVICE_PINNED_BY_HAND,
    ADVICE_TRANSIENT,
    ADVICE_UNSUPPORTED,
    ADVICE_EMULATED,
    ADVICE_CPU_DEFAULT_MODEL,
    ADVICE_VCPUS_TOO_MANY,
    ADVICE_CELLS,
    ADVICE_HPET,
    ADVICE_KVMCLOCK_OFF,
    ADVICE_CLOCK_TSC,
    ADVICE_WINDOWS_PLAIN,
    ADVICE_DISK_NOT_VIRTIO,
    ADVICE_DISK_SCSI_CONTROLLER,
    ADVICE_DISK_QCOW2,
    ADVICE_DISK_BACKING_CHAIN,
    ADVICE_DISK_HOST_CACHE,
    ADVICE_DISK_NO_IOTHREAD,
    ADVICE_NIC_NOT_VIRTIO,
    ADVICE_NIC_NO_VHOST,
    ADVICE_NIC_ONE_QUEUE,
    ADVICE_NIC_SHARED_MEMORY,
    ADVICE_NO_HUGEPAGES,
} AdviceId;
#define N_ADVICES (ADVICE_NO_HUGEPAGES + 1)

typedef struct Advice {
    AdviceId id;
    char *guest, *uuid; /* NULL: the host */
    char *device;       /* disk, NIC or setting; NULL: all of the guest */
    char *reason;       /* why, in words */
    char *command;      /* what to do about it; NULL: nothing can be done on this host */
} Advice;

void advice_free(Advice *advice);

const char *advice_name(AdviceId id); /* "disk-not-virtio" */
const char *advice_doc(AdviceId id);  /* one line */
/* All names, in order, NULL-ended. */
const char *const *advice_names(void);
