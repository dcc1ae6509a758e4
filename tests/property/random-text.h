/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Random words and texts. */
#pragma once

#include "property/random-world.h"

/* A text that matches a pattern of XML Schema, as far as libvirt's schemas use them: literals,
 * classes, groups, "|", "?", "*", "+", "{n,m}". */
char *random_matching(Random *random, const char *pattern);
/* One of a list that ends with NULL. */
const char *random_word(Random *random, const char *const *words);
/* Something XML has to escape, or a script other than Latin; never empty, no space at its ends. */
const char *random_odd_text(Random *random);
