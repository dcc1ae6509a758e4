/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Writes HTML and SVG, which is valid as XML too. Everything written as text or attribute is
 * escaped, and made safe (base/text.h) before.
 */
#pragma once

#include <glib.h>

typedef struct Markup Markup;

Markup *markup_new(void);
/* All that was written, every element closed; owned by the caller. Frees markup. */
char *markup_finish(Markup *markup);

/* Opens an element; attributes follow, then what is in it, then markup_close(). */
void markup_open(Markup *markup, const char *name);
void markup_attribute(Markup *markup, const char *name, const char *text);
void markup_number(Markup *markup, const char *name, int number);
void markup_text(Markup *markup, const char *text);
void markup_textf(Markup *markup, const char *format, ...) G_GNUC_PRINTF(2, 3);
/* Not escaped: style sheets and the like of this program's own. */
void markup_raw(Markup *markup, const char *text);
void markup_close(Markup *markup);
/* Closes an element that never holds anything: <meta>, <rect>. */
void markup_close_void(Markup *markup);
/* A whole element: its class (NULL: none) and text (NULL: none). */
void markup_element(Markup *markup, const char *name, const char *class, const char *text);
