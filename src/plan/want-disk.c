/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Keys of disk.* → Settings, but for IOThreads (want-iothread.c). libvirt and QEMU refuse some of
 * what can be written, when it is defined or not before the guest starts, and ignore some; here
 * that is told as unsupported.
 */
#include "plan/disks.h"

#include "model/policy-key.h"

#include <string.h>

/* VIRTIO_QUEUE_MAX of QEMU; a virtio-scsi controller needs two for itself. */
#define MAX_QUEUES 1024
#define MAX_SCSI_QUEUES (MAX_QUEUES - 2)
/* QEMU takes powers of two from here on; its default with machine types since 5.0 */
#define MIN_QUEUE_SIZE 4
#define DEFAULT_QUEUE_SIZE "256"

typedef struct DiskRow {
    PolicyKey key;
    Knob knob;
    void (*decide)(const DiskWant *want, const DiskPolicy *by, DiskValue *ret);
} DiskRow;

/* --- what a disk is --- */

bool disk_is_removable(const GuestDisk *disk)
{
    return strcmp(disk->device, "cdrom") == 0 || strcmp(disk->device, "floppy") == 0;
}

bool disk_is_outside(const GuestDisk *disk)
{
    return strcmp(disk->type, "vhostuser") == 0;
}

bool disk_is_virtio(const GuestDisk *disk)
{
    return strcmp(disk->bus, "virtio") == 0;
}

bool disk_is_virtio_scsi(const KnobWants *wants, const GuestDisk *disk)
{
    const KnobTarget target = {.knob = KNOB_SCSI_QUEUES, .instance = disk->controller};

    return strcmp(disk->bus, "scsi") == 0 && knob_is_there(wants, &target);
}

bool disk_is_first_of_controller(const KnobWants *wants, unsigned i)
{
    const GuestDisk *disk = &wants->def->disks[i];

    if (disk_is_removable(disk) || !disk_is_virtio_scsi(wants, disk))
        return false;
    for (unsigned j = 0; j < i; j++) {
        const GuestDisk *other = &wants->def->disks[j];
        if (!disk_is_removable(other) && strcmp(other->bus, "scsi") == 0 &&
            other->controller == disk->controller)
            return false;
    }
    return true;
}

static bool is_read_only(const GuestDisk *disk)
{
    return disk->read_only || strcmp(disk->device, "cdrom") == 0;
}

/* QEMU reads and writes it by system calls of its own, in one of the ways disk.io tells. */
static bool has_io(const GuestDisk *disk)
{
    return strcmp(disk->type, "file") == 0 || strcmp(disk->type, "block") == 0 ||
           strcmp(disk->type, "volume") == 0;
}

/* --- policy --- */

DiskPolicy disk_policy(const DiskWant *want, PolicyKey key)
{
    const PolicyValue *value =
        knob_policy(want->wants, key, KEY_DISK_TARGETS, want->disk->target, NULL);
    DiskPolicy by = {.value = value, .own = value != guest_policy_get(want->wants->policy, key)};

    if (disk_is_removable(want->disk) && !by.own)
        by.value = NULL;
    return by;
}

void disk_refuse(DiskValue *ret, const char *reason)
{
    ret->outcome = DISK_REFUSE;
    ret->reason = g_strdup(reason);
}

/* As much as fits: what cannot be had is not asked for then. */
bool disk_value_is_auto(const PolicyValue *value)
{
    return value->kind == VALUE_WORD && strcmp(value->text, "auto") == 0;
}

static void refuse_unless_auto(const DiskPolicy *by, DiskValue *ret, const char *reason)
{
    if (disk_value_is_auto(by->value))
        ret->outcome = DISK_LEAVE;
    else
        disk_refuse(ret, reason);
}

/* The word of the policy, else of the definition; NULL: neither. */
static const char *word_next(const DiskWant *want, PolicyKey key, Knob knob)
{
    DiskPolicy by = disk_policy(want, key);
    const KnobTarget target = {.knob = knob, .device = want->disk->target};

    return by.value ? by.value->text : knob_now(want->wants, &target);
}

/* libvirt allows native I/O with these alone: QEMU would not do it with others. */
static bool is_direct(const char *cache)
{
    return g_strcmp0(cache, "none") == 0 || g_strcmp0(cache, "directsync") == 0;
}

/* --- each key --- */

static void decide_auto_io(const DiskWant *want, bool direct, DiskValue *ret)
{
    if (!has_io(want->disk)) {
        ret->outcome = DISK_LEAVE;
        return;
    }
    g_free(ret->value);
    ret->value = g_strdup(direct ? "native" : "threads");
    ret->reason = g_strdup(direct ? "native, since its cache keeps off the host's page cache"
                                  : "threads, since its cache is the host's page cache");
}

static void decide_io(const DiskWant *want, const DiskPolicy *by, DiskValue *ret)
{
    bool direct = is_direct(word_next(want, KEY_DISK_CACHE, KNOB_DISK_CACHE));

    if (disk_value_is_auto(by->value))
        decide_auto_io(want, direct, ret);
    else if (!has_io(want->disk))
        disk_refuse(ret, "QEMU has but one way of I/O for a disk that is no file or block device");
    else if (strcmp(by->value->text, "native") == 0 && !direct)
        disk_refuse(ret, "native needs cache: none or directsync");
    else if (strcmp(by->value->text, "io_uring") == 0 && want->wants->topo->no_io_uring)
        disk_refuse(ret, "the kernel of this host has no io_uring, or has it switched off");
}

/* disk.io after this, as far as it can be had. */
static bool io_is_native(const DiskWant *want)
{
    const KnobTarget target = {.knob = KNOB_DISK_IO, .device = want->disk->target};
    DiskPolicy by = disk_policy(want, KEY_DISK_IO);
    DiskValue io = {.value = g_strdup(by.value ? by.value->text : NULL)};

    if (by.value)
        decide_io(want, &by, &io);
    const char *next =
        by.value && io.outcome == DISK_WANT ? io.value : knob_now(want->wants, &target);
    bool is_native = g_strcmp0(next, "native") == 0;
    g_free(io.value);
    g_free(io.reason);
    return is_native;
}

static void decide_cache(const DiskWant *want, const DiskPolicy *by, DiskValue *ret)
{
    if (!is_direct(by->value->text) && io_is_native(want))
        disk_refuse(ret, "the disk has io: native, which needs cache: none or directsync");
}

/* True, with the outcome, if nothing is ever written to it. */
static bool is_idle_when_written(const DiskWant *want, const DiskPolicy *by, DiskValue *ret)
{
    if (!is_read_only(want->disk))
        return false;
    if (by->own)
        disk_refuse(ret, "it is read-only");
    else
        ret->outcome = DISK_LEAVE;
    return true;
}

static void decide_discard(const DiskWant *want, const DiskPolicy *by, DiskValue *ret)
{
    is_idle_when_written(want, by, ret);
}

static void decide_detect_zeroes(const DiskWant *want, const DiskPolicy *by, DiskValue *ret)
{
    const char *discard = word_next(want, KEY_DISK_DISCARD, KNOB_DISK_DISCARD);

    if (!is_idle_when_written(want, by, ret) && strcmp(by->value->text, "unmap") == 0 &&
        g_strcmp0(discard, "unmap") != 0)
        disk_refuse(ret, "unmap needs discard: unmap; without it libvirt makes it on");
}

/* One for each vCPU, those that may still be plugged in too: QEMU does the same by itself, but
 * only with newer machine types. */
static void queues_auto(const KnobWants *wants, DiskValue *ret)
{
    unsigned cpus = (unsigned)hwloc_bitmap_weight(wants->topo->online);
    unsigned n = MIN(wants->def->max_vcpus, MIN(cpus, MAX_SCSI_QUEUES));

    g_free(ret->value);
    ret->value = g_strdup_printf("%u", n);
    ret->reason = g_strdup(n == wants->def->max_vcpus ? "one for each vCPU"
                           : n == cpus                ? "one for each CPU of the host"
                                                      : "the most there are");
}

static void decide_queues(const DiskWant *want, const DiskPolicy *by, DiskValue *ret)
{
    bool on_controller = disk_is_virtio_scsi(want->wants, want->disk);

    if (on_controller && by->own)
        disk_refuse(ret, "its controller has the queues: disk.queues of the guest sets them");
    else if (on_controller)
        ret->outcome = DISK_LEAVE;
    else if (!disk_is_virtio(want->disk))
        refuse_unless_auto(by, ret, "only virtio disks and virtio-scsi controllers have queues");
    else if (want->disk->has_iothread_map)
        refuse_unless_auto(by, ret, "its queues are mapped to IOThreads");
    else if (disk_value_is_auto(by->value))
        queues_auto(want->wants, ret);
}

static void decide_queue_size(const DiskWant *want, const DiskPolicy *by, DiskValue *ret)
{
    uint64_t size = by->value->u;

    if (!disk_is_virtio(want->disk)) {
        refuse_unless_auto(by, ret, "only virtio disks have a size of queues");
    } else if (disk_value_is_auto(by->value)) {
        g_free(ret->value);
        ret->value = g_strdup(DEFAULT_QUEUE_SIZE);
        ret->reason = g_strdup("QEMU's default, whatever the machine type");
    } else if (size < MIN_QUEUE_SIZE || (size & (size - 1)) != 0) {
        disk_refuse(ret, "QEMU takes powers of two from 4 on");
    }
}

static const DiskRow rows[] = {
    {KEY_DISK_CACHE, KNOB_DISK_CACHE, decide_cache},
    {KEY_DISK_IO, KNOB_DISK_IO, decide_io},
    {KEY_DISK_DISCARD, KNOB_DISK_DISCARD, decide_discard},
    {KEY_DISK_DETECT_ZEROES, KNOB_DISK_DETECT_ZEROES, decide_detect_zeroes},
    {KEY_DISK_QUEUES, KNOB_DISK_QUEUES, decide_queues},
    {KEY_DISK_QUEUE_SIZE, KNOB_DISK_QUEUE_SIZE, decide_queue_size},
    {KEY_DISK_IOTUNE, KNOB_DISK_IOTUNE, disk_decide_iotune},
};

/* --- all together --- */

/* As one writes it, but numbers in libvirt's way; owned. */
static char *value_text(const PolicyValue *value)
{
    if (value->kind == VALUE_UINT)
        return g_strdup_printf("%" G_GUINT64_FORMAT, value->u);
    return value->kind == VALUE_MAP ? policy_value_format(value) : g_strdup(value->text);
}

static void value_use(const KnobWants *wants, const KnobTarget *target, PolicyKey key,
                      const PolicyValue *by, DiskValue *value)
{
    if (!value->reason)
        value->reason = g_strdup_printf("%s of the policy", policy_key_info(key)->path);
    if (value->outcome == DISK_WANT)
        knob_want(wants, target, value->value, value->reason, by);
    else if (value->outcome == DISK_REFUSE)
        knob_unsupported(wants, target, value->value, value->reason, by);
    g_free(value->value);
    g_free(value->reason);
}

static void want_key(const DiskWant *want, const DiskRow *row)
{
    const KnobTarget target = {.knob = row->knob, .device = want->disk->target};
    DiskPolicy by = disk_policy(want, row->key);

    if (!by.value)
        return;
    DiskValue value = {.value = value_text(by.value)};
    if (disk_is_outside(want->disk))
        refuse_unless_auto(&by, &value, "another process serves the disk (vhost-user)");
    else
        row->decide(want, &by, &value);
    value_use(want->wants, &target, row->key, by.value, &value);
}

static void want_controller(const KnobWants *wants, const GuestDisk *disk)
{
    const KnobTarget target = {.knob = KNOB_SCSI_QUEUES, .instance = disk->controller};
    const DiskPolicy policy = {.value = guest_policy_get(wants->policy, KEY_DISK_QUEUES)};
    const PolicyValue *by = policy.value;

    if (!by)
        return;
    DiskValue value = {.value = value_text(by)};
    if (disk->has_iothread_map)
        refuse_unless_auto(&policy, &value, "its queues are mapped to IOThreads");
    else if (disk_value_is_auto(by))
        queues_auto(wants, &value);
    else if (by->u > MAX_SCSI_QUEUES)
        disk_refuse(&value, "a virtio-scsi controller has at most 1022");
    value_use(wants, &target, KEY_DISK_QUEUES, by, &value);
}

static bool has_disk(const GuestDef *def, const char *target)
{
    for (unsigned i = 0; i < def->n_disks; i++)
        if (strcmp(def->disks[i].target, target) == 0)
            return true;
    return false;
}

/* Targets of the policy that the guest does not have. */
static void tell_missing(const KnobWants *wants)
{
    const PolicyValue *targets = guest_policy_get(wants->policy, KEY_DISK_TARGETS);

    for (unsigned i = 0; targets && i < targets->n_entries; i++) {
        const PolicyEntry *entry = &targets->entries[i];
        for (unsigned j = 0; j < G_N_ELEMENTS(rows) && !has_disk(wants->def, entry->key); j++) {
            const KnobTarget target = {.knob = rows[j].knob, .device = entry->key};
            const PolicyValue *by =
                policy_value_entry(entry->value, policy_key_info(rows[j].key)->field.name);
            g_autofree char *text = by ? value_text(by) : NULL;
            if (by)
                knob_unsupported(wants, &target, text, "the guest has no such disk", by);
        }
    }
}

void knobs_want_disks(const KnobWants *wants)
{
    for (unsigned i = 0; i < wants->def->n_disks; i++) {
        const DiskWant want = {.wants = wants, .disk = &wants->def->disks[i]};
        for (unsigned j = 0; j < G_N_ELEMENTS(rows); j++)
            want_key(&want, &rows[j]);
        if (disk_is_first_of_controller(wants, i))
            want_controller(wants, want.disk);
    }
    tell_missing(wants);
}
