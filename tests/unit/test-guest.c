/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "common/world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

static void test_new(void **state)
{
    g_autoptr(GuestDef) def = guest_def_new();
    g_autoptr(GuestKernel) kernel = guest_kernel_new();
    (void)state;

    assert_cpus(def->vcpus, "");
    assert_cpus(def->iothreads, "");
    assert_null(def->vcpu_cpuset);
    assert_int_equal(def->numa_mode, -1);
    assert_int_equal(def->shares, -1);
    assert_int_equal(def->vcpu_quota, -1);
    assert_int_equal(kernel->cpu_shares, -1);
    guest_def_unref(NULL);
    guest_kernel_unref(NULL);
    guest_unref(NULL);
}

static GuestPin *make_pins(unsigned first_id)
{
    GuestPin *pins = g_new0(GuestPin, 2);

    pins[0] = (GuestPin){first_id, world_cpus("4")};
    pins[1] = (GuestPin){first_id + 2, world_cpus("5-6")};
    return pins;
}

static void test_pins(void **state)
{
    g_autoptr(GuestDef) def = guest_def_new();
    (void)state;

    assert_null(guest_def_vcpu_pin(def, 0));
    def->vcpu_pins = make_pins(0);
    def->n_vcpu_pins = 2;
    def->iothread_pins = make_pins(1);
    def->n_iothread_pins = 2;
    assert_cpus(guest_def_vcpu_pin(def, 0), "4");
    assert_null(guest_def_vcpu_pin(def, 1));
    assert_cpus(guest_def_vcpu_pin(def, 2), "5-6");
    assert_cpus(guest_def_iothread_pin(def, 3), "5-6");
    assert_null(guest_def_iothread_pin(def, 0));
}

/* What two guests have in common is there once, and stays as long as one of them has it. */
static void test_definitions_share(void **state)
{
    const SettingKey key = {KNOB_CPU_WEIGHT, 0, PLANE_LIVE, 0, 0, ""};
    GuestDef *first = world_def("a", 1, 4, 1024);
    g_autoptr(GuestDef) second = world_def("b", 2, 4, 1024);
    (void)state;

    setting_list_add(first->knobs, &key, "50", NULL, NULL);
    setting_list_add(second->knobs, &key, "50", NULL, NULL);
    guest_def_share(first);
    guest_def_share(second);
    assert_ptr_equal(first->vcpus, second->vcpus);
    assert_ptr_equal(first->knobs->items, second->knobs->items);
    guest_def_unref(first);
    assert_cpus(second->vcpus, "0-3");
    assert_string_equal(setting_list_find(second->knobs, &key)->value, "50");
}

/* Everything a definition owns goes with it: for the leak checkers. */
static void test_full_definition_is_freed(void **state)
{
    g_autoptr(GuestDef) def = world_def("g", 1, 4, 1024);
    (void)state;

    def->title = g_strdup("t");
    def->label = g_strdup("l");
    def->partition = g_strdup("/p");
    def->os = g_strdup("o");
    def->vcpu_cpuset = world_cpus("0");
    def->emulator_pin = world_cpus("0");
    def->numa_nodeset = world_cpus("0");
    def->n_cells = def->n_hugepages = def->n_disks = def->n_nics = 1;
    def->cells = g_new0(GuestCell, 1);
    def->cells[0].vcpus = world_cpus("0-3");
    def->hugepages = g_new0(GuestHugePages, 1);
    def->hugepages[0].cells = world_cpus("0");
    def->disks = g_new0(GuestDisk, 1);
    def->disks[0] = (GuestDisk){.target = g_strdup("vda"),
                                .bus = g_strdup("virtio"),
                                .type = g_strdup("file"),
                                .device = g_strdup("disk"),
                                .source = g_strdup("/i"),
                                .driver = g_strdup("raw")};
    def->nics = g_new0(GuestNic, 1);
    def->nics[0] = (GuestNic){.mac = g_strdup("52:54:00:00:00:01"),
                              .alias = g_strdup("net0"),
                              .type = g_strdup("hostdev"),
                              .model = g_strdup("virtio"),
                              .pci = g_strdup("0000:03:00.0"),
                              .host = g_strdup("eth0")};
    def->hostdevs = g_strsplit("0000:03:00.0", ",", -1);

    GuestDef *same = guest_def_ref(def);
    assert_ptr_equal(same, def);
    guest_def_unref(same);
    assert_string_equal(def->disks[0].target, "vda");
}

static GuestKernel *make_kernel(void)
{
    GuestKernel *kernel = guest_kernel_new();

    kernel->cgroup = g_strdup("/machine.slice/g");
    kernel->allowed = world_cpus("0-7");
    kernel->allowed_mems = world_cpus("0");
    guest_kernel_set_memory(kernel, (const uint64_t[]){91, 9, 0}, 3);
    kernel->n_threads = 3;
    kernel->threads = g_new0(GuestThread, 3);
    kernel->threads[0].affinity = world_cpus("0-1");
    kernel->threads[1].affinity = world_cpus("4");
    kernel->n_cgroups = 4;
    kernel->cgroups = g_new0(GuestCgroup, 4);
    kernel->cgroups[0] = (GuestCgroup){.home = HOME_EMULATOR,
                                       .cpus = world_cpus("0-7"),
                                       .cpus_effective = world_cpus("0-7"),
                                       .mems = world_cpus("0")};
    kernel->cgroups[1] = (GuestCgroup){.home = HOME_VCPU, .home_id = 0, .cpus = world_cpus("2")};
    kernel->cgroups[2] = (GuestCgroup){.home = HOME_VCPU, .home_id = 5, .cpus = world_cpus("3")};
    kernel->cgroups[3] = (GuestCgroup){.home = HOME_IOTHREAD, .home_id = 1};
    return kernel;
}

static void test_kernel(void **state)
{
    g_autoptr(GuestKernel) kernel = make_kernel();
    g_autoptr(GuestKernel) same = guest_kernel_ref(kernel);
    (void)state;

    assert_cpus(guest_kernel_cgroup(same, HOME_EMULATOR, 0)->cpus, "0-7");
    assert_cpus(guest_kernel_cgroup(same, HOME_VCPU, 5)->cpus, "3");
    assert_int_equal(guest_kernel_cgroup(same, HOME_IOTHREAD, 1)->home, HOME_IOTHREAD);
    assert_null(guest_kernel_cgroup(same, HOME_VCPU, 1));
    assert_null(guest_kernel_cgroup(same, HOME_EMULATOR, 1));

    g_autoptr(CpuSet) affinity = guest_kernel_affinity(same);
    assert_cpus(affinity, "0-1,4");

    g_autoptr(GuestKernel) bare = guest_kernel_new();
    assert_null(guest_kernel_cgroup(bare, HOME_VCPU, 0));
    g_autoptr(CpuSet) none = guest_kernel_affinity(bare);
    assert_cpus(none, "");
}

static void test_kernel_memory(void **state)
{
    g_autoptr(GuestKernel) kernel = make_kernel();
    (void)state;

    assert_cpus(kernel->memory_nodes, "0");
    assert_cpus(kernel->memory_nodes_any, "0-1");
    assert_int_equal(kernel->n_memory_kib, 2);
    assert_int_equal(guest_kernel_memory_on(kernel, 1), 9);
    assert_int_equal(guest_kernel_memory_on(kernel, 2), 0);
    guest_kernel_set_memory(kernel, (const uint64_t[]){0, 0, 5}, 3);
    assert_cpus(kernel->memory_nodes, "2");
    assert_cpus(kernel->memory_nodes_any, "2");
    guest_kernel_set_memory(kernel, (const uint64_t[]){0}, 1);
    assert_null(kernel->memory_kib);
    assert_null(kernel->memory_nodes);
    assert_null(kernel->memory_nodes_any);
    assert_int_equal(guest_kernel_memory_on(kernel, 0), 0);
}

static void test_guest(void **state)
{
    g_autoptr(Guest) off = world_guest("a", 1, 2, 1024, false);
    g_autoptr(Guest) on = world_guest("b", 2, 2, 1024, true);
    g_autoptr(Guest) same = guest_ref(on);
    (void)state;

    assert_ptr_equal(guest_def(off), off->config);
    g_clear_pointer(&on->config, guest_def_unref);
    assert_ptr_equal(guest_def(same), on->live);
    on->kernel = make_kernel();
    assert_string_equal(same->name, "b");
    assert_string_equal(same->uuid, "11111111-2222-3333-4444-000000000002");
}

static void test_class_names(void **state)
{
    (void)state;
    assert_string_equal(thread_class_name(THREAD_VCPU), "vcpu");
    assert_string_equal(thread_class_name(THREAD_EMULATOR), "emulator");
    assert_string_equal(thread_class_name(THREAD_IOTHREAD), "iothread");
    assert_string_equal(thread_class_name(THREAD_VHOST), "vhost");
    assert_string_equal(thread_class_name(THREAD_HELPER), "helper");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_new),
        cmocka_unit_test(test_pins),
        cmocka_unit_test(test_definitions_share),
        cmocka_unit_test(test_full_definition_is_freed),
        cmocka_unit_test(test_kernel),
        cmocka_unit_test(test_kernel_memory),
        cmocka_unit_test(test_guest),
        cmocka_unit_test(test_class_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
