/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "model/knob.h"

#include <errno.h>
#include <string.h>

#define ALL_PLANES                                                                                 \
    {                                                                                              \
        [PLANE_ACTUAL] = true, [PLANE_LIVE] = true, [PLANE_CONFIG] = true                          \
    }
#define ACTUAL_ONLY                                                                                \
    {                                                                                              \
        [PLANE_ACTUAL] = true                                                                      \
    }

#define DEFINITIONS                                                                                \
    {                                                                                              \
        [PLANE_LIVE] = true, [PLANE_CONFIG] = true                                                 \
    }
#define LIVE_ONLY                                                                                  \
    {                                                                                              \
        [PLANE_LIVE] = true                                                                        \
    }

/* Knobs that are one attribute or element of libvirt's definition. */
#define XML_KNOB(KNOB, NAME, TYPE, INSTANCE, CHANGE, WHERE, DOC, ...)                              \
    [KNOB_##KNOB] = {.knob = KNOB_##KNOB,                                                          \
                     .name = NAME,                                                                 \
                     .type = KNOB_TYPE_##TYPE,                                                     \
                     .instance = INSTANCE_##INSTANCE,                                              \
                     .instance_actual = INSTANCE_##INSTANCE,                                       \
                     .change = KNOB_##CHANGE,                                                      \
                     .observes = WHERE,                                                            \
                     .doc = DOC,                                                                   \
                     __VA_ARGS__}
/* Knobs of the host: files of the kernel. */
#define HOST_KNOB(KNOB, NAME, INSTANCE, WHERE, DOC)                                                \
    [KNOB_##KNOB] = {.knob = KNOB_##KNOB,                                                          \
                     .name = NAME,                                                                 \
                     .type = KNOB_TYPE_TEXT,                                                       \
                     .instance = INSTANCE_##INSTANCE,                                              \
                     .instance_actual = INSTANCE_##INSTANCE,                                       \
                     .change = KNOB_LIVE,                                                          \
                     .planes = ACTUAL_ONLY,                                                        \
                     .host = true,                                                                 \
                     .observes = WHERE,                                                            \
                     .applies = WHERE,                                                             \
                     .doc = DOC}
#define EDIT_ONLY                                                                                  \
    .planes = DEFINITIONS, .edited = true, .applies = "edit of the definition (virDomainDefineXML)"

/* libvirt leaves out a peak or burst of 0. */
static const KnobField bandwidth_fields[] = {{.name = "average"},
                                             {.name = "peak", .absent = "0"},
                                             {.name = "burst", .absent = "0"},
                                             {.name = NULL}};
static const KnobField topology_fields[] = {{.name = "sockets"},
                                            {.name = "dies", .absent = "1"},
                                            {.name = "clusters", .absent = "1"},
                                            {.name = "cores"},
                                            {.name = "threads"},
                                            {.name = NULL}};
static const KnobField cache_fields[] = {{.name = "mode"}, {.name = "level"}, {.name = NULL}};
static const KnobField hyperv_fields[] = {{.name = "state"}, {.name = "retries"}, {.name = NULL}};
static const KnobField memnode_fields[] = {{.name = "mode"}, {.name = "nodeset"}, {.name = NULL}};
/* libvirt's elements of <iotune>; 0 is no limit. A burst lasts one second if nothing is said, and
 * libvirt writes 1 where a longer one was taken away. */
static const KnobField iotune_fields[] = {
    {.name = "total_bytes_sec", .absent = "0"},
    {.name = "read_bytes_sec", .absent = "0"},
    {.name = "write_bytes_sec", .absent = "0"},
    {.name = "total_iops_sec", .absent = "0"},
    {.name = "read_iops_sec", .absent = "0"},
    {.name = "write_iops_sec", .absent = "0"},
    {.name = "total_bytes_sec_max", .absent = "0"},
    {.name = "read_bytes_sec_max", .absent = "0"},
    {.name = "write_bytes_sec_max", .absent = "0"},
    {.name = "total_iops_sec_max", .absent = "0"},
    {.name = "read_iops_sec_max", .absent = "0"},
    {.name = "write_iops_sec_max", .absent = "0"},
    {.name = "size_iops_sec", .absent = "0"},
    {.name = "group_name"},
    {.name = "total_bytes_sec_max_length", .absent = "1"},
    {.name = "read_bytes_sec_max_length", .absent = "1"},
    {.name = "write_bytes_sec_max_length", .absent = "1"},
    {.name = "total_iops_sec_max_length", .absent = "1"},
    {.name = "read_iops_sec_max_length", .absent = "1"},
    {.name = "write_iops_sec_max_length", .absent = "1"},
    {.name = NULL},
};

static const KnobInfo knobs[N_KNOBS] = {
    [KNOB_VCPU_PIN] =
        {
            .knob = KNOB_VCPU_PIN,
            .name = "vcpu.pin",
            .type = KNOB_TYPE_CPUS,
            .instance = INSTANCE_VCPU,
            .instance_actual = INSTANCE_VCPU,
            .change = KNOB_LIVE,
            .planes = ALL_PLANES,
            .per_thread = true,
            .observes = "cpuset of cgroup vcpuN, sched_getaffinity, <vcpupin>",
            .applies = "virDomainPinVcpuFlags, sched_setaffinity",
            .doc = "CPUs a vCPU may run on",
        },
    [KNOB_EMULATOR_PIN] =
        {
            .knob = KNOB_EMULATOR_PIN,
            .name = "emulator.pin",
            .type = KNOB_TYPE_CPUS,
            .instance = INSTANCE_GUEST,
            .instance_actual = INSTANCE_GUEST,
            .change = KNOB_LIVE,
            .planes = ALL_PLANES,
            .per_thread = true,
            .observes = "cpuset of cgroup emulator, sched_getaffinity, <emulatorpin>",
            .applies = "virDomainPinEmulator, sched_setaffinity",
            .doc = "CPUs of QEMU's main thread and other helper threads; the cgroup and the "
                   "definitions "
                   "hold the union with vhost.pin",
        },
    [KNOB_IOTHREAD_PIN] =
        {
            .knob = KNOB_IOTHREAD_PIN,
            .name = "iothread.pin",
            .type = KNOB_TYPE_CPUS,
            .instance = INSTANCE_IOTHREAD,
            .instance_actual = INSTANCE_IOTHREAD,
            .change = KNOB_LIVE,
            .planes = ALL_PLANES,
            .per_thread = true,
            .observes = "cpuset of cgroup iothreadN, sched_getaffinity, <iothreadpin>",
            .applies = "virDomainPinIOThread, sched_setaffinity",
            .doc = "CPUs an IOThread may run on",
        },
    [KNOB_VHOST_PIN] =
        {
            .knob = KNOB_VHOST_PIN,
            .name = "vhost.pin",
            .type = KNOB_TYPE_CPUS,
            .instance = INSTANCE_GUEST,
            .instance_actual = INSTANCE_GUEST,
            .change = KNOB_LIVE,
            .planes = ACTUAL_ONLY,
            .per_thread = true,
            .observes = "sched_getaffinity",
            .applies = "sched_setaffinity",
            .doc = "CPUs of the guest's vhost workers; libvirt's definition has no word for it",
        },
    [KNOB_CPU_WEIGHT] =
        {
            .knob = KNOB_CPU_WEIGHT,
            .name = "cpu.weight",
            .type = KNOB_TYPE_WEIGHT,
            .instance = INSTANCE_GUEST,
            .instance_actual = INSTANCE_GUEST,
            .change = KNOB_LIVE,
            .planes = ALL_PLANES,
            .observes = "cpu.weight (v2) or cpu.shares (v1) of the guest's cgroup, <shares>",
            .applies = "virDomainSetSchedulerParametersFlags (cpu_shares)",
            .doc = "Share of CPU time where CPUs are short, against other guests",
        },
    [KNOB_CPU_QUOTA] =
        {
            .knob = KNOB_CPU_QUOTA,
            .name = "cpu.quota",
            .type = KNOB_TYPE_PERCENT,
            .instance = INSTANCE_GUEST,
            .instance_actual = INSTANCE_VCPU,
            .change = KNOB_LIVE,
            .planes = ALL_PLANES,
            .observes = "cpu.max (v2) or cpu.cfs_quota_us (v1) of cgroup vcpuN, <quota>",
            .applies = "virDomainSetSchedulerParametersFlags (vcpu_period, vcpu_quota)",
            .doc = "Most CPU time each vCPU may use",
        },
    [KNOB_NUMA_NODESET] =
        {
            .knob = KNOB_NUMA_NODESET,
            .name = "numa.nodeset",
            .type = KNOB_TYPE_NODESET,
            .instance = INSTANCE_GUEST,
            .instance_actual = INSTANCE_GUEST,
            .change = KNOB_LIVE,
            .planes = ALL_PLANES,
            .observes = "cpuset.mems of the guest's cgroups, <numatune><memory>",
            .applies = "virDomainSetNumaParameters (numa_mode, numa_nodeset)",
            .doc =
                "NUMA nodes the guest's memory comes from; a running guest takes it only in mode "
                "restrictive, or where its definition names no mode",
        },
    XML_KNOB(NUMA_CELLS, "numa.cells", TEXT, GUEST, COLD, "<cpu><numa>",
             "NUMA cells the guest sees: \"vCPUs:KiB\" of each, in the order of their ids",
             EDIT_ONLY),
    XML_KNOB(NUMA_MEMNODE, "numa.memnode", FIELDS, CELL, COLD, "<numatune><memnode>",
             "NUMA nodes the memory of one cell comes from", EDIT_ONLY, .fields = memnode_fields),
    XML_KNOB(
        MEMORY_PAGE_SIZE, "memory.page_size", TEXT, GUEST, COLD, "<memoryBacking><hugepages>",
        "Huge pages that back the guest's memory, in KiB: \"2048\", by cell \"2048:0;1048576:1\"; "
        "\"default\": the host's default size",
        EDIT_ONLY),
    XML_KNOB(MEMORY_LOCKED, "memory.locked", TEXT, GUEST, COLD, "<memoryBacking><locked>",
             "The guest's memory is never swapped out", EDIT_ONLY),
    XML_KNOB(MEMORY_NOSHAREPAGES, "memory.nosharepages", TEXT, GUEST, COLD,
             "<memoryBacking><nosharepages>", "The guest's pages are never merged with others",
             EDIT_ONLY),
    XML_KNOB(MEMORY_ALLOCATION_THREADS, "memory.allocation_threads", TEXT, GUEST, COLD,
             "<memoryBacking><allocation threads>", "Threads that allocate the memory at the start",
             EDIT_ONLY),
    XML_KNOB(CPU_TOPOLOGY, "cpu.topology", FIELDS, GUEST, COLD, "<cpu><topology>",
             "Sockets, cores and threads the guest sees", EDIT_ONLY, .fields = topology_fields),
    XML_KNOB(CPU_CACHE, "cpu.cache", FIELDS, GUEST, COLD, "<cpu><cache>",
             "CPU caches the guest sees", EDIT_ONLY, .fields = cache_fields),
    XML_KNOB(CPU_HINT_DEDICATED, "cpu.hint_dedicated", TEXT, GUEST, COLD,
             "<features><kvm><hint-dedicated>",
             "Tells the guest that its vCPUs are never preempted", EDIT_ONLY, .absent = "off"),
    XML_KNOB(CPU_POLL_CONTROL, "cpu.poll_control", TEXT, GUEST, COLD,
             "<features><kvm><poll-control>", "Lets the guest poll when idle, in the host's place",
             EDIT_ONLY, .absent = "off"),
    XML_KNOB(CPU_HYPERV, "cpu.hyperv", FIELDS, FEATURE, COLD, "<features><hyperv>",
             "Hyper-V enlightenments for Windows", EDIT_ONLY, .fields = hyperv_fields),
    XML_KNOB(CLOCK_TIMER, "clock.timer", TEXT, TIMER, COLD, "<clock><timer present>",
             "Whether the guest has a timer", EDIT_ONLY),
    XML_KNOB(CLOCK_TICKPOLICY, "clock.tickpolicy", TEXT, TIMER, COLD, "<clock><timer tickpolicy>",
             "What becomes of ticks the guest missed", EDIT_ONLY),
    XML_KNOB(IOTHREAD_IDS, "iothread.ids", TEXT, GUEST, LIVE, "<iothreads>, <iothreadids>",
             "IOThreads the guest has", .planes = DEFINITIONS, .edited = true, .with_cold = true,
             .applies = "virDomainAddIOThread, virDomainDelIOThread; edit of the definition"),
    XML_KNOB(IOTHREAD_POLL_MAX, "iothread.poll_max", TEXT, IOTHREAD, LIVE,
             "virDomainListGetStats (iothread.N.poll-max-ns)",
             "Longest time an IOThread polls before it sleeps, in nanoseconds", .planes = LIVE_ONLY,
             .applies = "virDomainSetIOThreadParams"),
    XML_KNOB(IOTHREAD_POLL_GROW, "iothread.poll_grow", TEXT, IOTHREAD, LIVE,
             "virDomainListGetStats (iothread.N.poll-grow)",
             "Factor by which polling gets longer; 0: QEMU's default", .planes = LIVE_ONLY,
             .applies = "virDomainSetIOThreadParams"),
    XML_KNOB(IOTHREAD_POLL_SHRINK, "iothread.poll_shrink", TEXT, IOTHREAD, LIVE,
             "virDomainListGetStats (iothread.N.poll-shrink)",
             "Divisor by which polling gets shorter; 0: it starts anew", .planes = LIVE_ONLY,
             .applies = "virDomainSetIOThreadParams"),
    XML_KNOB(NET_DRIVER, "net.driver", TEXT, NIC, COLD, "<interface><driver name>",
             "Who moves the packets: the kernel (vhost) or QEMU", EDIT_ONLY),
    XML_KNOB(NET_QUEUES, "net.queues", TEXT, NIC, COLD, "<interface><driver queues>", "Queue pairs",
             EDIT_ONLY, .absent = "1"),
    XML_KNOB(NET_RX_QUEUE_SIZE, "net.rx_queue_size", TEXT, NIC, COLD,
             "<interface><driver rx_queue_size>", "Descriptors of a receive queue", EDIT_ONLY,
             .absent = "256"),
    XML_KNOB(NET_TX_QUEUE_SIZE, "net.tx_queue_size", TEXT, NIC, COLD,
             "<interface><driver tx_queue_size>", "Descriptors of a transmit queue", EDIT_ONLY,
             .absent = "256"),
    XML_KNOB(NET_PACKED, "net.packed", TEXT, NIC, COLD, "<interface><driver packed>",
             "Packed virtqueues", EDIT_ONLY, .absent = "off"),
    XML_KNOB(NET_EVENT_IDX, "net.event_idx", TEXT, NIC, COLD, "<interface><driver event_idx>",
             "Event index of the virtqueues: fewer interrupts", EDIT_ONLY, .absent = "on"),
    XML_KNOB(NET_MTU, "net.mtu", TEXT, NIC, COLD, "<interface><mtu size>",
             "Bytes of the largest packet", EDIT_ONLY),
    XML_KNOB(NET_INBOUND, "net.inbound", FIELDS, NIC, LIVE, "<interface><bandwidth><inbound>",
             "Limit on what the guest receives: kB a second, burst in KiB", .planes = DEFINITIONS,
             .edited = true, .fields = bandwidth_fields,
             .applies = "virDomainSetInterfaceParameters; edit of the definition"),
    XML_KNOB(NET_OUTBOUND, "net.outbound", FIELDS, NIC, LIVE, "<interface><bandwidth><outbound>",
             "Limit on what the guest sends: kB a second, burst in KiB", .planes = DEFINITIONS,
             .edited = true, .fields = bandwidth_fields,
             .applies = "virDomainSetInterfaceParameters; edit of the definition"),
    XML_KNOB(DISK_CACHE, "disk.cache", TEXT, DISK, COLD, "<disk><driver cache>",
             "The host's page cache and flushes", EDIT_ONLY, .absent = "default"),
    XML_KNOB(DISK_IO, "disk.io", TEXT, DISK, COLD, "<disk><driver io>", "How QEMU does disk I/O",
             EDIT_ONLY, .absent = "threads"),
    XML_KNOB(DISK_DISCARD, "disk.discard", TEXT, DISK, COLD, "<disk><driver discard>",
             "What becomes of discard requests", EDIT_ONLY, .absent = "ignore"),
    XML_KNOB(DISK_DETECT_ZEROES, "disk.detect_zeroes", TEXT, DISK, COLD,
             "<disk><driver detect_zeroes>", "What becomes of written zeroes", EDIT_ONLY,
             .absent = "off"),
    XML_KNOB(DISK_QUEUES, "disk.queues", TEXT, DISK, COLD, "<disk><driver queues>",
             "Request queues of a virtio disk", EDIT_ONLY),
    XML_KNOB(DISK_QUEUE_SIZE, "disk.queue_size", TEXT, DISK, COLD, "<disk><driver queue_size>",
             "Descriptors of a request queue", EDIT_ONLY),
    XML_KNOB(DISK_IOTHREAD, "disk.iothread", TEXT, DISK, COLD, "<disk><driver iothread>",
             "IOThread of a virtio disk", EDIT_ONLY),
    XML_KNOB(DISK_IOTUNE, "disk.iotune", FIELDS, DISK, LIVE, "<disk><iotune>",
             "Limits on disk I/O, with libvirt's names", .planes = DEFINITIONS,
             .fields = iotune_fields, .applies = "virDomainSetBlockIoTune"),
    XML_KNOB(SCSI_QUEUES, "scsi.queues", TEXT, CONTROLLER, COLD, "<controller><driver queues>",
             "Request queues of a virtio-scsi controller", EDIT_ONLY),
    XML_KNOB(SCSI_IOTHREAD, "scsi.iothread", TEXT, CONTROLLER, COLD,
             "<controller><driver iothread>", "IOThread of a virtio-scsi controller", EDIT_ONLY),
    HOST_KNOB(HOST_PAGES, "host.pages", POOL,
              "/sys/devices/system/node/nodeN/hugepages/hugepages-SIZE/nr_hugepages",
              "Huge pages of one size on one NUMA node"),
    HOST_KNOB(HOST_THP, "host.thp", HOST, "/sys/kernel/mm/transparent_hugepage/enabled",
              "Who gets transparent huge pages"),
    HOST_KNOB(HOST_THP_DEFRAG, "host.thp_defrag", HOST,
              "/sys/kernel/mm/transparent_hugepage/defrag",
              "Who waits until a transparent huge page can be made"),
    HOST_KNOB(HOST_NUMA_BALANCING, "host.numa_balancing", HOST, "/proc/sys/kernel/numa_balancing",
              "The kernel moves memory to the node that uses it, and threads to their memory"),
    HOST_KNOB(HOST_ZONE_RECLAIM_MODE, "host.zone_reclaim_mode", HOST,
              "/proc/sys/vm/zone_reclaim_mode",
              "What is freed on a full NUMA node before another one is used"),
    HOST_KNOB(HOST_KSM_MERGE_ACROSS_NODES, "host.ksm_merge_across_nodes", HOST,
              "/sys/kernel/mm/ksm/merge_across_nodes",
              "Equal pages of different NUMA nodes are merged, too"),
    HOST_KNOB(HOST_KSM_PAGES_TO_SCAN, "host.ksm_pages_to_scan", HOST,
              "/sys/kernel/mm/ksm/pages_to_scan", "Pages that page merging looks at in one go"),
    HOST_KNOB(HOST_KSM_SLEEP_MILLISECS, "host.ksm_sleep_millisecs", HOST,
              "/sys/kernel/mm/ksm/sleep_millisecs", "Rest of page merging after each go"),
    HOST_KNOB(HOST_KSM_RUN, "host.ksm", HOST, "/sys/kernel/mm/ksm/run",
              "Equal pages are merged: 1; no longer, and what is merged stays so: 0; and it is "
              "taken apart: 2"),
};

const KnobInfo *knob_info(Knob knob)
{
    return &knobs[knob];
}

int knob_by_name(const char *name)
{
    for (int i = 0; i < N_KNOBS; i++) {
        if (strcmp(knobs[i].name, name) == 0)
            return i;
    }
    return -1;
}

/* --- instances --- */

static const char *const timers[] = {"rtc",         "pit", "hpet",     "kvmclock",
                                     "hypervclock", "tsc", "platform", NULL};
static const char *const enlightenments[] = {
    "relaxed",   "vapic",       "spinlocks",       "vpindex",  "runtime", "synic", "stimer",
    "reset",     "frequencies", "reenlightenment", "tlbflush", "ipi",     "evmcs", "emsr_bitmap",
    "xmm_input", NULL};

static const struct {
    const char *name;
    bool named;
    const char *const *names;
} instances[N_INSTANCES] = {
    [INSTANCE_GUEST] = {.name = "guest"},
    [INSTANCE_VCPU] = {.name = "vcpu"},
    [INSTANCE_IOTHREAD] = {.name = "iothread"},
    [INSTANCE_CELL] = {.name = "cell"},
    [INSTANCE_CONTROLLER] = {.name = "controller"},
    [INSTANCE_NIC] = {.name = "nic", .named = true},
    [INSTANCE_DISK] = {.name = "disk", .named = true},
    [INSTANCE_TIMER] = {.name = "timer", .named = true, .names = timers},
    [INSTANCE_FEATURE] = {.name = "feature", .named = true, .names = enlightenments},
    [INSTANCE_HOST] = {.name = "host"},
    [INSTANCE_POOL] = {.name = "pool", .named = true},
};

bool knob_instance_is_named(KnobInstance instance)
{
    return instances[instance].named;
}

const char *knob_instance_name(KnobInstance instance)
{
    return instances[instance].name;
}

const char *const *knob_instance_names(KnobInstance instance)
{
    return instances[instance].names;
}

/* --- values of several fields --- */

unsigned knob_fields_count(const KnobInfo *info)
{
    unsigned n = 0;

    while (info->fields && info->fields[n].name)
        n++;
    return n;
}

/* A group of disks may have any name; "%" and "," get a form that cannot be taken for the end. */
static void append_escaped(GString *text, const char *value)
{
    for (; *value; value++) {
        if (*value == '%' || *value == ',')
            g_string_append_printf(text, "%%%02X", (unsigned)*value);
        else
            g_string_append_c(text, *value);
    }
}

char *knob_fields_format(const KnobInfo *info, const char *const *values)
{
    g_autoptr(GString) text = g_string_new(NULL);

    for (unsigned i = 0; info->fields[i].name; i++) {
        const KnobField *field = &info->fields[i];
        if (!values[i] || (field->absent && strcmp(values[i], field->absent) == 0))
            continue;
        g_string_append_printf(text, "%s%s=", text->len > 0 ? "," : "", field->name);
        append_escaped(text, values[i]);
    }
    return text->len > 0 ? g_strdup(text->str) : NULL;
}

static char *unescape(const char *text)
{
    GString *plain = g_string_new(NULL);

    for (; *text; text++) {
        bool escaped = text[0] == '%' && g_ascii_isxdigit(text[1]) && g_ascii_isxdigit(text[2]);
        if (escaped)
            g_string_append_c(
                plain, (char)(g_ascii_xdigit_value(text[1]) * 16 + g_ascii_xdigit_value(text[2])));
        else
            g_string_append_c(plain, *text);
        text += escaped ? 2 : 0;
    }
    return g_string_free(plain, FALSE);
}

/* Index of the field whose name is at the start of part, which has a '=' after it; -1: none. */
static int field_find(const KnobInfo *info, const char *part)
{
    const char *equals = strchr(part, '=');

    for (int i = 0; equals && info->fields[i].name; i++) {
        size_t length = strlen(info->fields[i].name);
        if ((size_t)(equals - part) == length && strncmp(part, info->fields[i].name, length) == 0)
            return i;
    }
    return -1;
}

int knob_fields_parse(const KnobInfo *info, const char *value, char ***ret)
{
    char **values = g_new0(char *, knob_fields_count(info) + 1);
    g_auto(GStrv) parts = g_strsplit(value ? value : "", ",", -1);

    for (char **part = parts; *part; part++) {
        int i = field_find(info, *part);
        if (i < 0 || values[i]) {
            knob_fields_free(info, values);
            return -EINVAL;
        }
        values[i] = unescape(strchr(*part, '=') + 1);
    }
    *ret = values;
    return 0;
}

void knob_fields_free(const KnobInfo *info, char **values)
{
    for (unsigned i = 0; values && i < knob_fields_count(info); i++)
        g_free(values[i]);
    g_free(values);
}

/* --- planes --- */

const char *plane_name(Plane plane)
{
    switch (plane) {
    case PLANE_ACTUAL:
        return "actual";
    case PLANE_LIVE:
        return "live";
    case PLANE_CONFIG:
        return "config";
    }
    return "unknown";
}

int plane_by_name(const char *name)
{
    for (int i = 0; i < N_PLANES; i++) {
        if (strcmp(plane_name((Plane)i), name) == 0)
            return i;
    }
    return -1;
}

const char *knob_type_name(KnobType type)
{
    switch (type) {
    case KNOB_TYPE_CPUS:
        return "cpus";
    case KNOB_TYPE_WEIGHT:
        return "weight";
    case KNOB_TYPE_PERCENT:
        return "percent";
    case KNOB_TYPE_NODESET:
        return "nodeset";
    case KNOB_TYPE_TEXT:
        return "text";
    case KNOB_TYPE_FIELDS:
        return "fields";
    }
    return "unknown";
}

const char *knob_change_name(KnobChange change)
{
    switch (change) {
    case KNOB_LIVE:
        return "live";
    case KNOB_HOT:
        return "hot";
    case KNOB_COLD:
        return "cold";
    }
    return "unknown";
}
