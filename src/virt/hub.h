/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The libvirt edge. One VirtHub holds four connections to one URI: events, reading, changing, and
 * reading what QEMU has to be asked for; when one breaks all are reopened, with back-off and
 * jitter, by a connector thread. One whose calls hang is replaced alone, a few times. libvirt's
 * default event loop runs in a thread of its own, whose callbacks only queue a VirtEvent and wake
 * wake_fd.
 *
 * Reading and changing calls run in worker threads and may block; at most 3 are in flight per
 * connection. While libvirtd is away they return VIRT_AWAY at once.
 */
#pragma once

#include "guest/domain-xml.h"
#include "model/setting.h"

typedef enum VirtResult {
    VIRT_DONE = 0,
    VIRT_AWAY = 1,    /* no connection now */
    VIRT_GONE = 2,    /* no such guest, or it is off and had to run */
    VIRT_BUSY = 3,    /* in a job, or timed out waiting for one */
    VIRT_REFUSED = 4, /* libvirt will not do this */
    VIRT_HUNG = 5,    /* its monitor has not answered for seconds: no call may be made */
} VirtResult;

typedef enum VirtEventKind {
    VIRT_EVENT_CONNECTED, /* first or again: resync everything */
    VIRT_EVENT_DISCONNECTED,
    VIRT_EVENT_STARTED, /* guest started, resumed from migration, or restored */
    VIRT_EVENT_STOPPED,
    VIRT_EVENT_RESET,   /* its machine was reset, or is to end because of on_reboot */
    VIRT_EVENT_DEFINED, /* definition new, changed or gone */
    VIRT_EVENT_CHANGED, /* tunable, device added or removed, metadata */
    VIRT_EVENT_JOB_DONE,
} VirtEventKind;

typedef struct VirtEvent {
    VirtEventKind kind;
    char *uuid; /* NULL for connection events */
    char *name;
} VirtEvent;
void virt_event_free(VirtEvent *event);

typedef struct VirtHub VirtHub;

/* One at a time in a process, before any other libvirt call. Starts both threads and returns; the
 * first CONNECTED event tells when there is a connection. 0, negative errno. */
int virt_hub_new(const char *uri, VirtHub **ret);
/* Ends both threads and closes, within seconds. Calls stuck in libvirt are left behind. */
void virt_hub_free(VirtHub *hub);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(VirtHub, virt_hub_free)

/* Readable (eventfd) while events wait. */
int virt_hub_get_fd(const VirtHub *hub);
/* The next event, owned by the caller; NULL: none. Never blocks. Clears the fd when empty. */
VirtEvent *virt_hub_next_event(VirtHub *hub);
bool virt_hub_is_connected(const VirtHub *hub);
/* What libvirt is being asked about that guest, in words; static. NULL: nothing. */
const char *virt_hub_call_of(VirtHub *hub, const char *uuid);

/* uuid, name and active of every guest, running or defined: one bulk call; with autostart also that
 * of those that are off: one more. Guests hold no definitions, and persistent is not told. *ret:
 * array of Guest. VIRT_DONE, VIRT_AWAY, negative errno. */
int virt_guests_list(VirtHub *hub, bool autostart, GPtrArray **ret);

/* One guest with its definitions (live if it runs, config if persistent) and whether it is in a
 * job, what its emulator can do, its saved memory and its snapshots. kernel stays NULL. off: as in
 * apply/backend.h. VIRT_DONE, VIRT_AWAY, VIRT_GONE, VIRT_BUSY, VIRT_HUNG (since libvirt 11.0 the
 * definition of a guest that hangs may take as long as it hangs, and is not asked for), negative
 * errno. */
int virt_guest_acquire(VirtHub *hub, const char *uuid, const Guest *off, Guest **ret);

/* One definition alone, as above: that in force, or that for the next start (config). GONE: no such
 * guest, or it is off and that in force was asked for. */
int virt_definition_acquire(VirtHub *hub, const char *uuid, bool config, GuestDef **ret);

/* Adds to the live definition what of its IOThreads is not in XML: the knobs iothread.poll_*. If it
 * is not told, nothing is added; if QEMU does not answer within seconds the guest counts as hung.
 */
void virt_guest_read_polling(VirtHub *hub, Guest *guest);

/* virDomainGetControlInfo: VIRT_DONE, VIRT_BUSY, VIRT_GONE, VIRT_AWAY. */
int virt_guest_ready(VirtHub *hub, const char *uuid);

/* One Setting in the live or config plane (an actual cgroup value is set by the live call).
 * change->to NULL: pin to all of allowed (libvirt cannot unpin live), weight 100, quota -1. Not for
 * changes that are edits. VIRT_*; *reterr_text for people unless DONE. */
typedef struct VirtSetting {
    const Guest *guest;
    const Change *change;
    const CpuSet *allowed;
} VirtSetting;
int virt_setting_apply(VirtHub *hub, const VirtSetting *setting, char **reterr_text);

/* --- ends and starts; VIRT_*, *reterr_text for people unless DONE --- */

/* Asks the guest to shut down, through its agent or ACPI, and does not wait. GONE: it is off. */
int virt_guest_shutdown(VirtHub *hub, const char *uuid, char **reterr_text);
/* Starts it from its definition; takes as long as the start does. REFUSED if it runs. */
int virt_guest_start(VirtHub *hub, const char *uuid, char **reterr_text);
/* What a reboot of the running guest does, until its process ends: libvirt's word. */
int virt_reboot_action_apply(VirtHub *hub, const char *uuid, const char *action,
                             char **reterr_text);
/* True if VIRT_EVENT_RESET is told on this connection. */
bool virt_hub_tells_resets(const VirtHub *hub);

/* All edits by one define, unless the definition is that already; what cannot be edited is told in
 * its result. The definition is compared right before, so that nobody's change is lost. VIRT_DONE;
 * VIRT_BUSY: others keep changing it; VIRT_REFUSED: libvirt does not take it, or the guest is
 * transient; others as above. */
int virt_definition_edit(VirtHub *hub, const char *uuid, DomainEdit *edits, unsigned n,
                         char **reterr_text);
