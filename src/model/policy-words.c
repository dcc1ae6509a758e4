/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The schema in words. */
#include "model/policy-key.h"

#include "base/util.h"

#include <string.h>

static const char *const expected_words[] = {
    [TYPE_BOOL] = "on or off",
    [TYPE_UINT] = "a number",
    [TYPE_RATIO] = "a number such as 4.0",
    [TYPE_PERCENT] = "a percentage",
    [TYPE_DURATION] = "a duration such as 30s",
    [TYPE_SIZE] = "a size such as 4GiB",
    [TYPE_RATE] = "a rate such as 100MiB/s",
    [TYPE_STRING] = "a text",
    [TYPE_CPU_LIST] = "a CPU list such as \"0-3,8,^2\" or node:1",
    [TYPE_NODE_LIST] = "a list of nodes such as \"0-1\"",
    [TYPE_VCPU_LIST] = "a list of vCPUs such as \"0-3\"",
    [TYPE_STRING_LIST] = "a list of words",
    [TYPE_MAP] = "a map",
    [TYPE_TABLE] = "a map",
    [TYPE_RECORDS] = "a list of maps",
};

static bool has_bounds(PolicyType type)
{
    return type == TYPE_UINT || type == TYPE_RATIO || type == TYPE_PERCENT ||
           type == TYPE_DURATION || type == TYPE_SIZE || type == TYPE_RATE;
}

static char *bound_format(const PolicyField *field, uint64_t bound)
{
    if (field->type == TYPE_DURATION)
        return format_duration(bound);
    if (field->type == TYPE_SIZE)
        return format_size_kib(bound / 1024);
    return g_strdup_printf("%" G_GUINT64_FORMAT, bound);
}

static void append_bounds(GString *out, const PolicyField *field)
{
    g_autofree char *min = bound_format(field, field->min);
    g_autofree char *max = bound_format(field, field->max);

    if (!has_bounds(field->type))
        return;
    if (field->max > 0)
        g_string_append_printf(out, " from %s to %s", min, max);
    else if (field->min > 0)
        g_string_append_printf(out, ", at least %s", min);
}

char *policy_field_expected(const PolicyField *field)
{
    GString *out = g_string_new(NULL);
    const char *expected = expected_words[field->type];

    for (unsigned i = 0; field->words && field->words[i]; i++) {
        bool last = !expected && !field->words[i + 1];
        g_string_append_printf(out, "%s%s", i == 0 ? "" : last ? " or " : ", ", field->words[i]);
    }
    if (expected) {
        g_string_append_printf(out, "%s%s", out->len ? " or " : "", expected);
        append_bounds(out, field);
    }
    return g_string_free(out, FALSE);
}

char *policy_key_write(const PolicyKeyInfo *info, const char *value)
{
    const char *dot = strchr(info->path, '.');

    return dot ? g_strdup_printf("%.*s: {%s: %s}", (int)(dot - info->path), info->path, dot + 1,
                                 value)
               : g_strdup_printf("%s: %s", info->path, value);
}
