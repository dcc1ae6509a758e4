/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ctl/show.h"
#include "ctl/table.h"
#include "ctl/topology.h"
#include "ctl/verbs.h"

#include "base/util.h"
#include "report/report.h"
#include "topo/topo-load.h"

static char *number_text(Doc *object, const char *key)
{
    return g_strdup_printf("%" G_GINT64_FORMAT, doc_number(object, key));
}

static char *size_text(Doc *object, const char *key, unsigned kib)
{
    int64_t size = doc_number(object, key);

    return size > 0 ? format_size_kib((uint64_t)size * kib) : NULL;
}

static char *pools_text(Doc *node)
{
    GString *text = g_string_new(NULL);

    DOC_FOREACH(pool, node, "page_pools")
    {
        g_autofree char *size = size_text(pool, "size_kib", 1);
        g_string_append_printf(text, "%s%" G_GINT64_FORMAT " of %s", text->len > 0 ? ", " : "",
                               doc_number(pool, "total"), size);
    }
    return g_string_free(text, FALSE);
}

/* In the order of the nodes' rows. */
static char *distances_text(Doc *document, Doc *node)
{
    GString *text = g_string_new(NULL);

    DOC_FOREACH(other, document, "nodes")
    {
        g_autofree char *name = number_text(other, "node");
        g_string_append_printf(text, "%s%" G_GINT64_FORMAT, text->len > 0 ? " " : "",
                               doc_number(doc_get(node, "distances"), name));
    }
    return g_string_free(text, FALSE);
}

static void print_nodes(Doc *document, GString *out)
{
    g_autoptr(Table) table = table_new(
        (const char *const[]){"NODE", "CPUS", "MEMORY", "FREE", "HUGE PAGES", "DISTANCES", NULL});

    DOC_FOREACH(node, document, "nodes")
    {
        g_autofree char *index = number_text(node, "node");
        g_autofree char *memory = size_text(node, "memory_mib", 1024);
        g_autofree char *free_now = size_text(node, "free_mib", 1024);
        g_autofree char *pools = pools_text(node);
        g_autofree char *distances = distances_text(document, node);
        table_add(table, (const char *const[]){index, doc_text(node, "cpus"), memory, free_now,
                                               pools, distances});
    }
    table_print_below(table, out);
}

static char *llc_cores(Doc *document, int64_t llc)
{
    g_autoptr(CpuSet) cores = cpuset_new();

    DOC_FOREACH(core, document, "cores")
    if (doc_number(core, "llc") == llc)
        doc_add_number(core, "core", cores);
    return cpuset_format(cores);
}

static void print_llcs(Doc *document, GString *out)
{
    g_autoptr(Table) table =
        table_new((const char *const[]){"LLC", "CPUS", "CORES", "NODE", "PACKAGE", "SIZE", NULL});

    DOC_FOREACH(llc, document, "llcs")
    {
        g_autofree char *index = number_text(llc, "llc");
        g_autofree char *cores = llc_cores(document, doc_number(llc, "llc"));
        g_autofree char *node = number_text(llc, "node");
        g_autofree char *package = number_text(llc, "package");
        g_autofree char *size = size_text(llc, "size_kib", 1);
        table_add(table,
                  (const char *const[]){index, doc_text(llc, "cpus"), cores, node, package, size});
    }
    table_print_below(table, out);
}

static bool kinds_differ(Doc *document)
{
    Doc *first = doc_at(document, "cores", 0);

    DOC_FOREACH(core, document, "cores")
    if (doc_number(core, "kind") != doc_number(first, "kind"))
        return true;
    return false;
}

static void print_kinds(Doc *document, GString *out)
{
    g_autoptr(CpuSet) kinds = cpuset_new();

    DOC_FOREACH(core, document, "cores")
    doc_add_number(core, "kind", kinds);
    CPUSET_FOREACH(kind, kinds)
    {
        g_autoptr(CpuSet) cpus = cpuset_new();
        DOC_FOREACH(core, document, "cores")
        {
            g_autoptr(CpuSet) own = NULL;
            if (doc_number(core, "kind") == kind && cpuset_parse(doc_word(core, "cpus"), &own) == 0)
                hwloc_bitmap_or(cpus, cpus, own);
        }
        g_autofree char *list = cpuset_format(cpus);
        show_field(out, "Core kind", "%u: CPUs %s", kind, list);
    }
}

static void render(Doc *document, GString *out)
{
    g_string_append_printf(
        out, "%s: packages %" G_GINT64_FORMAT ", nodes %u, LLCs %u, cores %u%s\n",
        doc_word(document, "source"), doc_number(document, "packages"),
        doc_length(document, "nodes"), doc_length(document, "llcs"), doc_length(document, "cores"),
        doc_bool(document, "smt") ? " with SMT" : "");
    show_field(out, "Online", "%s", doc_word(document, "online"));
    show_field(out, "Offline", "%s", doc_word(document, "offline"));
    show_field(out, "Isolated", "%s", doc_word(document, "isolated"));
    show_field(out, "nohz_full", "%s", doc_word(document, "nohz_full"));
    show_field(out, "Guests may", "CPUs %s, nodes %s", doc_word(document, "allowed"),
               doc_word(document, "allowed_mems"));
    if (!doc_bool(document, "vhost_net"))
        show_field(out, "vhost-net", "none: no /dev/vhost-net");
    if (!doc_bool(document, "io_uring"))
        show_field(out, "io_uring", "none, or not for QEMU");
    if (kinds_differ(document))
        print_kinds(document, out);
    print_nodes(document, out);
    print_llcs(document, out);
}

int verb_topology_run(const Options *options)
{
    g_autoptr(DiagList) diags = diag_list_new();
    g_autoptr(Topo) topo = NULL;
    TopoFree *free_now = NULL;

    if (topology_open(options, &topo, diags) < 0)
        return show_bad_input(options, diags);
    if (!options_value(options, OPT_TOPOLOGY))
        topo_free_acquire(topo, &free_now); /* nice to know; a host without NUMA does not say */
    g_autoptr(Doc) document = report_topology(topo, free_now);
    topo_free_free(free_now);
    return show_document(options, document, render);
}
