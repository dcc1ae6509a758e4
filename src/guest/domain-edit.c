/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Edits of a definition. The document is changed as a tree: comments, other people's namespaces and
 * elements unknown here stay as they are.
 */
#include "guest/domain-xml.h"
#include "guest/knob-xml.h"

#include <errno.h>
#include <libxml/xmlsave.h>
#include <string.h>

/* "<?xml-stylesheet" is none. */
static bool has_declaration(const char *xml)
{
    return g_str_has_prefix(xml, "<?xml") && g_ascii_isspace(xml[5]);
}

/* An XML declaration is written only where there was one. The buffer may hold secrets. */
static int format_document(xmlDoc *doc, bool with_declaration, char **ret)
{
    xmlBuffer *buffer = xmlBufferCreate();
    xmlSaveCtxt *save = xmlSaveToBuffer(buffer, "UTF-8", with_declaration ? 0 : XML_SAVE_NO_DECL);

    bool saved = xmlSaveDoc(save, doc) >= 0;
    saved = xmlSaveClose(save) >= 0 && saved;
    if (saved)
        *ret = g_strdup((const char *)xmlBufferContent(buffer));
    explicit_bzero((char *)xmlBufferContent(buffer), (size_t)xmlBufferLength(buffer));
    xmlBufferFree(buffer);
    return saved ? 0 : -EINVAL;
}

int domain_xml_edit(const char *xml, DomainEdit *edits, unsigned n, char **ret)
{
    XmlReader reader = {0};
    bool changed = false;

    g_autoptr(XmlDoc) doc = xml_document_parse(&reader, xml, strlen(xml), "domain");
    if (!doc)
        return -EINVAL;
    for (unsigned i = 0; i < n; i++) {
        bool one = false;
        edits[i].result =
            knob_xml_write(xmlDocGetRootElement(doc), &edits[i].key, edits[i].value, &one);
        changed |= one;
    }
    if (changed)
        return format_document(doc, has_declaration(xml), ret);
    *ret = g_strdup(xml);
    return 0;
}
