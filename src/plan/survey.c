/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What every guest asks for, and which CPUs are spoken for before any guest is placed. */
#include "plan/board.h"

#include "model/policy-key.h"

PolicyKey helper_key(HelperClass helper)
{
    switch (helper) {
    case HELPER_EMULATOR:
        return KEY_CPU_EMULATOR;
    case HELPER_IOTHREADS:
        return KEY_CPU_IOTHREADS;
    case HELPER_VHOST:
    case N_HELPERS:
        break;
    }
    return KEY_CPU_VHOST;
}

int seat_name_compare(const Seat *a, const Seat *b)
{
    int order = g_strcmp0(a->in->guest->name, b->in->guest->name);

    return order != 0 ? order : g_strcmp0(a->in->guest->uuid, b->in->guest->uuid);
}

int seat_pointer_compare(gconstpointer a, gconstpointer b)
{
    return seat_name_compare(*(const Seat *const *)a, *(const Seat *const *)b);
}

const CpuSet *seat_pin(const Seat *seat, unsigned vcpu)
{
    for (unsigned i = 0; i < seat->n_pins; i++)
        if (seat->pins[i].id == vcpu)
            return seat->pins[i].cpus;
    return NULL;
}

bool seat_word_is(const Seat *seat, PolicyKey key, const char *word)
{
    const PolicyValue *value = guest_policy_get(seat->in->policy, key);

    return value && g_strcmp0(value->text, word) == 0;
}

Claim *seat_claim(const Seat *seat, unsigned i)
{
    return &g_array_index(seat->claims, Claim, i);
}

const Claim *seat_find_claim(const Seat *seat, ThreadClass thread_class, unsigned id)
{
    for (guint i = 0; i < seat->claims->len; i++) {
        const Claim *claim = seat_claim(seat, i);
        if (claim->thread_class == thread_class && claim->id == id)
            return claim;
    }
    return NULL;
}

CpuSet *seat_vcpu_pus(const Seat *seat)
{
    CpuSet *pus = cpuset_new();

    for (unsigned i = 0; i < seat->n_vcpu_claims; i++)
        if (seat_claim(seat, i)->pu != NO_PU)
            hwloc_bitmap_set(pus, seat_claim(seat, i)->pu);
    return pus;
}

/* What a survey finds and nothing changes later; mostly the same for all guests. */
static void bounds_each(Seat *seat, void (*call)(CpuSet **set))
{
    call(&seat->allowed);
    call(&seat->mems);
    call(&seat->node_list);
    call(&seat->cpu_nodes);
    call(&seat->mem_nodes);
}

static void seat_free(gpointer data)
{
    Seat *seat = data;

    bounds_each(seat, cpuset_release);
    for (unsigned i = 0; i < N_HELPERS; i++)
        hwloc_bitmap_free(seat->lists[i]);
    for (unsigned i = 0; i < seat->n_pins; i++)
        hwloc_bitmap_free(seat->pins[i].cpus);
    g_free(seat->pins);
    g_array_unref(seat->claims);
    g_array_unref(seat->needs);
    g_array_unref(seat->memory);
    hwloc_bitmap_free(seat->exclusive);
    g_free(seat->reason);
    diag_list_free(seat->diags);
    guest_plan_unref(seat->plan);
    hwloc_bitmap_free(seat->reach);
    plan_guest_clear(&seat->guest);
    g_free(seat);
}

/* --- CPU lists of the policy --- */

static void diagnose_missing(DiagList *diags, const PolicyValue *value, const char *key,
                             const char *missing)
{
    DiagPlace place = {.file = value->origin.file, .line = value->origin.line};

    if (missing)
        diag_add(diags, DIAG_WARNING, value->origin.file ? &place : NULL, key,
                 "not on this host, or offline: %s", missing);
}

static CpuSet *resolve(const Planner *planner, const Seat *seat, const PolicyValue *value,
                       const char *key)
{
    g_autofree char *missing = NULL;
    g_autofree char *where = g_strconcat(seat->in->guest->name, ": ", key, NULL);
    CpuSet *cpus = cpu_expr_resolve(value->cpus, planner->topo, &missing);

    diagnose_missing(seat->diags, value, where, missing);
    hwloc_bitmap_and(cpus, cpus, seat->allowed);
    return cpus;
}

static void survey_lists(const Planner *planner, Seat *seat)
{
    static const char *const names[N_HELPERS] = {"cpu.emulator", "cpu.iothreads", "cpu.vhost"};

    for (HelperClass i = 0; i < N_HELPERS; i++) {
        const CpuExpr *list = NULL;
        seat->classes[i] = guest_policy_get_class(seat->in->policy, helper_key(i), &list);
        if (seat->classes[i] != CLASS_LIST)
            continue;
        seat->lists[i] =
            resolve(planner, seat, guest_policy_get(seat->in->policy, helper_key(i)), names[i]);
        if (!cpuset_is_empty(seat->lists[i]))
            continue;
        seat->classes[i] = CLASS_ABSENT;
        g_clear_pointer(&seat->lists[i], hwloc_bitmap_free);
        diag_add(seat->diags, DIAG_WARNING, NULL, seat->in->guest->name,
                 "%s lists no CPU the guest may use: as if it were absent", names[i]);
    }
}

static int pin_compare(gconstpointer a, gconstpointer b)
{
    return CMP(((const GuestPin *)a)->id, ((const GuestPin *)b)->id);
}

static void survey_pins(const Planner *planner, Seat *seat)
{
    const PolicyValue *map = guest_policy_get(seat->in->policy, KEY_CPU_PINS);
    g_autoptr(GArray) pins = g_array_new(FALSE, FALSE, sizeof(GuestPin));

    if (seat->cpu_policy != CPU_MANUAL || !map)
        return;
    for (unsigned i = 0; i < map->n_entries; i++) {
        const PolicyEntry *entry = &map->entries[i];
        g_autofree char *key = g_strconcat("cpu.pins.", entry->key, NULL);
        uint64_t vcpu;
        if (entry->value->kind != VALUE_CPUS || parse_u64(entry->key, CPUSET_MAX_INDEX, &vcpu) != 0)
            continue;
        GuestPin pin = {.id = (unsigned)vcpu, .cpus = resolve(planner, seat, entry->value, key)};
        g_array_append_val(pins, pin);
    }
    g_array_sort(pins, pin_compare);
    seat->n_pins = pins->len;
    seat->pins = (GuestPin *)g_array_free(g_steal_pointer(&pins), FALSE);
}

static void check_pins(Seat *seat)
{
    for (unsigned i = 0; i < seat->n_pins; i++) {
        if (!cpuset_is_empty(seat->pins[i].cpus))
            continue;
        PlanShortage shortage = {"PUs", 1, "PUs", -1};
        seat_refuse(seat, shortage, "cpu.pins of vCPU %u name no CPU the guest may use: 1 PU short",
                    seat->pins[i].id);
        return;
    }
}

/* The scheduler balances no load over isolated CPUs: threads with several would all stay on one. */
static void check_isolated(const Planner *planner, Seat *seat)
{
    const CpuSet *isolated = planner->topo->isolated;

    if (seat->refused || seat_pool_vcpus(seat) == 0 || cpuset_weight(seat->allowed) < 2 ||
        !cpuset_is_subset(seat->allowed, isolated))
        return;
    PlanShortage shortage = {"pool PUs", 1, "PUs", -1};
    g_autofree char *list = cpuset_format(seat->allowed);
    seat_refuse(
        seat, shortage,
        "isolcpus: all CPUs it may use, %s, are isolated from the scheduler, where only vCPUs "
        "with a CPU each belong: 1 pool PU short",
        list);
}

/* --- vCPUs the policy names and the guest cannot have --- */

static void diagnose_vcpus(const Seat *seat, PolicyKey key, const CpuSet *named)
{
    const PolicyValue *value = guest_policy_get(seat->in->policy, key);
    DiagPlace place = {.file = value->origin.file, .line = value->origin.line};
    g_autofree char *list = cpuset_format(named);
    g_autofree char *where =
        g_strconcat(seat->in->guest->name, ": ", policy_key_info(key)->path, NULL);

    diag_add(seat->diags, DIAG_WARNING, value->origin.file ? &place : NULL, where,
             "the guest has no vCPU %s", list);
}

static void survey_vcpus(const Seat *seat)
{
    const PolicyValue *listed = guest_policy_get(seat->in->policy, KEY_CPU_DEDICATED_VCPUS);
    g_autoptr(CpuSet) beyond = cpuset_new();

    /* One list may serve guests of many sizes: only one that is of no use at all is told. */
    if (seat->cpu_policy == CPU_MIXED && listed && !cpuset_is_empty(listed->set) &&
        cpuset_first(listed->set) >= seat->def->max_vcpus)
        diagnose_vcpus(seat, KEY_CPU_DEDICATED_VCPUS, listed->set);
    for (unsigned i = 0; i < seat->n_pins; i++)
        if (seat->pins[i].id >= seat->def->max_vcpus)
            hwloc_bitmap_set(beyond, seat->pins[i].id);
    if (!cpuset_is_empty(beyond))
        diagnose_vcpus(seat, KEY_CPU_PINS, beyond);
}

/* --- claims --- */

static void claim_add(Seat *seat, ThreadClass thread_class, unsigned id)
{
    Claim claim = {.thread_class = thread_class, .id = id, .pu = NO_PU};

    g_array_append_val(seat->claims, claim);
}

static void survey_claims(Seat *seat)
{
    const PolicyValue *listed = guest_policy_get(seat->in->policy, KEY_CPU_DEDICATED_VCPUS);

    CPUSET_FOREACH(id, seat->def->vcpus)
    if (seat->cpu_policy == CPU_DEDICATED ||
        (seat->cpu_policy == CPU_MIXED && listed && cpuset_has(listed->set, id)))
        claim_add(seat, THREAD_VCPU, id);
    seat->n_vcpu_claims = seat->claims->len;
    if (seat->classes[HELPER_EMULATOR] == CLASS_ISOLATE)
        claim_add(seat, THREAD_EMULATOR, 0);
    if (seat->classes[HELPER_IOTHREADS] == CLASS_ISOLATE)
        CPUSET_FOREACH(id, seat->def->iothreads)
    claim_add(seat, THREAD_IOTHREAD, id);
    if (seat->classes[HELPER_VHOST] == CLASS_ISOLATE)
        claim_add(seat, THREAD_VHOST, 0);
}

/* --- the guest --- */

static void survey_bounds(const Planner *planner, Seat *seat)
{
    const Topo *topo = planner->topo;
    const GuestKernel *kernel = seat->in->guest->kernel;
    const PolicyValue *nodes = guest_policy_get(seat->in->policy, KEY_NUMA_NODES);

    seat->allowed =
        cpuset_and(kernel && kernel->allowed ? kernel->allowed : topo->allowed, topo->online);
    seat->mems = cpuset_and(
        kernel && kernel->allowed_mems ? kernel->allowed_mems : topo->allowed_mems, planner->nodes);
    if (nodes && nodes->kind == VALUE_SET)
        seat->node_list = cpuset_and(nodes->set, planner->nodes);
}

static void diagnose_guest(const Seat *seat)
{
    const PolicyValue *nodes = guest_policy_get(seat->in->policy, KEY_NUMA_NODES);

    if (seat->def->auto_placement || seat->def->numa_auto)
        diag_add(seat->diags, DIAG_WARNING, NULL, seat->in->guest->name,
                 "placement='auto' asks numad at every start, which does not know this plan");
    if (!seat->node_list || cpuset_equal(seat->node_list, nodes->set))
        return;
    g_autoptr(CpuSet) missing = cpuset_minus(nodes->set, seat->node_list);
    g_autofree char *text = cpuset_format(missing);
    g_autofree char *words = g_strconcat("node:", text, NULL);
    g_autofree char *key = g_strconcat(seat->in->guest->name, ": numa.nodes", NULL);
    diagnose_missing(seat->diags, nodes, key, words);
    if (cpuset_is_empty(seat->node_list))
        diag_add(seat->diags, DIAG_WARNING, NULL, seat->in->guest->name,
                 "numa.nodes lists no node of this host: as if it were absent");
}

static Seat *seat_new(const Topo *topo, const PlanGuest *in)
{
    Seat *seat = g_new0(Seat, 1);

    seat->guest = plan_guest_ref(in);
    seat->in = &seat->guest;
    seat->watch = WATCH_NOTHING;
    seat->had = seat->wish = seat->home = NO_NODE;
    seat->diags = diag_list_new();
    seat->def = guest_def(in->guest);
    seat->unmanaged = in->manual || in->released;
    if (in->running && in->before && in->before->result != PLAN_UNMANAGED)
        seat->before = in->before;
    seat->cpu_policy = guest_policy_get_cpu_policy(in->policy);
    seat->threads = guest_policy_get_threads(in->policy);
    seat->exclusive = cpuset_new();
    seat->claims = g_array_new(FALSE, FALSE, sizeof(Claim));
    seat->memory = g_array_new(FALSE, FALSE, sizeof(MemoryPlan));
    seat->needs = memory_needs(topo, seat->def);
    return seat;
}

static void seat_survey(Planner *planner, Seat *seat)
{
    survey_bounds(planner, seat);
    if (!seat->unmanaged) {
        diagnose_guest(seat);
        survey_lists(planner, seat);
        survey_pins(planner, seat);
        survey_vcpus(seat);
        check_pins(seat);
        check_isolated(planner, seat);
        if (!seat->refused)
            survey_claims(seat);
    }
    if (cpuset_is_empty(seat->node_list))
        g_clear_pointer(&seat->node_list, hwloc_bitmap_free);
    seat_choose_candidates(planner, seat);
    bounds_each(seat, cpuset_share);
}

/* --- the host --- */

static CpuSet *default_housekeeping(const Topo *topo)
{
    g_autoptr(CpuSet) able = cpuset_and(topo->online, topo->allowed);

    hwloc_bitmap_andnot(able, able, topo->isolated);
    if (cpuset_is_empty(able))
        return cpuset_new();
    CpuSet *cpus = cpuset_copy(topo_core(topo, topo_pu(topo, cpuset_first(able))->core)->cpus);
    hwloc_bitmap_andnot(cpus, cpus, topo->isolated);
    return cpus;
}

static void diagnose_housekeeping(Planner *planner, const CpuSet *cpus, const char *why)
{
    if (cpuset_is_empty(cpus))
        return;
    g_autofree char *text = cpuset_format(cpus);
    diag_add(planner->diags, DIAG_WARNING, NULL, "host.housekeeping_cpus", "CPU %s is %s: left out",
             text, why);
}

static void survey_housekeeping(Planner *planner)
{
    const Topo *topo = planner->topo;
    const CpuExpr *expr = policy_get_housekeeping(planner->policy);
    const PolicyValue *value = planner->policy->values[KEY_HOST_HOUSEKEEPING_CPUS];
    g_autofree char *missing = NULL;

    if (!expr) {
        planner->housekeeping = default_housekeeping(topo);
        return;
    }
    g_autoptr(CpuSet) named = cpu_expr_resolve(expr, topo, &missing);
    g_autoptr(CpuSet) offline = cpuset_and(named, topo->offline);
    g_autoptr(CpuSet) isolated = cpuset_and(named, topo->isolated);
    if (value)
        diagnose_missing(planner->diags, value, "host.housekeeping_cpus", missing);
    diagnose_housekeeping(planner, offline, "offline");
    diagnose_housekeeping(planner, isolated, "isolated from the scheduler");
    planner->housekeeping = cpuset_and(named, topo->online);
    hwloc_bitmap_andnot(planner->housekeeping, planner->housekeeping, topo->isolated);
}

/* CPUs that dedicated guests keep off because of this one. */
static CpuSet *seat_off(const Seat *seat)
{
    if (seat->unmanaged)
        return seat_live_cpus(seat);
    CpuSet *cpus = cpuset_new();
    for (unsigned i = 0; i < N_HELPERS; i++)
        if (seat->lists[i])
            hwloc_bitmap_or(cpus, cpus, seat->lists[i]);
    for (unsigned i = 0; i < seat->n_pins; i++)
        hwloc_bitmap_or(cpus, cpus, seat->pins[i].cpus);
    return cpus;
}

static void survey_off(Planner *planner, const Seat *seat, int sign)
{
    bool lists =
        seat->lists[HELPER_EMULATOR] || seat->lists[HELPER_IOTHREADS] || seat->lists[HELPER_VHOST];

    if (!seat->unmanaged && !lists && seat->n_pins == 0)
        return;
    g_autoptr(CpuSet) cpus = seat_off(seat);

    hwloc_bitmap_and(cpus, cpus, planner->topo->online);
    CPUSET_FOREACH(cpu, cpus)
    {
        planner->n_off[cpu] += (unsigned)sign;
        if (planner->n_off[cpu] > 0)
            hwloc_bitmap_set(planner->off, cpu);
        else
            hwloc_bitmap_clr(planner->off, cpu);
    }
}

static unsigned last_pu(const Topo *topo)
{
    unsigned last = 0;

    for (unsigned i = 0; i < topo->n_pus; i++)
        last = MAX(last, topo->pus[i].os_index);
    return last;
}

static void survey_nodes(Planner *planner)
{
    const Topo *topo = planner->topo;

    planner->nodes = cpuset_new();
    planner->cpu_nodes = cpuset_new();
    for (unsigned i = 0; i < topo->n_nodes; i++) {
        hwloc_bitmap_set(planner->nodes, topo->nodes[i].os_index);
        if (!cpuset_is_empty(topo->nodes[i].cpus))
            hwloc_bitmap_set(planner->cpu_nodes, topo->nodes[i].os_index);
    }
}

Planner *planner_new(const PlanInput *input)
{
    Planner *planner = g_new0(Planner, 1);
    const Topo *topo = input->topo;

    planner->topo = topo;
    planner->policy = input->policy;
    planner->consolidate = input->max_moves > 0;
    planner->moves_left =
        planner->consolidate ? input->max_moves : policy_get_rebalance_moves(input->policy);
    planner->min_gain = planner->consolidate ? 0 : policy_get_rebalance_min_gain(input->policy);
    planner->diags = diag_list_new();
    planner->exclusive = cpuset_new();
    planner->pool = cpuset_new();
    planner->owned = cpuset_new();
    planner->strays = g_ptr_array_new();
    planner->strayed = cpuset_new();
    planner->over = g_new0(bool, MAX(topo->n_nodes, 1));
    planner->wished = g_new0(unsigned, MAX(topo->n_nodes, 1));
    planner->floats = home_floats_new();
    planner->watchers = g_new(GPtrArray *, WATCH_LISTS(topo));
    for (unsigned i = 0; i < WATCH_LISTS(topo); i++)
        planner->watchers[i] = g_ptr_array_new();
    planner->off = cpuset_new();
    planner->n_off = g_new0(unsigned, last_pu(topo) + 1);
    planner->pool_base = cpuset_and(topo->online, topo->allowed);
    hwloc_bitmap_andnot(planner->pool_base, planner->pool_base, topo->isolated);
    planner->core_width = pick_core_width(topo);
    planner->wide_above = planner->core_width > 1 ? pick_llc_cores(topo) : UINT_MAX;
    planner->capacity = capacity_new(topo, input->policy);
    survey_housekeeping(planner);
    survey_nodes(planner);

    planner->seats = g_ptr_array_new_with_free_func(seat_free);
    for (unsigned i = 0; i < input->n_guests; i++)
        g_ptr_array_add(planner->seats, seat_new(topo, &input->guests[i]));
    g_ptr_array_sort(planner->seats, seat_pointer_compare);
    for (guint i = 0; i < planner->seats->len; i++) {
        seat_survey(planner, g_ptr_array_index(planner->seats, i));
        survey_off(planner, g_ptr_array_index(planner->seats, i), 1);
    }
    planner->board = board_new(planner);
    planner->finder = finder_new(planner->board);
    return planner;
}

/* Index of the first seat that does not come before it. */
static guint find_place(const Planner *planner, const Seat *seat)
{
    guint low = 0, high = planner->seats->len;

    while (low < high) {
        guint middle = (low + high) / 2;
        if (seat_name_compare(g_ptr_array_index(planner->seats, middle), seat) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

Seat *planner_add(Planner *planner, const PlanGuest *guest)
{
    Seat *seat = seat_new(planner->topo, guest);

    seat_survey(planner, seat);
    survey_off(planner, seat, 1);
    g_ptr_array_insert(planner->seats, (gint)find_place(planner, seat), seat);
    board_count_seat(planner->board, seat, 1);
    return seat;
}

void planner_drop(Planner *planner, Seat *seat)
{
    seat_forget_plan(planner, seat);
    home_forget(planner, seat);
    seat_release(planner, seat);
    memory_release(planner, seat);
    board_count_seat(planner->board, seat, -1);
    survey_off(planner, seat, -1);
    g_ptr_array_remove_index(planner->seats, find_place(planner, seat));
}

void planner_free(Planner *planner)
{
    if (!planner)
        return;
    finder_free(planner->finder);
    board_free(planner->board);
    g_ptr_array_unref(planner->seats);
    hwloc_bitmap_free(planner->nodes);
    hwloc_bitmap_free(planner->cpu_nodes);
    hwloc_bitmap_free(planner->housekeeping);
    hwloc_bitmap_free(planner->pool_base);
    hwloc_bitmap_free(planner->off);
    hwloc_bitmap_free(planner->exclusive);
    g_free(planner->n_off);
    hwloc_bitmap_free(planner->pool);
    hwloc_bitmap_free(planner->owned);
    hwloc_bitmap_free(planner->strayed);
    g_ptr_array_unref(planner->strays);
    g_free(planner->over);
    hwloc_bitmap_free(planner->where.cpus);
    hwloc_bitmap_free(planner->where.nodes);
    hwloc_bitmap_free(planner->where.llcs);
    g_free(planner->wished);
    g_array_unref(planner->floats);
    for (unsigned i = 0; i < WATCH_LISTS(planner->topo); i++)
        g_ptr_array_unref(planner->watchers[i]);
    g_free(planner->watchers);
    capacity_free(planner->capacity);
    diag_list_free(planner->diags);
    g_free(planner);
}
