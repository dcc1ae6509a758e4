/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/log.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

static struct {
    unsigned calls;
    LogLevel level;
    const char *message_id;
    unsigned n_fields;
    char field[64]; /* the last */
    char message[256];
} seen;

static void remember(LogLevel level, const char *message_id, const LogField *fields,
                     const char *message)
{
    seen.calls++;
    seen.level = level;
    seen.message_id = message_id;
    for (; fields && fields->name; fields++, seen.n_fields++)
        g_snprintf(seen.field, sizeof(seen.field), "%s=%s", fields->name, fields->value);
    g_strlcpy(seen.message, message, sizeof(seen.message));
    errno = EIO;
}

static int reset(void **state)
{
    (void)state;
    memset(&seen, 0, sizeof(seen));
    log_set_sink(remember);
    log_set_level(LOG_LEVEL_INFO);
    return 0;
}

static void test_sink_gets_all(void **state)
{
    static const LogField fields[] = {{"VMTUNED_GUEST", "db-1"}, {NULL, NULL}};
    (void)state;

    log_full(LOG_LEVEL_NOTICE, "0123", fields, "%s is %d", "it", 42);
    assert_int_equal(seen.calls, 1);
    assert_int_equal(seen.level, LOG_LEVEL_NOTICE);
    assert_string_equal(seen.message_id, "0123");
    assert_int_equal(seen.n_fields, 1);
    assert_string_equal(seen.field, "VMTUNED_GUEST=db-1");
    assert_string_equal(seen.message, "it is 42");
}

static void test_level_filters(void **state)
{
    (void)state;
    log_debug("hidden");
    assert_int_equal(seen.calls, 0);
    log_info("shown");
    log_error("shown");
    assert_int_equal(seen.calls, 2);
    log_set_level(LOG_LEVEL_DEBUG);
    assert_int_equal(log_get_level(), LOG_LEVEL_DEBUG);
    log_debug("shown");
    assert_int_equal(seen.calls, 3);
    log_set_level(LOG_LEVEL_ERROR);
    log_warning("hidden");
    log_notice("hidden");
    assert_int_equal(seen.calls, 3);
}

static void test_words_of_others_are_made_safe(void **state)
{
    static const LogField fields[] = {
        {"VMTUNED_RIVAL", NULL}, {"VMTUNED_GUEST", "db\x1b[31m\nerror: forged\xff"}, {NULL, NULL}};
    (void)state;

    log_full(LOG_LEVEL_WARNING, NULL, fields, "%s: refused", "db\x1b[31m\r\xff");
    assert_string_equal(seen.message, "db?[31m?\uFFFD: refused");
    assert_int_equal(seen.n_fields, 2);
    assert_string_equal(seen.field, "VMTUNED_GUEST=db?[31m?error: forged\uFFFD");
}

static void test_errno_is_kept(void **state)
{
    (void)state;
    errno = ENOENT;
    log_error("%s", "x");
    assert_int_equal(errno, ENOENT);
}

static void test_stderr(void **state)
{
    char text[64] = "";
    int fds[2];
    (void)state;

    assert_int_equal(pipe(fds), 0);
    int saved = dup(STDERR_FILENO);
    dup2(fds[1], STDERR_FILENO);
    log_set_sink(NULL);
    log_warning("disk %d", 7);
    log_error("gone\nerror: forged");
    dup2(saved, STDERR_FILENO);
    close(saved);
    close(fds[1]);

    size_t length = 0;
    ssize_t n;
    while ((n = read(fds[0], text + length, sizeof(text) - 1 - length)) > 0)
        length += (size_t)n;
    close(fds[0]);
    assert_string_equal(text, "warning: disk 7\nerror: gone\n  error: forged\n");
    assert_int_equal(seen.calls, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_sink_gets_all, reset),
        cmocka_unit_test_setup(test_level_filters, reset),
        cmocka_unit_test_setup(test_words_of_others_are_made_safe, reset),
        cmocka_unit_test_setup(test_errno_is_kept, reset),
        cmocka_unit_test_setup(test_stderr, reset),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
