/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Pieces that several documents share. Every call returns a new object, never NULL but where JSON's
 * null is meant (json-c's null is NULL). */
#pragma once

#include "report/report.h"

/* {"version": 1, "exit": exit}; parts_set_exit() changes the latter. */
struct json_object *parts_document(ReportExit exit_status);
void parts_set_exit(struct json_object *document, ReportExit exit_status);
/* The one that decides the exit status of both together: bad input, mismatch, cold, well. */
ReportExit parts_worse(ReportExit a, ReportExit b);

struct json_object *parts_text(const char *text);      /* null for NULL */
struct json_object *parts_set(const CpuSet *set);      /* "0-3,8"; "" for NULL and empty */
struct json_object *parts_number(unsigned number);     /* null for 0 */
struct json_object *parts_time(int64_t realtime_usec); /* "2025-11-21T09:08:00Z"; null for 0 */
struct json_object *parts_names(char *const *names);   /* array; empty for NULL */

/* "nodes", "llcs" and "cores" of the topology document. free_now may be NULL. */
struct json_object *parts_nodes(const Topo *topo, const TopoFree *free_now);
struct json_object *parts_llcs(const Topo *topo);
struct json_object *parts_cores(const Topo *topo);

void parts_append_diags(struct json_object *array, const DiagList *diags); /* diags may be NULL */
/* Rows of "settings" in the plan document. changes may be NULL. */
void parts_append_changes(struct json_object *array, const char *subject, const ChangeSet *changes);
/* One row of "settings" in the documents of explain and verify. */
struct json_object *parts_setting(const SettingKey *key, const char *wanted, const char *observed,
                                  const char *reason, const char *origin);
/* All of them for one guest, with "in_force": wanted against observed; null where nobody looked.
 * observed may be NULL. */
struct json_object *parts_settings(const GuestStatus *status, const SettingList *wanted,
                                   const SettingList *observed);
/* An entry of "guests" in the plan document. */
struct json_object *parts_guest_plan(const GuestPlan *plan);
/* {"name", "error"}: a guest that is not there. */
struct json_object *parts_unknown_guest(const char *name);

/* name, uuid, state, text */
void parts_add_identity(struct json_object *entry, const GuestStatus *status);

/* "knob", "instance", "plane" */
void parts_add_key(struct json_object *row, const SettingKey *key);
/* What is left to others who keep changing it back. */
struct json_object *parts_contested(const GuestStatus *status);
/* What waits for its next cold start; with a subject each row has it. */
void parts_append_pending(struct json_object *array, const char *subject,
                          const GuestStatus *status);
struct json_object *parts_pending(const GuestStatus *status);
/* What the policy asks for and it cannot have. plan may be NULL. */
struct json_object *parts_unsupported(const GuestStatus *status);

/* Where its threads may run, as the kernel had them at the last look; null: nobody looked. One row
 * for each vCPU and IOThread, and for QEMU's other threads and vhost workers together. */
struct json_object *parts_now(const Guest *guest);
/* MiB by node, of those that hold one at least; null: not measured. */
struct json_object *parts_memory_mib(const GuestKernel *kernel);
/* Its memory by node and page size; null if it was not measured. And how much of it is where its
 * vCPUs are, in percent; null: not known. */
struct json_object *parts_memory(const GuestKernel *kernel);
struct json_object *parts_locality(const GuestStatus *status, const Topo *topo);

/* How one guest counts. */
ReportExit parts_guest_exit(const GuestStatus *status);
/* How the daemon itself counts: away from libvirt, without a plan, or with a rejected policy it
 * cannot say that all is well. */
ReportExit parts_snapshot_exit(const Snapshot *snapshot);

/* The host's own settings; null if nobody looked yet. */
struct json_object *parts_host(const HostStatus *host);
/* In one word. */
const char *parts_host_state(const HostStatus *host);
/* How they count. */
ReportExit parts_host_exit(const HostStatus *host);

/* The guests that were asked for: names NULL or empty: all. Calls of->make for each (or adds an
 * entry with "error") and returns the array; *exit_status becomes the worst of what it was and the
 * guests'. */
typedef struct PartsOf {
    struct json_object *(*make)(const GuestStatus *status, const void *context);
    const void *context;
    ReportExit (*exit_of)(const GuestStatus *status); /* NULL: how it stands is not judged */
} PartsOf;
struct json_object *parts_guests(const Snapshot *snapshot, const char *const *names,
                                 const PartsOf *of, ReportExit *exit_status);
