# SPDX-License-Identifier: LGPL-2.1-or-later
"""Memory of running guests follows their vCPUs where the policy lets it: ordinary and huge pages, read back
from numa_maps; told and left where no huge page is free; stopped on request."""

import re

from truth import read, write

FLAVOURS = ("amd-4node",)
LIMIT = 400
BALANCING = "/proc/sys/kernel/numa_balancing"
POLICY = """
guests:
  - match: {name: "move*"}
    cpu: {policy: dedicated}
    numa: {nodes: '%s', migrate_memory: on}
"""
HUGE = ("<memoryBacking><hugepages><page size='2048' unit='KiB'/></hugepages></memoryBacking>")
MIB = 64
SMALL_MIB = 96
LOCKED = "<memoryBacking><locked/></memoryBacking>"  # all of it is there from the start


def huge_by_node(guest):
    lines = [line for line in read(f"/proc/{guest.pid}/numa_maps").splitlines() if " huge " in line]
    return {int(node): int(pages) for node, pages in re.findall(r" N(\d)=(\d+)", " ".join(lines))}


def ram_by_node(guest):
    """Pages of the mapping that is as large as the guest."""
    for line in read(f"/proc/{guest.pid}/maps").splitlines():
        start, end = (int(word, 16) for word in line.split()[0].split("-"))
        if end - start == SMALL_MIB << 20 and " rw" in line:
            found = next(text for text in read(f"/proc/{guest.pid}/numa_maps").splitlines()
                         if text.startswith(f"{start:x} "))
            return {int(node): int(pages) for node, pages in re.findall(r" N(\d)=(\d+)", found)}
    raise AssertionError("no mapping of its size")


def share_on(by_node, node):
    return by_node.get(node, 0) / sum(by_node.values())


def move_text(host, guest):
    return host.entry(guest).get("memory_move") or ""


def case(host):
    # It moves pages, too, and those it has marked for that are invisible to others up to Linux 6.5.
    before = read(BALANCING)
    write(BALANCING, "0")
    try:
        check(host)
    finally:
        write(BALANCING, before)


def check(host):
    host.huge_pages(0, MIB // 2)
    small, huge = host.guests(
        {"name": "move1", "mib": SMALL_MIB, "backing": LOCKED, "numatune": ("restrictive", "0-3")},
        {"name": "move2", "mib": MIB, "backing": HUGE, "numatune": ("restrictive", "0-3")})
    assert huge_by_node(huge) == {0: MIB // 2}
    assert sum(ram_by_node(small).values()) == SMALL_MIB * 256, ram_by_node(small)
    before = max(ram_by_node(small), key=ram_by_node(small).get)
    node = next(node for node in (1, 2, 3) if node != before)

    host.start("")
    with host.hearing() as heard:
        move(host, small, huge, node)
        moves = heard.jobs("move-memory")
    # ordinary pages, huge ones that had nowhere to go, and these again
    assert sorted(result for result, _ in moves) == ["done", "done", "failed"], moves
    assert all(done == sorted(done) and done[-1:] <= [100] for _, done in moves), moves
    assert any(0 < percent < 100 for _, done in moves for percent in done), moves
    host.note(f"move-memory, percent told: {moves}")


def move(host, small, huge, node):
    host.policy(POLICY % node)
    host.ctl("reload")
    host.wait("their vCPUs on the node of the policy", lambda: all(
        cpus <= host.node_cpus(node) for guest in (small, huge) for cpus in guest.vcpu_cpus()))
    host.wait("ordinary pages on it", lambda: share_on(ram_by_node(small), node) >= 0.85)
    host.note(f"ordinary pages: {ram_by_node(small)}")
    host.wait("huge pages have nowhere to go", lambda: f"node {node} has no free pages of 2 MiB" in move_text(
        host, huge))
    assert huge_by_node(huge) == {0: MIB // 2}
    assert host.journal(f"move2: moving its memory to node {node} stopped: node {node} has no free pages of 2 MiB")

    host.huge_pages(node, MIB // 2)
    host.ctl("apply", "move2", check=False)
    host.wait("huge pages on it", lambda: share_on(huge_by_node(huge), node) >= 0.85)
    host.note(f"huge pages: {huge_by_node(huge)}")
    host.wait("both are local", lambda: all(
        (host.entry(guest).get("locality_pct") or 0) >= 90 for guest in (small, huge)))
    assert host.ctl("stop-move", "move1", check=False).returncode != 0  # nothing moves any more
    host.wait("all as planned", lambda: host.ctl("verify", check=False).returncode in (0, 3))
