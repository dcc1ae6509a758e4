/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/util.h"
#include "ctl/bus-client.h"
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
    const char *timeout = options_value(options, OPT_TIMEOUT);
    bool on_reboot = options->given[OPT_ON_REBOOT];
    uint64_t seconds = DEFAULT_TIMEOUT_SEC;

    if (timeout && on_reboot) {
        show_error("--timeout does not go with --on-reboot: the guest takes its time");
        return CTL_USAGE;
    }
    if (timeout &&
        (parse_u64(timeout, VMTUNED_RESTART_TIMEOUT_MAX, &seconds) < 0 || seconds == 0)) {
        show_error("--timeout: expected a number from 1 to %u, not '%s'",
                   VMTUNED_RESTART_TIMEOUT_MAX, timeout);
        return CTL_USAGE;
    }
    BusRequest request = {
        .method = "RestartInto",
        .guest = options_words(options)[0],
        .has_number = true,
        .number = (uint32_t)seconds,
        .n_flags = 1,
        .flags = {on_reboot},
        .slow = true,
        .wait_sec = on_reboot ? 0 : (unsigned)seconds,
    };

    return bus_request_run(options, &request, render);
}
