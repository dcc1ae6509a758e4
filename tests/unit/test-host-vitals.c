/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is measured for the doctor, from files as the kernel has them. */
#include "fake-host.h"
#include "host/vitals.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define HEADING "            CPU0       CPU2       \n"
#define TAP "/sys/class/net/vnet0/statistics/tx_dropped"

static int setup(void **state)
{
    *state = fake_host_new();
    return 0;
}

static int teardown(void **state)
{
    fake_host_free(*state);
    return 0;
}

static GArray *between(const char *before, const char *after)
{
    g_autoptr(Interrupts) one = interrupts_parse(before);
    g_autoptr(Interrupts) two = interrupts_parse(after);
    GArray *counts = g_array_new(FALSE, FALSE, sizeof(InterruptCount));

    interrupts_between(one, two, counts);
    return counts;
}

static void counts_free(GArray *counts)
{
    for (guint i = 0; i < counts->len; i++)
        g_free(g_array_index(counts, InterruptCount, i).device);
    g_array_unref(counts);
}

static void assert_count(const GArray *counts, guint i, unsigned irq, unsigned cpu, uint64_t count,
                         const char *device)
{
    const InterruptCount *one = &g_array_index(counts, InterruptCount, i);

    assert_int_equal(one->irq, irq);
    assert_int_equal(one->cpu, cpu);
    assert_int_equal(one->count, count);
    assert_string_equal(one->device, device);
}

/* By the number in the heading, since CPUs may be offline; and what only one of both has is no
 * count. */
static void test_interrupts(void **state)
{
    GArray *counts =
        between(HEADING " 31:  5  10  PCI-MSIX-0000:00:01.0   1-edge      nvme0q0, nvme0q1\n"
                        " 32:  1   1  IO-APIC   4-edge      ttyS0\n"
                        "LOC:  100  100   Local timer interrupts\n"
                        "ERR:  0\n",
                HEADING " 31:  7  910  PCI-MSIX-0000:00:01.0   1-edge      nvme0q0, nvme0q1\n"
                        " 32:  1   1  IO-APIC   4-edge      ttyS0\n"
                        " 33:  9   9  IO-APIC   5-edge      new\n"
                        "LOC:  900  900   Local timer interrupts\n"
                        "ERR:  0\n");

    (void)state;
    assert_int_equal(counts->len, 2);
    assert_count(counts, 0, 31, 0, 2, "nvme0q0, nvme0q1");
    assert_count(counts, 1, 31, 2, 900, "nvme0q0, nvme0q1");
    counts_free(counts);
}

static void test_interrupts_odd(void **state)
{
    static const char *const odd[] = {
        "",
        "\n",
        "no heading\n 31: 5 5 x\n",
        HEADING " 31: 5\n",
        HEADING " 31 5 5 x\n",
        HEADING " 31: 5 -1 x\n",
        HEADING " 4294967296: 5 5 x\n",
        "CPU99999999999999999999\n 1: 5 x\n",
    };

    (void)state;
    for (gsize i = 0; i < G_N_ELEMENTS(odd); i++) {
        GArray *counts = between(odd[i], HEADING " 31: 9 9 x\n");
        assert_int_equal(counts->len, 0);
        counts_free(counts);
    }
    /* a counter that starts anew */
    GArray *counts = between(HEADING " 31: 9 9 x\n", HEADING " 31: 1 9 x\n");
    assert_int_equal(counts->len, 0);
    counts_free(counts);
}

static Guest *guest_make(void)
{
    Guest *guest = guest_new("u", "a");

    guest->active = true;
    guest->kernel = guest_kernel_new();
    guest->kernel->pid = 100;
    guest->live = guest_def_new();
    guest->live->n_nics = 3;
    guest->live->nics = g_new0(GuestNic, 3);
    for (unsigned i = 0; i < 3; i++)
        guest->live->nics[i].mac = g_strdup_printf("52:54:00:AA:00:%02u", i);
    guest->live->nics[1].tap = g_strdup("vnet0");
    guest->live->nics[2].tap = g_strdup("../vnet0"); /* names no device */
    return guest;
}

static void put_host(const char *root)
{
    static const char *const files[][2] = {
        {"/proc/meminfo", "MemTotal: 8000 kB\nMemAvailable: 4000 kB\n"},
        {"/sys/devices/system/node/node0/meminfo",
         "Node 0 MemTotal: 8000 kB\nNode 0 MemFree: 300 kB\nNode 0 FilePages: 200 kB\n"},
        {"/proc/buddyinfo",
         "Node 0, zone      DMA      1      0      2 \n"
         "Node 0, zone   Normal      5      1      0      0      0      0      0 "
         "     0      0      3      1 \n"
         "Node 1, zone   Normal      9 \nodd\n"},
        {"/proc/vmstat", "nr_free_pages 5\nnuma_hint_faults 100\n"},
        {"/sys/devices/system/clocksource/clocksource0/current_clocksource", "hpet\n"},
        {"/sys/module/kvm/parameters/halt_poll_ns", "0\n"},
        {"/sys/module/kvm_amd/parameters/npt", "N\n"},
        {"/sys/kernel/mm/ksm/pages_sharing", "77\n"},
        {"/sys/devices/system/cpu/cpufreq/policy0/scaling_governor", "powersave\n"},
        {"/sys/devices/system/cpu/cpufreq/policy0/scaling_driver", "acpi-cpufreq\n"},
        {"/sys/devices/system/cpu/cpufreq/policy0/affected_cpus", "0 1 x\n"},
        {"/sys/devices/system/cpu/cpufreq/policy0/scaling_cur_freq", "800000\n"},
        {"/sys/devices/system/cpu/cpufreq/policy0/cpuinfo_max_freq", "3600000\n"},
        {"/sys/devices/system/cpu/cpufreq/policy2/scaling_governor", "powersave\n"},
        {"/sys/devices/system/cpu/cpufreq/policy2/scaling_driver", "intel_pstate\n"},
        {"/sys/devices/system/cpu/cpufreq/policy2/affected_cpus", "2\n"},
        {"/proc/interrupts", HEADING " 31:  5  10  IO-APIC   4-edge      ttyS0\n"},
        {TAP, "5\n"},
        {"/proc/100/status", "Name:\tqemu\nVmSwap:\t    1234 kB\n"},
    };

    for (gsize i = 0; i < G_N_ELEMENTS(files); i++)
        fake_host_put(root, files[i][0], files[i][1]);
}

static void assert_host(const Vitals *vitals)
{
    g_autofree char *slow = cpuset_format(vitals->slow_cpus);
    const NodeVitals *node = vitals_node(vitals, 0);

    assert_int_equal(vitals->host->available_kib, 4000);
    assert_int_equal(node->memory_kib, 8000);
    assert_int_equal(node->free_kib, 500);
    assert_int_equal(node->blocks[0], 6);
    assert_int_equal(node_vitals_blocks_kib(node, 4, 2048), 3 * 2048 + 4096);
    assert_null(vitals_node(vitals, 1));
    assert_int_equal(vitals->hint_faults, 150);
    assert_string_equal(vitals->clocksource, "hpet");
    assert_int_equal(vitals->kernel_faults->len, 2);
    assert_int_equal(vitals->merged_pages, 77);
    assert_string_equal(slow, "0-1");
    assert_int_equal(vitals->slow_mhz, 800);
    assert_int_equal(vitals->max_mhz, 3600);
    assert_int_equal(vitals->interrupts->len, 1);
    assert_count(vitals->interrupts, 0, 31, 2, 40, "ttyS0");
    assert_int_equal(vitals->tuners->len, 1);
    assert_string_equal(g_array_index(vitals->tuners, Tuner, 0).name, "numad");
}

static void test_measured(void **state)
{
    const FakeThread numad = {.tid = 812, .tgid = 812, .comm = "numad", .cpus = "0-7"};
    g_autoptr(GPtrArray) guests = g_ptr_array_new_with_free_func((GDestroyNotify)guest_unref);

    put_host(*state);
    fake_host_add_thread(*state, &numad);
    g_ptr_array_add(guests, guest_make());
    g_ptr_array_add(guests, guest_new("off", "off"));
    VitalsStart *start = vitals_begin(*state, guests);
    fake_host_put(*state, "/proc/vmstat", "nr_free_pages 5\nnuma_hint_faults 250\n");
    fake_host_put(*state, "/proc/interrupts", HEADING " 31:  5  50  IO-APIC   4-edge      ttyS0\n");
    fake_host_put(*state, TAP, "9\n");
    g_autoptr(Vitals) vitals = vitals_end(*state, guests, start);
    assert_host(vitals);
    const GuestVitals *guest = vitals_guest(vitals, "u");
    assert_int_equal(guest->swap_kib, 1234);
    assert_non_null(guest->before);
    assert_non_null(guest->after);
    assert_int_equal(guest->drops->len, 1);
    const NicDrops *drops = &g_array_index(guest->drops, NicDrops, 0);
    assert_string_equal(drops->mac, "52:54:00:aa:00:01");
    assert_string_equal(drops->device, "vnet0");
    assert_int_equal(drops->dropped, 4);
    assert_int_equal(drops->total, 9);
    assert_int_equal(vitals_guest(vitals, "off")->drops->len, 0);
    assert_null(vitals_guest(vitals, "none"));
}

#define VULNERABILITIES "/sys/devices/system/cpu/vulnerabilities/"
#define PARAMETERS "/sys/module/kvm/parameters/"
#define L1TF "Mitigation: PTE Inversion; VMX: "
#define NOTHING N_FINDINGS

/* What the kernel's files say, and what is found by that. */
static void test_kernel_faults(void **state)
{
    static const struct {
        const char *path, *text;
        unsigned finding;
    } cases[] = {
        {"/sys/module/kvm_intel/parameters/ept", "N\n", FINDING_SHADOW_PAGING},
        {"/sys/module/kvm_intel/parameters/ept", "Y\n", NOTHING},
        {"/sys/module/kvm_amd/parameters/npt", "0\n", FINDING_SHADOW_PAGING},
        {"/sys/module/kvm_amd/parameters/npt", "1\n", NOTHING},
        {PARAMETERS "halt_poll_ns", "0\n", FINDING_HALT_POLLING},
        {PARAMETERS "halt_poll_ns", "200000\n", NOTHING},
        {PARAMETERS "nx_huge_pages", "Y\n", FINDING_SPLIT_HUGE_PAGES},
        {PARAMETERS "nx_huge_pages", "N\n", NOTHING},
        {PARAMETERS "nx_huge_pages", "never\n", NOTHING},
        {VULNERABILITIES "l1tf", L1TF "cache flushes, SMT vulnerable\n", FINDING_ENTRY_FLUSH},
        {VULNERABILITIES "l1tf", L1TF "conditional cache flushes, SMT disabled\n", NOTHING},
        {VULNERABILITIES "l1tf", "Not affected\n", NOTHING},
        {VULNERABILITIES "spec_rstack_overflow", "Mitigation: Safe RET\n", NOTHING},
        {VULNERABILITIES "spec_rstack_overflow", "Mitigation: IBPB on VMEXIT only\n",
         FINDING_ENTRY_FLUSH},
        {VULNERABILITIES "retbleed", "Mitigation: IBPB; SMT disabled\n", FINDING_ENTRY_FLUSH},
        {VULNERABILITIES "retbleed", "Mitigation: untrained return thunk; SMT vulnerable\n",
         NOTHING},
        {"/sys/devices/system/cpu/smt/control", "off\n", FINDING_SMT_OFF},
        {"/sys/devices/system/cpu/smt/control", "forceoff\n", FINDING_SMT_OFF},
        {"/sys/devices/system/cpu/smt/control", "on\n", NOTHING},
        {"/sys/devices/system/cpu/smt/control", "notsupported\n", NOTHING},
    };
    g_autoptr(GPtrArray) guests = g_ptr_array_new();

    (void)state;
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        char *root = fake_host_new();
        fake_host_put(root, cases[i].path, cases[i].text);
        g_autoptr(Vitals) vitals = vitals_end(root, guests, vitals_begin(root, guests));
        unsigned found = vitals->kernel_faults->len == 0
                             ? NOTHING
                             : g_array_index(vitals->kernel_faults, KernelFault, 0).finding;
        if (found != cases[i].finding)
            fail_msg("%s: %s", cases[i].path, cases[i].text);
        fake_host_free(root);
    }
}

/* A kernel that has none of it. */
static void test_nothing(void **state)
{
    g_autoptr(GPtrArray) guests = g_ptr_array_new();
    g_autoptr(Vitals) vitals = vitals_end(*state, guests, vitals_begin(*state, guests));

    assert_null(vitals->host);
    assert_null(vitals->clocksource);
    assert_int_equal(vitals->kernel_faults->len, 0);
    assert_true(cpuset_is_empty(vitals->slow_cpus));
    assert_int_equal(vitals->interrupts->len + vitals->nodes->len + vitals->tuners->len, 0);
    vitals_start_free(vitals_begin(*state, guests)); /* a job that is given up */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_interrupts),
        cmocka_unit_test(test_interrupts_odd),
        cmocka_unit_test_setup_teardown(test_measured, setup, teardown),
        cmocka_unit_test(test_kernel_faults),
        cmocka_unit_test_setup_teardown(test_nothing, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
