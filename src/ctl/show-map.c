/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The map of "status --map": for each core, whose threads may run there. Cores of one node and
 * cache that say the same are one row; a guest that is there with all its threads is only named.
 */
#include "ctl/show.h"
#include "ctl/table.h"

#include "model/cpuset.h"

#include <string.h>

static CpuSet *doc_cpus(Doc *object, const char *key)
{
    CpuSet *cpus = NULL;

    return cpuset_parse(doc_word(object, key), &cpus) == 0 ? cpus : cpuset_new();
}

/* "vCPU 0", "IOThread 1", "emulator", "vhost" */
static char *thread_name(Doc *row)
{
    const char *class = doc_word(row, "class");
    int64_t id = doc_number(row, "id");

    if (g_str_equal(class, "vcpu"))
        return g_strdup_printf("vCPU %" G_GINT64_FORMAT, id);
    if (g_str_equal(class, "iothread"))
        return g_strdup_printf("IOThread %" G_GINT64_FORMAT, id);
    return g_strdup(class);
}

/* Appends "; db1: vCPU 0, vhost", or "; db1" for all of it, or nothing. */
static void append_guest(GString *text, Doc *guest, const CpuSet *core)
{
    g_autoptr(GString) threads = g_string_new(NULL);
    unsigned n = 0;

    DOC_FOREACH(row, guest, "now")
    {
        g_autoptr(CpuSet) cpus = doc_cpus(row, "cpus");
        if (!hwloc_bitmap_intersects(cpus, core))
            continue;
        g_autofree char *name = thread_name(row);
        g_string_append_printf(threads, "%s%s", n++ > 0 ? ", " : "", name);
    }
    if (n == 0)
        return;
    g_string_append_printf(text, "%s%s", text->len > 0 ? "; " : "", doc_word(guest, "name"));
    if (n < doc_length(guest, "now"))
        g_string_append_printf(text, ": %s", threads->str);
}

typedef struct MapRow {
    int64_t node, llc;
    CpuSet *cores, *cpus;
    char *guests;
} MapRow;

static void map_row_free(MapRow *row)
{
    hwloc_bitmap_free(row->cores);
    hwloc_bitmap_free(row->cpus);
    g_free(row->guests);
    g_free(row);
}

static char *guests_on(Doc *document, const CpuSet *core)
{
    GString *text = g_string_new(NULL);

    DOC_FOREACH(guest, document, "guests")
    append_guest(text, guest, core);
    return g_string_free(text, FALSE);
}

static void add_core(GPtrArray *rows, Doc *document, Doc *core)
{
    g_autoptr(CpuSet) cpus = doc_cpus(core, "cpus");
    g_autofree char *guests = guests_on(document, cpus);
    MapRow *row = rows->len > 0 ? g_ptr_array_index(rows, rows->len - 1) : NULL;

    if (!row || row->node != doc_number(core, "node") || row->llc != doc_number(core, "llc") ||
        !g_str_equal(row->guests, guests)) {
        row = g_new0(MapRow, 1);
        row->node = doc_number(core, "node");
        row->llc = doc_number(core, "llc");
        row->cores = cpuset_new();
        row->cpus = cpuset_new();
        row->guests = g_steal_pointer(&guests);
        g_ptr_array_add(rows, row);
    }
    hwloc_bitmap_set(row->cores, (unsigned)doc_number(core, "core"));
    hwloc_bitmap_or(row->cpus, row->cpus, cpus);
}

static void show_cores(Doc *document, GString *out)
{
    g_autoptr(GPtrArray) rows = g_ptr_array_new_with_free_func((GDestroyNotify)map_row_free);
    g_autoptr(Table) table =
        table_new((const char *const[]){"NODE", "LLC", "CORES", "CPUS", "GUESTS", NULL});

    DOC_FOREACH(core, doc_get(document, "host"), "cores")
    add_core(rows, document, core);
    for (guint i = 0; i < rows->len; i++) {
        const MapRow *row = g_ptr_array_index(rows, i);
        g_autofree char *node = g_strdup_printf("%" G_GINT64_FORMAT, row->node);
        g_autofree char *llc = g_strdup_printf("%" G_GINT64_FORMAT, row->llc);
        g_autofree char *cores = cpuset_format(row->cores), *cpus = cpuset_format(row->cpus);
        table_add(table, (const char *const[]){node, llc, cores, cpus, row->guests});
    }
    table_print(table, out);
}

/* Which guests have their memory there: the nodes that hold a tenth of it or more. */
static char *memory_on(Doc *document, unsigned node)
{
    GString *text = g_string_new(NULL);

    DOC_FOREACH(guest, document, "guests")
    {
        g_autoptr(CpuSet) nodes = doc_cpus(guest, "memory_nodes");
        if (hwloc_bitmap_isset(nodes, node))
            g_string_append_printf(text, "%s%s", text->len > 0 ? ", " : "",
                                   doc_word(guest, "name"));
    }
    return g_string_free(text, FALSE);
}

static void show_memory(Doc *document, GString *out)
{
    g_autoptr(Table) table =
        table_new((const char *const[]){"NODE", "MEMORY", "HOLDS MEMORY OF", NULL});

    DOC_FOREACH(node, doc_get(document, "host"), "nodes")
    {
        g_autofree char *name = g_strdup_printf("%" G_GINT64_FORMAT, doc_number(node, "node"));
        g_autofree char *size =
            g_strdup_printf("%" G_GINT64_FORMAT " MiB", doc_number(node, "memory_mib"));
        g_autofree char *guests = memory_on(document, (unsigned)doc_number(node, "node"));
        table_add(table, (const char *const[]){name, size, guests});
    }
    table_print(table, out);
}

void show_map(Doc *document, GString *out)
{
    g_string_append_c(out, '\n');
    show_cores(document, out);
    g_string_append_c(out, '\n');
    show_memory(document, out);
}
