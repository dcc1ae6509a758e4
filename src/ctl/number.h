/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "ctl/options.h"

/* The number from 1 to max that was given with an option; *ret stays as it is if none was. False:
 * it is none, and stderr says so. */
bool number_option(const Options *options, OptionId id, unsigned max, unsigned *ret);
