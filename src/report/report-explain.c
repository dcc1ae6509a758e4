/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Why: the settings of one guest with reason and origin. */
#include "report/report-parts.h"

struct json_object *parts_settings(const GuestStatus *status, const SettingList *wanted,
                                   const SettingList *observed)
{
    const CpuSet *allowed = status->plan ? status->plan->allowed : NULL;
    struct json_object *rows = json_object_new_array();

    for (unsigned i = 0; i < setting_list_size(wanted); i++) {
        const Setting *want = setting_list_get(wanted, i);
        const Setting *is = observed ? setting_list_find(observed, &want->key) : NULL;
        struct json_object *row = parts_setting(&want->key, want->value, is ? is->value : NULL,
                                                want->reason, want->origin);
        bool equal = is && setting_value_equal(&want->key, want->value, is->value, allowed, NULL);
        json_object_object_add(row, "in_force", is ? json_object_new_boolean(equal) : NULL);
        json_object_object_add(
            row, "contested",
            json_object_new_boolean(contest_find(status->contest, &want->key) != NULL));
        json_object_array_add(rows, row);
    }
    return rows;
}

struct json_object *report_explain(const GuestStatus *status, const Topo *topo,
                                   const SettingList *wanted, const SettingList *observed)
{
    struct json_object *document = parts_document(parts_guest_exit(status));
    struct json_object *guest = json_object_new_object();

    parts_add_identity(guest, status);
    json_object_object_add(guest, "plan", status->plan ? parts_guest_plan(status->plan) : NULL);
    json_object_object_add(guest, "memory",
                           parts_memory(status->guest ? status->guest->kernel : NULL));
    json_object_object_add(guest, "locality_pct", parts_locality(status, topo));
    json_object_object_add(guest, "memory_move", parts_text(status->memory_move));
    json_object_object_add(document, "guest", guest);
    json_object_object_add(document, "settings", parts_settings(status, wanted, observed));
    json_object_object_add(document, "contested", parts_contested(status));
    json_object_object_add(document, "pending", parts_pending(status));
    json_object_object_add(document, "unsupported", parts_unsupported(status));
    return document;
}
