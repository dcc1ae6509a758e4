/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The metrics: how things stand, and what the guests' threads used, which a worker reads. */
#pragma once

#include "daemon/read-job.h"
#include "report/metric-text.h"

/* Answers with all metrics, in that format. */
extern const ReadKind read_metrics[N_METRIC_FORMATS];
