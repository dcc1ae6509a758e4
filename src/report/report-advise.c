/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "report/report-parts.h"

static struct json_object *advice_object(const Finding *advice)
{
    struct json_object *object = json_object_new_object();
    g_autofree char *keys = finding_keys(advice);
    g_autofree char *line = keys ? g_strconcat("policy: ", keys, NULL) : g_strdup(advice->command);

    json_object_object_add(object, "id", parts_text(finding_info(advice->id)->name));
    json_object_object_add(object, "severity", parts_text(severity_name(advice->severity)));
    json_object_object_add(object, "guest", parts_text(advice->guest));
    json_object_object_add(object, "uuid", parts_text(advice->uuid));
    json_object_object_add(object, "device", parts_text(advice->device));
    json_object_object_add(object, "what", parts_text(finding_info(advice->id)->doc));
    json_object_object_add(object, "reason", parts_text(advice->reason));
    json_object_object_add(object, "command", parts_text(line));
    return object;
}

struct json_object *report_advise(const GPtrArray *list)
{
    struct json_object *document = parts_document(REPORT_OK), *array = json_object_new_array();

    for (guint i = 0; i < list->len; i++)
        json_object_array_add(array, advice_object(g_ptr_array_index(list, i)));
    json_object_object_add(document, "advice", array);
    return document;
}
