/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Random NICs of a guest, and what a policy wants of them. */
#pragma once

#include "property/random-world.h"

/* Up to three NICs of any type, two of which may share a MAC address, with what a definition may
 * say of them. */
void random_nics(Random *random, GuestDef *def);
/* ", network: {…}", or nothing. */
void random_network(Random *random, GString *yaml);
