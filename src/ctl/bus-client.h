/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One question to the daemon. */
#pragma once

#include "ctl/show.h"

typedef struct BusRequest {
    const char *method;
    const char *const
        *guests;       /* NULL-ended list, the first argument; NULL: the method takes none */
    const char *guest; /* or one guest; NULL: none */
    bool has_number;   /* and a number, or it alone */
    uint32_t number;
    unsigned n_flags; /* booleans that follow */
    bool flags[2];
    uint64_t job;      /* whose object is called; 0: the Manager's */
    bool slow;         /* it answers after a whole cycle, a start, or a password typed */
    unsigned wait_sec; /* and waits so long for a guest before */
} BusRequest;

/* Asks the daemon and shows the document it answers with. Exit status; has printed everything. */
int bus_request_run(const Options *options, const BusRequest *request, ShowRender render);
