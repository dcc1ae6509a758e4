/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "property/xml-corpus.h"

#include "guest/xml-tree.h"

#include <libxml/parser.h>
#include <string.h>

void xml_file_free(XmlFile *file)
{
    g_free(file->name);
    g_free(file->xml);
    g_free(file);
}

/* libvirt never writes a section twice. Of two with other content the second becomes the first when
 * that is emptied: nothing can be said of it. */
static bool has_section_twice(const xmlNode *domain)
{
    static const char *const sections[] = {"cputune", "numatune", "cpu", "features", "clock"};

    for (unsigned i = 0; i < G_N_ELEMENTS(sections); i++) {
        const xmlNode *first = xml_child(domain, sections[i]);
        if (first && xml_next(first))
            return true;
    }
    return false;
}

static void add(GPtrArray *files, const char *path, unsigned number, const char *xml)
{
    XmlReader reader = {0};
    g_autoptr(XmlDoc) doc = xml_document_parse(&reader, xml, strlen(xml), "domain");

    if (!doc || has_section_twice(xmlDocGetRootElement(doc)))
        return;
    XmlFile *file = g_new0(XmlFile, 1);
    file->name = g_strdup_printf("%s:%u", path, number);
    file->xml = g_strdup(xml);
    g_ptr_array_add(files, file);
}

/* Domains within a snapshot or a status document. */
static void add_inner(GPtrArray *files, const char *path, xmlNode *node, unsigned *number)
{
    for (; node; node = node->next) {
        if (node->type != XML_ELEMENT_NODE)
            continue;
        if (!xmlStrEqual(node->name, (const xmlChar *)"domain") || node->ns) {
            add_inner(files, path, node->children, number);
            continue;
        }
        xmlBuffer *buffer = xmlBufferCreate();
        xmlReconciliateNs(node->doc, node);
        xmlNodeDump(buffer, node->doc, node, 0, 0);
        add(files, path, (*number)++, (const char *)xmlBufferContent(buffer));
        xmlBufferFree(buffer);
    }
}

static void add_xml(GPtrArray *files, const char *path, const char *text, gsize length)
{
    unsigned number = 1;
    g_autoptr(XmlDoc) doc = xmlReadMemory(
        text, (int)length, path, NULL, XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING);
    const xmlNode *root = doc ? xmlDocGetRootElement(doc) : NULL;

    if (!root)
        return;
    if (xmlStrEqual(root->name, (const xmlChar *)"domain"))
        add(files, path, 0, text);
    else
        add_inner(files, path, root->children, &number);
}

/* Text of a piece of HTML: without tags, and characters for their names. */
static char *html_text(const char *html, gsize length)
{
    static const char *const names[][2] = {
        {"&lt;", "<"}, {"&gt;", ">"}, {"&quot;", "\""}, {"&#39;", "'"}, {"&amp;", "&"}};
    g_autoptr(GString) text = g_string_new(NULL);
    bool in_tag = false;

    for (const char *p = html; p < html + length; p++) {
        if (*p == '<' || *p == '>')
            in_tag = *p == '<';
        else if (!in_tag)
            g_string_append_c(text, *p);
    }
    for (unsigned i = 0; i < G_N_ELEMENTS(names); i++)
        g_string_replace(text, names[i][0], names[i][1], 0);
    return g_string_free(g_steal_pointer(&text), FALSE);
}

static void add_html(GPtrArray *files, const char *path, const char *html)
{
    unsigned number = 1;

    for (const char *start = html, *end; (start = strstr(start, "<pre")); start = end) {
        end = strstr(start, "</pre>");
        if (!end)
            return;
        g_autofree char *text = html_text(start, (gsize)(end - start));
        const char *domain = strstr(text, "<domain");
        char *last = domain ? g_strrstr(text, "</domain>") : NULL;
        if (!last)
            continue;
        last[strlen("</domain>")] = '\0';
        add(files, path, number++, domain);
    }
}

static int compare_names(gconstpointer a, gconstpointer b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

void xml_corpus_add(GPtrArray *files, const char *folder)
{
    g_autoptr(GDir) dir = g_dir_open(folder, 0, NULL);
    g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);

    for (const char *name; dir && (name = g_dir_read_name(dir));)
        g_ptr_array_add(names, g_strdup(name));
    g_ptr_array_sort(names, compare_names);
    for (guint i = 0; i < names->len; i++) {
        g_autofree char *path = g_build_filename(folder, g_ptr_array_index(names, i), NULL);
        g_autofree char *text = NULL;
        gsize length;
        if (g_file_test(path, G_FILE_TEST_IS_DIR)) {
            xml_corpus_add(files, path);
            continue;
        }
        bool is_html = g_str_has_suffix(path, ".html");
        if (!is_html && !g_str_has_suffix(path, ".xml"))
            continue;
        if (!g_file_get_contents(path, &text, &length, NULL))
            continue;
        if (is_html)
            add_html(files, path, text);
        else if (strlen(text) == length)
            add_xml(files, path, text, length);
    }
}
