/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Small files of the kernel (procfs, sysfs, cgroupfs). */
#pragma once

#include <stddef.h>

/* Reads a small file whole, at most max bytes, less trailing white space. dir_fd as openat(2).
 * 0 and *ret_text (owned by the caller), or negative errno; -EFBIG if larger. */
int file_read_small(int dir_fd, const char *path, size_t max, char **ret_text);
