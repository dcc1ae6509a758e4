/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Live knobs of devices and IOThreads. Each call carries all that the knob is made of, zeroes where
 * it is not set: what libvirt is not told it keeps or drops by rules of its own.
 */
#include "virt/setting.h"

#include "base/util.h"

#include <string.h>

static bool add_unsigned(ApplyParams *params, const char *name, const char *text)
{
    uint64_t number = 0;

    if (text && parse_u64(text, UINT_MAX, &number) < 0)
        return false;
    virTypedParamsAddUInt(&params->items, &params->n, &params->max, name, (unsigned)number);
    return true;
}

static bool add_long(ApplyParams *params, const char *name, const char *text)
{
    uint64_t number = 0;

    if (text && parse_u64(text, INT64_MAX, &number) < 0)
        return false;
    virTypedParamsAddULLong(&params->items, &params->n, &params->max, name, number);
    return true;
}

/* --- bandwidth of a NIC --- */

/* The least a network promises this NIC is not ours, but would be lost. */
static void floor_keep(const Apply *apply, const char *nic, ApplyParams *params)
{
    g_auto(ApplyParams) now = {0};
    virDomainPtr domain = apply->call->domain;
    unsigned floor = 0;

    if (virDomainGetInterfaceParameters(domain, nic, NULL, &now.n, apply->flags) < 0 || now.n <= 0)
        return;
    int n = now.n;
    now.items = calloc((size_t)n, sizeof(now.items[0])); /* libvirt frees it */
    now.n = 0;
    if (!now.items || virDomainGetInterfaceParameters(domain, nic, now.items, &n, apply->flags) < 0)
        return;
    now.n = n;
    virTypedParamsGetUInt(now.items, now.n, VIR_DOMAIN_BANDWIDTH_IN_FLOOR, &floor);
    if (floor > 0)
        virTypedParamsAddUInt(&params->items, &params->n, &params->max,
                              VIR_DOMAIN_BANDWIDTH_IN_FLOOR, floor);
}

/* An average of 0 takes the limit off; the other direction stays as it is. */
int bandwidth_apply(const Apply *apply)
{
    const SettingKey *key = &apply->setting->change->key;
    const KnobInfo *info = knob_info(key->knob);
    const char *direction = key->knob == KNOB_NET_INBOUND ? "inbound" : "outbound";
    g_auto(ApplyParams) params = {0};
    char **values = NULL;

    bool good = knob_fields_parse(info, apply->to, &values) == 0;
    for (unsigned i = 0; good && info->fields[i].name; i++) {
        g_autofree char *name = g_strconcat(direction, ".", info->fields[i].name, NULL);
        good = add_unsigned(&params, name, values[i]);
    }
    knob_fields_free(info, values);
    if (!good)
        return apply_refuse(apply, "not a bandwidth");
    if (key->knob == KNOB_NET_INBOUND)
        floor_keep(apply, key->device, &params);
    return apply_finish(apply,
                        virDomainSetInterfaceParameters(apply->call->domain, key->device,
                                                        params.items, params.n, apply->flags));
}

/* --- throttles of a disk --- */

static bool iotune_params(const char *value, ApplyParams *params)
{
    const KnobInfo *info = knob_info(KNOB_DISK_IOTUNE);
    char **values = NULL;

    if (knob_fields_parse(info, value, &values) < 0)
        return false;
    bool good = true;
    for (unsigned i = 0; good && info->fields[i].name; i++) {
        const char *name = info->fields[i].name;
        if (!g_str_equal(name, VIR_DOMAIN_BLOCK_IOTUNE_GROUP_NAME))
            good = add_long(params, name, values[i]);
        else if (values[i])
            virTypedParamsAddString(&params->items, &params->n, &params->max, name, values[i]);
    }
    knob_fields_free(info, values);
    return good;
}

static bool has_group(const char *value)
{
    const KnobInfo *info = knob_info(KNOB_DISK_IOTUNE);
    char **values = NULL;
    bool found = false;

    if (knob_fields_parse(info, value, &values) < 0)
        return false;
    for (unsigned i = 0; info->fields[i].name; i++)
        found |= values[i] && g_str_equal(info->fields[i].name, VIR_DOMAIN_BLOCK_IOTUNE_GROUP_NAME);
    knob_fields_free(info, values);
    return found;
}

static int iotune_set(const Apply *apply, const char *value)
{
    g_auto(ApplyParams) params = {0};

    if (!iotune_params(value, &params))
        return apply_refuse(apply, "not a list of disk limits");
    return apply_finish(apply, virDomainSetBlockIoTune(apply->call->domain,
                                                       apply->setting->change->key.device,
                                                       params.items, params.n, apply->flags));
}

/* A disk leaves its group only with its last limit. */
int iotune_apply(const Apply *apply)
{
    if (apply->to && has_group(apply->setting->change->from) && !has_group(apply->to)) {
        int r = iotune_set(apply, NULL);
        if (r != VIRT_DONE)
            return r;
    }
    return iotune_set(apply, apply->to);
}

/* --- IOThreads --- */

/* From what the guest has by now: a change that failed half-way is put back by the same call. */
int iothreads_apply(const Apply *apply)
{
    virDomainPtr domain = apply->call->domain;
    g_autoptr(GuestDef) now = NULL;
    g_autoptr(CpuSet) wanted = NULL;

    if (cpuset_parse(apply->to ? apply->to : "", &wanted) < 0)
        return apply_refuse(apply, "not a list of IOThreads");
    int r = call_definition(apply->call, 0, &now);
    if (r < 0)
        return apply_refuse(apply, "the guest's definition cannot be read");
    if (r != VIRT_DONE) {
        *apply->reterr_text = g_strdup("the guest's definition cannot be read now");
        return r;
    }
    CPUSET_FOREACH(id, wanted)
    {
        if (!cpuset_has(now->iothreads, id) && virDomainAddIOThread(domain, id, apply->flags) < 0)
            return apply_finish(apply, -1);
    }
    CPUSET_FOREACH(id, now->iothreads)
    {
        if (!cpuset_has(wanted, id) && virDomainDelIOThread(domain, id, apply->flags) < 0)
            return apply_finish(apply, -1);
    }
    return VIRT_DONE;
}

int poll_apply(const Apply *apply)
{
    const SettingKey *key = &apply->setting->change->key;
    g_auto(ApplyParams) params = {0};
    bool good = apply->to;

    if (good && key->knob == KNOB_IOTHREAD_POLL_MAX)
        good = add_long(&params, VIR_DOMAIN_IOTHREAD_POLL_MAX_NS, apply->to);
    else if (good)
        good = add_unsigned(&params,
                            key->knob == KNOB_IOTHREAD_POLL_GROW ? VIR_DOMAIN_IOTHREAD_POLL_GROW
                                                                 : VIR_DOMAIN_IOTHREAD_POLL_SHRINK,
                            apply->to);
    if (!good)
        return apply_refuse(apply, "not a number");
    return apply_finish(apply, virDomainSetIOThreadParams(apply->call->domain, key->instance,
                                                          params.items, params.n, apply->flags));
}
