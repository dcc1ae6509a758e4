/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The map as rows: whose threads may run on each core, and which node holds whose memory. Cores of
 * one node and cache that say the same are one row; a guest that is there with all its threads is
 * only named.
 */
#include "ctl/map.h"
#include "ctl/show.h"
#include "ctl/table.h"

typedef struct MapRow {
    int64_t node, llc;
    CpuSet *cores, *cpus; /* empty: a node of memory alone */
    char *guests;
} MapRow;

static void map_row_free(MapRow *row)
{
    hwloc_bitmap_free(row->cores);
    hwloc_bitmap_free(row->cpus);
    g_free(row->guests);
    g_free(row);
}

static char *guests_on(const Map *map, const CpuSet *core)
{
    GString *text = g_string_new(NULL);
    const MapGuest *guest;

    for (unsigned i = 0; (guest = map_guest(map, i)); i++) {
        g_autofree char *words = map_guest_on(guest, core);
        if (words)
            g_string_append_printf(text, "%s%s", text->len > 0 ? "; " : "", words);
    }
    return g_string_free(text, FALSE);
}

static MapRow *add_row(GPtrArray *rows, int64_t node, int64_t llc)
{
    MapRow *row = g_new0(MapRow, 1);

    row->node = node;
    row->llc = llc;
    row->cores = cpuset_new();
    row->cpus = cpuset_new();
    g_ptr_array_add(rows, row);
    return row;
}

static void add_core(GPtrArray *rows, const Map *map, Doc *core)
{
    g_autoptr(CpuSet) cpus = doc_cpus(core, "cpus");
    g_autofree char *guests = guests_on(map, cpus);
    MapRow *row = rows->len > 0 ? g_ptr_array_index(rows, rows->len - 1) : NULL;

    if (!row || row->node != doc_number(core, "node") || row->llc != doc_number(core, "llc") ||
        g_strcmp0(row->guests, guests) != 0) {
        row = add_row(rows, doc_number(core, "node"), doc_number(core, "llc"));
        row->guests = g_steal_pointer(&guests);
    }
    doc_add_number(core, "core", row->cores);
    hwloc_bitmap_or(row->cpus, row->cpus, cpus);
}

static void add_node(GPtrArray *rows, const Map *map, int64_t node)
{
    guint before = rows->len;

    DOC_FOREACH(core, map->document, "cores")
    if (doc_number(core, "node") == node)
        add_core(rows, map, core);
    if (rows->len == before)
        add_row(rows, node, 0);
}

static void show_cores(const Map *map, GString *out)
{
    g_autoptr(GPtrArray) rows = g_ptr_array_new_with_free_func((GDestroyNotify)map_row_free);
    g_autoptr(Table) table =
        table_new((const char *const[]){"NODE", "LLC", "CORES", "CPUS", "GUESTS", NULL});

    DOC_FOREACH(node, map->document, "nodes")
    add_node(rows, map, doc_number(node, "node"));
    for (guint i = 0; i < rows->len; i++) {
        const MapRow *row = g_ptr_array_index(rows, i);
        g_autofree char *node = g_strdup_printf("%" G_GINT64_FORMAT, row->node);
        g_autofree char *llc = g_strdup_printf("%" G_GINT64_FORMAT, row->llc);
        g_autofree char *cores = cpuset_format(row->cores), *cpus = cpuset_format(row->cpus);
        table_add(table,
                  (const char *const[]){node, cores[0] ? llc : NULL, cores, cpus, row->guests});
    }
    table_print(table, out);
}

static char *memory_on(const Map *map, unsigned node)
{
    GString *text = g_string_new(NULL);
    g_autoptr(GPtrArray) guests = map_memory_guests(map, node);

    for (guint i = 0; i < guests->len; i++) {
        const MapGuest *guest = g_ptr_array_index(guests, i);
        g_autofree char *size = map_size(map_memory_mib(guest, node));
        g_string_append_printf(text, "%s%s %s", i > 0 ? ", " : "", doc_word(guest->doc, "name"),
                               size);
    }
    return g_string_free(text, FALSE);
}

static void show_memory(const Map *map, GString *out)
{
    g_autoptr(Table) table =
        table_new((const char *const[]){"NODE", "MEMORY", "FREE", "HOLDS MEMORY OF", NULL});

    DOC_FOREACH(node, map->document, "nodes")
    {
        g_autofree char *name = g_strdup_printf("%" G_GINT64_FORMAT, doc_number(node, "node"));
        g_autofree char *size = map_size((uint64_t)MAX(doc_number(node, "memory_mib"), 0));
        g_autofree char *free_now = map_size((uint64_t)MAX(doc_number(node, "free_mib"), 0));
        g_autofree char *guests = memory_on(map, (unsigned)doc_number(node, "node"));
        table_add(table, (const char *const[]){
                             name, size, doc_get(node, "free_mib") ? free_now : NULL, guests});
    }
    table_print(table, out);
}

void show_map_rows(Doc *document, GString *out)
{
    g_autoptr(Map) map = map_new(document);

    show_cores(map, out);
    g_string_append_c(out, '\n');
    show_memory(map, out);
    show_diag_rows(document, out);
}
