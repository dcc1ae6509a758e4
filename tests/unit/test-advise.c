/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Each advice: a guest that gets it, and the same one without its cause, with the policy that
 * covers it, and with the id ignored. */
#include "common/world.h"
#include "guest/domain-xml.h"
#include "plan/advise.h"
#include "plan/plan-make.h"
#include "policy/policy-load.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define VIRTIO_NIC                                                                                 \
    "<interface type='network'><mac address='52:54:00:AA:00:01'/><model type='virtio'/>"
#define DISK(BUS, FORMAT, MORE)                                                                    \
    "<disk type='file' device='disk'><driver name='qemu' type='" FORMAT "' cache='none'/>"         \
    "<source file='/x'/><target dev='vda' bus='" BUS "'/>" MORE "</disk>"
#define BACKING "<backingStore type='file'><format type='raw'/><source file='/y'/>"
#define OS(ID)                                                                                     \
    "<metadata><l:libosinfo xmlns:l='http://libosinfo.org/xmlns/libvirt/domain/1.0'>"              \
    "<l:os id='" ID "'/></l:libosinfo></metadata>"
#define PASSTHROUGH "<cpu mode='host-passthrough'/>"
#define NO_HPET PASSTHROUGH "<clock offset='utc'><timer name='hpet' present='no'/></clock>"
#define DEDICATED "cpu: {policy: dedicated}"

#define UUID "11111111-2222-3333-4444-000000000001"

typedef struct Case {
    FindingId id;
    const char *device;  /* as the advice names it; NULL: none */
    const char *with;    /* children of <domain> that lead to it */
    const char *without; /* and others that do not; NULL: not that way */
    const char *policy;  /* keys of the guest; NULL: none */
    const char *covers;  /* keys that cover it; NULL: none do */
    const char *live;    /* children of the live definition; NULL: the same as of the other */
    uint64_t memory_kib; /* 0: half a GiB */
    const char *drop_in; /* a second file of the policy; NULL: none */
    bool emulated;       /* type qemu */
    bool transient, no_vhost_net, no_kvm;
} Case;

static const Case cases[] = {
    {FINDING_NO_VHOST_NET, NULL, "<devices>" VIRTIO_NIC "</interface></devices>",
     "<devices><interface type='network'><mac address='52:54:00:AA:00:01'/></interface></devices>",
     .no_vhost_net = true},
    {FINDING_TRANSIENT, NULL, PASSTHROUGH, NULL, .covers = "persist: never", .transient = true},
    {FINDING_UNSUPPORTED, "cpu.cache", "<cpu mode='host-model'/>", PASSTHROUGH,
     .policy = "cpu: {cache: passthrough}"},
    {FINDING_EMULATED, NULL, PASSTHROUGH, NULL, .emulated = true},
    {FINDING_CPU_DEFAULT_MODEL, NULL, "", "<cpu mode='host-model'/>", .policy = NULL},
    {FINDING_CPU_DEFAULT_MODEL, NULL,
     "<cpu mode='custom' match='exact' check='none'><model fallback='forbid'>qemu64</model></cpu>",
     "<cpu mode='custom' match='exact'><model>Skylake-Server</model></cpu>", .policy = NULL},
    {FINDING_VCPUS_TOO_MANY, NULL, "<vcpu>9</vcpu>", "<vcpu current='8'>9</vcpu>", .policy = NULL},
    {FINDING_CELLS, NULL, "<vcpu>6</vcpu>", "<vcpu>2</vcpu>", .policy = DEDICATED,
     .covers = DEDICATED ", numa: {guest_cells: host}"},
    {FINDING_CELLS, NULL, "<vcpu>6</vcpu><maxMemory slots='1'>1048576</maxMemory>", NULL,
     .policy = DEDICATED, .covers = "cpu: {policy: shared}"},
    {FINDING_HPET, NULL, "<clock offset='utc'><timer name='hpet' present='yes'/></clock>",
     "<clock offset='utc'><timer name='hpet' present='no'/></clock>",
     .covers = "clock: {profile: linux}"},
    {FINDING_HPET, NULL, "", "<os><type arch='x86_64' machine='microvm'>hvm</type></os>",
     .covers = "clock: {profile: windows}"},
    {FINDING_KVMCLOCK_OFF, NULL,
     "<clock offset='utc'><timer name='kvmclock' present='no'/></clock>", "<clock offset='utc'/>",
     .covers = "clock: {profile: linux}"},
    {FINDING_CLOCK_TSC, NULL, PASSTHROUGH,
     "<cpu mode='host-passthrough'><feature policy='require' name='invtsc'/></cpu>",
     .policy = DEDICATED},
    {FINDING_CLOCK_TSC, NULL,
     "<cpu mode='host-passthrough'><feature policy='disable' name='invtsc'/></cpu>",
     "<cpu mode='host-passthrough' migratable='off'/>", .policy = DEDICATED},
    {FINDING_WINDOWS_PLAIN, NULL, OS("http://microsoft.com/win/10"),
     OS("http://microsoft.com/win/10") "<features><hyperv><relaxed "
                                       "state='on'/></hyperv></features>",
     .covers = "clock: {profile: auto}"},
    {FINDING_DISK_NOT_VIRTIO, "vda", "<devices>" DISK("sata", "raw", "") "</devices>",
     "<devices>" DISK("virtio", "raw", "") "</devices>", .policy = NULL},
    {FINDING_DISK_SCSI_CONTROLLER, "vda",
     "<devices><controller type='scsi' index='0' model='lsilogic'/>" DISK("scsi", "raw",
                                                                          "") "</devices>",
     "<devices><controller type='scsi' index='0' model='virtio-scsi'/>" DISK("scsi", "raw",
                                                                             "") "</devices>",
     .policy = NULL},
    {FINDING_DISK_QCOW2, "vda", "<devices>" DISK("virtio", "qcow2", "") "</devices>",
     "<devices>" DISK("virtio", "raw", "") "</devices>", .policy = NULL},
    {FINDING_DISK_BACKING_CHAIN, "vda",
     "<devices>" DISK("virtio", "qcow2",
                      BACKING BACKING BACKING BACKING
                      "</backingStore></backingStore></backingStore></backingStore>") "</devices>",
     "<devices>" DISK("virtio", "qcow2",
                      BACKING BACKING BACKING
                      "</backingStore></backingStore></backingStore>") "</devices>",
     .policy = NULL},
    {FINDING_DISK_BACKING_CHAIN, "vda", "<devices>" DISK("virtio", "qcow2", "") "</devices>", NULL,
     .live = "<devices>" DISK(
         "virtio", "qcow2",
         BACKING BACKING BACKING BACKING
         "</backingStore></backingStore></backingStore></backingStore>") "</devices>"},
    {FINDING_DISK_HOST_CACHE, "vda",
     "<devices><disk type='file' device='disk'><driver type='qcow2'/><source file='/x'/>"
     "<target dev='vda' bus='virtio'/></disk></devices>",
     "<devices><disk type='file' device='disk'><driver type='qcow2'/><source file='/x'/>"
     "<target dev='vda' bus='virtio'/><readonly/></disk></devices>",
     .covers = "disk: {cache: none}"},
    {FINDING_DISK_HOST_CACHE, "vda",
     "<devices><disk type='block' device='disk'><driver type='raw'/><source dev='/x'/>"
     "<target dev='vda' bus='virtio'/></disk></devices>",
     "<devices>" DISK("virtio", "raw", "") "</devices>", .covers = "disk: {cache: none}"},
    {FINDING_DISK_NO_IOTHREAD, "vda", "<devices>" DISK("virtio", "raw", "") "</devices>",
     "<iothreads>1</iothreads><devices><disk type='file' device='disk'><driver name='qemu'"
     " type='raw' cache='none' iothread='1'/><source file='/x'/>"
     "<target dev='vda' bus='virtio'/></disk></devices>",
     .policy = DEDICATED, .covers = DEDICATED ", disk: {iothreads: auto}"},
    {FINDING_DISK_NO_IOTHREAD, "vda",
     "<devices><controller type='scsi' index='0' model='virtio-scsi'/>" DISK("scsi", "raw",
                                                                             "") "</devices>",
     "<iothreads>1</iothreads><devices><controller type='scsi' index='0' model='virtio-scsi'>"
     "<driver iothread='1'/></controller>" DISK("scsi", "raw", "") "</devices>",
     .policy = DEDICATED, .covers = DEDICATED ", disk: {iothreads: auto}"},
    {FINDING_DISK_IO_THREADS, "vda", "<devices>" DISK("virtio", "raw", "") "</devices>",
     "<devices><disk type='file' device='disk'><driver name='qemu' type='raw' cache='none'"
     " io='native'/><source file='/x'/><target dev='vda' bus='virtio'/></disk></devices>",
     .covers = "disk: {io: io_uring}"},
    {FINDING_DISK_ONE_QUEUE, "vda",
     "<vcpu>2</vcpu><devices><disk type='file' device='disk'><driver type='raw' queues='1'/>"
     "<source file='/x'/><target dev='vda' bus='virtio'/></disk></devices>",
     "<vcpu>2</vcpu><devices>" DISK("virtio", "raw", "") "</devices>",
     .covers = "disk: {queues: 2}"},
    {FINDING_NIC_NOT_VIRTIO, "52:54:00:aa:00:01",
     "<devices><interface type='network'><mac address='52:54:00:AA:00:01'/><model type='e1000'/>"
     "</interface></devices>",
     "<devices>" VIRTIO_NIC "</interface></devices>", .policy = NULL},
    {FINDING_NIC_NO_VHOST, "52:54:00:aa:00:01",
     "<devices>" VIRTIO_NIC "<driver name='qemu'/></interface></devices>",
     "<devices>" VIRTIO_NIC "</interface></devices>", .covers = "network: {driver: auto}"},
    {FINDING_NIC_ONE_QUEUE, "52:54:00:aa:00:01",
     "<vcpu>2</vcpu><devices>" VIRTIO_NIC "</interface></devices>",
     "<vcpu>2</vcpu><devices>" VIRTIO_NIC "<driver queues='2'/></interface></devices>",
     .covers = "network: {queues: auto}"},
    {FINDING_NIC_SHARED_MEMORY, "52:54:00:aa:00:01",
     "<devices><interface type='vhostuser'><mac address='52:54:00:AA:00:01'/>"
     "<model type='virtio'/></interface></devices>",
     "<memoryBacking><source type='memfd'/><access mode='shared'/></memoryBacking>"
     "<devices><interface type='vhostuser'><mac address='52:54:00:AA:00:01'/>"
     "<model type='virtio'/></interface></devices>",
     .policy = NULL},
    {FINDING_NO_HUGEPAGES, NULL, "", "<memoryBacking><hugepages/></memoryBacking>",
     .policy = DEDICATED, .covers = DEDICATED ", memory: {page_size: small}",
     .memory_kib = 4194304},
    {FINDING_NO_HUGEPAGES, NULL, "", NULL, .policy = DEDICATED,
     .covers = DEDICATED ", memory: {page_size: any}", .memory_kib = 4194304},
    {FINDING_NO_HUGEPAGES, NULL, "", NULL, .policy = DEDICATED, .covers = "cpu: {policy: shared}",
     .memory_kib = 4196352},
    {FINDING_PINNED_BY_HAND, NULL, "<cputune><vcpupin vcpu='0' cpuset='1'/></cputune>", "",
     .covers = "cpu: {policy: shared}"},
};

static void read_policy(Policy *policy, const char *yaml)
{
    g_autoptr(DiagList) diags = diag_list_new();

    if (policy_parse(yaml, strlen(yaml), "unit.yaml", policy, diags) != 0)
        fail_msg("%s: %s", yaml, diag_list_get(diags, 0)->text);
}

static Policy *policy_make(const char *keys, const char *ignore, const char *drop_in)
{
    g_autoptr(GString) yaml = g_string_new("version: 1\n");
    Policy *policy = policy_new();

    if (ignore)
        g_string_append_printf(yaml, "advice: {ignore: [%s]}\n", ignore);
    if (keys)
        g_string_append_printf(yaml, "guests: [{match: {name: a}, %s}]\n", keys);
    read_policy(policy, yaml->str);
    if (drop_in)
        read_policy(policy, drop_in);
    return policy;
}

static GuestDef *def_make(const Case *one, const char *body)
{
    g_autofree char *xml = g_strdup_printf("<domain type='%s'><name>a</name><uuid>" UUID "</uuid>"
                                           "<memory>%" PRIu64 "</memory>%s</domain>",
                                           one->emulated ? "qemu" : "kvm",
                                           one->memory_kib ? one->memory_kib : 524288, body);
    GuestDef *def;

    assert_int_equal(guest_def_parse(xml, strlen(xml), "unit.xml", &def, NULL), 0);
    return def;
}

static Guest *guest_make(const Case *one, const char *name, const char *body)
{
    Guest *guest = guest_new(UUID, name);

    guest->live = def_make(one, one->live ? one->live : body);
    guest->active = true;
    guest->persistent = !one->transient;
    guest->config = one->transient ? NULL : def_make(one, body);
    return guest;
}

/* How often that guest gets that advice; what the policy can do about it is then a file in
 * *ret_drop_in, owned by the caller. */
static unsigned count_all(const Case *one, const char *body, const char *keys, const char *ignore,
                          char **ret_drop_in)
{
    g_autoptr(Topo) topo = world_topo(1, 2, 1, 4, 1);
    g_autoptr(Policy) policy = policy_make(keys, ignore, one->drop_in);
    g_autoptr(Guest) guest = guest_make(one, "a", body);
    PolicySubject subject = {.name = "a", .uuid = guest->uuid};
    g_autoptr(GuestPolicy) guest_policy = policy_select(policy, &subject);
    PlanGuest input = {.guest = guest,
                       .policy = guest_policy,
                       .running = one->id == FINDING_PINNED_BY_HAND,
                       .manual = one->id == FINDING_PINNED_BY_HAND && !guest_policy->named &&
                                 guest_is_hand_pinned(guest, topo->allowed)};
    unsigned n = 0;

    topo->no_vhost_net = one->no_vhost_net;
    topo->no_kvm = one->no_kvm;
    world_add_pool(topo, 0, 2048, 0);
    PlanInput all = {.topo = topo, .policy = policy, .guests = &input, .n_guests = 1};
    g_autoptr(Plan) plan = plan_make(&all);
    AdviseGuest of = {.guest = guest, .policy = guest_policy, .plan = plan->guests[0]};
    g_autoptr(GPtrArray) list = advise_make(topo, policy, &of, 1);
    for (guint i = 0; i < list->len; i++) {
        const Finding *advice = g_ptr_array_index(list, i);
        if (advice->id != one->id || (one->device && g_strcmp0(advice->device, one->device) != 0))
            continue;
        n++;
        assert_true(strlen(advice->reason) > 0);
        assert_true(one->id == FINDING_UNSUPPORTED || advice->n_remedies > 0 ||
                    strlen(advice->command) > 0);
        assert_true(!advice->command || advice->n_remedies == 0);
        assert_true(one->id == FINDING_NO_VHOST_NET || g_str_equal(advice->guest, "a"));
    }
    *ret_drop_in = finding_drop_in(list);
    return n;
}

static unsigned count(const Case *one, const char *body, const char *keys, const char *ignore)
{
    g_autofree char *drop_in = NULL;

    return count_all(one, body, keys, ignore, &drop_in);
}

/* The drop-in is a policy, and with it nothing is left that a drop-in could mend. */
static void assert_mended(const Case *one)
{
    g_autofree char *drop_in = NULL, *left = NULL;
    Case with = *one;

    count_all(one, one->with, one->policy, NULL, &drop_in);
    if (!drop_in)
        return;
    with.drop_in = drop_in;
    count_all(&with, one->with, one->policy, NULL, &left);
    if (left)
        fail_msg("%s: %s is left after %s", finding_info(one->id)->name, left, drop_in);
}

static void assert_count(const Case *one, const char *what, unsigned n, unsigned expected)
{
    if (n != expected)
        fail_msg("%s, %s: %u times", finding_info(one->id)->name, what, n);
}

static void test_each(void **state)
{
    (void)state;
    for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
        const Case *one = &cases[i];
        assert_count(one, "with its cause", count(one, one->with, one->policy, NULL), 1);
        assert_count(one, "ignored",
                     count(one, one->with, one->policy, finding_info(one->id)->name), 0);
        assert_mended(one);
        if (one->without)
            assert_count(one, "without its cause", count(one, one->without, one->policy, NULL), 0);
        if (one->covers)
            assert_count(one, "covered", count(one, one->with, one->covers, NULL), 0);
    }
}

static void test_all_are_tested(void **state)
{
    (void)state;
    for (unsigned id = 0; id < N_FINDINGS; id++) {
        unsigned n = !finding_info(id)->advice;
        for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++)
            n += cases[i].id == id;
        if (n == 0)
            fail_msg("%s is not tested", finding_info(id)->name);
        assert_true(strlen(finding_info(id)->doc) > 0);
    }
}

/* What libvirt refused is told with its words; two guests have a list of their own each. */
static void test_refused(void **state)
{
    (void)state;
    const Case plain = {.id = FINDING_UNSUPPORTED};
    g_autoptr(Topo) topo = world_topo(1, 1, 1, 4, 1);
    g_autoptr(Policy) policy = policy_new();
    g_autoptr(Guest) guest = guest_make(&plain, "a", NO_HPET);
    g_autoptr(ChangeSet) refused = change_set_new();
    SettingKey key = {.knob = KNOB_DISK_IO, .plane = PLANE_CONFIG, .device = "vda"};

    change_set_add(refused, &key, NULL, "io_uring")->reason = g_strdup("QEMU has no io_uring");
    AdviseGuest of[] = {{.guest = guest, .refused = refused}, {.guest = guest}};
    g_autoptr(GPtrArray) list = advise_make(topo, policy, of, G_N_ELEMENTS(of));
    assert_int_equal(list->len, 1);
    const Finding *advice = g_ptr_array_index(list, 0);
    assert_string_equal(advice->device, "disk.io vda");
    assert_string_equal(advice->reason, "io_uring (config): QEMU has no io_uring");
    assert_null(advice->command);
}

static Finding *only(const GPtrArray *list, FindingId id)
{
    Finding *found = NULL;

    for (guint i = 0; i < list->len; i++) {
        Finding *advice = g_ptr_array_index(list, i);
        assert_false(found && advice->id == id);
        found = advice->id == id ? advice : found;
    }
    return found;
}

/* The command of that advice on a guest of that name; NULL: none. */
static char *command_of(const Case *one, const char *name, const char *body)
{
    g_autoptr(Topo) topo = world_topo(1, 1, 1, 4, 1);
    g_autoptr(Policy) policy = policy_new();
    g_autoptr(Guest) guest = guest_make(one, name, body);
    AdviseGuest of = {.guest = guest};

    topo->no_kvm = one->no_kvm;
    g_autoptr(GPtrArray) list = advise_make(topo, policy, &of, 1);
    const Finding *advice = only(list, one->id);
    assert_non_null(advice);
    return g_strdup(advice->command);
}

/* Names that a shell or virsh would take for something else do not get into a command. */
static void test_names(void **state)
{
    static const char *const odd[] = {"a b", "$(reboot)", "-f", "12", "a;b", "é", "a'b", ""};
    const Case one = {.id = FINDING_NIC_NOT_VIRTIO};
    const char *body = "<devices><interface type='network'><mac address='52:54:00:AA:00:01'/>"
                       "</interface></devices>";
    (void)state;

    g_autofree char *plain = command_of(&one, "web-1.x_2", body);
    assert_true(g_str_has_prefix(plain, "virsh edit web-1.x_2  # <model type='virtio'/>"));
    for (unsigned i = 0; i < G_N_ELEMENTS(odd); i++) {
        g_autofree char *command = command_of(&one, odd[i], body);
        assert_true(g_str_has_prefix(command, "virsh edit " UUID "  # <"));
    }
}

static void test_quoted_image(void **state)
{
    const Case one = {.id = FINDING_DISK_QCOW2};
    (void)state;

    g_autofree char *command =
        command_of(&one, "a",
                   "<devices><disk type='file' device='disk'><driver type='qcow2'/>"
                   "<source file=\"/x y's\"/><target dev='vda' bus='virtio'/></disk></devices>");
    assert_true(g_str_has_prefix(command, "qemu-img convert -O raw '/x y'\\''s' NEW  # "));
}

static void test_no_kvm(void **state)
{
    Case one = {.id = FINDING_EMULATED, .emulated = true};
    (void)state;

    g_autofree char *with = command_of(&one, "a", "");
    one.no_kvm = true;
    g_autofree char *without = command_of(&one, "a", "");
    assert_string_equal(with, "virsh edit a  # <domain type='kvm'>");
    assert_null(without);
}

/* A network may hand out devices of the host, which only the live definition shows. */
static void test_network_of_devices(void **state)
{
    const char *body = "<devices><interface type='network'><mac address='52:54:00:AA:00:01'/>"
                       "</interface></devices>";
    Case one = {.id = FINDING_NIC_NOT_VIRTIO};
    (void)state;

    assert_int_equal(count(&one, body, NULL, NULL), 1);
    one.live = "<devices><interface type='hostdev'><mac address='52:54:00:aa:00:01'/><source>"
               "<address type='pci' domain='0' bus='1' slot='2' function='0'/></source>"
               "</interface></devices>";
    assert_int_equal(count(&one, body, NULL, NULL), 0);
}

/* What the policy asks for in vain is told as unsupported, and not advised again. */
static void test_in_vain(void **state)
{
    Case one = {.id = FINDING_DISK_HOST_CACHE};
    const char *body =
        "<devices><disk type='file' device='disk'><driver type='raw' io='native' cache='none'/>"
        "<source file='/x'/><target dev='vda' bus='virtio'/></disk>"
        "<disk type='file' device='disk'><driver type='raw'/><source file='/x'/>"
        "<target dev='vdb' bus='virtio'/></disk></devices>";
    (void)state;

    assert_int_equal(count(&one, body, "persist: cold", NULL), 1);
    g_autoptr(Topo) topo = world_topo(1, 1, 1, 4, 1);
    g_autoptr(Policy) policy = policy_new();
    g_autoptr(Guest) guest = guest_make(&one, "a", body);
    g_autoptr(ChangeSet) refused = change_set_new();
    SettingKey key = {.knob = KNOB_DISK_CACHE, .plane = PLANE_CONFIG, .device = "vdb"};
    change_set_add(refused, &key, NULL, "none")->reason = g_strdup("no");
    AdviseGuest of = {.guest = guest, .refused = refused};
    g_autoptr(GPtrArray) list = advise_make(topo, policy, &of, 1);
    assert_null(only(list, FINDING_DISK_HOST_CACHE));
    assert_non_null(only(list, FINDING_UNSUPPORTED));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each),
        cmocka_unit_test(test_all_are_tested),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_quoted_image),
        cmocka_unit_test(test_no_kvm),
        cmocka_unit_test(test_network_of_devices),
        cmocka_unit_test(test_in_vain),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
