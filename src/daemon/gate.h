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

/* Starts to watch who leaves the bus, and drops calls that want no answer where the answer is all
 * there is. 0 or negative errno. */
int gate_attach(Manager *manager);

/* Reads an "as" of guests' names. 0 with *ret, owned by the caller; else negative errno with the
 * error in reterr. */
int gate_read_names(sd_bus_message *message, char ***ret, sd_bus_error *reterr);

/* May one more call of its sender wait? 0; else negative errno with the error in reterr. */
int gate_admit(const Manager *manager, sd_bus_message *message, sd_bus_error *reterr);

/* May its sender do that to these guests (NULL-ended, known; none: it is about all)? Root may, and
 * whom polkit allows the method's action for each of them. 1: yes. 0: asked; again is called with
 * the message rewound when it is yes, else it is answered: the caller returns 1. Negative errno:
 * no, with the error in reterr. */
int gate_authorize(Manager *manager, sd_bus_message *message, const char *const *names,
                   sd_bus_message_handler_t again, sd_bus_error *reterr);

/* Calls that wait for an authorization; goes before the bus. */
GPtrArray *gate_queries_new(void);
