/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the policy wants of devices, clock and CPU model: GuestPlan.knobs and .unsupported. Pure.
 *
 * Each definition is looked at by itself: the values for the next start come from the persistent
 * definition (its devices, its vCPUs), those for the running guest from the live one. A file for
 * each group of keys turns policy into calls of knob_want() and knob_unsupported().
 */
#pragma once

#include "model/plan.h"

typedef struct KnobWants {
    GuestPlan *plan; /* its placement is there; knobs and unsupported are added to */
    const Topo *topo;
    const Policy *host; /* of the host: its keys */
    const GuestPolicy *policy;
    const Guest *guest;
    const GuestDef *def; /* of plane */
    Plane plane;         /* PLANE_LIVE or PLANE_CONFIG */
} KnobWants;

/* Which Setting, without a plane. */
typedef struct KnobTarget {
    Knob knob;
    unsigned instance;
    const char *device; /* NULL: no name */
} KnobTarget;

/* Fills plan->knobs and plan->unsupported. */
void knobs_plan(GuestPlan *plan, const Topo *topo, const Policy *host, const GuestPolicy *policy,
                const Guest *guest);

/* The plan of a guest that is off: its definition alone, and of that only what knobs_plan() wants;
 * what goes by its placement stays as it is. Refcount 1. */
GuestPlan *knobs_plan_off(const Topo *topo, const Policy *host, const GuestPolicy *policy,
                          const Guest *guest, bool released);

/* Wants value in wants->plane, if that plane is for this knob and persist allows it: cold knobs
 * only for the next start; live ones on the running guest, and for the next start with persist:
 * all. by: the policy's value, for the origin. */
void knob_want(const KnobWants *wants, const KnobTarget *target, const char *value,
               const char *reason, const PolicyValue *by);
/* As knob_want(), for what cannot be had; reason says why not. */
void knob_unsupported(const KnobWants *wants, const KnobTarget *target, const char *value,
                      const char *reason, const PolicyValue *by);

/* Wants what the definition has, for a knob that goes by the placement, which is another's. */
void knob_keep(const KnobWants *wants, const KnobTarget *target, const PolicyValue *by);

bool knob_is_x86(const GuestDef *def);
/* "linux" or "windows", by the libosinfo id, which may be NULL; NULL: not known. */
const char *knob_system(const char *os);
/* The smallest huge page of this host, in KiB, that the memory of the guest and each of its cells
 * is a multiple of; 0: none. */
unsigned memory_small_huge_page(const Topo *topo, const GuestDef *def);
/* Why nothing can be told from where the vCPUs are; NULL: it can. */
const char *knob_placement_fault(const KnobWants *wants);
/* True if where the vCPUs are says nothing of the next start: it is off, or gets another number. */
bool knob_placement_is_other(const KnobWants *wants);

/* True if that definition has what the target is set on: the disk, the controller. */
bool knob_is_there(const KnobWants *wants, const KnobTarget *target);
/* The value now in that definition; NULL: not set. */
const char *knob_now(const KnobWants *wants, const KnobTarget *target);

/* The value of a key for one device: that of its entry in table (network.nics, disk.targets; under
 * name, else alias, which may be NULL), else the guest's. NULL:
 * absent. */
const PolicyValue *knob_policy(const KnobWants *wants, PolicyKey key, PolicyKey table,
                               const char *name, const char *alias);

/* The groups. */
void knobs_want_network(const KnobWants *wants);
void knobs_want_disks(const KnobWants *wants);
void knobs_want_iothreads(const KnobWants *wants);
void knobs_want_clock(const KnobWants *wants);
void knobs_want_cpu(const KnobWants *wants);
void knobs_want_cells(const KnobWants *wants);
void knobs_want_memory(const KnobWants *wants);
