/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The Manager owns loop and state. Private to daemon/: manager.c has its
 * life and its triggers, cycle.c the way from a trigger to a tuned host, bus.c and gate.c what
 * others ask, and the rest of the folder a part each. Everything here is
 * touched by the main thread only; workers get frozen values.
 */
#pragma once

#include "base/log.h"
#include "daemon/guest-job.h"
#include "daemon/pool.h"
#include "daemon/usage-total.h"
#include "host/quick.h"
#include "model/contest.h"
#include "model/status.h"
#include "plan/planning.h"
#include "virt/hub.h"
#include "vmtuned/bus.h"

#include <systemd/sd-bus.h>
#include <systemd/sd-event.h>

G_DEFINE_AUTOPTR_CLEANUP_FUNC(sd_bus, sd_bus_unref)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(sd_bus_message, sd_bus_message_unref)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(sd_bus_creds, sd_bus_creds_unref)

/* Events come in bursts (a guest's start makes a dozen): wait this long for the rest. Short against
 * the time that is left to place its threads, long against the gaps in a burst. */
#define TRIGGER_DELAY_USEC G_TIME_SPAN_MILLISECOND
/* A cycle for requests begins no sooner after the end of the last such one: whoever may ask for a
 * look may not keep the host looking. */
#define REQUEST_REST_USEC (500 * G_TIME_SPAN_MILLISECOND)
/* How long one look or one tuning of a guest may take: libvirt's own job wait is 30 s. */
#define JOB_TIMEOUT_USEC (40 * G_TIME_SPAN_SECOND)
/* A cycle goes on without a guest whose job takes longer: other guests are not to wait. Long
 * against a tuning on a loaded host. */
#define JOB_SLOW_USEC (10 * G_TIME_SPAN_SECOND)
/* Of so many passes at the interval one also asks libvirt for all guests, and one after
 * DEEP_PASS_USEC: events tell of those that come and go, and a connection that loses any is opened
 * anew. */
#define LIST_PASSES 8u
/* Whether the host is still as its topology has it is looked at with each cycle that something
 * called for or whose quick pass found something, and else no more often than this. */
#define STAMP_USEC (10 * G_TIME_SPAN_SECOND)
/* Every setting of a guest is looked at again after this time even if nothing hints at a change. */
#define DEEP_PASS_USEC (10 * G_TIME_SPAN_MINUTE)
/* A guest whose change was refused or in vain is tried again only with the deep pass; one that was
 * busy or half started, after this. */
#define RETRY_USEC (2 * G_TIME_SPAN_SECOND)
/* A stuck guest is asked again after this: each try may cost a worker. */
#define STUCK_USEC (5 * G_TIME_SPAN_MINUTE)
/* What libvirt would not have in a definition is tried again after this: it may have been for
 * something else in there. */
#define REFUSED_RETRY_USEC G_TIME_SPAN_HOUR

/* A QuickWatch shared with the worker that checks it. */
typedef struct Watch {
    QuickWatch *quick;
} Watch;
Watch *watch_new(QuickWatch *quick); /* takes quick over */
Watch *watch_ref(Watch *watch);
void watch_unref(Watch *watch);

/* One guest, as the Manager knows it between cycles. */
typedef struct Managed {
    char *uuid, *name;
    bool active;
    bool dirty;           /* needs a look */
    bool recheck;         /* looked at in this cycle: compare with the plan */
    bool host_changed;    /* what differs since is the kernel's doing, not drift */
    bool replanned;       /* not tuned since the plan changed: what it no longer names goes back */
    bool apply_now;       /* "apply" was asked for: once, whatever mode and drift say */
    bool restore, force;  /* "restore" was asked for */
    bool in_flight;       /* a job is on its way */
    bool stuck;           /* a job did not come back in time */
    bool threads_stuck;   /* nor did one that had to set its threads alone */
    unsigned n_lost;      /* jobs that were abandoned, and are still at work */
    bool failed;          /* the last tuning was refused or in vain */
    int64_t looked_usec;  /* monotonic, of the last look; 0: never */
    int64_t stuck_usec;   /* monotonic, since when it was not asked again */
    const char *stuck_in; /* static: in which call; NULL: not one of libvirt's */
    const char *hung;     /* static, in words: so that nothing is told of it; NULL: it does not */
    Guest *guest;         /* last look; NULL: never */
    GuestPolicy *policy;
    bool reselect;      /* policy may be another by now */
    GuestPlan *plan;    /* current */
    GuestPlan *settled; /* it was last seen right with this one; NULL: not since start */
    ProcessFlags flags;
    Watch *watch;         /* its threads as last seen; NULL: not watched */
    ChangeSet *left;      /* never NULL */
    PendingList *pending; /* what waits for its next cold start; NULL: not known */
    PendingList *awaited; /* what waited for the start that made this process; NULL: nothing, or it
                             was told already */
    ChangeSet *refused;   /* what libvirt will not have in its definitions; never NULL */
    Contest *contest;     /* who is stronger at its settings; never NULL */
    GuestKernel *seen;    /* of the look before the last, of the same process; NULL: none */
    unsigned n_kept;      /* settings that its last restore did not put back */
    int64_t refused_usec; /* monotonic, since when that is not tried again */
    char **intruders;
    char *shortage; /* why it would not start, in words; NULL: nothing is known to be short */
    char *failure;  /* why its last start failed, in words; NULL: it did not, or it is not known */
    GuestState state;
    int64_t since_usec; /* realtime */
    char *text;
    unsigned drift_count, repair_count, write_count, failure_count;
    GVariant *shown; /* on the bus, see bus.h; NULL: it is not there yet */
} Managed;

typedef enum RequestKind {
    REQUEST_VERIFY,  /* look again, change nothing */
    REQUEST_DRY_RUN, /* the same, answered with the plan */
    REQUEST_APPLY,
    REQUEST_RESTORE,
    REQUEST_RESUME,
    REQUEST_DEFRAG,
    REQUEST_DEFRAG_DRY_RUN,
} RequestKind;

/* Somebody on the bus waits for the end of a cycle. */
typedef struct Request {
    RequestKind kind;
    char **uuids; /* NULL-ended; empty: all guests */
    bool force;
    unsigned max_moves;           /* of defrag */
    struct json_object *document; /* the answer to defrag, once planned */
    sd_bus_message *message;
    uint64_t job; /* see jobs.h; 0: it changes nothing */
} Request;
void request_free(Request *request);
bool request_is_about(const Request *request, const Managed *managed);

typedef struct HostState HostState; /* host-state.h */
typedef struct Gate Gate;           /* gate.h */

typedef enum CyclePhase { CYCLE_IDLE, CYCLE_LISTING, CYCLE_LOOKING, CYCLE_TUNING } CyclePhase;

typedef struct ManagerOptions {
    const char *uri;
    const char *policy_file; /* NULL: system paths */
    const char *state_dir;
    const char *bus; /* address; NULL: system bus; "none" */
    bool once, dry_run;
    bool restore, force; /* --restore */
} ManagerOptions;

typedef struct Manager {
    ManagerOptions options;
    sd_event *event;
    sd_bus *bus; /* NULL: none */
    Gate *gate;
    sd_event_source *trigger_timer, *interval_timer, *deadline_timer;
    Pool *pool;
    VirtHub *hub;
    Backend backend;
    Record *record;       /* NULL: unusable */
    char *record_problem; /* why; NULL: fine */
    char **cannot;        /* what it may not do here, in words */
    char *boot_id;
    Policy *policy;
    DiagList *policy_diags;
    bool policy_rejected;
    Topo *topo;         /* NULL before the first cycle */
    char *topo_stamp;   /* as it was when topo was read */
    int64_t topo_usec;  /* monotonic, of that; 0: never */
    int64_t stamp_usec; /* monotonic, of the last look at the stamp */
    Planning *planning; /* NULL: topo or policy is another since */
    Plan *plan;
    GPtrArray *guests;         /* of Managed, sorted by name, uuid */
    int64_t listed_usec;       /* monotonic, when libvirt was last asked for all; 0: never */
    GHashTable *by_uuid;       /* the same; borrowed */
    GPtrArray *restarts;       /* of Restart, see restart.h */
    bool restarts_unread;      /* what the record has of them could not be read yet */
    HostState *host;           /* its own settings */
    GPtrArray *moves;          /* of MemoryMove, see memory-move.h */
    GPtrArray *reads;          /* of ReadQueue, see read-job.h */
    UsageTotals *usage_totals; /* for metrics */
    GPtrArray *jobs;           /* of Job, see jobs.h */
    uint64_t last_job;         /* the number it had */
    GVariant *shown;           /* on the bus, see bus.h; NULL: nothing yet */

    /* triggers that wait for the next cycle */
    bool triggered;
    bool retrying;   /* nothing new, but something could not be done yet */
    unsigned passes; /* at the interval, since the start; wraps */
    bool interval_due;
    bool called;     /* not by the interval alone */
    GQueue requests; /* of Request: waiting */

    /* the cycle under way */
    CyclePhase phase;
    bool look_only;  /* verify, dry run: no job may write */
    bool owing;      /* such a cycle found work: the next one may write, whoever asks to verify */
    bool must_plan;  /* topology, policy or set of guests changed */
    unsigned n_jobs; /* of guests, since the cycle began */
    unsigned jobs_pending;
    GQueue answering;      /* of Request: answered at its end */
    int64_t answered_usec; /* monotonic, of the last end of a cycle that answered any; 0: never */

    bool connected;
    int64_t suspended_usec; /* how long the host slept since its boot, as last seen */
    int64_t stop_usec;      /* monotonic: it ends then at the latest; 0: it goes on */
    bool slept;             /* the host, since the last list */
    bool some_ended;        /* processes that the record may still have */
    uint64_t cycles;
    int64_t started_usec, last_cycle_usec; /* realtime */
    int64_t cycle_usec;                    /* monotonic, when the cycle under way was begun */
    Counters counters; /* but for those that their owners keep: see manager_snapshot() */
    int exit_code;     /* --once */
} Manager;

int manager_new(const ManagerOptions *options, Policy *policy, DiagList *policy_diags,
                Manager **ret);
void manager_free(Manager *manager);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Manager, manager_free)
/* Runs until SIGTERM, or with --once until the first cycle ends. Exit code, or negative errno. */
int manager_run(Manager *manager);

/* Marks a guest (uuid; NULL: all) for a look and makes sure a cycle follows. */
void manager_trigger(Manager *manager, const char *uuid);
/* The same without asking for a cycle. */
void manager_mark_dirty(Manager *manager, const char *uuid);
/* What differs of any guest until it is next seen right is the kernel's doing, not drift. */
void manager_host_changed(Manager *manager);
/* Asks for a cycle after RETRY_USEC. */
void manager_retry(Manager *manager);
/* The backend of one job, good for as long as the job is. */
Backend manager_backend_for(const Manager *manager, const PoolJob *job);
/* Why the record cannot be used, NULL: it can. Told in status, and in the log when it begins and
 * ends. It ends with the interval: record_check(). */
void manager_set_record_problem(Manager *manager, const char *problem);
/* Counts what became of a change of a guest or the host. */
void manager_count_result(Manager *manager, const Change *change, const ChangeResult *result);
/* What a job met with; 0: nothing. A problem that is known already keeps its words. */
void manager_note_record_error(Manager *manager, int error);
/* True if changes to that guest may be made, in this cycle or, if it only looks, in the next. A
 * guest that is manual by detection has no wants of ours, but what vmtuned changed while a rule
 * named it goes back. */
bool manager_may_change(const Manager *manager, const Managed *managed);
/* True if they may be made in this cycle. */
bool manager_may_write(const Manager *manager, const Managed *managed);
/* From cycle_end(): whole is false if the cycle was given up. */
void manager_cycle_ended(Manager *manager, bool whole);
/* Takes the request over; its message is answered when the cycle that serves it ends. */
void manager_request(Manager *manager, Request *request);
/* Reads the policy again. 0, or -EINVAL: the last good one stays; diagnostics in policy_diags. */
int manager_reload(Manager *manager);
Managed *manager_find(const Manager *manager, const char *uuid_or_name);
/* A new snapshot of how things stand. */
Snapshot *manager_snapshot(const Manager *manager);
/* The same of one guest. */
GuestStatus *manager_guest_status(const Manager *manager, const Managed *managed);

/* managed.c */
Managed *managed_new(const char *uuid, const char *name);
void managed_free(Managed *managed);
int managed_compare(gconstpointer a, gconstpointer b); /* of Managed **: by name, then uuid */
/* A call about it has not come back, since then (monotonic): it is not looked at for STUCK_USEC,
 * nor watched till the next look. in: of stuck_in. Told. */
void managed_set_stuck(Managed *managed, int64_t since_usec, const char *in);
/* It stopped: what was known of its process goes. */
void managed_set_off(Managed *managed);
/* All its settings may be tried again. */
void managed_forget_refused(Managed *managed);
/* Nothing of it is contested any more. */
void managed_forget_contest(Managed *managed);
/* A new look at it. */
void managed_set_guest(Managed *managed, const Guest *guest);
/* It is as planned: from now on differences are drift. */
void managed_settle(Managed *managed);
/* The quick pass tells when its threads are no longer as they were last seen. */
void managed_watch(Managed *managed);
/* The plan that foreign changes are told by; NULL: nothing that differs now is foreign. Borrowed.
 */
const GuestPlan *managed_before(const Managed *managed);
bool managed_is_planned(const Managed *managed);  /* runs, and was looked at */
bool managed_is_tuned(const Managed *managed);    /* looked at and planned; its definition if off */
bool managed_keeps_drift(const Managed *managed); /* foreign changes stay as they are */
bool managed_has_work(const Managed *managed);    /* something differs that may be changed now */
/* Once it was compared with the plan: what waits for its next cold start. */
void managed_set_pending(Managed *managed);
/* What it lacks to start, NULL: nothing is known; and why it did not. libvirt has no event for a
 * start that failed, so a guest that is expected to fail is looked at in every cycle. */
void managed_set_shortage(Managed *managed, const MemoryShortage *shortage);
/* How it stands, from what is known of it; and in words, owned by the caller, NULL for none. */
GuestState managed_judge(const Managed *managed);
char *managed_describe(const Managed *managed);

/* cycle.c */
void cycle_start(Manager *manager);
/* A job of looking or tuning is back, and was counted so: with the last one the cycle goes on. */
void cycle_job_done(Manager *manager);

/* journal.c */
void journal_sink(LogLevel level, const char *message_id, const LogField *fields,
                  const char *message);
/* One change of one guest: done, or why not; result NULL: foreign and left as it is. */
void journal_log_change(const Managed *managed, const Change *change, const ChangeResult *result);
/* The same of the host. */
void journal_log_host_change(const Change *change, const ChangeResult *result);
/* Settings that are given up from now on, and to whom. */
void journal_log_contested(const Managed *managed);
/* A guest that is off would not start now; or would again. */
void journal_log_shortage(const MemoryShortage *shortage, bool is_short);
/* It did not start; managed->failure says why, as far as vmtuned knows. */
void journal_log_start_failed(const Managed *managed);
void journal_log_state(const Managed *managed);
/* Of the settings that awaited this start of the guest: which it has now, and which not. */
void journal_log_awaited(const Managed *managed);
/* How the last load of the policy went, with every diagnostic. */
void journal_log_policy(const Manager *manager);
