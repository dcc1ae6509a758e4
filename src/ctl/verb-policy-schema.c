/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ctl/show.h"
#include "ctl/verbs.h"

#include "report/report.h"

#include <stdio.h>

int verb_policy_schema_run(const Options *options)
{
    g_autoptr(Doc) schema = report_policy_schema();

    g_autofree char *text = show_json(schema, true);

    (void)options;
    puts(text);
    return CTL_OK;
}
