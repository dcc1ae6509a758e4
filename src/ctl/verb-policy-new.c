/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ctl/bus-client.h"
#include "ctl/verbs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

static void render(Doc *document, GString *out)
{
    g_string_append(out, doc_word(document, "text"));
}

/* A new file that nobody else may change, since vmtuned would refuse it. CTL_OK, or an exit status
 * after words on stderr. */
static int file_make(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    FILE *file = fd >= 0 ? fdopen(fd, "w") : NULL;
    bool written = file && fchmod(fd, 0644) == 0 && fputs(text, file) >= 0;

    if (file && fclose(file) == 0 && written)
        return CTL_OK;
    show_error("cannot write '%s': %s", path, g_strerror(errno));
    return CTL_USAGE;
}

int verb_policy_new_run(const Options *options)
{
    const BusRequest request = {.method = "ProposePolicy", .guest = options_words(options)[0]};
    const char *path = options_value(options, OPT_OUTPUT);
    BusAnswer answer = {0};

    if (!path)
        return bus_request_run(options, &request, render);
    int exit_status = bus_requests_ask(options, &request, 1, &answer);
    if (answer.error)
        show_error("%s", answer.error);
    if (exit_status == CTL_OK)
        exit_status =
            answer.document ? file_make(path, doc_word(answer.document, "text")) : answer.exit;
    if (exit_status == CTL_OK)
        printf("%s is written; vmtuned-ctl policy diff tells what it would change where vmtuned "
               "reads it\n",
               path);
    bus_answer_clear(&answer);
    return exit_status;
}
