/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The scalars of the policy: text → value. */
#pragma once

#include "model/policy-key.h"

typedef struct ScalarFault {
    size_t offset;    /* bytes into the text; 0: the whole text is meant */
    const char *text; /* what was expected there; static */
} ScalarFault;

/* Whether values of this type are scalars. */
bool scalar_is(PolicyType type);

/* The value of text, a word of the field or of its type, with its bounds. NULL: it is neither;
 * *reterr says where, if the type can tell. */
PolicyValue *scalar_parse(const PolicyField *field, const char *text, const Origin *origin,
                          ScalarFault *reterr);
