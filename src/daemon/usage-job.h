/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the threads of the guests use of the CPUs: read by a worker (host/usage.h). */
#pragma once

#include "daemon/read-job.h"

/* A sample of all of ReadJob.guests; array of GuestUsage, owned by the caller. In a worker. */
GPtrArray *usage_sample(const GPtrArray *guests);

/* Answers with the document "usage". */
extern const ReadKind read_usage;
