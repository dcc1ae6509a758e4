/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The schema of the policy as one table. */
#pragma once

#include "model/knob.h"
#include "model/policy.h"

typedef enum PolicyType {
    TYPE_BOOL,
    TYPE_UINT,     /* min…max */
    TYPE_RATIO,    /* real, min… */
    TYPE_PERCENT,  /* "150%" or 150 */
    TYPE_DURATION, /* microseconds; min…max */
    TYPE_SIZE,     /* bytes */
    TYPE_RATE,     /* bytes a second: a size, with or without "/s" */
    TYPE_WORD,     /* one of words */
    TYPE_STRING,
    TYPE_CPU_LIST,  /* CpuExpr */
    TYPE_NODE_LIST, /* plain list of node indexes */
    TYPE_VCPU_LIST, /* plain list of vCPU ids */
    TYPE_STRING_LIST,
    TYPE_MAP,     /* fixed fields: fields */
    TYPE_TABLE,   /* free keys of key_type, values as fields[0] */
    TYPE_RECORDS, /* a sequence of maps with fields */
} PolicyType;

/* Where a key may stand. */
typedef enum PolicyScope { SCOPE_HOST, SCOPE_GUEST } PolicyScope;

typedef struct PolicyField PolicyField;
struct PolicyField {
    const char *name; /* last part of the path */
    PolicyType type;
    const char *const *words;  /* TYPE_WORD: all; other types: words allowed besides; NULL-ended */
    uint64_t min, max;         /* max 0: no upper bound; lists: min 1 forbids the empty one */
    const PolicyField *fields; /* TYPE_MAP, TYPE_TABLE, TYPE_RECORDS; ends with name NULL */
    PolicyType key_type;       /* TYPE_TABLE: TYPE_UINT (up to CPUSET_MAX_INDEX) or TYPE_STRING */
    const char *doc;
};

#define KNOB_BIT(knob) (UINT64_C(1) << (knob))
G_STATIC_ASSERT(N_KNOBS <= 64);

typedef struct PolicyKeyInfo {
    PolicyKey key;
    const char *path; /* "cpu.emulator", "host.thp", "mode" */
    PolicyScope scope;
    const char *default_text; /* as docs print it; NULL: vmtuned does not touch it */
    const char *example;      /* a value */
    uint64_t knobs;           /* KNOB_BITs: what it has a say in; 0: no knob */
    PolicyField field;
} PolicyKeyInfo;

const PolicyKeyInfo *policy_key_info(PolicyKey key);
/* By path; NULL if there is none. */
const PolicyKeyInfo *policy_key_by_path(const char *path);

/* The conditions of match. */
typedef struct PolicyCondition {
    const char *name;
    size_t offset; /* of its glob in PolicyMatch, a char * */
    const char *doc;
} PolicyCondition;
const PolicyCondition *policy_condition(unsigned i); /* NULL past the end */

/* A key that has a meaning under one cpu.policy alone. */
typedef struct PolicyCompanion {
    PolicyKey key;
    CpuPolicy policy;
    bool required; /* and that policy needs it */
} PolicyCompanion;
const PolicyCompanion *policy_companion(unsigned i); /* NULL past the end */

/* What a field takes, in words: "a number from 2 to 10000", "share, isolate or a CPU list such as
 * "0-3,8,^2"". Owned by the caller. */
char *policy_field_expected(const PolicyField *field);
/* The key with that value as one line of YAML, "cpu: {policy: shared}". Owned by the caller. */
char *policy_key_write(const PolicyKeyInfo *info, const char *value);
