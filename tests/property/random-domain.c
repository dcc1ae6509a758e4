/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A grammar is walked from its start; each pattern adds to the element that is being made what it
 * matches. Patterns are kept as the nodes of the schema's own documents.
 */
#include "property/random-domain.h"

#include <stdlib.h>
#include <string.h>

#define MAX_DEPTH 80     /* of patterns; past it, nothing that may be left out is made */
#define MAX_ELEMENTS 500 /* likewise */
#define MANY 12

struct Grammar {
    GPtrArray *docs;     /* of xmlDoc */
    GHashTable *defines; /* name → GPtrArray of <define> */
    const xmlNode *start;
};

/* --- the grammar --- */

static bool is(const xmlNode *node, const char *name)
{
    return node->type == XML_ELEMENT_NODE && xmlStrEqual(node->name, (const xmlChar *)name);
}

static void add_define(Grammar *grammar, xmlNode *node)
{
    g_autofree char *name = xml_value(node, "name");
    GPtrArray *all = g_hash_table_lookup(grammar->defines, name);

    if (!all) {
        all = g_ptr_array_new();
        g_hash_table_insert(grammar->defines, g_strdup(name), all);
    }
    g_ptr_array_add(all, node);
}

static bool load_file(Grammar *grammar, const char *path)
{
    g_autofree char *folder = g_path_get_dirname(path);
    xmlDoc *doc = xmlReadFile(path, NULL, XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOBLANKS);

    if (!doc)
        return false;
    g_ptr_array_add(grammar->docs, doc);
    for (xmlNode *node = xmlDocGetRootElement(doc)->children; node; node = node->next) {
        if (is(node, "start"))
            grammar->start = node;
        if (is(node, "define"))
            add_define(grammar, node);
        if (!is(node, "include"))
            continue;
        g_autofree char *href = xml_value(node, "href");
        g_autofree char *included = g_build_filename(folder, href, NULL);
        if (!load_file(grammar, included))
            return false;
        /* what stands in the include replaces what is included */
        for (xmlNode *child = node->children; child; child = child->next) {
            g_autofree char *name = is(child, "define") ? xml_value(child, "name") : NULL;
            if (name)
                g_hash_table_remove(grammar->defines, name);
            if (name)
                add_define(grammar, child);
        }
    }
    return true;
}

void grammar_free(Grammar *grammar)
{
    if (!grammar)
        return;
    g_hash_table_unref(grammar->defines);
    g_ptr_array_unref(grammar->docs);
    g_free(grammar);
}

Grammar *grammar_load(const char *path)
{
    g_autoptr(Grammar) grammar = g_new0(Grammar, 1);

    grammar->docs = g_ptr_array_new_with_free_func((GDestroyNotify)xmlFreeDoc);
    grammar->defines =
        g_hash_table_new_full(g_str_hash, g_str_equal, g_free, (GDestroyNotify)g_ptr_array_unref);
    return load_file(grammar, path) && grammar->start ? g_steal_pointer(&grammar) : NULL;
}

/* --- a document of it --- */

typedef struct Maker {
    const Grammar *grammar;
    Random *random;
    xmlDoc *doc;
    xmlNode *element; /* being made; NULL: the document */
    GString *value;   /* of the attribute being made, or NULL */
    unsigned depth, n_elements;
    unsigned optional_pct;
} Maker;

static void make(Maker *maker, const xmlNode *pattern);

static void make_children(Maker *maker, const xmlNode *pattern)
{
    for (const xmlNode *child = pattern->children; child; child = child->next)
        if (child->type == XML_ELEMENT_NODE)
            make(maker, child);
}

static bool may_add(const Maker *maker)
{
    return maker->depth < MAX_DEPTH && maker->n_elements < MAX_ELEMENTS;
}

static void make_text(Maker *maker, const char *text)
{
    if (maker->value)
        g_string_append(maker->value, text);
    else if (maker->element)
        xmlAddChild(maker->element, xmlNewDocText(maker->doc, (const xmlChar *)text));
}

static char *param_of(const xmlNode *data, const char *name)
{
    for (const xmlNode *param = data->children; param; param = param->next) {
        g_autofree char *which = is(param, "param") ? xml_value(param, "name") : NULL;
        if (g_strcmp0(which, name) == 0)
            return xml_value(param, NULL);
    }
    return NULL;
}

static void make_data(Maker *maker, const xmlNode *data)
{
    g_autofree char *type = xml_value(data, "type"), *pattern = param_of(data, "pattern");
    g_autofree char *min = param_of(data, "minInclusive"), *max = param_of(data, "maxInclusive");
    char *text = NULL;

    if (g_str_equal(type, "string"))
        text = pattern ? random_matching(maker->random, pattern)
                       : g_strdup(random_odd_text(maker->random));
    else if (g_str_equal(type, "dateTime"))
        text = g_strdup("2026-01-31T12:00:00Z");
    if (!text) {
        gint64 first = min ? g_ascii_strtoll(min, NULL, 10) : pattern ? 0 : 1;
        gint64 last = max ? g_ascii_strtoll(max, NULL, 10) : first + 16;
        gint64 number = first + random_below(maker->random, (unsigned)MIN(last - first, 64) + 1);
        text = g_strdup_printf("%" G_GINT64_FORMAT, number);
    }
    make_text(maker, text);
    g_free(text);
}

/* Name of an element or attribute: in an attribute, or in a name class. */
static char *name_of(const Maker *maker, const xmlNode *pattern)
{
    static const char *const any[] = {"any", "Other", "x-y", NULL};
    char *name = xml_value(pattern, "name");

    return name ? name : g_strdup(random_word(maker->random, any));
}

static bool is_name_class(const xmlNode *node)
{
    return is(node, "anyName") || is(node, "nsName") || is(node, "name");
}

/* Attribute ns of the pattern or of what it stands in. */
static char *namespace_of(const xmlNode *pattern)
{
    for (; pattern && pattern->type == XML_ELEMENT_NODE; pattern = pattern->parent) {
        char *ns = xml_value(pattern, "ns");
        if (ns)
            return ns;
    }
    return NULL;
}

static void set_namespace(xmlNode *node, const char *uri)
{
    static const char *const prefixes[] = {"p1", "p2", "p3"};
    xmlNs *ns = xmlSearchNsByHref(node->doc, node, (const xmlChar *)uri);

    for (unsigned i = 0; !ns && i < G_N_ELEMENTS(prefixes); i++)
        if (!xmlSearchNs(node->doc, node, (const xmlChar *)prefixes[i]))
            ns = xmlNewNs(node, (const xmlChar *)uri, (const xmlChar *)prefixes[i]);
    xmlSetNs(node, ns);
}

static void make_content(Maker *maker, const xmlNode *pattern)
{
    for (const xmlNode *child = pattern->children; child; child = child->next)
        if (child->type == XML_ELEMENT_NODE && !is_name_class(child))
            make(maker, child);
}

static void make_element(Maker *maker, const xmlNode *pattern)
{
    g_autofree char *name = name_of(maker, pattern), *uri = namespace_of(pattern);
    xmlNode *outer = maker->element;
    xmlNode *node = xmlNewDocNode(maker->doc, NULL, (const xmlChar *)name, NULL);

    if (outer)
        xmlAddChild(outer, node);
    else
        xmlDocSetRootElement(maker->doc, node);
    if (uri)
        set_namespace(node, uri);
    maker->element = node;
    maker->n_elements++;
    make_content(maker, pattern);
    maker->element = outer;
}

static void make_attribute(Maker *maker, const xmlNode *pattern)
{
    g_autofree char *name = name_of(maker, pattern);
    bool has_content = false;

    maker->value = g_string_new(NULL);
    for (const xmlNode *child = pattern->children; child; child = child->next)
        has_content |= child->type == XML_ELEMENT_NODE && !is_name_class(child);
    make_content(maker, pattern);
    if (!has_content)
        make_text(maker, random_odd_text(maker->random));
    if (!xmlHasProp(maker->element, (const xmlChar *)name))
        xmlNewProp(maker->element, (const xmlChar *)name, (const xmlChar *)maker->value->str);
    g_string_free(maker->value, TRUE);
    maker->value = NULL;
}

static void make_choice(Maker *maker, const xmlNode *pattern)
{
    const xmlNode *chosen = NULL;
    unsigned n = 0;

    for (const xmlNode *child = pattern->children; child; child = child->next)
        if (child->type == XML_ELEMENT_NODE && random_below(maker->random, ++n) == 0)
            chosen = child;
    if (chosen)
        make(maker, chosen);
}

static void make_interleaved(Maker *maker, const xmlNode *pattern)
{
    g_autoptr(GPtrArray) parts = g_ptr_array_new();

    for (xmlNode *child = pattern->children; child; child = child->next)
        if (child->type == XML_ELEMENT_NODE)
            g_ptr_array_insert(parts, (int)random_below(maker->random, parts->len + 1), child);
    for (guint i = 0; i < parts->len; i++)
        make(maker, g_ptr_array_index(parts, i));
}

static void make_ref(Maker *maker, const xmlNode *pattern)
{
    g_autofree char *name = xml_value(pattern, "name");
    const GPtrArray *defines = g_hash_table_lookup(maker->grammar->defines, name);

    if (defines)
        make_children(maker, g_ptr_array_index(defines, random_below(maker->random, defines->len)));
}

static void make_repeated(Maker *maker, const xmlNode *pattern, unsigned min)
{
    unsigned n = random_chance(maker->random, 20) ? random_below(maker->random, MANY)
                                                  : random_below(maker->random, 3);

    for (unsigned i = 0; i < MAX(n, min) && (i < min || may_add(maker)); i++)
        make_children(maker, pattern);
}

static void make_optional(Maker *maker, const xmlNode *pattern)
{
    if (may_add(maker) && random_chance(maker->random, maker->optional_pct))
        make_children(maker, pattern);
}

static void make(Maker *maker, const xmlNode *pattern)
{
    if (maker->depth > 2 * MAX_DEPTH)
        return;
    maker->depth++;
    if (is(pattern, "element"))
        make_element(maker, pattern);
    else if (is(pattern, "attribute"))
        make_attribute(maker, pattern);
    else if (is(pattern, "optional"))
        make_optional(maker, pattern);
    else if (is(pattern, "zeroOrMore"))
        make_repeated(maker, pattern, 0);
    else if (is(pattern, "oneOrMore"))
        make_repeated(maker, pattern, 1);
    else if (is(pattern, "choice"))
        make_choice(maker, pattern);
    else if (is(pattern, "interleave"))
        make_interleaved(maker, pattern);
    else if (is(pattern, "ref"))
        make_ref(maker, pattern);
    else if (is(pattern, "data"))
        make_data(maker, pattern);
    else if (is(pattern, "text"))
        make_text(maker, random_odd_text(maker->random));
    else if (is(pattern, "value")) {
        g_autofree char *value = xml_value(pattern, NULL);
        make_text(maker, value ? value : "");
    } else
        make_children(maker, pattern); /* group, mixed; empty and notAllowed have none */
    maker->depth--;
}

XmlDoc *random_domain(Random *random, const Grammar *grammar)
{
    Maker maker = {.grammar = grammar,
                   .random = random,
                   .doc = xmlNewDoc((const xmlChar *)"1.0"),
                   .optional_pct = 10 + random_below(random, 80)};

    make_children(&maker, grammar->start);
    return maker.doc;
}

/* --- what may be between elements --- */

static xmlNode *random_node(Random *random, xmlDoc *doc)
{
    static const char *const spaces[] = {"\n", "\n    ", "  \t ", "\n\n\n  ", NULL};
    const xmlChar *odd = (const xmlChar *)random_odd_text(random);
    xmlNode *node = NULL;

    switch (random_below(random, 5)) {
    case 0:
        return xmlNewDocComment(doc, (const xmlChar *)" <driver queues='9'/> größer ");
    case 1:
        return xmlNewDocPI(doc, (const xmlChar *)"editor", (const xmlChar *)"fold=\"1\"");
    case 2:
        return xmlNewDocText(doc, (const xmlChar *)random_word(random, spaces));
    case 3: /* named as one of ours, and yet not */
        node = xmlNewDocRawNode(doc, NULL, (const xmlChar *)"driver", odd);
        xmlSetNs(node, xmlNewNs(node, (const xmlChar *)"urn:other",
                                random_chance(random, 50) ? (const xmlChar *)"o" : NULL));
        xmlNewProp(node, (const xmlChar *)"queues", odd);
        return node;
    default:
        node = xmlNewDocNode(doc, NULL, (const xmlChar *)"unknown", NULL);
        xmlAddChild(node, xmlNewCDataBlock(doc, (const xmlChar *)"<a>&b", 5));
        return node;
    }
}

static void decorate(Random *random, xmlNode *element, unsigned pct)
{
    for (xmlNode *child = element->children, *next; child; child = next) {
        next = child->next;
        if (child->type != XML_ELEMENT_NODE)
            continue;
        decorate(random, child, pct);
        if (random_chance(random, pct))
            xmlAddNextSibling(child, random_node(random, element->doc));
        if (random_chance(random, pct))
            xmlAddPrevSibling(child, random_node(random, element->doc));
    }
    if (!element->children && random_chance(random, pct / 2))
        xmlAddChild(element, random_node(random, element->doc));
}

void random_decorate(Random *random, XmlDoc *doc)
{
    decorate(random, xmlDocGetRootElement(doc), random_below(random, 25));
    if (random_chance(random, 30))
        xmlAddPrevSibling(xmlDocGetRootElement(doc), xmlNewDocComment(doc, (const xmlChar *)"top"));
}
