/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How the IOThreads of a running guest poll: libvirt tells it among the statistics only. */
#include "virt/link.h"

#include "base/util.h"

#include <string.h>

/* Statistics of a guest that others are just asking something are left out rather than waited for.
 */
#define STATS_TRIES 5
#define STATS_PAUSE_USEC 50000

static const struct {
    const char *name;
    Knob knob;
} parameters[] = {
    {"poll-max-ns", KNOB_IOTHREAD_POLL_MAX},
    {"poll-grow", KNOB_IOTHREAD_POLL_GROW},
    {"poll-shrink", KNOB_IOTHREAD_POLL_SHRINK},
};

/* "iothread.3.poll-grow". False: something else. */
static bool parameter_parse(const char *name, SettingKey *ret)
{
    g_auto(GStrv) parts = g_strsplit(name, ".", -1);
    uint64_t id;

    if (g_strv_length(parts) != 3 || !g_str_equal(parts[0], "iothread") ||
        parse_u64(parts[1], UINT_MAX, &id) < 0)
        return false;
    for (unsigned i = 0; i < G_N_ELEMENTS(parameters); i++) {
        if (!g_str_equal(parts[2], parameters[i].name))
            continue;
        *ret = (SettingKey){.knob = parameters[i].knob, .instance = (unsigned)id};
        return true;
    }
    return false;
}

/* The type is not the same in all versions of libvirt. */
static char *parameter_value(virTypedParameterPtr parameter)
{
    switch (parameter->type) {
    case VIR_TYPED_PARAM_UINT:
        return g_strdup_printf("%u", parameter->value.ui);
    case VIR_TYPED_PARAM_ULLONG:
        return g_strdup_printf("%llu", parameter->value.ul);
    default:
        return NULL;
    }
}

/* False: the guest was left out. */
static bool record_read(const virDomainStatsRecord *record, GuestDef *def)
{
    bool is_told = false;

    for (int i = 0; i < record->nparams; i++) {
        SettingKey key;
        is_told |= g_str_has_prefix(record->params[i].field, "iothread.");
        if (!parameter_parse(record->params[i].field, &key) ||
            !cpuset_has(def->iothreads, key.instance))
            continue;
        g_autofree char *value = parameter_value(&record->params[i]);
        if (value)
            setting_list_add(def->knobs, &key, value, NULL, NULL);
    }
    setting_list_sort(def->knobs);
    return is_told;
}

void call_read_polling(VirtCall *call, GuestDef *def)
{
    virDomainPtr domains[] = {call->domain, NULL};
    bool is_told = cpuset_is_empty(def->iothreads);

    for (unsigned i = 0; !is_told && i < STATS_TRIES; i++) {
        virDomainStatsRecordPtr *records = NULL;
        if (i > 0)
            g_usleep(STATS_PAUSE_USEC);
        int n = virDomainListGetStats(domains, VIR_DOMAIN_STATS_IOTHREAD, &records,
                                      VIR_CONNECT_GET_ALL_DOMAINS_STATS_NOWAIT);
        if (n < 0)
            return;
        is_told = n > 0 && record_read(records[0], def);
        virDomainStatsRecordListFree(records);
    }
}
