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

static void text_value(GString *out, const char *label, int64_t value, const char *origin)
{
    g_string_append_printf(out, " %s %" PRId64 " (%s)", label, value, origin ? origin : "-");
}

static void text_settings(GString *out, const char *label, const SettingList *list)
{
    for (unsigned i = 0; i < setting_list_size(list); i++) {
        const Setting *setting = setting_list_get(list, i);
        g_autofree char *key = setting_key_format(&setting->key);
        g_string_append_printf(out, " %s %s %s %s (%s, %s)", label, plane_name(setting->key.plane),
                               key, setting->value ? setting->value : "-", setting->reason,
                               setting->origin ? setting->origin : "-");
    }
}

static void text_guest(GString *out, const GuestPlan *plan)
{
    const PlanShortage *shortage = &plan->shortage;

    g_string_append_printf(out, "%s %s %s: %s; %s %" PRIu64 " %s %d;", plan->name, plan->uuid,
                           plan_result_name(plan->result), plan->reason,
                           shortage->resource ? shortage->resource : "-", shortage->amount,
                           shortage->unit ? shortage->unit : "-", shortage->node);
    g_string_append_printf(out, " %d%d%d%d%d policy %d persist %d drift %d from %s pages %u",
                           plan->named, plan->manual, plan->released, plan->moved, plan->pool,
                           plan->cpu_policy, plan->persist, plan->drift,
                           plan->origin ? plan->origin : "-", plan->page_size_kib);
    text_set(out, "allowed", plan->allowed);
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
    text_value(out, "weight", plan->weight, plan->weight_origin);
    text_value(out, "quota", plan->quota_pct, plan->quota_origin);
    text_value(out, "numa", plan->numa_mode, plan->numa_origin);
    g_string_append_printf(out, " %d (%s)", plan->numa_live,
                           plan->numa_reason ? plan->numa_reason : "-");
    text_set(out, "numa", plan->numa_nodes);
    for (char **name = plan->intruders; name && *name; name++)
        g_string_append_printf(out, " intruder %s", *name);
    text_settings(out, "knob", plan->knobs);
    text_settings(out, "unsupported", plan->unsupported);
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
