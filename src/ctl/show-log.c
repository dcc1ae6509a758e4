/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ctl/show-log.h"

#include "ctl/show.h"

#include <string.h>

/* Changes that are one row. */
typedef struct LogRow {
    Doc *change; /* the first of them */
    unsigned n;
} LogRow;

/* "drift: 1 PU of its own on node 0 (/etc/vmtuned/policy.yaml:5)" */
static char *why_words(Doc *change)
{
    GString *words = g_string_new(doc_word(change, "why"));

    if (doc_text(change, "reason"))
        g_string_append_printf(words, ": %s", doc_text(change, "reason"));
    if (doc_text(change, "origin"))
        g_string_append_printf(words, " (%s)", doc_text(change, "origin"));
    return g_string_free(words, FALSE);
}

/* "0/4711" is vCPU 0's thread 4711: without the thread. Owned by the caller. */
static char *instance_of(Doc *change)
{
    const char *instance = doc_word(change, "instance");

    return g_strndup(instance, strcspn(instance, "/"));
}

/* Equal of changes that are alike but for their thread. Owned by the caller. */
static char *row_key(Doc *change)
{
    static const char *const keys[] = {"time", "uuid", "knob",   "plane",  "from",
                                       "to",   "why",  "reason", "origin", "result"};
    g_autofree char *instance = instance_of(change);
    GString *key = g_string_new(instance);

    for (size_t i = 0; i < G_N_ELEMENTS(keys); i++)
        g_string_append_printf(key, "\n%s", show_value(change, keys[i]));
    return g_string_free(key, FALSE);
}

/* In the order of their first change; of LogRow. */
static GArray *collect(Doc *document)
{
    GArray *rows = g_array_new(FALSE, FALSE, sizeof(LogRow));
    g_autoptr(GHashTable) by_key = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);

    DOC_FOREACH(change, document, "changes")
    {
        g_autofree char *key = row_key(change);
        guint at = GPOINTER_TO_UINT(g_hash_table_lookup(by_key, key)); /* from 1 on */
        const LogRow row = {.change = change, .n = 1};
        if (at > 0) {
            g_array_index(rows, LogRow, at - 1).n++;
            continue;
        }
        g_array_append_val(rows, row);
        g_hash_table_insert(by_key, g_steal_pointer(&key), GUINT_TO_POINTER(rows->len));
    }
    return rows;
}

/* "vcpu.pin 0", "vcpu.pin 0 (2 times)", or of one thread "vcpu.pin 0/4711". */
static char *setting_cell(const LogRow *row)
{
    g_autofree char *instance = instance_of(row->change);
    g_autofree char *setting = g_strdup_printf("%s %s", doc_word(row->change, "knob"), instance);

    if (row->n == 1)
        return show_setting_name(row->change);
    return g_strdup_printf("%s (%u times)", g_strchomp(setting), row->n);
}

static void add_row(Table *table, const LogRow *row)
{
    Doc *change = row->change;
    g_autofree char *time = doc_time(change, "time"), *setting = setting_cell(row);
    g_autofree char *why = why_words(change);

    table_add(table,
              (const char *const[]){time, doc_text(change, "name"), setting,
                                    doc_text(change, "plane"), show_value(change, "from"),
                                    show_value(change, "to"), doc_text(change, "result"), why});
}

Table *log_table_new(void)
{
    return table_new((const char *const[]){"TIME", "GUEST", "SETTING", "PLANE", "FROM", "TO",
                                           "RESULT", "WHY", NULL});
}

void log_table_add(Table *table, Doc *document, bool reverse)
{
    g_autoptr(GArray) rows = collect(document);

    for (guint i = 0; i < rows->len; i++)
        add_row(table, &g_array_index(rows, LogRow, reverse ? rows->len - 1 - i : i));
}

Doc *log_after(Doc *document, int64_t id)
{
    static const char *const keys[] = {"version", "exit", "guests"};
    Doc *after = json_object_new_object(), *changes = json_object_new_array();

    for (size_t i = 0; i < G_N_ELEMENTS(keys); i++)
        json_object_object_add(after, keys[i], json_object_get(doc_get(document, keys[i])));
    DOC_FOREACH(change, document, "changes")
    if (doc_number(change, "id") > id)
        json_object_array_add(changes, json_object_get(change));
    json_object_object_add(after, "changes", changes);
    return after;
}

uint64_t log_time_usec(Doc *change)
{
    const char *text = doc_text(change, "time");
    g_autoptr(GDateTime) time = text ? g_date_time_new_from_iso8601(text, NULL) : NULL;

    return time ? (uint64_t)g_date_time_to_unix(time) * G_USEC_PER_SEC : 0;
}
