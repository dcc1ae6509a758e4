/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The walk over a policy file: top level, defaults, rules, and in each the nested keys, which make
 * up the dotted paths of the schema (cpu: {policy: …} is cpu.policy). A fault never ends the walk.
 */
#include "policy/parse.h"

#include "base/util.h"
#include "policy/convert.h"
#include "policy/policy-load.h"

#include <errno.h>
#include <string.h>

/* A map of keys of one scope: the whole file, defaults or a rule. */
typedef struct Block {
    const Convert *convert;
    PolicyScope scope;
    const char *const *others; /* keys at its top that are not of the schema; NULL-ended */
    PolicyValue **values;
} Block;

static const char *const top_others[] = {"version", "defaults", "guests", NULL};
static const char *const rule_others[] = {"match", NULL};
static const char *const defaults_others[] = {NULL};

/* What follows prefix in a path of the schema: "policy" of "cpu.policy" for "cpu"; NULL: not below
 * it. prefix NULL: the top. */
static const char *path_below(const char *path, const char *prefix)
{
    if (!prefix)
        return path;
    size_t length = strlen(prefix);
    return strncmp(path, prefix, length) == 0 && path[length] == '.' ? path + length + 1 : NULL;
}

/* The names that may stand below prefix. Array and names are the caller's. */
static char **names_below(const Block *block, const char *prefix)
{
    g_autoptr(GStrvBuilder) names = g_strv_builder_new();
    g_autofree char *last = NULL;

    for (unsigned i = 0; !prefix && block->others[i]; i++)
        g_strv_builder_add(names, block->others[i]);
    for (unsigned i = 0; i < N_POLICY_KEYS; i++) {
        const PolicyKeyInfo *info = policy_key_info(i);
        const char *below = info->scope == block->scope ? path_below(info->path, prefix) : NULL;
        if (!below)
            continue;
        /* The keys of one section follow one another in the table. */
        g_autofree char *name = g_strndup(below, strcspn(below, "."));
        if (g_strcmp0(name, last) != 0)
            g_strv_builder_add(names, name);
        g_free(last);
        last = g_steal_pointer(&name);
    }
    return g_strv_builder_end(names);
}

static bool is_section(const Block *block, const char *path)
{
    for (unsigned i = 0; i < N_POLICY_KEYS; i++) {
        const PolicyKeyInfo *info = policy_key_info(i);
        if (info->scope == block->scope && path_below(info->path, path))
            return true;
    }
    return false;
}

static void value_parse(const Block *block, const PolicyKeyInfo *info, const YamlPair *pair,
                        const char *path)
{
    const Convert *convert = block->convert;
    g_autoptr(PolicyValue) value = value_convert(convert, &info->field, pair->value, path);

    if (!value) {
        Origin origin = source_origin(convert->source, pair->value->mark);
        value = policy_value_new(VALUE_STRING, &origin);
        value->text = g_strdup("");
    }
    PolicyValue *merged = policy_value_merge(block->values[info->key], value);
    policy_value_unref(block->values[info->key]);
    block->values[info->key] = merged;
}

/* The keys of map, which stands at prefix of the schema (NULL: the top of the block) and at path
 * of the file (NULL: its top). */
static void section_parse(const Block *block, const YamlNode *map, const char *prefix,
                          const char *path)
{
    const YamlPair *pair;

    if (yaml_node_is_null(map))
        return;
    if (map->kind != YAML_MAP) {
        expected_tell(block->convert, map, path, "a map of keys");
        return;
    }
    for (unsigned i = 0; (pair = yaml_node_pair(map, i)); i++) {
        const char *name = pair->key->text;
        if (!prefix && g_strv_contains(block->others, name))
            continue;
        g_autofree char *key_prefix = path_join(prefix, name);
        g_autofree char *key_path = path_join(path, name);
        const PolicyKeyInfo *info = strchr(name, '.') ? NULL : policy_key_by_path(key_prefix);
        if (info && info->scope == block->scope) {
            value_parse(block, info, pair, key_path);
        } else if (!strchr(name, '.') && is_section(block, key_prefix)) {
            section_parse(block, pair->value, key_prefix, key_path);
        } else {
            g_auto(GStrv) names = names_below(block, prefix);
            unknown_key_tell(block->convert, pair->key, path, (const char *const *)names);
        }
    }
}

/* Their names, NULL-ended; borrowed. */
static const char **condition_names(void)
{
    g_autoptr(GPtrArray) names = g_ptr_array_new();
    const PolicyCondition *condition;

    for (unsigned i = 0; (condition = policy_condition(i)); i++)
        g_ptr_array_add(names, (gpointer)condition->name);
    g_ptr_array_add(names, NULL);
    return (const char **)g_ptr_array_free(g_steal_pointer(&names), FALSE);
}

static void condition_parse(const Convert *convert, const YamlPair *pair, const char *path,
                            PolicyMatch *match)
{
    const PolicyCondition *condition;
    unsigned i = 0;

    while ((condition = policy_condition(i)) && strcmp(condition->name, pair->key->text) != 0)
        i++;
    if (!condition) {
        g_autofree const char **names = condition_names();
        unknown_key_tell(convert, pair->key, path, names);
        return;
    }
    if (pair->value->kind != YAML_SCALAR || yaml_node_is_null(pair->value) ||
        !pair->value->text[0]) {
        g_autofree char *key_path = path_join(path, condition->name);
        expected_tell(convert, pair->value, key_path, "a glob such as \"db-*\"");
        return;
    }
    char **glob = (char **)((char *)match + condition->offset);
    g_free(*glob);
    *glob = g_strdup(pair->value->text);
}

static void match_parse(const Convert *convert, const YamlNode *node, const char *rule_path,
                        PolicyMatch *match)
{
    g_autofree char *path = path_join(rule_path, "match");
    const YamlPair *pair;

    if (node->kind != YAML_MAP) {
        expected_tell(convert, node, path, "a map such as {name: \"db-*\"}");
        return;
    }
    if (node->pairs->len == 0 && !node->cut) {
        g_autofree const char **names = condition_names();
        g_autofree char *all = g_strjoinv(", ", (char **)names);
        source_error(convert->source, convert->diags, node->mark, path,
                     "expected at least one of %s", all);
    }
    for (unsigned i = 0; (pair = yaml_node_pair(node, i)); i++)
        condition_parse(convert, pair, path, match);
}

static void rule_parse(const Convert *convert, const YamlNode *node, const char *path,
                       Policy *policy)
{
    if (node->kind != YAML_MAP) {
        expected_tell(convert, node, path, "a rule, a map with match and keys");
        return;
    }

    PolicyRule *rule = policy_rule_new();
    g_ptr_array_add(policy->rules, rule);
    rule->origin = source_origin(convert->source, node->mark);
    g_ref_string_acquire(rule->origin.file);

    const YamlNode *match = yaml_node_find(node, "match");
    if (match)
        match_parse(convert, match, path, &rule->match);
    else if (!node->cut)
        source_error(convert->source, convert->diags, node->mark, path,
                     "match is missing: which guests the rule is for");
    const Block block = {convert, SCOPE_GUEST, rule_others, rule->values};
    section_parse(&block, node, NULL, path);
}

static void rules_parse(const Convert *convert, const YamlNode *node, Policy *policy)
{
    const YamlPair *pair;

    if (yaml_node_is_null(node))
        return;
    if (node->kind != YAML_LIST) {
        expected_tell(convert, node, "guests", "a list of rules");
        return;
    }
    for (unsigned i = 0; (pair = yaml_node_pair(node, i)); i++) {
        g_autofree char *path = g_strdup_printf("guests[%u]", i);
        rule_parse(convert, pair->value, path, policy);
    }
}

static void version_parse(const Convert *convert, const YamlNode *root)
{
    const YamlNode *version = yaml_node_find(root, "version");

    if (!version && !root->cut)
        source_error(convert->source, convert->diags, root->mark, NULL,
                     "version is missing; every policy file says version: 1");
    else if (version && (version->kind != YAML_SCALAR || strcmp(version->text, "1") != 0))
        expected_tell(convert, version, "version", "1, the only version there is");
}

static void root_parse(const Convert *convert, const YamlNode *root, Policy *policy)
{
    if (root->kind != YAML_MAP) {
        expected_tell(convert, root, NULL, "a map of keys (version, mode, …)");
        return;
    }
    version_parse(convert, root);

    const Block top = {convert, SCOPE_HOST, top_others, policy->values};
    section_parse(&top, root, NULL, NULL);

    const YamlNode *defaults = yaml_node_find(root, "defaults");
    const Block block = {convert, SCOPE_GUEST, defaults_others, policy->defaults};
    if (defaults)
        section_parse(&block, defaults, NULL, "defaults");

    const YamlNode *guests = yaml_node_find(root, "guests");
    if (guests)
        rules_parse(convert, guests, policy);
}

/* By place; those of one place stay in the order they were found. */
static int diag_compare(gconstpointer a, gconstpointer b)
{
    const Diag *left = *(const Diag *const *)a;
    const Diag *right = *(const Diag *const *)b;

    return left->line != right->line ? CMP(left->line, right->line)
                                     : CMP(left->column, right->column);
}

static void text_parse(Source *source, Policy *policy, bool *ret_whole, DiagList *diags)
{
    const Convert convert = {.source = source, .diags = diags};
    bool tabs = source_check_tabs(source, diags) > 0;
    g_autoptr(YamlTree) tree = yaml_tree_read(source, tabs, diags);

    *ret_whole = !tree->cut;
    if (tree->root)
        root_parse(&convert, tree->root, policy);
    else if (!tree->cut)
        source_error(source, diags, (Mark){.line = 1, .column = 1}, NULL,
                     "the file is empty; every policy file says version: 1");
}

int source_parse(Source *source, Policy *policy, bool *ret_whole, DiagList *diags)
{
    g_autoptr(DiagList) found = diag_list_new();

    *ret_whole = false;
    g_ptr_array_add(policy->files, g_strdup(source->file));
    if (source_check_utf8(source, found))
        text_parse(source, policy, ret_whole, found);
    g_ptr_array_sort(found->items, diag_compare);
    if (diags)
        diag_list_take_all(diags, found);
    return source->n_told > 0 ? -EINVAL : 0;
}

int policy_parse(const char *bytes, size_t length, const char *file, Policy *policy,
                 DiagList *diags)
{
    g_autoptr(Source) source = source_new(bytes, length, file);
    bool whole;

    return source_parse(source, policy, &whole, diags);
}
