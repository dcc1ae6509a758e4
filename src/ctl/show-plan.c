/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The plan document as text: a summary, the guests, the changes with their reasons. */
#include "ctl/show.h"
#include "ctl/table.h"

static unsigned count_result(Doc *document, const char *result)
{
    unsigned count = 0;

    DOC_FOREACH(guest, document, "guests")
    count += g_str_equal(doc_word(guest, "result"), result);
    return count;
}

/* Contested ones are left as they are. */
static unsigned count_changes(Doc *document)
{
    unsigned count = 0;

    DOC_FOREACH(row, document, "settings")
    count += !doc_bool(row, "contested");
    return count;
}

static void print_summary(Doc *document, GString *out)
{
    Doc *host = doc_get(document, "host");
    unsigned n_settings = count_changes(document);

    style_mark_legend(out);
    g_string_append_printf(out, "%u placed, %u refused, %u unmanaged; ",
                           count_result(document, "placed"), count_result(document, "refused"),
                           count_result(document, "unmanaged"));
    if (n_settings == 0)
        g_string_append(out, "nothing to change\n");
    else
        g_string_append_printf(out, "%u setting%s to change\n", n_settings,
                               n_settings == 1 ? "" : "s");
    style_mark_legend(out);
    g_string_append_printf(out, "Host: CPUs %s, nodes %s, housekeeping %s, shared %s\n",
                           doc_word(host, "cpus"), doc_word(host, "nodes"),
                           doc_word(host, "housekeeping"), doc_word(host, "shared"));
}

static void print_guests(Doc *document, GString *out)
{
    g_autoptr(Table) table =
        table_new((const char *const[]){"GUEST", "RESULT", "POLICY", "NODES", "LLCS", "VCPUS",
                                        "EMULATOR", "IOTHREADS", "VHOST", "WHY", NULL});

    DOC_FOREACH(guest, document, "guests")
    {
        g_autofree char *vcpus = show_placement(guest, "vcpus");
        g_autofree char *iothreads = show_placement(guest, "iothreads");
        if (doc_text(guest, "error"))
            continue;
        table_add(table, (const char *const[]){
                             doc_text(guest, "name"), doc_text(guest, "result"),
                             doc_text(guest, "cpu_policy"), doc_text(guest, "nodes"),
                             doc_text(guest, "llcs"), vcpus, doc_text(guest, "emulator"), iothreads,
                             doc_text(guest, "vhost"), doc_text(guest, "reason")});
    }
    table_print_below(table, out);
}

/* The name of the guest a setting is about; its uuid if the document does not have the guest. */
static const char *subject_name(Doc *document, Doc *row)
{
    const char *uuid = doc_word(row, "subject");

    DOC_FOREACH(guest, document, "guests")
    if (g_str_equal(doc_word(guest, "uuid"), uuid))
        return doc_word(guest, "name");
    return uuid;
}

static void print_settings(Doc *document, GString *out)
{
    g_autoptr(Table) table = table_new(
        (const char *const[]){"GUEST", "SETTING", "PLANE", "FROM", "TO", "ORIGIN", "WHY", NULL});

    DOC_FOREACH(row, document, "settings")
    {
        g_autofree char *setting = show_setting_name(row);
        table_add(table, (const char *const[]){
                             subject_name(document, row), setting, doc_text(row, "plane"),
                             doc_text(row, "from"), doc_text(row, "to"), doc_text(row, "origin"),
                             doc_bool(row, "contested") ? "contested: left as it is"
                                                        : doc_text(row, "reason")});
    }
    table_print_below(table, out);
}

static void print_pending(Doc *document, GString *out)
{
    g_autoptr(Table) table = table_new((const char *const[]){"GUEST", "PENDING", "WANTED", "LIVE",
                                                             "NEXT START", "ORIGIN", "WHY", NULL});

    DOC_FOREACH(row, document, "pending")
    {
        g_autofree char *setting = show_setting_name(row);
        table_add(table,
                  (const char *const[]){subject_name(document, row), setting,
                                        doc_bool(row, "policy") ? show_value(row, "wanted") : NULL,
                                        show_value(row, "live"), show_value(row, "next"),
                                        doc_text(row, "origin"), doc_text(row, "reason")});
    }
    table_print_below(table, out);
}

void show_plan(Doc *document, GString *out)
{
    print_summary(document, out);
    print_guests(document, out);
    print_settings(document, out);
    print_pending(document, out);
    if (doc_length(document, "diagnostics") > 0)
        g_string_append_c(out, '\n');
    show_diag_rows(document, out);
}

static void print_memory(Doc *plan, GString *out)
{
    g_autoptr(GString) memory = g_string_new(NULL);

    DOC_FOREACH(entry, plan, "memory")
    g_string_append_printf(memory,
                           "%scell %" G_GINT64_FORMAT ": %" G_GINT64_FORMAT " MiB on node %s",
                           memory->len > 0 ? ", " : "", doc_number(entry, "cell"),
                           doc_number(entry, "mib"), doc_word(entry, "nodes"));
    show_field(out, "Memory", "%s", memory->str);
}

void show_guest_plan(Doc *plan, GString *out)
{
    g_autofree char *vcpus = show_placement(plan, "vcpus");
    g_autofree char *iothreads = show_placement(plan, "iothreads");
    g_autofree char *intruders = doc_join(plan, "intruders");

    show_field(out, "Plan", "%s: %s", doc_word(plan, "result"), doc_word(plan, "reason"));
    show_field(out, "Origin", "%s", doc_word(plan, "origin"));
    show_field(out, "Nodes", "%s", doc_word(plan, "nodes"));
    show_field(out, "LLCs", "%s", doc_word(plan, "llcs"));
    show_field(out, "vCPUs", "%s", vcpus);
    show_field(out, "Emulator", "%s", doc_word(plan, "emulator"));
    show_field(out, "IOThreads", "%s", iothreads);
    show_field(out, "vhost", "%s", doc_word(plan, "vhost"));
    print_memory(plan, out);
    show_field(out, "Exclusive", "%s", doc_word(plan, "exclusive"));
    show_field(out, "Not excl.", "%s", intruders);
}
