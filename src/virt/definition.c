/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The definitions that were read last of each guest that runs. */
#include "virt/link.h"

typedef struct Known {
    unsigned id; /* libvirt's, of this run of the guest */
    GuestDef *live, *config;
} Known;

static void known_free(gpointer data)
{
    Known *known = data;

    g_clear_pointer(&known->live, guest_def_unref);
    g_clear_pointer(&known->config, guest_def_unref);
    g_free(known);
}

static GuestDef *def_ref(const GuestDef *def)
{
    return def ? guest_def_ref(def) : NULL;
}

void definitions_keep(VirtHub *hub, const Guest *guest, unsigned id)
{
    Known *known = g_new0(Known, 1);

    known->id = id;
    known->live = def_ref(guest->live);
    known->config = def_ref(guest->config);
    g_mutex_lock(&hub->lock);
    if (!hub->definitions)
        hub->definitions = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, known_free);
    g_hash_table_replace(hub->definitions, g_strdup(guest->uuid), known);
    g_mutex_unlock(&hub->lock);
}

bool definitions_recall(VirtHub *hub, Guest *guest, unsigned id)
{
    g_mutex_lock(&hub->lock);
    const Known *known =
        hub->definitions ? g_hash_table_lookup(hub->definitions, guest->uuid) : NULL;
    bool found = known && known->id == id;
    if (found) {
        guest->live = def_ref(known->live);
        guest->config = def_ref(known->config);
    }
    g_mutex_unlock(&hub->lock);
    return found;
}

static gboolean is_not_among(gpointer uuid, gpointer known, gpointer running)
{
    (void)known;
    return !g_hash_table_contains(running, uuid);
}

void definitions_forget(VirtHub *hub, const GPtrArray *guests)
{
    g_autoptr(GHashTable) running = g_hash_table_new(g_str_hash, g_str_equal);

    for (guint i = 0; i < guests->len; i++) {
        const Guest *guest = g_ptr_array_index(guests, i);
        if (guest->active)
            g_hash_table_add(running, guest->uuid);
    }
    g_mutex_lock(&hub->lock);
    if (hub->definitions)
        g_hash_table_foreach_remove(hub->definitions, is_not_among, running);
    g_mutex_unlock(&hub->lock);
}
