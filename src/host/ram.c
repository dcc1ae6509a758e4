/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "host/ram.h"

#include "base/util.h"
#include "host/proc.h"

#include <errno.h>
#include <numaif.h>
#include <string.h>
#include <unistd.h>

#define BYTES_PER_KIB 1024u
/* 2^32 divided by it: multiples, as fractions of 2^32, are spread evenly and never regular. */
#define GOLDEN_RATIO 2654435769u
/* Less than this is none of a guest's RAM blocks, whatever their number. */
#define MIN_MAPPING_BYTES (1024u * 1024)

/* A writable mapping. */
typedef struct Mapping {
    uint64_t start, length;
    bool taken;
} Mapping;

unsigned ram_blocks(const GuestDef *def, unsigned base_page_kib, RamBlock *blocks)
{
    for (unsigned i = 0; i < def->n_cells; i++) {
        const GuestCell *cell = &def->cells[i];
        blocks[i] = (RamBlock){.kib = cell->memory_kib,
                               .page_kib = guest_def_page_kib(def, cell->id, base_page_kib)};
    }
    if (def->n_cells > 0)
        return def->n_cells;
    blocks[0] =
        (RamBlock){.kib = def->memory_kib, .page_kib = guest_def_page_kib(def, 0, base_page_kib)};
    return 1;
}

/* "7f0000000000-7f0040000000 rw-p …". False: not of this form, or not writable. */
static bool mapping_parse(const char *line, Mapping *ret)
{
    char *end;

    guint64 start = g_ascii_strtoull(line, &end, 16);
    if (end == line || *end != '-')
        return false;
    const char *rest = end + 1;
    guint64 stop = g_ascii_strtoull(rest, &end, 16);
    if (end == rest || *end != ' ' || stop <= start || strlen(end) < 3 || end[2] != 'w')
        return false;
    *ret = (Mapping){.start = start, .length = stop - start};
    return true;
}

/* Large ones first; of a size by address. */
static int mapping_compare(gconstpointer a, gconstpointer b)
{
    const Mapping *one = a, *two = b;

    return one->length != two->length ? CMP(two->length, one->length) : CMP(one->start, two->start);
}

static GArray *mappings_parse(const char *maps)
{
    GArray *mappings = g_array_new(FALSE, FALSE, sizeof(Mapping));

    for (const char *line = maps; *line;) {
        Mapping mapping;
        if (mapping_parse(line, &mapping) && mapping.length >= MIN_MAPPING_BYTES)
            g_array_append_val(mappings, mapping);
        line += strcspn(line, "\n");
        line += *line == '\n';
    }
    g_array_sort(mappings, mapping_compare);
    return mappings;
}

static void take(GArray *ranges, Mapping *mapping, const RamBlock *block)
{
    RamRange range = {mapping->start, mapping->length, block->page_kib};

    mapping->taken = true;
    g_array_append_val(ranges, range);
}

static bool take_exact(GArray *ranges, GArray *mappings, const RamBlock *block)
{
    for (guint i = 0; i < mappings->len; i++) {
        Mapping *mapping = &g_array_index(mappings, Mapping, i);
        if (mapping->taken || mapping->length / BYTES_PER_KIB != block->kib)
            continue;
        take(ranges, mapping, block);
        return true;
    }
    return false;
}

static void take_largest(GArray *ranges, GArray *mappings, const RamBlock *block)
{
    uint64_t left = block->kib;

    for (guint i = 0; i < mappings->len && left > 0; i++) {
        Mapping *mapping = &g_array_index(mappings, Mapping, i);
        if (mapping->taken)
            continue;
        take(ranges, mapping, block);
        left -= MIN(left, mapping->length / BYTES_PER_KIB);
    }
}

static int range_compare(gconstpointer a, gconstpointer b)
{
    return CMP(((const RamRange *)a)->start, ((const RamRange *)b)->start);
}

GArray *ram_parse(const char *maps, const RamBlock *blocks, unsigned n_blocks)
{
    g_autoptr(GArray) mappings = mappings_parse(maps);
    GArray *ranges = g_array_new(FALSE, FALSE, sizeof(RamRange));
    g_autofree bool *found = g_new0(bool, n_blocks + 1);

    for (unsigned i = 0; i < n_blocks; i++)
        found[i] = take_exact(ranges, mappings, &blocks[i]);
    for (unsigned i = 0; i < n_blocks; i++)
        if (!found[i])
            take_largest(ranges, mappings, &blocks[i]);
    g_array_sort(ranges, range_compare);
    return ranges;
}

int ram_acquire(const char *root, pid_t pid, const GuestDef *def, GArray **ret)
{
    g_autofree RamBlock *blocks = g_new0(RamBlock, MAX(def->n_cells, 1));
    g_autofree char *maps = NULL;

    int r = proc_file_acquire(root, pid, "maps", &maps);
    if (r != HOST_DONE)
        return r;
    unsigned n = ram_blocks(def, (unsigned)(sysconf(_SC_PAGESIZE) / BYTES_PER_KIB), blocks);
    *ret = ram_parse(maps, blocks, n);
    return HOST_DONE;
}

/* --- samples --- */

uint64_t ram_pages(const RamRange *range)
{
    return range->length / ((uint64_t)range->page_kib * BYTES_PER_KIB);
}

/* The address of one page of all; index is less than their number. */
static uint64_t page_address(const GArray *ranges, uint64_t index)
{
    for (guint i = 0; i < ranges->len; i++) {
        const RamRange *range = &g_array_index(ranges, RamRange, i);
        if (index < ram_pages(range))
            return range->start + index * range->page_kib * BYTES_PER_KIB;
        index -= ram_pages(range);
    }
    return 0;
}

uint64_t *ram_samples(const GArray *ranges, unsigned *ret_n)
{
    uint64_t total = 0;

    for (guint i = 0; i < ranges->len; i++)
        total += ram_pages(&g_array_index(ranges, RamRange, i));
    unsigned n = (unsigned)MIN(total, RAM_SAMPLES);
    uint64_t *addresses = n > 0 ? g_new(uint64_t, n) : NULL;
    for (unsigned i = 0; i < n; i++) {
        /* Anywhere in each of n parts, by the golden ratio: of memory that is interleaved over
         * nodes a regular step would only ever see one. */
        double within = (double)(uint32_t)(i * GOLDEN_RATIO) / (double)UINT32_MAX;
        double at = (i + within) * (double)total / n;
        addresses[i] = page_address(ranges, MIN((uint64_t)at, total - 1));
    }
    *ret_n = n;
    return addresses;
}

int ram_nodes_acquire(pid_t pid, const uint64_t *addresses, unsigned n, int *ret_nodes)
{
    void *pages[RAM_SAMPLES];

    for (unsigned done = 0; done < n;) {
        unsigned count = MIN(n - done, RAM_SAMPLES);
        for (unsigned i = 0; i < count; i++)
            pages[i] = (void *)(uintptr_t)addresses[done + i]; /* of another process */
        if (move_pages(pid, count, pages, NULL, ret_nodes + done, 0) < 0)
            return errno == ESRCH ? HOST_GONE : -errno;
        done += count;
    }
    return HOST_DONE;
}
