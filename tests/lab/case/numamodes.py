# SPDX-License-Identifier: LGPL-2.1-or-later
"""Memory where the policy says: strict comes true at the next cold start, restrictive at once where no
page moves."""

FLAVOURS = ("amd-4node", "debian13")
POLICY = """
guests:
  - match: {{name: cold1}}
    cpu: {{policy: dedicated}}
    numa: {{mode: strict, nodes: '1'}}
  - match: {{name: live1}}
    numa: {{mode: restrictive, nodes: '{}'}}
"""


def case(host):
    cold, live = host.guests(
        {"name": "cold1"},
        {"name": "live1", "numatune": ("restrictive", "1")})
    before = live.memory()
    # A few pages of QEMU's start are on any node: leave one out, and they would have to move.
    nodes = host.nodes()
    host.start(POLICY.format(",".join(map(str, sorted(nodes)))))
    host.wait_state(cold, "cold-pending")
    host.wait_planned(live)
    assert "<numatune>" not in cold.live_xml()
    assert "<memory mode='strict' nodeset='1'/>" in cold.config_xml()
    assert host.ctl("verify", check=False).returncode == 3
    assert host.mems(live, "vcpu0") == nodes and host.mems(live, "emulator") == nodes
    after = live.memory()  # new pages may be on either node; those of node 1 stay there
    assert after.get(1, 0) >= 0.95 * before[1], (before, after)

    cold.restart()
    host.wait_planned(cold)
    assert host.mems(cold, "vcpu0") == {1}
    assert set().union(*cold.vcpu_cpus()) <= host.node_cpus(1)
    host.wait("its memory on node 1", lambda: cold.mostly_on(1))
    assert host.ctl("verify").returncode == 0
