/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The policy of guests: in force, and what other files would change of it. */
#include "report/report-parts.h"

#include <string.h>

static const char *text_of(struct json_object *object, const char *name)
{
    struct json_object *value = NULL;

    json_object_object_get_ex(object, name, &value);
    return json_object_is_type(value, json_type_string) ? json_object_get_string(value) : NULL;
}

static struct json_object *array_of(struct json_object *object, const char *name)
{
    struct json_object *value = NULL;

    json_object_object_get_ex(object, name, &value);
    return json_object_is_type(value, json_type_array) ? value : NULL;
}

static size_t length_of(struct json_object *array)
{
    return array ? json_object_array_length(array) : 0;
}

static struct json_object *key_row(const PolicyKeyInfo *info, const PolicyValue *value)
{
    struct json_object *row = json_object_new_object();
    g_autofree char *text = value ? policy_value_format(value) : g_strdup(info->default_text);
    g_autofree char *plain = value ? policy_value_format_plain(value) : NULL;
    g_autofree char *origin = origin_format(value ? &value->origin : NULL);

    json_object_object_add(row, "key", parts_text(info->path));
    json_object_object_add(row, "value", parts_text(text));
    json_object_object_add(row, "plain", parts_text(plain));
    json_object_object_add(row, "origin", parts_text(origin));
    json_object_object_add(row, "default", json_object_new_boolean(value == NULL));
    return row;
}

/* Of the keys of that scope; values as in Policy and GuestPolicy. */
static struct json_object *key_rows(PolicyScope scope, PolicyValue *const *values)
{
    struct json_object *rows = json_object_new_array();

    for (unsigned key = 0; key < N_POLICY_KEYS; key++) {
        const PolicyKeyInfo *info = policy_key_info((PolicyKey)key);
        if (info->scope == scope)
            json_object_array_add(rows, key_row(info, values[key]));
    }
    return rows;
}

static void add_guest(struct json_object *object, const GuestPolicy *policy)
{
    g_autofree char *rule = policy->named ? origin_format(&policy->named_by) : NULL;

    json_object_object_add(object, "named", json_object_new_boolean(policy->named));
    json_object_object_add(object, "rule", parts_text(rule));
    json_object_object_add(object, "keys", key_rows(SCOPE_GUEST, policy->values));
}

struct json_object *report_policy(const char *guest, const GuestPolicy *policy)
{
    struct json_object *document = parts_document(REPORT_OK);

    json_object_object_add(document, "guest", parts_text(guest));
    add_guest(document, policy);
    return document;
}

static struct json_object *file_names(const Policy *policy)
{
    struct json_object *files = json_object_new_array();

    for (guint i = 0; i < policy->files->len; i++)
        json_object_array_add(files, parts_text(g_ptr_array_index(policy->files, i)));
    return files;
}

struct json_object *report_policy_in_force(const char *main_file, const Policy *policy,
                                           const PolicySubject *guests, unsigned n_guests)
{
    struct json_object *document = parts_document(REPORT_OK), *rows = json_object_new_array();

    for (unsigned i = 0; i < n_guests; i++) {
        struct json_object *row = json_object_new_object();
        g_autoptr(GuestPolicy) selected = policy_select(policy, &guests[i]);
        json_object_object_add(row, "name", parts_text(guests[i].name));
        json_object_object_add(row, "uuid", parts_text(guests[i].uuid));
        json_object_object_add(row, "title", parts_text(guests[i].title));
        json_object_object_add(row, "label", parts_text(guests[i].label));
        json_object_object_add(row, "partition", parts_text(guests[i].partition));
        json_object_object_add(row, "os", parts_text(guests[i].os));
        add_guest(row, selected);
        json_object_array_add(rows, row);
    }
    json_object_object_add(document, "file", parts_text(main_file));
    json_object_object_add(document, "files", file_names(policy));
    json_object_object_add(document, "host", key_rows(SCOPE_HOST, policy->values));
    json_object_object_add(document, "guests", rows);
    return document;
}

/* --- what would change --- */

/* NULL: that daemon does not know the key. */
static struct json_object *find_row(struct json_object *rows, const char *key)
{
    for (size_t i = 0; i < length_of(rows); i++) {
        struct json_object *row = json_object_array_get_idx(rows, i);
        if (g_strcmp0(text_of(row, "key"), key) == 0)
            return row;
    }
    return NULL;
}

/* "live" and "cold", as far as knobs of the key change so. */
static struct json_object *changes_of(uint64_t knobs)
{
    struct json_object *changes = json_object_new_array();
    bool live = false, cold = false;

    for (unsigned knob = 0; knob < N_KNOBS; knob++) {
        if (!(knobs & KNOB_BIT(knob)))
            continue;
        bool waits = knob_info((Knob)knob)->change == KNOB_COLD;
        live |= !waits;
        cold |= waits;
    }
    if (live)
        json_object_array_add(changes, parts_text(knob_change_name(KNOB_LIVE)));
    if (cold)
        json_object_array_add(changes, parts_text(knob_change_name(KNOB_COLD)));
    return changes;
}

/* guest NULL: of the host. old and now: rows of key_row(). */
static void add_difference(struct json_object *differences, const char *guest,
                           const PolicyKeyInfo *info, struct json_object *old,
                           struct json_object *now)
{
    struct json_object *row = json_object_new_object();

    json_object_object_add(row, "guest", parts_text(guest));
    json_object_object_add(row, "key", parts_text(info->path));
    json_object_object_add(row, "from", parts_text(text_of(old, "value")));
    json_object_object_add(row, "from_origin", parts_text(text_of(old, "origin")));
    json_object_object_add(row, "to", parts_text(text_of(now, "value")));
    json_object_object_add(row, "to_origin", parts_text(text_of(now, "origin")));
    json_object_object_add(row, "changes", changes_of(info->knobs));
    json_object_array_add(differences, row);
}

static void compare_keys(struct json_object *differences, const char *guest, PolicyScope scope,
                         struct json_object *rows, PolicyValue *const *values)
{
    for (unsigned key = 0; key < N_POLICY_KEYS; key++) {
        const PolicyKeyInfo *info = policy_key_info((PolicyKey)key);
        struct json_object *old = find_row(rows, info->path);
        if (info->scope != scope || !old)
            continue;
        struct json_object *now = key_row(info, values[key]);
        /* An explicit default is the default. */
        if (g_strcmp0(text_of(old, "plain"), text_of(now, "plain")) != 0 &&
            g_strcmp0(text_of(old, "value"), text_of(now, "value")) != 0)
            add_difference(differences, guest, info, old, now);
        json_object_put(now);
    }
}

/* A guest that a rule names is managed, whatever the rule says. */
static void compare_rules(struct json_object *differences, struct json_object *guest,
                          const GuestPolicy *policy)
{
    const char *before = text_of(guest, "rule");
    struct json_object *row;

    if ((before != NULL) == policy->named)
        return;
    g_autofree char *now = policy->named ? origin_format(&policy->named_by) : NULL;
    row = json_object_new_object();
    json_object_object_add(row, "guest", parts_text(text_of(guest, "name")));
    json_object_object_add(row, "key", parts_text("match"));
    json_object_object_add(row, "from", parts_text(before ? "named" : NULL));
    json_object_object_add(row, "from_origin", parts_text(before));
    json_object_object_add(row, "to", parts_text(now ? "named" : NULL));
    json_object_object_add(row, "to_origin", parts_text(now));
    json_object_object_add(row, "changes", json_object_new_array());
    json_object_array_add(differences, row);
}

struct json_object *report_policy_diff(struct json_object *in_force, const Policy *policy)
{
    struct json_object *differences = json_object_new_array();
    struct json_object *guests = array_of(in_force, "guests");

    compare_keys(differences, NULL, SCOPE_HOST, array_of(in_force, "host"), policy->values);
    for (size_t i = 0; i < length_of(guests); i++) {
        struct json_object *guest = json_object_array_get_idx(guests, i);
        const PolicySubject subject = {
            .name = text_of(guest, "name"),
            .uuid = text_of(guest, "uuid"),
            .title = text_of(guest, "title"),
            .label = text_of(guest, "label"),
            .partition = text_of(guest, "partition"),
            .os = text_of(guest, "os"),
        };
        g_autoptr(GuestPolicy) selected = policy_select(policy, &subject);
        compare_rules(differences, guest, selected);
        compare_keys(differences, subject.name, SCOPE_GUEST, array_of(guest, "keys"),
                     selected->values);
    }

    bool differs = length_of(differences) > 0;
    struct json_object *document = parts_document(differs ? REPORT_MISMATCH : REPORT_OK);
    json_object_object_add(document, "files", file_names(policy));
    json_object_object_add(document, "differences", differences);
    return document;
}

struct json_object *report_policy_proposal(const char *name, const char *uuid, const char *text)
{
    struct json_object *document = parts_document(REPORT_OK);

    json_object_object_add(document, "guest", parts_text(name));
    json_object_object_add(document, "uuid", parts_text(uuid));
    json_object_object_add(document, "text", parts_text(text));
    return document;
}
