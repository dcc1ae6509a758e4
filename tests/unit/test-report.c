/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The documents: the stable form of the plan, exit statuses, what is null when. */
#include "common/fake-guest.h"
#include "report/report.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define UUID_A "6a0f7d5c-1b1e-4f0e-9d0c-2b8f6f1c000a"
#define UUID_B "6a0f7d5c-1b1e-4f0e-9d0c-2b8f6f1c000b"

typedef struct json_object Json;

static CpuSet *set(const char *text)
{
    CpuSet *result = NULL;

    assert_int_equal(cpuset_parse(text, &result), 0);
    return result;
}

static void set_to(CpuSet **target, const char *text)
{
    hwloc_bitmap_free(*target);
    *target = set(text);
}

/* document.a.b[0].c by "a/b/0/c"; fails if there is no such key. */
static Json *at(Json *document, const char *path)
{
    g_auto(GStrv) parts = g_strsplit(path, "/", -1);

    for (char **part = parts; *part; part++) {
        if (json_object_is_type(document, json_type_array)) {
            document = json_object_array_get_idx(document, (size_t)atoi(*part));
            continue;
        }
        if (!json_object_object_get_ex(document, *part, &document))
            fail_msg("no '%s' of '%s'", *part, path);
    }
    return document;
}

static void assert_text(Json *document, const char *path, const char *text)
{
    Json *value = at(document, path);

    if (!text) {
        assert_null(value);
        return;
    }
    assert_true(json_object_is_type(value, json_type_string));
    assert_string_equal(json_object_get_string(value), text);
}

static void assert_number(Json *document, const char *path, int64_t number)
{
    assert_true(json_object_is_type(at(document, path), json_type_int));
    assert_int_equal(json_object_get_int64(at(document, path)), number);
}

static void assert_length(Json *document, const char *path, size_t length)
{
    assert_true(json_object_is_type(at(document, path), json_type_array));
    assert_int_equal(json_object_array_length(at(document, path)), length);
}

static GuestPlan *placed_plan(void)
{
    GuestPlan *plan = guest_plan_new();

    plan->uuid = g_strdup(UUID_A);
    plan->name = g_strdup("alpha");
    plan->reason = g_strdup("one LLC of node 0");
    plan->origin = g_strdup("p.yaml:7");
    plan->cpu_policy = CPU_DEDICATED;
    set_to(&plan->nodes, "0");
    set_to(&plan->llcs, "1");
    set_to(&plan->allowed, "0-15");
    set_to(&plan->exclusive, "4-5");
    plan->page_size_kib = 2048;
    plan->vcpus = g_new0(VcpuPlan, 3);
    plan->n_vcpus = 3;
    for (unsigned i = 0; i < 3; i++)
        plan->vcpus[i] =
            (VcpuPlan){.id = i, .online = i < 2, .pinned = true, .cpus = cpuset_new_one(4 + i)};
    set_to(&plan->emulator.cpus, "0-1");
    set_to(&plan->vhost.cpus, "0,8");
    plan->iothreads = g_new0(ClassPlan, 1);
    plan->n_iothreads = 1;
    plan->iothreads[0] = (ClassPlan){.id = 1, .cpus = set("6"), .reason = g_strdup("isolate")};
    plan->memory = g_new0(MemoryPlan, 1);
    plan->n_memory = 1;
    plan->memory[0] = (MemoryPlan){.cell = 0, .node = 1, .mib = 512};
    return plan;
}

static GuestPlan *refused_plan(void)
{
    GuestPlan *plan = guest_plan_new();

    plan->uuid = g_strdup(UUID_B);
    plan->name = g_strdup("beta");
    plan->result = PLAN_REFUSED;
    plan->reason = g_strdup("4 PUs short");
    plan->pool = true;
    plan->shortage = (PlanShortage){.resource = "PUs", .amount = 4, .unit = "PUs", .node = -1};
    set_to(&plan->nodes, "0-1");
    plan->vcpus = g_new0(VcpuPlan, 1);
    plan->n_vcpus = 1;
    plan->vcpus[0] = (VcpuPlan){.online = true, .cpus = set("0-3")};
    set_to(&plan->emulator.cpus, "0-3");
    return plan;
}

static ChangeSet *one_change(void)
{
    ChangeSet *changes = change_set_new();
    SettingKey key = {
        .knob = KNOB_VCPU_PIN, .instance = 1, .plane = PLANE_ACTUAL, .tid = 4711, .tid_start = 9};
    Change *change = change_set_add(changes, &key, NULL, "5");

    change->reason = g_strdup("because");
    return changes;
}

static GuestStatus *status_with(GuestPlan *plan, GuestState state)
{
    GuestStatus *status = guest_status_new(plan->uuid, plan->name);

    status->plan = plan;
    status->state = state;
    status->since_usec = 1763716080 * (int64_t)G_USEC_PER_SEC;
    return status;
}

/* alpha in that state, everything else well */
static Snapshot *snapshot_in_state(GuestState state)
{
    Snapshot *snapshot = snapshot_new();
    GuestStatus *status = status_with(placed_plan(), state);

    snapshot->connected = true;
    snapshot->plan = plan_new();
    g_ptr_array_add(snapshot->guests, status);
    return snapshot;
}

static Plan *plan_of(GuestPlan *one, GuestPlan *two)
{
    Plan *plan = plan_new();

    plan->n_guests = two ? 2 : 1;
    plan->guests = g_new0(GuestPlan *, plan->n_guests);
    plan->guests[0] = one;
    if (two)
        plan->guests[1] = two;
    set_to(&plan->housekeeping, "0,8");
    set_to(&plan->shared, "0-3,8");
    return plan;
}

static Topo *small_topo(void)
{
    Topo *topo = topo_new();

    set_to(&topo->online, "0-3,8");
    topo->n_cores = 2;
    topo->cores = g_new0(TopoCore, 2);
    topo->cores[1].index = 1;
    for (unsigned i = 0; i < 2; i++)
        topo->cores[i].cpus = cpuset_new_one(i);
    topo->n_llcs = 1;
    topo->llcs = g_new0(TopoLlc, 1);
    topo->llcs[0].cpus = set("0-3,8");
    topo->n_nodes = 2;
    topo->nodes = g_new0(TopoNode, 2);
    for (unsigned i = 0; i < 2; i++) {
        topo->nodes[i].os_index = i * 2;
        topo->nodes[i].cpus = cpuset_new();
    }
    topo->source = g_strdup("test");
    return topo;
}

static void test_plan_is_stable(void **state)
{
    (void)state;
    g_autoptr(Plan) plan = plan_of(placed_plan(), refused_plan());
    g_autoptr(Topo) topo = small_topo();
    g_autoptr(ChangeSet) changes = one_change();
    g_autoptr(DiagList) diags = diag_list_new();
    DiagPlace place = {.file = "p.yaml", .line = 3};
    ReportChanges rows = {.plan = plan->guests[0], .changes = changes};

    diag_add(diags, DIAG_WARNING, &place, NULL, "odd");
    Json *document = report_plan(plan, topo, NULL, &rows, 1, diags);
    assert_number(document, "version", 1);
    assert_int_equal(report_get_exit(document), REPORT_MISMATCH);
    assert_text(document, "host/cpus", "0-3,8");
    assert_text(document, "host/cores", "0-1");
    assert_text(document, "host/llcs", "0");
    assert_text(document, "host/nodes", "0,2");
    assert_text(document, "host/housekeeping", "0,8");
    assert_text(document, "host/shared", "0-3,8");

    assert_text(document, "guests/0/result", "placed");
    assert_text(document, "guests/0/shortage", NULL);
    assert_text(document, "guests/0/cpu_policy", "dedicated");
    assert_text(document, "guests/0/nodes", "0");
    assert_text(document, "guests/0/llcs", "1");
    assert_number(document, "guests/0/page_size_kib", 2048);
    assert_length(document, "guests/0/vcpus", 2); /* the third is offline */
    assert_number(document, "guests/0/vcpus/1/id", 1);
    assert_text(document, "guests/0/vcpus/1/cpus", "5");
    assert_text(document, "guests/0/emulator", "0-1");
    assert_text(document, "guests/0/vhost", "0,8");
    assert_number(document, "guests/0/iothreads/0/id", 1);
    assert_text(document, "guests/0/iothreads/0/cpus", "6");
    assert_number(document, "guests/0/memory/0/cell", 0);
    assert_text(document, "guests/0/memory/0/nodes", "1");
    assert_number(document, "guests/0/memory/0/mib", 512);

    assert_text(document, "settings/0/subject", UUID_A);
    assert_text(document, "settings/0/knob", "vcpu.pin");
    assert_text(document, "settings/0/instance", "1/4711");
    assert_text(document, "settings/0/plane", "actual");
    assert_text(document, "settings/0/from", NULL);
    assert_text(document, "settings/0/to", "5");
    assert_text(document, "settings/0/reason", "because");
    assert_text(document, "settings/0/origin", NULL);

    assert_text(document, "diagnostics/0/severity", "warning");
    assert_text(document, "diagnostics/0/file", "p.yaml");
    assert_number(document, "diagnostics/0/line", 3);
    assert_text(document, "diagnostics/0/column", NULL);
    assert_text(document, "diagnostics/0/key", NULL);
    assert_text(document, "diagnostics/0/text", "odd");
    json_object_put(document);
}

static void test_plan_of_refused_is_empty(void **state)
{
    (void)state;
    g_autoptr(Plan) plan = plan_of(refused_plan(), NULL);
    Json *document = report_plan(plan, NULL, NULL, NULL, 0, NULL);

    assert_text(document, "guests/0/result", "refused");
    assert_text(document, "guests/0/shortage/resource", "PUs");
    assert_number(document, "guests/0/shortage/amount", 4);
    assert_text(document, "guests/0/shortage/unit", "PUs");
    assert_text(document, "guests/0/shortage/node", NULL);
    assert_text(document, "guests/0/nodes", "");
    assert_text(document, "guests/0/emulator", "");
    assert_text(document, "guests/0/vhost", "");
    assert_length(document, "guests/0/vcpus", 0);
    assert_length(document, "guests/0/iothreads", 0);
    assert_length(document, "guests/0/memory", 0);
    json_object_put(document);
}

static void test_exit_by_state(void **state)
{
    static const struct {
        GuestState state;
        ReportExit exit;
    } cases[] = {
        {GUEST_OFF, REPORT_OK},
        {GUEST_AS_PLANNED, REPORT_OK},
        {GUEST_PENDING, REPORT_MISMATCH},
        {GUEST_DRIFTED, REPORT_MISMATCH},
        {GUEST_CONTESTED, REPORT_MISMATCH},
        {GUEST_COLD_PENDING, REPORT_COLD},
        {GUEST_NOT_EXCLUSIVE, REPORT_MISMATCH},
        {GUEST_REFUSED, REPORT_MISMATCH},
        {GUEST_UNMANAGED, REPORT_OK},
        {GUEST_RELEASED, REPORT_OK},
        {GUEST_BUSY, REPORT_OK},
        {GUEST_STUCK, REPORT_MISMATCH},
        {GUEST_FAILED, REPORT_MISMATCH},
    };

    (void)state;
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(Snapshot) snapshot = snapshot_in_state(cases[i].state);
        Json *verify = report_verify(snapshot, NULL), *status = report_status(snapshot, NULL);
        assert_int_equal(report_get_exit(verify), cases[i].exit);
        assert_int_equal(report_get_exit(status), cases[i].exit);
        assert_number(verify, "guests/0/exit", cases[i].exit);
        json_object_put(verify);
        json_object_put(status);
    }
}

static void test_gravest_guest_decides(void **state)
{
    (void)state;
    g_autoptr(Snapshot) snapshot = snapshot_in_state(GUEST_COLD_PENDING);
    const char *const unknown[] = {"alpha", "gamma", NULL}, *const beta[] = {"beta", NULL};

    g_ptr_array_add(snapshot->guests, status_with(refused_plan(), GUEST_REFUSED));
    Json *all = report_verify(snapshot, NULL), *some = report_verify(snapshot, unknown);
    Json *one = report_live_plan(snapshot, beta);
    assert_int_equal(report_get_exit(all), REPORT_MISMATCH);
    assert_int_equal(report_get_exit(some), REPORT_BAD_INPUT);
    assert_text(some, "guests/1/name", "gamma");
    assert_text(some, "guests/1/error", "no such guest");
    assert_length(one, "guests", 1);
    assert_text(one, "guests/0/name", "beta");
    json_object_put(all);
    json_object_put(some);
    json_object_put(one);
}

static void test_away_is_not_well(void **state)
{
    (void)state;
    g_autoptr(Snapshot) snapshot = snapshot_in_state(GUEST_AS_PLANNED);

    snapshot->connected = false;
    Json *document = report_verify(snapshot, NULL);
    assert_int_equal(report_get_exit(document), REPORT_MISMATCH);
    json_object_put(document);
}

static void test_live_plan_does_not_judge_differences(void **state)
{
    (void)state;
    g_autoptr(Snapshot) snapshot = snapshot_in_state(GUEST_PENDING);
    GuestStatus *status = g_ptr_array_index(snapshot->guests, 0);

    change_set_unref(status->left);
    status->left = one_change();
    Json *document = report_live_plan(snapshot, NULL);
    assert_int_equal(report_get_exit(document), REPORT_OK);
    assert_length(document, "settings", 1);
    json_object_put(document);
}

static void test_status_entry(void **state)
{
    (void)state;
    g_autoptr(Snapshot) snapshot = snapshot_in_state(GUEST_AS_PLANNED);
    GuestStatus *status = g_ptr_array_index(snapshot->guests, 0);

    status->drift_count = 3;
    status->repair_count = 2;
    Json *document = report_status(snapshot, NULL);
    assert_text(document, "daemon/mode", "observe");
    assert_text(document, "daemon/last_cycle", NULL);
    assert_text(document, "guests/0/state", "as-planned");
    assert_text(document, "guests/0/since", "2025-11-21T09:08:00Z");
    assert_text(document, "guests/0/cpus", "4-5");
    assert_number(document, "guests/0/vcpus", 2);
    assert_number(document, "guests/0/drift", 3);
    assert_number(document, "guests/0/repaired", 2);
    assert_text(document, "guests/0/plan/name", "alpha");
    assert_text(document, "guests/0/now", NULL);
    assert_text(document, "host", NULL);
    json_object_put(document);
}

static void test_contested(void **state)
{
    (void)state;
    g_autoptr(Snapshot) snapshot = snapshot_in_state(GUEST_CONTESTED);
    GuestStatus *status = g_ptr_array_index(snapshot->guests, 0);
    const SettingKey key = {.knob = KNOB_VCPU_PIN, .instance = 1, .plane = PLANE_LIVE};

    change_set_unref(status->left);
    status->left = one_change();
    status->contest = contest_new();
    contest_give_up(status->contest, &key);
    contest_get(status->contest, 0)->since_usec = 1763716080 * (int64_t)G_USEC_PER_SEC;
    contest_get(status->contest, 0)->rival = g_strdup("a script");
    contest_mark(status->contest, status->left);
    Json *document = report_status(snapshot, NULL);
    assert_text(document, "guests/0/contested/0/knob", "vcpu.pin");
    assert_text(document, "guests/0/contested/0/instance", "1");
    assert_text(document, "guests/0/contested/0/since", "2025-11-21T09:08:00Z");
    assert_text(document, "guests/0/contested/0/rival", "a script");
    assert_true(json_object_get_boolean(at(document, "guests/0/settings/0/contested")));
    json_object_put(document);
    document = report_verify(snapshot, NULL);
    assert_true(json_object_get_boolean(at(document, "guests/0/settings/0/contested")));
    assert_length(document, "guests/0/contested", 1);
    json_object_put(document);
}

/* Where threads may run is the kernel's word, not the plan's. */
static void test_status_now(void **state)
{
    (void)state;
    g_autoptr(Snapshot) snapshot = snapshot_in_state(GUEST_AS_PLANNED);
    GuestStatus *status = g_ptr_array_index(snapshot->guests, 0);
    g_autoptr(Guest) guest = guest_new(status->uuid, status->name);
    g_autoptr(CpuSet) seven = cpuset_new();

    hwloc_bitmap_set(seven, 7);
    guest->live = guest_def_new();
    guest->kernel = guest_kernel_new();
    fake_thread_add(guest->kernel, &(GuestThread){.tid = 11,
                                                  .tgid = 10,
                                                  .affinity = seven,
                                                  .home = HOME_VCPU,
                                                  .home_id = 1,
                                                  .thread_class = THREAD_VCPU,
                                                  .comm = "CPU 1/KVM"});
    status->guest = guest_ref(guest);
    Json *document = report_status(snapshot, NULL);
    assert_length(document, "guests/0/now", 1);
    assert_text(document, "guests/0/now/0/class", "vcpu");
    assert_number(document, "guests/0/now/0/id", 1);
    assert_text(document, "guests/0/now/0/cpus", "7");
    assert_text(document, "guests/0/memory_nodes", NULL);
    assert_text(document, "guests/0/memory_mib", NULL);
    json_object_put(document);

    guest_kernel_set_memory(guest->kernel, (const uint64_t[]){1023, 3 * 1024 + 5, 0, 1024}, 4);
    document = report_status(snapshot, NULL);
    assert_text(document, "guests/0/memory_nodes", "0-1,3");
    assert_int_equal(json_object_object_length(at(document, "guests/0/memory_mib")), 2);
    assert_number(document, "guests/0/memory_mib/1", 3);
    assert_number(document, "guests/0/memory_mib/3", 1);
    json_object_put(document);
}

static void stray_add(GuestKernel *kernel, pid_t tid, ThreadClass thread_class, const char *comm,
                      const char *cpus)
{
    g_autoptr(CpuSet) affinity = set(cpus);
    GuestThread thread = {
        .tid = tid, .tgid = 10, .thread_class = thread_class, .affinity = affinity};

    g_strlcpy(thread.comm, comm, sizeof(thread.comm));
    fake_thread_add(kernel, &thread);
}

/* Threads that somebody moved out of the guest's cgroups have their number in the name only. */
static void test_status_now_of_strays(void **state)
{
    (void)state;
    g_autoptr(Snapshot) snapshot = snapshot_in_state(GUEST_AS_PLANNED);
    GuestStatus *status = g_ptr_array_index(snapshot->guests, 0);

    status->guest = guest_new(status->uuid, status->name);
    status->guest->live = guest_def_new();
    status->guest->kernel = guest_kernel_new();
    stray_add(status->guest->kernel, 10, THREAD_EMULATOR, "qemu-system-x86", "0");
    stray_add(status->guest->kernel, 11, THREAD_IOTHREAD, "IO iothread2", "1");
    stray_add(status->guest->kernel, 12, THREAD_VCPU, "CPU 3/KVM", "3");
    stray_add(status->guest->kernel, 13, THREAD_VCPU, "CPU 1/KVM", "2");
    Json *document = report_status(snapshot, NULL);
    Json *now = at(document, "guests/0/now");
    assert_string_equal(json_object_to_json_string_ext(now, JSON_C_TO_STRING_PLAIN),
                        "[{\"class\":\"vcpu\",\"id\":1,\"cpus\":\"2\"},"
                        "{\"class\":\"vcpu\",\"id\":3,\"cpus\":\"3\"},"
                        "{\"class\":\"emulator\",\"id\":0,\"cpus\":\"0\"},"
                        "{\"class\":\"iothread\",\"id\":2,\"cpus\":\"1\"}]");
    json_object_put(document);
}

static void add_pending(GuestStatus *status)
{
    SettingKey key = {.knob = KNOB_DISK_CACHE, .plane = PLANE_CONFIG};

    setting_key_set_device(&key, "vda");
    status->pending = pending_list_new();
    PendingSetting *setting = pending_list_add(status->pending, &key);
    setting->of_policy = true;
    setting->wanted = g_strdup("none");
    setting->reason = g_strdup("why");
    key.knob = KNOB_DISK_IO;
    Change *refused = change_set_add(status->refused, &key, NULL, "io_uring");
    refused->reason = g_strdup("not with this QEMU");
    key.knob = KNOB_DISK_QUEUES;
    setting_list_add(status->plan->unsupported, &key, "4", "no queues", "p.yaml:7");
}

static void test_jobs(void **state)
{
    (void)state;
    g_autoptr(Snapshot) snapshot = snapshot_in_state(GUEST_AS_PLANNED);
    const JobStatus restart = {
        .id = 7,
        .kind = JOB_RESTART_INTO,
        .guests = (char *[]){(char *)"0b5f", (char *)"db-1", NULL},
        .client = (char *)":1.7",
        .progress = {.phase = "waiting", .done = 12, .total = 300, .can_cancel = true}};
    const JobStatus apply = {.id = 8,
                             .guests = (char *[]){NULL},
                             .client = (char *)":1.8",
                             .progress = {.phase = "looking"}};

    g_ptr_array_add(snapshot->jobs, job_status_copy(&restart));
    g_ptr_array_add(snapshot->jobs, job_status_copy(&apply));
    Json *document = report_jobs(snapshot);
    assert_number(document, "jobs/0/id", 7);
    assert_text(document, "jobs/0/kind", "restart-into");
    assert_text(document, "jobs/0/of/0/name", "db-1");
    assert_number(document, "jobs/0/done", 12);
    assert_number(document, "jobs/0/total", 300);
    assert_text(document, "jobs/0/unit", "seconds");
    assert_length(document, "jobs/1/of", 0);
    assert_text(document, "jobs/1/total", NULL);
    json_object_put(document);
}

static void test_pending(void **state)
{
    (void)state;
    g_autoptr(Snapshot) snapshot = snapshot_in_state(GUEST_COLD_PENDING);
    GuestStatus *status = g_ptr_array_index(snapshot->guests, 0);
    Json *document = report_pending(snapshot, NULL);

    assert_number(document, "exit", REPORT_OK);
    assert_length(document, "guests/0/pending", 0);
    json_object_put(document);

    add_pending(status);
    status->guest = guest_new(status->uuid, status->name);
    status->guest->config = guest_def_new();
    status->guest->managed_save = true;
    status->guest->n_snapshots = 2;
    document = report_pending(snapshot, NULL);
    assert_number(document, "exit", REPORT_COLD);
    assert_text(document, "guests/0/pending/0/knob", "disk.cache");
    assert_text(document, "guests/0/pending/0/instance", "vda");
    assert_text(document, "guests/0/pending/0/wanted", "none");
    assert_text(document, "guests/0/pending/0/live", NULL);
    assert_text(document, "guests/0/pending/0/next", NULL);
    assert_text(document, "guests/0/unsupported/0/knob", "disk.queues");
    assert_text(document, "guests/0/unsupported/0/reason", "no queues");
    assert_text(document, "guests/0/unsupported/1/knob", "disk.io");
    assert_text(document, "guests/0/unsupported/1/reason",
                "libvirt refuses it: not with this QEMU");
    assert_length(document, "guests/0/notes", 2);
    json_object_put(document);
    document = report_live_plan(snapshot, NULL);
    assert_text(document, "pending/0/subject", UUID_A);
    json_object_put(document);
    document = report_status(snapshot, NULL);
    assert_text(document, "guests/0/pending/0/reason", "why");
    assert_text(document, "guests/0/restart", NULL);
    json_object_put(document);
}

static SettingList *list_of(const char *value, const char *reason)
{
    SettingList *list = setting_list_new();
    SettingKey key = {.knob = KNOB_VCPU_PIN, .instance = 0, .plane = PLANE_LIVE};

    setting_list_add(list, &key, value, reason, reason ? "p.yaml:7" : NULL);
    setting_list_sort(list);
    return list;
}

static SettingList *wanted_four(const GuestPlan *plan, const Guest *guest)
{
    (void)guest;
    return list_of("4", plan->reason);
}

static SettingList *observed_five(const Guest *guest)
{
    (void)guest;
    return list_of("5", NULL);
}

static void test_explain(void **state)
{
    (void)state;
    g_autoptr(Snapshot) snapshot = snapshot_in_state(GUEST_AS_PLANNED);
    const GuestStatus *status = g_ptr_array_index(snapshot->guests, 0);
    g_autoptr(SettingList) wanted = list_of("4", "why");
    g_autoptr(SettingList) observed = list_of("4", NULL);
    g_autoptr(SettingList) nothing = setting_list_new();

    Json *document = report_explain(status, NULL, wanted, observed);
    assert_text(document, "guest/name", "alpha");
    assert_text(document, "settings/0/wanted", "4");
    assert_text(document, "settings/0/reason", "why");
    assert_text(document, "settings/0/origin", "p.yaml:7");
    assert_true(json_object_get_boolean(at(document, "settings/0/in_force")));
    json_object_put(document);

    document = report_explain(status, NULL, wanted, nothing);
    assert_null(at(document, "settings/0/in_force"));
    json_object_put(document);
}

static void test_verify_with_a_look(void **state)
{
    static const ReportLook look = {.wanted = wanted_four, .observed = observed_five};

    (void)state;
    g_autoptr(Snapshot) snapshot = snapshot_in_state(GUEST_PENDING);
    GuestStatus *status = g_ptr_array_index(snapshot->guests, 0);
    status->guest = guest_new(UUID_A, "alpha");
    status->guest->live = guest_def_new();

    Json *document = report_verify_look(snapshot, NULL, &look);
    assert_length(document, "guests/0/settings", 1);
    assert_text(document, "guests/0/settings/0/wanted", "4");
    assert_text(document, "guests/0/settings/0/observed", "5");
    assert_false(json_object_get_boolean(at(document, "guests/0/settings/0/in_force")));
    json_object_put(document);
}

static void test_policy_marks_defaults(void **state)
{
    (void)state;
    g_autoptr(Policy) policy = policy_new();
    PolicySubject subject = {.name = "alpha", .uuid = UUID_A};
    g_autoptr(GuestPolicy) effective = policy_select(policy, &subject);
    Json *document = report_policy("alpha", effective);
    Json *keys = at(document, "keys");

    assert_text(document, "rule", NULL);
    assert_int_equal(json_object_array_length(keys), N_POLICY_KEYS - KEY_PRIORITY);
    assert_text(keys, "0/key", "priority");
    assert_text(keys, "0/value", "100");
    assert_text(keys, "0/origin", "default");
    assert_true(json_object_get_boolean(at(keys, "0/default")));
    json_object_put(document);
}

static void test_diags_exit(void **state)
{
    (void)state;
    g_autoptr(DiagList) diags = diag_list_new();

    diag_add(diags, DIAG_WARNING, NULL, NULL, "odd");
    Json *document = report_diags(diags);
    assert_int_equal(report_get_exit(document), REPORT_OK);
    json_object_put(document);
    diag_add(diags, DIAG_ERROR, NULL, "key", "wrong");
    document = report_diags(diags);
    assert_int_equal(report_get_exit(document), REPORT_BAD_INPUT);
    assert_length(document, "diagnostics", 2);
    json_object_put(document);
}

static void test_topology_and_knobs(void **state)
{
    (void)state;
    g_autoptr(Topo) topo = small_topo();
    Json *document = report_topology(topo, NULL), *knobs = report_knobs();

    assert_text(document, "source", "test");
    assert_text(document, "online", "0-3,8");
    assert_true(json_object_get_boolean(json_object_object_get(document, "vhost_net")));
    assert_true(json_object_get_boolean(json_object_object_get(document, "io_uring")));
    assert_number(document, "nodes/1/node", 2);
    assert_number(document, "nodes/0/distances/2", 20);
    assert_length(document, "cores", 2);
    assert_length(knobs, "knobs", N_KNOBS);
    assert_text(knobs, "knobs/0/name", "vcpu.pin");
    json_object_put(document);
    json_object_put(knobs);
}

/* The host's findings only where nobody is named; info is no fault; one file for what is shown. */
static void test_doctor(void **state)
{
    g_autoptr(GPtrArray) list = finding_list_new();
    g_autoptr(Guest) guest = guest_new("u1", "a b");
    static const char *const all[] = {NULL}, *const one[] = {"u1", NULL},
                             *const none[] = {"u2", NULL};
    const int64_t time = 1763716080 * (int64_t)G_USEC_PER_SEC;
    (void)state;

    finding_add(list, FINDING_HALT_POLLING, NULL)->reason = g_strdup("0");
    struct json_object *info = report_doctor(list, all, 1, time);
    assert_int_equal(report_get_exit(info), REPORT_OK);
    assert_null(json_object_object_get(info, "drop_in"));
    json_object_put(info);
    finding_remedy(finding_add(list, FINDING_NUMA_BALANCING, NULL), KEY_HOST_NUMA_BALANCING, "off");
    finding_remedy(finding_add(list, FINDING_SWAPPED, guest), KEY_MEMORY_LOCKED, "on");
    struct json_object *of_all = report_doctor(list, all, 1, time);
    struct json_object *of_one = report_doctor(list, one, 1, time);
    struct json_object *of_none = report_doctor(list, none, 1, time);
    struct json_object *drop_in = json_object_object_get(of_one, "drop_in");
    assert_int_equal(report_get_exit(of_all), REPORT_MISMATCH);
    assert_int_equal(json_object_array_length(json_object_object_get(of_all, "findings")), 3);
    assert_int_equal(json_object_array_length(json_object_object_get(of_one, "findings")), 1);
    assert_int_equal(report_get_exit(of_none), REPORT_OK);
    assert_string_equal(json_object_get_string(json_object_object_get(drop_in, "file")),
                        "/etc/vmtuned/policy.d/60-doctor-20251121-090800.yaml");
    assert_string_equal(
        json_object_get_string(json_object_object_get(drop_in, "text")),
        "version: 1\nguests:\n  - match: {uuid: \"u1\"}\n    memory: {locked: on}\n");
    json_object_put(of_all);
    json_object_put(of_one);
    json_object_put(of_none);
}

static void add_host(Snapshot *snapshot)
{
    Host *host = host_new();

    host->n_nodes = 1;
    host->nodes = g_new0(HostNode, 1);
    host->nodes[0] = (HostNode){.node = 2, .memory_kib = 4096, .free_kib = 2048};
    host->n_pools = 1;
    host->pools = g_new0(HostPool, 1);
    host->pools[0] = (HostPool){.node = 2, .size_kib = 2048, .total = 9, .free = 4};
    snapshot->host.host = host;
}

/* What is free is known of nodes that were looked at; nobody judges the guests' states. */
static void test_map(void **state)
{
    (void)state;
    g_autoptr(Snapshot) snapshot = snapshot_in_state(GUEST_REFUSED);
    static const char *const nobody[] = {"nobody", NULL};

    snapshot->topo = small_topo();
    snapshot->topo->nodes[1].pools = g_new0(TopoPagePool, 1);
    snapshot->topo->nodes[1].pools[0] = (TopoPagePool){.size_kib = 2048, .total = 7};
    snapshot->topo->nodes[1].n_pools = 1;
    set_to(&snapshot->plan->shared, "0-2");
    add_host(snapshot);
    Json *document = report_map(snapshot, NULL), *unknown = report_map(snapshot, nobody);
    assert_int_equal(report_get_exit(document), REPORT_OK);
    assert_text(document, "shared", "0-2");
    assert_text(document, "nodes/0/free_mib", NULL);
    assert_number(document, "nodes/1/free_mib", 2);
    assert_number(document, "nodes/1/pools/0/total", 9);
    assert_number(document, "nodes/1/pools/0/free", 4);
    assert_length(document, "llcs", 1);
    assert_length(document, "cores", 2);
    assert_text(document, "guests/0/name", "alpha");
    assert_text(document, "guests/0/threads", NULL); /* nobody looked at it */
    assert_int_equal(report_get_exit(unknown), REPORT_BAD_INPUT);
    json_object_put(document);
    json_object_put(unknown);
}

static void test_planned_map(void **state)
{
    (void)state;
    g_autoptr(Topo) topo = small_topo();
    g_autoptr(Plan) plan = plan_of(placed_plan(), refused_plan());

    plan->guests[0]->memory[0].node = 2;
    Json *document = report_planned_map(plan, topo, NULL);
    assert_int_equal(report_get_exit(document), REPORT_MISMATCH);
    assert_text(document, "housekeeping", "0,8");
    assert_text(document, "guests/0/state", "placed");
    assert_length(document, "guests/0/threads", 5); /* the third vCPU is offline */
    assert_text(document, "guests/0/threads/1/cpus", "5");
    assert_text(document, "guests/0/threads/2/class", "emulator");
    assert_text(document, "guests/0/threads/3/class", "iothread");
    assert_number(document, "guests/0/memory_mib/2", 512);
    assert_text(document, "guests/1/state", "refused");
    assert_text(document, "guests/1/threads", NULL);
    json_object_put(document);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plan_is_stable),
        cmocka_unit_test(test_plan_of_refused_is_empty),
        cmocka_unit_test(test_exit_by_state),
        cmocka_unit_test(test_gravest_guest_decides),
        cmocka_unit_test(test_away_is_not_well),
        cmocka_unit_test(test_live_plan_does_not_judge_differences),
        cmocka_unit_test(test_status_entry),
        cmocka_unit_test(test_contested),
        cmocka_unit_test(test_status_now),
        cmocka_unit_test(test_status_now_of_strays),
        cmocka_unit_test(test_explain),
        cmocka_unit_test(test_verify_with_a_look),
        cmocka_unit_test(test_policy_marks_defaults),
        cmocka_unit_test(test_diags_exit),
        cmocka_unit_test(test_jobs),
        cmocka_unit_test(test_pending),
        cmocka_unit_test(test_topology_and_knobs),
        cmocka_unit_test(test_doctor),
        cmocka_unit_test(test_map),
        cmocka_unit_test(test_planned_map),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
