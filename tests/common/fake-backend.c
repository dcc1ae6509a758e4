/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "common/fake-backend.h"

#include "base/util.h"
#include "common/fake-guest.h"
#include "model/policy.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define PERIOD_USEC 100000

const char *fake_fault_name(FakeFault fault)
{
    static const char *const names[N_FAKE_FAULTS] = {"retry", "gone",      "refused",
                                                     "EIO",   "no effect", "half made"};

    return names[fault];
}

static const char *result_name(int result)
{
    static const char *const names[] = {"done", "retry", "gone", "refused", "hung", "given up"};

    return result < 0 ? "error" : names[result];
}

static CpuSet *parse_cpus(const char *text, const CpuSet *all)
{
    CpuSet *set = NULL;

    if (!text)
        return cpuset_copy(all);
    if (cpuset_parse(text, &set) < 0)
        g_error("the fake got no CPU list: %s", text);
    return set;
}

static int refuse(char **reterr_text, const char *why)
{
    g_free(*reterr_text);
    *reterr_text = g_strdup(why);
    return BACKEND_REFUSED;
}

/* --- the kernel --- */

static GuestCgroup *cgroup_find(const GuestKernel *kernel, ThreadHome home, unsigned id)
{
    return (GuestCgroup *)guest_kernel_cgroup(kernel, home, id);
}

/* What bounds a thread: its cpuset in effect, or without that controller the partition. */
static const CpuSet *thread_bound(const GuestKernel *kernel, const GuestThread *thread)
{
    const GuestCgroup *cgroup = cgroup_find(kernel, thread->home, thread->home_id);

    return cgroup && cgroup->cpus_effective ? cgroup->cpus_effective : kernel->allowed;
}

static bool thread_set_affinity(const GuestKernel *kernel, GuestThread *thread, const CpuSet *cpus)
{
    g_autoptr(CpuSet) cut = cpuset_and(cpus, thread_bound(kernel, thread));

    if (cpuset_is_empty(cut) || thread->fixed)
        return false;
    hwloc_bitmap_copy(thread->affinity, cut);
    return true;
}

static void cgroup_set_cpus(const FakeBackend *fake, GuestKernel *kernel, GuestCgroup *cgroup,
                            const CpuSet *cpus)
{
    hwloc_bitmap_copy(cgroup->cpus, cpus);
    hwloc_bitmap_and(cgroup->cpus_effective, cpus, kernel->allowed);
    if (cpuset_is_empty(cgroup->cpus_effective))
        hwloc_bitmap_copy(cgroup->cpus_effective, kernel->allowed);
    for (unsigned i = 0; i < kernel->n_threads; i++) {
        GuestThread *thread = &kernel->threads[i];
        if (thread->home != cgroup->home || thread->home_id != cgroup->home_id)
            continue;
        hwloc_bitmap_and(thread->affinity, thread->affinity, cgroup->cpus_effective);
        if (fake->old_kernel || cpuset_is_empty(thread->affinity))
            hwloc_bitmap_copy(thread->affinity, cgroup->cpus_effective);
    }
}

bool fake_taskset(GuestKernel *kernel, pid_t tid, const char *cpus)
{
    g_autoptr(CpuSet) set = parse_cpus(cpus, kernel->allowed);

    return thread_set_affinity(kernel, fake_thread_find(kernel, tid), set);
}

bool fake_cpuset_write(FakeBackend *fake, GuestKernel *kernel, ThreadHome home, unsigned id,
                       const char *cpus)
{
    g_autoptr(CpuSet) set = parse_cpus(cpus, kernel->allowed);
    GuestCgroup *cgroup = cgroup_find(kernel, home, id);

    if (!cgroup || !cgroup->cpus)
        return false;
    cgroup_set_cpus(fake, kernel, cgroup, set);
    return true;
}

void fake_partition_set(FakeBackend *fake, GuestKernel *kernel, const char *cpus)
{
    g_autoptr(CpuSet) set = parse_cpus(cpus, NULL);

    hwloc_bitmap_copy(kernel->allowed, set);
    for (unsigned i = 0; i < kernel->n_cgroups; i++) {
        g_autoptr(CpuSet) own = cpuset_copy(kernel->cgroups[i].cpus);
        cgroup_set_cpus(fake, kernel, &kernel->cgroups[i], own);
    }
}

/* --- definitions --- */

static void pins_set(GuestPin **pins, unsigned *n, unsigned id, const CpuSet *cpus)
{
    unsigned i = 0;

    while (i < *n && (*pins)[i].id < id)
        i++;
    if (i < *n && (*pins)[i].id == id) {
        hwloc_bitmap_free((*pins)[i].cpus);
        memmove(*pins + i, *pins + i + 1, (*n - i - 1) * sizeof(**pins));
        (*n)--;
    }
    if (!cpus)
        return;
    *pins = g_renew(GuestPin, *pins, *n + 1);
    memmove(*pins + i + 1, *pins + i, (*n - i) * sizeof(**pins));
    (*pins)[i] = (GuestPin){.id = id, .cpus = cpuset_copy(cpus)};
    (*n)++;
}

/* cpus NULL takes the pin out. */
static void def_set_pin(GuestDef *def, Knob knob, unsigned id, const CpuSet *cpus)
{
    if (knob == KNOB_VCPU_PIN) {
        pins_set(&def->vcpu_pins, &def->n_vcpu_pins, id, cpus);
    } else if (knob == KNOB_IOTHREAD_PIN) {
        pins_set(&def->iothread_pins, &def->n_iothread_pins, id, cpus);
    } else {
        hwloc_bitmap_free(def->emulator_pin);
        def->emulator_pin = cpuset_copy(cpus);
    }
}

static char *def_get_pin(const GuestDef *def, Knob knob, unsigned id)
{
    const CpuSet *pin = knob == KNOB_VCPU_PIN       ? guest_def_vcpu_pin(def, id)
                        : knob == KNOB_IOTHREAD_PIN ? guest_def_iothread_pin(def, id)
                                                    : def->emulator_pin;

    if (!pin)
        pin = def->vcpu_cpuset;
    return pin ? cpuset_format(pin) : NULL;
}

/* --- pins --- */

static ThreadHome knob_home(Knob knob)
{
    return knob == KNOB_VCPU_PIN       ? HOME_VCPU
           : knob == KNOB_IOTHREAD_PIN ? HOME_IOTHREAD
                                       : HOME_EMULATOR;
}

static GuestThread *pinned_thread(const GuestKernel *kernel, Knob knob, unsigned id)
{
    switch (knob_home(knob)) {
    case HOME_VCPU:
        return fake_thread_of(kernel, THREAD_VCPU, HOME_VCPU, id);
    case HOME_IOTHREAD:
        return fake_thread_of(kernel, THREAD_IOTHREAD, HOME_IOTHREAD, id);
    case HOME_EMULATOR:
        return fake_thread_find(kernel, kernel->pid);
    }
    return NULL;
}

/* half: the affinity fails. A vCPU that is off has a definition only. */
static int live_pin(const FakeBackend *fake, Guest *guest, Knob knob, unsigned id,
                    const char *value, bool half, char **reterr_text)
{
    GuestKernel *kernel = guest->kernel;
    g_autoptr(CpuSet) cpus = parse_cpus(value, kernel->allowed);
    GuestCgroup *cgroup = cgroup_find(kernel, knob_home(knob), id);
    GuestThread *thread = pinned_thread(kernel, knob, id);

    if (cpuset_is_empty(cpus))
        return refuse(reterr_text, "empty CPU map");
    if (cgroup && cgroup->cpus)
        cgroup_set_cpus(fake, kernel, cgroup, cpus);
    if (half || (thread && !thread_set_affinity(kernel, thread, cpus)))
        return refuse(reterr_text, "cannot set CPU affinity: Invalid argument");
    def_set_pin(guest->live, knob, id, cpus);
    return BACKEND_DONE;
}

bool fake_live_pin(FakeBackend *fake, Guest *guest, Knob knob, unsigned id, const char *cpus)
{
    g_autofree char *text = NULL;

    return live_pin(fake, guest, knob, id, cpus, false, &text) == BACKEND_DONE;
}

static int apply_pin(const FakeBackend *fake, Guest *guest, const Change *change, bool half,
                     char **ret_in_force, char **reterr_text)
{
    const SettingKey *key = &change->key;

    if (key->plane == PLANE_CONFIG) {
        g_autoptr(CpuSet) cpus = parse_cpus(change->to, NULL);
        def_set_pin(guest->config, key->knob, key->instance, cpus);
        *ret_in_force = def_get_pin(guest->config, key->knob, key->instance);
        return BACKEND_DONE;
    }
    int r = live_pin(fake, guest, key->knob, key->instance, change->to, half, reterr_text);
    if (r != BACKEND_DONE)
        return r;
    GuestCgroup *cgroup = cgroup_find(guest->kernel, knob_home(key->knob), key->instance);
    *ret_in_force = key->plane == PLANE_ACTUAL && cgroup && cgroup->cpus
                        ? cpuset_format(cgroup->cpus)
                        : def_get_pin(guest->live, key->knob, key->instance);
    return BACKEND_DONE;
}

static int apply_affinity(Guest *guest, const Change *change, char **ret_in_force,
                          char **reterr_text)
{
    GuestThread *thread = fake_thread_find(guest->kernel, change->key.tid);
    g_autoptr(CpuSet) cpus = parse_cpus(change->to, guest->kernel->allowed);

    if (!thread || thread->starttime != change->key.tid_start) {
        *reterr_text = g_strdup("No such process");
        return BACKEND_GONE;
    }
    if (!thread_set_affinity(guest->kernel, thread, cpus))
        return refuse(reterr_text, "sched_setaffinity: Invalid argument");
    *ret_in_force = cpuset_format(thread->affinity);
    return BACKEND_DONE;
}

/* --- weight, quota, nodeset: values as observed_make() reads them back --- */

static int64_t shares_of(const char *value, bool cgroup_v2)
{
    if (!value)
        return -1;
    if (g_str_has_prefix(value, "shares:"))
        return strtoll(value + strlen("shares:"), NULL, 10);
    int64_t weight = strtoll(value, NULL, 10);
    return cgroup_v2 ? weight : weight * 1024 / 100;
}

static int apply_weight(Guest *guest, const Change *change, char **ret_in_force)
{
    bool cgroup_v2 = guest->kernel && guest->kernel->cgroup_v2;
    int64_t shares = shares_of(change->to, cgroup_v2);

    if (change->key.plane == PLANE_CONFIG) {
        guest->config->shares = shares;
    } else {
        guest->live->shares = shares >= 0 ? shares : cgroup_v2 ? 100 : 1024;
        guest->kernel->cpu_shares = guest->live->shares;
    }
    *ret_in_force = g_strdup(change->to);
    return BACKEND_DONE;
}

static void quota_of(const char *value, int64_t *ret_quota, uint64_t *ret_period)
{
    char *rest;

    *ret_quota = -1;
    *ret_period = PERIOD_USEC;
    if (!value || g_str_equal(value, "none"))
        return;
    *ret_quota = strtoll(value, &rest, 10);
    if (*rest == '/')
        *ret_period = strtoull(rest + 1, NULL, 10);
    else
        *ret_quota *= PERIOD_USEC / 100;
}

static int apply_quota(Guest *guest, const Change *change, char **ret_in_force)
{
    GuestDef *def = change->key.plane == PLANE_CONFIG ? guest->config : guest->live;

    quota_of(change->to, &def->vcpu_quota, &def->vcpu_period);
    for (unsigned i = 0; def == guest->live && i < guest->kernel->n_cgroups; i++) {
        GuestCgroup *cgroup = &guest->kernel->cgroups[i];
        if (cgroup->home == HOME_VCPU && cgroup->period_usec > 0) {
            cgroup->quota_usec = def->vcpu_quota;
            cgroup->period_usec = def->vcpu_period;
        }
    }
    *ret_in_force = g_strdup(change->to);
    return BACKEND_DONE;
}

/* "mode:nodes", or nodes alone, which leave the mode as it is. */
static int mode_of(const char *value, int mode_before)
{
    for (int mode = NUMA_STRICT; mode <= (int)NUMA_RESTRICTIVE; mode++) {
        g_autofree char *prefix = g_strconcat(numa_mode_name((NumaMode)mode), ":", NULL);
        if (g_str_has_prefix(value, prefix))
            return mode;
    }
    return mode_before >= 0 ? mode_before : (int)NUMA_STRICT;
}

static void def_set_nodeset(GuestDef *def, const char *value)
{
    g_clear_pointer(&def->numa_nodeset, hwloc_bitmap_free);
    if (!value) {
        def->numa_mode = -1;
        return;
    }
    const char *colon = strchr(value, ':');
    def->numa_mode = mode_of(value, def->numa_mode);
    def->numa_nodeset = parse_cpus(colon ? colon + 1 : value, NULL);
}

static int live_nodeset(Guest *guest, const char *value, char **reterr_text)
{
    GuestDef *def = guest->live;

    if (!value)
        return refuse(reterr_text, "a running guest's nodeset cannot be taken away");
    int mode = mode_of(value, def->numa_mode);
    if (def->numa_mode >= 0 && mode != def->numa_mode)
        return refuse(reterr_text, "can't change numatune mode for running domain");
    if (def->numa_mode >= 0 && mode != (int)NUMA_RESTRICTIVE)
        return refuse(reterr_text, "change of nodeset for running domain requires restrictive");
    def_set_nodeset(def, value);
    for (unsigned i = 0; i < guest->kernel->n_cgroups; i++)
        if (guest->kernel->cgroups[i].mems)
            hwloc_bitmap_copy(guest->kernel->cgroups[i].mems, def->numa_nodeset);
    return BACKEND_DONE;
}

static int apply_nodeset(Guest *guest, const Change *change, char **ret_in_force,
                         char **reterr_text)
{
    int r = BACKEND_DONE;

    if (change->key.plane == PLANE_CONFIG)
        def_set_nodeset(guest->config, change->to);
    else
        r = live_nodeset(guest, change->to, reterr_text);
    if (r == BACKEND_DONE)
        *ret_in_force = g_strdup(change->to);
    return r;
}

/* --- knobs that are only in the definitions --- */

static int apply_knob(Guest *guest, const Change *change, char **ret_in_force)
{
    GuestDef *def = change->key.plane == PLANE_CONFIG ? guest->config : guest->live;
    SettingKey key = change->key;

    key.plane = 0; /* means nothing in a definition's list */
    Setting *setting = (Setting *)setting_list_find(def->knobs, &key);
    if (!setting)
        return BACKEND_RETRY;
    g_free(setting->value);
    setting->value = g_strdup(change->to);
    *ret_in_force = g_strdup(change->to);
    return BACKEND_DONE;
}

/* --- the Backend --- */

/* Counts the call, runs the callback; *ret_fault is the fault it meets, or -1. */
static void begin_call(FakeBackend *fake, int *ret_fault)
{
    fake->n_calls++;
    if (fake->callback && fake->n_calls == fake->callback_call)
        fake->callback(fake, fake->callback_data);
    *ret_fault = fake->n_calls == fake->fail_call ? (int)fake->fault : -1;
}

/* True if the fault decides the result. */
static bool fault_result(int fault, int *ret)
{
    static const int results[N_FAKE_FAULTS] = {
        [FAKE_RETRY] = BACKEND_RETRY,     [FAKE_GONE] = BACKEND_GONE,
        [FAKE_REFUSED] = BACKEND_REFUSED, [FAKE_EIO] = -EIO,
        [FAKE_NO_EFFECT] = BACKEND_DONE,  [FAKE_HALF] = BACKEND_REFUSED};

    if (fault < 0)
        return false;
    *ret = results[fault];
    return true;
}

static int end_call(FakeBackend *fake, int result, char *text)
{
    g_ptr_array_add(fake->log, g_strconcat(text, " = ", result_name(result), NULL));
    g_free(text);
    return result;
}

static int fake_guest_acquire(void *ctx, const char *uuid, const Guest *off, Guest **ret)
{
    FakeBackend *fake = ctx;
    int fault, r;

    begin_call(fake, &fault);
    const Guest *guest = fake_backend_find(fake, uuid);
    if (!fault_result(fault, &r))
        r = guest ? BACKEND_DONE : BACKEND_GONE;
    if (r == BACKEND_DONE && guest) {
        *ret = guest_copy(guest);
        if (off && guest->active)
            guest_take_standing(*ret, off);
    } else if (r == BACKEND_DONE) {
        r = BACKEND_GONE;
    }
    return end_call(fake, r, g_strconcat("acquire ", guest ? guest->name : uuid, NULL));
}

static int fake_guest_threads_acquire(void *ctx, const Guest *known, const char *hung, Guest **ret)
{
    g_autoptr(Guest) guest = NULL;

    int r = fake_guest_acquire(ctx, known->uuid, NULL, &guest);
    if (r != BACKEND_DONE)
        return r;
    if (!guest_is_of_process(known, guest->kernel->pid, guest->kernel->starttime))
        return BACKEND_HUNG;
    guest->hung = hung;
    *ret = g_steal_pointer(&guest);
    return BACKEND_DONE;
}

static int fake_guest_ready(void *ctx, const Guest *guest)
{
    FakeBackend *fake = ctx;
    int fault, r;

    begin_call(fake, &fault);
    const Guest *now = fake_backend_find(fake, guest->uuid);
    if (!fault_result(fault, &r))
        r = !now          ? BACKEND_GONE
            : now->in_job ? BACKEND_RETRY
            : now->hung   ? BACKEND_HUNG
                          : BACKEND_DONE;
    return end_call(fake, r, g_strconcat("ready ", guest->name, NULL));
}

/* Can this change be made of the guest as it is now? */
static int check_target(const Guest *now, const Guest *seen, const Change *change,
                        char **reterr_text)
{
    if (!now)
        return BACKEND_GONE;
    if (now->in_job)
        return BACKEND_RETRY;
    if (change->key.plane == PLANE_CONFIG)
        return now->config ? BACKEND_DONE : refuse(reterr_text, "transient guest");
    if (!now->kernel || !now->live || (seen->kernel && now->kernel->pid != seen->kernel->pid))
        return BACKEND_GONE;
    return BACKEND_DONE;
}

static int make_change(const FakeBackend *fake, Guest *guest, const Change *change, bool half,
                       char **ret_in_force, char **reterr_text)
{
    if (change->key.tid != 0)
        return apply_affinity(guest, change, ret_in_force, reterr_text);
    switch (change->key.knob) {
    case KNOB_VCPU_PIN:
    case KNOB_EMULATOR_PIN:
    case KNOB_IOTHREAD_PIN:
        return apply_pin(fake, guest, change, half, ret_in_force, reterr_text);
    case KNOB_VHOST_PIN:
        return refuse(reterr_text, "vhost is set by thread");
    case KNOB_CPU_WEIGHT:
        return apply_weight(guest, change, ret_in_force);
    case KNOB_CPU_QUOTA:
        return apply_quota(guest, change, ret_in_force);
    case KNOB_NUMA_NODESET:
        return apply_nodeset(guest, change, ret_in_force, reterr_text);
    default:
        return apply_knob(guest, change, ret_in_force);
    }
}

/* --- the host --- */

void fake_host_set(FakeBackend *fake, const SettingKey *key, const char *value)
{
    setting_list_add(fake->host->knobs, key, value, NULL, NULL);
    setting_list_sort(fake->host->knobs);
}

const char *fake_host_get(const FakeBackend *fake, const SettingKey *key)
{
    const Setting *setting = setting_list_find(fake->host->knobs, key);

    return setting ? setting->value : NULL;
}

static int fake_host_acquire(void *ctx, Host **ret)
{
    FakeBackend *fake = ctx;
    int fault, r = BACKEND_DONE;

    begin_call(fake, &fault);
    if (fault >= 0)
        return end_call(fake, -EIO, g_strdup("acquire host"));
    g_autoptr(Host) host = host_new();
    for (unsigned i = 0; i < setting_list_size(fake->host->knobs); i++) {
        const Setting *setting = setting_list_get(fake->host->knobs, i);
        setting_list_add(host->knobs, &setting->key, setting->value, NULL, NULL);
    }
    setting_list_sort(host->knobs);
    host->pools = g_memdup2(fake->host->pools, fake->host->n_pools * sizeof(HostPool));
    host->n_pools = fake->host->n_pools;
    host->nodes = g_memdup2(fake->host->nodes, fake->host->n_nodes * sizeof(HostNode));
    host->n_nodes = fake->host->n_nodes;
    host->memory_kib = fake->host->memory_kib;
    host->available_kib = fake->host->available_kib;
    host->pressure_pct = fake->host->pressure_pct;
    *ret = g_steal_pointer(&host);
    return end_call(fake, r, g_strdup("acquire host"));
}

/* A pool grows as far as it can. */
static int host_change(FakeBackend *fake, const Change *change, char **ret_in_force)
{
    uint64_t pages = change->key.knob == KNOB_HOST_PAGES && change->to
                         ? g_ascii_strtoull(change->to, NULL, 10)
                         : 0;
    g_autofree char *most = g_strdup_printf("%" G_GUINT64_FORMAT, fake->most_pages);
    bool partial = fake->most_pages > 0 && pages > fake->most_pages;

    fake_host_set(fake, &change->key, partial ? most : change->to);
    *ret_in_force = g_strdup(partial ? most : change->to);
    return BACKEND_DONE;
}

static int fake_host_apply(void *ctx, const Change *change, const BackendWatch *watch,
                           char **ret_in_force, char **reterr_text)
{
    FakeBackend *fake = ctx;
    g_autofree char *key = setting_key_format(&change->key);
    int fault, r;

    (void)watch;
    fake->n_writes++;
    begin_call(fake, &fault);
    if (!fault_result(fault, &r))
        r = host_change(fake, change, ret_in_force);
    else if (r == BACKEND_DONE)
        *ret_in_force = g_strdup(change->from);
    else
        *reterr_text = g_strdup("fault");
    return end_call(fake, r,
                    g_strdup_printf("host: %s %s -> %s", key, change->from ? change->from : "-",
                                    change->to ? change->to : "-"));
}

static int fake_setting_apply(void *ctx, const Guest *seen, const Change *change,
                              char **ret_in_force, char **reterr_text)
{
    FakeBackend *fake = ctx;
    g_autofree char *key = setting_key_format(&change->key);
    int fault, r;

    fake->n_writes++;
    begin_call(fake, &fault);
    Guest *now = fake_backend_find(fake, seen->uuid);
    bool half = fault == FAKE_HALF && now && now->kernel && change->key.plane == PLANE_LIVE &&
                knob_info(change->key.knob)->type == KNOB_TYPE_CPUS;
    if (!half && fault_result(fault, &r)) {
        if (r == BACKEND_DONE)
            *ret_in_force = g_strdup(change->from);
        else
            *reterr_text = g_strdup("fault");
    } else {
        r = check_target(now, seen, change, reterr_text);
        if (r == BACKEND_DONE)
            r = make_change(fake, now, change, half, ret_in_force, reterr_text);
    }
    return end_call(
        fake, r,
        g_strdup_printf("%s: %s %s %s -> %s", seen->name, key, plane_name(change->key.plane),
                        change->from ? change->from : "-", change->to ? change->to : "-"));
}

static void log_change(FakeBackend *fake, const Guest *guest, const Change *change, int result)
{
    g_autofree char *key = setting_key_format(&change->key);

    end_call(fake, result,
             g_strdup_printf("%s: %s %s %s -> %s", guest->name, key, plane_name(change->key.plane),
                             change->from ? change->from : "-", change->to ? change->to : "-"));
}

static int fake_definition_edit(void *ctx, const Guest *seen, const Change *const *changes,
                                unsigned n, EditResult *ret, char **reterr_text)
{
    FakeBackend *fake = ctx;
    int fault, r;

    fake->n_writes++;
    begin_call(fake, &fault);
    Guest *now = fake_backend_find(fake, seen->uuid);
    bool faulty = fault_result(fault, &r);
    if (faulty && r != BACKEND_DONE)
        *reterr_text = g_strdup("fault");
    if (!faulty)
        r = check_target(now, seen, changes[0], reterr_text);
    for (unsigned i = 0; i < n; i++) {
        g_autofree char *text = NULL;
        int of_one = r;
        if (faulty && r == BACKEND_DONE)
            ret[i].in_force = g_strdup(changes[i]->from);
        else if (r == BACKEND_DONE)
            ret[i].result = of_one =
                make_change(fake, now, changes[i], false, &ret[i].in_force, &text);
        log_change(fake, seen, changes[i], of_one);
    }
    return r;
}

/* --- the world --- */

/* --- ends and starts --- */

void fake_power_off(Guest *guest, OffReason reason)
{
    guest->active = false;
    guest->off = reason;
    g_clear_pointer(&guest->live, guest_def_unref);
    g_clear_pointer(&guest->kernel, guest_kernel_unref);
}

static int fake_guest_shutdown(void *ctx, const char *uuid, char **reterr_text)
{
    FakeBackend *fake = ctx;
    Guest *guest = fake_backend_find(fake, uuid);
    int fault, r;

    begin_call(fake, &fault);
    if (!fault_result(fault, &r))
        r = guest && guest->active ? BACKEND_DONE : BACKEND_GONE;
    if (r == BACKEND_DONE && fault != FAKE_NO_EFFECT && !fake->stubborn)
        fake_power_off(guest, OFF_SHUT_DOWN);
    if (r != BACKEND_DONE)
        *reterr_text = g_strdup("no shutdown");
    return end_call(fake, r, g_strdup("shutdown"));
}

static int fake_guest_start(void *ctx, const char *uuid, char **reterr_text)
{
    FakeBackend *fake = ctx;
    Guest *guest = fake_backend_find(fake, uuid);
    int fault, r;

    begin_call(fake, &fault);
    if (!fault_result(fault, &r))
        r = !guest ? BACKEND_GONE : guest->active ? BACKEND_REFUSED : BACKEND_DONE;
    if (r == BACKEND_DONE && fault != FAKE_NO_EFFECT) {
        g_autoptr(CpuSet) all = parse_cpus("0-15", NULL);
        g_autoptr(Guest) copy = guest_copy(guest);
        const FakeKernelOptions options = {.pid = ++fake->next_pid, .allowed = all};
        guest->active = true;
        guest->live = guest_def_ref(copy->config);
        guest->kernel = fake_kernel_new(guest->live, &options);
    }
    if (r != BACKEND_DONE)
        *reterr_text = g_strdup("no start");
    return end_call(fake, r, g_strdup("start"));
}

static int fake_reboot_action_apply(void *ctx, const char *uuid, const char *action,
                                    char **reterr_text)
{
    FakeBackend *fake = ctx;
    Guest *guest = fake_backend_find(fake, uuid);
    int fault, r;

    begin_call(fake, &fault);
    if (!fault_result(fault, &r))
        r = guest && guest->active ? BACKEND_DONE : BACKEND_GONE;
    if (r == BACKEND_DONE && fault != FAKE_NO_EFFECT) {
        g_free(guest->live->on_reboot);
        guest->live->on_reboot = g_strdup(action);
    }
    if (r != BACKEND_DONE)
        *reterr_text = g_strdup("no change of on_reboot");
    return end_call(fake, r, g_strconcat("on_reboot ", action, NULL));
}

FakeBackend *fake_backend_new(void)
{
    FakeBackend *fake = g_new0(FakeBackend, 1);

    fake->next_pid = 5000;
    fake->backend = (Backend){.ctx = fake,
                              .guest_acquire = fake_guest_acquire,
                              .guest_threads_acquire = fake_guest_threads_acquire,
                              .guest_ready = fake_guest_ready,
                              .host_acquire = fake_host_acquire,
                              .setting_apply = fake_setting_apply,
                              .host_apply = fake_host_apply,
                              .definition_edit = fake_definition_edit,
                              .guest_shutdown = fake_guest_shutdown,
                              .guest_start = fake_guest_start,
                              .reboot_action_apply = fake_reboot_action_apply};
    fake->host = host_new();
    fake->guests = g_ptr_array_new_with_free_func((GDestroyNotify)guest_unref);
    fake->log = g_ptr_array_new_with_free_func(g_free);
    return fake;
}

void fake_backend_free(FakeBackend *fake)
{
    if (!fake)
        return;
    g_ptr_array_unref(fake->guests);
    host_unref(fake->host);
    g_ptr_array_unref(fake->log);
    g_free(fake);
}

Guest *fake_backend_add(FakeBackend *fake, Guest *guest)
{
    g_ptr_array_add(fake->guests, guest);
    return guest;
}

Guest *fake_backend_find(const FakeBackend *fake, const char *uuid)
{
    for (guint i = 0; i < fake->guests->len; i++) {
        Guest *guest = g_ptr_array_index(fake->guests, i);
        if (g_str_equal(guest->uuid, uuid))
            return guest;
    }
    return NULL;
}

void fake_backend_remove(FakeBackend *fake, const char *uuid)
{
    g_ptr_array_remove(fake->guests, fake_backend_find(fake, uuid));
}

void fake_backend_reset(FakeBackend *fake)
{
    fake->n_calls = fake->n_writes = 0;
    fake->fail_call = fake->callback_call = 0;
    fake->callback = NULL;
    g_ptr_array_set_size(fake->log, 0);
}
