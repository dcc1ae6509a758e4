/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What objects of the bus show and tell: the daemon's tables at one end of a socket, a client at
 * the other, and no bus between them. */
#include "daemon/bus.h"

#include "daemon/gate.h"
#include "daemon/host-state.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <systemd/sd-id128.h>

#include <cmocka.h>

#define UUID "0b5f3c4e-1111-4222-8333-944455556666"
#define GUEST_PATH VMTUNED_BUS_GUEST_PATH "/0b5f3c4e_1111_4222_8333_944455556666"

typedef struct Stage {
    Manager manager;
    Managed *managed;
    sd_bus *client;
    GString *told; /* signals, one a line: "Member path: names" */
} Stage;

/* --- two ends --- */

static void pump(Stage *stage)
{
    bool again = true;

    while (again) {
        int here = sd_bus_process(stage->manager.bus, NULL);
        int there = sd_bus_process(stage->client, NULL);
        assert_true(here >= 0 && there >= 0);
        again = here > 0 || there > 0;
    }
}

static int name_compare(gconstpointer a, gconstpointer b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Names of the properties of a PropertiesChanged, sorted. */
static void append_names(GString *told, sd_bus_message *message)
{
    g_autoptr(GPtrArray) names = g_ptr_array_new();
    const char *name;

    assert_true(sd_bus_message_skip(message, "s") >= 0);
    assert_true(sd_bus_message_enter_container(message, 'a', "{sv}") >= 0);
    while (sd_bus_message_enter_container(message, 'e', "sv") > 0) {
        assert_true(sd_bus_message_read(message, "s", &name) > 0);
        g_ptr_array_add(names, (gpointer)name);
        assert_true(sd_bus_message_skip(message, "v") >= 0);
        assert_true(sd_bus_message_exit_container(message) >= 0);
    }
    g_ptr_array_sort(names, name_compare);
    for (guint i = 0; i < names->len; i++)
        g_string_append_printf(told, " %s", (const char *)g_ptr_array_index(names, i));
}

static int on_message(sd_bus_message *message, void *data, sd_bus_error *reterr)
{
    Stage *stage = data;
    const char *member = sd_bus_message_get_member(message), *path;

    (void)reterr;
    if (!sd_bus_message_is_signal(message, NULL, NULL))
        return 0;
    g_string_append_printf(stage->told, "%s", member);
    if (g_str_equal(member, "PropertiesChanged")) {
        g_string_append_printf(stage->told, " %s:", sd_bus_message_get_path(message));
        append_names(stage->told, message);
    } else if (sd_bus_message_read(message, "o", &path) > 0) {
        g_string_append_printf(stage->told, " %s", path);
    }
    g_string_append_c(stage->told, '\n');
    return 0;
}

static void assert_told(Stage *stage, const char *wanted)
{
    pump(stage);
    assert_string_equal(stage->told->str, wanted);
    g_string_truncate(stage->told, 0);
}

static int on_reply(sd_bus_message *message, void *data, sd_bus_error *reterr)
{
    (void)reterr;
    *(sd_bus_message **)data = sd_bus_message_ref(message);
    return 0;
}

/* Of org.freedesktop.DBus.Properties.Get, or its error. */
static sd_bus_message *get(Stage *stage, const char *path, const char *interface, const char *name)
{
    sd_bus_message *reply = NULL;

    assert_true(sd_bus_call_method_async(stage->client, NULL, NULL, path,
                                         "org.freedesktop.DBus.Properties", "Get", on_reply, &reply,
                                         "ss", interface, name) >= 0);
    pump(stage);
    assert_non_null(reply);
    return reply;
}

static void open_ends(Stage *stage)
{
    const sd_id128_t id = {.bytes = {1}};
    int fds[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds), 0);
    assert_true(sd_bus_new(&stage->manager.bus) >= 0);
    assert_true(sd_bus_set_fd(stage->manager.bus, fds[0], fds[0]) >= 0);
    assert_true(sd_bus_set_server(stage->manager.bus, true, id) >= 0);
    assert_true(sd_bus_set_anonymous(stage->manager.bus, true) >= 0);
    assert_true(sd_bus_start(stage->manager.bus) >= 0);
    assert_true(sd_bus_new(&stage->client) >= 0);
    assert_true(sd_bus_set_fd(stage->client, fds[1], fds[1]) >= 0);
    assert_true(sd_bus_set_anonymous(stage->client, true) >= 0);
    assert_true(sd_bus_start(stage->client) >= 0);
    assert_true(sd_bus_add_filter(stage->client, NULL, on_message, stage) >= 0);
}

static int setup(void **state)
{
    Stage *stage = g_new0(Stage, 1);
    Manager *manager = &stage->manager;

    stage->told = g_string_new(NULL);
    stage->managed = managed_new(UUID, "db1");
    manager->policy = policy_new();
    manager->policy_diags = diag_list_new();
    manager->host = host_state_new();
    manager->restarts = g_ptr_array_new();
    manager->moves = g_ptr_array_new();
    manager->jobs = jobs_new();
    manager->guests = g_ptr_array_new_with_free_func((GDestroyNotify)managed_free);
    manager->by_uuid = g_hash_table_new(g_str_hash, g_str_equal);
    g_ptr_array_add(manager->guests, stage->managed);
    g_hash_table_insert(manager->by_uuid, stage->managed->uuid, stage->managed);
    manager->gate = gate_new();
    bus_manager_show(manager);
    open_ends(stage);
    assert_true(bus_serve(manager) >= 0);
    assert_told(stage, "");
    *state = stage;
    return 0;
}

static int teardown(void **state)
{
    Stage *stage = *state;
    Manager *manager = &stage->manager;

    gate_free(manager->gate);
    sd_bus_close_unref(stage->client);
    sd_bus_close_unref(manager->bus);
    g_ptr_array_unref(manager->jobs);
    g_hash_table_unref(manager->by_uuid);
    g_ptr_array_unref(manager->guests);
    g_ptr_array_unref(manager->moves);
    g_ptr_array_unref(manager->restarts);
    host_state_free(manager->host);
    diag_list_free(manager->policy_diags);
    policy_unref(manager->policy);
    g_variant_unref(manager->shown);
    g_string_free(stage->told, TRUE);
    g_free(stage);
    return 0;
}

/* --- tests --- */

static void guests_are_announced(void **state)
{
    Stage *stage = *state;

    assert_null(bus_guest_find(&stage->manager, GUEST_PATH));
    bus_guest_show(&stage->manager, stage->managed);
    assert_told(stage, "InterfacesAdded " GUEST_PATH "\n");
    assert_ptr_equal(bus_guest_find(&stage->manager, GUEST_PATH), stage->managed);
    bus_guest_hide(&stage->manager, stage->managed);
    assert_told(stage, "InterfacesRemoved " GUEST_PATH "\n");
    bus_guest_hide(&stage->manager, stage->managed);
    assert_told(stage, "");
}

static void only_what_differs_is_told(void **state)
{
    Stage *stage = *state;

    bus_guest_show(&stage->manager, stage->managed);
    assert_told(stage, "InterfacesAdded " GUEST_PATH "\n");
    bus_guest_show(&stage->manager, stage->managed);
    assert_told(stage, "");
    stage->managed->drift_count++;
    bus_guest_show(&stage->manager, stage->managed);
    assert_told(stage, "PropertiesChanged " GUEST_PATH ": DriftCount\n");
    bus_manager_show(&stage->manager);
    assert_told(stage, "");
    stage->manager.connected = true;
    bus_manager_show(&stage->manager);
    assert_told(stage, "PropertiesChanged " VMTUNED_BUS_PATH ": Connected\n");
}

/* What was told last, be it another by now. */
static void what_is_read_is_what_was_told(void **state)
{
    Stage *stage = *state;
    unsigned count = 9;

    bus_guest_show(&stage->manager, stage->managed);
    stage->managed->drift_count = 5;
    g_autoptr(sd_bus_message) before = get(stage, GUEST_PATH, VMTUNED_BUS_GUEST, "DriftCount");
    assert_true(sd_bus_message_read(before, "v", "u", &count) > 0);
    assert_int_equal(count, 0);
    bus_guest_show(&stage->manager, stage->managed);
    g_autoptr(sd_bus_message) after = get(stage, GUEST_PATH, VMTUNED_BUS_GUEST, "DriftCount");
    assert_true(sd_bus_message_read(after, "v", "u", &count) > 0);
    assert_int_equal(count, 5);
}

/* The bus would throw out who sends anything else. */
static void words_that_are_no_utf8_are_shown(void **state)
{
    Stage *stage = *state;
    const char *text = NULL;

    stage->managed->text = g_strdup("contested: likely \xff\xfe (PID 812)");
    bus_guest_show(&stage->manager, stage->managed);
    assert_told(stage, "InterfacesAdded " GUEST_PATH "\n");
    g_autoptr(sd_bus_message) reply = get(stage, GUEST_PATH, VMTUNED_BUS_GUEST, "Text");
    assert_true(sd_bus_message_read(reply, "v", "s", &text) > 0);
    assert_non_null(strstr(text, "(PID 812)"));
}

static void other_paths_are_nobody(void **state)
{
    static const char *const paths[] = {
        VMTUNED_BUS_GUEST_PATH "/nobody", VMTUNED_BUS_GUEST_PATH,      GUEST_PATH "/more",
        VMTUNED_BUS_JOB_PATH "/0",        VMTUNED_BUS_JOB_PATH "/01",  VMTUNED_BUS_JOB_PATH "/2",
        VMTUNED_BUS_JOB_PATH "/1/1",      VMTUNED_BUS_JOB_PATH "/one",
    };
    Stage *stage = *state;

    bus_guest_show(&stage->manager, stage->managed);
    assert_int_equal(job_begin(&stage->manager, JOB_APPLY, NULL, NULL), 1);
    for (unsigned i = 0; i < G_N_ELEMENTS(paths); i++) {
        bool is_job = g_str_has_prefix(paths[i], VMTUNED_BUS_JOB_PATH);
        g_autoptr(sd_bus_message) reply = get(
            stage, paths[i], is_job ? VMTUNED_BUS_JOB : VMTUNED_BUS_GUEST, is_job ? "Id" : "Name");
        assert_true(sd_bus_message_is_method_error(reply, NULL));
    }
}

static void jobs_tell_phases_at_once_and_progress_slowly(void **state)
{
    Stage *stage = *state;
    const JobProgress first = {.phase = "one", .done = 1, .total = 9},
                      more = {.phase = "one", .done = 2, .total = 9},
                      next = {.phase = "two", .done = 3, .total = 9};

    uint64_t id = job_begin(&stage->manager, JOB_APPLY, (const char *const[]){UUID, NULL}, ":1.7");
    assert_told(stage, "InterfacesAdded " VMTUNED_BUS_JOB_PATH "/1\nJobNew\n");
    job_progress(&stage->manager, id, &first);
    assert_told(stage, "PropertiesChanged " VMTUNED_BUS_JOB_PATH "/1: Done Phase Total\n");
    /* as if no time went by, and as if enough did */
    job_find(&stage->manager, id)->shown_usec = g_get_monotonic_time() + G_USEC_PER_SEC;
    job_progress(&stage->manager, id, &more);
    assert_told(stage, "");
    job_find(&stage->manager, id)->shown_usec -= 2 * G_USEC_PER_SEC + JOB_SHOW_USEC;
    job_progress(&stage->manager, id, &more);
    assert_told(stage, "PropertiesChanged " VMTUNED_BUS_JOB_PATH "/1: Done\n");
    job_find(&stage->manager, id)->shown_usec = g_get_monotonic_time() + G_USEC_PER_SEC;
    job_progress(&stage->manager, id, &next);
    assert_told(stage, "PropertiesChanged " VMTUNED_BUS_JOB_PATH "/1: Done Phase\n");
    job_end(&stage->manager, id, JOB_DONE);
    assert_told(stage, "JobRemoved\nInterfacesRemoved " VMTUNED_BUS_JOB_PATH "/1\n");
    job_end(&stage->manager, id, JOB_DONE);
    job_progress(&stage->manager, id, &next);
    assert_told(stage, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(guests_are_announced, setup, teardown),
        cmocka_unit_test_setup_teardown(only_what_differs_is_told, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_read_is_what_was_told, setup, teardown),
        cmocka_unit_test_setup_teardown(words_that_are_no_utf8_are_shown, setup, teardown),
        cmocka_unit_test_setup_teardown(other_paths_are_nobody, setup, teardown),
        cmocka_unit_test_setup_teardown(jobs_tell_phases_at_once_and_progress_slowly, setup,
                                        teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
