/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "policy/convert.h"

#include "base/util.h"
#include "policy/scalar.h"

#include <string.h>

/* A longer word is no misspelling of a key or value. */
#define MAX_MISSPELT_BYTES 64

static const PolicyField list_item = {.name = "item", .type = TYPE_STRING};

char *path_join(const char *path, const char *name)
{
    g_autofree char *cut = source_cut(name);

    return path ? g_strdup_printf("%s.%s", path, cut) : g_strdup(cut);
}

static const char *nearest(const char *text, const char *const *candidates)
{
    return candidates && strlen(text) <= MAX_MISSPELT_BYTES ? text_nearest(text, candidates) : NULL;
}

void unknown_key_tell(const Convert *convert, const YamlNode *key, const char *path,
                      const char *const *candidates)
{
    const char *near = nearest(key->text, candidates);
    g_autofree char *quoted = source_quote(key->text);
    g_autofree char *all = g_strjoinv(", ", (char **)candidates);

    if (near)
        source_error(convert->source, convert->diags, key->mark, path,
                     "unknown key %s; did you mean '%s'?", quoted, near);
    else
        source_error(convert->source, convert->diags, key->mark, path,
                     "unknown key %s; expected one of %s", quoted, all);
}

void expected_tell(const Convert *convert, const YamlNode *node, const char *path,
                   const char *expected)
{
    g_autofree char *found = yaml_node_describe(node);

    source_error(convert->source, convert->diags, node->mark, path, "expected %s, not %s", expected,
                 found);
}

/* Columns from the start of a scalar to a byte of its text. In double quotes an escape may stand
 * for a byte: then only the start is sure. */
static Mark mark_inside(const Source *source, const YamlNode *node, size_t offset)
{
    Mark mark = node->mark;

    if (mark.line > source->lines->len)
        return mark;
    size_t line = g_array_index(source->lines, size_t, mark.line - 1);
    const char *start = g_utf8_offset_to_pointer(source->bytes + line, mark.column - 1);

    start += node->quoted;
    if (strncmp(start, node->text, strlen(node->text)) == 0)
        mark.column += (unsigned)(g_utf8_strlen(node->text, (gssize)offset) + node->quoted);
    return mark;
}

static void scalar_fault_tell(const Convert *convert, const PolicyField *field,
                              const YamlNode *node, const char *path, const ScalarFault *fault)
{
    g_autofree char *quoted = source_quote(node->text);
    g_autofree char *expected = policy_field_expected(field);
    const char *near = nearest(node->text, field->words);

    if (fault->offset > 0)
        source_error(convert->source, convert->diags,
                     mark_inside(convert->source, node, fault->offset), path, "%s in %s",
                     fault->text, quoted);
    else if (near)
        source_error(convert->source, convert->diags, node->mark, path,
                     "expected %s, not %s; did you mean '%s'?", expected, quoted, near);
    else
        expected_tell(convert, node, path, expected);
}

static PolicyValue *scalar_convert(const Convert *convert, const PolicyField *field,
                                   const YamlNode *node, const char *path)
{
    Origin origin = source_origin(convert->source, node->mark);
    ScalarFault fault = {0};
    PolicyValue *value = scalar_parse(field, node->text, &origin, &fault);

    if (!value)
        scalar_fault_tell(convert, field, node, path, &fault);
    return value;
}

static void entry_clear(gpointer data)
{
    PolicyEntry *entry = data;

    g_free(entry->key);
    policy_value_unref(entry->value);
}

static GArray *entries_new(void)
{
    GArray *entries = g_array_new(FALSE, FALSE, sizeof(PolicyEntry));

    g_array_set_clear_func(entries, entry_clear);
    return entries;
}

/* Takes key and value; value NULL makes the whole faulty. */
static void entry_add(GArray *entries, char *key, PolicyValue *value, bool *whole)
{
    PolicyEntry entry = {.key = key, .value = value};

    if (!value)
        *whole = false;
    g_array_append_val(entries, entry);
}

/* The list or map of all entries; NULL if one of them was faulty. Takes entries. */
static PolicyValue *entries_end(const Convert *convert, PolicyValueKind kind, const YamlNode *node,
                                GArray *entries, bool whole)
{
    g_autoptr(GArray) owned = entries;
    Origin origin = source_origin(convert->source, node->mark);
    gsize n_entries = 0;

    if (!whole)
        return NULL;
    PolicyValue *value = policy_value_new(kind, &origin);
    PolicyEntry *stolen = g_array_steal(owned, &n_entries);
    policy_value_take_entries(value, stolen, (unsigned)n_entries);
    return value;
}

static PolicyValue *list_convert(const Convert *convert, const PolicyField *item,
                                 const YamlNode *node, const char *path)
{
    GArray *entries = entries_new();
    bool whole = true;
    const YamlPair *pair;

    for (unsigned i = 0; (pair = yaml_node_pair(node, i)); i++) {
        g_autofree char *item_path = g_strdup_printf("%s[%u]", path, i);
        entry_add(entries, NULL, value_convert(convert, item, pair->value, item_path), &whole);
    }
    return entries_end(convert, VALUE_LIST, node, entries, whole);
}

static const char **field_names(const PolicyField *fields)
{
    g_autoptr(GPtrArray) names = g_ptr_array_new();

    for (; fields->name; fields++)
        g_ptr_array_add(names, (gpointer)fields->name);
    g_ptr_array_add(names, NULL);
    return (const char **)g_ptr_array_free(g_steal_pointer(&names), FALSE);
}

static PolicyValue *map_convert(const Convert *convert, const PolicyField *fields,
                                const YamlNode *node, const char *path)
{
    GArray *entries = entries_new();
    g_autofree const char **names = field_names(fields);
    bool whole = true;
    const YamlPair *pair;

    for (unsigned i = 0; (pair = yaml_node_pair(node, i)); i++) {
        const PolicyField *field = fields;
        while (field->name && strcmp(field->name, pair->key->text) != 0)
            field++;
        if (!field->name) {
            unknown_key_tell(convert, pair->key, path, names);
            whole = false;
            continue;
        }
        g_autofree char *field_path = path_join(path, field->name);
        entry_add(entries, g_strdup(field->name),
                  value_convert(convert, field, pair->value, field_path), &whole);
    }
    return entries_end(convert, VALUE_MAP, node, entries, whole);
}

/* Six pairs of hexadecimal digits with colons. */
static bool is_mac(const char *text)
{
    static const char form[] = "xx:xx:xx:xx:xx:xx";

    if (strlen(text) != strlen(form))
        return false;
    for (unsigned i = 0; form[i]; i++)
        if (form[i] == ':' ? text[i] != ':' : !g_ascii_isxdigit(text[i]))
            return false;
    return true;
}

/* The key of a table in the form that is compared; NULL: not of its type, told. */
static char *table_key_convert(const Convert *convert, const PolicyField *field,
                               const YamlNode *key, const char *path)
{
    const PolicyField key_field = {
        .type = field->key_type,
        .max = field->key_type == TYPE_UINT ? CPUSET_MAX_INDEX : 0,
    };
    g_autoptr(PolicyValue) value = scalar_convert(convert, &key_field, key, path);

    if (!value)
        return NULL;
    if (value->kind == VALUE_UINT)
        return g_strdup_printf("%" G_GUINT64_FORMAT, value->u);
    return is_mac(value->text) ? g_ascii_strdown(value->text, -1) : g_strdup(value->text);
}

/* Adds the key to those seen. False, and told, if it is the same as an earlier one in another
 * spelling (0 and 00, MAC addresses in capitals): the same spelling has been told already. */
static bool table_key_is_new(const Convert *convert, const YamlNode *key, const char *name,
                             GHashTable *seen, const char *path)
{
    const YamlNode *first = g_hash_table_lookup(seen, name);

    if (!first) {
        g_hash_table_insert(seen, g_strdup(name), (gpointer)key);
        return true;
    }
    if (strcmp(first->text, key->text) != 0)
        source_error(convert->source, convert->diags, key->mark, path,
                     "duplicate key '%s'; first on line %u", name, first->mark.line);
    return false;
}

static PolicyValue *table_convert(const Convert *convert, const PolicyField *field,
                                  const YamlNode *node, const char *path)
{
    GArray *entries = entries_new();
    g_autoptr(GHashTable) seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    bool whole = true;
    const YamlPair *pair;

    for (unsigned i = 0; (pair = yaml_node_pair(node, i)); i++) {
        g_autofree char *name = table_key_convert(convert, field, pair->key, path);
        g_autofree char *entry_path = path_join(path, name ? name : pair->key->text);
        PolicyValue *value = value_convert(convert, &field->fields[0], pair->value, entry_path);
        if (!name || !table_key_is_new(convert, pair->key, name, seen, path))
            whole = false;
        entry_add(entries, g_steal_pointer(&name), value, &whole);
    }
    return entries_end(convert, VALUE_MAP, node, entries, whole);
}

PolicyValue *value_convert(const Convert *convert, const PolicyField *field, const YamlNode *node,
                           const char *path)
{
    const PolicyField record = {.name = field->name, .type = TYPE_MAP, .fields = field->fields};
    YamlKind kind =
        field->type == TYPE_STRING_LIST || field->type == TYPE_RECORDS ? YAML_LIST : YAML_MAP;

    if (node->kind == YAML_SCALAR && !yaml_node_is_null(node) &&
        (scalar_is(field->type) || field->words))
        return scalar_convert(convert, field, node, path);
    if (scalar_is(field->type) || node->kind != kind) {
        g_autofree char *expected = policy_field_expected(field);
        expected_tell(convert, node, path, expected);
        return NULL;
    }
    if (field->type == TYPE_TABLE)
        return table_convert(convert, field, node, path);
    if (field->type == TYPE_MAP)
        return map_convert(convert, field->fields, node, path);
    return list_convert(convert, field->type == TYPE_RECORDS ? &record : &list_item, node, path);
}
