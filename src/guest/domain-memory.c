/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "guest/domain-parts.h"

#include "base/util.h"
#include "model/policy.h"

#include <stdlib.h>

/* --- cells --- */

static int compare_cells(const void *a, const void *b)
{
    return CMP(((const GuestCell *)a)->id, ((const GuestCell *)b)->id);
}

static void read_cell_vcpus(XmlReader *reader, const xmlNode *node, unsigned max_vcpus,
                            GuestCell *cell)
{
    g_autoptr(CpuSet) all = cpuset_new_range(0, max_vcpus - 1);

    cell->vcpus = cpuset_new();
    xml_read_set(reader, node, "cpus", &cell->vcpus);
    if (cpuset_is_subset(cell->vcpus, all))
        return;
    xml_warning(reader, node, "cpus", "the guest has %u vCPUs only", max_vcpus);
    hwloc_bitmap_and(cell->vcpus, cell->vcpus, all);
}

static void read_cell(XmlReader *reader, const xmlNode *node, unsigned max_vcpus, GuestCell *cell)
{
    xml_read_unsigned(reader, node, "id", CPUSET_MAX_INDEX, &cell->id);
    if (xml_require(reader, node, "memory", "a memory size") &&
        xml_read_memory(reader, node, "memory", &cell->memory_kib) && cell->memory_kib == 0)
        xml_error(reader, node, "memory", "expected a memory size");
    read_cell_vcpus(reader, node, max_vcpus, cell);
}

/* libvirt's rules: ids from 0 without a gap, no vCPU in two cells. */
static void check_cells(XmlReader *reader, const xmlNode *numa, const GuestDef *def)
{
    g_autoptr(CpuSet) seen = cpuset_new();

    for (unsigned i = 0; i < def->n_cells; i++) {
        const GuestCell *cell = &def->cells[i];
        if (cell->id != i) {
            xml_error(reader, numa, NULL, "cell ids run from 0, each once");
            return;
        }
        if (cpuset_intersects(seen, cell->vcpus))
            xml_error(reader, numa, NULL, "cell %u has a vCPU of a cell before it", cell->id);
        hwloc_bitmap_or(seen, seen, cell->vcpus);
    }
}

static void read_cells(XmlReader *reader, const xmlNode *domain, GuestDef *def)
{
    const xmlNode *numa = xml_child(xml_child(domain, "cpu"), "numa");
    GArray *cells = g_array_new(FALSE, TRUE, sizeof(GuestCell));

    for (xmlNode *node = xml_child(numa, "cell"); node; node = xml_next(node)) {
        GuestCell cell = {.id = cells->len};
        read_cell(reader, node, def->max_vcpus, &cell);
        g_array_append_val(cells, cell);
    }
    def->n_cells = cells->len;
    def->cells = (GuestCell *)(void *)g_array_free(cells, FALSE);
    if (def->n_cells > 0)
        qsort(def->cells, def->n_cells, sizeof(*def->cells), compare_cells);
    check_cells(reader, numa, def);
}

/* --- sizes --- */

/* All that is plugged in: the cells and the memory devices. False if it is past counting. */
static bool sum_memory(XmlReader *reader, const xmlNode *domain, const GuestDef *def,
                       uint64_t *ret_kib)
{
    const xmlNode *devices = xml_child(domain, "devices");
    uint64_t sum = 0;

    for (unsigned i = 0; i < def->n_cells; i++) {
        if (__builtin_add_overflow(sum, def->cells[i].memory_kib, &sum))
            return false;
    }
    for (xmlNode *node = xml_child(devices, "memory"); node; node = xml_next(node)) {
        uint64_t size = 0;
        xml_read_memory(reader, xml_child(xml_child(node, "target"), "size"), NULL, &size);
        if (__builtin_add_overflow(sum, size, &sum))
            return false;
    }
    *ret_kib = sum;
    return true;
}

/* libvirt takes the cells' word over <memory>'s. */
static void read_size(XmlReader *reader, const xmlNode *domain, GuestDef *def)
{
    const xmlNode *memory = xml_child(domain, "memory");
    g_autofree char *text = xml_value(memory, NULL);
    bool read = xml_read_memory(reader, memory, NULL, &def->memory_kib);
    uint64_t sum;

    if (def->n_cells == 0) {
        if (!text || (read && def->memory_kib == 0))
            xml_error(reader, memory ? memory : domain, NULL, "a guest needs a <memory> size");
        return;
    }
    if (!sum_memory(reader, domain, def, &sum)) {
        xml_error(reader, domain, NULL, "cells and memory devices have more than 2^64 KiB");
        return;
    }
    if (read && sum != def->memory_kib)
        xml_warning(reader, memory, NULL,
                    "cells and memory devices have %" G_GUINT64_FORMAT " KiB: used instead", sum);
    def->memory_kib = sum;
}

static void read_hugepages(XmlReader *reader, const xmlNode *domain, GuestDef *def)
{
    const xmlNode *hugepages = xml_child(xml_child(domain, "memoryBacking"), "hugepages");
    GArray *pages = g_array_new(FALSE, TRUE, sizeof(GuestHugePages));

    def->has_hugepages = hugepages != NULL;
    for (xmlNode *node = xml_child(hugepages, "page"); node; node = xml_next(node)) {
        GuestHugePages page = {0};
        uint64_t size_kib = 0;
        if (xml_require(reader, node, "size", "the size of a huge page") &&
            xml_read_memory(reader, node, "size", &size_kib) &&
            (size_kib == 0 || size_kib > UINT_MAX))
            xml_error(reader, node, "size", "expected the size of a huge page");
        page.size_kib = (unsigned)size_kib;
        xml_read_set(reader, node, "nodeset", &page.cells);
        g_array_append_val(pages, page);
    }
    if (hugepages && pages->len == 0)
        g_array_set_size(pages, 1);
    def->n_hugepages = pages->len;
    def->hugepages = (GuestHugePages *)(void *)g_array_free(pages, FALSE);
}

/* libvirt's test before it starts a guest with vhost-user: every cell, or all there is. */
static bool is_shared(const xmlNode *domain)
{
    const xmlNode *access = xml_child(xml_child(domain, "memoryBacking"), "access");
    const xmlNode *cell = xml_child(xml_child(xml_child(domain, "cpu"), "numa"), "cell");
    bool by_default = xml_value_is(access, "mode", "shared");

    if (!cell)
        return by_default;
    for (; cell; cell = xml_next(cell)) {
        g_autofree char *own = xml_value(cell, "memAccess");
        if (own ? !g_str_equal(own, "shared") : !by_default)
            return false;
    }
    return true;
}

void domain_read_memory(XmlReader *reader, const xmlNode *domain, GuestDef *def)
{
    read_cells(reader, domain, def);
    read_size(reader, domain, def);
    def->current_memory_kib = def->memory_kib;
    xml_read_memory(reader, xml_child(domain, "currentMemory"), NULL, &def->current_memory_kib);
    def->current_memory_kib = MIN(def->current_memory_kib, def->memory_kib);
    read_hugepages(reader, domain, def);
    def->shared_memory = is_shared(domain);
}

/* --- numatune --- */

static int read_numa_mode(XmlReader *reader, const xmlNode *memory)
{
    g_autofree char *text = xml_value(memory, "mode");

    if (!text)
        return NUMA_STRICT;
    for (int mode = NUMA_STRICT; mode <= NUMA_RESTRICTIVE; mode++) {
        if (g_str_equal(text, numa_mode_name((NumaMode)mode)))
            return mode;
    }
    xml_error(reader, memory, "mode", "'%s': expected strict, preferred, interleave or restrictive",
              text);
    return -1;
}

static void read_memnode(XmlReader *reader, const xmlNode *memnode, GuestCell *cell)
{
    g_autofree char *mode = xml_value(memnode, "mode");

    xml_read_set(reader, memnode, "nodeset", &cell->nodes);
    cell->strict = !mode || g_str_equal(mode, numa_mode_name(NUMA_STRICT));
}

static void read_memnodes(XmlReader *reader, const xmlNode *numatune, GuestDef *def)
{
    const xmlNode *memnode = xml_child(numatune, "memnode");

    def->has_memnodes = memnode != NULL;
    for (; memnode; memnode = xml_next(memnode)) {
        unsigned cell = UINT_MAX;
        xml_read_unsigned(reader, memnode, "cellid", CPUSET_MAX_INDEX, &cell);
        if (cell < def->n_cells)
            read_memnode(reader, memnode, &def->cells[cell]);
    }
}

void domain_read_numatune(XmlReader *reader, const xmlNode *domain, GuestDef *def)
{
    const xmlNode *numatune = xml_child(domain, "numatune");
    const xmlNode *memory = xml_child(numatune, "memory");

    read_memnodes(reader, numatune, def);
    if (!memory)
        return;
    def->numa_mode = read_numa_mode(reader, memory);
    xml_read_set(reader, memory, "nodeset", &def->numa_nodeset);

    g_autofree char *placement = xml_value(memory, "placement");
    if (placement)
        def->numa_auto = g_str_equal(placement, "auto");
    else
        def->numa_auto = !def->numa_nodeset && def->auto_placement;
}
