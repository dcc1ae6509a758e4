/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "policy/yaml-tree.h"

#include "policy/policy-load.h"

#include <string.h>
#include <yaml.h>

typedef struct Reader {
    yaml_parser_t parser;
    Source *source;
    DiagList *diags;
    YamlTree *tree;
    bool quiet;
    unsigned n_aliases;
    unsigned n_aliased_nodes;
} Reader;

static YamlNode *node_read(Reader *reader, const yaml_event_t *event, unsigned depth);

static Mark mark_of(const yaml_mark_t *mark)
{
    return (Mark){.line = (unsigned)mark->line + 1, .column = (unsigned)mark->column + 1};
}

static void node_free(gpointer data)
{
    YamlNode *node = data;

    g_free(node->text);
    if (node->pairs)
        g_array_unref(node->pairs);
    g_free(node);
}

static YamlNode *node_new(Reader *reader, YamlKind kind, const yaml_mark_t *mark)
{
    YamlNode *node = g_new0(YamlNode, 1);

    node->kind = kind;
    node->mark = mark_of(mark);
    node->depth = 1;
    node->size = 1;
    if (kind != YAML_SCALAR)
        node->pairs = g_array_new(FALSE, FALSE, sizeof(YamlPair));
    g_ptr_array_add(reader->tree->nodes, node);
    return node;
}

/* libyaml's words and place of a syntax error. A reader error has an offset instead of a mark. */
static void syntax_error(Reader *reader)
{
    const yaml_parser_t *parser = &reader->parser;
    const char *problem = parser->problem ? parser->problem : "cannot be read";
    Mark mark = mark_of(&parser->problem_mark);

    if (parser->error == YAML_READER_ERROR)
        mark = source_mark(reader->source, parser->problem_offset);
    if (parser->context)
        source_error(reader->source, reader->diags, mark, NULL, "YAML syntax: %s, %s", problem,
                     parser->context);
    else
        source_error(reader->source, reader->diags, mark, NULL, "YAML syntax: %s", problem);
}

/* False if the reading has ended: a syntax error (told here) or a limit (told before). */
static bool event_next(Reader *reader, yaml_event_t *event)
{
    if (reader->tree->cut)
        return false;
    if (yaml_parser_parse(&reader->parser, event))
        return true;
    reader->tree->cut = true;
    if (!reader->quiet)
        syntax_error(reader);
    return false;
}

/* Tells a fault after which reading on would make no sense. */
static void give_up(Reader *reader, Mark mark, const char *text)
{
    source_error(reader->source, reader->diags, mark, NULL, "%s", text);
    reader->tree->cut = true;
}

static void anchor_add(Reader *reader, const yaml_char_t *anchor, YamlNode *node)
{
    if (anchor)
        g_hash_table_replace(reader->tree->anchors, g_strdup((const char *)anchor), node);
}

static void tag_refuse(Reader *reader, const yaml_char_t *tag, Mark mark)
{
    if (!tag)
        return;
    g_autofree char *quoted = source_quote((const char *)tag);
    source_error(reader->source, reader->diags, mark, NULL,
                 "tag %s: a value has the type of its key, tags are not used", quoted);
}

static YamlNode *alias_read(Reader *reader, const yaml_event_t *event, unsigned depth)
{
    Mark mark = mark_of(&event->start_mark);
    const char *anchor = (const char *)event->data.alias.anchor;
    YamlNode *node = g_hash_table_lookup(reader->tree->anchors, anchor);

    if (++reader->n_aliases > POLICY_MAX_ALIASES) {
        g_autofree char *text = g_strdup_printf("more than %u aliases", POLICY_MAX_ALIASES);
        give_up(reader, mark, text);
        return NULL;
    }
    if (!node || node->open) {
        g_autofree char *quoted = source_quote(anchor);
        source_error(reader->source, reader->diags, mark, NULL,
                     node ? "alias %s stands inside what it names" : "no anchor %s before this",
                     quoted);
        return NULL;
    }
    reader->n_aliased_nodes += node->size;
    if (reader->n_aliased_nodes > YAML_TREE_MAX_ALIASED_NODES) {
        g_autofree char *text =
            g_strdup_printf("aliases add more than %u values", YAML_TREE_MAX_ALIASED_NODES);
        give_up(reader, mark, text);
        return NULL;
    }
    if (depth + node->depth - 1 > POLICY_MAX_DEPTH) {
        g_autofree char *text = g_strdup_printf("nested deeper than %u levels", POLICY_MAX_DEPTH);
        give_up(reader, mark, text);
        return NULL;
    }
    return node;
}

static YamlNode *scalar_read(Reader *reader, const yaml_event_t *event)
{
    YamlNode *node = node_new(reader, YAML_SCALAR, &event->start_mark);
    const char *text = (const char *)event->data.scalar.value;
    size_t length = event->data.scalar.length;

    node->text = g_strndup(text, length);
    node->quoted = event->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
    if (memchr(text, '\0', length))
        source_error(reader->source, reader->diags, node->mark, NULL, "a NUL character in a value");
    tag_refuse(reader, event->data.scalar.tag, node->mark);
    anchor_add(reader, event->data.scalar.anchor, node);
    return node;
}

static void node_add(YamlNode *node, const YamlNode *key, const YamlNode *value)
{
    YamlPair pair = {.key = key, .value = value};

    g_array_append_val(node->pairs, pair);
    node->depth = MAX(node->depth, value->depth + 1);
    node->size += value->size + (key ? key->size : 0);
}

/* The next node inside a list or map; false when that ends. *ret NULL: there is a faulty one. */
static bool child_read(Reader *reader, unsigned depth, YamlNode **ret)
{
    yaml_event_t event;

    *ret = NULL;
    if (!event_next(reader, &event))
        return false;

    bool more = event.type != YAML_SEQUENCE_END_EVENT && event.type != YAML_MAPPING_END_EVENT;
    if (more)
        *ret = node_read(reader, &event, depth);
    yaml_event_delete(&event);
    return more;
}

static void list_read(Reader *reader, YamlNode *list, unsigned depth)
{
    YamlNode *value;

    while (child_read(reader, depth + 1, &value)) {
        if (value)
            node_add(list, NULL, value);
        else
            list->cut = true;
    }
}

/* Whether the key can be used; seen: the keys of this map. */
static bool key_check(Reader *reader, const YamlNode *key, GHashTable *seen)
{
    if (!key)
        return false;
    if (key->kind != YAML_SCALAR) {
        source_error(reader->source, reader->diags, key->mark, NULL, "expected a key, not %s",
                     key->kind == YAML_LIST ? "a list" : "a map");
        return false;
    }

    const YamlNode *first = g_hash_table_lookup(seen, key->text);
    if (first) {
        g_autofree char *quoted = source_quote(key->text);
        source_error(reader->source, reader->diags, key->mark, NULL,
                     "duplicate key %s; first on line %u", quoted, first->mark.line);
    } else {
        g_hash_table_insert(seen, key->text, (gpointer)key);
    }
    return true;
}

static void map_read(Reader *reader, YamlNode *map, unsigned depth)
{
    g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);
    YamlNode *key;
    YamlNode *value;

    while (child_read(reader, depth + 1, &key)) {
        bool usable = key_check(reader, key, seen);
        if (!child_read(reader, depth + 1, &value))
            break;
        if (usable && value)
            node_add(map, key, value);
        else
            map->cut = true;
    }
}

static YamlNode *collection_read(Reader *reader, const yaml_event_t *event, unsigned depth)
{
    bool is_list = event->type == YAML_SEQUENCE_START_EVENT;
    YamlNode *node = node_new(reader, is_list ? YAML_LIST : YAML_MAP, &event->start_mark);

    if (depth > POLICY_MAX_DEPTH) {
        g_autofree char *text = g_strdup_printf("nested deeper than %u levels", POLICY_MAX_DEPTH);
        give_up(reader, node->mark, text);
        return NULL;
    }
    tag_refuse(reader, is_list ? event->data.sequence_start.tag : event->data.mapping_start.tag,
               node->mark);
    anchor_add(reader,
               is_list ? event->data.sequence_start.anchor : event->data.mapping_start.anchor,
               node);
    node->open = true;
    if (is_list)
        list_read(reader, node, depth);
    else
        map_read(reader, node, depth);
    node->open = false;
    node->cut = node->cut || reader->tree->cut;
    return node;
}

/* The node that starts with event; depth counts from 1. NULL: a fault, told. */
static YamlNode *node_read(Reader *reader, const yaml_event_t *event, unsigned depth)
{
    switch (event->type) {
    case YAML_ALIAS_EVENT:
        return alias_read(reader, event, depth);
    case YAML_SCALAR_EVENT:
        return scalar_read(reader, event);
    case YAML_SEQUENCE_START_EVENT:
    case YAML_MAPPING_START_EVENT:
        return collection_read(reader, event, depth);
    default:
        return NULL;
    }
}

/* The one document of the stream. */
static void stream_read(Reader *reader)
{
    bool again = true;

    while (again) {
        yaml_event_t event;
        if (!event_next(reader, &event))
            return;
        again = event.type != YAML_STREAM_END_EVENT;
        if (event.type == YAML_DOCUMENT_START_EVENT && reader->tree->root)
            give_up(reader, mark_of(&event.start_mark),
                    "a second document; a policy file holds one");
        else if (event.type != YAML_STREAM_START_EVENT && !reader->tree->root)
            reader->tree->root = node_read(reader, &event, 1);
        yaml_event_delete(&event);
    }
}

YamlTree *yaml_tree_read(Source *source, bool quiet, DiagList *diags)
{
    YamlTree *tree = g_new0(YamlTree, 1);
    Reader reader = {.source = source, .diags = diags, .tree = tree, .quiet = quiet};

    tree->nodes = g_ptr_array_new_with_free_func(node_free);
    tree->anchors = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    if (!yaml_parser_initialize(&reader.parser))
        g_error("out of memory");
    yaml_parser_set_encoding(&reader.parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&reader.parser, (const unsigned char *)source->bytes,
                                 source->length);
    stream_read(&reader);
    yaml_parser_delete(&reader.parser);
    return tree;
}

void yaml_tree_free(YamlTree *tree)
{
    if (!tree)
        return;
    g_ptr_array_unref(tree->nodes);
    g_hash_table_unref(tree->anchors);
    g_free(tree);
}

bool yaml_node_is_null(const YamlNode *node)
{
    return node->kind == YAML_SCALAR && !node->quoted &&
           (!node->text[0] || strcmp(node->text, "~") == 0 || strcmp(node->text, "null") == 0);
}

const YamlPair *yaml_node_pair(const YamlNode *node, unsigned i)
{
    return node->pairs && i < node->pairs->len ? &g_array_index(node->pairs, YamlPair, i) : NULL;
}

const YamlNode *yaml_node_find(const YamlNode *map, const char *key)
{
    const YamlPair *pair;

    for (unsigned i = 0; (pair = yaml_node_pair(map, i)); i++) {
        if (pair->key && strcmp(pair->key->text, key) == 0)
            return pair->value;
    }
    return NULL;
}

char *yaml_node_describe(const YamlNode *node)
{
    if (node->kind == YAML_LIST)
        return g_strdup("a list");
    if (node->kind == YAML_MAP)
        return g_strdup("a map");
    return yaml_node_is_null(node) ? g_strdup("nothing") : source_quote(node->text);
}
