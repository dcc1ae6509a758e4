/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The file side of loading. */
#pragma once

#include "base/diag.h"

#include <stdbool.h>
#include <stddef.h>

/* Reads a whole file. in_force: it is to rule this host, so none but root or this process's user
 * may be able to write it. 0 with bytes, which the caller frees; or -EINVAL with an error in diags.
 */
int policy_file_read(const char *file, bool in_force, char **ret_bytes, size_t *ret_length,
                     DiagList *diags);
