/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* org.vmtuned1.Guest: what a guest shows. Its methods are the Manager's (bus.c). */
#include "daemon/bus.h"

#include <errno.h>

static char *path_of(const char *uuid)
{
    g_autofree char *name = g_strdelimit(g_strdup(uuid), "-", '_');

    return g_strconcat(VMTUNED_BUS_GUEST_PATH "/", name, NULL);
}

bool bus_guest_is_path(const char *path)
{
    return g_str_has_prefix(path, VMTUNED_BUS_GUEST_PATH "/");
}

const Managed *bus_guest_find(const Manager *manager, const char *path)
{
    if (!bus_guest_is_path(path))
        return NULL;
    g_autofree char *uuid =
        g_strdelimit(g_strdup(path + strlen(VMTUNED_BUS_GUEST_PATH "/")), "_", '-');
    const Managed *managed = g_hash_table_lookup(manager->by_uuid, uuid);
    return managed && managed->shown ? managed : NULL;
}

static GVariant *values_of(const Manager *manager, const Managed *managed)
{
    g_autoptr(GuestStatus) status = manager_guest_status(manager, managed);
    g_autoptr(CpuSet) cpu_set = guest_status_cpus(status);
    g_autofree char *cpus = cpuset_format(cpu_set);
    g_autofree char *nodes = status->plan ? cpuset_format(status->plan->nodes) : NULL;
    const GuestKernel *kernel = status->guest ? status->guest->kernel : NULL;
    GVariantDict dict;

    g_variant_dict_init(&dict, NULL);
    bus_property_text(&dict, "UUID", status->uuid);
    bus_property_text(&dict, "Name", status->name);
    bus_property_text(&dict, "State", guest_state_name(status->state));
    bus_property_text(&dict, "Text", status->text);
    g_variant_dict_insert(&dict, "Since", "t", (guint64)status->since_usec);
    bus_property_text(&dict, "CPUPolicy", guest_status_cpu_policy(status));
    g_variant_dict_insert(&dict, "VCPUs", "u", guest_status_vcpus(status));
    bus_property_text(&dict, "Nodes", nodes);
    bus_property_text(&dict, "CPUs", cpus);
    g_variant_dict_insert(&dict, "LocalityPct", "i",
                          status->plan && manager->topo
                              ? guest_plan_locality_pct(status->plan, manager->topo, kernel)
                              : -1);
    g_variant_dict_insert(&dict, "DriftCount", "u", status->drift_count);
    g_variant_dict_insert(&dict, "RepairCount", "u", status->repair_count);
    g_variant_dict_insert(&dict, "PendingCount", "u",
                          status->pending ? pending_list_size(status->pending) : 0);
    g_variant_dict_insert(&dict, "ContestedCount", "u", contest_size(status->contest));
    return g_variant_dict_end(&dict);
}

void bus_guest_show(Manager *manager, Managed *managed)
{
    g_autofree char *path = path_of(managed->uuid);

    bus_object_show(manager, path, VMTUNED_BUS_GUEST, &managed->shown, values_of(manager, managed));
}

void bus_guest_hide(Manager *manager, Managed *managed)
{
    g_autofree char *path = path_of(managed->uuid);

    bus_object_hide(manager, path, &managed->shown);
}

/* --- the object --- */

static int property_get(sd_bus *bus, const char *path, const char *interface, const char *property,
                        sd_bus_message *reply, void *data, sd_bus_error *reterr)
{
    const Managed *managed = bus_guest_find(data, path);

    (void)bus;
    (void)interface;
    (void)reterr;
    return managed ? bus_property_append(reply, managed->shown, property) : -ENOENT;
}

static const sd_bus_vtable guest_vtable[] = {
    SD_BUS_VTABLE_START(0),
    SD_BUS_METHOD_WITH_ARGS("Status", SD_BUS_NO_ARGS, DOCUMENT, method_status,
                            SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD_WITH_ARGS("Plan", SD_BUS_NO_ARGS, DOCUMENT, method_plan,
                            SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD_WITH_ARGS("Pending", SD_BUS_NO_ARGS, DOCUMENT, method_pending,
                            SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD_WITH_ARGS("Explain", SD_BUS_NO_ARGS, DOCUMENT, method_explain,
                            SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD_WITH_ARGS("Advise", SD_BUS_NO_ARGS, DOCUMENT, method_advise,
                            SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD_WITH_ARGS("Policy", SD_BUS_NO_ARGS, DOCUMENT, method_policy,
                            SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD_WITH_ARGS("Verify", SD_BUS_NO_ARGS, DOCUMENT, method_verify,
                            SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD_WITH_ARGS("Apply", SD_BUS_ARGS("b", dry_run), DOCUMENT, method_apply,
                            SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD_WITH_ARGS("Restore", SD_BUS_ARGS("b", force), DOCUMENT, method_restore,
                            SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD_WITH_ARGS("Resume", SD_BUS_NO_ARGS, DOCUMENT, method_resume,
                            SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD_WITH_ARGS("RestartInto", SD_BUS_ARGS("u", timeout, "b", on_reboot), DOCUMENT,
                            method_restart_into, SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD_WITH_ARGS("StopMove", SD_BUS_NO_ARGS, DOCUMENT, method_stop_move,
                            SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_PROPERTY("UUID", "s", property_get, 0, SD_BUS_VTABLE_PROPERTY_CONST),
    SD_BUS_PROPERTY("Name", "s", property_get, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
    SD_BUS_PROPERTY("State", "s", property_get, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
    SD_BUS_PROPERTY("Text", "s", property_get, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
    SD_BUS_PROPERTY("Since", "t", property_get, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
    SD_BUS_PROPERTY("CPUPolicy", "s", property_get, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
    SD_BUS_PROPERTY("VCPUs", "u", property_get, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
    SD_BUS_PROPERTY("Nodes", "s", property_get, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
    SD_BUS_PROPERTY("CPUs", "s", property_get, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
    SD_BUS_PROPERTY("LocalityPct", "i", property_get, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
    SD_BUS_PROPERTY("DriftCount", "u", property_get, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
    SD_BUS_PROPERTY("RepairCount", "u", property_get, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
    SD_BUS_PROPERTY("PendingCount", "u", property_get, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
    SD_BUS_PROPERTY("ContestedCount", "u", property_get, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
    SD_BUS_VTABLE_END,
};

static int object_find(sd_bus *bus, const char *path, const char *interface, void *data,
                       void **ret_found, sd_bus_error *reterr)
{
    (void)bus;
    (void)interface;
    (void)reterr;
    *ret_found = data;
    return bus_guest_find(data, path) != NULL;
}

static int objects_list(sd_bus *bus, const char *prefix, void *data, char ***ret_paths,
                        sd_bus_error *reterr)
{
    const Manager *manager = data;
    g_autoptr(GStrvBuilder) paths = g_strv_builder_new();

    (void)bus;
    (void)prefix;
    (void)reterr;
    for (guint i = 0; i < manager->guests->len; i++) {
        const Managed *managed = g_ptr_array_index(manager->guests, i);
        g_autofree char *path = path_of(managed->uuid);
        if (managed->shown)
            g_strv_builder_add(paths, path);
    }
    *ret_paths = g_strv_builder_end(paths);
    return 0;
}

int bus_guest_serve(Manager *manager)
{
    int r = sd_bus_add_fallback_vtable(manager->bus, NULL, VMTUNED_BUS_GUEST_PATH,
                                       VMTUNED_BUS_GUEST, guest_vtable, object_find, manager);

    return r < 0 ? r
                 : sd_bus_add_node_enumerator(manager->bus, NULL, VMTUNED_BUS_GUEST_PATH,
                                              objects_list, manager);
}
