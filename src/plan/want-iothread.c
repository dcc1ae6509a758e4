/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * disk.iothreads and disk.iothread_poll → Settings: which IOThreads the guest has, which of them
 * serves a disk, and how they poll. IOThreads can be added to a running guest; its disks get to
 * them at its next start. None is taken away: who made it may have use for it.
 */
#include "plan/disks.h"

#include "base/util.h"

#include <string.h>

/* IOThreads that share their CPUs with others: one for so many vCPUs. */
#define VCPUS_PER_IOTHREAD 4

/* What an IOThread serves: a virtio disk or a virtio-scsi controller. */
typedef struct Unit {
    KnobTarget target;
    unsigned now; /* 0: none */
    unsigned id;  /* 0: none yet */
} Unit;

typedef struct IothreadWant {
    const KnobWants *wants;
    const PolicyValue *by;
    GArray *units; /* of Unit, in the order of the disks */
    CpuSet *ids;   /* the units are spread over these */
} IothreadWant;

/* --- what there is to serve --- */

/* NULL: it can have one, by itself or with its controller. */
static const char *no_iothread(const KnobWants *wants, const GuestDisk *disk)
{
    if (disk_is_outside(disk))
        return "another process serves the disk (vhost-user)";
    if (!disk_is_virtio(disk) && !disk_is_virtio_scsi(wants, disk))
        return "only virtio disks and virtio-scsi controllers have one";
    return disk->no_ioeventfd ? "it has ioeventfd off, without which QEMU takes none" : NULL;
}

static void unit_add(const IothreadWant *want, const KnobTarget *target)
{
    Unit unit = {.target = *target};
    const char *now = knob_now(want->wants, target);
    uint64_t id;

    if (now && parse_u64(now, CPUSET_MAX_INDEX, &id) == 0)
        unit.now = (unsigned)id;
    g_array_append_val(want->units, unit);
}

static void units_collect(const IothreadWant *want)
{
    const KnobWants *wants = want->wants;

    for (unsigned i = 0; i < wants->def->n_disks; i++) {
        const GuestDisk *disk = &wants->def->disks[i];
        const KnobTarget own = {.knob = KNOB_DISK_IOTHREAD, .device = disk->target};
        const KnobTarget controller = {.knob = KNOB_SCSI_IOTHREAD, .instance = disk->controller};
        const char *problem = no_iothread(wants, disk);

        if (disk_is_removable(disk) || disk->has_iothread_map)
            continue;
        if (problem && want->by->kind == VALUE_UINT)
            knob_unsupported(wants, &own, want->by->text, problem, want->by);
        else if (!problem && disk_is_virtio(disk))
            unit_add(want, &own);
        else if (!problem && disk_is_first_of_controller(wants, i))
            unit_add(want, &controller);
    }
}

/* --- how many --- */

static unsigned count_auto(const IothreadWant *want, const char **ret_reason)
{
    const KnobWants *wants = want->wants;
    unsigned most = (wants->def->max_vcpus + VCPUS_PER_IOTHREAD - 1) / VCPUS_PER_IOTHREAD;
    const CpuExpr *list = NULL;

    *ret_reason = "one for each virtio disk or controller, at most one for every 4 vCPUs";
    switch (guest_policy_get_class(wants->policy, KEY_CPU_IOTHREADS, &list)) {
    case CLASS_ISOLATE:
        *ret_reason = "one, since each takes a CPU of its own";
        most = 1;
        break;
    case CLASS_LIST: {
        g_autoptr(CpuSet) cpus = cpu_expr_resolve(list, wants->topo, NULL);
        *ret_reason = "one for each virtio disk or controller, at most one for each of their CPUs";
        most = MAX(cpuset_weight(cpus), 1);
        break;
    }
    case CLASS_SHARE:
    case CLASS_ABSENT:
        break;
    }
    return MIN(want->units->len, most);
}

/* Those the guest has, from the lowest id on; new ones get the lowest that are free. */
static void ids_choose(const IothreadWant *want, unsigned n)
{
    const CpuSet *has = want->wants->def->iothreads;
    unsigned chosen = 0;

    for (int id = hwloc_bitmap_first(has); id >= 0 && chosen < n; id = hwloc_bitmap_next(has, id)) {
        hwloc_bitmap_set(want->ids, (unsigned)id);
        chosen++;
    }
    for (unsigned id = 1; chosen < n; id++) {
        if (cpuset_has(want->ids, id))
            continue;
        hwloc_bitmap_set(want->ids, id);
        chosen++;
    }
}

/* --- who serves what --- */

static unsigned load_of(const IothreadWant *want, unsigned id)
{
    unsigned load = 0;

    for (guint i = 0; i < want->units->len; i++)
        load += g_array_index(want->units, Unit, i).id == id;
    return load;
}

static unsigned least_loaded(const IothreadWant *want)
{
    unsigned best = cpuset_first(want->ids);

    CPUSET_FOREACH(id, want->ids)
    {
        if (load_of(want, id) < load_of(want, best))
            best = id;
    }
    return best;
}

/* Each stays where it is as long as that does not give one IOThread more than its share. */
static void units_spread(const IothreadWant *want)
{
    unsigned n = cpuset_weight(want->ids);

    if (n == 0)
        return;
    unsigned share = (want->units->len + n - 1) / n;
    for (guint i = 0; i < want->units->len; i++) {
        Unit *unit = &g_array_index(want->units, Unit, i);
        if (cpuset_has(want->ids, unit->now) && load_of(want, unit->now) < share)
            unit->id = unit->now;
    }
    for (guint i = 0; i < want->units->len; i++) {
        Unit *unit = &g_array_index(want->units, Unit, i);
        if (unit->id == 0)
            unit->id = least_loaded(want);
    }
}

static void units_want(const IothreadWant *want, const char *reason)
{
    for (guint i = 0; i < want->units->len; i++) {
        const Unit *unit = &g_array_index(want->units, Unit, i);
        g_autofree char *id = unit->id > 0 ? g_strdup_printf("%u", unit->id) : NULL;
        knob_want(want->wants, &unit->target, id, reason, want->by);
    }
}

static void ids_want(const IothreadWant *want, const char *reason)
{
    const KnobTarget target = {.knob = KNOB_IOTHREAD_IDS};
    g_autoptr(CpuSet) all = cpuset_or(want->ids, want->wants->def->iothreads);
    g_autofree char *text = cpuset_format(all);

    if (!cpuset_is_empty(all))
        knob_want(want->wants, &target, text, reason, want->by);
}

static void want_iothreads(const KnobWants *wants, const PolicyValue *by)
{
    g_autoptr(GArray) units = g_array_new(FALSE, FALSE, sizeof(Unit));
    g_autoptr(CpuSet) ids = cpuset_new();
    const IothreadWant want = {.wants = wants, .by = by, .units = units, .ids = ids};
    const char *reason = "disk.iothreads of the policy";

    units_collect(&want);
    if (by->kind == VALUE_UINT)
        ids_choose(&want, (unsigned)by->u);
    else if (disk_value_is_auto(by))
        ids_choose(&want, count_auto(&want, &reason));
    if (!cpuset_is_empty(ids))
        ids_want(&want, reason);
    units_spread(&want);
    units_want(&want, reason);
}

/* --- polling --- */

/* to_come: the policy gives it IOThreads. */
static void want_polling(const KnobWants *wants, const PolicyValue *poll, bool to_come)
{
    static const struct {
        const char *field;
        Knob knob;
    } fields[] = {
        {"max", KNOB_IOTHREAD_POLL_MAX},
        {"grow", KNOB_IOTHREAD_POLL_GROW},
        {"shrink", KNOB_IOTHREAD_POLL_SHRINK},
    };

    for (unsigned i = 0; i < G_N_ELEMENTS(fields); i++) {
        const PolicyValue *by = policy_value_entry(poll, fields[i].field);
        g_autofree char *text = by ? g_strdup_printf("%" G_GUINT64_FORMAT, by->u) : NULL;
        const KnobTarget none = {.knob = fields[i].knob};
        if (by && cpuset_is_empty(wants->def->iothreads) && !to_come)
            knob_unsupported(wants, &none, text, "the guest has no IOThread", by);
        CPUSET_FOREACH(id, wants->def->iothreads)
        {
            const KnobTarget target = {.knob = fields[i].knob, .instance = id};
            if (by)
                knob_want(wants, &target, text, "disk.iothread_poll of the policy", by);
        }
    }
}

void knobs_want_iothreads(const KnobWants *wants)
{
    const PolicyValue *iothreads = guest_policy_get(wants->policy, KEY_DISK_IOTHREADS);
    const PolicyValue *poll = guest_policy_get(wants->policy, KEY_DISK_IOTHREAD_POLL);

    if (iothreads)
        want_iothreads(wants, iothreads);
    if (poll)
        want_polling(wants, poll, iothreads && strcmp(iothreads->text, "none") != 0);
}
