/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "common/world.h"
#include "host/guest-kernel.h"
#include "host/ram.h"
#include "host/residency.h"
#include "unit/fake-host.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#define PID 100
#define KTHREAD 0x00200000u
#define FIXED 0x04000000u
#define V1_CPUSET "/sys/fs/cgroup/cpuset/machine/qemu-1-g1.libvirt-qemu"
#define V1_CPU "/sys/fs/cgroup/cpu,cpuacct/machine/qemu-1-g1.libvirt-qemu"
#define V1_MEMORY "/sys/fs/cgroup/memory/machine/qemu-1-g1.libvirt-qemu"
#define V2_SCOPE "/sys/fs/cgroup/machine.slice/machine-qemu\\x2d1\\x2dg1.scope"

static int setup(void **state)
{
    *state = fake_host_new();
    return 0;
}

static int teardown(void **state)
{
    fake_host_free(*state);
    return 0;
}

/* Owner 0: a thread of QEMU. */
static void add_thread(const char *root, pid_t tid, pid_t tgid, const char *comm, unsigned flags)
{
    FakeThread thread = {.tid = tid,
                         .tgid = tgid ? tgid : PID,
                         .comm = comm,
                         .flags = flags,
                         .starttime = 5000ULL + (unsigned long long)tid,
                         .cpus = "0-3"};

    fake_host_add_thread(root, &thread);
}

static void put_in(const char *root, const char *dir, const char *file, const char *text)
{
    g_autofree char *path = g_strconcat(dir, "/", file, NULL);

    fake_host_put(root, path, text);
}

/* Main, worker, monitor, one vCPU with a kernel helper, one IOThread with a worker, vhost in both
 * forms, a TPM. */
static void add_threads(const char *root)
{
    add_thread(root, PID, 0, "qemu-system-x86", 0);
    add_thread(root, 101, 0, "CPU 0/KVM", 0);
    add_thread(root, 102, 0, "IO iothread1", 0);
    add_thread(root, 103, 0, "IO mon_iothread", 0);
    add_thread(root, 104, 0, "worker", 0);
    add_thread(root, 105, 0, "vhost-100", 0);
    add_thread(root, 106, 0, "odd) S 1 (CPU 0", 0);
    add_thread(root, 107, 0, "worker", 0);
    add_thread(root, 90, 90, "vhost-100", KTHREAD);
    add_thread(root, 91, 91, "kvm-nx-lpage-re", KTHREAD);
    add_thread(root, 92, 92, "kvm-pit/100", KTHREAD | FIXED);
    add_thread(root, 80, 80, "swtpm", 0);
    add_thread(root, 81, 80, "vhost-fake", 0);
}

static void add_v1(const char *root)
{
    fake_host_add_mounts_v1(root);
    add_threads(root);
    fake_host_put(root, "/proc/100/cgroup",
                  "10:memory:/machine/qemu-1-g1.libvirt-qemu\n"
                  "9:cpuset:/machine/qemu-1-g1.libvirt-qemu/emulator\n"
                  "2:cpu,cpuacct:/machine/qemu-1-g1.libvirt-qemu/emulator\n"
                  "1:name=systemd:/\n0::/\n");
    put_in(root, V1_CPUSET, "emulator/tasks", "100\n103\n104\n105\n106\n90\n92\n80\n81\n");
    put_in(root, V1_CPUSET, "emulator/cpuset.cpus", "0-1\n");
    put_in(root, V1_CPUSET, "emulator/cpuset.effective_cpus", "0\n");
    put_in(root, V1_CPUSET, "emulator/cpuset.mems", "0-1\n");
    put_in(root, V1_CPUSET, "vcpu0/tasks", "101\n91\n");
    put_in(root, V1_CPUSET, "vcpu0/cpuset.cpus", "2\n");
    put_in(root, V1_CPUSET, "vcpu0/cpuset.effective_cpus", "2\n");
    put_in(root, V1_CPUSET, "vcpu0/cpuset.mems", "1\n");
    put_in(root, V1_CPUSET, "iothread1/tasks", "102\n107\n");
    put_in(root, V1_CPUSET, "iothread1/cpuset.cpus", "0-3\n");
    put_in(root, V1_CPUSET, "cpuset.cpus", "0-3\n");
    put_in(root, V1_CPUSET, "cpuset.effective_cpus", "0-3\n");
    put_in(root, "/sys/fs/cgroup/cpuset/machine", "cpuset.effective_cpus", "0-7\n");
    put_in(root, "/sys/fs/cgroup/cpuset/machine", "cpuset.effective_mems", "0-1\n");
    put_in(root, V1_CPU, "cpu.shares", "2048\n");
    put_in(root, V1_CPU, "vcpu0/cpu.cfs_quota_us", "50000\n");
    put_in(root, V1_CPU, "vcpu0/cpu.cfs_period_us", "100000\n");
    put_in(root, V1_CPU, "iothread1/cpu.cfs_quota_us", "-1\n");
    put_in(root, V1_CPU, "iothread1/cpu.cfs_period_us", "100000\n");
    put_in(root, V1_MEMORY, "memory.numa_stat",
           "total=1000 N0=900 N1=100\nfile=900 N0=900 N1=0\nanon=0 N0=0 N1=0\n"
           "unevictable=0 N0=0 N1=0\nhierarchical_total=1000 N0=900 N1=100\n"
           "hierarchical_file=900 N0=900 N1=0\nhierarchical_anon=1005 N0=5 N1=1000\n"
           "hierarchical_unevictable=0 N0=0 N1=0\n");
}

/* dir: the directory that holds emulator/ and the like. */
static void add_v2(const char *root, const char *nested)
{
    g_autofree char *dir = g_strconcat(V2_SCOPE, nested, NULL);
    g_autofree char *line = g_strconcat("0::", dir + strlen("/sys/fs/cgroup"), "/emulator\n", NULL);

    fake_host_add_mounts_v2(root);
    add_threads(root);
    fake_host_put(root, "/proc/100/cgroup", line);
    put_in(root, dir, "emulator/cgroup.threads", "100\n103\n104\n105\n106\n90\n92\n80\n81\n0\n");
    put_in(root, dir, "emulator/cpuset.cpus", "0-1\n");
    put_in(root, dir, "emulator/cpuset.cpus.effective", "0-1\n");
    put_in(root, dir, "emulator/cpuset.mems", "\n");
    put_in(root, dir, "emulator/cpu.max", "max 100000\n");
    put_in(root, dir, "vcpu0/cgroup.threads", "101\n91\n");
    put_in(root, dir, "vcpu0/cpuset.cpus", "2\n");
    put_in(root, dir, "vcpu0/cpuset.cpus.effective", "2\n");
    put_in(root, dir, "vcpu0/cpu.max", "150000 50000\n");
    put_in(root, dir, "vcpu10/cgroup.threads", "");
    put_in(root, dir, "vcpu10/cpuset.cpus", "7\n");
    put_in(root, dir, "iothread1/cgroup.threads", "102\n107\n");
    put_in(root, dir, "iothread1/cpuset.cpus", "\n");
    put_in(root, V2_SCOPE, "cpu.weight", "250\n");
    put_in(root, V2_SCOPE, "memory.numa_stat",
           "anon N0=1048576 N1=0\nfile N0=0 N1=99999999\nkernel_stack N0=1 N1=1\n"
           "shmem N0=4096 N1=1048576\nanon_thp N0=9 N1=9\n");
    put_in(root, V2_SCOPE, "cpuset.cpus.effective", "0-3\n");
    put_in(root, "/sys/fs/cgroup/machine.slice", "cpuset.cpus.effective", "0-7\n");
    put_in(root, "/sys/fs/cgroup/machine.slice", "cpuset.mems.effective", "0-1\n");
}

static GuestKernel *acquire(const char *root)
{
    GuestKernel *kernel = NULL;

    assert_int_equal(guest_kernel_acquire(root, PID, 5000 + PID, NULL, &kernel), HOST_DONE);
    return kernel;
}

static const GuestThread *thread_of(const GuestKernel *kernel, pid_t tid)
{
    for (unsigned i = 0; i < kernel->n_threads; i++)
        if (kernel->threads[i].tid == tid)
            return &kernel->threads[i];
    fail_msg("no thread %d", (int)tid);
    return NULL;
}

static void assert_thread(const GuestKernel *kernel, pid_t tid, ThreadClass thread_class,
                          ThreadHome home, unsigned home_id)
{
    const GuestThread *thread = thread_of(kernel, tid);

    if (thread->thread_class != thread_class || thread->home != home || thread->home_id != home_id)
        fail_msg("thread %d (%s) is %s, home %d %u", (int)tid, thread->comm,
                 thread_class_name(thread->thread_class), (int)thread->home, thread->home_id);
    assert_int_equal(thread->starttime, 5000 + tid);
    assert_cpus(thread->affinity, "0-3");
}

static void assert_all_classes(const GuestKernel *kernel)
{
    assert_int_equal(kernel->n_threads, 13);
    assert_thread(kernel, PID, THREAD_EMULATOR, HOME_EMULATOR, 0);
    assert_thread(kernel, 101, THREAD_VCPU, HOME_VCPU, 0);
    assert_thread(kernel, 102, THREAD_IOTHREAD, HOME_IOTHREAD, 1);
    assert_thread(kernel, 103, THREAD_EMULATOR, HOME_EMULATOR, 0);
    assert_thread(kernel, 104, THREAD_EMULATOR, HOME_EMULATOR, 0);
    assert_thread(kernel, 105, THREAD_VHOST, HOME_EMULATOR, 0);
    assert_thread(kernel, 106, THREAD_EMULATOR, HOME_EMULATOR, 0);
    assert_thread(kernel, 107, THREAD_HELPER, HOME_IOTHREAD, 1);
    assert_thread(kernel, 90, THREAD_VHOST, HOME_EMULATOR, 0);
    assert_thread(kernel, 91, THREAD_HELPER, HOME_VCPU, 0);
    assert_thread(kernel, 92, THREAD_HELPER, HOME_EMULATOR, 0);
    assert_thread(kernel, 80, THREAD_HELPER, HOME_EMULATOR, 0);
    assert_thread(kernel, 81, THREAD_HELPER, HOME_EMULATOR, 0);
    assert_true(thread_of(kernel, 92)->fixed);
    assert_false(thread_of(kernel, 91)->fixed);
    assert_int_equal(thread_of(kernel, 104)->tgid, PID);
    assert_int_equal(thread_of(kernel, 90)->tgid, 90);
    assert_int_equal(thread_of(kernel, 81)->tgid, 80);
    assert_string_equal(thread_of(kernel, 106)->comm, "odd) S 1 (CPU 0");
    for (unsigned i = 1; i < kernel->n_threads; i++)
        assert_true(kernel->threads[i - 1].tid < kernel->threads[i].tid);
}

static void test_v1(void **state)
{
    add_v1(*state);
    g_autoptr(GuestKernel) kernel = acquire(*state);

    assert_all_classes(kernel);
    assert_false(kernel->cgroup_v2);
    assert_string_equal(kernel->cgroup, "/machine/qemu-1-g1.libvirt-qemu");
    assert_int_equal(kernel->cpu_shares, 2048);
    assert_cpus(kernel->allowed, "0-3");
    assert_cpus(kernel->allowed_mems, "0-1");
    assert_int_equal(kernel->n_cgroups, 3);
    const GuestCgroup *emulator = guest_kernel_cgroup(kernel, HOME_EMULATOR, 0);
    assert_cpus(emulator->cpus, "0-1");
    assert_cpus(emulator->cpus_effective, "0");
    assert_cpus(emulator->mems, "0-1");
    assert_int_equal(emulator->period_usec, 0);
    const GuestCgroup *vcpu = guest_kernel_cgroup(kernel, HOME_VCPU, 0);
    assert_cpus(vcpu->cpus, "2");
    assert_int_equal(vcpu->quota_usec, 50000);
    assert_int_equal(vcpu->period_usec, 100000);
    assert_int_equal(guest_kernel_cgroup(kernel, HOME_IOTHREAD, 1)->quota_usec, -1);
    assert_cpus(kernel->memory_nodes, "1"); /* by anonymous pages, not by the page cache */
    assert_cpus(kernel->memory_nodes_any, "0-1");
    assert_int_equal(guest_kernel_memory_on(kernel, 0), 5 * sysconf(_SC_PAGESIZE) / 1024);
    assert_int_equal(guest_kernel_memory_on(kernel, 1), 1000 * sysconf(_SC_PAGESIZE) / 1024);
}

static void assert_v2(const GuestKernel *kernel)
{
    assert_all_classes(kernel);
    assert_true(kernel->cgroup_v2);
    assert_int_equal(kernel->cpu_shares, 250);
    assert_cpus(kernel->allowed, "0-3");
    assert_cpus(kernel->allowed_mems, "0-1");
    assert_int_equal(kernel->n_cgroups, 4);
    assert_int_equal(kernel->cgroups[1].home_id, 0);
    assert_int_equal(kernel->cgroups[2].home_id, 10);
    assert_int_equal(guest_kernel_cgroup(kernel, HOME_EMULATOR, 0)->quota_usec, -1);
    assert_int_equal(guest_kernel_cgroup(kernel, HOME_EMULATOR, 0)->period_usec, 100000);
    assert_int_equal(guest_kernel_cgroup(kernel, HOME_VCPU, 0)->quota_usec, 150000);
    assert_int_equal(guest_kernel_cgroup(kernel, HOME_VCPU, 0)->period_usec, 50000);
    assert_cpus(guest_kernel_cgroup(kernel, HOME_IOTHREAD, 1)->cpus, "");
    assert_cpus(kernel->memory_nodes, "0-1");
    assert_cpus(kernel->memory_nodes_any, "0-1");
    assert_int_equal(guest_kernel_memory_on(kernel, 0), 1024 + 4);
    assert_int_equal(guest_kernel_memory_on(kernel, 1), 1024);
}

static void test_v2(void **state)
{
    add_v2(*state, "/libvirt");
    g_autoptr(GuestKernel) kernel = acquire(*state);

    assert_v2(kernel);
    assert_string_equal(kernel->cgroup, "/machine.slice/machine-qemu\\x2d1\\x2dg1.scope/libvirt");
}

static void test_v2_old_layout(void **state)
{
    add_v2(*state, "");
    g_autoptr(GuestKernel) kernel = acquire(*state);

    assert_v2(kernel);
    assert_string_equal(kernel->cgroup, "/machine.slice/machine-qemu\\x2d1\\x2dg1.scope");
}

/* A container: only a part of the hierarchy is mounted. */
static void test_mount_of_a_part(void **state)
{
    add_v2(*state, "/libvirt");
    fake_host_put(*state, "/proc/100/cgroup",
                  "0::/outer box/machine.slice/machine-qemu\\x2d1\\x2dg1.scope/libvirt/emulator");
    fake_host_put(*state, "/proc/self/mountinfo",
                  "28 20 0:26 /out /nowhere rw - cgroup2 cgroup2 rw\n"
                  "29 20 0:26 /outer\\040box /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n");
    g_autoptr(GuestKernel) kernel = acquire(*state);

    assert_v2(kernel);
}

/* No cgroup of its own: names alone tell, vCPUs and IOThreads too. */
static void test_session(void **state)
{
    fake_host_add_mounts_v2(*state);
    add_threads(*state);
    fake_host_put(*state, "/proc/100/cgroup", "0::/user.slice/user-1000.slice/session-1.scope\n");
    fake_host_put(*state,
                  "/sys/fs/cgroup/user.slice/user-1000.slice/session-1.scope/"
                  "memory.numa_stat",
                  "anon N0=4096\n");
    g_autoptr(GuestKernel) kernel = acquire(*state);

    assert_int_equal(kernel->n_threads, 8);
    assert_thread(kernel, PID, THREAD_EMULATOR, HOME_EMULATOR, 0);
    assert_thread(kernel, 101, THREAD_VCPU, HOME_VCPU, 0);
    assert_thread(kernel, 102, THREAD_IOTHREAD, HOME_IOTHREAD, 1);
    assert_thread(kernel, 103, THREAD_EMULATOR, HOME_EMULATOR, 0);
    assert_thread(kernel, 105, THREAD_VHOST, HOME_EMULATOR, 0);
    assert_thread(kernel, 106, THREAD_EMULATOR, HOME_EMULATOR, 0);
    assert_string_equal(kernel->cgroup, "");
    assert_int_equal(kernel->n_cgroups, 0);
    assert_int_equal(kernel->cpu_shares, -1);
    assert_null(kernel->allowed);
    assert_null(kernel->memory_nodes);
    assert_null(kernel->memory_kib);
}

/* The cpu controller alone (cgroup_controllers of qemu.conf): homes, but no cpusets. */
static void test_no_cpuset_controller(void **state)
{
    add_v1(*state);
    fake_host_put(*state, "/proc/100/cgroup",
                  "9:cpuset:/\n2:cpu,cpuacct:/machine/qemu-1-g1.libvirt-qemu/emulator\n");
    put_in(*state, V1_CPU, "vcpu0/tasks", "101\n");
    put_in(*state, V1_CPU, "emulator/tasks", "100\n");
    g_autoptr(GuestKernel) kernel = acquire(*state);

    assert_thread(kernel, 101, THREAD_VCPU, HOME_VCPU, 0);
    assert_null(guest_kernel_cgroup(kernel, HOME_VCPU, 0)->cpus);
    assert_int_equal(guest_kernel_cgroup(kernel, HOME_VCPU, 0)->quota_usec, 50000);
    assert_null(kernel->allowed);
    assert_int_equal(kernel->cpu_shares, 2048);
}

/* Threads in no cgroup of the guest are not lost, threads that ended are. */
static void test_cross_check(void **state)
{
    add_v1(*state);
    add_thread(*state, 110, 0, "CPU 1/KVM", 0);
    add_thread(*state, 111, 0, "live_migration", 0);
    put_in(*state, V1_CPUSET, "vcpu0/tasks", "101\n91\n4711\n104\n");
    g_autoptr(GuestKernel) kernel = acquire(*state);

    assert_int_equal(kernel->n_threads, 15);
    assert_thread(kernel, 110, THREAD_VCPU, HOME_EMULATOR, 0);
    assert_thread(kernel, 111, THREAD_EMULATOR, HOME_EMULATOR, 0);
    assert_thread(kernel, 104, THREAD_HELPER, HOME_VCPU, 0); /* on its way out of emulator */
}

/* In vcpuN only that very vCPU is one. */
static void test_wrong_vcpu(void **state)
{
    add_v1(*state);
    add_thread(*state, 101, 0, "CPU 1/KVM", 0);
    add_thread(*state, 107, 0, "CPU 0/KVM", 0);
    g_autoptr(GuestKernel) kernel = acquire(*state);

    assert_thread(kernel, 101, THREAD_HELPER, HOME_VCPU, 0);
    assert_thread(kernel, 107, THREAD_HELPER, HOME_IOTHREAD, 1);
}

static void test_pid_reuse(void **state)
{
    GuestKernel *kernel = NULL;

    add_v1(*state);
    assert_int_equal(guest_kernel_acquire(*state, PID, 1, NULL, &kernel), HOST_GONE);
    assert_int_equal(guest_kernel_acquire(*state, 4711, 1, NULL, &kernel), HOST_GONE);
    assert_null(kernel);
}

static void test_garbage_is_an_error(void **state)
{
    GuestKernel *kernel = NULL;

    add_v1(*state);
    put_in(*state, V1_CPUSET, "vcpu0/cpuset.cpus", "many\n");
    assert_int_equal(guest_kernel_acquire(*state, PID, 5000 + PID, NULL, &kernel), -EINVAL);
    assert_null(kernel);
}

static void test_huge_pages(void **state)
{
    GuestKernel *kernel = NULL;
    g_autoptr(GuestDef) def = guest_def_new();

    def->memory_kib = 65536;
    def->has_hugepages = true;
    add_v1(*state);
    fake_host_put(*state, "/proc/100/maps",
                  "7f0000000000-7f0004000000 rw-s 00000000 00:00 1 /dev/hugepages/libvirt/ram\n");
    fake_host_put(*state, "/proc/100/numa_maps",
                  "7f0000000000 bind:0 file=/dev/hugepages/libvirt/ram huge dirty=32 N0=32 "
                  "kernelpagesize_kB=2048\n"
                  "7f1000000000 default anon=5 dirty=5 N1=5 kernelpagesize_kB=4\n");
    assert_int_equal(guest_kernel_acquire(*state, PID, 5000 + PID, def, &kernel), HOST_DONE);
    assert_cpus(kernel->memory_nodes, "0");
    assert_int_equal(kernel->n_pages, 3);
    assert_int_equal(kernel->pages[1].node, 0);
    assert_int_equal(kernel->pages[1].page_kib, 2048);
    assert_int_equal(kernel->pages[1].kib, 65536);
    assert_int_equal(kernel->pages[2].node, 1);
    assert_int_equal(kernel->ram->len, 1);
    assert_int_equal(ram_pages(&g_array_index(kernel->ram, RamRange, 0)), 32);
    assert_cpus(kernel->memory_nodes_any, "0-1");
    assert_int_equal(guest_kernel_memory_on(kernel, 0),
                     32 * 2048 + 5 * sysconf(_SC_PAGESIZE) / 1024);
    guest_kernel_unref(kernel);
}

static void test_residency_threshold(void **state)
{
    g_autoptr(GuestKernel) nine = guest_kernel_new(), ten = guest_kernel_new();
    g_autoptr(GuestKernel) none = guest_kernel_new();
    Residency residency = {0};
    (void)state;

    residency_judge(&residency, 4, 2048, none);
    assert_null(none->memory_nodes);
    residency_add_numa_stat(&residency, "anon N0=91000 N3=9000 N9999=5 Nx=1 N=2", true, 4);
    residency.kib[0] = 91;
    residency.kib[3] = 9;
    residency_judge(&residency, 4, 2048, nine);
    assert_cpus(nine->memory_nodes, "0");
    assert_cpus(nine->memory_nodes_any, "0,3");
    residency.kib[0] = 90;
    residency.kib[3] = 10;
    residency_judge(&residency, 4, 2048, ten);
    assert_cpus(ten->memory_nodes, "0,3");
}

static void test_residency_by_node(void **state)
{
    g_autoptr(GuestKernel) kernel = guest_kernel_new();
    Residency residency = {0};
    (void)state;

    residency_judge(&residency, 4, 2048, kernel);
    assert_null(kernel->memory_kib);
    assert_int_equal(guest_kernel_memory_on(kernel, 0), 0);
    residency.kib[1] = 200;
    residency.kib[3] = 800;
    residency_judge(&residency, 4, 2048, kernel);
    assert_int_equal(kernel->n_memory_kib, 4);
    assert_int_equal(guest_kernel_memory_on(kernel, 0), 0);
    assert_int_equal(guest_kernel_memory_on(kernel, 1), 200);
    assert_int_equal(guest_kernel_memory_on(kernel, 3), 800);
    assert_int_equal(guest_kernel_memory_on(kernel, RESIDENCY_NODES), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_v1, setup, teardown),
        cmocka_unit_test_setup_teardown(test_v2, setup, teardown),
        cmocka_unit_test_setup_teardown(test_v2_old_layout, setup, teardown),
        cmocka_unit_test_setup_teardown(test_mount_of_a_part, setup, teardown),
        cmocka_unit_test_setup_teardown(test_session, setup, teardown),
        cmocka_unit_test_setup_teardown(test_no_cpuset_controller, setup, teardown),
        cmocka_unit_test_setup_teardown(test_cross_check, setup, teardown),
        cmocka_unit_test_setup_teardown(test_wrong_vcpu, setup, teardown),
        cmocka_unit_test_setup_teardown(test_pid_reuse, setup, teardown),
        cmocka_unit_test_setup_teardown(test_garbage_is_an_error, setup, teardown),
        cmocka_unit_test_setup_teardown(test_huge_pages, setup, teardown),
        cmocka_unit_test(test_residency_threshold),
        cmocka_unit_test(test_residency_by_node),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
