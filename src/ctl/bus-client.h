/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One question to the daemon. */
#pragma once

#include "ctl/bus-call.h"
#include "ctl/show.h"

/* Asks the daemon and shows the document it answers with; with --watch again and again. Exit
 * status; has printed everything. */
int bus_request_run(const Options *options, const BusRequest *request, ShowRender render);
