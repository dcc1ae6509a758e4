/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Diagnostics: words for people, kept as data.
 *
 * Whoever finds a fault in a file, a guest or the host appends a Diag to the caller's list and goes
 * on, so that one run reports every fault. Only daemon/ and ctl/ print them.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>

typedef enum DiagSeverity {
    DIAG_ERROR,
    DIAG_WARNING,
    DIAG_INFO,
} DiagSeverity;

typedef struct Diag {
    DiagSeverity severity;
    char *file;        /* NULL: not about a file */
    unsigned line;     /* from 1; 0: not known */
    unsigned column;   /* from 1, in characters; 0: not known */
    char *key;         /* path of the key ("guests[0].cpu.policy") or subject; may be NULL */
    char *text;        /* one sentence without a full stop, never NULL */
    char *source_line; /* the offending line without its newline, for the caret; may be NULL */
} Diag;

/* Where in which file something was said. file is borrowed. */
typedef struct DiagPlace {
    const char *file;
    unsigned line;
    unsigned column;
    const char *source_line;
} DiagPlace;

typedef struct DiagList {
    GPtrArray *items; /* of Diag, owned */
} DiagList;

DiagList *diag_list_new(void);
void diag_list_free(DiagList *list);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(DiagList, diag_list_free)

/* Appends one diagnostic. place and key may be NULL; everything is copied. list may be NULL: then
 * nothing happens, for callers that do not want the words. */
void diag_add(DiagList *list, DiagSeverity severity, const DiagPlace *place, const char *key,
              const char *format, ...) G_GNUC_PRINTF(5, 6);

DiagList *diag_list_copy(const DiagList *list);

/* Moves all of source's items to the end of list; source is empty afterwards. */
void diag_list_take_all(DiagList *list, DiagList *source);

unsigned diag_list_count(const DiagList *list, DiagSeverity severity);
const Diag *diag_list_get(const DiagList *list, unsigned i); /* NULL past the end */

/* "error", "warning", "info" */
const char *diag_severity_name(DiagSeverity severity);

/* The diagnostic as compilers print it, newline-terminated:
 *   file:line:column: error: key: text
 *   <source line>
 *        ^
 * Parts that are not known are left out. */
char *diag_format(const Diag *diag);
