/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "ctl/doc.h"

/* The document "top" of two documents "usage", the older first. before may be NULL: then what was
 * used is not known. Owned by the caller. */
Doc *top_document(Doc *before, Doc *now);
