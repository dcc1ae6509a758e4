/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Commands for people, in the log and in its catalog, call a guest by what nothing in a name can
 * turn into another command. */
#include "daemon/manager.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define UUID "0b5f3c4e-1111-4222-8333-944455556666"

static char *told;

static void remember(LogLevel level, const char *message_id, const LogField *fields,
                     const char *message)
{
    (void)level;
    (void)message_id;
    (void)fields;
    g_free(told);
    told = g_strdup(message);
}

static void assert_resumed_as(const char *name, const char *called)
{
    const SettingKey key = {.knob = KNOB_VCPU_PIN, .plane = PLANE_LIVE};
    Managed *managed = managed_new(UUID, name);
    g_autofree char *command = g_strdup_printf("\"vmtuned-ctl resume %s\"", called);

    contest_give_up(managed->contest, &key);
    contest_find(managed->contest, &key)->rival = g_strdup("somebody");
    journal_log_contested(managed);
    assert_true(g_str_has_suffix(told, command));
    managed_free(managed);
}

static void a_contested_guest(void **state)
{
    (void)state;
    log_set_sink(remember);
    assert_resumed_as("db-1", "db-1");
    assert_resumed_as("db\"; reboot; \"", UUID);
    assert_resumed_as("--all", UUID);
    log_set_sink(NULL);
    g_clear_pointer(&told, g_free);
}

static void commands_of_the_catalog(void **state)
{
    g_autofree char *catalog = NULL;
    unsigned n = 0;

    (void)state;
    assert_true(g_file_get_contents("systemd/vmtuned.catalog", &catalog, NULL, NULL));
    g_auto(GStrv) quoted = g_strsplit(catalog, "\"", -1);
    for (unsigned i = 1; quoted[i - 1] && quoted[i]; i += 2) {
        assert_null(strstr(quoted[i], "VMTUNED_GUEST"));
        n += strstr(quoted[i], "@VMTUNED_UUID@") != NULL;
    }
    assert_true(n > 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_contested_guest),
        cmocka_unit_test(commands_of_the_catalog),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
