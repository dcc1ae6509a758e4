/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Files of sysfs and procfs that hold a word or a number. root: "" or a directory that stands for
 * /. 0 or negative errno; -ENOENT also for what the kernel has compiled out. */
#pragma once

#include <stdint.h>

int kernel_text_read(const char *root, const char *path, char **ret);
int kernel_text_write(const char *root, const char *path, const char *text);
int kernel_number_read(const char *root, const char *directory, const char *name, uint64_t *ret);
/* Share of the last 10 s in which some task waited for memory, of 100. -EBADMSG: another form. */
int kernel_pressure_read(const char *root, double *ret_pct);
/* A node's memory, and what of it is free or only caches files. */
int kernel_node_memory_read(const char *root, unsigned node, uint64_t *ret_kib,
                            uint64_t *ret_free_kib);
/* KiB of the line "name: number kB" of a meminfo, of the host or of a node; 0: there is none. */
uint64_t kernel_meminfo_value(const char *text, const char *name);
