/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "property/random-nics.h"

#define MAX_NICS 3

static const char *const types[] = {"network",   "network", "bridge", "ethernet", "direct",
                                    "vhostuser", "vdpa",    "user",   "hostdev"};
static const char *const models[] = {"virtio", "virtio", "virtio", "virtio-transitional", "e1000e"};

/* What a definition may say of a NIC; NULL: nothing. */
static const struct {
    Knob knob;
    const char *values[4];
} knobs[] = {
    {KNOB_NET_DRIVER, {NULL, NULL, "vhost", "qemu"}},
    {KNOB_NET_QUEUES, {NULL, NULL, "2", "8"}},
    {KNOB_NET_RX_QUEUE_SIZE, {NULL, NULL, "512", "1024"}},
    {KNOB_NET_TX_QUEUE_SIZE, {NULL, NULL, NULL, "512"}},
    {KNOB_NET_PACKED, {NULL, NULL, "on", "off"}},
    {KNOB_NET_EVENT_IDX, {NULL, NULL, "on", "off"}},
    {KNOB_NET_MTU, {NULL, NULL, "1500", "9000"}},
    {KNOB_NET_INBOUND, {NULL, NULL, "average=100", "average=1000,peak=2000,burst=64"}},
    {KNOB_NET_OUTBOUND, {NULL, NULL, NULL, "average=7"}},
};

void random_nics(Random *random, GuestDef *def)
{
    def->n_nics = random_below(random, MAX_NICS + 1);
    def->nics = g_new0(GuestNic, def->n_nics);
    def->shared_memory = random_chance(random, 50);
    for (unsigned i = 0; i < def->n_nics; i++) {
        GuestNic *nic = &def->nics[i];
        SettingKey key = {0};
        nic->mac = g_strdup_printf("52:54:00:00:00:0%u", random_chance(random, 90) ? i : 0);
        nic->alias = g_strdup_printf("net%u", i);
        nic->type = g_strdup(types[random_below(random, G_N_ELEMENTS(types))]);
        nic->model = g_strdup(models[random_below(random, G_N_ELEMENTS(models))]);
        setting_key_set_device(&key, nic->mac);
        for (unsigned j = 0; j < G_N_ELEMENTS(knobs); j++) {
            key.knob = knobs[j].knob;
            setting_list_add(def->knobs, &key, knobs[j].values[random_below(random, 4)], NULL,
                             NULL);
        }
    }
    setting_list_sort(def->knobs);
}

/* "key: value", or nothing. */
static void append_key(Random *random, GString *yaml, const char *key, const char *const *values)
{
    const char *value = values[random_below(random, 4)];

    if (value)
        g_string_append_printf(yaml, "%s%s: %s", g_str_has_suffix(yaml->str, "{") ? "" : ", ", key,
                               value);
}

static void append_keys(Random *random, GString *yaml)
{
    static const struct {
        const char *key, *values[4];
    } keys[] = {
        {"driver", {NULL, "auto", "vhost", "qemu"}},
        {"queues", {NULL, "auto", "auto", "4"}},
        {"rx_queue_size", {NULL, NULL, "256", "1024"}},
        {"tx_queue_size", {NULL, NULL, "256", "1024"}},
        {"packed", {NULL, NULL, "on", "off"}},
        {"event_idx", {NULL, NULL, "on", "off"}},
        {"mtu", {NULL, NULL, NULL, "1400"}},
        {"inbound", {NULL, NULL, "{average: 1MiB/s, peak: 2MiB/s}", "{average: 0}"}},
        {"outbound", {NULL, NULL, "{average: 100KiB/s, burst: 1MiB}", "{peak: 1MiB/s}"}},
    };

    for (unsigned i = 0; i < G_N_ELEMENTS(keys); i++)
        append_key(random, yaml, keys[i].key, keys[i].values);
}

void random_network(Random *random, GString *yaml)
{
    static const char *const names[] = {"52:54:00:00:00:01", "net2"};

    if (random_chance(random, 40))
        return;
    g_string_append(yaml, ", network: {");
    append_keys(random, yaml);
    if (random_chance(random, 50)) {
        g_string_append_printf(yaml, "%snics: {\"%s\": {",
                               g_str_has_suffix(yaml->str, "{") ? "" : ", ",
                               names[random_below(random, G_N_ELEMENTS(names))]);
        append_keys(random, yaml);
        g_string_append(yaml, "}}");
    }
    g_string_append(yaml, "}");
}
