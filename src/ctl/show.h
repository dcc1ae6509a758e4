/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What goes to the terminal: documents, as JSON or as text, and words for people on stderr. */
#pragma once

#include "base/diag.h"
#include "ctl/doc.h"
#include "ctl/options.h"
#include "ctl/style.h"

/* Appends a document's text form. */
typedef void (*ShowRender)(Doc *document, GString *out);

/* Marked text as it goes to stdout. Owned by the caller. */
char *show_marked(const Options *options, const char *marked);
/* The same for a screen that is drawn in place: no line is longer. */
char *show_screen_text(const Options *options, const char *marked);
/* Prints the document on stdout, as options say, and what its guests and diagnostics have of
 * errors on stderr. The document's exit status. */
int show_document(const Options *options, Doc *document, ShowRender render);
/* Writes a file as a whole, in place of the one before unless fresh: then there may be none. Links,
 * devices and pipes stay what they are; "-" is stdout. CTL_OK, or CTL_MISMATCH after words on
 * stderr, with all as it was. */
int show_file(const char *path, const char *text, bool fresh);
/* One line of JSON, or lines for people with pretty, as it goes to stdout. Owned by the caller. */
char *show_json(Doc *document, bool pretty);
/* "vmtuned-ctl: …" on stderr. */
void show_error(const char *format, ...) G_GNUC_PRINTF(1, 2);
/* Every diagnostic as compilers print it, on stderr. */
void show_diags(const DiagList *diags);
/* Bad input: the diagnostics, with --json also as a document on stdout. CTL_USAGE. */
int show_bad_input(const Options *options, const DiagList *diags);

/* "     Label: text\n"; nothing if the text is NULL or "". Shared by the blocks of several verbs.
 */
void show_field(GString *out, const char *label, const char *format, ...) G_GNUC_PRINTF(3, 4);
/* "● db1 (uuid)", the bullet in the colour of its state, and the fields State and Note; of a guest
 * of status or explain. */
void show_guest_head(Doc *guest, GString *out);
/* "severity: file:line:column: key: text" for each of "diagnostics". */
void show_diag_rows(Doc *document, GString *out);
/* "vcpu.pin 3", of a settings row. Owned by the caller. */
char *show_setting_name(Doc *row);
/* "Contested": each setting that is left to others, since when and to whom; of a guest of status,
 * or the document of explain. */
void show_contested(Doc *object, GString *out);
/* "4-7 (vCPU 0-3), …": which vCPUs or IOThreads (key) are where. Owned by the caller. */
char *show_placement(Doc *guest, const char *key);

/* "db1 lacks 14 pages …", of a row of the host's "shortages". Owned by the caller. */
char *show_shortage(Doc *row);
/* "Memory": by node and page size, and how much is local; of a guest of status or explain. */
void show_residency(Doc *guest, GString *out);

/* The plan document ("plan", "simulate", "apply --dry-run"). */
void show_plan(Doc *document, GString *out);
/* A value of a settings row; "not set" for null. */
const char *show_value(Doc *row, const char *key);
/* A table of rows of "pending" with that label above; nothing if there is no row. In documents of
 * one guest. */
void show_pending_rows(Doc *object, GString *out);
/* The same of "unsupported". */
void show_unsupported_rows(Doc *object, GString *out);
/* The documents of "stop-move" and "cancel". */
void show_step(Doc *document, GString *out);
/* The documents of "verify", "apply" and "restore". */
void show_verify(Doc *document, GString *out);
/* The map document, as boxes and as rows. */
void show_map(Doc *document, GString *out);
void show_map_rows(Doc *document, GString *out);
/* One guest's plan, as fields. */
void show_guest_plan(Doc *plan, GString *out);
