/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Pools of huge pages: how large each is to be, and who would not start for want of pages.
 *
 * A pool is to hold what running guests have, what others have or are promised ("reserved"), and
 * what the guests that are off will need: those that start by themselves or that a rule names. A
 * guest is given all its pages or none, since with less it does not start; so where a pool could
 * not grow as far as was wanted, no more is wanted than serves whole guests, and the rest goes
 * back. Only what vmtuned added goes back: a pool never gets smaller than it was before.
 */
#include "plan/host-plan.h"

#include <stdlib.h>
#include <string.h>

/* Of a node's memory, what is left for the kernel itself when pools grow. */
#define KEPT_PCT 5u

typedef struct Pool {
    const HostPool *is;
    const TopoNode *node; /* NULL: the topology does not know it */
    PolicyPool policy;
    uint64_t held;     /* pages of running guests */
    uint64_t kept;     /* for others than guests */
    uint64_t assigned; /* to guests that are off */
    uint64_t most;     /* it can have */
    uint64_t floor;    /* it had before vmtuned, or is never to go below */
} Pool;

typedef struct Pools {
    const HostInput *input;
    HostPlan *plan;
    const PolicyValue *by; /* host.hugepages: auto; NULL: pools are left as they are */
    const CpuSet *usual;   /* nodes of what nothing binds */
    Pool *pools;
    unsigned n;
    bool tells; /* who gets none */
} Pools;

/* Pages a guest needs of one size on some nodes. */
typedef struct Need {
    unsigned size_kib;
    uint64_t asked; /* by its definition */
    uint64_t pages; /* of those, what it has not yet */
    const CpuSet *nodes;
} Need;

static uint64_t minus_floor(uint64_t a, uint64_t b)
{
    return a > b ? a - b : 0;
}

/* --- who needs what --- */

/* Pages of that size a guest has, as measured; node -1: on all nodes. */
static uint64_t measured(const HostGuest *entry, int node, unsigned size_kib)
{
    const GuestKernel *kernel = entry->guest->kernel;
    uint64_t kib = 0;

    for (unsigned i = 0; kernel && i < kernel->n_pages; i++)
        if ((node < 0 || kernel->pages[i].node == (unsigned)node) &&
            kernel->pages[i].page_kib == size_kib && !kernel->pages[i].transparent)
            kib += kernel->pages[i].kib;
    return kib / size_kib;
}

static bool runs_on_pages(const HostGuest *entry)
{
    return entry->guest->active && entry->guest->live && entry->guest->live->has_hugepages;
}

/* Of the process it is, or will be. */
static const GuestDef *def_of(const HostGuest *entry)
{
    return entry->guest->active ? entry->guest->live : entry->guest->config;
}

static bool counts(const HostGuest *entry)
{
    const Guest *guest = entry->guest;

    return !guest->active && guest->persistent && guest->config && guest->config->has_hugepages &&
           (guest->autostart || entry->policy->named);
}

static int entry_compare(const void *a, const void *b)
{
    const HostGuest *one = *(const HostGuest *const *)a, *two = *(const HostGuest *const *)b;
    unsigned priority_one = guest_policy_get_priority(one->policy);
    unsigned priority_two = guest_policy_get_priority(two->policy);

    if (priority_one != priority_two)
        return priority_one > priority_two ? -1 : 1;
    int order = strcmp(one->guest->name, two->guest->name);
    return order != 0 ? order : strcmp(one->guest->uuid, two->guest->uuid);
}

/* Where a cell's pages will be. */
static const CpuSet *need_nodes(const Pools *pools, const HostGuest *entry, const GuestCell *cell)
{
    const GuestDef *def = def_of(entry);
    const PolicyValue *listed = guest_policy_get(entry->policy, KEY_NUMA_NODES);

    if (cell && cell->nodes && cell->strict)
        return cell->nodes;
    /* restrictive is the cpuset of QEMU's threads: their pages come from nowhere else */
    if ((def->numa_mode == NUMA_STRICT || def->numa_mode == NUMA_RESTRICTIVE) && !def->numa_auto &&
        !cpuset_is_empty(def->numa_nodeset))
        return def->numa_nodeset;
    if (listed && listed->kind == VALUE_SET &&
        cpuset_intersects(listed->set, pools->input->topo->allowed_mems))
        return listed->set;
    return pools->usual;
}

/* Memory-only nodes are used when told only. Owned by the caller. */
static CpuSet *usual_nodes(const Topo *topo)
{
    g_autoptr(CpuSet) with_cpus = cpuset_new();

    for (unsigned i = 0; i < topo->n_nodes; i++)
        if (!cpuset_is_empty(topo->nodes[i].cpus))
            hwloc_bitmap_set(with_cpus, topo->nodes[i].os_index);
    return cpuset_intersects(with_cpus, topo->allowed_mems)
               ? cpuset_and(with_cpus, topo->allowed_mems)
               : cpuset_copy(topo->allowed_mems);
}

static void needs_add(const Pools *pools, const HostGuest *entry, const GuestCell *cell,
                      GArray *needs)
{
    const GuestDef *def = def_of(entry);
    unsigned base = pools->input->topo->base_page_kib;
    unsigned size = guest_def_page_kib(def, cell ? cell->id : 0, base);
    uint64_t kib = cell ? cell->memory_kib : def->memory_kib;
    Need need = {.size_kib = size,
                 .asked = (kib + size - 1) / size,
                 .nodes = need_nodes(pools, entry, cell)};

    if (size != base)
        g_array_append_val(needs, need);
}

/* What it has already is no need any more: a guest gets its pages while it starts. */
static void needs_less_measured(const HostGuest *entry, GArray *needs)
{
    for (guint i = 0; i < needs->len; i++) {
        Need *need = &g_array_index(needs, Need, i);
        uint64_t has = measured(entry, -1, need->size_kib);
        for (guint j = 0; j < i; j++) {
            const Need *before = &g_array_index(needs, Need, j);
            if (before->size_kib == need->size_kib)
                has = minus_floor(has, before->asked);
        }
        need->pages = minus_floor(need->asked, has);
    }
}

static GArray *needs_of(const Pools *pools, const HostGuest *entry)
{
    const GuestDef *def = def_of(entry);
    GArray *needs = g_array_new(FALSE, FALSE, sizeof(Need));

    for (unsigned i = 0; i < def->n_cells; i++)
        needs_add(pools, entry, &def->cells[i], needs);
    if (def->n_cells == 0)
        needs_add(pools, entry, NULL, needs);
    needs_less_measured(entry, needs);
    return needs;
}

/* Pages of that size running guests are still to get. */
static uint64_t missing_pages(const Pools *pools, unsigned size_kib)
{
    uint64_t pages = 0;

    for (unsigned i = 0; i < pools->input->n_guests; i++) {
        if (!runs_on_pages(&pools->input->guests[i]))
            continue;
        g_autoptr(GArray) needs = needs_of(pools, &pools->input->guests[i]);
        for (guint j = 0; j < needs->len; j++)
            if (g_array_index(needs, Need, j).size_kib == size_kib)
                pages += g_array_index(needs, Need, j).pages;
    }
    return pages;
}

/* --- what is there --- */

static uint64_t ordinary_measured(const GuestKernel *kernel, unsigned node, unsigned base_kib)
{
    uint64_t kib = 0;

    for (unsigned i = 0; kernel && i < kernel->n_pages; i++)
        if (kernel->pages[i].node == node &&
            (kernel->pages[i].transparent || kernel->pages[i].page_kib == base_kib))
            kib += kernel->pages[i].kib;
    return kib;
}

static uint64_t ordinary_planned(const GuestPlan *plan, unsigned node, unsigned base_kib)
{
    uint64_t kib = 0;

    for (unsigned i = 0; plan && plan->page_size_kib == base_kib && i < plan->n_memory; i++)
        if (plan->memory[i].node == node)
            kib += plan->memory[i].mib * 1024;
    return kib;
}

/* Ordinary memory of running guests on that node: what they have, and are yet to touch. */
static uint64_t ordinary_kib(const Pools *pools, unsigned node)
{
    unsigned base_kib = pools->input->topo->base_page_kib;
    uint64_t kib = 0;

    for (unsigned i = 0; i < pools->input->n_guests; i++) {
        const HostGuest *entry = &pools->input->guests[i];
        kib += MAX(ordinary_measured(entry->guest->kernel, node, base_kib),
                   ordinary_planned(entry->plan, node, base_kib));
    }
    return kib;
}

static uint64_t pools_kib(const Host *host, unsigned node)
{
    uint64_t kib = 0;

    for (unsigned i = 0; i < host->n_pools; i++)
        if (host->pools[i].node == node)
            kib += host->pools[i].total * host->pools[i].size_kib;
    return kib;
}

/* Pages by which the pool can grow: what the node has beside pools and ordinary memory of guests,
 * less what is to stay. */
static uint64_t growth(const Pools *pools, const Pool *pool)
{
    const HostInput *input = pools->input;
    uint64_t kib = pool->node ? pool->node->memory_kib : 0;

    kib -= kib / 100 * KEPT_PCT;
    kib = minus_floor(kib, policy_get_reserved_memory_kib(input->policy, pool->is->node));
    kib = minus_floor(kib, pools_kib(input->host, pool->is->node));
    kib = minus_floor(kib, ordinary_kib(pools, pool->is->node));
    return kib / pool->is->size_kib;
}

static const Setting *setting_of(const SettingList *list, const HostPool *pool)
{
    const SettingKey key = host_pool_key(pool->node, pool->size_kib);

    return list ? setting_list_find(list, &key) : NULL;
}

static uint64_t number_of(const Setting *setting, uint64_t absent)
{
    return setting && setting->value ? g_ascii_strtoull(setting->value, NULL, 10) : absent;
}

static void pool_fill(const Pools *pools, Pool *pool)
{
    const HostInput *input = pools->input;
    const HostPool *is = pool->is;
    const Setting *ceiling = setting_of(input->ceilings, is);

    pool->node = topo_node(input->topo, is->node);
    pool->policy = policy_get_pool(input->policy, is->node, is->size_kib);
    for (unsigned i = 0; i < input->n_guests; i++)
        if (runs_on_pages(&input->guests[i]))
            pool->held += measured(&input->guests[i], (int)is->node, is->size_kib);
    uint64_t others = minus_floor(minus_floor(is->total, is->free),
                                  pool->held + missing_pages(pools, is->size_kib));
    pool->kept = MAX(others, pool->policy.reserved);
    pool->most = pools->by ? is->total + growth(pools, pool) : is->total;
    if (ceiling)
        pool->most = MIN(pool->most, MAX(number_of(ceiling, 0), is->total));
    pool->floor = number_of(setting_of(input->originals, is), is->total);
}

/* --- who gets what --- */

/* Pages left in a pool as it is, or as large as it can be. */
static uint64_t left_in(const Pool *pool, bool as_it_is)
{
    uint64_t total = as_it_is ? MIN(pool->is->total, pool->most) : pool->most;

    return minus_floor(total, pool->held + pool->kept + pool->assigned);
}

static bool serves(const Pool *pool, const Need *need)
{
    return pool->is->size_kib == need->size_kib && cpuset_has(need->nodes, pool->is->node);
}

/* The pool with least left that has enough as it is; else the one that can have most of those that
 * can have enough. NULL: none can. */
static Pool *one_pool_for(const Pools *pools, const Need *need)
{
    Pool *now = NULL, *grown = NULL;

    for (unsigned i = 0; i < pools->n; i++) {
        Pool *pool = &pools->pools[i];
        if (!serves(pool, need))
            continue;
        if (left_in(pool, true) >= need->pages &&
            (!now || left_in(pool, true) < left_in(now, true)))
            now = pool;
        if (left_in(pool, false) >= need->pages &&
            (!grown || left_in(pool, false) > left_in(grown, false)))
            grown = pool;
    }
    return now ? now : grown;
}

/* Over several pools, those with most first. What is left over. */
static uint64_t spread(const Pools *pools, const Need *need)
{
    uint64_t pages = need->pages;

    while (pages > 0) {
        Pool *best = NULL;
        for (unsigned i = 0; i < pools->n; i++) {
            Pool *pool = &pools->pools[i];
            if (serves(pool, need) && left_in(pool, false) > 0 &&
                (!best || left_in(pool, false) > left_in(best, false)))
                best = pool;
        }
        if (!best)
            break;
        uint64_t part = MIN(pages, left_in(best, false));
        best->assigned += part;
        pages -= part;
    }
    return pages;
}

static uint64_t assign(const Pools *pools, const Need *need)
{
    Pool *pool = one_pool_for(pools, need);

    if (!pool)
        return spread(pools, need);
    pool->assigned += need->pages;
    return 0;
}

static void tell_shortage(const Pools *pools, const Guest *guest, const Need *need, uint64_t pages)
{
    MemoryShortage *shortage = g_new0(MemoryShortage, 1);

    shortage->uuid = g_strdup(guest->uuid);
    shortage->name = g_strdup(guest->name);
    shortage->node = cpuset_weight(need->nodes) == 1 ? (int)cpuset_first(need->nodes) : -1;
    shortage->size_kib = need->size_kib;
    shortage->pages = pages;
    g_ptr_array_add(pools->plan->shortages, shortage);
}

/* All or nothing. */
static void serve(const Pools *pools, const HostGuest *entry)
{
    g_autoptr(GArray) needs = needs_of(pools, entry);
    g_autofree uint64_t *before = g_new0(uint64_t, pools->n + 1);

    for (unsigned i = 0; i < pools->n; i++)
        before[i] = pools->pools[i].assigned;
    for (guint i = 0; i < needs->len; i++) {
        const Need *need = &g_array_index(needs, Need, i);
        uint64_t missing = assign(pools, need);
        if (missing == 0)
            continue;
        if (!entry->guest->active && pools->tells)
            tell_shortage(pools, entry->guest, need, missing);
        for (unsigned j = 0; j < pools->n; j++)
            pools->pools[j].assigned = before[j];
        return;
    }
}

static void serve_all(const Pools *pools)
{
    const HostInput *input = pools->input;
    g_autofree const HostGuest **order = g_new0(const HostGuest *, input->n_guests + 1);
    unsigned n = 0;

    for (unsigned i = 0; i < input->n_guests; i++)
        if (runs_on_pages(&input->guests[i]))
            serve(pools, &input->guests[i]);
    for (unsigned i = 0; i < input->n_guests; i++)
        if (counts(&input->guests[i]))
            order[n++] = &input->guests[i];
    if (n > 0)
        qsort(order, n, sizeof(order[0]), entry_compare);
    for (unsigned i = 0; i < n; i++)
        serve(pools, order[i]);
}

/* --- what is wanted --- */

static void want(const Pools *pools, const Pool *pool)
{
    const SettingKey key = host_pool_key(pool->is->node, pool->is->size_kib);
    uint64_t need = pool->held + pool->kept + pool->assigned;
    uint64_t least = MIN(pool->policy.min, MAX(pool->most, pool->is->total));
    uint64_t pages = MAX(MAX(pool->floor, least), MIN(need, MAX(pool->most, pool->is->total)));
    const PolicyValue *by = pool->policy.origin ? pool->policy.origin : pools->by;
    g_autofree char *value = g_strdup_printf("%" G_GUINT64_FORMAT, pages);
    g_autofree char *origin = origin_format(&by->origin);
    g_autofree char *reason = g_strdup_printf(
        "%" G_GUINT64_FORMAT " of running guests, %" G_GUINT64_FORMAT " for guests to start, "
        "%" G_GUINT64_FORMAT " of others; at least %" G_GUINT64_FORMAT,
        pool->held, pool->assigned, pool->kept, MAX(pool->floor, pool->policy.min));

    setting_list_add(pools->plan->wanted, &key, value, reason, origin);
}

/* Pools the policy names and this host does not have. */
static void tell_absent(const Pools *pools)
{
    const PolicyValue *list =
        policy_value_entry(pools->input->policy->values[KEY_HOST_HUGEPAGES], "pools");

    for (unsigned i = 0; list && i < list->n_entries; i++) {
        const PolicyValue *entry = list->entries[i].value;
        const PolicyValue *node = policy_value_entry(entry, "node");
        const PolicyValue *size = policy_value_entry(entry, "size");
        bool found = false;
        for (unsigned j = 0; j < pools->n && node && size; j++)
            found |= pools->pools[j].is->node == node->u &&
                     pools->pools[j].is->size_kib == size->u / 1024;
        if (found || !node || !size)
            continue;
        const SettingKey key = host_pool_key((unsigned)node->u, (unsigned)(size->u / 1024));
        g_autofree char *origin = origin_format(&entry->origin);
        setting_list_add(pools->plan->unsupported, &key, NULL, "this host has no such pool",
                         origin);
    }
}

/* Mode observe: pools are not grown, so what they have now decides who would start. */
static void tell_as_they_are(Pools *pools)
{
    for (unsigned i = 0; i < pools->n; i++) {
        pools->pools[i].assigned = 0;
        pools->pools[i].most = pools->pools[i].is->total;
    }
    pools->tells = true;
    serve_all(pools);
}

void pools_plan(const HostInput *input, HostPlan *plan)
{
    Pools pools = {.input = input,
                   .plan = plan,
                   .by = policy_get_auto_pools(input->policy),
                   .n = input->host->n_pools};
    bool grows = !pools.by || policy_get_mode(input->policy) == MODE_ENFORCE;
    g_autofree Pool *all = g_new0(Pool, pools.n + 1);
    g_autoptr(CpuSet) usual = usual_nodes(input->topo);

    pools.pools = all;
    pools.usual = usual;
    for (unsigned i = 0; i < pools.n; i++) {
        all[i].is = &input->host->pools[i];
        pool_fill(&pools, &all[i]);
    }
    pools.tells = grows;
    serve_all(&pools);
    tell_absent(&pools);
    for (unsigned i = 0; pools.by && i < pools.n; i++)
        want(&pools, &all[i]);
    if (!grows)
        tell_as_they_are(&pools);
}
