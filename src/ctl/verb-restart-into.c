/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ctl/bus-client.h"
#include "ctl/number.h"
#include "ctl/verbs.h"
#include "vmtuned/bus.h"

#define DEFAULT_TIMEOUT_SEC 300

static void render(Doc *document, GString *out)
{
    const char *text = doc_text(document, "text");

    g_string_append_printf(out, "%s: %s\n", doc_word(document, "name"),
                           text ? text : doc_word(document, "result"));
}

int verb_restart_into_run(const Options *options)
{
    bool on_reboot = options->given[OPT_ON_REBOOT];
    unsigned seconds = DEFAULT_TIMEOUT_SEC;

    if (options->given[OPT_TIMEOUT] && on_reboot) {
        show_error("--timeout does not go with --on-reboot: the guest takes its time");
        return CTL_USAGE;
    }
    if (!number_option(options, OPT_TIMEOUT, VMTUNED_RESTART_TIMEOUT_MAX, &seconds))
        return CTL_USAGE;
    BusRequest request = {
        .method = "RestartInto",
        .guest = options_words(options)[0],
        .has_number = true,
        .number = seconds,
        .n_flags = 1,
        .flags = {on_reboot},
        .slow = true,
        .wait_sec = on_reboot ? 0 : seconds,
    };

    return bus_request_run(options, &request, render);
}
