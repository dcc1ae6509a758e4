/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ctl/show.h"
#include "ctl/verbs.h"

#include "report/report.h"

int verb_policy_schema_run(const Options *options)
{
    g_autoptr(Doc) schema = report_policy_schema();

    (void)options;
    show_json(schema);
    return CTL_OK;
}
