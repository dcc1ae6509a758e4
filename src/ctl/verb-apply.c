/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ctl/bus-client.h"
#include "ctl/verbs.h"

int verb_apply_run(const Options *options)
{
    bool dry_run = options->given[OPT_DRY_RUN];
    BusRequest request = {
        .method = "Apply",
        .guests = options_words(options),
        .n_flags = 1,
        .flags = {dry_run},
        .slow = true,
    };

    return bus_request_run(options, &request, dry_run ? show_plan : show_verify);
}
