/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What of a document belongs to a knob, told apart from guest/, whose edits are judged by it. */
#pragma once

#include "guest/xml-tree.h"
#include "model/setting.h"

/* Cuts out what belongs to the knob, and elements left empty by that on the way to it. n_cells:
 * cells from that id on belong to KNOB_NUMA_CELLS as a whole, of others only vCPUs and memory;
 * kept: IOThreads whose elements do not belong to KNOB_IOTHREAD_IDS. */
void owned_cut(xmlNode *domain, const SettingKey *key, unsigned n_cells, const CpuSet *kept);

/* Everything in the document, in one form whatever the order of attributes. White space is left out
 * where something was cut. */
char *document_text(xmlDoc *doc);
