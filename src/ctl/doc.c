/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ctl/doc.h"

Doc *doc_get(Doc *object, const char *key)
{
    Doc *value = NULL;

    if (json_object_is_type(object, json_type_object))
        json_object_object_get_ex(object, key, &value);
    return value;
}

const char *doc_text(Doc *object, const char *key)
{
    Doc *value = doc_get(object, key);

    return json_object_is_type(value, json_type_string) ? json_object_get_string(value) : NULL;
}

const char *doc_word(Doc *object, const char *key)
{
    const char *text = doc_text(object, key);

    return text ? text : "";
}

int64_t doc_number(Doc *object, const char *key)
{
    Doc *value = doc_get(object, key);

    return json_object_is_type(value, json_type_int) ? json_object_get_int64(value) : 0;
}

double doc_real(Doc *object, const char *key)
{
    Doc *value = doc_get(object, key);
    bool is_number =
        json_object_is_type(value, json_type_double) || json_object_is_type(value, json_type_int);

    return is_number ? json_object_get_double(value) : 0;
}

CpuSet *doc_cpus(Doc *object, const char *key)
{
    CpuSet *cpus = NULL;

    return cpuset_parse(doc_word(object, key), &cpus) == 0 ? cpus : cpuset_new();
}

void doc_add_number(Doc *object, const char *key, CpuSet *set)
{
    int64_t number = doc_number(object, key);

    if (number >= 0 && number <= CPUSET_MAX_INDEX)
        hwloc_bitmap_set(set, (unsigned)number);
}

bool doc_bool(Doc *object, const char *key)
{
    Doc *value = doc_get(object, key);

    return json_object_is_type(value, json_type_boolean) && json_object_get_boolean(value);
}

unsigned doc_length(Doc *object, const char *key)
{
    Doc *value = doc_get(object, key);

    return json_object_is_type(value, json_type_array) ? (unsigned)json_object_array_length(value)
                                                       : 0;
}

Doc *doc_at(Doc *object, const char *key, unsigned i)
{
    return i < doc_length(object, key) ? json_object_array_get_idx(doc_get(object, key), i) : NULL;
}

char *doc_join(Doc *object, const char *key)
{
    GString *joined = g_string_new(NULL);

    DOC_FOREACH(item, object, key)
    g_string_append_printf(joined, "%s%s", joined->len > 0 ? ", " : "",
                           json_object_get_string(item));
    return g_string_free(joined, FALSE);
}

char *doc_time(Doc *object, const char *key)
{
    const char *text = doc_text(object, key);
    g_autoptr(GDateTime) utc = text ? g_date_time_new_from_iso8601(text, NULL) : NULL;
    g_autoptr(GDateTime) local = utc ? g_date_time_to_local(utc) : NULL;

    return local ? g_date_time_format(local, "%Y-%m-%d %H:%M:%S") : NULL;
}
