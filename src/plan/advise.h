/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Looks for what could be better and is not vmtuned's to change. Pure. */
#pragma once

#include "model/finding.h"
#include "model/plan.h"

/* In less memory page walks hardly show. */
#define ADVISE_LARGE_GUEST_KIB (UINT64_C(4) * 1024 * 1024)

typedef struct AdviseGuest {
    const Guest *guest;
    const GuestPolicy *policy; /* NULL: nothing is said of it */
    const GuestPlan *plan;     /* NULL: not planned */
    const ChangeSet *refused;  /* what libvirt will not have; NULL: nothing */
} AdviseGuest;

/* All advice on the host and these guests, in their order, but for what advice.ignore names. What
 * the policy already wants is none. Array of Finding, owned by the caller. */
GPtrArray *advise_make(const Topo *topo, const Policy *policy, const AdviseGuest *guests,
                       unsigned n_guests);

/* Does advice.ignore of the policy name it? */
bool advise_is_ignored(const Policy *policy, FindingId id);
/* What a guest is called in a command or the policy: by its uuid where its name means something
 * else there. Borrowed. */
const char *advise_called(const char *name, const char *uuid);
/* Has it the CPU model of a guest that names none? libvirt writes QEMU's into its definition. */
bool advise_has_default_model(const GuestDef *def);
/* The policy's lines for large pages of a guest, and of the host if it says nothing of them.
 * finding may be NULL. */
void advise_huge_pages(const Policy *policy, Finding *finding);
