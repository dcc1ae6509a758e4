/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One policy file's bytes, kept while it is read, so that every diagnostic can show its line. */
#pragma once

#include "base/diag.h"
#include "model/policy.h"

/* Past this many errors, and as many warnings, of one file the rest is not reported: a hostile file
 * of 1 MiB must not make a gigabyte of words. */
#define SOURCE_MAX_DIAGS 1000u

typedef struct Source {
    char *file;  /* GRefString */
    char *bytes; /* NUL-terminated, without a byte order mark */
    size_t length;
    GArray *lines;   /* of size_t: where each line starts */
    unsigned n_told; /* errors so far, also those not reported */
} Source;

/* Where something stands: from 1, column in characters; line 0: the file as a whole. */
typedef struct Mark {
    unsigned line;
    unsigned column;
} Mark;

/* Copies the bytes. */
Source *source_new(const char *bytes, size_t length, const char *file);
void source_free(Source *source);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Source, source_free)

/* The mark of a byte of the file; past the end: the end. */
Mark source_mark(const Source *source, size_t offset);
/* Borrowed: file is the source's. */
Origin source_origin(const Source *source, Mark mark);

/* key may be NULL. */
void source_error(Source *source, DiagList *diags, Mark mark, const char *key, const char *format,
                  ...) G_GNUC_PRINTF(5, 6);

/* Whether the bytes are UTF-8 text. If not, the first bad byte is an error in diags. */
bool source_check_utf8(Source *source, DiagList *diags);
/* Tabs in the indentation, one error for each line; returns how many. */
unsigned source_check_tabs(Source *source, DiagList *diags);

/* text for a message, cut if long; with quotes around it. */
char *source_cut(const char *text);
char *source_quote(const char *text);
