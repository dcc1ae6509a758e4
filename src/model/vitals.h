/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What was measured of the host and its guests between two moments, a second apart: what "doctor"
 * judges (plan/doctor.h). host/vitals.h measures it; frozen then. What could not be read is absent.
 */
#pragma once

#include "model/finding.h"
#include "model/host.h"
#include "model/usage.h"

/* A program that runs here and is known to set what vmtuned sets. All static. */
typedef struct Tuner {
    const char *name;
    pid_t pid;
    unsigned ways;      /* how it can change settings of a guest; private to host/rival.c */
    const char *does;   /* in words, what it does besides; NULL: it is no tuner by itself */
    const char *remedy; /* a command for people; NULL with does */
    bool interrupts;    /* only those, and guests without CPUs of their own do not mind */
} Tuner;

/* Interrupts of one device on one CPU, in the sample. */
typedef struct InterruptCount {
    unsigned irq, cpu;
    uint64_t count; /* never 0 */
    char *device;   /* as the driver calls it, "virtio3-input.0"; may be "" */
} InterruptCount;

/* MAX_ORDER + 1 of every kernel is at most this (arm64 with pages of 16 KiB: 12; 64 KiB: 14). */
#define BLOCK_ORDERS 16u

/* A parameter of the kernel that costs guests as it is now. All static. */
typedef struct KernelFault {
    FindingId finding;
    const char *evidence, *remedy; /* in words; a command */
} KernelFault;

typedef struct NodeVitals {
    unsigned node; /* OS index */
    uint64_t memory_kib;
    uint64_t free_kib;             /* free, or page cache */
    uint64_t blocks[BLOCK_ORDERS]; /* free blocks of 2^order pages */
} NodeVitals;
/* Free memory in blocks of that size and larger. */
uint64_t node_vitals_blocks_kib(const NodeVitals *node, unsigned base_page_kib, unsigned size_kib);

/* Packets of one NIC that its guest did not take, as the host's end of it counts them. */
typedef struct NicDrops {
    char *mac, *device; /* lower case; "vnet0" */
    uint64_t dropped;   /* in the sample */
    uint64_t total;     /* since the device is there */
} NicDrops;

typedef struct GuestVitals {
    char *uuid;
    uint64_t swap_kib;          /* of its process */
    GArray *drops;              /* of NicDrops */
    GuestUsage *before, *after; /* NULL: it is off */
} GuestVitals;

typedef struct Vitals {
    int64_t sample_usec; /* between the two moments */
    Host *host;          /* NULL: not read */
    GArray *tuners;      /* of Tuner, by pid */
    GArray *interrupts;  /* of InterruptCount, by irq and CPU; interrupts of the kernel itself, as
                            its timer, are not in it */
    GArray *nodes;       /* of NodeVitals, by node */
    CpuSet *slow_cpus;   /* kept at their lowest frequency by their governor */
    unsigned slow_mhz, max_mhz; /* of one of those: now, and what it could do */
    char *clocksource;          /* NULL: not known */
    GArray *kernel_faults;      /* of KernelFault */
    uint64_t merged_pages;      /* guests' pages that KSM saves */
    uint64_t hint_faults;       /* taken for NUMA balancing, in the sample */
    GPtrArray *guests;          /* of GuestVitals */
} Vitals;

Vitals *vitals_new(void); /* all arrays empty, sets empty */
void vitals_free(Vitals *vitals);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Vitals, vitals_free)
/* NULL: not measured. Borrowed. */
const GuestVitals *vitals_guest(const Vitals *vitals, const char *uuid);
const NodeVitals *vitals_node(const Vitals *vitals, unsigned node);
/* Adds one with nothing measured. Borrowed. */
GuestVitals *vitals_add_guest(Vitals *vitals, const char *uuid);
