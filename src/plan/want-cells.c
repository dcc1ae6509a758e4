/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * numa.guest_cells: host → cells as the guest is placed.
 *
 * A definition without cells gets one for each node the guest is on, with the vCPUs that are there
 * and the memory that was assigned there. Cells that are there already stay, whoever made them.
 * Either way the memory of each is bound to the node it is placed on.
 */
#include "plan/knobs.h"

#include "base/util.h"

#define KIB_PER_MIB 1024

static const char reason[] = "as the guest is placed";

/* The vCPUs on that node. */
static CpuSet *vcpus_on(const KnobWants *wants, unsigned node)
{
    const GuestPlan *plan = wants->plan;
    CpuSet *vcpus = cpuset_new();

    for (unsigned i = 0; i < plan->n_vcpus; i++) {
        const TopoPu *pu = topo_pu(wants->topo, cpuset_first(plan->vcpus[i].cpus));
        if (pu && pu->node == node)
            hwloc_bitmap_set(vcpus, plan->vcpus[i].id);
    }
    return vcpus;
}

/* libvirt rounds a cell up to whole MiB, and QEMU needs whole pages: of the size it will have. */
static uint64_t cell_unit_kib(const KnobWants *wants)
{
    const SettingKey key = {.knob = KNOB_MEMORY_PAGE_SIZE, .plane = PLANE_CONFIG};
    unsigned page_kib = guest_def_page_kib(wants->def, 0, wants->topo->base_page_kib);
    uint64_t wanted_kib = 0;

    for (unsigned i = 0; i < setting_list_size(wants->plan->knobs); i++) {
        const Setting *setting = setting_list_get(wants->plan->knobs, i);
        if (setting_key_compare(&setting->key, &key) == 0 && setting->value)
            parse_u64(setting->value, UINT64_MAX, &wanted_kib);
    }
    return MAX(MAX(page_kib, wanted_kib), KIB_PER_MIB);
}

/* The next start's memory in proportion to what was assigned there: the two differ where <memory>
 * was changed meanwhile. */
static uint64_t share_mib(const KnobWants *wants, uint64_t mib)
{
    uint64_t next = (wants->def->memory_kib + KIB_PER_MIB - 1) / KIB_PER_MIB, total = 0;

    for (unsigned i = 0; i < wants->plan->n_memory; i++)
        total += wants->plan->memory[i].mib;
    /* in two steps, since next * mib may be more than 64 bits hold */
    return total == 0 ? mib : next / total * mib + next % total * mib / total;
}

/* One for each entry of plan->memory; together what the guest has now, so the last may be odd.
 * NULL: some cell would be empty, or a vCPU without one. */
static char *cells_make(const KnobWants *wants)
{
    const GuestPlan *plan = wants->plan;
    uint64_t unit = cell_unit_kib(wants), left = wants->def->memory_kib;
    g_autoptr(GString) text = g_string_new(NULL);
    unsigned n_vcpus = 0;

    for (unsigned i = 0; i < plan->n_memory; i++) {
        g_autoptr(CpuSet) vcpus = vcpus_on(wants, plan->memory[i].node);
        g_autofree char *list = cpuset_format(vcpus);
        uint64_t kib = share_mib(wants, plan->memory[i].mib) * KIB_PER_MIB / unit * unit;
        if (i + 1 == plan->n_memory)
            kib = left;
        if (kib == 0 || kib > left || cpuset_is_empty(vcpus))
            return NULL;
        left -= kib;
        n_vcpus += cpuset_weight(vcpus);
        g_string_append_printf(text, "%s%s:%" G_GUINT64_FORMAT, i > 0 ? ";" : "", list, kib);
    }
    return left == 0 && n_vcpus == wants->def->max_vcpus
               ? g_string_free(g_steal_pointer(&text), FALSE)
               : NULL;
}

/* QEMU starts within the guest's nodeset, so libvirt up to 9.4 cannot bind a cell outside. */
static bool is_within_nodeset(const KnobWants *wants, unsigned node)
{
    const CpuSet *nodeset =
        wants->plan->numa_mode >= 0 ? wants->plan->numa_nodes : wants->def->numa_nodeset;

    return !nodeset || cpuset_is_empty(nodeset) || cpuset_has(nodeset, node);
}

/* In the mode of the guest's nodeset: libvirt does not mix them. */
static void want_memnode(const KnobWants *wants, unsigned cell, unsigned node,
                         const PolicyValue *by)
{
    const KnobTarget target = {.knob = KNOB_NUMA_MEMNODE, .instance = cell};
    int mode = wants->plan->numa_mode >= 0 ? wants->plan->numa_mode : wants->def->numa_mode;
    g_autofree char *value = g_strdup_printf(
        "mode=%s,nodeset=%u", numa_mode_name(mode >= 0 ? (NumaMode)mode : NUMA_STRICT), node);

    if (is_within_nodeset(wants, node))
        knob_want(wants, &target, value, reason, by);
    else
        knob_unsupported(wants, &target, value, "the nodeset of its definition leaves it out", by);
}

/* Those its vCPUs are on. */
static CpuSet *nodes_of(const KnobWants *wants, const GuestCell *cell)
{
    const GuestPlan *plan = wants->plan;
    CpuSet *nodes = cpuset_new();

    for (unsigned i = 0; i < plan->n_vcpus; i++) {
        const TopoPu *pu = topo_pu(wants->topo, cpuset_first(plan->vcpus[i].cpus));
        if (pu && cpuset_has(cell->vcpus, plan->vcpus[i].id))
            hwloc_bitmap_set(nodes, pu->node);
    }
    return nodes;
}

static void keep_memnode(const KnobWants *wants, const GuestCell *cell, const PolicyValue *by)
{
    const KnobTarget memnode = {.knob = KNOB_NUMA_MEMNODE, .instance = cell->id};

    knob_keep(wants, &memnode, by);
}

/* A cell without vCPUs, or with some here and some there, stays as it is. */
static void want_memnodes(const KnobWants *wants, const PolicyValue *by)
{
    for (unsigned i = 0; i < wants->def->n_cells; i++) {
        const GuestCell *cell = &wants->def->cells[i];
        g_autoptr(CpuSet) nodes = nodes_of(wants, cell);
        if (cpuset_weight(nodes) == 1)
            want_memnode(wants, cell->id, cpuset_first(nodes), by);
        else
            keep_memnode(wants, cell, by);
    }
}

static void keep_all(const KnobWants *wants, const PolicyValue *by)
{
    const KnobTarget cells = {.knob = KNOB_NUMA_CELLS};

    knob_keep(wants, &cells, by);
    for (unsigned i = 0; i < wants->def->n_cells; i++)
        keep_memnode(wants, &wants->def->cells[i], by);
}

/* Why there can be no cells; NULL: there can. */
static const char *cells_fault(const KnobWants *wants)
{
    const char *fault = knob_placement_fault(wants);

    if (fault)
        return fault;
    if (wants->def->has_max_memory)
        return "memory can be plugged in: cells are the operator's";
    if (wants->def->numa_auto)
        return "placement='auto' chooses its nodes";
    for (unsigned i = 0; wants->def->n_cells == 0 && i < wants->def->n_hugepages; i++)
        if (wants->def->hugepages[i].cells)
            return "its huge pages are those of one cell";
    return NULL;
}

void knobs_want_cells(const KnobWants *wants)
{
    const KnobTarget target = {.knob = KNOB_NUMA_CELLS};
    const PolicyValue *by = guest_policy_get(wants->policy, KEY_NUMA_GUEST_CELLS);

    if (!by || !g_str_equal(by->text, "host"))
        return;
    if (knob_placement_is_other(wants)) {
        keep_all(wants, by);
        return;
    }
    const char *fault = cells_fault(wants);
    if (fault && wants->def->n_cells > 0 && wants->plan->cpu_policy == CPU_DEDICATED) {
        keep_all(wants, by); /* unsupported would put the value from before them back */
        return;
    }
    if (!fault && wants->def->n_cells > 0) {
        knob_want(wants, &target, knob_now(wants, &target), "the cells it has", by);
        want_memnodes(wants, by);
        return;
    }
    if (!fault && wants->plan->n_memory < 2)
        return; /* on one node there is nothing to tell */
    g_autofree char *value = fault ? NULL : cells_make(wants);
    if (value)
        knob_want(wants, &target, value, reason, by);
    else
        knob_unsupported(wants, &target, NULL,
                         fault ? fault : "a node would have no vCPU or no memory of it", by);
}
