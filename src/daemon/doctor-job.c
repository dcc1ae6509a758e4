/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "daemon/doctor-job.h"

#include "host/vitals.h"
#include "plan/doctor.h"
#include "report/report.h"

/* Long enough for a thread that wakes some times a second to show, and short for who waits. */
#define SAMPLE_USEC G_USEC_PER_SEC

typedef struct DoctorJob {
    ReadJob base;
    Vitals *vitals;  /* NULL: not measured yet */
    GPtrArray *list; /* of Finding; NULL: not judged yet, or no cycle has ended yet */
} DoctorJob;

static void doctor_read(ReadJob *base)
{
    DoctorJob *job = (DoctorJob *)base;

    if (!base->snapshot->plan || !base->snapshot->topo)
        return;
    VitalsStart *start = vitals_begin("", base->guests);
    g_usleep(SAMPLE_USEC);
    job->vitals = vitals_end("", base->guests, start);
    job->list = doctor_make(base->snapshot, job->vitals);
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

static void doctor_clear(ReadJob *base)
{
    DoctorJob *job = (DoctorJob *)base;

    g_clear_pointer(&job->vitals, vitals_free);
    g_clear_pointer(&job->list, g_ptr_array_unref);
}

const ReadKind read_doctor = {
    .size = sizeof(DoctorJob),
    .read = doctor_read,
    .answer = doctor_answer,
    .clear = doctor_clear,
};
