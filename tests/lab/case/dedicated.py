# SPDX-License-Identifier: LGPL-2.1-or-later
"""Dedicated guests land next to their memory; emulator and vhost workers are where the policy says, and
the others keep off their CPUs."""

FLAVOURS = ("amd-4node",)
HOUSEKEEPING = {0}
POLICY = """
host: {housekeeping_cpus: '0'}
guests:
  - match: {name: 'own*'}
    cpu: {policy: dedicated, emulator: share, vhost: share}
"""


def definition(node):
    return {"name": f"own{node}", "vcpus": 2, "nic": True, "iothreads": 1,
            "numatune": ("strict", node)}


def case(host):
    web1, *guests = host.guests({"name": "web1", "vcpus": 2}, definition(1), definition(3))
    host.start(POLICY)
    host.wait_planned(web1, *guests)
    taken = set()
    for guest, node in zip(guests, (1, 3)):
        vcpus = guest.vcpu_cpus()
        own = set().union(*vcpus)
        assert len(vcpus) == 2 and all(len(cpus) == 1 for cpus in vcpus), vcpus
        assert own == host.node_cpus(node), vcpus  # both of its CPUs
        taken |= own
        for number, cpus in enumerate(vcpus):
            assert guest.cpuset(f"vcpu{number}") == cpus
        assert guest.thread("IO iothread1").cpus == own
        # 'share', and its node has no CPU left: the housekeeping CPU
        assert guest.vhost_threads(), "no vhost worker"
        for thread in guest.emulator_threads() + guest.vhost_threads():
            assert thread.cpus == HOUSEKEEPING, f"{guest.name}: {thread.comm} on {thread.cpus}"
        assert host.mems(guest, "vcpu0") == {node} and guest.mostly_on(node), guest.memory()
    assert web1.all_on(host.at_home(web1, set(range(8)) - taken))
    assert host.ctl("verify").returncode == 0
