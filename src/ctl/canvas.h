/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A page of characters on which frames and words are put; frames that meet are joined. */
#pragma once

#include "ctl/style.h"

typedef struct Canvas Canvas;

Canvas *canvas_new(int width, int height);
void canvas_free(Canvas *canvas);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Canvas, canvas_free)

/* What does not fit the page is left out. */
void canvas_frame(Canvas *canvas, int x, int y, int width, int height);
/* Words of others are made safe. At most width columns; ellipsis stands for what was cut. The
 * column after it. */
int canvas_text(Canvas *canvas, int x, int y, int width, Style style, const char *text,
                const char *ellipsis);
/* Appends the lines, without the spaces at their ends, with the marks of style.h. */
void canvas_print(const Canvas *canvas, bool utf8, GString *out);
