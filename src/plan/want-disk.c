/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Keys of disk.* → Settings. */
#include "plan/knobs.h"

/* Words of the policy that are libvirt's. */
static const struct {
    PolicyKey key;
    Knob knob;
    const char *reason;
} words[] = {
    {KEY_DISK_CACHE, KNOB_DISK_CACHE, "disk.cache of the policy"},
    {KEY_DISK_DISCARD, KNOB_DISK_DISCARD, "disk.discard of the policy"},
    {KEY_DISK_DETECT_ZEROES, KNOB_DISK_DETECT_ZEROES, "disk.detect_zeroes of the policy"},
};

void knobs_want_disks(const KnobWants *wants)
{
    for (unsigned i = 0; i < wants->def->n_disks; i++) {
        const GuestDisk *disk = &wants->def->disks[i];
        for (unsigned j = 0; j < G_N_ELEMENTS(words); j++) {
            const KnobTarget target = {.knob = words[j].knob, .device = disk->target};
            const PolicyValue *value =
                knob_policy(wants, words[j].key, KEY_DISK_TARGETS, disk->target, NULL);
            if (value)
                knob_want(wants, &target, value->text, words[j].reason, value);
        }
    }
}
