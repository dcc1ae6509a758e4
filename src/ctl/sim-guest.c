/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ctl/sim-guest.h"

#include "guest/domain-xml.h"
#include "plan/diff.h"
#include "plan/plan-make.h"

#include <errno.h>

/* The file again: a definition that may be changed. It was read without an error before. */
static GuestDef *def_parse_again(const SimGuest *sim)
{
    GuestDef *def = NULL;

    if (guest_def_parse(sim->xml, sim->length, sim->file, &def, NULL) < 0)
        return guest_def_ref(sim->def);
    return def;
}

static Guest *guest_make(const SimGuest *sim, const GuestDef *live)
{
    Guest *guest = guest_new(sim->def->uuid, sim->def->name);

    guest->active = live != NULL;
    guest->persistent = true;
    guest->live = live ? guest_def_ref(live) : NULL;
    guest->config = guest_def_ref(sim->def);
    return guest;
}

static void set_live(SimGuest *sim, const GuestDef *live)
{
    guest_unref(sim->guest);
    sim->guest = guest_make(sim, live);
    sim->running = live != NULL;
}

int sim_guest_load(const char *file, SimGuest **ret, DiagList *diags)
{
    g_autoptr(SimGuest) sim = g_new0(SimGuest, 1);
    g_autoptr(GError) error = NULL;
    DiagPlace place = {.file = file};

    sim->file = g_strdup(file);
    if (!g_file_get_contents(file, &sim->xml, &sim->length, &error)) {
        diag_add(diags, DIAG_ERROR, &place, NULL, "cannot be read: %s", error->message);
        return -EINVAL;
    }
    if (guest_def_parse(sim->xml, sim->length, file, &sim->def, diags) < 0)
        return -EINVAL;
    if (!sim->def->name || !sim->def->uuid) {
        diag_add(diags, DIAG_ERROR, &place, NULL, "a guest needs a name and a uuid");
        return -EINVAL;
    }
    set_live(sim, NULL);
    *ret = g_steal_pointer(&sim);
    return 0;
}

void sim_guest_free(SimGuest *sim)
{
    if (!sim)
        return;
    g_free(sim->file);
    g_free(sim->xml);
    guest_def_unref(sim->def);
    guest_unref(sim->guest);
    guest_policy_unref(sim->policy);
    guest_plan_unref(sim->before);
    g_free(sim);
}

void sim_guest_set_policy(SimGuest *sim, const Policy *policy, const Topo *topo)
{
    const GuestDef *def = sim->def;
    PolicySubject subject = {.name = def->name,
                             .uuid = def->uuid,
                             .title = def->title,
                             .label = def->label,
                             .partition = def->partition,
                             .os = def->os};
    g_autoptr(Guest) started = guest_make(sim, def);

    sim->policy = policy_select(policy, &subject);
    sim->manual = !sim->policy->named && guest_is_hand_pinned(started, topo->allowed);
}

void sim_guest_run(SimGuest *sim)
{
    set_live(sim, sim->def);
}

static void pins_clear(GuestPin **pins, unsigned *n_pins)
{
    for (unsigned i = 0; i < *n_pins; i++)
        hwloc_bitmap_free((*pins)[i].cpus);
    g_clear_pointer(pins, g_free);
    *n_pins = 0;
}

static void set_replace(CpuSet **set, CpuSet *with)
{
    hwloc_bitmap_free(*set);
    *set = with;
}

static void write_vcpu_pins(GuestDef *def, const GuestPlan *plan)
{
    def->vcpu_pins = g_new0(GuestPin, plan->n_vcpus);
    for (unsigned i = 0; i < plan->n_vcpus; i++)
        if (plan->vcpus[i].pinned)
            def->vcpu_pins[def->n_vcpu_pins++] =
                (GuestPin){.id = plan->vcpus[i].id, .cpus = cpuset_copy(plan->vcpus[i].cpus)};
}

static void write_iothread_pins(GuestDef *def, const GuestPlan *plan)
{
    def->iothread_pins = g_new0(GuestPin, plan->n_iothreads);
    for (unsigned i = 0; i < plan->n_iothreads; i++)
        if (plan->iothreads[i].pinned)
            def->iothread_pins[def->n_iothread_pins++] = (GuestPin){
                .id = plan->iothreads[i].id, .cpus = cpuset_copy(plan->iothreads[i].cpus)};
}

void sim_guest_run_as_planned(SimGuest *sim, const GuestPlan *plan)
{
    guest_plan_unref(sim->before);
    sim->before = guest_plan_ref(plan);
    if (plan->result == PLAN_UNMANAGED) {
        if (!sim->running)
            sim_guest_run(sim);
        return;
    }
    g_autoptr(GuestDef) live = def_parse_again(sim);
    pins_clear(&live->vcpu_pins, &live->n_vcpu_pins);
    pins_clear(&live->iothread_pins, &live->n_iothread_pins);
    set_replace(&live->vcpu_cpuset, NULL);
    set_replace(&live->emulator_pin,
                plan->emulator.pinned ? cpuset_or(plan->emulator.cpus, plan->vhost.cpus) : NULL);
    write_vcpu_pins(live, plan);
    write_iothread_pins(live, plan);
    if (plan->numa_mode >= 0 && !cpuset_is_empty(plan->numa_nodes)) {
        live->numa_mode = plan->numa_mode;
        set_replace(&live->numa_nodeset, cpuset_copy(plan->numa_nodes));
    }
    set_live(sim, live);
}

ChangeSet *sim_guest_changes(const SimGuest *sim, const GuestPlan *plan, const Topo *topo)
{
    g_autoptr(Guest) started = guest_make(sim, sim->def);
    g_autoptr(SettingList) wanted = wanted_make(plan, started);
    g_autoptr(SettingList) observed = observed_make(started);

    return diff_make(wanted, NULL, observed, plan->allowed, topo->online);
}
