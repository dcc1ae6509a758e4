/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A question to the daemon on its way: the bus it goes over, its message, and what an error means.
 */
#pragma once

#include "ctl/doc.h"
#include "ctl/options.h"

#include <stdint.h>
#include <systemd/sd-bus.h>

G_DEFINE_AUTOPTR_CLEANUP_FUNC(sd_bus, sd_bus_flush_close_unref)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(sd_bus_message, sd_bus_message_unref)

typedef struct BusRequest {
    const char *method;
    const char *const
        *guests;       /* NULL-ended list, the first argument; NULL: the method takes none */
    const char *guest; /* or one guest; NULL: none */
    bool has_time;     /* and a time */
    uint64_t time_usec;
    bool has_number; /* and a number, or it alone */
    uint32_t number;
    unsigned n_flags; /* booleans that follow */
    bool flags[2];
    bool slow;         /* it answers after a whole cycle, a start, or a password typed */
    unsigned wait_sec; /* and waits so long for a guest before */
} BusRequest;

/* Opens the bus that the options name, perhaps of another host. 0, or an exit status with
 * *reterr_words (owned by the caller) for people. */
int bus_call_open(const Options *options, sd_bus **ret, char **reterr_words);
/* The message of a request. 0 or a negative errno. */
int bus_call_make(sd_bus *bus, const BusRequest *request, sd_bus_message **ret);
uint64_t bus_call_timeout_usec(const BusRequest *request);
/* The document of an answer. Owned by the caller; NULL: it is none. */
Doc *bus_call_document(sd_bus_message *reply);
/* What an error (or, without a name, the negative errno result) means and what to do about it. May
 * ask the daemon. Owned by the caller. *ret_exit: the exit status. */
char *bus_call_explain(const Options *options, sd_bus *bus, const BusRequest *request,
                       const sd_bus_error *error, int result, int *ret_exit);
