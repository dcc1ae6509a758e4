/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the threads of the guests use of the CPUs: read by a worker (host/usage.h). */
#pragma once

#include "daemon/read-job.h"

/* Every guest that was looked at, as it was then: array of Guest, owned by the caller. */
GPtrArray *usage_guests(const Manager *manager);
/* A sample of those; array of GuestUsage, owned by the caller. In a worker. */
GPtrArray *usage_sample(const GPtrArray *guests);

/* Answers with the document "usage". */
extern const ReadKind read_usage;
