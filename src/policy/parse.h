/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One source → policy. What policy_parse() does, with the source kept by the caller. */
#pragma once

#include "policy/source.h"

/* Merges the file over what policy holds. 0, or -EINVAL with errors in diags: then policy is only
 * good for policy_check(), which needs to know which keys were there; a faulty one is a
 * VALUE_STRING. *ret_whole: the file was read to its end. */
int source_parse(Source *source, Policy *policy, bool *ret_whole, DiagList *diags);
