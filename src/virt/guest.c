/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Guests as libvirt has them. */
#include "virt/link.h"

#include "base/log.h"
#include "guest/domain-xml.h"

#include <errno.h>
#include <string.h>

/* Worth waiting for, a quarter of a second in all: short calls of others, and the end of a start
 * whose event is already out, which is a matter of milliseconds. */
#define READY_TRIES 9
#define READY_PAUSE_USEC(i) (1000 << (i))
/* A monitor command takes milliseconds; one that has taken this long belongs to a QEMU that hangs.
 */
#define HUNG_MSEC 5000
/* From here on virDomainGetXMLDesc is a job, and waits for one that hangs. */
#define DEFINITION_JOB_VERSION 11000000

static void domains_free(virDomainPtr *domains)
{
    for (virDomainPtr *domain = domains; domain && *domain; domain++)
        virDomainFree(*domain);
    free(domains);
}

static void guest_unref_void(gpointer guest)
{
    guest_unref(guest);
}

static Guest *guest_find(const GPtrArray *guests, const char *uuid)
{
    for (guint i = 0; i < guests->len; i++) {
        Guest *guest = g_ptr_array_index(guests, i);
        if (strcmp(guest->uuid, uuid) == 0)
            return guest;
    }
    return NULL;
}

/* Of guests that are off: whoever changes it sends no event. What is not told stays false. */
static void mark_autostart(const VirtCall *call, const GPtrArray *guests)
{
    virDomainPtr *domains = NULL;
    int n = virConnectListAllDomains(call->conn, &domains,
                                     VIR_CONNECT_LIST_DOMAINS_AUTOSTART |
                                         VIR_CONNECT_LIST_DOMAINS_INACTIVE);

    for (int i = 0; i < n; i++) {
        char uuid[VIR_UUID_STRING_BUFLEN];
        if (virDomainGetUUIDString(domains[i], uuid) < 0)
            continue;
        Guest *guest = guest_find(guests, uuid);
        if (guest)
            guest->autostart = true;
    }
    domains_free(domains);
}

int virt_guests_list(VirtHub *hub, bool autostart, GPtrArray **ret)
{
    g_auto(VirtCall) call = {0};
    virDomainPtr *domains = NULL;

    int r = call_begin(hub, LINK_EVENTS, NULL, &call);
    if (r != VIRT_DONE)
        return VIRT_AWAY;
    int n = virConnectListAllDomains(call.conn, &domains, 0);
    if (n < 0) {
        g_autofree char *text = NULL;
        if (call_fail(&call, &text) == VIRT_AWAY)
            return VIRT_AWAY;
        log_warning("libvirt does not list its guests: %s", text);
        return -EIO;
    }

    g_autoptr(GPtrArray) guests = g_ptr_array_new_with_free_func(guest_unref_void);
    for (int i = 0; i < n; i++) {
        char uuid[VIR_UUID_STRING_BUFLEN];
        if (virDomainGetUUIDString(domains[i], uuid) < 0)
            continue;
        Guest *guest = guest_new(uuid, virDomainGetName(domains[i]));
        guest->active = virDomainGetID(domains[i]) != (unsigned)-1;
        g_ptr_array_add(guests, guest);
    }
    domains_free(domains);
    if (autostart)
        mark_autostart(&call, guests);
    *ret = g_steal_pointer(&guests);
    return VIRT_DONE;
}

/* Asks once. */
static int ready_ask(VirtCall *call)
{
    virDomainControlInfo control;
    virDomainJobInfo job;

    if (virDomainGetControlInfo(call->domain, &control, 0) < 0) {
        int r = call_fail(call, NULL);
        return r == VIRT_REFUSED ? VIRT_BUSY : r;
    }
    if (control.state == VIR_DOMAIN_CONTROL_ERROR ||
        (control.state == VIR_DOMAIN_CONTROL_OCCUPIED && control.stateTime >= HUNG_MSEC))
        return VIRT_HUNG;
    if (control.state != VIR_DOMAIN_CONTROL_OK)
        return VIRT_BUSY;
    /* The control state shows calls at work; a migration or backup between two of its own shows in
     * the job only. An incoming one refuses even to tell. */
    if (virDomainGetJobInfo(call->domain, &job) == 0)
        return job.type == VIR_DOMAIN_JOB_NONE ? VIRT_DONE : VIRT_BUSY;
    if (virGetLastErrorCode() == VIR_ERR_NO_SUPPORT)
        return VIRT_DONE;
    int r = call_fail(call, NULL);
    return r == VIRT_REFUSED ? VIRT_BUSY : r;
}

/* False: an event about the guest came. It is looked at anew then, and this look, as one that ran
 * into a start, shall not hold that up. */
static bool ready_pause(VirtCall *call, unsigned i)
{
    VirtHub *hub = call->link->hub;
    int64_t end_usec = g_get_monotonic_time() + READY_PAUSE_USEC(i);

    g_mutex_lock(&hub->lock);
    while (!call->overtaken && g_cond_wait_until(&hub->changed, &hub->lock, end_usec))
        continue;
    bool overtaken = call->overtaken;
    g_mutex_unlock(&hub->lock);
    return !overtaken;
}

int call_check_ready(VirtCall *call)
{
    bool needs_running = call->needs_running;
    int r = VIRT_BUSY;

    call->needs_running = true;
    for (unsigned i = 0; i < READY_TRIES && r == VIRT_BUSY; i++) {
        if (i > 0 && !ready_pause(call, i - 1))
            break;
        r = ready_ask(call);
    }
    call->needs_running = needs_running;
    return r;
}

int virt_guest_ready(VirtHub *hub, const char *uuid)
{
    g_auto(VirtCall) call = {.what = "asking whether it can be changed"};

    int r = call_begin(hub, LINK_READ, uuid, &call);
    return r == VIRT_DONE ? call_check_ready(&call) : r;
}

static int definition_parse(const char *xml, const char *name, GuestDef **ret)
{
    g_autoptr(DiagList) diags = diag_list_new();

    int r = guest_def_parse(xml, strlen(xml), name, ret, diags);
    for (unsigned i = 0; r < 0 && diag_list_get(diags, i); i++)
        log_warning("definition of guest %s: %s", name, diag_list_get(diags, i)->text);
    return r;
}

int call_definition(VirtCall *call, unsigned flags, GuestDef **ret)
{
    g_autofree char *xml = virDomainGetXMLDesc(call->domain, flags);

    if (!xml)
        return call_fail(call, NULL);
    return definition_parse(xml, virDomainGetName(call->domain), ret);
}

/* 0 or 1, or -1 with *ret_result. */
static int ask(VirtCall *call, int answer, int *ret_result)
{
    if (answer < 0)
        *ret_result = call_fail(call, NULL);
    return answer;
}

/* As of a moment ago, when the call began: a guest that runs was found with its id. */
static bool is_active(const VirtCall *call)
{
    return virDomainGetID(call->domain) != (unsigned)-1;
}

/* Of a guest that is off. */
static OffReason off_reason(VirtCall *call)
{
    int state = 0, reason = 0;

    if (virDomainGetState(call->domain, &state, &reason, 0) < 0 || state != VIR_DOMAIN_SHUTOFF)
        return OFF_UNKNOWN;
    switch (reason) {
    case VIR_DOMAIN_SHUTOFF_SHUTDOWN:
        return OFF_SHUT_DOWN;
    case VIR_DOMAIN_SHUTOFF_DESTROYED:
        return OFF_DESTROYED;
    case VIR_DOMAIN_SHUTOFF_CRASHED:
        return OFF_CRASHED;
    case VIR_DOMAIN_SHUTOFF_FAILED:
        return OFF_FAILED;
    case VIR_DOMAIN_SHUTOFF_UNKNOWN:
    case VIR_DOMAIN_SHUTOFF_DAEMON:
        return OFF_UNKNOWN;
    default:
        return OFF_ELSEWHERE;
    }
}

static int config_read(VirtCall *call, Guest *guest)
{
    if (!guest->persistent)
        return VIRT_DONE;
    guest->managed_save = !guest->active && virDomainHasManagedSaveImage(call->domain, 0) == 1;
    return call_definition(call, VIR_DOMAIN_XML_INACTIVE, &guest->config);
}

/* That of a guest that hangs is not asked for then; an older libvirt tells it all the same. */
static bool definition_takes_a_job(const VirtCall *call)
{
    unsigned long version = 0;

    return virConnectGetLibVersion(call->conn, &version) < 0 || version >= DEFINITION_JOB_VERSION;
}

/* Its control state is asked first, which nothing holds up. */
static int running_read(VirtCall *call, Guest *guest)
{
    int r = call_check_ready(call);
    if (r != VIRT_DONE && r != VIRT_BUSY && r != VIRT_HUNG)
        return r;
    guest->in_job = r == VIRT_BUSY;
    guest->hung = r == VIRT_HUNG ? "its monitor does not answer" : NULL;
    if (guest->hung && definition_takes_a_job(call))
        return VIRT_HUNG;
    r = call_definition(call, 0, &guest->live);
    return r == VIRT_DONE ? config_read(call, guest) : r;
}

/* What no start changes. */
static int standing_read(VirtCall *call, Guest *guest)
{
    int r = VIRT_DONE, autostart = 0;

    int persistent = ask(call, virDomainIsPersistent(call->domain), &r);
    if (persistent < 0)
        return r;
    guest->persistent = persistent == 1;
    if (guest->persistent && virDomainGetAutostart(call->domain, &autostart) == 0)
        guest->autostart = autostart == 1;
    int n_snapshots = virDomainSnapshotNum(call->domain, 0);
    guest->n_snapshots = n_snapshots > 0 ? (unsigned)n_snapshots : 0;
    return VIRT_DONE;
}

static int guest_read(VirtCall *call, const Guest *off, Guest *guest)
{
    int r = VIRT_DONE;

    guest->active = is_active(call);
    if (off && guest->active)
        guest_take_standing(guest, off);
    else
        r = standing_read(call, guest);
    if (r != VIRT_DONE)
        return r;
    if (!guest->active)
        guest->off = off_reason(call);
    r = guest->active ? running_read(call, guest) : config_read(call, guest);
    if (r != VIRT_DONE)
        return r;
    const GuestDef *next = guest->config ? guest->config : guest->live;
    if (next)
        guest->hypervisor = call_hypervisor(call, next);
    return VIRT_DONE;
}

static int definition_in_force(VirtCall *call, GuestDef **ret)
{
    if (!is_active(call))
        return VIRT_GONE;
    if (definition_takes_a_job(call) && call_check_ready(call) == VIRT_HUNG)
        return VIRT_HUNG;
    return call_definition(call, 0, ret);
}

int virt_definition_acquire(VirtHub *hub, const char *uuid, bool config, GuestDef **ret)
{
    g_auto(VirtCall) call = {.what = "reading its definition", .needs_running = !config};

    int r = call_begin(hub, LINK_READ, uuid, &call);
    if (r != VIRT_DONE)
        return r == VIRT_REFUSED ? -EINVAL : r;
    r = config ? call_definition(&call, VIR_DOMAIN_XML_INACTIVE, ret)
               : definition_in_force(&call, ret);
    return r == VIRT_REFUSED ? -EIO : r;
}

int virt_guest_acquire(VirtHub *hub, const char *uuid, const Guest *off, Guest **ret)
{
    VirtCall call = {.what = "looking at it"};
    g_autoptr(Guest) guest = NULL;

    int r = call_begin(hub, LINK_READ, uuid, &call);
    if (r == VIRT_REFUSED)
        r = -EINVAL;
    if (r == VIRT_DONE) {
        guest = guest_new(uuid, virDomainGetName(call.domain));
        r = guest_read(&call, off, guest);
        if (r == VIRT_REFUSED)
            r = -EIO;
    }
    call_end(&call);
    if (r != VIRT_DONE)
        return r;
    *ret = g_steal_pointer(&guest);
    return VIRT_DONE;
}
