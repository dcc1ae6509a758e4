/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The nodes of one guest: the fewest that fit its PUs and memory; of those sets the one whose costs
 * are least. All sets of a size are tried as long as they can be counted; beyond, those with most
 * room and some grown greedily from each node.
 */
#include "plan/board.h"

#include <string.h>

/* Sets of nodes of one size that are looked at one by one: all sets of 6 of 15 nodes. */
#define MAX_SETS 5005

/* How many sets of k of n there are; more than MAX_SETS counts as MAX_SETS + 1. */
static unsigned count_sets(unsigned n, unsigned k)
{
    uint64_t count = 1;

    for (unsigned i = 1; i <= k; i++) {
        count = count * (n - k + i) / i;
        if (count > MAX_SETS)
            return MAX_SETS + 1;
    }
    return (unsigned)count;
}

bool next_set(unsigned *set, unsigned n, unsigned all)
{
    unsigned i = n;

    while (i > 0 && set[i - 1] == all - n + i - 1)
        i--;
    if (i == 0)
        return false;
    set[i - 1]++;
    for (; i < n; i++)
        set[i] = set[i - 1] + 1;
    return true;
}

static void try_all_sets(Finder *finder, unsigned k, Spot *best)
{
    unsigned n = finder->n_offers;
    unsigned *set = finder->set;

    for (unsigned i = 0; i < k; i++)
        set[i] = i;
    do
        finder_try_set(finder, set, k, best);
    while (next_set(set, k, n));
}

/* The member that joins a set best: nearest to all of it, then the roomiest. */
static unsigned next_member(const Finder *finder, const int *in_set, int least_room)
{
    unsigned best = UINT_MAX;
    uint64_t best_distance = 0;

    for (unsigned i = 0; i < finder->n_offers; i++) {
        if (in_set[i] > 0 || finder->offers[i].vcpu_room < least_room)
            continue;
        uint64_t distance = 0;
        for (unsigned j = 0; j < finder->n_offers; j++)
            if (in_set[j] > 0)
                distance +=
                    pair_distance(finder->board, finder->offers[i].node, finder->offers[j].node);
        if (best == UINT_MAX || distance < best_distance ||
            (distance == best_distance &&
             finder->offers[i].vcpu_room > finder->offers[best].vcpu_room)) {
            best = i;
            best_distance = distance;
        }
    }
    return best;
}

static void try_grown_set(Finder *finder, unsigned seed, unsigned k, int least_room, Spot *best)
{
    int *in_set = finder->numbers;
    unsigned n = 0;

    memset(in_set, 0, finder->n_offers * sizeof(int));
    in_set[seed] = 1;
    for (unsigned have = 1; have < k; have++) {
        unsigned next = next_member(finder, in_set, least_room);
        if (next == UINT_MAX)
            return;
        in_set[next] = 1;
    }
    for (unsigned i = 0; i < finder->n_offers; i++)
        if (in_set[i] > 0)
            finder->set[n++] = i;
    finder_try_set(finder, finder->set, k, best);
}

/* Marks the offer with most room that is not marked yet. */
static unsigned mark_roomiest(Finder *finder)
{
    unsigned best = UINT_MAX;

    for (unsigned i = 0; i < finder->n_offers; i++)
        if (finder->numbers[i] == 0 &&
            (best == UINT_MAX || finder->offers[i].vcpu_room > finder->offers[best].vcpu_room))
            best = i;
    finder->numbers[best] = 1;
    return best;
}

/* Where there is just enough room for all, no other set of as many will do. */
static void try_roomiest(Finder *finder, unsigned k, Spot *best)
{
    unsigned n = 0;

    memset(finder->numbers, 0, finder->n_offers * sizeof(int));
    for (unsigned i = 0; i < k; i++)
        mark_roomiest(finder);
    for (unsigned i = 0; i < finder->n_offers; i++)
        if (finder->numbers[i] > 0)
            finder->set[n++] = i;
    finder_try_set(finder, finder->set, k, best);
}

static void try_grown_sets(Finder *finder, unsigned k, Spot *best)
{
    int part = (int)((finder->ask->n_vcpus + k - 1) / k);

    try_roomiest(finder, k, best);
    for (unsigned seed = 0; seed < finder->n_offers; seed++) {
        try_grown_set(finder, seed, k, 0, best);
        if (finder->offers[seed].vcpu_room >= part)
            try_grown_set(finder, seed, k, part, best);
    }
}

/* No set of fewer nodes has the room. */
static unsigned least_nodes(Finder *finder)
{
    int left = (int)finder->ask->n_vcpus;
    unsigned k = 0;

    memset(finder->numbers, 0, finder->n_offers * sizeof(int));
    while (left > 0 && k < finder->n_offers) {
        left -= finder->offers[mark_roomiest(finder)].vcpu_room;
        k++;
    }
    return MAX(k, 1);
}

void finder_run(Finder *finder, Spot *spot)
{
    finder_run_from(finder, 1, spot);
}

static void try_sets(Finder *finder, unsigned k, Spot *best)
{
    if (count_sets(finder->n_offers, k) <= MAX_SETS)
        try_all_sets(finder, k, best);
    else
        try_grown_sets(finder, k, best);
}

void finder_run_from(Finder *finder, unsigned n_nodes, Spot *spot)
{
    unsigned first = MAX(n_nodes, least_nodes(finder)), last = finder->n_offers;

    spot->placed = false;
    if (!finder_can_fit(finder))
        return;
    for (unsigned k = last; finder->ask->spread && k >= first && k > 0 && !spot->placed; k--)
        try_sets(finder, k, spot);
    for (unsigned k = first; k <= last && !spot->placed; k++)
        try_sets(finder, k, spot);
}
