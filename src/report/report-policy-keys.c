/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the keys of the policy are: "policy explain". */
#include "report/report-parts.h"

#include <string.h>

/* Rows for fields and for what is below them, whose names begin with prefix. */
static void add_fields(struct json_object *rows, const PolicyField *fields, const char *prefix)
{
    for (; fields && fields->name; fields++) {
        struct json_object *row = json_object_new_object();
        g_autofree char *expected = policy_field_expected(fields);
        g_autofree char *name = g_strconcat(prefix, fields->name, NULL);
        g_autofree char *below =
            g_strconcat(name, fields->type == TYPE_RECORDS ? "[]." : ".", NULL);
        json_object_object_add(row, "name", parts_text(name));
        json_object_object_add(row, "value", parts_text(expected));
        json_object_object_add(row, "doc", parts_text(fields->doc));
        json_object_array_add(rows, row);
        add_fields(rows, fields->fields, below);
    }
}

static struct json_object *field_rows(const PolicyField *field)
{
    struct json_object *rows = json_object_new_array();

    /* of a table with maps in it: what those hold */
    add_fields(rows, field->type == TYPE_TABLE ? field->fields->fields : field->fields, "");
    return rows;
}

static struct json_object *knob_rows(uint64_t knobs)
{
    struct json_object *rows = json_object_new_array();

    for (unsigned knob = 0; knob < N_KNOBS; knob++) {
        const KnobInfo *info = knob_info((Knob)knob);
        if (!(knobs & KNOB_BIT(knob)))
            continue;
        struct json_object *row = json_object_new_object(), *planes = json_object_new_array();
        for (unsigned plane = 0; plane < N_PLANES; plane++)
            if (info->planes[plane])
                json_object_array_add(planes, parts_text(plane_name((Plane)plane)));
        json_object_object_add(row, "name", parts_text(info->name));
        json_object_object_add(row, "planes", planes);
        json_object_object_add(row, "changes", parts_text(knob_change_name(info->change)));
        json_object_object_add(row, "doc", parts_text(info->doc));
        json_object_array_add(rows, row);
    }
    return rows;
}

static struct json_object *key_row(const PolicyKeyInfo *info)
{
    struct json_object *row = json_object_new_object();
    g_autofree char *expected = policy_field_expected(&info->field);
    g_autofree char *example = policy_key_write(info, info->example);

    json_object_object_add(row, "key", parts_text(info->path));
    json_object_object_add(row, "scope", parts_text(info->scope == SCOPE_HOST ? "host" : "guest"));
    json_object_object_add(row, "doc", parts_text(info->field.doc));
    json_object_object_add(row, "value", parts_text(expected));
    json_object_object_add(row, "default", parts_text(info->default_text));
    json_object_object_add(row, "example", parts_text(example));
    json_object_object_add(row, "fields", field_rows(&info->field));
    json_object_object_add(row, "knobs", knob_rows(info->knobs));
    return row;
}

/* Whether path is below above, or is it. */
static bool is_within(const char *path, const char *above)
{
    size_t length = strlen(above);

    return strncmp(path, above, length) == 0 && (path[length] == '\0' || path[length] == '.');
}

struct json_object *report_policy_keys(const char *path)
{
    struct json_object *document = report_document(), *rows = json_object_new_array();

    for (unsigned key = 0; key < N_POLICY_KEYS; key++) {
        const PolicyKeyInfo *info = policy_key_info((PolicyKey)key);
        if (!path || is_within(info->path, path) || is_within(path, info->path))
            json_object_array_add(rows, key_row(info));
    }
    json_object_object_add(document, "keys", rows);
    return document;
}
