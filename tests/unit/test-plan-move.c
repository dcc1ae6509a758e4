/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Whose memory is to be moved, and whose cannot be. Two nodes of 4 CPUs. */
#include "common/world.h"
#include "plan/move.h"
#include "policy/policy-load.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

typedef struct MoveWorld {
    Topo *topo;
    GuestPolicy *policy;
    GuestPlan *plan;
    Guest *guest;
} MoveWorld;

/* Runs on node 0, with so many KiB on each node. */
static MoveWorld *world_of(const char *migrate, uint64_t near, uint64_t far)
{
    MoveWorld *world = g_new0(MoveWorld, 1);
    g_autoptr(Policy) policy = policy_new();
    g_autoptr(DiagList) diags = diag_list_new();
    g_autofree char *yaml =
        g_strdup_printf("version: 1\ndefaults: {numa: {migrate_memory: %s}}\n", migrate);
    const PolicySubject subject = {.name = "a", .uuid = "u"};

    assert_int_equal(policy_parse(yaml, strlen(yaml), "unit.yaml", policy, diags), 0);
    world->topo = world_topo(1, 2, 1, 4, 1);
    world->policy = policy_select(policy, &subject);
    world->plan = guest_plan_new();
    world->plan->result = PLAN_PLACED;
    world->plan->vcpus = g_new0(VcpuPlan, 1);
    world->plan->n_vcpus = 1;
    world->plan->vcpus[0] = (VcpuPlan){.online = true, .cpus = world_cpus("1")};
    world->guest = guest_new("u", "a");
    world->guest->active = true;
    world->guest->live = guest_def_new();
    world->guest->kernel = guest_kernel_new();
    guest_kernel_set_memory(world->guest->kernel, (const uint64_t[]){near, far}, 2);
    return world;
}

static void world_free(MoveWorld *world)
{
    topo_unref(world->topo);
    guest_policy_unref(world->policy);
    guest_plan_unref(world->plan);
    guest_unref(world->guest);
    g_free(world);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC(MoveWorld, world_free)

/* nodes: of MOVE_WANTED; part of why not: of MOVE_REFUSED */
static void assert_need(const MoveWorld *world, MoveNeed need, const char *expected)
{
    g_autoptr(CpuSet) nodes = NULL;
    const char *why = NULL;

    assert_int_equal(memory_move_need(world->topo, world->policy, world->plan, world->guest, false,
                                      &nodes, &why),
                     need);
    if (need == MOVE_WANTED) {
        g_autofree char *text = cpuset_format(nodes);
        assert_string_equal(text, expected);
    } else if (need == MOVE_REFUSED) {
        assert_non_null(strstr(why, expected));
    }
}

static void only_where_the_policy_asks(void **state)
{
    g_autoptr(MoveWorld) on = world_of("on", 0, 1000), off = world_of("off", 0, 1000);

    (void)state;
    assert_need(on, MOVE_WANTED, "0");
    assert_need(off, MOVE_NONE, NULL);
    on->plan->result = PLAN_REFUSED;
    assert_need(on, MOVE_NONE, NULL);
}

static void up_to_the_goal(void **state)
{
    g_autoptr(MoveWorld) reached = world_of("on", 900, 100), below = world_of("on", 899, 101);
    g_autoptr(MoveWorld) unknown = world_of("on", 0, 0);

    (void)state;
    assert_need(reached, MOVE_NONE, NULL);
    assert_need(below, MOVE_WANTED, "0");
    g_autoptr(CpuSet) nodes = NULL;
    const char *why = NULL;
    assert_int_equal(memory_move_need(reached->topo, reached->policy, reached->plan, reached->guest,
                                      true, &nodes, &why),
                     MOVE_WANTED);
    assert_need(unknown, MOVE_NONE, NULL);
}

static void what_holds_its_memory_is_told(void **state)
{
    g_autoptr(MoveWorld) vfio = world_of("on", 0, 1000), sev = world_of("on", 0, 1000);
    g_autoptr(MoveWorld) strict = world_of("on", 0, 1000), cells = world_of("on", 0, 1000);
    g_autoptr(MoveWorld) set = world_of("on", 0, 1000);
    const char *const devices[] = {"0000:01:00.0", NULL};

    (void)state;
    vfio->guest->live->hostdevs = g_strdupv((char **)devices);
    assert_need(vfio, MOVE_REFUSED, "host devices");
    sev->guest->live->encrypted = true;
    assert_need(sev, MOVE_REFUSED, "encrypted");
    strict->guest->live->numa_mode = NUMA_STRICT;
    strict->guest->live->numa_nodeset = cpuset_new_one(1);
    assert_need(strict, MOVE_REFUSED, "strict nodeset");
    cells->guest->live->cells = g_new0(GuestCell, 1);
    cells->guest->live->n_cells = 1;
    assert_need(cells, MOVE_REFUSED, "NUMA cells");
    set->guest->kernel->cgroups = g_new0(GuestCgroup, 1);
    set->guest->kernel->n_cgroups = 1;
    set->guest->kernel->cgroups[0] =
        (GuestCgroup){.home = HOME_EMULATOR, .mems = cpuset_new_one(1)};
    assert_need(set, MOVE_REFUSED, "cpuset");
}

static void its_partition_bounds_it(void **state)
{
    g_autoptr(MoveWorld) world = world_of("on", 0, 1000);

    (void)state;
    world->guest->kernel->allowed_mems = cpuset_new_one(1);
    assert_need(world, MOVE_REFUSED, "no node its memory may be on");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_where_the_policy_asks),
        cmocka_unit_test(up_to_the_goal),
        cmocka_unit_test(what_holds_its_memory_is_told),
        cmocka_unit_test(its_partition_bounds_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
