/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What waits for a guest's next cold start, and what its policy asks for that it cannot have. */
#include "report/report-parts.h"

static struct json_object *pending_row(const PendingSetting *setting)
{
    struct json_object *row = json_object_new_object();
    const char *reason =
        setting->of_policy ? setting->reason : "its definition was edited; the policy has no say";

    parts_add_key(row, &setting->key);
    json_object_object_add(row, "policy", json_object_new_boolean(setting->of_policy));
    json_object_object_add(row, "wanted", parts_text(setting->wanted));
    json_object_object_add(row, "live", parts_text(setting->live));
    json_object_object_add(row, "next", parts_text(setting->next));
    json_object_object_add(row, "reason", parts_text(reason));
    json_object_object_add(row, "origin", parts_text(setting->origin));
    return row;
}

void parts_append_pending(struct json_object *array, const char *subject, const GuestStatus *status)
{
    for (unsigned i = 0; status->pending && i < pending_list_size(status->pending); i++) {
        struct json_object *row = pending_row(pending_list_get(status->pending, i));
        if (subject)
            json_object_object_add(row, "subject", parts_text(subject));
        json_object_array_add(array, row);
    }
}

struct json_object *parts_pending(const GuestStatus *status)
{
    struct json_object *array = json_object_new_array();

    parts_append_pending(array, NULL, status);
    return array;
}

static void add_unsupported(struct json_object *array, const SettingKey *key, const char *wanted,
                            const char *reason, const char *origin)
{
    struct json_object *row = json_object_new_object();

    parts_add_key(row, key);
    json_object_object_add(row, "wanted", parts_text(wanted));
    json_object_object_add(row, "reason", parts_text(reason));
    json_object_object_add(row, "origin", parts_text(origin));
    json_object_array_add(array, row);
}

struct json_object *parts_unsupported(const GuestStatus *status)
{
    const SettingList *list = status->plan ? status->plan->unsupported : NULL;
    struct json_object *array = json_object_new_array();

    for (unsigned i = 0; list && i < setting_list_size(list); i++) {
        const Setting *setting = setting_list_get(list, i);
        add_unsupported(array, &setting->key, setting->value, setting->reason, setting->origin);
    }
    for (unsigned i = 0; i < change_set_size(status->refused); i++) {
        const Change *change = change_set_get(status->refused, i);
        g_autofree char *words = g_strconcat("libvirt refuses it: ", change->reason, NULL);
        add_unsupported(array, &change->key, change->to, words, change->origin);
    }
    return array;
}

static struct json_object *notes(const GuestStatus *status)
{
    struct json_object *array = json_object_new_array();
    const Guest *guest = status->guest;

    if (guest && guest->managed_save)
        json_object_array_add(
            array, json_object_new_string("it is saved: its next start goes on with the definition "
                                          "of then; what differs from it is pending until the "
                                          "managed save is discarded"));
    if (guest && guest->n_snapshots > 0)
        json_object_array_add(
            array, json_object_new_string(
                       "it has snapshots: a revert to one brings back the definition of its time"));
    return array;
}

static struct json_object *pending_entry(const GuestStatus *status, const void *context)
{
    struct json_object *entry = json_object_new_object();

    (void)context;
    parts_add_identity(entry, status);
    json_object_object_add(entry, "pending", parts_pending(status));
    json_object_object_add(entry, "unsupported", parts_unsupported(status));
    json_object_object_add(entry, "notes", notes(status));
    return entry;
}

/* That a guest is not as planned is for verify to judge. */
static ReportExit pending_exit(const GuestStatus *status)
{
    bool some = (status->pending && pending_list_size(status->pending) > 0) ||
                (status->guest && status->guest->managed_save);

    return some ? REPORT_COLD : REPORT_OK;
}

struct json_object *report_pending(const Snapshot *snapshot, const char *const *names)
{
    const PartsOf of = {.make = pending_entry, .exit_of = pending_exit};
    ReportExit exit_status = parts_snapshot_exit(snapshot);
    struct json_object *document = parts_document(exit_status);
    struct json_object *guests = parts_guests(snapshot, names, &of, &exit_status);

    parts_set_exit(document, exit_status);
    json_object_object_add(document, "guests", guests);
    return document;
}

struct json_object *report_step(const char *name, const char *uuid, const char *result,
                                const char *text)
{
    struct json_object *document = parts_document(REPORT_OK);

    json_object_object_add(document, "name", parts_text(name));
    json_object_object_add(document, "uuid", parts_text(uuid));
    json_object_object_add(document, "result", parts_text(result));
    json_object_object_add(document, "text", parts_text(text));
    return document;
}
