/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ctl/bus-client.h"
#include "ctl/verbs.h"

int verb_resume_run(const Options *options)
{
    BusRequest request = {.method = "Resume", .guests = options_words(options), .slow = true};

    return bus_request_run(options, &request, show_verify);
}
