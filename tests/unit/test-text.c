/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Hostile text is shown without steering anything. */
#include "base/text.h"

#include <glib.h>
#include <json-c/json.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void assert_shown(const char *text, const char *shown)
{
    g_autofree char *safe = text_show(text);

    assert_string_equal(safe, shown);
}

static void test_plain_text_stays(void **state)
{
    (void)state;
    assert_shown("", "");
    assert_shown("db-1\tß 数据\n😀", "db-1\tß 数据\n😀");
    assert_shown("../../etc/passwd 'x'; DROP TABLE process; \"<a>&amp;",
                 "../../etc/passwd 'x'; DROP "
                 "TABLE process; \"<a>&amp;");
}

static void test_nothing_steers(void **state)
{
    (void)state;
    assert_shown("\x1b[2J\x1b]0;owned\a", "?[2J?]0;owned?");
    assert_shown("a\rb\bc\x7f", "a?b?c?");
    assert_shown("\xc2\x9b"
                 "31mred\xc2\x85",
                 "?31mred?");
    assert_shown("evil\u202egnp.exe\u2066\u200f\u061c\u2028", "evil?gnp.exe????");
}

static void test_bad_bytes(void **state)
{
    (void)state;
    assert_shown("a\xff\xc0\x80", "a\uFFFD\uFFFD\uFFFD");
    assert_shown("cut \xe2\x80", "cut \uFFFD\uFFFD");
    assert_shown("\x9b"
                 "31m",
                 "\uFFFD31m"); /* C1 as one byte */
}

/* 4 KiB of every byte there is. */
static void test_every_byte(void **state)
{
    char text[4097];

    (void)state;
    for (size_t i = 0; i + 1 < sizeof(text); i++)
        text[i] = (char)(i % 255 + 1);
    text[sizeof(text) - 1] = '\0';
    g_autofree char *safe = text_show(text);
    assert_true(g_utf8_validate(safe, -1, NULL));
    for (const char *p = safe; *p; p = g_utf8_next_char(p))
        assert_true(*p == '\n' || *p == '\t' || !g_unichar_iscntrl(g_utf8_get_char(p)));
}

/* What is printed is the very same document. */
static void test_json_keeps_all(void **state)
{
    static const char name[] = "a\x1b[31m\xc2\x9b\u202e\x7f\n\"\\";

    (void)state;
    struct json_object *document = json_object_new_object();
    json_object_object_add(document, "name", json_object_new_string(name));
    g_autofree char *safe =
        text_show_json(json_object_to_json_string_ext(document, JSON_C_TO_STRING_PRETTY));
    for (const char *p = safe; *p; p++)
        assert_true(*p == '\n' || (*p >= ' ' && *p < 0x7f));
    struct json_object *again = json_tokener_parse(safe), *value;
    assert_true(json_object_object_get_ex(again, "name", &value));
    assert_string_equal(json_object_get_string(value), name);
    json_object_put(again);
    json_object_put(document);
}

static void test_plain_names(void **state)
{
    static const char *const others[] = {"",           "42",    "-db",  "--help", "db 1",
                                         "db*",        "db;id", "db$x", "d'b'",   "dß",
                                         "db\x1b[31m", "db\n",  "db#",  "~db"};

    (void)state;
    assert_true(text_is_plain_name("db-1"));
    assert_true(text_is_plain_name("4th_guest.example"));
    for (size_t i = 0; i < G_N_ELEMENTS(others); i++)
        assert_false(text_is_plain_name(others[i]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plain_text_stays), cmocka_unit_test(test_nothing_steers),
        cmocka_unit_test(test_bad_bytes),        cmocka_unit_test(test_every_byte),
        cmocka_unit_test(test_json_keeps_all),   cmocka_unit_test(test_plain_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
