/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What an object shows is one "a{sv}": compared as a whole, sent by the name. */
#include "daemon/bus.h"
#include "daemon/gate.h"

#include <errno.h>

static int append_value(sd_bus_message *message, GVariant *value);

static int append_children(sd_bus_message *message, GVariant *value, char container,
                           const char *contents)
{
    int r = sd_bus_message_open_container(message, container, contents);

    for (gsize i = 0; r >= 0 && i < g_variant_n_children(value); i++) {
        g_autoptr(GVariant) child = g_variant_get_child_value(value, i);
        r = append_value(message, child);
    }
    return r < 0 ? r : sd_bus_message_close_container(message);
}

/* Of the types that properties have. */
static int append_value(sd_bus_message *message, GVariant *value)
{
    const char *type = g_variant_get_type_string(value);

    switch (type[0]) {
    case 's':
        return sd_bus_message_append(message, "s", g_variant_get_string(value, NULL));
    case 'b':
        return sd_bus_message_append(message, "b", (int)g_variant_get_boolean(value));
    case 'i':
        return sd_bus_message_append(message, "i", g_variant_get_int32(value));
    case 'u':
        return sd_bus_message_append(message, "u", g_variant_get_uint32(value));
    case 't':
        return sd_bus_message_append(message, "t", g_variant_get_uint64(value));
    case 'a':
        return append_children(message, value, 'a', type + 1);
    case '(':
    case '{': {
        g_autofree char *inside = g_strndup(type + 1, strlen(type) - 2);
        return append_children(message, value, type[0] == '(' ? 'r' : 'e', inside);
    }
    default:
        return -EOPNOTSUPP;
    }
}

void bus_property_text(GVariantDict *dict, const char *name, const char *text)
{
    g_autofree char *valid = g_utf8_make_valid(text ? text : "", -1);

    g_variant_dict_insert(dict, name, "s", valid);
}

/* NULL: there is no such object. */
static GVariant *shown_at(const Manager *manager, const char *path)
{
    if (g_str_equal(path, VMTUNED_BUS_PATH))
        return manager->shown;
    const Managed *managed = bus_guest_find(manager, path);
    const Job *job = bus_job_find(manager, path);
    if (managed)
        return managed->shown;
    return job ? job->shown : NULL;
}

int bus_property_get(sd_bus *bus, const char *path, const char *interface, const char *property,
                     sd_bus_message *reply, void *data, sd_bus_error *reterr)
{
    GVariant *shown = shown_at(data, path);
    g_autoptr(GVariant) value = shown ? g_variant_lookup_value(shown, property, NULL) : NULL;

    (void)bus;
    (void)interface;
    (void)reterr;
    return value ? append_value(reply, value) : -ENOENT;
}

static int object_find(sd_bus *bus, const char *path, const char *interface, void *data,
                       void **ret_found, sd_bus_error *reterr)
{
    (void)bus;
    (void)interface;
    (void)reterr;
    *ret_found = data;
    return shown_at(data, path) != NULL;
}

int bus_objects_serve(Manager *manager, const char *path, const char *interface,
                      const sd_bus_vtable *vtable, sd_bus_node_enumerator_t list)
{
    int r = sd_bus_add_fallback_vtable(manager->bus, NULL, path, interface, vtable, object_find,
                                       manager);

    return r < 0 ? r : sd_bus_add_node_enumerator(manager->bus, NULL, path, list, manager);
}

static void emit_changed(Manager *manager, const char *path, const char *interface,
                         GVariant *before, GVariant *now)
{
    g_autoptr(GStrvBuilder) builder = g_strv_builder_new();
    GVariantIter iter;
    const char *name;
    GVariant *value;

    g_variant_iter_init(&iter, now);
    while (g_variant_iter_loop(&iter, "{&sv}", &name, &value)) {
        g_autoptr(GVariant) was = g_variant_lookup_value(before, name, NULL);
        if (!was || !g_variant_equal(was, value))
            g_strv_builder_add(builder, name);
    }
    g_auto(GStrv) names = g_strv_builder_end(builder);
    if (names[0])
        sd_bus_emit_properties_changed_strv(manager->bus, path, interface, names);
}

void bus_object_show(Manager *manager, const char *path, const char *interface, GVariant **shown,
                     GVariant *now)
{
    g_autoptr(GVariant) before = g_steal_pointer(shown);

    *shown = g_variant_ref_sink(now);
    (void)g_variant_get_data(now); /* one piece from now on, not many small ones */
    if (!manager->bus || (before && g_variant_equal(before, now)) || !gate_may_send(manager))
        return;
    if (before)
        emit_changed(manager, path, interface, before, now);
    else
        sd_bus_emit_object_added(manager->bus, path);
}

void bus_object_hide(Manager *manager, const char *path, GVariant **shown)
{
    if (!*shown)
        return;
    if (manager->bus && gate_may_send(manager))
        sd_bus_emit_object_removed(manager->bus, path);
    g_clear_pointer(shown, g_variant_unref);
}
