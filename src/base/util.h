/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Small helpers GLib lacks. All pure: no files, no clock, no locale but fnmatch's. */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Compares two numbers of any integer type as comparators want it: -1, 0, 1. */
#define CMP(a, b) (((a) > (b)) - ((a) < (b)))

/* A whole decimal number in [0, max], nothing around it. 0 or -EINVAL (not a number) or -ERANGE. */
int parse_u64(const char *text, uint64_t max, uint64_t *ret);

/* A size: digits, optional fraction, unit B, K/KiB, M/MiB, G/GiB, T/TiB (binary) or KB, MB, GB, TB
 * (decimal), in either case; a bare number is bytes. At most six digits of fraction and none for
 * bytes; rounded down. Result in bytes. 0, -EINVAL, -ERANGE. */
int parse_size(const char *text, uint64_t *ret_bytes);

/* A duration: number and unit us, ms, s, m or min, h, d; may be chained ("1m30s"); a bare number is
 * seconds. 0, -EINVAL, -ERANGE. */
int parse_duration(const char *text, uint64_t *ret_usec);

/* "64MiB", "4GiB", "1536KiB": the largest binary unit that divides it. */
char *format_size_kib(uint64_t kib);
/* "30s", "10min", "1h", "250ms". */
char *format_duration(uint64_t usec);

/* Damerau-Levenshtein distance; the nearest of candidates (NULL-terminated) when it is near enough
 * to be a misspelling (at most a third of its length, at least 1), else NULL. Ties: first. */
unsigned text_distance(const char *a, const char *b);
const char *text_nearest(const char *word, const char *const *candidates);

/* Shell-style glob as fnmatch(3) with no flags: *, ?, [..]. */
bool glob_matches(const char *pattern, const char *text);
