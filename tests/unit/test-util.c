/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/util.h"

#include <errno.h>
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

typedef int (*Parser)(const char *text, uint64_t *ret);

static void assert_parses(Parser parse, const char *text, uint64_t expected)
{
    uint64_t value = 77;
    int r = parse(text, &value);

    if (r != 0 || value != expected)
        fail_msg("\"%s\": %d, %llu; %llu expected", text, r, (unsigned long long)value,
                 (unsigned long long)expected);
}

static void assert_fails(Parser parse, const char *text, int expected)
{
    uint64_t value = 77;
    int r = parse(text, &value);

    if (r != expected || value != 77)
        fail_msg("\"%s\": %d, %d expected", text, r, expected);
}

static int parse_to_1000(const char *text, uint64_t *ret)
{
    return parse_u64(text, 1000, ret);
}

static int parse_any(const char *text, uint64_t *ret)
{
    return parse_u64(text, UINT64_MAX, ret);
}

static void test_u64(void **state)
{
    static const char *const bad[] = {"", " 1", "1 ", "+1", "-1", "-0", "0x10", "1.0", "a", "1a"};
    (void)state;

    assert_parses(parse_to_1000, "0", 0);
    assert_parses(parse_to_1000, "007", 7);
    assert_parses(parse_to_1000, "1000", 1000);
    assert_fails(parse_to_1000, "1001", -ERANGE);
    assert_parses(parse_any, "18446744073709551615", UINT64_MAX);
    assert_fails(parse_any, "18446744073709551616", -ERANGE);
    for (size_t i = 0; i < G_N_ELEMENTS(bad); i++)
        assert_fails(parse_any, bad[i], -EINVAL);
}

static void test_size(void **state)
{
    static const char *const bad[] = {"",           "M",    "-1M",   "1 M", "1Mx",  "1MiBB",
                                      "1.M",        ".5M",  "1..5M", "1.5", "1.5B", "1i",
                                      "1.1234567M", "0x1M", "1P",    "1e3"};
    (void)state;

    assert_parses(parse_size, "0", 0);
    assert_parses(parse_size, "512", 512);
    assert_parses(parse_size, "512B", 512);
    assert_parses(parse_size, "4K", 4096);
    assert_parses(parse_size, "4KiB", 4096);
    assert_parses(parse_size, "4KB", 4000);
    assert_parses(parse_size, "2MiB", 2097152);
    assert_parses(parse_size, "2MB", 2000000);
    assert_parses(parse_size, "1G", UINT64_C(1) << 30);
    assert_parses(parse_size, "1gib", UINT64_C(1) << 30);
    assert_parses(parse_size, "1GB", 1000000000);
    assert_parses(parse_size, "1TiB", UINT64_C(1) << 40);
    assert_parses(parse_size, "1TB", UINT64_C(1000000000000));
    assert_parses(parse_size, "1.5GiB", UINT64_C(3) << 29);
    assert_parses(parse_size, "0.000001TiB", 1099511);
    assert_parses(parse_size, "0.1KiB", 102);
    assert_parses(parse_size, "16777215TiB", UINT64_C(16777215) << 40);
    assert_parses(parse_size, "16777215.999999TiB", (UINT64_C(16777215) << 40) + 1099510528264);
    assert_fails(parse_size, "16777216TiB", -ERANGE);
    assert_fails(parse_size, "99999999999999999999", -ERANGE);
    for (size_t i = 0; i < G_N_ELEMENTS(bad); i++)
        assert_fails(parse_size, bad[i], -EINVAL);
}

static void test_duration(void **state)
{
    static const char *const bad[] = {"",     "s",      "-1s",  "1 s", "1s ", "1.5s",
                                      "1m30", "1m 30s", "1sec", "1S",  "30,", "1m30s5"};
    (void)state;

    assert_parses(parse_duration, "0", 0);
    assert_parses(parse_duration, "30", 30000000);
    assert_parses(parse_duration, "7us", 7);
    assert_parses(parse_duration, "250ms", 250000);
    assert_parses(parse_duration, "30s", 30000000);
    assert_parses(parse_duration, "10m", 600000000);
    assert_parses(parse_duration, "10min", 600000000);
    assert_parses(parse_duration, "1h", UINT64_C(3600000000));
    assert_parses(parse_duration, "2d", UINT64_C(172800000000));
    assert_parses(parse_duration, "1m30s", 90000000);
    assert_parses(parse_duration, "1h1ms", UINT64_C(3600001000));
    assert_fails(parse_duration, "213503983d", -ERANGE);
    assert_fails(parse_duration, "213503982d213503982d", -ERANGE);
    assert_fails(parse_duration, "99999999999999999999", -ERANGE);
    for (size_t i = 0; i < G_N_ELEMENTS(bad); i++)
        assert_fails(parse_duration, bad[i], -EINVAL);
}

static void assert_text(char *text, const char *expected)
{
    assert_string_equal(text, expected);
    g_free(text);
}

static void test_format(void **state)
{
    (void)state;
    assert_text(format_size_kib(0), "0KiB");
    assert_text(format_size_kib(1536), "1536KiB");
    assert_text(format_size_kib(65536), "64MiB");
    assert_text(format_size_kib(4194304), "4GiB");
    assert_text(format_size_kib(UINT64_C(3) << 30), "3TiB");
    assert_text(format_size_kib(UINT64_C(1) << 40), "1024TiB");
    assert_text(format_duration(0), "0s");
    assert_text(format_duration(1), "1us");
    assert_text(format_duration(250000), "250ms");
    assert_text(format_duration(30000000), "30s");
    assert_text(format_duration(90000000), "90s");
    assert_text(format_duration(600000000), "10min");
    assert_text(format_duration(UINT64_C(3600000000)), "1h");
    assert_text(format_duration(UINT64_C(172800000000)), "2d");
}

static void test_format_round_trip(void **state)
{
    static const uint64_t values[] = {1, 999, 1000, 59000000, 60000000, UINT64_C(86400000000)};
    (void)state;

    for (size_t i = 0; i < G_N_ELEMENTS(values); i++) {
        g_autofree char *duration = format_duration(values[i]);
        g_autofree char *size = format_size_kib(values[i]);
        assert_parses(parse_duration, duration, values[i]);
        assert_parses(parse_size, size, values[i] * 1024);
    }
}

static void test_distance(void **state)
{
    (void)state;
    assert_int_equal(text_distance("", ""), 0);
    assert_int_equal(text_distance("abc", ""), 3);
    assert_int_equal(text_distance("", "abc"), 3);
    assert_int_equal(text_distance("policy", "policy"), 0);
    assert_int_equal(text_distance("polcy", "policy"), 1);
    assert_int_equal(text_distance("poilcy", "policy"), 1); /* a swap is one step */
    assert_int_equal(text_distance("kitten", "sitting"), 3);
    assert_int_equal(text_distance("ca", "abc"), 3);
}

static void test_nearest(void **state)
{
    static const char *const words[] = {"policy", "priority", "persist", "drift", "draft", NULL};
    static const char *const none[] = {NULL};
    g_autofree char *absurd = g_strnfill(1000000, 'p');
    (void)state;

    assert_string_equal(text_nearest("polcy", words), "policy");
    assert_string_equal(text_nearest("prioriti", words), "priority");
    assert_string_equal(text_nearest("drift", words), "drift");
    assert_string_equal(text_nearest("draft", words), "draft");
    assert_string_equal(text_nearest("druft", words), "drift"); /* a tie: the first */
    assert_null(text_nearest("memory", words));
    assert_null(text_nearest("p", words));
    assert_null(text_nearest("", words));
    assert_null(text_nearest("policy", none));
    assert_null(text_nearest(absurd, words));
}

static void test_glob(void **state)
{
    (void)state;
    assert_true(glob_matches("db-*", "db-1"));
    assert_true(glob_matches("*", ""));
    assert_true(glob_matches("*", ".hidden/with/slash"));
    assert_true(glob_matches("db-[0-9]?", "db-1x"));
    assert_true(glob_matches("a\\*b", "a*b"));
    assert_false(glob_matches("a\\*b", "axb"));
    assert_false(glob_matches("db-*", "web-1"));
    assert_false(glob_matches("", "x"));
}

static void test_cmp(void **state)
{
    (void)state;
    assert_int_equal(CMP(1u, 2u), -1);
    assert_int_equal(CMP(UINT64_MAX, UINT64_C(1)), 1);
    assert_int_equal(CMP(-5, -5), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_u64),
        cmocka_unit_test(test_size),
        cmocka_unit_test(test_duration),
        cmocka_unit_test(test_format),
        cmocka_unit_test(test_format_round_trip),
        cmocka_unit_test(test_distance),
        cmocka_unit_test(test_nearest),
        cmocka_unit_test(test_glob),
        cmocka_unit_test(test_cmp),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
