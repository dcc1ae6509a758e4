/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Taking elements out of a definition, for what libvirt can set but not unset. The document is
 * edited as a tree: comments, other people's namespaces and elements unknown here stay.
 */
#include "guest/domain-xml.h"

#include "base/util.h"
#include "guest/xml-tree.h"

#include <errno.h>
#include <libxml/xmlsave.h>
#include <string.h>

/* Without the white space before it, so that no empty line is left. */
static void drop_node(xmlNode *node)
{
    xmlNode *before = node->prev;

    if (before && xmlIsBlankNode(before)) {
        xmlUnlinkNode(before);
        xmlFreeNode(before);
    }
    xmlUnlinkNode(node);
    xmlFreeNode(node);
}

static void drop_if_empty(xmlNode *node)
{
    for (xmlNode *child = node->children; child; child = child->next) {
        if (!xmlIsBlankNode(child))
            return;
    }
    drop_node(node);
}

/* Drops all children of that name; if attribute is not NULL, those where it is id. Number dropped.
 */
static unsigned drop_children(xmlNode *parent, const char *name, const char *attribute, unsigned id)
{
    unsigned dropped = 0;

    for (xmlNode *node = xml_child(parent, name), *next; node; node = next) {
        g_autofree char *text = attribute ? xml_value(node, attribute) : NULL;
        uint64_t number;
        next = xml_next(node);
        if (attribute && (!text || parse_u64(text, UINT_MAX, &number) < 0 || number != id))
            continue;
        drop_node(node);
        dropped++;
    }
    return dropped;
}

/* An XML declaration is written only where there was one. */
static int format_document(xmlDoc *doc, bool has_declaration, char **ret)
{
    xmlBuffer *buffer = xmlBufferCreate();
    xmlSaveCtxt *save =
        buffer ? xmlSaveToBuffer(buffer, "UTF-8", has_declaration ? 0 : XML_SAVE_NO_DECL) : NULL;
    if (!save)
        g_abort();

    bool saved = xmlSaveDoc(save, doc) >= 0;
    saved = xmlSaveClose(save) >= 0 && saved;
    if (saved)
        *ret = g_strdup((const char *)xmlBufferContent(buffer));
    xmlBufferFree(buffer);
    return saved ? 0 : -EINVAL;
}

/* section NULL: the children of <domain> itself. */
static int remove_elements(const char *xml, const char *section, const char *name,
                           const char *attribute, unsigned id, char **ret)
{
    XmlReader reader = {0};
    g_autoptr(XmlDoc) doc = xml_document_parse(&reader, xml, strlen(xml), "domain");
    if (!doc)
        return -EINVAL;

    xmlNode *parent = xmlDocGetRootElement(doc);
    if (section)
        parent = xml_child(parent, section);
    if (drop_children(parent, name, attribute, id) == 0)
        return -ENOENT;
    if (section)
        drop_if_empty(parent);
    return format_document(doc, g_str_has_prefix(xml, "<?xml"), ret);
}

int domain_xml_remove_pin(const char *xml, const char *element, unsigned id, char **ret)
{
    const char *attribute = NULL;

    if (g_str_equal(element, "vcpupin"))
        attribute = "vcpu";
    else if (g_str_equal(element, "iothreadpin"))
        attribute = "iothread";
    else if (!g_str_equal(element, "emulatorpin"))
        return -EINVAL;
    return remove_elements(xml, "cputune", element, attribute, id, ret);
}

int domain_xml_remove_cputune(const char *xml, const char *element, char **ret)
{
    return remove_elements(xml, "cputune", element, NULL, 0, ret);
}

int domain_xml_remove_numatune(const char *xml, char **ret)
{
    return remove_elements(xml, NULL, "numatune", NULL, 0, ret);
}
