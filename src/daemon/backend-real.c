/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "daemon/backend-real.h"

#include "host/guest-kernel.h"
#include "host/host-knob.h"
#include "host/proc.h"
#include "plan/diff.h"

#include <errno.h>

static int from_virt(int r)
{
    if (r < 0)
        return r;
    switch ((VirtResult)r) {
    case VIRT_DONE:
        return BACKEND_DONE;
    case VIRT_AWAY:
    case VIRT_BUSY:
        return BACKEND_RETRY;
    case VIRT_GONE:
        return BACKEND_GONE;
    case VIRT_REFUSED:
        return BACKEND_REFUSED;
    case VIRT_HUNG:
        return BACKEND_HUNG;
    }
    return -EINVAL;
}

static int from_host(int r)
{
    if (r < 0)
        return r;
    switch ((HostResult)r) {
    case HOST_DONE:
        return BACKEND_DONE;
    case HOST_GONE:
        return BACKEND_GONE;
    case HOST_REFUSED:
        return BACKEND_REFUSED;
    case HOST_CHANGED:
        return BACKEND_RETRY;
    }
    return -EINVAL;
}

static int kernel_acquire(const Guest *guest, GuestKernel **ret)
{
    pid_t pid;
    uint64_t starttime;

    int r = guest_process_find("", guest->uuid, guest->name, &pid, &starttime);
    if (r != HOST_DONE)
        return from_host(r);
    return from_host(guest_kernel_acquire("", pid, starttime, guest->live, ret));
}

/* libvirt knows the guest a moment longer than the kernel has its process, and in a start a moment
 * earlier: both are "gone" until the next event. */
static int real_guest_acquire(void *ctx, const char *uuid, const Guest *off, Guest **ret)
{
    g_autoptr(Guest) guest = NULL;

    int r = from_virt(virt_guest_acquire(ctx, uuid, off, &guest));
    if (r != BACKEND_DONE)
        return r;
    if (guest->active) {
        r = kernel_acquire(guest, &guest->kernel);
        if (r != BACKEND_DONE)
            return r;
        if (guest->kernel->stopped)
            guest->hung = "its process is stopped";
        virt_guest_read_polling(ctx, guest);
    }
    if (guest->live)
        guest_def_share(guest->live);
    if (guest->config)
        guest_def_share(guest->config);
    *ret = g_steal_pointer(&guest);
    return BACKEND_DONE;
}

static int real_guest_threads_acquire(void *ctx, const Guest *known, const char *hung, Guest **ret)
{
    g_autoptr(Guest) guest = guest_new(known->uuid, known->name);

    (void)ctx;
    guest->active = known->active;
    guest_take_standing(guest, known);
    guest->live = guest_def_ref(known->live);
    guest->config = known->config ? guest_def_ref(known->config) : NULL;
    guest->hypervisor = known->hypervisor ? hypervisor_ref(known->hypervisor) : NULL;
    guest->hung = hung;
    int r = kernel_acquire(guest, &guest->kernel);
    if (r != BACKEND_DONE)
        return r;
    if (!guest_is_of_process(known, guest->kernel->pid, guest->kernel->starttime))
        return BACKEND_HUNG;
    *ret = g_steal_pointer(&guest);
    return BACKEND_DONE;
}

static int real_host_acquire(void *ctx, Host **ret)
{
    (void)ctx;
    return host_acquire("", ret);
}

static int real_guest_ready(void *ctx, const Guest *guest)
{
    if (!guest->active)
        return BACKEND_DONE;
    if (guest->kernel && proc_is_stopped("", guest->kernel->pid))
        return BACKEND_HUNG;
    return from_virt(virt_guest_ready(ctx, guest->uuid));
}

/* A thread that has ended has nothing left to set: the guest is not gone with it. */
static int thread_apply(const Change *change, char **ret_in_force, char **reterr_text)
{
    g_autoptr(CpuSet) cpus = NULL, in_force = NULL;

    int r = cpuset_parse(change->to ? change->to : "", &cpus);
    if (r < 0)
        return r;
    r = thread_affinity_apply(change->key.tid, change->key.tid_start, cpus, &in_force);
    if (r == HOST_GONE) {
        *ret_in_force = g_strdup(change->to);
        return BACKEND_DONE;
    }
    if (r == HOST_DONE)
        *ret_in_force = cpuset_format(in_force);
    else
        *reterr_text = g_strdup_printf("thread %d: %s", (int)change->key.tid,
                                       r == HOST_REFUSED ? "the kernel refuses this affinity"
                                                         : g_strerror(-r));
    return from_host(r);
}

static int plane_acquire(VirtHub *hub, const Guest *guest, Plane plane, Guest *ret)
{
    if (plane == PLANE_ACTUAL)
        return kernel_acquire(guest, &ret->kernel);
    if (plane == PLANE_CONFIG)
        return from_virt(virt_definition_acquire(hub, guest->uuid, true, &ret->config));
    int r = from_virt(virt_definition_acquire(hub, guest->uuid, false, &ret->live));
    if (r == BACKEND_DONE)
        virt_guest_read_polling(hub, ret);
    return r;
}

/* What is in force in the plane that was written. */
static int read_back(VirtHub *hub, const Guest *guest, Plane plane, SettingList **ret)
{
    g_autoptr(Guest) now = guest_new(guest->uuid, guest->name);

    int r = plane_acquire(hub, guest, plane, now);
    if (r != BACKEND_DONE)
        return r;
    /* the weight's scale is the cgroup's version, which only the kernel's side knows */
    if (!now->kernel && guest->kernel)
        now->kernel = guest_kernel_ref(guest->kernel);
    *ret = observed_make(now);
    return BACKEND_DONE;
}

static int real_setting_apply(void *ctx, const Guest *guest, const Change *change,
                              char **ret_in_force, char **reterr_text)
{
    if (change->key.tid != 0)
        return thread_apply(change, ret_in_force, reterr_text);

    VirtSetting setting = {
        .guest = guest, .change = change, .allowed = guest->kernel ? guest->kernel->allowed : NULL};
    int r = from_virt(virt_setting_apply(ctx, &setting, reterr_text));
    if (r != BACKEND_DONE)
        return r;
    g_autoptr(SettingList) observed = NULL;
    r = read_back(ctx, guest, change->key.plane, &observed);
    const Setting *now = observed ? setting_list_find(observed, &change->key) : NULL;
    if (r == BACKEND_DONE && !now)
        r = BACKEND_RETRY; /* the vCPU or device left, or libvirt was too busy to tell */
    if (r == BACKEND_DONE)
        *ret_in_force = g_strdup(now->value);
    else
        *reterr_text = g_strdup("could not be read back");
    return r;
}

static int real_host_apply(void *ctx, const Change *change, const BackendWatch *watch,
                           char **ret_in_force, char **reterr_text)
{
    (void)ctx;
    return from_host(host_knob_apply("", change, watch, ret_in_force, reterr_text));
}

/* RETRY: the device left, and the next look will know. */
static BackendResult from_edit(int r)
{
    return r == 0 ? BACKEND_DONE : r == -ENOENT ? BACKEND_RETRY : BACKEND_REFUSED;
}

static int real_definition_edit(void *ctx, const Guest *guest, const Change *const *changes,
                                unsigned n, EditResult *ret, char **reterr_text)
{
    g_autofree DomainEdit *edits = g_new0(DomainEdit, n);
    g_autoptr(SettingList) observed = NULL;

    for (unsigned i = 0; i < n; i++)
        edits[i] = (DomainEdit){.key = changes[i]->key, .value = changes[i]->to};
    int r = from_virt(virt_definition_edit(ctx, guest->uuid, edits, n, reterr_text));
    if (r != BACKEND_DONE)
        return r;
    r = read_back(ctx, guest, PLANE_CONFIG, &observed);
    if (r != BACKEND_DONE) {
        *reterr_text = g_strdup("could not be read back");
        return r;
    }
    for (unsigned i = 0; i < n; i++) {
        const Setting *setting = setting_list_find(observed, &changes[i]->key);
        ret[i].result = from_edit(edits[i].result);
        if (ret[i].result == BACKEND_DONE && setting)
            ret[i].in_force = g_strdup(setting->value);
    }
    return BACKEND_DONE;
}

static int real_guest_shutdown(void *ctx, const char *uuid, char **reterr_text)
{
    return from_virt(virt_guest_shutdown(ctx, uuid, reterr_text));
}

static int real_guest_start(void *ctx, const char *uuid, char **reterr_text)
{
    return from_virt(virt_guest_start(ctx, uuid, reterr_text));
}

static int real_reboot_action_apply(void *ctx, const char *uuid, const char *action,
                                    char **reterr_text)
{
    return from_virt(virt_reboot_action_apply(ctx, uuid, action, reterr_text));
}

void backend_real_init(Backend *backend, VirtHub *hub)
{
    *backend = (Backend){
        .ctx = hub,
        .guest_acquire = real_guest_acquire,
        .guest_threads_acquire = real_guest_threads_acquire,
        .guest_ready = real_guest_ready,
        .host_acquire = real_host_acquire,
        .setting_apply = real_setting_apply,
        .host_apply = real_host_apply,
        .definition_edit = real_definition_edit,
        .guest_shutdown = real_guest_shutdown,
        .guest_start = real_guest_start,
        .reboot_action_apply = real_reboot_action_apply,
    };
}
