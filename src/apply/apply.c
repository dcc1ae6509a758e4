/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One ChangeSet of one guest, or of the host, made in order.
 *
 * Invariants: nothing is written before guest_ready(), or a fresh look, said so; a change is DONE
 * only if what was read back means the same as what was wanted; after GONE or FATAL no further call
 * is made, but for the one that puts a half-made change back.
 *
 * libvirt's live pin writes the cgroup, then the affinity, then its definition, and takes nothing
 * back when it fails on the way: hence the undo. A change of the cgroup alone is made by the same
 * call, but its old value is not the definition's: putting it back would spoil a right definition.
 */
#include "apply/apply.h"

#define EDIT_PASSES 3

typedef struct Run {
    const Backend *backend;
    const Guest *guest; /* NULL: the host */
    const CpuSet *allowed;
    const CpuSet *online;
    bool threads_only; /* the guest hangs: it can be kept off others' CPUs all the same */
    Outcome *outcome;
} Run;

const char *outcome_kind_name(OutcomeKind kind)
{
    switch (kind) {
    case OUTCOME_DONE:
        return "done";
    case OUTCOME_RETRY:
        return "retry";
    case OUTCOME_GONE:
        return "gone";
    case OUTCOME_REFUSED:
        return "refused";
    case OUTCOME_FATAL:
        return "fatal";
    }
    return "fatal";
}

static unsigned outcome_kind_badness(OutcomeKind kind)
{
    switch (kind) {
    case OUTCOME_DONE:
        return 0;
    case OUTCOME_RETRY:
        return 1;
    case OUTCOME_REFUSED:
        return 2;
    case OUTCOME_FATAL:
        return 3;
    case OUTCOME_GONE:
        return 4;
    }
    return 3;
}

void outcome_free(Outcome *outcome)
{
    if (!outcome)
        return;
    for (unsigned i = 0; i < change_set_size(outcome->changes); i++) {
        g_free(outcome->results[i].in_force);
        g_free(outcome->results[i].error);
    }
    g_free(outcome->results);
    change_set_unref(outcome->changes);
    g_free(outcome);
}

static OutcomeKind kind_of(int result)
{
    switch (result) {
    case BACKEND_DONE:
        return OUTCOME_DONE;
    case BACKEND_RETRY:
    case BACKEND_HUNG:
        return OUTCOME_RETRY;
    case BACKEND_GONE:
        return OUTCOME_GONE;
    case BACKEND_REFUSED:
        return OUTCOME_REFUSED;
    default: /* negative errno, or nothing a Backend may return */
        return OUTCOME_FATAL;
    }
}

/* Words for a result without any of its own. */
static char *kind_text(OutcomeKind kind, int result)
{
    switch (kind) {
    case OUTCOME_DONE:
        return NULL;
    case OUTCOME_RETRY:
        return g_strdup("busy");
    case OUTCOME_GONE:
        return g_strdup("gone");
    case OUTCOME_REFUSED:
        return g_strdup("refused");
    case OUTCOME_FATAL:
        return g_strdup(result < 0 ? g_strerror(-result) : "unknown result");
    }
    return NULL;
}

static void result_set(ChangeResult *result, OutcomeKind kind, const char *error)
{
    g_free(result->in_force);
    g_free(result->error);
    *result = (ChangeResult){.kind = kind, .error = g_strdup(error)};
}

/* All results from the given one on. */
static void fill_results(const Run *run, unsigned from, OutcomeKind kind, const char *error)
{
    for (unsigned i = from; i < change_set_size(run->outcome->changes); i++)
        result_set(&run->outcome->results[i], kind, error);
}

/* A change that is not tried any more, since one before it ended the run: GONE or FATAL. */
static void leave_out(const Run *run, unsigned i, OutcomeKind end, const char *error)
{
    if (end == OUTCOME_GONE)
        result_set(&run->outcome->results[i], OUTCOME_GONE, error);
    else
        result_set(&run->outcome->results[i], OUTCOME_RETRY, "not tried after an unexpected error");
}

static int backend_write(const Run *run, const Change *change, char **ret_in_force,
                         char **reterr_text)
{
    run->outcome->n_writes++;
    return run->guest
               ? backend_setting_apply(run->backend, run->guest, change, ret_in_force, reterr_text)
               : backend_host_apply(run->backend, change, ret_in_force, reterr_text);
}

static void undo_half_made(const Run *run, const Change *change, ChangeResult *result)
{
    Change back = *change;
    g_autofree char *in_force = NULL, *text = NULL, *before = g_steal_pointer(&result->error);

    back.from = change->to;
    back.to = change->from;
    int r = backend_write(run, &back, &in_force, &text);
    if (r != BACKEND_DONE) {
        g_autofree char *words = text ? g_steal_pointer(&text) : kind_text(kind_of(r), r);
        result->error = g_strdup_printf("%s; could not be put back: %s", before, words);
        return;
    }
    bool is_back = setting_value_equal(&change->key, in_force, back.to, run->allowed, run->online);
    result->error = g_strdup_printf(is_back ? "%s; put back" : "%s; could not be put back", before);
    result->in_force = g_steal_pointer(&in_force);
}

/* The change that settles change i, or -1. */
static int carrier_find(const ChangeSet *changes, unsigned i)
{
    const Change *change = change_set_get(changes, i);

    for (unsigned j = 0; change->carried && j < i; j++) {
        const Change *carrier = change_set_get(changes, j);
        if (!carrier->carried && change_carries(&carrier->key, &change->key))
            return (int)j;
    }
    return -1;
}

/* A thread that ended is no reason to give the guest up: QEMU's workers come and go. Then the next
 * look, without that thread, tells what is left to do. */
static bool only_thread_is_gone(const Run *run, const Change *change)
{
    return change->key.tid != 0 && backend_guest_ready(run->backend, run->guest) != BACKEND_GONE;
}

static void judge_in_force(const Run *run, const Change *change, ChangeResult *result)
{
    if (setting_value_equal(&change->key, result->in_force, change->to, run->allowed, run->online))
        return;
    result->kind = OUTCOME_REFUSED;
    result->error = g_strdup_printf("had no such effect: %s is in force",
                                    result->in_force ? result->in_force : "nothing");
}

static void make_change(const Run *run, const Change *change, ChangeResult *result)
{
    int r = backend_write(run, change, &result->in_force, &result->error);

    result->kind = kind_of(r);
    if (result->kind == OUTCOME_DONE) {
        g_clear_pointer(&result->error, g_free);
        judge_in_force(run, change, result);
        return;
    }
    g_clear_pointer(&result->in_force, g_free);
    if (!result->error)
        result->error = kind_text(result->kind, r);
    if (result->kind == OUTCOME_GONE && only_thread_is_gone(run, change))
        result->kind = OUTCOME_RETRY;
    if (change->key.plane == PLANE_LIVE &&
        (result->kind == OUTCOME_REFUSED || result->kind == OUTCOME_FATAL))
        undo_half_made(run, change, result);
}

/* --- edits of the definition --- */

static void judge_edit(const Run *run, unsigned at, int whole, const EditResult *edited,
                       const char *text)
{
    ChangeResult *result = &run->outcome->results[at];
    int r = whole == BACKEND_DONE ? (int)edited->result : whole;

    result_set(result, kind_of(r), NULL);
    result->in_force = edited->in_force;
    if (result->kind == OUTCOME_DONE)
        judge_in_force(run, change_set_get(run->outcome->changes, at), result);
    else if (whole != BACKEND_DONE)
        result->error = text ? g_strdup(text) : kind_text(result->kind, r);
    else
        result->error =
            r == BACKEND_RETRY ? g_strdup("its device is not there") : kind_text(result->kind, r);
}

/* Makes n changes from the given one on. What became of them as a whole. */
static OutcomeKind edit(const Run *run, unsigned from, unsigned n)
{
    g_autofree const Change **changes = g_new0(const Change *, n);
    g_autofree EditResult *edited = g_new0(EditResult, n);
    g_autofree char *text = NULL;

    for (unsigned i = 0; i < n; i++)
        changes[i] = change_set_get(run->outcome->changes, from + i);
    run->outcome->n_writes++;
    int r = backend_definition_edit(run->backend, run->guest, changes, n, edited, &text);
    for (unsigned i = 0; i < n; i++)
        judge_edit(run, from + i, r, &edited[i], text);
    return kind_of(r);
}

/* Values may need each other (IOThreads and their disks), hence more than one pass. */
static void edit_one_by_one(const Run *run, unsigned from, unsigned n)
{
    g_autoptr(CpuSet) refused = cpuset_new_range(0, n - 1);
    bool some_done = true;

    for (unsigned pass = 0; pass < EDIT_PASSES && some_done; pass++) {
        some_done = false;
        CPUSET_FOREACH(i, refused)
        {
            OutcomeKind kind = edit(run, from + i, 1);
            if (kind == OUTCOME_REFUSED)
                continue;
            hwloc_bitmap_clr(refused, i);
            some_done |= kind == OUTCOME_DONE;
            if (kind != OUTCOME_GONE && kind != OUTCOME_FATAL)
                continue;
            hwloc_bitmap_clr_range(refused, 0, (int)i);
            CPUSET_FOREACH(rest, refused)
            leave_out(run, from + rest, kind, run->outcome->results[from + i].error);
            return;
        }
    }
}

/* All from the given one on, which are the last in order. */
static void run_edits(const Run *run, unsigned from)
{
    unsigned n = change_set_size(run->outcome->changes) - from;

    if (edit(run, from, n) == OUTCOME_REFUSED && n > 1)
        edit_one_by_one(run, from, n);
}

/* --- all --- */

/* A thread that is to stay within the CPUs it has: no cgroup is in the way. */
static bool is_narrowed(const Change *change)
{
    g_autoptr(CpuSet) from = NULL, to = NULL;

    return change->key.tid != 0 && change->from && change->to &&
           cpuset_parse(change->from, &from) == 0 && cpuset_parse(change->to, &to) == 0 &&
           cpuset_is_subset(to, from);
}

/* Before libvirt's calls, which take a millisecond or more each and set the same again, the kernel
 * puts the threads where they belong: those of a guest that has just started. What becomes of the
 * calls is what counts. */
static void place_threads(const Run *run)
{
    const ChangeSet *changes = run->outcome->changes;
    bool any_call = false;

    for (unsigned i = 0; i < change_set_size(changes); i++)
        any_call |= change_set_get(changes, i)->key.tid == 0;
    for (unsigned i = 0; any_call && !run->threads_only && i < change_set_size(changes); i++) {
        const Change *change = change_set_get(changes, i);
        g_autofree char *in_force = NULL, *text = NULL;
        if (is_narrowed(change))
            (void)backend_write(run, change, &in_force, &text);
    }
}

static void run_changes(const Run *run)
{
    const ChangeSet *changes = run->outcome->changes;

    place_threads(run);
    for (unsigned i = 0; i < change_set_size(changes); i++) {
        ChangeResult *result = &run->outcome->results[i];
        int carrier = carrier_find(changes, i);
        if (carrier >= 0) {
            result->kind = run->outcome->results[carrier].kind;
            result->error = g_strdup(run->outcome->results[carrier].error);
            continue;
        }
        if (run->threads_only && change_set_get(changes, i)->key.tid == 0) {
            *result = (ChangeResult){.kind = OUTCOME_RETRY,
                                     .error = g_strdup("its monitor does not answer")};
            continue;
        }
        if (change_is_edit(change_set_get(changes, i))) {
            run_edits(run, i);
            return;
        }
        make_change(run, change_set_get(changes, i), result);
        if (result->kind == OUTCOME_GONE || result->kind == OUTCOME_FATAL) {
            for (unsigned rest = i + 1; rest < change_set_size(changes); rest++)
                leave_out(run, rest, result->kind, result->error);
            return;
        }
    }
}

static OutcomeKind worst_kind(const Outcome *outcome)
{
    OutcomeKind worst = OUTCOME_DONE;

    for (unsigned i = 0; i < change_set_size(outcome->changes); i++)
        if (outcome_kind_badness(outcome->results[i].kind) > outcome_kind_badness(worst))
            worst = outcome->results[i].kind;
    return worst;
}

Outcome *apply_run(const Backend *backend, const Guest *guest, const ChangeSet *changes,
                   const CpuSet *allowed, const CpuSet *online, bool is_ready)
{
    Outcome *outcome = g_new0(Outcome, 1);
    Run run = {.backend = backend,
               .guest = guest,
               .allowed = allowed,
               .online = online,
               .outcome = outcome};

    outcome->changes = change_set_ref(changes);
    outcome->results = g_new0(ChangeResult, change_set_size(changes));
    if (change_set_size(changes) == 0)
        return outcome;
    int r = guest && !is_ready ? backend_guest_ready(backend, guest) : BACKEND_DONE;
    run.threads_only = r == BACKEND_HUNG;
    if (r == BACKEND_DONE || r == BACKEND_HUNG) {
        run_changes(&run);
    } else {
        g_autofree char *text = kind_text(kind_of(r), r);
        fill_results(&run, 0, kind_of(r), text);
    }
    outcome->kind = worst_kind(outcome);
    return outcome;
}
