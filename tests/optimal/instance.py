# SPDX-License-Identifier: LGPL-2.1-or-later
"""Random hosts and guest mixes, the same for the same seed, and the files of them that
'vmtuned-ctl simulate' reads.

Hosts are regular: packages, NUMA nodes, last-level caches (LLCs), cores, one or two PUs for each, all
numbered in that order, so that a PU's place is a matter of division. All pairs of nodes are equally
far apart. Memory is ample. Guests are new, dedicated and have no helpers of their own.
"""

import hashlib
import os
import random

DISTANCE = 20  # of any two nodes, what hwloc gives a synthetic host
MAX_GUESTS = 24
NODE_MEMORY = 1 << 40
MIB_PER_VCPU = 4  # divides into cells of any size
SIZES = ("small", "llc", "wide", "huge")
MIXES = ((8, 6, 4, 1), (3, 8, 4, 1), (1, 6, 6, 2), (0, 1, 0, 0))  # weights of SIZES


class Host:
    def __init__(self, packages, nodes, llcs, cores, width, housekeeping=()):
        """nodes: of the host; llcs: of a node; cores: of an LLC; width: PUs of a core."""
        self.packages, self.n_nodes, self.width = packages, nodes, width
        self.llcs_per_node, self.cores_per_llc = llcs, cores
        self.n_llcs = nodes * llcs
        self.n_cores = self.n_llcs * cores
        self.n_pus = self.n_cores * width
        self.housekeeping = frozenset(housekeeping)

    def core(self, pu):
        return pu // self.width

    def llc(self, pu):
        return pu // (self.width * self.cores_per_llc)

    def node(self, pu):
        return self.llc(pu) // self.llcs_per_node

    def siblings(self, core):
        return range(core * self.width, (core + 1) * self.width)

    def rooms(self, of):
        """(PUs, whole cores) that guests can have, of each LLC (of = self.llc) or node."""
        pus = [pu for pu in range(self.n_pus) if pu not in self.housekeeping]
        n = 1 + of(self.n_pus - 1)
        threads, cores = [0] * n, [0] * n
        for pu in pus:
            threads[of(pu)] += 1
        for core in range(self.n_cores):
            if not self.housekeeping.intersection(self.siblings(core)):
                cores[of(core * self.width)] += 1
        return list(zip(threads, cores))

    def topology(self):
        inside = self.n_nodes // self.packages
        return (f"Package:{self.packages} NUMANode:{inside}(memory={NODE_MEMORY})"
                f" L3:{self.llcs_per_node} Core:{self.cores_per_llc} PU:{self.width}")

    def __str__(self):
        kept = ",".join(map(str, sorted(self.housekeeping)))
        return (f"{self.n_nodes}x{self.llcs_per_node}x{self.cores_per_llc}x{self.width}"
                + (f" -{kept}" if kept else ""))


class Guest:
    def __init__(self, vcpus, threads="prefer", cells=(), priority=100):
        self.vcpus, self.threads, self.cells, self.priority = vcpus, threads, tuple(cells), priority

    def key(self):
        """Equal for guests that can stand for each other."""
        return (-self.priority, -self.vcpus, self.threads, self.cells)

    def takes_cores(self, host):
        return host.width > 1 and self.threads != "prefer"

    def needs(self, host):
        """How many PUs, or whole cores if it takes those."""
        if self.takes_cores(host) and self.threads == "require":
            return (self.vcpus + host.width - 1) // host.width
        return self.vcpus

    def cost(self, host):
        """PUs that others cannot have."""
        return self.vcpus * (host.width if self.threads == "isolate" else 1)

    def least(self, host, of):
        """Fewest LLCs (of = host.llc) or nodes it needs on the empty host; None: does not fit."""
        left = self.needs(host)
        rooms = sorted((room[self.takes_cores(host)] for room in host.rooms(of)), reverse=True)
        for n, room in enumerate(rooms, 1):
            left -= room
            if left <= 0:
                return n
        return None

    def cell_of(self, vcpu):
        for cell, size in enumerate(self.cells):
            if vcpu < size:
                return cell
            vcpu -= size
        return 0

    def __str__(self):
        return (str(self.vcpus) + {"prefer": "", "require": "r", "isolate": "i"}[self.threads]
                + ("(" + "+".join(map(str, self.cells)) + ")" if self.cells else "")
                + ("!" if self.priority > 100 else ""))


class Instance:
    def __init__(self, seed, host, guests):
        self.seed, self.host, self.guests = seed, host, guests

    def fill(self):
        """Percent of the host that the guests ask for."""
        total = sum(room[0] for room in self.host.rooms(self.host.node))
        return 100 * sum(guest.cost(self.host) for guest in self.guests) // total

    def priorities(self):
        return sorted({guest.priority for guest in self.guests}, reverse=True)

    def names(self):
        return [f"g{i:02}" for i in range(len(self.guests))]

    def write(self, folder, names=None):
        """Writes topology, guests/ and policy.yaml; returns simulate's arguments."""
        names = names or self.names()
        guests, policy = os.path.join(folder, "guests"), os.path.join(folder, "policy.yaml")
        os.makedirs(guests)
        for guest, name in zip(self.guests, names):
            with open(os.path.join(guests, name + ".xml"), "w", encoding="utf-8") as file:
                file.write(domain_xml(guest, name))
        with open(policy, "w", encoding="utf-8") as file:
            file.write(self.policy(names))
        return ["--topology", self.host.topology(), "--guests", guests, "--policy", policy]

    def policy(self, names):
        kept = ",".join(map(str, sorted(self.host.housekeeping)))
        lines = ["version: 1", f'host: {{housekeeping_cpus: "{kept}", cpu_overcommit: 10000}}', "guests:"]
        for guest, name in zip(self.guests, names):
            lines.append(f"  - {{match: {{name: {name}}}, priority: {guest.priority},"
                         f" cpu: {{policy: dedicated, threads: {guest.threads}}}}}")
        return "\n".join(lines) + "\n"


def domain_xml(guest, name):
    uuid = hashlib.md5(name.encode()).hexdigest()
    uuid = "-".join((uuid[:8], uuid[8:12], uuid[12:16], uuid[16:20], uuid[20:]))
    lines = ["<domain type='kvm'>", f"  <name>{name}</name>", f"  <uuid>{uuid}</uuid>",
             f"  <memory unit='MiB'>{guest.vcpus * MIB_PER_VCPU}</memory>",
             f"  <vcpu>{guest.vcpus}</vcpu>",
             "  <os>", "    <type arch='x86_64' machine='q35'>hvm</type>", "  </os>"]
    if guest.cells:
        lines += ["  <cpu mode='host-passthrough'>", "    <numa>"]
        first = 0
        for cell, size in enumerate(guest.cells):
            lines.append(f"      <cell id='{cell}' cpus='{first}-{first + size - 1}'"
                         f" memory='{size * MIB_PER_VCPU}' unit='MiB'/>")
            first += size
        lines += ["    </numa>", "  </cpu>"]
    return "\n".join(lines + ["</domain>", ""])


# --- the generator ---

def random_housekeeping(rng, packages, nodes, llcs, cores, width):
    """None, a core, a PU, a core of each node, or up to three PUs."""
    n_cores = nodes * llcs * cores
    kind = rng.choice(("none", "none", "core", "pu", "nodes", "some"))
    if kind == "none":
        return ()
    if kind == "core":
        return range(width)
    if kind == "pu":
        return (0,)
    if kind == "nodes":
        return [node * llcs * cores * width + i for node in range(nodes) for i in range(width)]
    return rng.sample(range(n_cores * width), rng.randint(1, 3))


def random_host(rng):
    while True:
        nodes, llcs = rng.choice((1, 2, 2, 3, 4, 4, 6, 8)), rng.choice((1, 2, 2, 3, 4, 4, 6, 8))
        cores, width = rng.choice((2, 3, 4, 4, 6, 8)), rng.choice((1, 2, 2))
        if 16 <= nodes * llcs * cores * width <= 128 and nodes * llcs > 1:
            break
    packages = rng.choice([n for n in range(1, nodes + 1) if nodes % n == 0])
    shape = (packages, nodes, llcs, cores, width)
    return Host(*shape, random_housekeeping(rng, *shape))


def random_cells(rng, vcpus):
    """2 to 4 cells, half of the time of equal size where that divides."""
    n = rng.randint(2, min(4, vcpus))
    if vcpus % n == 0 and rng.random() < 0.5:
        return [vcpus // n] * n
    cuts = sorted(rng.sample(range(1, vcpus), n - 1))
    return [end - start for start, end in zip([0] + cuts, cuts + [vcpus])]


def random_cost(rng, host, mix):
    """PUs a guest takes: less than half an LLC, up to one, wider, or wider than a node."""
    llc = host.cores_per_llc * host.width
    node = llc * host.llcs_per_node
    kind = rng.choices(SIZES, mix)[0]
    if kind == "huge" and host.n_nodes > 1:
        return rng.randint(node + 1, max(node + 1, min(2 * node, host.n_pus * 2 // 3)))
    if kind == "wide" and host.llcs_per_node > 1:
        return rng.randint(llc + 1, node)
    if kind != "small":
        return rng.randint((llc + 1) // 2, llc)
    return rng.randint(1, max(1, llc // 2))


def random_guest(rng, host, mix, least, most):
    """A guest that takes at least and at most so many PUs. A guest that may share cores with others is no
    wider than an LLC has cores: of wider ones the planner weighs how many siblings are paired, which is
    none of the objectives here."""
    cost = min(max(random_cost(rng, host, mix), least), most)
    kinds = (("prefer", "isolate"), (4, 1)) if host.width == 1 else (("prefer", "require", "isolate"),
                                                                    (4, 4, 2))
    threads = rng.choices(*kinds)[0]
    if threads == "prefer" and host.width > 1 and cost > host.cores_per_llc:
        threads = rng.choice(("require", "isolate"))
    if threads == "isolate" and cost < host.width:
        threads = "prefer"
    vcpus = cost // host.width if threads == "isolate" else cost
    cells = ()
    if vcpus >= 4 and rng.random() < (0.5 if cost > host.cores_per_llc * host.width else 0.25):
        cells = random_cells(rng, vcpus)
    return Guest(vcpus, threads, cells)


def random_instance(seed):
    rng = random.Random(seed)
    host = random_host(rng)
    total = sum(room[0] for room in host.rooms(host.node))
    left = round(total * rng.choice((rng.uniform(0.7, 1.0), rng.uniform(0.9, 1.0), 1.0)))
    guests, mix = [], rng.choice(MIXES)
    while left > 0 and len(guests) < MAX_GUESTS:
        least = -(-left // (MAX_GUESTS - len(guests)))  # so that they fill the host
        guests.append(random_guest(rng, host, mix, least, left))
        left -= guests[-1].cost(host)
    if rng.random() < 0.25:
        for guest in guests:
            guest.priority = rng.choice((100, 200))
    rng.shuffle(guests)
    return Instance(seed, host, guests)
