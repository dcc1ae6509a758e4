/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The host's memory as it is at one moment, and what is to be set there. Topo is what is there;
 * this is what changes by the second. Frozen once built; shared by reference.
 */
#pragma once

#include "model/setting.h"

/* The host in the record, among the uuids of guests. */
#define HOST_UUID "host"

/* A pool of huge pages. */
typedef struct HostPool {
    unsigned node; /* OS index */
    unsigned size_kib;
    uint64_t total;   /* nr_hugepages */
    uint64_t free;    /* of those, in nobody's use */
    uint64_t surplus; /* beyond the pool, as /proc/sys/vm/nr_overcommit_hugepages allows */
} HostPool;

typedef struct HostNode {
    unsigned node; /* OS index */
    uint64_t memory_kib, free_kib;
} HostNode;

typedef struct Host {
    SettingList *knobs; /* every knob of the host that is there, actual plane; sorted */
    SettingList *fixed; /* of those, what vmtuned may not write; reason: why; sorted */
    HostPool *pools;    /* sorted by node, size */
    unsigned n_pools;
    HostNode *nodes; /* sorted by node */
    unsigned n_nodes;
    uint64_t memory_kib, available_kib; /* MemTotal, MemAvailable */
    double pressure_pct; /* time in which somebody waited for memory, of the last 10 s (PSI); -1:
                            the kernel does not tell */
} Host;

Host *host_new(void); /* refcount 1, zeroed, no knobs, pressure -1; for host/ and tests */
Host *host_ref(const Host *host);
void host_unref(Host *host);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Host, host_unref)
/* NULL: there is no such pool. Borrowed. */
const HostPool *host_pool(const Host *host, unsigned node, unsigned size_kib);

/* Why a guest that is off would not start now. */
typedef struct MemoryShortage {
    char *uuid, *name;
    int node;          /* OS index; -1: the nodes it may use, together */
    unsigned size_kib; /* of a page; the base page size: ordinary memory */
    uint64_t pages;    /* how many more are needed */
} MemoryShortage;
void memory_shortage_free(MemoryShortage *shortage);
/* "will not start on node 1: 14 pages of 2 MiB short"; owned by the caller. */
char *memory_shortage_format(const MemoryShortage *shortage);
/* "its start failed: node 1 was 14 pages of 2 MiB short"; owned by the caller. */
char *memory_shortage_format_failed(const MemoryShortage *shortage);

/* What is to be set on the host. */
typedef struct HostPlan {
    SettingList *wanted;      /* actual plane; sorted */
    SettingList *unsupported; /* what policy asks for and cannot be had here; sorted */
    GPtrArray *shortages;     /* of MemoryShortage; by priority and name of the guests */
} HostPlan;
HostPlan *host_plan_new(void); /* refcount 1, empty */
HostPlan *host_plan_ref(const HostPlan *plan);
void host_plan_unref(HostPlan *plan);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(HostPlan, host_plan_unref)
/* The shortages of one guest; NULL: none. Borrowed. */
const MemoryShortage *host_plan_shortage(const HostPlan *plan, const char *uuid);

/* The name of a pool as an instance of host.pages: "1:2MiB". */
SettingKey host_pool_key(unsigned node, unsigned size_kib);
/* The other way. 0, -EINVAL. */
int host_pool_parse(const SettingKey *key, unsigned *ret_node, unsigned *ret_size_kib);
/* "2 MiB", "1 GiB", "64 KiB"; owned by the caller */
char *page_size_format(unsigned size_kib);
