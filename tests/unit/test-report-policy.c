/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Policy in force against files: what differs is told key by key, equal values never. */
#include "policy/policy-load.h"
#include "report/report.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static const PolicySubject guests[] = {
    {.name = "db1", .uuid = "6a0f7d5c-1b1e-4f0e-9d0c-2b8f6f1c0001", .os = "http://debian.org/12"},
    {.name = "web1", .uuid = "6a0f7d5c-1b1e-4f0e-9d0c-2b8f6f1c0002"},
};

static Policy *parse(const char *name, const char *text)
{
    Policy *policy = policy_new();
    g_autoptr(DiagList) diags = diag_list_new();
    g_autofree char *whole = g_strconcat("version: 1\n", text, "\n", NULL);

    if (policy_parse(whole, strlen(whole), name, policy, diags) < 0)
        fail_msg("%s", diag_list_get(diags, 0)->text);
    return policy;
}

static struct json_object *diff(const char *old, const char *now)
{
    g_autoptr(Policy) before = parse("old.yaml", old);
    g_autoptr(Policy) after = parse("new.yaml", now);
    struct json_object *in_force =
        report_policy_in_force(NULL, before, guests, G_N_ELEMENTS(guests));
    struct json_object *document = report_policy_diff(in_force, after);

    json_object_put(in_force);
    return document;
}

/* The differences as "guest key: from (origin) -> to (origin) changes". */
static char *differences(struct json_object *document)
{
    struct json_object *rows = json_object_object_get(document, "differences");
    GString *out = g_string_new(NULL);

    for (size_t i = 0; i < json_object_array_length(rows); i++) {
        struct json_object *row = json_object_array_get_idx(rows, i);
        static const char *const names[] = {"guest", "key",       "from",   "from_origin",
                                            "to",    "to_origin", "changes"};
        for (unsigned n = 0; n < G_N_ELEMENTS(names); n++) {
            struct json_object *value = json_object_object_get(row, names[n]);
            g_string_append_printf(out, "%s%s", n > 0 ? " " : "",
                                   value ? json_object_get_string(value) : "-");
        }
        g_string_append_c(out, '\n');
    }
    return g_string_free(out, FALSE);
}

static void assert_differs(const char *old, const char *now, const char *expected)
{
    struct json_object *document = diff(old, now);
    g_autofree char *text = differences(document);

    assert_string_equal(text, expected);
    assert_int_equal(report_get_exit(document), expected[0] ? REPORT_MISMATCH : REPORT_OK);
    json_object_put(document);
}

static void test_same(void **state)
{
    (void)state;
    static const char *const pairs[][2] = {
        {"", ""},
        {"interval: 60s", "interval: 1m"},
        {"host: {cpu_overcommit: 4}", "host: {cpu_overcommit: \"4.0\"}"},
        {"host: {reserved_memory: {0: 4GiB}}", "host: {reserved_memory: {0: 4096MiB}}"},
        {"defaults: {cpu: {hints: on}}", "defaults: {cpu: {hints: true}}"},
        {"defaults: {numa: {nodes: \"0,1\"}}", "defaults: {numa: {nodes: \"0-1\"}}"},
        {"", "defaults: {cpu: {policy: shared}}"}, /* an explicit default */
        {"guests: [{match: {name: db1}, priority: 7}]",
         "guests: [{match: {os: \"*debian*\"}, priority: 7}]"},
        {"host: {hugepages: {pools: [{node: 0, size: 2MiB}]}}",
         "host: {hugepages: {pools: [{size: 2048KiB, node: 0}]}}"},
    };

    for (unsigned i = 0; i < G_N_ELEMENTS(pairs); i++) {
        assert_differs(pairs[i][0], pairs[i][1], "");
        assert_differs(pairs[i][1], pairs[i][0], "");
    }
}

static void test_differences(void **state)
{
    (void)state;
    assert_differs("mode: observe", "mode: enforce",
                   "- mode observe old.yaml:2 enforce new.yaml:2 [ ]\n");
    assert_differs("defaults: {disk: {cache: none}}", "",
                   "db1 disk.cache none old.yaml:2 - default [ \"cold\" ]\n"
                   "web1 disk.cache none old.yaml:2 - default [ \"cold\" ]\n");
    assert_differs("guests: [{match: {name: db1}}]",
                   "guests: [{match: {name: db1}, cpu: {policy: dedicated}}]",
                   "db1 cpu.policy shared default dedicated new.yaml:2 [ \"live\" ]\n");
    assert_differs("defaults: {disk: {iothreads: 1}}", "defaults: {disk: {iothreads: 2}}",
                   "db1 disk.iothreads 1 old.yaml:2 2 new.yaml:2 [ \"live\", \"cold\" ]\n"
                   "web1 disk.iothreads 1 old.yaml:2 2 new.yaml:2 [ \"live\", \"cold\" ]\n");
}

static void test_who_is_named(void **state)
{
    (void)state;
    assert_differs("", "guests: [{match: {name: web*}}]", "web1 match - - named new.yaml:2 [ ]\n");
    assert_differs("guests: [{match: {name: web*}}]", "", "web1 match named old.yaml:2 - - [ ]\n");
}

/* Of another version: rows that are not there, keys nobody knows, other types. */
static void test_odd_document(void **state)
{
    (void)state;
    struct json_object *in_force = json_tokener_parse(
        "{\"host\": [{\"key\": \"mood\", \"value\": 1}, 7, {\"key\": \"mode\", \"value\": 5}],"
        " \"guests\": [{\"name\": \"db1\", \"keys\": {}}, 3, {}]}");
    g_autoptr(Policy) policy = parse("new.yaml", "mode: enforce\ndefaults: {priority: 3}");
    struct json_object *document = report_policy_diff(in_force, policy);
    g_autofree char *text = differences(document);

    assert_string_equal(text, "- mode - - enforce new.yaml:2 [ ]\n");
    json_object_put(document);
    json_object_put(in_force);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_same),
        cmocka_unit_test(test_differences),
        cmocka_unit_test(test_who_is_named),
        cmocka_unit_test(test_odd_document),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
