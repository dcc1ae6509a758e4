/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "guest/domain-xml.h"

#include "common/world.h"
#include "model/policy.h"

#include <errno.h>
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#define HEAD "<domain type='kvm'><name>g</name><uuid>00000000-0000-4000-8000-000000000001</uuid>"
#define MEMORY "<memory>1048576</memory>"
#define TAIL "</domain>"
#define DOMAIN(inner) HEAD MEMORY inner TAIL

static char *read_file(const char *path)
{
    char *text = NULL;

    if (!g_file_get_contents(path, &text, NULL, NULL))
        fail_msg("%s: unreadable", path);
    return text;
}

static GuestDef *parse_with(const char *xml, DiagList *diags)
{
    GuestDef *def = NULL;

    if (guest_def_parse(xml, strlen(xml), "guest.xml", &def, diags) == 0)
        return def;
    for (unsigned i = 0; diag_list_get(diags, i); i++)
        print_error("%s\n", diag_list_get(diags, i)->text);
    fail_msg("does not parse: %.300s", xml);
    return NULL;
}

/* Parses without a single word. */
static GuestDef *parse(const char *xml)
{
    g_autoptr(DiagList) diags = diag_list_new();
    GuestDef *def = parse_with(xml, diags);

    if (diags->items->len > 0)
        fail_msg("unexpected: %s", diag_list_get(diags, 0)->text);
    return def;
}

/* Parses with one warning, which says words about key. */
static GuestDef *parse_warns(const char *xml, const char *key, const char *words)
{
    g_autoptr(DiagList) diags = diag_list_new();
    GuestDef *def = parse_with(xml, diags);
    const Diag *diag = diag_list_get(diags, 0);

    assert_int_equal(diags->items->len, 1);
    assert_int_equal(diag->severity, DIAG_WARNING);
    assert_string_equal(diag->key, key);
    if (!strstr(diag->text, words))
        fail_msg("\"%s\" does not say \"%s\"", diag->text, words);
    return def;
}

/* Fails with exactly one error, at key (NULL: none). */
static void assert_refused(const char *xml, const char *key, const char *words)
{
    g_autoptr(DiagList) diags = diag_list_new();
    GuestDef *def = NULL;

    if (guest_def_parse(xml, strlen(xml), "guest.xml", &def, diags) != -EINVAL)
        fail_msg("not refused: %s", xml);
    assert_null(def);
    assert_int_equal(diag_list_count(diags, DIAG_ERROR), 1);

    unsigned i = 0;
    while (diag_list_get(diags, i)->severity != DIAG_ERROR)
        i++;
    const Diag *diag = diag_list_get(diags, i);
    assert_string_equal(diag->file, "guest.xml");
    if (g_strcmp0(diag->key, key) != 0 || !strstr(diag->text, words))
        fail_msg("\"%s: %s\" is not \"%s: …%s…\"", diag->key, diag->text, key, words);
}

/* --- whole definitions --- */

static void test_full_identity(void **state)
{
    g_autofree char *xml = read_file("tests/data/domain-full.xml");
    g_autoptr(GuestDef) def = parse(xml);
    (void)state;

    assert_string_equal(def->name, "db-1");
    assert_string_equal(def->uuid, "4dea22b3-1d52-d8f3-2516-78e98ca70e12");
    assert_string_equal(def->title, "Database, größer");
    assert_string_equal(def->label, "gold");
    assert_string_equal(def->os, "http://debian.org/debian/12");
    assert_string_equal(def->partition, "/machine/prod");
    assert_string_equal(def->type, "kvm");
}

static void test_full_cpus(void **state)
{
    g_autofree char *xml = read_file("tests/data/domain-full.xml");
    g_autoptr(GuestDef) def = parse(xml);
    (void)state;

    assert_int_equal(def->max_vcpus, 8);
    assert_cpus(def->vcpus, "0-1,4");
    assert_cpus(def->vcpu_cpuset, "0-6,8-15");
    assert_false(def->auto_placement);
    assert_int_equal(def->n_vcpu_pins, 3);
    assert_int_equal(def->vcpu_pins[2].id, 4);
    assert_cpus(guest_def_vcpu_pin(def, 1), "3,11");
    assert_cpus(guest_def_vcpu_pin(def, 4), "4");
    assert_null(guest_def_vcpu_pin(def, 2));
    assert_cpus(def->emulator_pin, "0-1");
    assert_cpus(def->iothreads, "1-2,7");
    assert_int_equal(def->n_iothread_pins, 2);
    assert_cpus(guest_def_iothread_pin(def, 7), "5");
    assert_int_equal(def->shares, 2048);
    assert_int_equal(def->vcpu_period, 100000);
    assert_int_equal(def->vcpu_quota, 50000);
}

static void test_full_memory(void **state)
{
    g_autofree char *xml = read_file("tests/data/domain-full.xml");
    g_autoptr(GuestDef) def = parse(xml);
    (void)state;

    assert_int_equal(def->memory_kib, 9 * WORLD_GIB_KIB);
    assert_int_equal(def->current_memory_kib, 8 * WORLD_GIB_KIB);
    assert_int_equal(def->n_cells, 2);
    assert_int_equal(def->cells[0].id, 0);
    assert_cpus(def->cells[0].vcpus, "0-3");
    assert_cpus(def->cells[1].vcpus, "4-7");
    assert_int_equal(def->cells[1].memory_kib, 4 * WORLD_GIB_KIB);
    assert_true(def->has_hugepages);
    assert_int_equal(def->n_hugepages, 2);
    assert_int_equal(def->hugepages[0].size_kib, 2048);
    assert_cpus(def->hugepages[0].cells, "0");
    assert_int_equal(def->hugepages[1].size_kib, 1048576);
    assert_int_equal(def->numa_mode, NUMA_PREFERRED);
    assert_cpus(def->numa_nodeset, "1");
    assert_false(def->numa_auto);
    assert_true(def->has_memnodes);
}

static void test_full_disks(void **state)
{
    g_autofree char *xml = read_file("tests/data/domain-full.xml");
    g_autoptr(GuestDef) def = parse(xml);
    (void)state;

    assert_int_equal(def->n_disks, 3);
    assert_string_equal(def->disks[0].target, "vda");
    assert_string_equal(def->disks[0].bus, "virtio");
    assert_string_equal(def->disks[0].source, "/srv/db & more.qcow2");
    assert_string_equal(def->disks[0].driver, "qcow2");
    assert_string_equal(def->disks[0].type, "file");
    assert_string_equal(def->disks[0].device, "disk");
    assert_string_equal(def->disks[1].bus, "scsi");
    assert_string_equal(def->disks[1].source, "/dev/vg/lv");
    assert_string_equal(def->disks[1].type, "block");
    assert_false(def->disks[1].read_only);
    assert_true(def->disks[1].shareable);
    assert_false(def->disks[0].shareable || def->disks[2].shareable);
    assert_null(def->disks[2].source);
    assert_string_equal(def->disks[2].device, "cdrom");
    assert_true(def->disks[2].read_only);
}

static void test_full_devices(void **state)
{
    g_autofree char *xml = read_file("tests/data/domain-full.xml");
    g_autoptr(GuestDef) def = parse(xml);
    (void)state;

    assert_int_equal(def->n_nics, 3);
    assert_string_equal(def->nics[0].mac, "52:54:00:12:34:56");
    assert_string_equal(def->nics[0].type, "bridge");
    assert_string_equal(def->nics[0].model, "virtio");
    assert_string_equal(def->nics[0].alias, "net0");
    assert_null(def->nics[0].pci);
    assert_string_equal(def->nics[0].host, "br0");
    assert_string_equal(def->nics[1].pci, "0000:3b:10.3");
    assert_null(def->nics[1].host);
    assert_null(def->nics[2].host);
    assert_null(def->nics[1].alias);
    assert_true(def->has_vhost_user);
    assert_string_equal(def->hostdevs[0], "0001:81:1f.7");
    assert_null(def->hostdevs[1]);
}

static void test_defaults(void **state)
{
    g_autoptr(GuestDef) def = parse(DOMAIN(""));
    (void)state;

    assert_int_equal(def->max_vcpus, 1);
    assert_cpus(def->vcpus, "0");
    assert_null(def->vcpu_cpuset);
    assert_null(def->title);
    assert_null(def->label);
    assert_null(def->emulator_pin);
    assert_int_equal(def->memory_kib, WORLD_GIB_KIB);
    assert_int_equal(def->current_memory_kib, WORLD_GIB_KIB);
    assert_int_equal(def->numa_mode, -1);
    assert_int_equal(def->shares, -1);
    assert_int_equal(def->vcpu_quota, -1);
    assert_int_equal(def->n_cells + def->n_disks + def->n_nics + def->n_hugepages, 0);
    assert_false(def->has_hugepages || def->has_vhost_user || def->has_memnodes);
    assert_null(def->hostdevs[0]);
}

/* --- parts --- */

static void test_derived_uuid(void **state)
{
    const char *xml = "<domain type='kvm'><name>tiny</name>" MEMORY "</domain>";
    const char *other = "<domain type='kvm'><name>tiny2</name>" MEMORY "</domain>";
    g_autoptr(GuestDef) a = parse_warns(xml, "/domain", "no <uuid>");
    g_autoptr(GuestDef) b = parse_warns(xml, "/domain", a->uuid);
    g_autoptr(GuestDef) c = parse_warns(other, "/domain", "no <uuid>");
    (void)state;

    assert_true(g_uuid_string_is_valid(a->uuid));
    assert_int_equal(a->uuid[14], '5');
    assert_string_equal(a->uuid, b->uuid);
    assert_string_not_equal(a->uuid, c->uuid);
}

static void assert_memory(const char *element, uint64_t kib)
{
    g_autofree char *xml = g_strconcat(HEAD, element, TAIL, NULL);
    g_autoptr(GuestDef) def = parse(xml);

    assert_int_equal(def->memory_kib, kib);
}

static void test_memory_units(void **state)
{
    (void)state;
    assert_memory("<memory>1024</memory>", 1024);
    assert_memory("<memory unit='b'>1025</memory>", 2);
    assert_memory("<memory unit='bytes'>2048</memory>", 2);
    assert_memory("<memory unit='KB'>1024</memory>", 1000);
    assert_memory("<memory unit='k'>3</memory>", 3);
    assert_memory("<memory unit='KiB'>3</memory>", 3);
    assert_memory("<memory unit='m'> 3 </memory>", 3072);
    assert_memory("<memory unit='MiB'>3</memory>", 3072);
    assert_memory("<memory unit='MB'>1</memory>", 977);
    assert_memory("<memory unit='GiB'>2</memory>", 2 * WORLD_GIB_KIB);
    assert_memory("<memory unit='TiB'>1</memory>", 1024 * WORLD_GIB_KIB);
}

static void test_memory_errors(void **state)
{
    (void)state;
    assert_refused(HEAD TAIL, "/domain", "needs a <memory>");
    assert_refused(HEAD "<memory>0</memory>" TAIL, "/domain/memory", "needs a <memory>");
    assert_refused(DOMAIN("<currentMemory unit='parsec'>1</currentMemory>"),
                   "/domain/currentMemory/@unit", "parsec");
    assert_refused(DOMAIN("<currentMemory unit='E'>99</currentMemory>"), "/domain/currentMemory",
                   "expected a size");
    assert_refused(DOMAIN("<memoryBacking><hugepages><page size='0'/></hugepages></memoryBacking>"),
                   "/domain/memoryBacking/hugepages/page/@size", "huge page");
    assert_refused(DOMAIN("<memoryBacking><hugepages><page/></hugepages></memoryBacking>"),
                   "/domain/memoryBacking/hugepages/page/@size", "huge page");
}

static void test_hugepages_of_default_size(void **state)
{
    g_autoptr(GuestDef) def = parse(DOMAIN("<memoryBacking><hugepages/></memoryBacking>"));
    (void)state;

    assert_true(def->has_hugepages);
    assert_int_equal(def->n_hugepages, 1);
    assert_int_equal(def->hugepages[0].size_kib, 0);
    assert_null(def->hugepages[0].cells);
    assert_int_equal(guest_def_page_kib(def, 0, 4), 2048);
}

/* As libvirt takes it: pages that name cells come before those for all, wherever they stand. */
static void test_hugepages_by_cell(void **state)
{
    g_autoptr(GuestDef) all = parse(DOMAIN("<memoryBacking><hugepages><page size='1' unit='G'/>"
                                           "<page size='2' unit='M' nodeset='1'/>"
                                           "</hugepages></memoryBacking>"));
    g_autoptr(GuestDef) one = parse(DOMAIN("<memoryBacking><hugepages>"
                                           "<page size='2' unit='M' nodeset='1'/>"
                                           "</hugepages></memoryBacking>"));
    (void)state;

    assert_int_equal(guest_def_page_kib(all, 0, 4), 1048576);
    assert_int_equal(guest_def_page_kib(all, 1, 4), 2048);
    assert_int_equal(guest_def_page_kib(one, 0, 4), 4);
    assert_int_equal(guest_def_page_kib(one, 1, 4), 2048);
}

#define CELLS(inner) "<vcpu>4</vcpu><cpu><numa>" inner "</numa></cpu>"

static void test_cells(void **state)
{
    g_autoptr(GuestDef) no_ids = parse(HEAD CELLS(
        "<cell cpus='0-1' memory='1024'/><cell cpus='2-3' memory='1' unit='MiB'/>") TAIL);
    g_autoptr(GuestDef) disagreeing =
        parse_warns(DOMAIN(CELLS("<cell cpus='0-3' memory='2' unit='GiB'/>")), "/domain/memory",
                    "used instead");
    g_autoptr(GuestDef) too_many = parse_warns(DOMAIN(CELLS("<cell cpus='0-7' memory='1048576'/>")),
                                               "/domain/cpu/numa/cell/@cpus", "4");
    (void)state;

    assert_int_equal(no_ids->cells[1].id, 1);
    assert_int_equal(no_ids->memory_kib, 2048);
    assert_int_equal(disagreeing->memory_kib, 2 * WORLD_GIB_KIB);
    assert_cpus(too_many->cells[0].vcpus, "0-3");
}

static void test_cell_errors(void **state)
{
    (void)state;
    assert_refused(HEAD CELLS("<cell cpus='0-1' memory='8'/><cell cpus='1-2' memory='8'/>") TAIL,
                   "/domain/cpu/numa", "cell 1");
    assert_refused(HEAD CELLS("<cell id='1' cpus='0' memory='8'/>") TAIL, "/domain/cpu/numa",
                   "run from 0");
    assert_refused(DOMAIN(CELLS("<cell cpus='0'/>")), "/domain/cpu/numa/cell/@memory",
                   "memory size");
}

static void test_vcpus(void **state)
{
    g_autoptr(GuestDef) some =
        parse(DOMAIN("<vcpu placement='auto' current='2'>4</vcpu><numatune><memory "
                     "mode='interleave'/></numatune>"));
    (void)state;

    assert_int_equal(some->max_vcpus, 4);
    assert_cpus(some->vcpus, "0-1");
    assert_true(some->auto_placement);
    assert_true(some->numa_auto);
    assert_int_equal(some->numa_mode, NUMA_INTERLEAVE);
}

static void test_vcpu_errors(void **state)
{
    (void)state;
    assert_refused(DOMAIN("<vcpu>5000</vcpu>"), "/domain/vcpu", "0 to 4096");
    assert_refused(DOMAIN("<vcpu>0</vcpu>"), "/domain/vcpu", "1 to 4096");
    assert_refused(DOMAIN("<vcpu>two</vcpu>"), "/domain/vcpu", "'two'");
    assert_refused(DOMAIN("<vcpu current='3'>2</vcpu>"), "/domain/vcpu/@current", "1 to 2");
    assert_refused(DOMAIN("<vcpu current='0'>2</vcpu>"), "/domain/vcpu/@current", "1 to 2");
    assert_refused(DOMAIN("<vcpu cpuset='0-'>2</vcpu>"), "/domain/vcpu/@cpuset", "list");
    assert_refused(DOMAIN("<vcpus><vcpu id='0' enabled='no'/></vcpus>"), "/domain/vcpus",
                   "no vCPU is enabled");
}

static void test_numatune(void **state)
{
    g_autoptr(GuestDef) nodeset = parse(DOMAIN("<numatune><memory nodeset='0-1'/></numatune>"));
    g_autoptr(GuestDef) chosen =
        parse(DOMAIN("<numatune><memory mode='strict' placement='auto'/></numatune>"));
    g_autoptr(GuestDef) memnode =
        parse(DOMAIN("<numatune><memnode cellid='0' mode='strict' nodeset='0'/></numatune>"));
    (void)state;

    assert_int_equal(nodeset->numa_mode, NUMA_STRICT);
    assert_cpus(nodeset->numa_nodeset, "0-1");
    assert_true(chosen->numa_auto);
    assert_int_equal(memnode->numa_mode, -1);
    assert_true(memnode->has_memnodes);
    assert_refused(DOMAIN("<numatune><memory mode='lax'/></numatune>"),
                   "/domain/numatune/memory/@mode", "lax");
}

static void test_memnodes(void **state)
{
    g_autoptr(GuestDef) def =
        parse(DOMAIN("<vcpu>2</vcpu><cpu><numa><cell id='0' cpus='0' memory='512' unit='MiB'/>"
                     "<cell id='1' cpus='1' memory='512' unit='MiB'/></numa></cpu>"
                     "<numatune><memnode cellid='1' mode='preferred' nodeset='2-3'/>"
                     "<memnode cellid='7' mode='strict' nodeset='0'/></numatune>"));
    (void)state;

    assert_null(def->cells[0].nodes);
    assert_cpus(def->cells[1].nodes, "2-3");
}

static void test_pin_errors(void **state)
{
    (void)state;
    assert_refused(DOMAIN("<cputune><vcpupin cpuset='0'/></cputune>"),
                   "/domain/cputune/vcpupin/@vcpu", "number");
    assert_refused(DOMAIN("<cputune><vcpupin vcpu='0'/></cputune>"),
                   "/domain/cputune/vcpupin/@cpuset", "CPU list");
    assert_refused(DOMAIN("<cputune><emulatorpin cpuset='1,^1'/></cputune>"),
                   "/domain/cputune/emulatorpin/@cpuset", "at least one");
    assert_refused(DOMAIN("<cputune><vcpupin vcpu='0' cpuset='1'/><vcpupin vcpu='0' cpuset='2'/>"
                          "</cputune>"),
                   "/domain/cputune/vcpupin[2]/@vcpu", "twice");
    assert_refused(DOMAIN("<cputune><quota>fast</quota></cputune>"), "/domain/cputune/quota",
                   "microseconds");
    assert_refused(DOMAIN("<iothreadids><iothread id='0'/></iothreadids>"),
                   "/domain/iothreadids/iothread/@id", "from 1");
    assert_refused(DOMAIN("<iothreads>9999999999</iothreads>"), "/domain/iothreads", "0 to");
}

static void test_pins_of_nothing(void **state)
{
    g_autoptr(GuestDef) vcpu =
        parse_warns(DOMAIN("<cputune><vcpupin vcpu='1' cpuset='1'/></cputune>"),
                    "/domain/cputune/vcpupin/@vcpu", "no vcpu 1");
    g_autoptr(GuestDef) iothread =
        parse_warns(DOMAIN("<cputune><iothreadpin iothread='1' cpuset='1'/></cputune>"),
                    "/domain/cputune/iothreadpin/@iothread", "no iothread 1");
    (void)state;

    assert_int_equal(vcpu->n_vcpu_pins, 0);
    assert_int_equal(iothread->n_iothread_pins, 0);
}

static void test_unlimited_quota(void **state)
{
    g_autoptr(GuestDef) minus = parse(DOMAIN("<cputune><quota>-1</quota></cputune>"));
    g_autoptr(GuestDef) zero = parse(DOMAIN("<cputune><quota>0</quota></cputune>"));
    (void)state;

    assert_int_equal(minus->vcpu_quota, -1);
    assert_int_equal(zero->vcpu_quota, -1);
}

static void test_odd_devices(void **state)
{
    g_autoptr(GuestDef) disk = parse_warns(DOMAIN("<devices><disk type='file'/></devices>"),
                                           "/domain/devices/disk", "left out");
    g_autoptr(GuestDef) bare = parse(DOMAIN(
        "<devices><disk><target dev='sda'/><address type='drive' controller='2'/>"
        "<backingStore type='file'><source file='/b'/><backingStore type='file'>"
        "<source file='/a'/><backingStore/></backingStore></backingStore></disk></devices>"));
    g_autoptr(GuestDef) mapped =
        parse(DOMAIN("<devices><disk><driver ioeventfd='off'><iothreads/></driver>"
                     "<target dev='vda'/></disk></devices>"));
    g_autoptr(GuestDef) nic = parse_warns(DOMAIN("<devices><interface type='user'/></devices>"),
                                          "/domain/devices/interface", "MAC");
    g_autoptr(GuestDef) virtiofs =
        parse(DOMAIN("<devices><filesystem type='mount'><driver type='virtiofs'/></filesystem>"
                     "</devices>"));
    (void)state;

    assert_int_equal(disk->n_disks, 0);
    assert_int_equal(bare->n_disks, 1);
    assert_string_equal(bare->disks[0].type, "file");
    assert_string_equal(bare->disks[0].device, "disk");
    assert_int_equal(bare->disks[0].controller, 2);
    assert_int_equal(bare->disks[0].n_backing, 2);
    assert_false(bare->disks[0].no_ioeventfd || bare->disks[0].has_iothread_map);
    assert_true(mapped->disks[0].no_ioeventfd && mapped->disks[0].has_iothread_map);
    assert_int_equal(nic->n_nics, 1);
    assert_string_equal(nic->nics[0].mac, "");
    assert_string_equal(nic->nics[0].alias, "net0");
    assert_true(virtiofs->has_vhost_user);
    assert_refused(DOMAIN("<devices><hostdev type='pci'><source><address bus='0x100'/></source>"
                          "</hostdev></devices>"),
                   "/domain/devices/hostdev/source/address/@bus", "0xff");
}

#define NIC(type, source)                                                                          \
    DOMAIN("<devices><interface type='" type "'><mac address='52:54:00:00:00:01'/>" source         \
           "</interface></devices>")

/* As libvirt will number them; a name that a user gave stays. */
static void test_aliases(void **state)
{
    static const char *const aliases[] = {"net0", NULL, "ua-lan", "net1"};
    g_autoptr(GuestDef) def =
        parse(DOMAIN("<devices><interface type='user'><mac address='52:54:00:00:00:01'/>"
                     "</interface><interface type='hostdev'><mac address='52:54:00:00:00:02'/>"
                     "</interface><interface type='user'><mac address='52:54:00:00:00:03'/>"
                     "<alias name='ua-lan'/></interface><interface type='user'>"
                     "<mac address='52:54:00:00:00:04'/></interface></devices>"));
    (void)state;

    assert_int_equal(def->n_nics, G_N_ELEMENTS(aliases));
    for (unsigned i = 0; i < def->n_nics; i++)
        if (g_strcmp0(def->nics[i].alias, aliases[i]) != 0)
            fail_msg("%u: %s", i, def->nics[i].alias);
}

/* vhost-user needs all of the guest's memory. */
static void test_shared_memory(void **state)
{
#define BACKING "<memoryBacking><access mode='shared'/></memoryBacking>"
#define TWO_CELLS(first, second)                                                                   \
    "<cpu><numa><cell id='0' cpus='0' memory='524288'" first                                       \
    "/><cell id='1' memory='524288'" second "/></numa></cpu>"
#define SHARED " memAccess='shared'"
    static const struct {
        const char *xml;
        bool shared;
    } cases[] = {
        {DOMAIN(""), false},
        {DOMAIN("<memoryBacking><source type='memfd'/></memoryBacking>"), false},
        {DOMAIN(BACKING), true},
        {DOMAIN(BACKING TWO_CELLS("", "")), true},
        {DOMAIN(BACKING TWO_CELLS("", " memAccess='private'")), false},
        {DOMAIN(TWO_CELLS(SHARED, SHARED)), true},
        {DOMAIN(TWO_CELLS(SHARED, "")), false},
    };
    (void)state;

    for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GuestDef) def = parse(cases[i].xml);
        if (def->shared_memory != cases[i].shared)
            fail_msg("%s", cases[i].xml);
    }
}

/* What libvirt writes of a running guest, and what does not name a device of the host. */
static void test_host_devices(void **state)
{
    static const struct {
        const char *xml, *host;
    } cases[] = {
        {NIC("direct", "<source dev='eth0' mode='bridge'/>"), "eth0"},
        {NIC("direct", "<source network='lan' portid='1' dev='eth1' mode='vepa'/>"), "eth1"},
        {NIC("bridge", "<source network='lan' portid='1' bridge='br0'/>"), "br0"},
        {NIC("network", "<source network='default' portid='1' bridge='virbr0'/>"), "virbr0"},
        {NIC("network", "<source network='lan' portid='1' dev='eth2' mode='bridge'/>"), "eth2"},
        {NIC("network", "<source network='lan'/>"), NULL},
        {NIC("bridge", "<source dev='eth0'/>"), NULL},
        {NIC("direct", ""), NULL},
        {NIC("vdpa", "<source dev='/dev/vhost-vdpa-0'/>"), NULL},
        {NIC("ethernet", "<source bridge='br0' dev='eth0'/>"), NULL},
    };
    (void)state;

    for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GuestDef) def = parse(cases[i].xml);
        assert_int_equal(def->n_nics, 1);
        if (g_strcmp0(def->nics[0].host, cases[i].host) != 0)
            fail_msg("%s: %s", cases[i].xml, def->nics[0].host);
    }
}

static void test_identity_errors(void **state)
{
    (void)state;
    assert_refused("<domain type='kvm'>" MEMORY TAIL, "/domain", "<name>");
    assert_refused("<domain type='kvm'><name> </name>" MEMORY TAIL, "/domain/name", "<name>");
    assert_refused("<domain type='kvm'><name>../etc</name>" MEMORY
                   "<uuid>00000000-0000-4000-8000-000000000001</uuid>" TAIL,
                   "/domain/name", "'/'");
    assert_refused("<domain type='kvm'><name>g</name><uuid>12</uuid>" MEMORY TAIL, "/domain/uuid",
                   "not a UUID");
    assert_refused("<domain type='kvm'><name>g</name>" MEMORY
                   "<uuid>00000000-0000-4000-8000-0000000000012</uuid>" TAIL,
                   "/domain/uuid", "not a UUID");
}

/* --- documents --- */

static void test_not_a_domain(void **state)
{
    (void)state;
    assert_refused("", NULL, "");
    assert_refused("name: yaml", NULL, "");
    assert_refused("<domain><name>g</domain>", NULL, "mismatch");
    assert_refused("<network><name>default</name></network>", "/network", "expected <domain>");
    assert_refused("<domstatus><domain/></domstatus>", "/domstatus", "expected <domain>");
    assert_refused("<d:domain xmlns:d='urn:x'/>", "/d:domain", "expected <domain>");
}

static void test_no_doctype(void **state)
{
    (void)state;
    assert_refused("<!DOCTYPE domain [<!ENTITY n 'x'>]>" DOMAIN("<title>&n;</title>"), NULL,
                   "document type");
    assert_refused("<!DOCTYPE d [<!ENTITY a 'aaaa'><!ENTITY b '&a;&a;&a;'>]><domain>&b;</domain>",
                   NULL, "document type");
    assert_refused("<!DOCTYPE domain SYSTEM 'file:///etc/passwd'><domain/>", NULL, "document type");
}

static void test_bounds(void **state)
{
    g_autoptr(GString) deep = g_string_new(HEAD MEMORY);
    g_autofree char *large = g_malloc0(9 * 1024 * 1024);
    g_autoptr(DiagList) diags = diag_list_new();
    GuestDef *def = NULL;
    (void)state;

    for (unsigned i = 0; i < 100000; i++)
        g_string_append(deep, "<a>");
    assert_refused(deep->str, NULL, "");
    memset(large, ' ', 9 * 1024 * 1024 - 1);
    assert_int_equal(guest_def_parse(large, strlen(large), NULL, &def, diags), -EINVAL);
    assert_non_null(strstr(diag_list_get(diags, 0)->text, "8 MiB"));
}

/* All errors in one go, each with its line. */
static void test_all_errors(void **state)
{
    const char *xml = "<domain type='kvm'>\n"
                      "<name>g</name><uuid>00000000-0000-4000-8000-000000000001</uuid>\n"
                      "<memory>lots</memory>\n"
                      "<vcpu>many</vcpu>\n"
                      "<cputune>\n<vcpupin vcpu='0' cpuset='x'/>\n</cputune>\n</domain>";
    g_autoptr(DiagList) diags = diag_list_new();
    GuestDef *def = NULL;
    (void)state;

    assert_int_equal(guest_def_parse(xml, strlen(xml), "g.xml", &def, diags), -EINVAL);
    assert_true(diag_list_count(diags, DIAG_ERROR) >= 3);
    const Diag *vcpu = diag_list_get(diags, 0), *pin = NULL;
    assert_int_equal(vcpu->line, 4);
    for (unsigned i = 0; diag_list_get(diags, i); i++)
        pin = diag_list_get(diags, i);
    assert_int_equal(pin->line, 6);
    assert_string_equal(pin->key, "/domain/cputune/vcpupin/@cpuset");
}

static void test_without_diags(void **state)
{
    GuestDef *def = NULL;
    (void)state;

    assert_int_equal(guest_def_parse("<domain/>", 9, NULL, &def, NULL), -EINVAL);
    assert_null(def);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_full_identity),     cmocka_unit_test(test_full_cpus),
        cmocka_unit_test(test_full_memory),       cmocka_unit_test(test_full_disks),
        cmocka_unit_test(test_full_devices),      cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_derived_uuid),      cmocka_unit_test(test_memory_units),
        cmocka_unit_test(test_memory_errors),     cmocka_unit_test(test_hugepages_of_default_size),
        cmocka_unit_test(test_hugepages_by_cell), cmocka_unit_test(test_cells),
        cmocka_unit_test(test_cell_errors),       cmocka_unit_test(test_vcpus),
        cmocka_unit_test(test_vcpu_errors),       cmocka_unit_test(test_numatune),
        cmocka_unit_test(test_memnodes),          cmocka_unit_test(test_pin_errors),
        cmocka_unit_test(test_pins_of_nothing),   cmocka_unit_test(test_unlimited_quota),
        cmocka_unit_test(test_odd_devices),       cmocka_unit_test(test_host_devices),
        cmocka_unit_test(test_aliases),           cmocka_unit_test(test_shared_memory),
        cmocka_unit_test(test_identity_errors),   cmocka_unit_test(test_not_a_domain),
        cmocka_unit_test(test_no_doctype),        cmocka_unit_test(test_bounds),
        cmocka_unit_test(test_all_errors),        cmocka_unit_test(test_without_diags),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
