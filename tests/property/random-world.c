/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "property/random-world.h"

#include "common/fake-guest.h"
#include "common/world.h"
#include "policy/policy-load.h"
#include "property/random-nics.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define MAX_GUESTS 10
#define MAX_DISKS 5
/* Disks are drawn from a stream of their own, so that they change nothing else in a world. */
#define DISK_STREAM UINT64_C(0xd15c)

uint64_t environment_number(const char *variable, uint64_t fallback)
{
    const char *text = getenv(variable);

    return text ? g_ascii_strtoull(text, NULL, 10) : fallback;
}

/* splitmix64 (Steele, Lea, Flood 2014): any seed will do. */
uint64_t random_next(Random *random)
{
    uint64_t z = random->state += UINT64_C(0x9e3779b97f4a7c15);

    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

unsigned random_below(Random *random, unsigned n)
{
    return (unsigned)(random_next(random) % n);
}

bool random_chance(Random *random, unsigned percent)
{
    return random_below(random, 100) < percent;
}

/* Each member with that chance. */
static CpuSet *random_subset(Random *random, const CpuSet *set, unsigned percent)
{
    CpuSet *subset = cpuset_new();

    CPUSET_FOREACH(i, set)
    if (random_chance(random, percent))
        hwloc_bitmap_set(subset, i);
    return subset;
}

static void set_replace(CpuSet **set, CpuSet *with)
{
    hwloc_bitmap_free(*set);
    *set = with;
}

/* --- the host --- */

static void take_offline(Topo *topo, unsigned cpu)
{
    unsigned left = 0;

    for (unsigned i = 0; i < topo->n_pus; i++)
        if (topo->pus[i].os_index != cpu)
            topo->pus[left++] = topo->pus[i];
    topo->n_pus = left;
    for (unsigned i = 0; i < topo->n_cores; i++)
        hwloc_bitmap_clr(topo->cores[i].cpus, cpu);
    for (unsigned i = 0; i < topo->n_llcs; i++)
        hwloc_bitmap_clr(topo->llcs[i].cpus, cpu);
    for (unsigned i = 0; i < topo->n_nodes; i++)
        hwloc_bitmap_clr(topo->nodes[i].cpus, cpu);
    hwloc_bitmap_clr(topo->online, cpu);
    hwloc_bitmap_clr(topo->allowed, cpu);
    hwloc_bitmap_set(topo->offline, cpu);
}

static Topo *random_topo(Random *random)
{
    static const unsigned threads[] = {1, 2, 2, 2, 4};
    Topo *topo = world_topo(1 + random_below(random, 2), 1 + random_below(random, 3),
                            1 + random_below(random, 2), 1 + random_below(random, 5),
                            threads[random_below(random, G_N_ELEMENTS(threads))]);

    world_set_memory(topo, (2 + random_below(random, 15)) * WORLD_GIB_KIB);
    for (unsigned i = 0, n = topo->n_nodes; i < n; i++)
        if (random_chance(random, 30))
            world_add_pool(topo, topo->nodes[i].os_index, 2048, random_below(random, 1025));
    if (random_chance(random, 15))
        world_add_memory_node(topo, 8 * WORLD_GIB_KIB);
    for (unsigned i = random_chance(random, 20) ? 2 : 0; i > 0 && topo->n_pus > 2; i--)
        take_offline(topo, topo->pus[random_below(random, topo->n_pus)].os_index);
    if (random_chance(random, 25))
        set_replace(&topo->isolated, random_subset(random, topo->online, 30));
    if (random_chance(random, 25))
        set_replace(&topo->nohz_full, random_subset(random, topo->online, 40));
    if (random_chance(random, 25))
        set_replace(&topo->allowed, random_subset(random, topo->online, 80));
    if (cpuset_is_empty(topo->allowed))
        set_replace(&topo->allowed, cpuset_copy(topo->online));
    topo->no_vhost_net = random_chance(random, 20);
    return topo;
}

/* --- the policy --- */

static const char *random_class(Random *random)
{
    static const char *const words[] = {"share", "isolate", "isolate", "\"0-1\"", "\"node:0\""};

    return words[random_below(random, G_N_ELEMENTS(words))];
}

static void append_cpu(Random *random, GString *yaml)
{
    static const char *const threads[] = {"prefer", "require", "isolate"};
    static const char *const keys[] = {"emulator", "iothreads", "vhost"};
    unsigned policy = random_below(random, 12);

    if (policy < 6)
        g_string_append(yaml, "cpu: {policy: dedicated");
    else if (policy < 8)
        g_string_append_printf(yaml, "cpu: {policy: mixed, dedicated_vcpus: \"0-%u\"",
                               random_below(random, 3));
    else if (policy < 9)
        g_string_append_printf(yaml, "cpu: {policy: manual, pins: {0: \"%u\", 1: \"all\"}",
                               random_below(random, 20));
    else
        g_string_append(yaml, "cpu: {policy: shared");
    if (random_chance(random, 50))
        g_string_append_printf(yaml, ", threads: %s", threads[random_below(random, 3)]);
    for (unsigned i = 0; i < G_N_ELEMENTS(keys); i++)
        if (random_chance(random, 35))
            g_string_append_printf(yaml, ", %s: %s", keys[i], random_class(random));
    g_string_append(yaml, "}");
}

static void append_numa(Random *random, GString *yaml)
{
    static const char *const modes[] = {"strict", "preferred", "interleave", "restrictive"};

    if (random_chance(random, 60))
        return;
    g_string_append_printf(yaml, ", numa: {mode: %s", modes[random_below(random, 4)]);
    if (random_chance(random, 40))
        g_string_append_printf(yaml, ", nodes: \"%u\"", random_below(random, 4));
    g_string_append(yaml, "}");
}

/* Keys of disk.*, and words each may have. */
static const struct {
    const char *key, *values[4];
} disk_keys[] = {
    {"cache", {"none", "writeback", "directsync", "default"}},
    {"io", {"auto", "native", "threads", "io_uring"}},
    {"discard", {"unmap", "ignore", "unmap", "unmap"}},
    {"detect_zeroes", {"unmap", "on", "off", "unmap"}},
    {"queues", {"auto", "1", "4", "1024"}},
    {"queue_size", {"auto", "128", "100", "2"}},
    {"iothreads", {"auto", "1", "3", "none"}},
    {"iotune",
     {"{total_iops: 100}", "{read_bytes: 1M, group: g}", "{total_iops: 9, read_iops: 9}", "{}"}},
};

static void append_disk(Random *random, GString *yaml)
{
    bool any = false;

    for (unsigned i = 0; i < G_N_ELEMENTS(disk_keys); i++)
        if (random_chance(random, 30)) {
            g_string_append_printf(yaml, "%s%s: %s", any ? ", " : ", disk: {", disk_keys[i].key,
                                   disk_keys[i].values[random_below(random, 4)]);
            any = true;
        }
    if (any && random_chance(random, 30))
        g_string_append(yaml, ", targets: {vda: {cache: none, queues: 2}, sdb: {io: auto}}");
    if (any)
        g_string_append(yaml, "}");
}

/* Huge pages, too, are drawn from the stream of the disks. */
static char *random_policy(Random *random, Random *disks)
{
    GString *yaml = g_string_new("version: 1\nmode: enforce\nhost:\n");

    g_string_append_printf(yaml, "  cpu_overcommit: %u.0\n", 1 + random_below(random, 8));
    if (random_chance(random, 30))
        g_string_append_printf(yaml, "  housekeeping_cpus: \"%s\"\n",
                               random_chance(random, 50) ? "" : "0-1");
    if (random_chance(random, 20))
        g_string_append(yaml, "  reserved_memory: {0: 1GiB}\n");
    if (random_chance(disks, 30))
        g_string_append_printf(yaml,
                               "  hugepages: {mode: off, pools: [{size: 2MiB, reserved: %u}]}\n",
                               random_below(disks, 300));
    g_string_append(yaml, "guests:\n");
    for (unsigned i = 0; i < MAX_GUESTS; i++) {
        if (random_chance(random, 25))
            continue; /* unnamed */
        g_string_append_printf(yaml, "  - {match: {name: \"g%u\"}, priority: %u, persist: all, ", i,
                               100 * random_below(random, 3));
        append_cpu(random, yaml);
        append_numa(random, yaml);
        random_network(random, yaml);
        append_disk(disks, yaml);
        g_string_append(yaml, "}\n");
    }
    return g_string_free(yaml, FALSE);
}

/* --- the guests --- */

static void random_cells(Random *random, GuestDef *def)
{
    unsigned n = 2, half = def->max_vcpus / n;

    if (!random_chance(random, 30) || half == 0)
        return;
    def->n_cells = n;
    def->cells = g_new0(GuestCell, n);
    for (unsigned i = 0; i < n; i++)
        def->cells[i] =
            (GuestCell){.id = i,
                        .vcpus = cpuset_new_range(i * half, i + 1 == n ? def->max_vcpus - 1
                                                                       : (i + 1) * half - 1),
                        .memory_kib = def->memory_kib / n};
}

static void random_pins(Random *random, const Topo *topo, GuestDef *def)
{
    def->vcpu_pins = g_new0(GuestPin, def->max_vcpus);
    for (unsigned id = 0; id < def->max_vcpus; id++) {
        CpuSet *cpus = random_chance(random, 80) ? cpuset_new_one(random_below(random, topo->n_pus))
                                                 : random_subset(random, topo->online, 50);
        def->vcpu_pins[def->n_vcpu_pins++] = (GuestPin){.id = id, .cpus = cpus};
    }
    if (random_chance(random, 50))
        def->emulator_pin = random_subset(random, topo->online, 30);
    if (cpuset_is_empty(def->emulator_pin))
        g_clear_pointer(&def->emulator_pin, hwloc_bitmap_free);
}

static void knob_add(GuestDef *def, Knob knob, unsigned instance, const char *device,
                     const char *value)
{
    SettingKey key = {.knob = knob, .instance = instance};

    setting_key_set_device(&key, device);
    setting_list_add(def->knobs, &key, value, NULL, NULL);
}

/* The knobs of a disk as a definition has them, half of them set. */
static void random_disk_knobs(Random *random, GuestDef *def, const char *target)
{
    static const struct {
        Knob knob;
        const char *values[2];
    } knobs[] = {
        {KNOB_DISK_CACHE, {"none", "writeback"}},
        {KNOB_DISK_IO, {"threads", "io_uring"}},
        {KNOB_DISK_DISCARD, {"unmap", "ignore"}},
        {KNOB_DISK_DETECT_ZEROES, {"on", "unmap"}},
        {KNOB_DISK_QUEUES, {"2", "4"}},
        {KNOB_DISK_QUEUE_SIZE, {"256", "1024"}},
        {KNOB_DISK_IOTHREAD, {"1", "2"}},
        {KNOB_DISK_IOTUNE, {"total_iops_sec=5", "read_bytes_sec=5,group_name=g"}},
    };

    for (unsigned i = 0; i < G_N_ELEMENTS(knobs); i++) {
        const char *value = knobs[i].values[random_below(random, 2)];
        knob_add(def, knobs[i].knob, 0, target, random_chance(random, 50) ? value : NULL);
    }
}

static void random_disks(Random *random, GuestDef *def)
{
    static const char *const types[] = {"file", "file", "block", "network", "vhostuser"};
    static const char *const devices[] = {"disk", "disk", "disk", "cdrom"};
    g_autofree char *ids = cpuset_is_empty(def->iothreads) ? NULL : cpuset_format(def->iothreads);

    def->n_disks = random_below(random, MAX_DISKS + 1);
    def->disks = g_new0(GuestDisk, def->n_disks);
    for (unsigned i = 0; i < def->n_disks; i++) {
        bool virtio = random_chance(random, 60);
        GuestDisk *disk = &def->disks[i];
        disk->target = g_strdup_printf("%sd%c", virtio ? "v" : "s", 'a' + (int)i);
        disk->bus = g_strdup(virtio ? "virtio" : random_chance(random, 70) ? "scsi" : "sata");
        disk->type = g_strdup(types[random_below(random, G_N_ELEMENTS(types))]);
        disk->device = g_strdup(devices[random_below(random, G_N_ELEMENTS(devices))]);
        disk->controller = random_below(random, 2);
        disk->read_only = random_chance(random, 10);
        random_disk_knobs(random, def, disk->target);
    }
    knob_add(def, KNOB_IOTHREAD_IDS, 0, NULL, ids);
    knob_add(def, KNOB_SCSI_QUEUES, 0, NULL, NULL);
    knob_add(def, KNOB_SCSI_IOTHREAD, 0, NULL, random_chance(random, 30) ? "1" : NULL);
    setting_list_sort(def->knobs);
}

static GuestDef *random_def(Random *random, const Topo *topo, unsigned number, bool running)
{
    g_autofree char *name = g_strdup_printf("g%u", number);
    GuestDef *def = world_def(name, number, 1 + random_below(random, 8),
                              (1 + random_below(random, 40)) * WORLD_GIB_KIB / 8);

    if (random_chance(random, 20) && def->max_vcpus > 1)
        hwloc_bitmap_clr(def->vcpus, def->max_vcpus - 1);
    if (random_chance(random, 40))
        hwloc_bitmap_set_range(def->iothreads, 1, 1 + (int)random_below(random, 2));
    random_cells(random, def);
    if (random_chance(random, 20)) {
        def->has_hugepages = true;
        def->hugepages = g_new0(GuestHugePages, 1);
        def->n_hugepages = random_below(random, 2);
        def->hugepages[0].size_kib = 2048;
    }
    if (random_chance(random, 15)) {
        def->numa_mode = (int)random_below(random, 4);
        def->numa_nodeset =
            cpuset_new_one(topo->nodes[random_below(random, topo->n_nodes)].os_index);
    }
    if (running && random_chance(random, 50))
        random_pins(random, topo, def);
    random_nics(random, def);
    return def;
}

void random_memory(Random *random, const Topo *topo, GuestKernel *kernel)
{
    unsigned most = topo->nodes[random_below(random, topo->n_nodes)].os_index, rest = most;
    g_autofree uint64_t *kib = g_new0(uint64_t, topo->nodes[topo->n_nodes - 1].os_index + 1);

    uint64_t unit = random_chance(random, 20) ? WORLD_GIB_KIB / 1024 : WORLD_GIB_KIB;

    if (random_chance(random, 50))
        rest = topo->nodes[random_below(random, topo->n_nodes)].os_index;
    kib[most] += unit / 2;
    kib[rest] += random_below(random, (unsigned)unit / 2);
    guest_kernel_set_memory(kernel, kib, topo->nodes[topo->n_nodes - 1].os_index + 1);
}

CpuSet *random_partition(Random *random, const Topo *topo)
{
    const CpuSet *whole = random_chance(random, 20) ? topo->online : topo->allowed;
    unsigned kind = random_below(random, 3), half = cpuset_weight(whole) / 2, n = 0;
    g_autoptr(CpuSet) outside = cpuset_minus(topo->online, topo->allowed);

    if (random_chance(random, 30) && !cpuset_is_empty(outside))
        return g_steal_pointer(&outside);
    CpuSet *cpus = cpuset_copy(whole);
    if (random_chance(random, 70) || half == 0)
        return cpus;
    CPUSET_FOREACH(cpu, whole)
    {
        bool in = kind == 0 ? n < half : kind == 1 ? n >= half : n % 2 == 0;
        if (!in)
            hwloc_bitmap_clr(cpus, cpu);
        n++;
    }
    return cpus;
}

static GuestKernel *random_kernel(Random *random, const Topo *topo, const GuestDef *def)
{
    bool binds = def->numa_mode == NUMA_STRICT || def->numa_mode == NUMA_RESTRICTIVE;
    g_autoptr(CpuSet) allowed = random_partition(random, topo);
    FakeKernelOptions options = {.pid = 1000 + 100 * (pid_t)random_below(random, 100),
                                 .allowed = allowed,
                                 .mems = binds && def->numa_nodeset ? def->numa_nodeset
                                                                    : topo->allowed_mems,
                                 .cgroup_v2 = true,
                                 .n_workers = 1,
                                 .n_vhost = 1};
    GuestKernel *kernel = fake_kernel_new(def, &options);

    if (random_chance(random, 50))
        random_memory(random, topo, kernel);
    return kernel;
}

static void random_guest(Random *random, Random *disks, RandomWorld *world, unsigned number)
{
    bool running = random_chance(random, 40);
    GuestDef *def = random_def(random, world->topo, number, running);
    random_disks(disks, def);
    Guest *guest = guest_new(def->uuid, def->name);
    PolicySubject subject = {.name = def->name, .uuid = def->uuid};
    GuestPolicy *policy = policy_select(world->policy, &subject);
    PlanGuest input = {.guest = guest, .policy = policy, .running = running};

    guest->active = running;
    guest->persistent = true;
    guest->config = def;
    if (running) {
        guest->live = guest_def_ref(def);
        guest->kernel = random_kernel(random, world->topo, def);
    }
    input.manual = running && !policy->named && def->n_vcpu_pins > 0;
    input.released = running && policy->named && random_chance(random, 5);
    g_ptr_array_add(world->guests, guest);
    g_ptr_array_add(world->policies, policy);
    g_array_append_val(world->inputs, input);
}

RandomWorld *random_world_new(uint64_t seed)
{
    Random random = {.state = seed}, disks = {.state = seed ^ DISK_STREAM};
    RandomWorld *world = g_new0(RandomWorld, 1);
    g_autoptr(DiagList) diags = diag_list_new();

    world->topo = random_topo(&random);
    world->yaml = random_policy(&random, &disks);
    world->policy = policy_new();
    if (policy_parse(world->yaml, strlen(world->yaml), "random.yaml", world->policy, diags) < 0) {
        g_autofree char *text = diag_format(diag_list_get(diags, 0));
        g_printerr("%s\n%s", world->yaml, text);
        abort();
    }
    world->guests = g_ptr_array_new_with_free_func((GDestroyNotify)guest_unref);
    world->policies = g_ptr_array_new_with_free_func((GDestroyNotify)guest_policy_unref);
    world->inputs = g_array_new(FALSE, FALSE, sizeof(PlanGuest));
    for (unsigned i = 0, n = 1 + random_below(&random, MAX_GUESTS); i < n; i++)
        random_guest(&random, &disks, world, i);
    return world;
}

void random_world_free(RandomWorld *world)
{
    if (!world)
        return;
    topo_unref(world->topo);
    g_free(world->yaml);
    policy_unref(world->policy);
    g_ptr_array_unref(world->guests);
    g_ptr_array_unref(world->policies);
    g_array_unref(world->inputs);
    g_free(world);
}

static void format_set(GString *out, const char *label, const CpuSet *set)
{
    if (!set)
        return;
    g_autofree char *text = cpuset_format(set);
    g_string_append_printf(out, " %s=%s", label, text);
}

static void format_memory(GString *out, const GuestKernel *kernel)
{
    for (unsigned i = 0; i < kernel->n_memory_kib; i++)
        if (kernel->memory_kib[i] > 0)
            g_string_append_printf(out, " node %u: %" PRIu64 " KiB", i, kernel->memory_kib[i]);
}

char *random_world_format(const RandomWorld *world)
{
    const Topo *topo = world->topo;
    GString *out = g_string_new(world->yaml);

    g_string_append_printf(out, "host: %u nodes, %u LLCs, %u cores,", topo->n_nodes, topo->n_llcs,
                           topo->n_cores);
    format_set(out, "online", topo->online);
    format_set(out, "allowed", topo->allowed);
    format_set(out, "isolated", topo->isolated);
    format_set(out, "nohz_full", topo->nohz_full);
    for (unsigned i = 0; i < topo->n_nodes; i++)
        format_set(out, "node", topo->nodes[i].cpus);
    g_string_append(out, "\n");
    for (guint i = 0; i < world->inputs->len; i++) {
        const PlanGuest *in = &g_array_index(world->inputs, PlanGuest, i);
        const GuestDef *def = guest_def(in->guest);
        g_string_append_printf(out, "%s:%s%s%s %" PRIu64 " MiB, %u cells,", def->name,
                               in->running ? " running" : "", in->manual ? " manual" : "",
                               in->released ? " released" : "", def->memory_kib / 1024,
                               def->n_cells);
        format_set(out, "vcpus", def->vcpus);
        for (unsigned j = 0; j < def->n_vcpu_pins; j++)
            format_set(out, "pin", def->vcpu_pins[j].cpus);
        format_set(out, "emulatorpin", def->emulator_pin);
        format_set(out, "nodeset", def->numa_nodeset);
        if (in->guest->kernel) {
            format_set(out, "partition", in->guest->kernel->allowed);
            format_memory(out, in->guest->kernel);
        }
        g_string_append(out, "\n");
    }
    return g_string_free(out, FALSE);
}
