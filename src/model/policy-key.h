/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The schema of the policy as one table. */
#pragma once

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

typedef struct PolicyKeyInfo {
    PolicyKey key;
    const char *path; /* "cpu.emulator", "host.thp", "mode" */
    PolicyScope scope;
    const char *default_text; /* as docs print it; NULL: vmtuned does not touch it */
    PolicyField field;
} PolicyKeyInfo;

const PolicyKeyInfo *policy_key_info(PolicyKey key);
/* By path; NULL if there is none. */
const PolicyKeyInfo *policy_key_by_path(const char *path);
