/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "plan/advise.h"

#include "plan/knobs.h"

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

static bool is_ignored(const Advise *advise, AdviceId id)
{
    const PolicyValue *ignore = advise->policy->values[KEY_ADVICE_IGNORE];

    for (unsigned i = 0; ignore && i < ignore->n_entries; i++)
        if (g_str_equal(ignore->entries[i].value->text, advice_name(id)))
            return true;
    return false;
}

/* command NULL: nothing can be done. */
static void advice(const Advise *advise, AdviceId id, const char *command, const char *format, ...)
    G_GNUC_PRINTF(4, 5);

static void advice(const Advise *advise, AdviceId id, const char *command, const char *format, ...)
{
    const Guest *guest = advise->of ? advise->of->guest : NULL;
    va_list arguments;

    if (is_ignored(advise, id))
        return;
    Advice *one = g_new0(Advice, 1);
    one->id = id;
    one->guest = g_strdup(guest ? guest->name : NULL);
    one->uuid = g_strdup(guest ? guest->uuid : NULL);
    one->device = g_strdup(advise->device);
    one->command = g_strdup(command);
    va_start(arguments, format);
    one->reason = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    g_ptr_array_add(advise->list, one);
}

/* "virsh edit NAME", and what to write there. */
static char *edit(const Advise *advise, const char *what)
{
    return g_strdup_printf("virsh edit %s: %s", advise->of->guest->name, what);
}

static char *policy_line(const char *keys)
{
    return g_strdup_printf("policy: %s", keys);
}

static bool has_plan(const Advise *advise)
{
    return advise->of->plan && advise->of->plan->result != PLAN_UNMANAGED;
}

/* Does the policy say something about that knob of that device? */
static bool is_wanted(const Advise *advise, Knob knob, const char *device)
{
    const SettingList *knobs = has_plan(advise) ? advise->of->plan->knobs : NULL;

    for (unsigned i = 0; knobs && i < setting_list_size(knobs); i++) {
        const SettingKey *key = &setting_list_get(knobs, i)->key;
        if (key->knob == knob && (!device || g_str_equal(key->device, device)))
            return true;
    }
    return false;
}

static const char *value_of(const Advise *advise, Knob knob, const char *device)
{
    SettingKey key = {.knob = knob};

    if (device)
        setting_key_set_device(&key, device);
    const Setting *setting = setting_list_find(advise->def->knobs, &key);
    return setting ? setting->value : NULL;
}

static bool is_dedicated(const Advise *advise)
{
    return has_plan(advise) && advise->of->plan->cpu_policy == CPU_DEDICATED;
}

static bool is_kvm(const Advise *advise)
{
    return g_strcmp0(advise->def->type, "kvm") == 0 && knob_is_x86(advise->def);
}

static bool runs(const Advise *advise, const char *part)
{
    return advise->def->os && strstr(advise->def->os, part);
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
        advice(advise, ADVICE_NO_VHOST_NET, "modprobe vhost_net",
               "there is no usable /dev/vhost-net, and %u virtio NICs could use it", n);
}

/* --- the guest as a whole --- */

static void check_management(const Advise *advise)
{
    const GuestPlan *plan = advise->of->plan;
    const Guest *guest = advise->of->guest;

    if (plan && plan->manual && plan->result == PLAN_UNMANAGED) {
        g_autofree char *line =
            g_strdup_printf("policy: guests: [{match: {name: %s}}]", guest->name);
        advice(advise, ADVICE_PINNED_BY_HAND, line,
               "it was pinned by hand before vmtuned saw it, and no rule of the policy names it");
    }
    if (guest->active && !guest->persistent && has_plan(advise) && plan->persist != PERSIST_NEVER) {
        g_autofree char *line = g_strdup_printf("virsh dumpxml %s > %s.xml && virsh define %s.xml",
                                                guest->name, guest->name, guest->name);
        advice(advise, ADVICE_TRANSIENT, line,
               "it is transient: settings that need a cold start have nowhere to go");
    }
}

static void unsupported_add(const Advise *advise, const SettingKey *key, const char *value,
                            const char *reason)
{
    Advise on = *advise;
    g_autofree char *setting = setting_key_format(key);

    on.device = setting;
    advice(&on, ADVICE_UNSUPPORTED, NULL, "%s (%s): %s", value ? value : "not set",
           plane_name(key->plane), reason ? reason : "refused");
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

static void check_cpu(const Advise *advise)
{
    const GuestPlan *plan = advise->of->plan;

    if (g_strcmp0(advise->def->type, "qemu") == 0) {
        g_autofree char *line = edit(advise, "<domain type='kvm'>");
        advice(advise, ADVICE_EMULATED, line, "QEMU emulates its CPU: many times slower than KVM");
    }
    if (is_kvm(advise) && !advise->def->cpu_mode) {
        g_autofree char *line =
            edit(advise, "<cpu mode='host-model'/>, or host-passthrough where it "
                         "need not migrate to other CPUs");
        advice(advise, ADVICE_CPU_DEFAULT_MODEL, line,
               "it has QEMU's default CPU model, without the host's newer instructions");
    }
    if (has_plan(advise) && plan->n_memory > 1 && advise->def->n_cells == 0 &&
        !is_wanted(advise, KNOB_NUMA_CELLS, NULL)) {
        g_autofree char *line = policy_line("numa: {guest_cells: host}");
        advice(advise, ADVICE_CELLS, line,
               "it is placed on %u NUMA nodes and sees one: its kernel cannot keep memory near",
               plan->n_memory);
    }
}

static void check_clock(const Advise *advise)
{
    bool windows = runs(advise, "//microsoft.com/win");

    if (!is_kvm(advise))
        return;
    g_autofree char *profile = policy_line("clock: {profile: auto}");
    if (g_strcmp0(value_of(advise, KNOB_CLOCK_TIMER, "hpet"), "yes") == 0 &&
        !is_wanted(advise, KNOB_CLOCK_TIMER, "hpet"))
        advice(advise, ADVICE_HPET, profile, "each access to its HPET leaves the guest for QEMU");
    if (!windows && g_strcmp0(value_of(advise, KNOB_CLOCK_TIMER, "kvmclock"), "no") == 0 &&
        !is_wanted(advise, KNOB_CLOCK_TIMER, "kvmclock"))
        advice(advise, ADVICE_KVMCLOCK_OFF, profile,
               "its definition takes kvmclock away: it falls back to slower clocks");
    if (windows && !is_wanted(advise, KNOB_CPU_HYPERV, NULL) && !advise->def->hyperv_mode &&
        !value_of(advise, KNOB_CPU_HYPERV, "relaxed"))
        advice(advise, ADVICE_WINDOWS_PLAIN, profile,
               "Windows runs without Hyper-V enlightenments: more exits for timers and spinlocks");
    if (is_dedicated(advise) && g_strcmp0(advise->def->cpu_mode, "host-passthrough") == 0 &&
        !value_of(advise, KNOB_CLOCK_TIMER, "tsc")) {
        g_autofree char *line = edit(advise, "<timer name='tsc' present='yes' mode='native'/>");
        advice(
            advise, ADVICE_CLOCK_TSC, line,
            "the TSC can be its clock source; it may then migrate only to hosts whose TSC has the "
            "same frequency");
    }
}

/* --- disks --- */

static void check_image(const Advise *advise, const GuestDisk *disk)
{
    if (g_strcmp0(disk->driver, "qcow2") == 0) {
        g_autofree char *line =
            g_strdup_printf("with the guest off: qemu-img convert -O raw %s NEW",
                            disk->source ? disk->source : "IMAGE");
        advice(advise, ADVICE_DISK_QCOW2, line,
               "qcow2 looks up where each cluster is; raw or a block device does not");
    }
    if (disk->n_backing > MAX_BACKING) {
        g_autofree char *line = g_strdup_printf("virsh blockcommit %s %s --active --pivot",
                                                advise->of->guest->name, disk->target);
        advice(advise, ADVICE_DISK_BACKING_CHAIN, line,
               "%u images are below its own: what was never written is looked for in all of them",
               disk->n_backing);
    }
}

static void check_bus(const Advise *advise, const GuestDisk *disk)
{
    SettingKey controller = {.knob = KNOB_SCSI_QUEUES, .instance = disk->controller};

    if (g_str_equal(disk->bus, "ide") || g_str_equal(disk->bus, "sata")) {
        g_autofree char *line = edit(advise, "<target bus='virtio'/>, once it has the driver");
        advice(advise, ADVICE_DISK_NOT_VIRTIO, line, "QEMU emulates its %s controller", disk->bus);
    } else if (g_str_equal(disk->bus, "scsi") &&
               !setting_list_find(advise->def->knobs, &controller)) {
        g_autofree char *line =
            edit(advise, "<controller type='scsi' model='virtio-scsi'/>, once it has the driver");
        advice(advise, ADVICE_DISK_SCSI_CONTROLLER, line, "QEMU emulates its controller");
    }
}

static void check_tuning(const Advise *advise, const GuestDisk *disk)
{
    const char *cache = value_of(advise, KNOB_DISK_CACHE, disk->target);
    bool cached = g_strcmp0(cache, "none") != 0 && g_strcmp0(cache, "directsync") != 0;
    bool local = g_strcmp0(disk->type, "file") == 0 || g_strcmp0(disk->type, "block") == 0;

    if (local && cached && g_strcmp0(disk->driver, "raw") == 0 &&
        !is_wanted(advise, KNOB_DISK_CACHE, disk->target)) {
        g_autofree char *line = policy_line("disk: {cache: none, io: native}");
        advice(advise, ADVICE_DISK_HOST_CACHE, line,
               "cache %s keeps its data in the host's memory, too", cache ? cache : "default");
    }
    if (is_dedicated(advise) && g_str_equal(disk->bus, "virtio") && !disk->has_iothread_map &&
        !value_of(advise, KNOB_DISK_IOTHREAD, disk->target) &&
        !is_wanted(advise, KNOB_DISK_IOTHREAD, disk->target)) {
        g_autofree char *line = policy_line("disk: {iothreads: auto}");
        advice(advise, ADVICE_DISK_NO_IOTHREAD, line,
               "QEMU's main thread serves it, beside all other work");
    }
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
        check_tuning(&on, disk);
    }
}

/* --- NICs --- */

static void check_nic(const Advise *advise, const GuestNic *nic)
{
    const char *queues = value_of(advise, KNOB_NET_QUEUES, advise->device);
    bool passed = g_str_equal(nic->type, "hostdev");

    if (!passed && (!nic->model || !g_str_has_prefix(nic->model, "virtio"))) {
        g_autofree char *line = edit(advise, "<model type='virtio'/>, once it has the driver");
        advice(advise, ADVICE_NIC_NOT_VIRTIO, line, "QEMU emulates it as %s",
               nic->model ? nic->model : "its default model");
    } else if (is_tap(nic) && advise->def->max_vcpus > 1 && !advise->topo->no_vhost_net &&
               (!queues || g_str_equal(queues, "1")) &&
               g_strcmp0(value_of(advise, KNOB_NET_DRIVER, advise->device), "qemu") != 0 &&
               !is_wanted(advise, KNOB_NET_QUEUES, advise->device)) {
        g_autofree char *line = policy_line("network: {queues: auto}");
        advice(advise, ADVICE_NIC_ONE_QUEUE, line, "one queue, and one vhost worker, for %u vCPUs",
               advise->def->max_vcpus);
    }
    if (g_str_equal(nic->type, "vhostuser") && !advise->def->shared_memory) {
        g_autofree char *line = edit(
            advise, "<memoryBacking><source type='memfd'/><access mode='shared'/></memoryBacking>");
        advice(advise, ADVICE_NIC_SHARED_MEMORY, line,
               "the process behind it cannot see the guest's memory");
    }
}

static void check_nics(const Advise *advise)
{
    for (unsigned i = 0; i < advise->def->n_nics; i++) {
        const GuestNic *nic = &advise->def->nics[i];
        g_autofree char *mac = g_ascii_strdown(nic->mac, -1);
        Advise on = *advise;
        on.device = *mac ? mac : nic->alias;
        check_nic(&on, nic);
    }
}

static void (*const checks[])(const Advise *) = {
    check_management, check_unsupported, check_cpu, check_clock, check_disks, check_nics,
};

static void advice_destroy(gpointer data)
{
    advice_free(data);
}

GPtrArray *advise_make(const Topo *topo, const Policy *policy, const AdviseGuest *guests,
                       unsigned n_guests)
{
    Advise advise = {
        .topo = topo, .policy = policy, .list = g_ptr_array_new_with_free_func(advice_destroy)};

    check_vhost_net(&advise, guests, n_guests);
    for (unsigned i = 0; i < n_guests; i++) {
        advise.of = &guests[i];
        advise.def = guests[i].guest->config ? guests[i].guest->config : guests[i].guest->live;
        for (unsigned j = 0; advise.def && j < G_N_ELEMENTS(checks); j++)
            checks[j](&advise);
    }
    return advise.list;
}
