# SPDX-License-Identifier: LGPL-2.1-or-later
"""With host.rebalance, guests that had to be split are brought together one after the other as soon as
there is room; each move makes room for the next one. No memory moves."""

FLAVOURS = ("amd-4node",)
POLICY = """
host: {housekeeping_cpus: '0', rebalance: {mode: node, moves_per_cycle: 1}}
guests:
  - match: {name: 'own*'}
    cpu: {policy: dedicated}
"""


def case(host):
    one, three, left, right = host.guests(
        {"name": "own1", "numatune": ("strict", "1")},
        {"name": "own3", "numatune": ("strict", "3")},
        {"name": "ownleft", "vcpus": 2, "numatune": ("interleave", "1-2")},
        {"name": "ownright", "vcpus": 2, "numatune": ("interleave", "2-3")})
    host.start(POLICY)
    host.wait_planned(one, three, left, right)
    assert [host.nodes_of(cpus) for cpus in left.vcpu_cpus()] == [{1}, {2}], left.vcpu_cpus()
    assert [host.nodes_of(cpus) for cpus in right.vcpu_cpus()] == [{2}, {3}], right.vcpu_cpus()
    memory = left.memory(), right.memory()
    one.destroy(check=True)
    for guest, node in ((left, 1), (right, 2)):
        home = host.node_cpus(node)
        host.wait(f"{guest.name} on node {node}, each vCPU alone", lambda: sorted(guest.vcpu_cpus(), key=min) == [
            {cpu} for cpu in sorted(home)])
    host.wait_planned(three, left, right)
    host.wait_right()
    assert host.nodes_of(set().union(*three.vcpu_cpus())) == {3}
    for guest, before in zip((left, right), memory):
        after = guest.memory()  # it may still touch pages for the first time; none has left its node
        assert all(before[node] - after.get(node, 0) < 4 for node in before), (guest.name, before, after)
