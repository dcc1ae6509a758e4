/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Setting: one knob of one guest at one value. Plan, observation, change, record and restore all
 * speak in Settings, so one comparison serves them all.
 *
 * The value is text in one canonical form per knob type, so that values can be compared, stored and
 * printed without knowing the knob:
 *   CPUs     "0-3,8"           (cpuset_format)
 *   weight   "100"; "shares:1000" for v1 shares that no whole weight means
 *   percent  "150" or "none"; "12345/100000" (µs of quota and period) for a fraction of a percent
 *   nodeset  "strict:0-1", "restrictive:0"; in the actual plane only the nodes: "0-1"
 *   text     libvirt's word or number
 *   fields   "average=1000,peak=2000": in the order of the knob's table, without what is absent
 * NULL: not set (no pin, no cputune). setting_value_equal() knows what "not set" equals.
 */
#pragma once

#include "model/cpuset.h"
#include "model/knob.h"

#include <stdint.h>
#include <sys/types.h>

/* Room for a MAC address, a disk's target or the name of a timer, with the final NUL. */
#define DEVICE_NAME_SIZE 32

/* Which Setting. In the actual plane tid 0 is the cgroup and another tid that thread's affinity. */
typedef struct SettingKey {
    Knob knob;
    unsigned instance; /* id of a vCPU, IOThread, cell or controller; else 0 */
    Plane plane;
    pid_t tid;
    uint64_t tid_start; /* starttime of that thread; not part of the order of a key with tid 0 */
    char device[DEVICE_NAME_SIZE]; /* name of an instance that has one; else "" */
} SettingKey;

typedef struct Setting {
    SettingKey key;
    char *value;  /* canonical, or NULL: not set */
    char *reason; /* why, in words; may be NULL */
    char *origin; /* "file:line" of the policy; may be NULL */
    unsigned
        n_shared; /* by how many different lists; 0: it is its list's own. Only for setting.c */
} Setting;

/* Sorted by key, no key twice. */
typedef struct SettingList {
    GPtrArray *items; /* of Setting, owned; once shared, by other lists too */
    bool is_shared;
} SettingList;

/* A key of a named instance. False, and the key has no name, if the name is longer than any can be
 * that vmtuned handles, or empty. */
bool setting_key_set_device(SettingKey *key, const char *device);
int setting_key_compare(const SettingKey *a, const SettingKey *b); /* total order */
/* "vcpu.pin 3", "vcpu.pin 3 thread 4711", "emulator.pin": for people */
char *setting_key_format(const SettingKey *key);
/* instance column of tables and JSON: "3", "3/4711", "" */
char *setting_key_instance(const SettingKey *key);

SettingList *setting_list_new(void);
void setting_list_free(SettingList *list);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(SettingList, setting_list_free)
/* Appends; strings are copied. Call setting_list_sort() when all are in. */
void setting_list_add(SettingList *list, const SettingKey *key, const char *value,
                      const char *reason, const char *origin);
/* Appends with the value of a set; NULL set: not set. */
void setting_list_add_cpus(SettingList *list, const SettingKey *key, const CpuSet *cpus,
                           const char *reason, const char *origin);
/* Sorts by key; of the same key the last one added stays. */
void setting_list_sort(SettingList *list);
/* What lists of long life have equal is kept once: guests have most of their settings in common,
 * and many have all. The list must be sorted, and nothing is added any more. Ends by itself, with
 * the last list; the lists may belong to different threads. */
void setting_list_share(SettingList *list);
/* NULL if the list has no such key. The list must be sorted. */
const Setting *setting_list_find(const SettingList *list, const SettingKey *key);
/* Same keys and values. Both must be sorted. */
bool setting_list_equal(const SettingList *a, const SettingList *b);
unsigned setting_list_size(const SettingList *list);
const Setting *setting_list_get(const SettingList *list, unsigned i);

/* True if both mean the same to the machine. all: the CPUs (KNOB_TYPE_CPUS) a missing pin means;
 * affinities are compared within online, since the kernel leaves out CPUs that are off. Both may
 * be NULL for "every CPU". */
bool setting_value_equal(const SettingKey *key, const char *a, const char *b, const CpuSet *all,
                         const CpuSet *online);

/* --- changes --- */

typedef struct Change {
    SettingKey key;
    char *from;     /* observed; NULL: not set */
    char *to;       /* wanted; NULL: take it away */
    bool drift;     /* it was right before and somebody else changed it */
    bool contested; /* and does so again and again: it is left as it is (model/contest.h) */
    bool carried;   /* done by another change of the same knob and instance (libvirt's live call
                       writes definition, cgroup and affinity): recorded and checked, not written */
    char *reason;
    char *origin;
} Change;

/* In order of application. */
typedef struct ChangeSet {
    GPtrArray *items; /* of Change, owned */
} ChangeSet;

ChangeSet *change_set_new(void);
ChangeSet *change_set_ref(const ChangeSet *set);
void change_set_unref(ChangeSet *set);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ChangeSet, change_set_unref)
Change *change_set_add(ChangeSet *set, const SettingKey *key, const char *from, const char *to);
Change *change_set_add_copy(ChangeSet *set, const Change *change);
/* Another set of the same changes. */
ChangeSet *change_set_copy(const ChangeSet *set);
/* The first change of key; NULL: there is none. */
const Change *change_set_find(const ChangeSet *set, const SettingKey *key);
/* Takes those out of set that are in others too: same key, from and to. */
void change_set_drop(ChangeSet *set, const ChangeSet *others);
/* What differs in a key of others is vmtuned's own doing, not drift. */
void change_set_own(ChangeSet *set, const ChangeSet *others);
unsigned change_set_size(const ChangeSet *set);
/* How many are not contested. */
unsigned change_set_size_open(const ChangeSet *set);
const Change *change_set_get(const ChangeSet *set, unsigned i);
void change_free(Change *change);
/* True if it is made by an edit of the persistent definition: libvirt has no call for it. */
bool change_is_edit(const Change *change);
/* True if it sets the affinity of one thread, for which libvirt is not needed. */
bool change_is_of_thread(const Change *change);
/* True if nothing stands in the way of making it now: not what is left to others, nor foreign
 * changes that are to stay, nor, of a guest that hangs, what the kernel alone cannot set. */
bool change_may_be_made(const Change *change, bool keep_drift, bool threads_only);
/* True if making carrier (a libvirt live call: plane live, or actual with tid 0) also sets key: the
 * cgroup or a thread of the same knob and instance, or of any instance of a knob that libvirt has
 * once per guest. */
bool change_carries(const SettingKey *carrier, const SettingKey *key);

/* --- originals --- */

/* A value vmtuned replaced, as the record keeps it. */
typedef struct Original {
    SettingKey key;
    char *original; /* before the first change; NULL: not set */
    char *written;  /* what vmtuned wrote last */
    char *previous; /* what it wrote before that; only while pending */
    bool pending;   /* cut off while writing: previous or written may be in force */
} Original;

void original_free(Original *original);
/* That of key in an array of Original. Borrowed; NULL: there is none. */
Original *original_find(const GPtrArray *originals, const SettingKey *key);
