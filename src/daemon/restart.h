/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Guests that are to be started anew (vmtuned-ctl restart-into). The main thread keeps the list and
 * decides what is due; each step is a RestartJob in a worker that does not wait for the guest, so
 * that any number of them hold up nobody. The record has each of them, too.
 */
#pragma once

#include "daemon/manager.h"
#include "daemon/restart-job.h"

/* One of the list; private to restart.c. */
typedef struct Restart Restart;

/* What a daemon before this one left, from the record. Before the loop runs; if it cannot be read,
 * the list job tries again with each interval. */
void restart_recover(Manager *manager);
/* entries: of RestartEntry; those that are known already stay as they are. */
void restart_take(Manager *manager, const GPtrArray *entries);

typedef struct RestartRequest {
    bool on_reboot;          /* not now: the guest's own next reboot is to be a cold start */
    unsigned timeout_sec;    /* to shut down; not with on_reboot */
    sd_bus_message *message; /* is answered when it is over, or with on_reboot when it is set up */
} RestartRequest;
/* Replies itself if it cannot be begun. 1, or negative errno. */
int restart_request(Manager *manager, const Managed *managed, const RestartRequest *request);

/* A libvirt event that may be about one of them. */
void restart_event(Manager *manager, const VirtEvent *event);
/* After a cycle: what it found of them. */
void restart_look(Manager *manager);
/* It is restored: its own reboot is to do again what it did. */
void restart_undo(Manager *manager, const char *uuid);
/* The daemon stops: reboots do again what they did. False: that is under way, and the last step
 * that ends ends the loop. */
bool restart_stop(Manager *manager);
void restarts_free(Manager *manager);

/* How far they came. */
void restarts_note_jobs(Manager *manager);
/* It is no longer to be started anew; false: it is being started. */
bool restart_cancel(Manager *manager, const char *uuid);

/* What the guest waits for, in words; NULL: it is not to be started anew. */
const char *restart_words(const Manager *manager, const char *uuid);
