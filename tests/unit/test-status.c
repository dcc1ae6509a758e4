/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "common/world.h"
#include "model/status.h"

#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

static void test_state_names(void **state)
{
    static const struct {
        GuestState state;
        const char *name;
    } names[] = {
        {GUEST_OFF, "off"},
        {GUEST_AS_PLANNED, "as-planned"},
        {GUEST_PENDING, "pending"},
        {GUEST_DRIFTED, "drifted"},
        {GUEST_CONTESTED, "contested"},
        {GUEST_COLD_PENDING, "cold-pending"},
        {GUEST_NOT_EXCLUSIVE, "not-exclusive"},
        {GUEST_REFUSED, "refused"},
        {GUEST_UNMANAGED, "unmanaged"},
        {GUEST_RELEASED, "released"},
        {GUEST_BUSY, "busy"},
        {GUEST_STUCK, "stuck"},
        {GUEST_FAILED, "failed"},
    };
    (void)state;

    for (size_t i = 0; i < G_N_ELEMENTS(names); i++)
        assert_string_equal(guest_state_name(names[i].state), names[i].name);
}

static void test_find(void **state)
{
    g_autoptr(Snapshot) snapshot = snapshot_new();
    (void)state;

    assert_null(snapshot_find(snapshot, "a"));
    /* The first guest is named like the second one's uuid. */
    g_ptr_array_add(snapshot->guests, guest_status_new("u1", "u2"));
    g_ptr_array_add(snapshot->guests, guest_status_new("u2", "b"));
    assert_string_equal(snapshot_find(snapshot, "u2")->name, "b");
    assert_string_equal(snapshot_find(snapshot, "u1")->name, "u2");
    assert_string_equal(snapshot_find(snapshot, "b")->uuid, "u2");
    assert_null(snapshot_find(snapshot, "c"));
}

/* Everything a snapshot owns goes with it: for the leak checkers. */
static void test_full_snapshot_is_freed(void **state)
{
    Snapshot *snapshot = snapshot_new();
    GuestStatus *status = guest_status_new("u", "n");
    (void)state;

    assert_int_equal(change_set_size(status->left), 0);
    assert_int_equal(diag_list_count(snapshot->policy_diags, DIAG_ERROR), 0);
    status->text = g_strdup("t");
    status->guest = world_guest("n", 1, 1, 1024, true);
    status->policy = g_atomic_rc_box_new0(GuestPolicy);
    status->plan = guest_plan_new();
    status->intruders = g_strsplit("a,b", ",", -1);
    g_ptr_array_add(snapshot->guests, status);
    snapshot->topo = world_topo(1, 1, 1, 1, 1);
    snapshot->policy = policy_new();
    snapshot->plan = plan_new();
    snapshot->record_problem = g_strdup("full");
    snapshot_free(snapshot);
    snapshot_free(NULL);
    guest_status_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_state_names),
        cmocka_unit_test(test_find),
        cmocka_unit_test(test_full_snapshot_is_freed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
