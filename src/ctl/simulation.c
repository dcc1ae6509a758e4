/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ctl/simulation.h"

#include "base/util.h"
#include "ctl/sim-guest.h"
#include "ctl/topology.h"
#include "plan/plan-make.h"
#include "plan/score.h"
#include "policy/policy-load.h"
#include "report/report.h"

#include <errno.h>

static SimGuest *guest_get(const Simulation *simulation, guint i)
{
    return g_ptr_array_index(simulation->guests, i);
}

/* --- reading --- */

static int name_compare(gconstpointer a, gconstpointer b)
{
    return g_strcmp0(*(const char *const *)a, *(const char *const *)b);
}

/* The *.xml of a directory by name, or the file itself. */
static GPtrArray *files_find(const char *path, DiagList *diags)
{
    GPtrArray *files = g_ptr_array_new_with_free_func(g_free);
    DiagPlace place = {.file = path};
    const char *name;

    if (!g_file_test(path, G_FILE_TEST_IS_DIR)) {
        g_ptr_array_add(files, g_strdup(path));
        return files;
    }
    g_autoptr(GError) error = NULL;
    g_autoptr(GDir) directory = g_dir_open(path, 0, &error);
    if (!directory) {
        diag_add(diags, DIAG_ERROR, &place, NULL, "cannot be read: %s", error->message);
        return files;
    }
    while ((name = g_dir_read_name(directory)))
        if (g_str_has_suffix(name, ".xml"))
            g_ptr_array_add(files, g_build_filename(path, name, NULL));
    if (files->len == 0)
        diag_add(diags, DIAG_ERROR, &place, NULL, "has no *.xml in it");
    g_ptr_array_sort(files, name_compare);
    return files;
}

static void guest_add(Simulation *simulation, const char *file, DiagList *diags)
{
    g_autoptr(SimGuest) sim = NULL;
    DiagPlace place = {.file = file};

    if (sim_guest_load(file, &sim, diags) < 0)
        return;
    for (guint i = 0; i < simulation->guests->len; i++) {
        const SimGuest *other = guest_get(simulation, i);
        bool same_name = g_str_equal(other->def->name, sim->def->name);
        if (!same_name && !g_str_equal(other->def->uuid, sim->def->uuid))
            continue;
        diag_add(diags, DIAG_ERROR, &place, NULL, "has the %s of the guest in %s",
                 same_name ? "name" : "uuid", other->file);
        return;
    }
    g_ptr_array_add(simulation->guests, g_steal_pointer(&sim));
}

static void guests_load(Simulation *simulation, const Options *options, DiagList *diags)
{
    const char *const *path = options_list(options, OPT_GUESTS);

    for (; *path; path++) {
        g_autoptr(GPtrArray) files = files_find(*path, diags);
        for (guint i = 0; i < files->len; i++)
            guest_add(simulation, g_ptr_array_index(files, i), diags);
    }
}

/* The guest of that name or uuid; NULL: none. */
static SimGuest *guest_find(const Simulation *simulation, const char *name)
{
    for (guint i = 0; i < simulation->guests->len; i++) {
        SimGuest *sim = guest_get(simulation, i);
        if (g_str_equal(sim->def->name, name) || g_str_equal(sim->def->uuid, name))
            return sim;
    }
    return NULL;
}

static void explain_no_guest(const Simulation *simulation, const char *name, DiagList *diags)
{
    g_autoptr(GPtrArray) names = g_ptr_array_new();

    for (guint i = 0; i < simulation->guests->len; i++)
        g_ptr_array_add(names, guest_get(simulation, i)->def->name);
    g_ptr_array_add(names, NULL);
    const char *nearest = text_nearest(name, (const char *const *)names->pdata);
    diag_add(diags, DIAG_ERROR, NULL, "--start", "there is no guest '%s'%s%s%s", name,
             nearest ? "; did you mean '" : "", nearest ? nearest : "", nearest ? "'?" : "");
}

static void start_mark(Simulation *simulation, const Options *options, DiagList *diags)
{
    const char *const *name = options_list(options, OPT_START);

    for (; *name; name++) {
        SimGuest *sim = guest_find(simulation, *name);
        if (!sim)
            explain_no_guest(simulation, *name, diags);
        else if (sim->waiting)
            diag_add(diags, DIAG_ERROR, NULL, "--start", "names '%s' twice", *name);
        else
            sim->waiting = true;
    }
}

static void options_check(const Options *options, DiagList *diags)
{
    static const OptionId needed[] = {OPT_TOPOLOGY, OPT_GUESTS, OPT_POLICY};

    for (unsigned i = 0; i < G_N_ELEMENTS(needed); i++) {
        const OptionInfo *info = option_info(needed[i]);
        if (!options->given[needed[i]])
            diag_add(diags, DIAG_ERROR, NULL, NULL, "planning from files needs --%s %s", info->name,
                     info->arg);
    }
}

int simulation_load(const Options *options, Simulation **ret, DiagList *diags)
{
    g_autoptr(Simulation) simulation = g_new0(Simulation, 1);

    simulation->guests = g_ptr_array_new_with_free_func((GDestroyNotify)sim_guest_free);
    options_check(options, diags);
    if (diag_list_count(diags, DIAG_ERROR) > 0)
        return -EINVAL;
    int topo_result = topology_open(options, &simulation->topo, diags);
    int policy_result =
        policy_load_files(options_list(options, OPT_POLICY), &simulation->policy, diags);
    guests_load(simulation, options, diags);
    if (diag_list_count(diags, DIAG_ERROR) == 0)
        start_mark(simulation, options, diags); /* names are known only if every file was read */
    if (topo_result < 0 || policy_result < 0 || diag_list_count(diags, DIAG_ERROR) > 0)
        return -EINVAL;

    for (guint i = 0; i < simulation->guests->len; i++) {
        SimGuest *sim = guest_get(simulation, i);
        sim_guest_set_policy(sim, simulation->policy, simulation->topo);
        if (options->given[OPT_RUNNING] && !sim->waiting)
            sim_guest_run(sim);
    }
    *ret = g_steal_pointer(&simulation);
    return 0;
}

void simulation_free(Simulation *simulation)
{
    if (!simulation)
        return;
    topo_unref(simulation->topo);
    policy_unref(simulation->policy);
    g_ptr_array_unref(simulation->guests);
    plan_unref(simulation->plan);
    g_clear_pointer(&simulation->score, g_array_unref);
    g_free(simulation);
}

/* --- planning --- */

static void plan_all(Simulation *simulation)
{
    g_autofree PlanGuest *guests = g_new0(PlanGuest, simulation->guests->len);
    PlanInput input = {.topo = simulation->topo, .policy = simulation->policy, .guests = guests};

    for (guint i = 0; i < simulation->guests->len; i++) {
        const SimGuest *sim = guest_get(simulation, i);
        if (!sim->waiting)
            guests[input.n_guests++] = (PlanGuest){.guest = sim->guest,
                                                   .policy = sim->policy,
                                                   .running = sim->running,
                                                   .before = sim->before,
                                                   .manual = sim->manual};
    }
    plan_unref(simulation->plan);
    simulation->plan = plan_make(&input);
    g_clear_pointer(&simulation->score, g_array_unref);
    simulation->score = plan_score(&input, simulation->plan);
}

/* A guest that is refused does not start: were it taken as running, nobody would ask any more
 * whether its memory fits. */
static void run_as_planned(Simulation *simulation)
{
    for (guint i = 0; i < simulation->guests->len; i++) {
        SimGuest *sim = guest_get(simulation, i);
        if (sim->waiting)
            continue;
        const GuestPlan *plan = plan_find(simulation->plan, sim->def->uuid);
        if (sim->running || plan->result != PLAN_REFUSED)
            sim_guest_run_as_planned(sim, plan);
    }
}

void simulation_run(Simulation *simulation, const char *const *start)
{
    plan_all(simulation);
    for (; *start; start++) {
        run_as_planned(simulation);
        guest_find(simulation, *start)->waiting = false;
        plan_all(simulation);
    }
}

Doc *simulation_report(const Simulation *simulation, const DiagList *diags)
{
    const Plan *plan = simulation->plan;
    g_autofree ReportChanges *changes = g_new0(ReportChanges, plan->n_guests);
    g_autoptr(GPtrArray) sets = g_ptr_array_new_with_free_func((GDestroyNotify)change_set_unref);

    for (unsigned i = 0; i < plan->n_guests; i++) {
        const SimGuest *sim = guest_find(simulation, plan->guests[i]->uuid);
        ChangeSet *set = sim_guest_changes(sim, plan->guests[i], simulation->topo);
        g_ptr_array_add(sets, set);
        changes[i] = (ReportChanges){.plan = plan->guests[i], .changes = set};
    }
    return report_plan(plan, simulation->topo, simulation->score, changes, plan->n_guests, diags);
}
