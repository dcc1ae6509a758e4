/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What was changed: read from the record by a worker. */
#pragma once

#include "daemon/read-job.h"

/* Answers with the document "log". Guests may be gone: then they are called as they were then. */
extern const ReadKind read_history;
