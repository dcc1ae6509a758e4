/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "model/hypervisor.h"

Hypervisor *hypervisor_new(void)
{
    return g_atomic_rc_box_new0(Hypervisor);
}

Hypervisor *hypervisor_ref(const Hypervisor *hypervisor)
{
    return g_atomic_rc_box_acquire((Hypervisor *)hypervisor);
}

static void hypervisor_clear(gpointer data)
{
    Hypervisor *hypervisor = data;

    g_strfreev(hypervisor->enlightenments);
    g_strfreev(hypervisor->features);
}

void hypervisor_unref(Hypervisor *hypervisor)
{
    if (hypervisor)
        g_atomic_rc_box_release_full(hypervisor, hypervisor_clear);
}

bool hypervisor_has_enlightenment(const Hypervisor *hypervisor, const char *name)
{
    return !hypervisor || !hypervisor->enlightenments ||
           g_strv_contains((const char *const *)hypervisor->enlightenments, name);
}
