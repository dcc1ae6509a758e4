/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ctl/since.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <cmocka.h>

#define NOW                                                                                        \
    (INT64_C(1763716110) * G_USEC_PER_SEC) /* 2025-11-21 09:08:30 UTC, 10:08:30 in Vienna          \
                                            */
#define MINUTES(n) ((n)*INT64_C(60) * G_USEC_PER_SEC)

static int setup(void **state)
{
    (void)state;
    setenv("TZ", "CET-1", 1);
    return 0;
}

static void assert_ago(const char *text, int64_t ago_usec)
{
    int64_t usec = 0;

    assert_int_equal(since_parse(text, NOW, &usec), 0);
    assert_int_equal(NOW - usec, ago_usec);
}

static void test_ago(void **state)
{
    (void)state;
    assert_ago("10min", MINUTES(10));
    assert_ago("2h", MINUTES(120));
    assert_ago("3d", MINUTES(3 * 24 * 60));
    assert_ago("90", MINUTES(3) / 2);
}

static void test_local_times(void **state)
{
    (void)state;
    assert_ago("2025-11-21 10:08:30", 0);
    assert_ago("2025-11-21T10:08", MINUTES(1) / 2);
    assert_ago("2025-11-21 09:00", MINUTES(68) + MINUTES(1) / 2);
    assert_ago("10:00", MINUTES(8) + MINUTES(1) / 2);
    assert_ago("00:00:30", MINUTES(10 * 60 + 8));
    assert_ago("2025-11-20", MINUTES(24 * 60 + 10 * 60 + 8) + MINUTES(1) / 2);
}

static void test_no_times(void **state)
{
    static const char *const texts[] = {"",
                                        "yesterday",
                                        "2h later",
                                        "-",
                                        ":",
                                        "25:00",
                                        "2025-13-01",
                                        "2025-11-21 10",
                                        "2025-11-21 ",
                                        "2025-11-22",
                                        "11:00",
                                        "2025-11-21 10:09",
                                        "999999999999999d",
                                        "2025-11-21 10:08:30:00"};
    int64_t usec;
    (void)state;

    for (size_t i = 0; i < G_N_ELEMENTS(texts); i++)
        if (since_parse(texts[i], NOW, &usec) != -EINVAL)
            fail_msg("'%s' was taken as a time", texts[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ago),
        cmocka_unit_test(test_local_times),
        cmocka_unit_test(test_no_times),
    };

    return cmocka_run_group_tests(tests, setup, NULL);
}
