# SPDX-License-Identifier: LGPL-2.1-or-later
"""Simple planners to compare with. They place one guest after the other, those of higher priority
first, else in the order of the instance, and never move one again.

What a guest takes is counted in units, which are PUs, or whole cores for a guest that takes those.
"""

from itertools import combinations


class Board:
    """What is still free."""

    def __init__(self, instance, reserve):
        self.host = instance.host
        self.free = set(range(self.host.n_pus)) - self.host.housekeeping
        self.reserve = reserve  # PUs that must stay for those who are refused

    def whole_cores(self, pus):
        cores = sorted({self.host.core(pu) for pu in pus})
        return [core for core in cores if self.free.issuperset(self.host.siblings(core))]

    def units(self, guest):
        """All it could take, in the order of the host."""
        return self.whole_cores(self.free) if guest.takes_cores(self.host) else sorted(self.free)

    def by(self, of, guest, units):
        """{LLC or node: its units}."""
        result = {}
        for unit in units:
            pu = unit * self.host.width if guest.takes_cores(self.host) else unit
            result.setdefault(of(pu), []).append(unit)
        return result

    def take(self, guest, units):
        """The PU of each vCPU, and the siblings of isolated ones are gone; None: the reserve is touched."""
        host, pus = self.host, sorted(units)
        if guest.takes_cores(host):
            pus = [pu for core in sorted(units) for pu in host.siblings(core)]
        gone = set(pus)
        if guest.threads == "isolate":
            pus = pus[::host.width]
        else:
            pus = pus[:guest.vcpus]
            gone = set(pus)
        if len(self.free) - len(gone) < self.reserve:
            return None
        self.free -= gone
        return pus


def first_fit(board, guest):
    """The first node with room, and the lowest PUs there; else the lowest of the host."""
    units, need = board.units(guest), guest.needs(board.host)
    for here in board.by(board.host.node, guest, units).values():
        if len(here) >= need:
            return here[:need]
    return units[:need]


def fullest_first(board, of, guest, units):
    """Those of each LLC or node, the one with the least free PUs first."""
    def free(place):
        return sum(of(pu) == place for pu in board.free)
    places = board.by(of, guest, units)
    return [places[place] for place in sorted(places, key=lambda place: (free(place), place))]


def tightest(groups, need):
    """The smallest group that is large enough; None: there is none."""
    return min((group for group in groups if len(group) >= need), key=len, default=None)


def best_fit(board, guest):
    """The node with the least room that is enough, there the LLC with the least that is enough; else
    the emptiest first."""
    units, need = board.units(guest), guest.needs(board.host)
    taken = []
    nodes = list(board.by(board.host.node, guest, units).values())
    while len(taken) < need and nodes:
        node = tightest(nodes, need - len(taken)) or max(nodes, key=len)
        nodes.remove(node)
        llcs = list(board.by(board.host.llc, guest, node).values())
        while len(taken) < need and llcs:
            llc = tightest(llcs, need - len(taken)) or max(llcs, key=len)
            llcs.remove(llc)
            taken += llc[:need - len(taken)]
    return taken


def kubelet(board, guest):
    """As the CPU manager and topology manager of a kubelet do: the fewest nodes, by trying masks of them
    in ascending order; of those whole nodes, then whole LLCs, then whole cores, then PUs, always of the
    fullest first."""
    host, need = board.host, guest.needs(board.host)
    by_node = board.by(host.node, guest, board.units(guest))
    for n in range(1, len(by_node) + 1):
        for mask in combinations(sorted(by_node), n):
            units = [unit for node in mask for unit in by_node[node]]
            if len(units) >= need:
                return kubelet_take(board, guest, units, need)
    return []


def kubelet_take(board, guest, units, need):
    host, taken = board.host, []
    width = 1 if guest.takes_cores(host) else host.width
    for of, size in ((host.node, host.llcs_per_node * host.cores_per_llc * width),
                     (host.llc, host.cores_per_llc * width),
                     (lambda pu: pu // host.width, width)):
        left = [unit for unit in units if unit not in taken]
        for group in fullest_first(board, of, guest, left):
            if len(group) == size <= need - len(taken):
                taken += group
    left = [unit for unit in units if unit not in taken]
    for llc in fullest_first(board, host.llc, guest, left):
        for core in fullest_first(board, host.core, guest, llc):
            taken += core[:need - len(taken)]
    return taken


PEERS = {"first-fit": first_fit, "best-fit": best_fit, "kubelet": kubelet}


def place_all(instance, choose, reserve):
    board = Board(instance, reserve)
    placement = [None] * len(instance.guests)
    for i in sorted(range(len(instance.guests)), key=lambda i: (-instance.guests[i].priority, i)):
        guest = instance.guests[i]
        units = choose(board, guest)
        if len(units) == guest.needs(board.host):
            placement[i] = board.take(guest, units)
    return placement, board


def place(instance, peer):
    """A placement by PEERS[peer]. Refused guests need a PU to float on: if none is left, again with one
    kept for them."""
    placement, board = place_all(instance, PEERS[peer], 0)
    if None in placement and not board.free and not instance.host.housekeeping:
        placement, board = place_all(instance, PEERS[peer], 1)
    return placement
