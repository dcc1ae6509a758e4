/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ctl/bus-client.h"
#include "ctl/verbs.h"

int verb_plan_run(const Options *options)
{
    BusRequest request = {.method = "Plan", .guests = options_words(options)};

    return bus_request_run(options, &request, show_plan);
}
