/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "daemon/host-job.h"
#include "daemon/manager.h"

typedef struct ListJob {
    PoolJob base;
    void (*done)(PoolJob *job, bool abandoned);
    Backend backend;
    VirtHub *hub;
    bool list;          /* is asked for; else guests stays NULL */
    bool autostart;     /* is asked for with it */
    GPtrArray *watches; /* of Watch; uuids has their guests, side by side */
    GPtrArray *uuids;   /* of char * */
    int at;             /* atomic: index of the guest the quick pass is at; negative: at none */
    bool left_behind;   /* its cycle ended without it */
    unsigned pass;      /* of the quick passes */
    CpuSet *online;
    Record *record;
    bool check_topo;
    bool check_record, probe_record, read_restarts;
    const char *boot_id;
    GPtrArray *alive; /* of Guest: the only processes the record is to keep; NULL: not asked for */
    GPtrArray *defined; /* of char *: uuids of all guests; with alive */
    char *stamp;        /* of the topology at hand; NULL: load it anew; as a result: of now */
    HostJob *host;      /* a look at the host's settings; NULL: not due */
    /* results */
    int result;
    char *record_problem; /* check_record: why it cannot be used; NULL: it can */
    GPtrArray *restarts;  /* read_restarts: of RestartEntry; NULL: they could not be read */
    Topo *topo;           /* NULL: as before */
    GPtrArray *guests;    /* of Guest; NULL: not listed */
    GPtrArray *changed;   /* of char *: guests the quick pass found different */
} ListJob;

/* Submits a list of all that is due now; done() gets it back as its PoolJob, once. If the quick
 * pass hangs at a guest, that is stuck, and done() is told that the list was abandoned. Main
 * thread. */
void list_job_submit(Manager *manager, void (*done)(PoolJob *job, bool abandoned));
