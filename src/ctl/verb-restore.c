/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ctl/bus-client.h"
#include "ctl/verbs.h"

int verb_restore_run(const Options *options)
{
    bool all = options->given[OPT_ALL];
    BusRequest request = {
        .method = "Restore",
        .guests = options_words(options),
        .n_flags = 2,
        .flags = {all, options->given[OPT_FORCE]},
        .slow = true,
    };

    if (all == (options_n_words(options) > 0)) {
        show_error(all ? "name guests or say --all, not both"
                       : "which guest? name it or say --all");
        return CTL_USAGE;
    }
    return bus_request_run(options, &request, show_verify);
}
