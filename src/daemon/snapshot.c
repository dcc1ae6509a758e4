/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The Manager's state as one frozen value, for every question from outside. */
#include "daemon/host-state.h"
#include "daemon/jobs.h"
#include "daemon/memory-move.h"
#include "daemon/restart.h"

GuestStatus *manager_guest_status(const Manager *manager, const Managed *managed)
{
    GuestStatus *status = guest_status_new(managed->uuid, managed->name);

    status->state = managed->state;
    status->since_usec = managed->since_usec;
    status->text = g_strdup(managed->text);
    status->guest = managed->guest ? guest_ref(managed->guest) : NULL;
    if (managed->guest) {
        PolicySubject subject = guest_policy_subject(managed->guest);
        status->policy = policy_select(manager->policy, &subject);
    }
    status->plan = managed->plan ? guest_plan_ref(managed->plan) : NULL;
    g_clear_pointer(&status->left, change_set_unref);
    status->left = change_set_ref(managed->left);
    g_clear_pointer(&status->refused, change_set_unref);
    status->refused = change_set_ref(managed->refused);
    status->contest = contest_copy(managed->contest);
    status->n_kept = managed->n_kept;
    status->pending = managed->pending ? pending_list_ref(managed->pending) : NULL;
    status->restart = restart_words(manager, managed->uuid);
    status->memory_move = memory_move_words(manager, managed->uuid);
    status->intruders = g_strdupv(managed->intruders);
    status->drift_count = managed->drift_count;
    status->repair_count = managed->repair_count;
    status->write_count = managed->write_count;
    status->failure_count = managed->failure_count;
    return status;
}

static HostStatus host_status_of(const HostState *state)
{
    return (HostStatus){.host = state->host ? host_ref(state->host) : NULL,
                        .plan = state->plan ? host_plan_ref(state->plan) : NULL,
                        .left = change_set_ref(state->left),
                        .refused = change_set_ref(state->refused),
                        .released = state->released,
                        .drift_count = state->drift_count,
                        .write_count = state->write_count};
}

Snapshot *manager_snapshot(const Manager *manager)
{
    Snapshot *snapshot = snapshot_new();

    snapshot->mode = policy_get_mode(manager->policy);
    snapshot->connected = manager->connected;
    snapshot->policy_rejected = manager->policy_rejected;
    snapshot->started_usec = manager->started_usec;
    snapshot->last_cycle_usec = manager->last_cycle_usec;
    snapshot->cycles = manager->cycles;
    snapshot->topo = manager->topo ? topo_ref(manager->topo) : NULL;
    snapshot->policy = policy_ref(manager->policy);
    snapshot->plan = manager->plan ? plan_ref(manager->plan) : NULL;
    snapshot->host = host_status_of(manager->host);
    g_clear_pointer(&snapshot->policy_diags, diag_list_free);
    snapshot->policy_diags = diag_list_copy(manager->policy_diags);
    snapshot->record_problem = g_strdup(manager->record_problem);
    snapshot->cannot = g_strdupv(manager->cannot);
    snapshot->counters = manager->counters;
    snapshot->counters.jobs_abandoned = pool_count_abandoned(manager->pool);
    snapshot->n_workers_hanging = pool_count_replaced(manager->pool);
    for (guint i = 0; i < manager->guests->len; i++)
        g_ptr_array_add(snapshot->guests,
                        manager_guest_status(manager, g_ptr_array_index(manager->guests, i)));
    for (guint i = 0; i < manager->jobs->len; i++)
        g_ptr_array_add(
            snapshot->jobs,
            job_status_copy(&((const Job *)g_ptr_array_index(manager->jobs, i))->status));
    return snapshot;
}
