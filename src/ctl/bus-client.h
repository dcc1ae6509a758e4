/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Questions to the daemon. */
#pragma once

#include "ctl/bus-call.h"
#include "ctl/show.h"

/* Asks the daemon and shows the document it answers with; with --watch again and again. Exit
 * status; has printed everything. */
int bus_request_run(const Options *options, const BusRequest *request, ShowRender render);
/* Asks the daemon. CTL_OK with the document it answered with, owned by the caller; or an exit
 * status after words on stderr. */
int bus_request_document(const Options *options, const BusRequest *request, Doc **ret);
/* The same of a text, which need not be a document. */
int bus_request_text(const Options *options, const BusRequest *request, char **ret_text);

/* What came of one of several questions. */
typedef struct BusAnswer {
    Doc *document; /* NULL: there is none */
    char *error;   /* why not, for people */
    int exit;      /* CTL_OK, or what that means */
} BusAnswer;
void bus_answer_clear(BusAnswer *answer);

/* Asks them one after the other over one connection. answers has room for n, zeroed. CTL_OK, or an
 * exit status after words on stderr: there is no connection. */
int bus_requests_ask(const Options *options, const BusRequest *requests, unsigned n,
                     BusAnswer *answers);
