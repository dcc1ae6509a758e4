/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Keys of network.* → Settings. What a NIC can have follows from its type: who moves its packets,
 * and what libvirt and QEMU take for it. They refuse the rest when the guest starts, or ignore it;
 * here it is told as unsupported.
 */
#include "plan/knobs.h"

#include "model/policy-key.h"

#include <string.h>

/* QEMU's default, and the most where it moves the packets itself or through a TAP device: older
 * versions cut a larger number, newer ones refuse to start. */
#define MAX_TX_OF_TAP "256"
/* Linux: MAX_TAP_QUEUES, and the same for macvtap. */
#define MAX_TAP_QUEUES 256
/* libvirt hands rates and bursts to tc, whose "kbps" are thousands of bytes a second and whose "kb"
 * are 1024 bytes. */
#define RATE_UNIT 1000
#define BURST_UNIT 1024

typedef enum NicAbility {
    NIC_TAP = 1 << 0,       /* the kernel's vhost or QEMU moves the packets */
    NIC_OUTSIDE = 1 << 1,   /* another process or the hardware does, and offers so many queues */
    NIC_QUEUES = 1 << 2,    /* more than one */
    NIC_MTU = 1 << 3,       /* libvirt sets it */
    NIC_BANDWIDTH = 1 << 4, /* libvirt limits it */
    NIC_SHARED = 1 << 5,    /* works with shared memory only */
} NicAbility;

static const struct {
    const char *type;
    unsigned abilities;
} types[] = {
    {"network", NIC_TAP | NIC_QUEUES | NIC_MTU | NIC_BANDWIDTH},
    {"bridge", NIC_TAP | NIC_QUEUES | NIC_MTU | NIC_BANDWIDTH},
    {"ethernet", NIC_TAP | NIC_QUEUES | NIC_MTU | NIC_BANDWIDTH},
    {"direct", NIC_TAP | NIC_QUEUES | NIC_BANDWIDTH},
    {"vhostuser", NIC_OUTSIDE | NIC_QUEUES | NIC_MTU | NIC_SHARED},
    {"vdpa", NIC_OUTSIDE | NIC_QUEUES},
};

typedef struct Nic {
    const KnobWants *wants;
    const GuestNic *nic;
    unsigned abilities;
    const char *name;     /* MAC address in lower case; the alias if it has none */
    const char *unusable; /* why nothing can be set on it; NULL: it can */
    bool teamed;          /* one that is passed through has its MAC address too */
    bool vhost;           /* NIC_TAP: vhost moves its packets after the next start */
} Nic;

typedef enum NicOutcome { NIC_WANT, NIC_LEAVE, NIC_REFUSE } NicOutcome;

/* What a key comes to for one NIC. */
typedef struct NicValue {
    NicOutcome outcome;
    char *value;        /* NULL: not set */
    const char *reason; /* NIC_REFUSE: why; else NULL: set by the policy */
} NicValue;

typedef struct NicRow {
    Knob knob;
    PolicyKey key;
    bool virtio; /* only virtio NICs have it */
    void (*decide)(const Nic *nic, const PolicyValue *by, NicValue *ret);
} NicRow;

static void refuse(NicValue *ret, const char *reason)
{
    ret->outcome = NIC_REFUSE;
    ret->reason = reason;
}

static const char *now(const Nic *nic, Knob knob)
{
    KnobTarget target = {.knob = knob, .device = nic->name};

    return knob_now(nic->wants, &target);
}

static bool can(const Nic *nic, NicAbility ability)
{
    return (nic->abilities & ability) != 0;
}

/* --- each key --- */

/* auto: libvirt takes vhost where it can when the definition says nothing, so a definition that
 * comes to what it should is left alone. */
static void decide_auto_driver(const Nic *nic, NicValue *ret)
{
    const char *driver = now(nic, KNOB_NET_DRIVER);

    if (nic->wants->topo->no_vhost_net) {
        ret->value = g_strdup(g_strcmp0(driver, "vhost") == 0 ? "qemu" : driver);
        ret->reason = "this host has no /dev/vhost-net";
    } else {
        ret->value = g_strdup(g_strcmp0(driver, "qemu") == 0 ? "vhost" : driver);
        ret->reason = "vhost, which libvirt takes unless told otherwise";
    }
}

static void decide_driver(const Nic *nic, const PolicyValue *by, NicValue *ret)
{
    bool is_auto = g_str_equal(by->text, "auto"), is_vhost = g_str_equal(by->text, "vhost");

    if (can(nic, NIC_TAP) && is_auto) {
        decide_auto_driver(nic, ret);
        return;
    }
    ret->value = g_strdup(by->text);
    if (is_auto)
        ret->outcome = NIC_LEAVE;
    else if (can(nic, NIC_OUTSIDE))
        refuse(ret, "its packets are moved outside of QEMU");
    else if (!can(nic, NIC_TAP) && is_vhost)
        refuse(ret, "vhost serves TAP and macvtap devices only");
    else if (!can(nic, NIC_TAP))
        ret->outcome = NIC_LEAVE;
    else if (is_vhost && nic->wants->topo->no_vhost_net)
        refuse(ret, "this host has no /dev/vhost-net");
}

/* A queue pair for each vCPU, each with a worker of vhost. */
static unsigned queues_auto(const Nic *nic, const char **ret_reason)
{
    const KnobWants *wants = nic->wants;
    unsigned cpus = (unsigned)hwloc_bitmap_weight(wants->topo->online);
    unsigned n = wants->def->max_vcpus;

    *ret_reason = n > 1 ? "one for each vCPU" : "the guest has one vCPU";
    if (!can(nic, NIC_TAP)) {
        *ret_reason = "more than one cannot be had with this type of NIC";
        return 1;
    }
    if (!nic->vhost) {
        *ret_reason = "QEMU moves the packets of all queues in one thread";
        return 1;
    }
    if (n > MIN(cpus, MAX_TAP_QUEUES))
        *ret_reason = cpus < MAX_TAP_QUEUES ? "one for each CPU of the host" : "the most there are";
    return MIN(n, MIN(cpus, MAX_TAP_QUEUES));
}

static void decide_queues(const Nic *nic, const PolicyValue *by, NicValue *ret)
{
    /* the kernel attaches to a TAP device only as it was made: with many queues, or with one */
    if (by->kind == VALUE_WORD && (can(nic, NIC_OUTSIDE) || nic->nic->is_premade)) {
        ret->outcome = NIC_LEAVE;
    } else if (by->kind == VALUE_WORD) {
        ret->value = g_strdup_printf("%u", queues_auto(nic, &ret->reason));
    } else {
        ret->value = g_strdup_printf("%" G_GUINT64_FORMAT, by->u);
        if (by->u > 1 && !can(nic, NIC_QUEUES))
            refuse(ret, "more than one cannot be had with this type of NIC");
        else if (nic->nic->is_premade)
            refuse(ret, "its TAP device is not libvirt's (managed='no'): its queues are as made");
        else if (can(nic, NIC_SHARED) && !nic->wants->def->shared_memory)
            refuse(ret, "vhost-user needs shared memory: <memoryBacking><access mode='shared'/>");
    }
}

static void decide_word(const Nic *nic, const PolicyValue *by, NicValue *ret)
{
    (void)nic;
    ret->value = g_strdup(by->text);
}

static void decide_tx_queue_size(const Nic *nic, const PolicyValue *by, NicValue *ret)
{
    ret->value = g_strdup(by->text);
    if (!can(nic, NIC_OUTSIDE) && !g_str_equal(by->text, MAX_TX_OF_TAP))
        refuse(ret, "more than " MAX_TX_OF_TAP " work with vhost-user and vDPA only");
}

static void decide_bool(const Nic *nic, const PolicyValue *by, NicValue *ret)
{
    (void)nic;
    ret->value = g_strdup(by->u ? "on" : "off");
}

/* QEMU offers the guest what its backend has, and silently nothing else. */
static void decide_packed(const Nic *nic, const PolicyValue *by, NicValue *ret)
{
    decide_bool(nic, by, ret);
    if (by->u && can(nic, NIC_TAP) && nic->vhost)
        refuse(ret, "the kernel's vhost has no packed virtqueues");
}

static void decide_mtu(const Nic *nic, const PolicyValue *by, NicValue *ret)
{
    ret->value = g_strdup_printf("%" G_GUINT64_FORMAT, by->u);
    if (!can(nic, NIC_MTU))
        refuse(ret, "libvirt sets no MTU for this type of NIC");
}

/* As libvirt counts; rounded up, as 0 would be no limit. False: more than its calls can carry. */
static bool bandwidth_field(const PolicyValue *value, uint64_t unit, char **ret)
{
    if (!value)
        return true;
    uint64_t n = value->u / unit + (value->u % unit != 0);
    *ret = g_strdup_printf("%" G_GUINT64_FORMAT, n);
    return n <= UINT32_MAX;
}

static void decide_bandwidth(const Nic *nic, const PolicyValue *by, NicValue *ret)
{
    const KnobInfo *info = knob_info(KNOB_NET_INBOUND);
    const PolicyValue *average = policy_value_entry(by, "average");
    char *texts[] = {NULL, NULL, NULL};
    bool fits = bandwidth_field(average, RATE_UNIT, &texts[0]);

    fits = bandwidth_field(policy_value_entry(by, "peak"), RATE_UNIT, &texts[1]) && fits;
    fits = bandwidth_field(policy_value_entry(by, "burst"), BURST_UNIT, &texts[2]) && fits;
    if (average && average->u == 0)
        ret->reason = "no limit";
    else
        ret->value = knob_fields_format(info, (const char *const *)texts);
    for (unsigned i = 0; i < G_N_ELEMENTS(texts); i++)
        g_free(texts[i]);
    if (!can(nic, NIC_BANDWIDTH))
        refuse(ret, "libvirt has no limits for this type of NIC");
    else if (nic->teamed && nic->wants->plane == PLANE_LIVE)
        refuse(ret, "libvirt's call for it cannot tell two NICs of one MAC address apart");
    else if (!average)
        refuse(ret, "needs average");
    else if (!fits)
        refuse(ret, "a number too large for libvirt");
}

static const NicRow rows[] = {
    {KNOB_NET_DRIVER, KEY_NETWORK_DRIVER, true, decide_driver},
    {KNOB_NET_QUEUES, KEY_NETWORK_QUEUES, true, decide_queues},
    {KNOB_NET_RX_QUEUE_SIZE, KEY_NETWORK_RX_QUEUE_SIZE, true, decide_word},
    {KNOB_NET_TX_QUEUE_SIZE, KEY_NETWORK_TX_QUEUE_SIZE, true, decide_tx_queue_size},
    {KNOB_NET_PACKED, KEY_NETWORK_PACKED, true, decide_packed},
    {KNOB_NET_EVENT_IDX, KEY_NETWORK_EVENT_IDX, true, decide_bool},
    {KNOB_NET_MTU, KEY_NETWORK_MTU, false, decide_mtu},
    {KNOB_NET_INBOUND, KEY_NETWORK_INBOUND, false, decide_bandwidth},
    {KNOB_NET_OUTBOUND, KEY_NETWORK_OUTBOUND, false, decide_bandwidth},
};

/* --- each NIC --- */

static unsigned abilities_of(const char *type)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(types); i++)
        if (g_str_equal(types[i].type, type))
            return types[i].abilities;
    return 0;
}

static bool is_virtio(const GuestNic *nic)
{
    return g_str_equal(nic->type, "vdpa") || (nic->model && g_str_has_prefix(nic->model, "virtio"));
}

static bool is_passed_through(const GuestNic *nic)
{
    return g_str_equal(nic->type, "hostdev");
}

/* How many other NICs have this MAC address, of those passed through or of the rest. */
static unsigned count_twins(const GuestDef *def, const GuestNic *nic, bool passed_through)
{
    unsigned n = 0;

    for (unsigned i = 0; i < def->n_nics; i++) {
        const GuestNic *other = &def->nics[i];
        n += other != nic && is_passed_through(other) == passed_through &&
             g_ascii_strcasecmp(other->mac, nic->mac) == 0;
    }
    return n;
}

static const char *why_unusable(const GuestDef *def, const GuestNic *nic)
{
    SettingKey key = {.knob = KNOB_NET_QUEUES};

    if (is_passed_through(nic))
        return "a device of the host, passed through";
    if (!setting_key_set_device(&key, nic->mac))
        return "it has no MAC address to name it by";
    return count_twins(def, nic, false) > 0 ? "several NICs have this MAC address" : NULL;
}

static const PolicyValue *policy_of(const Nic *nic, PolicyKey key)
{
    return knob_policy(nic->wants, key, KEY_NETWORK_NICS, nic->name, nic->nic->alias);
}

/* By the policy if it says and can have it, else by the definition. */
static bool uses_vhost(const Nic *nic)
{
    const PolicyValue *by = policy_of(nic, KEY_NETWORK_DRIVER);
    const char *driver = now(nic, KNOB_NET_DRIVER);

    if (!can(nic, NIC_TAP) || nic->wants->topo->no_vhost_net)
        return false;
    return by ? !g_str_equal(by->text, "qemu") : g_strcmp0(driver, "qemu") != 0;
}

static void decide(const Nic *nic, const NicRow *row, const PolicyValue *by, NicValue *ret)
{
    const char *why = nic->unusable;

    if (!why && row->virtio && !is_virtio(nic->nic))
        why = "not a virtio NIC";
    row->decide(nic, by, ret);
    if (!why)
        return;
    refuse(ret, why);
    if (by->text) {
        g_free(ret->value);
        ret->value = g_strdup(by->text);
    }
}

static void want_key(const Nic *nic, const NicRow *row)
{
    const PolicyValue *by = policy_of(nic, row->key);
    KnobTarget target = {.knob = row->knob, .device = nic->name};
    NicValue value = {.outcome = NIC_WANT};

    if (!by)
        return;
    decide(nic, row, by, &value);
    g_autofree char *reason =
        value.reason ? g_strdup(value.reason)
                     : g_strdup_printf("%s of the policy", policy_key_info(row->key)->path);
    switch (value.outcome) {
    case NIC_WANT:
        knob_want(nic->wants, &target, value.value, reason, by);
        break;
    case NIC_REFUSE:
        knob_unsupported(nic->wants, &target, value.value, reason, by);
        break;
    case NIC_LEAVE:
        break;
    }
    g_free(value.value);
}

static void want_nic(const KnobWants *wants, const GuestNic *nic)
{
    Nic one = {.wants = wants,
               .nic = nic,
               .abilities = abilities_of(nic->type),
               .unusable = why_unusable(wants->def, nic),
               .teamed = count_twins(wants->def, nic, true) > 0};
    SettingKey key = {.knob = KNOB_NET_QUEUES};
    const char *name = setting_key_set_device(&key, nic->mac) ? nic->mac : nic->alias;
    g_autofree char *lower = g_ascii_strdown(name ? name : "", -1);

    one.name = lower;
    one.vhost = uses_vhost(&one);
    for (unsigned i = 0; i < G_N_ELEMENTS(rows); i++)
        want_key(&one, &rows[i]);
}

/* A device that is passed through may have a virtio NIC with its MAC address to fall back on while
 * it migrates (<teaming>): the keys are for that one. */
void knobs_want_network(const KnobWants *wants)
{
    const GuestDef *def = wants->def;

    for (unsigned i = 0; i < def->n_nics; i++)
        if (!is_passed_through(&def->nics[i]) || count_twins(def, &def->nics[i], false) == 0)
            want_nic(wants, &def->nics[i]);
}
