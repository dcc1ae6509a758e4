/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ctl/show.h"
#include "ctl/simulation.h"
#include "ctl/verbs.h"

int verb_simulate_run(const Options *options)
{
    g_autoptr(DiagList) diags = diag_list_new();
    g_autoptr(Simulation) simulation = NULL;

    if (simulation_load(options, &simulation, diags) < 0)
        return show_bad_input(options, diags);
    simulation_run(simulation, options_list(options, OPT_START));
    g_autoptr(Doc) document = simulation_report(simulation, diags);
    return show_document(options, document, show_plan);
}
