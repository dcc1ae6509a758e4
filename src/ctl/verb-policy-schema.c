/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ctl/show.h"
#include "ctl/verbs.h"

#include "report/report.h"

static void render(Doc *schema, GString *out)
{
    g_autofree char *text = show_json(schema, true);

    g_string_append_printf(out, "%s\n", text);
}

int verb_policy_schema_run(const Options *options)
{
    g_autoptr(Doc) schema = report_policy_schema();

    return show_document(options, schema, render);
}
