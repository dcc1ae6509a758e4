/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Domain documents to be found on this machine. */
#pragma once

#include <glib.h>

typedef struct XmlFile {
    char *name; /* of the file, with the number of the document in it */
    char *xml;
} XmlFile;

/* Adds every domain document below a folder, in the order of the files' names: files with a
 * <domain> as they are, a <domain> within another document, and the examples of libvirt's manual,
 * which are text within HTML. files: of XmlFile. */
void xml_corpus_add(GPtrArray *files, const char *folder);
void xml_file_free(XmlFile *file);
