/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the wants of disks have in common. */
#pragma once

#include "plan/knobs.h"

typedef struct DiskWant {
    const KnobWants *wants;
    const GuestDisk *disk;
} DiskWant;

/* What the policy says of one key. */
typedef struct DiskPolicy {
    const PolicyValue *value; /* NULL: nothing */
    bool own;                 /* of this disk, in disk.targets */
} DiskPolicy;

typedef enum DiskOutcome { DISK_WANT, DISK_LEAVE, DISK_REFUSE } DiskOutcome;

/* What a key comes to for one disk. */
typedef struct DiskValue {
    DiskOutcome outcome;
    char *value;  /* NULL: not set */
    char *reason; /* DISK_REFUSE: why; else NULL: the policy says so */
} DiskValue;

/* Keys of the guest leave CD-ROM and floppy drives alone. */
DiskPolicy disk_policy(const DiskWant *want, PolicyKey key);
void disk_refuse(DiskValue *ret, const char *reason);
bool disk_value_is_auto(const PolicyValue *value);

bool disk_is_removable(const GuestDisk *disk); /* a CD-ROM or floppy drive */
bool disk_is_outside(const GuestDisk *disk);   /* another process serves it (vhost-user) */
bool disk_is_virtio(const GuestDisk *disk);    /* not by way of a controller */
/* It is on a virtio-scsi controller, of index disk->controller. */
bool disk_is_virtio_scsi(const KnobWants *wants, const GuestDisk *disk);
/* The i-th disk is the first of those on its virtio-scsi controller that count: no drives. */
bool disk_is_first_of_controller(const KnobWants *wants, unsigned i);

/* disk.iotune */
void disk_decide_iotune(const DiskWant *want, const DiskPolicy *by, DiskValue *ret);
