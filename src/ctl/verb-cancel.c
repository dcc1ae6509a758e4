/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/util.h"
#include "ctl/bus-client.h"
#include "ctl/show.h"
#include "ctl/verbs.h"

int verb_cancel_run(const Options *options)
{
    const char *word = options_words(options)[0];
    BusRequest request = {.method = "Cancel", .slow = true};

    if (parse_u64(word, UINT64_MAX, &request.job) < 0 || request.job == 0) {
        show_error("'%s' is no job's number; 'vmtuned-ctl jobs' lists them", word);
        return CTL_USAGE;
    }
    return bus_request_run(options, &request, show_step);
}
