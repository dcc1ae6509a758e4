/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Each advice: a guest that gets it, and the same one without its cause, with the policy that
 * covers it, and with the id ignored. */
#include "common/world.h"
#include "guest/domain-xml.h"
#include "plan/advise.h"
#include "plan/plan-make.h"
#include "policy/policy-load.h"

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
#define DEDICATED "cpu: {policy: dedicated}"

typedef struct Case {
    AdviceId id;
    const char *device;  /* as the advice names it; NULL: none */
    const char *with;    /* children of <domain> that lead to it */
    const char *without; /* and others that do not; NULL: not that way */
    const char *policy;  /* keys of the guest; NULL: none */
    const char *covers;  /* keys that cover it; NULL: none do */
    bool emulated;       /* type qemu */
    bool transient, no_vhost_net;
} Case;

static const Case cases[] = {
    {ADVICE_NO_VHOST_NET, NULL, "<devices>" VIRTIO_NIC "</interface></devices>",
     "<devices><interface type='network'><mac address='52:54:00:AA:00:01'/></interface></devices>",
     .no_vhost_net = true},
    {ADVICE_TRANSIENT, NULL, PASSTHROUGH, NULL, .covers = "persist: never", .transient = true},
    {ADVICE_UNSUPPORTED, "cpu.cache", "<cpu mode='host-model'/>", PASSTHROUGH,
     .policy = "cpu: {cache: passthrough}"},
    {ADVICE_EMULATED, NULL, PASSTHROUGH, NULL, .emulated = true},
    {ADVICE_CPU_DEFAULT_MODEL, NULL, "", "<cpu mode='host-model'/>", .policy = NULL},
    {ADVICE_CELLS, NULL, "<vcpu>6</vcpu>", "<vcpu>2</vcpu>", .policy = DEDICATED,
     .covers = DEDICATED ", numa: {guest_cells: host}"},
    {ADVICE_HPET, NULL, "<clock offset='utc'><timer name='hpet' present='yes'/></clock>",
     "<clock offset='utc'><timer name='hpet' present='no'/></clock>",
     .covers = "clock: {profile: linux}"},
    {ADVICE_KVMCLOCK_OFF, NULL, "<clock offset='utc'><timer name='kvmclock' present='no'/></clock>",
     "<clock offset='utc'/>", .covers = "clock: {profile: linux}"},
    {ADVICE_CLOCK_TSC, NULL, PASSTHROUGH,
     PASSTHROUGH "<clock offset='utc'><timer name='tsc' present='yes'/></clock>",
     .policy = DEDICATED},
    {ADVICE_WINDOWS_PLAIN, NULL, OS("http://microsoft.com/win/10"),
     OS("http://microsoft.com/win/10") "<features><hyperv><relaxed "
                                       "state='on'/></hyperv></features>",
     .covers = "clock: {profile: auto}"},
    {ADVICE_DISK_NOT_VIRTIO, "vda", "<devices>" DISK("sata", "raw", "") "</devices>",
     "<devices>" DISK("virtio", "raw", "") "</devices>", .policy = NULL},
    {ADVICE_DISK_SCSI_CONTROLLER, "vda",
     "<devices><controller type='scsi' index='0' model='lsilogic'/>" DISK("scsi", "raw",
                                                                          "") "</devices>",
     "<devices><controller type='scsi' index='0' model='virtio-scsi'/>" DISK("scsi", "raw",
                                                                             "") "</devices>",
     .policy = NULL},
    {ADVICE_DISK_QCOW2, "vda", "<devices>" DISK("virtio", "qcow2", "") "</devices>",
     "<devices>" DISK("virtio", "raw", "") "</devices>", .policy = NULL},
    {ADVICE_DISK_BACKING_CHAIN, "vda",
     "<devices>" DISK("virtio", "qcow2",
                      BACKING BACKING BACKING BACKING
                      "</backingStore></backingStore></backingStore></backingStore>") "</devices>",
     "<devices>" DISK("virtio", "qcow2",
                      BACKING BACKING BACKING
                      "</backingStore></backingStore></backingStore>") "</devices>",
     .policy = NULL},
    {ADVICE_DISK_HOST_CACHE, "vda",
     "<devices><disk type='block' device='disk'><driver type='raw'/><source dev='/x'/>"
     "<target dev='vda' bus='virtio'/></disk></devices>",
     "<devices>" DISK("virtio", "raw", "") "</devices>", .covers = "disk: {cache: none}"},
    {ADVICE_DISK_NO_IOTHREAD, "vda", "<devices>" DISK("virtio", "raw", "") "</devices>",
     "<iothreads>1</iothreads><devices><disk type='file' device='disk'><driver name='qemu'"
     " type='raw' cache='none' iothread='1'/><source file='/x'/>"
     "<target dev='vda' bus='virtio'/></disk></devices>",
     .policy = DEDICATED, .covers = DEDICATED ", disk: {iothreads: auto}"},
    {ADVICE_NIC_NOT_VIRTIO, "52:54:00:aa:00:01",
     "<devices><interface type='network'><mac address='52:54:00:AA:00:01'/><model type='e1000'/>"
     "</interface></devices>",
     "<devices>" VIRTIO_NIC "</interface></devices>", .policy = NULL},
    {ADVICE_NIC_ONE_QUEUE, "52:54:00:aa:00:01",
     "<vcpu>2</vcpu><devices>" VIRTIO_NIC "</interface></devices>",
     "<vcpu>2</vcpu><devices>" VIRTIO_NIC "<driver queues='2'/></interface></devices>",
     .covers = "network: {queues: auto}"},
    {ADVICE_NIC_SHARED_MEMORY, "52:54:00:aa:00:01",
     "<devices><interface type='vhostuser'><mac address='52:54:00:AA:00:01'/>"
     "<model type='virtio'/></interface></devices>",
     "<memoryBacking><source type='memfd'/><access mode='shared'/></memoryBacking>"
     "<devices><interface type='vhostuser'><mac address='52:54:00:AA:00:01'/>"
     "<model type='virtio'/></interface></devices>",
     .policy = NULL},
    {ADVICE_PINNED_BY_HAND, NULL, "<cputune><vcpupin vcpu='0' cpuset='1'/></cputune>", "",
     .covers = "cpu: {policy: shared}"},
};

static Policy *policy_make(const char *keys, const char *ignore)
{
    g_autoptr(DiagList) diags = diag_list_new();
    g_autoptr(GString) yaml = g_string_new("version: 1\n");
    Policy *policy = policy_new();

    if (ignore)
        g_string_append_printf(yaml, "advice: {ignore: [%s]}\n", ignore);
    if (keys)
        g_string_append_printf(yaml, "guests: [{match: {name: a}, %s}]\n", keys);
    if (policy_parse(yaml->str, yaml->len, "unit.yaml", policy, diags) != 0)
        fail_msg("%s: %s", yaml->str, diag_list_get(diags, 0)->text);
    return policy;
}

static Guest *guest_make(const Case *one, const char *body)
{
    g_autofree char *xml = g_strdup_printf(
        "<domain type='%s'><name>a</name><uuid>11111111-2222-3333-4444-000000000001</uuid>"
        "<memory>524288</memory>%s</domain>",
        one->emulated ? "qemu" : "kvm", body);
    Guest *guest = guest_new("11111111-2222-3333-4444-000000000001", "a");

    assert_int_equal(guest_def_parse(xml, strlen(xml), "unit.xml", &guest->live, NULL), 0);
    guest->active = true;
    guest->persistent = !one->transient;
    guest->config = one->transient ? NULL : guest_def_ref(guest->live);
    return guest;
}

/* How often that guest gets that advice. */
static unsigned count(const Case *one, const char *body, const char *keys, const char *ignore)
{
    g_autoptr(Topo) topo = world_topo(1, 2, 1, 4, 1);
    g_autoptr(Policy) policy = policy_make(keys, ignore);
    g_autoptr(Guest) guest = guest_make(one, body);
    PolicySubject subject = {.name = "a", .uuid = guest->uuid};
    g_autoptr(GuestPolicy) guest_policy = policy_select(policy, &subject);
    PlanGuest input = {.guest = guest,
                       .policy = guest_policy,
                       .running = one->id == ADVICE_PINNED_BY_HAND,
                       .manual = one->id == ADVICE_PINNED_BY_HAND && !guest_policy->named &&
                                 guest_is_hand_pinned(guest, topo->allowed)};
    unsigned n = 0;

    topo->no_vhost_net = one->no_vhost_net;
    PlanInput all = {.topo = topo, .policy = policy, .guests = &input, .n_guests = 1};
    g_autoptr(Plan) plan = plan_make(&all);
    AdviseGuest of = {.guest = guest, .plan = plan->guests[0]};
    g_autoptr(GPtrArray) list = advise_make(topo, policy, &of, 1);
    for (guint i = 0; i < list->len; i++) {
        const Advice *advice = g_ptr_array_index(list, i);
        if (advice->id != one->id || (one->device && g_strcmp0(advice->device, one->device) != 0))
            continue;
        n++;
        assert_true(strlen(advice->reason) > 0);
        assert_true(one->id == ADVICE_UNSUPPORTED || strlen(advice->command) > 0);
        assert_true(one->id == ADVICE_NO_VHOST_NET || g_str_equal(advice->guest, "a"));
    }
    return n;
}

static void assert_count(const Case *one, const char *what, unsigned n, unsigned expected)
{
    if (n != expected)
        fail_msg("%s, %s: %u times", advice_name(one->id), what, n);
}

static void test_each(void **state)
{
    (void)state;
    for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
        const Case *one = &cases[i];
        assert_count(one, "with its cause", count(one, one->with, one->policy, NULL), 1);
        assert_count(one, "ignored", count(one, one->with, one->policy, advice_name(one->id)), 0);
        if (one->without)
            assert_count(one, "without its cause", count(one, one->without, one->policy, NULL), 0);
        if (one->covers)
            assert_count(one, "covered", count(one, one->with, one->covers, NULL), 0);
    }
}

static void test_all_are_tested(void **state)
{
    (void)state;
    for (unsigned id = 0; id < N_ADVICES; id++) {
        unsigned n = 0;
        for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++)
            n += cases[i].id == id;
        if (n == 0)
            fail_msg("%s is not tested", advice_name(id));
        assert_true(strlen(advice_doc(id)) > 0);
    }
}

/* What libvirt refused is told with its words; two guests have a list of their own each. */
static void test_refused(void **state)
{
    (void)state;
    const Case plain = {.id = ADVICE_UNSUPPORTED};
    g_autoptr(Topo) topo = world_topo(1, 1, 1, 4, 1);
    g_autoptr(Policy) policy = policy_new();
    g_autoptr(Guest) guest = guest_make(&plain, PASSTHROUGH);
    g_autoptr(ChangeSet) refused = change_set_new();
    SettingKey key = {.knob = KNOB_DISK_IO, .plane = PLANE_CONFIG, .device = "vda"};

    change_set_add(refused, &key, NULL, "io_uring")->reason = g_strdup("QEMU has no io_uring");
    AdviseGuest of[] = {{.guest = guest, .refused = refused}, {.guest = guest}};
    g_autoptr(GPtrArray) list = advise_make(topo, policy, of, G_N_ELEMENTS(of));
    assert_int_equal(list->len, 1);
    const Advice *advice = g_ptr_array_index(list, 0);
    assert_string_equal(advice->device, "disk.io vda");
    assert_string_equal(advice->reason, "io_uring (config): QEMU has no io_uring");
    assert_null(advice->command);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each),
        cmocka_unit_test(test_all_are_tested),
        cmocka_unit_test(test_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
