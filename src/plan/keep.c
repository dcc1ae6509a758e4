/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Running guests keep the PUs they have, so that planning again what already runs, after a restart
 * of the daemon too, gives the very same plan. What a guest has is what the last plan gave it, else
 * what its live definition says: a vCPU pinned to one PU has it. A pin to several (a vCPU pinned in
 * advance and just plugged in) is no place yet.
 */
#include "plan/board.h"

static unsigned only_member(const CpuSet *cpus)
{
    return cpus && cpuset_weight(cpus) == 1 ? cpuset_first(cpus) : NO_PU;
}

/* Own and nobody else's, and never housekeeping. What others list or pin by hand does not drive a
 * running guest away; the policy's list of nodes does, unless its memory is elsewhere. */
static CpuSet *keepable_pus(const Planner *planner, const Seat *seat)
{
    CpuSet *pus = cpuset_minus(seat->allowed, planner->housekeeping);

    hwloc_bitmap_andnot(pus, pus, planner->exclusive);
    if (seat->node_list && cpuset_is_subset(seat->cpu_nodes, seat->node_list)) {
        g_autoptr(CpuSet) there = topo_cpus_of_nodes(planner->topo, seat->cpu_nodes);
        hwloc_bitmap_and(pus, pus, there);
    }
    return pus;
}

void seat_mark(Planner *planner, Seat *seat)
{
    hwloc_bitmap_zero(seat->exclusive);
    for (guint i = 0; i < seat->claims->len; i++)
        if (seat_claim(seat, i)->pu != NO_PU)
            hwloc_bitmap_set(seat->exclusive, seat_claim(seat, i)->pu);
    if (seat->threads == THREADS_ISOLATE) {
        g_autoptr(CpuSet) vcpu_pus = seat_vcpu_pus(seat);
        g_autoptr(CpuSet) cores = pick_with_siblings(planner->topo, vcpu_pus);
        hwloc_bitmap_or(seat->exclusive, seat->exclusive, cores);
    }
    hwloc_bitmap_or(planner->exclusive, planner->exclusive, seat->exclusive);
}

void seat_release(Planner *planner, Seat *seat)
{
    if (seat->taken)
        board_give_pus(planner->board, seat->exclusive);
    seat->taken = false;
    hwloc_bitmap_andnot(planner->exclusive, planner->exclusive, seat->exclusive);
}

void seat_take(Planner *planner, Seat *seat)
{
    seat_release(planner, seat);
    seat_mark(planner, seat);
    board_take_pus(planner->board, seat->exclusive);
    seat->taken = true;
}

/* A pin to all the guest may use is no pin, even if that is a single CPU. */
static const CpuSet *pin_or_null(const Seat *seat, const CpuSet *pin)
{
    return pin && !cpuset_is_subset(seat->allowed, pin) ? pin : NULL;
}

static const CpuSet *vcpu_had(const Seat *seat, unsigned id)
{
    if (!seat->before)
        return pin_or_null(seat, guest_def_vcpu_pin(seat->def, id));
    for (unsigned i = 0; i < seat->before->n_vcpus; i++) {
        const VcpuPlan *vcpu = &seat->before->vcpus[i];
        if (vcpu->id == id && vcpu->online && vcpu->pinned)
            return vcpu->cpus;
    }
    return NULL;
}

static void keep_vcpus(Seat *seat, const CpuSet *able)
{
    g_autoptr(CpuSet) kept = cpuset_new();

    for (unsigned i = 0; i < seat->n_vcpu_claims; i++) {
        Claim *claim = seat_claim(seat, i);
        unsigned pu = only_member(vcpu_had(seat, claim->id));
        if (pu == NO_PU || !cpuset_has(able, pu) || cpuset_has(kept, pu))
            continue;
        hwloc_bitmap_set(kept, pu);
        claim->pu = pu;
    }
}

/* isolate: a core to itself for each; require: cores filled, but for the last. */
static bool core_is_kept(const Topo *topo, const Seat *seat, const CpuSet *able, unsigned pu,
                         unsigned *broken)
{
    const CpuSet *core = topo_core(topo, topo_pu(topo, pu)->core)->cpus;
    g_autoptr(CpuSet) own = seat_vcpu_pus(seat);
    g_autoptr(CpuSet) here = cpuset_and(own, core);

    if (seat->threads == THREADS_ISOLATE)
        return cpuset_weight(here) == 1 && cpuset_is_subset(core, able);
    if (!cpuset_equal(here, core) && cpuset_first(here) == pu)
        (*broken)++;
    return cpuset_weight(core) > 1;
}

static void check_threads(const Topo *topo, Seat *seat, const CpuSet *able)
{
    g_autoptr(CpuSet) wrong = cpuset_new();
    unsigned broken = 0;

    if (seat->threads == THREADS_PREFER)
        return;
    for (unsigned i = 0; i < seat->n_vcpu_claims; i++) {
        unsigned pu = seat_claim(seat, i)->pu;
        if (pu != NO_PU && !core_is_kept(topo, seat, able, pu, &broken))
            hwloc_bitmap_set(wrong, pu);
    }
    for (unsigned i = 0; i < seat->n_vcpu_claims; i++) {
        Claim *claim = seat_claim(seat, i);
        if (claim->pu != NO_PU && (broken > 1 || cpuset_has(wrong, claim->pu)))
            claim->pu = NO_PU;
    }
}

/* --- helpers --- */

static bool thread_is_of(const GuestThread *thread, const Claim *claim)
{
    bool vhost = thread->thread_class == THREAD_VHOST;

    if (thread->fixed)
        return false;
    if (claim->thread_class == THREAD_IOTHREAD)
        return thread->home == HOME_IOTHREAD && thread->home_id == claim->id;
    return thread->home == HOME_EMULATOR && vhost == (claim->thread_class == THREAD_VHOST);
}

/* The PU of able most threads of the class are on, each on that alone; NO_PU: none is. A single
 * thread moved by hand must not take the others with it. */
static unsigned threads_pu(const Seat *seat, const Claim *claim, const CpuSet *able)
{
    const GuestKernel *kernel = seat->in->guest->kernel;
    unsigned best = NO_PU, most = 0;

    if (!kernel)
        return NO_PU;
    CPUSET_FOREACH(pu, able)
    {
        unsigned n = 0;
        for (unsigned i = 0; i < kernel->n_threads; i++)
            n += thread_is_of(&kernel->threads[i], claim) &&
                 only_member(kernel->threads[i].affinity) == pu;
        if (n > most) {
            best = pu;
            most = n;
        }
    }
    return best;
}

/* emulatorpin is the union of emulator and vhost sets. What is surely not a PU for one of the two
 * alone is taken away. If more is left than one each, or the pin is to all the guest may use, where
 * threads are decides; if they cannot be asked, emulator comes before vhost, as they are placed. */
static unsigned emulator_pin_pu(const Planner *planner, const Seat *seat, const Claim *claim,
                                const CpuSet *able)
{
    const Claim *emulator = seat_find_claim(seat, THREAD_EMULATOR, 0);
    bool both = emulator && seat_find_claim(seat, THREAD_VHOST, 0);
    g_autoptr(CpuSet) own = seat_vcpu_pus(seat);
    g_autoptr(CpuSet) rest = cpuset_minus(seat->def->emulator_pin, own);

    hwloc_bitmap_andnot(rest, rest, planner->housekeeping);
    if (both && claim != emulator && emulator->pu != NO_PU)
        hwloc_bitmap_clr(rest, emulator->pu);
    if (seat->lists[HELPER_EMULATOR])
        hwloc_bitmap_andnot(rest, rest, seat->lists[HELPER_EMULATOR]);
    if (seat->lists[HELPER_VHOST])
        hwloc_bitmap_andnot(rest, rest, seat->lists[HELPER_VHOST]);
    bool tells = pin_or_null(seat, seat->def->emulator_pin) != NULL; /* not all there is */
    if (tells && (!both || claim != emulator) && cpuset_weight(rest) == 1)
        return cpuset_first(rest);
    bool one_each = tells && both && claim == emulator && cpuset_weight(rest) == 2;
    hwloc_bitmap_and(rest, rest, able);
    unsigned pu = threads_pu(seat, claim, rest);
    return pu == NO_PU && one_each && !cpuset_is_empty(rest) ? cpuset_first(rest) : pu;
}

static const CpuSet *helper_before(const GuestPlan *before, const Claim *claim)
{
    if (claim->thread_class == THREAD_EMULATOR)
        return before->emulator.cpus;
    if (claim->thread_class == THREAD_VHOST)
        return before->vhost.cpus;
    for (unsigned i = 0; i < before->n_iothreads; i++)
        if (before->iothreads[i].id == claim->id)
            return before->iothreads[i].cpus;
    return NULL;
}

/* Threads alone may be on one CPU because that is all there is of the pool, or at all: then the
 * guest's vCPUs are there too. */
static bool has_vcpus_on(const Seat *seat, unsigned pu)
{
    const GuestKernel *kernel = seat->in->guest->kernel;

    for (unsigned i = 0; kernel && i < kernel->n_threads; i++)
        if (kernel->threads[i].thread_class == THREAD_VCPU &&
            cpuset_has(kernel->threads[i].affinity, pu))
            return true;
    return false;
}

static unsigned helper_pu(const Planner *planner, const Seat *seat, const Claim *claim,
                          const CpuSet *able)
{
    const CpuSet *iothread_pin =
        claim->thread_class == THREAD_IOTHREAD
            ? pin_or_null(seat, guest_def_iothread_pin(seat->def, claim->id))
            : NULL;

    if (seat->before) {
        unsigned pu = only_member(helper_before(seat->before, claim));
        return pu != NO_PU && cpuset_has(seat->before->exclusive, pu) ? pu : NO_PU;
    }
    if (iothread_pin)
        return only_member(iothread_pin);
    if (claim->thread_class != THREAD_IOTHREAD && seat->def->emulator_pin)
        return emulator_pin_pu(planner, seat, claim, able);
    unsigned pu = threads_pu(seat, claim, able);
    return pu != NO_PU && !has_vcpus_on(seat, pu) ? pu : NO_PU;
}

static void keep_helpers(Planner *planner, Seat *seat)
{
    for (unsigned i = seat->n_vcpu_claims; i < seat->claims->len; i++) {
        g_autoptr(CpuSet) able = keepable_pus(planner, seat);
        Claim *claim = seat_claim(seat, i);
        unsigned pu = helper_pu(planner, seat, claim, able);
        if (pu == NO_PU || !cpuset_has(able, pu))
            continue;
        claim->pu = pu;
        seat_take(planner, seat);
    }
}

/* --- whose it is --- */

/* The one PU of the pin, or a sibling that would be kept empty. */
static bool is_owned(const Planner *planner, const Seat *seat, const CpuSet *pin)
{
    unsigned os_index = only_member(pin);
    const TopoPu *pu = os_index == NO_PU ? NULL : topo_pu(planner->topo, os_index);

    if (!pu)
        return false;
    if (seat->threads == THREADS_ISOLATE)
        return cpuset_intersects(topo_core(planner->topo, pu->core)->cpus, planner->exclusive);
    return cpuset_has(planner->exclusive, os_index);
}

bool seat_is_disputed(const Planner *planner, const Seat *seat)
{
    const GuestDef *def = seat->def;
    const GuestKernel *kernel = seat->in->guest->kernel;
    bool disputed = is_owned(planner, seat, def->vcpu_cpuset);

    if (!seat->in->running || seat->unmanaged || seat->claims->len == 0)
        return false;
    if (seat->before)
        return cpuset_intersects(seat->before->exclusive, planner->exclusive);
    for (unsigned i = 0; i < def->n_vcpu_pins; i++)
        disputed |= is_owned(planner, seat, def->vcpu_pins[i].cpus);
    for (unsigned i = 0; i < def->n_iothread_pins; i++)
        disputed |= is_owned(planner, seat, def->iothread_pins[i].cpus);
    for (unsigned i = 0; kernel && i < kernel->n_threads; i++)
        disputed |= is_owned(planner, seat, kernel->threads[i].affinity);
    return disputed ||
           (def->emulator_pin && cpuset_intersects(def->emulator_pin, planner->exclusive));
}

static bool seat_has_place(const Seat *seat)
{
    for (unsigned i = 0; i < seat->n_vcpu_claims; i++)
        if (seat_claim(seat, i)->pu != NO_PU)
            return true;
    for (unsigned i = 0; i < seat->claims->len; i++)
        if (seat_claim(seat, i)->pu == NO_PU)
            return false;
    return seat->claims->len > 0;
}

static void keep_seat(Planner *planner, Seat *seat)
{
    g_autoptr(CpuSet) able = keepable_pus(planner, seat);

    keep_vcpus(seat, able);
    check_threads(planner->topo, seat, able);
    seat_take(planner, seat);
    keep_helpers(planner, seat);
    seat->in_place = seat_has_place(seat);
    if (seat->in_place)
        return;
    for (guint i = 0; i < seat->claims->len; i++)
        seat_claim(seat, i)->pu = NO_PU;
    seat_release(planner, seat);
    hwloc_bitmap_zero(seat->exclusive);
}

static int keep_compare(gconstpointer a, gconstpointer b)
{
    const Seat *one = *(const Seat *const *)a, *two = *(const Seat *const *)b;
    unsigned rank_one = guest_policy_get_priority(one->in->policy);
    unsigned rank_two = guest_policy_get_priority(two->in->policy);

    return rank_one != rank_two ? CMP(rank_two, rank_one) : seat_name_compare(one, two);
}

void keep_running(Planner *planner, const GPtrArray *seats)
{
    g_autoptr(GPtrArray) order = g_ptr_array_new();

    for (guint i = 0; i < seats->len; i++) {
        Seat *seat = g_ptr_array_index(seats, i);
        if (seat->in->running && !seat->unmanaged)
            g_ptr_array_add(order, seat);
    }
    g_ptr_array_sort(order, keep_compare);
    for (guint i = 0; i < order->len; i++)
        keep_seat(planner, g_ptr_array_index(order, i));
    for (guint i = 0; i < seats->len; i++) {
        Seat *seat = g_ptr_array_index(seats, i);
        if (!seat->starts)
            memory_hold_running(planner, seat);
    }
}
