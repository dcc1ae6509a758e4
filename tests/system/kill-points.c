/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Linked into vmtuned-killed: the daemon that kills itself at its n-th point. Points are before and
 * after every call of the Backend, every write to libvirt or a thread inside of it, every call that
 * changes the record and every beginning and commit of its transactions. The linker puts these
 * functions in place of the real ones (--wrap), so that vmtuned itself knows nothing of them.
 *
 * VMTUNED_KILL_AT=n: at the n-th point; 0 or not set: never, and their number is told at the end.
 * VMTUNED_KILL_ON="before guest_start": at the first one of that name.
 */
#include "daemon/backend-real.h"
#include "host/guest-kernel.h"
#include "record/record-db.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static atomic_ulong n_points;
static unsigned long kill_at;
static const char *kill_on;
static Backend real;

static void point(const char *when, const char *what)
{
    unsigned long now = atomic_fetch_add(&n_points, 1) + 1;

    g_autofree char *name = g_strconcat(when, " ", what, NULL);
    if (now != kill_at && g_strcmp0(name, kill_on) != 0)
        return;
    dprintf(STDERR_FILENO, "killed %s\n", name);
    kill(getpid(), SIGKILL);
    for (;;)
        pause();
}

static void tell(void)
{
    dprintf(STDERR_FILENO, "%lu points\n", atomic_load(&n_points));
}

__attribute__((constructor)) static void begin(void)
{
    const char *text = getenv("VMTUNED_KILL_AT");

    kill_at = text ? strtoul(text, NULL, 10) : 0;
    kill_on = getenv("VMTUNED_KILL_ON");
    atexit(tell);
}

/* A call with a point on either side. */
#define AT(what, type, call)                                                                       \
    do {                                                                                           \
        point("before", what);                                                                     \
        type at_result = (call);                                                                   \
        point("after", what);                                                                      \
        return at_result;                                                                          \
    } while (0)

/* --- the Backend --- */

static int at_guest_acquire(void *ctx, const char *uuid, const Guest *off, Guest **ret)
{
    AT("guest_acquire", int, real.guest_acquire(ctx, uuid, off, ret));
}

static int at_guest_ready(void *ctx, const Guest *guest)
{
    AT("guest_ready", int, real.guest_ready(ctx, guest));
}

static int at_host_acquire(void *ctx, Host **ret)
{
    AT("host_acquire", int, real.host_acquire(ctx, ret));
}

static int at_setting_apply(void *ctx, const Guest *guest, const Change *change, char **in_force,
                            char **text)
{
    AT("setting_apply", int, real.setting_apply(ctx, guest, change, in_force, text));
}

static int at_host_apply(void *ctx, const Change *change, const BackendWatch *watch,
                         char **in_force, char **text)
{
    AT("host_apply", int, real.host_apply(ctx, change, watch, in_force, text));
}

static int at_definition_edit(void *ctx, const Guest *guest, const Change *const *changes,
                              unsigned n, EditResult *ret, char **text)
{
    AT("definition_edit", int, real.definition_edit(ctx, guest, changes, n, ret, text));
}

static int at_guest_shutdown(void *ctx, const char *uuid, char **text)
{
    AT("guest_shutdown", int, real.guest_shutdown(ctx, uuid, text));
}

static int at_guest_start(void *ctx, const char *uuid, char **text)
{
    AT("guest_start", int, real.guest_start(ctx, uuid, text));
}

static int at_reboot_action_apply(void *ctx, const char *uuid, const char *action, char **text)
{
    AT("reboot_action_apply", int, real.reboot_action_apply(ctx, uuid, action, text));
}

void __real_backend_real_init(Backend *backend, VirtHub *hub);
void __wrap_backend_real_init(Backend *backend, VirtHub *hub);
void __wrap_backend_real_init(Backend *backend, VirtHub *hub)
{
    __real_backend_real_init(&real, hub);
    *backend = real;
    backend->guest_acquire = at_guest_acquire;
    backend->guest_ready = at_guest_ready;
    backend->host_acquire = at_host_acquire;
    backend->setting_apply = at_setting_apply;
    backend->host_apply = at_host_apply;
    backend->definition_edit = at_definition_edit;
    backend->guest_shutdown = at_guest_shutdown;
    backend->guest_start = at_guest_start;
    backend->reboot_action_apply = at_reboot_action_apply;
}

/* --- functions of one object called from another --- */

#define WRAP(type, name, parameters, arguments)                                                    \
    type __real_##name parameters;                                                                 \
    type __wrap_##name parameters;                                                                 \
    type __wrap_##name parameters                                                                  \
    {                                                                                              \
        AT(#name, type, __real_##name arguments);                                                  \
    }

WRAP(int, virt_setting_apply, (VirtHub * hub, const VirtSetting *setting, char **text),
     (hub, setting, text))
WRAP(int, virt_definition_edit,
     (VirtHub * hub, const char *uuid, DomainEdit *edits, unsigned n, char **text),
     (hub, uuid, edits, n, text))
WRAP(int, thread_affinity_apply, (pid_t tid, uint64_t start, const CpuSet *cpus, CpuSet **ret),
     (tid, start, cpus, ret))
WRAP(int, record_begin,
     (Record * record, const ProcessKey *process, const ChangeSet *changes, const char *why,
      int64_t *ret),
     (record, process, changes, why, ret))
WRAP(int, record_finish,
     (Record * record, const ProcessKey *process, int64_t batch, const ChangeSet *changes,
      const char *const *results),
     (record, process, batch, changes, results))
WRAP(int, record_forget, (Record * record, const ProcessKey *process, const SettingList *keys),
     (record, process, keys))
WRAP(int, record_set_flags, (Record * record, const ProcessKey *process, const ProcessFlags *flags),
     (record, process, flags))
WRAP(int, record_settle, (Record * record, const ProcessKey *process, const SettingList *values),
     (record, process, values))
WRAP(int, record_drop_dead, (Record * record, const ProcessKey *alive, unsigned n_alive),
     (record, alive, n_alive))
WRAP(int, record_restart_keep, (Record * record, const RestartEntry *entry), (record, entry))
WRAP(int, record_restart_forget, (Record * record, const char *uuid), (record, uuid))
WRAP(int, statement_run_plain, (Record * record, Statement statement), (record, statement))
