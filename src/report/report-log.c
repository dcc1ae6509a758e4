/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "report/report-parts.h"

static struct json_object *entry_object(const HistoryEntry *entry)
{
    struct json_object *row = json_object_new_object();

    json_object_object_add(row, "id", json_object_new_int64(entry->id));
    json_object_object_add(row, "time", parts_time(entry->time_usec));
    json_object_object_add(row, "name", parts_text(entry->name));
    json_object_object_add(row, "uuid", parts_text(entry->uuid));
    parts_add_key(row, &entry->key);
    json_object_object_add(row, "from", parts_text(entry->from));
    json_object_object_add(row, "to", parts_text(entry->to));
    json_object_object_add(row, "why", parts_text(entry->why));
    json_object_object_add(row, "reason", parts_text(entry->reason));
    json_object_object_add(row, "origin", parts_text(entry->origin));
    json_object_object_add(row, "result", parts_text(entry->result));
    return row;
}

struct json_object *report_log(const GPtrArray *history, const GPtrArray *unknown)
{
    struct json_object *document = parts_document(unknown->len > 0 ? REPORT_BAD_INPUT : REPORT_OK);
    struct json_object *guests = json_object_new_array(), *rows = json_object_new_array();

    for (guint i = history->len; i-- > 0;)
        json_object_array_add(rows, entry_object(g_ptr_array_index(history, i)));
    for (guint i = 0; i < unknown->len; i++)
        json_object_array_add(guests, parts_unknown_guest(g_ptr_array_index(unknown, i)));
    json_object_object_add(document, "guests", guests);
    json_object_object_add(document, "changes", rows);
    return document;
}
