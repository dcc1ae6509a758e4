/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "guest/xml-tree.h"

#include "base/util.h"

#include <libxml/SAX2.h>
#include <libxml/parser.h>
#include <libxml/xmlerror.h>
#include <string.h>

/* libvirt takes at most 32 MiB in one message; real definitions stay below 1 MiB. */
#define MAX_XML_BYTES (8 * 1024 * 1024)

/* White space and CDATA sections stay, so that an edited document looks as before. */
#define PARSE_OPTIONS                                                                              \
    (XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING | XML_PARSE_BIG_LINES)

typedef xmlParserCtxt XmlParser;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(XmlParser, xmlFreeParserCtxt)

/* --- documents --- */

static void add_diag(XmlReader *reader, DiagSeverity severity, unsigned line, const char *path,
                     const char *text)
{
    DiagPlace place = {.file = reader->file, .line = line};

    diag_add(reader->diags, severity, &place, path, "%s", text);
    if (severity == DIAG_ERROR)
        reader->failed = true;
}

/* What the parser's callbacks write to. */
typedef struct ParseState {
    XmlReader *reader;
    bool failed;
} ParseState;

/* Only the first fault: the others mostly follow from it. */
static void report_syntax(ParseState *state, int line, int column, const char *text)
{
    if (state->failed)
        return;

    g_autofree char *message = g_strstrip(g_strdup(text ? text : "not XML"));
    DiagPlace place = {
        .file = state->reader->file, .line = (unsigned)line, .column = (unsigned)MAX(column, 0)};
    diag_add(state->reader->diags, DIAG_ERROR, &place, NULL, "%s", message);
    state->reader->failed = true;
    state->failed = true;
}

#if LIBXML_VERSION >= 21200
static void on_syntax_error(void *data, const xmlError *error)
#else
static void on_syntax_error(void *data, xmlError *error)
#endif
{
    XmlParser *parser = data;

    if (error->level >= XML_ERR_ERROR && error->domain == XML_FROM_PARSER)
        report_syntax(parser->_private, error->line, error->int2, error->message);
}

/* Called at "<!DOCTYPE": nothing after it is read, so no entity is ever declared. */
static void refuse_doctype(void *data, const xmlChar *name G_GNUC_UNUSED,
                           const xmlChar *external_id G_GNUC_UNUSED,
                           const xmlChar *system_id G_GNUC_UNUSED)
{
    XmlParser *parser = data;

    report_syntax(parser->_private, xmlSAX2GetLineNumber(parser), 0,
                  "a document type declaration is not allowed here");
    xmlStopParser(parser);
}

/* libxml2 tells most callers nothing when memory is out: an attribute would seem absent, an edit
 * would be half made. With GLib's functions that ends the process. */
static void use_glib_memory(void)
{
    static gsize done;

    if (g_once_init_enter(&done)) {
        xmlMemSetup(g_free, g_malloc, g_realloc, g_strdup);
        g_once_init_leave(&done, 1);
    }
}

static xmlDoc *parse_bytes(XmlReader *reader, const char *xml, size_t length)
{
    ParseState state = {.reader = reader};

    use_glib_memory();
    g_autoptr(XmlParser) parser = xmlNewParserCtxt();
    parser->_private = &state;
    parser->sax->serror = on_syntax_error;
    parser->sax->internalSubset = refuse_doctype;
    g_autoptr(XmlDoc) doc = xmlCtxtReadMemory(parser, xml, (int)length, NULL, NULL, PARSE_OPTIONS);
    if (doc && xmlDocGetRootElement(doc) && !state.failed)
        return g_steal_pointer(&doc);
    report_syntax(&state, 0, 0, NULL);
    return NULL;
}

xmlDoc *xml_document_parse(XmlReader *reader, const char *xml, size_t length, const char *root)
{
    if (length > MAX_XML_BYTES) {
        add_diag(reader, DIAG_ERROR, 0, NULL, "larger than 8 MiB");
        return NULL;
    }

    g_autoptr(XmlDoc) doc = parse_bytes(reader, xml, length);
    xmlNode *top = doc ? xmlDocGetRootElement(doc) : NULL;
    if (!top)
        return NULL;
    if (top->ns || !xmlStrEqual(top->name, (const xmlChar *)root)) {
        xml_error(reader, top, NULL, "expected <%s>", root);
        return NULL;
    }
    return g_steal_pointer(&doc);
}

/* --- the tree --- */

static xmlNode *find_element(xmlNode *node, const char *uri, const char *name)
{
    for (; node; node = node->next) {
        if (node->type != XML_ELEMENT_NODE || !xmlStrEqual(node->name, (const xmlChar *)name))
            continue;
        if (uri ? node->ns && xmlStrEqual(node->ns->href, (const xmlChar *)uri) : !node->ns)
            return node;
    }
    return NULL;
}

xmlNode *xml_child(const xmlNode *parent, const char *name)
{
    return parent ? find_element(parent->children, NULL, name) : NULL;
}

xmlNode *xml_next(const xmlNode *node)
{
    return find_element(node->next, NULL, (const char *)node->name);
}

xmlNode *xml_child_ns(const xmlNode *parent, const char *uri, const char *name)
{
    return parent ? find_element(parent->children, uri, name) : NULL;
}

char *xml_value(const xmlNode *node, const char *attribute)
{
    if (!node)
        return NULL;

    xmlChar *value = attribute ? xmlGetNoNsProp((xmlNode *)node, (const xmlChar *)attribute)
                               : xmlNodeGetContent((xmlNode *)node);
    char *copy = g_strdup((const char *)value);
    xmlFree(value);
    if (copy && *g_strstrip(copy) == '\0')
        g_clear_pointer(&copy, g_free);
    return copy;
}

bool xml_value_is(const xmlNode *node, const char *attribute, const char *value)
{
    g_autofree char *found = xml_value(node, attribute);

    return g_strcmp0(found, value) == 0;
}

/* --- diagnostics --- */

/* "/domain/cputune/vcpupin[2]/@cpuset" */
static char *node_path(const xmlNode *node, const char *attribute)
{
    xmlChar *path = xmlGetNodePath((xmlNode *)node);
    char *full = attribute ? g_strdup_printf("%s/@%s", (char *)path, attribute)
                           : g_strdup((const char *)path);

    xmlFree(path);
    return full;
}

static void G_GNUC_PRINTF(5, 0)
    report(XmlReader *reader, DiagSeverity severity, const xmlNode *node, const char *attribute,
           const char *format, va_list arguments)
{
    g_autofree char *path = node_path(node, attribute);
    g_autofree char *text = g_strdup_vprintf(format, arguments);
    long line = xmlGetLineNo(node);

    add_diag(reader, severity, line > 0 ? (unsigned)line : 0, path, text);
}

void xml_error(XmlReader *reader, const xmlNode *node, const char *attribute, const char *format,
               ...)
{
    va_list arguments;

    va_start(arguments, format);
    report(reader, DIAG_ERROR, node, attribute, format, arguments);
    va_end(arguments);
}

void xml_warning(XmlReader *reader, const xmlNode *node, const char *attribute, const char *format,
                 ...)
{
    va_list arguments;

    va_start(arguments, format);
    report(reader, DIAG_WARNING, node, attribute, format, arguments);
    va_end(arguments);
}

/* --- typed values --- */

bool xml_require(XmlReader *reader, const xmlNode *node, const char *attribute, const char *what)
{
    g_autofree char *text = xml_value(node, attribute);

    if (!text)
        xml_error(reader, node, attribute, "expected %s", what);
    return text != NULL;
}

bool xml_read_unsigned(XmlReader *reader, const xmlNode *node, const char *attribute, unsigned max,
                       unsigned *ret)
{
    g_autofree char *text = xml_value(node, attribute);
    uint64_t number;

    if (!text)
        return false;
    if (parse_u64(text, max, &number) < 0) {
        xml_error(reader, node, attribute, "'%s': expected a number from 0 to %u", text, max);
        return false;
    }
    *ret = (unsigned)number;
    return true;
}

bool xml_read_set(XmlReader *reader, const xmlNode *node, const char *attribute, CpuSet **ret)
{
    g_autofree char *text = xml_value(node, attribute);
    CpuSet *set = NULL;

    if (!text)
        return false;
    if (cpuset_parse(text, &set) < 0) {
        xml_error(reader, node, attribute, "'%s': expected a list such as 0-3,8", text);
        return false;
    }
    hwloc_bitmap_free(*ret);
    *ret = set;
    return true;
}

/* As virScaleInteger(): a letter is binary, with "iB" too, with "B" decimal; case does not count.
 * 0: not a unit. */
static uint64_t unit_factor(const char *unit)
{
    static const char prefixes[] = "kmgtpe";

    if (!g_ascii_strcasecmp(unit, "b") || !g_ascii_strcasecmp(unit, "byte") ||
        !g_ascii_strcasecmp(unit, "bytes"))
        return 1;

    const char *prefix = *unit ? strchr(prefixes, g_ascii_tolower(*unit)) : NULL;
    if (!prefix)
        return 0;
    bool binary = unit[1] == '\0' || !g_ascii_strcasecmp(unit + 1, "ib");
    if (!binary && g_ascii_strcasecmp(unit + 1, "b") != 0)
        return 0;

    uint64_t factor = 1;
    for (const char *p = prefixes; p <= prefix; p++)
        factor *= binary ? 1024 : 1000;
    return factor;
}

bool xml_read_memory(XmlReader *reader, const xmlNode *node, const char *attribute,
                     uint64_t *ret_kib)
{
    g_autofree char *text = xml_value(node, attribute);
    g_autofree char *unit = xml_value(node, "unit");
    uint64_t number, factor = unit_factor(unit ? unit : "KiB");

    if (!text)
        return false;
    if (factor == 0) {
        xml_error(reader, node, "unit", "'%s': expected a unit such as KiB or GiB", unit);
        return false;
    }
    if (parse_u64(text, UINT64_MAX / factor, &number) < 0) {
        xml_error(reader, node, attribute, "'%s': expected a size", text);
        return false;
    }
    uint64_t bytes = number * factor;
    *ret_kib = bytes / 1024 + (bytes % 1024 != 0);
    return true;
}

/* libvirt takes "0x1a", "26" and "032" for the parts of an address; absent is 0. */
static bool read_address_part(XmlReader *reader, const xmlNode *address, const char *attribute,
                              unsigned max, unsigned *ret)
{
    g_autofree char *text = xml_value(address, attribute);
    char *end = NULL;

    *ret = 0;
    if (!text)
        return true;
    guint64 number = g_ascii_isdigit(*text) ? g_ascii_strtoull(text, &end, 0) : 0;
    if (!end || *end || number > max) {
        xml_error(reader, address, attribute, "'%s': expected a number from 0 to 0x%x", text, max);
        return false;
    }
    *ret = (unsigned)number;
    return true;
}

char *xml_read_pci_address(XmlReader *reader, const xmlNode *address)
{
    unsigned domain, bus, slot, function;

    if (!address || !read_address_part(reader, address, "domain", 0xffff, &domain) ||
        !read_address_part(reader, address, "bus", 0xff, &bus) ||
        !read_address_part(reader, address, "slot", 0x1f, &slot) ||
        !read_address_part(reader, address, "function", 7, &function))
        return NULL;
    return g_strdup_printf("%04x:%02x:%02x.%x", domain, bus, slot, function);
}
