/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/util.h"

#include <errno.h>
#include <fnmatch.h>
#include <string.h>

typedef struct Unit {
    const char *name;
    uint64_t factor;
} Unit;

#define KIB (UINT64_C(1) << 10)
#define MIB (UINT64_C(1) << 20)
#define GIB (UINT64_C(1) << 30)
#define TIB (UINT64_C(1) << 40)

static const Unit size_units[] = {
    {"B", 1},
    {"K", KIB},
    {"KiB", KIB},
    {"M", MIB},
    {"MiB", MIB},
    {"G", GIB},
    {"GiB", GIB},
    {"T", TIB},
    {"TiB", TIB},
    {"KB", UINT64_C(1000)},
    {"MB", UINT64_C(1000000)},
    {"GB", UINT64_C(1000000000)},
    {"TB", UINT64_C(1000000000000)},
};

#define SECOND UINT64_C(1000000)

/* Ascending, with the names format_duration() writes before their other spellings. */
static const Unit duration_units[] = {
    {"us", 1},          {"ms", 1000},         {"s", SECOND},         {"min", 60 * SECOND},
    {"m", 60 * SECOND}, {"h", 3600 * SECOND}, {"d", 86400 * SECOND},
};

/* Reads digits at *cursor and moves it past them. */
static int digits_read(const char **cursor, uint64_t *ret)
{
    const char *p = *cursor;
    uint64_t number = 0;

    if (!g_ascii_isdigit(*p))
        return -EINVAL;
    for (; g_ascii_isdigit(*p); p++) {
        if (__builtin_mul_overflow(number, UINT64_C(10), &number) ||
            __builtin_add_overflow(number, (uint64_t)(*p - '0'), &number))
            return -ERANGE;
    }
    *cursor = p;
    *ret = number;
    return 0;
}

int parse_u64(const char *text, uint64_t max, uint64_t *ret)
{
    uint64_t number;
    int r = digits_read(&text, &number);
    if (r < 0)
        return r;
    if (*text)
        return -EINVAL;
    if (number > max)
        return -ERANGE;
    *ret = number;
    return 0;
}

/* Reads letters at *cursor and moves it past them; 0 if they are no unit of the table. */
static uint64_t unit_read(const char **cursor, const Unit *units, size_t n_units, bool any_case)
{
    size_t length = 0;

    while (g_ascii_isalpha((*cursor)[length]))
        length++;
    for (size_t i = 0; i < n_units; i++) {
        int r = any_case ? g_ascii_strncasecmp(*cursor, units[i].name, length)
                         : strncmp(*cursor, units[i].name, length);
        if (r == 0 && length == strlen(units[i].name)) {
            *cursor += length;
            return units[i].factor;
        }
    }
    return 0;
}

/* Reads ".25" at *cursor as 25 with *ret_scale 100; nothing there is 0 of 1. Six digits at most,
 * so that the product with the largest unit fits. */
static int fraction_read(const char **cursor, uint64_t *ret, uint64_t *ret_scale)
{
    *ret = 0;
    *ret_scale = 1;
    if (**cursor != '.')
        return 0;

    const char *start = ++*cursor;
    int r = digits_read(cursor, ret);
    if (r < 0 || *cursor - start > 6)
        return -EINVAL;
    for (const char *p = start; p < *cursor; p++)
        *ret_scale *= 10;
    return 0;
}

int parse_size(const char *text, uint64_t *ret_bytes)
{
    uint64_t whole, fraction, scale, bytes;
    int r = digits_read(&text, &whole);
    if (r < 0)
        return r;
    r = fraction_read(&text, &fraction, &scale);
    if (r < 0)
        return r;

    uint64_t factor = *text ? unit_read(&text, size_units, G_N_ELEMENTS(size_units), true) : 1;
    if (factor == 0 || *text || (factor == 1 && scale > 1))
        return -EINVAL;
    if (__builtin_mul_overflow(whole, factor, &bytes) ||
        __builtin_add_overflow(bytes, fraction * factor / scale, &bytes))
        return -ERANGE;
    *ret_bytes = bytes;
    return 0;
}

int parse_duration(const char *text, uint64_t *ret_usec)
{
    const char *p = text;
    uint64_t total = 0;

    do {
        bool first = p == text;
        uint64_t number, part;
        int r = digits_read(&p, &number);
        if (r < 0)
            return r;

        uint64_t factor = SECOND;
        if (*p || !first)
            factor = unit_read(&p, duration_units, G_N_ELEMENTS(duration_units), false);
        if (factor == 0)
            return -EINVAL;
        if (__builtin_mul_overflow(number, factor, &part) ||
            __builtin_add_overflow(total, part, &total))
            return -ERANGE;
    } while (*p);
    *ret_usec = total;
    return 0;
}

char *format_size_kib(uint64_t kib)
{
    static const char *const names[] = {"KiB", "MiB", "GiB", "TiB"};
    unsigned i = 0;

    while (kib && kib % 1024 == 0 && i + 1 < G_N_ELEMENTS(names)) {
        kib /= 1024;
        i++;
    }
    return g_strdup_printf("%" G_GUINT64_FORMAT "%s", kib, names[i]);
}

char *format_duration(uint64_t usec)
{
    if (usec == 0)
        return g_strdup("0s");

    const Unit *best = &duration_units[0];
    for (size_t i = 1; i < G_N_ELEMENTS(duration_units); i++) {
        if (usec % duration_units[i].factor == 0 && duration_units[i].factor > best->factor)
            best = &duration_units[i];
    }
    return g_strdup_printf("%" G_GUINT64_FORMAT "%s", usec / best->factor, best->name);
}

unsigned text_distance(const char *a, const char *b)
{
    size_t n = strlen(a), m = strlen(b);
    /* Three rows of the table of optimal string alignment: i - 2, i - 1 and i. */
    g_autofree unsigned *cells = g_new0(unsigned, 3 * (m + 1));
    unsigned *before = cells, *last = cells + (m + 1), *row = cells + 2 * (m + 1);

    for (size_t j = 0; j <= m; j++)
        row[j] = (unsigned)j;
    for (size_t i = 1; i <= n; i++) {
        unsigned *spare = before;
        before = last;
        last = row;
        row = spare;
        row[0] = (unsigned)i;
        for (size_t j = 1; j <= m; j++) {
            unsigned cost = a[i - 1] != b[j - 1];
            row[j] = MIN(MIN(last[j], row[j - 1]) + 1, last[j - 1] + cost);
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                row[j] = MIN(row[j], before[j - 2] + 1);
        }
    }
    return row[m];
}

const char *text_nearest(const char *word, const char *const *candidates)
{
    size_t length = strlen(word);
    size_t too_far = MAX(length / 3, 1) + 1;
    const char *nearest = NULL;

    for (; *candidates; candidates++) {
        size_t other = strlen(*candidates);
        /* The distance is no less than this; also keeps the table small for an absurd word. */
        if (MAX(length, other) - MIN(length, other) >= too_far)
            continue;
        unsigned distance = text_distance(word, *candidates);
        if (distance >= too_far)
            continue;
        nearest = *candidates;
        too_far = distance;
    }
    return nearest;
}

bool glob_matches(const char *pattern, const char *text)
{
    return fnmatch(pattern, text, 0) == 0;
}
