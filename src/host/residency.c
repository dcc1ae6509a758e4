/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "host/residency.h"

#include "base/file.h"
#include "base/util.h"
#include "host/proc.h"
#include "host/ram.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define NUMA_STAT_MAX (1024 * 1024)

/* Adds "N<node>=<count>" words × unit_kib / divisor to kib. */
static void words_add(uint64_t *kib, const char *text, uint64_t unit_kib, uint64_t divisor)
{
    g_auto(GStrv) words = g_strsplit(text, " ", -1);

    for (char **word = words; *word; word++) {
        char *end;
        if ((*word)[0] != 'N' || !g_ascii_isdigit((*word)[1]))
            continue;
        guint64 node = g_ascii_strtoull(*word + 1, &end, 10);
        if (*end == '=' && node < RESIDENCY_NODES)
            kib[node] += g_ascii_strtoull(end + 1, NULL, 10) * unit_kib / divisor;
    }
}

void residency_add_numa_stat(Residency *residency, const char *text, bool v2, unsigned page_kib)
{
    static const char *const keys_v1[] = {"hierarchical_anon=", "hierarchical_unevictable=", NULL};
    static const char *const keys_v2[] = {"anon ", "shmem ", NULL};
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);

    for (char **line = lines; *line; line++) {
        for (const char *const *key = v2 ? keys_v2 : keys_v1; *key; key++)
            if (g_str_has_prefix(*line, *key))
                words_add(residency->kib, *line, v2 ? 1 : page_kib, v2 ? 1024 : 1);
        if (v2 && (g_str_has_prefix(*line, "anon_thp ") || g_str_has_prefix(*line, "shmem_thp ")))
            words_add(residency->transparent_kib, *line, 1, 1024);
    }
}

/* NULL: there is no room for another size. */
static HugeResidency *huge_of(Residency *residency, unsigned page_kib)
{
    for (unsigned i = 0; i < RESIDENCY_SIZES; i++) {
        HugeResidency *huge = &residency->huge[i];
        if (huge->page_kib != 0 && huge->page_kib != page_kib)
            continue;
        huge->page_kib = page_kib;
        return huge;
    }
    return NULL;
}

void residency_add_huge(Residency *residency, unsigned node, unsigned page_kib, uint64_t kib)
{
    HugeResidency *huge = huge_of(residency, page_kib);

    if (node >= RESIDENCY_NODES)
        return;
    residency->kib[node] += kib;
    if (huge)
        huge->kib[node] += kib;
}

/* One line of huge pages. */
static void maps_line_add(Residency *residency, const char *line, unsigned page_kib)
{
    g_autofree uint64_t *pages = g_new0(uint64_t, RESIDENCY_NODES);

    words_add(pages, line, 1, 1);
    for (unsigned node = 0; node < RESIDENCY_NODES; node++)
        if (pages[node] > 0)
            residency_add_huge(residency, node, page_kib, pages[node] * page_kib);
}

void residency_add_numa_maps(Residency *residency, const char *text)
{
    static const char size_key[] = " kernelpagesize_kB=";

    for (const char *p = text; *p;) {
        size_t length = strcspn(p, "\n");
        g_autofree char *line = g_strndup(p, length);
        const char *size = strstr(line, size_key);
        /* the word "huge" marks hugetlb mappings; transparent huge pages do not have it */
        if (size && strstr(line, " huge ")) {
            guint64 page_kib = g_ascii_strtoull(size + strlen(size_key), NULL, 10);
            if (page_kib > 0 && page_kib <= UINT_MAX)
                maps_line_add(residency, line, (unsigned)page_kib);
        }
        p += length + (p[length] == '\n');
    }
}

static void add_pages(GuestKernel *kernel, unsigned node, unsigned page_kib, bool transparent,
                      uint64_t kib)
{
    const GuestPages pages = {node, page_kib, transparent, kib};

    if (kib > 0)
        guest_kernel_add_pages(kernel, &pages);
}

void residency_judge(const Residency *residency, unsigned base_kib, unsigned transparent_kib,
                     GuestKernel *kernel)
{
    guest_kernel_set_memory(kernel, residency->kib, RESIDENCY_NODES);
    for (unsigned node = 0; node < kernel->n_memory_kib; node++) {
        uint64_t thp = MIN(residency->transparent_kib[node], residency->kib[node]);
        uint64_t ordinary = residency->kib[node] - thp;
        for (unsigned i = 0; i < RESIDENCY_SIZES; i++)
            ordinary -= MIN(residency->huge[i].kib[node], ordinary);
        add_pages(kernel, node, base_kib, false, ordinary);
        add_pages(kernel, node, transparent_kib, true, thp);
        for (unsigned i = 0; i < RESIDENCY_SIZES; i++)
            add_pages(kernel, node, residency->huge[i].page_kib, false,
                      residency->huge[i].kib[node]);
    }
}

/* --- measuring --- */

static int numa_stat_add(Residency *residency, const CgroupDir *memory, unsigned base_kib)
{
    g_autofree char *path = g_strconcat(memory->scope, "/memory.numa_stat", NULL);
    g_autofree char *text = NULL;

    int r = file_read_small(AT_FDCWD, path, NUMA_STAT_MAX, &text);
    if (r == -ENOENT || r == -ENODEV)
        return 0;
    if (r == 0)
        residency_add_numa_stat(residency, text, memory->v2, base_kib);
    return r;
}

static int numa_maps_add(const char *root, pid_t pid, Residency *residency)
{
    g_autofree char *text = NULL;

    int r = proc_file_acquire(root, pid, "numa_maps", &text);
    if (r == HOST_DONE)
        residency_add_numa_maps(residency, text);
    return r == -EACCES || r == -EPERM ? HOST_DONE : r;
}

/* Pages that are there count for those between them. */
static int range_add(pid_t pid, const RamRange *range, bool huge, Residency *residency)
{
    uint64_t all = ram_pages(range);
    unsigned n = (unsigned)MIN(all, RESIDENCY_MAX_PAGES);
    g_autofree uint64_t *addresses = g_new(uint64_t, MAX(n, 1));
    g_autofree int *nodes = g_new(int, MAX(n, 1));

    for (unsigned i = 0; i < n; i++)
        addresses[i] = range->start + all * i / n * range->page_kib * 1024;
    int r = ram_nodes_acquire(pid, addresses, n, nodes);
    for (unsigned i = 0; i < n && r == HOST_DONE; i++) {
        uint64_t kib = range->page_kib * all / n;
        if (nodes[i] >= 0 && huge)
            residency_add_huge(residency, (unsigned)nodes[i], range->page_kib, kib);
        else if (nodes[i] >= 0 && (unsigned)nodes[i] < RESIDENCY_NODES)
            residency->kib[nodes[i]] += kib;
    }
    return r;
}

/* ordinary: pages that are not huge, too. HOST_REFUSED: it cannot be had so. */
static int ranges_add(const GArray *ranges, pid_t pid, bool ordinary, Residency *residency)
{
    unsigned base_kib = (unsigned)(sysconf(_SC_PAGESIZE) / 1024);

    for (guint i = 0; i < ranges->len; i++) {
        const RamRange *range = &g_array_index(ranges, RamRange, i);
        bool huge = range->page_kib > base_kib;
        if (!huge && !ordinary)
            continue;
        int r = range_add(pid, range, huge, residency);
        if (r != HOST_DONE)
            return r == HOST_GONE ? r : HOST_REFUSED;
    }
    return HOST_DONE;
}

/* Files below another root are no process that can be asked. */
static int ram_add(const char *root, const GuestDef *def, bool ordinary, Residency *residency,
                   GuestKernel *kernel)
{
    int nodes[RAM_SAMPLES];
    unsigned n;

    int r = ram_acquire(root, kernel->pid, def, &kernel->ram);
    if (r != HOST_DONE)
        return r == -EACCES || r == -EPERM || r == -ENOENT ? HOST_DONE : r;
    g_autofree uint64_t *samples = ram_samples(kernel->ram, &n);
    if (!*root && ram_nodes_acquire(kernel->pid, samples, n, nodes) == HOST_DONE)
        guest_kernel_set_samples(kernel, nodes, n);
    r = *root ? HOST_REFUSED : ranges_add(kernel->ram, kernel->pid, ordinary, residency);
    if (r == HOST_REFUSED)
        r = def->has_hugepages ? numa_maps_add(root, kernel->pid, residency) : HOST_DONE;
    return r;
}

/* What a transparent huge page of this machine is; 0: there are none. */
static unsigned transparent_kib(const char *root)
{
    g_autofree char *path =
        g_strconcat(root, "/sys/kernel/mm/transparent_hugepage/hpage_pmd_size", NULL);
    g_autofree char *text = NULL;
    uint64_t bytes;

    if (file_read_small(AT_FDCWD, path, NUMA_STAT_MAX, &text) < 0 ||
        parse_u64(text, UINT_MAX, &bytes) < 0)
        return 0;
    return (unsigned)(bytes / 1024);
}

int residency_acquire(const char *root, const CgroupDir *memory, const GuestDef *def,
                      GuestKernel *kernel)
{
    g_autofree Residency *residency = g_new0(Residency, 1);
    unsigned base_kib = (unsigned)(sysconf(_SC_PAGESIZE) / 1024);
    int r = memory->scope ? numa_stat_add(residency, memory, base_kib) : 0;

    if (r == 0 && def)
        r = ram_add(root, def, !memory->scope, residency, kernel);
    if (r == HOST_DONE)
        residency_judge(residency, base_kib, transparent_kib(root), kernel);
    return r;
}
