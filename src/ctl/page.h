/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Pieces of an HTML page that stands alone: it asks for nothing from elsewhere, runs no script and
 * its Content-Security-Policy forbids both. Light and dark as the reader has it, and for paper.
 */
#pragma once

#include "ctl/doc.h"
#include "ctl/markup.h"

/* Everything up to what is in <main>; and everything after it. */
void page_begin(Markup *markup, const char *title);
void page_end(Markup *markup);

/* A section with its heading; page_section_end() closes it. */
void page_section_begin(Markup *markup, const char *id, const char *heading);
void page_section_end(Markup *markup);
/* A paragraph in place of what there is not. */
void page_note(Markup *markup, const char *text);
/* A state, result or severity, coloured by what it means (style.h). */
void page_word(Markup *markup, const char *word);

/* One row: of an array of a document, and the guest (or other object) that has the array; owner may
 * be NULL. */
typedef struct PageRow {
    Doc *row, *owner;
} PageRow;

typedef struct PageColumn {
    const char *heading;
    const char *key;                            /* of row: its text or number */
    void (*write)(Markup *markup, PageRow row); /* or what this writes */
} PageColumn;

typedef struct PageTable {
    const char *caption;
    const PageColumn *columns; /* the first is what a row is about; ends with heading NULL */
    const char *empty;         /* what is said if there is no row */
    const char *without;       /* rows with this flag are told elsewhere; NULL: all are wanted */
} PageTable;

/* The rows of owner[key]. */
void page_table(Markup *markup, const PageTable *table, Doc *owner, const char *key);
/* The rows row[key] of each row of document[owners], in one table. */
void page_table_of_each(Markup *markup, const PageTable *table, Doc *document, const char *owners,
                        const char *key);
