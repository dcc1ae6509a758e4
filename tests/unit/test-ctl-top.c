/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Two documents of what was used so far, and what vmtuned-ctl top makes of them. */
#include "ctl/show-top.h"
#include "ctl/style.h"
#include "ctl/top-document.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#define VCPU(id, tid, cpus, last, cpu, delay)                                                      \
    "{\"class\": \"vcpu\", \"id\": " id ", \"tid\": " tid ", \"started\": 7, \"name\": \"CPU\","   \
    " \"cpus\": \"" cpus "\", \"planned\": \"2-3\", \"last_cpu\": " last ", \"cpu_nsec\": " cpu    \
    ", \"delay_nsec\": " delay "}"
#define MAIN(cpu)                                                                                  \
    "{\"class\": \"emulator\", \"id\": 0, \"tid\": 9, \"started\": 7, \"name\": \"qemu\","         \
    " \"cpus\": \"0\", \"planned\": null, \"last_cpu\": 0, \"cpu_nsec\": " cpu                     \
    ", \"delay_nsec\": 0}"
#define GUEST(name, time, local, threads)                                                          \
    "{\"name\": \"" name "\", \"uuid\": \"u-" name "\", \"state\": \"as-planned\", \"text\": "     \
    "null, \"vcpus\": 2, \"locality_pct\": " local                                                 \
    ", \"drift\": 3, \"repaired\": 1, \"time_usec\": " time ", \"threads\": [" threads "]}"
#define USAGE(guests) "{\"version\": 1, \"exit\": 0, \"guests\": [" guests "]}"

/* One second apart: db ran 1.5 s on two vCPUs, one of which waited half of the time. */
static const char before_text[] = USAGE(GUEST(
    "db", "5000000", "99",
    MAIN("0") "," VCPU("0", "10", "2", "2", "0", "0") "," VCPU("1", "11", "0-3", "1", "0", "0")));
static const char now_text[] =
    USAGE(GUEST("db", "6000000", "99",
                MAIN("100000000") "," VCPU("0", "10", "2", "2", "1000000000", "0") "," VCPU(
                    "1", "11", "0-3", "1", "400000000",
                    "500000000")) "," GUEST("web", "6000000", "20",
                                            MAIN("5")) "," GUEST("off", "null", "null", ""));

static Doc *doc(const char *text)
{
    Doc *document = json_tokener_parse(text);

    assert_non_null(document);
    return document;
}

static Doc *top_of_both(void)
{
    g_autoptr(Doc) before = doc(before_text), now = doc(now_text);

    return top_document(before, now);
}

static void assert_rates(Doc *object, double cpu_pct, double delay_pct)
{
    assert_non_null(doc_get(object, "cpu_pct"));
    assert_float_equal(doc_real(object, "cpu_pct"), cpu_pct, 0.01);
    assert_float_equal(doc_real(object, "delay_pct"), delay_pct, 0.01);
}

static void test_rates(void **state)
{
    g_autoptr(Doc) top = top_of_both();
    Doc *db = doc_at(top, "guests", 0), *web = doc_at(top, "guests", 1);
    (void)state;

    assert_int_equal(doc_length(top, "guests"), 3);
    assert_string_equal(doc_word(db, "name"), "db");
    assert_int_equal(doc_number(db, "drift"), 3);
    assert_rates(db, 150, 25);
    assert_rates(doc_at(db, "threads", 0), 10, 0);
    assert_rates(doc_at(db, "threads", 1), 100, 0);
    assert_rates(doc_at(db, "threads", 2), 40, 50);
    assert_true(doc_bool(web, "running"));
    assert_null(doc_get(web, "cpu_pct")); /* there was no look before */
    assert_false(doc_bool(doc_at(top, "guests", 2), "running"));
}

static void test_first_look(void **state)
{
    g_autoptr(Doc) now = doc(now_text), top = top_document(NULL, now);
    (void)state;

    assert_null(doc_get(doc_at(top, "guests", 0), "cpu_pct"));
    assert_null(doc_get(doc_at(doc_at(top, "guests", 0), "threads", 1), "delay_pct"));
}

static void test_astray(void **state)
{
    g_autoptr(Doc) top = top_of_both();
    Doc *db = doc_at(top, "guests", 0);
    (void)state;

    assert_false(doc_bool(doc_at(db, "threads", 0), "astray")); /* it belongs nowhere else */
    assert_false(doc_bool(doc_at(db, "threads", 1), "astray"));
    assert_true(doc_bool(doc_at(db, "threads", 2), "astray"));
}

static void assert_shows(const TopView *view, const char *expected)
{
    static const StyleMode bare = {.legend = true};
    g_autoptr(Doc) top = top_of_both();
    g_autoptr(GString) out = g_string_new(NULL);

    show_top(view, top, out);
    g_autofree char *shown = style_show(out->str, &bare, NULL);
    assert_string_equal(shown, expected);
}

#define SUMMARY "3 guests, 2 running with 4 vCPUs; together 150.0% of a CPU\n"
#define HEADING                                                                                    \
    "GUEST  STATE       VCPUS    CPU%  DELAY%  LOCAL  DRIFT  ASTRAY  VCPUS ON  OTHERS ON\n"
#define DB "db     as-planned  2       150.0    25.0  99%    3/1    1       1-2       0\n"
#define WEB "web    as-planned  2      -       -       20%    3/1    0       -         0\n"

static void test_text(void **state)
{
    (void)state;
    assert_shows(&(TopView){0}, SUMMARY HEADING DB WEB);
    assert_shows(&(TopView){.order = TOP_BY_DELAY}, SUMMARY HEADING DB WEB);
    assert_shows(&(TopView){.order = TOP_BY_NAME}, SUMMARY HEADING DB WEB);
    assert_shows(&(TopView){.order = TOP_BY_LOCALITY}, SUMMARY HEADING WEB DB);
}

static void test_threads(void **state)
{
    g_autoptr(Doc) top = top_of_both();
    g_autoptr(GString) out = g_string_new(NULL);
    (void)state;

    show_top(&(TopView){.threads = true}, top, out);
    g_autofree char *shown = style_show(out->str, &(StyleMode){0}, NULL);
    g_auto(GStrv) lines = g_strsplit(shown, "\n", -1);
    assert_int_equal(g_strv_length(lines), 2 + 4 + 1);
    assert_true(g_str_has_prefix(lines[1], "  vCPU 0"));
    assert_true(g_str_has_prefix(lines[2], "  vCPU 1"));
    assert_true(g_str_has_prefix(lines[3], "  emulator qemu"));
    assert_true(g_str_has_suffix(lines[1], "  2"));
    assert_true(g_str_has_suffix(lines[2], "  0-3, belongs on 2-3"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rates),   cmocka_unit_test(test_first_look),
        cmocka_unit_test(test_astray),  cmocka_unit_test(test_text),
        cmocka_unit_test(test_threads),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
