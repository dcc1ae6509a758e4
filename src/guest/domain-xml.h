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

/* One knob of a definition to be changed. */
typedef struct DomainEdit {
    SettingKey key;
    const char *value; /* NULL: taken out */
    int result; /* 0; -ENOENT: no such device; -ENOTUNIQ: several of that name; -EINVAL: not a
                   value of that knob, or one that is not edited */
} DomainEdit;

/* The same document with the knobs as the edits say, all else kept: what cannot be edited is told
 * in its result and left as it is. Where nothing has to change *ret is xml byte for byte. 0,
 * -EINVAL: no domain's document. *ret is owned by the caller (g_free). */
int domain_xml_edit(const char *xml, DomainEdit *edits, unsigned n, char **ret);
