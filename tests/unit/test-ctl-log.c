/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ctl/show-log.h"
#include "ctl/style.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#define CHANGE(id, time, knob, instance, plane, from, why)                                         \
    "{\"id\": " id ", \"time\": \"2025-11-21T09:0" time "Z\", \"name\": \"db\", \"uuid\": \"u\","  \
    " \"knob\": \"" knob "\", \"instance\": \"" instance "\", \"plane\": \"" plane                 \
    "\", \"from\": " from ", \"to\": \"4\", \"why\": \"" why                                       \
    "\", \"reason\": null, \"origin\": \"p.yaml:5\", \"result\": \"done\"}"

/* A pin, with the cgroup and two threads of it; one more thread, later. */
static const char text[] = "{\"version\": 1, \"exit\": 0, \"changes\": [" CHANGE(
    "7", "1:00", "vcpu.pin", "0", "live", "null",
    "plan") "," CHANGE("8", "1:00", "vcpu.pin", "0", "actual", "\"0-7\"",
                       "plan") "," CHANGE("9", "1:00", "vcpu.pin", "0/71", "actual", "\"0-7\"",
                                          "plan") "," CHANGE("10", "1:00", "vcpu.pin", "1/72",
                                                             "actual", "\"0-7\"",
                                                             "plan") "," CHANGE("11", "2:00",
                                                                                "vcpu.pin", "0/71",
                                                                                "actual", "\"0-7\"",
                                                                                "drift") "]}";

static int setup(void **state)
{
    (void)state;
    setenv("TZ", "UTC", 1);
    return 0;
}

static char *shown(const Table *table)
{
    static const StyleMode bare = {.legend = true};
    g_autoptr(GString) out = g_string_new(NULL);

    table_print(table, out);
    return style_show(out->str, &bare, NULL);
}

static char **lines_of(bool reverse)
{
    g_autoptr(Doc) document = json_tokener_parse(text);
    g_autoptr(Table) table = log_table_new();

    log_table_add(table, document, reverse);
    g_autofree char *all = shown(table);
    return g_strsplit(all, "\n", -1);
}

/* Columns are two spaces or more apart. */
static void assert_row(const char *line, const char *const *cells)
{
    g_auto(GStrv) parts = g_regex_split_simple("  +", line, 0, 0);

    assert_int_equal(g_strv_length(parts), 8);
    for (unsigned i = 0; cells[i]; i++)
        assert_string_equal(parts[i], cells[i]);
}

static void test_rows(void **state)
{
    g_auto(GStrv) lines = lines_of(false);
    (void)state;

    assert_int_equal(g_strv_length(lines), 1 + 4 + 1);
    assert_row(lines[0], (const char *const[]){"TIME", "GUEST", "SETTING", "PLANE", "FROM", "TO",
                                               "RESULT", "WHY", NULL});
    assert_row(lines[1], (const char *const[]){"2025-11-21 09:01:00", "db", "vcpu.pin 0", "live",
                                               "not set", "4", "done", "plan (p.yaml:5)", NULL});
    assert_row(lines[2], (const char *const[]){"2025-11-21 09:01:00", "db", "vcpu.pin 0 (2 times)",
                                               "actual", "0-7", NULL});
    assert_row(lines[3],
               (const char *const[]){"2025-11-21 09:01:00", "db", "vcpu.pin 1/72", "actual", NULL});
    assert_row(lines[4],
               (const char *const[]){"2025-11-21 09:02:00", "db", "vcpu.pin 0/71", "actual", "0-7",
                                     "4", "done", "drift (p.yaml:5)", NULL});
}

static void test_reverse(void **state)
{
    g_auto(GStrv) lines = lines_of(false), back = lines_of(true);
    (void)state;

    for (unsigned i = 1; i <= 4; i++)
        assert_string_equal(lines[i], back[5 - i]);
}

static void test_following(void **state)
{
    g_autoptr(Doc) document = json_tokener_parse(text), news = log_after(document, 10);
    g_autoptr(Doc) none = log_after(document, 11);
    g_autoptr(Table) table = log_table_new();
    (void)state;

    assert_int_equal(doc_length(none, "changes"), 0);
    assert_int_equal(doc_length(news, "changes"), 1);
    assert_int_equal(doc_number(news, "version"), 1);
    assert_int_equal(log_time_usec(doc_at(news, "changes", 0)),
                     INT64_C(1763715720) * G_USEC_PER_SEC);
    assert_int_equal(log_time_usec(NULL), 0);

    log_table_add(table, document, false);
    g_autofree char *all = shown(table);
    table_continue(table);
    log_table_add(table, news, false);
    g_autofree char *more = shown(table);
    assert_true(g_str_has_suffix(all, more)); /* without a heading, in the same columns */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_reverse),
        cmocka_unit_test(test_following),
    };

    return cmocka_run_group_tests(tests, setup, NULL);
}
