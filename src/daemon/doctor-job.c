/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "daemon/doctor-job.h"

#include "daemon/usage-job.h"
#include "host/vitals.h"
#include "plan/doctor.h"
#include "report/report.h"

/* Long enough for a thread that wakes some times a second to show, and short for who waits. */
#define SAMPLE_USEC G_USEC_PER_SEC

typedef struct DoctorJob {
    ReadJob base;
    Snapshot *snapshot;
    GPtrArray *guests; /* of Guest */
    Vitals *vitals;    /* NULL: not measured yet */
    GPtrArray *list;   /* of Finding; NULL: not judged yet, or no cycle has ended yet */
} DoctorJob;

static ReadJob *doctor_job_make(Manager *manager)
{
    DoctorJob *job = g_new0(DoctorJob, 1);

    job->snapshot = manager_snapshot(manager);
    job->guests = usage_guests(manager);
    return &job->base;
}

static void doctor_read(ReadJob *base)
{
    DoctorJob *job = (DoctorJob *)base;

    if (!job->snapshot->plan || !job->snapshot->topo)
        return;
    VitalsStart *start = vitals_begin("", job->guests);
    g_usleep(SAMPLE_USEC);
    job->vitals = vitals_end("", job->guests, start);
    job->list = doctor_make(job->snapshot, job->vitals);
}

static char *doctor_answer(const ReadJob *base, const ReadCall *call, const char **reterr)
{
    const DoctorJob *job = (const DoctorJob *)base;

    if (!job->list) {
        *reterr = "no cycle has ended yet";
        return NULL;
    }
    return report_text(report_doctor(job->list, (const char *const *)call->uuids,
                                     job->vitals->sample_usec, g_get_real_time()));
}

static void doctor_job_free(ReadJob *base)
{
    DoctorJob *job = (DoctorJob *)base;

    snapshot_free(job->snapshot);
    g_ptr_array_unref(job->guests);
    g_clear_pointer(&job->vitals, vitals_free);
    g_clear_pointer(&job->list, g_ptr_array_unref);
    g_free(job);
}

const ReadKind read_doctor = {
    .make = doctor_job_make,
    .read = doctor_read,
    .answer = doctor_answer,
    .free = doctor_job_free,
};
