/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Calls of the bus that a worker answers: what they ask for is read, which may take a while, and
 * changes nothing. One job of a kind runs at a time; what comes meanwhile waits for the next one,
 * which serves all that wait then: who may ask cannot keep the workers busy.
 */
#pragma once

#include "daemon/manager.h"

typedef struct ReadCall {
    char **uuids;            /* of guests, NULL-ended; empty: all */
    int64_t since_usec;      /* what is older is not asked for, CLOCK_REALTIME; 0: nothing is */
    unsigned limit;          /* nor more than so many rows; 0: all of them are */
    sd_bus_message *message; /* for the main thread alone; NULL once answered */
    char *text;              /* the answer, owned */
    const char *error;       /* static: why there is none */
} ReadCall;

typedef struct ReadJob ReadJob;

typedef struct ReadKind {
    gsize size; /* of the kind's own struct, which begins with a ReadJob */
    /* In the main thread: adds what else the worker needs, frozen; may be NULL. */
    void (*prepare)(ReadJob *job, const Manager *manager);
    void (*read)(ReadJob *job); /* in a worker, once; may be NULL */
    /* In a worker, for each call: what to send it, owned by the caller; NULL: *reterr says why. */
    char *(*answer)(const ReadJob *job, const ReadCall *call, const char **reterr);
    void (*clear)(ReadJob *job); /* frees what these put into the kind's own part; may be NULL */
} ReadKind;

struct ReadJob {
    PoolJob base;
    const ReadKind *kind;
    GPtrArray *calls;   /* of ReadCall */
    Snapshot *snapshot; /* how things stood when it was submitted */
    GPtrArray *guests;  /* of Guest: each that was looked at, as it was then */
};

/* Queues a call, which is answered when a job is back: of asked, the uuids (taken over) and bounds
 * count. 1, or negative errno with the error set: too many wait already. */
int read_call_queue(Manager *manager, const ReadKind *kind, sd_bus_message *message, ReadCall asked,
                    sd_bus_error *reterr);

/* How many calls wait, of one sender; NULL: of all. */
unsigned read_calls_count(const Manager *manager, const char *sender);

/* Of a sender that left: those that no job serves yet. */
void read_calls_drop(Manager *manager, const char *sender);

GPtrArray *read_queues_new(void); /* Manager.reads */
