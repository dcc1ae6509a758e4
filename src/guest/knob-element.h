/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Changes of an XML tree that keep how the document looks, and the knobs that are more than one
 * element. Private to guest/. */
#pragma once

#include "guest/xml-tree.h"

/* At the end of parent, in its own line if the others are. */
xmlNode *element_append(xmlNode *parent, const char *name);
/* value NULL: the attribute goes. */
void element_set(xmlNode *node, const char *attribute, const char *value);
/* The text of a child element; value NULL: the element goes. */
void element_set_child(xmlNode *node, const char *name, const char *value);
/* With the white space before it, so that no empty line is left. */
void element_drop(xmlNode *node);
/* Drops node if it has no content and no attribute but select (may be NULL), then its parents
 * likewise, up to but without base. */
void element_drop_empty(xmlNode *node, const xmlNode *base, const char *select);

/* <numa> as "0-3:4194304;4-7:4194304": vCPUs and KiB of each cell, by id. NULL if node is NULL or
 * has no cells. */
char *cells_read(const xmlNode *numa);
/* What is in a cell besides stays. value NULL: no cells. 0, -EINVAL. */
int cells_write(xmlNode *domain, const char *value);

/* <hugepages> as KNOB_MEMORY_PAGE_SIZE has it. NULL if node is NULL. */
char *pages_read(const xmlNode *hugepages);
/* value NULL: no huge pages. 0, -EINVAL. */
int pages_write(xmlNode *domain, const char *value);

/* Ids of the IOThreads as a list; NULL: none. */
char *iothreads_read(const xmlNode *domain);
/* Pins of IOThreads that are no more go too, as with libvirt's own call. 0, -EINVAL. */
int iothreads_write(xmlNode *domain, const char *value);
