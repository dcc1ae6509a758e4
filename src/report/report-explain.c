/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Why: the settings of one guest with reason and origin, and its effective policy. */
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

static struct json_object *policy_row(const PolicyKeyInfo *info, const PolicyValue *value)
{
    struct json_object *row = json_object_new_object();
    g_autofree char *text = value ? policy_value_format(value) : g_strdup(info->default_text);
    g_autofree char *origin = origin_format(value ? &value->origin : NULL);

    json_object_object_add(row, "key", parts_text(info->path));
    json_object_object_add(row, "value", parts_text(text));
    json_object_object_add(row, "origin", parts_text(origin));
    json_object_object_add(row, "default", json_object_new_boolean(value == NULL));
    return row;
}

struct json_object *report_policy(const char *guest, const GuestPolicy *policy)
{
    struct json_object *document = parts_document(REPORT_OK);
    struct json_object *rows = json_object_new_array();
    g_autofree char *rule = policy->named ? origin_format(&policy->named_by) : NULL;

    for (unsigned key = 0; key < N_POLICY_KEYS; key++) {
        const PolicyKeyInfo *info = policy_key_info((PolicyKey)key);
        if (info->scope == SCOPE_GUEST)
            json_object_array_add(rows, policy_row(info, guest_policy_get(policy, info->key)));
    }
    json_object_object_add(document, "guest", parts_text(guest));
    json_object_object_add(document, "named", json_object_new_boolean(policy->named));
    json_object_object_add(document, "rule", parts_text(rule));
    json_object_object_add(document, "keys", rows);
    return document;
}
