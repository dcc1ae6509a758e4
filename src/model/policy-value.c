/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Values of the policy: shared, never changed once handed out. */
#include "model/policy.h"

#include "base/util.h"

#include <string.h>

char *origin_format(const Origin *origin)
{
    if (!origin || !origin->file)
        return g_strdup("default");
    return g_strdup_printf("%s:%u", origin->file, origin->line);
}

static Origin origin_copy(const Origin *origin)
{
    Origin copy = *origin;

    if (copy.file)
        copy.file = g_ref_string_acquire(copy.file);
    return copy;
}

PolicyValue *policy_value_new(PolicyValueKind kind, const Origin *origin)
{
    PolicyValue *value = g_atomic_rc_box_new0(PolicyValue);

    value->kind = kind;
    value->origin = origin_copy(origin);
    return value;
}

static void policy_value_clear(gpointer data)
{
    PolicyValue *value = data;

    for (unsigned i = 0; i < value->n_entries; i++) {
        g_free(value->entries[i].key);
        policy_value_unref(value->entries[i].value);
    }
    g_free(value->entries);
    g_free(value->text);
    if (value->cpus)
        cpu_expr_free(value->cpus);
    if (value->set)
        hwloc_bitmap_free(value->set);
    if (value->origin.file)
        g_ref_string_release(value->origin.file);
}

PolicyValue *policy_value_ref(const PolicyValue *value)
{
    return g_atomic_rc_box_acquire((PolicyValue *)value);
}

void policy_value_unref(PolicyValue *value)
{
    if (value)
        g_atomic_rc_box_release_full(value, policy_value_clear);
}

static int key_compare(const char *a, const char *b)
{
    uint64_t number_a = 0;
    uint64_t number_b = 0;
    bool is_a = parse_u64(a, UINT64_MAX, &number_a) == 0;
    bool is_b = parse_u64(b, UINT64_MAX, &number_b) == 0;

    if (is_a != is_b)
        return is_a ? -1 : 1;
    if (number_a != number_b)
        return CMP(number_a, number_b);
    return strcmp(a, b);
}

static int entry_compare(const void *a, const void *b)
{
    return key_compare(((const PolicyEntry *)a)->key, ((const PolicyEntry *)b)->key);
}

void policy_value_take_entries(PolicyValue *value, PolicyEntry *entries, unsigned n_entries)
{
    if (value->kind == VALUE_MAP && n_entries > 1)
        qsort(entries, n_entries, sizeof(*entries), entry_compare);
    value->entries = entries;
    value->n_entries = n_entries;
}

const PolicyValue *policy_value_entry(const PolicyValue *value, const char *key)
{
    if (!value || value->kind != VALUE_MAP)
        return NULL;
    for (unsigned i = 0; i < value->n_entries; i++) {
        if (strcmp(value->entries[i].key, key) == 0)
            return value->entries[i].value;
    }
    return NULL;
}

/* Both arrays are sorted: one walk over the two. */
static PolicyValue *map_merge(const PolicyValue *base, const PolicyValue *over)
{
    PolicyValue *merged = policy_value_new(VALUE_MAP, &over->origin);
    unsigned i = 0;
    unsigned j = 0;

    merged->entries = g_new0(PolicyEntry, base->n_entries + over->n_entries);
    while (i < base->n_entries || j < over->n_entries) {
        int r = i == base->n_entries   ? 1
                : j == over->n_entries ? -1
                                       : entry_compare(&base->entries[i], &over->entries[j]);
        const PolicyValue *from_base = r <= 0 ? base->entries[i].value : NULL;
        const PolicyValue *from_over = r >= 0 ? over->entries[j].value : NULL;
        const char *key = r <= 0 ? base->entries[i].key : over->entries[j].key;

        merged->entries[merged->n_entries++] = (PolicyEntry){
            .key = g_strdup(key),
            .value = policy_value_merge(from_base, from_over),
        };
        i += r <= 0;
        j += r >= 0;
    }
    return merged;
}

PolicyValue *policy_value_merge(const PolicyValue *base, const PolicyValue *over)
{
    if (!over)
        return base ? policy_value_ref(base) : NULL;
    if (!base || base->kind != VALUE_MAP || over->kind != VALUE_MAP)
        return policy_value_ref(over);
    return map_merge(base, over);
}

static bool entries_equal(const PolicyValue *a, const PolicyValue *b)
{
    if (a->n_entries != b->n_entries)
        return false;
    for (unsigned i = 0; i < a->n_entries; i++) {
        if (g_strcmp0(a->entries[i].key, b->entries[i].key) != 0 ||
            !policy_value_equal(a->entries[i].value, b->entries[i].value))
            return false;
    }
    return true;
}

bool policy_value_equal(const PolicyValue *a, const PolicyValue *b)
{
    if (!a || !b)
        return a == b;
    if (a->kind != b->kind)
        return false;
    switch (a->kind) {
    case VALUE_BOOL:
    case VALUE_UINT:
        return a->u == b->u;
    case VALUE_REAL:
        return CMP(a->real, b->real) == 0;
    case VALUE_WORD:
    case VALUE_STRING:
        return strcmp(a->text, b->text) == 0;
    case VALUE_CPUS:
        return strcmp(a->cpus->text, b->cpus->text) == 0;
    case VALUE_SET:
        return cpuset_equal(a->set, b->set);
    case VALUE_LIST:
    case VALUE_MAP:
        return entries_equal(a, b);
    }
    return false;
}

/* In quotes unless it reads as one plain word. */
static void append_scalar(GString *out, const char *text)
{
    bool plain = text[0] && strspn(text, "-?") == 0;

    for (const char *p = text; plain && *p; p++)
        plain = g_ascii_isalnum(*p) || strchr("_-+./%^", *p);
    if (plain) {
        g_string_append(out, text);
        return;
    }
    g_string_append_c(out, '"');
    for (const char *p = text; *p; p++) {
        if (*p == '"' || *p == '\\')
            g_string_append_c(out, '\\');
        g_string_append_c(out, *p);
    }
    g_string_append_c(out, '"');
}

static char *scalar_as_written(const PolicyValue *value)
{
    return g_strdup(value->text);
}

#define REAL_PARTS 1000000.0

static char *scalar_plain(const PolicyValue *value)
{
    switch (value->kind) {
    case VALUE_BOOL:
    case VALUE_UINT:
        return g_strdup_printf("%" G_GUINT64_FORMAT, value->u);
    case VALUE_REAL: /* whatever the locale's decimal point */
        return g_strdup_printf("%lld millionths", (long long)(value->real * REAL_PARTS + 0.5));
    case VALUE_SET:
        return cpuset_format(value->set);
    case VALUE_WORD:
    case VALUE_STRING:
    case VALUE_CPUS:
    case VALUE_LIST:
    case VALUE_MAP:
        break;
    }
    return scalar_as_written(value);
}

typedef char *(*ScalarFormat)(const PolicyValue *value);

static void append_value(GString *out, const PolicyValue *value, ScalarFormat format)
{
    if (value->kind != VALUE_LIST && value->kind != VALUE_MAP) {
        g_autofree char *text = format(value);
        append_scalar(out, text);
        return;
    }
    g_string_append_c(out, value->kind == VALUE_MAP ? '{' : '[');
    for (unsigned i = 0; i < value->n_entries; i++) {
        if (i > 0)
            g_string_append(out, ", ");
        if (value->kind == VALUE_MAP) {
            append_scalar(out, value->entries[i].key);
            g_string_append(out, ": ");
        }
        append_value(out, value->entries[i].value, format);
    }
    g_string_append_c(out, value->kind == VALUE_MAP ? '}' : ']');
}

char *policy_value_format(const PolicyValue *value)
{
    GString *out = g_string_new(NULL);

    append_value(out, value, scalar_as_written);
    return g_string_free(out, FALSE);
}

char *policy_value_format_plain(const PolicyValue *value)
{
    GString *out = g_string_new(NULL);

    append_value(out, value, scalar_plain);
    return g_string_free(out, FALSE);
}
