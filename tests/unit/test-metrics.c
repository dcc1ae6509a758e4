/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The text of metrics, and what of a snapshot is in it. */
#include "report/report.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define UUID "6a0f7d5c-1b1e-4f0e-9d0c-2b8f6f1c000a"
#define GUEST "{guest=\"db1\",uuid=\"" UUID "\""

/* --- the text --- */

static const MetricFamily counter = {.name = "a_bytes",
                                     .type = METRIC_COUNTER,
                                     .unit = "bytes",
                                     .help = "What.",
                                     .labels = {"x", "y"}};
static const MetricFamily info = {
    .name = "b", .type = METRIC_INFO, .help = "Which.", .labels = {"z"}};
static const MetricFamily histogram = {
    .name = "c_seconds", .type = METRIC_HISTOGRAM, .help = "How long.", .labels = {"le"}};

static char *text_of(MetricFormat format)
{
    g_autoptr(MetricText) text = metric_text_new(format);

    metric_text_begin(text, &counter);
    metric_text_add(text, (const char *const[]){"a\"\\\nb\033", "\303\244\xff"}, 1);
    metric_text_add(text, (const char *const[]){"", "\342\200\256"}, 123456789012345);
    metric_text_begin(text, &info);
    metric_text_add(text, (const char *const[]){"1.0"}, 1);
    metric_text_begin(text, &histogram);
    metric_text_add_part(text, "bucket", (const char *const[]){"+Inf"}, 2);
    metric_text_add_part(text, "count", NULL, 2);
    metric_text_add_part(text, "sum", NULL, 0.25);
    return metric_text_end(text);
}

#define SAMPLES_COUNTER                                                                            \
    "a_bytes_total{x=\"a\\\"\\\\\\nb?\",y=\"\303\244\357\277\275\"} 1\n"                           \
    "a_bytes_total{x=\"\",y=\"?\"} 123456789012345\n"
#define SAMPLES_HISTOGRAM "c_seconds_bucket{le=\"+Inf\"} 2\nc_seconds_count 2\nc_seconds_sum 0.25\n"

static void test_both_forms(void **state)
{
    (void)state;
    g_autofree char *modern = text_of(METRIC_FORMAT_OPENMETRICS);
    g_autofree char *classic = text_of(METRIC_FORMAT_TEXT);

    assert_string_equal(modern,
                        "# HELP a_bytes What.\n# TYPE a_bytes counter\n"
                        "# UNIT a_bytes bytes\n" SAMPLES_COUNTER
                        "# HELP b Which.\n# TYPE b info\nb_info{z=\"1.0\"} 1\n"
                        "# HELP c_seconds How long.\n# TYPE c_seconds histogram\n" SAMPLES_HISTOGRAM
                        "# EOF\n");
    assert_string_equal(
        classic, "# HELP a_bytes_total What.\n# TYPE a_bytes_total counter\n" SAMPLES_COUNTER
                 "# HELP b_info Which.\n# TYPE b_info gauge\nb_info{z=\"1.0\"} 1\n"
                 "# HELP c_seconds How long.\n# TYPE c_seconds histogram\n" SAMPLES_HISTOGRAM);
}

static void test_formats_have_names(void **state)
{
    (void)state;
    for (int i = 0; i < N_METRIC_FORMATS; i++)
        assert_int_equal(metric_format_by_name(metric_format_name(i)), i);
    assert_int_equal(metric_format_by_name("xml"), -1);
}

/* --- of a snapshot --- */

static void assert_sample(const Snapshot *snapshot, const char *line)
{
    g_autofree char *text = report_metrics(snapshot, METRIC_FORMAT_OPENMETRICS);
    g_autofree char *whole = g_strconcat("\n", line, "\n", NULL);

    if (!strstr(text, whole))
        fail_msg("no line '%s' in\n%s", line, text);
}

static void assert_no_sample(const Snapshot *snapshot, const char *part)
{
    g_autofree char *text = report_metrics(snapshot, METRIC_FORMAT_OPENMETRICS);

    assert_null(strstr(text, part));
}

static GuestStatus *add_guest(Snapshot *snapshot, GuestState guest_state)
{
    GuestStatus *status = guest_status_new(UUID, "db1");

    status->state = guest_state;
    g_ptr_array_add(snapshot->guests, status);
    return status;
}

static void test_nothing_is_known_yet(void **state)
{
    (void)state;
    g_autoptr(Snapshot) snapshot = snapshot_new();

    assert_sample(snapshot, "vmtuned_libvirt_connected 0");
    assert_sample(snapshot, "vmtuned_record_usable 1");
    assert_sample(snapshot, "vmtuned_guests{state=\"stuck\"} 0");
    assert_sample(snapshot, "vmtuned_drift_total{knob=\"vcpu.pin\"} 0");
    assert_no_sample(snapshot, "vmtuned_guest_state{");
    assert_no_sample(snapshot, "vmtuned_host_state{");
    assert_no_sample(snapshot, "nan");
}

static void test_the_daemon(void **state)
{
    (void)state;
    g_autoptr(Snapshot) snapshot = snapshot_new();

    snapshot->connected = snapshot->policy_rejected = true;
    snapshot->record_problem = g_strdup("full");
    snapshot->started_usec = 1500 * (int64_t)G_USEC_PER_SEC / 1000;
    snapshot->counters.cycles[CYCLE_BY_EVENT] = 3;
    snapshot->counters.knobs[KNOB_HOST_PAGES].refused = 4;
    snapshot->counters.jobs_abandoned = 5;
    assert_sample(snapshot, "vmtuned_libvirt_connected 1");
    assert_sample(snapshot, "vmtuned_policy_rejected 1");
    assert_sample(snapshot, "vmtuned_record_usable 0");
    assert_sample(snapshot, "vmtuned_start_time_seconds 1.5");
    assert_sample(snapshot, "vmtuned_cycles_total{trigger=\"event\"} 3");
    assert_sample(snapshot, "vmtuned_refusals_total{knob=\"host.pages\"} 4");
    assert_sample(snapshot, "vmtuned_jobs_abandoned_total 5");
    assert_no_sample(snapshot, "vmtuned_contested_settings{knob=\"host.pages\"}");
}

/* Buckets hold all that is not longer; the bound itself is in. */
static void test_durations(void **state)
{
    (void)state;
    g_autoptr(Snapshot) snapshot = snapshot_new();
    Durations *cycle = &snapshot->counters.cycle;

    durations_add(cycle, -5);
    durations_add(cycle, 1000);
    durations_add(cycle, 1001);
    durations_add(cycle, 60 * G_USEC_PER_SEC);
    assert_sample(snapshot, "vmtuned_cycle_duration_seconds_bucket{le=\"0.001\"} 2");
    assert_sample(snapshot, "vmtuned_cycle_duration_seconds_bucket{le=\"0.003\"} 3");
    assert_sample(snapshot, "vmtuned_cycle_duration_seconds_bucket{le=\"1.0\"} 3");
    assert_sample(snapshot, "vmtuned_cycle_duration_seconds_bucket{le=\"30.0\"} 3");
    assert_sample(snapshot, "vmtuned_cycle_duration_seconds_bucket{le=\"+Inf\"} 4");
    assert_sample(snapshot, "vmtuned_cycle_duration_seconds_count 4");
    assert_sample(snapshot, "vmtuned_cycle_duration_seconds_sum 60.002001");
    assert_sample(snapshot, "vmtuned_plan_duration_seconds_count 0");
}

static void test_guests(void **state)
{
    (void)state;
    g_autoptr(Snapshot) snapshot = snapshot_new();
    GuestStatus *status = add_guest(snapshot, GUEST_CONTESTED);
    const SettingKey key = {.knob = KNOB_VCPU_PIN};
    const uint64_t kib[] = {1024, 0, 3};
    GuestKernel *kernel = guest_kernel_new();

    status->drift_count = 7;
    status->since_usec = 2 * (int64_t)G_USEC_PER_SEC;
    status->contest = contest_new();
    contest_give_up(status->contest, &key);
    status->usage[THREAD_VCPU] = (UsageTotal){true, 1500000000, 1};
    assert_no_sample(snapshot, "vmtuned_guest_cpu_seconds_total{");

    guest_kernel_set_memory(kernel, kib, G_N_ELEMENTS(kib));
    Guest *guest = guest_new(UUID, "db1");
    guest->live = guest_def_new();
    hwloc_bitmap_set_range(guest->live->vcpus, 0, 3);
    guest->kernel = kernel;
    status->guest = guest;
    assert_sample(snapshot, "vmtuned_guests{state=\"contested\"} 1");
    assert_sample(snapshot, "vmtuned_guest_state" GUEST ",state=\"contested\"} 1");
    assert_sample(snapshot, "vmtuned_guest_state_timestamp_seconds" GUEST "} 2");
    assert_sample(snapshot, "vmtuned_guest_drift_total" GUEST "} 7");
    assert_sample(snapshot, "vmtuned_guest_contested_settings" GUEST "} 1");
    assert_sample(snapshot, "vmtuned_contested_settings{knob=\"vcpu.pin\"} 1");
    assert_sample(snapshot, "vmtuned_guest_vcpus" GUEST "} 4");
    assert_sample(snapshot, "vmtuned_guest_cpu_seconds_total" GUEST ",class=\"vcpu\"} 1.5");
    assert_sample(snapshot, "vmtuned_guest_run_delay_seconds_total" GUEST ",class=\"vcpu\"} 1e-09");
    assert_no_sample(snapshot, "class=\"vhost\"");
    assert_sample(snapshot, "vmtuned_guest_memory_bytes" GUEST ",node=\"0\"} 1048576");
    assert_sample(snapshot, "vmtuned_guest_memory_bytes" GUEST ",node=\"2\"} 3072");
    assert_no_sample(snapshot, "node=\"1\"");
    assert_no_sample(snapshot, "vmtuned_guest_memory_locality_ratio{");
}

static void test_the_host(void **state)
{
    (void)state;
    g_autoptr(Snapshot) snapshot = snapshot_new();
    MemoryShortage *shortage = g_new0(MemoryShortage, 1);
    Host *host = host_new();

    host->pools = g_new0(HostPool, 1);
    host->n_pools = 1;
    host->pools[0] = (HostPool){.node = 1, .size_kib = 2048, .total = 9, .free = 4};
    snapshot->host.host = host;
    snapshot->host.plan = host_plan_new();
    *shortage = (MemoryShortage){.uuid = g_strdup(UUID),
                                 .name = g_strdup("db1"),
                                 .node = -1,
                                 .size_kib = 1048576,
                                 .pages = 2};
    g_ptr_array_add(snapshot->host.plan->shortages, shortage);
    assert_sample(snapshot, "vmtuned_host_state{state=\"untouched\"} 1");
    assert_sample(snapshot, "vmtuned_page_pool_pages{node=\"1\",size=\"2MiB\"} 9");
    assert_sample(snapshot, "vmtuned_page_pool_free_pages{node=\"1\",size=\"2MiB\"} 4");
    assert_sample(snapshot, "vmtuned_guest_shortage_pages" GUEST ",node=\"any\",size=\"1GiB\"} 2");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_both_forms),
        cmocka_unit_test(test_formats_have_names),
        cmocka_unit_test(test_nothing_is_known_yet),
        cmocka_unit_test(test_the_daemon),
        cmocka_unit_test(test_durations),
        cmocka_unit_test(test_guests),
        cmocka_unit_test(test_the_host),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
