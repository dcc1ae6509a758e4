/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The file side of loading. */
#pragma once

#include "base/diag.h"

/* Reads a whole file. 0 with bytes, which the caller frees; or negative errno, -EFBIG past
 * POLICY_FILE_MAX_BYTES. */
int policy_file_read(const char *file, char **ret_bytes, size_t *ret_length);

/* Tells that a file or directory cannot be read; error: positive errno. */
void policy_unreadable_tell(DiagList *diags, const char *path, int error);
