/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One Setting → one libvirt call. LIVE and CONFIG are never combined and each call holds one family
 * of parameters, so that a failure belongs to one plane and one knob. What is in the cgroups is
 * set by the live call too.
 */
#include "virt/setting.h"

#include "base/util.h"
#include "model/policy.h"

#include <limits.h>
#include <string.h>

#define DEFAULT_WEIGHT 100
#define SHARES_OF_DEFAULT_WEIGHT 1024 /* cpu.shares of cgroup v1 */
#define DEFAULT_PERIOD_USEC 100000    /* the kernel's and libvirt's */
#define MIN_QUOTA_USEC 1000           /* of libvirt and the kernel */
/* Highest CPU map the remote protocol carries is 2048 bytes */
#define MAP_MAX_BYTES 2048

int apply_refuse(const Apply *apply, const char *text)
{
    *apply->reterr_text = g_strdup(text);
    return VIRT_REFUSED;
}

int apply_finish(const Apply *apply, int r)
{
    return r < 0 ? call_fail(apply->call, apply->reterr_text) : VIRT_DONE;
}

/* --- pins --- */

/* "Not set" for a running guest means all CPUs: libvirt cannot take a pin away, only widen it. CPUs
 * the host does not have are left out: libvirt would store them and the guest could not start. */
static int pin_cpus(const Apply *apply, CpuSet **ret)
{
    g_autoptr(CpuSet) asked = NULL;

    int n = virNodeGetCPUMap(apply->call->conn, NULL, NULL, 0);
    if (n <= 0)
        return call_fail(apply->call, apply->reterr_text);
    g_autoptr(CpuSet) host = cpuset_new_range(0, (unsigned)n - 1);
    if (!apply->to)
        asked = cpuset_copy(apply->setting->allowed ? apply->setting->allowed : host);
    else if (cpuset_parse(apply->to, &asked) < 0)
        return apply_refuse(apply, "not a list of CPUs");
    *ret = cpuset_and(asked, host);
    return VIRT_DONE;
}

static int map_make(const Apply *apply, unsigned char map[MAP_MAX_BYTES], int *ret_length)
{
    g_autoptr(CpuSet) cpus = NULL;

    int r = pin_cpus(apply, &cpus);
    if (r != VIRT_DONE)
        return r;
    int last = hwloc_bitmap_last(cpus);
    if (last < 0 || last >= MAP_MAX_BYTES * CHAR_BIT)
        return apply_refuse(apply, "none of these CPUs is there to pin to");
    *ret_length = VIR_CPU_MAPLEN(last + 1);
    memset(map, 0, MAP_MAX_BYTES);
    CPUSET_FOREACH(cpu, cpus)
    VIR_USE_CPU(map, cpu);
    return VIRT_DONE;
}

static int pin_apply(const Apply *apply)
{
    const SettingKey *key = &apply->setting->change->key;
    virDomainPtr domain = apply->call->domain;
    unsigned char map[MAP_MAX_BYTES];
    int length = 0;

    int r = map_make(apply, map, &length);
    if (r != VIRT_DONE)
        return r;
    if (key->knob == KNOB_VCPU_PIN)
        return apply_finish(
            apply, virDomainPinVcpuFlags(domain, key->instance, map, length, apply->flags));
    if (key->knob == KNOB_IOTHREAD_PIN)
        return apply_finish(apply,
                            virDomainPinIOThread(domain, key->instance, map, length, apply->flags));
    return apply_finish(apply, virDomainPinEmulator(domain, map, length, apply->flags));
}

/* --- typed parameters --- */

void apply_params_clear(ApplyParams *params)
{
    virTypedParamsFree(params->items, params->n);
}

static int weight_apply(const Apply *apply)
{
    const GuestKernel *kernel = apply->setting->guest->kernel;
    bool raw = apply->to && g_str_has_prefix(apply->to, "shares:");
    uint64_t number = DEFAULT_WEIGHT;
    g_auto(ApplyParams) params = {0};

    if (apply->to && parse_u64(apply->to + (raw ? strlen("shares:") : 0), INT_MAX, &number) < 0)
        return apply_refuse(apply, "not a weight");
    if (!raw && !(kernel && kernel->cgroup_v2))
        number = number * SHARES_OF_DEFAULT_WEIGHT / DEFAULT_WEIGHT;
    virTypedParamsAddULLong(&params.items, &params.n, &params.max, VIR_DOMAIN_SCHEDULER_CPU_SHARES,
                            number);
    return apply_finish(apply, virDomainSetSchedulerParametersFlags(
                                   apply->call->domain, params.items, params.n, apply->flags));
}

/* "none", "150" (percent of a period), "12345/100000". *ret_period 0: leave it as it is. */
static bool quota_parse(const Apply *apply, long long *ret_quota, uint64_t *ret_period)
{
    uint64_t number;

    *ret_quota = -1;
    *ret_period = 0;
    if (!apply->to || g_str_equal(apply->to, "none"))
        return true;
    const char *slash = strchr(apply->to, '/');
    g_autofree char *first =
        g_strndup(apply->to, slash ? (size_t)(slash - apply->to) : strlen(apply->to));
    if (parse_u64(first, INT_MAX, &number) < 0 ||
        (slash && parse_u64(slash + 1, INT_MAX, ret_period) < 0))
        return false;
    if (!slash) {
        uint64_t period = apply->def && apply->def->vcpu_period > 0 ? apply->def->vcpu_period
                                                                    : DEFAULT_PERIOD_USEC;
        number = number * period / 100;
    }
    *ret_quota = (long long)MAX(number, MIN_QUOTA_USEC);
    return true;
}

static int quota_apply(const Apply *apply)
{
    g_auto(ApplyParams) params = {0};
    long long quota;
    uint64_t period;

    if (!quota_parse(apply, &quota, &period))
        return apply_refuse(apply, "not a quota");
    if (period > 0)
        virTypedParamsAddULLong(&params.items, &params.n, &params.max,
                                VIR_DOMAIN_SCHEDULER_VCPU_PERIOD, period);
    virTypedParamsAddLLong(&params.items, &params.n, &params.max, VIR_DOMAIN_SCHEDULER_VCPU_QUOTA,
                           quota);
    return apply_finish(apply, virDomainSetSchedulerParametersFlags(
                                   apply->call->domain, params.items, params.n, apply->flags));
}

/* --- numatune --- */

static int numa_mode_by_name(const char *name)
{
    for (int mode = NUMA_STRICT; mode <= NUMA_RESTRICTIVE; mode++)
        if (g_str_equal(numa_mode_name((NumaMode)mode), name))
            return mode;
    return -1;
}

/* "mode:nodes"; only nodes in the actual plane, whose mode is the definition's or, if that has
 * none, the one libvirt can still change later. */
static bool nodeset_parse(const Apply *apply, int *ret_mode, char **ret_nodes)
{
    const char *colon = strchr(apply->to, ':');
    g_autofree char *mode = colon ? g_strndup(apply->to, (size_t)(colon - apply->to)) : NULL;
    int of_guest = apply->def ? apply->def->numa_mode : -1;

    *ret_mode = mode ? numa_mode_by_name(mode) : of_guest >= 0 ? of_guest : NUMA_RESTRICTIVE;
    *ret_nodes = g_strdup(colon ? colon + 1 : apply->to);
    return *ret_mode >= 0;
}

/* "Not set" for a running guest: the mode stays, and all nodes are allowed. Any other mode than
 * restrictive is fixed until the guest stops. */
static int nodeset_widen(const Apply *apply, char **ret_nodes)
{
    const GuestKernel *kernel = apply->setting->guest->kernel;

    if (!kernel || cpuset_is_empty(kernel->allowed_mems) || !apply->def ||
        apply->def->numa_mode != NUMA_RESTRICTIVE)
        return apply_refuse(apply, "libvirt cannot take numatune off a running guest");
    *ret_nodes = cpuset_format(kernel->allowed_mems);
    return VIRT_DONE;
}

/* A nodeset without a mode would make the guest strict, which cannot be changed again: the mode
 * goes first, unless the running guest has it already. */
static int nodeset_apply(const Apply *apply)
{
    g_auto(ApplyParams) params = {0};
    g_autofree char *nodes = NULL;
    bool live = apply->flags == VIR_DOMAIN_AFFECT_LIVE;
    int of_guest = apply->def ? apply->def->numa_mode : -1, mode = of_guest;

    if (!apply->to) {
        int r = nodeset_widen(apply, &nodes);
        if (r != VIRT_DONE)
            return r;
    } else if (!nodeset_parse(apply, &mode, &nodes)) {
        return apply_refuse(apply, "not a nodeset");
    }
    if (mode >= 0 && !(live && of_guest == NUMA_RESTRICTIVE && mode == of_guest))
        virTypedParamsAddInt(&params.items, &params.n, &params.max, VIR_DOMAIN_NUMA_MODE, mode);
    virTypedParamsAddString(&params.items, &params.n, &params.max, VIR_DOMAIN_NUMA_NODESET, nodes);
    return apply_finish(apply, virDomainSetNumaParameters(apply->call->domain, params.items,
                                                          params.n, apply->flags));
}

/* --- all --- */

static int knob_apply(const Apply *apply)
{
    static int (*const calls[N_KNOBS])(const Apply *apply) = {
        [KNOB_VCPU_PIN] = pin_apply,
        [KNOB_EMULATOR_PIN] = pin_apply,
        [KNOB_IOTHREAD_PIN] = pin_apply,
        [KNOB_CPU_WEIGHT] = weight_apply,
        [KNOB_CPU_QUOTA] = quota_apply,
        [KNOB_NUMA_NODESET] = nodeset_apply,
        [KNOB_IOTHREAD_IDS] = iothreads_apply,
        [KNOB_IOTHREAD_POLL_MAX] = poll_apply,
        [KNOB_IOTHREAD_POLL_GROW] = poll_apply,
        [KNOB_IOTHREAD_POLL_SHRINK] = poll_apply,
        [KNOB_NET_INBOUND] = bandwidth_apply,
        [KNOB_NET_OUTBOUND] = bandwidth_apply,
        [KNOB_DISK_IOTUNE] = iotune_apply,
    };
    Knob knob = apply->setting->change->key.knob;

    return calls[knob] ? calls[knob](apply) : apply_refuse(apply, "libvirt has no call for this");
}

/* A guest in a job is left alone, its persistent definition too. */
static int writable_check(VirtCall *call, bool config, char **reterr_text)
{
    int active = config ? virDomainIsActive(call->domain) : 1;

    if (active < 0)
        return call_fail(call, reterr_text);
    if (active == 0)
        return VIRT_DONE;
    int r = call_check_ready(call);
    if (r == VIRT_GONE && config)
        return VIRT_DONE; /* it went off just now */
    if (r != VIRT_DONE)
        *reterr_text = g_strdup(r == VIRT_BUSY   ? "the guest is in a job, or QEMU does not answer"
                                : r == VIRT_AWAY ? "libvirt is away"
                                : r == VIRT_HUNG ? "its monitor does not answer"
                                                 : "the guest is off");
    return r == VIRT_HUNG ? VIRT_BUSY : r;
}

int call_begin_write(VirtHub *hub, const char *uuid, bool config, VirtCall *ret, char **reterr_text)
{
    int r = call_begin(hub, LINK_WRITE, uuid, ret);

    if (r != VIRT_DONE) {
        *reterr_text = g_strdup(r == VIRT_GONE   ? "no such guest"
                                : r == VIRT_AWAY ? "libvirt is away"
                                                 : "libvirt does not answer");
        return r;
    }
    ret->needs_running = !config;
    return writable_check(ret, config, reterr_text);
}

int virt_setting_apply(VirtHub *hub, const VirtSetting *setting, char **reterr_text)
{
    const Change *change = setting->change;
    bool config = change->key.plane == PLANE_CONFIG;
    g_auto(VirtCall) call = {.what = "changing a setting"};

    *reterr_text = NULL;
    int r = call_begin_write(hub, setting->guest->uuid, config, &call, reterr_text);
    if (r != VIRT_DONE)
        return r;

    Apply apply = {.call = &call,
                   .setting = setting,
                   .to = change->to,
                   .flags = config ? VIR_DOMAIN_AFFECT_CONFIG : VIR_DOMAIN_AFFECT_LIVE,
                   .def = config ? setting->guest->config : setting->guest->live,
                   .reterr_text = reterr_text};
    return knob_apply(&apply);
}
