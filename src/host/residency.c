/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which NUMA nodes hold a guest's memory. */
#include "host/residency.h"

#include "base/file.h"
#include "host/proc.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define NUMA_STAT_MAX (1024 * 1024)

/* Adds "N<node>=<count>" words × unit_kib / divisor. */
static void words_add(Residency *residency, const char *text, uint64_t unit_kib, uint64_t divisor)
{
    g_auto(GStrv) words = g_strsplit(text, " ", -1);

    for (char **word = words; *word; word++) {
        char *end;
        if ((*word)[0] != 'N' || !g_ascii_isdigit((*word)[1]))
            continue;
        guint64 node = g_ascii_strtoull(*word + 1, &end, 10);
        if (*end == '=' && node < RESIDENCY_NODES)
            residency->kib[node] += g_ascii_strtoull(end + 1, NULL, 10) * unit_kib / divisor;
    }
}

void residency_add_numa_stat(Residency *residency, const char *text, bool v2, unsigned page_kib)
{
    static const char *const keys_v1[] = {"hierarchical_anon=", "hierarchical_unevictable=", NULL};
    static const char *const keys_v2[] = {"anon ", "shmem ", NULL};
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);

    for (char **line = lines; *line; line++)
        for (const char *const *key = v2 ? keys_v2 : keys_v1; *key; key++)
            if (g_str_has_prefix(*line, *key))
                words_add(residency, *line, v2 ? 1 : page_kib, v2 ? 1024 : 1);
}

void residency_add_numa_maps(Residency *residency, const char *text)
{
    static const char size_key[] = " kernelpagesize_kB=";

    for (const char *p = text; *p;) {
        size_t length = strcspn(p, "\n");
        g_autofree char *line = g_strndup(p, length);
        const char *size = strstr(line, size_key);
        /* the word "huge" marks hugetlb mappings; transparent huge pages do not have it */
        if (size && strstr(line, " huge "))
            words_add(residency, line, g_ascii_strtoull(size + strlen(size_key), NULL, 10), 1);
        p += length + (p[length] == '\n');
    }
}

void residency_judge(const Residency *residency, GuestKernel *kernel)
{
    guest_kernel_set_memory(kernel, residency->kib, RESIDENCY_NODES);
}

int residency_acquire(const char *root, const CgroupDir *memory, bool huge, GuestKernel *kernel)
{
    g_autofree Residency *residency = g_new0(Residency, 1);
    unsigned page_kib = (unsigned)(sysconf(_SC_PAGESIZE) / 1024);

    if (memory->scope) {
        g_autofree char *path = g_strconcat(memory->scope, "/memory.numa_stat", NULL);
        g_autofree char *text = NULL;
        int r = file_read_small(AT_FDCWD, path, NUMA_STAT_MAX, &text);
        if (r < 0 && r != -ENOENT && r != -ENODEV)
            return r;
        if (r == 0)
            residency_add_numa_stat(residency, text, memory->v2, page_kib);
    }
    if (huge) {
        g_autofree char *text = NULL;
        int r = proc_file_acquire(root, kernel->pid, "numa_maps", &text);
        if (r == HOST_DONE)
            residency_add_numa_maps(residency, text);
        else if (r != -EACCES && r != -EPERM)
            return r;
    }
    residency_judge(residency, kernel);
    return HOST_DONE;
}
