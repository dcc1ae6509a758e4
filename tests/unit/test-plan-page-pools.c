/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How large pools of huge pages are to be, and who would not start. Two nodes of 16 GiB, each with
 * pools of 2 MiB and 1 GiB pages. */
#include "common/world.h"
#include "plan/host-plan.h"
#include "policy/policy-load.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define GIB (1024ull * 1024)
#define AUTO "host: {hugepages: auto}\n"

typedef struct World {
    Topo *topo;
    Policy *policy;
    Host *host;
    GPtrArray *guests; /* of Guest */
    GPtrArray *policies;
    SettingList *originals, *ceilings;
    HostPlan *plan;
} World;

static World *world_of(const char *yaml)
{
    World *world = g_new0(World, 1);
    g_autoptr(DiagList) diags = diag_list_new();
    g_autofree char *text = g_strconcat(
        "version: 1\n", strstr(yaml, "mode: observe") ? "" : "mode: enforce\n", yaml, NULL);

    world->topo = world_topo(1, 2, 1, 4, 1);
    world->policy = policy_new();
    assert_int_equal(policy_parse(text, strlen(text), "unit.yaml", world->policy, diags), 0);
    world->host = host_new();
    world->host->pools = g_new0(HostPool, 4);
    world->host->n_pools = 4;
    for (unsigned i = 0; i < 4; i++) {
        world->host->pools[i] = (HostPool){.node = i / 2, .size_kib = i % 2 ? 1024 * 1024 : 2048};
        world->topo->nodes[i / 2].memory_kib = 16 * GIB;
    }
    world->guests = g_ptr_array_new_with_free_func((GDestroyNotify)guest_unref);
    world->policies = g_ptr_array_new_with_free_func((GDestroyNotify)guest_policy_unref);
    world->originals = setting_list_new();
    world->ceilings = setting_list_new();
    return world;
}

static void world_free(World *world)
{
    topo_unref(world->topo);
    policy_unref(world->policy);
    host_unref(world->host);
    g_ptr_array_unref(world->guests);
    g_ptr_array_unref(world->policies);
    setting_list_free(world->originals);
    setting_list_free(world->ceilings);
    g_clear_pointer(&world->plan, host_plan_unref);
    g_free(world);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC(World, world_free)

/* So many pages of 2 MiB, total and free. */
static void set_pool(const World *world, unsigned node, uint64_t total, uint64_t unused)
{
    world->host->pools[2 * node].total = total;
    world->host->pools[2 * node].free = unused;
}

/* Off, with so many pages of 2 MiB; strict on nodes, or anywhere (NULL). */
static Guest *add_off(const World *world, const char *name, unsigned pages, const char *nodes)
{
    g_autofree char *uuid = g_strconcat("uuid-", name, NULL);
    Guest *guest = guest_new(uuid, name);
    const PolicySubject subject = {.name = name, .uuid = uuid};

    guest->persistent = guest->autostart = true;
    guest->config = guest_def_new();
    guest->config->memory_kib = pages * 2048ull;
    guest->config->has_hugepages = true;
    guest->config->n_hugepages = 1;
    guest->config->hugepages = g_new0(GuestHugePages, 1);
    guest->config->hugepages[0].size_kib = 2048;
    if (nodes) {
        guest->config->numa_mode = NUMA_STRICT;
        guest->config->numa_nodeset = world_cpus(nodes);
    }
    g_ptr_array_add(world->guests, guest);
    g_ptr_array_add(world->policies, policy_select(world->policy, &subject));
    return guest;
}

/* The same, running with its pages there. */
static Guest *add_running(const World *world, const char *name, unsigned pages, unsigned node)
{
    Guest *guest = add_off(world, name, pages, NULL);
    const GuestPages measured = {.node = node, .page_kib = 2048, .kib = pages * 2048ull};

    guest->active = true;
    guest->live = guest_def_ref(guest->config);
    guest->kernel = guest_kernel_new();
    guest_kernel_add_pages(guest->kernel, &measured);
    return guest;
}

static void plan(World *world)
{
    g_autofree HostGuest *entries = g_new0(HostGuest, world->guests->len + 1);

    for (guint i = 0; i < world->guests->len; i++)
        entries[i] = (HostGuest){.guest = g_ptr_array_index(world->guests, i),
                                 .policy = g_ptr_array_index(world->policies, i)};
    const HostInput input = {.topo = world->topo,
                             .policy = world->policy,
                             .host = world->host,
                             .guests = entries,
                             .n_guests = world->guests->len,
                             .originals = world->originals,
                             .ceilings = world->ceilings};
    g_clear_pointer(&world->plan, host_plan_unref);
    world->plan = host_plan_make(&input);
}

/* "node 0/node 1" of 2 MiB pages; "-": not wanted */
static void assert_wanted(const World *world, const char *expected)
{
    const SettingKey first = host_pool_key(0, 2048), second = host_pool_key(1, 2048);
    const Setting *one = setting_list_find(world->plan->wanted, &first);
    const Setting *two = setting_list_find(world->plan->wanted, &second);
    g_autofree char *text =
        g_strdup_printf("%s/%s", one ? one->value : "-", two ? two->value : "-");

    assert_string_equal(text, expected);
}

/* "name node pages" of each, separated by commas. */
static void assert_short(const World *world, const char *expected)
{
    g_autoptr(GString) text = g_string_new(NULL);

    for (guint i = 0; i < world->plan->shortages->len; i++) {
        const MemoryShortage *shortage = g_ptr_array_index(world->plan->shortages, i);
        g_string_append_printf(text, "%s%s %d %" G_GUINT64_FORMAT, i > 0 ? ", " : "",
                               shortage->name, shortage->node, shortage->pages);
    }
    assert_string_equal(text->str, expected);
}

static void set_number(SettingList *list, unsigned node, const char *value)
{
    const SettingKey key = host_pool_key(node, 2048);

    setting_list_add(list, &key, value, NULL, NULL);
    setting_list_sort(list);
}

/* --- what is wanted --- */

static void without_the_key_pools_are_left(void **state)
{
    g_autoptr(World) world = world_of(""), off = world_of("host: {hugepages: off}\n");

    (void)state;
    add_off(world, "a", 100, "1");
    add_off(off, "a", 100, "1");
    plan(world);
    plan(off);
    assert_wanted(world, "-/-");
    assert_wanted(off, "-/-");
    assert_short(world, "a 1 100");
    assert_short(off, "a 1 100");
}

static void pools_grow_where_guests_are_bound(void **state)
{
    g_autoptr(World) world = world_of(AUTO);

    (void)state;
    add_off(world, "a", 100, "1");
    add_off(world, "b", 50, "0");
    plan(world);
    assert_wanted(world, "50/100");
    assert_short(world, "");
}

/* Free pages are used first, whatever the room elsewhere. */
static void a_pool_that_has_them_is_taken(void **state)
{
    g_autoptr(World) world = world_of(AUTO);

    (void)state;
    set_pool(world, 1, 120, 120);
    add_off(world, "a", 100, NULL);
    plan(world);
    assert_wanted(world, "0/120");
}

static void running_guests_and_others_keep_theirs(void **state)
{
    g_autoptr(World) world =
        world_of("host: {hugepages: {mode: auto, pools: [{node: 0, size: 2MiB, reserved: 40}]}}\n");

    (void)state;
    set_pool(world, 0, 100, 10); /* 70 of a guest, 20 of somebody else: 40 are promised */
    set_pool(world, 1, 100, 10); /* 90 of somebody else */
    add_running(world, "runs", 70, 0);
    add_off(world, "a", 30, "0");
    add_off(world, "b", 5, "1");
    plan(world);
    assert_wanted(world, "140/100");
}

/* Whoever does not start with the host and is not named does not count; nor does a transient one.
 */
/* It runs, and has got 30 of its 70 pages: the rest is still kept for it, and no more than that. */
static void a_guest_gets_its_pages_while_it_starts(void **state)
{
    g_autoptr(World) world = world_of(AUTO);

    (void)state;
    set_pool(world, 0, 70, 35); /* five more since it was looked at */
    set_number(world->originals, 0, "0");
    Guest *guest = add_running(world, "starts", 70, 0);
    guest->kernel->pages[0].kib = 30 * 2048;
    plan(world);
    assert_wanted(world, "70/0");
    assert_short(world, "");
}

static void only_some_guests_count(void **state)
{
    g_autoptr(World) world = world_of(AUTO "guests:\n  - {match: {name: named}}\n");

    (void)state;
    add_off(world, "lazy", 100, "0")->autostart = false;
    add_off(world, "named", 7, "0")->autostart = false;
    add_off(world, "transient", 100, "0")->persistent = false;
    plan(world);
    assert_wanted(world, "7/0");
}

static void a_pool_has_its_least(void **state)
{
    g_autoptr(World) world =
        world_of("host: {hugepages: {mode: auto, pools: [{size: 2MiB, min: 64}]}}\n");

    (void)state;
    set_pool(world, 1, 100, 100);
    plan(world);
    assert_wanted(world, "64/100");
}

/* What was there before vmtuned stays; what it added goes when nobody needs it. */
static void only_what_was_added_goes_back(void **state)
{
    g_autoptr(World) world = world_of(AUTO);

    (void)state;
    set_pool(world, 0, 100, 100);
    set_pool(world, 1, 100, 70);
    set_number(world->originals, 1, "20");
    plan(world);
    assert_wanted(world, "100/30");
}

static void a_large_guest_is_spread(void **state)
{
    g_autoptr(World) world = world_of(AUTO);

    (void)state;
    add_off(world, "wide", 10000, NULL); /* 20 GB */
    plan(world);
    assert_wanted(world, "7782/2218"); /* 16 GiB less 5 percent, and the rest */
    assert_short(world, "");
}

/* Nothing grows: what is there now decides who would start, and what would be set is told. */
static void observing_tells_who_would_not_start(void **state)
{
    g_autoptr(World) world = world_of("mode: observe\n" AUTO);

    (void)state;
    set_pool(world, 1, 40, 40);
    add_off(world, "a", 100, "1");
    plan(world);
    assert_wanted(world, "0/100");
    assert_short(world, "a 1 60");
}

/* --- what cannot be had --- */

static void what_a_node_has_not_is_short(void **state)
{
    g_autoptr(World) world = world_of("host: {hugepages: auto, reserved_memory: {1: 8GiB}}\n");

    (void)state;
    add_off(world, "a", 4000, "1");
    plan(world);
    assert_wanted(world, "0/0");
    assert_short(world, "a 1 314"); /* 16 GiB less 5 percent less 8 GiB are 3686 pages */
}

/* 57 could be had at the last attempt: the guest of 64 gets none of them, the one of 32 all. */
static void ceilings_serve_whole_guests(void **state)
{
    g_autoptr(World) world = world_of(AUTO);

    (void)state;
    set_pool(world, 1, 57, 57);
    set_number(world->originals, 1, "0");
    set_number(world->ceilings, 1, "57");
    add_off(world, "a", 64, "1");
    plan(world);
    assert_wanted(world, "0/0");
    assert_short(world, "a 1 7");
    add_off(world, "b", 32, "1");
    plan(world);
    assert_wanted(world, "0/32");
}

static void priority_decides_then_the_name(void **state)
{
    g_autoptr(World) world = world_of("guests:\n  - {match: {name: late}, priority: 200}\n");

    (void)state;
    set_pool(world, 0, 50, 50);
    add_off(world, "b", 30, "0");
    add_off(world, "a", 20, "0");
    add_off(world, "late", 20, "0");
    plan(world);
    assert_short(world, "b 0 20");
}

static void pages_of_several_nodes_are_short_together(void **state)
{
    g_autoptr(World) world = world_of("");

    (void)state;
    set_pool(world, 0, 50, 50);
    set_pool(world, 1, 40, 40);
    add_off(world, "a", 100, NULL);
    plan(world);
    assert_short(world, "a -1 10");
    g_autofree char *text = memory_shortage_format(g_ptr_array_index(world->plan->shortages, 0));
    assert_string_equal(text, "will not start: 10 pages of 2 MiB short");
}

/* A cell that cannot have its pages leaves those of the other cell to others. */
static void cells_are_served_together(void **state)
{
    g_autoptr(World) world = world_of("");

    (void)state;
    set_pool(world, 0, 50, 50);
    set_pool(world, 1, 10, 10);
    Guest *guest = add_off(world, "a", 60, NULL);
    guest->config->cells = g_new0(GuestCell, 2);
    guest->config->n_cells = 2;
    for (unsigned i = 0; i < 2; i++)
        guest->config->cells[i] = (GuestCell){.id = i,
                                              .memory_kib = 30 * 2048,
                                              .strict = true,
                                              .nodes = cpuset_new_one(i),
                                              .vcpus = cpuset_new_one(i)};
    add_off(world, "b", 40, "0");
    plan(world);
    assert_short(world, "a 1 20");
}

static void pools_that_are_not_there_are_unsupported(void **state)
{
    g_autoptr(World) world = world_of("host: {hugepages: {mode: auto, pools: [{node: 7, size: "
                                      "2MiB, min: 1}, {node: 0, size: 64KiB}]}}\n");

    (void)state;
    plan(world);
    assert_int_equal(setting_list_size(world->plan->unsupported), 2);
}

/* Restrictive is QEMU's cpuset: as binding as strict at the start. */
static void restrictive_binds(void **state)
{
    g_autoptr(World) world = world_of(AUTO);

    (void)state;
    set_pool(world, 0, 150, 150);
    add_off(world, "a", 100, "1")->config->numa_mode = NUMA_RESTRICTIVE;
    plan(world);
    assert_wanted(world, "150/100");
}

static void memory_only_nodes_are_used_when_told(void **state)
{
    g_autoptr(World) world = world_of(AUTO);

    (void)state;
    world->topo->nodes[1].memory_kib = 64 * GIB;
    hwloc_bitmap_zero(world->topo->nodes[1].cpus);
    add_off(world, "a", 100, NULL);
    plan(world);
    assert_wanted(world, "100/0");
}

/* The operator made the pages by hand after vmtuned could not. */
static void pages_above_a_ceiling_are_there(void **state)
{
    g_autoptr(World) world = world_of(AUTO);

    (void)state;
    set_pool(world, 1, 64, 64);
    set_number(world->originals, 1, "0");
    set_number(world->ceilings, 1, "50");
    add_off(world, "a", 64, "1");
    plan(world);
    assert_wanted(world, "0/64");
    assert_short(world, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_the_key_pools_are_left),
        cmocka_unit_test(pools_grow_where_guests_are_bound),
        cmocka_unit_test(a_pool_that_has_them_is_taken),
        cmocka_unit_test(running_guests_and_others_keep_theirs),
        cmocka_unit_test(a_guest_gets_its_pages_while_it_starts),
        cmocka_unit_test(only_some_guests_count),
        cmocka_unit_test(a_pool_has_its_least),
        cmocka_unit_test(only_what_was_added_goes_back),
        cmocka_unit_test(a_large_guest_is_spread),
        cmocka_unit_test(observing_tells_who_would_not_start),
        cmocka_unit_test(what_a_node_has_not_is_short),
        cmocka_unit_test(ceilings_serve_whole_guests),
        cmocka_unit_test(restrictive_binds),
        cmocka_unit_test(memory_only_nodes_are_used_when_told),
        cmocka_unit_test(pages_above_a_ceiling_are_there),
        cmocka_unit_test(priority_decides_then_the_name),
        cmocka_unit_test(pages_of_several_nodes_are_short_together),
        cmocka_unit_test(cells_are_served_together),
        cmocka_unit_test(pools_that_are_not_there_are_unsupported),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
