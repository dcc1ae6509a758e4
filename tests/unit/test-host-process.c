/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "host/guest-kernel.h"
#include "host/proc.h"
#include "unit/fake-host.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <signal.h>
#include <unistd.h>

#define UUID "0b5f3c4e-1111-4222-8333-944455556666"
#define OTHER_UUID "0b5f3c4e-1111-4222-8333-900000000000"

static int setup(void **state)
{
    *state = fake_host_new();
    fake_host_put(*state, "/proc/version", "fake");
    return 0;
}

static int teardown(void **state)
{
    fake_host_free(*state);
    return 0;
}

static void add_qemu(const char *root, pid_t pid, const char *uuid, const char *comm)
{
    FakeThread thread = {.tid = pid,
                         .tgid = pid,
                         .comm = comm,
                         .starttime = 1000ULL + (unsigned long long)pid,
                         .cpus = "0"};

    fake_host_add_thread(root, &thread);
    fake_host_add_cmdline(root, pid, uuid);
}

static void assert_found(const char *root, pid_t expected)
{
    pid_t pid = 0;
    uint64_t starttime = 0;

    assert_int_equal(guest_process_find(root, UUID, "g1", &pid, &starttime), HOST_DONE);
    assert_int_equal(pid, expected);
    assert_int_equal(starttime, 1000 + expected);
}

static void assert_not_found(const char *root)
{
    pid_t pid;
    uint64_t starttime;

    assert_int_equal(guest_process_find(root, UUID, "g1", &pid, &starttime), HOST_GONE);
}

static void test_pid_file(void **state)
{
    add_qemu(*state, 70, UUID, "qemu-system-x86");
    add_qemu(*state, 60, UUID, "qemu-system-x86");
    fake_host_put(*state, "/run/libvirt/qemu/g1.pid", "70\n");
    assert_found(*state, 70);
}

static void test_pid_file_of_an_odd_name(void **state)
{
    pid_t pid = 0;
    uint64_t starttime;

    add_qemu(*state, 70, UUID, "qemu-system-x86");
    fake_host_put(*state, "/run/libvirt/qemu/&apos;&lt;a&amp;b&gt;&quot;.pid", "70\n");
    assert_int_equal(guest_process_find(*state, UUID, "'<a&b>\"", &pid, &starttime), HOST_DONE);
    assert_int_equal(pid, 70);
}

/* The file outlived its guest and the pid went to another guest, or to something else. */
static void test_stale_pid_file(void **state)
{
    fake_host_put(*state, "/run/libvirt/qemu/g1.pid", "70\n");
    assert_not_found(*state);
    add_qemu(*state, 70, OTHER_UUID, "qemu-system-x86");
    assert_not_found(*state);
    add_qemu(*state, 71, UUID, "qemu-system-x86");
    assert_found(*state, 71);
}

static void test_odd_pid_files(void **state)
{
    static const char *const texts[] = {"", "x", "-1", "99999999999", "70 71"};

    add_qemu(*state, 71, UUID, "qemu-system-x86");
    for (size_t i = 0; i < G_N_ELEMENTS(texts); i++) {
        fake_host_put(*state, "/run/libvirt/qemu/g1.pid", texts[i]);
        assert_found(*state, 71);
    }
}

static void test_search_prefers_qemu(void **state)
{
    add_qemu(*state, 50, UUID, "wrapper.sh");
    assert_found(*state, 50);
    add_qemu(*state, 51, UUID, "qemu:g1");
    add_qemu(*state, 52, UUID, "wrapper.sh");
    assert_found(*state, 51);
}

/* A command line is memory of its process, and who reads it waits for whoever has that locked: of
 * those that are known to be another guest's it is not asked. */
static void test_search_asks_no_other_guest(void **state)
{
    add_qemu(*state, 70, UUID, "qemu-system-x86");
    fake_host_put(*state, "/run/libvirt/qemu/g2.pid", "70\n");
    fake_host_put(*state, "/run/libvirt/qemu/g3.xml", "71\n");
    assert_not_found(*state);
    add_qemu(*state, 71, UUID, "qemu-system-x86");
    assert_found(*state, 71);
}

static void test_uuid_must_be_the_argument(void **state)
{
    FakeThread thread = {.tid = 50, .tgid = 50, .comm = "qemu-x", .starttime = 1050, .cpus = "0"};

    fake_host_add_thread(*state, &thread);
    fake_host_put(*state, "/proc/50/cmdline", UUID);
    assert_not_found(*state);
    fake_host_put(*state, "/proc/50/cmdline", "-uuid " UUID);
    assert_not_found(*state);
    fake_host_put(*state, "/proc/50/cmdline", "");
    assert_not_found(*state);
}

static void test_zombie_is_gone(void **state)
{
    add_qemu(*state, 70, UUID, "qemu-system-x86");
    fake_host_put(*state, "/proc/70/stat",
                  "70 (qemu) Z 1 1 1 0 -1 4 0 0 0 0 0 0 0 0 20 0 1 0 1070 0 0");
    assert_not_found(*state);
}

static void test_name_is_no_path(void **state)
{
    pid_t pid;
    uint64_t starttime;

    add_qemu(*state, 70, OTHER_UUID, "qemu");
    fake_host_put(*state, "/run/libvirt/secret.pid", "70");
    assert_int_equal(guest_process_find(*state, UUID, "../secret", &pid, &starttime), HOST_GONE);
}

static void test_stat_parse(void **state)
{
    ProcStat stat;
    (void)state;

    assert_true(proc_stat_parse("7 (a) (b c) ) S 1 2 3 4 5 2129984 7 8 9 10 11 12 13 14 15 16 17 "
                                "18 12345678901234 20",
                                &stat));
    assert_string_equal(stat.comm, "a) (b c) ");
    assert_int_equal(stat.state, 'S');
    assert_int_equal(stat.flags, 2129984);
    assert_true(stat.starttime == UINT64_C(12345678901234));
    assert_true(proc_stat_parse("7 () R 1 2 3 4 5 0 7 8 9 10 11 12 13 14 15 16 17 18 19", &stat));
    assert_string_equal(stat.comm, "");
    assert_true(proc_stat_parse("7 (kworker/u16:3-events_unbound) I 1 2 3 4 5 0 7 8 9 10 11 12 13 "
                                "14 15 16 17 18 19 20",
                                &stat));
    assert_string_equal(stat.comm, "kworker/u16:3-e");

    assert_false(proc_stat_parse("", &stat));
    assert_false(proc_stat_parse("7 (x", &stat));
    assert_false(proc_stat_parse("7 )x(", &stat));
    assert_false(proc_stat_parse("7 (x)", &stat));
    assert_false(proc_stat_parse("7 (x) S 1 2 3", &stat));
    assert_false(proc_stat_parse("7 (x) S 1 2 3 4 5 y 7 8 9 10 11 12 13 14 15 16 17 18 19", &stat));
}

static void test_boot_id(void **state)
{
    g_autofree char *id = NULL, *own = NULL;

    assert_int_equal(boot_id_acquire(*state, &id), -ENOENT);
    fake_host_put(*state, "/proc/sys/kernel/random/boot_id", "abc-def\n");
    assert_int_equal(boot_id_acquire(*state, &id), 0);
    assert_string_equal(id, "abc-def");
    assert_int_equal(boot_id_acquire("", &own), 0);
    assert_int_equal(strlen(own), 36);
}

static void test_real_process(void **state)
{
    ProcStat stat;
    (void)state;

    assert_int_equal(proc_stat_acquire("", getpid(), &stat), HOST_DONE);
    assert_int_equal(proc_verify("", getpid(), stat.starttime), HOST_DONE);
    assert_int_equal(proc_verify("", getpid(), stat.starttime + 1), HOST_GONE);
    assert_int_equal(proc_verify("", 0x3fffffff, 1), HOST_GONE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_pid_file, setup, teardown),
        cmocka_unit_test_setup_teardown(test_pid_file_of_an_odd_name, setup, teardown),
        cmocka_unit_test_setup_teardown(test_stale_pid_file, setup, teardown),
        cmocka_unit_test_setup_teardown(test_odd_pid_files, setup, teardown),
        cmocka_unit_test_setup_teardown(test_search_prefers_qemu, setup, teardown),
        cmocka_unit_test_setup_teardown(test_search_asks_no_other_guest, setup, teardown),
        cmocka_unit_test_setup_teardown(test_uuid_must_be_the_argument, setup, teardown),
        cmocka_unit_test_setup_teardown(test_zombie_is_gone, setup, teardown),
        cmocka_unit_test_setup_teardown(test_name_is_no_path, setup, teardown),
        cmocka_unit_test(test_stat_parse),
        cmocka_unit_test_setup_teardown(test_boot_id, setup, teardown),
        cmocka_unit_test(test_real_process),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
