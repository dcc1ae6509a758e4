/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the kernel tells about a process's memory: maps, numa_stat and numa_maps; the first byte
 * says which. Ranges come sorted and within the address space, sums stay sums. */
#include "host/ram.h"
#include "host/residency.h"

#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool condition)
{
    if (!condition)
        abort();
}

static void check_maps(const char *text)
{
    const RamBlock blocks[] = {{1024, 4}, {1024 * 1024, 2048}, {1ull << 34, 1024 * 1024}};
    g_autoptr(GArray) ranges = ram_parse(text, blocks, G_N_ELEMENTS(blocks));
    unsigned n;
    g_autofree uint64_t *samples = ram_samples(ranges, &n);

    check(n <= RAM_SAMPLES && (samples == NULL) == (n == 0));
    for (guint i = 0; i < ranges->len; i++) {
        const RamRange *range = &g_array_index(ranges, RamRange, i);
        check(range->length > 0 && range->start + range->length > range->start);
        check(i == 0 || g_array_index(ranges, RamRange, i - 1).start <= range->start);
    }
}

static void check_residency(const char *text, uint8_t kind)
{
    g_autofree Residency *residency = g_new0(Residency, 1);
    g_autoptr(GuestKernel) kernel = guest_kernel_new();

    if (kind == 3)
        residency_add_numa_maps(residency, text);
    else
        residency_add_numa_stat(residency, text, kind == 1, 4);
    residency_judge(residency, 4, 2048, kernel);
    for (unsigned i = 0; i < kernel->n_pages; i++)
        check(kernel->pages[i].node < kernel->n_memory_kib && kernel->pages[i].kib > 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    g_autofree char *text = g_strndup((const char *)data + 1, size - 1);
    if (data[0] % 4 == 0)
        check_maps(text);
    else
        check_residency(text, data[0] % 4);
    return 0;
}
