/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The document of jobs. */
#include "report/report-parts.h"

static struct json_object *guests_array(char *const *guests)
{
    struct json_object *array = json_object_new_array();

    for (; *guests; guests += 2) {
        struct json_object *guest = json_object_new_object();
        json_object_object_add(guest, "uuid", parts_text(guests[0]));
        json_object_object_add(guest, "name", parts_text(guests[1]));
        json_object_array_add(array, guest);
    }
    return array;
}

static struct json_object *job_object(const JobStatus *job)
{
    const JobProgress *progress = &job->progress;
    struct json_object *object = json_object_new_object();

    json_object_object_add(object, "id", json_object_new_int64((int64_t)job->id));
    json_object_object_add(object, "kind", parts_text(job_kind_name(job->kind)));
    json_object_object_add(object, "of", guests_array(job->guests));
    json_object_object_add(object, "started", parts_time(job->started_usec));
    json_object_object_add(object, "phase", parts_text(progress->phase));
    json_object_object_add(object, "done", json_object_new_int64((int64_t)progress->done));
    json_object_object_add(object, "total",
                           progress->total > 0 ? json_object_new_int64((int64_t)progress->total)
                                               : NULL);
    json_object_object_add(object, "unit", parts_text(job_kind_unit(job->kind)));
    json_object_object_add(object, "can_cancel", json_object_new_boolean(progress->can_cancel));
    return object;
}

struct json_object *report_jobs(const Snapshot *snapshot)
{
    struct json_object *document = report_document(), *jobs = json_object_new_array();

    for (guint i = 0; i < snapshot->jobs->len; i++)
        json_object_array_add(jobs, job_object(g_ptr_array_index(snapshot->jobs, i)));
    json_object_object_add(document, "jobs", jobs);
    return document;
}
