/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A bar on stderr while the daemon works for a call. */
#pragma once

#include "ctl/doc.h"

#include <systemd/sd-bus.h>

/* As sd_bus_call(). If stderr is a terminal, shows how far the call's job came, and takes that away
 * at the end; Ctrl-C then says what becomes of the work and ends the program. */
int progress_call(sd_bus *bus, sd_bus_message *message, uint64_t usec, sd_bus_error *reterr,
                  sd_bus_message **ret);

/* The line that shows a job (its properties, docs/BUS.md, by their names): no wider than columns.
 * Owned by the caller. */
char *progress_line(Doc *job, unsigned columns, bool utf8);
/* "12/20 guests", "45%", "20/300 s"; "-" if nobody knows. Owned by the caller. */
char *progress_count(uint64_t done, uint64_t total, const char *unit);
