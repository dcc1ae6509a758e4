/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The report of a host as one HTML page. */
#pragma once

#include "ctl/doc.h"

/* Of the report document (JSON.md). Owned by the caller. */
char *report_page_make(Doc *document);
