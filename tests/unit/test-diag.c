/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/diag.h"

#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

static char *format_one(DiagSeverity severity, const DiagPlace *place, const char *key,
                        const char *text)
{
    g_autoptr(DiagList) list = diag_list_new();

    diag_add(list, severity, place, key, "%s", text);
    assert_non_null(diag_list_get(list, 0));
    return diag_format(diag_list_get(list, 0));
}

static void assert_format(DiagSeverity severity, const DiagPlace *place, const char *key,
                          const char *expected)
{
    g_autofree char *text = format_one(severity, place, key, "it is wrong");

    assert_string_equal(text, expected);
}

static void test_list(void **state)
{
    g_autoptr(DiagList) list = diag_list_new();
    (void)state;

    diag_add(list, DIAG_ERROR, NULL, NULL, "%d of %s", 1, "two");
    diag_add(list, DIAG_WARNING, NULL, "k", "b");
    diag_add(list, DIAG_ERROR, NULL, NULL, "c");
    assert_int_equal(diag_list_count(list, DIAG_ERROR), 2);
    assert_int_equal(diag_list_count(list, DIAG_WARNING), 1);
    assert_int_equal(diag_list_count(list, DIAG_INFO), 0);
    assert_string_equal(diag_list_get(list, 0)->text, "1 of two");
    assert_string_equal(diag_list_get(list, 1)->key, "k");
    assert_null(diag_list_get(list, 3));
}

static void test_no_list(void **state)
{
    (void)state;
    diag_add(NULL, DIAG_ERROR, NULL, NULL, "nobody listens");
    diag_list_free(NULL);
}

static void test_take_all(void **state)
{
    g_autoptr(DiagList) list = diag_list_new();
    g_autoptr(DiagList) source = diag_list_new();
    (void)state;

    diag_add(list, DIAG_INFO, NULL, NULL, "a");
    diag_add(source, DIAG_INFO, NULL, NULL, "b");
    diag_add(source, DIAG_INFO, NULL, NULL, "c");
    diag_list_take_all(list, source);
    diag_list_take_all(list, source);
    assert_int_equal(diag_list_count(list, DIAG_INFO), 3);
    assert_string_equal(diag_list_get(list, 2)->text, "c");
    assert_int_equal(diag_list_count(source, DIAG_INFO), 0);
    diag_add(source, DIAG_INFO, NULL, NULL, "d");
    assert_string_equal(diag_list_get(source, 0)->text, "d");
}

static void test_format_parts(void **state)
{
    DiagPlace place = {.file = "p.yaml", .line = 3, .column = 5, .source_line = "cpu: x"};
    (void)state;

    assert_format(DIAG_ERROR, &place, "guests[0].cpu",
                  "p.yaml:3:5: error: guests[0].cpu: it is wrong\ncpu: x\n    ^\n");
    assert_format(DIAG_WARNING, NULL, NULL, "warning: it is wrong\n");
    assert_format(DIAG_INFO, NULL, "host", "info: host: it is wrong\n");
    place.column = 0;
    assert_format(DIAG_ERROR, &place, NULL, "p.yaml:3: error: it is wrong\ncpu: x\n");
    place = (DiagPlace){.file = "p.yaml"};
    assert_format(DIAG_ERROR, &place, NULL, "p.yaml: error: it is wrong\n");
    /* Without its line a column says nothing. */
    place.column = 7;
    assert_format(DIAG_ERROR, &place, NULL, "p.yaml: error: it is wrong\n");
}

static void test_caret_counts_characters(void **state)
{
    DiagPlace place = {.file = "f", .line = 1, .column = 4, .source_line = "\tüö: x"};
    (void)state;

    assert_format(DIAG_ERROR, &place, NULL, "f:1:4: error: it is wrong\n\tüö: x\n\t  ^\n");
    /* Past the end: at the end. */
    place = (DiagPlace){.file = "f", .line = 1, .column = 40, .source_line = "ab"};
    assert_format(DIAG_ERROR, &place, NULL, "f:1:40: error: it is wrong\nab\n  ^\n");
}

static void test_long_line_is_left_out(void **state)
{
    g_autofree char *line = g_strnfill(100000, 'x');
    DiagPlace place = {.file = "f", .line = 1, .column = 99999, .source_line = line};
    (void)state;

    assert_format(DIAG_ERROR, &place, NULL, "f:1:99999: error: it is wrong\n");
}

static void test_words_are_printable(void **state)
{
    DiagPlace place = {.file = "f\x1b[31m", .line = 1, .column = 2, .source_line = "a\xff\x07 b"};
    (void)state;

    assert_format(DIAG_ERROR, &place, "k\ny",
                  "f?[31m:1:2: error: k?y: it is wrong\na\uFFFD? b\n ^\n");
}

static void test_severity_name(void **state)
{
    (void)state;
    assert_string_equal(diag_severity_name(DIAG_ERROR), "error");
    assert_string_equal(diag_severity_name(DIAG_WARNING), "warning");
    assert_string_equal(diag_severity_name(DIAG_INFO), "info");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_list),
        cmocka_unit_test(test_no_list),
        cmocka_unit_test(test_take_all),
        cmocka_unit_test(test_format_parts),
        cmocka_unit_test(test_caret_counts_characters),
        cmocka_unit_test(test_long_line_is_left_out),
        cmocka_unit_test(test_words_are_printable),
        cmocka_unit_test(test_severity_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
