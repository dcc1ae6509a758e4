/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The policy as JSON Schema, for editors. Each row of the key table becomes the schema of its
 * value; a keyword of JSON Schema only judges values of its own type, so that "minimum" and
 * "pattern" of one key stand side by side: a number may be written with and without quotes.
 *
 * YAML 1.2 and 1.1 differ in what on and off are. Both are taken.
 */
#include "report/report-parts.h"

#include <string.h>

#define SECOND UINT64_C(1000000)

#define RANGE "\\^?[0-9]+(-[0-9]+)?"
#define TERM "\\^?(all|(node:|llc:|core:)?[0-9]+(-[0-9]+)?)"
#define LIST_OF(TERM) TERM "\\s*(,\\s*" TERM "\\s*)*"
#define SIZE "([0-9]+([bB]|[kKmMgGtT]([iI]?[bB])?)?|[0-9]+\\.[0-9]{1,6}[kKmMgGtT]([iI]?[bB])?)"

typedef struct TypeSchema {
    const char *types[3]; /* of JSON; NULL: no more */
    const char *pattern;  /* of the text; NULL: any */
    uint64_t unit;        /* what a bare number counts, in what the table's bounds count; 0: it has
                             no bounds */
    bool may_be_empty;    /* "" is well, unless the field's min says otherwise */
} TypeSchema;

/* No row: no scalar, or words alone. */
static const TypeSchema type_schemas[] = {
    [TYPE_BOOL] = {.types = {"boolean", "string"},
                   .pattern = "[oO][nN]|[oO][fF][fF]|[yY][eE][sS]|[nN][oO]|[tT][rR][uU][eE]|"
                              "[fF][aA][lL][sS][eE]"},
    [TYPE_UINT] = {.types = {"integer", "string"}, .pattern = "[0-9]+", .unit = 1},
    [TYPE_RATIO] = {.types = {"number", "string"}, .pattern = "[0-9]+\\.?[0-9]*", .unit = 1},
    [TYPE_PERCENT] = {.types = {"integer", "string"}, .pattern = "[0-9]+%?", .unit = 1},
    [TYPE_DURATION] = {.types = {"integer", "string"},
                       .pattern = "[0-9]+|([0-9]+(us|ms|s|min|m|h|d))+",
                       .unit = SECOND},
    [TYPE_SIZE] = {.types = {"integer", "string"}, .pattern = SIZE, .unit = 1},
    [TYPE_RATE] = {.types = {"integer", "string"}, .pattern = SIZE "(/s)?", .unit = 1},
    [TYPE_STRING] = {.types = {"string", "number", "boolean"}},
    [TYPE_CPU_LIST] = {.types = {"integer", "string"},
                       .pattern = "\\s*" LIST_OF(TERM),
                       .may_be_empty = true},
    [TYPE_NODE_LIST] = {.types = {"integer", "string"},
                        .pattern = "\\s*" LIST_OF(RANGE),
                        .may_be_empty = true},
    [TYPE_VCPU_LIST] = {.types = {"integer", "string"},
                        .pattern = "\\s*" LIST_OF(RANGE),
                        .may_be_empty = true},
};

typedef struct json_object Schema;

static Schema *field_schema(const PolicyField *field);

static void add(Schema *schema, const char *keyword, Schema *value)
{
    json_object_object_add(schema, keyword, value);
}

static Schema *object_schema(const char *type)
{
    Schema *schema = json_object_new_object();

    add(schema, "type", parts_text(type));
    return schema;
}

/* One of two types, the second of which is that nothing is written. */
static Schema *nullable_schema(const char *type)
{
    Schema *schema = json_object_new_object(), *types = json_object_new_array();

    json_object_array_add(types, parts_text(type));
    json_object_array_add(types, parts_text("null"));
    add(schema, "type", types);
    return schema;
}

static Schema *enum_schema(const char *const *words)
{
    Schema *schema = json_object_new_object(), *values = json_object_new_array();

    for (; *words; words++) {
        bool off = strcmp(*words, "off") == 0, on = strcmp(*words, "on") == 0;
        json_object_array_add(values, parts_text(*words));
        if (off || on) {
            json_object_array_add(values, json_object_new_boolean(on));
            json_object_array_add(values, parts_text(on ? "yes" : "no"));
            json_object_array_add(values, parts_text(on ? "true" : "false"));
        }
        if (g_ascii_isdigit((*words)[0]))
            json_object_array_add(values, json_object_new_int64(g_ascii_strtoll(*words, NULL, 10)));
    }
    add(schema, "enum", values);
    return schema;
}

static void add_bounds(Schema *schema, const PolicyField *field, uint64_t unit)
{
    add(schema, "minimum", json_object_new_uint64((field->min + unit - 1) / unit));
    if (field->max > 0)
        add(schema, "maximum", json_object_new_uint64(field->max / unit));
}

static Schema *scalar_schema(const PolicyField *field)
{
    const TypeSchema *type = &type_schemas[field->type];
    Schema *schema = json_object_new_object(), *types = json_object_new_array();

    for (unsigned i = 0; i < G_N_ELEMENTS(type->types) && type->types[i]; i++)
        json_object_array_add(types, parts_text(type->types[i]));
    add(schema, "type", types);
    if (type->unit > 0) {
        add_bounds(schema, field, type->unit);
    } else if (type->may_be_empty) {
        add(schema, "minimum", json_object_new_int(0));
        add(schema, "maximum", json_object_new_int(CPUSET_MAX_INDEX));
    }
    if (type->pattern) {
        g_autofree char *pattern = g_strdup_printf(
            "^(%s)%s$", type->pattern, type->may_be_empty && field->min == 0 ? "?" : "");
        add(schema, "pattern", parts_text(pattern));
    } else {
        add(schema, "minLength", json_object_new_int(1));
    }
    return schema;
}

static Schema *fields_schema(const PolicyField *fields)
{
    Schema *schema = object_schema("object"), *properties = json_object_new_object();

    for (; fields->name; fields++) {
        Schema *below = field_schema(fields);
        add(below, "description", parts_text(fields->doc));
        add(properties, fields->name, below);
    }
    add(schema, "properties", properties);
    add(schema, "additionalProperties", json_object_new_boolean(false));
    return schema;
}

static Schema *table_schema(const PolicyField *field)
{
    Schema *schema = object_schema("object"), *names = json_object_new_object();

    add(names, "pattern", parts_text(field->key_type == TYPE_UINT ? "^[0-9]+$" : "."));
    add(schema, "propertyNames", names);
    add(schema, "additionalProperties", field_schema(field->fields));
    return schema;
}

/* Of what is no word. */
static Schema *value_schema(const PolicyField *field)
{
    const char *names[N_FINDINGS + 1];
    Schema *schema;

    switch (field->type) {
    case TYPE_MAP:
        return fields_schema(field->fields);
    case TYPE_TABLE:
        return table_schema(field);
    case TYPE_RECORDS:
        schema = object_schema("array");
        add(schema, "items", fields_schema(field->fields));
        return schema;
    case TYPE_STRING_LIST: /* advice.ignore is the only one */
        schema = object_schema("array");
        finding_names(names);
        add(schema, "items", enum_schema(names));
        return schema;
    default:
        return scalar_schema(field);
    }
}

static Schema *field_schema(const PolicyField *field)
{
    if (field->type == TYPE_WORD)
        return enum_schema(field->words);
    if (!field->words)
        return value_schema(field);

    Schema *schema = json_object_new_object(), *either = json_object_new_array();
    json_object_array_add(either, enum_schema(field->words));
    json_object_array_add(either, value_schema(field));
    add(schema, "anyOf", either);
    return schema;
}

/* A default that is a value, and not told in words ("own CPUs"). */
static void add_default(Schema *schema, const char *text)
{
    char *end;
    double number = g_ascii_strtod(text, &end);

    if (strcmp(text, "{}") == 0)
        add(schema, "default", json_object_new_object());
    else if (strcmp(text, "[]") == 0)
        add(schema, "default", json_object_new_array());
    else if (!*end)
        add(schema, "default", json_object_new_int64((int64_t)number));
    else if (!strchr(text, ' '))
        add(schema, "default", parts_text(text));
}

static Schema *key_schema(const PolicyKeyInfo *info)
{
    Schema *schema = field_schema(&info->field);
    const char *otherwise = info->default_text ? info->default_text : "left alone";
    g_autofree char *doc = g_strdup_printf("%s (default: %s)", info->field.doc, otherwise);

    add(schema, "description", parts_text(doc));
    if (info->default_text)
        add_default(schema, info->default_text);
    return schema;
}

/* A companion needs its cpu.policy where both stand in one block. Both are keys of one section. */
static Schema *companions_schema(void)
{
    Schema *schema = json_object_new_object();
    const PolicyCompanion *companion;

    for (unsigned i = 0; (companion = policy_companion(i)); i++) {
        const char *const words[] = {cpu_policy_name(companion->policy), NULL};
        Schema *needs = json_object_new_object(), *properties = json_object_new_object();
        add(properties, policy_key_info(KEY_CPU_POLICY)->field.name, enum_schema(words));
        add(needs, "properties", properties);
        add(schema, policy_key_info(companion->key)->field.name, needs);
    }
    return schema;
}

static Schema *section_schema(void)
{
    Schema *schema = nullable_schema("object");

    add(schema, "additionalProperties", json_object_new_boolean(false));
    add(schema, "properties", json_object_new_object());
    return schema;
}

/* Adds the keys of that scope to properties, those with a dot below their section. */
static void add_keys(Schema *properties, PolicyScope scope)
{
    for (unsigned key = 0; key < N_POLICY_KEYS; key++) {
        const PolicyKeyInfo *info = policy_key_info((PolicyKey)key);
        const char *dot = strchr(info->path, '.');
        if (info->scope != scope)
            continue;
        if (!dot) {
            add(properties, info->path, key_schema(info));
            continue;
        }
        g_autofree char *name = g_strndup(info->path, (size_t)(dot - info->path));
        Schema *section;
        if (!json_object_object_get_ex(properties, name, &section)) {
            section = section_schema();
            add(properties, name, section);
        }
        add(json_object_object_get(section, "properties"), info->field.name, key_schema(info));
        if (info->key == KEY_CPU_POLICY)
            add(section, "dependentSchemas", companions_schema());
    }
}

static Schema *match_schema(void)
{
    Schema *schema = object_schema("object"), *properties = json_object_new_object();
    const PolicyField glob = {.type = TYPE_STRING};
    const PolicyCondition *condition;

    for (unsigned i = 0; (condition = policy_condition(i)); i++) {
        Schema *below = scalar_schema(&glob);
        g_autofree char *doc = g_strdup_printf("a glob for %s", condition->doc);
        add(below, "description", parts_text(doc));
        add(properties, condition->name, below);
    }
    add(schema, "description",
        parts_text("which guests the rule is for: all conditions must hold"));
    add(schema, "properties", properties);
    add(schema, "additionalProperties", json_object_new_boolean(false));
    add(schema, "minProperties", json_object_new_int(1));
    return schema;
}

/* Of a rule, or of defaults, which is a rule without match: the keys are those of $defs. */
static Schema *block_schema(Schema *keys, bool is_rule)
{
    Schema *schema = is_rule ? object_schema("object") : nullable_schema("object");
    Schema *properties = json_object_new_object(), *required = json_object_new_array();

    if (is_rule) {
        add(properties, "match", match_schema());
        json_object_array_add(required, parts_text("match"));
    }
    json_object_object_foreach(keys, name, unused)
    {
        g_autofree char *path = g_strdup_printf("#/$defs/%s", name);
        Schema *reference = json_object_new_object();
        (void)unused;
        add(reference, "$ref", parts_text(path));
        add(properties, name, reference);
    }
    add(schema, "required", required);
    add(schema, "properties", properties);
    add(schema, "additionalProperties", json_object_new_boolean(false));
    return schema;
}

struct json_object *report_policy_schema(void)
{
    static const char *const versions[] = {"1", NULL};
    Schema *schema = json_object_new_object(), *properties = json_object_new_object();
    Schema *keys = json_object_new_object(), *rules = nullable_schema("array");
    Schema *required = json_object_new_array();

    add_keys(keys, SCOPE_GUEST);
    add(properties, "version", enum_schema(versions));
    add_keys(properties, SCOPE_HOST);
    Schema *defaults = block_schema(keys, false);
    add(defaults, "description", parts_text("what holds for every guest"));
    add(properties, "defaults", defaults);
    add(rules, "description",
        parts_text("rules: all that match are applied in order, a later one overrides key by key"));
    add(rules, "items", block_schema(keys, true));
    add(properties, "guests", rules);
    json_object_array_add(required, parts_text("version"));

    add(schema, "$schema", parts_text("https://json-schema.org/draft/2020-12/schema"));
    add(schema, "$id", parts_text("urn:vmtuned:policy:1"));
    add(schema, "title", parts_text("policy of vmtuned"));
    add(schema, "type", parts_text("object"));
    add(schema, "required", required);
    add(schema, "properties", properties);
    add(schema, "additionalProperties", json_object_new_boolean(false));
    add(schema, "$defs", keys);
    return schema;
}
