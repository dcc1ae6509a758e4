/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The seam between deciding and doing: all reading and writing of guests goes through one Backend.
 * Implementations: the real one (libvirt + kernel, joined in daemon/), and the tests' fake. All
 * calls run in a worker and may block.
 *
 * A worker that is not waited for any longer (given_up) makes no call after the one it hangs in:
 * others work on that guest meanwhile. Therefore the members are called through the functions
 * below.
 */
#pragma once

#include "model/guest.h"
#include "model/host.h"

#include <stdatomic.h>

typedef enum BackendResult {
    BACKEND_DONE = 0,
    BACKEND_RETRY = 1,    /* busy (job, timeout, connection lost): try again later */
    BACKEND_GONE = 2,     /* guest or thread no longer exists */
    BACKEND_REFUSED = 3,  /* the hypervisor or kernel will not do this: do not try again */
    BACKEND_HUNG = 4,     /* its monitor does not answer */
    BACKEND_GIVEN_UP = 5, /* nothing was called */
} BackendResult;

/* What became of one change of several. */
typedef struct EditResult {
    BackendResult result; /* RETRY: its device is not there now; REFUSED: it cannot be edited */
    char *in_force;       /* with DONE; NULL: not set. Owned by the caller */
} EditResult;

/* What a worker shares with those who wait for it. */
typedef struct BackendWatch {
    const int *given_up; /* atomic, not 0: nobody waits for this worker any longer; NULL: never */
    atomic_uint_fast64_t *n_pages; /* huge pages made or given back so far; NULL: nobody asks */
} BackendWatch;

typedef struct Backend {
    void *ctx;
    BackendWatch watch;

    /* A whole look at one guest: both definitions, threads, cgroups. off: the look before, at which
     * it was off; if it runs now, what no start changes is taken over from that, so that it is
     * placed the sooner. NULL: all is asked. DONE with *ret, RETRY, GONE, HUNG: and its definition
     * is not known; or negative errno. */
    int (*guest_acquire)(void *ctx, const char *uuid, const Guest *off, Guest **ret);

    /* A look at the threads of a running guest alone, for which libvirt is not asked: the rest of
     * *ret is as known has it, and it hangs, with that reason (static, for people). DONE with *ret;
     * HUNG: known is of another process; GONE, RETRY, or negative errno. */
    int (*guest_threads_acquire)(void *ctx, const Guest *known, const char *hung, Guest **ret);

    /* May this guest be written to now? DONE, also when it was off at the look: only its definition
     * is written then; RETRY: it is in a job or its monitor is busy; HUNG: but its threads can be
     * set; GONE. */
    int (*guest_ready)(void *ctx, const Guest *guest);

    /* A look at the host's own settings. DONE with *ret, or negative errno. */
    int (*host_acquire)(void *ctx, Host **ret);

    /* Makes one change and reads back what is in force. *ret_in_force (may be NULL: not set) is
     * owned by the caller and set on DONE; *reterr_text is set otherwise, for people.
     * A DONE whose value in force is not change->to is the caller's to judge. */
    int (*setting_apply)(void *ctx, const Guest *guest, const Change *change, char **ret_in_force,
                         char **reterr_text);
    /* The same of a knob of the host. What takes many writes looks at given_up before each. */
    int (*host_apply)(void *ctx, const Change *change, const BackendWatch *watch,
                      char **ret_in_force, char **reterr_text);

    /* Makes all changes, for which change_is_edit(), by one edit of the persistent definition, and
     * reads back. DONE: ret[i] tells about each; anything else: nothing was changed, *reterr_text
     * is for people, ret is untouched. ret has n zeroed entries. */
    int (*definition_edit)(void *ctx, const Guest *guest, const Change *const *changes, unsigned n,
                           EditResult *ret, char **reterr_text);

    /* Ends and starts; *reterr_text for people unless DONE. */
    /* Asks the guest to shut down and does not wait. GONE: it is off. */
    int (*guest_shutdown)(void *ctx, const char *uuid, char **reterr_text);
    /* Starts it from its definition. */
    int (*guest_start)(void *ctx, const char *uuid, char **reterr_text);
    /* What a reboot of the running guest does: libvirt's word, as GuestDef.on_reboot. */
    int (*reboot_action_apply)(void *ctx, const char *uuid, const char *action, char **reterr_text);
} Backend;

/* True: whoever runs with this backend ends, and leaves guest and record to others. */
bool backend_is_given_up(const Backend *backend);
/* The members, or BACKEND_GIVEN_UP; what a look brings back too late is freed. */
int backend_guest_acquire(const Backend *backend, const char *uuid, const Guest *off, Guest **ret);
int backend_guest_threads_acquire(const Backend *backend, const Guest *known, const char *hung,
                                  Guest **ret);
/* HUNG at once for a guest that hung when it was looked at. */
int backend_guest_ready(const Backend *backend, const Guest *guest);
int backend_host_acquire(const Backend *backend, Host **ret);
int backend_setting_apply(const Backend *backend, const Guest *guest, const Change *change,
                          char **ret_in_force, char **reterr_text);
int backend_host_apply(const Backend *backend, const Change *change, char **ret_in_force,
                       char **reterr_text);
int backend_definition_edit(const Backend *backend, const Guest *guest,
                            const Change *const *changes, unsigned n, EditResult *ret,
                            char **reterr_text);
int backend_guest_shutdown(const Backend *backend, const char *uuid, char **reterr_text);
int backend_guest_start(const Backend *backend, const char *uuid, char **reterr_text);
int backend_reboot_action_apply(const Backend *backend, const char *uuid, const char *action,
                                char **reterr_text);
