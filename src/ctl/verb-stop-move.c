/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ctl/bus-client.h"
#include "ctl/show.h"
#include "ctl/verbs.h"

int verb_stop_move_run(const Options *options)
{
    BusRequest request = {.method = "StopMove", .guest = options_words(options)[0], .slow = true};

    return bus_request_run(options, &request, show_step);
}
