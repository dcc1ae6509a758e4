/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A view that stays: the daemon is asked again with every cycle that ends, every interval, and when
 * it is back after a restart. On a terminal the view is drawn in place until q or Ctrl-C;
 * elsewhere, and with --json as one document a line, it is printed again and again.
 */
#pragma once

#include "ctl/bus-call.h"

typedef struct LiveView {
    const BusRequest *request;
    /* Appends the view of a document. */
    void (*render)(void *data, Doc *document, GString *out);
    /* Takes a key. True: the document is drawn again. NULL: no key means anything but q. */
    bool (*key)(void *data, char key);
    void *data;
    uint64_t interval_usec; /* 0: as --watch says */
    bool interval_only;     /* cycles that end mean nothing */
    unsigned n_rounds;      /* so many documents, then it ends; 0: never */
} LiveView;

/* Exit status: that of the last document after n_rounds, CTL_OK when the user ends it. */
int live_run(const Options *options, const LiveView *view);
