/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "common/world.h"
#include "model/plan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

static void test_new(void **state)
{
    g_autoptr(GuestPlan) plan = guest_plan_new();
    (void)state;

    assert_cpus(plan->allowed, "");
    assert_cpus(plan->exclusive, "");
    assert_cpus(plan->emulator.cpus, "");
    assert_cpus(plan->vhost.cpus, "");
    assert_cpus(plan->numa_nodes, "");
    assert_int_equal(plan->shortage.node, -1);
    assert_null(plan->shortage.resource);
    assert_int_equal(plan->weight, -1);
    assert_int_equal(plan->quota_pct, -1);
    assert_int_equal(plan->numa_mode, -1);
    assert_null(plan->reason);
    guest_plan_unref(NULL);
    plan_unref(NULL);
}

static GuestPlan *make_plan(const char *uuid)
{
    GuestPlan *plan = guest_plan_new();

    plan->uuid = g_strdup(uuid);
    plan->name = g_strdup("db");
    plan->reason = g_strdup("because");
    plan->origin = g_strdup("p.yaml:1");
    hwloc_bitmap_set_range(plan->allowed, 0, 15);
    plan->n_vcpus = 1;
    plan->vcpus = g_new0(VcpuPlan, 1);
    plan->vcpus[0] = (VcpuPlan){.online = true, .pinned = true, .cpus = world_cpus("3")};
    plan->emulator.reason = g_strdup("beside");
    plan->emulator.origin = g_strdup("p.yaml:2");
    plan->n_iothreads = 1;
    plan->iothreads = g_new0(ClassPlan, 1);
    plan->iothreads[0] = (ClassPlan){.id = 1, .cpus = world_cpus("4"), .reason = g_strdup("x")};
    plan->n_memory = 1;
    plan->memory = g_new0(MemoryPlan, 1);
    plan->memory[0].mib = 1024;
    plan->weight_origin = g_strdup("p.yaml:3");
    plan->quota_origin = g_strdup("p.yaml:4");
    plan->numa_reason = g_strdup("near");
    plan->numa_origin = g_strdup("p.yaml:5");
    return plan;
}

typedef void (*Edit)(GuestPlan *plan);
static void edit_name(GuestPlan *plan)
{
    plan->name[0] = 'x';
}
static void edit_result(GuestPlan *plan)
{
    plan->result = PLAN_REFUSED;
}
static void edit_policy(GuestPlan *plan)
{
    plan->cpu_policy = CPU_DEDICATED;
}
static void edit_named(GuestPlan *plan)
{
    plan->named = true;
}
static void edit_manual(GuestPlan *plan)
{
    plan->manual = true;
}
static void edit_released(GuestPlan *plan)
{
    plan->released = true;
}
static void edit_pool(GuestPlan *plan)
{
    plan->pool = true;
}
static void edit_persist(GuestPlan *plan)
{
    plan->persist = PERSIST_ALL;
}
static void edit_drift(GuestPlan *plan)
{
    plan->drift = DRIFT_IGNORE;
}
static void edit_allowed(GuestPlan *plan)
{
    hwloc_bitmap_clr(plan->allowed, 0);
}
static void edit_nodes(GuestPlan *plan)
{
    hwloc_bitmap_set(plan->nodes, 1);
}
static void edit_llcs(GuestPlan *plan)
{
    hwloc_bitmap_set(plan->llcs, 1);
}
static void edit_exclusive(GuestPlan *plan)
{
    hwloc_bitmap_set(plan->exclusive, 1);
}
static void edit_page(GuestPlan *plan)
{
    plan->page_size_kib = 2048;
}
static void edit_vcpu_count(GuestPlan *plan)
{
    g_clear_pointer(&plan->vcpus[0].cpus, hwloc_bitmap_free);
    plan->n_vcpus = 0;
}
static void edit_vcpu(GuestPlan *plan)
{
    hwloc_bitmap_set(plan->vcpus[0].cpus, 1);
}
static void edit_vcpu_pinned(GuestPlan *plan)
{
    plan->vcpus[0].pinned = false;
}
static void edit_vcpu_online(GuestPlan *plan)
{
    plan->vcpus[0].online = false;
}
static void edit_emulator(GuestPlan *plan)
{
    hwloc_bitmap_set(plan->emulator.cpus, 1);
}
static void edit_vhost(GuestPlan *plan)
{
    hwloc_bitmap_set(plan->vhost.cpus, 1);
}
static void edit_iothread(GuestPlan *plan)
{
    plan->iothreads[0].pinned = true;
}
static void edit_memory(GuestPlan *plan)
{
    plan->memory[0].mib++;
}
static void edit_weight(GuestPlan *plan)
{
    plan->weight = 50;
}
static void edit_quota(GuestPlan *plan)
{
    plan->quota_pct = 0;
}
static void edit_numa_mode(GuestPlan *plan)
{
    plan->numa_mode = NUMA_STRICT;
}
static void edit_numa_nodes(GuestPlan *plan)
{
    hwloc_bitmap_set(plan->numa_nodes, 0);
}
static void edit_numa_live(GuestPlan *plan)
{
    plan->numa_live = true;
}

static void test_wants_count(void **state)
{
    static const Edit edits[] = {
        edit_name,       edit_result,      edit_policy,      edit_named,    edit_manual,
        edit_released,   edit_pool,        edit_persist,     edit_drift,    edit_allowed,
        edit_nodes,      edit_llcs,        edit_exclusive,   edit_page,     edit_vcpu_count,
        edit_vcpu,       edit_vcpu_pinned, edit_vcpu_online, edit_emulator, edit_vhost,
        edit_iothread,   edit_memory,      edit_weight,      edit_quota,    edit_numa_mode,
        edit_numa_nodes, edit_numa_live,
    };
    g_autoptr(GuestPlan) plan = make_plan("u");
    (void)state;

    for (size_t i = 0; i < G_N_ELEMENTS(edits); i++) {
        g_autoptr(GuestPlan) other = make_plan("u");
        edits[i](other);
        if (guest_plan_equal(plan, other) || guest_plan_equal(other, plan))
            fail_msg("edit %zu is not noticed", i);
    }
}

static void test_words_do_not_count(void **state)
{
    g_autoptr(GuestPlan) a = make_plan("u");
    g_autoptr(GuestPlan) b = make_plan("u");
    (void)state;

    b->reason[0] = 'X';
    b->origin[0] = 'X';
    b->emulator.reason[0] = 'X';
    b->emulator.origin[0] = 'X';
    b->iothreads[0].reason[0] = 'X';
    b->weight_origin[0] = b->quota_origin[0] = 'X';
    b->numa_reason[0] = b->numa_origin[0] = 'X';
    b->intruders = g_strsplit("web", ",", -1);
    assert_true(guest_plan_equal(a, b));
}

static void test_plan(void **state)
{
    Plan *plan = plan_new();
    (void)state;

    assert_cpus(plan->housekeeping, "");
    assert_cpus(plan->shared, "");
    assert_cpus(plan->exclusive, "");
    assert_null(diag_list_get(plan->diags, 0));
    assert_null(plan_find(plan, "u1"));

    plan->n_guests = 2;
    plan->guests = g_new0(GuestPlan *, 2);
    plan->guests[0] = make_plan("u1");
    plan->guests[1] = make_plan("u2");
    assert_ptr_equal(plan_find(plan, "u2"), plan->guests[1]);
    assert_null(plan_find(plan, "u3"));

    Plan *same = plan_ref(plan);
    plan_unref(plan);
    g_autoptr(GuestPlan) kept = guest_plan_ref(same->guests[0]);
    plan_unref(same);
    assert_string_equal(kept->name, "db");
}

static void test_result_names(void **state)
{
    (void)state;
    assert_string_equal(plan_result_name(PLAN_PLACED), "placed");
    assert_string_equal(plan_result_name(PLAN_REFUSED), "refused");
    assert_string_equal(plan_result_name(PLAN_UNMANAGED), "unmanaged");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_new),
        cmocka_unit_test(test_wants_count),
        cmocka_unit_test(test_words_do_not_count),
        cmocka_unit_test(test_plan),
        cmocka_unit_test(test_result_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
