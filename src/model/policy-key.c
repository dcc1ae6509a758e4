/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The schema: one row for each key, in the order of PolicyKey. Fields below a key (those of
 * host.thp, of one NIC) are tables of their own. The words of a key stand in the order of its enum
 * in policy.h, where it has one.
 */
#include "model/policy-key.h"

#include <stddef.h>
#include <string.h>

#define SECOND UINT64_C(1000000)
#define WORDS(name, ...) static const char *const name[] = {__VA_ARGS__, NULL}
#define FIELD(NAME, TYPE, DOC, ...)                                                                \
    {                                                                                              \
        .name = NAME, .type = TYPE_##TYPE, .doc = DOC, ##__VA_ARGS__                               \
    }
#define BIT(KNOB) KNOB_BIT(KNOB_##KNOB)
#define PLACEMENT_KNOBS                                                                            \
    (BIT(VCPU_PIN) | BIT(EMULATOR_PIN) | BIT(IOTHREAD_PIN) | BIT(VHOST_PIN) | BIT(NUMA_NODESET))
#define NETWORK_KNOBS                                                                              \
    (BIT(NET_DRIVER) | BIT(NET_QUEUES) | BIT(NET_RX_QUEUE_SIZE) | BIT(NET_TX_QUEUE_SIZE) |         \
     BIT(NET_PACKED) | BIT(NET_EVENT_IDX) | BIT(NET_MTU) | BIT(NET_INBOUND) | BIT(NET_OUTBOUND))
#define DISK_KNOBS                                                                                 \
    (BIT(DISK_CACHE) | BIT(DISK_IO) | BIT(DISK_DISCARD) | BIT(DISK_DETECT_ZEROES) |                \
     BIT(DISK_QUEUES) | BIT(SCSI_QUEUES) | BIT(DISK_QUEUE_SIZE) | BIT(DISK_IOTUNE))
#define ROW(KEY, SCOPE, ...) [KEY_##KEY] = {.key = KEY_##KEY, .scope = SCOPE_##SCOPE, __VA_ARGS__}

WORDS(words_mode, "observe", "enforce");
WORDS(words_persist, "never", "cold", "all");
WORDS(words_drift, "enforce", "report", "ignore");
WORDS(words_cpu_policy, "shared", "dedicated", "mixed", "manual");
WORDS(words_threads, "prefer", "require", "isolate");
WORDS(words_class, "share", "isolate");
WORDS(words_none, "none");
WORDS(words_off, "off");
WORDS(words_auto, "auto");
WORDS(words_auto_off, "auto", "off");
WORDS(words_auto_none, "auto", "none");
WORDS(words_off_on, "off", "on");
WORDS(words_host_none, "host", "none");
WORDS(words_cpu_cache, "passthrough", "emulate", "none");
WORDS(words_numa_mode, "strict", "preferred", "interleave", "restrictive");
WORDS(words_strategy, "pack", "spread");
WORDS(words_devices, "required", "preferred", "ignore");
WORDS(words_page_size, "any", "small", "large");
WORDS(words_net_driver, "auto", "vhost", "qemu");
WORDS(words_net_queue_size, "256", "512", "1024");
WORDS(words_disk_cache, "default", "none", "writethrough", "writeback", "directsync", "unsafe");
WORDS(words_disk_io, "auto", "native", "threads", "io_uring");
WORDS(words_discard, "ignore", "unmap");
WORDS(words_detect_zeroes, "off", "on", "unmap");
WORDS(words_clock, "auto", "linux", "windows", "none");
WORDS(words_rebalance_mode, "node", "host");
WORDS(words_ksm_mode, "auto", "off", "on");
WORDS(words_thp_enabled, "always", "madvise", "never");
WORDS(words_thp_defrag, "always", "defer", "defer+madvise", "madvise", "never");

static const PolicyField node_memory[] = {
    FIELD("memory", SIZE, "memory kept from guests"),
    {.name = NULL},
};

static const PolicyField rebalance_fields[] = {
    FIELD("mode", WORD, "within a node, or over the host", .words = words_rebalance_mode),
    FIELD("moves_per_cycle", UINT, "most guests moved at a time", .min = 1, .max = 1000),
    FIELD("min_gain", PERCENT, "a move must gain this much", .max = 100),
    {.name = NULL},
};

static const PolicyField pool_fields[] = {
    FIELD("node", UINT, "NUMA node", .max = CPUSET_MAX_INDEX),
    FIELD("size", SIZE, "size of a page", .min = 4096),
    FIELD("min", UINT, "fewest pages of the pool"),
    FIELD("reserved", UINT, "pages that guests do not get"),
    {.name = NULL},
};

static const PolicyField hugepages_fields[] = {
    FIELD("mode", WORD, "who sizes the pools", .words = words_auto_off),
    FIELD("pools", RECORDS, "pools to keep", .fields = pool_fields),
    {.name = NULL},
};

static const PolicyField thp_fields[] = {
    FIELD("enabled", WORD, "who gets them", .words = words_thp_enabled),
    FIELD("defrag", WORD, "who waits for them", .words = words_thp_defrag),
    {.name = NULL},
};

static const PolicyField ksm_fields[] = {
    FIELD("mode", WORD, "auto: by memory pressure", .words = words_ksm_mode),
    FIELD("threshold", PERCENT, "auto: starts below this much free memory", .max = 100),
    FIELD("pages_to_scan", UINT, "pages looked at in one go", .min = 1),
    FIELD("sleep_millisecs", UINT, "milliseconds between two goes"),
    FIELD("merge_across_nodes", BOOL, "pages of different nodes may be merged"),
    {.name = NULL},
};

static const PolicyField vcpu_cpus[] = {
    FIELD("cpus", CPU_LIST, "CPUs of the vCPU", .min = 1),
    {.name = NULL},
};

static const PolicyField bandwidth_fields[] = {
    FIELD("average", RATE, "bytes a second in the long run"),
    FIELD("peak", RATE, "bytes a second in a burst"),
    FIELD("burst", SIZE, "bytes sent at peak rate"),
    {.name = NULL},
};

static const PolicyField poll_fields[] = {
    FIELD("max", UINT, "nanoseconds; 0: no polling", .max = 1000000000),
    FIELD("grow", UINT, "factor of growth", .max = INT32_MAX),
    FIELD("shrink", UINT, "divisor of shrinking", .max = INT32_MAX),
    {.name = NULL},
};

static const PolicyField iotune_fields[] = {
    FIELD("total_bytes", RATE, "bytes a second, read and written"),
    FIELD("read_bytes", RATE, "bytes a second, read"),
    FIELD("write_bytes", RATE, "bytes a second, written"),
    FIELD("total_iops", UINT, "requests a second, read and written"),
    FIELD("read_iops", UINT, "requests a second, read"),
    FIELD("write_iops", UINT, "requests a second, written"),
    FIELD("total_bytes_max", RATE, "bytes a second in a burst, read and written"),
    FIELD("read_bytes_max", RATE, "bytes a second in a burst, read"),
    FIELD("write_bytes_max", RATE, "bytes a second in a burst, written"),
    FIELD("total_iops_max", UINT, "requests a second in a burst, read and written"),
    FIELD("read_iops_max", UINT, "requests a second in a burst, read"),
    FIELD("write_iops_max", UINT, "requests a second in a burst, written"),
    FIELD("total_bytes_max_length", UINT, "seconds of such a burst"),
    FIELD("read_bytes_max_length", UINT, "seconds of such a burst"),
    FIELD("write_bytes_max_length", UINT, "seconds of such a burst"),
    FIELD("total_iops_max_length", UINT, "seconds of such a burst"),
    FIELD("read_iops_max_length", UINT, "seconds of such a burst"),
    FIELD("write_iops_max_length", UINT, "seconds of such a burst"),
    FIELD("size_iops", SIZE, "a larger request counts as several"),
    FIELD("group", STRING, "disks of one group share the limits"),
    {.name = NULL},
};

static const PolicyField network_fields[] = {
    FIELD("driver", WORD, "who moves the packets", .words = words_net_driver),
    FIELD("queues", UINT, "queue pairs", .words = words_auto, .min = 1, .max = 256),
    FIELD("rx_queue_size", WORD, "descriptors of a receive queue", .words = words_net_queue_size),
    FIELD("tx_queue_size", WORD, "descriptors of a transmit queue", .words = words_net_queue_size),
    FIELD("packed", BOOL, "packed virtqueues"),
    FIELD("event_idx", BOOL, "event index of the virtqueues"),
    FIELD("mtu", UINT, "bytes of the largest packet", .min = 68, .max = 65535),
    FIELD("inbound", MAP, "limit on what the guest receives", .fields = bandwidth_fields),
    FIELD("outbound", MAP, "limit on what the guest sends", .fields = bandwidth_fields),
    {.name = NULL},
};

static const PolicyField nic_value[] = {
    FIELD("nic", MAP, "keys of one NIC", .fields = network_fields),
    {.name = NULL},
};

/* IOThreads are the guest's, not a disk's. */
static const PolicyField disk_fields[] = {
    FIELD("cache", WORD, "host page cache and flushes, libvirt's words", .words = words_disk_cache),
    FIELD("io", WORD, "how QEMU does disk I/O", .words = words_disk_io),
    FIELD("discard", WORD, "what becomes of discard requests", .words = words_discard),
    FIELD("detect_zeroes", WORD, "what becomes of written zeroes", .words = words_detect_zeroes),
    FIELD("queues", UINT, "request queues", .words = words_auto, .min = 1, .max = 1024),
    FIELD("queue_size", UINT, "descriptors of a queue", .words = words_auto, .min = 2, .max = 1024),
    FIELD("iotune", MAP, "limits on disk I/O, libvirt's words without _sec",
          .fields = iotune_fields),
    {.name = NULL},
};

static const PolicyField disk_value[] = {
    FIELD("disk", MAP, "keys of one disk", .fields = disk_fields),
    {.name = NULL},
};

static const PolicyKeyInfo keys[N_POLICY_KEYS] = {
    ROW(MODE, HOST, .path = "mode", .default_text = "observe", .example = "enforce",
        .field = FIELD(
            "mode", WORD,
            "observe: plan and report, change nothing; enforce: change what differs, repair drift",
            .words = words_mode)),
    ROW(INTERVAL, HOST, .path = "interval", .default_text = "30s", .example = "10s",
        .field =
            FIELD("interval", DURATION,
                  "time between two looks at every thread; libvirt's events are followed at once",
                  .min = SECOND, .max = 3600 * SECOND)),
    ROW(HOST_HOUSEKEEPING_CPUS, HOST, .path = "host.housekeeping_cpus",
        .default_text = "core of the lowest PU", .example = "\"0,16\"", .knobs = PLACEMENT_KNOBS,
        .field = FIELD("housekeeping_cpus", CPU_LIST,
                       "CPUs for the host, emulator threads and I/O threads; never dedicated to a "
                       "guest; \"\": none")),
    ROW(HOST_CPU_OVERCOMMIT, HOST, .path = "host.cpu_overcommit", .default_text = "8.0",
        .example = "4.0", .knobs = PLACEMENT_KNOBS,
        .field = FIELD("cpu_overcommit", RATIO,
                       "most vCPUs of shared guests for one CPU of the pool; a dedicated guest "
                       "that would push it higher is refused",
                       .min = 1)),
    ROW(HOST_RESERVED_MEMORY, HOST, .path = "host.reserved_memory", .default_text = "{}",
        .example = "{0: 4GiB}", .knobs = PLACEMENT_KNOBS,
        .field = FIELD("reserved_memory", TABLE, "memory of each NUMA node that guests do not get",
                       .fields = node_memory, .key_type = TYPE_UINT)),
    ROW(HOST_REBALANCE, HOST, .path = "host.rebalance", .default_text = "off",
        .example = "{mode: node, moves_per_cycle: 1, min_gain: 20%}", .knobs = PLACEMENT_KNOBS,
        .field = FIELD(
            "rebalance", MAP,
            "running guests get other CPUs on the nodes of their memory, where that gains enough",
            .words = words_off, .fields = rebalance_fields)),
    ROW(HOST_HUGEPAGES, HOST, .path = "host.hugepages", .example = "auto", .knobs = BIT(HOST_PAGES),
        .field = FIELD("hugepages", MAP,
                       "pools of huge pages; auto: as large as the guests that are to start need",
                       .words = words_auto_off, .fields = hugepages_fields)),
    ROW(HOST_THP, HOST, .path = "host.thp", .example = "{enabled: madvise, defrag: defer+madvise}",
        .knobs = BIT(HOST_THP) | BIT(HOST_THP_DEFRAG),
        .field =
            FIELD("thp", MAP, "transparent huge pages, as in /sys/kernel/mm/transparent_hugepage",
                  .fields = thp_fields)),
    ROW(HOST_KSM, HOST, .path = "host.ksm", .example = "{mode: auto, threshold: 20%}",
        .knobs = BIT(HOST_KSM_MERGE_ACROSS_NODES) | BIT(HOST_KSM_PAGES_TO_SCAN) |
                 BIT(HOST_KSM_SLEEP_MILLISECS) | BIT(HOST_KSM_RUN),
        .field = FIELD("ksm", MAP, "merging of equal pages; auto: while memory is short",
                       .words = words_off_on, .fields = ksm_fields)),
    ROW(HOST_NUMA_BALANCING, HOST, .path = "host.numa_balancing", .example = "off",
        .knobs = BIT(HOST_NUMA_BALANCING),
        .field = FIELD("numa_balancing", BOOL, "the kernel's automatic NUMA balancing")),
    ROW(HOST_ZONE_RECLAIM_MODE, HOST, .path = "host.zone_reclaim_mode", .example = "0",
        .knobs = BIT(HOST_ZONE_RECLAIM_MODE),
        .field = FIELD("zone_reclaim_mode", UINT,
                       "the kernel's bits for reclaim before going to another node", .max = 7)),
    ROW(ADVICE_IGNORE, HOST, .path = "advice.ignore", .default_text = "[]",
        .example = "[disk-not-virtio]",
        .field = FIELD("ignore", STRING_LIST, "advice that is not wanted, by its id")),
    ROW(PRIORITY, GUEST, .path = "priority", .default_text = "100", .example = "200",
        .knobs = PLACEMENT_KNOBS,
        .field =
            FIELD("priority", UINT, "guests of higher priority are placed first", .max = 1000)),
    ROW(PERSIST, GUEST, .path = "persist", .default_text = "cold", .example = "all",
        .field = FIELD("persist", WORD,
                       "what is also written into the persistent definition: nothing, what needs a "
                       "cold start, or all",
                       .words = words_persist)),
    ROW(DRIFT, GUEST, .path = "drift", .default_text = "enforce", .example = "report",
        .field = FIELD("drift", WORD,
                       "what becomes of others' changes: put back, reported, or not looked for",
                       .words = words_drift)),
    ROW(CPU_POLICY, GUEST, .path = "cpu.policy", .default_text = "shared", .example = "dedicated",
        .knobs = PLACEMENT_KNOBS,
        .field =
            FIELD("policy", WORD,
                  "shared: vCPUs float over the pool; dedicated: each has a CPU to itself; mixed: "
                  "those of cpu.dedicated_vcpus have; manual: as cpu.pins says, or as they are",
                  .words = words_cpu_policy)),
    ROW(CPU_DEDICATED_VCPUS, GUEST, .path = "cpu.dedicated_vcpus", .example = "\"0-3\"",
        .knobs = PLACEMENT_KNOBS,
        .field = FIELD("dedicated_vcpus", VCPU_LIST,
                       "with cpu.policy mixed: the vCPUs that have a CPU to themselves", .min = 1)),
    ROW(CPU_PINS, GUEST, .path = "cpu.pins", .example = "{0: \"2\", 1: \"3\"}",
        .knobs = BIT(VCPU_PIN),
        .field = FIELD("pins", TABLE, "with cpu.policy manual: the CPUs of each vCPU",
                       .fields = vcpu_cpus, .key_type = TYPE_UINT)),
    ROW(CPU_THREADS, GUEST, .path = "cpu.threads", .default_text = "prefer", .example = "require",
        .knobs = PLACEMENT_KNOBS,
        .field = FIELD("threads", WORD,
                       "siblings of dedicated CPUs: prefer whole cores, require them, or isolate: "
                       "one vCPU on a core, its siblings empty",
                       .words = words_threads)),
    ROW(CPU_EMULATOR, GUEST, .path = "cpu.emulator", .default_text = "own CPUs", .example = "share",
        .knobs = BIT(EMULATOR_PIN),
        .field = FIELD("emulator", CPU_LIST,
                       "where QEMU's main and other threads run; share: on housekeeping CPUs; "
                       "isolate: on one CPU more",
                       .words = words_class, .min = 1)),
    ROW(CPU_IOTHREADS, GUEST, .path = "cpu.iothreads", .default_text = "own CPUs",
        .example = "isolate", .knobs = BIT(IOTHREAD_PIN),
        .field = FIELD("iothreads", CPU_LIST,
                       "where IOThreads run; share: on housekeeping CPUs; isolate: each has a CPU",
                       .words = words_class, .min = 1)),
    ROW(CPU_VHOST, GUEST, .path = "cpu.vhost", .default_text = "own CPUs", .example = "\"node:0\"",
        .knobs = BIT(VHOST_PIN),
        .field = FIELD("vhost", CPU_LIST,
                       "where vhost workers run; share: on housekeeping CPUs; isolate: on one CPU "
                       "for all of the guest's",
                       .words = words_class, .min = 1)),
    ROW(CPU_WEIGHT, GUEST, .path = "cpu.weight", .example = "200", .knobs = BIT(CPU_WEIGHT),
        .field = FIELD("weight", UINT,
                       "share of CPU time against other guests; an untouched guest has 100",
                       .min = 2, .max = 10000)),
    ROW(CPU_QUOTA, GUEST, .path = "cpu.quota", .example = "50%", .knobs = BIT(CPU_QUOTA),
        .field = FIELD("quota", PERCENT,
                       "most CPU time of each vCPU, in percent of one CPU; none: no limit",
                       .words = words_none, .min = 1, .max = 1000)),
    ROW(CPU_TOPOLOGY, GUEST, .path = "cpu.topology", .example = "host", .knobs = BIT(CPU_TOPOLOGY),
        .field = FIELD("topology", WORD,
                       "sockets, cores and threads the guest sees; host: as its vCPUs lie, for "
                       "dedicated guests",
                       .words = words_host_none)),
    ROW(CPU_CACHE, GUEST, .path = "cpu.cache", .example = "passthrough", .knobs = BIT(CPU_CACHE),
        .field = FIELD("cache", WORD,
                       "caches the guest sees: the host's (CPU mode host-passthrough or maximum), "
                       "an L3 of QEMU's, or as they are",
                       .words = words_cpu_cache)),
    ROW(CPU_HINTS, GUEST, .path = "cpu.hints", .example = "on",
        .knobs = BIT(CPU_HINT_DEDICATED) | BIT(CPU_POLL_CONTROL),
        .field =
            FIELD("hints", BOOL, "KVM's hint-dedicated and poll-control, for dedicated guests")),
    ROW(NUMA_MODE, GUEST, .path = "numa.mode", .default_text = "as the guest", .example = "strict",
        .knobs = BIT(NUMA_NODESET),
        .field = FIELD("mode", WORD, "how memory keeps to its nodes, libvirt's words",
                       .words = words_numa_mode)),
    ROW(NUMA_NODES, GUEST, .path = "numa.nodes", .default_text = "auto", .example = "\"0-1\"",
        .knobs = PLACEMENT_KNOBS,
        .field = FIELD("nodes", NODE_LIST, "nodes the guest may be placed on", .words = words_auto,
                       .min = 1)),
    ROW(NUMA_STRATEGY, GUEST, .path = "numa.strategy", .default_text = "pack", .example = "spread",
        .knobs = PLACEMENT_KNOBS,
        .field = FIELD("strategy", WORD,
                       "pack: on as few nodes as hold it; spread: evenly over as many as it can be",
                       .words = words_strategy)),
    ROW(NUMA_MIGRATE_MEMORY, GUEST, .path = "numa.migrate_memory", .default_text = "off",
        .example = "on", .knobs = PLACEMENT_KNOBS,
        .field = FIELD("migrate_memory", BOOL,
                       "memory of the running guest may be moved to its vCPUs; without it vCPUs go "
                       "where the memory is")),
    ROW(NUMA_DEVICES, GUEST, .path = "numa.devices", .default_text = "preferred",
        .example = "required", .knobs = PLACEMENT_KNOBS,
        .field = FIELD("devices", WORD,
                       "whether a starting guest is placed near its devices: only there, there if "
                       "nothing more important speaks against it, or anywhere",
                       .words = words_devices)),
    ROW(NUMA_GUEST_CELLS, GUEST, .path = "numa.guest_cells", .example = "host",
        .knobs = BIT(NUMA_CELLS) | BIT(NUMA_MEMNODE),
        .field = FIELD("guest_cells", WORD,
                       "NUMA cells the guest sees; host: one for each node a dedicated guest is "
                       "on, bound to it",
                       .words = words_host_none)),
    ROW(MEMORY_PAGE_SIZE, GUEST, .path = "memory.page_size", .example = "2MiB",
        .knobs = BIT(MEMORY_PAGE_SIZE),
        .field = FIELD("page_size", SIZE,
                       "pages that back its memory; small: ordinary ones; large: the largest huge "
                       "pages there are enough of; any: as its definition says",
                       .words = words_page_size, .min = 4096)),
    ROW(MEMORY_LOCKED, GUEST, .path = "memory.locked", .example = "on", .knobs = BIT(MEMORY_LOCKED),
        .field = FIELD("locked", BOOL, "memory is locked into RAM and never swapped out")),
    ROW(MEMORY_NOSHAREPAGES, GUEST, .path = "memory.nosharepages", .example = "on",
        .knobs = BIT(MEMORY_NOSHAREPAGES),
        .field = FIELD("nosharepages", BOOL, "memory is kept out of page merging (host.ksm)")),
    ROW(MEMORY_ALLOCATION_THREADS, GUEST, .path = "memory.allocation_threads", .example = "4",
        .knobs = BIT(MEMORY_ALLOCATION_THREADS),
        .field = FIELD("allocation_threads", UINT,
                       "threads that allocate memory at the start, as huge pages are", .min = 1,
                       .max = 1024)),
    ROW(NETWORK_DRIVER, GUEST, .path = "network.driver", .example = "auto",
        .knobs = BIT(NET_DRIVER),
        .field =
            FIELD("driver", WORD,
                  "who moves the packets, the kernel or QEMU; auto: vhost where the host has it",
                  .words = words_net_driver)),
    ROW(NETWORK_QUEUES, GUEST, .path = "network.queues", .example = "auto",
        .knobs = BIT(NET_QUEUES),
        .field = FIELD("queues", UINT,
                       "queue pairs; auto: one for each vCPU; 1 where QEMU moves the packets",
                       .words = words_auto, .min = 1, .max = 256)),
    ROW(NETWORK_RX_QUEUE_SIZE, GUEST, .path = "network.rx_queue_size", .example = "1024",
        .knobs = BIT(NET_RX_QUEUE_SIZE),
        .field = FIELD("rx_queue_size", WORD, "descriptors of a receive queue",
                       .words = words_net_queue_size)),
    ROW(NETWORK_TX_QUEUE_SIZE, GUEST, .path = "network.tx_queue_size", .example = "1024",
        .knobs = BIT(NET_TX_QUEUE_SIZE),
        .field =
            FIELD("tx_queue_size", WORD,
                  "descriptors of a transmit queue; more than 256 with vhost-user and vDPA only",
                  .words = words_net_queue_size)),
    ROW(NETWORK_PACKED, GUEST, .path = "network.packed", .example = "on", .knobs = BIT(NET_PACKED),
        .field = FIELD("packed", BOOL, "packed virtqueues; not with the kernel's vhost")),
    ROW(NETWORK_EVENT_IDX, GUEST, .path = "network.event_idx", .example = "on",
        .knobs = BIT(NET_EVENT_IDX),
        .field = FIELD("event_idx", BOOL, "event index of the virtqueues: fewer interrupts")),
    ROW(NETWORK_MTU, GUEST, .path = "network.mtu", .example = "9000", .knobs = BIT(NET_MTU),
        .field = FIELD("mtu", UINT, "bytes of the largest packet", .min = 68, .max = 65535)),
    ROW(NETWORK_INBOUND, GUEST, .path = "network.inbound",
        .example = "{average: 100MB/s, peak: 200MB/s, burst: 10MiB}", .knobs = BIT(NET_INBOUND),
        .field =
            FIELD("inbound", MAP, "limit on what the guest receives", .fields = bandwidth_fields)),
    ROW(NETWORK_OUTBOUND, GUEST, .path = "network.outbound", .example = "{average: 100MB/s}",
        .knobs = BIT(NET_OUTBOUND),
        .field =
            FIELD("outbound", MAP, "limit on what the guest sends", .fields = bandwidth_fields)),
    ROW(NETWORK_NICS, GUEST, .path = "network.nics",
        .example = "{\"52:54:00:12:34:56\": {queues: 4}}", .knobs = NETWORK_KNOBS,
        .field = FIELD("nics", TABLE, "the keys above for one NIC, by MAC address or alias",
                       .fields = nic_value, .key_type = TYPE_STRING)),
    ROW(DISK_CACHE, GUEST, .path = "disk.cache", .example = "none", .knobs = BIT(DISK_CACHE),
        .field = FIELD("cache", WORD, "host page cache and flushes, libvirt's words",
                       .words = words_disk_cache)),
    ROW(DISK_IO, GUEST, .path = "disk.io", .example = "native", .knobs = BIT(DISK_IO),
        .field = FIELD("io", WORD,
                       "how QEMU does disk I/O; auto: native where the cache is none or "
                       "directsync, else threads",
                       .words = words_disk_io)),
    ROW(DISK_DISCARD, GUEST, .path = "disk.discard", .example = "unmap", .knobs = BIT(DISK_DISCARD),
        .field =
            FIELD("discard", WORD, "what becomes of discard requests", .words = words_discard)),
    ROW(DISK_DETECT_ZEROES, GUEST, .path = "disk.detect_zeroes", .example = "unmap",
        .knobs = BIT(DISK_DETECT_ZEROES),
        .field = FIELD("detect_zeroes", WORD, "what becomes of written zeroes",
                       .words = words_detect_zeroes)),
    ROW(DISK_QUEUES, GUEST, .path = "disk.queues", .example = "auto",
        .knobs = BIT(DISK_QUEUES) | BIT(SCSI_QUEUES),
        .field = FIELD(
            "queues", UINT,
            "request queues of a virtio disk or virtio-scsi controller; auto: one for each vCPU",
            .words = words_auto, .min = 1, .max = 1024)),
    ROW(DISK_QUEUE_SIZE, GUEST, .path = "disk.queue_size", .example = "256",
        .knobs = BIT(DISK_QUEUE_SIZE),
        .field = FIELD("queue_size", UINT, "descriptors of a queue of a virtio disk; auto: 256",
                       .words = words_auto, .min = 2, .max = 1024)),
    ROW(DISK_IOTHREADS, GUEST, .path = "disk.iothreads", .example = "auto",
        .knobs = BIT(IOTHREAD_IDS) | BIT(DISK_IOTHREAD) | BIT(SCSI_IOTHREAD),
        .field = FIELD("iothreads", UINT,
                       "IOThreads the disks are spread over; auto: as many as disks and vCPUs have "
                       "use for; none: disks have none",
                       .words = words_auto_none, .min = 1, .max = 256)),
    ROW(DISK_IOTHREAD_POLL, GUEST, .path = "disk.iothread_poll", .example = "{max: 32768}",
        .knobs = BIT(IOTHREAD_POLL_MAX) | BIT(IOTHREAD_POLL_GROW) | BIT(IOTHREAD_POLL_SHRINK),
        .field = FIELD("iothread_poll", MAP, "busy polling of the IOThreads of the running guest",
                       .fields = poll_fields)),
    ROW(DISK_IOTUNE, GUEST, .path = "disk.iotune",
        .example = "{total_iops: 5000, total_bytes: 200MB/s}", .knobs = BIT(DISK_IOTUNE),
        .field = FIELD("iotune", MAP, "limits on disk I/O; libvirt's names without _sec",
                       .fields = iotune_fields)),
    ROW(DISK_TARGETS, GUEST, .path = "disk.targets", .example = "{vda: {cache: none}}",
        .knobs = DISK_KNOBS,
        .field = FIELD("targets", TABLE, "the keys above for one disk, by target",
                       .fields = disk_value, .key_type = TYPE_STRING)),
    ROW(CLOCK_PROFILE, GUEST, .path = "clock.profile", .example = "auto",
        .knobs = BIT(CLOCK_TIMER) | BIT(CLOCK_TICKPOLICY) | BIT(CPU_HYPERV),
        .field = FIELD("profile", WORD,
                       "timers and clock features for that kind of system, on x86; auto: by the "
                       "libosinfo id of its definition",
                       .words = words_clock)),
};

static const PolicyCondition conditions[] = {
    {"name", offsetof(PolicyMatch, name), "the guest's name"},
    {"uuid", offsetof(PolicyMatch, uuid), "its UUID, upper and lower case alike"},
    {"title", offsetof(PolicyMatch, title), "<title> of its definition"},
    {"label", offsetof(PolicyMatch, label), "the label of its metadata in vmtuned's namespace"},
    {"partition", offsetof(PolicyMatch, partition), "its partition, such as /machine/gold"},
    {"os", offsetof(PolicyMatch, os), "the libosinfo id of its metadata"},
};

static const PolicyCompanion companions[] = {
    {KEY_CPU_DEDICATED_VCPUS, CPU_MIXED, true},
    {KEY_CPU_PINS, CPU_MANUAL, false},
};

const PolicyKeyInfo *policy_key_info(PolicyKey key)
{
    return &keys[key];
}

const PolicyKeyInfo *policy_key_by_path(const char *path)
{
    for (unsigned i = 0; i < N_POLICY_KEYS; i++) {
        if (strcmp(keys[i].path, path) == 0)
            return &keys[i];
    }
    return NULL;
}

const PolicyCondition *policy_condition(unsigned i)
{
    return i < G_N_ELEMENTS(conditions) ? &conditions[i] : NULL;
}

const PolicyCompanion *policy_companion(unsigned i)
{
    return i < G_N_ELEMENTS(companions) ? &companions[i] : NULL;
}
