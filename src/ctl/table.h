/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Aligned columns of text. */
#pragma once

#include <glib.h>

typedef struct Table {
    unsigned n_columns;
    GPtrArray *cells; /* of char *, row by row; the first row is the heading */
} Table;

/* headings ends with NULL; at least one. */
Table *table_new(const char *const *headings);
void table_free(Table *table);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Table, table_free)

/* cells: one for each column; NULL and "" are shown as "-", newlines and tabs as spaces. Copied. */
void table_add(Table *table, const char *const *cells);
unsigned table_rows(const Table *table); /* without the heading */
/* Appends the table to out; nothing if it has no row. */
void table_print(const Table *table, GString *out);
