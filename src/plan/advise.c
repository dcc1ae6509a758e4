/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "plan/advise.h"

#include "base/text.h"
#include "plan/knobs.h"

#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

/* Each image below is one more lookup for a read of what was never written above it. */
#define MAX_BACKING 3

typedef struct Advise {
    const Topo *topo;
    const Policy *policy;
    const AdviseGuest *of; /* NULL: the host */
    const GuestDef *def;   /* of the next start, else the live one */
    const char *device;    /* what is looked at now; NULL: all of it */
    GPtrArray *list;
} Advise;

/* --- helpers --- */

bool advise_is_ignored(const Policy *policy, FindingId id)
{
    const PolicyValue *ignore = policy->values[KEY_ADVICE_IGNORE];

    for (unsigned i = 0; ignore && i < ignore->n_entries; i++)
        if (g_str_equal(ignore->entries[i].value->text, finding_info(id)->name))
            return true;
    return false;
}

const char *advise_called(const char *name, const char *uuid)
{
    return text_is_plain_name(name) ? name : uuid;
}

/* command NULL: nothing can be done, or the policy does it (finding_remedy()). NULL: nobody wants
 * to know. */
static Finding *advice(const Advise *advise, FindingId id, const char *command, const char *format,
                       ...) G_GNUC_PRINTF(4, 5);

static Finding *advice(const Advise *advise, FindingId id, const char *command, const char *format,
                       ...)
{
    va_list arguments;

    if (advise_is_ignored(advise->policy, id))
        return NULL;
    Finding *one = finding_add(advise->list, id, advise->of ? advise->of->guest : NULL);
    one->device = g_strdup(advise->device);
    one->command = g_strdup(command);
    va_start(arguments, format);
    one->reason = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    return one;
}

static const char *called(const Advise *advise)
{
    return advise_called(advise->of->guest->name, advise->of->guest->uuid);
}

/* In single quotes, for a shell. */
static char *quoted(const char *text)
{
    g_auto(GStrv) parts = g_strsplit(text, "'", -1);
    g_autofree char *inside = g_strjoinv("'\\''", parts);

    return g_strdup_printf("'%s'", inside);
}

/* "virsh edit NAME", and what to write there as a comment. */
static char *edit(const Advise *advise, const char *what)
{
    return g_strdup_printf("virsh edit %s  # %s", called(advise), what);
}

static bool has_plan(const Advise *advise)
{
    return advise->of->plan && advise->of->plan->result != PLAN_UNMANAGED;
}

static bool is_that(const SettingKey *key, Knob knob, const char *device)
{
    return key->knob == knob && (!device || g_str_equal(key->device, device));
}

static bool is_listed(const SettingList *list, Knob knob, const char *device)
{
    for (unsigned i = 0; list && i < setting_list_size(list); i++)
        if (is_that(&setting_list_get(list, i)->key, knob, device))
            return true;
    return false;
}

/* Does the policy say something about that knob of that device (NULL: of any)? In vain, too: then
 * that is told, and its line would change nothing; with persist: never none of its lines changes a
 * definition. */
static bool is_covered(const Advise *advise, Knob knob, const char *device)
{
    const ChangeSet *refused = advise->of->refused;

    if (has_plan(advise) && advise->of->plan->persist == PERSIST_NEVER)
        return true;

    if (has_plan(advise) && (is_listed(advise->of->plan->knobs, knob, device) ||
                             is_listed(advise->of->plan->unsupported, knob, device)))
        return true;
    for (unsigned i = 0; refused && i < change_set_size(refused); i++)
        if (is_that(&change_set_get(refused, i)->key, knob, device))
            return true;
    return false;
}

static const char *value_at(const Advise *advise, const SettingKey *key)
{
    const Setting *setting = setting_list_find(advise->def->knobs, key);

    return setting ? setting->value : NULL;
}

static const char *value_of(const Advise *advise, Knob knob, const char *device)
{
    SettingKey key = {.knob = knob};

    if (device)
        setting_key_set_device(&key, device);
    return value_at(advise, &key);
}

static bool is_dedicated(const Advise *advise)
{
    return has_plan(advise) && advise->of->plan->cpu_policy == CPU_DEDICATED;
}

static bool is_kvm(const Advise *advise)
{
    return g_strcmp0(advise->def->type, "kvm") == 0 && knob_is_x86(advise->def);
}

static bool is_windows(const Advise *advise)
{
    return advise->def->os && strstr(advise->def->os, "//microsoft.com/win");
}

/* --- the host --- */

static bool is_tap(const GuestNic *nic)
{
    static const char *const types[] = {"network", "bridge", "direct", "ethernet", NULL};

    return nic->model && g_str_has_prefix(nic->model, "virtio") &&
           g_strv_contains(types, nic->type);
}

static void check_vhost_net(const Advise *advise, const AdviseGuest *guests, unsigned n_guests)
{
    unsigned n = 0;

    for (unsigned i = 0; i < n_guests; i++) {
        const GuestDef *def = guest_def(guests[i].guest);
        for (unsigned j = 0; def && j < def->n_nics; j++)
            n += is_tap(&def->nics[j]);
    }
    if (advise->topo->no_vhost_net && n > 0)
        advice(advise, FINDING_NO_VHOST_NET, "modprobe vhost_net",
               "there is no usable /dev/vhost-net, and %u virtio NICs could use it", n);
}

/* --- the guest as a whole --- */

static void check_management(const Advise *advise)
{
    const GuestPlan *plan = advise->of->plan;
    const Guest *guest = advise->of->guest;

    if (plan && plan->manual && plan->result == PLAN_UNMANAGED) {
        const char *who = called(advise);
        g_autofree char *line = g_strdup_printf("policy: guests: [{match: {%s: %s}}]",
                                                who == guest->name ? "name" : "uuid", who);
        advice(advise, FINDING_PINNED_BY_HAND, line,
               "it was pinned by hand before vmtuned saw it, and no rule of the policy names it");
    }
    if (guest->active && !guest->persistent && has_plan(advise) && plan->persist != PERSIST_NEVER) {
        g_autofree char *line =
            g_strdup_printf("virsh dumpxml --inactive --security-info %s | virsh define /dev/stdin",
                            called(advise));
        advice(advise, FINDING_TRANSIENT, line,
               "it is transient: settings that need a cold start have nowhere to go");
    }
}

/* Where a setting belongs, by its name. */
static FindingClass class_of(Knob knob)
{
    static const struct {
        const char *prefix;
        FindingClass finding_class;
    } prefixes[] = {{"disk.", FINDING_STORAGE},     {"scsi.", FINDING_STORAGE},
                    {"iothread.", FINDING_STORAGE}, {"net.", FINDING_NETWORK},
                    {"memory.", FINDING_MEMORY},    {"numa.", FINDING_MEMORY}};

    for (unsigned i = 0; i < G_N_ELEMENTS(prefixes); i++)
        if (g_str_has_prefix(knob_info(knob)->name, prefixes[i].prefix))
            return prefixes[i].finding_class;
    return FINDING_CPU;
}

static void unsupported_add(const Advise *advise, const SettingKey *key, const char *value,
                            const char *reason)
{
    Advise on = *advise;
    g_autofree char *setting = setting_key_format(key);

    on.device = setting;
    Finding *finding =
        advice(&on, FINDING_UNSUPPORTED, NULL, "%s (%s): %s", value ? value : "not set",
               plane_name(key->plane), reason ? reason : "refused");
    if (finding)
        finding->finding_class = class_of(key->knob);
}

static void check_unsupported(const Advise *advise)
{
    const SettingList *list = has_plan(advise) ? advise->of->plan->unsupported : NULL;
    const ChangeSet *refused = advise->of->refused;

    for (unsigned i = 0; list && i < setting_list_size(list); i++) {
        const Setting *setting = setting_list_get(list, i);
        unsupported_add(advise, &setting->key, setting->value, setting->reason);
    }
    for (unsigned i = 0; refused && i < change_set_size(refused); i++) {
        const Change *change = change_set_get(refused, i);
        unsupported_add(advise, &change->key, change->to, change->reason);
    }
}

/* --- CPU, cells, clock --- */

static void check_emulated(const Advise *advise)
{
    if (g_strcmp0(advise->def->type, "qemu") != 0)
        return;
    if (advise->topo->no_kvm) {
        advice(advise, FINDING_EMULATED, NULL,
               "QEMU emulates its CPU, many times slower than KVM, and this host has no /dev/kvm: "
               "virtualisation is off in its firmware, or the modules of KVM are not loaded");
        return;
    }
    g_autofree char *line = edit(
        advise, knob_is_x86(advise->def) ? "<domain type='kvm'>"
                                         : "<domain type='kvm'>, on a host of its architecture");
    advice(advise, FINDING_EMULATED, line, "QEMU emulates its CPU: many times slower than KVM");
}

bool advise_has_default_model(const GuestDef *def)
{
    static const char *const models[] = {"qemu64", "kvm64", "qemu32", "kvm32", NULL};

    return !def->cpu_mode || (g_str_equal(def->cpu_mode, "custom") &&
                              (!def->cpu_model || g_strv_contains(models, def->cpu_model)));
}

static void check_cpu_model(const Advise *advise)
{
    const GuestDef *def = advise->def;

    if (!is_kvm(advise) || !advise_has_default_model(def))
        return;
    g_autofree char *line = edit(advise, "<cpu mode='host-model'/>, or host-passthrough where it "
                                         "need not migrate to other CPUs");
    advice(advise, FINDING_CPU_DEFAULT_MODEL, line,
           "its CPU model is %s, without the host's newer instructions",
           def->cpu_model ? def->cpu_model : "QEMU's default");
}

static void check_vcpus(const Advise *advise)
{
    unsigned n_vcpus = cpuset_weight(advise->def->vcpus);
    unsigned n_cpus =
        cpuset_weight(has_plan(advise) && advise->of->plan->allowed ? advise->of->plan->allowed
                                                                    : advise->topo->allowed);

    if (n_cpus == 0 || n_vcpus <= n_cpus)
        return;
    g_autofree char *line =
        g_strdup_printf("virsh setvcpus %s %u --config", called(advise), n_cpus);
    advice(advise, FINDING_VCPUS_TOO_MANY, line,
           "its %u vCPUs have %u CPUs: they never all run, and wait for each other", n_vcpus,
           n_cpus);
}

/* Only who has CPUs of its own has a place that cells can tell of. */
static void check_cells(const Advise *advise)
{
    const GuestPlan *plan = advise->of->plan;
    const GuestDef *def = advise->def;

    if (!is_dedicated(advise) || plan->n_memory < 2 || def->n_cells > 0 ||
        is_covered(advise, KNOB_NUMA_CELLS, NULL))
        return;
    bool by_hand = def->has_max_memory || def->numa_auto;
    g_autofree char *line = by_hand ? edit(advise, "<cpu>…<numa>: a <cell> for each node") : NULL;
    Finding *finding =
        advice(advise, FINDING_CELLS, line,
               "it is placed on %u NUMA nodes and sees one: its kernel cannot keep memory near",
               plan->n_memory);
    if (!by_hand)
        finding_remedy(finding, KEY_NUMA_GUEST_CELLS, "host");
}

/* Without pages for it the guest would not start. */
void advise_huge_pages(const Policy *policy, Finding *finding)
{
    finding_remedy(finding, KEY_MEMORY_PAGE_SIZE, "large");
    if (!policy->values[KEY_HOST_HUGEPAGES])
        finding_remedy(finding, KEY_HOST_HUGEPAGES, "auto");
}

static void check_pages(const Advise *advise)
{
    const GuestDef *def = advise->def;
    unsigned base_kib = advise->topo->base_page_kib;
    unsigned huge_kib = memory_small_huge_page(advise->topo, def);

    if (!is_dedicated(advise) || def->has_hugepages || def->memory_kib < ADVISE_LARGE_GUEST_KIB ||
        huge_kib == 0 || is_covered(advise, KNOB_MEMORY_PAGE_SIZE, NULL) ||
        (advise->of->policy && guest_policy_get(advise->of->policy, KEY_MEMORY_PAGE_SIZE)))
        return;
    advise_huge_pages(advise->policy, advice(advise, FINDING_NO_HUGEPAGES, NULL,
                                             "its memory is %" PRIu64
                                             " pages of %u KiB; of %u KiB it would be %" PRIu64
                                             ", with fewer and shorter page walks",
                                             def->memory_kib / base_kib, base_kib, huge_kib,
                                             def->memory_kib / huge_kib));
}

/* QEMU gives these machines one, unless libvirt is told not to. */
static bool has_hpet(const Advise *advise)
{
    const char *machine = advise->def->machine;
    const char *present = value_of(advise, KNOB_CLOCK_TIMER, "hpet");

    if (present)
        return g_str_equal(present, "yes");
    return !machine || g_str_has_prefix(machine, "pc") || g_str_has_prefix(machine, "q35");
}

static void check_timers(const Advise *advise)
{
    bool windows = is_windows(advise), known = advise->def->os != NULL;

    if (has_hpet(advise) && !is_covered(advise, KNOB_CLOCK_TIMER, "hpet")) {
        Finding *finding = advice(advise, FINDING_HPET,
                                  known ? NULL : "policy: clock: {profile: linux}, or windows",
                                  "it has a HPET: each access to it leaves the guest for QEMU");
        if (known)
            finding_remedy(finding, KEY_CLOCK_PROFILE, windows ? "windows" : "linux");
    }
    if (!windows && g_strcmp0(value_of(advise, KNOB_CLOCK_TIMER, "kvmclock"), "no") == 0 &&
        !is_covered(advise, KNOB_CLOCK_TIMER, "kvmclock"))
        finding_remedy(advice(advise, FINDING_KVMCLOCK_OFF, NULL,
                              "its definition takes kvmclock away: it falls back to slower clocks"),
                       KEY_CLOCK_PROFILE, "linux");
    if (windows && !is_covered(advise, KNOB_CPU_HYPERV, NULL) &&
        (!advise->def->hyperv_mode || g_str_equal(advise->def->hyperv_mode, "custom")) &&
        !value_of(advise, KNOB_CPU_HYPERV, "relaxed"))
        finding_remedy(
            advice(
                advise, FINDING_WINDOWS_PLAIN, NULL,
                "Windows runs without Hyper-V enlightenments: more exits for timers and spinlocks"),
            KEY_CLOCK_PROFILE, "windows");
}

static void check_tsc(const Advise *advise)
{
    const GuestDef *def = advise->def;

    if (!is_dedicated(advise) || is_windows(advise) || def->has_invtsc ||
        g_strcmp0(def->cpu_mode, "host-passthrough") != 0)
        return;
    g_autofree char *line = edit(advise, "<cpu>…<feature policy='require' name='invtsc'/>");
    advice(advise, FINDING_CLOCK_TSC, line,
           "the TSC itself could be its clock; it can then be neither migrated nor saved, unless "
           "<timer name='tsc' frequency='…'/> names a frequency that the other host has, too");
}

static void check_clock(const Advise *advise)
{
    if (!is_kvm(advise))
        return;
    check_timers(advise);
    check_tsc(advise);
}

/* --- disks --- */

/* The images below are in the live definition: libvirt finds them when it starts the guest. */
static unsigned count_backing(const Advise *advise, const GuestDisk *disk)
{
    const GuestDef *live = advise->of->guest->live;
    unsigned n = disk->n_backing;

    for (unsigned i = 0; live && i < live->n_disks; i++)
        if (g_str_equal(live->disks[i].target, disk->target) &&
            g_strcmp0(live->disks[i].source, disk->source) == 0)
            n = MAX(n, live->disks[i].n_backing);
    return n;
}

static void check_image(const Advise *advise, const GuestDisk *disk)
{
    unsigned n_backing = count_backing(advise, disk);

    if (g_strcmp0(disk->driver, "qcow2") == 0) {
        bool is_file = g_str_equal(disk->type, "file") && disk->source;
        g_autofree char *image = is_file ? quoted(disk->source) : g_strdup("IMAGE");
        g_autofree char *line =
            g_strdup_printf("qemu-img convert -O raw %s NEW  # while it is off; then virsh edit %s",
                            image, called(advise));
        advice(advise, FINDING_DISK_QCOW2, line,
               "qcow2 looks up where each cluster is; raw or a block device does not");
    }
    if (n_backing > MAX_BACKING) {
        g_autofree char *line =
            g_strdup_printf("virsh blockpull %s %s --wait --verbose  # while it runs",
                            called(advise), disk->target);
        advice(advise, FINDING_DISK_BACKING_CHAIN, line,
               "%u images are below its own: what was never written is looked for in all of them",
               n_backing);
    }
}

static void check_bus(const Advise *advise, const GuestDisk *disk)
{
    SettingKey controller = {.knob = KNOB_SCSI_QUEUES, .instance = disk->controller};

    if (g_str_equal(disk->bus, "ide") || g_str_equal(disk->bus, "sata")) {
        g_autofree char *line = edit(advise, "<target bus='virtio'/>, once it has the driver");
        advice(advise, FINDING_DISK_NOT_VIRTIO, line, "QEMU emulates its %s controller", disk->bus);
    } else if (g_str_equal(disk->bus, "scsi") &&
               !setting_list_find(advise->def->knobs, &controller)) {
        g_autofree char *line =
            edit(advise, "<controller type='scsi' model='virtio-scsi'/>, once it has the driver");
        advice(advise, FINDING_DISK_SCSI_CONTROLLER, line, "QEMU emulates its controller");
    }
}

/* An image that is only read may well be the same for many guests, and in memory once. */
static void check_cache(const Advise *advise, const GuestDisk *disk)
{
    const char *cache = value_of(advise, KNOB_DISK_CACHE, disk->target);
    bool local = g_str_equal(disk->type, "file") || g_str_equal(disk->type, "block");

    if (!local || disk->read_only || is_covered(advise, KNOB_DISK_CACHE, disk->target) ||
        g_strcmp0(cache, "none") == 0 || g_strcmp0(cache, "directsync") == 0)
        return;
    Finding *finding =
        advice(advise, FINDING_DISK_HOST_CACHE, NULL,
               "cache %s keeps its data in the host's memory, too", cache ? cache : "default");
    finding_remedy(finding, KEY_DISK_CACHE, "none");
    if (g_strcmp0(disk->driver, "raw") == 0)
        finding_remedy(finding, KEY_DISK_IO, "native");
}

/* QEMU's pool of threads hands each request over and back; the kernel takes it at once where it
 * does not have to wait, which it may for what grows. */
static void check_io(const Advise *advise, const GuestDisk *disk)
{
    const char *cache = value_of(advise, KNOB_DISK_CACHE, disk->target);
    const char *io = value_of(advise, KNOB_DISK_IO, disk->target);
    bool local = g_str_equal(disk->type, "file") || g_str_equal(disk->type, "block");
    bool direct = g_strcmp0(cache, "none") == 0 || g_strcmp0(cache, "directsync") == 0;

    if (!local || !direct || g_strcmp0(disk->driver, "raw") != 0 ||
        (io && !g_str_equal(io, "threads")) || is_covered(advise, KNOB_DISK_IO, disk->target))
        return;
    finding_remedy(advice(advise, FINDING_DISK_IO_THREADS, NULL,
                          "a pool of QEMU's threads does its I/O, past the page cache: Linux AIO "
                          "needs no threads for that"),
                   KEY_DISK_IO, "native");
}

/* QEMU gives virtio disks a queue for each vCPU where the definition has no word on it. */
static void check_queues(const Advise *advise, const GuestDisk *disk)
{
    const char *queues = value_of(advise, KNOB_DISK_QUEUES, disk->target);

    if (g_str_equal(disk->bus, "virtio") && g_strcmp0(queues, "1") == 0 &&
        advise->def->max_vcpus > 1 && !is_covered(advise, KNOB_DISK_QUEUES, disk->target))
        finding_remedy(advice(advise, FINDING_DISK_ONE_QUEUE, NULL,
                              "one queue for %u vCPUs, which wait for each other at its lock",
                              advise->def->max_vcpus),
                       KEY_DISK_QUEUES, "auto");
}

static void check_iothread(const Advise *advise, const GuestDisk *disk)
{
    SettingKey controller = {.knob = KNOB_SCSI_QUEUES, .instance = disk->controller};
    bool is_virtio = g_str_equal(disk->bus, "virtio");
    const char *now = NULL;

    if (is_virtio) {
        now = value_of(advise, KNOB_DISK_IOTHREAD, disk->target);
    } else if (g_str_equal(disk->bus, "scsi") &&
               setting_list_find(advise->def->knobs, &controller)) {
        controller.knob = KNOB_SCSI_IOTHREAD;
        now = value_at(advise, &controller);
    } else {
        return;
    }
    if (!is_dedicated(advise) || now || disk->has_iothread_map || disk->no_ioeventfd ||
        g_str_equal(disk->type, "vhostuser") ||
        is_covered(advise, is_virtio ? KNOB_DISK_IOTHREAD : KNOB_SCSI_IOTHREAD,
                   is_virtio ? disk->target : NULL))
        return;
    finding_remedy(advice(advise, FINDING_DISK_NO_IOTHREAD, NULL,
                          "QEMU's main thread serves it, beside all other work"),
                   KEY_DISK_IOTHREADS, "auto");
}

static void check_disks(const Advise *advise)
{
    for (unsigned i = 0; i < advise->def->n_disks; i++) {
        const GuestDisk *disk = &advise->def->disks[i];
        Advise on = *advise;
        on.device = disk->target;
        if (g_strcmp0(disk->device, "disk") != 0)
            continue;
        check_bus(&on, disk);
        check_image(&on, disk);
        check_cache(&on, disk);
        check_io(&on, disk);
        check_queues(&on, disk);
        check_iothread(&on, disk);
    }
}

/* --- NICs --- */

/* A network may hand out devices that are passed through: what the running guest got tells. */
static bool is_passed_through(const Advise *advise, const GuestNic *nic)
{
    const GuestDef *live = advise->of->guest->live;

    if (g_str_equal(nic->type, "hostdev"))
        return true;
    for (unsigned i = 0; *nic->mac && live && i < live->n_nics; i++)
        if (g_str_equal(live->nics[i].type, "hostdev") &&
            g_ascii_strcasecmp(live->nics[i].mac, nic->mac) == 0)
            return true;
    return false;
}

static void check_model(const Advise *advise, const GuestNic *nic)
{
    bool is_virtio =
        g_str_equal(nic->type, "vdpa") || (nic->model && g_str_has_prefix(nic->model, "virtio"));

    if (is_virtio || is_passed_through(advise, nic))
        return;
    g_autofree char *line = edit(advise, "<model type='virtio'/>, once it has the driver");
    advice(advise, FINDING_NIC_NOT_VIRTIO, line, "QEMU emulates it as %s",
           nic->model ? nic->model : "its default model");
}

static void check_vhost(const Advise *advise, const GuestNic *nic)
{
    const char *queues = value_of(advise, KNOB_NET_QUEUES, advise->device);

    if (!is_tap(nic) || advise->topo->no_vhost_net)
        return;
    if (g_strcmp0(value_of(advise, KNOB_NET_DRIVER, advise->device), "qemu") == 0) {
        if (!is_covered(advise, KNOB_NET_DRIVER, advise->device))
            finding_remedy(
                advice(advise, FINDING_NIC_NO_VHOST, NULL,
                       "QEMU's main thread moves its packets, with a copy more than the kernel's "
                       "vhost"),
                KEY_NETWORK_DRIVER, "vhost");
        return;
    }
    if (advise->def->max_vcpus > 1 && !nic->is_premade && (!queues || g_str_equal(queues, "1")) &&
        !is_covered(advise, KNOB_NET_QUEUES, advise->device))
        finding_remedy(advice(advise, FINDING_NIC_ONE_QUEUE, NULL,
                              "one queue, and one vhost worker, for %u vCPUs",
                              advise->def->max_vcpus),
                       KEY_NETWORK_QUEUES, "auto");
}

static void check_shared_memory(const Advise *advise, const GuestNic *nic)
{
    if (!g_str_equal(nic->type, "vhostuser") || advise->def->shared_memory)
        return;
    g_autofree char *line = edit(
        advise, "<memoryBacking><source type='memfd'/><access mode='shared'/></memoryBacking>");
    advice(advise, FINDING_NIC_SHARED_MEMORY, line,
           "the process behind it cannot see the guest's memory");
}

static void check_nics(const Advise *advise)
{
    for (unsigned i = 0; i < advise->def->n_nics; i++) {
        const GuestNic *nic = &advise->def->nics[i];
        g_autofree char *mac = g_ascii_strdown(nic->mac, -1);
        Advise on = *advise;
        on.device = *mac ? mac : nic->alias;
        check_model(&on, nic);
        check_vhost(&on, nic);
        check_shared_memory(&on, nic);
    }
}

static void (*const checks[])(const Advise *) = {
    check_management, check_unsupported, check_emulated, check_cpu_model, check_vcpus,
    check_cells,      check_pages,       check_clock,    check_disks,     check_nics,
};

GPtrArray *advise_make(const Topo *topo, const Policy *policy, const AdviseGuest *guests,
                       unsigned n_guests)
{
    Advise advise = {.topo = topo, .policy = policy, .list = finding_list_new()};

    check_vhost_net(&advise, guests, n_guests);
    for (unsigned i = 0; i < n_guests; i++) {
        advise.of = &guests[i];
        advise.def = guests[i].guest->config ? guests[i].guest->config : guests[i].guest->live;
        for (unsigned j = 0; advise.def && j < G_N_ELEMENTS(checks); j++)
            checks[j](&advise);
    }
    return advise.list;
}
