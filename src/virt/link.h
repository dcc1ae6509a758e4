/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Private to virt/: the hub's state, its connections, and one libvirt call in flight.
 *
 * A VirtLink is one connection; calls hold a reference, so that it outlives its place in the hub. A
 * stuck call therefore keeps its old connection open and nothing else. All fields that change are
 * under the hub's lock. The hub itself lives as long as a thread, a call or a libvirt callback
 * holds it.
 */
#pragma once

#include "virt/hub.h"

#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>

/* libvirtd stops reading a connection at 5 calls (max_client_requests), keepalives with it. */
#define LINK_MAX_IN_FLIGHT 3

typedef enum LinkKind {
    LINK_EVENTS, /* and lists, which no guest holds up */
    LINK_READ,   /* calls that ask QEMU nothing */
    LINK_WRITE,
    LINK_MONITOR, /* reading that does ask QEMU */
} LinkKind;
#define N_LINKS (LINK_MONITOR + 1)

#define LINK_EVENTS_MAX 6

typedef struct VirtLink {
    VirtHub *hub;
    virConnectPtr conn;
    int callbacks[LINK_EVENTS_MAX];           /* domain event subscriptions; -1: none */
    int resets;                               /* that of QEMU's own events; -1: none */
    bool closed;                              /* broken: all links are to be opened anew */
    bool stuck;                               /* its calls hang: it alone is to be replaced */
    int64_t started_usec[LINK_MAX_IN_FLIGHT]; /* of the calls in flight, monotonic; 0: free */
} VirtLink;

struct VirtHub {
    char *uri;
    int wake_fd;
    int timer; /* of libvirt's event loop */
    GMutex lock;
    GCond changed;            /* links, connected, stopping, slots, n_threads */
    VirtLink *links[N_LINKS]; /* NULL: none */
    unsigned n_retired;       /* stuck links that were replaced, and whose calls are still out */
    GQueue calls;             /* of VirtCall: in flight about a guest; borrowed */
    bool connected;           /* all links are there */
    bool stopping;
    unsigned n_threads; /* connector and event thread, while they run */
    bool connector_ended;
    GQueue events;          /* of VirtEvent */
    GPtrArray *hypervisors; /* what is known of emulators; private to hypervisor.c */
};

VirtHub *hub_ref(VirtHub *hub);
void hub_unref(void *hub);
/* Queues an event; from any thread. uuid and name are copied, may be NULL. */
void hub_post(VirtHub *hub, VirtEventKind kind, const char *uuid, const char *name);

/* Opens a connection with keepalive and close callback. NULL: libvirt's last error tells. */
VirtLink *link_open(VirtHub *hub);
VirtLink *link_ref(VirtLink *link);
/* The last one closes, which waits for the daemon: not for threads that must not wait. */
void link_unref(VirtLink *link);

/* Subscribes to domain events; false if not even lifecycle events can be had. */
bool link_events_register(VirtLink *link);
void link_events_deregister(VirtLink *link);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(virDomain, virDomainFree)

/* One call, or a few in a row, on one connection. */
typedef struct VirtCall {
    const char *what; /* static; for people: "reading its definition". Set before it begins */
    const char *uuid; /* of the guest, borrowed; NULL: a call about the host */
    VirtLink *link;
    virConnectPtr conn;
    virDomainPtr domain; /* NULL: a call about the host */
    unsigned slot;
    bool needs_running; /* failures of a guest that is off mean VIRT_GONE */
    bool overtaken;     /* an event about the guest came since; with the hub's lock */
} VirtCall;

/* Takes a slot; looks the guest up unless uuid is NULL. VIRT_DONE; VIRT_AWAY; VIRT_GONE; VIRT_BUSY:
 * no slot came free in time. In any case the caller ends it; until then *ret and uuid stay where
 * they are. */
int call_begin(VirtHub *hub, LinkKind kind, const char *uuid, VirtCall *ret);
void call_end(VirtCall *call);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(VirtCall, call_end)

/* What libvirt's last error of this thread means: VIRT_AWAY to VIRT_REFUSED, never DONE.
 * *reterr_text (may be NULL) gets its words. */
int call_fail(VirtCall *call, char **reterr_text);

/* VIRT_DONE: neither a job nor a monitor call stands in the way; VIRT_BUSY, and no longer for a
 * while, or something has happened to the guest meanwhile; VIRT_HUNG; VIRT_GONE: it is off;
 * VIRT_AWAY. */
int call_check_ready(VirtCall *call);

/* The definition in force (flags 0) or for the next start (VIR_DOMAIN_XML_INACTIVE). VIRT_*, or
 * negative errno if the document cannot be read. */
int call_definition(VirtCall *call, unsigned flags, GuestDef **ret);

/* What the emulator of that definition can do; asked once per connection. NULL: not to be had now.
 */
Hypervisor *call_hypervisor(VirtCall *call, const GuestDef *def);
/* Forgets all; with the hub's lock held, or nobody else left. */
void hypervisors_forget(VirtHub *hub);

/* A call that changes a guest, or its persistent definition (config): begun, and the guest neither
 * in a job nor hung. VIRT_*; *reterr_text for people unless DONE. In any case the caller ends it.
 */
int call_begin_write(VirtHub *hub, const char *uuid, bool config, VirtCall *ret,
                     char **reterr_text);
