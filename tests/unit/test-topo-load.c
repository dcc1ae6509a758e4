/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "topo/topo-load.h"

#include "common/world.h"
#include "unit/fake-host.h"

#include <errno.h>
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#define DEVICES_HOST "tests/data/host-2pkg-4node-2llc-devices.xml"
#define HBM_HOST "tests/data/host-2pkg-hbm-offline-disallowed-pci.xml"

static Topo *load_with(const char *text, const TopoExtra *extra)
{
    g_autofree char *error = NULL;
    Topo *topo = NULL;

    if (topo_load(text, extra, &topo, &error) != 0)
        fail_msg("%s: %s", text, error);
    assert_null(error);
    assert_string_equal(topo->source, text);
    return topo;
}

static Topo *load(const char *text)
{
    return load_with(text, NULL);
}

static void assert_load_fails(const char *text, int expected, const char *words)
{
    g_autofree char *error = NULL;
    Topo *topo = NULL;

    assert_int_equal(topo_load(text, NULL, &topo, &error), expected);
    assert_null(topo);
    assert_non_null(error);
    if (!strstr(error, words))
        fail_msg("\"%s\" does not say \"%s\"", error, words);
}

/* Each PU is in exactly one core, LLC and node, the ones it names. */
static void assert_partitions(const Topo *topo)
{
    unsigned in_cores = 0, in_llcs = 0, in_nodes = 0;

    for (unsigned i = 0; i < topo->n_cores; i++)
        in_cores += cpuset_weight(topo->cores[i].cpus);
    for (unsigned i = 0; i < topo->n_llcs; i++)
        in_llcs += cpuset_weight(topo->llcs[i].cpus);
    for (unsigned i = 0; i < topo->n_nodes; i++)
        in_nodes += cpuset_weight(topo->nodes[i].cpus);
    assert_int_equal(in_cores, topo->n_pus);
    assert_int_equal(in_llcs, topo->n_pus);
    assert_int_equal(in_nodes, topo->n_pus);
    assert_int_equal(cpuset_weight(topo->online), topo->n_pus);
    for (unsigned i = 0; i < topo->n_pus; i++) {
        const TopoPu *pu = &topo->pus[i];
        assert_true(cpuset_has(topo->online, pu->os_index));
        assert_true(cpuset_has(topo_core(topo, pu->core)->cpus, pu->os_index));
        assert_true(cpuset_has(topo_llc(topo, pu->llc)->cpus, pu->os_index));
        assert_true(cpuset_has(topo_node(topo, pu->node)->cpus, pu->os_index));
        assert_true(i == 0 || topo->pus[i - 1].os_index < pu->os_index);
    }
}

static void test_synthetic(void **state)
{
    g_autoptr(Topo) topo = load("package:2 numa:1(memory=4294967296) l3:2 core:2 pu:2");
    (void)state;

    assert_partitions(topo);
    assert_int_equal(topo->n_pus, 16);
    assert_int_equal(topo->n_cores, 8);
    assert_int_equal(topo->n_llcs, 4);
    assert_int_equal(topo->n_nodes, 2);
    assert_int_equal(topo->n_packages, 2);
    assert_true(topo_has_smt(topo));
    assert_cpus(topo_core(topo, 3)->cpus, "6-7");
    assert_cpus(topo_llc(topo, 2)->cpus, "8-11");
    assert_int_equal(topo_llc(topo, 2)->package, 1);
    assert_int_equal(topo_llc(topo, 2)->size_kib, 16384);
    assert_cpus(topo_node(topo, 1)->cpus, "8-15");
    assert_int_equal(topo_node(topo, 1)->memory_kib, 4194304);
    assert_int_equal(topo_distance(topo, 0, 0), 10);
    assert_int_equal(topo_distance(topo, 0, 1), 20);
    assert_int_equal(topo->base_page_kib, 4);
    assert_cpus(topo->online, "0-15");
    assert_cpus(topo->allowed, "0-15");
    assert_cpus(topo->allowed_mems, "0-1");
    assert_cpus(topo->isolated, "");
    assert_cpus(topo->offline, "");
}

/* Interleaved numbers: the second threads come after all the first ones. */
static void test_smt_numbering(void **state)
{
    g_autoptr(Topo) topo = load("numa:1 core:4 pu:2(indexes=0,4,1,5,2,6,3,7)");
    (void)state;

    assert_partitions(topo);
    assert_cpus(topo_core(topo, 0)->cpus, "0,4");
    assert_cpus(topo_core(topo, 3)->cpus, "3,7");
    assert_int_equal(topo_pu(topo, 5)->core, 1);
}

static void test_llc_without_l3(void **state)
{
    g_autoptr(Topo) shared_l2 = load("numa:2 l2:2 core:2 pu:1");
    g_autoptr(Topo) own_l2 = load("numa:2 l2:2 core:1 pu:2");
    g_autoptr(Topo) no_cache = load("package:2 core:2 pu:2");
    g_autoptr(Topo) bare = load("pu:4");
    (void)state;

    assert_partitions(shared_l2);
    assert_int_equal(shared_l2->n_llcs, 4);
    assert_cpus(topo_llc(shared_l2, 1)->cpus, "2-3");

    assert_partitions(own_l2);
    assert_int_equal(own_l2->n_llcs, 2);
    assert_cpus(topo_llc(own_l2, 1)->cpus, "4-7");
    assert_int_equal(topo_llc(own_l2, 1)->size_kib, 0);

    assert_partitions(no_cache);
    assert_int_equal(no_cache->n_nodes, 1);
    assert_int_equal(no_cache->n_llcs, 2);

    assert_partitions(bare);
    assert_int_equal(bare->n_cores, 4);
    assert_int_equal(bare->n_llcs, 1);
    assert_int_equal(bare->n_packages, 1);
    assert_false(topo_has_smt(bare));
}

static void test_llc_of_highest_level(void **state)
{
    g_autoptr(Topo) topo = load("l4:2 l3:2 core:2 pu:1");
    (void)state;

    assert_partitions(topo);
    assert_int_equal(topo->n_llcs, 2);
    assert_cpus(topo_llc(topo, 1)->cpus, "4-7");
}

/* Low-power cores outside the L3: the L2 they share is their LLC, numbered behind the L3s. */
static void test_llc_beside_l3(void **state)
{
    g_autoptr(Topo) topo = load("tests/data/host-1pkg-l3-and-low-power-l2.xml");
    (void)state;

    assert_partitions(topo);
    assert_int_equal(topo->n_llcs, 2);
    assert_cpus(topo_llc(topo, 0)->cpus, "0-1");
    assert_int_equal(topo_llc(topo, 0)->size_kib, 16384);
    assert_cpus(topo_llc(topo, 1)->cpus, "2-3");
    assert_int_equal(topo_llc(topo, 1)->size_kib, 4096);
}

static void test_memory_only_nodes(void **state)
{
    g_autoptr(Topo) same = load("package:2 [numa(memory=1GB)] [numa(memory=2GB)] core:2 pu:1");
    g_autoptr(Topo) machine = load("[numa(memory=1GB)] package:2 [numa(memory=1GB)] core:2 pu:1");
    g_autoptr(Topo) nested = load("package:2 [numa] group:2 [numa] core:1 pu:2");
    (void)state;

    assert_partitions(same);
    assert_int_equal(same->n_nodes, 4);
    assert_cpus(topo_node(same, 0)->cpus, "0-1");
    assert_cpus(topo_node(same, 1)->cpus, "");
    assert_cpus(topo_node(same, 2)->cpus, "2-3");
    assert_cpus(topo_node(same, 3)->cpus, "");

    assert_partitions(machine);
    assert_cpus(topo_node(machine, 0)->cpus, "0-1");
    assert_cpus(topo_node(machine, 1)->cpus, "2-3");
    assert_cpus(topo_node(machine, 2)->cpus, "");

    assert_partitions(nested);
    assert_int_equal(nested->n_nodes, 6);
    assert_cpus(topo_node(nested, 2)->cpus, "");
    assert_cpus(topo_node(nested, 5)->cpus, "");
}

static void test_xml_cpus(void **state)
{
    g_autoptr(Topo) topo = load(HBM_HOST);
    (void)state;

    assert_partitions(topo);
    assert_cpus(topo->online, "0-6");
    assert_cpus(topo->offline, "7");
    assert_cpus(topo->allowed, "0-5");
    assert_cpus(topo->allowed_mems, "0-1,3");
    assert_int_equal(topo_core(topo, 0)->kind, 1);
    assert_int_equal(topo_core(topo, 2)->kind, 0);
    assert_cpus(topo_core(topo, 3)->cpus, "6");
}

static void test_xml_memory(void **state)
{
    g_autoptr(Topo) topo = load(HBM_HOST);
    (void)state;

    /* The HBM of the second package has the lower index; its CPUs are the DRAM's all the same. */
    assert_int_equal(topo->n_nodes, 4);
    assert_cpus(topo_node(topo, 0)->cpus, "0-3");
    assert_cpus(topo_node(topo, 1)->cpus, "");
    assert_cpus(topo_node(topo, 2)->cpus, "");
    assert_cpus(topo_node(topo, 3)->cpus, "4-6");
    assert_int_equal(topo_distance(topo, 0, 1), 13);
    assert_int_equal(topo_distance(topo, 0, 3), 21);
    assert_int_equal(topo_distance(topo, 1, 2), 25);

    const TopoNode *node = topo_node(topo, 0);
    assert_int_equal(node->memory_kib, 8 * WORLD_GIB_KIB);
    assert_int_equal(node->n_pools, 2);
    assert_int_equal(node->pools[0].size_kib, 2048);
    assert_int_equal(node->pools[0].total, 1024);
    assert_int_equal(node->pools[1].size_kib, 1048576);
    assert_int_equal(node->pools[1].total, 2);
}

static void test_xml_pci(void **state)
{
    g_autoptr(Topo) topo = load(HBM_HOST);
    (void)state;

    assert_int_equal(topo->n_pci, 2);
    assert_int_equal(topo_pci_node(topo, "0000:81:00.0"), 3);
    assert_int_equal(topo_pci_node(topo, "0000:82:1f.7"), 3);
    assert_int_equal(topo_pci_node(topo, "0000:01:00.0"), -1);
}

/* Those of a PCI device whose node is known; "lo" is of none, eth0's hangs off the machine. */
static void test_xml_nets(void **state)
{
    g_autoptr(Topo) topo = load(DEVICES_HOST);
    (void)state;

    assert_int_equal(topo->n_nets, 2);
    assert_int_equal(topo_net_node(topo, "br3"), 3);
    assert_int_equal(topo_net_node(topo, "eth3"), 3);
    assert_int_equal(topo_net_node(topo, "eth0"), -1);
    assert_int_equal(topo_net_node(topo, "lo"), -1);
    assert_int_equal(topo_net_node(topo, "nvme2n1"), -1);
}

/* A file may give a device any name, or two nodes. */
static void test_xml_odd_nets(void **state)
{
    static const char *const names[] = {"", "a/b", "two words", "a-name-too-long-for-the-kernel"};
    g_autofree char *xml = NULL;
    char *root = fake_host_new();
    g_autofree char *path = g_strconcat(root, "/host.xml", NULL);
    (void)state;

    assert_true(g_file_get_contents(DEVICES_HOST, &xml, NULL, NULL));
    for (unsigned i = 0; i < G_N_ELEMENTS(names); i++) {
        g_autofree char *attribute = g_strdup_printf("name=\"%s\" osdev_type=\"2\"", names[i]);
        g_autoptr(GString) text = g_string_new(xml);
        g_string_replace(text, "name=\"eth3\" osdev_type=\"2\"", attribute, 0);
        fake_host_put(root, "/host.xml", text->str);
        g_autoptr(Topo) topo = load(path);
        assert_int_equal(topo->n_nets, 1);
        assert_int_equal(topo_net_node(topo, names[i]), -1);
    }
    g_autoptr(GString) text = g_string_new(xml);
    g_string_replace(text, "name=\"nvme2n1\" osdev_type=\"0\"", "name=\"br3\" osdev_type=\"2\"", 0);
    fake_host_put(root, "/host.xml", text->str);
    g_autoptr(Topo) both = load(path);
    assert_int_equal(topo_net_node(both, "br3"), -1);
    assert_int_equal(topo_net_node(both, "eth3"), 3);
    fake_host_free(root);
}

static void test_extra(void **state)
{
    g_autoptr(CpuSet) isolated = world_cpus("2-3,40");
    g_autoptr(CpuSet) nohz = world_cpus("3");
    g_autoptr(CpuSet) allowed = world_cpus("1-6");
    g_autoptr(CpuSet) mems = world_cpus("1,9");
    TopoExtra extra = {
        .isolated = isolated, .nohz_full = nohz, .allowed = allowed, .allowed_mems = mems};
    g_autoptr(Topo) topo = load_with("numa:2 core:4 pu:1", &extra);
    (void)state;

    assert_cpus(topo->isolated, "2-3");
    assert_cpus(topo->nohz_full, "3");
    assert_cpus(topo->allowed, "1-6");
    assert_cpus(topo->allowed_mems, "1");
    assert_cpus(topo->online, "0-7");
}

static void test_extra_out_of_reach(void **state)
{
    g_autoptr(CpuSet) set = world_cpus("64-71");
    TopoExtra cpus = {.allowed = set}, mems = {.allowed_mems = set};
    g_autofree char *cpu_error = NULL, *mem_error = NULL;
    Topo *topo = NULL;
    (void)state;

    assert_int_equal(topo_load("pu:4", &cpus, &topo, &cpu_error), -EINVAL);
    assert_non_null(strstr(cpu_error, "no allowed CPU"));
    assert_int_equal(topo_load("pu:4", &mems, &topo, &mem_error), -EINVAL);
    assert_non_null(strstr(mem_error, "no allowed node"));
    assert_null(topo);
}

static void test_load_errors(void **state)
{
    (void)state;
    assert_load_fails("nonsense", -EINVAL, "neither a file nor");
    assert_load_fails("", -EINVAL, "neither a file nor");
    assert_load_fails("/nonexistent/host.xml", -ENOENT, "No such file");
    assert_load_fails("host.xml", -ENOENT, "No such file");
    assert_load_fails("/dev/null", -EINVAL, "regular file");
    assert_load_fails("tests/data", -EINVAL, "regular file");
    assert_load_fails("tests/data/domain-minimal.xml", -EINVAL, "not a topology");
    assert_load_fails("pu:4000000000", -EINVAL, "more than");
    assert_load_fails("package:1000 core:1000 pu:2", -EINVAL, "more than");
    assert_load_fails("pu:2(indexes=0,4000000000)", -EINVAL, "index past");
}

/* --- the running host --- */

#define CPU_DIR "/sys/devices/system/cpu/"
#define NODE_DIR "/sys/devices/system/node/"

static void put_cpu(const char *root, unsigned cpu)
{
    unsigned core = cpu / 2;
    const struct {
        const char *name, *format;
        unsigned value;
    } files[] = {
        {"physical_package_id", "%u\n", 0},
        {"core_id", "%u\n", core},
        {"core_siblings", "%x\n", 0xf},
        {"package_cpus", "%x\n", 0xf},
        {"thread_siblings", "%x\n", 3u << (core * 2)},
        {"core_cpus", "%x\n", 3u << (core * 2)},
    };

    for (unsigned i = 0; i < G_N_ELEMENTS(files); i++) {
        g_autofree char *path = g_strdup_printf(CPU_DIR "cpu%u/topology/%s", cpu, files[i].name);
        g_autofree char *hex = g_strdup_printf("%x\n", files[i].value);
        g_autofree char *decimal = g_strdup_printf("%u\n", files[i].value);
        fake_host_put(root, path, strchr(files[i].format, 'x') ? hex : decimal);
    }
}

/* Two cores with two threads each, one node; a fifth CPU is present but offline. */
static char *make_host(void)
{
    char *root = fake_host_new();

    fake_host_put(root, CPU_DIR "online", "0-3\n");
    fake_host_put(root, CPU_DIR "present", "0-4\n");
    fake_host_put(root, CPU_DIR "possible", "0-63\n");
    for (unsigned cpu = 0; cpu < 4; cpu++)
        put_cpu(root, cpu);
    fake_host_put(root, NODE_DIR "online", "0\n");
    fake_host_put(root, NODE_DIR "node0/cpumap", "f\n");
    fake_host_put(root, NODE_DIR "node0/meminfo", "Node 0 MemTotal:        4194304 kB\n");
    fake_host_put(root, "/proc/meminfo", "MemTotal:        4194304 kB\n");
    return root;
}

static Topo *acquire(const char *root)
{
    g_autofree char *error = NULL;
    Topo *topo = NULL;

    if (topo_acquire(root, &topo, &error) != 0)
        fail_msg("%s", error);
    assert_partitions(topo);
    return topo;
}

static void test_live_plain(void **state)
{
    char *root = make_host();
    (void)state;
    fake_host_put(root, CPU_DIR "isolated", "\n");
    fake_host_put(root, CPU_DIR "nohz_full", " (null)\n");

    g_autoptr(Topo) topo = acquire(root);
    assert_string_equal(topo->source, "this host");
    assert_cpus(topo->online, "0-3");
    assert_cpus(topo->offline, "4");
    assert_int_equal(topo->n_cores, 2);
    assert_cpus(topo_core(topo, 1)->cpus, "2-3");
    assert_cpus(topo->isolated, "");
    assert_cpus(topo->nohz_full, "");
    assert_cpus(topo->allowed, "0-3");
    assert_cpus(topo->allowed_mems, "0");
    assert_int_equal(topo_node(topo, 0)->memory_kib, 4194304);
    fake_host_free(root);
}

static void test_live_isolated(void **state)
{
    char *root = make_host();
    (void)state;
    fake_host_put(root, CPU_DIR "isolated", "1,4\n");
    fake_host_put(root, CPU_DIR "nohz_full", "2-3\n");
    fake_host_put(root, "/sys/fs/cgroup/cpuset.cpus.isolated", "3\n");

    g_autoptr(Topo) topo = acquire(root);
    assert_cpus(topo->isolated, "1,3");
    assert_cpus(topo->nohz_full, "2-3");
    fake_host_free(root);
}

/* v2: the slice counts once its cpuset controller is on, else the root. */
static void test_live_allowed_v2(void **state)
{
    char *root = make_host();
    (void)state;
    fake_host_put(root, "/sys/fs/cgroup/cpuset.cpus.effective", "0-2\n");
    fake_host_put(root, "/sys/fs/cgroup/cpuset.mems.effective", "0\n");
    g_autoptr(Topo) whole = acquire(root);
    assert_cpus(whole->allowed, "0-2");

    fake_host_put(root, "/sys/fs/cgroup/machine.slice/cpuset.cpus.effective", "1-2\n");
    fake_host_put(root, "/sys/fs/cgroup/machine.slice/cpuset.mems.effective", "0\n");
    g_autoptr(Topo) slice = acquire(root);
    assert_cpus(slice->allowed, "1-2");
    assert_cpus(slice->allowed_mems, "0");
    fake_host_free(root);
}

static void test_live_allowed_v1(void **state)
{
    char *root = make_host();
    (void)state;
    fake_host_put(root, "/sys/fs/cgroup/cpuset/cpuset.effective_cpus", "0-3\n");
    fake_host_put(root, "/sys/fs/cgroup/cpuset/machine/cpuset.effective_cpus", "\n");
    g_autoptr(Topo) unset = acquire(root);
    assert_cpus(unset->allowed, "0-3");

    fake_host_put(root, "/sys/fs/cgroup/cpuset/machine/cpuset.effective_cpus", "0,3\n");
    g_autoptr(Topo) machine = acquire(root);
    assert_cpus(machine->allowed, "0,3");

    fake_host_put(root, "/sys/fs/cgroup/cpuset/machine.slice/cpuset.effective_cpus", "3\n");
    g_autoptr(Topo) slice = acquire(root);
    assert_cpus(slice->allowed, "3");
    fake_host_free(root);
}

static void test_live_bad_file(void **state)
{
    char *root = make_host();
    g_autofree char *error = NULL;
    Topo *topo = NULL;
    (void)state;
    fake_host_put(root, CPU_DIR "isolated", "first one\n");

    assert_int_equal(topo_acquire(root, &topo, &error), -EINVAL);
    assert_null(topo);
    assert_non_null(strstr(error, "cpu/isolated"));
    fake_host_free(root);
}

/* A PCI device as sysfs has it, near these CPUs, and the NIC it is. */
static void put_nic(const char *root, const char *address, const char *cpus, const char *name)
{
    static const struct {
        const char *file, *text;
    } files[] = {{"class", "0x020000\n"},          {"vendor", "0x8086\n"},
                 {"device", "0x1572\n"},           {"subsystem_vendor", "0x8086\n"},
                 {"subsystem_device", "0x0006\n"}, {"revision", "0x02\n"}};
    g_autofree char *local = g_strdup_printf("/sys/bus/pci/devices/%s/local_cpus", address);
    g_autofree char *link = g_strdup_printf("/sys/class/net/%s", name);
    g_autofree char *target =
        g_strdup_printf("../../devices/pci0000:00/0000:00:01.0/%s/net/%s", address, name);
    g_autofree char *there =
        g_strdup_printf("/sys/devices/pci0000:00/0000:00:01.0/%s/net/%s/mtu", address, name);

    for (unsigned i = 0; i < G_N_ELEMENTS(files); i++) {
        g_autofree char *path =
            g_strdup_printf("/sys/bus/pci/devices/%s/%s", address, files[i].file);
        fake_host_put(root, path, files[i].text);
    }
    fake_host_put(root, local, cpus);
    fake_host_put(root, there, "1500\n");
    fake_host_link(root, link, target);
}

static void put_virtual(const char *root, const char *name)
{
    g_autofree char *link = g_strdup_printf("/sys/class/net/%s", name);
    g_autofree char *target = g_strdup_printf("../../devices/virtual/net/%s", name);
    g_autofree char *there = g_strdup_printf("/sys/devices/virtual/net/%s/mtu", name);

    fake_host_put(root, there, "1500\n");
    fake_host_link(root, link, target);
}

static void put_upper(const char *root, const char *lower, const char *upper)
{
    g_autofree char *path = g_strdup_printf("/sys/class/net/%s/upper_%s", lower, upper);
    g_autofree char *target = g_strdup_printf("../../virtual/net/%s", upper);

    fake_host_link(root, path, target);
}

/* Two nodes with two CPUs each, a NIC on each and one that hangs off both. */
static char *make_host_with_nics(void)
{
    char *root = make_host();

    fake_host_put(root, NODE_DIR "online", "0-1\n");
    fake_host_put(root, NODE_DIR "node0/cpumap", "3\n");
    fake_host_put(root, NODE_DIR "node1/cpumap", "c\n");
    fake_host_put(root, NODE_DIR "node1/meminfo", "Node 1 MemTotal:        4194304 kB\n");
    put_nic(root, "0000:03:00.0", "3\n", "eth0");
    put_nic(root, "0000:81:00.0", "c\n", "eth1");
    put_nic(root, "0000:81:00.1", "c\n", "eth2");
    put_nic(root, "0000:05:00.0", "f\n", "eth3");
    return root;
}

/* eth1 and eth2 are a bond with a VLAN with a bridge, br1, with a guest's tap. br2 is over NICs of
 * both nodes, br3 over one of no known node, br4 over none. */
static void test_live_nets(void **state)
{
    static const char *const virtuals[] = {"lo",  "bond0", "bond0.7",  "br1", "br2",
                                           "br3", "br4",   "macvtap0", "tap0"};
    static const char *const uppers[][2] = {
        {"eth1", "bond0"}, {"eth2", "bond0"},   {"bond0", "bond0.7"}, {"bond0.7", "br1"},
        {"tap0", "br1"},   {"eth0", "br2"},     {"bond0", "br2"},     {"eth3", "br3"},
        {"tap0", "br4"},   {"eth0", "macvtap0"}};
    static const char *const known[] = {"bond0", "bond0.7", "br1", "eth0", "eth1", "eth2"};
    char *root = make_host_with_nics();
    (void)state;

    for (unsigned i = 0; i < G_N_ELEMENTS(virtuals); i++)
        put_virtual(root, virtuals[i]);
    for (unsigned i = 0; i < G_N_ELEMENTS(uppers); i++)
        put_upper(root, uppers[i][0], uppers[i][1]);
    fake_host_put(root, "/sys/devices/virtual/net/macvtap0/macvtap/tap9/dev", "1:2\n");
    fake_host_put(root, "/sys/class/net/bonding_masters", "bond0\n");

    g_autoptr(Topo) topo = acquire(root);
    assert_int_equal(topo->n_pci, 3);
    assert_int_equal(topo->n_nets, G_N_ELEMENTS(known));
    for (unsigned i = 0; i < G_N_ELEMENTS(known); i++) {
        assert_string_equal(topo->nets[i].name, known[i]);
        assert_int_equal(topo->nets[i].node, strcmp(known[i], "eth0") != 0);
    }
    fake_host_free(root);
}

/* No kernel has a ring, or so many levels; it ends all the same. */
static void test_live_nets_odd(void **state)
{
    char *root = make_host_with_nics();
    const char *lower = "eth0";
    (void)state;

    for (unsigned i = 0; i < 12; i++) {
        char name[] = "l00";
        g_snprintf(name, sizeof(name), "l%02u", i);
        put_virtual(root, name);
        put_upper(root, lower, name);
        lower = g_intern_string(name);
    }
    put_upper(root, "l01", "l00");
    put_upper(root, "l00", "");
    put_upper(root, "l00", "gone");
    g_autoptr(Topo) topo = acquire(root);
    assert_int_equal(topo_net_node(topo, "l07"), 0);
    assert_int_equal(topo_net_node(topo, "l11"), -1);
    assert_int_equal(topo_net_node(topo, "gone"), 0);
    assert_int_equal(topo_net_node(topo, ""), -1);
    fake_host_free(root);
}

static void test_vhost_net(void **state)
{
    char *root = make_host();
    (void)state;

    g_autoptr(Topo) without = acquire(root);
    fake_host_put(root, "/dev/vhost-net", "");
    g_autoptr(Topo) with = acquire(root);
    g_autoptr(Topo) unknown = load("pu:2");
    assert_true(without->no_vhost_net);
    assert_false(with->no_vhost_net);
    assert_false(unknown->no_vhost_net);
    assert_false(topo_equal(without, with));
    fake_host_free(root);
}

static void test_kvm(void **state)
{
    char *root = make_host();
    (void)state;

    g_autoptr(Topo) without = acquire(root);
    fake_host_put(root, "/dev/kvm", "");
    g_autoptr(Topo) with = acquire(root);
    g_autoptr(Topo) unknown = load("pu:2");
    assert_true(without->no_kvm);
    assert_false(with->no_kvm);
    assert_false(unknown->no_kvm);
    fake_host_free(root);
}

/* kernel.io_uring_disabled: 1 is for root and the members of a group, QEMU's if the operator did
 * so. */
static void test_io_uring(void **state)
{
    static const struct {
        const char *disabled, *group;
        bool none;
    } cases[] = {{NULL, NULL, false},   {"0\n", "-1\n", false},    {"1\n", NULL, true},
                 {"1\n", "-1\n", true}, {"1\n", "64055\n", false}, {"2\n", "64055\n", true}};
    (void)state;

    for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
        char *root = make_host();
        if (cases[i].disabled)
            fake_host_put(root, "/proc/sys/kernel/io_uring_disabled", cases[i].disabled);
        if (cases[i].group)
            fake_host_put(root, "/proc/sys/kernel/io_uring_group", cases[i].group);
        g_autoptr(Topo) topo = acquire(root);
        assert_int_equal(topo->no_io_uring, cases[i].none);
        fake_host_free(root);
    }
}

/* Each of these changes what a load would say, or where guests may run. */
static void test_stamp(void **state)
{
    static const struct {
        const char *path, *text;
    } changes[] = {
        {CPU_DIR "online", "0-2\n"},
        {CPU_DIR "isolated", "2\n"},
        {NODE_DIR "node0/hugepages/hugepages-2048kB/nr_hugepages", "64\n"},
        {NODE_DIR "node0/hugepages/hugepages-2048kB/nr_hugepages", "65\n"},
        {"/sys/fs/cgroup/machine.slice/cpuset.cpus.effective", "0-1\n"},
        {"/sys/fs/cgroup/cpuset/machine/cpuset.effective_mems", "0\n"},
        {"/dev/vhost-net", ""},
        {"/dev/kvm", ""},
        {"/proc/sys/kernel/io_uring_disabled", "2\n"},
        {"/proc/meminfo", "MemTotal:        8388608 kB\nMemFree:         1000000 kB\n"},
        {"/proc/meminfo", "MemTotal:        8257536 kB\nMemFree:         1000000 kB\n"},
    };
    char *root = make_host();
    g_autofree char *before = NULL, *again = NULL;
    (void)state;

    assert_int_equal(topo_stamp_acquire(root, &before), 0);
    fake_host_put(root, NODE_DIR "node0/meminfo", "Node 0 MemTotal:        4194304 kB\n");
    assert_int_equal(topo_stamp_acquire(root, &again), 0);
    assert_string_equal(before, again);
    for (unsigned i = 0; i < G_N_ELEMENTS(changes); i++) {
        g_autofree char *after = NULL;
        fake_host_put(root, changes[i].path, changes[i].text);
        assert_int_equal(topo_stamp_acquire(root, &after), 0);
        assert_string_not_equal(before, after);
        g_free(before);
        before = g_steal_pointer(&after);
    }
    fake_host_put(root, "/proc/meminfo",
                  "MemTotal:        8257536 kB\nMemFree:         2000000 kB\n");
    g_clear_pointer(&again, g_free);
    assert_int_equal(topo_stamp_acquire(root, &again), 0);
    assert_string_equal(before, again);
    fake_host_free(root);
}

static void test_this_host(void **state)
{
    g_autoptr(Topo) topo = acquire("");
    TopoFree *free_now = NULL;
    (void)state;

    assert_true(topo->n_pus > 0);
    assert_false(cpuset_is_empty(topo->allowed));
    assert_true(cpuset_is_subset(topo->allowed, topo->online));
    assert_false(cpuset_is_empty(topo->allowed_mems));
    for (unsigned i = 0; i < topo->n_nodes; i++)
        assert_int_equal(topo->nodes[i].distances[i], 10);

    int r = topo_free_acquire(topo, &free_now);
    if (r == -EOPNOTSUPP)
        return;
    assert_int_equal(r, 0);
    assert_int_equal(free_now->n_nodes, topo->n_nodes);
    for (unsigned i = 0; i < topo->n_nodes; i++)
        assert_true(free_now->memory_kib[i] <= topo->nodes[i].memory_kib);
    topo_free_free(free_now);
}

/* Free memory of nodes this host does not have is an error, never 0. */
static void test_free_elsewhere(void **state)
{
    g_autoptr(Topo) topo = load("numa:64 pu:1");
    TopoFree *free_now = NULL;
    (void)state;

    assert_true(topo_free_acquire(topo, &free_now) < 0);
    assert_null(free_now);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_synthetic),
        cmocka_unit_test(test_smt_numbering),
        cmocka_unit_test(test_llc_without_l3),
        cmocka_unit_test(test_llc_of_highest_level),
        cmocka_unit_test(test_llc_beside_l3),
        cmocka_unit_test(test_memory_only_nodes),
        cmocka_unit_test(test_xml_cpus),
        cmocka_unit_test(test_xml_memory),
        cmocka_unit_test(test_xml_pci),
        cmocka_unit_test(test_xml_nets),
        cmocka_unit_test(test_xml_odd_nets),
        cmocka_unit_test(test_extra),
        cmocka_unit_test(test_extra_out_of_reach),
        cmocka_unit_test(test_load_errors),
        cmocka_unit_test(test_live_plain),
        cmocka_unit_test(test_live_isolated),
        cmocka_unit_test(test_live_allowed_v2),
        cmocka_unit_test(test_live_allowed_v1),
        cmocka_unit_test(test_live_bad_file),
        cmocka_unit_test(test_live_nets),
        cmocka_unit_test(test_live_nets_odd),
        cmocka_unit_test(test_vhost_net),
        cmocka_unit_test(test_kvm),
        cmocka_unit_test(test_io_uring),
        cmocka_unit_test(test_stamp),
        cmocka_unit_test(test_this_host),
        cmocka_unit_test(test_free_elsewhere),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
