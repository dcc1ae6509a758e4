/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The policy: the merged files, and what they mean for one guest.
 *
 * Every key of the schema is a row of one table (policy-key.c). Parser, merge, docs check and
 * "policy show" go by the table; the planner asks by key. A GuestPolicy has one slot per guest
 * key; an empty slot is an absent key, whose default the getters below supply.
 */
#pragma once

#include "base/diag.h"
#include "model/cpu-expr.h"

typedef enum PolicyMode { MODE_OBSERVE, MODE_ENFORCE } PolicyMode;
typedef enum PersistMode { PERSIST_NEVER, PERSIST_COLD, PERSIST_ALL } PersistMode;
typedef enum DriftMode { DRIFT_ENFORCE, DRIFT_REPORT, DRIFT_IGNORE } DriftMode;
typedef enum CpuPolicy { CPU_SHARED, CPU_DEDICATED, CPU_MIXED, CPU_MANUAL } CpuPolicy;
typedef enum ThreadPolicy { THREADS_PREFER, THREADS_REQUIRE, THREADS_ISOLATE } ThreadPolicy;
/* Order as virDomainNumatuneMemMode, so that the number is libvirt's. */
typedef enum NumaMode { NUMA_STRICT, NUMA_PREFERRED, NUMA_INTERLEAVE, NUMA_RESTRICTIVE } NumaMode;
typedef enum ClassPolicy { CLASS_ABSENT, CLASS_SHARE, CLASS_ISOLATE, CLASS_LIST } ClassPolicy;

const char *policy_mode_name(PolicyMode mode);
const char *cpu_policy_name(CpuPolicy policy);
const char *numa_mode_name(NumaMode mode);
/* The value of numa.nodeset, "strict:0-1"; nodes may be NULL. mode: NumaMode; -1: NULL. Owned by
 * the caller. */
char *nodeset_format(int mode, const CpuSet *nodes);

/* "file:line" a value came from; file is shared (g_ref_string), never NULL in a set value. */
typedef struct Origin {
    char *file; /* GRefString */
    unsigned line;
    unsigned column; /* in characters, from 1 */
} Origin;
/* "file:line", or "default" for NULL or an empty origin. */
char *origin_format(const Origin *origin);

typedef enum PolicyValueKind {
    VALUE_BOOL,   /* u: 0, 1 */
    VALUE_UINT,   /* u: number, bytes, microseconds or percent, by the key's type */
    VALUE_REAL,   /* real */
    VALUE_WORD,   /* u: index into the key's words; text: the word */
    VALUE_STRING, /* text */
    VALUE_CPUS,   /* cpus: expression */
    VALUE_SET,    /* set: vCPU list or node list */
    VALUE_LIST,   /* entries without keys */
    VALUE_MAP,    /* entries with keys, sorted by key (numbers by number, before words) */
} PolicyValueKind;

typedef struct PolicyValue PolicyValue;
typedef struct PolicyEntry {
    char *key; /* NULL in a list */
    PolicyValue *value;
} PolicyEntry;
struct PolicyValue {
    PolicyValueKind kind;
    Origin origin;
    uint64_t u;
    double real;
    char *text; /* every kind but lists and maps: as written, without quotes */
    CpuExpr *cpus;
    CpuSet *set;
    PolicyEntry *entries;
    unsigned n_entries;
};
PolicyValue *policy_value_ref(const PolicyValue *value); /* values are shared and never change */
void policy_value_unref(PolicyValue *value);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(PolicyValue, policy_value_unref)
bool policy_value_equal(const PolicyValue *a, const PolicyValue *b); /* origin aside */
char *policy_value_format(const PolicyValue *value); /* as one would write it in YAML flow style */
/* The same text for equal values, however they were written: numbers in the unit of their key. */
char *policy_value_format_plain(const PolicyValue *value);
/* Empty, one reference; its maker fills it before anyone else sees it. */
PolicyValue *policy_value_new(PolicyValueKind kind, const Origin *origin);
/* Hands over the array and what it holds; a map's entries get sorted. */
void policy_value_take_entries(PolicyValue *value, PolicyEntry *entries, unsigned n_entries);
/* The entry of a map under that key; NULL: none, or value is NULL or no map. Borrowed. */
const PolicyValue *policy_value_entry(const PolicyValue *value, const char *key);
/* over on top of base: maps merge entry by entry, anything else of over replaces. Either may be
 * NULL. The origin is over's. A new reference. */
PolicyValue *policy_value_merge(const PolicyValue *base, const PolicyValue *over);

/* Keys that hold a value (leaves and maps), in the order of docs/POLICY.md. HOST keys live once in
 * Policy, GUEST keys in every rule and in defaults. */
typedef enum PolicyKey {
    /* top level and host */
    KEY_MODE,
    KEY_INTERVAL,
    KEY_HOST_HOUSEKEEPING_CPUS,
    KEY_HOST_CPU_OVERCOMMIT,
    KEY_HOST_RESERVED_MEMORY,
    KEY_HOST_REBALANCE,
    KEY_HOST_HUGEPAGES,
    KEY_HOST_THP,
    KEY_HOST_KSM,
    KEY_HOST_NUMA_BALANCING,
    KEY_HOST_ZONE_RECLAIM_MODE,
    KEY_ADVICE_IGNORE,
    /* guest */
    KEY_PRIORITY,
    KEY_PERSIST,
    KEY_DRIFT,
    KEY_CPU_POLICY,
    KEY_CPU_DEDICATED_VCPUS,
    KEY_CPU_PINS,
    KEY_CPU_THREADS,
    KEY_CPU_EMULATOR,
    KEY_CPU_IOTHREADS,
    KEY_CPU_VHOST,
    KEY_CPU_WEIGHT,
    KEY_CPU_QUOTA,
    KEY_CPU_TOPOLOGY,
    KEY_CPU_CACHE,
    KEY_CPU_HINTS,
    KEY_NUMA_MODE,
    KEY_NUMA_NODES,
    KEY_NUMA_STRATEGY,
    KEY_NUMA_MIGRATE_MEMORY,
    KEY_NUMA_DEVICES,
    KEY_NUMA_GUEST_CELLS,
    KEY_MEMORY_PAGE_SIZE,
    KEY_MEMORY_LOCKED,
    KEY_MEMORY_NOSHAREPAGES,
    KEY_MEMORY_ALLOCATION_THREADS,
    KEY_NETWORK_DRIVER,
    KEY_NETWORK_QUEUES,
    KEY_NETWORK_RX_QUEUE_SIZE,
    KEY_NETWORK_TX_QUEUE_SIZE,
    KEY_NETWORK_PACKED,
    KEY_NETWORK_EVENT_IDX,
    KEY_NETWORK_MTU,
    KEY_NETWORK_INBOUND,
    KEY_NETWORK_OUTBOUND,
    KEY_NETWORK_NICS,
    KEY_DISK_CACHE,
    KEY_DISK_IO,
    KEY_DISK_DISCARD,
    KEY_DISK_DETECT_ZEROES,
    KEY_DISK_QUEUES,
    KEY_DISK_QUEUE_SIZE,
    KEY_DISK_IOTHREADS,
    KEY_DISK_IOTHREAD_POLL,
    KEY_DISK_IOTUNE,
    KEY_DISK_TARGETS,
    KEY_CLOCK_PROFILE,
    N_POLICY_KEYS,
} PolicyKey;

/* The guest's identity as rules match it. All borrowed; NULL where the guest has none. */
typedef struct PolicySubject {
    const char *name, *uuid, *title, *label, *partition, *os;
} PolicySubject;

typedef struct PolicyMatch {
    char *name, *uuid, *title, *label, *partition, *os; /* globs; NULL: any */
} PolicyMatch;

typedef struct PolicyRule {
    PolicyMatch match;
    Origin origin;
    PolicyValue *values[N_POLICY_KEYS]; /* guest keys only; NULL: absent */
} PolicyRule;

typedef struct Policy {
    PolicyValue *values[N_POLICY_KEYS];   /* top level and host keys */
    PolicyValue *defaults[N_POLICY_KEYS]; /* guest keys */
    GPtrArray *rules;                     /* of PolicyRule, in order of application */
    GPtrArray *files;                     /* of char *: every file that was read, in order */
} Policy;

PolicyRule *policy_rule_new(void); /* no condition, all absent */
void policy_rule_free(PolicyRule *rule);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(PolicyRule, policy_rule_free)

Policy *policy_new(void); /* refcount 1, all absent */
Policy *policy_ref(const Policy *policy);
void policy_unref(Policy *policy);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Policy, policy_unref)

PolicyMode policy_get_mode(const Policy *policy);
uint64_t policy_get_interval_usec(const Policy *policy);
/* host.rebalance: guests moved at a time (0: off), and what a move must gain, in percent. */
unsigned policy_get_rebalance_moves(const Policy *policy);
unsigned policy_get_rebalance_min_gain(const Policy *policy);
double policy_get_cpu_overcommit(const Policy *policy);
/* NULL: absent, the planner's default (the core of the lowest PU) holds. */
const CpuExpr *policy_get_housekeeping(const Policy *policy);
uint64_t policy_get_reserved_memory_kib(const Policy *policy, unsigned node);
/* What host.hugepages says of one pool. An entry without a node is for every node, one without a
 * size for pages of 2 MiB; of several entries the largest numbers hold. */
typedef struct PolicyPool {
    uint64_t min, reserved;    /* pages */
    const PolicyValue *origin; /* the entry; NULL: there is none */
} PolicyPool;
PolicyPool policy_get_pool(const Policy *policy, unsigned node, unsigned size_kib);
/* host.hugepages: auto; NULL: vmtuned does not size pools. Borrowed. */
const PolicyValue *policy_get_auto_pools(const Policy *policy);

typedef struct GuestPolicy {
    PolicyValue *values[N_POLICY_KEYS]; /* NULL: absent */
    bool named;                         /* a rule names the guest (managed); else only defaults */
    Origin named_by;                    /* the last rule that matched; empty if !named */
} GuestPolicy;

/* The effective policy of one guest: defaults, then every matching rule in order, key by key. Pure.
 * Refcount 1. */
GuestPolicy *policy_select(const Policy *policy, const PolicySubject *subject);
/* The very same values, by the same rule: not only equal ones. */
bool guest_policy_is_same(const GuestPolicy *a, const GuestPolicy *b);
GuestPolicy *guest_policy_ref(const GuestPolicy *policy);
void guest_policy_unref(GuestPolicy *policy);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(GuestPolicy, guest_policy_unref)

const PolicyValue *guest_policy_get(const GuestPolicy *policy, PolicyKey key); /* NULL: absent */
unsigned guest_policy_get_priority(const GuestPolicy *policy);
PersistMode guest_policy_get_persist(const GuestPolicy *policy);
DriftMode guest_policy_get_drift(const GuestPolicy *policy);
CpuPolicy guest_policy_get_cpu_policy(const GuestPolicy *policy);
ThreadPolicy guest_policy_get_threads(const GuestPolicy *policy);
/* key: KEY_CPU_EMULATOR, KEY_CPU_IOTHREADS or KEY_CPU_VHOST; *ret_list set for CLASS_LIST, borrowed
 */
ClassPolicy guest_policy_get_class(const GuestPolicy *policy, PolicyKey key,
                                   const CpuExpr **ret_list);
