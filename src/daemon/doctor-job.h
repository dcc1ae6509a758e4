/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What costs performance on this host: measured for a second and judged by a worker. */
#pragma once

#include "daemon/read-job.h"

/* Answers with the document "doctor". */
extern const ReadKind read_doctor;
