/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Each finding of the doctor: a host and two guests that have nothing wrong, and then one thing is.
 * What the policy can do about it is a policy, and where the plan alone tells, it is gone with
 * that.
 *
 * Two nodes of four CPUs. "db" is dedicated, with everything set up well; "web" floats.
 */
#include "common/fake-guest.h"
#include "common/world.h"
#include "guest/domain-xml.h"
#include "plan/doctor.h"
#include "plan/plan-make.h"
#include "policy/policy-load.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define DB_UUID "11111111-2222-3333-4444-000000000001"
#define WEB_UUID "11111111-2222-3333-4444-000000000002"
#define MAC "52:54:00:aa:00:01"
#define SAMPLE_USEC G_USEC_PER_SEC
#define NSEC_PER_PCT UINT64_C(10000000)
#define GOOD                                                                                       \
    "<cpu mode='host-passthrough'><feature policy='require' name='invtsc'/></cpu>"                 \
    "<clock offset='utc'><timer name='hpet' present='no'/></clock>"
#define HELPERS_AWAY "emulator: share, iothreads: share, vhost: share"

typedef struct World {
    Topo *topo;
    Policy *policy;
    Guest *db, *web; /* of the snapshot */
    Snapshot *snapshot;
    Vitals *vitals;
} World;

typedef struct Case {
    FindingId id;
    Severity severity;
    void (*prepare)(World *world); /* before all is planned; NULL: nothing */
    void (*ill)(World *world);     /* after; NULL: nothing */
    const char *policy;            /* of the policy; NULL: what has nothing wrong */
    const char *keys;              /* what the policy can do about it; NULL: nothing */
    const char *evidence;          /* words in it */
    bool goes;                     /* with that policy the plan is one without it */
} Case;

/* --- a host with nothing wrong --- */

static Guest *guest_make(const char *name, const char *uuid, const char *body, pid_t pid,
                         const Topo *topo)
{
    g_autofree char *xml =
        g_strdup_printf("<domain type='kvm'><name>%s</name><uuid>%s</uuid><memory>1048576</memory>"
                        "<vcpu>2</vcpu>%s</domain>",
                        name, uuid, body);
    Guest *guest = guest_new(uuid, name);
    const FakeKernelOptions options = {.pid = pid,
                                       .allowed = topo->allowed,
                                       .mems = topo->allowed_mems,
                                       .cgroup_v2 = true,
                                       .n_vhost = 1};

    assert_int_equal(guest_def_parse(xml, strlen(xml), "unit.xml", &guest->live, NULL), 0);
    guest->config = guest_def_ref(guest->live);
    guest->kernel = fake_kernel_new(guest->live, &options);
    guest->active = guest->persistent = true;
    return guest;
}

static void read_policy(Policy *policy, const char *yaml)
{
    g_autoptr(DiagList) diags = diag_list_new();

    if (policy_parse(yaml, strlen(yaml), "unit.yaml", policy, diags) != 0)
        fail_msg("%s: %s", yaml, diag_list_get(diags, 0)->text);
}

static Policy *policy_make(const char *yaml, const char *drop_in)
{
    Policy *policy = policy_new();

    read_policy(policy, yaml ? yaml
                             : "version: 1\nmode: enforce\nguests:\n"
                               "  - match: {name: db}\n"
                               "    cpu: {policy: dedicated, " HELPERS_AWAY "}\n");
    if (drop_in)
        read_policy(policy, drop_in);
    return policy;
}

/* Where the plan has that thread. */
static const CpuSet *planned_cpus(const GuestPlan *plan, const GuestThread *thread)
{
    if (thread->thread_class == THREAD_VCPU)
        return plan->vcpus[thread->home_id].cpus;
    if (thread->thread_class == THREAD_IOTHREAD)
        return plan->iothreads[0].cpus;
    return thread->thread_class == THREAD_VHOST ? plan->vhost.cpus : plan->emulator.cpus;
}

static GuestUsage *usage_make(const Guest *guest, int64_t time_usec)
{
    GuestUsage *usage = guest_usage_new(guest->uuid, guest->name);

    usage->time_usec = time_usec;
    for (unsigned i = 0; i < guest->kernel->n_threads; i++) {
        const GuestThread *thread = &guest->kernel->threads[i];
        const ThreadUsage one = {.tid = thread->tid,
                                 .starttime = thread->starttime,
                                 .thread_class = thread->thread_class,
                                 .id = thread->home_id,
                                 .cpus = cpuset_copy(thread->affinity),
                                 .last_cpu = (int)cpuset_first(thread->affinity),
                                 .counted = true};
        guest_usage_add(usage, &one);
    }
    return usage;
}

static void add_guest(World *world, Guest *guest, const GuestPlan *plan)
{
    GuestStatus *status = guest_status_new(guest->uuid, guest->name);
    const PolicySubject subject = {.name = guest->name, .uuid = guest->uuid};
    GuestVitals *vital = vitals_add_guest(world->vitals, guest->uuid);

    for (unsigned i = 0; i < guest->kernel->n_threads; i++) {
        GuestThread *thread = &guest->kernel->threads[i];
        hwloc_bitmap_copy(thread->affinity, planned_cpus(plan, thread));
    }
    fake_kernel_set_memory(guest->kernel, plan);
    status->guest = guest_ref(guest);
    status->policy = policy_select(world->policy, &subject);
    status->plan = guest_plan_ref(plan);
    status->state = GUEST_AS_PLANNED;
    g_ptr_array_add(world->snapshot->guests, status);
    vital->before = usage_make(guest, SAMPLE_USEC);
    vital->after = usage_make(guest, 2 * SAMPLE_USEC);
}

static Plan *plan_world(const World *world)
{
    const PolicySubject db_subject = {.name = "db", .uuid = DB_UUID};
    const PolicySubject web_subject = {.name = "web", .uuid = WEB_UUID};
    g_autoptr(GuestPolicy) db = policy_select(world->policy, &db_subject);
    g_autoptr(GuestPolicy) web = policy_select(world->policy, &web_subject);
    const PlanGuest guests[] = {{.guest = world->db, .policy = db},
                                {.guest = world->web, .policy = web}};
    const PlanInput input = {
        .topo = world->topo, .policy = world->policy, .guests = guests, .n_guests = 2};

    return plan_make(&input);
}

static void host_make(Vitals *vitals)
{
    vitals->host = host_new();
    vitals->host->memory_kib = 8 * WORLD_GIB_KIB;
    vitals->host->available_kib = 4 * WORLD_GIB_KIB;
    for (unsigned node = 0; node < 2; node++) {
        const NodeVitals one = {
            .node = node, .memory_kib = 4 * WORLD_GIB_KIB, .free_kib = 2 * WORLD_GIB_KIB};
        g_array_append_val(vitals->nodes, one);
    }
}

static World *world_new(const Case *one, const char *drop_in)
{
    World *world = g_new0(World, 1);

    world->topo = world_topo(1, 2, 1, 4, 1);
    world_add_pool(world->topo, 0, 2048, 0);
    world->policy = policy_make(one->policy, drop_in);
    world->db =
        guest_make("db", DB_UUID,
                   GOOD "<iothreads>1</iothreads><devices><disk type='file' device='disk'>"
                        "<driver name='qemu' type='raw' cache='none' io='native' iothread='1'/>"
                        "<source file='/x'/><target dev='vda' bus='virtio'/></disk>"
                        "<interface type='network'><mac address='" MAC "'/><model type='virtio'/>"
                        "<driver queues='2'/><target dev='vnet0'/></interface></devices>",
                   100, world->topo);
    world->web = guest_make("web", WEB_UUID, GOOD, 200, world->topo);
    world->snapshot = snapshot_new();
    world->vitals = vitals_new();
    world->vitals->sample_usec = SAMPLE_USEC;
    host_make(world->vitals);
    if (one->prepare)
        one->prepare(world);
    world->snapshot->mode = policy_get_mode(world->policy);
    world->snapshot->topo = topo_ref(world->topo);
    world->snapshot->policy = policy_ref(world->policy);
    world->snapshot->plan = plan_world(world);
    add_guest(world, world->db, plan_find(world->snapshot->plan, DB_UUID));
    add_guest(world, world->web, plan_find(world->snapshot->plan, WEB_UUID));
    if (one->ill)
        one->ill(world);
    return world;
}

static void world_free(World *world)
{
    snapshot_free(world->snapshot);
    vitals_free(world->vitals);
    guest_unref(world->db);
    guest_unref(world->web);
    policy_unref(world->policy);
    topo_unref(world->topo);
    g_free(world);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC(World, world_free)

/* --- one thing wrong --- */

static GuestStatus *status_of(const World *world, const Guest *guest)
{
    return (GuestStatus *)snapshot_find(world->snapshot, guest->uuid);
}

/* A frozen part of the snapshot, which a test owns. */
static GuestPlan *plan_of(const World *world, const Guest *guest)
{
    return status_of(world, guest)->plan;
}

static GuestVitals *vitals_of(const World *world, const Guest *guest)
{
    return (GuestVitals *)vitals_guest(world->vitals, guest->uuid);
}

/* All threads of that class used, and waited for, so much of a CPU each. */
static void use(const World *world, const Guest *guest, ThreadClass thread_class, unsigned cpu_pct,
                unsigned delay_pct)
{
    GArray *threads = vitals_of(world, guest)->after->threads;

    for (guint i = 0; i < threads->len; i++) {
        ThreadUsage *thread = &g_array_index(threads, ThreadUsage, i);
        if (thread->thread_class != thread_class)
            continue;
        thread->cpu_nsec = cpu_pct * NSEC_PER_PCT;
        thread->delay_nsec = delay_pct * NSEC_PER_PCT;
    }
}

static void set_host_knob(const World *world, Knob knob, const char *value)
{
    const SettingKey key = {.knob = knob, .plane = PLANE_ACTUAL};

    setting_list_add(world->vitals->host->knobs, &key, value, NULL, NULL);
    setting_list_sort(world->vitals->host->knobs);
}

static void set_affinity(const Guest *guest, const char *list)
{
    g_autoptr(CpuSet) cpus = world_cpus(list);

    for (unsigned i = 0; i < guest->kernel->n_threads; i++)
        if (guest->kernel->threads[i].thread_class == THREAD_VCPU)
            hwloc_bitmap_copy(guest->kernel->threads[i].affinity, cpus);
}

static void many_vcpus(World *world)
{
    cpuset_release(&world->web->live->vcpus);
    world->web->live->vcpus = cpuset_new_range(0, 6);
    world->web->live->max_vcpus = 7;
    guest_kernel_unref(world->web->kernel);
    const FakeKernelOptions options = {
        .pid = 200, .allowed = world->topo->allowed, .cgroup_v2 = true};
    world->web->kernel = fake_kernel_new(world->web->live, &options);
}

static void wait_little(World *world)
{
    use(world, world->web, THREAD_VCPU, 50, 7);
}

static void wait_long(World *world)
{
    use(world, world->web, THREAD_VCPU, 50, 40);
}

static void wait_by_quota(World *world)
{
    world->web->live->vcpu_quota = 50000;
    wait_long(world);
}

static void float_over_all(World *world)
{
    set_affinity(world->web, "0-7");
}

static void float_by_plan(World *world)
{
    GuestPlan *plan = plan_of(world, world->web);

    cpuset_release(&plan->vcpus[0].cpus); /* what they had in common was shared with others */
    plan->vcpus[0].cpus = cpuset_copy(world->topo->online);
    for (unsigned i = 1; i < plan->n_vcpus; i++)
        plan->vcpus[i].cpus = plan->vcpus[0].cpus;
    float_over_all(world);
}

static void refuse(World *world)
{
    plan_of(world, world->db)->result = PLAN_REFUSED;
}

static void leave_one(World *world)
{
    const SettingKey key = {.knob = KNOB_CPU_WEIGHT, .plane = PLANE_LIVE};

    status_of(world, world->db)->state = GUEST_PENDING;
    change_set_add(status_of(world, world->db)->left, &key, "100", "200");
}

static void observe(World *world)
{
    world->snapshot->mode = MODE_OBSERVE;
    leave_one(world);
}

static void intrude(World *world)
{
    status_of(world, world->db)->intruders = g_strsplit("web", ",", -1);
}

static void use_emulator(World *world)
{
    use(world, world->db, THREAD_EMULATOR, 5, 0);
}

static void use_iothread(World *world)
{
    use(world, world->db, THREAD_IOTHREAD, 40, 0);
}

static void use_vhost(World *world)
{
    use(world, world->db, THREAD_VHOST, 5, 0);
}

static void interrupt(const World *world, uint64_t count, const char *device)
{
    const InterruptCount one = {.irq = 31,
                                .cpu = cpuset_first(plan_of(world, world->db)->exclusive),
                                .count = count,
                                .device = g_strdup(device)};

    g_array_append_val(world->vitals->interrupts, one);
}

static void interrupt_often(World *world)
{
    interrupt(world, 5000, "eth0-rx");
}

static void tune(const World *world, const Tuner *tuner)
{
    g_array_append_vals(world->vitals->tuners, tuner, 1);
}

static void run_numad(World *world)
{
    tune(world, &(Tuner){.name = "numad", .pid = 7, .ways = 1, .does = "moves", .remedy = "stop"});
}

static void run_irqbalance(World *world)
{
    tune(world,
         &(Tuner){.name = "irqbalance", .does = "moves", .remedy = "stop", .interrupts = true});
}

static void isolate_web(World *world)
{
    hwloc_bitmap_set_range(world->topo->isolated, 4, 7);
    set_affinity(world->web, "4-7");
}

static void isolate_nobody(World *world)
{
    const CpuSet *taken = world->snapshot->plan->exclusive;
    unsigned cpu = hwloc_bitmap_isset(taken, 7) ? 4 : 7;

    hwloc_bitmap_set(world->topo->isolated, cpu);
}

static void slow_down(World *world)
{
    hwloc_bitmap_set_range(world->vitals->slow_cpus, 0, 7);
    world->vitals->slow_mhz = 800;
    world->vitals->max_mhz = 3600;
}

static void take_hpet(World *world)
{
    world->vitals->clocksource = g_strdup("hpet");
}

static void add_fault(World *world, FindingId finding, const char *evidence)
{
    KernelFault fault = {finding, evidence, "load it with another value"};

    g_array_append_val(world->vitals->kernel_faults, fault);
}

static void take_polling(World *world)
{
    add_fault(world, FINDING_HALT_POLLING, "kvm.halt_poll_ns is 0");
}

static void take_ept(World *world)
{
    add_fault(world, FINDING_SHADOW_PAGING, "kvm_intel.ept is off");
}

static void flush_always(World *world)
{
    add_fault(world, FINDING_ENTRY_FLUSH, "l1tf: flushed");
}

static void switch_smt_off(World *world)
{
    add_fault(world, FINDING_SMT_OFF, "nosmt");
}

static void split_pages(World *world)
{
    add_fault(world, FINDING_SPLIT_HUGE_PAGES, "kvm.nx_huge_pages is on");
}

static void name_model(World *world)
{
    GuestDef *live = world->web->live;

    g_free(live->cpu_mode);
    live->cpu_mode = g_strdup("custom");
    live->cpu_model = g_strdup("Nehalem");
}

static void set_memory(const Guest *guest, uint64_t first, uint64_t second)
{
    guest_kernel_set_memory(guest->kernel, (const uint64_t[]){first, second}, 2);
}

static void move_memory_away(World *world)
{
    g_autoptr(CpuSet) nodes = guest_plan_vcpu_nodes(plan_of(world, world->db), world->topo);
    bool first = cpuset_has(nodes, 0);

    set_memory(world->db, first ? 100 : 900, first ? 900 : 100);
}

static void large_on_small_pages(World *world)
{
    const GuestPages pages = {.page_kib = 4, .kib = 6 * WORLD_GIB_KIB};

    world->web->live->memory_kib = 6 * WORLD_GIB_KIB;
    guest_kernel_add_pages(world->web->kernel, &pages);
}

static void thp_never(World *world)
{
    set_host_knob(world, KNOB_HOST_THP, "never");
    world->web->live->memory_kib = 6 * WORLD_GIB_KIB;
}

static void swap_out(World *world)
{
    vitals_of(world, world->web)->swap_kib = 200 * 1024;
}

static void overcommit(World *world)
{
    world->web->live->memory_kib = 9 * WORLD_GIB_KIB;
    world->vitals->host->available_kib = 1024;
}

static void fill_node(World *world)
{
    g_array_index(world->vitals->nodes, NodeVitals, 1).free_kib = 1024;
}

static void fall_short(World *world)
{
    MemoryShortage *shortage = g_new0(MemoryShortage, 1);

    *shortage = (MemoryShortage){.uuid = g_strdup(WEB_UUID),
                                 .name = g_strdup("web"),
                                 .node = 0,
                                 .size_kib = 2048,
                                 .pages = 14};
    world->snapshot->host.plan = host_plan_new();
    g_ptr_array_add(world->snapshot->host.plan->shortages, shortage);
    g_array_index(world->vitals->nodes, NodeVitals, 0).blocks[9] = 3;
}

static void merge(World *world)
{
    set_host_knob(world, KNOB_HOST_KSM_RUN, "1");
    world->vitals->merged_pages = 1024;
}

static void merge_across(World *world)
{
    set_host_knob(world, KNOB_HOST_KSM_MERGE_ACROSS_NODES, "1");
    merge(world);
}

static void take_hints(World *world)
{
    world->vitals->hint_faults = 4000;
}

static void drop(World *world)
{
    const NicDrops drops = {
        .mac = g_strdup(MAC), .device = g_strdup("vnet0"), .dropped = 12, .total = 340};

    g_array_append_val(vitals_of(world, world->db)->drops, drops);
}

#define OWN_CPUS "version: 1\nguests: [{match: {name: db}, cpu: {policy: dedicated}}]\n"

static const Case cases[] = {
    {FINDING_POOL_OVERCOMMIT, SEVERITY_INFO, .prepare = many_vcpus,
     .evidence = "7 vCPUs share the 6 CPUs of the pool"},
    {FINDING_POOL_OVERCOMMIT, SEVERITY_MEDIUM, .prepare = many_vcpus,
     .policy = "version: 1\nhost: {cpu_overcommit: 1.0}\n", .evidence = "lets 1.0 share one"},
    {FINDING_RUN_DELAY, SEVERITY_MEDIUM, .ill = wait_little, .keys = "cpu: {policy: dedicated}",
     .evidence = "waited 7% of the last 1.0 s"},
    {FINDING_RUN_DELAY, SEVERITY_HIGH, .ill = wait_long, .keys = "cpu: {policy: dedicated}",
     .evidence = "all of them 40% on average"},
    {FINDING_RUN_DELAY, SEVERITY_HIGH, .ill = wait_by_quota, .keys = "cpu: {quota: none}",
     .evidence = "its quota counts, too"},
    {FINDING_ACROSS_NODES, SEVERITY_MEDIUM, .ill = float_over_all, .evidence = "nodes 0-1"},
    {FINDING_ACROSS_NODES, SEVERITY_MEDIUM, .ill = float_by_plan, .keys = "numa: {nodes: 1}",
     .evidence = "node 1 alone has room"},
    {FINDING_REFUSED, SEVERITY_HIGH, .ill = refuse, .evidence = "dedicated is refused: "},
    {FINDING_NOT_APPLIED, SEVERITY_MEDIUM, .ill = leave_one, .evidence = "1 settings are not"},
    {FINDING_NOT_APPLIED, SEVERITY_MEDIUM, .ill = observe, .evidence = "mode: observe"},
    {FINDING_NOT_EXCLUSIVE, SEVERITY_HIGH, .ill = intrude, .evidence = "web"},
    {FINDING_EMULATOR_ON_VCPUS, SEVERITY_LOW, .ill = use_emulator, .policy = OWN_CPUS,
     .keys = "cpu: {emulator: share}", .evidence = "used 5% of a CPU", .goes = true},
    {FINDING_IOTHREAD_ON_VCPUS, SEVERITY_MEDIUM, .ill = use_iothread, .policy = OWN_CPUS,
     .keys = "cpu: {iothreads: share}", .evidence = "used 40% of a CPU", .goes = true},
    {FINDING_VHOST_ON_VCPUS, SEVERITY_LOW, .ill = use_vhost, .policy = OWN_CPUS,
     .keys = "cpu: {vhost: share}", .evidence = "used 5% of a CPU", .goes = true},
    {FINDING_INTERRUPTS, SEVERITY_MEDIUM, .ill = interrupt_often,
     .evidence = "5000 a second on its CPUs"},
    {FINDING_RIVAL_TUNER, SEVERITY_MEDIUM, .ill = run_numad, .evidence = "numad runs (PID 7)"},
    {FINDING_RIVAL_TUNER, SEVERITY_LOW, .ill = run_irqbalance, .evidence = "irqbalance"},
    {FINDING_ISOLATED_CROWDED, SEVERITY_HIGH, .ill = isolate_web,
     .keys = "cpu: {policy: dedicated}", .evidence = "isolated CPUs 4-7"},
    {FINDING_ISOLATED_UNUSED, SEVERITY_LOW, .ill = isolate_nobody, .evidence = "isolated"},
    {FINDING_GOVERNOR, SEVERITY_MEDIUM, .ill = slow_down, .evidence = "800 of 3600 MHz"},
    {FINDING_CLOCKSOURCE, SEVERITY_MEDIUM, .ill = take_hpet, .evidence = "hpet"},
    {FINDING_HALT_POLLING, SEVERITY_INFO, .ill = take_polling, .evidence = "halt_poll_ns is 0"},
    {FINDING_ENTRY_FLUSH, SEVERITY_MEDIUM, .ill = flush_always, .evidence = "l1tf: flushed"},
    {FINDING_SMT_OFF, SEVERITY_INFO, .ill = switch_smt_off, .evidence = "nosmt"},
    {FINDING_SPLIT_HUGE_PAGES, SEVERITY_LOW, .ill = split_pages,
     .evidence = "kvm.nx_huge_pages is on"},
    {FINDING_NAMED_MODEL, SEVERITY_INFO, .ill = name_model, .evidence = "Nehalem"},
    {FINDING_SHADOW_PAGING, SEVERITY_HIGH, .ill = take_ept, .evidence = "kvm_intel.ept is off"},
    {FINDING_REMOTE_MEMORY, SEVERITY_HIGH, .ill = move_memory_away,
     .keys = "numa: {migrate_memory: on}", .evidence = "10% of its memory"},
    {FINDING_SMALL_PAGES, SEVERITY_LOW, .ill = large_on_small_pages,
     .keys = "host: {hugepages: auto}, memory: {page_size: large}",
     .evidence = "of its 6.0 GiB are pages of 4 KiB"},
    {FINDING_THP_OFF, SEVERITY_MEDIUM, .ill = thp_never, .keys = "host: {thp: {enabled: madvise}}",
     .evidence = "7.0 GiB of 2 guests"},
    {FINDING_SWAPPED, SEVERITY_HIGH, .ill = swap_out, .keys = "memory: {locked: on}",
     .evidence = "200 MiB of it, 19%"},
    {FINDING_MEMORY_OVERCOMMIT, SEVERITY_HIGH, .ill = overcommit,
     .evidence = "may use 10.0 GiB; the host has 8.0 GiB"},
    {FINDING_NODE_FULL, SEVERITY_MEDIUM, .ill = fill_node,
     .evidence = "of node 1 are free or page cache; memory there have: web"},
    {FINDING_PAGES_SHORT, SEVERITY_HIGH, .ill = fall_short, .keys = "host: {hugepages: auto}",
     .evidence =
         "14 pages of 2 MiB short; 2.0 GiB are free or page cache there, 6 MiB of it in one "
         "piece: its memory is fragmented"},
    {FINDING_PAGE_MERGING, SEVERITY_LOW, .ill = merge, .keys = "host: {ksm: {mode: auto}}",
     .evidence = "saves 4 MiB"},
    {FINDING_PAGE_MERGING, SEVERITY_MEDIUM, .ill = merge_across,
     .keys = "host: {ksm: {mode: auto, merge_across_nodes: off}}",
     .evidence = "another node than its guest"},
    {FINDING_NUMA_BALANCING, SEVERITY_MEDIUM, .ill = take_hints,
     .keys = "host: {numa_balancing: off}", .evidence = "4000 hint faults a second"},
    {FINDING_NIC_DROPS, SEVERITY_MEDIUM, .ill = drop, .keys = "network: {rx_queue_size: 1024}",
     .evidence = "12 packets for it were dropped at vnet0"},
};

static const Finding *only(const GPtrArray *list, FindingId id)
{
    const Finding *found = NULL;

    for (guint i = 0; i < list->len; i++) {
        const Finding *finding = g_ptr_array_index(list, i);
        if (finding->id != id)
            continue;
        assert_null(found);
        found = finding;
    }
    return found;
}

static void assert_found(const Case *one, const Finding *finding)
{
    const char *name = finding_info(one->id)->name;

    if (!finding)
        fail_msg("%s is not found", name);
    g_autofree char *keys = finding_keys(finding);
    if (finding->severity != one->severity || !strstr(finding->reason, one->evidence) ||
        g_strcmp0(keys, one->keys) != 0 || !(keys || finding->command))
        fail_msg("%s: %s, %s, %s, %s", name, severity_name(finding->severity), finding->reason,
                 keys ? keys : "-", finding->command ? finding->command : "-");
}

/* Its lines are a policy; and what the plan alone decides is gone with it. */
static void assert_mended(const Case *one, const GPtrArray *list)
{
    g_autofree char *drop_in = finding_drop_in(list);

    assert_int_equal(one->keys != NULL, drop_in != NULL);
    if (!drop_in)
        return;
    g_autoptr(World) world = world_new(one, drop_in);
    g_autoptr(GPtrArray) after = doctor_make(world->snapshot, world->vitals);
    const Finding *left = only(after, one->id);
    if (one->goes && left)
        fail_msg("%s is left after %s", finding_info(one->id)->name, drop_in);
    if (left && left->n_remedies > 0) /* not told twice */
        fail_msg("%s: told again after %s", finding_info(one->id)->name, drop_in);
}

/* Nothing but that one. */
static void test_each(void **state)
{
    (void)state;
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(World) world = world_new(&cases[i], NULL);
        g_autoptr(GPtrArray) list = doctor_make(world->snapshot, world->vitals);
        assert_found(&cases[i], only(list, cases[i].id));
        for (guint j = 0; j < list->len; j++) {
            const Finding *finding = g_ptr_array_index(list, j);
            if (finding->id != cases[i].id)
                fail_msg("%s beside %s: %s", finding_info(finding->id)->name,
                         finding_info(cases[i].id)->name, finding->reason);
        }
        assert_mended(&cases[i], list);
    }
}

static void test_all_are_tested(void **state)
{
    (void)state;
    for (unsigned id = 0; id < N_FINDINGS; id++) {
        bool tested = finding_info(id)->advice;
        for (gsize i = 0; i < G_N_ELEMENTS(cases); i++)
            tested |= cases[i].id == id;
        if (!tested)
            fail_msg("%s is not tested", finding_info(id)->name);
    }
}

static void assert_healthy(const Case *one)
{
    g_autoptr(World) world = world_new(one, NULL);
    g_autoptr(GPtrArray) list = doctor_make(world->snapshot, world->vitals);

    if (list->len > 0) {
        const Finding *finding = g_ptr_array_index(list, 0);
        fail_msg("%s: %s", finding_info(finding->id)->name, finding->reason);
    }
}

/* Little of what costs nothing yet, and what is where it belongs. */
static void be_quiet(World *world)
{
    use(world, world->db, THREAD_VCPU, 100, 1);
    use(world, world->db, THREAD_EMULATOR, 60, 60); /* elsewhere */
    interrupt(world, 5, "eth0-rx");
    tune(world, &(Tuner){.name = "virt-manager", .ways = 1});
    world->vitals->hint_faults = 20;
    world->vitals->clocksource = g_strdup("tsc");
    vitals_of(world, world->web)->swap_kib = 16;
}

static void pass_through(World *world)
{
    g_strfreev(world->db->live->hostdevs);
    world->db->live->hostdevs = g_strsplit("0000:01:00.0", ",", -1);
    interrupt(world, 5000, "vfio-msix[0](0000:01:00.0)");
}

static void run_irqbalance_for_none(World *world)
{
    run_irqbalance(world);
}

static void test_healthy(void **state)
{
    const Case healthy[] = {
        {.ill = NULL},
        {.ill = be_quiet},
        {.ill = pass_through},
        {.ill = run_irqbalance_for_none, .policy = "version: 1\n"},
    };

    (void)state;
    for (gsize i = 0; i < G_N_ELEMENTS(healthy); i++)
        assert_healthy(&healthy[i]);
}

static void be_very_ill(World *world)
{
    take_hints(world);
    swap_out(world);
    run_numad(world);
    intrude(world);
    interrupt_often(world);
}

/* By class, the gravest first; and one file for all that the policy can do. */
static void test_order(void **state)
{
    const Case one = {.ill = be_very_ill};
    static const FindingId expected[] = {FINDING_NOT_EXCLUSIVE, FINDING_RIVAL_TUNER,
                                         FINDING_INTERRUPTS, FINDING_SWAPPED,
                                         FINDING_NUMA_BALANCING};
    g_autoptr(World) world = world_new(&one, NULL);
    g_autoptr(GPtrArray) list = doctor_make(world->snapshot, world->vitals);
    g_autofree char *drop_in = finding_drop_in(list);

    (void)state;
    assert_int_equal(list->len, G_N_ELEMENTS(expected));
    for (guint i = 0; i < list->len; i++)
        assert_int_equal(((const Finding *)g_ptr_array_index(list, i))->id, expected[i]);
    assert_string_equal(drop_in, "version: 1\n"
                                 "host: {numa_balancing: off}\n"
                                 "guests:\n"
                                 "  - match: {name: \"web\"}\n"
                                 "    memory: {locked: on}\n");
}

static void test_ignored(void **state)
{
    const Case one = {.ill = be_very_ill,
                      .policy = "version: 1\nadvice: {ignore: [swapped, rival-tuner, interrupts, "
                                "not-exclusive, numa-balancing]}\n"
                                "guests: [{match: {name: db}, cpu: {policy: dedicated}}]\n"};

    (void)state;
    assert_healthy(&one);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_healthy),        cmocka_unit_test(test_each),
        cmocka_unit_test(test_all_are_tested), cmocka_unit_test(test_order),
        cmocka_unit_test(test_ignored),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
