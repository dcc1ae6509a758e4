/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "guest/knob-element.h"

#include "base/util.h"
#include "guest/domain-parts.h"

#include <errno.h>

/* --- elements --- */

static xmlNode *blank_or_null(xmlNode *node)
{
    return node && node->type == XML_TEXT_NODE && xmlIsBlankNode(node) ? node : NULL;
}

xmlNode *element_append(xmlNode *parent, const char *name)
{
    xmlNode *node = xmlNewDocNode(parent->doc, NULL, (const xmlChar *)name, NULL);
    xmlNode *end = blank_or_null(parent->last), *start = blank_or_null(parent->children);

    if (!node)
        g_abort();
    if (!end || !start || end == start)
        return xmlAddChild(parent, node);
    /* the end's white space leads to the closing tag, the start's to a child */
    xmlNode *indent = xmlNewDocText(parent->doc, start->content);
    xmlAddPrevSibling(end, node);
    xmlAddPrevSibling(node, indent); /* last, since texts side by side become one */
    return node;
}

void element_set(xmlNode *node, const char *attribute, const char *value)
{
    if (value)
        xmlSetProp(node, (const xmlChar *)attribute, (const xmlChar *)value);
    else
        xmlUnsetProp(node, (const xmlChar *)attribute);
}

/* Comments in it stay. */
static void set_text(xmlNode *node, const char *text)
{
    for (xmlNode *child = node->children, *next; child; child = next) {
        next = child->next;
        if (child->type == XML_COMMENT_NODE || child->type == XML_PI_NODE)
            continue;
        xmlUnlinkNode(child);
        xmlFreeNode(child);
    }
    xmlNodeAddContent(node, (const xmlChar *)text);
}

void element_set_child(xmlNode *node, const char *name, const char *value)
{
    xmlNode *child = xml_child(node, name);

    if (!value) {
        if (child)
            element_drop(child);
        return;
    }
    if (!child)
        child = element_append(node, name);
    g_autofree char *now = xml_value(child, NULL);
    if (g_strcmp0(now, value) != 0)
        set_text(child, value);
}

void element_drop(xmlNode *node)
{
    xmlNode *before = blank_or_null(node->prev);

    if (before) {
        xmlUnlinkNode(before);
        xmlFreeNode(before);
    }
    xmlUnlinkNode(node);
    xmlFreeNode(node);
}

/* libvirt writes <hyperv mode='custom'> where enlightenments are listed: without any it says
 * nothing. */
static bool is_added(const xmlNode *node, const xmlAttr *attribute)
{
    return xmlStrEqual(node->name, (const xmlChar *)"hyperv") &&
           xmlStrEqual(attribute->name, (const xmlChar *)"mode") &&
           xml_value_is(node, "mode", "custom");
}

static bool is_empty(const xmlNode *node, const char *select)
{
    for (const xmlAttr *attribute = node->properties; attribute; attribute = attribute->next)
        if (!is_added(node, attribute) &&
            (!select || !xmlStrEqual(attribute->name, (const xmlChar *)select)))
            return false;
    for (xmlNode *child = node->children; child; child = child->next)
        if (!blank_or_null(child))
            return false;
    return true;
}

void element_drop_empty(xmlNode *node, const xmlNode *base, const char *select)
{
    while (node != base && is_empty(node, select)) {
        xmlNode *parent = node->parent;
        element_drop(node);
        node = parent;
        select = NULL;
    }
}

/* --- cells --- */

/* libvirt numbers cells without an id by their place. */
static unsigned cell_id(const xmlNode *cell, unsigned place)
{
    XmlReader reader = {0};
    unsigned id = place;

    xml_read_unsigned(&reader, cell, "id", MAX_VCPUS, &id);
    return id;
}

static xmlNode *cell_find(const xmlNode *numa, unsigned id)
{
    unsigned place = 0;

    for (xmlNode *cell = xml_child(numa, "cell"); cell; cell = xml_next(cell))
        if (cell_id(cell, place++) == id)
            return cell;
    return NULL;
}

char *cells_read(const xmlNode *numa)
{
    g_autoptr(GString) text = g_string_new(NULL);
    g_autofree const xmlNode **cells = g_new0(const xmlNode *, MAX_VCPUS + 1);
    unsigned place = 0;

    for (xmlNode *cell = xml_child(numa, "cell"); cell && place < MAX_VCPUS;
         cell = xml_next(cell)) {
        unsigned id = cell_id(cell, place++);
        if (id < MAX_VCPUS && !cells[id])
            cells[id] = cell;
    }
    for (unsigned id = 0; cells[id]; id++) {
        const xmlNode *cell = cells[id];
        XmlReader reader = {0};
        g_autoptr(CpuSet) vcpus = cpuset_new();
        uint64_t kib = 0;
        xml_read_set(&reader, cell, "cpus", &vcpus);
        xml_read_memory(&reader, cell, "memory", &kib);
        g_autofree char *list = cpuset_format(vcpus);
        g_string_append_printf(text, "%s%s:%" G_GUINT64_FORMAT, id > 0 ? ";" : "", list, kib);
    }
    return text->len > 0 ? g_strdup(text->str) : NULL;
}

/* "0-3:4194304" */
static bool cell_parse(const char *text, char **ret_cpus, uint64_t *ret_kib)
{
    g_autoptr(CpuSet) set = NULL;
    const char *colon = strchr(text, ':');

    if (!colon || parse_u64(colon + 1, UINT64_MAX, ret_kib) < 0)
        return false;
    g_autofree char *list = g_strndup(text, (size_t)(colon - text));
    if (cpuset_parse(list, &set) < 0)
        return false;
    *ret_cpus = cpuset_format(set);
    return true;
}

static void cell_set(xmlNode *numa, unsigned id, const char *cpus, uint64_t kib)
{
    g_autofree char *id_text = g_strdup_printf("%u", id);
    g_autofree char *memory = g_strdup_printf("%" G_GUINT64_FORMAT, kib);
    xmlNode *cell = cell_find(numa, id);

    if (!cell)
        cell = element_append(numa, "cell");
    element_set(cell, "id", id_text);
    element_set(cell, "cpus", *cpus ? cpus : NULL);
    element_set(cell, "memory", memory);
    element_set(cell, "unit", "KiB");
}

/* All cells from the given id on, and what says how far they are from others. */
static void cells_cut(xmlNode *numa, unsigned from)
{
    for (xmlNode *cell = xml_child(numa, "cell"), *next; cell; cell = next) {
        XmlReader reader = {0};
        unsigned id = 0;
        next = xml_next(cell);
        if (xml_read_unsigned(&reader, cell, "id", MAX_VCPUS, &id) && id >= from) {
            element_drop(cell);
            continue;
        }
        xmlNode *distances = xml_child(cell, "distances");
        for (xmlNode *sibling = xml_child(distances, "sibling"), *after; sibling; sibling = after) {
            after = xml_next(sibling);
            if (xml_read_unsigned(&reader, sibling, "id", MAX_VCPUS, &id) && id >= from)
                element_drop(sibling);
        }
        if (distances)
            element_drop_empty(distances, cell, NULL);
    }
}

/* Ids by place become ids by name, so that cells can be told apart while they are changed. */
static void cells_number(const xmlNode *numa)
{
    unsigned place = 0;

    for (xmlNode *cell = xml_child(numa, "cell"); cell; cell = xml_next(cell)) {
        g_autofree char *id = g_strdup_printf("%u", cell_id(cell, place++));
        element_set(cell, "id", id);
    }
}

int cells_write(xmlNode *domain, const char *value)
{
    g_auto(GStrv) parts = g_strsplit(value ? value : "", ";", -1);
    unsigned n = g_strv_length(parts);
    xmlNode *cpu = xml_child(domain, "cpu"), *numa = xml_child(cpu, "numa");

    for (unsigned id = 0; id < n; id++) {
        g_autofree char *cpus = NULL;
        uint64_t kib;
        if (!cell_parse(parts[id], &cpus, &kib))
            return -EINVAL;
    }
    if (!cpu && n > 0)
        cpu = element_append(domain, "cpu");
    if (!numa && n > 0)
        numa = element_append(cpu, "numa");
    if (!numa)
        return 0;
    cells_number(numa);
    cells_cut(numa, n);
    for (unsigned id = 0; id < n; id++) {
        g_autofree char *cpus = NULL;
        uint64_t kib = 0;
        cell_parse(parts[id], &cpus, &kib);
        cell_set(numa, id, cpus, kib);
    }
    element_drop_empty(numa, domain, NULL);
    return 0;
}

/* --- huge pages --- */

static const char pages_default[] = "default";

char *pages_read(const xmlNode *hugepages)
{
    g_autoptr(GString) text = g_string_new(NULL);
    XmlReader reader = {0};

    if (!hugepages)
        return NULL;
    for (xmlNode *page = xml_child(hugepages, "page"); page; page = xml_next(page)) {
        g_autoptr(CpuSet) cells = NULL;
        uint64_t kib = 0;
        xml_read_memory(&reader, page, "size", &kib);
        xml_read_set(&reader, page, "nodeset", &cells);
        g_autofree char *nodeset = cpuset_is_empty(cells) ? NULL : cpuset_format(cells);
        g_string_append_printf(text, "%s%" G_GUINT64_FORMAT "%s%s", text->len > 0 ? ";" : "", kib,
                               nodeset ? ":" : "", nodeset ? nodeset : "");
    }
    return g_strdup(text->len > 0 ? text->str : pages_default);
}

/* "2048:0-1", or without cells. The set is the caller's, NULL: all cells. */
static bool page_parse(const char *text, uint64_t *ret_kib, CpuSet **ret_cells)
{
    g_auto(GStrv) parts = g_strsplit(text, ":", 2);

    if (!parts[0] || parse_u64(parts[0], UINT64_MAX, ret_kib) < 0)
        return false;
    return !parts[1] || cpuset_parse(parts[1], ret_cells) == 0;
}

static void page_set(xmlNode *page, uint64_t kib, const CpuSet *cells)
{
    g_autofree char *size = g_strdup_printf("%" G_GUINT64_FORMAT, kib);
    g_autofree char *nodeset = cells ? cpuset_format(cells) : NULL;

    element_set(page, "size", size);
    element_set(page, "unit", "KiB");
    element_set(page, "nodeset", nodeset);
}

static void pages_drop(xmlNode *hugepages)
{
    xmlNode *backing = hugepages->parent;

    element_drop(hugepages);
    element_drop_empty(backing, backing->parent, NULL);
}

int pages_write(xmlNode *domain, const char *value)
{
    bool by_default = g_strcmp0(value, pages_default) == 0;
    g_auto(GStrv) parts = g_strsplit(value && !by_default ? value : "", ";", -1);
    xmlNode *backing = xml_child(domain, "memoryBacking");
    xmlNode *hugepages = xml_child(backing, "hugepages");
    uint64_t kib;

    if (value && *value == '\0')
        return -EINVAL;
    for (char **part = parts; *part; part++) {
        g_autoptr(CpuSet) cells = NULL;
        if (!page_parse(*part, &kib, &cells))
            return -EINVAL;
    }
    if (!value) {
        if (hugepages)
            pages_drop(hugepages);
        return 0;
    }
    if (!backing)
        backing = element_append(domain, "memoryBacking");
    if (!hugepages)
        hugepages = element_append(backing, "hugepages");
    xmlNode *page = xml_child(hugepages, "page");
    for (char **part = parts; *part; part++) {
        g_autoptr(CpuSet) cells = NULL;
        page_parse(*part, &kib, &cells);
        page_set(page ? page : element_append(hugepages, "page"), kib, cells);
        page = page ? xml_next(page) : NULL;
    }
    for (xmlNode *next; page; page = next) {
        next = xml_next(page);
        element_drop(page);
    }
    return 0;
}

/* --- IOThreads --- */

static bool id_read(const xmlNode *node, unsigned *ret_id)
{
    XmlReader reader = {0};

    return xml_read_unsigned(&reader, node, "id", CPUSET_MAX_INDEX, ret_id);
}

char *iothreads_read(const xmlNode *domain)
{
    XmlReader reader = {0};
    g_autoptr(GuestDef) def = guest_def_new();

    domain_read_iothreads(&reader, domain, def);
    return cpuset_is_empty(def->iothreads) ? NULL : cpuset_format(def->iothreads);
}

static void ids_write(xmlNode *ids, const CpuSet *wanted)
{
    g_autoptr(CpuSet) missing = cpuset_copy(wanted);
    unsigned id;

    for (xmlNode *node = xml_child(ids, "iothread"), *next; node; node = next) {
        next = xml_next(node);
        if (id_read(node, &id) && cpuset_has(missing, id))
            hwloc_bitmap_clr(missing, id);
        else
            element_drop(node);
    }
    CPUSET_FOREACH(new_id, missing)
    {
        g_autofree char *text = g_strdup_printf("%u", new_id);
        element_set(element_append(ids, "iothread"), "id", text);
    }
}

/* libvirt refuses pins of IOThreads that are not there. */
static void cut_pins(xmlNode *domain, const CpuSet *wanted)
{
    xmlNode *cputune = xml_child(domain, "cputune");
    XmlReader reader = {0};
    unsigned id;

    if (!cputune)
        return;
    for (xmlNode *pin = xml_child(cputune, "iothreadpin"), *next; pin; pin = next) {
        next = xml_next(pin);
        if (xml_read_unsigned(&reader, pin, "iothread", CPUSET_MAX_INDEX, &id) &&
            !cpuset_has(wanted, id))
            element_drop(pin);
    }
    element_drop_empty(cputune, domain, NULL);
}

/* libvirt numbers from 1 where there are no ids. */
static bool has_comment(const xmlNode *node)
{
    for (const xmlNode *child = node ? node->children : NULL; child; child = child->next)
        if (child->type == XML_COMMENT_NODE || child->type == XML_PI_NODE)
            return true;
    return false;
}

int iothreads_write(xmlNode *domain, const char *value)
{
    g_autoptr(CpuSet) wanted = NULL;
    xmlNode *ids = xml_child(domain, "iothreadids");

    if (cpuset_parse(value ? value : "", &wanted) < 0 || cpuset_has(wanted, 0) ||
        cpuset_weight(wanted) > MAX_IOTHREADS)
        return -EINVAL;
    unsigned n = cpuset_weight(wanted);
    bool stays = n > 0 || has_comment(xml_child(domain, "iothreads"));
    g_autofree char *count = stays ? g_strdup_printf("%u", n) : NULL;
    element_set_child(domain, "iothreads", count);
    if (!ids && n > 0 && hwloc_bitmap_last(wanted) != (int)n)
        ids = element_append(domain, "iothreadids");
    if (ids) {
        ids_write(ids, wanted);
        element_drop_empty(ids, domain, NULL);
    }
    cut_pins(domain, wanted);
    return 0;
}
