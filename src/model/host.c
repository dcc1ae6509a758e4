/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "model/host.h"

#include <errno.h>
#include <string.h>

#define KIB_PER_MIB 1024u
#define KIB_PER_GIB (1024u * 1024u)

/* --- what is --- */

Host *host_new(void)
{
    Host *host = g_atomic_rc_box_new0(Host);

    host->knobs = setting_list_new();
    host->fixed = setting_list_new();
    host->pressure_pct = -1;
    return host;
}

Host *host_ref(const Host *host)
{
    return g_atomic_rc_box_acquire((Host *)host);
}

static void host_clear(Host *host)
{
    setting_list_free(host->knobs);
    setting_list_free(host->fixed);
    g_free(host->pools);
    g_free(host->nodes);
}

void host_unref(Host *host)
{
    g_atomic_rc_box_release_full(host, (GDestroyNotify)host_clear);
}

const HostPool *host_pool(const Host *host, unsigned node, unsigned size_kib)
{
    for (unsigned i = 0; i < host->n_pools; i++)
        if (host->pools[i].node == node && host->pools[i].size_kib == size_kib)
            return &host->pools[i];
    return NULL;
}

/* --- what is to be --- */

void memory_shortage_free(MemoryShortage *shortage)
{
    g_free(shortage->uuid);
    g_free(shortage->name);
    g_free(shortage);
}

/* "14 pages of 2 MiB short" */
static char *shortage_amount(const MemoryShortage *shortage)
{
    g_autofree char *size = page_size_format(shortage->size_kib);

    return g_strdup_printf("%" G_GUINT64_FORMAT " %s of %s short", shortage->pages,
                           shortage->pages == 1 ? "page" : "pages", size);
}

char *memory_shortage_format(const MemoryShortage *shortage)
{
    g_autofree char *amount = shortage_amount(shortage);

    return shortage->node >= 0
               ? g_strdup_printf("will not start on node %d: %s", shortage->node, amount)
               : g_strdup_printf("will not start: %s", amount);
}

char *memory_shortage_format_failed(const MemoryShortage *shortage)
{
    g_autofree char *amount = shortage_amount(shortage);

    return shortage->node >= 0
               ? g_strdup_printf("its start failed: node %d was %s", shortage->node, amount)
               : g_strdup_printf("its start failed: its nodes were %s", amount);
}

HostPlan *host_plan_new(void)
{
    HostPlan *plan = g_atomic_rc_box_new0(HostPlan);

    plan->wanted = setting_list_new();
    plan->unsupported = setting_list_new();
    plan->shortages = g_ptr_array_new_with_free_func((GDestroyNotify)memory_shortage_free);
    return plan;
}

HostPlan *host_plan_ref(const HostPlan *plan)
{
    return g_atomic_rc_box_acquire((HostPlan *)plan);
}

static void host_plan_clear(HostPlan *plan)
{
    setting_list_free(plan->wanted);
    setting_list_free(plan->unsupported);
    g_ptr_array_unref(plan->shortages);
}

void host_plan_unref(HostPlan *plan)
{
    g_atomic_rc_box_release_full(plan, (GDestroyNotify)host_plan_clear);
}

const MemoryShortage *host_plan_shortage(const HostPlan *plan, const char *uuid)
{
    for (guint i = 0; i < plan->shortages->len; i++) {
        const MemoryShortage *shortage = g_ptr_array_index(plan->shortages, i);
        if (g_str_equal(shortage->uuid, uuid))
            return shortage;
    }
    return NULL;
}

/* --- names of pools --- */

static const struct {
    const char *unit;
    unsigned kib;
} units[] = {{"GiB", KIB_PER_GIB}, {"MiB", KIB_PER_MIB}, {"KiB", 1}};

/* Index into units: the largest that divides it. */
static unsigned unit_of(unsigned size_kib)
{
    unsigned i = 0;

    while (size_kib % units[i].kib != 0)
        i++;
    return i;
}

char *page_size_format(unsigned size_kib)
{
    unsigned unit = unit_of(size_kib);

    return g_strdup_printf("%u %s", size_kib / units[unit].kib, units[unit].unit);
}

SettingKey host_pool_key(unsigned node, unsigned size_kib)
{
    SettingKey key = {.knob = KNOB_HOST_PAGES, .plane = PLANE_ACTUAL};
    unsigned unit = unit_of(size_kib);

    g_autofree char *name =
        g_strdup_printf("%u:%u%s", node, size_kib / units[unit].kib, units[unit].unit);
    setting_key_set_device(&key, name);
    return key;
}

int host_pool_parse(const SettingKey *key, unsigned *ret_node, unsigned *ret_size_kib)
{
    char *end;

    guint64 node = g_ascii_strtoull(key->device, &end, 10);
    if (end == key->device || *end != ':' || node > CPUSET_MAX_INDEX)
        return -EINVAL;
    guint64 size = g_ascii_strtoull(end + 1, &end, 10);
    for (gsize i = 0; i < G_N_ELEMENTS(units); i++) {
        if (!g_str_equal(end, units[i].unit) || size == 0 || size > UINT_MAX / units[i].kib)
            continue;
        *ret_node = (unsigned)node;
        *ret_size_kib = (unsigned)size * units[i].kib;
        return 0;
    }
    return -EINVAL;
}
