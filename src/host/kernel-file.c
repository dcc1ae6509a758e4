/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "host/kernel-file.h"

#include "base/file.h"
#include "base/util.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

/* Far above what any of these files holds. */
#define MAX_FILE_BYTES 16384

int kernel_text_read(const char *root, const char *path, char **ret)
{
    g_autofree char *whole = g_strconcat(root, path, NULL);

    int r = file_read_small(AT_FDCWD, whole, MAX_FILE_BYTES, ret);
    return r == -ENODEV || r == -EOPNOTSUPP ? -ENOENT : r;
}

int kernel_text_write(const char *root, const char *path, const char *text)
{
    g_autofree char *whole = g_strconcat(root, path, NULL);

    int fd = open(whole, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    ssize_t n = write(fd, text, strlen(text));
    int r = n < 0 ? -errno : (size_t)n < strlen(text) ? -EIO : 0;
    close(fd);
    return r;
}

int kernel_number_read(const char *root, const char *directory, const char *name, uint64_t *ret)
{
    g_autofree char *path = g_strdup_printf("%s/%s", directory, name);
    g_autofree char *text = NULL;

    int r = kernel_text_read(root, path, &text);
    return r < 0 ? r : parse_u64(text, UINT64_MAX, ret);
}

int kernel_pressure_read(const char *root, double *ret_pct)
{
    static const char average[] = "some avg10=";
    g_autofree char *text = NULL;

    int r = kernel_text_read(root, "/proc/pressure/memory", &text);
    if (r < 0)
        return r;
    if (!g_str_has_prefix(text, average))
        return -EBADMSG;
    *ret_pct = g_ascii_strtod(text + strlen(average), NULL);
    return 0;
}

int kernel_node_memory_read(const char *root, unsigned node, uint64_t *ret_kib,
                            uint64_t *ret_free_kib)
{
    g_autofree char *path = g_strdup_printf("/sys/devices/system/node/node%u/meminfo", node);
    g_autofree char *text = NULL;

    int r = kernel_text_read(root, path, &text);
    if (r < 0)
        return r;
    *ret_kib = kernel_meminfo_value(text, "MemTotal");
    *ret_free_kib = kernel_meminfo_value(text, "MemFree") + kernel_meminfo_value(text, "FilePages");
    return 0;
}

uint64_t kernel_meminfo_value(const char *text, const char *name)
{
    g_autofree char *word = g_strconcat(name, ":", NULL);
    const char *line = strstr(text, word);

    return line ? g_ascii_strtoull(line + strlen(word), NULL, 10) : 0;
}
