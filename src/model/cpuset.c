/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Thin cover over hwloc bitmaps. hwloc reports exhausted memory, GLib ends the process; here it
 * ends the process too, so that no caller has to ask.
 */
#include "model/cpuset.h"

#include <errno.h>
#include <limits.h>
#include <stdint.h>
#include <stdlib.h>

static void must(int r)
{
    if (r < 0)
        abort();
}

CpuSet *cpuset_new(void)
{
    CpuSet *set = hwloc_bitmap_alloc();

    if (!set)
        abort();
    return set;
}

CpuSet *cpuset_new_one(unsigned index)
{
    CpuSet *set = cpuset_new();

    must(hwloc_bitmap_set(set, index));
    return set;
}

CpuSet *cpuset_new_range(unsigned first, unsigned last)
{
    CpuSet *set = cpuset_new();

    must(hwloc_bitmap_set_range(set, first, (int)last));
    return set;
}

CpuSet *cpuset_copy(const CpuSet *set)
{
    if (!set)
        return NULL;

    CpuSet *copy = hwloc_bitmap_dup(set);
    if (!copy)
        abort();
    return copy;
}

CpuSet *cpuset_and(const CpuSet *a, const CpuSet *b)
{
    CpuSet *set = cpuset_copy(a);

    must(hwloc_bitmap_and(set, set, b));
    return set;
}

CpuSet *cpuset_or(const CpuSet *a, const CpuSet *b)
{
    CpuSet *set = cpuset_copy(a);

    must(hwloc_bitmap_or(set, set, b));
    return set;
}

CpuSet *cpuset_minus(const CpuSet *a, const CpuSet *b)
{
    CpuSet *set = cpuset_copy(a);

    must(hwloc_bitmap_andnot(set, set, b));
    return set;
}

bool cpuset_equal(const CpuSet *a, const CpuSet *b)
{
    if (!a || !b)
        return a == b;
    return hwloc_bitmap_isequal(a, b);
}

bool cpuset_is_empty(const CpuSet *set)
{
    return !set || hwloc_bitmap_iszero(set);
}

bool cpuset_is_subset(const CpuSet *sub, const CpuSet *super)
{
    return hwloc_bitmap_isincluded(sub, super);
}

bool cpuset_intersects(const CpuSet *a, const CpuSet *b)
{
    return hwloc_bitmap_intersects(a, b);
}

bool cpuset_has(const CpuSet *set, unsigned index)
{
    return hwloc_bitmap_isset(set, index);
}

unsigned cpuset_weight(const CpuSet *set)
{
    return (unsigned)hwloc_bitmap_weight(set);
}

unsigned cpuset_first(const CpuSet *set)
{
    int first = hwloc_bitmap_first(set);

    return first < 0 ? UINT_MAX : (unsigned)first;
}

char *cpuset_format(const CpuSet *set)
{
    char short_text[64];
    int length = hwloc_bitmap_list_snprintf(short_text, sizeof(short_text), set);

    must(length);
    if ((size_t)length < sizeof(short_text))
        return g_strdup(short_text);
    char *text = g_malloc((size_t)length + 1);
    hwloc_bitmap_list_snprintf(text, (size_t)length + 1, set);
    return text;
}

static int index_parse(const char **cursor, unsigned *ret)
{
    const char *p = *cursor;
    unsigned number = 0;

    if (!g_ascii_isdigit(*p))
        return -EINVAL;
    for (; g_ascii_isdigit(*p); p++) {
        number = number * 10 + (unsigned)(*p - '0');
        if (number > CPUSET_MAX_INDEX)
            return -ERANGE;
    }
    *cursor = p;
    *ret = number;
    return 0;
}

int cpuset_range_parse(const char **cursor, unsigned *ret_first, unsigned *ret_last)
{
    int r = index_parse(cursor, ret_first);
    if (r < 0)
        return r;
    *ret_last = *ret_first;
    if (**cursor != '-')
        return 0;

    const char *second = ++*cursor;
    r = index_parse(cursor, ret_last);
    if (r < 0)
        return r;
    if (*ret_last >= *ret_first)
        return 0;
    *cursor = second;
    return -EINVAL;
}

static const char *skip_space(const char *p)
{
    while (g_ascii_isspace(*p))
        p++;
    return p;
}

int cpuset_parse(const char *text, CpuSet **ret)
{
    g_autoptr(CpuSet) set = cpuset_new();

    for (const char *p = skip_space(text); *p;) {
        unsigned first, last;
        bool exclude = *p == '^';
        p += exclude;
        int r = cpuset_range_parse(&p, &first, &last);
        if (r < 0)
            return r;
        must(exclude ? hwloc_bitmap_clr_range(set, first, (int)last)
                     : hwloc_bitmap_set_range(set, first, (int)last));

        p = skip_space(p);
        if (!*p)
            break;
        if (*p != ',')
            return -EINVAL;
        p = skip_space(p + 1);
        if (!*p)
            return -EINVAL;
    }
    *ret = g_steal_pointer(&set);
    return 0;
}

/* --- sharing --- */

/* How many share a set, by the set; none: NULL. */
static GMutex shared_lock;
static GHashTable *shared;

static unsigned cpuset_hash(gconstpointer set)
{
    unsigned hash = 0;
    int n = hwloc_bitmap_nr_ulongs(set);

    for (int i = 0; i < n; i++) {
        uint64_t word = hwloc_bitmap_to_ith_ulong(set, (unsigned)i);
        hash = hash * 31 + (unsigned)(word ^ word >> 32);
    }
    return hash; /* of sets without an end 0 */
}

static gboolean cpuset_same(gconstpointer a, gconstpointer b)
{
    return cpuset_equal(a, b);
}

/* Who shares one like it, and how many; *ret_found NULL: nobody. */
static unsigned count_shared(const CpuSet *set, CpuSet **ret_found)
{
    gpointer found = NULL, count = NULL;

    if (shared)
        g_hash_table_lookup_extended(shared, set, &found, &count);
    *ret_found = found;
    return GPOINTER_TO_UINT(count);
}

void cpuset_share(CpuSet **set)
{
    CpuSet *found;

    if (!*set)
        return;
    g_mutex_lock(&shared_lock);
    unsigned count = count_shared(*set, &found);
    if (!shared)
        shared = g_hash_table_new(cpuset_hash, cpuset_same);
    if (found) {
        hwloc_bitmap_free(*set);
        *set = found;
    }
    g_hash_table_insert(shared, *set, GUINT_TO_POINTER(count + 1));
    g_mutex_unlock(&shared_lock);
}

void cpuset_release(CpuSet **set)
{
    CpuSet *found;

    if (!*set)
        return;
    g_mutex_lock(&shared_lock);
    unsigned count = count_shared(*set, &found);
    bool is_last = found != *set || count == 1;
    if (found == *set && count > 1)
        g_hash_table_insert(shared, *set, GUINT_TO_POINTER(count - 1));
    else if (found == *set)
        g_hash_table_remove(shared, *set);
    if (shared && g_hash_table_size(shared) == 0)
        g_clear_pointer(&shared, g_hash_table_unref);
    g_mutex_unlock(&shared_lock);
    if (is_last)
        hwloc_bitmap_free(*set);
    *set = NULL;
}
