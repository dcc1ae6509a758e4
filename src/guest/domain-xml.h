/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* libvirt domain XML → GuestDef, and edits of domain XML as a tree. The bytes are untrusted: no
 * network, no entities, size and depth bounded by libxml2. */
#pragma once

#include "base/diag.h"
#include "model/guest.h"

/* Namespace of our metadata: <vmtuned:label xmlns:vmtuned="…">gold</vmtuned:label> */
#define VMTUNED_METADATA_URI "https://vmtuned.org/xmlns/guest/1"

/* file names the source in diagnostics (may be NULL). 0; -EINVAL with an error in diags. What is
 * odd but usable is a warning. */
int guest_def_parse(const char *xml, size_t length, const char *file, GuestDef **ret,
                    DiagList *diags);

/* The same document without the pin of a vCPU, IOThread or the emulator ("vcpupin", "iothreadpin",
 * "emulatorpin"; id is ignored for the last), everything else kept. 0, -ENOENT if there is none,
 * -EINVAL. *ret is owned by the caller (g_free). */
int domain_xml_remove_pin(const char *xml, const char *element, unsigned id, char **ret);
/* Likewise a child element of <cputune> ("shares", "quota", "period") or the whole <numatune>. */
int domain_xml_remove_cputune(const char *xml, const char *element, char **ret);
int domain_xml_remove_numatune(const char *xml, char **ret);
