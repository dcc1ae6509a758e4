/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What waits for a cold start, and what became of it at the start. */
#include "common/fake-guest.h"
#include "common/world.h"
#include "plan/pending.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

typedef struct World {
    Guest *guest;
    GuestPlan *plan;
} World;

static int setup(void **state)
{
    World *world = g_new0(World, 1);

    g_autoptr(Guest) shared = world_guest("db", 1, 2, WORLD_GIB_KIB, true);

    world->guest = guest_copy(shared); /* with a definition of its own */
    world->plan = guest_plan_new();
    *state = world;
    return 0;
}

static int teardown(void **state)
{
    World *world = *state;

    guest_unref(world->guest);
    guest_plan_unref(world->plan);
    g_free(world);
    return 0;
}

static SettingKey key_of(Knob knob, const char *device, Plane plane)
{
    SettingKey key = {.knob = knob, .plane = plane};

    setting_key_set_device(&key, device);
    return key;
}

static void set_in(SettingList *list, const SettingKey *key, const char *value)
{
    setting_list_add(list, key, value, "because", "p.yaml:3");
    setting_list_sort(list);
}

/* "-": that definition has no such device, or the policy no say. */
static void set(World *world, Knob knob, const char *wanted, const char *live, const char *next)
{
    const SettingKey plain = key_of(knob, "vda", 0), config = key_of(knob, "vda", PLANE_CONFIG);

    if (g_strcmp0(wanted, "-") != 0)
        set_in(world->plan->knobs, &config, wanted);
    if (g_strcmp0(live, "-") != 0)
        set_in(world->guest->live->knobs, &plain, live);
    if (g_strcmp0(next, "-") != 0)
        set_in(world->guest->config->knobs, &plain, next);
}

/* --- the list --- */

static const struct {
    const char *name;
    Knob knob;
    const char *wanted, *live, *next;
    bool pending;
} cases[] = {
    {"right", KNOB_DISK_CACHE, "none", "none", "none", false},
    {"waits", KNOB_DISK_CACHE, "none", NULL, "none", true},
    {"not in the definition yet", KNOB_DISK_CACHE, "none", NULL, NULL, true},
    {"the running guest has it, the definition not", KNOB_DISK_CACHE, "none", "none", NULL, false},
    {"not set means the same", KNOB_DISK_CACHE, "default", NULL, "default", false},
    {"wanted not set", KNOB_DISK_CACHE, NULL, "none", NULL, true},
    {"edited", KNOB_DISK_CACHE, "-", NULL, "none", true},
    {"edited to the same", KNOB_DISK_CACHE, "-", "default", NULL, false},
    {"plugged", KNOB_DISK_CACHE, "none", "writeback", "-", false},
    {"to be plugged", KNOB_DISK_CACHE, "none", "-", "writeback", false},
    {"cells rounded up at the start", KNOB_NUMA_CELLS, "0:48800;1:49152", "0:49152;1:49152",
     "0:48800;1:49152", false},
    {"other cells", KNOB_NUMA_CELLS, "0:48800;1:51200", "0:49152;1:49152", "0:48800;1:51200", true},
    {"changes live", KNOB_DISK_IOTUNE, "total_iops_sec=5", NULL, "total_iops_sec=5", false},
};

static bool some_pending(const World *world)
{
    g_autoptr(PendingList) list = pending_make(world->plan, world->guest, NULL);

    return pending_list_size(list) > 0;
}

static void set_disk(GuestDef *def, bool shareable)
{
    def->disks = g_new0(GuestDisk, 1);
    def->disks[0] = (GuestDisk){.target = g_strdup("vda"), .shareable = shareable};
    def->n_disks = 1;
}

/* What libvirt makes of it at each start does not wait for the next. */
static void shared_disks_have_no_cache(void **state)
{
    (void)state;
    for (unsigned shareable = 0; shareable < 2; shareable++) {
        void *made;
        setup(&made);
        World *world = made;
        set_disk(world->guest->live, shareable);
        set(world, KNOB_DISK_CACHE, "-", "none", NULL);
        assert_int_equal(some_pending(world), !shareable);
        set(world, KNOB_DISK_CACHE, "writeback", "-", "-");
        assert_true(some_pending(world));
        teardown(&made);
    }
}

/* No start brings what libvirt will not have. What else the definition says is pending still. */
static void refused_values_do_not_wait(void **state)
{
    World *world = *state;
    g_autoptr(ChangeSet) refused = change_set_new();
    SettingKey key = {.knob = KNOB_DISK_IO, .plane = PLANE_CONFIG, .device = "vda"};

    set(world, KNOB_DISK_IO, "io_uring", NULL, NULL);
    assert_true(some_pending(world));
    change_set_add(refused, &key, NULL, "io_uring");
    g_autoptr(PendingList) none = pending_make(world->plan, world->guest, refused);
    assert_int_equal(pending_list_size(none), 0);
    set(world, KNOB_DISK_IO, "native", NULL, NULL);
    g_autoptr(PendingList) other = pending_make(world->plan, world->guest, refused);
    assert_int_equal(pending_list_size(other), 1);
}

static void each_value_is_judged(void **state)
{
    (void)state;
    for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
        World *world = NULL;
        setup((void **)&world);
        set(world, cases[i].knob, cases[i].wanted, cases[i].live, cases[i].next);
        g_autoptr(PendingList) list = pending_make(world->plan, world->guest, NULL);
        print_message("%s\n", cases[i].name);
        assert_int_equal(pending_list_size(list), cases[i].pending);
        teardown((void **)&world);
    }
}

static void values_are_told(void **state)
{
    World *world = *state;

    set(world, KNOB_DISK_CACHE, "none", NULL, "writeback");
    set(world, KNOB_DISK_DISCARD, "-", NULL, "unmap");
    g_autoptr(PendingList) list = pending_make(world->plan, world->guest, NULL);
    assert_int_equal(pending_list_size(list), 2);
    const PendingSetting *cache = pending_list_get(list, 0), *discard = pending_list_get(list, 1);
    assert_true(cache->of_policy);
    assert_string_equal(cache->wanted, "none");
    assert_null(cache->live);
    assert_string_equal(cache->next, "writeback");
    assert_string_equal(cache->origin, "p.yaml:3");
    assert_string_equal(pending_expected(cache), "none");
    assert_false(discard->of_policy);
    assert_null(discard->wanted);
    assert_string_equal(pending_expected(discard), "unmap");
}

static void nodeset_waits(void **state)
{
    World *world = *state;

    world->plan->numa_mode = NUMA_STRICT;
    hwloc_bitmap_set(world->plan->numa_nodes, 1);
    g_autoptr(PendingList) list = pending_make(world->plan, world->guest, NULL);
    assert_int_equal(pending_list_size(list), 1);
    assert_string_equal(pending_list_get(list, 0)->wanted, "strict:1");
    assert_null(pending_list_get(list, 0)->live);
    world->plan->numa_live = true;
    assert_false(some_pending(world));
    world->plan->numa_mode = -1;
    assert_false(some_pending(world));
    world->guest->config->numa_mode = NUMA_STRICT;
    world->guest->config->numa_nodeset = cpuset_new_one(0);
    assert_true(some_pending(world));
}

static void guest_left_alone_has_its_edits_only(void **state)
{
    World *world = *state;

    set(world, KNOB_DISK_CACHE, "none", NULL, NULL);
    set(world, KNOB_DISK_DISCARD, "unmap", NULL, "unmap");
    world->plan->result = PLAN_UNMANAGED;
    g_autoptr(PendingList) list = pending_make(world->plan, world->guest, NULL);
    assert_int_equal(pending_list_size(list), 1);
    assert_false(pending_list_get(list, 0)->of_policy);
    assert_int_equal(pending_list_get(list, 0)->key.knob, KNOB_DISK_DISCARD);
}

static void guest_without_two_definitions_has_none(void **state)
{
    World *world = *state;

    set(world, KNOB_DISK_CACHE, "none", NULL, "none");
    g_clear_pointer(&world->guest->live, guest_def_unref);
    assert_false(some_pending(world));
}

/* --- what became of it --- */

static const struct {
    const char *name, *live, *next;
    PendingFate fate;
} fates[] = {
    {"there", "none", "none", PENDING_TOOK_EFFECT},
    {"an old definition", "writeback", "none", PENDING_DID_NOT},
    {"edited once more", "unsafe", "unsafe", PENDING_SUPERSEDED},
    {"edited for the next start only", "none", "unsafe", PENDING_TOOK_EFFECT},
    {"the disk is gone", "-", "-", PENDING_SUPERSEDED},
};

static void fate_is_told(void **state)
{
    (void)state;
    for (unsigned i = 0; i < G_N_ELEMENTS(fates); i++) {
        World *world = NULL;
        setup((void **)&world);
        set(world, KNOB_DISK_CACHE, "-", fates[i].live, fates[i].next);
        g_autoptr(PendingList) list = pending_list_new();
        const SettingKey key = key_of(KNOB_DISK_CACHE, "vda", PLANE_CONFIG);
        PendingSetting *setting = pending_list_add(list, &key);
        setting->of_policy = true;
        setting->wanted = g_strdup("none");
        print_message("%s\n", fates[i].name);
        assert_int_equal(pending_fate(setting, world->guest), fates[i].fate);
        teardown((void **)&world);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_value_is_judged),
        cmocka_unit_test_setup_teardown(refused_values_do_not_wait, setup, teardown),
        cmocka_unit_test(shared_disks_have_no_cache),
        cmocka_unit_test_setup_teardown(values_are_told, setup, teardown),
        cmocka_unit_test_setup_teardown(nodeset_waits, setup, teardown),
        cmocka_unit_test_setup_teardown(guest_left_alone_has_its_edits_only, setup, teardown),
        cmocka_unit_test_setup_teardown(guest_without_two_definitions_has_none, setup, teardown),
        cmocka_unit_test(fate_is_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
