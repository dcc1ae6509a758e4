/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The libvirt edge against the in-process test driver, whose state all connections of a process
 * share: the test plays the other user of libvirt on a connection of its own. */
#include "common/world.h"
#include "virt/link.h"

#include "base/log.h"

#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <dlfcn.h>
#include <errno.h>
#include <poll.h>
#include <string.h>

#define URI "test:///default"
#define UUID "5b1c7a3e-1111-4222-8333-0000000000a1"
#define NO_UUID "5b1c7a3e-1111-4222-8333-00000000ffff"
#define MAC "52:54:00:aa:bb:01"
#define WAIT_MSEC 10000

static const char domain_xml[] =
    "<domain type='test'><name>pinned</name><uuid>" UUID "</uuid><memory unit='MiB'>64</memory>"
    "<vcpu>2</vcpu><iothreads>1</iothreads><os><type>hvm</type></os>"
    "<cputune><shares>2048</shares><quota>50000</quota><vcpupin vcpu='0' cpuset='1'/>"
    "<vcpupin vcpu='1' cpuset='2'/><iothreadpin iothread='1' cpuset='3'/></cputune>"
    "<numatune><memory mode='strict' nodeset='0'/></numatune><devices>"
    "<disk type='file' device='disk'><source file='/none'/><target dev='vda' bus='virtio'/></disk>"
    "<interface type='user'><mac address='" MAC "'/><bandwidth><inbound average='1' peak='2'/>"
    "</bandwidth></interface></devices></domain>";

/* --- in front of libvirt's own --- */

static bool deaf;  /* monitors do not answer, and definitions take a job: libvirt 11 */
static int n_full; /* so many connections are refused, as by a libvirtd that has enough clients */

virConnectPtr virConnectOpen(const char *name)
{
    virConnectPtr (*real)(const char *) =
        (virConnectPtr(*)(const char *))dlsym(RTLD_NEXT, "virConnectOpen");

    if (g_atomic_int_get(&n_full) == 0)
        return real(name);
    g_atomic_int_add(&n_full, -1);
    return NULL;
}

int virDomainGetControlInfo(virDomainPtr domain, virDomainControlInfoPtr info, unsigned flags)
{
    int (*real)(virDomainPtr, virDomainControlInfoPtr, unsigned) =
        (int (*)(virDomainPtr, virDomainControlInfoPtr, unsigned))dlsym(RTLD_NEXT,
                                                                        "virDomainGetControlInfo");

    if (!deaf)
        return real(domain, info, flags);
    *info = (virDomainControlInfo){.state = VIR_DOMAIN_CONTROL_OCCUPIED, .stateTime = 60000};
    return 0;
}

int virConnectGetLibVersion(virConnectPtr conn, unsigned long *version)
{
    int (*real)(virConnectPtr, unsigned long *) =
        (int (*)(virConnectPtr, unsigned long *))dlsym(RTLD_NEXT, "virConnectGetLibVersion");
    int r = real(conn, version);

    if (deaf)
        *version = 11000000;
    return r;
}

typedef struct Fixture {
    VirtHub *hub;
    virConnectPtr other; /* the other user */
    virDomainPtr domain; /* defined, not running */
} Fixture;

/* The next event about that guest (NULL: the connection); fails the test if none comes. */
static void expect_event(VirtHub *hub, VirtEventKind kind, const char *uuid)
{
    gint64 end = g_get_monotonic_time() + WAIT_MSEC * 1000;

    while (g_get_monotonic_time() < end) {
        struct pollfd fd = {.fd = virt_hub_get_fd(hub), .events = POLLIN};
        poll(&fd, 1, 100);
        for (VirtEvent *event; (event = virt_hub_next_event(hub));) {
            bool match = event->kind == kind && g_strcmp0(event->uuid, uuid) == 0;
            virt_event_free(event);
            if (match)
                return;
        }
    }
    fail_msg("event %d of %s does not come", (int)kind, uuid ? uuid : "the connection");
}

static void expect_quiet(VirtHub *hub)
{
    struct pollfd fd = {.fd = virt_hub_get_fd(hub), .events = POLLIN};

    assert_null(virt_hub_next_event(hub));
    assert_int_equal(poll(&fd, 1, 0), 0);
}

static int setup_hub(void **state)
{
    Fixture *fixture = g_new0(Fixture, 1);

    assert_int_equal(virt_hub_new(URI, &fixture->hub), 0);
    expect_event(fixture->hub, VIRT_EVENT_CONNECTED, NULL);
    *state = fixture;
    return 0;
}

static int teardown_hub(void **state)
{
    Fixture *fixture = *state;

    virt_hub_free(fixture->hub);
    g_free(fixture);
    return 0;
}

static int setup(void **state)
{
    setup_hub(state);
    Fixture *fixture = *state;
    fixture->other = virConnectOpen(URI);
    assert_non_null(fixture->other);
    fixture->domain = virDomainDefineXML(fixture->other, domain_xml);
    assert_non_null(fixture->domain);
    expect_event(fixture->hub, VIRT_EVENT_DEFINED, UUID);
    return 0;
}

static int teardown(void **state)
{
    Fixture *fixture = *state;

    virDomainDestroy(fixture->domain);
    virDomainUndefine(fixture->domain);
    virDomainFree(fixture->domain);
    virConnectClose(fixture->other);
    return teardown_hub(state);
}

static Guest *acquire(const Fixture *fixture)
{
    Guest *guest = NULL;

    assert_int_equal(virt_guest_acquire(fixture->hub, UUID, NULL, &guest), VIRT_DONE);
    virt_guest_read_polling(fixture->hub, guest);
    return guest;
}

/* Applies and expects that result; takes a fresh look first, as the daemon does. */
static void apply(const Fixture *fixture, Knob knob, unsigned instance, Plane plane, const char *to,
                  int expected)
{
    Change change = {.key = {.knob = knob, .instance = instance, .plane = plane}, .to = (char *)to};
    g_autoptr(Guest) guest = acquire(fixture);
    g_autofree char *text = NULL;
    VirtSetting setting = {.guest = guest, .change = &change};

    DomainEdit edit = {.key = change.key, .value = to};
    int r = change_is_edit(&change) ? virt_definition_edit(fixture->hub, UUID, &edit, 1, &text)
                                    : virt_setting_apply(fixture->hub, &setting, &text);
    if (r != expected)
        fail_msg("knob %d plane %d: %d (%s), not %d", (int)knob, (int)plane, r, text, expected);
    assert_true((r == VIRT_DONE) == (text == NULL));
}

static void test_connect(void **state)
{
    Fixture *fixture = *state;

    assert_true(virt_hub_is_connected(fixture->hub));
    expect_quiet(fixture->hub);
}

static void test_events(void **state)
{
    Fixture *fixture = *state;

    assert_int_equal(virDomainCreate(fixture->domain), 0);
    expect_event(fixture->hub, VIRT_EVENT_STARTED, UUID);
    assert_int_equal(virDomainSetMetadata(fixture->domain, VIR_DOMAIN_METADATA_TITLE, "t", NULL,
                                          NULL, VIR_DOMAIN_AFFECT_LIVE),
                     0);
    expect_event(fixture->hub, VIRT_EVENT_CHANGED, UUID);
    assert_int_equal(virDomainSuspend(fixture->domain), 0);
    assert_int_equal(virDomainResume(fixture->domain), 0);
    expect_event(fixture->hub, VIRT_EVENT_CHANGED, UUID);
    assert_int_equal(virDomainDestroy(fixture->domain), 0);
    expect_event(fixture->hub, VIRT_EVENT_STOPPED, UUID);
    expect_quiet(fixture->hub);
}

static void test_list(void **state)
{
    Fixture *fixture = *state;
    g_autoptr(GPtrArray) guests = NULL;
    bool seen = false;

    assert_int_equal(virt_guests_list(fixture->hub, true, &guests), VIRT_DONE);
    assert_int_equal(guests->len, 2); /* the driver's own and ours */
    for (guint i = 0; i < guests->len; i++) {
        const Guest *guest = g_ptr_array_index(guests, i);
        bool ours = g_str_equal(guest->uuid, UUID);
        seen |= ours;
        assert_string_equal(guest->name, ours ? "pinned" : "test");
        assert_true(guest->active == !ours);
        assert_null(guest->live);
    }
    assert_true(seen);
}

static void test_acquire(void **state)
{
    Fixture *fixture = *state;
    Guest *none = NULL;
    g_autoptr(Guest) off = acquire(fixture);

    assert_string_equal(off->name, "pinned");
    assert_false(off->active);
    assert_true(off->persistent);
    assert_null(off->live);
    assert_cpus(guest_def_vcpu_pin(off->config, 1), "2");
    assert_int_equal(off->config->shares, 2048);
    assert_int_equal(off->config->numa_mode, 0);

    assert_int_equal(virDomainCreate(fixture->domain), 0);
    g_autoptr(Guest) on = acquire(fixture);
    assert_true(on->active);
    assert_non_null(on->live);
    assert_non_null(on->config);
    assert_null(on->kernel);
    assert_false(on->in_job);
    assert_non_null(on->hypervisor); /* the driver tells nothing, and is not asked again */
    assert_ptr_equal(on->hypervisor, off->hypervisor);
    assert_null(on->hypervisor->enlightenments);

    assert_int_equal(virt_guest_acquire(fixture->hub, NO_UUID, NULL, &none), VIRT_GONE);
    assert_int_equal(virt_guest_acquire(fixture->hub, "not a uuid", NULL, &none), -EINVAL);
    assert_null(none);
}

/* Of a guest that has just started that is known from when it was off. */
static void test_what_no_start_changes(void **state)
{
    Fixture *fixture = *state;
    g_autoptr(Guest) before = guest_new(UUID, "pinned"), started = NULL, ended = NULL;

    before->persistent = before->autostart = true;
    before->n_snapshots = 7;
    assert_int_equal(virDomainCreate(fixture->domain), 0);
    assert_int_equal(virt_guest_acquire(fixture->hub, UUID, before, &started), VIRT_DONE);
    assert_true(started->active);
    assert_true(started->persistent);
    assert_true(started->autostart);
    assert_int_equal(started->n_snapshots, 7);
    assert_non_null(started->config);

    assert_int_equal(virDomainDestroy(fixture->domain), 0);
    assert_int_equal(virt_guest_acquire(fixture->hub, UUID, before, &ended), VIRT_DONE);
    assert_false(ended->active);
    assert_true(ended->persistent);
    assert_false(ended->autostart);
    assert_int_equal(ended->n_snapshots, 0);
}

/* The definition of one that hangs is not asked for where that takes a job. */
static void test_hangs(void **state)
{
    Fixture *fixture = *state;
    Guest *none = NULL;

    assert_int_equal(virDomainCreate(fixture->domain), 0);
    deaf = true;
    int r = virt_guest_acquire(fixture->hub, UUID, NULL, &none);
    deaf = false;
    assert_int_equal(r, VIRT_HUNG);
    assert_null(none);
}

static void test_ready(void **state)
{
    Fixture *fixture = *state;

    assert_int_equal(virt_guest_ready(fixture->hub, UUID), VIRT_GONE);
    assert_int_equal(virt_guest_ready(fixture->hub, NO_UUID), VIRT_GONE);
    assert_int_equal(virDomainCreate(fixture->domain), 0);
    assert_int_equal(virt_guest_ready(fixture->hub, UUID), VIRT_DONE);
}

static void test_pins(void **state)
{
    Fixture *fixture = *state;

    assert_int_equal(virDomainCreate(fixture->domain), 0);
    apply(fixture, KNOB_EMULATOR_PIN, 0, PLANE_LIVE, "4-5", VIRT_DONE);
    apply(fixture, KNOB_EMULATOR_PIN, 0, PLANE_CONFIG, "6", VIRT_DONE);
    apply(fixture, KNOB_IOTHREAD_PIN, 1, PLANE_LIVE, "7", VIRT_DONE);
    g_autoptr(Guest) guest = acquire(fixture);
    assert_cpus(guest->live->emulator_pin, "4-5");
    assert_cpus(guest->config->emulator_pin, "6");
    assert_cpus(guest_def_iothread_pin(guest->live, 1), "7");
    assert_cpus(guest_def_iothread_pin(guest->config, 1), "3");

    apply(fixture, KNOB_EMULATOR_PIN, 0, PLANE_CONFIG, "6,4000", VIRT_DONE); /* there is no 4000 */
    apply(fixture, KNOB_EMULATOR_PIN, 0, PLANE_LIVE, NULL, VIRT_DONE); /* all of the map's 8 */
    g_autoptr(Guest) widened = acquire(fixture);
    assert_cpus(widened->live->emulator_pin, "0-7");
    assert_cpus(widened->config->emulator_pin, "6");
}

static void apply_key(const Fixture *fixture, const SettingKey *key, const char *from,
                      const char *to, int expected)
{
    Change change = {.key = *key, .from = (char *)from, .to = (char *)to};
    g_autoptr(Guest) guest = acquire(fixture);
    g_autofree char *text = NULL;
    VirtSetting setting = {.guest = guest, .change = &change};

    int r = virt_setting_apply(fixture->hub, &setting, &text);
    if (r != expected)
        fail_msg("%s: %d (%s), not %d", to, r, text, expected);
}

static void assert_knob(const GuestDef *def, const SettingKey *key, const char *expected)
{
    SettingKey in_list = *key;

    in_list.plane = 0;
    const Setting *setting = setting_list_find(def->knobs, &in_list);
    assert_non_null(setting);
    if (expected)
        assert_string_equal(setting->value, expected);
    else
        assert_null(setting->value);
}

static int config_edit(const Fixture *fixture, DomainEdit *edits, unsigned n)
{
    g_autofree char *text = NULL;

    int r = virt_definition_edit(fixture->hub, UUID, edits, n, &text);
    assert_true((r == VIRT_DONE) == (text == NULL));
    return r;
}

static void test_config_edit(void **state)
{
    Fixture *fixture = *state;
    DomainEdit edits[] = {
        {.key = {.knob = KNOB_VCPU_PIN, .instance = 1, .plane = PLANE_CONFIG}},
        {.key = {.knob = KNOB_IOTHREAD_PIN, .instance = 1, .plane = PLANE_CONFIG}},
        {.key = {.knob = KNOB_CPU_WEIGHT, .plane = PLANE_CONFIG}},
        {.key = {.knob = KNOB_CPU_QUOTA, .plane = PLANE_CONFIG}},
        {.key = {.knob = KNOB_NUMA_NODESET, .plane = PLANE_CONFIG}},
        {.key = {.knob = KNOB_EMULATOR_PIN, .plane = PLANE_CONFIG}}, /* there is none */
        {.key = {.knob = KNOB_DISK_CACHE, .device = "vda", .plane = PLANE_CONFIG}, .value = "none"},
        {.key = {.knob = KNOB_DISK_CACHE, .device = "vdz", .plane = PLANE_CONFIG}, .value = "none"},
    };

    assert_int_equal(config_edit(fixture, edits, G_N_ELEMENTS(edits)), VIRT_DONE);
    assert_int_equal(edits[6].result, 0);
    assert_int_equal(edits[7].result, -ENOENT);
    expect_event(fixture->hub, VIRT_EVENT_DEFINED, UUID);
    g_autoptr(Guest) guest = acquire(fixture);
    assert_cpus(guest_def_vcpu_pin(guest->config, 0), "1");
    assert_null(guest_def_vcpu_pin(guest->config, 1));
    assert_null(guest_def_iothread_pin(guest->config, 1));
    assert_int_equal(guest->config->shares, -1);
    assert_int_equal(guest->config->vcpu_quota, -1);
    assert_int_equal(guest->config->numa_mode, -1);
    assert_knob(guest->config, &edits[6].key, "none");
    /* nothing to change, so nothing is defined */
    assert_int_equal(config_edit(fixture, edits, G_N_ELEMENTS(edits)), VIRT_DONE);
    expect_quiet(fixture->hub);
}

static void test_bandwidth(void **state)
{
    Fixture *fixture = *state;
    SettingKey in = {.knob = KNOB_NET_INBOUND, .device = MAC, .plane = PLANE_LIVE};
    SettingKey out = {.knob = KNOB_NET_OUTBOUND, .device = MAC, .plane = PLANE_LIVE};

    assert_int_equal(virDomainCreate(fixture->domain), 0);
    apply_key(fixture, &out, NULL, "average=100,burst=64", VIRT_DONE);
    g_autoptr(Guest) both = acquire(fixture);
    assert_knob(both->live, &in, "average=1,peak=2");
    assert_knob(both->live, &out, "average=100,burst=64");
    apply_key(fixture, &in, NULL, "average=300", VIRT_DONE);
    apply_key(fixture, &out, NULL, NULL, VIRT_DONE);
    g_autoptr(Guest) one = acquire(fixture);
    assert_knob(one->live, &in, "average=300");
    assert_knob(one->live, &out, NULL);
    assert_knob(one->config, &in, "average=1,peak=2");
    apply_key(fixture, &in, NULL, "average=much", VIRT_REFUSED);
    apply_key(fixture, &in, NULL, "speed=1", VIRT_REFUSED);
}

static void test_iotune(void **state)
{
    Fixture *fixture = *state;
    SettingKey key = {.knob = KNOB_DISK_IOTUNE, .device = "vda", .plane = PLANE_LIVE};
    const char *grouped = "read_iops_sec=10,read_iops_sec_max=20,group_name=g%2C1";

    assert_int_equal(virDomainCreate(fixture->domain), 0);
    apply_key(fixture, &key, NULL, grouped, VIRT_DONE);
    g_autoptr(Guest) first = acquire(fixture);
    assert_knob(first->live, &key, grouped);
    assert_knob(first->config, &key, NULL);
    apply_key(fixture, &key, grouped, "total_iops_sec=10,total_iops_sec_max=20,group_name=h",
              VIRT_DONE);
    key.plane = PLANE_CONFIG;
    apply_key(fixture, &key, NULL, "total_bytes_sec=10,total_bytes_sec_max=30", VIRT_DONE);
    g_autoptr(Guest) second = acquire(fixture);
    assert_knob(second->live, &key, "total_iops_sec=10,total_iops_sec_max=20,group_name=h");
    assert_knob(second->config, &key, "total_bytes_sec=10,total_bytes_sec_max=30");
    apply_key(fixture, &key, NULL, "total_bytes_sec=fast", VIRT_REFUSED);
    apply_key(fixture, &key, NULL, "fast", VIRT_REFUSED);
}

static void test_iothreads(void **state)
{
    Fixture *fixture = *state;
    SettingKey ids = {.knob = KNOB_IOTHREAD_IDS, .plane = PLANE_LIVE};
    SettingKey poll_max = {.knob = KNOB_IOTHREAD_POLL_MAX, .instance = 3, .plane = PLANE_LIVE};
    SettingKey grow = {.knob = KNOB_IOTHREAD_POLL_GROW, .instance = 3, .plane = PLANE_LIVE};

    assert_int_equal(virDomainCreate(fixture->domain), 0);
    apply_key(fixture, &ids, "1", "1,3-4", VIRT_DONE);
    apply_key(fixture, &poll_max, NULL, "5000", VIRT_DONE);
    apply_key(fixture, &grow, NULL, "3", VIRT_DONE);
    g_autoptr(Guest) three = acquire(fixture);
    assert_cpus(three->live->iothreads, "1,3-4");
    assert_cpus(three->config->iothreads, "1");
    assert_knob(three->live, &poll_max, "5000");
    assert_knob(three->live, &grow, "3");
    apply_key(fixture, &ids, "1,3-4", "3,5", VIRT_DONE);
    g_autoptr(Guest) two = acquire(fixture);
    assert_cpus(two->live->iothreads, "3,5");
    assert_knob(two->live, &poll_max, "5000");
    apply_key(fixture, &ids, "3,5", "all", VIRT_REFUSED);
    apply_key(fixture, &poll_max, "5000", NULL, VIRT_REFUSED);
    apply_key(fixture, &grow, "3", "4294967296", VIRT_REFUSED);
    poll_max.instance = 9;
    apply_key(fixture, &poll_max, "5000", "1", VIRT_REFUSED);
}

static void test_saved(void **state)
{
    Fixture *fixture = *state;

    assert_int_equal(virDomainCreate(fixture->domain), 0);
    virDomainSnapshotPtr snapshot = virDomainSnapshotCreateXML(
        fixture->domain, "<domainsnapshot><name>s</name></domainsnapshot>", 0);
    assert_non_null(snapshot);
    g_autoptr(Guest) on = acquire(fixture);
    assert_int_equal(on->n_snapshots, 1);
    assert_false(on->managed_save);
    virDomainSnapshotDelete(snapshot, 0);
    virDomainSnapshotFree(snapshot);
    assert_int_equal(virDomainManagedSave(fixture->domain, 0), 0);
    g_autoptr(Guest) saved = acquire(fixture);
    assert_int_equal(saved->n_snapshots, 0);
    assert_true(saved->managed_save);
    assert_int_equal(virDomainManagedSaveRemove(fixture->domain, 0), 0);
}

/* Defining a transient guest would make it persistent. */
static void test_transient(void **state)
{
    Fixture *fixture = *state;

    assert_int_equal(virDomainCreate(fixture->domain), 0);
    assert_int_equal(virDomainUndefine(fixture->domain), 0);
    DomainEdit edit = {.key = {.knob = KNOB_VCPU_PIN, .instance = 1, .plane = PLANE_CONFIG}};
    assert_int_equal(config_edit(fixture, &edit, 1), VIRT_REFUSED);
    apply(fixture, KNOB_EMULATOR_PIN, 0, PLANE_CONFIG, "1", VIRT_REFUSED);
    g_autoptr(Guest) guest = acquire(fixture);
    assert_false(guest->persistent);
    assert_null(guest->config);
    assert_non_null(guest->live);
}

static void test_nodeset(void **state)
{
    Fixture *fixture = *state;

    apply(fixture, KNOB_NUMA_NODESET, 0, PLANE_CONFIG, "restrictive:0-1", VIRT_DONE);
    assert_int_equal(virDomainCreate(fixture->domain), 0);
    apply(fixture, KNOB_NUMA_NODESET, 0, PLANE_LIVE, "restrictive:1", VIRT_DONE);
    g_autoptr(Guest) guest = acquire(fixture);
    assert_int_equal(guest->config->numa_mode, 3);
    assert_cpus(guest->config->numa_nodeset, "0-1");
    assert_int_equal(guest->live->numa_mode, 3);
    assert_cpus(guest->live->numa_nodeset, "1");
    apply(fixture, KNOB_NUMA_NODESET, 0, PLANE_ACTUAL, "0", VIRT_DONE);
    g_autoptr(Guest) again = acquire(fixture);
    assert_cpus(again->live->numa_nodeset, "0");
}

static void test_refusals(void **state)
{
    Fixture *fixture = *state;

    apply(fixture, KNOB_EMULATOR_PIN, 0, PLANE_LIVE, "1", VIRT_GONE); /* off */
    assert_int_equal(virDomainCreate(fixture->domain), 0);
    apply(fixture, KNOB_EMULATOR_PIN, 0, PLANE_LIVE, "", VIRT_REFUSED);
    apply(fixture, KNOB_EMULATOR_PIN, 0, PLANE_LIVE, "some", VIRT_REFUSED);
    apply(fixture, KNOB_EMULATOR_PIN, 0, PLANE_LIVE, "4000", VIRT_REFUSED);
    apply(fixture, KNOB_VCPU_PIN, 0, PLANE_LIVE, "1",
          VIRT_REFUSED); /* the driver has flags 0 only */
    apply(fixture, KNOB_CPU_WEIGHT, 0, PLANE_LIVE, "150", VIRT_REFUSED);
    apply(fixture, KNOB_CPU_WEIGHT, 0, PLANE_LIVE, "heavy", VIRT_REFUSED);
    apply(fixture, KNOB_CPU_QUOTA, 0, PLANE_LIVE, "1/x", VIRT_REFUSED);
    apply(fixture, KNOB_VHOST_PIN, 0, PLANE_LIVE, "1", VIRT_REFUSED);
    apply(fixture, KNOB_NUMA_NODESET, 0, PLANE_LIVE, "odd:1", VIRT_REFUSED);
    apply(fixture, KNOB_NUMA_NODESET, 0, PLANE_LIVE, NULL, VIRT_REFUSED);
}

static void test_unknown_guest(void **state)
{
    Fixture *fixture = *state;
    Change change = {.key = {.knob = KNOB_EMULATOR_PIN, .plane = PLANE_LIVE}, .to = (char *)"1"};
    g_autoptr(Guest) guest = guest_new(NO_UUID, "nobody");
    g_autofree char *text = NULL;
    VirtSetting setting = {.guest = guest, .change = &change};

    assert_int_equal(virt_setting_apply(fixture->hub, &setting, &text), VIRT_GONE);
    assert_non_null(text);
}

static gpointer acquire_often(gpointer data)
{
    const Fixture *fixture = data;
    unsigned n_done = 0;

    for (int r = VIRT_DONE; n_done < 20 && (r == VIRT_DONE || r == VIRT_BUSY);) {
        g_autoptr(Guest) guest = NULL;
        r = virt_guest_acquire(fixture->hub, UUID, NULL, &guest);
        n_done += r == VIRT_DONE;
    }
    return GUINT_TO_POINTER(n_done);
}

/* More callers than a connection takes calls: each gets its turn. On a busy machine one may be told
 * to come again. */
static void test_many_callers(void **state)
{
    Fixture *fixture = *state;
    GThread *threads[12];

    for (size_t i = 0; i < G_N_ELEMENTS(threads); i++)
        threads[i] = g_thread_new("caller", acquire_often, fixture);
    for (size_t i = 0; i < G_N_ELEMENTS(threads); i++)
        assert_int_equal(GPOINTER_TO_UINT(g_thread_join(threads[i])), 20);
}

static VirtLink *link_at(VirtHub *hub, LinkKind kind)
{
    g_mutex_lock(&hub->lock);
    VirtLink *link = hub->links[kind];
    g_mutex_unlock(&hub->lock);
    return link;
}

/* As call_begin() does for one whose calls do not come back. */
static void hangs(VirtHub *hub, LinkKind kind)
{
    g_mutex_lock(&hub->lock);
    hub->links[kind]->stuck = true;
    hub->n_retired++;
    g_cond_broadcast(&hub->changed);
    g_mutex_unlock(&hub->lock);
}

/* One that hangs and cannot be replaced at once costs none of the others. */
static void test_no_replacement(void **state)
{
    const Fixture *fixture = *state;
    VirtLink *links[N_LINKS];
    gint64 end = g_get_monotonic_time() + WAIT_MSEC * 1000;

    for (unsigned i = 0; i < N_LINKS; i++)
        links[i] = link_at(fixture->hub, i);
    link_ref(links[LINK_READ]); /* so that its successor is not at its address */
    g_atomic_int_set(&n_full, 2);
    hangs(fixture->hub, LINK_READ);
    while (link_at(fixture->hub, LINK_READ) == links[LINK_READ] && g_get_monotonic_time() < end) {
        assert_true(virt_hub_is_connected(fixture->hub));
        g_usleep(10000);
    }
    link_unref(links[LINK_READ]);
    assert_int_equal(g_atomic_int_get(&n_full), 0);
    for (unsigned i = 0; i < N_LINKS; i++)
        assert_true((link_at(fixture->hub, i) == links[i]) == (i != LINK_READ));
    expect_quiet(fixture->hub);
}

/* Events cannot be gone without: all connections are opened anew. */
static void test_events_hang(void **state)
{
    const Fixture *fixture = *state;

    hangs(fixture->hub, LINK_EVENTS);
    expect_event(fixture->hub, VIRT_EVENT_DISCONNECTED, NULL);
    expect_event(fixture->hub, VIRT_EVENT_CONNECTED, NULL);
}

static void test_away(void **state)
{
    VirtHub *hub = NULL;
    g_autoptr(GPtrArray) guests = NULL;
    g_autoptr(Guest) guest = NULL;
    (void)state;

    log_set_level(LOG_LEVEL_ERROR);
    assert_int_equal(virt_hub_new("qemu+unix:///system?socket=/nowhere/at/all", &hub), 0);
    assert_false(virt_hub_is_connected(hub));
    assert_int_equal(virt_guests_list(hub, true, &guests), VIRT_AWAY);
    assert_int_equal(virt_guest_acquire(hub, UUID, NULL, &guest), VIRT_AWAY);
    assert_int_equal(virt_guest_ready(hub, UUID), VIRT_AWAY);
    expect_quiet(hub);
    gint64 start = g_get_monotonic_time();
    virt_hub_free(hub);
    assert_true(g_get_monotonic_time() - start < 4 * G_USEC_PER_SEC); /* it does not sit it out */
    log_set_level(LOG_LEVEL_INFO);
    virt_hub_free(NULL);
    virt_event_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_away),
        cmocka_unit_test_setup_teardown(test_connect, setup_hub, teardown_hub),
        cmocka_unit_test_setup_teardown(test_no_replacement, setup_hub, teardown_hub),
        cmocka_unit_test_setup_teardown(test_events_hang, setup_hub, teardown_hub),
        cmocka_unit_test_setup_teardown(test_events, setup, teardown),
        cmocka_unit_test_setup_teardown(test_list, setup, teardown),
        cmocka_unit_test_setup_teardown(test_acquire, setup, teardown),
        cmocka_unit_test_setup_teardown(test_hangs, setup, teardown),
        cmocka_unit_test_setup_teardown(test_what_no_start_changes, setup, teardown),
        cmocka_unit_test_setup_teardown(test_ready, setup, teardown),
        cmocka_unit_test_setup_teardown(test_pins, setup, teardown),
        cmocka_unit_test_setup_teardown(test_config_edit, setup, teardown),
        cmocka_unit_test_setup_teardown(test_bandwidth, setup, teardown),
        cmocka_unit_test_setup_teardown(test_iotune, setup, teardown),
        cmocka_unit_test_setup_teardown(test_iothreads, setup, teardown),
        cmocka_unit_test_setup_teardown(test_saved, setup, teardown),
        cmocka_unit_test_setup_teardown(test_transient, setup, teardown),
        cmocka_unit_test_setup_teardown(test_nodeset, setup, teardown),
        cmocka_unit_test_setup_teardown(test_refusals, setup, teardown),
        cmocka_unit_test_setup_teardown(test_unknown_guest, setup, teardown),
        cmocka_unit_test_setup_teardown(test_many_callers, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
