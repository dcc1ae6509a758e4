/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "property/plan-text.h"

#include <inttypes.h>

static void text_set(GString *out, const char *label, const CpuSet *set)
{
    g_autofree char *text = cpuset_format(set);

    g_string_append_printf(out, " %s=%s", label, text);
}

static void text_class(GString *out, const char *label, const ClassPlan *plan)
{
    g_string_append_printf(out, " %s%u %d (%s, %s)", label, plan->id, plan->pinned, plan->reason,
                           plan->origin ? plan->origin : "-");
    text_set(out, label, plan->cpus);
}

static void text_guest(GString *out, const GuestPlan *plan)
{
    g_string_append_printf(out, "%s %s %s: %s; %s %" PRIu64 " %d;", plan->name, plan->uuid,
                           plan_result_name(plan->result), plan->reason,
                           plan->shortage.resource ? plan->shortage.resource : "-",
                           plan->shortage.amount, plan->shortage.node);
    text_set(out, "nodes", plan->nodes);
    text_set(out, "llcs", plan->llcs);
    g_string_append_printf(out, " home=%d", plan->home);
    text_set(out, "exclusive", plan->exclusive);
    for (unsigned i = 0; i < plan->n_vcpus; i++) {
        g_string_append_printf(out, " vcpu%u %d %d", plan->vcpus[i].id, plan->vcpus[i].online,
                               plan->vcpus[i].pinned);
        text_set(out, "cpus", plan->vcpus[i].cpus);
    }
    text_class(out, "emulator", &plan->emulator);
    text_class(out, "vhost", &plan->vhost);
    for (unsigned i = 0; i < plan->n_iothreads; i++)
        text_class(out, "iothread", &plan->iothreads[i]);
    for (unsigned i = 0; i < plan->n_memory; i++)
        g_string_append_printf(out, " memory %u %u %" PRIu64, plan->memory[i].cell,
                               plan->memory[i].node, plan->memory[i].mib);
    g_string_append_printf(out, " numa %d %d", plan->numa_mode, plan->numa_live);
    text_set(out, "numa", plan->numa_nodes);
    for (char **name = plan->intruders; name && *name; name++)
        g_string_append_printf(out, " intruder %s", *name);
    g_string_append(out, "\n");
}

char *plan_text(const Plan *plan)
{
    GString *out = g_string_new(NULL);
    const Diag *diag;

    for (unsigned i = 0; i < plan->n_guests; i++)
        text_guest(out, plan->guests[i]);
    text_set(out, "housekeeping", plan->housekeeping);
    text_set(out, "pool", plan->shared);
    text_set(out, "exclusive", plan->exclusive);
    g_string_append(out, "\n");
    for (unsigned i = 0; (diag = diag_list_get(plan->diags, i)); i++) {
        g_autofree char *text = diag_format(diag);
        g_string_append(out, text);
    }
    return g_string_free(out, FALSE);
}
