/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "model/job.h"

typedef struct JobKindInfo {
    const char *name, *unit;
} JobKindInfo;

static const JobKindInfo kinds[] = {
    [JOB_APPLY] = {"apply", "guests"},
    [JOB_RESTORE] = {"restore", "guests"},
    [JOB_RESUME] = {"resume", "guests"},
    [JOB_DEFRAG] = {"defrag", "guests"},
    [JOB_RESTART_INTO] = {"restart-into", "seconds"},
    [JOB_MOVE_MEMORY] = {"move-memory", "percent"},
    [JOB_PAGES] = {"pages", "pages"},
};

const char *job_kind_name(JobKind kind)
{
    return kinds[kind].name;
}

const char *job_kind_unit(JobKind kind)
{
    return kinds[kind].unit;
}

const char *job_result_name(JobResult result)
{
    switch (result) {
    case JOB_DONE:
        return "done";
    case JOB_FAILED:
        return "failed";
    case JOB_CANCELED:
        return "canceled";
    }
    return "unknown";
}

JobStatus *job_status_copy(const JobStatus *status)
{
    JobStatus *copy = g_memdup2(status, sizeof *status);

    copy->guests = g_strdupv(status->guests);
    copy->client = g_strdup(status->client);
    return copy;
}

void job_status_free(JobStatus *status)
{
    if (!status)
        return;
    g_strfreev(status->guests);
    g_free(status->client);
    g_free(status);
}
