/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The parts of guest_def_parse(). Each fills its fields of def from the <domain> element and leaves
 * what is wrong in the reader. */
#pragma once

#include "guest/xml-tree.h"
#include "model/guest.h"

/* QEMU's own bound (MAX_CPUMASK_BITS of q35 machines); IOThreads: well past any use. */
#define MAX_VCPUS 4096
#define MAX_IOTHREADS 4096

/* Needs max_vcpus. */
void domain_read_memory(XmlReader *reader, const xmlNode *domain, GuestDef *def);
void domain_read_numatune(XmlReader *reader, const xmlNode *domain, GuestDef *def);

void domain_read_iothreads(XmlReader *reader, const xmlNode *domain, GuestDef *def);
/* Needs max_vcpus and iothreads. */
void domain_read_cputune(XmlReader *reader, const xmlNode *domain, GuestDef *def);

/* Needs iothreads. */
void domain_read_devices(XmlReader *reader, const xmlNode *domain, GuestDef *def);
