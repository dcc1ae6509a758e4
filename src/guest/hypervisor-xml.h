/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* libvirt's domain capabilities → Hypervisor. */
#pragma once

#include "base/diag.h"
#include "model/hypervisor.h"

/* 0; -EINVAL with an error in diags (may be NULL): not such a document. What an old libvirt does
 * not tell stays not told. */
int hypervisor_parse(const char *xml, size_t length, Hypervisor **ret, DiagList *diags);
