/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "common/world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

static void test_lookup(void **state)
{
    g_autoptr(Topo) topo = world_topo(2, 2, 2, 3, 2); /* 8 LLCs, 24 cores, 48 PUs */
    (void)state;

    assert_int_equal(topo->n_pus, 48);
    for (unsigned i = 0; i < 48; i++) {
        const TopoPu *pu = topo_pu(topo, i);
        assert_int_equal(pu->os_index, i);
        assert_true(cpuset_has(topo_core(topo, pu->core)->cpus, i));
        assert_true(cpuset_has(topo_llc(topo, pu->llc)->cpus, i));
        assert_true(cpuset_has(topo_node(topo, pu->node)->cpus, i));
    }
    assert_null(topo_pu(topo, 48));
    assert_null(topo_core(topo, 24));
    assert_null(topo_llc(topo, 8));
    assert_null(topo_node(topo, 4));
    assert_int_equal(topo_pu(topo, 47)->core, 23);
    assert_int_equal(topo_pu(topo, 47)->package, 1);
}

static void test_lookup_with_gaps(void **state)
{
    g_autoptr(Topo) topo = world_topo(1, 3, 1, 1, 1);
    (void)state;

    topo->nodes[1].os_index = 8;
    topo->nodes[2].os_index = 252;
    topo->pus[2].os_index = 7;
    assert_ptr_equal(topo_node(topo, 8), &topo->nodes[1]);
    assert_ptr_equal(topo_node(topo, 252), &topo->nodes[2]);
    assert_null(topo_node(topo, 1));
    assert_null(topo_pu(topo, 2));
    assert_ptr_equal(topo_pu(topo, 7), &topo->pus[2]);
    assert_int_equal(topo_distance(topo, 8, 252), 12);
}

static void test_nothing_there(void **state)
{
    g_autoptr(Topo) topo = topo_new();
    (void)state;

    assert_null(topo_pu(topo, 0));
    assert_null(topo_node(topo, 0));
    assert_int_equal(topo_pci_node(topo, "0000:00:00.0"), -1);
    assert_false(topo_has_smt(topo));
    assert_cpus(topo->online, "");
    assert_cpus(topo->allowed_mems, "");
    topo_unref(NULL);
}

static void test_distance(void **state)
{
    g_autoptr(Topo) topo = world_topo(2, 2, 1, 1, 1);
    (void)state;

    assert_int_equal(topo_distance(topo, 1, 1), 10);
    assert_int_equal(topo_distance(topo, 0, 1), 12);
    assert_int_equal(topo_distance(topo, 0, 3), 20);
    topo->nodes[0].distances[3] = 31;
    assert_int_equal(topo_distance(topo, 0, 3), 31);
    assert_int_equal(topo_distance(topo, 3, 0), 20);
    g_clear_pointer(&topo->nodes[0].distances, g_free);
    assert_int_equal(topo_distance(topo, 0, 0), 10);
    assert_int_equal(topo_distance(topo, 0, 1), 20);
    assert_int_equal(topo_distance(topo, 0, 99), 20);
    assert_int_equal(topo_distance(topo, 99, 99), 10);
}

static void test_smt(void **state)
{
    g_autoptr(Topo) single = world_topo(1, 1, 1, 4, 1);
    g_autoptr(Topo) twin = world_topo(1, 1, 1, 4, 2);
    (void)state;

    assert_false(topo_has_smt(single));
    assert_true(topo_has_smt(twin));
}

static void test_sets(void **state)
{
    g_autoptr(Topo) topo = world_topo(2, 1, 2, 2, 2);
    g_autoptr(CpuSet) cpus = world_cpus("3,8,12");
    (void)state;

    world_add_memory_node(topo, WORLD_GIB_KIB);
    g_autoptr(CpuSet) llcs = topo_llcs_of(topo, cpus);
    assert_cpus(llcs, "0-2");
    g_autoptr(CpuSet) nodes = topo_nodes_of(topo, cpus);
    assert_cpus(nodes, "0-1");

    g_autoptr(CpuSet) some_nodes = world_cpus("1-2,9");
    g_autoptr(CpuSet) of_nodes = topo_cpus_of_nodes(topo, some_nodes);
    assert_cpus(of_nodes, "4-7,12-15");

    g_autoptr(CpuSet) none = cpuset_new();
    g_autoptr(CpuSet) no_nodes = topo_nodes_of(topo, none);
    assert_cpus(no_nodes, "");
}

static void test_pci(void **state)
{
    g_autoptr(Topo) topo = world_topo(2, 1, 1, 1, 1);
    (void)state;

    topo->n_pci = 3;
    topo->pci = g_new0(TopoPciLocality, 3);
    topo->pci[0] = (TopoPciLocality){g_strdup("0000:03:00.0"), 0};
    topo->pci[1] = (TopoPciLocality){g_strdup("0000:3b:00.0"), 1};
    topo->pci[2] = (TopoPciLocality){g_strdup("0000:3b:00.1"), 1};
    assert_int_equal(topo_pci_node(topo, "0000:03:00.0"), 0);
    assert_int_equal(topo_pci_node(topo, "0000:3b:00.1"), 1);
    assert_int_equal(topo_pci_node(topo, "0000:3c:00.0"), -1);
}

static void test_nets(void **state)
{
    g_autoptr(Topo) topo = world_topo(2, 1, 1, 1, 1);
    (void)state;

    assert_int_equal(topo_net_node(topo, "br0"), -1);
    topo->n_nets = 2;
    topo->nets = g_new0(TopoNetLocality, 2);
    topo->nets[0] = (TopoNetLocality){g_strdup("br0"), 1};
    topo->nets[1] = (TopoNetLocality){g_strdup("eth0"), 0};
    assert_int_equal(topo_net_node(topo, "br0"), 1);
    assert_int_equal(topo_net_node(topo, "eth0"), 0);
    assert_int_equal(topo_net_node(topo, "eth"), -1);
    assert_int_equal(topo_net_node(topo, ""), -1);
}

static void test_ref(void **state)
{
    Topo *topo = world_topo(1, 1, 1, 1, 1);
    Topo *same = topo_ref(topo);
    (void)state;

    assert_ptr_equal(topo, same);
    topo_unref(topo);
    assert_cpus(same->online, "0");
    topo_unref(same);
}

/* One change to each thing planning uses. */
typedef void (*Edit)(Topo *topo);
static void edit_pu(Topo *topo)
{
    topo->pus[1].llc = 1;
}
static void edit_pu_count(Topo *topo)
{
    topo->n_pus--;
}
static void edit_core(Topo *topo)
{
    topo->cores[0].kind = 1;
}
static void edit_core_cpus(Topo *topo)
{
    hwloc_bitmap_clr(topo->cores[0].cpus, 0);
}
static void edit_llc(Topo *topo)
{
    topo->llcs[1].size_kib = 1;
}
static void edit_memory(Topo *topo)
{
    topo->nodes[1].memory_kib--;
}
static void edit_distance(Topo *topo)
{
    topo->nodes[1].distances[0]++;
}
static void edit_pool(Topo *topo)
{
    topo->nodes[0].pools[0].total++;
}
static void edit_new_pool(Topo *topo)
{
    world_add_pool(topo, 1, 2048, 1);
}
static void edit_new_node(Topo *topo)
{
    world_add_memory_node(topo, 1024);
}
static void edit_online(Topo *topo)
{
    hwloc_bitmap_clr(topo->online, 1);
}
static void edit_offline(Topo *topo)
{
    hwloc_bitmap_set(topo->offline, 9);
}
static void edit_isolated(Topo *topo)
{
    hwloc_bitmap_set(topo->isolated, 1);
}
static void edit_nohz(Topo *topo)
{
    hwloc_bitmap_set(topo->nohz_full, 1);
}
static void edit_allowed(Topo *topo)
{
    hwloc_bitmap_clr(topo->allowed, 1);
}
static void edit_mems(Topo *topo)
{
    hwloc_bitmap_clr(topo->allowed_mems, 1);
}
static void edit_kvm(Topo *topo)
{
    topo->no_kvm = true;
}
static void edit_vhost_net(Topo *topo)
{
    topo->no_vhost_net = true;
}

static void edit_io_uring(Topo *topo)
{
    topo->no_io_uring = true;
}

static void edit_base_page(Topo *topo)
{
    topo->base_page_kib = 64;
}
static void edit_packages(Topo *topo)
{
    topo->n_packages = 2;
}
static void edit_pci(Topo *topo)
{
    topo->pci[0].node = 1;
}

static void edit_net_node(Topo *topo)
{
    topo->nets[0].node = 1;
}
static void edit_net_name(Topo *topo)
{
    topo->nets[0].name[0] = 'x';
}
static void edit_net_count(Topo *topo)
{
    g_free(topo->nets[--topo->n_nets].name);
}

static Topo *make_rich_topo(void)
{
    Topo *topo = world_topo(1, 2, 1, 2, 1);

    world_add_pool(topo, 0, 2048, 10);
    topo->n_pci = 1;
    topo->pci = g_new0(TopoPciLocality, 1);
    topo->pci[0].address = g_strdup("0000:03:00.0");
    topo->n_nets = 1;
    topo->nets = g_new0(TopoNetLocality, 1);
    topo->nets[0].name = g_strdup("eth0");
    return topo;
}

static void test_equal(void **state)
{
    static const Edit edits[] = {
        edit_pu,       edit_pu_count,  edit_core,     edit_core_cpus, edit_llc,
        edit_memory,   edit_distance,  edit_pool,     edit_new_pool,  edit_new_node,
        edit_online,   edit_offline,   edit_isolated, edit_nohz,      edit_allowed,
        edit_mems,     edit_base_page, edit_packages, edit_kvm,       edit_vhost_net,
        edit_io_uring, edit_pci,       edit_net_node, edit_net_name,  edit_net_count,
    };
    g_autoptr(Topo) a = make_rich_topo();
    g_autoptr(Topo) b = make_rich_topo();
    (void)state;

    g_free(b->source);
    b->source = g_strdup("elsewhere");
    assert_true(topo_equal(a, b));
    for (size_t i = 0; i < G_N_ELEMENTS(edits); i++) {
        g_autoptr(Topo) other = make_rich_topo();
        edits[i](other);
        if (topo_equal(a, other) || topo_equal(other, a))
            fail_msg("edit %zu is not noticed", i);
    }
}

/* Where page pools, memory and devices change, the kernel lets threads be. */
static void test_same_cpus(void **state)
{
    static const Edit others[] = {edit_pool,     edit_new_pool,  edit_memory,    edit_distance,
                                  edit_pci,      edit_net_node,  edit_net_count, edit_vhost_net,
                                  edit_io_uring, edit_base_page, edit_nohz,      edit_kvm};
    static const Edit resets[] = {edit_online, edit_offline, edit_isolated, edit_allowed,
                                  edit_mems};
    g_autoptr(Topo) topo = make_rich_topo();
    (void)state;

    for (size_t i = 0; i < G_N_ELEMENTS(others); i++) {
        g_autoptr(Topo) other = make_rich_topo();
        others[i](other);
        assert_true(topo_same_cpus(topo, other));
    }
    for (size_t i = 0; i < G_N_ELEMENTS(resets); i++) {
        g_autoptr(Topo) other = make_rich_topo();
        resets[i](other);
        if (topo_same_cpus(topo, other) || topo_same_cpus(other, topo))
            fail_msg("edit %zu is not noticed", i);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_same_cpus),
        cmocka_unit_test(test_lookup),
        cmocka_unit_test(test_lookup_with_gaps),
        cmocka_unit_test(test_nothing_there),
        cmocka_unit_test(test_distance),
        cmocka_unit_test(test_smt),
        cmocka_unit_test(test_sets),
        cmocka_unit_test(test_pci),
        cmocka_unit_test(test_ref),
        cmocka_unit_test(test_equal),
        cmocka_unit_test(test_nets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
