/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * numa.guest_cells: host → cells as the guest is placed.
 *
 * A definition without cells gets one for each node the guest is on, with the vCPUs that are there
 * and the memory that was assigned there. Cells that are there already stay, whoever made them.
 * Either way the memory of each is bound to the node it is placed on.
 */
#include "plan/knobs.h"

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

/* libvirt rounds a cell up to whole MiB, and QEMU needs whole pages. */
static uint64_t cell_unit_kib(const GuestPlan *plan)
{
    return MAX(plan->page_size_kib, KIB_PER_MIB);
}

/* One for each entry of plan->memory. NULL: some cell would be empty, or a vCPU without one. */
static char *cells_make(const KnobWants *wants)
{
    const GuestPlan *plan = wants->plan;
    uint64_t unit = cell_unit_kib(plan), left = (wants->def->memory_kib + unit - 1) / unit * unit;
    g_autoptr(GString) text = g_string_new(NULL);
    unsigned n_vcpus = 0;

    for (unsigned i = 0; i < plan->n_memory; i++) {
        g_autoptr(CpuSet) vcpus = vcpus_on(wants, plan->memory[i].node);
        g_autofree char *list = cpuset_format(vcpus);
        uint64_t kib = plan->memory[i].mib * KIB_PER_MIB / unit * unit;
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

static void want_memnode(const KnobWants *wants, unsigned cell, unsigned node,
                         const PolicyValue *by)
{
    const KnobTarget target = {.knob = KNOB_NUMA_MEMNODE, .instance = cell};
    int mode = wants->def->numa_mode >= 0 ? wants->def->numa_mode : wants->plan->numa_mode;
    g_autofree char *value = g_strdup_printf(
        "mode=%s,nodeset=%u", numa_mode_name(mode >= 0 ? (NumaMode)mode : NUMA_STRICT), node);

    knob_want(wants, &target, value, reason, by);
}

/* Cells that vmtuned defined are those of the running guest only from its next start on: until then
 * they are in the order of its nodes. */
static void want_memnodes(const KnobWants *wants, const PolicyValue *by)
{
    const GuestPlan *plan = wants->plan;
    bool placed_by_cell = wants->guest->live && wants->guest->live->n_cells > 0;

    if (plan->n_memory != wants->def->n_cells)
        return;
    for (unsigned i = 0; i < plan->n_memory; i++)
        want_memnode(wants, placed_by_cell ? plan->memory[i].cell : i, plan->memory[i].node, by);
}

static void keep_all(const KnobWants *wants, const PolicyValue *by)
{
    const KnobTarget cells = {.knob = KNOB_NUMA_CELLS};

    knob_keep(wants, &cells, by);
    for (unsigned i = 0; i < wants->def->n_cells; i++) {
        const KnobTarget memnode = {.knob = KNOB_NUMA_MEMNODE, .instance = wants->def->cells[i].id};
        knob_keep(wants, &memnode, by);
    }
}

/* Why there can be no cells; NULL: there can. */
static const char *cells_fault(const KnobWants *wants)
{
    const char *fault = knob_placement_fault(wants);

    if (fault)
        return fault;
    if (wants->def->has_max_memory)
        return "memory can be plugged in: cells are the operator's";
    return NULL;
}

void knobs_want_cells(const KnobWants *wants)
{
    const KnobTarget target = {.knob = KNOB_NUMA_CELLS};
    const PolicyValue *by = guest_policy_get(wants->policy, KEY_NUMA_GUEST_CELLS);

    if (!by || !g_str_equal(by->text, "host"))
        return;
    if (wants->plan->n_vcpus == 0) {
        keep_all(wants, by);
        return;
    }
    const char *fault = cells_fault(wants);
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
