/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "host/vitals.h"

#include "base/util.h"
#include "host/host-knob.h"
#include "host/kernel-file.h"
#include "host/proc.h"
#include "host/rival.h"
#include "host/usage.h"

#include <fnmatch.h>
#include <glob.h>
#include <stdio.h>
#include <string.h>

#define NET_DIRECTORY "/sys/class/net"
#define CPUFREQ_PATTERN "/sys/devices/system/cpu/cpufreq/policy[0-9]*"
#define KHZ_PER_MHZ 1000u

struct VitalsStart {
    int64_t time_usec; /* monotonic */
    Interrupts *interrupts;
    uint64_t hint_faults;
    GPtrArray *usages; /* of GuestUsage, by guest */
    GArray *dropped;   /* of uint64_t, by guest and tap */
};

/* --- counters --- */

/* KSM's and NUMA balancing's are absent where the kernel has none. */
static uint64_t number_at(const char *root, const char *directory, const char *name)
{
    uint64_t number;

    return kernel_number_read(root, directory, name, &number) == 0 ? number : 0;
}

/* "name number" of /proc/vmstat. */
static uint64_t vmstat_read(const char *root, const char *name)
{
    g_autofree char *text = NULL, *word = g_strdup_printf("\n%s ", name);

    if (kernel_text_read(root, "/proc/vmstat", &text) < 0)
        return 0;
    const char *line = strstr(text, word);
    return line ? g_ascii_strtoull(line + strlen(word), NULL, 10) : 0;
}

/* Calls take() for each NIC of the guest that has an end on the host. */
static void taps_each(const char *root, const Guest *guest,
                      void (*take)(const GuestNic *nic, uint64_t dropped, gpointer data),
                      gpointer data)
{
    for (unsigned i = 0; guest->live && i < guest->live->n_nics; i++) {
        const GuestNic *nic = &guest->live->nics[i];
        if (!nic->tap || !*nic->tap || strchr(nic->tap, '/') || *nic->tap == '.')
            continue;
        g_autofree char *directory = g_strdup_printf(NET_DIRECTORY "/%s/statistics", nic->tap);
        take(nic, number_at(root, directory, "tx_dropped"), data);
    }
}

static void take_dropped(const GuestNic *nic, uint64_t dropped, gpointer data)
{
    (void)nic;
    g_array_append_val((GArray *)data, dropped);
}

VitalsStart *vitals_begin(const char *root, const GPtrArray *guests)
{
    VitalsStart *start = g_new0(VitalsStart, 1);

    start->usages = g_ptr_array_new_with_free_func((GDestroyNotify)guest_usage_free);
    start->dropped = g_array_new(FALSE, FALSE, sizeof(uint64_t));
    if (interrupts_acquire(root, &start->interrupts) < 0)
        start->interrupts = interrupts_parse("");
    start->hint_faults = vmstat_read(root, "numa_hint_faults");
    for (guint i = 0; i < guests->len; i++) {
        const Guest *guest = g_ptr_array_index(guests, i);
        g_ptr_array_add(start->usages, guest_usage_acquire(root, guest));
        taps_each(root, guest, take_dropped, start->dropped);
    }
    start->time_usec = g_get_monotonic_time();
    return start;
}

void vitals_start_free(VitalsStart *start)
{
    if (!start)
        return;
    interrupts_free(start->interrupts);
    g_ptr_array_unref(start->usages);
    g_array_unref(start->dropped);
    g_free(start);
}

/* --- guests --- */

typedef struct Drops {
    GArray *drops;
    const GArray *before;
    guint at; /* in before */
} Drops;

static void take_drops(const GuestNic *nic, uint64_t total, gpointer data)
{
    Drops *drops = data;
    uint64_t before = g_array_index(drops->before, uint64_t, drops->at);
    NicDrops one = {.mac = g_ascii_strdown(nic->mac, -1),
                    .device = g_strdup(nic->tap),
                    .dropped = total > before ? total - before : 0,
                    .total = total};

    drops->at++;
    g_array_append_val(drops->drops, one);
}

/* "1234 kB" */
static uint64_t swap_read(const char *root, pid_t pid)
{
    g_autofree char *text = NULL;

    return proc_status_acquire(root, pid, "VmSwap", &text) == HOST_DONE
               ? g_ascii_strtoull(text, NULL, 10)
               : 0;
}

static void measure_guests(const char *root, const GPtrArray *guests, VitalsStart *start,
                           Vitals *vitals)
{
    guint at = 0;

    for (guint i = 0; i < guests->len; i++) {
        const Guest *guest = g_ptr_array_index(guests, i);
        GuestVitals *vital = vitals_add_guest(vitals, guest->uuid);
        Drops drops = {.drops = vital->drops, .before = start->dropped, .at = at};
        taps_each(root, guest, take_drops, &drops);
        at = drops.at;
        vital->before = g_ptr_array_index(start->usages, i);
        vital->after = guest_usage_acquire(root, guest);
        if (guest->kernel)
            vital->swap_kib = swap_read(root, guest->kernel->pid);
    }
    g_ptr_array_set_free_func(start->usages, NULL); /* they went over */
}

/* --- the host --- */

/* "Node 0, zone   Normal   1046    527 …": free blocks of each order. */
static void buddy_line(const char *line, Vitals *vitals)
{
    unsigned node;
    int length = 0;

    if (sscanf(line, "Node %u, zone %*s%n", &node, &length) != 1 || length == 0)
        return;
    for (guint i = 0; i < vitals->nodes->len; i++) {
        NodeVitals *vital = &g_array_index(vitals->nodes, NodeVitals, i);
        char *at = (char *)line + length;
        for (unsigned order = 0; vital->node == node && order < BLOCK_ORDERS; order++)
            vital->blocks[order] += g_ascii_strtoull(at, &at, 10);
    }
}

static void measure_nodes(const char *root, Vitals *vitals)
{
    g_autofree char *text = NULL;

    for (unsigned i = 0; vitals->host && i < vitals->host->n_nodes; i++) {
        NodeVitals node = {.node = vitals->host->nodes[i].node};
        if (kernel_node_memory_read(root, node.node, &node.memory_kib, &node.free_kib) == 0)
            g_array_append_val(vitals->nodes, node);
    }
    if (kernel_text_read(root, "/proc/buddyinfo", &text) < 0)
        return;
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    for (char **line = lines; *line; line++)
        buddy_line(*line, vitals);
}

/* With these the hardware chooses the frequency, and powersave is its hint. */
static bool is_chosen_by_hardware(const char *driver)
{
    static const char *const drivers[] = {"intel_pstate", "amd-pstate-epp", NULL};

    return g_strv_contains(drivers, driver);
}

static void measure_policy(const char *root, const char *path, Vitals *vitals)
{
    g_autofree char *governor = NULL, *driver = NULL, *cpus = NULL;
    g_autofree char *governor_path = g_strconcat(path, "/scaling_governor", NULL);
    g_autofree char *driver_path = g_strconcat(path, "/scaling_driver", NULL);
    g_autofree char *cpus_path = g_strconcat(path, "/affected_cpus", NULL);

    if (kernel_text_read(root, governor_path, &governor) < 0 ||
        kernel_text_read(root, driver_path, &driver) < 0 ||
        kernel_text_read(root, cpus_path, &cpus) < 0 || !g_str_equal(governor, "powersave") ||
        is_chosen_by_hardware(driver))
        return;
    g_auto(GStrv) words = g_strsplit(cpus, " ", -1);
    for (char **word = words; *word; word++) {
        uint64_t cpu;
        if (parse_u64(*word, CPUSET_MAX_INDEX, &cpu) == 0)
            hwloc_bitmap_set(vitals->slow_cpus, (unsigned)cpu);
    }
    vitals->slow_mhz = (unsigned)(number_at(root, path, "scaling_cur_freq") / KHZ_PER_MHZ);
    vitals->max_mhz = (unsigned)(number_at(root, path, "cpuinfo_max_freq") / KHZ_PER_MHZ);
}

static void measure_frequencies(const char *root, Vitals *vitals)
{
    g_autofree char *pattern = g_strconcat(root, CPUFREQ_PATTERN, NULL);
    glob_t found;

    if (glob(pattern, 0, NULL, &found) != 0)
        return;
    for (size_t i = 0; i < found.gl_pathc; i++)
        measure_policy(root, found.gl_pathv[i] + strlen(root), vitals);
    globfree(&found);
}

#define VULNERABILITIES "/sys/devices/system/cpu/vulnerabilities/"
#define L1D_FLUSH "/sys/module/kvm_intel/parameters/vmentry_l1d_flush"

#define SMT_CONTROL "/sys/devices/system/cpu/smt/control"
#define SMT_IS_OFF "SMT is switched off: half of the hardware threads do nothing"

/* Values as the kernel shows them: booleans as Y and N, or numbers; mitigations as in
 * admin-guide/hw-vuln of its documents and arch/x86/kernel/cpu/bugs.c. */
static const struct {
    const char *path, *pattern; /* fnmatch(3) */
    KernelFault fault;
} kernel_faults[] = {
    {"/sys/module/kvm_intel/parameters/ept",
     "[N0]",
     {FINDING_SHADOW_PAGING,
      "kvm_intel.ept is off: each change of a guest's page tables leaves the guest",
      "load the module with kvm_intel.ept=1"}},
    {"/sys/module/kvm_amd/parameters/npt",
     "[N0]",
     {FINDING_SHADOW_PAGING,
      "kvm_amd.npt is off: each change of a guest's page tables leaves the guest",
      "load the module with kvm_amd.npt=1"}},
    {"/sys/module/kvm/parameters/halt_poll_ns",
     "0",
     {FINDING_HALT_POLLING,
      "kvm.halt_poll_ns is 0: each pause of a vCPU, however short, goes through the host's "
      "scheduler",
      "echo 200000 >/sys/module/kvm/parameters/halt_poll_ns"}},
    {VULNERABILITIES "l1tf",
     "*VMX: cache flushes*",
     {FINDING_ENTRY_FLUSH,
      "l1tf: the L1 data cache is flushed at each entry to a guest, and not only where the kernel "
      "may have touched secrets",
      "echo cond >" L1D_FLUSH}},
    {VULNERABILITIES "spec_rstack_overflow",
     "Mitigation: IBPB*",
     {FINDING_ENTRY_FLUSH,
      "spec_rstack_overflow: branch predictions are thrown away at each exit of a guest",
      "a newer kernel or microcode; or spec_rstack_overflow=safe-ret on the kernel's command "
      "line"}},
    {VULNERABILITIES "retbleed",
     "Mitigation: IBPB*",
     {FINDING_ENTRY_FLUSH,
      "retbleed: branch predictions are thrown away at each entry to the kernel",
      "retbleed=auto, the default, on the kernel's command line"}},
    {"/sys/module/kvm/parameters/nx_huge_pages",
     "[Y1]",
     {FINDING_SPLIT_HUGE_PAGES,
      "kvm.nx_huge_pages is on: huge pages from which a guest runs code are split, against "
      "itlb_multihit of this CPU",
      "where all guests are trusted: load kvm with kvm.nx_huge_pages=off"}},
    {SMT_CONTROL,
     "off",
     {FINDING_SMT_OFF, SMT_IS_OFF, "where guests trust each other: echo on >" SMT_CONTROL}},
    {SMT_CONTROL,
     "forceoff",
     {FINDING_SMT_OFF, SMT_IS_OFF,
      "where guests trust each other: take nosmt=force off the kernel's command line"}},
};

static void measure_kernel(const char *root, Vitals *vitals)
{
    for (gsize i = 0; i < G_N_ELEMENTS(kernel_faults); i++) {
        g_autofree char *text = NULL;
        if (kernel_text_read(root, kernel_faults[i].path, &text) == 0 &&
            fnmatch(kernel_faults[i].pattern, text, 0) == 0)
            g_array_append_val(vitals->kernel_faults, kernel_faults[i].fault);
    }
}

static void measure_interrupts(const char *root, const VitalsStart *start, Vitals *vitals)
{
    g_autoptr(Interrupts) now = NULL;

    if (interrupts_acquire(root, &now) == 0)
        interrupts_between(start->interrupts, now, vitals->interrupts);
}

Vitals *vitals_end(const char *root, const GPtrArray *guests, VitalsStart *start)
{
    Vitals *vitals = vitals_new();
    uint64_t hint_faults = vmstat_read(root, "numa_hint_faults");

    vitals->sample_usec = g_get_monotonic_time() - start->time_usec;
    vitals->hint_faults = hint_faults > start->hint_faults ? hint_faults - start->hint_faults : 0;
    measure_guests(root, guests, start, vitals);
    measure_interrupts(root, start, vitals);
    (void)host_acquire(root, &vitals->host); /* NULL: nothing is said of memory */
    measure_nodes(root, vitals);
    measure_frequencies(root, vitals);
    measure_kernel(root, vitals);
    (void)kernel_text_read(root, "/sys/devices/system/clocksource/clocksource0/current_clocksource",
                           &vitals->clocksource);
    vitals->merged_pages = number_at(root, "/sys/kernel/mm/ksm", "pages_sharing");
    g_array_unref(vitals->tuners);
    vitals->tuners = tuners_acquire(root);
    vitals_start_free(start);
    return vitals;
}
