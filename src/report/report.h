/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Model → JSON: the one place where the documents of docs/JSON.md are made. The daemon sends them
 * over the bus and vmtuned-ctl makes them offline, so that both print the very same thing. Every
 * call returns a new object the caller puts; never NULL.
 */
#pragma once

#include "model/finding.h"
#include "model/history.h"
#include "model/policy-key.h"
#include "model/status.h"
#include "model/usage.h"
#include "report/metric-text.h"

#include <json-c/json.h>

/* "exit" of a document: the exit status of the command that prints it. */
typedef enum ReportExit {
    REPORT_OK = 0,        /* all well */
    REPORT_MISMATCH = 1,  /* a guest is refused, or something is not as it should be */
    REPORT_BAD_INPUT = 2, /* no such guest, or a policy with errors */
    REPORT_COLD = 3,      /* all well but for what the next cold start brings */
} ReportExit;
ReportExit report_get_exit(struct json_object *document); /* REPORT_OK if it has none */

/* {"version", "exit": 0}: a document to add to. */
struct json_object *report_document(void);
/* As it goes over the bus; puts the document. Owned by the caller. */
char *report_text(struct json_object *document);

/* The changes one guest needs, for the "settings" array. changes may be NULL. */
typedef struct ReportChanges {
    const GuestPlan *plan;
    const ChangeSet *changes;
} ReportChanges;

/* "plan" and "simulate": the stable document. score (of ScoreItem) and diags may be NULL
 * (plan->diags is always in it). */
struct json_object *report_plan(const Plan *plan, const Topo *topo, const GArray *score,
                                const ReportChanges *changes, unsigned n_changes,
                                const DiagList *diags);
/* "defrag": who moves where, and both scores (of ScoreItem). */
struct json_object *report_defrag(const Plan *before, const Plan *after, const GArray *score_before,
                                  const GArray *score_after);
/* names NULL or empty: all guests; an unknown name becomes an entry with "error". */
struct json_object *report_status(const Snapshot *snapshot, const char *const *names);
struct json_object *report_live_plan(const Snapshot *snapshot, const char *const *names);
/* "host": the host's own settings, its page pools and memory. */
struct json_object *report_host(const Snapshot *snapshot);
/* "jobs": long work that is under way. */
struct json_object *report_jobs(const Snapshot *snapshot);
/* "map": the host with the guests on it, as the kernel had them at the last look. */
struct json_object *report_map(const Snapshot *snapshot, const char *const *names);
/* The same as planned, of the guests that were placed. diags may be NULL. */
struct json_object *report_planned_map(const Plan *plan, const Topo *topo, const DiagList *diags);
/* What waits for each guest's next cold start. */
struct json_object *report_pending(const Snapshot *snapshot, const char *const *names);
/* "restart-into", "stop-move" and "cancel": result is "started", "waits", "stopped" or "canceled";
 * text may be NULL. */
struct json_object *report_step(const char *name, const char *uuid, const char *result,
                                const char *text);
/* Each setting of one guest: value, reason, policy origin, whether it is in force. */
struct json_object *report_explain(const GuestStatus *status, const Topo *topo,
                                   const SettingList *wanted, const SettingList *observed);
/* "verify", "apply", "restore": per guest its state and what is left. report_verify_look() has
 * every setting with its result instead, for "verify"; look NULL: as report_verify(). */
typedef struct ReportLook {
    SettingList *(*wanted)(const GuestPlan *plan, const Guest *guest); /* wanted_make() */
    SettingList *(*observed)(const Guest *guest);                      /* observed_make() */
} ReportLook;
struct json_object *report_verify(const Snapshot *snapshot, const char *const *names);
struct json_object *report_verify_look(const Snapshot *snapshot, const char *const *names,
                                       const ReportLook *look);
/* All metrics (docs/METRICS.md), not as JSON. Owned by the caller. */
char *report_metrics(const Snapshot *snapshot, MetricFormat format);
/* "advise": list of Finding. */
struct json_object *report_advise(const GPtrArray *list);
/* "doctor": list of Finding; uuids empty: all of them and the host's. Exit 1 if one is more than
 * info. */
struct json_object *report_doctor(const GPtrArray *list, const char *const *uuids,
                                  int64_t sample_usec, int64_t realtime_usec);
/* "log": list of HistoryEntry, the newest first; in the document the oldest is. unknown: names
 * (const char *) that were asked for and mean no guest. */
struct json_object *report_log(const GPtrArray *history, const GPtrArray *unknown);
/* "usage": sample has a GuestUsage of each guest that was looked at; names as in report_status().
 */
struct json_object *report_usage(const Snapshot *snapshot, const GPtrArray *sample,
                                 const char *const *names);
struct json_object *report_policy(const char *guest, const GuestPolicy *policy);
/* The policy in force, of the host and of each guest: what "policy diff" compares with. main_file:
 * what the daemon was told to read; NULL: the system's. */
struct json_object *report_policy_in_force(const char *main_file, const Policy *policy,
                                           const PolicySubject *guests, unsigned n_guests);
/* "policy diff": what policy, which was read from these files, would change of that. */
struct json_object *report_policy_diff(struct json_object *in_force, const Policy *policy);
/* "policy new": the text of a policy for that guest. */
struct json_object *report_policy_proposal(const char *name, const char *uuid, const char *text);
/* The keys of the policy: all (path NULL), that one, or those below a section ("cpu"). A path below
 * a key ("host.thp.enabled") means the key. "keys" is empty if there is none. */
struct json_object *report_policy_keys(const char *path);
/* The policy as JSON Schema (draft 2020-12); it has no "version" and "exit". */
struct json_object *report_policy_schema(void);
/* free: what is free of each node now; NULL: not known (offline, or over the bus). */
struct json_object *report_topology(const Topo *topo, const TopoFree *free_now);
struct json_object *report_knobs(void);
/* {"version", "exit", "diagnostics"}: exit 2 if there is an error. For "check" and "reload". diags
 * may be NULL. */
struct json_object *report_diags(const DiagList *diags);
