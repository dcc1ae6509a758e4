/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What verify found, and what apply and restore left, as text. */
#include "ctl/show.h"
#include "ctl/table.h"

#include "report/report.h"

static const char *result_word(Doc *row)
{
    if (!doc_get(row, "in_force"))
        return "not seen";
    if (doc_bool(row, "contested"))
        return "contested";
    return doc_bool(row, "in_force") ? "ok" : "differs";
}

static char *note_text(Doc *guest)
{
    g_autofree char *intruders = doc_join(guest, "intruders");

    if (doc_text(guest, "text"))
        return g_strdup(doc_text(guest, "text"));
    return intruders[0] ? g_strdup_printf("on its CPUs: %s", intruders) : NULL;
}

static void print_guests(Doc *document, GString *out)
{
    g_autoptr(Table) table =
        table_new((const char *const[]){"GUEST", "STATE", "DIFFERS", "NOTE", NULL});

    DOC_FOREACH(guest, document, "guests")
    {
        g_autofree char *left = g_strdup_printf("%" G_GINT64_FORMAT, doc_number(guest, "left"));
        g_autofree char *note = note_text(guest);
        if (doc_text(guest, "error"))
            continue;
        table_add(table, (const char *const[]){doc_text(guest, "name"), doc_text(guest, "state"),
                                               left, note});
    }
    table_print(table, out);
}

static void add_rows(Table *table, Doc *guest)
{
    DOC_FOREACH(row, guest, "settings")
    {
        g_autofree char *setting = show_setting_name(row);
        table_add(table, (const char *const[]){doc_text(guest, "name"), setting,
                                               doc_text(row, "plane"), doc_text(row, "wanted"),
                                               doc_text(row, "observed"), result_word(row)});
    }
}

/* Of a host that is as it should be nothing is said. */
static void print_host(Doc *host, GString *out)
{
    static const char *const well[] = {"untouched", "as-planned", NULL};
    const char *state = doc_text(host, "state");

    if (state && !g_strv_contains(well, state))
        g_string_append_printf(out, "\nhost: %s (vmtuned-ctl host)\n", state);
}

void show_verify(Doc *document, GString *out)
{
    Doc *daemon = doc_get(document, "daemon");
    unsigned n_well = 0, n_guests = 0;
    g_autoptr(Table) table = table_new(
        (const char *const[]){"GUEST", "SETTING", "PLANE", "WANTED", "OBSERVED", "RESULT", NULL});

    DOC_FOREACH(guest, document, "guests")
    {
        n_guests++;
        n_well += !doc_text(guest, "error") && doc_number(guest, "exit") == REPORT_OK;
        add_rows(table, guest);
    }
    table_print(table, out);
    if (table_rows(table) > 0)
        g_string_append_c(out, '\n');
    print_guests(document, out);
    style_mark_legend(out);
    if (n_guests > 0) {
        g_string_append_c(out, '\n');
        style_mark_legend(out);
    }
    g_string_append_printf(out, "%u of %u guests well\n", n_well, n_guests);
    print_host(doc_get(document, "host_settings"), out);
    if (daemon && !doc_bool(daemon, "connected"))
        g_string_append(out, "libvirt is away\n");
    if (doc_bool(daemon, "policy_rejected"))
        g_string_append(out, "the newest policy has errors; the one before is in force\n");
    if (doc_text(daemon, "record_problem"))
        g_string_append_printf(out, "record: %s\n", doc_text(daemon, "record_problem"));
}
