/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "guest/knob-xml.h"

#include "base/util.h"
#include "guest/knob-element.h"

#include <errno.h>
#include <libxml/chvalid.h>
#include <string.h>

typedef enum RowKind {
    ROW_ATTRIBUTE, /* an attribute of the element */
    ROW_FIELDS,    /* attributes named as the knob's fields */
    ROW_CHILDREN,  /* child elements named as the knob's fields */
    ROW_WHOLE,     /* the element; set by calls of libvirt and only taken out here */
    ROW_PRESENCE,  /* "on": the element is there */
    ROW_CELLS,
    ROW_PAGES,
    ROW_IOTHREADS,
} RowKind;

typedef struct KnobRow {
    Knob knob;
    const char *path; /* below the device or <domain>; "*": the name of the instance */
    RowKind kind;
    const char *attribute; /* ROW_ATTRIBUTE */
    const char *select;    /* attribute that tells which of several such elements; NULL: one */
} KnobRow;

static const KnobRow rows[] = {
    {KNOB_VCPU_PIN, "cputune/vcpupin", ROW_WHOLE, NULL, "vcpu"},
    {KNOB_EMULATOR_PIN, "cputune/emulatorpin", ROW_WHOLE, NULL, NULL},
    {KNOB_IOTHREAD_PIN, "cputune/iothreadpin", ROW_WHOLE, NULL, "iothread"},
    {KNOB_CPU_WEIGHT, "cputune/shares", ROW_WHOLE, NULL, NULL},
    {KNOB_CPU_QUOTA, "cputune/quota", ROW_WHOLE, NULL, NULL},
    {KNOB_NUMA_NODESET, "numatune/memory", ROW_WHOLE, NULL, NULL},
    {KNOB_NUMA_CELLS, "cpu/numa", ROW_CELLS, NULL, NULL},
    {KNOB_NUMA_MEMNODE, "numatune/memnode", ROW_FIELDS, NULL, "cellid"},
    {KNOB_MEMORY_PAGE_SIZE, "memoryBacking/hugepages", ROW_PAGES, NULL, NULL},
    {KNOB_MEMORY_LOCKED, "memoryBacking/locked", ROW_PRESENCE, NULL, NULL},
    {KNOB_MEMORY_NOSHAREPAGES, "memoryBacking/nosharepages", ROW_PRESENCE, NULL, NULL},
    {KNOB_MEMORY_ALLOCATION_THREADS, "memoryBacking/allocation", ROW_ATTRIBUTE, "threads", NULL},
    {KNOB_CPU_TOPOLOGY, "cpu/topology", ROW_FIELDS, NULL, NULL},
    {KNOB_CPU_CACHE, "cpu/cache", ROW_FIELDS, NULL, NULL},
    {KNOB_CPU_HINT_DEDICATED, "features/kvm/hint-dedicated", ROW_ATTRIBUTE, "state", NULL},
    {KNOB_CPU_POLL_CONTROL, "features/kvm/poll-control", ROW_ATTRIBUTE, "state", NULL},
    {KNOB_CPU_HYPERV, "features/hyperv/*", ROW_FIELDS, NULL, NULL},
    {KNOB_CLOCK_TIMER, "clock/timer", ROW_ATTRIBUTE, "present", "name"},
    {KNOB_CLOCK_TICKPOLICY, "clock/timer", ROW_ATTRIBUTE, "tickpolicy", "name"},
    {KNOB_IOTHREAD_IDS, "iothreads", ROW_IOTHREADS, NULL, NULL},
    {KNOB_NET_DRIVER, "driver", ROW_ATTRIBUTE, "name", NULL},
    {KNOB_NET_QUEUES, "driver", ROW_ATTRIBUTE, "queues", NULL},
    {KNOB_NET_RX_QUEUE_SIZE, "driver", ROW_ATTRIBUTE, "rx_queue_size", NULL},
    {KNOB_NET_TX_QUEUE_SIZE, "driver", ROW_ATTRIBUTE, "tx_queue_size", NULL},
    {KNOB_NET_PACKED, "driver", ROW_ATTRIBUTE, "packed", NULL},
    {KNOB_NET_EVENT_IDX, "driver", ROW_ATTRIBUTE, "event_idx", NULL},
    {KNOB_NET_MTU, "mtu", ROW_ATTRIBUTE, "size", NULL},
    {KNOB_NET_INBOUND, "bandwidth/inbound", ROW_FIELDS, NULL, NULL},
    {KNOB_NET_OUTBOUND, "bandwidth/outbound", ROW_FIELDS, NULL, NULL},
    {KNOB_DISK_CACHE, "driver", ROW_ATTRIBUTE, "cache", NULL},
    {KNOB_DISK_IO, "driver", ROW_ATTRIBUTE, "io", NULL},
    {KNOB_DISK_DISCARD, "driver", ROW_ATTRIBUTE, "discard", NULL},
    {KNOB_DISK_DETECT_ZEROES, "driver", ROW_ATTRIBUTE, "detect_zeroes", NULL},
    {KNOB_DISK_QUEUES, "driver", ROW_ATTRIBUTE, "queues", NULL},
    {KNOB_DISK_QUEUE_SIZE, "driver", ROW_ATTRIBUTE, "queue_size", NULL},
    {KNOB_DISK_IOTHREAD, "driver", ROW_ATTRIBUTE, "iothread", NULL},
    {KNOB_DISK_IOTUNE, "iotune", ROW_CHILDREN, NULL, NULL},
    {KNOB_SCSI_QUEUES, "driver", ROW_ATTRIBUTE, "queues", NULL},
    {KNOB_SCSI_IOTHREAD, "driver", ROW_ATTRIBUTE, "iothread", NULL},
};

/* --- what a knob is set on --- */

static const char *device_element(KnobInstance instance)
{
    switch (instance) {
    case INSTANCE_NIC:
        return "interface";
    case INSTANCE_DISK:
        return "disk";
    case INSTANCE_CONTROLLER:
        return "controller";
    default:
        return NULL;
    }
}

/* Names the device in key. False: it has no name, or is not of the kind. */
static bool device_name(KnobInstance instance, const xmlNode *node, SettingKey *key)
{
    g_autofree char *name = NULL, *model = NULL, *mac = NULL;
    uint64_t index;

    switch (instance) {
    case INSTANCE_NIC:
        if (xml_value_is(node, "type", "hostdev"))
            return false; /* has none of the knobs, but may share the MAC address of one that has */
        mac = xml_value(xml_child(node, "mac"), "address");
        name = mac ? g_ascii_strdown(mac, -1) : NULL;
        return setting_key_set_device(key, name);
    case INSTANCE_DISK:
        name = xml_value(xml_child(node, "target"), "dev");
        return setting_key_set_device(key, name);
    case INSTANCE_CONTROLLER:
        name = xml_value(node, "index");
        model = xml_value(node, "model");
        if (!xml_value_is(node, "type", "scsi") || !model || !g_str_has_prefix(model, "virtio") ||
            !name || parse_u64(name, UINT_MAX, &index) < 0)
            return false;
        key->instance = (unsigned)index;
        return true;
    default:
        return false;
    }
}

static bool same_instance(const SettingKey *a, const SettingKey *b)
{
    return a->instance == b->instance && strcmp(a->device, b->device) == 0;
}

/* The element the row's path starts from: the device, or <domain>. 0, -ENOENT, -ENOTUNIQ. */
static int base_find(xmlNode *domain, const SettingKey *key, xmlNode **ret)
{
    KnobInstance instance = knob_info(key->knob)->instance;
    const char *const *names = knob_instance_names(instance);
    const char *element = device_element(instance);
    xmlNode *found = element ? NULL : domain;

    if (names && !g_strv_contains(names, key->device))
        return -ENOENT;

    for (xmlNode *node = element ? xml_child(xml_child(domain, "devices"), element) : NULL; node;
         node = xml_next(node)) {
        SettingKey other = {.knob = key->knob};
        if (!device_name(instance, node, &other) || !same_instance(&other, key))
            continue;
        if (found)
            return -ENOTUNIQ;
        found = node;
    }
    *ret = found;
    return found ? 0 : -ENOENT;
}

/* --- the element --- */

/* Value of the attribute row->select in the element that key means. */
static char *select_value(const KnobRow *row, const SettingKey *key)
{
    if (!row->select)
        return NULL;
    return knob_instance_is_named(knob_info(key->knob)->instance)
               ? g_strdup(key->device)
               : g_strdup_printf("%u", key->instance);
}

/* make: elements that are not there are added. NULL: not there. Of several the first. */
static xmlNode *element_find(const KnobRow *row, const SettingKey *key, xmlNode *base, bool make)
{
    g_auto(GStrv) parts = g_strsplit(row->path, "/", -1);
    g_autofree char *wanted = select_value(row, key);
    xmlNode *node = base;

    for (char **part = parts; *part && node; part++) {
        const char *name = g_str_equal(*part, "*") ? key->device : *part;
        const char *select = part[1] ? NULL : row->select;
        xmlNode *child = xml_child(node, name);
        while (child && select && !xml_value_is(child, select, wanted))
            child = xml_next(child);
        if (!child && make) {
            child = element_append(node, name);
            if (select)
                element_set(child, select, wanted);
        }
        node = child;
    }
    return node;
}

/* --- reading --- */

static char *fields_read(const KnobRow *row, const xmlNode *node)
{
    const KnobInfo *info = knob_info(row->knob);
    g_autofree const char **ordered = g_new0(const char *, knob_fields_count(info) + 1);
    g_autoptr(GPtrArray) owned = g_ptr_array_new_with_free_func(g_free);

    for (unsigned i = 0; node && info->fields[i].name; i++) {
        const char *name = info->fields[i].name;
        char *value = row->kind == ROW_CHILDREN ? xml_value(xml_child(node, name), NULL)
                                                : xml_value(node, name);
        if (value)
            g_ptr_array_add(owned, value);
        ordered[i] = value;
    }
    return knob_fields_format(info, ordered);
}

static char *value_read(const KnobRow *row, xmlNode *node)
{
    switch (row->kind) {
    case ROW_ATTRIBUTE:
        return xml_value(node, row->attribute);
    case ROW_FIELDS:
    case ROW_CHILDREN:
        return fields_read(row, node);
    case ROW_WHOLE:
        return node ? g_strdup("") : NULL;
    case ROW_PRESENCE:
        return node ? g_strdup("on") : NULL;
    case ROW_PAGES:
        return pages_read(node);
    case ROW_CELLS:
        return cells_read(node);
    case ROW_IOTHREADS:
        return NULL; /* of two elements: iothreads_read() */
    }
    return NULL;
}

static char *knob_read(const KnobRow *row, const SettingKey *key, xmlNode *base)
{
    return row->kind == ROW_IOTHREADS ? iothreads_read(base)
                                      : value_read(row, element_find(row, key, base, false));
}

static void add_one(const KnobRow *row, const SettingKey *key, xmlNode *base, GuestDef *def)
{
    g_autofree char *value = knob_read(row, key, base);

    setting_list_add(def->knobs, key, value, NULL, NULL);
}

static void add_of_domain(const KnobRow *row, xmlNode *domain, GuestDef *def)
{
    KnobInstance instance = knob_info(row->knob)->instance;
    const char *const *names = knob_instance_names(instance);
    SettingKey key = {.knob = row->knob};

    if (instance == INSTANCE_GUEST)
        add_one(row, &key, domain, def);
    for (unsigned i = 0; instance == INSTANCE_CELL && i < def->n_cells; i++) {
        key.instance = def->cells[i].id;
        add_one(row, &key, domain, def);
    }
    for (; names && *names; names++) {
        setting_key_set_device(&key, *names);
        add_one(row, &key, domain, def);
    }
}

static void add_of_devices(const KnobRow *row, const xmlNode *domain, GuestDef *def)
{
    KnobInstance instance = knob_info(row->knob)->instance;
    xmlNode *node = xml_child(xml_child(domain, "devices"), device_element(instance));

    for (; node; node = xml_next(node)) {
        SettingKey key = {.knob = row->knob};
        if (device_name(instance, node, &key))
            add_one(row, &key, node, def);
    }
}

void knob_xml_read(const xmlNode *domain, GuestDef *def)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(rows); i++) {
        if (rows[i].kind == ROW_WHOLE)
            continue;
        if (device_element(knob_info(rows[i].knob)->instance))
            add_of_devices(&rows[i], domain, def);
        else
            add_of_domain(&rows[i], (xmlNode *)domain, def);
    }
    setting_list_sort(def->knobs);
}

/* --- writing --- */

/* What XML can hold and reading gives back the same. */
static bool is_good_text(const char *value)
{
    if (!g_utf8_validate(value, -1, NULL) || *value == '\0' || g_ascii_isspace(*value) ||
        g_ascii_isspace(value[strlen(value) - 1]))
        return false;
    for (const char *p = value; *p; p = g_utf8_next_char(p)) {
        gunichar c = g_utf8_get_char(p);
        if (g_unichar_iscntrl(c) || !xmlIsCharQ(c))
            return false;
    }
    return true;
}

static void fields_set(const KnobRow *row, xmlNode *node, const char *const *values)
{
    const KnobField *fields = knob_info(row->knob)->fields;

    for (unsigned i = 0; fields[i].name; i++) {
        if (row->kind == ROW_CHILDREN)
            element_set_child(node, fields[i].name, values[i]);
        else
            element_set(node, fields[i].name, values[i]);
    }
}

static int fields_write(const KnobRow *row, const SettingKey *key, xmlNode *base, const char *value)
{
    const KnobInfo *info = knob_info(row->knob);
    char **values = NULL;

    int r = value && *value == '\0' ? -EINVAL : knob_fields_parse(info, value, &values);
    if (r < 0)
        return r;
    for (unsigned i = 0; i < knob_fields_count(info); i++)
        if (values[i] && !is_good_text(values[i]))
            r = -EINVAL;
    xmlNode *node = r == 0 ? element_find(row, key, base, value != NULL) : NULL;
    if (node) {
        fields_set(row, node, (const char *const *)values);
        element_drop_empty(node, base, row->select);
    }
    knob_fields_free(info, values);
    return r;
}

static int whole_drop(const KnobRow *row, const SettingKey *key, xmlNode *base, const char *value)
{
    if (value)
        return -EINVAL;
    for (xmlNode *node; (node = element_find(row, key, base, false));) {
        xmlNode *parent = node->parent;
        element_drop(node);
        element_drop_empty(parent, base, NULL);
    }
    return 0;
}

static int presence_write(const KnobRow *row, const SettingKey *key, xmlNode *base,
                          const char *value)
{
    if (!value)
        return whole_drop(row, key, base, NULL);
    if (!g_str_equal(value, "on"))
        return -EINVAL;
    element_find(row, key, base, true);
    return 0;
}

static int value_write(const KnobRow *row, const SettingKey *key, xmlNode *base, const char *value)
{
    xmlNode *node;

    switch (row->kind) {
    case ROW_ATTRIBUTE:
        if (value && !is_good_text(value))
            return -EINVAL;
        node = element_find(row, key, base, value != NULL);
        if (node) {
            element_set(node, row->attribute, value);
            element_drop_empty(node, base, row->select);
        }
        return 0;
    case ROW_FIELDS:
    case ROW_CHILDREN:
        return fields_write(row, key, base, value);
    case ROW_WHOLE:
        return whole_drop(row, key, base, value);
    case ROW_PRESENCE:
        return presence_write(row, key, base, value);
    case ROW_PAGES:
        return pages_write(base, value);
    case ROW_CELLS:
        return cells_write(base, value);
    case ROW_IOTHREADS:
        return iothreads_write(base, value);
    }
    return -EINVAL;
}

/* Two timers of one name: which one counts? */
static bool is_twice(const KnobRow *row, const SettingKey *key, xmlNode *base)
{
    g_autofree char *wanted = select_value(row, key);
    xmlNode *next = wanted ? element_find(row, key, base, false) : NULL;

    while (next && (next = xml_next(next)))
        if (xml_value_is(next, row->select, wanted))
            return true;
    return false;
}

static const KnobRow *row_find(Knob knob)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(rows); i++)
        if (rows[i].knob == knob)
            return &rows[i];
    return NULL;
}

int knob_xml_write(xmlNode *domain, const SettingKey *key, const char *value, bool *ret_changed)
{
    const KnobRow *row = row_find(key->knob);
    xmlNode *base = NULL;

    *ret_changed = false;
    if (!row)
        return -EINVAL;
    int r = base_find(domain, key, &base);
    if (r < 0)
        return r;
    g_autofree char *before = knob_read(row, key, base);
    if (g_strcmp0(before, value) == 0)
        return 0;
    if (row->kind != ROW_WHOLE && is_twice(row, key, base))
        return -ENOTUNIQ;
    r = value_write(row, key, base, value);
    *ret_changed = r == 0;
    return r;
}
