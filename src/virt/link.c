/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "virt/link.h"

/* 5 × 5 s of silence and the daemon counts as dead; a hung guest does not show here. */
#define KEEPALIVE_INTERVAL_SEC 5
#define KEEPALIVE_COUNT 5
/* How long a call waits for a slot before its caller is told to come again. */
#define SLOT_WAIT_USEC (5 * G_USEC_PER_SEC)
/* All slots taken for so long: others shall not wait for those calls. A monitor command takes
 * milliseconds. */
static const int64_t stuck_usec[N_LINKS] = {
    [LINK_EVENTS] = 10 * G_USEC_PER_SEC,
    [LINK_READ] = 10 * G_USEC_PER_SEC,
    [LINK_WRITE] = 10 * G_USEC_PER_SEC,
    [LINK_MONITOR] = 3 * G_USEC_PER_SEC,
};
/* A stuck link leaves its calls behind in libvirtd, each in one of its 20 workers, and those of a
 * few links must be enough. */
#define LINKS_MAX_RETIRED 3

static void on_close(virConnectPtr conn, int reason G_GNUC_UNUSED, void *opaque)
{
    VirtHub *hub = opaque;

    g_mutex_lock(&hub->lock);
    for (unsigned i = 0; i < N_LINKS; i++)
        if (hub->links[i] && hub->links[i]->conn == conn)
            hub->links[i]->closed = true;
    g_cond_broadcast(&hub->changed);
    g_mutex_unlock(&hub->lock);
}

VirtLink *link_open(VirtHub *hub)
{
    virConnectPtr conn = virConnectOpen(hub->uri);

    if (!conn)
        return NULL;
    VirtLink *link = g_atomic_rc_box_new0(VirtLink);
    link->hub = hub_ref(hub);
    link->conn = conn;
    for (unsigned i = 0; i < LINK_EVENTS_MAX; i++)
        link->callbacks[i] = -1;
    link->resets = -1;
    /* The in-process drivers have neither, and say so or not. Therefore no reference for the
     * callback: the link's own lasts until it is unregistered. */
    virConnectSetKeepAlive(conn, KEEPALIVE_INTERVAL_SEC, KEEPALIVE_COUNT);
    virConnectRegisterCloseCallback(conn, on_close, hub, NULL);
    return link;
}

VirtLink *link_ref(VirtLink *link)
{
    return g_atomic_rc_box_acquire(link);
}

static void link_clear(gpointer data)
{
    VirtLink *link = data;

    link_events_deregister(link);
    virConnectUnregisterCloseCallback(link->conn, on_close);
    virConnectClose(link->conn);
    g_mutex_lock(&link->hub->lock);
    link->hub->n_retired -= link->stuck;
    g_mutex_unlock(&link->hub->lock);
    hub_unref(link->hub);
}

void link_unref(VirtLink *link)
{
    if (link)
        g_atomic_rc_box_release_full(link, link_clear);
}

static bool slot_take(VirtLink *link, unsigned *ret_slot)
{
    for (unsigned i = 0; i < LINK_MAX_IN_FLIGHT; i++) {
        if (link->started_usec[i] != 0)
            continue;
        link->started_usec[i] = g_get_monotonic_time();
        *ret_slot = i;
        return true;
    }
    return false;
}

/* All its slots are taken: from when on it is stuck, if none comes free. */
static int64_t stuck_from(const VirtLink *link, LinkKind kind)
{
    int64_t newest_usec = 0;

    for (unsigned i = 0; i < LINK_MAX_IN_FLIGHT; i++)
        newest_usec = MAX(newest_usec, link->started_usec[i]);
    return newest_usec + stuck_usec[kind];
}

/* Asks for another in its place. False: there were enough of them. */
static bool link_retire(VirtHub *hub, VirtLink *link)
{
    if (link->stuck)
        return true;
    if (hub->n_retired >= LINKS_MAX_RETIRED)
        return false;
    link->stuck = true;
    hub->n_retired++;
    g_cond_broadcast(&hub->changed);
    return true;
}

/* With the lock held. VIRT_DONE, VIRT_AWAY, VIRT_BUSY. */
static int link_enter(VirtHub *hub, LinkKind kind, VirtCall *ret)
{
    int64_t end_usec = g_get_monotonic_time() + SLOT_WAIT_USEC;

    while (hub->connected && !hub->stopping && hub->links[kind] && !hub->links[kind]->closed) {
        VirtLink *link = hub->links[kind];
        if (slot_take(link, &ret->slot)) {
            ret->link = link_ref(link);
            ret->conn = link->conn;
            return VIRT_DONE;
        }
        int64_t now_usec = g_get_monotonic_time(), from_usec = stuck_from(link, kind);
        if (now_usec >= end_usec || (now_usec >= from_usec && !link_retire(hub, link)))
            return VIRT_BUSY;
        g_cond_wait_until(&hub->changed, &hub->lock,
                          now_usec < from_usec ? MIN(from_usec, end_usec) : end_usec);
    }
    return VIRT_AWAY;
}

int call_begin(VirtHub *hub, LinkKind kind, const char *uuid, VirtCall *ret)
{
    g_mutex_lock(&hub->lock);
    int r = link_enter(hub, kind, ret);
    if (r == VIRT_DONE && uuid) {
        ret->uuid = uuid;
        g_queue_push_tail(&hub->calls, ret);
    }
    g_mutex_unlock(&hub->lock);
    if (r != VIRT_DONE || !uuid)
        return r;
    ret->domain = virDomainLookupByUUIDString(ret->conn, uuid);
    return ret->domain ? VIRT_DONE : call_fail(ret, NULL);
}

void call_end(VirtCall *call)
{
    if (call->domain)
        virDomainFree(call->domain);
    if (call->link) {
        VirtHub *hub = call->link->hub;
        g_mutex_lock(&hub->lock);
        g_queue_remove(&hub->calls, call);
        call->link->started_usec[call->slot] = 0;
        g_cond_broadcast(&hub->changed);
        g_mutex_unlock(&hub->lock);
        link_unref(call->link);
    }
    *call = (VirtCall){0};
}

const char *virt_hub_call_of(VirtHub *hub, const char *uuid)
{
    const char *what = NULL;

    g_mutex_lock(&hub->lock);
    for (GList *item = hub->calls.head; item && !what; item = item->next) {
        const VirtCall *call = item->data;
        if (g_str_equal(call->uuid, uuid))
            what = call->what;
    }
    g_mutex_unlock(&hub->lock);
    return what;
}

static bool is_connection_error(const virError *error)
{
    if (error->code == VIR_ERR_NO_CONNECT || error->code == VIR_ERR_INVALID_CONN)
        return true;
    return (error->domain == VIR_FROM_RPC || error->domain == VIR_FROM_REMOTE) &&
           (error->code == VIR_ERR_SYSTEM_ERROR || error->code == VIR_ERR_INTERNAL_ERROR);
}

/* Texts are translated, codes are not. An error that is not in the list comes from the kernel or
 * from QEMU and will come again. */
static VirtResult error_judge(const virError *error)
{
    if (!error || is_connection_error(error))
        return VIRT_AWAY;
    switch (error->code) {
    case VIR_ERR_NO_DOMAIN:
        return VIRT_GONE;
    case VIR_ERR_OPERATION_TIMEOUT:
    case VIR_ERR_RESOURCE_BUSY:
        return VIRT_BUSY;
    default:
        return VIRT_REFUSED;
    }
}

static void link_check(VirtLink *link)
{
    if (virConnectIsAlive(link->conn) == 1)
        return;
    g_mutex_lock(&link->hub->lock);
    link->closed = true;
    g_cond_broadcast(&link->hub->changed);
    g_mutex_unlock(&link->hub->lock);
}

int call_fail(VirtCall *call, char **reterr_text)
{
    const virError *error = virGetLastError();
    VirtResult result = error_judge(error);

    if (reterr_text)
        *reterr_text = g_strdup(error && error->message ? error->message : "unknown libvirt error");
    if (result == VIRT_AWAY)
        link_check(call->link);
    if (result == VIRT_REFUSED && call->domain && call->needs_running &&
        virDomainIsActive(call->domain) == 0)
        result = VIRT_GONE;
    return result;
}
