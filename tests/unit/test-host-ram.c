/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A guest's RAM among QEMU's mappings, and where its pages are; on memory of this process. */
#include "host/proc.h"
#include "host/quick.h"
#include "host/ram.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#define MIB (1024ull * 1024)
#define SIZE (64 * MIB)

static const char maps[] =
    "55d000000000-55d000800000 r-xp 00000000 fe:01 1 /usr/bin/qemu-system-x86_64\n"
    "55d001000000-55d009000000 rw-p 00000000 00:00 0 [heap]\n"
    "7f0000000000-7f0008000000 rw-p 00000000 00:00 0 \n"
    "7f0010000000-7f0050000000 rw-p 00000000 00:00 0 \n"
    "7f0060000000-7f00a0000000 rw-s 00000000 00:0f 7 /dev/hugepages/libvirt/qemu/1-db/ram "
    "(deleted)\n"
    "7f00b0000000-7f00f0000000 ---p 00000000 00:00 0 \n"
    "7f0100000000-7f0100200000 rw-p 00000000 00:00 0 [stack]\n"
    "not a mapping\n7f-\nzz-7f rw-p\n7f02-7f01 rw-p\n7f01-7f02\n";

static void assert_range(const GArray *ranges, unsigned i, uint64_t start, uint64_t mib,
                         unsigned page_kib)
{
    const RamRange *range = &g_array_index(ranges, RamRange, i);

    assert_int_equal(range->start, start);
    assert_int_equal(range->length, mib * MIB);
    assert_int_equal(range->page_kib, page_kib);
}

/* The mapping of its size; of two alike the first by address goes to the first block. */
static void ram_is_found_by_its_size(void **state)
{
    const RamBlock one = {1024 * 1024, 4}, two[] = {{1024 * 1024, 4}, {1024 * 1024, 2048}};
    const RamBlock small = {128 * 1024, 4};
    g_autoptr(GArray) first = ram_parse(maps, &one, 1), both = ram_parse(maps, two, 2);
    g_autoptr(GArray) least = ram_parse(maps, &small, 1);

    (void)state;
    assert_int_equal(first->len, 1);
    assert_range(first, 0, 0x7f0010000000, 1024, 4);
    assert_int_equal(both->len, 2);
    assert_range(both, 1, 0x7f0060000000, 1024, 2048);
    assert_range(least, 0, 0x55d001000000, 128, 4);
}

/* RAM in several mappings: the largest, until its size is reached. */
static void ram_in_pieces_is_the_largest(void **state)
{
    const RamBlock block = {1900 * 1024, 4}, none = {0, 4}, huge = {1ull << 40, 4};
    g_autoptr(GArray) ranges = ram_parse(maps, &block, 1);
    g_autoptr(GArray) empty = ram_parse(maps, &none, 1), all = ram_parse(maps, &huge, 1);
    g_autoptr(GArray) nothing = ram_parse("", &block, 1);

    (void)state;
    assert_int_equal(ranges->len, 2);
    assert_int_equal(empty->len, 0);
    assert_int_equal(all->len, 5);
    assert_int_equal(nothing->len, 0);
}

static void blocks_are_cells(void **state)
{
    g_autoptr(GuestDef) def = guest_def_new();
    RamBlock blocks[2];

    (void)state;
    def->memory_kib = 4096;
    assert_int_equal(ram_blocks(def, 4, blocks), 1);
    assert_int_equal(blocks[0].kib, 4096);
    def->cells = g_new0(GuestCell, 2);
    def->n_cells = 2;
    def->cells[0] = (GuestCell){.id = 0, .memory_kib = 1024};
    def->cells[1] = (GuestCell){.id = 1, .memory_kib = 3072};
    def->has_hugepages = true;
    def->hugepages = g_new0(GuestHugePages, 1);
    def->n_hugepages = 1;
    def->hugepages[0] = (GuestHugePages){.size_kib = 2048, .cells = cpuset_new_range(1, 1)};
    assert_int_equal(ram_blocks(def, 4, blocks), 2);
    assert_int_equal(blocks[0].page_kib, 4);
    assert_int_equal(blocks[1].kib, 3072);
    assert_int_equal(blocks[1].page_kib, 2048);
}

static void samples_are_spread_evenly(void **state)
{
    const RamBlock block = {1024 * 1024, 4}, huge = {1024 * 1024, 1024 * 1024};
    g_autoptr(GArray) ranges = ram_parse(maps, &block, 1);
    g_autoptr(GArray) one = ram_parse(maps, &huge, 1);
    unsigned n, n_one;
    g_autofree uint64_t *samples = ram_samples(ranges, &n);
    g_autofree uint64_t *single = ram_samples(one, &n_one);

    (void)state;
    assert_int_equal(n, RAM_SAMPLES);
    for (unsigned i = 0, part = 1024 * MIB / RAM_SAMPLES; i < n; i++)
        assert_int_equal((samples[i] - 0x7f0010000000) / part, i);
    for (unsigned nodes = 2; nodes <= 8; nodes *= 2) { /* interleaved over them, page by page */
        unsigned on_first = 0;
        for (unsigned i = 0; i < n; i++)
            on_first += samples[i] / 4096 % nodes == 0;
        assert_in_range(on_first, n / nodes - n / 20, n / nodes + n / 20);
    }
    assert_int_equal(n_one, 1);
    assert_int_equal(single[0], 0x7f0010000000);
}

/* --- memory of this process, as if it were a guest --- */

static char *ram_new(void)
{
    char *ram = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    assert_true(ram != MAP_FAILED);
    madvise(ram, SIZE, MADV_NOHUGEPAGE);
    return ram;
}

static void where_pages_are_is_asked(void **state)
{
    g_autoptr(GuestDef) def = guest_def_new();
    g_autoptr(GArray) ranges = NULL;
    int nodes[RAM_SAMPLES];
    unsigned n;

    (void)state;
    char *ram = ram_new();
    def->memory_kib = SIZE / 1024;
    assert_int_equal(ram_acquire("", getpid(), def, &ranges), HOST_DONE);
    assert_true(ranges->len >= 1);
    g_autofree uint64_t *samples = ram_samples(ranges, &n);
    assert_int_equal(ram_nodes_acquire(getpid(), samples, n, nodes), HOST_DONE);
    for (unsigned i = 0; i < n; i++)
        assert_int_equal(nodes[i], -ENOENT);
    memset(ram, 1, SIZE);
    assert_int_equal(ram_nodes_acquire(getpid(), samples, n, nodes), HOST_DONE);
    for (unsigned i = 0; i < n; i++)
        assert_true(nodes[i] >= 0);
    munmap(ram, SIZE);
    assert_int_equal(ram_nodes_acquire(0x3fffff, samples, n, nodes), HOST_GONE);
}

/* As the look had it: samples on those nodes. */
static QuickWatch *watch_of(GArray *ranges, unsigned n, const int *nodes)
{
    GuestKernel *kernel = NULL;
    g_autoptr(SettingList) wanted = setting_list_new();
    ProcStat stat;

    assert_int_equal(proc_stat_acquire("", getpid(), &stat), HOST_DONE);
    assert_int_equal(guest_kernel_acquire("", getpid(), stat.starttime, NULL, &kernel), HOST_DONE);
    kernel->ram = g_array_ref(ranges);
    guest_kernel_set_samples(kernel, nodes, n);
    QuickWatch *watch = quick_watch_new(kernel, wanted);
    guest_kernel_unref(kernel);
    return watch;
}

/* Memory that stays where it is, that is given back or that is new is no move. What counts is where
 * the look saw it: the watch asks nothing itself. */
static void the_quick_pass_looks_at_memory(void **state)
{
    g_autoptr(GuestDef) def = guest_def_new();
    g_autoptr(GArray) ranges = NULL;
    int nodes[RAM_SAMPLES], elsewhere[RAM_SAMPLES];
    unsigned n;

    (void)state;
    char *ram = ram_new();
    memset(ram, 1, SIZE);
    def->memory_kib = SIZE / 1024;
    assert_int_equal(ram_acquire("", getpid(), def, &ranges), HOST_DONE);
    g_autofree uint64_t *samples = ram_samples(ranges, &n);
    assert_int_equal(ram_nodes_acquire(getpid(), samples, n, nodes), HOST_DONE);
    for (unsigned i = 0; i < n; i++)
        elsewhere[i] = nodes[i] + 1;
    g_autoptr(QuickWatch) moved = watch_of(ranges, n, elsewhere);
    assert_int_equal(quick_check_memory(moved), HOST_CHANGED);
    g_autoptr(QuickWatch) watch = watch_of(ranges, n, nodes);
    assert_int_equal(quick_check_memory(watch), HOST_DONE);
    madvise(ram, SIZE / 2, MADV_DONTNEED);
    assert_int_equal(quick_check_memory(watch), HOST_DONE);
    assert_int_equal(quick_check_memory(moved), HOST_CHANGED); /* what is left */
    assert_int_equal(ram_nodes_acquire(getpid(), samples, n, nodes), HOST_DONE);
    g_autoptr(QuickWatch) half = watch_of(ranges, n, nodes);
    memset(ram, 1, SIZE);
    assert_int_equal(quick_check_memory(half), HOST_DONE);
    munmap(ram, SIZE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ram_is_found_by_its_size),
        cmocka_unit_test(ram_in_pieces_is_the_largest),
        cmocka_unit_test(blocks_are_cells),
        cmocka_unit_test(samples_are_spread_evenly),
        cmocka_unit_test(where_pages_are_is_asked),
        cmocka_unit_test(the_quick_pass_looks_at_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
