/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Metrics of the host: its settings, CPUs and page pools. */
#include "report/metric-table.h"
#include "report/report-parts.h"

#include "base/util.h"

static void add_host_state(const Snapshot *snapshot, MetricText *text)
{
    if (snapshot->host.host)
        metric_text_add(text, VALUES(parts_host_state(&snapshot->host)), 1);
}

static void add_host_cpus(const Snapshot *snapshot, MetricText *text)
{
    const Plan *plan = snapshot->plan;

    if (!plan || !snapshot->topo)
        return;
    const struct {
        const char *name;
        const CpuSet *cpus;
    } sets[] = {{"online", snapshot->topo->online},
                {"exclusive", plan->exclusive},
                {"shared", plan->shared},
                {"housekeeping", plan->housekeeping}};
    for (size_t i = 0; i < G_N_ELEMENTS(sets); i++)
        metric_text_add(text, VALUES(sets[i].name), cpuset_weight(sets[i].cpus));
}

static void add_pools(const Snapshot *snapshot, MetricText *text,
                      uint64_t (*pages)(const HostPool *pool))
{
    const Host *host = snapshot->host.host;

    for (unsigned i = 0; host && i < host->n_pools; i++) {
        const HostPool *pool = &host->pools[i];
        g_autofree char *node = g_strdup_printf("%u", pool->node);
        g_autofree char *size = format_size_kib(pool->size_kib);
        metric_text_add(text, VALUES(node, size), (double)pages(pool));
    }
}

static uint64_t pool_total(const HostPool *pool)
{
    return pool->total;
}

static uint64_t pool_free(const HostPool *pool)
{
    return pool->free;
}

static void add_pool_pages(const Snapshot *snapshot, MetricText *text)
{
    add_pools(snapshot, text, pool_total);
}

static void add_pool_free_pages(const Snapshot *snapshot, MetricText *text)
{
    add_pools(snapshot, text, pool_free);
}

/* --- the table --- */

const Metric metrics_host[] = {
    {
        .family = {.name = "vmtuned_host_state",
                   .type = METRIC_GAUGE,
                   .help = "Always 1: the label has how the host's own settings stand.",
                   .labels = {"state"}},
        .add = add_host_state,
    },
    {
        .family = {.name = "vmtuned_host_cpus",
                   .type = METRIC_GAUGE,
                   .help = "CPUs that are online, of one guest alone, of all others, and for the "
                           "host; sets may overlap.",
                   .labels = {"set"}},
        .add = add_host_cpus,
    },
    {
        .family = {.name = "vmtuned_page_pool_pages",
                   .type = METRIC_GAUGE,
                   .help = "Pages in each pool of huge pages.",
                   .labels = {"node", "size"}},
        .add = add_pool_pages,
    },
    {
        .family = {.name = "vmtuned_page_pool_free_pages",
                   .type = METRIC_GAUGE,
                   .help = "Of the pages in a pool, those that nobody uses.",
                   .labels = {"node", "size"}},
        .add = add_pool_free_pages,
    },
    {.family = {.name = NULL}},
};
