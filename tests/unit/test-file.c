/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

static char *directory;
static int directory_fd;

static int make_directory(void **state)
{
    (void)state;
    directory = g_dir_make_tmp("test-file-XXXXXX", NULL);
    directory_fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return directory_fd < 0 ? -1 : 0;
}

static int remove_directory(void **state)
{
    g_autofree char *path = g_build_filename(directory, "f", NULL);
    (void)state;

    g_unlink(path);
    close(directory_fd);
    int r = g_rmdir(directory);
    g_free(directory);
    return r;
}

static void put(const char *bytes, size_t length)
{
    g_autofree char *path = g_build_filename(directory, "f", NULL);

    assert_true(g_file_set_contents(path, bytes, (gssize)length, NULL));
}

static void test_reads(void **state)
{
    g_autofree char *text = NULL;
    (void)state;

    put(" 0-3 \n\n", 7);
    assert_int_equal(file_read_small(directory_fd, "f", 100, &text), 0);
    assert_string_equal(text, " 0-3");
}

static void test_empty(void **state)
{
    g_autofree char *text = NULL;
    (void)state;

    put("", 0);
    assert_int_equal(file_read_small(directory_fd, "f", 0, &text), 0);
    assert_string_equal(text, "");
}

static void test_limit(void **state)
{
    g_autofree char *big = g_strnfill(10000, 'x');
    g_autofree char *text = NULL;
    (void)state;

    put(big, 10000);
    assert_int_equal(file_read_small(directory_fd, "f", 9999, &text), -EFBIG);
    assert_null(text);
    assert_int_equal(file_read_small(directory_fd, "f", 10000, &text), 0);
    assert_string_equal(text, big);
}

static void test_errors(void **state)
{
    g_autofree char *text = NULL;
    (void)state;

    assert_int_equal(file_read_small(directory_fd, "none", 100, &text), -ENOENT);
    assert_int_equal(file_read_small(AT_FDCWD, directory, 100, &text), -EISDIR);
    assert_null(text);
}

static void test_procfs(void **state)
{
    g_autofree char *text = NULL;
    (void)state;

    assert_int_equal(file_read_small(AT_FDCWD, "/proc/self/comm", 64, &text), 0);
    assert_string_not_equal(text, "");
    assert_null(strchr(text, '\n'));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reads),  cmocka_unit_test(test_empty),  cmocka_unit_test(test_limit),
        cmocka_unit_test(test_errors), cmocka_unit_test(test_procfs),
    };
    return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
