/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Domain capabilities, asked once for each emulator, architecture, machine and accelerator while a
 * connection lasts: libvirtd is restarted when it is upgraded, and it may take a second to look at
 * an emulator it has not seen yet.
 */
#include "virt/link.h"

#include "base/log.h"
#include "guest/hypervisor-xml.h"

#include <string.h>

#define MAX_KNOWN 64 /* many more than machine types in use; then all are asked again */

typedef struct Known {
    char *key;
    Hypervisor *hypervisor;
} Known;

static void known_free(gpointer data)
{
    Known *known = data;

    g_free(known->key);
    hypervisor_unref(known->hypervisor);
    g_free(known);
}

void hypervisors_forget(VirtHub *hub)
{
    g_clear_pointer(&hub->hypervisors, g_ptr_array_unref);
}

static Hypervisor *known_find(VirtHub *hub, const char *key)
{
    Hypervisor *found = NULL;

    g_mutex_lock(&hub->lock);
    for (guint i = 0; hub->hypervisors && !found && i < hub->hypervisors->len; i++) {
        const Known *known = g_ptr_array_index(hub->hypervisors, i);
        if (g_str_equal(known->key, key))
            found = hypervisor_ref(known->hypervisor);
    }
    g_mutex_unlock(&hub->lock);
    return found;
}

/* What a call on a connection that was given up has learnt is not kept. */
static void known_add(VirtCall *call, const char *key, const Hypervisor *hypervisor)
{
    VirtHub *hub = call->link->hub;
    Known *known = g_new0(Known, 1);

    known->key = g_strdup(key);
    known->hypervisor = hypervisor_ref(hypervisor);
    g_mutex_lock(&hub->lock);
    if (hub->hypervisors && hub->hypervisors->len >= MAX_KNOWN)
        hypervisors_forget(hub);
    if (!hub->hypervisors)
        hub->hypervisors = g_ptr_array_new_with_free_func(known_free);
    if (hub->links[LINK_READ] == call->link) {
        g_ptr_array_add(hub->hypervisors, known);
        known = NULL;
    }
    g_mutex_unlock(&hub->lock);
    if (known)
        known_free(known);
}

/* A libvirt without this call, or with an answer nobody understands, tells nothing. NULL: ask again
 * another time. */
static Hypervisor *hypervisor_ask(VirtCall *call, const GuestDef *def)
{
    Hypervisor *hypervisor = NULL;
    g_autoptr(DiagList) diags = diag_list_new();
    g_autofree char *xml = virConnectGetDomainCapabilities(call->conn, def->emulator, def->arch,
                                                           def->machine, def->type, 0);

    if (!xml && virGetLastErrorCode() != VIR_ERR_NO_SUPPORT) {
        call_fail(call, NULL);
        return NULL;
    }
    if (!xml || hypervisor_parse(xml, strlen(xml), &hypervisor, diags) < 0)
        return hypervisor_new();
    return hypervisor;
}

Hypervisor *call_hypervisor(VirtCall *call, const GuestDef *def)
{
    g_autofree char *key =
        g_strjoin("\n", def->emulator ? def->emulator : "", def->arch ? def->arch : "",
                  def->machine ? def->machine : "", def->type, NULL);
    Hypervisor *hypervisor = known_find(call->link->hub, key);

    if (hypervisor)
        return hypervisor;
    hypervisor = hypervisor_ask(call, def);
    if (hypervisor)
        known_add(call, key, hypervisor);
    return hypervisor;
}
