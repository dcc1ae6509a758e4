/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "daemon/restore-all.h"

#include "base/text.h"
#include "daemon/backend-real.h"
#include "daemon/host-job.h"
#include "daemon/restart-job.h"
#include "host/guest-kernel.h"
#include "topo/topo-load.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <sysexits.h>

/* As --once: libvirtd gets this long to answer. */
#define CONNECT_TIMEOUT_USEC (30 * G_TIME_SPAN_SECOND)

typedef struct RestoreAll {
    VirtHub *hub;
    Backend backend;
    Record *record;
    Topo *topo;
    char *boot_id;
    bool force;
} RestoreAll;

static int wait_connected(VirtHub *hub)
{
    int64_t end = g_get_monotonic_time() + CONNECT_TIMEOUT_USEC;

    while (!virt_hub_is_connected(hub)) {
        struct pollfd fd = {.fd = virt_hub_get_fd(hub), .events = POLLIN};
        if (g_get_monotonic_time() > end)
            return -ETIMEDOUT;
        poll(&fd, 1, 1000);
        for (VirtEvent *event; (event = virt_hub_next_event(hub));)
            virt_event_free(event);
    }
    return 0;
}

/* True if no diagnostic tells of something that was not put back. */
static bool tell_diags(const char *name, const DiagList *diags)
{
    for (unsigned i = 0; diag_list_get(diags, i); i++) {
        g_autofree char *text = text_show(diag_list_get(diags, i)->text);
        fprintf(stderr, "%s: %s\n", name, text);
    }
    return diag_list_count(diags, DIAG_WARNING) == 0;
}

/* True if all of the guest's originals are back. A guest that is gone needs nothing. */
static bool restore_guest(const RestoreAll *all, const char *uuid)
{
    g_autoptr(GuestJob) job = guest_job_new(GUEST_RESTORE, uuid, uuid);

    job->backend = &all->backend;
    job->record = all->record;
    job->boot_id = all->boot_id;
    job->topo = topo_ref(all->topo);
    job->force = all->force;
    guest_job_run(job);

    g_autofree char *name = text_show(job->guest ? job->guest->name : uuid);
    bool whole = tell_diags(name, job->diags);
    if (job->result == BACKEND_GONE) {
        printf("%s: no longer there\n", name);
        return true;
    }
    bool done = job->result == BACKEND_DONE && change_set_size(job->left) == 0;
    printf("%s: %s\n", name, done ? "restored" : "not restored");
    return done && whole;
}

static bool restore_host(const RestoreAll *all)
{
    g_autoptr(HostJob) job = host_job_new(HOST_RESTORE);

    job->backend = &all->backend;
    job->record = all->record;
    job->boot_id = all->boot_id;
    job->force = all->force;
    host_job_run(job);
    bool whole = tell_diags("host", job->diags);
    bool done = job->result == 0 && job->left && change_set_size(job->left) == 0;
    printf("host: %s\n", done ? "restored" : "not restored");
    return done && whole;
}

static int restore_guests(const RestoreAll *all)
{
    g_autoptr(GPtrArray) uuids = NULL;
    int code = 0;

    int r = record_guests(all->record, &uuids);
    if (r < 0) {
        fprintf(stderr, "vmtuned: cannot read the record: %s\n", g_strerror(-r));
        return EX_UNAVAILABLE;
    }
    for (guint i = 0; i < uuids->len; i++) {
        const char *uuid = g_ptr_array_index(uuids, i);
        bool done = g_str_equal(uuid, HOST_UUID) ? restore_host(all) : restore_guest(all, uuid);
        if (!done)
            code = 1;
    }
    return code;
}

/* Guests that a daemon was to start anew: a reboot does again what it did, and one that is off
 * because of that is started. Who was asked to shut down and still runs is left to the next daemon.
 */
static int recover_restarts(const RestoreAll *all)
{
    g_autoptr(GPtrArray) entries = NULL;
    int code = 0;

    if (record_restarts(all->record, &entries) < 0)
        return 1;
    for (guint i = 0; i < entries->len; i++) {
        const RestartEntry *entry = g_ptr_array_index(entries, i);
        g_autoptr(RestartJob) job = restart_job_new(RESTART_RECOVER, entry);
        job->backend = &all->backend;
        job->record = all->record;
        job->boot_id = all->boot_id;
        restart_job_run(job);
        bool failed = job->outcome == RESTART_AGAIN || job->outcome == RESTART_FAILED;
        if (failed)
            code = 1;
        g_autofree char *name = text_show(entry->name);
        g_autofree char *text = text_show(job->text ? job->text : "started anew");
        if (job->outcome == RESTART_STARTED || failed)
            printf("%s: %s\n", name, text);
    }
    return code;
}

static int restore_open(const ManagerOptions *options, RestoreAll *all)
{
    g_autofree char *why = NULL;

    int r = record_open(options->state_dir, &all->record, &why);
    if (r == 0)
        r = boot_id_acquire("", &all->boot_id);
    if (r == 0)
        r = topo_acquire("", &all->topo, &why);
    if (r == 0)
        r = virt_hub_new(options->uri, &all->hub);
    if (r == 0)
        r = wait_connected(all->hub);
    if (r != 0)
        fprintf(stderr, "vmtuned: cannot restore: %s\n", why ? why : g_strerror(r < 0 ? -r : EIO));
    return r;
}

int restore_all(const ManagerOptions *options, bool force)
{
    RestoreAll all = {.force = force};
    int code = EX_UNAVAILABLE;

    if (restore_open(options, &all) == 0) {
        backend_real_init(&all.backend, all.hub);
        code = MAX(restore_guests(&all), recover_restarts(&all));
    }
    g_clear_pointer(&all.hub, virt_hub_free);
    g_clear_pointer(&all.record, record_close);
    g_clear_pointer(&all.topo, topo_unref);
    g_free(all.boot_id);
    return code;
}
