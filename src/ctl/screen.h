/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The whole terminal for a while: drawn in place, keys read one by one. */
#pragma once

#include <stdbool.h>

typedef struct Screen Screen;

/* NULL: stdout is no terminal. */
Screen *screen_open(void);
/* The terminal is as before. */
void screen_close(Screen *screen);
/* Whether stdin is a terminal, too, so that keys come. */
bool screen_has_keys(const Screen *screen);
/* Draws lines from the top; what is more than fits is counted in the last row. */
void screen_draw(const Screen *screen, const char *text);
