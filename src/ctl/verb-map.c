/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ctl/bus-client.h"
#include "ctl/map-svg.h"
#include "ctl/simulation.h"
#include "ctl/verbs.h"
#include "report/report.h"

/* As planned from files, in place of what is. */
static bool is_offline(const Options *options)
{
    static const OptionId ids[] = {OPT_TOPOLOGY,  OPT_GUESTS,       OPT_POLICY,
                                   OPT_RUNNING,   OPT_START,        OPT_ISOLATED,
                                   OPT_NOHZ_FULL, OPT_ALLOWED_CPUS, OPT_ALLOWED_MEMS};

    for (unsigned i = 0; i < G_N_ELEMENTS(ids); i++)
        if (options->given[ids[i]])
            return true;
    return false;
}

/* 0, or an exit status after words on stderr. */
static int document_plan(const Options *options, Doc **ret)
{
    g_autoptr(DiagList) diags = diag_list_new();
    g_autoptr(Simulation) simulation = NULL;

    if (simulation_load(options, &simulation, diags) < 0)
        return show_bad_input(options, diags);
    simulation_run(simulation, options_list(options, OPT_START));
    *ret = report_planned_map(simulation->plan, simulation->topo, diags);
    return CTL_OK;
}

static int write_picture(const char *path, Doc *document)
{
    g_autoptr(Map) map = map_new(document);
    g_autofree char *picture = map_svg_make(map);
    int exit_status = show_file(path, picture, false);

    return exit_status == CTL_OK ? (int)report_get_exit(document) : exit_status;
}

static int map_planned(const Options *options, ShowRender render)
{
    g_autoptr(Doc) document = NULL;
    const char *extra = options->given[OPT_WATCH]  ? "--watch"
                        : options->given[OPT_HOST] ? "--host"
                                                   : options_words(options)[0];

    if (extra) {
        show_error("a plan from files has all guests of --guests, once: it has no use for '%s'",
                   extra);
        return CTL_USAGE;
    }
    int exit_status = document_plan(options, &document);
    if (exit_status != CTL_OK)
        return exit_status;
    return options->given[OPT_SVG] ? write_picture(options_value(options, OPT_SVG), document)
                                   : show_document(options, document, render);
}

static int picture_ask(const Options *options, const BusRequest *request)
{
    g_autoptr(Doc) document = NULL;
    int exit_status = bus_request_document(options, request, &document);

    return exit_status == CTL_OK ? write_picture(options_value(options, OPT_SVG), document)
                                 : exit_status;
}

int verb_map_run(const Options *options)
{
    const BusRequest request = {.method = "Map", .guests = options_words(options)};
    ShowRender render = options->given[OPT_COMPACT] ? show_map_rows : show_map;

    if (is_offline(options))
        return map_planned(options, render);
    return options->given[OPT_SVG] ? picture_ask(options, &request)
                                   : bus_request_run(options, &request, render);
}
