/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "model/vitals.h"

static void interrupt_clear(gpointer data)
{
    g_free(((InterruptCount *)data)->device);
}

static void drops_clear(gpointer data)
{
    g_free(((NicDrops *)data)->mac);
    g_free(((NicDrops *)data)->device);
}

static GArray *array_new(guint element_size, GDestroyNotify clear)
{
    GArray *array = g_array_new(FALSE, FALSE, element_size);

    if (clear)
        g_array_set_clear_func(array, clear);
    return array;
}

static void guest_vitals_free(gpointer data)
{
    GuestVitals *guest = data;

    g_free(guest->uuid);
    g_array_unref(guest->drops);
    guest_usage_free(guest->before);
    guest_usage_free(guest->after);
    g_free(guest);
}

Vitals *vitals_new(void)
{
    Vitals *vitals = g_new0(Vitals, 1);

    vitals->tuners = array_new(sizeof(Tuner), NULL);
    vitals->interrupts = array_new(sizeof(InterruptCount), interrupt_clear);
    vitals->nodes = array_new(sizeof(NodeVitals), NULL);
    vitals->slow_cpus = cpuset_new();
    vitals->kernel_faults = array_new(sizeof(KernelFault), NULL);
    vitals->guests = g_ptr_array_new_with_free_func(guest_vitals_free);
    return vitals;
}

void vitals_free(Vitals *vitals)
{
    if (!vitals)
        return;
    g_clear_pointer(&vitals->host, host_unref);
    g_array_unref(vitals->tuners);
    g_array_unref(vitals->interrupts);
    g_array_unref(vitals->nodes);
    hwloc_bitmap_free(vitals->slow_cpus);
    g_free(vitals->clocksource);
    g_array_unref(vitals->kernel_faults);
    g_ptr_array_unref(vitals->guests);
    g_free(vitals);
}

GuestVitals *vitals_add_guest(Vitals *vitals, const char *uuid)
{
    GuestVitals *guest = g_new0(GuestVitals, 1);

    guest->uuid = g_strdup(uuid);
    guest->drops = array_new(sizeof(NicDrops), drops_clear);
    g_ptr_array_add(vitals->guests, guest);
    return guest;
}

const GuestVitals *vitals_guest(const Vitals *vitals, const char *uuid)
{
    for (guint i = 0; i < vitals->guests->len; i++) {
        const GuestVitals *guest = g_ptr_array_index(vitals->guests, i);
        if (g_str_equal(guest->uuid, uuid))
            return guest;
    }
    return NULL;
}

const NodeVitals *vitals_node(const Vitals *vitals, unsigned node)
{
    for (guint i = 0; i < vitals->nodes->len; i++) {
        const NodeVitals *vital = &g_array_index(vitals->nodes, NodeVitals, i);
        if (vital->node == node)
            return vital;
    }
    return NULL;
}

uint64_t node_vitals_blocks_kib(const NodeVitals *node, unsigned base_page_kib, unsigned size_kib)
{
    uint64_t kib = 0;

    for (unsigned order = 0; order < BLOCK_ORDERS; order++) {
        uint64_t block_kib = (uint64_t)base_page_kib << order;
        kib += block_kib >= size_kib ? node->blocks[order] * block_kib : 0;
    }
    return kib;
}
