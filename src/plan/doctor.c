/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "plan/doctor-parts.h"

#include "base/util.h"
#include "plan/advise.h"

#include <inttypes.h>
#include <stdarg.h>

#define KIB_PER_MIB UINT64_C(1024)
#define KIB_PER_GIB (KIB_PER_MIB * 1024)

/* --- findings --- */

Finding *doctor_find_of(const Doctor *doctor, FindingId id, const Guest *guest, char *reason)
{
    if (advise_is_ignored(doctor->snapshot->policy, id)) {
        g_free(reason);
        return NULL;
    }
    Finding *finding = finding_add(doctor->list, id, guest);
    finding->reason = reason;
    return finding;
}

Finding *doctor_find(const Doctor *doctor, FindingId id, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    char *reason = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    return doctor_find_of(doctor, id, doctor->of ? doctor->of->guest : NULL, reason);
}

void doctor_raise(Finding *finding, Severity severity)
{
    if (finding)
        finding->severity = MAX(finding->severity, severity);
}

void doctor_advise(Finding *finding, const char *format, ...)
{
    va_list arguments;

    if (!finding)
        return;
    va_start(arguments, format);
    g_free(finding->command);
    finding->command = g_strdup_vprintf(format, arguments);
    va_end(arguments);
}

static bool is_said(const PolicyValue *value, const char *wanted)
{
    if (!value)
        return false;
    if (value->kind == VALUE_BOOL)
        return value->u == g_str_equal(wanted, "on");
    g_autofree char *text = policy_value_format(value);
    return g_str_equal(text, wanted);
}

void doctor_mend(const Doctor *doctor, Finding *finding, PolicyKey key, const char *value)
{
    const GuestStatus *of = doctor->of;
    const PolicyValue *said = doctor->snapshot->policy->values[key];

    if (!said && of && of->policy)
        said = guest_policy_get(of->policy, key);
    if (!is_said(said, value))
        finding_remedy(finding, key, value);
    else if (of)
        doctor_advise(finding, "vmtuned-ctl explain %s  # the policy says so already",
                      doctor_called(doctor));
    else
        doctor_advise(finding, "vmtuned-ctl host  # the policy says so already");
}

/* --- words --- */

const char *doctor_called(const Doctor *doctor)
{
    return advise_called(doctor->of->name, doctor->of->uuid);
}

double doctor_per_second(const Doctor *doctor, uint64_t count)
{
    int64_t usec = doctor->vitals->sample_usec;

    return usec > 0 ? (double)count * G_USEC_PER_SEC / (double)usec : 0;
}

char *doctor_sample(const Doctor *doctor)
{
    return g_strdup_printf("%.1f s", (double)doctor->vitals->sample_usec / G_USEC_PER_SEC);
}

char *doctor_size(uint64_t kib)
{
    if (kib >= KIB_PER_GIB)
        return g_strdup_printf("%.1f GiB", (double)kib / (double)KIB_PER_GIB);
    if (kib >= KIB_PER_MIB)
        return g_strdup_printf("%" PRIu64 " MiB", kib / KIB_PER_MIB);
    return g_strdup_printf("%" PRIu64 " KiB", kib);
}

const char *doctor_host_knob(const Doctor *doctor, Knob knob)
{
    const SettingKey key = {.knob = knob, .plane = PLANE_ACTUAL};
    const Host *host = doctor->vitals->host;
    const Setting *setting = host ? setting_list_find(host->knobs, &key) : NULL;

    return setting ? setting->value : NULL;
}

/* --- all of it --- */

/* What the definitions alone show. */
static GPtrArray *make_advice(const Snapshot *snapshot)
{
    g_autofree AdviseGuest *guests = g_new0(AdviseGuest, snapshot->guests->len + 1);
    unsigned n = 0;

    for (guint i = 0; i < snapshot->guests->len; i++) {
        const GuestStatus *status = g_ptr_array_index(snapshot->guests, i);
        if (status->guest)
            guests[n++] = (AdviseGuest){.guest = status->guest,
                                        .policy = status->policy,
                                        .plan = status->plan,
                                        .refused = status->refused};
    }
    return advise_make(snapshot->topo, snapshot->policy, guests, n);
}

static int finding_compare(gconstpointer a, gconstpointer b)
{
    const Finding *one = *(const Finding *const *)a, *two = *(const Finding *const *)b;
    const int orders[] = {CMP(one->finding_class, two->finding_class),
                          CMP(two->severity, one->severity),
                          g_strcmp0(one->guest, two->guest),
                          g_strcmp0(one->uuid, two->uuid),
                          CMP(one->id, two->id),
                          g_strcmp0(one->device, two->device),
                          g_strcmp0(one->reason, two->reason)};

    for (gsize i = 0; i < G_N_ELEMENTS(orders); i++)
        if (orders[i] != 0)
            return orders[i];
    return 0;
}

static void run_checks(const Doctor *doctor, const DoctorCheck *checks)
{
    for (; *checks; checks++)
        (*checks)(doctor);
}

GPtrArray *doctor_make(const Snapshot *snapshot, const Vitals *vitals)
{
    Doctor doctor = {.snapshot = snapshot, .vitals = vitals, .list = make_advice(snapshot)};

    run_checks(&doctor, doctor_host_checks);
    for (guint i = 0; i < snapshot->guests->len; i++) {
        doctor.of = g_ptr_array_index(snapshot->guests, i);
        if (!doctor.of->guest || !doctor.of->guest->kernel || !doctor.of->guest->live ||
            !doctor.of->plan)
            continue;
        doctor.vital = vitals_guest(vitals, doctor.of->uuid);
        run_checks(&doctor, doctor_guest_checks);
    }
    g_ptr_array_sort(doctor.list, finding_compare);
    return doctor.list;
}
