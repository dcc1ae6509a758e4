/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What scenarios cannot say: drifted pins of a guest that is told its last plan, threads without
 * pins, many nodes, and the question whether a guest is pinned by hand. */
#include "common/fake-guest.h"
#include "common/world.h"
#include "plan/plan-make.h"
#include "policy/policy-load.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define MAX_GUESTS 4

typedef struct Host {
    Topo *topo;
    Policy *policy;
    Guest *guests[MAX_GUESTS];
    GuestPolicy *policies[MAX_GUESTS];
    PlanGuest inputs[MAX_GUESTS];
    unsigned n_guests;
} Host;

static Host *host_new(Topo *topo, const char *yaml)
{
    Host *host = g_new0(Host, 1);
    g_autoptr(DiagList) diags = diag_list_new();

    host->topo = topo;
    host->policy = policy_new();
    assert_int_equal(policy_parse(yaml, strlen(yaml), "unit.yaml", host->policy, diags), 0);
    return host;
}

static void host_free(Host *host)
{
    topo_unref(host->topo);
    policy_unref(host->policy);
    for (unsigned i = 0; i < host->n_guests; i++) {
        guest_unref(host->guests[i]);
        guest_policy_unref(host->policies[i]);
    }
    g_free(host);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Host, host_free)

static Guest *host_add(Host *host, const char *name, unsigned n_vcpus, bool running)
{
    unsigned i = host->n_guests++;
    Guest *guest = world_guest(name, i, n_vcpus, WORLD_GIB_KIB / 4, running);
    PolicySubject subject = {.name = name, .uuid = guest->uuid};

    host->guests[i] = guest;
    host->policies[i] = policy_select(host->policy, &subject);
    host->inputs[i] = (PlanGuest){.guest = guest, .policy = host->policies[i], .running = running};
    return guest;
}

static Plan *host_plan(const Host *host)
{
    PlanInput input = {.topo = host->topo,
                       .policy = host->policy,
                       .guests = host->inputs,
                       .n_guests = host->n_guests};

    return plan_make(&input);
}

static void pin(Guest *guest, unsigned vcpu, const char *cpus)
{
    GuestDef *def = guest->live;

    def->vcpu_pins = g_renew(GuestPin, def->vcpu_pins, def->n_vcpu_pins + 1);
    def->vcpu_pins[def->n_vcpu_pins++] = (GuestPin){.id = vcpu, .cpus = world_cpus(cpus)};
}

static const char dedicated[] = "version: 1\nguests:\n"
                                "  - {match: {name: \"d*\"}, cpu: {policy: dedicated}}\n";

/* The plan stands, wherever somebody moved the pin to. */
static void test_drifted_pin(void **state)
{
    (void)state;
    g_autoptr(Host) host = host_new(world_topo(1, 1, 1, 4, 2), dedicated);
    Guest *guest = host_add(host, "d", 2, true);
    g_autoptr(Plan) first = host_plan(host);
    assert_cpus(first->guests[0]->vcpus[0].cpus, "1");
    assert_cpus(first->guests[0]->vcpus[1].cpus, "5");

    pin(guest, 0, "3");
    pin(guest, 1, "0-7");
    g_autoptr(Plan) untold = host_plan(host);
    assert_cpus(untold->guests[0]->vcpus[0].cpus, "3");

    host->inputs[0].before = first->guests[0];
    g_autoptr(Plan) told = host_plan(host);
    assert_cpus(told->guests[0]->vcpus[0].cpus, "1");
    assert_cpus(told->guests[0]->vcpus[1].cpus, "5");
    assert_true(guest_plan_equal(told->guests[0], first->guests[0]));
}

/* What it was given does not bind a guest that starts anew. */
static void test_before_of_starting(void **state)
{
    (void)state;
    g_autoptr(Host) host = host_new(world_topo(1, 1, 1, 4, 2), dedicated);
    host_add(host, "d", 2, true);
    pin(host->guests[0], 0, "2");
    pin(host->guests[0], 1, "6");
    g_autoptr(Plan) running = host_plan(host);
    assert_cpus(running->guests[0]->exclusive, "2,6");

    host->inputs[0].before = running->guests[0];
    host->inputs[0].running = false;
    g_autoptr(Plan) starting = host_plan(host);
    assert_cpus(starting->guests[0]->exclusive, "1,5");
}

/* emulatorpin is the union of a PU of its own and the pool: only threads tell which it is. */
static void test_emulator_among_pool(void **state)
{
    (void)state;
    g_autoptr(Host) host =
        host_new(world_topo(1, 1, 1, 6, 1), "version: 1\nhost: {housekeeping_cpus: \"\"}\nguests:\n"
                                            "  - {match: {name: \"d\"}, cpu: {policy: dedicated, "
                                            "emulator: isolate, vhost: share}}\n");
    Guest *guest = host_add(host, "d", 1, true);
    pin(guest, 0, "2");
    guest->live->emulator_pin = world_cpus("0-1,3-5");
    FakeKernelOptions options = {
        .pid = 100, .allowed = host->topo->allowed, .n_workers = 2, .n_vhost = 1};
    guest->kernel = fake_kernel_new(guest->live, &options);
    for (unsigned i = 0; i < guest->kernel->n_threads; i++) {
        GuestThread *thread = &guest->kernel->threads[i];
        if (thread->home == HOME_EMULATOR && thread->thread_class != THREAD_VHOST) {
            hwloc_bitmap_free(thread->affinity);
            thread->affinity = world_cpus(thread->tid == 100 ? "1" : "4"); /* one was moved */
        }
    }
    g_autoptr(Plan) plan = host_plan(host);
    assert_cpus(plan->guests[0]->emulator.cpus, "4");
    assert_cpus(plan->guests[0]->vhost.cpus, "0-1,3,5");
}

/* More sets of nodes than are worth counting. */
static void test_many_nodes(void **state)
{
    (void)state;
    g_autoptr(Host) host = host_new(world_topo(8, 4, 1, 4, 1), dedicated);
    host_add(host, "d1", 60, false);
    host_add(host, "d2", 15, false);
    g_autoptr(Plan) plan = host_plan(host);

    assert_int_equal(plan->guests[0]->result, PLAN_PLACED);
    assert_int_equal(cpuset_weight(plan->guests[0]->exclusive), 60);
    assert_int_equal(cpuset_weight(plan->guests[0]->nodes), 15);
    assert_int_equal(plan->guests[1]->result, PLAN_PLACED);
    assert_int_equal(cpuset_weight(plan->guests[1]->nodes), 4);
}

static void test_hand_pinned(void **state)
{
    (void)state;
    g_autoptr(CpuSet) allowed = world_cpus("0-3");
    g_autoptr(Guest) guest = world_guest("g", 1, 2, WORLD_GIB_KIB, true);

    assert_false(guest_is_hand_pinned(guest, allowed));
    pin(guest, 0, "0-7");
    assert_false(guest_is_hand_pinned(guest, allowed));
    guest->live->vcpu_cpuset = world_cpus("0-3");
    assert_false(guest_is_hand_pinned(guest, allowed));
    pin(guest, 1, "0-2");
    assert_true(guest_is_hand_pinned(guest, allowed));

    g_autoptr(Guest) whole = world_guest("h", 2, 2, WORLD_GIB_KIB, true);
    whole->live->vcpu_cpuset = world_cpus("1");
    assert_true(guest_is_hand_pinned(whole, allowed));
}

static void test_no_guests(void **state)
{
    (void)state;
    g_autoptr(Host) host = host_new(world_topo(2, 1, 1, 2, 2), dedicated);
    g_autoptr(Plan) plan = host_plan(host);

    assert_int_equal(plan->n_guests, 0);
    assert_cpus(plan->shared, "0-7");
    assert_cpus(plan->housekeeping, "0,4");
    assert_cpus(plan->exclusive, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_drifted_pin),         cmocka_unit_test(test_before_of_starting),
        cmocka_unit_test(test_emulator_among_pool), cmocka_unit_test(test_many_nodes),
        cmocka_unit_test(test_hand_pinned),         cmocka_unit_test(test_no_guests),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
