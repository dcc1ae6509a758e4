/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* org.vmtuned1.Guest: what a guest shows. Its methods are the Manager's (bus.c). */
#include "daemon/bus.h"

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
                          guest_status_locality_pct(status, manager->topo));
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

static const sd_bus_vtable guest_vtable[] = {
    SD_BUS_VTABLE_START(0),
    METHOD("Status", method_status, SD_BUS_NO_ARGS),
    METHOD("Plan", method_plan, SD_BUS_NO_ARGS),
    METHOD("Pending", method_pending, SD_BUS_NO_ARGS),
    METHOD("Explain", method_explain, SD_BUS_NO_ARGS),
    METHOD("Advise", method_advise, SD_BUS_NO_ARGS),
    METHOD("Policy", method_policy, SD_BUS_NO_ARGS),
    METHOD("Verify", method_verify, SD_BUS_NO_ARGS),
    METHOD("Apply", method_apply, "b", dry_run),
    METHOD("Restore", method_restore, "b", force),
    METHOD("Resume", method_resume, SD_BUS_NO_ARGS),
    METHOD("RestartInto", method_restart_into, "u", timeout, "b", on_reboot),
    METHOD("StopMove", method_stop_move, SD_BUS_NO_ARGS),
    SHOWN("UUID", "s", CONST),
    SHOWN("Name", "s", EMITS_CHANGE),
    SHOWN("State", "s", EMITS_CHANGE),
    SHOWN("Text", "s", EMITS_CHANGE),
    SHOWN("Since", "t", EMITS_CHANGE),
    SHOWN("CPUPolicy", "s", EMITS_CHANGE),
    SHOWN("VCPUs", "u", EMITS_CHANGE),
    SHOWN("Nodes", "s", EMITS_CHANGE),
    SHOWN("CPUs", "s", EMITS_CHANGE),
    SHOWN("LocalityPct", "i", EMITS_CHANGE),
    SHOWN("DriftCount", "u", EMITS_CHANGE),
    SHOWN("RepairCount", "u", EMITS_CHANGE),
    SHOWN("PendingCount", "u", EMITS_CHANGE),
    SHOWN("ContestedCount", "u", EMITS_CHANGE),
    SD_BUS_VTABLE_END,
};

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
    return bus_objects_serve(manager, VMTUNED_BUS_GUEST_PATH, VMTUNED_BUS_GUEST, guest_vtable,
                             objects_list);
}
