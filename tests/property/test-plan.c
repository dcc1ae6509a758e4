/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Properties of plans over random worlds. VMTUNED_SEED and VMTUNED_COUNT choose which; the seed of
 * a world that fails is printed with the world.
 */
#include "apply/apply.h"
#include "common/fake-backend.h"
#include "common/fake-guest.h"
#include "plan/diff.h"
#include "plan/plan-make.h"
#include "plan/score.h"
#include "property/plan-text.h"
#include "property/random-world.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define DEFAULT_SEED 20261
#define DEFAULT_COUNT 10000
/* Union first, then the classes within it, then nothing. */
#define MAX_ROUNDS 4
#define MAX_MOVES 3

typedef struct Check {
    const RandomWorld *world;
    const Plan *plan;
    bool kept;   /* guests had their homes before */
    char *fault; /* NULL: none so far */
} Check;

static void fail(Check *check, const char *guest, const char *what)
{
    if (!check->fault)
        check->fault = g_strdup_printf("%s: %s", guest, what);
}

static Plan *plan_world(const RandomWorld *world, const GArray *inputs)
{
    PlanInput input = {.topo = world->topo,
                       .policy = world->policy,
                       .guests = (const PlanGuest *)inputs->data,
                       .n_guests = inputs->len};

    return plan_make(&input);
}

/* --- one plan --- */

static CpuSet *guest_cpus(const GuestPlan *plan, bool offline_too)
{
    CpuSet *cpus = cpuset_or(plan->emulator.cpus, plan->vhost.cpus);

    for (unsigned i = 0; i < plan->n_vcpus; i++)
        if (plan->vcpus[i].online || offline_too)
            hwloc_bitmap_or(cpus, cpus, plan->vcpus[i].cpus);
    for (unsigned i = 0; i < plan->n_iothreads; i++)
        hwloc_bitmap_or(cpus, cpus, plan->iothreads[i].cpus);
    return cpus;
}

static const PlanGuest *input_of(const GArray *inputs, const char *uuid)
{
    for (guint i = 0; i < inputs->len; i++)
        if (g_str_equal(g_array_index(inputs, PlanGuest, i).guest->uuid, uuid))
            return &g_array_index(inputs, PlanGuest, i);
    return NULL;
}

static void check_masks(Check *check, const GuestPlan *plan)
{
    const Topo *topo = check->world->topo;
    const Guest *guest = input_of(check->world->inputs, plan->uuid)->guest;
    g_autoptr(CpuSet) able =
        cpuset_and(guest->kernel ? guest->kernel->allowed : topo->allowed, topo->online);
    g_autoptr(CpuSet) cpus = guest_cpus(plan, true);

    if (plan->result == PLAN_UNMANAGED)
        return;
    if (!cpuset_is_subset(cpus, able) || !cpuset_is_subset(plan->exclusive, able))
        fail(check, plan->name, "a CPU that is not allowed");
    if (cpuset_is_empty(plan->emulator.cpus) || cpuset_is_empty(plan->vhost.cpus))
        fail(check, plan->name, "an empty mask");
    for (unsigned i = 0; i < plan->n_vcpus; i++)
        if (cpuset_is_empty(plan->vcpus[i].cpus))
            fail(check, plan->name, "an empty vCPU mask");
    if (cpuset_intersects(plan->exclusive, check->plan->housekeeping))
        fail(check, plan->name, "housekeeping is exclusive");
    if (cpuset_intersects(plan->exclusive, check->plan->shared))
        fail(check, plan->name, "the pool is exclusive");
}

static void check_refused(Check *check, const GuestPlan *plan)
{
    g_autoptr(CpuSet) cpus = guest_cpus(plan, true);
    g_autoptr(CpuSet) pool = cpuset_and(check->plan->shared, plan->allowed);

    if (plan->result != PLAN_REFUSED)
        return;
    if (!plan->shortage.resource || plan->shortage.amount == 0 || !plan->shortage.unit)
        fail(check, plan->name, "refused without a shortage");
    if (!cpuset_is_empty(plan->exclusive) || !plan->pool)
        fail(check, plan->name, "refused, but not in the pool");
    if (!cpuset_is_empty(pool) && !cpuset_is_subset(cpus, pool))
        fail(check, plan->name, "refused, but may leave the pool");
}

/* PUs that single vCPUs have for themselves. */
static CpuSet *own_pus(const GuestPlan *plan)
{
    CpuSet *pus = cpuset_new();

    for (unsigned i = 0; i < plan->n_vcpus; i++)
        if (plan->vcpus[i].online && plan->vcpus[i].pinned &&
            cpuset_weight(plan->vcpus[i].cpus) == 1)
            hwloc_bitmap_or(pus, pus, plan->vcpus[i].cpus);
    return pus;
}

static void check_threads(Check *check, const GuestPlan *plan, const GuestPolicy *policy)
{
    const Topo *topo = check->world->topo;
    ThreadPolicy threads = guest_policy_get_threads(policy);
    g_autoptr(CpuSet) own = own_pus(plan);
    unsigned broken = 0;

    if (plan->result != PLAN_PLACED ||
        (plan->cpu_policy != CPU_DEDICATED && plan->cpu_policy != CPU_MIXED))
        return;
    if (!cpuset_is_subset(own, plan->exclusive))
        fail(check, plan->name, "a PU of its own is not exclusive");
    for (unsigned i = 0; i < topo->n_cores; i++) {
        const CpuSet *core = topo->cores[i].cpus;
        g_autoptr(CpuSet) here = cpuset_and(core, own);
        unsigned n = cpuset_weight(here);
        if (n == 0)
            continue;
        if (threads == THREADS_ISOLATE && (n > 1 || !cpuset_is_subset(core, plan->exclusive)))
            fail(check, plan->name, "isolate: a sibling is not empty");
        if (threads == THREADS_REQUIRE && cpuset_weight(core) == 1)
            fail(check, plan->name, "require: a core without siblings");
        broken += n < cpuset_weight(core);
    }
    if (threads == THREADS_REQUIRE && broken > 1)
        fail(check, plan->name, "require: several cores are not full");
}

/* No CPU is exclusive twice, and one vCPU each, unless plugged vCPUs share. */
static void check_exclusive(Check *check)
{
    g_autoptr(CpuSet) taken = cpuset_new();

    for (unsigned i = 0; i < check->plan->n_guests; i++) {
        const GuestPlan *plan = check->plan->guests[i];
        if (cpuset_intersects(taken, plan->exclusive))
            fail(check, plan->name, "a CPU is dedicated twice");
        hwloc_bitmap_or(taken, taken, plan->exclusive);
    }
    if (!cpuset_equal(taken, check->plan->exclusive))
        fail(check, "plan", "exclusive is not the union over guests");
}

/* Whoever can run on a guest's exclusive CPUs is named. */
static void check_intruders(Check *check)
{
    for (unsigned i = 0; i < check->plan->n_guests; i++)
        for (unsigned j = 0; j < check->plan->n_guests; j++) {
            const GuestPlan *plan = check->plan->guests[i], *other = check->plan->guests[j];
            g_autoptr(CpuSet) cpus = guest_cpus(other, false);
            bool named = plan->intruders &&
                         g_strv_contains((const char *const *)plan->intruders, other->name);
            if (i != j && named != cpuset_intersects(cpus, plan->exclusive))
                fail(check, plan->name, "intruders are not who they are");
        }
}

static void check_memory(Check *check, const GuestPlan *plan)
{
    for (unsigned i = 0; i < plan->n_memory; i++) {
        const TopoNode *node = topo_node(check->world->topo, plan->memory[i].node);
        if (!node || plan->memory[i].mib == 0)
            fail(check, plan->name, "memory on no node");
    }
    if (plan->result == PLAN_PLACED && plan->n_memory == 0)
        fail(check, plan->name, "no memory");
}

/* --- homes --- */

static bool policy_lists_nodes(const Check *check, const GuestPlan *plan)
{
    return guest_policy_get(input_of(check->world->inputs, plan->uuid)->policy, KEY_NUMA_NODES);
}

#define QUARTERS 4
#define MORE_TO_KEEP 2

/* vCPUs on the pool. */
static unsigned count_floating(const GuestPlan *plan)
{
    unsigned n = 0;

    for (unsigned i = 0; i < plan->n_vcpus && plan->result != PLAN_UNMANAGED; i++)
        n += plan->vcpus[i].online && !plan->vcpus[i].pinned;
    return n;
}

/* At home a guest has all of the pool there that it may use, and a PU for each vCPU. */
static void check_home(Check *check, const GuestPlan *plan, bool listed)
{
    const TopoNode *node =
        plan->home < 0 ? NULL : topo_node(check->world->topo, (unsigned)plan->home);

    if (plan->home < 0)
        return;
    if (!node || plan->result != PLAN_PLACED)
        fail(check, plan->name, "a home that is none");
    g_autoptr(CpuSet) pool = cpuset_and(check->plan->shared, plan->allowed);
    g_autoptr(CpuSet) here = node ? cpuset_and(pool, node->cpus) : cpuset_new();
    for (unsigned i = 0; i < plan->n_vcpus; i++)
        if (plan->vcpus[i].online && !plan->vcpus[i].pinned &&
            !cpuset_equal(plan->vcpus[i].cpus, here))
            fail(check, plan->name, "at home, but not on the pool of that node");
    if (!listed && cpuset_weight(here) < MAX(count_floating(plan), 2))
        fail(check, plan->name, "its home is too small");
}

/* Its vCPUs were there before it was planned. */
static bool was_there(const Check *check, const GuestPlan *plan, const TopoNode *node)
{
    const GuestKernel *kernel = input_of(check->world->inputs, plan->uuid)->guest->kernel;

    for (unsigned i = 0; kernel && i < kernel->n_threads; i++)
        if (kernel->threads[i].thread_class == THREAD_VCPU &&
            !cpuset_is_subset(kernel->threads[i].affinity, node->cpus))
            return false;
    return kernel != NULL;
}

/* --- memory of the nodes --- */

static bool has_own_vcpus(const GuestPlan *plan)
{
    g_autoptr(CpuSet) own = own_pus(plan);

    return !cpuset_is_empty(own) &&
           (plan->cpu_policy == CPU_DEDICATED || plan->cpu_policy == CPU_MIXED);
}

/* KiB that guests on pages of that size may have there. */
static uint64_t memory_of(const Check *check, const TopoNode *node, unsigned page_kib)
{
    const Policy *policy = check->world->policy;
    uint64_t kib = 0, pools_kib = 0;

    for (unsigned i = 0; i < node->n_pools; i++) {
        const TopoPagePool *pool = &node->pools[i];
        uint64_t kept = policy_get_pool(policy, node->os_index, pool->size_kib).reserved;
        pools_kib += pool->total * pool->size_kib;
        if (pool->size_kib == page_kib && pool->total > kept)
            kib = (pool->total - kept) * page_kib;
    }
    if (page_kib != check->world->topo->base_page_kib)
        return kib;
    pools_kib += policy_get_reserved_memory_kib(policy, node->os_index);
    return node->memory_kib > pools_kib ? node->memory_kib - pools_kib : 0;
}

/* Nobody is let in on a node that then has given away more than it has: of ordinary memory those
 * with vCPUs of their own, since it may be overcommitted for the others; of huge pages nobody. */
static void check_node_memory(Check *check, const TopoNode *node, unsigned page_kib)
{
    bool huge = page_kib != check->world->topo->base_page_kib;
    const char *came = NULL;
    uint64_t kib = 0;

    for (unsigned i = 0; i < check->plan->n_guests; i++) {
        const GuestPlan *plan = check->plan->guests[i];
        bool starts = !input_of(check->world->inputs, plan->uuid)->running && !check->kept;
        if (plan->result != PLAN_PLACED || plan->page_size_kib != page_kib ||
            !(has_own_vcpus(plan) || (huge && starts)))
            continue;
        for (unsigned j = 0; j < plan->n_memory; j++)
            if (plan->memory[j].node == node->os_index && plan->memory[j].mib > 0) {
                kib += plan->memory[j].mib * 1024;
                came = starts ? plan->name : came;
            }
    }
    if (came && kib > memory_of(check, node, page_kib))
        fail(check, came, "let in where there is no room for its memory");
}

static void check_nodes(Check *check)
{
    const Topo *topo = check->world->topo;

    for (unsigned i = 0; i < topo->n_nodes; i++) {
        check_node_memory(check, &topo->nodes[i], topo->base_page_kib);
        check_node_memory(check, &topo->nodes[i], 2048);
    }
}

/* Wherever a guest came to that was not held there, all vCPUs are within what a node has room for.
 */
static void check_loads(Check *check)
{
    const Topo *topo = check->world->topo;
    unsigned n_pus = cpuset_weight(check->plan->shared), n_vcpus = 0;

    for (unsigned i = 0; i < check->plan->n_guests; i++)
        n_vcpus += count_floating(check->plan->guests[i]);
    unsigned quarters = n_pus > 0 ? (n_vcpus * QUARTERS + n_pus - 1) / n_pus : 0;
    quarters = MAX(quarters, QUARTERS);
    for (unsigned n = 0; n < topo->n_nodes; n++) {
        g_autoptr(CpuSet) pool = cpuset_and(check->plan->shared, topo->nodes[n].cpus);
        bool came = false, kept = check->kept;
        unsigned load = 0;
        for (unsigned i = 0; i < check->plan->n_guests; i++) {
            const GuestPlan *plan = check->plan->guests[i];
            if (plan->home != (int)topo->nodes[n].os_index)
                continue;
            load += count_floating(plan);
            came |= !policy_lists_nodes(check, plan);
            kept |= was_there(check, plan, &topo->nodes[n]);
        }
        unsigned room = quarters + (kept ? MORE_TO_KEEP : 0);
        if (came && load * QUARTERS > cpuset_weight(pool) * room)
            fail(check, "all", "a node has more vCPUs at home than it has room for");
    }
}

static void check_plan(Check *check)
{
    check_exclusive(check);
    check_intruders(check);
    for (unsigned i = 0; i < check->plan->n_guests; i++) {
        const GuestPlan *plan = check->plan->guests[i];
        check_masks(check, plan);
        check_refused(check, plan);
        check_threads(check, plan, input_of(check->world->inputs, plan->uuid)->policy);
        check_memory(check, plan);
        check_home(check, plan, policy_lists_nodes(check, plan));
    }
    check_loads(check);
    check_nodes(check);
}

/* --- the same again --- */

static void check_repeat(Check *check)
{
    const RandomWorld *world = check->world;
    g_autoptr(Plan) again = plan_world(world, world->inputs);
    g_autoptr(GArray) reversed = g_array_new(FALSE, FALSE, sizeof(PlanGuest));
    for (guint i = world->inputs->len; i > 0; i--)
        g_array_append_val(reversed, g_array_index(world->inputs, PlanGuest, i - 1));
    g_autoptr(Plan) backwards = plan_world(world, reversed);

    g_autofree char *text = plan_text(check->plan);
    g_autofree char *text_again = plan_text(again);
    g_autofree char *text_backwards = plan_text(backwards);
    if (!g_str_equal(text, text_again))
        fail(check, "plan", "not the same twice");
    if (!g_str_equal(text, text_backwards))
        fail(check, "plan", "depends on the order of guests");
}

/* --- the world with the plan applied --- */

static void set_replace(CpuSet **set, CpuSet *with)
{
    hwloc_bitmap_free(*set);
    *set = with;
}

/* cpuset.mems as libvirt sets it: by the nodeset of the modes that bind, else all. */
static const CpuSet *mems_of(const Topo *topo, const GuestDef *def)
{
    bool binds = def->numa_mode == NUMA_STRICT || def->numa_mode == NUMA_RESTRICTIVE;

    return binds && def->numa_nodeset ? def->numa_nodeset : topo->allowed_mems;
}

/* The guest after its start, before anything is applied; a nodeset is written before the start. */
static Guest *guest_started(const RandomWorld *world, const PlanGuest *in, const GuestPlan *plan,
                            unsigned number)
{
    Guest *guest = guest_copy(in->guest);

    if (!in->running) {
        g_autoptr(Guest) other = guest_copy(guest);
        guest->live = guest_def_ref(other->config);
        guest->active = true;
        if (plan->numa_mode >= 0 && !cpuset_is_empty(plan->numa_nodes)) {
            guest->live->numa_mode = plan->numa_mode;
            set_replace(&guest->live->numa_nodeset, cpuset_copy(plan->numa_nodes));
        }
        FakeKernelOptions options = {.pid = 20000 + 100 * (pid_t)number,
                                     .allowed = world->topo->allowed,
                                     .mems = mems_of(world->topo, guest->live),
                                     .cgroup_v2 = true,
                                     .n_workers = 1,
                                     .n_vhost = 1};
        guest->kernel = fake_kernel_new(guest->live, &options);
        if (plan->result == PLAN_PLACED && plan->n_memory > 0 && !cpuset_is_empty(plan->exclusive))
            fake_kernel_set_memory(guest->kernel, plan);
    }
    return guest;
}

/* What is left after applying the plan; NULL: nothing. */
static char *apply_plan(const Topo *topo, FakeBackend *fake, const GuestPlan *plan)
{
    const Guest *guest = fake_backend_find(fake, plan->uuid);
    g_autofree char *left = NULL;

    for (unsigned round = 0; round < MAX_ROUNDS; round++) {
        g_autoptr(SettingList) wanted = wanted_make(plan, guest);
        g_autoptr(SettingList) observed = observed_make(guest);
        g_autoptr(ChangeSet) changes =
            diff_make(wanted, NULL, observed, plan->allowed, topo->online);
        if (change_set_size(changes) == 0)
            return NULL;
        const Change *change = change_set_get(changes, 0);
        g_autofree char *key = setting_key_format(&change->key);
        g_free(left);
        left = g_strdup_printf("%s %s: %s -> %s", key, plane_name(change->key.plane),
                               change->from ? change->from : "not set",
                               change->to ? change->to : "not set");
        Outcome *outcome =
            apply_run(&fake->backend, guest, changes, plan->allowed, topo->online, false);
        outcome_free(outcome);
    }
    return g_steal_pointer(&left);
}

static FakeBackend *world_apply(Check *check)
{
    FakeBackend *fake = fake_backend_new();

    for (unsigned i = 0; i < check->plan->n_guests; i++) {
        const GuestPlan *plan = check->plan->guests[i];
        const PlanGuest *in = input_of(check->world->inputs, plan->uuid);
        fake_backend_add(fake, guest_started(check->world, in, plan, i));
        g_autofree char *left = apply_plan(check->world->topo, fake, plan);
        g_autofree char *what = g_strconcat("not as planned after applying: ", left, NULL);
        if (left)
            fail(check, plan->name, what);
    }
    return fake;
}

/* Memory entries aside, which are an estimate for a guest that runs. */
static bool same_places(const GuestPlan *a, const GuestPlan *b)
{
    if (a->n_vcpus != b->n_vcpus || a->n_iothreads != b->n_iothreads || a->result != b->result ||
        a->pool != b->pool || !cpuset_equal(a->exclusive, b->exclusive) ||
        !cpuset_equal(a->emulator.cpus, b->emulator.cpus) ||
        !cpuset_equal(a->vhost.cpus, b->vhost.cpus))
        return false;
    for (unsigned i = 0; i < a->n_vcpus; i++)
        if (a->vcpus[i].pinned != b->vcpus[i].pinned ||
            !cpuset_equal(a->vcpus[i].cpus, b->vcpus[i].cpus))
            return false;
    for (unsigned i = 0; i < a->n_iothreads; i++)
        if (!cpuset_equal(a->iothreads[i].cpus, b->iothreads[i].cpus))
            return false;
    return true;
}

/* A guest refused when it started may be placed once it runs: its memory is no reason any more, and
 * it is no longer behind those that ran before. */
static bool has_refused(const Plan *plan)
{
    for (unsigned i = 0; i < plan->n_guests; i++)
        if (plan->guests[i]->result == PLAN_REFUSED)
            return true;
    return false;
}

/* It has hardly any memory yet: as long as no plan is told, it is as if it were about to start. */
static bool is_just_started(const PlanGuest *in)
{
    const GuestKernel *kernel = in->running ? in->guest->kernel : NULL;
    uint64_t kib = 0;

    for (unsigned i = 0; kernel && i < kernel->n_memory_kib; i++)
        kib += kernel->memory_kib[i];
    return kernel && kernel->memory_kib && kib * 10 < guest_def(in->guest)->current_memory_kib;
}

/* Where nothing but pins tells a running guest's memory, and these are taken away since it floats,
 * its nodes are any next time. */
static bool loses_pins(const PlanGuest *in, const GuestPlan *plan)
{
    return in->running && plan->pool && in->guest->live->n_vcpu_pins > 0 &&
           (!in->guest->kernel->memory_nodes || is_just_started(in));
}

static bool has_lost_pins(const RandomWorld *world, const Plan *plan)
{
    for (unsigned i = 0; i < plan->n_guests; i++)
        if (loses_pins(input_of(world->inputs, plan->guests[i]->uuid), plan->guests[i]))
            return true;
    return false;
}

/* Whatever it shares now, what was its own stays so. */
static bool keeps_its_own(const GuestPlan *then, const GuestPlan *now)
{
    g_autoptr(CpuSet) own_then = own_pus(then);
    g_autoptr(CpuSet) own_now = own_pus(now);

    return cpuset_is_subset(own_then, own_now) && cpuset_is_subset(then->exclusive, now->exclusive);
}

/* A helper that shares a single PU for want of one of its own looks, by pins alone, as if it had
 * it. */
static bool has_helper_without_pu(const Plan *plan)
{
    const Diag *diag;

    for (unsigned i = 0; (diag = diag_list_get(plan->diags, i)); i++)
        if (strstr(diag->text, "as if cpu."))
            return true;
    return false;
}

static void check_again_running(Check *check, const FakeBackend *fake, bool told_before)
{
    const RandomWorld *world = check->world;
    g_autoptr(GArray) inputs = g_array_new(FALSE, FALSE, sizeof(PlanGuest));

    for (guint i = 0; i < world->inputs->len; i++) {
        PlanGuest in = g_array_index(world->inputs, PlanGuest, i);
        in.guest = fake_backend_find(fake, in.guest->uuid);
        in.running = true;
        in.before = told_before ? plan_find(check->plan, in.guest->uuid) : NULL;
        g_array_append_val(inputs, in);
    }
    g_autoptr(Plan) again = plan_world(world, inputs);
    bool partly = has_refused(check->plan) || has_lost_pins(world, check->plan);
    for (unsigned i = 0; i < again->n_guests && !check->fault; i++) {
        const GuestPlan *now = again->guests[i], *then = check->plan->guests[i];
        const PlanGuest *in = input_of(world->inputs, then->uuid);
        if (loses_pins(in, then) || (!told_before && then->pool && is_just_started(in)) ||
            (partly ? keeps_its_own(then, now) : same_places(now, then)))
            continue;
        g_autofree char *text_now = plan_text(again);
        g_autofree char *text_then = plan_text(check->plan);
        g_autofree char *what = g_strdup_printf("planned anew%s, it moves\n%s---\n%s",
                                                told_before ? " (told)" : "", text_then, text_now);
        fail(check, now->name, what);
    }
}

/* --- guests that move --- */

/* Some guests are gone; those that are left may move, up to a limit, and only for the better. */
static void check_moves(Check *check, const FakeBackend *fake, uint64_t seed)
{
    const RandomWorld *world = check->world;
    g_autoptr(GArray) inputs = g_array_new(FALSE, FALSE, sizeof(PlanGuest));
    unsigned n_moved = 0;

    for (guint i = 0; i < world->inputs->len; i++) {
        PlanGuest in = g_array_index(world->inputs, PlanGuest, i);
        if ((seed + i) % 3 == 0)
            continue;
        in.guest = fake_backend_find(fake, in.guest->uuid);
        in.running = true;
        in.before = plan_find(check->plan, in.guest->uuid);
        g_array_append_val(inputs, in);
    }
    PlanInput input = {.topo = world->topo,
                       .policy = world->policy,
                       .guests = (const PlanGuest *)inputs->data,
                       .n_guests = inputs->len};
    g_autoptr(Plan) kept = plan_make(&input);
    input.max_moves = MAX_MOVES;
    g_autoptr(Plan) moved = plan_make(&input);
    Check other = {.world = world, .plan = moved, .kept = true};
    check_plan(&other);
    for (unsigned i = 0; i < moved->n_guests; i++)
        n_moved += moved->guests[i]->moved;
    g_autoptr(GArray) before = plan_score(&input, kept), after = plan_score(&input, moved);
    if (!check->fault)
        check->fault = g_steal_pointer(&other.fault);
    g_free(other.fault);
    if (n_moved > MAX_MOVES)
        fail(check, "all", "more moved than may");
    if (score_compare(after, before) > 0)
        fail(check, "all", "what moved made it worse");
}

static bool world_holds(uint64_t seed)
{
    g_autoptr(RandomWorld) world = random_world_new(seed);
    g_autoptr(Plan) plan = plan_world(world, world->inputs);
    Check check = {.world = world, .plan = plan};

    check_plan(&check);
    check_repeat(&check);
    g_autoptr(FakeBackend) fake = world_apply(&check);
    if (!has_helper_without_pu(plan))
        check_again_running(&check, fake, false);
    check_again_running(&check, fake, true);
    check_moves(&check, fake, seed);
    if (!check.fault)
        return true;
    g_autofree char *text = random_world_format(world);
    printf("VMTUNED_SEED=%" PRIu64 " VMTUNED_COUNT=1\n%s%s\n", seed, text, check.fault);
    g_free(check.fault);
    return false;
}

int main(void)
{
    uint64_t seed = environment_number("VMTUNED_SEED", DEFAULT_SEED);
    uint64_t count = environment_number("VMTUNED_COUNT", DEFAULT_COUNT), passed = 0;

    printf("VMTUNED_SEED=%" PRIu64 " VMTUNED_COUNT=%" PRIu64 "\n", seed, count);
    for (uint64_t i = 0; i < count; i++)
        passed += world_holds(seed + i);
    printf("%" PRIu64 " passed, %" PRIu64 " failed\n", passed, count - passed);
    return passed == count && count > 0 ? 0 : 1;
}
