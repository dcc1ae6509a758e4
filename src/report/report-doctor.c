/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "report/report-parts.h"

#define DROP_INS "/etc/vmtuned/policy.d"

static struct json_object *finding_object(const Finding *finding)
{
    const FindingInfo *info = finding_info(finding->id);
    struct json_object *object = json_object_new_object();
    g_autofree char *keys = finding_keys(finding);

    json_object_object_add(object, "id", parts_text(info->name));
    json_object_object_add(object, "class", parts_text(finding_class_name(finding->finding_class)));
    json_object_object_add(object, "severity", parts_text(severity_name(finding->severity)));
    json_object_object_add(object, "advice", json_object_new_boolean(info->advice));
    json_object_object_add(object, "guest", parts_text(finding->guest));
    json_object_object_add(object, "uuid", parts_text(finding->uuid));
    json_object_object_add(object, "device", parts_text(finding->device));
    json_object_object_add(object, "what", parts_text(info->doc));
    json_object_object_add(object, "evidence", parts_text(finding->reason));
    json_object_object_add(object, "policy", parts_text(keys));
    json_object_object_add(object, "command", parts_text(finding->command));
    return object;
}

/* Its name is new each time: what an earlier one mends is not found again, and would be lost with
 * its file. */
static struct json_object *drop_in_object(const GPtrArray *list, int64_t realtime_usec)
{
    g_autoptr(GDateTime) time = g_date_time_new_from_unix_utc(realtime_usec / G_USEC_PER_SEC);
    g_autofree char *file =
        time ? g_date_time_format(time, DROP_INS "/60-doctor-%Y%m%d-%H%M%S.yaml") : NULL;
    g_autofree char *text = finding_drop_in(list);

    if (!text || !file)
        return NULL;
    struct json_object *object = json_object_new_object();
    json_object_object_add(object, "file", parts_text(file));
    json_object_object_add(object, "text", parts_text(text));
    return object;
}

struct json_object *report_doctor(const GPtrArray *list, const char *const *uuids,
                                  int64_t sample_usec, int64_t realtime_usec)
{
    struct json_object *document = report_document(), *array = json_object_new_array();
    g_autoptr(GPtrArray) asked = g_ptr_array_new();

    for (guint i = 0; i < list->len; i++) {
        Finding *finding = g_ptr_array_index(list, i);
        if (uuids[0] && !(finding->uuid && g_strv_contains(uuids, finding->uuid)))
            continue;
        g_ptr_array_add(asked, finding);
        json_object_array_add(array, finding_object(finding));
        if (finding->severity > SEVERITY_INFO)
            parts_set_exit(document, REPORT_MISMATCH);
    }
    json_object_object_add(document, "time", parts_time(realtime_usec));
    json_object_object_add(document, "sample_usec", json_object_new_int64(sample_usec));
    json_object_object_add(document, "findings", array);
    json_object_object_add(document, "drop_in", drop_in_object(asked, realtime_usec));
    return document;
}
