/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ctl/show.h"
#include "ctl/verbs.h"

#include <errno.h>
#include <locale.h>
#include <stdio.h>

int main(int argc, char **argv)
{
    (void)argc;
    setlocale(LC_ALL, "");
    int exit_status = verbs_run(argv);
    if (fflush(stdout) == 0 && !ferror(stdout))
        return exit_status;
    show_error("cannot write the output: %s", g_strerror(errno));
    return exit_status == CTL_OK ? CTL_MISMATCH : exit_status;
}
