# SPDX-License-Identifier: LGPL-2.1-or-later
"""A guest on two NUMA nodes gets a cell for each with its next cold start, and the memory of each cell is
bound to its node."""

import re

FLAVOURS = ("amd-4node",)
POLICY = """
host: {housekeeping_cpus: '0'}
guests:
  - match: {name: wide1}
    cpu: {policy: dedicated, topology: host}
    numa: {guest_cells: host}
"""


def memnodes(xml):
    return re.findall(r"<memnode cellid='(\d)' mode='interleave' nodeset='(\d)'/>", xml)


def case(host):
    (guest,) = host.guests({"name": "wide1", "vcpus": 3, "mib": 64, "numatune": ("interleave", "2-3")})
    host.start(POLICY)
    # the cells first, and what they are bound to once they are there
    host.wait("its cells are bound", lambda: memnodes(guest.config_xml()) == [("0", "2"), ("1", "3")])
    host.wait_state(guest, "cold-pending")
    config = guest.config_xml()
    assert len(re.findall(r"<cell id=", config)) == 2, config
    assert "<topology sockets='1'" in config and "cores='3' threads='1'" in config, config

    guest.restart()
    host.wait_planned(guest)
    assert host.ctl("verify").returncode == 0
    assert memnodes(guest.live_xml()) == [("0", "2"), ("1", "3")]
    assert host.nodes_of(set().union(*guest.vcpu_cpus())) == {2, 3}
    for node in (2, 3):  # what the guest touched of each cell lies on its node
        host.wait(f"memory on node {node}", lambda node=node: guest.memory().get(node, 0) > 1)
