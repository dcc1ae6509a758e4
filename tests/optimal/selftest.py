# SPDX-License-Identifier: LGPL-2.1-or-later
"""Is the reference right? Tiny hosts are tried in full, PU by PU, and the solver must find the same; the
scorer must see every broken rule; the host must be what vmtuned-ctl makes of its topology."""

import random
from itertools import combinations, permutations

import peers
import score
import solve
from instance import Guest, Host, Instance, random_cells, random_instance
from truth import cpus

N_TINY = 24
LIMIT = 60
# packages, nodes, LLCs of a node, cores of an LLC, PUs of a core, housekeeping
TINY = ((1, 1, 2, 2, 2, ()), (1, 2, 1, 2, 2, ()), (2, 2, 2, 1, 2, ()), (1, 2, 2, 2, 1, ()),
        (3, 3, 1, 3, 1, ()), (1, 2, 1, 2, 2, (0,)), (4, 4, 1, 1, 2, ()), (1, 1, 4, 2, 1, (3,)),
        (1, 3, 1, 1, 2, ()), (2, 2, 2, 2, 1, (0, 4)))


def tiny_instance(seed):
    rng = random.Random(seed)
    host = Host(*TINY[seed % len(TINY)])
    guests, left = [], host.n_pus - len(host.housekeeping) + rng.randint(-1, 2)
    while left > 0 and len(guests) < 4:
        threads = rng.choice(("prefer", "require", "isolate") if host.width > 1 else ("prefer", "isolate"))
        vcpus = rng.randint(1, min(5, left))
        cells = random_cells(rng, vcpus) if vcpus >= 2 and rng.random() < 0.5 else ()
        guests.append(Guest(vcpus, threads, cells, rng.choice((100, 100, 200))))
        left -= guests[-1].cost(host)
    return Instance(seed, host, guests)


def best_order(instance, guest, pus):
    """The PUs in the order that splits the fewest cells."""
    if not guest.cells:
        return pus
    return min(permutations(pus), key=lambda order: score.split_cells(instance, guest, order))


def all_placements(instance, free, done=()):
    """Every way to give the guests PUs, refusals included, whether the rules allow it or not."""
    if len(done) == len(instance.guests):
        yield done
        return
    yield from all_placements(instance, free, done + (None,))
    for pus in combinations(sorted(free), instance.guests[len(done)].vcpus):
        yield from all_placements(instance, free - set(pus), done + (pus,))


def best_of_all(instance):
    free = set(range(instance.host.n_pus)) - instance.host.housekeeping
    best, orders = None, {}
    for placement in all_placements(instance, free):
        if score.broken_rules(instance, placement):
            continue
        ordered = []
        for guest, pus in zip(instance.guests, placement):
            if pus is not None and (guest, pus) not in orders:
                orders[guest, pus] = best_order(instance, guest, pus)
            ordered.append(pus and orders[guest, pus])
        vector = score.vector(instance, ordered)
        best = vector if best is None else min(best, vector)
    return best


def wrong_least(instance):
    """What a guest needs on the empty host, if that is not what a trial of all PUs says."""
    host, wrong = instance.host, []
    for guest in instance.guests:
        alone = Instance(0, host, [guest])
        free = set(range(host.n_pus)) - host.housekeeping
        places = [pus for (pus,) in all_placements(alone, free)
                  if pus is not None and not score.broken_rules(alone, [pus])]
        for of in (host.node, host.llc):
            least = min((len(set(map(of, pus))) for pus in places), default=None)
            if least != guest.least(host, of):
                wrong.append(f"{guest} needs {least}, not {guest.least(host, of)}")
    return wrong


def check_tiny(seed):
    """What is wrong, as sentences."""
    instance = tiny_instance(seed)
    text = f"{instance.host}: {' '.join(map(str, instance.guests))}"
    best = best_of_all(instance)
    solution = solve.solve(instance, LIMIT)
    wrong = wrong_least(instance)
    if not solution.proved or solution.values != best:
        wrong.append(f"the best is {best}, the solver says {solution.values}")
    if solution.placement is not None:
        wrong += score.broken_rules(instance, solution.placement)
        if score.vector(instance, solution.placement) != best:
            wrong.append(f"the solver's placement is {score.vector(instance, solution.placement)}")
    for peer in peers.PEERS:
        placement = peers.place(instance, peer)
        wrong += score.broken_rules(instance, placement)
        if score.vector(instance, placement) < best:
            wrong.append(f"{peer} is better than the best")
    return [f"{text}: {sentence}" for sentence in wrong]


# --- rules ---

SMT = Host(1, 2, 1, 2, 2, (0,))  # two nodes of PUs 0-3 and 4-7, siblings side by side
BROKEN = (  # guests, placement, a word of the sentence; "" is well
    ([Guest(2)], [[2, 3]], ""),
    ([Guest(2)], [[2]], "1 PUs for 2"),
    ([Guest(2)], [[2, 8]], "no PU 8"),
    ([Guest(2)], [[0, 1]], "housekeeping"),
    ([Guest(1), Guest(2)], [[4], [4, 5]], "g00's"),
    ([Guest(1, "isolate"), Guest(1)], [[4], [6]], ""),
    ([Guest(1, "isolate"), Guest(1)], [[4], [5]], "other vCPUs"),
    ([Guest(2, "isolate")], [[4, 5]], "other vCPUs"),
    ([Guest(1, "isolate")], [[1]], "in part housekeeping"),
    ([Guest(3, "require"), Guest(1)], [[4, 5, 6], [7]], ""),
    ([Guest(2, "require")], [[4, 6]], "2 cores are not full"),
    ([Guest(1, "require")], [[1]], "in part housekeeping"),
    ([Guest(1, "require"), Guest(1, "require")], [[4], [5]], "was not whole"),
)
NO_HOUSEKEEPING = Host(1, 1, 1, 2, 2)
FLOATING = (([Guest(4), Guest(1)], [[0, 1, 2, 3], None], "may float"),
            ([Guest(2, "isolate"), Guest(1)], [[0, 2], None], "may float"),
            ([Guest(3), Guest(2)], [[0, 1, 2], None], ""))


def check_rules():
    wrong = []
    for host, cases in ((SMT, BROKEN), (NO_HOUSEKEEPING, FLOATING)):
        for guests, placement, word in cases:
            said = score.broken_rules(Instance(0, host, guests), placement)
            if bool(said) != bool(word) or (word and word not in " ".join(said)):
                wrong.append(f"{' '.join(map(str, guests))} on {placement}: expected '{word}', got {said}")
    return wrong


def check_vector():
    """By hand: four nodes of two LLCs of two cores; 0-3 is node 0, 0-1 and 2-3 are its LLCs."""
    host = Host(1, 4, 2, 2, 1)
    guests = [Guest(4, cells=(2, 2)), Guest(2), Guest(5), Guest(20), Guest(2, priority=200)]
    placement = [[0, 4, 1, 8], [2, 5], [3, 6, 7, 9, 10], None, [12, 13]]
    # nodes: 3 for 1, 2 for 1, 3 for 2; pairs: 3, 1, 3; LLCs: 3 for 2, 2 for 1, 4 for 3
    vector = score.vector(Instance(0, host, guests), placement)
    expected = (0, 1, 4, 140, 2, 3)
    return [] if vector == expected else [f"{vector}, not {expected}"]


# --- the generator ---

def check_generator():
    wrong, seen = [], {}
    for seed in range(300):
        one, two = random_instance(seed), random_instance(seed)
        names, host = one.names(), one.host
        if str(host) != str(two.host) or one.policy(names) != two.policy(names):
            wrong.append(f"seed {seed} is not the same twice")
        if not 16 <= host.n_pus <= 128 or not 1 <= host.n_nodes <= 8 or not 60 <= one.fill() <= 105:
            wrong.append(f"seed {seed}: {host}, {one.fill()} %")
        if any(guest.threads == "prefer" and host.width > 1 and guest.vcpus > host.cores_per_llc
               for guest in one.guests):
            wrong.append(f"seed {seed}: a guest that may share cores is wide")
        for trait in traits(one):
            seen[trait] = seen.get(trait, 0) + 1
    return wrong + [f"only {seen.get(trait, 0)} of 300 instances have: {trait}" for trait in TRAITS
                    if seen.get(trait, 0) < 10]


TRAITS = ("SMT", "no SMT", "housekeeping", "no housekeeping", "one node", "eight nodes", "wider than an LLC",
          "wider than a node", "equal cells", "unequal cells", "prefer", "require", "isolate",
          "odd with require", "two priorities", "full")


def traits(instance):
    host, guests = instance.host, instance.guests
    yield "SMT" if host.width > 1 else "no SMT"
    yield "housekeeping" if host.housekeeping else "no housekeeping"
    yield {1: "one node", 8: "eight nodes"}.get(host.n_nodes, "nodes")
    if any((guest.least(host, host.llc) or 2) > 1 for guest in guests):
        yield "wider than an LLC"
    if any((guest.least(host, host.node) or 2) > 1 for guest in guests):
        yield "wider than a node"
    if any(len(set(guest.cells)) == 1 for guest in guests):
        yield "equal cells"
    if any(len(set(guest.cells)) > 1 for guest in guests):
        yield "unequal cells"
    yield from {guest.threads for guest in guests}
    if any(guest.threads == "require" and guest.vcpus % 2 for guest in guests):
        yield "odd with require"
    if len(instance.priorities()) > 1:
        yield "two priorities"
    if instance.fill() >= 99:
        yield "full"


def check_topology(ctl_json):
    """ctl_json(arguments): the document vmtuned-ctl prints."""
    wrong = []
    for seed in range(20):
        host = random_instance(seed).host
        document = ctl_json(["topology", "--topology", host.topology()])
        for key, name, of in (("cores", "core", host.core), ("llcs", "llc", host.llc),
                              ("nodes", "node", host.node)):
            for entry in document[key]:
                if any(of(pu) != entry[name] for pu in cpus(entry["cpus"])):
                    wrong.append(f"{host}: {name} {entry[name]} has CPUs {entry['cpus']}")
        if len(cpus(document["online"])) != host.n_pus:
            wrong.append(f"{host}: CPUs {document['online']}")
        for node in document["nodes"]:
            if set(node["distances"].values()) - {10, score.DISTANCE}:
                wrong.append(f"{host}: distances {node['distances']}")
    return wrong


def cases(ctl_json):
    """(name, function that returns what is wrong)"""
    yield "rules", check_rules
    yield "vector", check_vector
    yield "generator", check_generator
    yield "topology", lambda: check_topology(ctl_json)
    for seed in range(N_TINY):
        yield f"tiny host {seed}", lambda seed=seed: check_tiny(seed)
