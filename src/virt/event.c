/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * libvirt events → VirtEvents. The callbacks run in libvirt's event thread and only queue.
 *
 * An incoming migration is a guest to act on when it runs here (RESUMED, MIGRATED), not when its
 * process starts; the end of one's own pins comes back as TUNABLE like anybody else's.
 */
#include "virt/link.h"

#include <libvirt/libvirt-qemu.h>
#include <string.h>

#define ANY_DETAIL (-1)

typedef struct LifecycleRow {
    int event, detail;
    int kind; /* VirtEventKind, or -1: nothing to do */
} LifecycleRow;

/* First match counts; an event that is not here (suspended, shutting down) changes nothing. */
static const LifecycleRow lifecycle_rows[] = {
    {VIR_DOMAIN_EVENT_DEFINED, ANY_DETAIL, VIRT_EVENT_DEFINED},
    {VIR_DOMAIN_EVENT_UNDEFINED, ANY_DETAIL, VIRT_EVENT_DEFINED},
    {VIR_DOMAIN_EVENT_STARTED, VIR_DOMAIN_EVENT_STARTED_MIGRATED, -1},
    {VIR_DOMAIN_EVENT_STARTED, ANY_DETAIL, VIRT_EVENT_STARTED},
    {VIR_DOMAIN_EVENT_RESUMED, VIR_DOMAIN_EVENT_RESUMED_MIGRATED, VIRT_EVENT_STARTED},
    {VIR_DOMAIN_EVENT_RESUMED, ANY_DETAIL, VIRT_EVENT_CHANGED},
    {VIR_DOMAIN_EVENT_STOPPED, ANY_DETAIL, VIRT_EVENT_STOPPED},
    {VIR_DOMAIN_EVENT_CRASHED, ANY_DETAIL, VIRT_EVENT_CHANGED},
};

static void post(VirtHub *hub, VirtEventKind kind, virDomainPtr domain)
{
    char uuid[VIR_UUID_STRING_BUFLEN];

    if (virDomainGetUUIDString(domain, uuid) == 0)
        hub_post(hub, kind, uuid, virDomainGetName(domain));
}

static int on_lifecycle(virConnectPtr conn G_GNUC_UNUSED, virDomainPtr domain, int event,
                        int detail, void *opaque)
{
    for (size_t i = 0; i < G_N_ELEMENTS(lifecycle_rows); i++) {
        const LifecycleRow *row = &lifecycle_rows[i];
        if (row->event != event || (row->detail != ANY_DETAIL && row->detail != detail))
            continue;
        if (row->kind >= 0)
            post(opaque, (VirtEventKind)row->kind, domain);
        return 0;
    }
    return 0;
}

static void on_tunable(virConnectPtr conn G_GNUC_UNUSED, virDomainPtr domain,
                       virTypedParameterPtr params G_GNUC_UNUSED, int n_params G_GNUC_UNUSED,
                       void *opaque)
{
    post(opaque, VIRT_EVENT_CHANGED, domain);
}

static void on_device(virConnectPtr conn G_GNUC_UNUSED, virDomainPtr domain,
                      const char *alias G_GNUC_UNUSED, void *opaque)
{
    post(opaque, VIRT_EVENT_CHANGED, domain);
}

static void on_metadata(virConnectPtr conn G_GNUC_UNUSED, virDomainPtr domain,
                        int type G_GNUC_UNUSED, const char *uri G_GNUC_UNUSED, void *opaque)
{
    post(opaque, VIRT_EVENT_CHANGED, domain);
}

static void on_job_completed(virConnectPtr conn G_GNUC_UNUSED, virDomainPtr domain,
                             virTypedParameterPtr params G_GNUC_UNUSED, int n_params G_GNUC_UNUSED,
                             void *opaque)
{
    post(opaque, VIRT_EVENT_JOB_DONE, domain);
}

/* libvirt calls an end by on_reboot a shutdown like any other; only QEMU's own event has the
 * reason: "guest-reset", "host-qmp-system-reset" … */
static void on_reset(virConnectPtr conn G_GNUC_UNUSED, virDomainPtr domain,
                     const char *event G_GNUC_UNUSED, long long seconds G_GNUC_UNUSED,
                     unsigned micros G_GNUC_UNUSED, const char *details, void *opaque)
{
    if (details && strstr(details, "-reset\""))
        post(opaque, VIRT_EVENT_RESET, domain);
}

/* QEMU's driver alone has these. */
static void resets_register(VirtLink *link)
{
    link->resets = virConnectDomainQemuMonitorEventRegister(
        link->conn, NULL, "^(SHUTDOWN|RESET)$", on_reset, hub_ref(link->hub), hub_unref,
        VIR_CONNECT_DOMAIN_QEMU_MONITOR_EVENT_REGISTER_REGEX);
    if (link->resets < 0)
        hub_unref(link->hub);
}

typedef struct EventRow {
    int id; /* virDomainEventID */
    virConnectDomainEventGenericCallback callback;
} EventRow;

static const EventRow event_rows[] = {
    {VIR_DOMAIN_EVENT_ID_LIFECYCLE, VIR_DOMAIN_EVENT_CALLBACK(on_lifecycle)},
    {VIR_DOMAIN_EVENT_ID_TUNABLE, VIR_DOMAIN_EVENT_CALLBACK(on_tunable)},
    {VIR_DOMAIN_EVENT_ID_DEVICE_ADDED, VIR_DOMAIN_EVENT_CALLBACK(on_device)},
    {VIR_DOMAIN_EVENT_ID_DEVICE_REMOVED, VIR_DOMAIN_EVENT_CALLBACK(on_device)},
    {VIR_DOMAIN_EVENT_ID_METADATA_CHANGE, VIR_DOMAIN_EVENT_CALLBACK(on_metadata)},
    {VIR_DOMAIN_EVENT_ID_JOB_COMPLETED, VIR_DOMAIN_EVENT_CALLBACK(on_job_completed)},
};

G_STATIC_ASSERT(G_N_ELEMENTS(event_rows) == LINK_EVENTS_MAX);

bool link_events_register(VirtLink *link)
{
    resets_register(link);
    for (size_t i = 0; i < G_N_ELEMENTS(event_rows); i++) {
        link->callbacks[i] =
            virConnectDomainEventRegisterAny(link->conn, NULL, event_rows[i].id,
                                             event_rows[i].callback, hub_ref(link->hub), hub_unref);
        if (link->callbacks[i] >= 0)
            continue;
        hub_unref(link->hub);
        if (event_rows[i].id == VIR_DOMAIN_EVENT_ID_LIFECYCLE)
            return false;
    }
    return true;
}

void link_events_deregister(VirtLink *link)
{
    for (size_t i = 0; i < LINK_EVENTS_MAX; i++)
        if (link->callbacks[i] >= 0)
            virConnectDomainEventDeregisterAny(link->conn, link->callbacks[i]);
    if (link->resets >= 0)
        virConnectDomainQemuMonitorEventDeregister(link->conn, link->resets);
}
