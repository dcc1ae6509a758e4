# SPDX-License-Identifier: LGPL-2.1-or-later
"""A guest that had to be split over two nodes stays so when there is room again, until defrag moves it."""

import json

FLAVOURS = ("amd-4node",)
POLICY = """
host: {housekeeping_cpus: '0'}
guests:
  - match: {name: 'own*'}
    cpu: {policy: dedicated}
"""


def case(host):
    one, two, split = host.guests(
        {"name": "own1", "numatune": ("strict", "1")},
        {"name": "own2", "numatune": ("strict", "2")},
        {"name": "ownsplit", "vcpus": 2, "numatune": ("interleave", "1-2")})
    host.start(POLICY)
    host.wait_planned(one, two, split)
    before = split.vcpu_cpus()
    assert [host.nodes_of(cpus) for cpus in before] == [{1}, {2}], before
    others = two.vcpu_cpus()
    one.remove()
    host.wait_cycle(host.cycles())
    assert split.vcpu_cpus() == before  # not asked for, not moved

    proposed = json.loads(host.ctl("defrag", "--dry-run", "--json").stdout)
    assert [move["name"] for move in proposed["moves"]] == ["ownsplit"], proposed
    was, becomes = ({item["name"]: item["value"] for item in proposed[key]} for key in ("score_before", "score"))
    assert (was["extra_nodes"], becomes["extra_nodes"]) == (1, 0), proposed
    assert split.vcpu_cpus() == before  # only proposed

    host.note(host.ctl("defrag").stdout)
    home = host.node_cpus(1)
    host.wait("both vCPUs on node 1, each alone", lambda: sorted(split.vcpu_cpus(), key=min) == [
        {cpu} for cpu in sorted(home)])
    assert two.vcpu_cpus() == others
    host.wait_right()
    assert json.loads(host.ctl("defrag", "--json").stdout)["moves"] == []
