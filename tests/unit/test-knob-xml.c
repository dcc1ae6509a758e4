/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Where each knob is in a definition: read, set, changed, taken out. */
#include "guest/knob-xml.h"

#include "guest/domain-xml.h"
#include "model/policy.h"

#include <errno.h>
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#define MAC "52:54:00:aa:bb:01"
#define HEAD "<domain type=\"kvm\">\n  <name>g</name>\n  <memory>1048576</memory>\n"
#define DOMAIN(inner) HEAD inner "</domain>\n"
#define DEVICES(inner) DOMAIN("  <devices>\n" inner "  </devices>\n")

/* As libxml2 writes it, so that what is put in and taken out again leaves the same bytes. */
static const char bare[] =
    HEAD "  <vcpu>4</vcpu>\n"
         "  <cpu mode=\"host-passthrough\">\n"
         "    <numa>\n"
         "      <cell id=\"0\" cpus=\"0-1\" memory=\"524288\" unit=\"KiB\"/>\n"
         "      <cell id=\"1\" cpus=\"2-3\" memory=\"524288\" unit=\"KiB\"/>\n"
         "    </numa>\n"
         "  </cpu>\n"
         "  <devices>\n"
         "    <disk type=\"file\" device=\"disk\">\n"
         "      <driver name=\"qemu\" type=\"raw\"/>\n"
         "      <target dev=\"vda\" bus=\"virtio\"/>\n"
         "    </disk>\n"
         "    <disk type=\"file\" device=\"disk\">\n"
         "      <target dev=\"vdb\" bus=\"virtio\"/>\n"
         "    </disk>\n"
         "    <controller type=\"usb\" index=\"3\" model=\"piix3-uhci\"/>\n"
         "    <controller type=\"scsi\" index=\"3\" model=\"virtio-scsi\"/>\n"
         "    <interface type=\"bridge\">\n"
         "      <mac address=\"52:54:00:AA:bb:01\"/>\n"
         "      <source bridge=\"br0\"/>\n"
         "    </interface>\n"
         "  </devices>\n"
         "</domain>\n";

static SettingKey key_of(Knob knob, const char *device, unsigned instance)
{
    SettingKey key = {.knob = knob, .instance = instance};

    if (device)
        assert_true(setting_key_set_device(&key, device));
    return key;
}

/* The document with one knob changed; the edit must end as told. */
static char *edit_to(const char *xml, const SettingKey *key, const char *value, int result)
{
    DomainEdit edit = {.key = *key, .value = value};
    char *edited = NULL;

    assert_int_equal(domain_xml_edit(xml, &edit, 1, &edited), 0);
    if (edit.result != result)
        fail_msg("%s %s: %d instead of %d", knob_info(key->knob)->name, value ? value : "NULL",
                 edit.result, result);
    if (result < 0)
        assert_string_equal(edited, xml);
    return edited;
}

static char *edit(const char *xml, const SettingKey *key, const char *value)
{
    g_autofree char *once = edit_to(xml, key, value, 0);
    g_autofree char *twice = edit_to(once, key, value, 0);

    assert_string_equal(once, twice);
    return g_steal_pointer(&once);
}

static void assert_edit(const char *xml, Knob knob, const char *value, const char *expected)
{
    SettingKey key = {.knob = knob};
    g_autofree char *edited = edit(xml, &key, value);

    assert_string_equal(edited, expected);
}

static void assert_refused(const char *xml, Knob knob, const char *device, const char *value,
                           int result)
{
    SettingKey key = key_of(knob, device, 0);

    g_free(edit_to(xml, &key, value, result));
}

/* The document has that knob with this value (NULL: not set). */
static void assert_value(const char *xml, const SettingKey *key, const char *value)
{
    g_autoptr(DiagList) diags = diag_list_new();
    g_autoptr(GuestDef) def = NULL;

    if (guest_def_parse(xml, strlen(xml), NULL, &def, diags) < 0)
        fail_msg("%s: %s", diag_list_get(diags, 0)->text, xml);
    const Setting *setting = setting_list_find(def->knobs, key);
    if (!setting || g_strcmp0(setting->value, value) != 0)
        fail_msg("%s is %s instead of %s in %s", knob_info(key->knob)->name,
                 setting ? setting->value : "nowhere", value, xml);
}

static void assert_read(const char *xml, Knob knob, const char *value)
{
    SettingKey key = {.knob = knob};

    assert_value(xml, &key, value);
}

/* --- every row --- */

typedef struct RowCase {
    Knob knob;
    const char *device;
    unsigned instance;
    const char *first, *second;
    const char *written; /* in the document with the first value */
} RowCase;

static const RowCase row_cases[] = {
    {KNOB_NUMA_MEMNODE, NULL, 1, "mode=strict,nodeset=0", "mode=preferred,nodeset=0-1",
     "<memnode cellid=\"1\" mode=\"strict\" nodeset=\"0\"/>"},
    {KNOB_MEMORY_PAGE_SIZE, NULL, 0, "2048", "1048576:0;2048:1",
     "<hugepages><page size=\"2048\" unit=\"KiB\"/></hugepages>"},
    {KNOB_MEMORY_LOCKED, NULL, 0, "on", "on", "<memoryBacking><locked/></memoryBacking>"},
    {KNOB_MEMORY_NOSHAREPAGES, NULL, 0, "on", "on", "<nosharepages/>"},
    {KNOB_MEMORY_ALLOCATION_THREADS, NULL, 0, "8", "4", "<allocation threads=\"8\"/>"},
    {KNOB_CPU_TOPOLOGY, NULL, 0, "sockets=1,cores=2,threads=2",
     "sockets=2,dies=2,cores=1,threads=1",
     "    <topology sockets=\"1\" cores=\"2\" threads=\"2\"/>\n"},
    {KNOB_CPU_CACHE, NULL, 0, "mode=passthrough", "mode=emulate,level=3",
     "    <cache mode=\"passthrough\"/>\n"},
    {KNOB_CPU_HINT_DEDICATED, NULL, 0, "on", "off", "<kvm><hint-dedicated state=\"on\"/></kvm>"},
    {KNOB_CPU_POLL_CONTROL, NULL, 0, "on", "off", "<poll-control state=\"on\"/>"},
    {KNOB_CPU_HYPERV, "relaxed", 0, "state=on", "state=off",
     "  <features><hyperv><relaxed state=\"on\"/></hyperv></features>\n"},
    {KNOB_CPU_HYPERV, "spinlocks", 0, "state=on,retries=8191", "state=off",
     "<spinlocks state=\"on\" retries=\"8191\"/>"},
    {KNOB_CLOCK_TIMER, "hpet", 0, "no", "yes", "<timer name=\"hpet\" present=\"no\"/>"},
    {KNOB_CLOCK_TICKPOLICY, "pit", 0, "delay", "discard",
     "<timer name=\"pit\" tickpolicy=\"delay\"/>"},
    {KNOB_IOTHREAD_IDS, NULL, 0, "1-2", "1,4", "  <iothreads>2</iothreads>\n</domain>"},
    {KNOB_NET_DRIVER, MAC, 0, "vhost", "qemu", "      <driver name=\"vhost\"/>\n"},
    {KNOB_NET_QUEUES, MAC, 0, "4", "8", "<driver queues=\"4\"/>"},
    {KNOB_NET_RX_QUEUE_SIZE, MAC, 0, "512", "1024", "<driver rx_queue_size=\"512\"/>"},
    {KNOB_NET_TX_QUEUE_SIZE, MAC, 0, "512", "1024", "<driver tx_queue_size=\"512\"/>"},
    {KNOB_NET_PACKED, MAC, 0, "on", "off", "<driver packed=\"on\"/>"},
    {KNOB_NET_EVENT_IDX, MAC, 0, "off", "on", "<driver event_idx=\"off\"/>"},
    {KNOB_NET_MTU, MAC, 0, "9000", "1500", "      <mtu size=\"9000\"/>\n"},
    {KNOB_NET_INBOUND, MAC, 0, "average=1000,peak=5000,burst=5120", "average=128",
     "<bandwidth><inbound average=\"1000\" peak=\"5000\" burst=\"5120\"/></bandwidth>"},
    {KNOB_NET_OUTBOUND, MAC, 0, "average=128,burst=256", "average=64",
     "<bandwidth><outbound average=\"128\" burst=\"256\"/></bandwidth>"},
    {KNOB_DISK_CACHE, "vda", 0, "none", "writeback",
     "<driver name=\"qemu\" type=\"raw\" cache=\"none\"/>"},
    {KNOB_DISK_IO, "vdb", 0, "native", "io_uring", "      <driver io=\"native\"/>\n"},
    {KNOB_DISK_DISCARD, "vdb", 0, "unmap", "ignore", "<driver discard=\"unmap\"/>"},
    {KNOB_DISK_DETECT_ZEROES, "vdb", 0, "unmap", "on", "<driver detect_zeroes=\"unmap\"/>"},
    {KNOB_DISK_QUEUES, "vdb", 0, "4", "2", "<driver queues=\"4\"/>"},
    {KNOB_DISK_QUEUE_SIZE, "vdb", 0, "256", "1024", "<driver queue_size=\"256\"/>"},
    {KNOB_DISK_IOTHREAD, "vda", 0, "1", "2", "type=\"raw\" iothread=\"1\"/>"},
    {KNOB_DISK_IOTUNE, "vda", 0, "total_iops_sec=500,group_name=a%2C b%25",
     "read_iops_sec=100,write_iops_sec=50,read_iops_sec_max=200,read_iops_sec_max_length=3",
     "<total_iops_sec>500</total_iops_sec><group_name>a, b%</group_name>"},
    {KNOB_SCSI_QUEUES, NULL, 3, "8", "4", "virtio-scsi\"><driver queues=\"8\"/></controller>"},
    {KNOB_SCSI_IOTHREAD, NULL, 3, "2", "1", "virtio-scsi\"><driver iothread=\"2\"/></controller>"},
};

/* An element without children is closed in another way once it had one. */
static void assert_same_but_closed(const char *xml, const char *expected)
{
    g_auto(GStrv) parts = g_strsplit(xml, "></controller>", -1);
    g_autofree char *closed = g_strjoinv("/>", parts);

    assert_string_equal(closed, expected);
}

static void test_every_row(void **state)
{
    (void)state;
    for (unsigned i = 0; i < G_N_ELEMENTS(row_cases); i++) {
        const RowCase *row = &row_cases[i];
        SettingKey key = key_of(row->knob, row->device, row->instance);
        assert_value(bare, &key, NULL);
        g_autofree char *first = edit(bare, &key, row->first);
        assert_value(first, &key, row->first);
        if (!strstr(first, row->written))
            fail_msg("not in it: %s\n%s", row->written, first);
        g_autofree char *second = edit(first, &key, row->second);
        assert_value(second, &key, row->second);
        g_autofree char *out = edit(second, &key, NULL);
        assert_same_but_closed(out, bare);
    }
}

static bool has_case(Knob knob)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(row_cases); i++)
        if (row_cases[i].knob == knob)
            return true;
    return false;
}

/* Cells have tests of their own; what is never edited is refused. */
static void test_no_row_is_left_out(void **state)
{
    (void)state;
    for (int i = 0; i < N_KNOBS; i++)
        if (knob_info((Knob)i)->edited && i != KNOB_NUMA_CELLS && !has_case((Knob)i))
            fail_msg("%s has no case", knob_info((Knob)i)->name);
    assert_refused(bare, KNOB_VHOST_PIN, NULL, NULL, -EINVAL);
    assert_refused(bare, KNOB_IOTHREAD_POLL_MAX, NULL, "1", -EINVAL);
}

/* All at once, as the daemon does it, and back. */
static void test_all_rows_together(void **state)
{
    DomainEdit edits[G_N_ELEMENTS(row_cases)];
    g_autofree char *edited = NULL, *back = NULL;
    (void)state;

    for (unsigned i = 0; i < G_N_ELEMENTS(row_cases); i++)
        edits[i] = (DomainEdit){
            .key = key_of(row_cases[i].knob, row_cases[i].device, row_cases[i].instance),
            .value = row_cases[i].first};
    assert_int_equal(domain_xml_edit(bare, edits, G_N_ELEMENTS(edits), &edited), 0);
    for (unsigned i = 0; i < G_N_ELEMENTS(row_cases); i++) {
        assert_int_equal(edits[i].result, 0);
        assert_value(edited, &edits[i].key, edits[i].value);
        edits[i].value = NULL;
    }
    assert_int_equal(domain_xml_edit(edited, edits, G_N_ELEMENTS(edits), &back), 0);
    assert_same_but_closed(back, bare);
}

/* --- faults --- */

static void test_no_such_device(void **state)
{
    (void)state;
    assert_refused(bare, KNOB_NET_QUEUES, "52:54:00:aa:bb:02", "4", -ENOENT);
    assert_refused(bare, KNOB_DISK_CACHE, "sda", "none", -ENOENT);
    assert_refused(bare, KNOB_SCSI_QUEUES, NULL, "4", -ENOENT); /* index 0 */
    assert_refused(bare, KNOB_CPU_HYPERV, "cheese", "state=on", -ENOENT);
    assert_refused(bare, KNOB_CLOCK_TIMER, "clock", "no", -ENOENT);
    assert_refused(DOMAIN(""), KNOB_DISK_CACHE, "vda", "none", -ENOENT);
    assert_refused(DOMAIN(""), KNOB_DISK_CACHE, "vda", NULL, -ENOENT);
    assert_refused(bare, KNOB_DISK_CACHE, NULL, "none", -ENOENT);
}

static void test_controllers_of_other_kinds(void **state)
{
    static const char *const others[] = {
        "<controller type=\"scsi\" index=\"0\" model=\"lsilogic\"/>",
        "<controller type=\"scsi\" index=\"0\"/>",
        "<controller type=\"scsi\" model=\"virtio-scsi\"/>",
        "<controller type=\"virtio-serial\" index=\"0\" model=\"virtio\"/>",
        "<controller type=\"scsi\" index=\"-1\" model=\"virtio-scsi\"/>",
    };
    (void)state;

    for (unsigned i = 0; i < G_N_ELEMENTS(others); i++) {
        g_autofree char *xml =
            g_strconcat(HEAD "<devices>", others[i], "</devices></domain>\n", NULL);
        assert_refused(xml, KNOB_SCSI_QUEUES, NULL, "4", -ENOENT);
    }
}

static void test_two_of_a_name(void **state)
{
    static const char xml[] =
        DEVICES("<interface type=\"bridge\"><mac address=\"52:54:00:aa:bb:01\"/></interface>\n"
                "<interface type=\"bridge\"><mac address=\"52:54:00:AA:BB:01\"/></interface>\n"
                "<disk type=\"file\"><target dev=\"vda\"/></disk>\n"
                "<disk type=\"file\"><target dev=\"vda\"/></disk>\n");
    (void)state;

    assert_refused(xml, KNOB_NET_QUEUES, MAC, "4", -ENOTUNIQ);
    assert_refused(xml, KNOB_NET_MTU, MAC, NULL, -ENOTUNIQ);
    assert_refused(xml, KNOB_DISK_CACHE, "vda", "none", -ENOTUNIQ);
}

static void test_bad_values(void **state)
{
    static const struct {
        Knob knob;
        const char *device, *value;
    } cases[] = {
        {KNOB_NET_QUEUES, MAC, ""},
        {KNOB_NET_QUEUES, MAC, " 4"},
        {KNOB_NET_DRIVER, MAC, "vhost\n"},
        {KNOB_NET_DRIVER, MAC, "\001"},
        {KNOB_NET_DRIVER, MAC, "\xff"},
        {KNOB_NET_DRIVER, MAC, "\xef\xbf\xbf"},
        {KNOB_NET_INBOUND, MAC, ""},
        {KNOB_NET_INBOUND, MAC, "1000"},
        {KNOB_NET_INBOUND, MAC, "average="},
        {KNOB_NET_INBOUND, MAC, "average=1,average=2"},
        {KNOB_NET_INBOUND, MAC, "floor=1"},
        {KNOB_NET_INBOUND, MAC, "average=1,"},
        {KNOB_DISK_IOTUNE, "vda", "group_name=%01"},
        {KNOB_DISK_IOTUNE, "vda", "group_name=%00"},
        {KNOB_DISK_IOTUNE, "vda", "group_name= g"},
        {KNOB_CPU_TOPOLOGY, NULL, "sockets"},
        {KNOB_NUMA_CELLS, NULL, "0-1"},
        {KNOB_NUMA_CELLS, NULL, "x:1024"},
        {KNOB_NUMA_CELLS, NULL, "0-1:1024;"},
        {KNOB_NUMA_CELLS, NULL, "0-1:1024;2-3:many"},
        {KNOB_IOTHREAD_IDS, NULL, "0-3"},
        {KNOB_IOTHREAD_IDS, NULL, "two"},
        {KNOB_IOTHREAD_IDS, NULL, "1-60000"},
        {KNOB_VCPU_PIN, NULL, "4"},
        {KNOB_CPU_WEIGHT, NULL, "200"},
        {KNOB_NUMA_NODESET, NULL, "strict:0"},
    };
    (void)state;

    for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++)
        assert_refused(bare, cases[i].knob, cases[i].device, cases[i].value, -EINVAL);
}

/* What can be edited is, what cannot is told. */
static void test_some_of_several(void **state)
{
    DomainEdit edits[] = {
        {.key = key_of(KNOB_DISK_CACHE, "vdx", 0), .value = "none"},
        {.key = key_of(KNOB_DISK_CACHE, "vda", 0), .value = "none"},
        {.key = key_of(KNOB_NUMA_CELLS, NULL, 0), .value = "0"},
    };
    g_autofree char *edited = NULL, *none = NULL;
    (void)state;

    assert_int_equal(domain_xml_edit(bare, edits, G_N_ELEMENTS(edits), &edited), 0);
    assert_int_equal(edits[0].result, -ENOENT);
    assert_int_equal(edits[1].result, 0);
    assert_int_equal(edits[2].result, -EINVAL);
    assert_value(edited, &edits[1].key, "none");
    assert_int_equal(domain_xml_edit("<domain", edits, 1, &none), -EINVAL);
    assert_int_equal(domain_xml_edit("<network/>", edits, 1, &none), -EINVAL);
    assert_null(none);
}

/* --- cells --- */

#define CELLS(inner)                                                                               \
    DOMAIN("  <vcpu>4</vcpu>\n  <cpu>\n    <numa>\n" inner "    </numa>\n  </cpu>\n")

static void test_cells_by_place(void **state)
{
    static const char by_place[] =
        CELLS("      <cell cpus=\"0-1\" memory=\"1\" unit=\"GiB\" memAccess=\"shared\"/>\n"
              "      <cell cpus=\"2,3\" memory=\"1024\"/>\n");
    (void)state;

    assert_read(by_place, KNOB_NUMA_CELLS, "0-1:1048576;2-3:1024");
    assert_edit(by_place, KNOB_NUMA_CELLS, "0-1:1048576;2-3:1024", by_place);
    assert_edit(by_place, KNOB_NUMA_CELLS, "0,2:2048;1,3:4096",
                CELLS("      <cell cpus=\"0,2\" memory=\"2048\" unit=\"KiB\" memAccess=\"shared\" "
                      "id=\"0\"/>\n"
                      "      <cell cpus=\"1,3\" memory=\"4096\" id=\"1\" unit=\"KiB\"/>\n"));
}

/* Cells are told apart by their ids, in whatever order they stand. */
static void test_cells_out_of_order(void **state)
{
    static const char backwards[] = CELLS("      <cell id=\"1\" cpus=\"2-3\" memory=\"1024\"/>\n"
                                          "      <cell id=\"0\" cpus=\"0-1\" memory=\"2048\"/>\n");
    (void)state;

    assert_read(backwards, KNOB_NUMA_CELLS, "0-1:2048;2-3:1024");
    assert_edit(backwards, KNOB_NUMA_CELLS, "0-1:2048;2-3:4096",
                CELLS("      <cell id=\"1\" cpus=\"2-3\" memory=\"4096\" unit=\"KiB\"/>\n"
                      "      <cell id=\"0\" cpus=\"0-1\" memory=\"2048\" unit=\"KiB\"/>\n"));
}

#define DISTANCES(to)                                                                              \
    "        <distances>\n          <sibling id=\"0\" value=\"10\"/>\n" to "        "              \
    "</distances>\n"

/* Distances stay, but for those to cells that go; a cell without CPUs is one too. */
static void test_more_and_fewer_cells(void **state)
{
    static const char two[] =
        CELLS("      <cell id=\"0\" cpus=\"0-3\" memory=\"1024\" unit=\"KiB\">\n" DISTANCES(
            "          <sibling id=\"1\" value=\"20\"/>\n") "      </cell>\n"
                                                            "      <!-- far -->\n"
                                                            "      <cell id=\"1\" memory=\"1024\" "
                                                            "unit=\"KiB\"/>\n");
    static const char one[] =
        CELLS("      <cell id=\"0\" cpus=\"0-3\" memory=\"1024\" unit=\"KiB\">\n" DISTANCES(
            "") "      </cell>\n"
                "      <!-- far -->\n");
    static const char commented[] = CELLS("      <!-- far -->\n");
    (void)state;

    assert_read(two, KNOB_NUMA_CELLS, "0-3:1024;:1024");
    assert_edit(two, KNOB_NUMA_CELLS, "0-3:1024", one);
    assert_edit(one, KNOB_NUMA_CELLS, NULL, commented);
    assert_edit(commented, KNOB_NUMA_CELLS, ":8",
                CELLS("      <!-- far -->\n      <cell id=\"0\" memory=\"8\" unit=\"KiB\"/>\n"));
    assert_edit(CELLS("      <cell cpus=\"0\" memory=\"8\"/>\n"), KNOB_NUMA_CELLS, NULL,
                DOMAIN("  <vcpu>4</vcpu>\n"));
}

static void test_cells_where_there_were_none(void **state)
{
    g_autofree char *edited = NULL;
    SettingKey key = {.knob = KNOB_NUMA_CELLS};
    (void)state;

    edited = edit(DOMAIN("  <vcpu>4</vcpu>\n"), &key, "0-1:524288;2-3:524288");
    assert_read(edited, KNOB_NUMA_CELLS, "0-1:524288;2-3:524288");
    assert_edit(edited, KNOB_NUMA_CELLS, NULL, DOMAIN("  <vcpu>4</vcpu>\n"));
}

static void test_memnodes(void **state)
{
    static const char tuned[] = DOMAIN("  <numatune>\n"
                                       "    <memory mode=\"strict\" nodeset=\"0-1\"/>\n"
                                       "    <memnode cellid=\"0\" mode=\"strict\" nodeset=\"0\"/>\n"
                                       "    <memnode cellid=\"1\" mode=\"strict\" nodeset=\"1\"/>\n"
                                       "  </numatune>\n");
    static const char one[] = DOMAIN("  <numatune>\n"
                                     "    <memory mode=\"strict\" nodeset=\"0-1\"/>\n"
                                     "    <memnode cellid=\"1\" mode=\"strict\" nodeset=\"1\"/>\n"
                                     "  </numatune>\n");
    (void)state;

    assert_edit(tuned, KNOB_NUMA_MEMNODE, NULL, one);
}

/* --- IOThreads --- */

#define IOTHREADS(n, ids)                                                                          \
    DOMAIN("  <iothreads>" n "</iothreads>\n  <iothreadids>\n" ids "  </iothreadids>\n")

static void test_iothread_ids(void **state)
{
    static const char three[] = IOTHREADS("3", "    <iothread id=\"2\" thread_pool_min=\"8\"/>\n"
                                               "    <!-- mine -->\n"
                                               "    <iothread id=\"4\"/>\n"
                                               "    <iothread id=\"6\"/>\n");
    (void)state;

    assert_read(three, KNOB_IOTHREAD_IDS, "2,4,6");
    assert_edit(three, KNOB_IOTHREAD_IDS, "2,5-6",
                IOTHREADS("3", "    <iothread id=\"2\" thread_pool_min=\"8\"/>\n"
                               "    <!-- mine -->\n"
                               "    <iothread id=\"6\"/>\n"
                               "    <iothread id=\"5\"/>\n"));
    assert_edit(three, KNOB_IOTHREAD_IDS, NULL,
                DOMAIN("  <iothreadids>\n    <!-- mine -->\n  </iothreadids>\n"));
    assert_edit(DOMAIN("  <iothreads>2</iothreads>\n"), KNOB_IOTHREAD_IDS, "1-3",
                DOMAIN("  <iothreads>3</iothreads>\n"));
    assert_edit(DOMAIN("  <iothreads>2</iothreads>\n"), KNOB_IOTHREAD_IDS, "2",
                DOMAIN("  <iothreads>1</iothreads>\n  <iothreadids><iothread "
                       "id=\"2\"/></iothreadids>\n"));
    assert_edit(IOTHREADS("3", "    <iothread id=\"3\"/>\n"), KNOB_IOTHREAD_IDS, NULL, DOMAIN(""));
    assert_read(IOTHREADS("3", "    <iothread id=\"3\"/>\n"), KNOB_IOTHREAD_IDS, "1-3");
    assert_edit(DOMAIN("  <iothreads>\n    <!-- two -->\n    2\n  </iothreads>\n"),
                KNOB_IOTHREAD_IDS, "1", DOMAIN("  <iothreads><!-- two -->1</iothreads>\n"));
}

/* libvirt would not have a pin of an IOThread that is not there. */
static void test_pins_go_with_iothreads(void **state)
{
    (void)state;
    assert_edit(DOMAIN("  <iothreads>2</iothreads>\n"
                       "  <cputune>\n"
                       "    <vcpupin vcpu=\"0\" cpuset=\"1\"/>\n"
                       "    <iothreadpin iothread=\"1\" cpuset=\"1\"/>\n"
                       "    <iothreadpin iothread=\"2\" cpuset=\"1\"/>\n"
                       "  </cputune>\n"),
                KNOB_IOTHREAD_IDS, "1",
                DOMAIN("  <iothreads>1</iothreads>\n"
                       "  <cputune>\n"
                       "    <vcpupin vcpu=\"0\" cpuset=\"1\"/>\n"
                       "    <iothreadpin iothread=\"1\" cpuset=\"1\"/>\n"
                       "  </cputune>\n"));
    assert_edit(DOMAIN("  <iothreads>1</iothreads>\n"
                       "  <cputune>\n"
                       "    <iothreadpin iothread=\"1\" cpuset=\"1\"/>\n"
                       "  </cputune>\n"),
                KNOB_IOTHREAD_IDS, NULL, DOMAIN(""));
}

/* --- taken out only: what libvirt has a call for, but none to take it away --- */

/* xml without the lines that have any of the words. */
static char *drop_lines(const char *xml, const char *const *words)
{
    g_auto(GStrv) lines = g_strsplit(xml, "\n", -1);
    g_autoptr(GString) kept = g_string_new(NULL);

    for (char **line = lines; *line; line++) {
        bool dropped = false;
        for (const char *const *word = words; *word; word++)
            dropped |= strstr(*line, *word) != NULL;
        if (!dropped)
            g_string_append_printf(kept, "%s%s", *line, line[1] ? "\n" : "");
    }
    return g_string_free(g_steal_pointer(&kept), FALSE);
}

static void test_pins_and_tunes_go(void **state)
{
    static const struct {
        Knob knob;
        unsigned instance;
        const char *words[3];
    } cases[] = {
        {KNOB_VCPU_PIN, 1, {"vcpu=\"1\"", NULL}},
        {KNOB_VCPU_PIN, 2, {NULL}},
        {KNOB_IOTHREAD_PIN, 1, {"iothreadpin", NULL}},
        {KNOB_IOTHREAD_PIN, 2, {NULL}},
        {KNOB_EMULATOR_PIN, 0, {"emulatorpin", NULL}},
        {KNOB_CPU_WEIGHT, 0, {"shares", NULL}},
        {KNOB_CPU_QUOTA, 0, {NULL}},
        {KNOB_NUMA_NODESET, 0, {"numatune", "nodeset", NULL}},
    };
    g_autofree char *xml = NULL;
    (void)state;

    assert_true(g_file_get_contents("tests/data/domain-tuned.xml", &xml, NULL, NULL));
    for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
        SettingKey key = key_of(cases[i].knob, NULL, cases[i].instance);
        g_autofree char *edited = edit(xml, &key, NULL);
        g_autofree char *expected = drop_lines(xml, cases[i].words);
        assert_string_equal(edited, expected);
    }
}

/* --- how the document looks --- */

/* A declaration stays and none is added; no empty <cputune> is left; one with a comment is not
 * empty. */
static void test_document_stays(void **state)
{
#define DECLARATION "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
#define STYLE "<?xml-stylesheet href=\"a.css\"?>\n"
    (void)state;

    assert_edit(DECLARATION "<domain>\n  <name>é</name>\n  <cputune>\n    <emulatorpin "
                            "cpuset='0'/>\n  </cputune>\n</domain>\n",
                KNOB_EMULATOR_PIN, NULL, DECLARATION "<domain>\n  <name>é</name>\n</domain>\n");
    assert_edit(STYLE "<domain><cputune><!--mine--><quota>5</quota></cputune></domain>",
                KNOB_CPU_QUOTA, NULL, STYLE "<domain><cputune><!--mine--></cputune></domain>\n");
    assert_edit("<domain><cputune><![CDATA[ ]]><quota>5</quota></cputune></domain>", KNOB_CPU_QUOTA,
                NULL, "<domain><cputune><![CDATA[ ]]></cputune></domain>\n");
    assert_edit("<?xml version='1.0' encoding='ISO-8859-1'?><domain><title>\xe9</title>"
                "<iothreads>1</iothreads></domain>",
                KNOB_IOTHREAD_IDS, NULL, DECLARATION "<domain><title>é</title></domain>\n");
}

/* Nothing to change: the same bytes, however odd. */
static void test_unchanged_bytes(void **state)
{
    (void)state;
    assert_edit("<domain  ><!-- - -->\n<iothreads > 1 </iothreads\n></domain>", KNOB_IOTHREAD_IDS,
                "1", "<domain  ><!-- - -->\n<iothreads > 1 </iothreads\n></domain>");
}

/* What others put in namespaces of their own is not ours, whatever it is called. */
static void test_foreign_is_left(void **state)
{
#define FOREIGN                                                                                    \
    "<domain xmlns:x=\"urn:x\"><x:numatune><memory/></x:numatune><cpu xmlns=\"urn:y\"><topology "  \
    "sockets=\"9\"/></cpu><clock><x:timer name=\"hpet\" present=\"no\"/><timer name=\"hpet\" "     \
    "x:present=\"no\"/></clock></domain>"
    (void)state;

    assert_edit(FOREIGN, KNOB_NUMA_NODESET, NULL, FOREIGN);
    assert_edit(FOREIGN, KNOB_CPU_TOPOLOGY, NULL, FOREIGN);
    assert_refused(FOREIGN, KNOB_CPU_TOPOLOGY, NULL, "sockets", -EINVAL);

    SettingKey timer = key_of(KNOB_CLOCK_TIMER, "hpet", 0);
    g_autofree char *none = edit(FOREIGN, &timer, NULL);
    assert_string_equal(none, FOREIGN);
    g_autofree char *yes = edit(FOREIGN, &timer, "yes");
    assert_non_null(strstr(yes, "<timer name=\"hpet\" x:present=\"no\" present=\"yes\"/>"));
    g_autofree char *back = edit(yes, &timer, NULL);
    assert_string_equal(back, FOREIGN "\n");
}

/* What a driver, a timer or an enlightenment has besides stays. */
static void test_others_attributes_stay(void **state)
{
    static const char xml[] = DEVICES(
        "    <interface type=\"bridge\">\n      <mac address=\"" MAC "\"/>\n"
        "      <bandwidth>\n        <inbound average=\"1\" floor=\"200\"/>\n      </bandwidth>\n"
        "      <driver name=\"vhost\" queues=\"4\" txmode=\"iothread\">\n"
        "        <host csum=\"off\"/>\n      </driver>\n    </interface>\n");
    static const char without[] =
        DEVICES("    <interface type=\"bridge\">\n      <mac address=\"" MAC "\"/>\n"
                "      <bandwidth>\n        <inbound floor=\"200\"/>\n      </bandwidth>\n"
                "      <driver txmode=\"iothread\">\n"
                "        <host csum=\"off\"/>\n      </driver>\n    </interface>\n");
    DomainEdit edits[] = {{.key = key_of(KNOB_NET_INBOUND, MAC, 0)},
                          {.key = key_of(KNOB_NET_DRIVER, MAC, 0)},
                          {.key = key_of(KNOB_NET_QUEUES, MAC, 0)}};
    g_autofree char *edited = NULL;
    (void)state;

    assert_int_equal(domain_xml_edit(xml, edits, G_N_ELEMENTS(edits), &edited), 0);
    assert_string_equal(edited, without);
}

/* Every device that has a name is listed, and no other. */
static void test_what_is_listed(void **state)
{
    static const char xml[] =
        DEVICES("<interface type=\"user\"/><disk type=\"file\"><target bus=\"virtio\"/></disk>"
                "<disk type=\"file\"><target dev=\"a-name-longer-than-any-disk-has-it\"/></disk>"
                "<disk type=\"file\"><target dev=\"vdz\"/></disk>");
    g_autoptr(GuestDef) def = NULL;
    unsigned n = 0;
    (void)state;

    assert_int_equal(guest_def_parse(xml, strlen(xml), NULL, &def, NULL), 0);
    for (unsigned i = 0; i < setting_list_size(def->knobs); i++) {
        const SettingKey *key = &setting_list_get(def->knobs, i)->key;
        KnobInstance instance = knob_info(key->knob)->instance;
        assert_true(instance != INSTANCE_NIC && instance != INSTANCE_CELL);
        if (instance != INSTANCE_DISK)
            continue;
        assert_string_equal(key->device, "vdz");
        n++;
    }
    assert_int_equal(n, KNOB_DISK_IOTUNE - KNOB_DISK_CACHE + 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_row),
        cmocka_unit_test(test_no_row_is_left_out),
        cmocka_unit_test(test_all_rows_together),
        cmocka_unit_test(test_no_such_device),
        cmocka_unit_test(test_controllers_of_other_kinds),
        cmocka_unit_test(test_two_of_a_name),
        cmocka_unit_test(test_bad_values),
        cmocka_unit_test(test_some_of_several),
        cmocka_unit_test(test_cells_by_place),
        cmocka_unit_test(test_cells_out_of_order),
        cmocka_unit_test(test_more_and_fewer_cells),
        cmocka_unit_test(test_cells_where_there_were_none),
        cmocka_unit_test(test_memnodes),
        cmocka_unit_test(test_iothread_ids),
        cmocka_unit_test(test_pins_go_with_iothreads),
        cmocka_unit_test(test_pins_and_tunes_go),
        cmocka_unit_test(test_document_stays),
        cmocka_unit_test(test_unchanged_bytes),
        cmocka_unit_test(test_foreign_is_left),
        cmocka_unit_test(test_others_attributes_stay),
        cmocka_unit_test(test_what_is_listed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
