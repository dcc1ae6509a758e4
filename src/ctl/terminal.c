/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ctl/terminal.h"

#include <glib.h>
#include <sys/ioctl.h>
#include <unistd.h>

bool terminal_has_colour(void)
{
    const char *off = g_getenv("NO_COLOR"), *term = g_getenv("TERM");

    return !(off && off[0]) && term && !g_str_equal(term, "dumb") && isatty(STDOUT_FILENO);
}

bool terminal_is_utf8(void)
{
    return g_get_charset(NULL);
}

static struct winsize terminal_size(void)
{
    struct winsize size = {0};

    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) < 0)
        return (struct winsize){0};
    return size;
}

unsigned terminal_columns(void)
{
    return terminal_size().ws_col;
}

unsigned terminal_rows(void)
{
    return terminal_size().ws_row;
}

const char *terminal_glyph(TerminalGlyph glyph)
{
    static const char *const glyphs[N_GLYPHS][2] = {
        [GLYPH_ELLIPSIS] = {"...", "…"},
        [GLYPH_BULLET] = {"*", "●"},
    };

    return glyphs[glyph][terminal_is_utf8()];
}
