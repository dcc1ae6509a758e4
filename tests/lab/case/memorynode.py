# SPDX-License-Identifier: LGPL-2.1-or-later
"""A node without CPUs: nobody is sent there unasked; its memory is used where the policy names it."""

FLAVOURS = ("memory-only",)
POLICY = """
guests:
  - match: {name: near1}
    cpu: {policy: dedicated}
  - match: {name: far1}
    numa: {mode: strict, nodes: '1'}
"""


def case(host):
    near, far = host.guests({"name": "near1"}, {"name": "far1"})
    assert host.node_cpus(1) == set()
    host.start(POLICY)
    host.wait_planned(near)
    (vcpu,) = near.vcpu_cpus()
    assert len(vcpu) == 1
    assert near.mostly_on(0), near.memory()
    host.wait_state(far, "cold-pending")
    far.restart()
    host.wait_planned(far)
    host.wait("its memory on node 1", lambda: far.mostly_on(1))
    assert far.vcpu(0).cpus == host.node_cpus(0) - vcpu
