/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Aligned columns of text. */
#pragma once

#include <glib.h>
#include <stdbool.h>

typedef struct Table {
    unsigned n_columns;
    unsigned *widths; /* of each column at least */
    bool continued;   /* its heading is above, on the terminal */
    unsigned words;   /* the column whose words are coloured by meaning; n_columns: none */
    GPtrArray *cells; /* of char *, row by row; the first row is the heading */
} Table;

/* headings ends with NULL; at least one. The cells of a column named STATE, RESULT, IN FORCE or
 * SEVERITY are coloured by what their word means (style_of_word()). */
Table *table_new(const char *const *headings);
void table_free(Table *table);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Table, table_free)

/* cells: one for each column; NULL and "" are shown as "-", newlines and tabs as spaces. May hold
 * marks (style.h). Copied. */
void table_add(Table *table, const char *const *cells);
unsigned table_rows(const Table *table); /* without the heading */
/* Appends the table to out, its heading as legend and its lines to be cut; nothing if it has no
 * row. */
void table_print(const Table *table, GString *out);
/* The same, below an empty line if something is above. */
void table_print_below(const Table *table, GString *out);
/* What was printed goes, and the columns stay as wide at least: the next print goes on below it. */
void table_continue(Table *table);
