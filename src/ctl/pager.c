/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ctl/pager.h"

#include "ctl/terminal.h"

#include <glib.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>

/* systemd's: quit if it fits, colours, chop long lines, keep the screen; Ctrl-C ends */
#define LESS_OPTIONS "FRSXMK"
#define NO_SUCH_COMMAND 127 /* says the shell */

static bool is_longer_than_screen(const char *text)
{
    unsigned rows = terminal_rows(), n_lines = 0;

    for (const char *p = text; *p; p++)
        n_lines += *p == '\n';
    return rows > 0 && n_lines >= rows;
}

/* A shell's command line; NULL: none. Who was let run vmtuned-ctl alone as another user is not to
 * get a shell or an editor out of its pager. */
static const char *pager_command(void)
{
    const char *command = g_getenv("SYSTEMD_PAGER");
    bool secure = g_getenv("SUDO_UID") || g_getenv("PKEXEC_UID");

    if (!command)
        command = g_getenv("PAGER");
    if (command && (!command[0] || g_str_equal(command, "cat")))
        return NULL;
    if (secure)
        g_setenv("LESSSECURE", "1", TRUE);
    if (command && !secure)
        return command;
    g_autofree char *less = g_find_program_in_path("less");
    return less ? "less" : NULL;
}

bool pager_show(const char *text)
{
    const char *command = is_longer_than_screen(text) ? pager_command() : NULL;
    const char *options = g_getenv("SYSTEMD_LESS");

    if (!command)
        return false;
    g_setenv("LESS", options ? options : LESS_OPTIONS, TRUE);
    if (terminal_is_utf8())
        g_setenv("LESSCHARSET", "utf-8", TRUE);
    fflush(stdout);
    FILE *pager = popen(command, "we");
    if (!pager)
        return false;
    /* It may be left before it has read all, and has Ctrl-C to itself. */
    void (*on_pipe)(int) = signal(SIGPIPE, SIG_IGN), (*on_interrupt)(int) = signal(SIGINT, SIG_IGN);
    fputs(text, pager);
    int status = pclose(pager);
    signal(SIGPIPE, on_pipe);
    signal(SIGINT, on_interrupt);
    return !(WIFEXITED(status) && WEXITSTATUS(status) == NO_SUCH_COMMAND);
}
