/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "guest-world.h"

#include "common/fake-guest.h"
#include "common/record-dir.h"
#include "common/world.h"
#include "plan/diff.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#define PID 100
#define LAST_TID 106

static FakeKernelOptions kernel_options(const GuestWorld *world, pid_t pid)
{
    return (FakeKernelOptions){.pid = pid,
                               .allowed = world->topo->allowed,
                               .mems = world->topo->allowed_mems,
                               .cgroup_v2 = true,
                               .n_workers = 1,
                               .n_vhost = 1};
}

static void set_nodeset(GuestDef *def, const CpuSet *nodes)
{
    def->numa_mode = NUMA_RESTRICTIVE;
    def->numa_nodeset = cpuset_copy(nodes);
}

GuestWorld *guest_world_new(void)
{
    GuestWorld *world = g_new0(GuestWorld, 1);

    world->topo = world_topo(1, 2, 1, 8, 1);
    FakeKernelOptions options = kernel_options(world, PID);
    world->fake = fake_backend_new();
    world->guest = fake_backend_add(world->fake, fake_guest_new("db", 2, 1, &options));
    set_nodeset(world->guest->live, world->topo->allowed_mems);
    set_nodeset(world->guest->config, world->topo->allowed_mems);
    guest_world_spawn(world, LAST_TID, THREAD_HELPER, 103);
    assert_true(fake_taskset(world->guest->kernel, 101, "12-15"));
    world->policy = policy_new();
    world->flags.known = true;
    world->directory = record_dir_new();
    guest_world_reopen(world);
    guest_world_set_first(world);
    return world;
}

void guest_world_free(GuestWorld *world)
{
    if (!world)
        return;
    record_close(world->record);
    record_dir_clear(world->directory);
    remove(world->directory);
    g_free(world->directory);
    g_clear_pointer(&world->copy, g_ptr_array_unref);
    fake_backend_free(world->fake);
    topo_unref(world->topo);
    policy_unref(world->policy);
    guest_plan_unref(world->plan);
    guest_plan_unref(world->settled);
    setting_list_free(world->first);
    g_free(world);
}

void guest_world_set_first(GuestWorld *world)
{
    g_clear_pointer(&world->first, setting_list_free);
    world->first = observed_make(world->guest);
}

/* --- plans --- */

static void plan_class(ClassPlan *class_plan, unsigned id, bool pinned, const char *list)
{
    hwloc_bitmap_free(class_plan->cpus);
    g_free(class_plan->reason);
    *class_plan =
        (ClassPlan){.id = id, .pinned = pinned, .cpus = world_cpus(list), .reason = g_strdup("x")};
}

GuestPlan *plan_spec_make(const PlanSpec *spec, const Guest *guest, const Topo *topo)
{
    GuestPlan *plan = guest_plan_new();
    g_auto(GStrv) vcpus = g_strsplit(spec->vcpus, "|", -1);

    plan->uuid = g_strdup(guest->uuid);
    plan->name = g_strdup(guest->name);
    plan->reason = g_strdup("placed");
    plan->pool = !spec->pinned;
    plan->persist = spec->persist;
    plan->n_vcpus = g_strv_length(vcpus);
    plan->vcpus = g_new0(VcpuPlan, plan->n_vcpus);
    for (unsigned i = 0; i < plan->n_vcpus; i++)
        plan->vcpus[i] = (VcpuPlan){
            .id = i, .online = true, .pinned = spec->pinned, .cpus = world_cpus(vcpus[i])};
    plan->n_iothreads = 1;
    plan->iothreads = g_new0(ClassPlan, 1);
    plan_class(&plan->iothreads[0], 1, spec->pinned, spec->iothread);
    plan_class(&plan->emulator, 0, spec->pinned, spec->emulator);
    plan_class(&plan->vhost, 0, spec->pinned, spec->vhost);
    hwloc_bitmap_copy(plan->allowed, topo->allowed);
    plan->weight = spec->weight ? (int64_t)spec->weight : -1;
    plan->quota_pct = spec->quota_pct ? (int64_t)spec->quota_pct : -1;
    if (spec->nodes) {
        plan->numa_mode = NUMA_RESTRICTIVE;
        plan->numa_live = true;
        hwloc_bitmap_free(plan->numa_nodes);
        plan->numa_nodes = world_cpus(spec->nodes);
    }
    return plan;
}

void guest_world_set_plan(GuestWorld *world, const PlanSpec *spec)
{
    g_clear_pointer(&world->plan, guest_plan_unref);
    world->plan = plan_spec_make(spec, world->guest, world->topo);
}

void guest_world_fill(const GuestWorld *world, GuestJob *job)
{
    job->backend = &world->fake->backend;
    job->record = world->record;
    job->boot_id = GUEST_WORLD_BOOT;
    job->topo = topo_ref(world->topo);
    job->policy = policy_ref(world->policy);
    job->plan = world->plan ? guest_plan_ref(world->plan) : NULL;
    job->settled = world->settled ? guest_plan_ref(world->settled) : NULL;
    job->flags = world->flags;
    if (world->guest->kernel) {
        job->pid = world->guest->kernel->pid;
        job->starttime = world->guest->kernel->starttime;
    }
}

/* --- what happens to the guest --- */

void guest_world_restart(GuestWorld *world, pid_t pid)
{
    FakeKernelOptions options = kernel_options(world, pid);
    Guest *guest = fake_guest_new("db", 2, 1, &options);

    fake_backend_remove(world->fake, world->guest->uuid);
    world->guest = fake_backend_add(world->fake, guest);
}

void guest_world_spawn(GuestWorld *world, pid_t tid, ThreadClass thread_class, pid_t parent)
{
    const GuestThread *from = fake_thread_find(world->guest->kernel, parent);
    GuestThread thread = {.tid = tid,
                          .tgid = PID,
                          .thread_class = thread_class,
                          .home = from->home,
                          .home_id = from->home_id,
                          .comm = "born",
                          .affinity = from->affinity};

    fake_thread_add(world->guest->kernel, &thread);
}

/* --- the record --- */

void guest_world_reopen(GuestWorld *world)
{
    g_autofree char *text = NULL;

    g_clear_pointer(&world->record, record_close);
    if (world->copy)
        record_dir_put(world->directory, world->copy);
    g_clear_pointer(&world->copy, g_ptr_array_unref);
    assert_int_equal(record_open(world->directory, &world->record, &text), RECORD_DONE);
}

void guest_world_copy_record(GuestWorld *world)
{
    g_clear_pointer(&world->copy, g_ptr_array_unref);
    world->copy = record_dir_copy(world->directory);
}

GPtrArray *guest_world_originals(const GuestWorld *world, pid_t pid)
{
    GPtrArray *list = NULL;
    ProcessKey process = {.uuid = world->guest->uuid,
                          .name = "db",
                          .boot_id = GUEST_WORLD_BOOT,
                          .pid = pid,
                          .starttime = 1000 + (uint64_t)pid};

    assert_int_equal(record_originals(world->record, &process, &list), 0);
    return list;
}

/* --- the state it is in --- */

char *guest_world_affinities(const GuestWorld *world)
{
    const GuestKernel *kernel = world->guest->kernel;
    GString *text = g_string_new(NULL);

    for (unsigned i = 0; i < kernel->n_threads; i++) {
        g_autofree char *set = cpuset_format(kernel->threads[i].affinity);
        g_string_append_printf(text, "%s%s", i ? " " : "", set);
    }
    return g_string_free(text, FALSE);
}

static ChangeSet *diff_from(const GuestWorld *world, const SettingList *wanted)
{
    g_autoptr(SettingList) observed = observed_make(world->guest);

    return diff_make(wanted, NULL, observed, world->topo->allowed, world->topo->online);
}

ChangeSet *guest_world_diff_first(const GuestWorld *world)
{
    return diff_from(world, world->first);
}

ChangeSet *guest_world_diff_plan(const GuestWorld *world)
{
    g_autoptr(SettingList) wanted = wanted_make(world->plan, world->guest);

    return diff_from(world, wanted);
}

void guest_world_print(const ChangeSet *changes)
{
    for (unsigned i = 0; i < change_set_size(changes); i++) {
        const Change *change = change_set_get(changes, i);
        g_autofree char *key = setting_key_format(&change->key);
        print_message("  %s (%s) is %s, not %s\n", key, plane_name(change->key.plane),
                      change->from ? change->from : "-", change->to ? change->to : "-");
    }
}
