/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ctl/bus-client.h"
#include "ctl/table.h"
#include "ctl/verbs.h"

#include "policy/policy-load.h"
#include "report/report.h"

/* When the difference takes effect, by how its knobs change. */
static const char *when(Doc *row)
{
    Doc *first = doc_at(row, "changes", 0);

    if (!first || !g_str_equal(json_object_get_string(first), "cold"))
        return doc_length(row, "changes") > 1 ? "at once, rest at next start" : "at once";
    return "at next start";
}

static void render(Doc *document, GString *out)
{
    g_autoptr(Table) table = table_new((const char *const[]){"GUEST", "KEY", "IN FORCE", "IN FILES",
                                                             "ORIGIN", "TAKES EFFECT", NULL});

    DOC_FOREACH(row, document, "differences")
    table_add(table,
              (const char *const[]){doc_text(row, "guest") ? doc_text(row, "guest") : "(host)",
                                    doc_text(row, "key"), doc_text(row, "from"),
                                    doc_text(row, "to"), doc_text(row, "to_origin"), when(row)});
    if (table_rows(table) == 0)
        g_string_append(out, "no difference\n");
    table_print(table, out);
}

/* The files that were named, or those that the daemon would read now. */
static int load(const Options *options, Doc *in_force, Policy **ret, DiagList *diags)
{
    if (options_n_words(options) > 0)
        return policy_load_files(options_words(options), ret, diags);
    return policy_load(doc_text(in_force, "file"), ret, diags);
}

static int compare(const Options *options, Doc *in_force)
{
    g_autoptr(DiagList) diags = diag_list_new();
    g_autoptr(Policy) policy = NULL;

    if (load(options, in_force, &policy, diags) < 0)
        return show_bad_input(options, diags);
    show_diags(diags);
    g_autoptr(Doc) document = report_policy_diff(in_force, policy);
    return show_document(options, document, render);
}

int verb_policy_diff_run(const Options *options)
{
    const BusRequest request = {.method = "PolicyInForce"};
    g_autoptr(Doc) in_force = NULL;
    int exit_status = bus_request_document(options, &request, &in_force);

    return exit_status == CTL_OK ? compare(options, in_force) : exit_status;
}
