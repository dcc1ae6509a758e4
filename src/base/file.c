/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <unistd.h>

static int read_all(int fd, size_t max, GString *text)
{
    char buffer[4096];

    for (;;) {
        ssize_t n = TEMP_FAILURE_RETRY(read(fd, buffer, sizeof(buffer)));
        if (n < 0)
            return -errno;
        if (n == 0)
            return 0;
        if ((size_t)n > max - text->len)
            return -EFBIG;
        g_string_append_len(text, buffer, n);
    }
}

int file_read_small(int dir_fd, const char *path, size_t max, char **ret_text)
{
    int fd = openat(dir_fd, path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0)
        return -errno;

    GString *text = g_string_new(NULL);
    int r = read_all(fd, max, text);
    close(fd);
    if (r < 0) {
        g_string_free(text, TRUE);
        return r;
    }
    *ret_text = g_strchomp(g_string_free(text, FALSE));
    return 0;
}
