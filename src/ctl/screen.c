/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ctl/screen.h"

#include "ctl/terminal.h"

#include <glib.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

/* xterm's, which all terminals of today know */
#define ENTER "\x1b[?1049h\x1b[?25l" /* the other screen, no cursor */
#define LEAVE "\x1b[?25h\x1b[?1049l"
#define HOME "\x1b[H"
#define ERASE_LINE "\x1b[K"
#define ERASE_BELOW "\x1b[J"

struct Screen {
    bool has_keys;
    struct termios before;
};

Screen *screen_open(void)
{
    struct termios raw;

    if (!isatty(STDOUT_FILENO))
        return NULL;
    Screen *screen = g_new0(Screen, 1);
    screen->has_keys = tcgetattr(STDIN_FILENO, &screen->before) == 0;
    if (screen->has_keys) {
        raw = screen->before;
        raw.c_lflag &= (tcflag_t) ~(ICANON | ECHO);
        raw.c_cc[VSUSP] = _POSIX_VDISABLE; /* a shell would be left in this mode */
        tcsetattr(STDIN_FILENO, TCSADRAIN, &raw);
    }
    fputs(ENTER, stdout);
    return screen;
}

void screen_close(Screen *screen)
{
    if (!screen)
        return;
    fputs(LEAVE, stdout);
    fflush(stdout);
    if (screen->has_keys)
        tcsetattr(STDIN_FILENO, TCSADRAIN, &screen->before);
    g_free(screen);
}

bool screen_has_keys(const Screen *screen)
{
    return screen->has_keys;
}

void screen_draw(const Screen *screen, const char *text)
{
    unsigned rows = MAX(terminal_rows(), 2);
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    unsigned n = g_strv_length(lines);

    (void)screen;
    if (n > 0 && !lines[n - 1][0]) /* after the last newline */
        n--;
    unsigned shown = n > rows ? rows - 1 : n;
    fputs(HOME, stdout);
    for (unsigned i = 0; i < shown; i++)
        printf("%s" ERASE_LINE "%s", lines[i], i + 1 < rows ? "\r\n" : "");
    if (shown < n)
        printf("%s %u more lines" ERASE_LINE, terminal_glyph(GLYPH_ELLIPSIS), n - shown);
    fputs(ERASE_BELOW, stdout);
    fflush(stdout);
}
