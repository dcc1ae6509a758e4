/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Where tests keep a record: its directory, what a crash leaves in it, and a disk without room. */
#pragma once

#include <glib.h>
#include <sys/resource.h>

/* In memory where that can be: thousands of synced writes. Owned by the caller. */
char *record_dir_new(void);
/* Removes the record; the directory stays. */
void record_dir_clear(const char *directory);

/* What a crash now would leave on disk: GBytes of the database and its log, NULL where there is
 * none. */
GPtrArray *record_dir_copy(const char *directory);
/* Puts it in the place of what is there. */
void record_dir_put(const char *directory, const GPtrArray *copy);

/* No file can be written beyond that size, as where the disk is full; RLIM_INFINITY: all can again.
 */
void disk_limit(rlim_t bytes);
