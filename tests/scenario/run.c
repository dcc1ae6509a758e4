/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Scenario runner: each directory holds a host, a policy and guests, and the plan and changes
 * expected of them as text. `run [--update] DIRECTORY…`; with --update "expected" is written anew.
 *
 *   topology      hwloc synthetic text, or the name of an hwloc XML file beside it
 *   extra         optional lines isolated=, nohz_full=, allowed_cpus=, allowed_mems=, vhost_net=no,
 *                 io_uring=no
 *   policy.yaml   the policy
 *   guests/       *.xml: domain XML, all about to start but for the names in
 *   running       optional: names that run, placed as their XML says
 *   released      optional: names that were released
 *   moves         optional: as many running guests may move (defrag)
 *   kernel        optional lines NAME allowed= allowed_mems= memory_nodes= memory_nodes_any=
 *                 memory_mib=NODE:MIB,NODE:MIB…, from which the two before follow if not there
 *   homes         optional lines NAME NODE: home of a running guest by the last plan
 *   expected      the result
 */
#include "guest/domain-xml.h"
#include "plan/diff.h"
#include "plan/plan-make.h"
#include "plan/score.h"
#include "policy/policy-load.h"
#include "topo/topo-load.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAX_NODES 64 /* of memory_mib */

typedef struct Scenario {
    Topo *topo;
    Policy *policy;
    GPtrArray *guests;   /* of Guest, as planned */
    GPtrArray *started;  /* of Guest, the same ones running: what changes are for */
    GPtrArray *policies; /* of GuestPolicy */
    GPtrArray *befores;  /* of GuestPlan */
    GArray *inputs;      /* of PlanGuest */
    DiagList *diags;
    GString *out;
} Scenario;

/* --- reading --- */

static char *text_read(const char *path, bool optional)
{
    g_autoptr(GError) error = NULL;
    char *text = NULL;

    if (!g_file_get_contents(path, &text, NULL, &error)) {
        if (optional)
            return g_strdup("");
        g_printerr("%s: %s\n", path, error->message);
        exit(1);
    }
    return g_strstrip(text);
}

static bool is_listed(const char *path, const char *name)
{
    g_autofree char *text = text_read(path, true);
    g_auto(GStrv) names = g_strsplit_set(text, " \n", -1);

    return g_strv_contains((const char *const *)names, name);
}

static CpuSet *set_read(const char *text)
{
    CpuSet *set = NULL;

    if (cpuset_parse(text, &set) < 0) {
        g_printerr("'%s' is no list\n", text);
        exit(1);
    }
    return set;
}

/* The text after key= among words, which it is part of; NULL: not there. */
static const char *word_find(char *const *words, const char *key)
{
    g_autofree char *prefix = g_strconcat(key, "=", NULL);

    for (; *words; words++)
        if (g_str_has_prefix(*words, prefix))
            return *words + strlen(prefix);
    return NULL;
}

/* The set that key= has among words; NULL: not there. */
static CpuSet *value_read(char *const *words, const char *key)
{
    const char *text = word_find(words, key);

    return text ? set_read(text) : NULL;
}

static void value_replace(CpuSet **set, char *const *words, const char *key)
{
    CpuSet *value = value_read(words, key);

    if (!value)
        return;
    hwloc_bitmap_free(*set);
    *set = value;
}

/* Where its memory is: by amounts, from which the sets follow, or the sets themselves. */
static void memory_read(GuestKernel *kernel, char *const *words)
{
    const char *text = word_find(words, "memory_mib");
    g_auto(GStrv) parts = g_strsplit(text ? text : "", ",", -1);
    uint64_t kib[MAX_NODES] = {0};

    for (char **part = parts; *part; part++) {
        unsigned node, mib;
        if (sscanf(*part, "%u:%u", &node, &mib) != 2 || node >= MAX_NODES) {
            g_printerr("memory_mib: '%s' is not NODE:MIB\n", *part);
            exit(1);
        }
        kib[node] = (uint64_t)mib * 1024;
    }
    guest_kernel_set_memory(kernel, kib, MAX_NODES);
    value_replace(&kernel->memory_nodes, words, "memory_nodes");
    value_replace(&kernel->memory_nodes_any, words, "memory_nodes_any");
}

static int topology_read(Scenario *scenario)
{
    g_autofree char *text = text_read("topology", false);
    g_autofree char *lines = text_read("extra", true);
    g_auto(GStrv) words = g_strsplit_set(lines, " \n", -1);
    g_autoptr(CpuSet) isolated = value_read(words, "isolated");
    g_autoptr(CpuSet) nohz_full = value_read(words, "nohz_full");
    g_autoptr(CpuSet) allowed = value_read(words, "allowed_cpus");
    g_autoptr(CpuSet) allowed_mems = value_read(words, "allowed_mems");
    TopoExtra extra = {isolated, nohz_full, allowed, allowed_mems};
    g_autofree char *error = NULL;

    int r = topo_load(text, &extra, &scenario->topo, &error);
    if (r < 0) {
        g_string_append_printf(scenario->out, "topology: %s\n", error);
        return r;
    }
    scenario->topo->no_vhost_net = g_strcmp0(word_find(words, "vhost_net"), "no") == 0;
    scenario->topo->no_io_uring = g_strcmp0(word_find(words, "io_uring"), "no") == 0;
    return 0;
}

static GuestKernel *kernel_read(const char *name)
{
    g_autofree char *text = text_read("kernel", true);
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);

    for (char **line = lines; *line; line++) {
        g_auto(GStrv) words = g_strsplit(*line, " ", -1);
        if (!words[0] || !g_str_equal(words[0], name))
            continue;
        GuestKernel *kernel = guest_kernel_new();
        kernel->pid = 1;
        kernel->allowed = value_read(words, "allowed");
        kernel->allowed_mems = value_read(words, "allowed_mems");
        memory_read(kernel, words);
        return kernel;
    }
    return NULL;
}

/* NULL: no plan is known. */
static GuestPlan *before_read(const char *name)
{
    g_autofree char *text = text_read("homes", true);
    g_auto(GStrv) words = g_strsplit_set(text, " \n", -1);

    for (char **word = words; *word && word[1]; word += 2) {
        if (!g_str_equal(*word, name))
            continue;
        GuestPlan *plan = guest_plan_new();
        plan->home = atoi(word[1]);
        return plan;
    }
    return NULL;
}

static Guest *guest_make(const GuestDef *def, bool running)
{
    Guest *guest = guest_new(def->uuid, def->name);

    guest->active = running;
    guest->persistent = true;
    guest->live = running ? guest_def_ref(def) : NULL;
    guest->config = guest_def_ref(def);
    guest->kernel = running ? kernel_read(def->name) : NULL;
    return guest;
}

static void guest_add(Scenario *scenario, const GuestDef *def)
{
    PolicySubject subject = {.name = def->name,
                             .uuid = def->uuid,
                             .title = def->title,
                             .label = def->label,
                             .partition = def->partition,
                             .os = def->os};
    PlanGuest input = {.running = is_listed("running", def->name),
                       .released = is_listed("released", def->name)};
    GuestPolicy *policy = policy_select(scenario->policy, &subject);
    Guest *guest = guest_make(def, input.running);

    input.guest = guest;
    input.policy = policy;
    GuestPlan *before = before_read(def->name);
    if (before)
        g_ptr_array_add(scenario->befores, before);
    input.before = before;
    input.manual = !policy->named && guest_is_hand_pinned(guest, scenario->topo->allowed);
    g_ptr_array_add(scenario->guests, guest);
    g_ptr_array_add(scenario->started, guest_make(def, true));
    g_ptr_array_add(scenario->policies, policy);
    g_array_append_val(scenario->inputs, input);
}

static int name_compare(gconstpointer a, gconstpointer b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static int guests_read(Scenario *scenario)
{
    g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GDir) directory = g_dir_open("guests", 0, NULL);
    const char *name;
    int r = 0;

    while (directory && (name = g_dir_read_name(directory)))
        g_ptr_array_add(names, g_build_filename("guests", name, NULL));
    g_ptr_array_sort(names, name_compare);
    for (guint i = 0; i < names->len && r == 0; i++) {
        const char *path = g_ptr_array_index(names, i);
        g_autofree char *xml = text_read(path, false);
        g_autoptr(GuestDef) def = NULL;
        r = guest_def_parse(xml, strlen(xml), path, &def, scenario->diags);
        if (r == 0)
            guest_add(scenario, def);
    }
    return r;
}

/* --- printing --- */

static const char *or_dash(const char *text)
{
    return text && *text ? text : "-";
}

static void print_set(GString *out, const char *label, const CpuSet *set)
{
    g_autofree char *text = cpuset_format(set);

    g_string_append_printf(out, "  %s: %s\n", label, or_dash(text));
}

static void print_class(GString *out, const char *label, const ClassPlan *plan)
{
    g_autofree char *text = cpuset_format(plan->cpus);

    g_string_append_printf(out, "  %s: %s%s (%s)\n", label, or_dash(text),
                           plan->pinned ? " pinned" : "", plan->reason);
}

static void print_vcpus(GString *out, const GuestPlan *plan)
{
    for (unsigned i = 0; i < plan->n_vcpus; i++) {
        const VcpuPlan *vcpu = &plan->vcpus[i];
        g_autofree char *text = cpuset_format(vcpu->cpus);
        g_string_append_printf(out, "  vcpu %u: %s%s%s\n", vcpu->id, or_dash(text),
                               vcpu->pinned ? " pinned" : "", vcpu->online ? "" : " offline");
    }
}

static void print_helpers(GString *out, const GuestPlan *plan)
{
    print_class(out, "emulator", &plan->emulator);
    for (unsigned i = 0; i < plan->n_iothreads; i++) {
        g_autofree char *label = g_strdup_printf("iothread %u", plan->iothreads[i].id);
        print_class(out, label, &plan->iothreads[i]);
    }
    print_class(out, "vhost", &plan->vhost);
}

static void print_values(GString *out, const GuestPlan *plan)
{
    if (plan->weight >= 0)
        g_string_append_printf(out, "  weight: %" PRId64 "\n", plan->weight);
    if (plan->quota_pct >= 0)
        g_string_append_printf(out, "  quota: %" PRId64 "%%\n", plan->quota_pct);
    if (plan->numa_mode < 0)
        return;
    g_autofree char *nodes = cpuset_format(plan->numa_nodes);
    g_string_append_printf(out, "  numatune: %s %s%s (%s)\n",
                           numa_mode_name((NumaMode)plan->numa_mode), nodes,
                           plan->numa_live ? " live" : "", plan->numa_reason);
}

/* "  knob config disk.cache vda = none (reason) [policy.yaml:5]" */
static void print_knobs(GString *out, const char *label, const SettingList *list)
{
    for (unsigned i = 0; i < setting_list_size(list); i++) {
        const Setting *knob = setting_list_get(list, i);
        g_autofree char *key = setting_key_format(&knob->key);
        g_string_append_printf(out, "  %s %s %s = %s (%s)", label, plane_name(knob->key.plane), key,
                               knob->value ? knob->value : "not set", or_dash(knob->reason));
        if (knob->origin)
            g_string_append_printf(out, " [%s]", knob->origin);
        g_string_append_c(out, '\n');
    }
}

static void print_guest(GString *out, const GuestPlan *plan)
{
    g_string_append_printf(out, "guest %s: %s, %s%s%s\n", plan->name,
                           plan_result_name(plan->result), cpu_policy_name(plan->cpu_policy),
                           plan->named ? "" : ", unnamed", plan->pool ? ", pool" : "");
    g_string_append_printf(out, "  reason: %s\n", plan->reason);
    if (plan->shortage.resource)
        g_string_append_printf(out, "  shortage: %s, %" PRIu64 " %s, node %d\n",
                               plan->shortage.resource, plan->shortage.amount, plan->shortage.unit,
                               plan->shortage.node);
    print_set(out, "nodes", plan->nodes);
    print_set(out, "llcs", plan->llcs);
    if (plan->home >= 0)
        g_string_append_printf(out, "  home: %d\n", plan->home);
    print_set(out, "exclusive", plan->exclusive);
    print_vcpus(out, plan);
    print_helpers(out, plan);
    for (unsigned i = 0; i < plan->n_memory; i++)
        g_string_append_printf(
            out, "  memory: cell %u on node %u: %" PRIu64 " MiB of %u KiB pages\n",
            plan->memory[i].cell, plan->memory[i].node, plan->memory[i].mib, plan->page_size_kib);
    print_values(out, plan);
    print_knobs(out, "knob", plan->knobs);
    print_knobs(out, "unsupported", plan->unsupported);
    if (plan->intruders) {
        g_autofree char *names = g_strjoinv(", ", plan->intruders);
        g_string_append_printf(out, "  intruders: %s\n", names);
    }
}

static void print_changes(Scenario *scenario, const Plan *plan, const Guest *guest)
{
    const GuestPlan *own = plan_find(plan, guest->uuid);
    g_autoptr(SettingList) wanted = wanted_make(own, guest);
    g_autoptr(SettingList) observed = observed_make(guest);
    g_autoptr(ChangeSet) changes =
        diff_make(wanted, NULL, observed, own->allowed, scenario->topo->online);

    for (unsigned i = 0; i < change_set_size(changes); i++) {
        const Change *change = change_set_get(changes, i);
        g_autofree char *key = setting_key_format(&change->key);
        g_string_append_printf(scenario->out, "change %s: %s %s: %s -> %s\n", guest->name, key,
                               plane_name(change->key.plane),
                               change->from ? change->from : "not set",
                               change->to ? change->to : "not set");
    }
}

static void print_diags(GString *out, const DiagList *diags)
{
    const Diag *diag;

    for (unsigned i = 0; (diag = diag_list_get(diags, i)); i++) {
        g_autofree char *text = diag_format(diag);
        g_string_append(out, text);
    }
}

/* The components that are not 0. */
static void print_score(GString *out, const PlanInput *input, const Plan *plan)
{
    g_autoptr(GArray) score = plan_score(input, plan);

    g_string_append(out, "  score:");
    for (guint i = 0; i < score->len; i++) {
        const ScoreItem *item = &g_array_index(score, ScoreItem, i);
        if (item->value == 0)
            continue;
        g_string_append_printf(out, " %s", item->name);
        if (item->priority >= 0)
            g_string_append_printf(out, "@%d", item->priority);
        g_string_append_printf(out, "=%" PRIu64, item->value);
    }
    g_string_append_c(out, '\n');
}

static void print_plan(Scenario *scenario)
{
    g_autofree char *moves = text_read("moves", true);
    PlanInput input = {.topo = scenario->topo,
                       .policy = scenario->policy,
                       .guests = (const PlanGuest *)scenario->inputs->data,
                       .n_guests = scenario->inputs->len,
                       .max_moves = (unsigned)atoi(moves)};
    g_autoptr(Plan) plan = plan_make(&input);

    for (unsigned i = 0; i < plan->n_guests; i++)
        print_guest(scenario->out, plan->guests[i]);
    g_string_append(scenario->out, "host\n");
    print_set(scenario->out, "pool", plan->shared);
    print_set(scenario->out, "housekeeping", plan->housekeeping);
    print_score(scenario->out, &input, plan);
    print_diags(scenario->out, plan->diags);
    for (guint i = 0; i < scenario->started->len; i++)
        print_changes(scenario, plan, g_ptr_array_index(scenario->started, i));
}

/* --- running --- */

static void scenario_clear(Scenario *scenario)
{
    topo_unref(scenario->topo);
    policy_unref(scenario->policy);
    g_ptr_array_unref(scenario->guests);
    g_ptr_array_unref(scenario->started);
    g_ptr_array_unref(scenario->policies);
    g_ptr_array_unref(scenario->befores);
    g_array_unref(scenario->inputs);
    diag_list_free(scenario->diags);
}

/* The result of the scenario in the current directory. */
static char *scenario_text(void)
{
    const char *const files[] = {"policy.yaml", NULL};
    Scenario scenario = {
        .guests = g_ptr_array_new_with_free_func((GDestroyNotify)guest_unref),
        .started = g_ptr_array_new_with_free_func((GDestroyNotify)guest_unref),
        .policies = g_ptr_array_new_with_free_func((GDestroyNotify)guest_policy_unref),
        .befores = g_ptr_array_new_with_free_func((GDestroyNotify)guest_plan_unref),
        .inputs = g_array_new(FALSE, FALSE, sizeof(PlanGuest)),
        .diags = diag_list_new(),
        .out = g_string_new(NULL),
    };

    if (topology_read(&scenario) == 0 &&
        policy_load_files(files, &scenario.policy, scenario.diags) == 0 &&
        guests_read(&scenario) == 0)
        print_plan(&scenario);
    else
        print_diags(scenario.out, scenario.diags);
    scenario_clear(&scenario);
    return g_string_free(scenario.out, FALSE);
}

static void print_difference(const char *text)
{
    g_autofree char *path = NULL;
    const char *argv[] = {"diff", "-u", "expected", NULL, NULL};
    int fd = g_file_open_tmp("scenario-XXXXXX", &path, NULL);

    if (fd < 0)
        return;
    close(fd);
    argv[3] = path;
    if (g_file_set_contents(path, text, -1, NULL))
        g_spawn_sync(NULL, (char **)argv, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, NULL, NULL, NULL,
                     NULL);
    unlink(path);
}

static bool scenario_passes(const char *directory, bool update)
{
    g_autofree char *expected = NULL;

    if (chdir(directory) < 0) {
        perror(directory);
        return false;
    }
    g_autofree char *text = scenario_text();
    if (update)
        return g_file_set_contents("expected", text, -1, NULL);
    if (g_file_get_contents("expected", &expected, NULL, NULL) && g_str_equal(expected, text))
        return true;
    printf("%s: not as expected\n", directory);
    fflush(stdout);
    print_difference(text);
    return false;
}

int main(int argc, char **argv)
{
    g_autofree char *home = g_get_current_dir();
    bool update = argc > 1 && g_str_equal(argv[1], "--update");
    unsigned passed = 0, failed = 0;

    for (int i = update ? 2 : 1; i < argc; i++) {
        if (scenario_passes(argv[i], update))
            passed++;
        else
            failed++;
        if (chdir(home) < 0) {
            perror(home);
            return 1;
        }
    }
    printf("%u passed, %u failed\n", passed, failed);
    return failed > 0 || passed == 0;
}
