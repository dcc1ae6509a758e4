/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ctl/bus-client.h"
#include "ctl/table.h"
#include "ctl/verbs.h"

/* A host of which nothing is asked needs no line. */
static void print_host(Doc *host, GString *out)
{
    const char *state = doc_text(host, "state");

    if (!state || g_str_equal(state, "untouched"))
        return;
    style_mark_legend(out);
    g_string_append(out, "host: ");
    style_append_word(out, state);
    g_string_append(out, g_str_equal(state, "as-planned") ? "\n" : " (vmtuned-ctl host)\n");
}

static void print_daemon(Doc *document, GString *out)
{
    Doc *daemon = doc_get(document, "daemon");
    g_autofree char *last = doc_time(daemon, "last_cycle");

    style_mark_legend(out);
    g_string_append_printf(out, "vmtuned: %s, ", doc_word(daemon, "mode"));
    if (doc_bool(daemon, "connected"))
        g_string_append(out, "connected");
    else
        style_append(out, STYLE_BAD, "libvirt is away");
    int64_t n = doc_number(daemon, "cycles");
    g_string_append_printf(out, ", %" G_GINT64_FORMAT " cycle%s, last %s\n", n, n == 1 ? "" : "s",
                           last ? last : "none yet");
    print_host(doc_get(document, "host_settings"), out);
    if (doc_bool(daemon, "policy_rejected"))
        g_string_append(out, "policy: the newest has errors; the one before is in force\n");
    if (doc_text(daemon, "record_problem"))
        g_string_append_printf(out, "record: %s\n", doc_text(daemon, "record_problem"));
    DOC_FOREACH(words, daemon, "cannot")
    g_string_append_printf(out, "cannot: %s\n", json_object_get_string(words));
    show_diag_rows(document, out);
}

static void add_guest(Table *table, Doc *guest)
{
    g_autofree char *since = doc_time(guest, "since");
    g_autofree char *vcpus = doc_get(guest, "vcpus")
                                 ? g_strdup_printf("%" G_GINT64_FORMAT, doc_number(guest, "vcpus"))
                                 : NULL;
    g_autofree char *local =
        doc_get(guest, "locality_pct")
            ? g_strdup_printf("%" G_GINT64_FORMAT "%%", doc_number(guest, "locality_pct"))
            : NULL;
    g_autofree char *drift =
        g_strdup_printf("%" G_GINT64_FORMAT "/%" G_GINT64_FORMAT, doc_number(guest, "drift"),
                        doc_number(guest, "repaired"));

    table_add(table, (const char *const[]){doc_text(guest, "name"), doc_text(guest, "state"), since,
                                           doc_text(guest, "cpu_policy"), vcpus,
                                           doc_text(guest, "nodes"), doc_text(guest, "cpus"), local,
                                           drift, doc_text(guest, "text")});
}

static void render_table(Doc *document, GString *out)
{
    g_autoptr(Table) table =
        table_new((const char *const[]){"GUEST", "STATE", "SINCE", "POLICY", "VCPUS", "NODES",
                                        "CPUS", "LOCAL", "DRIFT/REPAIRED", "NOTE", NULL});

    print_daemon(document, out);
    DOC_FOREACH(guest, document, "guests")
    add_guest(table, guest);
    if (table_rows(table) > 0) {
        style_mark_legend(out);
        g_string_append_c(out, '\n');
    }
    table_print(table, out);
}

static void print_differences(Doc *guest, GString *out)
{
    DOC_FOREACH(row, guest, "settings")
    {
        g_autofree char *setting = show_setting_name(row);
        show_field(out, "Differs", "%s (%s): %s, wanted %s%s", setting, doc_word(row, "plane"),
                   doc_text(row, "from") ? doc_text(row, "from") : "not set",
                   doc_text(row, "to") ? doc_text(row, "to") : "not set",
                   doc_bool(row, "contested") ? " (contested)"
                   : doc_bool(row, "drift")   ? " (drift)"
                                              : "");
    }
}

static void print_pending(Doc *guest, GString *out)
{
    DOC_FOREACH(row, guest, "pending")
    {
        g_autofree char *setting = show_setting_name(row);
        show_field(out, "Pending", "%s: %s, next start %s", setting, show_value(row, "live"),
                   show_value(row, "next"));
    }
}

static void print_block(Doc *guest, GString *out)
{
    g_autofree char *intruders = doc_join(guest, "intruders");

    show_guest_head(guest, out);
    show_field(out, "Policy", "%s", doc_word(guest, "cpu_policy"));
    if (doc_get(guest, "plan"))
        show_guest_plan(doc_get(guest, "plan"), out);
    show_residency(guest, out);
    show_field(out, "Restart", "%s", doc_word(guest, "restart"));
    show_field(out, "Intruders", "%s", intruders);
    show_field(out, "Drift", "%" G_GINT64_FORMAT " found, %" G_GINT64_FORMAT " repaired",
               doc_number(guest, "drift"), doc_number(guest, "repaired"));
    show_field(out, "Writes", "%" G_GINT64_FORMAT ", %" G_GINT64_FORMAT " failed",
               doc_number(guest, "writes"), doc_number(guest, "failures"));
    show_contested(guest, out);
    print_differences(guest, out);
    print_pending(guest, out);
}

static void render_blocks(Doc *document, GString *out)
{
    DOC_FOREACH(guest, document, "guests")
    {
        if (doc_text(guest, "error"))
            continue;
        if (out->len > 0)
            g_string_append_c(out, '\n');
        print_block(guest, out);
    }
}

int verb_status_run(const Options *options)
{
    BusRequest request = {.method = "Status", .guests = options_words(options)};

    return bus_request_run(options, &request,
                           options_n_words(options) > 0 ? render_blocks : render_table);
}
