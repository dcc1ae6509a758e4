/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A time in the past as people write it. */
#pragma once

#include <glib.h>
#include <stdint.h>

/* "2025-11-21 09:08:30", "2025-11-21 09:08", "2025-11-21", "09:08" (of today), all local time, or
 * how long ago: "10min", "2h", "3d". now_usec and *ret_usec are CLOCK_REALTIME. 0; -EINVAL: none of
 * these, or not in the past. */
int since_parse(const char *text, int64_t now_usec, int64_t *ret_usec);
