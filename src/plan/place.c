/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Guests get their places, or are refused: first what running guests lack, then all others, one
 * after the other and then improved together. A refused guest holds nothing but the memory it has
 * if it runs. */
#include "plan/board.h"

static CpuSet *seat_free_pus(const Planner *planner, const Seat *seat)
{
    CpuSet *pus = cpuset_minus(seat->allowed, planner->housekeeping);

    hwloc_bitmap_andnot(pus, pus, planner->exclusive);
    hwloc_bitmap_andnot(pus, pus, planner->off);
    return pus;
}

/* --- what a running guest lacks --- */

/* One PU for a plugged vCPU: a sibling of its own, else as its thread policy wants. With require
 * no core is begun while another is not full. */
static unsigned pick_plugged(const Planner *planner, const Seat *seat, const CpuSet *free)
{
    const Topo *topo = planner->topo;
    g_autoptr(CpuSet) own = seat_vcpu_pus(seat);
    g_autoptr(CpuSet) near = topo_llcs_of(topo, own);
    g_autoptr(CpuSet) usable = pick_with_siblings(topo, own);
    bool full = cpuset_equal(usable, own);

    hwloc_bitmap_and(usable, usable, free);
    if (seat->threads == THREADS_ISOLATE ||
        (cpuset_is_empty(usable) && (full || seat->threads == THREADS_PREFER))) {
        hwloc_bitmap_free(usable);
        usable = pick_usable(topo, free, seat->threads);
    }
    g_autoptr(CpuSet) picked = pick_vcpu_pus(topo, usable, 1, near, seat->threads);
    return cpuset_is_empty(picked) ? NO_PU : cpuset_first(picked);
}

static unsigned pick_one_helper(const Planner *planner, const Seat *seat, const CpuSet *free)
{
    g_autoptr(CpuSet) own = seat_vcpu_pus(seat);
    g_autoptr(CpuSet) near = topo_llcs_of(planner->topo, own);
    g_autoptr(CpuSet) picked = pick_helper_pus(planner->topo, free, 1, near);

    return cpuset_is_empty(picked) ? NO_PU : cpuset_first(picked);
}

/* Nodes for one more PU, in turn: those it is on, then those it may be on. A helper has its home
 * node alone. */
static CpuSet *nodes_for_one(const Planner *planner, const Seat *seat, const Claim *claim,
                             unsigned turn)
{
    g_autoptr(CpuSet) own = seat_vcpu_pus(seat);
    g_autoptr(CpuSet) nodes = topo_nodes_of(planner->topo, own);

    if (turn > 0 || cpuset_is_empty(nodes))
        return cpuset_copy(seat->cpu_nodes);
    if (claim->thread_class == THREAD_VCPU)
        return g_steal_pointer(&nodes);
    for (unsigned i = 0; i < seat->n_vcpu_claims; i++)
        if (seat_claim(seat, i)->pu != NO_PU)
            return cpuset_new_one(topo_pu(planner->topo, seat_claim(seat, i)->pu)->node);
    return g_steal_pointer(&nodes);
}

static bool place_one(Planner *planner, Seat *seat, Claim *claim)
{
    bool vcpu = claim->thread_class == THREAD_VCPU;

    for (unsigned turn = 0; turn < (vcpu ? 2u : 1u); turn++) {
        g_autoptr(CpuSet) nodes = nodes_for_one(planner, seat, claim, turn);
        g_autoptr(CpuSet) cpus = topo_cpus_of_nodes(planner->topo, nodes);
        g_autoptr(CpuSet) free = seat_free_pus(planner, seat);
        hwloc_bitmap_and(free, free, cpus);
        unsigned pu =
            vcpu ? pick_plugged(planner, seat, free) : pick_one_helper(planner, seat, free);
        if (pu == NO_PU)
            continue;
        g_autoptr(CpuSet) taken = cpuset_new_one(pu);
        if (vcpu && seat->threads == THREADS_ISOLATE) {
            hwloc_bitmap_free(taken);
            taken = cpuset_copy(topo_core(planner->topo, topo_pu(planner->topo, pu)->core)->cpus);
        }
        if (!board_floor_holds(planner->board, taken))
            continue;
        claim->pu = pu;
        seat_take(planner, seat);
        return true;
    }
    return false;
}

static int pu_compare(gconstpointer a, gconstpointer b)
{
    return CMP(*(const unsigned *)a, *(const unsigned *)b);
}

/* New helpers get their PUs in ascending order, which tells emulator from vhost later. */
static void order_helpers(const Seat *seat, const GArray *placed)
{
    g_autoptr(GArray) pus = g_array_new(FALSE, FALSE, sizeof(unsigned));

    for (guint i = 0; i < placed->len; i++)
        g_array_append_val(pus, seat_claim(seat, g_array_index(placed, guint, i))->pu);
    g_array_sort(pus, pu_compare);
    for (guint i = 0; i < placed->len; i++)
        seat_claim(seat, g_array_index(placed, guint, i))->pu = g_array_index(pus, unsigned, i);
}

static void place_missing(Planner *planner, Seat *seat)
{
    g_autoptr(GArray) placed = g_array_new(FALSE, FALSE, sizeof(guint));

    for (guint i = 0; i < seat->claims->len; i++) {
        Claim *claim = seat_claim(seat, i);
        if (claim->pu != NO_PU)
            continue;
        if (place_one(planner, seat, claim)) {
            if (claim->thread_class != THREAD_VCPU)
                g_array_append_val(placed, i);
            continue;
        }
        if (claim->thread_class == THREAD_VCPU)
            diag_add(seat->diags, DIAG_WARNING, NULL, seat->in->guest->name,
                     "no PU is free for vCPU %u: it shares those of the guest", claim->id);
        else
            diag_add(seat->diags, DIAG_WARNING, NULL, seat->in->guest->name,
                     "no PU is free for its %s alone: as if cpu.%s were share",
                     thread_class_name(claim->thread_class),
                     claim->thread_class == THREAD_IOTHREAD
                         ? "iothreads"
                         : (claim->thread_class == THREAD_VHOST ? "vhost" : "emulator"));
    }
    order_helpers(seat, placed);
}

/* --- guests without a place --- */

static bool wants_place(const Seat *seat)
{
    return !seat->unmanaged && !seat->refused && !seat->in_place && seat->claims->len > 0;
}

bool seat_is_open(const Seat *seat)
{
    if (seat->unmanaged)
        return false;
    if (seat->refused || !seat->in->running || !seat->before)
        return true;
    for (guint i = 0; i < seat->claims->len; i++)
        if (seat_claim(seat, i)->pu == NO_PU)
            return true;
    return false;
}

/* In place with all it asks for, on PUs that the board knows. */
bool seat_is_movable(const Planner *planner, const Seat *seat)
{
    if (planner->moves_left == 0 || !seat->in_place || seat->unmanaged || seat->refused ||
        seat->n_vcpu_claims == 0 || cpuset_intersects(seat->exclusive, planner->off))
        return false;
    for (guint i = 0; i < seat->claims->len; i++)
        if (seat_claim(seat, i)->pu == NO_PU)
            return false;
    return !cpuset_intersects(seat->exclusive, planner->housekeeping) &&
           cpuset_is_subset(seat->exclusive, seat->allowed) &&
           board_has_cores(planner->board, seat);
}

/* The best place there is for it; a core for each vCPU of wide guests if cores are not scarce. */
static void find_place(Finder *finder, const Ask *ask, bool scarce, Spot *spot)
{
    spot->placed = false;
    if (ask->wide && !scarce) {
        finder_ask(finder, ask, true, NULL);
        finder_run(finder, spot);
    }
    if (spot->placed)
        return;
    finder_ask(finder, ask, false, NULL);
    finder_run(finder, spot);
    if (spot->placed || !ask->seat->def->has_memnodes)
        return;
    finder->loose = true; /* better far from its memory than nowhere */
    finder_run(finder, spot);
}

static void place_new(Board *board, Finder *finder, Ask *ask, bool scarce)
{
    board_set_refused(board, ask, false);
    find_place(finder, ask, scarce, &ask->spot);
    if (!ask->spot.placed) {
        board_set_refused(board, ask, true);
        return;
    }
    board_take(board, ask, &ask->spot);
    if (board_floor_holds(board, NULL))
        return;
    board_give(board, ask, &ask->spot);
    ask->spot.placed = false;
    board_set_refused(board, ask, true);
}

static bool needs_are_like(const GArray *a, const GArray *b)
{
    for (guint i = 0; i < a->len && a->len == b->len; i++)
        if (g_array_index(a, MemoryNeed, i).kib != g_array_index(b, MemoryNeed, i).kib ||
            g_array_index(a, MemoryNeed, i).page_kib != g_array_index(b, MemoryNeed, i).page_kib)
            return false;
    return a->len == b->len;
}

/* Two guests without cells, devices and measured memory to which the empty host is the same. */
static bool ask_is_like(const Ask *ask, const Ask *other)
{
    const Seat *a = ask->seat, *b = other->seat;

    if (ask->in_place || other->in_place || a->def->n_cells > 0 || b->def->n_cells > 0 ||
        ask->n_devices > 0 || other->n_devices > 0 || ask->memory_mib || other->memory_mib)
        return false;
    return ask->n_vcpus == other->n_vcpus && ask->n_helpers == other->n_helpers &&
           ask->spread == other->spread && a->threads == b->threads && a->set == b->set &&
           a->in->running == b->in->running && needs_are_like(a->needs, b->needs) &&
           cpuset_equal(a->cpu_nodes, b->cpu_nodes) && cpuset_equal(a->mem_nodes, b->mem_nodes) &&
           cpuset_equal(a->mems, b->mems);
}

static void find_least(Finder *finder, Ask *ask)
{
    Spot *best = ask->in_place ? &ask->had : &ask->spot;

    find_place(finder, ask, false, best);
    ask->least = best->cost;
    best->placed = false;
    if (!ask->in_place)
        return;
    finder_price(finder, &ask->spot);
    spot_copy(&ask->had, &ask->spot, ask);
}

/* There is room for it, but then not for those that float. */
static void refuse_unplaced(Board *board, Finder *finder, Ask *ask)
{
    int left = board->pool_left;

    find_place(finder, ask, true, &ask->spot);
    if (!ask->spot.placed) {
        refuse_for_room(finder, ask->seat);
        return;
    }
    for (unsigned i = 0; i < ask->spot.n_parts; i++)
        if (board->areas[ask->spot.parts[i].area].pool)
            left -= (int)part_pus(board, ask, &ask->spot, &ask->spot.parts[i]);
    ask->spot.placed = false;
    board_set_refused(board, ask, false);
    refuse_for_floor(board->planner, ask->seat, (unsigned)MAX(left, 0));
    ask->seat->refused = false;
    board_set_refused(board, ask, true);
}

/* Levels of priority, from the highest; the queue is in their order. */
static void add_ask(GPtrArray *asks, Ask *ask)
{
    const Seat *seat = ask->seat;
    const Ask *last = asks->len > 0 ? g_ptr_array_index(asks, asks->len - 1) : NULL;

    if (last)
        ask->level = last->level + (last->seat->in_place != seat->in_place ||
                                    guest_policy_get_priority(last->seat->in->policy) !=
                                        guest_policy_get_priority(seat->in->policy));
    g_ptr_array_add(asks, ask);
}

/* Guests in place that may move, if any may, give their PUs to the board. */
static void release_movable(Planner *planner, const GPtrArray *queue)
{
    for (guint i = 0; i < queue->len; i++) {
        Seat *seat = g_ptr_array_index(queue, i);
        if (seat_is_movable(planner, seat))
            seat_release(planner, seat);
    }
}

/* Too few to give every wide guest a core for each vCPU, though only the sum is looked at. */
static bool cores_are_scarce(const Board *board, const GPtrArray *asks)
{
    unsigned width = board->planner->core_width;
    uint64_t need = 0, have = 0;

    for (unsigned i = 0; i < board->n_areas; i++)
        have += board->areas[i].free;
    for (guint i = 0; i < asks->len; i++) {
        const Ask *ask = g_ptr_array_index(asks, i);
        bool cores = ask->wide || ask->seat->threads == THREADS_ISOLATE;
        if (!ask->in_place)
            need += ask->n_helpers + ask->n_vcpus * (cores ? width : 1);
    }
    return board->planner->squeeze || need > have;
}

static void add_asks(Board *board, const GPtrArray *queue, GPtrArray *asks)
{
    for (guint i = 0; i < queue->len; i++) {
        Seat *seat = g_ptr_array_index(queue, i);
        bool movable = seat_is_movable(board->planner, seat);
        if (movable && board->planner->moves != MOVES_ALL)
            add_ask(asks, ask_new_in_place(board, seat));
        else if (movable || wants_place(seat))
            add_ask(asks, ask_new(board, seat));
    }
}

static bool is_floating_start(const Seat *seat)
{
    return !seat->unmanaged && seat->starts && seat->n_vcpu_claims == 0;
}

/* A refused guest has no place for its memory either, unless it runs. */
static void hold_floating(Planner *planner, Seat *seat)
{
    if (!is_floating_start(seat) || (seat->refused && !seat->in->running))
        return;
    memory_hold_floating(planner, seat);
    home_wish(planner, seat);
}

/* Its helpers were refused when it was its turn and are not now, or the other way round. */
static void hold_as_improved(Planner *planner, Seat *seat)
{
    if (is_floating_start(seat) && seat->refused && !seat->in->running) {
        memory_release(planner, seat);
        home_forget(planner, seat);
    } else if (seat->memory->len == 0) {
        hold_floating(planner, seat);
    }
}

/* Guests in place have what they had; the others come after them. */
static void take_places(Board *board, Finder *finder, const GPtrArray *asks)
{
    for (guint i = 0; i < asks->len; i++) {
        Ask *ask = g_ptr_array_index(asks, i);
        const Ask *last = i > 0 ? g_ptr_array_index(asks, i - 1) : NULL;
        if (last && ask_is_like(ask, last))
            ask->least = last->least;
        else
            find_least(finder, ask);
    }
    for (guint i = 0; i < asks->len; i++) {
        Ask *ask = g_ptr_array_index(asks, i);
        if (ask->in_place)
            board_take(board, ask, &ask->spot);
    }
}

/* A guest in place has no place any more. */
static bool any_lost(const GPtrArray *asks)
{
    for (guint i = 0; i < asks->len; i++) {
        const Ask *ask = g_ptr_array_index(asks, i);
        if (ask->seat->in_place && !ask->spot.placed)
            return true;
    }
    return false;
}

static bool too_many_moved(const Planner *planner)
{
    unsigned n = 0;

    for (guint i = 0; i < planner->seats->len; i++)
        n += ((const Seat *)g_ptr_array_index(planner->seats, i))->moved;
    return n > planner->moves_left;
}

/* Each in its turn. */
static void place_queue(Planner *planner, const GPtrArray *queue, GPtrArray *asks, bool scarce)
{
    Board *board = planner->board;

    for (guint i = 0, next = 0; i < queue->len; i++) {
        Seat *seat = g_ptr_array_index(queue, i);
        Ask *ask = next < asks->len ? g_ptr_array_index(asks, next) : NULL;
        bool asked = ask && ask->seat == seat;
        if (is_floating_start(seat) && !seat->refused && refuse_floating(board, seat)) {
            if (asked)
                g_ptr_array_remove_index(asks, next);
            continue;
        }
        next += asked;
        if (asked && !ask->in_place)
            place_new(board, planner->finder, ask, scarce);
        hold_floating(planner, seat);
    }
}

/* Where others were moved there may be room now for the refused; who has a place floats no longer,
 * which may be what another one needs. True: some have a place. */
static bool place_refused(Board *board, Finder *finder, const GPtrArray *asks, bool scarce)
{
    bool any = false, more = true;

    while (more) {
        more = false;
        for (guint i = 0; i < asks->len; i++) {
            Ask *ask = g_ptr_array_index(asks, i);
            if (ask->spot.placed)
                continue;
            place_new(board, finder, ask, scarce);
            more |= ask->spot.placed;
        }
        any |= more;
    }
    return any;
}

/* All together, as long as that gives more of them a place. */
static void improve_all(Board *board, const GPtrArray *asks, bool scarce)
{
    bool more = true;

    while (more)
        more = improve(board, (Ask **)asks->pdata, asks->len) &&
               place_refused(board, board->planner->finder, asks, scarce);
}

static void place_asks(Planner *planner, const GPtrArray *queue, GPtrArray *asks)
{
    Board *board = planner->board;
    bool scarce = cores_are_scarce(board, asks);

    place_queue(planner, queue, asks, scarce);
    improve_all(board, asks, scarce);
    if (planner->keep_pool) {
        /* Now it is known who floats. */
        planner->keep_pool = false;
        if (place_refused(board, planner->finder, asks, scarce))
            improve_all(board, asks, scarce);
    }
    if (planner->consolidate)
        consolidate(board, (Ask **)asks->pdata, asks->len);
}

bool place_all(Planner *planner, const GPtrArray *queue)
{
    Board *board = planner->board;
    Finder *finder = planner->finder;

    for (guint i = 0; i < queue->len; i++) {
        Seat *seat = g_ptr_array_index(queue, i);
        if (!seat->unmanaged && !seat->refused && seat->in_place)
            place_missing(planner, seat);
    }
    release_movable(planner, queue);
    board_begin(board);

    g_autoptr(GPtrArray) asks = g_ptr_array_new_with_free_func((GDestroyNotify)ask_free);
    add_asks(board, queue, asks);
    take_places(board, finder, asks);
    place_asks(planner, queue, asks);
    if (any_lost(asks) || !settle(board, (Ask **)asks->pdata, asks->len) || too_many_moved(planner))
        return false;
    for (guint i = 0; i < asks->len; i++)
        if (!((Ask *)g_ptr_array_index(asks, i))->spot.placed)
            refuse_unplaced(board, finder, g_ptr_array_index(asks, i));
    for (guint i = 0; i < asks->len; i++)
        hold_as_improved(planner, ((Ask *)g_ptr_array_index(asks, i))->seat);
    for (guint i = 0; i < asks->len; i++)
        if (((Ask *)g_ptr_array_index(asks, i))->spot.placed)
            board_settle(board, g_ptr_array_index(asks, i));
    return true;
}
