/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/util.h"
#include "ctl/bus-client.h"
#include "ctl/table.h"
#include "ctl/verbs.h"
#include "model/host.h"

static void print_memory(Doc *host, GString *out)
{
    g_autofree char *memory =
        format_size_kib((uint64_t)doc_number(host, "memory_kib") / 1024 * 1024);
    g_autofree char *available =
        format_size_kib((uint64_t)doc_number(host, "available_kib") / 1024 * 1024);

    show_field(out, "State", "%s", doc_word(host, "state"));
    show_field(out, "Memory", "%s, %s available", memory, available);
    if (doc_get(host, "pressure_pct"))
        show_field(out, "Pressure", "%" G_GINT64_FORMAT " %% of the time somebody waits for memory",
                   doc_number(host, "pressure_pct"));
}

static void print_settings(Doc *host, GString *out)
{
    g_autoptr(Table) table = table_new(
        (const char *const[]){"KNOB", "INSTANCE", "NOW", "WANTED", "WHY", "POLICY", NULL});
    g_autoptr(Table) unsupported =
        table_new((const char *const[]){"KNOB", "INSTANCE", "UNSUPPORTED", "WHY", NULL});

    DOC_FOREACH(row, host, "settings")
    table_add(table, (const char *const[]){doc_text(row, "knob"), doc_text(row, "instance"),
                                           doc_text(row, "observed"), doc_text(row, "wanted"),
                                           doc_text(row, "refused") ? doc_text(row, "refused")
                                                                    : doc_text(row, "reason"),
                                           doc_text(row, "origin")});
    DOC_FOREACH(row, host, "unsupported")
    table_add(unsupported, (const char *const[]){doc_text(row, "knob"), doc_text(row, "instance"),
                                                 doc_text(row, "wanted"), doc_text(row, "reason")});
    table_print_below(table, out);
    table_print_below(unsupported, out);
}

static void print_pools(Doc *host, GString *out)
{
    g_autoptr(Table) table =
        table_new((const char *const[]){"NODE", "PAGES OF", "TOTAL", "FREE", "SURPLUS", NULL});

    DOC_FOREACH(row, host, "pools")
    {
        g_autofree char *node = g_strdup_printf("%" G_GINT64_FORMAT, doc_number(row, "node"));
        g_autofree char *size = page_size_format((unsigned)doc_number(row, "size_kib"));
        g_autofree char *total = g_strdup_printf("%" G_GINT64_FORMAT, doc_number(row, "total"));
        g_autofree char *available = g_strdup_printf("%" G_GINT64_FORMAT, doc_number(row, "free"));
        g_autofree char *surplus = g_strdup_printf("%" G_GINT64_FORMAT, doc_number(row, "surplus"));
        table_add(table, (const char *const[]){node, size, total, available, surplus});
    }
    table_print_below(table, out);
}

static void print_shortages(Doc *host, GString *out)
{
    DOC_FOREACH(row, host, "shortages")
    {
        g_autofree char *text = show_shortage(row);
        g_string_append_printf(out, "\n%s\n", text);
    }
}

static void render(Doc *document, GString *out)
{
    Doc *host = doc_get(document, "host");

    if (!host) {
        g_string_append(out, "nothing is known yet\n");
        return;
    }
    print_memory(host, out);
    print_settings(host, out);
    print_pools(host, out);
    print_shortages(host, out);
}

int verb_host_run(const Options *options)
{
    const BusRequest request = {.method = "Host"};

    return bus_request_run(options, &request, render);
}
