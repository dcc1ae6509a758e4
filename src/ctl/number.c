/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ctl/number.h"

#include "base/util.h"
#include "ctl/show.h"

bool number_option(const Options *options, OptionId id, unsigned max, unsigned *ret)
{
    const char *text = options_value(options, id);
    uint64_t number;

    if (!text)
        return true;
    if (parse_u64(text, max, &number) < 0 || number == 0) {
        show_error("--%s: expected a number from 1 to %u, not '%s'", option_info(id)->name, max,
                   text);
        return false;
    }
    *ret = (unsigned)number;
    return true;
}
