/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a libvirt live call sets besides the definition. */
#include "model/setting.h"

bool change_carries(const SettingKey *carrier, const SettingKey *key)
{
    bool libvirt_live =
        carrier->plane == PLANE_LIVE || (carrier->plane == PLANE_ACTUAL && carrier->tid == 0);

    return libvirt_live && carrier->knob == key->knob && key->plane == PLANE_ACTUAL &&
           (carrier->instance == key->instance || knob_info(key->knob)->instance == INSTANCE_GUEST);
}
