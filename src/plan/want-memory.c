/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * memory.page_size, memory.locked, memory.nosharepages, memory.allocation_threads → Settings of the
 * next start. The words of memory.page_size are those of OpenStack's hw:mem_page_size.
 */
#include "plan/knobs.h"

/* Sizes of huge pages of a host are few: x86 has two, arm64 up to four for each base page size. */
#define MAX_PAGE_SIZES 8u

/* Huge pages of this host, the largest first. */
static unsigned page_sizes(const Topo *topo, unsigned *sizes)
{
    unsigned n = 0;

    for (unsigned i = 0; i < topo->n_nodes; i++)
        for (unsigned j = 0; j < topo->nodes[i].n_pools; j++) {
            unsigned size = topo->nodes[i].pools[j].size_kib, at = 0;
            while (at < n && sizes[at] > size)
                at++;
            if (n == MAX_PAGE_SIZES || (at < n && sizes[at] == size))
                continue;
            for (unsigned k = n++; k > at; k--)
                sizes[k] = sizes[k - 1];
            sizes[at] = size;
        }
    return n;
}

/* QEMU takes whole pages for each cell. */
static bool divides(unsigned size_kib, const GuestDef *def)
{
    for (unsigned i = 0; i < def->n_cells; i++)
        if (def->cells[i].memory_kib % size_kib != 0)
            return false;
    return def->memory_kib % size_kib == 0;
}

/* All pages of that size there are on these nodes, less what is reserved for others. */
static uint64_t pools_kib(const KnobWants *wants, const CpuSet *nodes, unsigned size_kib)
{
    uint64_t kib = 0;

    for (unsigned i = 0; i < wants->topo->n_nodes; i++) {
        const TopoNode *node = &wants->topo->nodes[i];
        uint64_t kept = policy_get_pool(wants->host, node->os_index, size_kib).reserved;
        for (unsigned j = 0; j < node->n_pools && cpuset_has(nodes, node->os_index); j++)
            if (node->pools[j].size_kib == size_kib && node->pools[j].total > kept)
                kib += (node->pools[j].total - kept) * size_kib;
    }
    return kib;
}

/* All of it on nodes it may use, and each cell on those it is bound to. */
static bool pools_hold(const KnobWants *wants, unsigned size_kib)
{
    const GuestDef *def = wants->def;
    bool bound =
        def->numa_mode == NUMA_STRICT && !def->numa_auto && !cpuset_is_empty(def->numa_nodeset);

    for (unsigned i = 0; i < def->n_cells; i++)
        if (def->cells[i].strict && def->cells[i].nodes &&
            pools_kib(wants, def->cells[i].nodes, size_kib) < def->cells[i].memory_kib)
            return false;
    return pools_kib(wants, bound ? def->numa_nodeset : wants->topo->allowed_mems, size_kib) >=
           def->memory_kib;
}

unsigned memory_small_huge_page(const Topo *topo, const GuestDef *def)
{
    unsigned sizes[MAX_PAGE_SIZES], smallest = 0;

    for (unsigned i = 0, n = page_sizes(topo, sizes); i < n; i++)
        if (divides(sizes[i], def))
            smallest = sizes[i];
    return smallest;
}

/* The largest whose pools hold the guest; if none do the smallest, of which pools can grow. 0: none
 * fits its memory. */
static unsigned large_page(const KnobWants *wants)
{
    unsigned sizes[MAX_PAGE_SIZES];

    for (unsigned i = 0, n = page_sizes(wants->topo, sizes); i < n; i++)
        if (divides(sizes[i], wants->def) && pools_hold(wants, sizes[i]))
            return sizes[i];
    return memory_small_huge_page(wants->topo, wants->def);
}

static bool has_pages_of(const Topo *topo, unsigned size_kib)
{
    unsigned sizes[MAX_PAGE_SIZES], n = page_sizes(topo, sizes);

    for (unsigned i = 0; i < n; i++)
        if (sizes[i] == size_kib)
            return true;
    return false;
}

/* Why it cannot have pages of that size; NULL: it can. */
static const char *size_fault(const KnobWants *wants, uint64_t size_kib)
{
    if (size_kib == 0)
        return "this host has no huge pages that its memory is a multiple of";
    if (size_kib > UINT_MAX || !has_pages_of(wants->topo, (unsigned)size_kib))
        return "this host has no pages of that size";
    if (!divides((unsigned)size_kib, wants->def))
        return "its memory is no multiple of it";
    return NULL;
}

static bool has_pages_by_cell(const GuestDef *def)
{
    for (unsigned i = 0; i < def->n_hugepages; i++)
        if (def->hugepages[i].cells)
            return true;
    return def->n_hugepages > 1;
}

static void want_page_size(const KnobWants *wants)
{
    static const char reason[] = "memory.page_size of the policy";
    const KnobTarget target = {.knob = KNOB_MEMORY_PAGE_SIZE};
    const PolicyValue *by = guest_policy_get(wants->policy, KEY_MEMORY_PAGE_SIZE);
    bool word = by && by->kind == VALUE_WORD;

    if (!by || (word && g_str_equal(by->text, "any")))
        return;
    bool small = word ? g_str_equal(by->text, "small") : by->u / 1024 == wants->topo->base_page_kib;
    uint64_t size_kib = word ? large_page(wants) : by->u / 1024;
    g_autofree char *value =
        small || size_kib == 0 ? NULL : g_strdup_printf("%" G_GUINT64_FORMAT, size_kib);
    const char *fault = small ? NULL : size_fault(wants, size_kib);
    if (has_pages_by_cell(wants->def))
        fault = "its definition has page sizes by cell";
    if (fault)
        knob_unsupported(wants, &target, value ? value : by->text, fault, by);
    else
        knob_want(wants, &target, value, reason, by);
}

/* An element that is there or not. */
static void want_flag(const KnobWants *wants, PolicyKey key, Knob knob, const char *reason)
{
    const KnobTarget target = {.knob = knob};
    const PolicyValue *by = guest_policy_get(wants->policy, key);

    if (by)
        knob_want(wants, &target, by->u ? "on" : NULL, reason, by);
}

static void want_allocation_threads(const KnobWants *wants)
{
    const KnobTarget target = {.knob = KNOB_MEMORY_ALLOCATION_THREADS};
    const PolicyValue *by = guest_policy_get(wants->policy, KEY_MEMORY_ALLOCATION_THREADS);

    if (!by)
        return;
    g_autofree char *value = g_strdup_printf("%" G_GUINT64_FORMAT, by->u);
    knob_want(wants, &target, value, "memory.allocation_threads of the policy", by);
}

void knobs_want_memory(const KnobWants *wants)
{
    want_page_size(wants);
    want_flag(wants, KEY_MEMORY_LOCKED, KNOB_MEMORY_LOCKED, "memory.locked of the policy");
    want_flag(wants, KEY_MEMORY_NOSHAREPAGES, KNOB_MEMORY_NOSHAREPAGES,
              "memory.nosharepages of the policy");
    want_allocation_threads(wants);
}
