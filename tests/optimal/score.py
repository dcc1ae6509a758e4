# SPDX-License-Identifier: LGPL-2.1-or-later
"""What a placement is worth, and whether it keeps the rules, told from the very PUs of each vCPU.

A placement is a list with an entry for each guest of the instance: the PU of each of its vCPUs, or
None if it is refused. Its vector has one value for each of labels(); lower is better, the first that
differs decides.
"""

from instance import DISTANCE


def labels(instance):
    """(name, priority) of each objective; priority is None but for refused."""
    return ([("refused", priority) for priority in instance.priorities()]
            + [(name, None) for name in ("extra_nodes", "distance", "split_cells", "extra_llcs")])


def split_cells(instance, guest, pus):
    nodes = [set() for _ in guest.cells]
    if guest.cells:
        for vcpu, pu in enumerate(pus):
            nodes[guest.cell_of(vcpu)].add(instance.host.node(pu))
    return sum(len(where) > 1 for where in nodes)


def vector(instance, placement):
    host = instance.host
    refused = dict.fromkeys(instance.priorities(), 0)
    extra_nodes = distance = split = extra_llcs = 0
    for guest, pus in zip(instance.guests, placement):
        if pus is None:
            refused[guest.priority] += 1
            continue
        n_nodes, n_llcs = len(set(map(host.node, pus))), len(set(map(host.llc, pus)))
        extra_nodes += n_nodes - guest.least(host, host.node)
        distance += DISTANCE * n_nodes * (n_nodes - 1) // 2
        split += split_cells(instance, guest, pus)
        extra_llcs += n_llcs - guest.least(host, host.llc)
    return tuple(refused.values()) + (extra_nodes, distance, split, extra_llcs)


def broken_rules(instance, placement):
    """Sentences; none if all is well."""
    host, broken, owner = instance.host, [], {}
    names = instance.names()
    for name, guest, pus in zip(names, instance.guests, placement):
        if pus is None:
            continue
        if len(pus) != guest.vcpus:
            broken.append(f"{name}: {len(pus)} PUs for {guest.vcpus} vCPUs")
        for pu in pus:
            if pu in host.housekeeping:
                broken.append(f"{name}: PU {pu} is housekeeping")
            if not 0 <= pu < host.n_pus:
                broken.append(f"{name}: there is no PU {pu}")
            if pu in owner:
                broken.append(f"{name}: PU {pu} is {owner[pu]}'s")
            owner[pu] = name
    halves = {}  # core -> the guest with 'require' that has one PU of it
    for name, guest, pus in zip(names, instance.guests, placement):
        if pus is not None and guest.takes_cores(host):
            broken += broken_cores(host, name, guest, pus, owner, halves)
    n_taken = len(owner) + isolated(instance, placement)
    if None in placement and not host.housekeeping and n_taken == host.n_pus:
        broken.append("a guest is refused, and no PU is left where it may float")
    return broken


def broken_cores(host, name, guest, pus, owner, halves):
    broken, here = [], {}
    for pu in pus:
        here.setdefault(host.core(pu), set()).add(pu)
    for core, mine in here.items():
        others = {owner.get(pu) for pu in host.siblings(core)} - {name, None}
        if host.housekeeping.intersection(host.siblings(core)):
            broken.append(f"{name}: core {core} is in part housekeeping")
        if guest.threads == "isolate" and (others or len(mine) > 1):
            broken.append(f"{name}: core {core} has other vCPUs")
        if guest.threads == "require" and len(mine) < host.width:
            if core in halves:
                broken.append(f"{name}: core {core} was not whole, {halves[core]} is there")
            halves[core] = name
    n_halves = sum(len(mine) < host.width for mine in here.values())
    if guest.threads == "require" and n_halves != guest.vcpus % host.width:
        broken.append(f"{name}: {n_halves} cores are not full")
    return broken


def isolated(instance, placement):
    """PUs that are kept empty beside guests with 'isolate'."""
    return sum(len(pus) * (instance.host.width - 1)
               for guest, pus in zip(instance.guests, placement)
               if pus is not None and guest.threads == "isolate")
