/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the terminal on stdout can show. */
#pragma once

#include <stdbool.h>

/* False: stdout is no terminal, NO_COLOR is set to something (no-color.org), or TERM is "dumb". */
bool terminal_has_colour(void);
/* The locale's charset is UTF-8; holds for files and pipes, too. */
bool terminal_is_utf8(void);
/* Its size now; 0: stdout is no terminal, or does not say. */
unsigned terminal_columns(void);
unsigned terminal_rows(void);

typedef enum TerminalGlyph {
    GLYPH_ELLIPSIS,
    GLYPH_BULLET,
    N_GLYPHS,
} TerminalGlyph;

/* In UTF-8, or in ASCII where the locale has no UTF-8. */
const char *terminal_glyph(TerminalGlyph glyph);
