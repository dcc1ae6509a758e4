# SPDX-License-Identifier: LGPL-2.1-or-later
"""Memory where the policy says: strict comes true at the next cold start, restrictive at once where no
page moves."""

FLAVOURS = ("amd-4node", "debian13")
POLICY = """
guests:
  - match: {name: cold1}
    cpu: {policy: dedicated}
    numa: {mode: strict, nodes: '1'}
  - match: {name: live1}
    numa: {mode: restrictive, nodes: '0-1'}
"""


def case(host):
    cold, live = host.guests(
        {"name": "cold1"},
        {"name": "live1", "numatune": "<numatune><memory mode='restrictive' nodeset='1'/></numatune>"})
    for _ in range(5):
        if live.nodes_touched() <= {0, 1}:
            break
        live.restart()  # QEMU started elsewhere, and those pages would have to move
    host.note(f"live1 has pages on nodes {live.nodes_touched()}")
    host.start(POLICY)
    host.wait_state(cold, "cold-pending")
    host.wait_planned(live)
    assert "<numatune>" not in cold.live_xml()
    assert "<memory mode='strict' nodeset='1'/>" in cold.config_xml()
    assert host.ctl("verify", check=False).returncode == 3
    assert host.mems(live, "vcpu0") == {0, 1} and host.mems(live, "emulator") == {0, 1}
    assert live.mostly_on(1), live.memory()

    cold.restart()
    host.wait_planned(cold)
    assert host.mems(cold, "vcpu0") == {1}
    assert set().union(*cold.vcpu_cpus()) <= host.node_cpus(1)
    host.wait("its memory on node 1", lambda: cold.mostly_on(1, 0.99))
    assert host.ctl("verify").returncode == 0
