/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The map of "status --map": for each core, whose threads may run there. Cores of one node and
 * cache that say the same are one row; a guest that is there with all its threads is only named.
 */
#include "ctl/show.h"
#include "ctl/table.h"

#include "base/util.h"
#include "model/cpuset.h"

static CpuSet *doc_cpus(Doc *object, const char *key)
{
    CpuSet *cpus = NULL;

    return cpuset_parse(doc_word(object, key), &cpus) == 0 ? cpus : cpuset_new();
}

/* As the map calls the classes, in its order; plural NULL: the threads of it have no number. */
static const struct {
    const char *class, *one, *plural;
} classes[] = {
    {"vcpu", "vCPU", "vCPUs"},
    {"emulator", "emulator", NULL},
    {"iothread", "IOThread", "IOThreads"},
    {"vhost", "vhost", NULL},
};

/* Appends ", vCPUs 0-1", or nothing. How many rows of that class there are on the core. */
static unsigned append_class(GString *text, Doc *guest, unsigned class, const CpuSet *core)
{
    g_autoptr(CpuSet) ids = cpuset_new();

    DOC_FOREACH(row, guest, "now")
    {
        g_autoptr(CpuSet) cpus = doc_cpus(row, "cpus");
        if (g_str_equal(doc_word(row, "class"), classes[class].class) &&
            hwloc_bitmap_intersects(cpus, core))
            doc_add_number(row, "id", ids);
    }
    unsigned n = cpuset_weight(ids);
    if (n == 0)
        return 0;
    g_autofree char *list = cpuset_format(ids);
    g_string_append_printf(text, "%s%s", text->len > 0 ? ", " : "",
                           n > 1 && classes[class].plural ? classes[class].plural
                                                          : classes[class].one);
    if (classes[class].plural)
        g_string_append_printf(text, " %s", list);
    return n;
}

/* Appends "; db1: vCPU 0, vhost", or "; db1" for all of it, or nothing. */
static void append_guest(GString *text, Doc *guest, const CpuSet *core)
{
    g_autoptr(GString) threads = g_string_new(NULL);
    unsigned n = 0;

    for (unsigned class = 0; class < G_N_ELEMENTS(classes); class ++)
        n += append_class(threads, guest, class, core);
    if (n == 0)
        return;
    g_string_append_printf(text, "%s%s", text->len > 0 ? "; " : "", doc_word(guest, "name"));
    if (n < doc_length(guest, "now"))
        g_string_append_printf(text, ": %s", threads->str);
}

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

static char *guests_on(Doc *document, const CpuSet *core)
{
    GString *text = g_string_new(NULL);

    DOC_FOREACH(guest, document, "guests")
    append_guest(text, guest, core);
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

static void add_core(GPtrArray *rows, Doc *document, Doc *core)
{
    g_autoptr(CpuSet) cpus = doc_cpus(core, "cpus");
    g_autofree char *guests = guests_on(document, cpus);
    MapRow *row = rows->len > 0 ? g_ptr_array_index(rows, rows->len - 1) : NULL;

    if (!row || row->node != doc_number(core, "node") || row->llc != doc_number(core, "llc") ||
        g_strcmp0(row->guests, guests) != 0) {
        row = add_row(rows, doc_number(core, "node"), doc_number(core, "llc"));
        row->guests = g_steal_pointer(&guests);
    }
    doc_add_number(core, "core", row->cores);
    hwloc_bitmap_or(row->cpus, row->cpus, cpus);
}

static void add_node(GPtrArray *rows, Doc *document, int64_t node)
{
    guint before = rows->len;

    DOC_FOREACH(core, doc_get(document, "host"), "cores")
    if (doc_number(core, "node") == node)
        add_core(rows, document, core);
    if (rows->len == before)
        add_row(rows, node, 0);
}

static void show_cores(Doc *document, GString *out)
{
    g_autoptr(GPtrArray) rows = g_ptr_array_new_with_free_func((GDestroyNotify)map_row_free);
    g_autoptr(Table) table =
        table_new((const char *const[]){"NODE", "LLC", "CORES", "CPUS", "GUESTS", NULL});

    DOC_FOREACH(node, doc_get(document, "host"), "nodes")
    add_node(rows, document, doc_number(node, "node"));
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
        g_autofree char *size = format_size_kib((uint64_t)doc_number(node, "memory_mib") * 1024);
        g_autofree char *guests = memory_on(document, (unsigned)doc_number(node, "node"));
        table_add(table, (const char *const[]){name, size, guests});
    }
    table_print(table, out);
}

void show_map(Doc *document, GString *out)
{
    if (!doc_get(document, "host")) /* before the first cycle */
        return;
    g_string_append_c(out, '\n');
    show_cores(document, out);
    g_string_append_c(out, '\n');
    show_memory(document, out);
}
