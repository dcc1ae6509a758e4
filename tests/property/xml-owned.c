/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "property/xml-owned.h"

#include <stdlib.h>
#include <string.h>

#define MAX_CELLS 4096

typedef struct Owned {
    Knob knob;
    const char *path;         /* from the device or <domain>; "*": the name of the instance */
    const char *select;       /* attribute that has the name or number of the instance */
    const char *attributes;   /* separated by spaces; NULL: the element as a whole */
    const char *own_children; /* names of children that belong to it begin with one of these */
} Owned;

#define RATES "average peak burst"
static const Owned owned[] = {
    {KNOB_VCPU_PIN, "cputune/vcpupin", "vcpu", NULL, NULL},
    {KNOB_EMULATOR_PIN, "cputune/emulatorpin", NULL, NULL, NULL},
    {KNOB_IOTHREAD_PIN, "cputune/iothreadpin", "iothread", NULL, NULL},
    {KNOB_CPU_WEIGHT, "cputune/shares", NULL, NULL, NULL},
    {KNOB_CPU_QUOTA, "cputune/quota", NULL, NULL, NULL},
    {KNOB_NUMA_NODESET, "numatune/memory", NULL, NULL, NULL},
    {KNOB_NUMA_MEMNODE, "numatune/memnode", "cellid", "mode nodeset", NULL},
    {KNOB_MEMORY_PAGE_SIZE, "memoryBacking/hugepages", NULL, NULL, NULL},
    {KNOB_MEMORY_LOCKED, "memoryBacking/locked", NULL, NULL, NULL},
    {KNOB_MEMORY_NOSHAREPAGES, "memoryBacking/nosharepages", NULL, NULL, NULL},
    {KNOB_MEMORY_ALLOCATION_THREADS, "memoryBacking/allocation", NULL, "threads", NULL},
    {KNOB_CPU_TOPOLOGY, "cpu/topology", NULL, "sockets dies clusters cores threads", NULL},
    {KNOB_CPU_CACHE, "cpu/cache", NULL, "mode level", NULL},
    {KNOB_CPU_HINT_DEDICATED, "features/kvm/hint-dedicated", NULL, "state", NULL},
    {KNOB_CPU_POLL_CONTROL, "features/kvm/poll-control", NULL, "state", NULL},
    {KNOB_CPU_HYPERV, "features/hyperv/*", NULL, "state retries", NULL},
    {KNOB_CLOCK_TIMER, "clock/timer", "name", "present", NULL},
    {KNOB_CLOCK_TICKPOLICY, "clock/timer", "name", "tickpolicy", NULL},
    {KNOB_NET_DRIVER, "driver", NULL, "name", NULL},
    {KNOB_NET_QUEUES, "driver", NULL, "queues", NULL},
    {KNOB_NET_RX_QUEUE_SIZE, "driver", NULL, "rx_queue_size", NULL},
    {KNOB_NET_TX_QUEUE_SIZE, "driver", NULL, "tx_queue_size", NULL},
    {KNOB_NET_PACKED, "driver", NULL, "packed", NULL},
    {KNOB_NET_EVENT_IDX, "driver", NULL, "event_idx", NULL},
    {KNOB_NET_MTU, "mtu", NULL, "size", NULL},
    {KNOB_NET_INBOUND, "bandwidth/inbound", NULL, RATES, NULL},
    {KNOB_NET_OUTBOUND, "bandwidth/outbound", NULL, RATES, NULL},
    {KNOB_DISK_CACHE, "driver", NULL, "cache", NULL},
    {KNOB_DISK_IO, "driver", NULL, "io", NULL},
    {KNOB_DISK_DISCARD, "driver", NULL, "discard", NULL},
    {KNOB_DISK_DETECT_ZEROES, "driver", NULL, "detect_zeroes", NULL},
    {KNOB_DISK_QUEUES, "driver", NULL, "queues", NULL},
    {KNOB_DISK_QUEUE_SIZE, "driver", NULL, "queue_size", NULL},
    {KNOB_DISK_IOTHREAD, "driver", NULL, "iothread", NULL},
    {KNOB_DISK_IOTUNE, "iotune", NULL, "", "total_ read_ write_ size_ group_"},
    {KNOB_SCSI_QUEUES, "driver", NULL, "queues", NULL},
    {KNOB_SCSI_IOTHREAD, "driver", NULL, "iothread", NULL},
};

static const Owned *owned_find(Knob knob)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(owned); i++)
        if (owned[i].knob == knob)
            return &owned[i];
    return NULL;
}

/* --- cutting --- */

static void mark(xmlNode *node)
{
    node->_private = node;
}

static void drop(xmlNode *node)
{
    xmlUnlinkNode(node);
    xmlFreeNode(node);
}

static bool is_space(const xmlNode *node)
{
    return node->type == XML_TEXT_NODE && xmlIsBlankNode((xmlNode *)node);
}

static bool is_empty(const xmlNode *node, const char *select)
{
    for (const xmlAttr *attribute = node->properties; attribute; attribute = attribute->next)
        if (!select || attribute->ns || !xmlStrEqual(attribute->name, (const xmlChar *)select))
            return false;
    for (const xmlNode *child = node->children; child; child = child->next)
        if (!is_space(child))
            return false;
    return true;
}

/* Up to, and without, base. */
static void drop_empty(xmlNode *node, const xmlNode *base, const char *select)
{
    while (node != base && is_empty(node, select)) {
        xmlNode *parent = node->parent;
        drop(node);
        node = parent;
        select = NULL;
    }
}

static bool begins_with(const xmlNode *node, const char *beginnings)
{
    g_auto(GStrv) words = g_strsplit(beginnings, " ", -1);

    for (char **word = words; *word; word++)
        if (node->type == XML_ELEMENT_NODE && !node->ns &&
            g_str_has_prefix((const char *)node->name, *word))
            return true;
    return false;
}

static void cut_parts(xmlNode *node, const Owned *what)
{
    g_auto(GStrv) attributes = g_strsplit(what->attributes, " ", -1);

    for (char **attribute = attributes; *attribute; attribute++)
        xmlUnsetProp(node, (const xmlChar *)*attribute);
    for (xmlNode *child = what->own_children ? node->children : NULL, *next; child; child = next) {
        next = child->next;
        if (begins_with(child, what->own_children))
            drop(child);
    }
}

static bool is_selected(const xmlNode *node, const SettingKey *key, const char *select)
{
    g_autofree char *number = g_strdup_printf("%u", key->instance);

    return !select || xml_value_is(node, select, *key->device ? key->device : number);
}

/* Of several such elements the first, or, of what goes as a whole, all. */
static void cut_below(xmlNode *base, const SettingKey *key, const Owned *what)
{
    g_auto(GStrv) parts = g_strsplit(what->path, "/", -1);
    xmlNode *node = base;

    for (char **part = parts; *part; part++) {
        const char *name = g_str_equal(*part, "*") ? key->device : *part;
        xmlNode *child = xml_child(node, name);
        while (child && !part[1] && !is_selected(child, key, what->select))
            child = xml_next(child);
        mark(node);
        if (!child) {
            drop_empty(node, base, NULL);
            return;
        }
        node = child;
    }
    mark(node);
    if (what->attributes) {
        cut_parts(node, what);
        drop_empty(node, base, what->select);
        return;
    }
    xmlNode *parent = node->parent;
    drop(node);
    drop_empty(parent, base, NULL);
    cut_below(base, key, what);
}

/* --- devices --- */

static bool is_device(const xmlNode *node, const SettingKey *key)
{
    g_autofree char *name = NULL;

    switch (knob_info(key->knob)->instance) {
    case INSTANCE_NIC:
        name = xml_value(xml_child(node, "mac"), "address");
        return xmlStrEqual(node->name, (const xmlChar *)"interface") && name &&
               !xml_value_is(node, "type", "hostdev") && g_ascii_strcasecmp(name, key->device) == 0;
    case INSTANCE_DISK:
        return xmlStrEqual(node->name, (const xmlChar *)"disk") &&
               xml_value_is(xml_child(node, "target"), "dev", key->device);
    case INSTANCE_CONTROLLER:
        name = xml_value(node, "index");
        return xmlStrEqual(node->name, (const xmlChar *)"controller") &&
               xml_value_is(node, "type", "scsi") && name &&
               strtoul(name, NULL, 10) == key->instance;
    default:
        return false;
    }
}

static void cut_of_device(xmlNode *domain, const SettingKey *key, const Owned *what)
{
    xmlNode *devices = xml_child(domain, "devices");

    for (xmlNode *node = devices ? devices->children : NULL; node; node = node->next)
        if (node->type == XML_ELEMENT_NODE && !node->ns && is_device(node, key))
            cut_below(node, key, what);
}

/* --- cells and IOThreads --- */

static unsigned number_of(const xmlNode *node, const char *attribute, unsigned otherwise)
{
    g_autofree char *text = xml_value(node, attribute);
    char *end = NULL;
    unsigned long number = text && g_ascii_isdigit(*text) ? strtoul(text, &end, 10) : 0;

    return end && *end == '\0' && number <= MAX_CELLS ? (unsigned)number : otherwise;
}

static void cut_cells(xmlNode *domain, unsigned n_cells)
{
    static const Owned what = {.attributes = "id cpus memory unit"};
    xmlNode *cpu = xml_child(domain, "cpu"), *numa = xml_child(cpu, "numa");
    unsigned place = 0;

    mark(domain);
    if (cpu)
        mark(cpu);
    for (xmlNode *cell = xml_child(numa, "cell"), *next; cell; cell = next) {
        xmlNode *distances = xml_child(cell, "distances");
        next = xml_next(cell);
        for (xmlNode *sibling = xml_child(distances, "sibling"), *after; sibling; sibling = after) {
            after = xml_next(sibling);
            if (number_of(sibling, "id", 0) >= n_cells)
                drop(sibling);
        }
        mark(cell);
        if (distances) {
            mark(distances);
            drop_empty(distances, cell, NULL);
        }
        if (number_of(cell, "id", place++) >= n_cells)
            drop(cell);
        else
            cut_parts(cell, &what);
    }
    if (numa)
        mark(numa);
    if (numa || cpu)
        drop_empty(numa ? numa : cpu, domain, NULL);
}

static void cut_those_but(xmlNode *parent, const char *name, const char *attribute,
                          const CpuSet *kept)
{
    g_autoptr(CpuSet) left = cpuset_copy(kept); /* of two with the same id only one can stay */

    for (xmlNode *node = xml_child(parent, name), *next; node; node = next) {
        unsigned id = number_of(node, attribute, MAX_CELLS + 1);
        next = xml_next(node);
        bool stays = cpuset_has(left, id);
        hwloc_bitmap_clr(left, id);
        if (!stays || is_empty(node, attribute))
            drop(node);
    }
    if (parent) {
        mark(parent);
        drop_empty(parent, parent->parent, NULL);
    }
}

static void cut_iothreads(xmlNode *domain, const CpuSet *kept)
{
    xmlNode *count = xml_child(domain, "iothreads");

    mark(domain);
    cut_those_but(xml_child(domain, "iothreadids"), "iothread", "id", kept);
    cut_those_but(xml_child(domain, "cputune"), "iothreadpin", "iothread", kept);
    for (xmlNode *child = count ? count->children : NULL, *next; child; child = next) {
        next = child->next;
        if (child->type == XML_TEXT_NODE || child->type == XML_CDATA_SECTION_NODE)
            drop(child);
    }
    if (count)
        drop_empty(count, domain, NULL);
}

void owned_cut(xmlNode *domain, const SettingKey *key, unsigned n_cells, const CpuSet *kept)
{
    const Owned *what = owned_find(key->knob);

    if (key->knob == KNOB_NUMA_CELLS)
        cut_cells(domain, n_cells);
    else if (key->knob == KNOB_IOTHREAD_IDS)
        cut_iothreads(domain, kept);
    else if (knob_info(key->knob)->instance == INSTANCE_NIC ||
             knob_info(key->knob)->instance == INSTANCE_DISK ||
             knob_info(key->knob)->instance == INSTANCE_CONTROLLER)
        cut_of_device(domain, key, what);
    else
        cut_below(domain, key, what);
}

/* --- the document as text --- */

static int compare_texts(gconstpointer a, gconstpointer b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void append_attributes(GString *text, const xmlNode *node)
{
    g_autoptr(GPtrArray) all = g_ptr_array_new_with_free_func(g_free);

    for (const xmlNs *ns = node->nsDef; ns; ns = ns->next)
        g_ptr_array_add(all, g_strdup_printf(" xmlns:%s={%s}", (const char *)ns->prefix,
                                             (const char *)ns->href));
    for (xmlAttr *attribute = node->properties; attribute; attribute = attribute->next) {
        xmlChar *value = xmlNodeGetContent((xmlNode *)attribute);
        g_ptr_array_add(all, g_strdup_printf(" %s:%s={%s}",
                                             attribute->ns ? (const char *)attribute->ns->href : "",
                                             (const char *)attribute->name, (const char *)value));
        xmlFree(value);
    }
    g_ptr_array_sort(all, compare_texts);
    for (guint i = 0; i < all->len; i++)
        g_string_append(text, g_ptr_array_index(all, i));
}

static void append_node(GString *text, const xmlNode *node);

static void append_element(GString *text, const xmlNode *node)
{
    g_string_append_printf(text, "<%s:%s", node->ns ? (const char *)node->ns->href : "",
                           (const char *)node->name);
    append_attributes(text, node);
    g_string_append_c(text, '>');
    for (const xmlNode *child = node->children; child; child = child->next)
        append_node(text, child);
    g_string_append(text, "</>");
}

static void append_text(GString *text, const xmlNode *node)
{
    for (const char *p = (const char *)node->content; p && *p; p++)
        if (!node->parent->_private || !g_ascii_isspace(*p))
            g_string_append_c(text, *p);
}

static void append_node(GString *text, const xmlNode *node)
{
    switch (node->type) {
    case XML_ELEMENT_NODE:
        append_element(text, node);
        break;
    case XML_TEXT_NODE:
        append_text(text, node);
        break;
    default:
        g_string_append_printf(text, "<!%d %s %s>", (int)node->type,
                               node->name ? (const char *)node->name : "",
                               node->content ? (const char *)node->content : "");
        break;
    }
}

char *document_text(xmlDoc *doc)
{
    GString *text = g_string_new(NULL);

    for (const xmlNode *node = doc->children; node; node = node->next)
        append_node(text, node);
    return g_string_free(text, FALSE);
}
