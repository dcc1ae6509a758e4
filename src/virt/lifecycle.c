/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Ends and starts of guests. Nothing here ends a guest by force. */
#include "virt/link.h"

static const char *const actions[] = {
    [VIR_DOMAIN_LIFECYCLE_ACTION_DESTROY] = "destroy",
    [VIR_DOMAIN_LIFECYCLE_ACTION_RESTART] = "restart",
    [VIR_DOMAIN_LIFECYCLE_ACTION_RESTART_RENAME] = "rename-restart",
    [VIR_DOMAIN_LIFECYCLE_ACTION_PRESERVE] = "preserve",
};

int virt_guest_shutdown(VirtHub *hub, const char *uuid, char **reterr_text)
{
    g_auto(VirtCall) call = {.what = "asking it to shut down"};

    *reterr_text = NULL;
    int r = call_begin_write(hub, uuid, false, &call, reterr_text);
    if (r == VIRT_DONE && virDomainShutdown(call.domain) < 0)
        r = call_fail(&call, reterr_text);
    return r;
}

int virt_guest_start(VirtHub *hub, const char *uuid, char **reterr_text)
{
    g_auto(VirtCall) call = {.what = "starting it"};

    *reterr_text = NULL;
    int r = call_begin_write(hub, uuid, true, &call, reterr_text);
    if (r == VIRT_DONE && virDomainCreate(call.domain) < 0)
        r = call_fail(&call, reterr_text);
    return r;
}

int virt_reboot_action_apply(VirtHub *hub, const char *uuid, const char *action, char **reterr_text)
{
    g_auto(VirtCall) call = {.what = "changing what its reboot does"};
    unsigned number = 0;

    *reterr_text = NULL;
    while (number < G_N_ELEMENTS(actions) && g_strcmp0(actions[number], action) != 0)
        number++;
    if (number == G_N_ELEMENTS(actions)) {
        *reterr_text = g_strdup_printf("unknown action '%s'", action);
        return VIRT_REFUSED;
    }
    int r = call_begin_write(hub, uuid, false, &call, reterr_text);
    if (r == VIRT_DONE && virDomainSetLifecycleAction(call.domain, VIR_DOMAIN_LIFECYCLE_REBOOT,
                                                      number, VIR_DOMAIN_AFFECT_LIVE) < 0)
        r = call_fail(&call, reterr_text);
    return r;
}

bool virt_hub_tells_resets(const VirtHub *hub)
{
    GMutex *lock = (GMutex *)&hub->lock;

    g_mutex_lock(lock);
    const VirtLink *link = hub->links[LINK_EVENTS];
    bool tells = hub->connected && link && link->resets >= 0;
    g_mutex_unlock(lock);
    return tells;
}
