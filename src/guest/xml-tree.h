/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Reading a libvirt XML document as a tree: safe parsing, children and attributes by name, values
 * typed and checked. What is wrong becomes a diagnostic with file, line and path.
 *
 * Elements are matched by local name in no namespace, as libvirt writes its own; foreign elements
 * are matched with their namespace.
 */
#pragma once

#include "base/diag.h"
#include "model/cpuset.h"

#include <libxml/tree.h>
#include <stdint.h>

typedef xmlDoc XmlDoc;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(XmlDoc, xmlFreeDoc)

/* Where a document came from and what was found wrong in it. */
typedef struct XmlReader {
    const char *file; /* may be NULL */
    DiagList *diags;  /* may be NULL */
    bool failed;      /* an error was added */
} XmlReader;

/* No network, no document type declaration (so no entities), size and depth bounded. root: the
 * name the root element must have. NULL with an error in the reader. */
xmlDoc *xml_document_parse(XmlReader *reader, const char *xml, size_t length, const char *root);

/* First child element of that name; NULL if there is none. parent may be NULL. */
xmlNode *xml_child(const xmlNode *parent, const char *name);
/* Next sibling of the same name (in no namespace), or NULL. */
xmlNode *xml_next(const xmlNode *node);
/* First child element of that name in a namespace. */
xmlNode *xml_child_ns(const xmlNode *parent, const char *uri, const char *name);

/* A copy without white space around it, owned by the caller. attribute NULL: the text of the
 * element. NULL if node is NULL, or has no such attribute or no text. */
char *xml_value(const xmlNode *node, const char *attribute);
/* True if the attribute is there and has this value. */
bool xml_value_is(const xmlNode *node, const char *attribute, const char *value);

void xml_error(XmlReader *reader, const xmlNode *node, const char *attribute, const char *format,
               ...) G_GNUC_PRINTF(4, 5);
void xml_warning(XmlReader *reader, const xmlNode *node, const char *attribute, const char *format,
                 ...) G_GNUC_PRINTF(4, 5);

/* True if there is a value; else false with the error "expected <what>". */
bool xml_require(XmlReader *reader, const xmlNode *node, const char *attribute, const char *what);

/* Typed values; attribute as above. True and *ret set if there is a good value; false and *ret
 * untouched if there is none, or, with an error in the reader, a bad one. */
bool xml_read_unsigned(XmlReader *reader, const xmlNode *node, const char *attribute, unsigned max,
                       unsigned *ret);
/* A CPU or node list; *ret is freed before it is replaced. */
bool xml_read_set(XmlReader *reader, const xmlNode *node, const char *attribute, CpuSet **ret);
/* A size with libvirt's units in attribute unit, KiB by default; rounded up to KiB. */
bool xml_read_memory(XmlReader *reader, const xmlNode *node, const char *attribute,
                     uint64_t *ret_kib);
/* <address domain= bus= slot= function=> as "0000:3b:00.0", or NULL. */
char *xml_read_pci_address(XmlReader *reader, const xmlNode *address);
