/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ctl/progress.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static Doc *job_new(const char *phase, int64_t done, int64_t total, const char *unit)
{
    Doc *job = json_object_new_object();

    json_object_object_add(job, "Kind", json_object_new_string("apply"));
    json_object_object_add(job, "Phase", json_object_new_string(phase));
    json_object_object_add(job, "Done", json_object_new_int64(done));
    json_object_object_add(job, "Total", json_object_new_int64(total));
    json_object_object_add(job, "Unit", json_object_new_string(unit));
    return job;
}

static void assert_line(Doc *job, unsigned columns, bool utf8, const char *wanted)
{
    g_autofree char *line = progress_line(job, columns, utf8);

    assert_string_equal(line, wanted);
    assert_true(g_utf8_strlen(line, -1) <= (long)columns);
}

static void the_bar_fills(void **state)
{
    g_autoptr(Doc) none = job_new("changing guests", 0, 4, "guests");
    g_autoptr(Doc) half = job_new("changing guests", 2, 4, "guests");
    g_autoptr(Doc) more = job_new("changing guests", 5, 4, "guests");

    (void)state;
    assert_line(none, 79, false, "apply: changing guests [........................] 0/4 guests");
    assert_line(half, 79, false, "apply: changing guests [############............] 2/4 guests");
    assert_line(half, 79, true, "apply: changing guests [████████████░░░░░░░░░░░░] 2/4 guests");
    assert_line(more, 79, false, "apply: changing guests [########################] 5/4 guests");
}

static void what_is_not_known_has_no_bar(void **state)
{
    g_autoptr(Doc) job = job_new("waiting for its reboot", 0, 0, "seconds");

    (void)state;
    assert_line(job, 79, true, "apply: waiting for its reboot");
}

static void narrow_terminals_get_less(void **state)
{
    g_autoptr(Doc) job = job_new("changing guests", 2, 4, "guests");

    (void)state;
    assert_line(job, 40, true, "apply: changing guests 2/4 guests");
    assert_line(job, 10, true, "apply: cha");
    assert_line(job, 0, true, "");
}

static void words_cannot_steer_the_terminal(void **state)
{
    g_autoptr(Doc) job = job_new("\033[2Jgone\n", 0, 0, "guests");
    g_autofree char *line = progress_line(job, 79, true);

    (void)state;
    assert_null(strchr(line, '\033'));
    assert_null(strchr(line, '\n'));
}

static void counts_have_their_unit(void **state)
{
    static const struct {
        uint64_t done, total;
        const char *unit, *wanted;
    } cases[] = {
        {3, 20, "guests", "3/20 guests"},
        {45, 100, "percent", "45%"},
        {12, 300, "seconds", "12/300 s"},
        {512, 4096, "pages", "512/4096 pages"},
        {0, 0, "guests", "-"},
    };

    (void)state;
    for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *text = progress_count(cases[i].done, cases[i].total, cases[i].unit);
        assert_string_equal(text, cases[i].wanted);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_bar_fills),
        cmocka_unit_test(what_is_not_known_has_no_bar),
        cmocka_unit_test(narrow_terminals_get_less),
        cmocka_unit_test(words_cannot_steer_the_terminal),
        cmocka_unit_test(counts_have_their_unit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
