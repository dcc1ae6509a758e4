/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What one emulator with one machine type can do, as libvirt tells (domain capabilities). Frozen
 * once built; shared by the guests that run on it. */
#pragma once

#include <glib.h>
#include <stdbool.h>

typedef struct Hypervisor {
    char **enlightenments; /* Hyper-V features by libvirt's names, sorted, NULL-ended; NULL: not
                              told */
    char **features; /* other names it tells, as "iothreads", sorted, NULL-ended; NULL: not told */
} Hypervisor;

Hypervisor *hypervisor_new(void); /* refcount 1, all not told */
Hypervisor *hypervisor_ref(const Hypervisor *hypervisor);
void hypervisor_unref(Hypervisor *hypervisor);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Hypervisor, hypervisor_unref)

/* True if it has the enlightenment, or nothing is known (hypervisor NULL, or not told). */
bool hypervisor_has_enlightenment(const Hypervisor *hypervisor, const char *name);
