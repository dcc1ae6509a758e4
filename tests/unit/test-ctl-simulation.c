/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Planning from files: together, running, one after the other; every fault of the input at once. */
#include "ctl/simulation.h"
#include "ctl/verbs.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define HOST "pack:1 numa:1 l3:2 core:2 pu:2"

static const char policy_text[] = "version: 1\n"
                                  "mode: enforce\n"
                                  "host:\n"
                                  "  housekeeping_cpus: \"0-1\"\n"
                                  "guests:\n"
                                  "  - match: {name: \"d*\"}\n"
                                  "    cpu: {policy: dedicated, emulator: share, vhost: share}\n";

typedef struct World {
    char *directory, *guests, *policy;
    const char *argv[24];
    unsigned argc;
} World;

static void write_file(const char *directory, const char *name, const char *text)
{
    g_autofree char *path = g_build_filename(directory, name, NULL);

    assert_true(g_file_set_contents(path, text, -1, NULL));
}

/* Guest number n (its uuid and file), with pins of vCPU 0… in order; "" for none. */
static void add_guest(const World *world, unsigned n, const char *name, unsigned vcpus,
                      const char *pins)
{
    g_auto(GStrv) cpus = g_strsplit(pins, " ", -1);
    g_autoptr(GString) cputune = g_string_new(NULL);
    g_autofree char *file = g_strdup_printf("%u-%s.xml", n, name);

    for (unsigned i = 0; cpus[i] && cpus[i][0]; i++)
        g_string_append_printf(cputune, "<vcpupin vcpu='%u' cpuset='%s'/>", i, cpus[i]);
    g_autofree char *text = g_strdup_printf(
        "<domain type='kvm'><name>%s</name><uuid>6a0f7d5c-1b1e-4f0e-9d0c-2b8f6f1c%04u</uuid>"
        "<memory unit='MiB'>64</memory><vcpu>%u</vcpu><cputune>%s</cputune>"
        "<os><type arch='x86_64'>hvm</type></os></domain>",
        name, n, vcpus, cputune->str);
    write_file(world->guests, file, text);
}

static void add_args(World *world, const char *const *args)
{
    while (*args)
        world->argv[world->argc++] = *args++;
    world->argv[world->argc] = NULL;
}

static int setup(void **state)
{
    World *world = g_new0(World, 1);

    world->directory = g_dir_make_tmp("vmtuned-test-XXXXXX", NULL);
    world->guests = g_build_filename(world->directory, "guests", NULL);
    world->policy = g_build_filename(world->directory, "policy.yaml", NULL);
    g_mkdir(world->guests, 0700);
    write_file(world->directory, "policy.yaml", policy_text);
    add_args(world, (const char *const[]){"simulate", "--topology", HOST, "--guests", world->guests,
                                          "--policy", world->policy, NULL});
    *state = world;
    return 0;
}

static void remove_tree(const char *path)
{
    g_autoptr(GDir) directory = g_dir_open(path, 0, NULL);
    const char *name;

    while (directory && (name = g_dir_read_name(directory))) {
        g_autofree char *child = g_build_filename(path, name, NULL);
        remove_tree(child);
    }
    g_remove(path);
}

static int teardown(void **state)
{
    World *world = *state;

    remove_tree(world->directory);
    g_free(world->directory);
    g_free(world->guests);
    g_free(world->policy);
    g_free(world);
    return 0;
}

static Options *options_of(World *world)
{
    OptionsPlace place = {.verb = "simulate",
                          .allowed = OPTIONS_GLOBAL | verb_find("simulate")->options};
    Options *options = options_new();
    g_autofree char *error = NULL;

    if (options_parse(options, &place, (char **)world->argv, NULL, &error) < 0)
        fail_msg("%s", error);
    return options;
}

static Simulation *run(World *world)
{
    g_autoptr(Options) options = options_of(world);
    g_autoptr(DiagList) diags = diag_list_new();
    Simulation *simulation = NULL;

    if (simulation_load(options, &simulation, diags) < 0)
        fail_msg("%s", diag_list_get(diags, 0)->text);
    simulation_run(simulation, options_list(options, OPT_START));
    return simulation;
}

static const GuestPlan *plan_named(const Simulation *simulation, const char *name)
{
    for (unsigned i = 0; i < simulation->plan->n_guests; i++)
        if (g_str_equal(simulation->plan->guests[i]->name, name))
            return simulation->plan->guests[i];
    fail_msg("no plan for %s", name);
    return NULL;
}

static void assert_vcpus(const Simulation *simulation, const char *name, const char *cpus)
{
    const GuestPlan *plan = plan_named(simulation, name);
    g_autoptr(GString) text = g_string_new(NULL);

    for (unsigned i = 0; i < plan->n_vcpus; i++) {
        g_autofree char *list = cpuset_format(plan->vcpus[i].cpus);
        g_string_append_printf(text, "%s%s", i > 0 ? " " : "", list);
    }
    assert_string_equal(text->str, cpus);
}

static void assert_bad_input(World *world, unsigned n_errors, const char *words)
{
    g_autoptr(Options) options = options_of(world);
    g_autoptr(DiagList) diags = diag_list_new();
    Simulation *simulation = NULL;
    bool found = false;

    assert_int_equal(simulation_load(options, &simulation, diags), -EINVAL);
    assert_int_equal(diag_list_count(diags, DIAG_ERROR), n_errors);
    for (unsigned i = 0; diag_list_get(diags, i); i++)
        found = found || strstr(diag_list_get(diags, i)->text, words);
    if (!found)
        fail_msg("nothing says '%s'", words);
}

static void test_all_together(void **state)
{
    World *world = *state;

    add_guest(world, 1, "d1", 2, "");
    add_guest(world, 2, "s1", 2, "");
    g_autoptr(Simulation) simulation = run(world);
    const GuestPlan *dedicated = plan_named(simulation, "d1"),
                    *shared = plan_named(simulation, "s1");
    assert_int_equal(dedicated->result, PLAN_PLACED);
    assert_int_equal(cpuset_weight(dedicated->exclusive), 2);
    assert_int_equal(shared->result, PLAN_PLACED);
    assert_false(cpuset_intersects(shared->vcpus[0].cpus, dedicated->exclusive));

    g_autoptr(Doc) document = simulation_report(simulation, NULL);
    assert_int_equal(doc_number(document, "exit"), 0);
    assert_int_equal(doc_length(document, "guests"), 2);
    DOC_FOREACH(row, document, "settings")
    assert_string_equal(doc_word(row, "plane"), "live");
    assert_true(doc_length(document, "settings") >= 2); /* a pin for each vCPU of d1 */
}

static void test_refused(void **state)
{
    World *world = *state;

    add_guest(world, 1, "d1", 7, "");
    g_autoptr(Simulation) simulation = run(world);
    g_autoptr(Doc) document = simulation_report(simulation, NULL);
    assert_int_equal(plan_named(simulation, "d1")->result, PLAN_REFUSED);
    assert_int_equal(doc_number(document, "exit"), CTL_MISMATCH);
}

static void test_running_stays(void **state)
{
    World *world = *state;

    add_guest(world, 1, "d1", 2, "6 7");
    add_args(world, (const char *const[]){"--running", NULL});
    g_autoptr(Simulation) simulation = run(world);
    assert_vcpus(simulation, "d1", "6 7");
}

static void test_start_comes_on_top(void **state)
{
    World *world = *state;

    add_guest(world, 1, "d1", 2, "6 7");
    add_guest(world, 2, "d2", 2, "");
    add_guest(world, 3, "d3", 2, "");
    add_args(world, (const char *const[]){"--running", "--start", "d2", "d3", NULL});
    g_autoptr(Simulation) simulation = run(world);
    g_autoptr(CpuSet) all = cpuset_new();
    assert_vcpus(simulation, "d1", "6 7");
    for (unsigned i = 0; i < simulation->plan->n_guests; i++) {
        const GuestPlan *plan = simulation->plan->guests[i];
        assert_int_equal(plan->result, PLAN_PLACED);
        assert_false(cpuset_intersects(all, plan->exclusive));
        hwloc_bitmap_or(all, all, plan->exclusive);
    }
    assert_int_equal(cpuset_weight(all), 6);
}

/* What is started later never moves those before it. */
static void test_start_moves_nobody(void **state)
{
    World *world = *state;

    add_guest(world, 1, "d1", 2, "");
    add_guest(world, 2, "d2", 3, "");
    g_autoptr(Simulation) before = NULL;
    add_args(world, (const char *const[]){"--start", "d2", NULL});
    g_autoptr(Simulation) after = run(world);
    world->argv[world->argc - 2] = NULL; /* without --start d2, and without d2 */
    remove_tree(world->guests);
    g_mkdir(world->guests, 0700);
    add_guest(world, 1, "d1", 2, "");
    before = run(world);
    const GuestPlan *first = plan_named(before, "d1");
    const GuestPlan *then = plan_named(after, "d1");
    for (unsigned i = 0; i < first->n_vcpus; i++)
        assert_true(cpuset_equal(first->vcpus[i].cpus, then->vcpus[i].cpus));
}

/* Its memory is asked for with each start, and nobody else has to do without. */
static void test_start_beside_refused(void **state)
{
    World *world = *state;

    write_file(world->guests, "1-d1.xml",
               "<domain type='kvm'><name>d1</name>"
               "<uuid>6a0f7d5c-1b1e-4f0e-9d0c-2b8f6f1c0001</uuid>"
               "<memory unit='GiB'>512</memory><vcpu>1</vcpu></domain>");
    add_guest(world, 2, "d2", 2, "");
    add_args(world, (const char *const[]){"--start", "d2", NULL});
    g_autoptr(Simulation) simulation = run(world);
    assert_int_equal(plan_named(simulation, "d1")->result, PLAN_REFUSED);
    assert_string_equal(plan_named(simulation, "d1")->shortage.resource, "memory");
    assert_int_equal(plan_named(simulation, "d2")->result, PLAN_PLACED);
}

static void test_pinned_by_hand(void **state)
{
    World *world = *state;

    add_guest(world, 1, "by-hand", 2, "4 5");
    add_guest(world, 2, "d1", 2, "");
    g_autoptr(Simulation) simulation = run(world);
    g_autoptr(CpuSet) pinned = cpuset_new_range(4, 5);
    assert_int_equal(plan_named(simulation, "by-hand")->result, PLAN_UNMANAGED);
    assert_false(cpuset_intersects(plan_named(simulation, "d1")->exclusive, pinned));
}

static void test_extra_facts(void **state)
{
    World *world = *state;

    add_guest(world, 1, "d1", 2, "");
    add_args(world, (const char *const[]){"--allowed-cpus", "0-3", "--isolated", "2-3", NULL});
    g_autoptr(Simulation) simulation = run(world);
    assert_vcpus(simulation, "d1", "2 3");
}

static void test_bad_lists(void **state)
{
    World *world = *state;

    add_guest(world, 1, "d1", 2, "");
    add_args(world, (const char *const[]){"--allowed-cpus", "x", "--isolated", "3-", NULL});
    assert_bad_input(world, 2, "expected a list");
}

static void test_bad_files_are_all_told(void **state)
{
    World *world = *state;

    add_guest(world, 1, "d1", 2, "");
    add_guest(world, 2, "d1", 2, "");
    write_file(world->guests, "9-broken.xml", "<domain><name>x</nam");
    write_file(world->directory, "policy.yaml", "version: 1\nmode: perhaps\n");
    assert_bad_input(world, 3, "has the name of the guest in");
}

static void test_bad_start(void **state)
{
    World *world = *state;

    add_guest(world, 1, "database", 2, "");
    add_args(world, (const char *const[]){"--start", "databas", NULL});
    assert_bad_input(world, 1, "there is no guest 'databas'; did you mean 'database'?");
}

static void test_bad_topology(void **state)
{
    World *world = *state;

    add_guest(world, 1, "d1", 2, "");
    world->argv[2] = "no:such thing";
    assert_bad_input(world, 1, "");
}

static void test_missing_options(void **state)
{
    World *world = *state;

    world->argv[3] = NULL;
    assert_bad_input(world, 2, "planning from files needs --policy FILE");
}

static void test_empty_directory(void **state)
{
    assert_bad_input(*state, 1, "has no *.xml in it");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

/* What a definition says of all vCPUs and of the emulator gives way to the plan, guest by guest. */
static void test_start_over_wider_pins(void **state)
{
    World *world = *state;

    for (unsigned n = 1; n <= 2; n++) {
        g_autofree char *file = g_strdup_printf("%u-d%u.xml", n, n);
        g_autofree char *text = g_strdup_printf(
            "<domain type='kvm'><name>d%u</name>"
            "<uuid>6a0f7d5c-1b1e-4f0e-9d0c-2b8f6f1c%04u</uuid><memory unit='MiB'>64</memory>"
            "<vcpu cpuset='0-7'>2</vcpu><cputune><emulatorpin cpuset='0-7'/></cputune>"
            "<os><type arch='x86_64'>hvm</type></os></domain>",
            n, n);
        write_file(world->guests, file, text);
    }
    add_args(world, (const char *const[]){"--start", "d1", "d2", NULL});
    g_autoptr(Simulation) simulation = run(world);
    for (unsigned n = 0; n < 2; n++) {
        const GuestPlan *plan = simulation->plan->guests[n];
        assert_int_equal(plan->result, PLAN_PLACED);
        assert_int_equal(cpuset_weight(plan->exclusive), 2);
    }
    g_autoptr(Doc) document = simulation_report(simulation, NULL);
    assert_non_null(document);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_all_together),
        TEST(test_refused),
        TEST(test_running_stays),
        TEST(test_start_comes_on_top),
        TEST(test_start_moves_nobody),
        TEST(test_start_beside_refused),
        TEST(test_pinned_by_hand),
        TEST(test_extra_facts),
        TEST(test_bad_lists),
        TEST(test_bad_files_are_all_told),
        TEST(test_bad_start),
        TEST(test_bad_topology),
        TEST(test_missing_options),
        TEST(test_empty_directory),
        cmocka_unit_test_setup_teardown(test_start_over_wider_pins, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
