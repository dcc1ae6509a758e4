/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "model/finding.h"

#include "base/text.h"
#include "base/util.h"
#include "model/policy-key.h"

#include <string.h>

#define ADVICE(ID, NAME, CLASS, SEVERITY, DOC)                                                     \
    [FINDING_##ID] = {NAME, FINDING_##CLASS, SEVERITY_##SEVERITY, true, DOC}
#define MEASURED(ID, NAME, CLASS, SEVERITY, DOC)                                                   \
    [FINDING_##ID] = {NAME, FINDING_##CLASS, SEVERITY_##SEVERITY, false, DOC}

static const FindingInfo infos[N_FINDINGS] = {
    ADVICE(NO_VHOST_NET, "no-vhost-net", NETWORK, MEDIUM,
           "the host has no vhost-net: QEMU moves all packets"),
    ADVICE(PINNED_BY_HAND, "pinned-by-hand", CPU, INFO,
           "the guest was pinned by hand and is left alone"),
    ADVICE(TRANSIENT, "transient", CPU, INFO,
           "the guest has no persistent definition for settings of its next start"),
    ADVICE(UNSUPPORTED, "unsupported", CPU, INFO, "the policy asks for what cannot be had here"),
    ADVICE(EMULATED, "emulated", CPU, HIGH, "QEMU emulates the guest's CPU instead of KVM"),
    ADVICE(CPU_DEFAULT_MODEL, "cpu-default-model", CPU, MEDIUM,
           "the guest has QEMU's default CPU model"),
    ADVICE(VCPUS_TOO_MANY, "vcpus-too-many", CPU, HIGH,
           "the guest has more vCPUs than CPUs it may use"),
    ADVICE(CELLS, "cells", MEMORY, MEDIUM, "the guest is on several NUMA nodes and does not know"),
    ADVICE(HPET, "hpet", CPU, LOW, "the guest has a HPET, which is emulated by QEMU and slow"),
    ADVICE(KVMCLOCK_OFF, "kvmclock-off", CPU, MEDIUM, "a Linux guest without kvmclock"),
    ADVICE(CLOCK_TSC, "clock-tsc", CPU, INFO,
           "the TSC as clock source, with what it means for migration"),
    ADVICE(WINDOWS_PLAIN, "windows-plain", CPU, MEDIUM, "Windows without Hyper-V enlightenments"),
    ADVICE(DISK_NOT_VIRTIO, "disk-not-virtio", STORAGE, HIGH,
           "a disk on an emulated IDE or SATA bus"),
    ADVICE(DISK_SCSI_CONTROLLER, "disk-scsi-controller", STORAGE, MEDIUM,
           "a scsi disk whose controller is emulated"),
    ADVICE(DISK_QCOW2, "disk-qcow2", STORAGE, INFO, "a disk in qcow2"),
    ADVICE(DISK_BACKING_CHAIN, "disk-backing-chain", STORAGE, MEDIUM,
           "a disk over a long chain of images"),
    ADVICE(DISK_HOST_CACHE, "disk-host-cache", STORAGE, MEDIUM,
           "a disk through the host's page cache"),
    ADVICE(DISK_NO_IOTHREAD, "disk-no-iothread", STORAGE, MEDIUM,
           "a dedicated guest's disk without an IOThread"),
    ADVICE(DISK_IO_THREADS, "disk-io-threads", STORAGE, LOW,
           "a disk past the page cache whose I/O a pool of threads does"),
    ADVICE(DISK_ONE_QUEUE, "disk-one-queue", STORAGE, LOW,
           "a disk with one queue in a guest with several vCPUs"),
    ADVICE(NIC_NOT_VIRTIO, "nic-not-virtio", NETWORK, HIGH, "an emulated NIC"),
    ADVICE(NIC_NO_VHOST, "nic-no-vhost", NETWORK, MEDIUM,
           "a virtio NIC whose packets QEMU moves, though the kernel could"),
    ADVICE(NIC_ONE_QUEUE, "nic-one-queue", NETWORK, LOW,
           "a NIC with one queue in a guest with several vCPUs"),
    ADVICE(NIC_SHARED_MEMORY, "nic-shared-memory", NETWORK, HIGH,
           "a vhost-user NIC without shared memory: it cannot work"),
    ADVICE(NO_HUGEPAGES, "no-hugepages", MEMORY, MEDIUM,
           "a large dedicated guest on ordinary pages"),
    MEASURED(POOL_OVERCOMMIT, "pool-overcommit", CPU, INFO,
             "more vCPUs float over the pool than it has CPUs"),
    MEASURED(RUN_DELAY, "run-delay", CPU, MEDIUM, "vCPUs wait for a CPU (steal time)"),
    MEASURED(ACROSS_NODES, "across-nodes", CPU, MEDIUM,
             "vCPUs may run on several NUMA nodes, and one would hold them"),
    MEASURED(REFUSED, "refused", CPU, HIGH, "the guest does not get what its policy asks for"),
    MEASURED(NOT_APPLIED, "not-applied", CPU, MEDIUM, "the guest is not as planned"),
    MEASURED(NOT_EXCLUSIVE, "not-exclusive", CPU, HIGH,
             "other guests may run on the guest's dedicated CPUs"),
    MEASURED(EMULATOR_ON_VCPUS, "emulator-on-vcpus", CPU, LOW,
             "QEMU's main and other threads run on the guest's dedicated CPUs"),
    MEASURED(IOTHREAD_ON_VCPUS, "iothread-on-vcpus", STORAGE, LOW,
             "IOThreads run on the guest's dedicated CPUs"),
    MEASURED(VHOST_ON_VCPUS, "vhost-on-vcpus", NETWORK, LOW,
             "vhost workers run on the guest's dedicated CPUs"),
    MEASURED(INTERRUPTS, "interrupts", CPU, LOW,
             "interrupts of devices come to the guest's dedicated CPUs"),
    MEASURED(RIVAL_TUNER, "rival-tuner", CPU, LOW,
             "another program that sets what vmtuned sets is running"),
    MEASURED(ISOLATED_CROWDED, "isolated-crowded", CPU, HIGH,
             "threads share isolated CPUs, where nothing spreads them"),
    MEASURED(ISOLATED_UNUSED, "isolated-unused", CPU, LOW,
             "CPUs are isolated or without a tick, and no guest has them for itself"),
    MEASURED(GOVERNOR, "governor", CPU, MEDIUM, "CPUs are kept at a low frequency"),
    MEASURED(CLOCKSOURCE, "clocksource", CPU, MEDIUM, "the host's clock is not the TSC"),
    MEASURED(HALT_POLLING, "halt-polling", CPU, INFO, "KVM does not poll before it halts a vCPU"),
    MEASURED(ENTRY_FLUSH, "entry-flush", CPU, MEDIUM,
             "caches or predictions are thrown away whenever a guest is entered or left"),
    MEASURED(SMT_OFF, "smt-off", CPU, INFO, "SMT is switched off"),
    MEASURED(NAMED_MODEL, "named-model", CPU, INFO,
             "the guest's CPU model is a named one, and not the host's"),
    MEASURED(SHADOW_PAGING, "shadow-paging", MEMORY, HIGH,
             "KVM has no nested page tables: it shadows those of its guests"),
    MEASURED(SPLIT_HUGE_PAGES, "split-huge-pages", MEMORY, LOW,
             "KVM splits huge pages from which guests run code"),
    MEASURED(REMOTE_MEMORY, "remote-memory", MEMORY, MEDIUM,
             "memory of the guest is not where its vCPUs are"),
    MEASURED(SMALL_PAGES, "small-pages", MEMORY, LOW, "a large guest on ordinary pages"),
    MEASURED(THP_OFF, "thp-off", MEMORY, MEDIUM,
             "transparent huge pages are off, and guests have no others"),
    MEASURED(SWAPPED, "swapped", MEMORY, MEDIUM, "memory of the guest is swapped out"),
    MEASURED(MEMORY_OVERCOMMIT, "memory-overcommit", MEMORY, MEDIUM,
             "guests may use more memory than the host has"),
    MEASURED(NODE_FULL, "node-full", MEMORY, MEDIUM, "a NUMA node with guests is nearly full"),
    MEASURED(PAGES_SHORT, "pages-short", MEMORY, HIGH,
             "the guest would not start: pages are missing"),
    MEASURED(PAGE_MERGING, "page-merging", MEMORY, LOW, "equal pages are merged (KSM)"),
    MEASURED(NUMA_BALANCING, "numa-balancing", MEMORY, LOW,
             "the kernel's NUMA balancing takes pages away to see who misses them"),
    MEASURED(NIC_DROPS, "nic-drops", NETWORK, MEDIUM,
             "packets for the guest are dropped, as its ring is full"),
};

const FindingInfo *finding_info(FindingId id)
{
    return &infos[id];
}

void finding_names(const char *ret[N_FINDINGS + 1])
{
    for (unsigned id = 0; id < N_FINDINGS; id++)
        ret[id] = infos[id].name;
    ret[N_FINDINGS] = NULL;
}

const char *finding_class_name(FindingClass finding_class)
{
    static const char *const names[N_FINDING_CLASSES] = {"cpu", "memory", "storage", "network"};

    return names[finding_class];
}

const char *severity_name(Severity severity)
{
    static const char *const names[] = {"info", "low", "medium", "high"};

    return names[severity];
}

void finding_free(Finding *finding)
{
    if (!finding)
        return;
    g_free(finding->guest);
    g_free(finding->uuid);
    g_free(finding->device);
    g_free(finding->reason);
    g_free(finding->command);
    for (unsigned i = 0; i < finding->n_remedies; i++)
        g_free(finding->remedies[i].value);
    g_free(finding);
}

static void finding_destroy(gpointer data)
{
    finding_free(data);
}

GPtrArray *finding_list_new(void)
{
    return g_ptr_array_new_with_free_func(finding_destroy);
}

Finding *finding_add(GPtrArray *list, FindingId id, const Guest *guest)
{
    Finding *finding = g_new0(Finding, 1);

    finding->id = id;
    finding->finding_class = infos[id].finding_class;
    finding->severity = infos[id].severity;
    finding->guest = g_strdup(guest ? guest->name : NULL);
    finding->uuid = g_strdup(guest ? guest->uuid : NULL);
    g_ptr_array_add(list, finding);
    return finding;
}

/* --- the policy's lines --- */

void finding_remedy(Finding *finding, PolicyKey key, const char *value)
{
    if (finding)
        finding->remedies[finding->n_remedies++] = (Remedy){key, g_strdup(value)};
}

/* Of the part before the dot; 0: none. */
static gsize section_length(const char *path)
{
    const char *dot = strchr(path, '.');

    return dot ? (gsize)(dot - path) : 0;
}

static bool same_section(const char *a, const char *b)
{
    gsize length = section_length(a);

    return length > 0 && length == section_length(b) && strncmp(a, b, length) == 0;
}

/* In the order of the policy's keys: "disk: {cache: none, io: native}", with sep between two
 * sections. */
static void append_keys(GString *text, const char *const values[N_POLICY_KEYS], const char *sep)
{
    const char *last = NULL;

    for (unsigned key = 0; key < N_POLICY_KEYS; key++) {
        const char *path = policy_key_info(key)->path;
        gsize length = section_length(path);
        if (!values[key])
            continue;
        bool goes_on = last && same_section(path, last);
        if (goes_on)
            g_string_append(text, ", ");
        else if (last)
            g_string_append_printf(text, "%s%s", section_length(last) > 0 ? "}" : "", sep);
        if (!goes_on && length > 0)
            g_string_append_printf(text, "%.*s: {", (int)length, path);
        g_string_append_printf(text, "%s: %s", length > 0 ? path + length + 1 : path, values[key]);
        last = path;
    }
    if (last && section_length(last) > 0)
        g_string_append_c(text, '}');
}

static void take_remedies(const Finding *finding, const char *values[N_POLICY_KEYS])
{
    for (unsigned i = 0; i < finding->n_remedies; i++)
        if (!values[finding->remedies[i].key])
            values[finding->remedies[i].key] = finding->remedies[i].value;
}

char *finding_keys(const Finding *finding)
{
    const char *values[N_POLICY_KEYS] = {NULL};
    GString *text = g_string_new(NULL);

    take_remedies(finding, values);
    append_keys(text, values, ", ");
    return g_string_free(text, text->len == 0);
}

/* By guest. */
static int compare_subject(gconstpointer a, gconstpointer b)
{
    const Finding *one = *(const Finding *const *)a, *two = *(const Finding *const *)b;
    int order = g_strcmp0(one->guest, two->guest);

    if (order == 0)
        order = g_strcmp0(one->uuid, two->uuid);
    return order != 0 ? order : CMP(one->id, two->id);
}

/* Those keys alone. */
static bool keep_scope(const char *values[N_POLICY_KEYS], PolicyScope scope)
{
    bool some = false;

    for (unsigned key = 0; key < N_POLICY_KEYS; key++) {
        if (policy_key_info(key)->scope != scope)
            values[key] = NULL;
        some |= values[key] != NULL;
    }
    return some;
}

static void append_host(GString *text, const GPtrArray *list)
{
    const char *values[N_POLICY_KEYS] = {NULL};

    for (guint i = 0; i < list->len; i++)
        take_remedies(g_ptr_array_index(list, i), values);
    if (!keep_scope(values, SCOPE_HOST))
        return;
    append_keys(text, values, "\n");
    g_string_append_c(text, '\n');
}

/* Rules for one guest are merged key by key, so that its own come on top of what others say. */
static void append_rule(GString *text, const Finding *of, const char *const values[N_POLICY_KEYS],
                        bool first)
{
    bool plain = text_is_plain_name(of->guest);

    g_string_append_printf(text, "%s  - match: {%s: \"%s\"}\n    ", first ? "guests:\n" : "",
                           plain ? "name" : "uuid", plain ? of->guest : of->uuid);
    append_keys(text, values, "\n    ");
    g_string_append_c(text, '\n');
}

char *finding_drop_in(const GPtrArray *list)
{
    g_autoptr(GPtrArray) sorted = g_ptr_array_new();
    GString *text = g_string_new("version: 1\n");
    const gsize empty = text->len;
    unsigned n_rules = 0;

    append_host(text, list);
    for (guint i = 0; i < list->len; i++)
        if (((const Finding *)g_ptr_array_index(list, i))->uuid)
            g_ptr_array_add(sorted, g_ptr_array_index(list, i));
    g_ptr_array_sort(sorted, compare_subject);
    for (guint i = 0, next; i < sorted->len; i = next) {
        const Finding *first = g_ptr_array_index(sorted, i);
        const char *values[N_POLICY_KEYS] = {NULL};
        for (next = i; next < sorted->len; next++) {
            const Finding *finding = g_ptr_array_index(sorted, next);
            if (!g_str_equal(finding->uuid, first->uuid))
                break;
            take_remedies(finding, values);
        }
        if (keep_scope(values, SCOPE_GUEST))
            append_rule(text, first, values, n_rules++ == 0);
    }
    return g_string_free(text, text->len == empty);
}
