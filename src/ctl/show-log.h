/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The document "log" as a table. */
#pragma once

#include "ctl/doc.h"
#include "ctl/table.h"

Table *log_table_new(void);
/* Adds a row for each change; changes of several threads that are alike but for the thread are one.
 */
void log_table_add(Table *table, Doc *document, bool reverse);

/* The document with the changes after that id only. Owned by the caller. */
Doc *log_after(Doc *document, int64_t id);
/* When a change was made, to the second; 0: not known. */
uint64_t log_time_usec(Doc *change);
