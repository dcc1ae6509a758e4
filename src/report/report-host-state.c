/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The host's own settings, its page pools and memory. */
#include "report/report-parts.h"

static unsigned size_of(const ChangeSet *set)
{
    return set ? change_set_size(set) : 0;
}

/* True if all that differs was changed by somebody else. */
static bool only_drifted(const ChangeSet *left)
{
    for (unsigned i = 0; i < size_of(left); i++)
        if (!change_set_get(left, i)->drift)
            return false;
    return true;
}

const char *parts_host_state(const HostStatus *host)
{
    if (host->released)
        return "released";
    if (size_of(host->refused) > 0)
        return "refused";
    if (size_of(host->left) > 0)
        return only_drifted(host->left) ? "drifted" : "pending";
    return host->plan && setting_list_size(host->plan->wanted) > 0 ? "as-planned" : "untouched";
}

ReportExit parts_host_exit(const HostStatus *host)
{
    bool well = host->released || (size_of(host->left) == 0 && size_of(host->refused) == 0);

    return well ? REPORT_OK : REPORT_MISMATCH;
}

/* What could not be had is wanted no more, but told. */
static struct json_object *setting_row(const HostStatus *host, const Setting *want)
{
    const Setting *now = setting_list_find(host->host->knobs, &want->key);
    const Change *refused = host->refused ? change_set_find(host->refused, &want->key) : NULL;
    struct json_object *row =
        parts_setting(&want->key, want->value, now ? now->value : NULL, want->reason, want->origin);

    json_object_object_add(row, "in_force",
                           json_object_new_boolean(now && g_strcmp0(now->value, want->value) == 0));
    json_object_object_add(row, "refused", parts_text(refused ? refused->reason : NULL));
    return row;
}

static struct json_object *settings_array(const HostStatus *host)
{
    struct json_object *rows = json_object_new_array();

    for (unsigned i = 0; host->plan && i < setting_list_size(host->plan->wanted); i++)
        json_object_array_add(rows, setting_row(host, setting_list_get(host->plan->wanted, i)));
    return rows;
}

static struct json_object *unsupported_array(const HostPlan *plan)
{
    struct json_object *rows = json_object_new_array();

    for (unsigned i = 0; plan && i < setting_list_size(plan->unsupported); i++) {
        const Setting *setting = setting_list_get(plan->unsupported, i);
        json_object_array_add(rows, parts_setting(&setting->key, setting->value, NULL,
                                                  setting->reason, setting->origin));
    }
    return rows;
}

static struct json_object *pools_array(const Host *host)
{
    struct json_object *rows = json_object_new_array();

    for (unsigned i = 0; i < host->n_pools; i++) {
        const HostPool *pool = &host->pools[i];
        struct json_object *row = json_object_new_object();
        json_object_object_add(row, "node", json_object_new_int64(pool->node));
        json_object_object_add(row, "size_kib", json_object_new_int64(pool->size_kib));
        json_object_object_add(row, "total", json_object_new_int64((int64_t)pool->total));
        json_object_object_add(row, "free", json_object_new_int64((int64_t)pool->free));
        json_object_object_add(row, "surplus", json_object_new_int64((int64_t)pool->surplus));
        json_object_array_add(rows, row);
    }
    return rows;
}

static struct json_object *shortages_array(const HostPlan *plan)
{
    struct json_object *rows = json_object_new_array();

    for (guint i = 0; plan && i < plan->shortages->len; i++) {
        const MemoryShortage *shortage = g_ptr_array_index(plan->shortages, i);
        struct json_object *row = json_object_new_object();
        json_object_object_add(row, "name", parts_text(shortage->name));
        json_object_object_add(row, "uuid", parts_text(shortage->uuid));
        json_object_object_add(row, "node",
                               shortage->node < 0 ? NULL : json_object_new_int(shortage->node));
        json_object_object_add(row, "page_kib", json_object_new_int64(shortage->size_kib));
        json_object_object_add(row, "pages", json_object_new_int64((int64_t)shortage->pages));
        json_object_array_add(rows, row);
    }
    return rows;
}

struct json_object *parts_host(const HostStatus *host)
{
    struct json_object *object;

    if (!host->host)
        return NULL;
    object = json_object_new_object();
    json_object_object_add(object, "state", parts_text(parts_host_state(host)));
    json_object_object_add(object, "settings", settings_array(host));
    json_object_object_add(object, "unsupported", unsupported_array(host->plan));
    json_object_object_add(object, "shortages", shortages_array(host->plan));
    json_object_object_add(object, "pools", pools_array(host->host));
    json_object_object_add(object, "memory_kib",
                           json_object_new_int64((int64_t)host->host->memory_kib));
    json_object_object_add(object, "available_kib",
                           json_object_new_int64((int64_t)host->host->available_kib));
    json_object_object_add(object, "pressure_pct",
                           host->host->pressure_pct < 0
                               ? NULL
                               : json_object_new_int64((int64_t)(host->host->pressure_pct + 0.5)));
    json_object_object_add(object, "drift", json_object_new_int64(host->drift_count));
    json_object_object_add(object, "writes", json_object_new_int64(host->write_count));
    return object;
}

struct json_object *report_host(const Snapshot *snapshot)
{
    struct json_object *document = parts_document(
        parts_worse(parts_snapshot_exit(snapshot), parts_host_exit(&snapshot->host)));

    json_object_object_add(document, "host", parts_host(&snapshot->host));
    return document;
}
