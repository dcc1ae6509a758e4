/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The command line: options anywhere, words that belong to an option, typos. */
#include "ctl/options.h"
#include "ctl/verbs.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define ARGV(...) ((char **)(const char *[]){__VA_ARGS__, NULL})

static OptionsPlace place_of(const char *verb)
{
    return (OptionsPlace){.verb = verb, .allowed = OPTIONS_GLOBAL | verb_find(verb)->options};
}

static Options *parse(char **argv)
{
    OptionsPlace place = place_of(argv[0]);
    Options *options = options_new();
    g_autofree char *error = NULL;

    if (options_parse(options, &place, argv, NULL, &error) < 0)
        fail_msg("%s", error);
    return options;
}

static void assert_refused(char **argv, const char *words)
{
    OptionsPlace place = place_of(argv[0]);
    g_autoptr(Options) options = options_new();
    g_autofree char *error = NULL;

    assert_int_equal(options_parse(options, &place, argv, NULL, &error), -EINVAL);
    assert_string_equal(error, words);
}

static void assert_list(const char *const *list, const char *joined)
{
    g_autofree char *text = g_strjoinv(",", (char **)list);

    assert_string_equal(text, joined);
}

static void test_words_and_options_mix(void **state)
{
    (void)state;
    g_autoptr(Options) options =
        parse(ARGV("apply", "a", "--dry-run", "b", "--bus", "unix:path=/x", "--", "--json"));

    assert_true(options->given[OPT_DRY_RUN]);
    assert_false(options->given[OPT_JSON]);
    assert_string_equal(options_value(options, OPT_BUS), "unix:path=/x");
    assert_list(options_words(options), "a,b,--json");
    assert_int_equal(options_n_words(options), 3);
}

static void test_map_is_for_status(void **state)
{
    (void)state;
    g_autoptr(Options) options = parse(ARGV("map", "--compact", "a"));

    assert_true(options->given[OPT_COMPACT]);
    assert_list(options_words(options), "a");
}

static void test_lists_repeat_and_go_on(void **state)
{
    (void)state;
    g_autoptr(Options) options =
        parse(ARGV("simulate", "--start", "a", "b", "--topology=core:4", "--start", "c", "--guests",
                   "d.xml", "e.xml", "--running", "--policy", "p", "--policy", "q"));

    assert_list(options_list(options, OPT_START), "a,b,c");
    assert_list(options_list(options, OPT_GUESTS), "d.xml,e.xml");
    assert_list(options_list(options, OPT_POLICY), "p,q");
    assert_string_equal(options_value(options, OPT_TOPOLOGY), "core:4");
    assert_true(options->given[OPT_RUNNING]);
    assert_int_equal(options_n_words(options), 0);
}

static void test_a_word_after_a_plain_option_stands_alone(void **state)
{
    (void)state;
    g_autoptr(Options) options = parse(ARGV("simulate", "--start", "a", "--running", "stray"));

    assert_list(options_list(options, OPT_START), "a");
    assert_list(options_words(options), "stray");
}

static void test_refusals(void **state)
{
    (void)state;
    assert_refused(ARGV("status", "--jsn"), "unknown option '--jsn'; did you mean '--json'?");
    assert_refused(ARGV("simulate", "--topolgy=x"),
                   "unknown option '--topolgy'; did you mean '--topology'?");
    assert_refused(ARGV("status", "--quite-another"), "unknown option '--quite-another'");
    assert_refused(ARGV("status", "--force"), "'status' takes no option '--force'");
    assert_refused(ARGV("plan", "--compact"), "'plan' takes no option '--compact'");
    assert_refused(ARGV("status", "-x"), "unknown option '-x'");
    assert_refused(ARGV("status", "--bus"), "option '--bus' needs an argument: ADDRESS");
    assert_refused(ARGV("status", "--json=yes"), "option '--json' takes no argument");
}

static void test_before_the_verb(void **state)
{
    static const OptionsPlace place = {.allowed = OPTIONS_GLOBAL};
    int index = 0;

    (void)state;
    g_autoptr(Options) options = options_new();
    g_autofree char *error = NULL;
    assert_int_equal(options_parse(options, &place, ARGV("vmtuned-ctl", "--json", "apply", "--all"),
                                   &index, &error),
                     0);
    assert_true(options->given[OPT_JSON]);
    assert_int_equal(index, 2);
    assert_int_equal(
        options_parse(options, &place, ARGV("vmtuned-ctl", "--force", "restore"), &index, &error),
        -EINVAL);
    assert_string_equal(error, "option '--force' goes after its verb");
}

static void test_every_row_is_whole(void **state)
{
    const Verb *verb;

    (void)state;
    for (unsigned i = 0; (verb = verb_get(i)); i++) {
        assert_non_null(verb->run);
        assert_non_null(verb->args);
        assert_non_null(verb->doc);
        assert_true(verb->min_words <= verb->max_words);
        assert_ptr_equal(verb_find(verb->name), verb);
    }
    for (unsigned id = 0; id < N_OPTIONS; id++) {
        assert_non_null(option_info((OptionId)id)->name);
        assert_non_null(option_info((OptionId)id)->doc);
    }
}

static void test_nearest_verb(void **state)
{
    (void)state;
    assert_null(verb_find("staus"));
    assert_string_equal(verb_nearest("staus"), "status");
    assert_string_equal(verb_nearest("simulat"), "simulate");
    assert_null(verb_nearest("entirely-else"));
}

static void test_verbs_of_two_words(void **state)
{
    (void)state;
    assert_true(verb_is_group("policy"));
    assert_false(verb_is_group("polic"));
    assert_false(verb_is_group("status"));
    assert_false(verb_is_group("policy show"));
    assert_int_equal(verbs_run(ARGV("vmtuned-ctl", "policy")), CTL_OK);
    assert_int_equal(verbs_run(ARGV("vmtuned-ctl", "policy", "--help")), CTL_OK);
    assert_int_equal(verbs_run(ARGV("vmtuned-ctl", "help", "policy")), CTL_OK);
    assert_int_equal(verbs_run(ARGV("vmtuned-ctl", "help", "policy", "show")), CTL_OK);
    assert_int_equal(verbs_run(ARGV("vmtuned-ctl", "policy", "show", "db1", "--help")), CTL_OK);
    assert_int_equal(verbs_run(ARGV("vmtuned-ctl", "policy", "db1")), CTL_USAGE);
    assert_int_equal(verbs_run(ARGV("vmtuned-ctl", "policy show", "db1", "x")), CTL_USAGE);
    assert_int_equal(verbs_run(ARGV("vmtuned-ctl", "policy", "show")), CTL_USAGE);
    assert_int_equal(verbs_run(ARGV("vmtuned-ctl", "help", "policy", "shw")), CTL_USAGE);
    assert_int_equal(verbs_run(ARGV("vmtuned-ctl", "policy", "--json", "show", "db1", "--bus",
                                    "unix:path=/nonexistent/vmtuned-test-bus")),
                     CTL_UNREACHABLE);
}

static void test_exit_status_of_bad_usage(void **state)
{
    (void)state;
    assert_int_equal(verbs_run(ARGV("vmtuned-ctl", "staus")), CTL_USAGE);
    assert_int_equal(verbs_run(ARGV("vmtuned-ctl", "knobs", "--host", "h")), CTL_USAGE);
    assert_int_equal(verbs_run(ARGV("vmtuned-ctl", "knobs", "vcpu.pni")), CTL_USAGE);
    assert_int_equal(verbs_run(ARGV("vmtuned-ctl", "knobs", "vcpu.pin", "cpu.weight")), CTL_OK);
    assert_int_equal(verbs_run(ARGV("vmtuned-ctl", "explain")), CTL_USAGE);
    assert_int_equal(verbs_run(ARGV("vmtuned-ctl", "host", "stray")), CTL_USAGE);
    assert_int_equal(verbs_run(ARGV("vmtuned-ctl", "restore")), CTL_USAGE);
    assert_int_equal(verbs_run(ARGV("vmtuned-ctl", "restore", "--all", "a")), CTL_USAGE);
    assert_int_equal(verbs_run(ARGV("vmtuned-ctl", "simulate")), CTL_USAGE);
    assert_int_equal(verbs_run(ARGV("vmtuned-ctl", "help", "staus")), CTL_USAGE);
    assert_int_equal(verbs_run(ARGV("vmtuned-ctl", "topology", "--isolated", "0")), CTL_USAGE);
    assert_int_equal(verbs_run(ARGV("vmtuned-ctl", "--version")), CTL_OK);
    assert_int_equal(verbs_run(ARGV("vmtuned-ctl", "status", "--help")), CTL_OK);
    assert_int_equal(verbs_run(ARGV("vmtuned-ctl", "help")), CTL_OK);
    assert_int_equal(verbs_run(ARGV("vmtuned-ctl", "help", "simulate")), CTL_OK);
    assert_int_equal(verbs_run(ARGV("vmtuned-ctl", "--json", "status", "--help")), CTL_OK);
    assert_int_equal(verbs_run(ARGV("vmtuned-ctl", "--json", "--version")), CTL_OK);
}

/* What would not be done is not taken. */
static void test_options_that_exclude_each_other(void **state)
{
    (void)state;
    assert_int_equal(verbs_run(ARGV("vmtuned-ctl", "--json", "map", "--svg", "x")), CTL_USAGE);
    assert_int_equal(verbs_run(ARGV("vmtuned-ctl", "map", "--svg", "x", "--watch")), CTL_USAGE);
    assert_int_equal(verbs_run(ARGV("vmtuned-ctl", "report", "--html", "x", "--json")), CTL_USAGE);
    assert_int_equal(verbs_run(ARGV("vmtuned-ctl", "metrics", "--output", "x", "--json")),
                     CTL_USAGE);
    assert_int_equal(verbs_run(ARGV("vmtuned-ctl", "-H", "h", "map", "--topology", "pu:4")),
                     CTL_USAGE);
    assert_int_equal(verbs_run(ARGV("vmtuned-ctl", "map", "--isolated", "0")), CTL_USAGE);
    assert_int_equal(verbs_run(ARGV("vmtuned-ctl", "map", "--running")), CTL_USAGE);
}

static void test_unreachable_daemon(void **state)
{
    (void)state;
    assert_int_equal(verbs_run(ARGV("vmtuned-ctl", "status", "--bus",
                                    "unix:path=/nonexistent/vmtuned-test-bus")),
                     CTL_UNREACHABLE);
    assert_int_equal(
        verbs_run(ARGV("vmtuned-ctl", "--bus", "unix:path=/nonexistent/vmtuned-test-bus")),
        CTL_UNREACHABLE); /* no verb: status */
    assert_int_equal(verbs_run(ARGV("vmtuned-ctl", "--bus", "unix:bogus=1", "reload")), CTL_USAGE);
    assert_int_equal(verbs_run(ARGV("vmtuned-ctl", "--bus", "unix:path=/x", "-Hh", "status")),
                     CTL_USAGE);
    assert_int_equal(verbs_run(ARGV("vmtuned-ctl", "status", "--watch=0")), CTL_USAGE);
    assert_int_equal(verbs_run(ARGV("vmtuned-ctl", "--bus", "unix:bogus=1", "status", "--watch")),
                     CTL_USAGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_words_and_options_mix),
        cmocka_unit_test(test_map_is_for_status),
        cmocka_unit_test(test_lists_repeat_and_go_on),
        cmocka_unit_test(test_a_word_after_a_plain_option_stands_alone),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_before_the_verb),
        cmocka_unit_test(test_every_row_is_whole),
        cmocka_unit_test(test_nearest_verb),
        cmocka_unit_test(test_verbs_of_two_words),
        cmocka_unit_test(test_exit_status_of_bad_usage),
        cmocka_unit_test(test_options_that_exclude_each_other),
        cmocka_unit_test(test_unreachable_daemon),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
