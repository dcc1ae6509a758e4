/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The real Backend: definitions and pins through libvirt, threads through the kernel. */
#pragma once

#include "apply/backend.h"
#include "virt/hub.h"

/* hub is borrowed and must outlive the backend. Stateless besides: may be used by any number of
 * workers at once. */
void backend_real_init(Backend *backend, VirtHub *hub);
