/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a client of the bus may ask for, and how much of it. Any user may be hostile: nothing here
 * waits for the bus, for polkit or for a client, and what is kept for them is bounded.
 */
#pragma once

#include "daemon/manager.h"

/* Guests named in one call: far more than run on any host. */
#define GATE_MAX_NAMES 1024u
/* Bytes of a name; libvirt keeps a guest in a file of its name, which cannot be longer. */
#define GATE_MAX_NAME_BYTES 255u
/* Calls of one client that wait for a cycle or for polkit; vmtuned-ctl makes one at a time. */
#define GATE_MAX_WAITING_OF_CLIENT 16u
/* The same of all: more than one user can have with all the connections the bus allows him (256).
 */
#define GATE_MAX_WAITING 8192u

/* Calls of one client within a second, whatever they are about. More are refused, and from twice as
 * many on dropped: the bus itself holds up who has too many calls without an answer. */
#define GATE_MAX_CALLS 100u
/* Calls polkit is asked about at a time, of all and of one user. Somebody may have to type a
 * password; the bus lets a connection (ours) wait for 128 answers. */
#define GATE_MAX_ASKING 64u
#define GATE_MAX_ASKING_OF_USER 8u
/* Documents that wait for the bus to take them. It takes no more when clients do not read what it
 * has for them; calls are then refused. */
#define GATE_MAX_UNSENT_ANSWERS 64u
/* The same of all messages, most of them small; more are dropped. */
#define GATE_MAX_UNSENT 4096u
#define GATE_JAMMED "too many answers wait for clients that do not read them"

/* The calls that wait for an authorization, and what is counted. Private to gate.c. */
Gate *gate_new(void);
void gate_free(Gate *gate); /* goes before the bus */

/* Starts to watch who leaves the bus and what comes, on a new connection: what was asked on the one
 * before is forgotten. 0 or negative errno. */
int gate_attach(Manager *manager);

/* May one more document be sent, which is counted then, and a message of any kind? */
bool gate_may_answer(Manager *manager);
bool gate_may_send(Manager *manager);
/* The bus has taken nothing for 25 s: bus_reattach(). */
bool gate_is_lost(const Manager *manager);

/* Reads an "as" of guests' names. 0 with *ret, owned by the caller; else negative errno with the
 * error in reterr. */
int gate_read_names(sd_bus_message *message, char ***ret, sd_bus_error *reterr);

/* May one more call of its sender wait? 0; else negative errno with the error in reterr. */
int gate_admit(const Manager *manager, sd_bus_message *message, sd_bus_error *reterr);

/* May its sender do that to these guests (NULL-ended, known; none: it is about all)? Root may, and
 * whom polkit allows the method's action for each of them. 1: yes. 0: asked; again is called with
 * the message rewound when it is yes, else it is answered: the caller returns 1. Negative errno:
 * no, with the error in reterr; also if it was allowed for other guests of these names. */
int gate_authorize(Manager *manager, sd_bus_message *message, const char *const *names,
                   sd_bus_message_handler_t again, sd_bus_error *reterr);
