# SPDX-License-Identifier: LGPL-2.1-or-later
"""A guest on huge pages runs on the node that has them."""

FLAVOURS = ("amd-4node",)
POLICY = "guests: [{match: {name: huge1}, cpu: {policy: dedicated}}]"
NODE = 2
MIB = 256  # QEMU's own memory beside it is well below the tenth that would count as another home
BACKING = "<memoryBacking><hugepages/><allocation mode='immediate'/></memoryBacking>"


def case(host):
    host.huge_pages(NODE, MIB // 2)
    (guest,) = host.guests({"name": "huge1", "mib": MIB, "backing": BACKING})
    host.start(POLICY)
    host.wait_planned(guest)
    assert guest.memory().get(NODE, 0) >= MIB, guest.memory()
    assert host.free_huge_pages(NODE) == 0
    assert set().union(*guest.vcpu_cpus()) <= host.node_cpus(NODE), guest.vcpu_cpus()
