# SPDX-License-Identifier: LGPL-2.1-or-later
"""Dedicated guests land on one node each; emulator, vhost workers and the others keep off their CPUs."""

FLAVOURS = ("amd-4node",)
POLICY = """
host: {housekeeping_cpus: '0'}
guests:
  - match: {name: 'db*'}
    cpu: {policy: dedicated, emulator: share, vhost: share}
"""


def case(host):
    db1, db2, web1 = host.trio()
    host.start(POLICY)
    host.wait_planned(db1, db2, web1)
    taken = set()
    for guest in (db1, db2):
        vcpus = guest.vcpu_cpus()
        assert len(vcpus) == 2 and all(len(cpus) == 1 for cpus in vcpus), vcpus
        own = set().union(*vcpus)
        assert len(own) == 2 and len(host.nodes_of(own)) == 1, own
        assert not own & (taken | {0}), f"{own} twice"
        taken |= own
        for number, cpus in enumerate(vcpus):
            assert guest.cpuset(f"vcpu{number}") == cpus
        assert all(not thread.cpus & own for thread in guest.emulator_threads() + guest.vhost_threads())
        assert guest.vhost_threads(), "no vhost worker"
        # what it may use is where its vCPUs are: memory that comes from now on is local
        assert "nodeset" not in guest.config_xml()
    assert db1.thread("IO iothread1").cpus <= set().union(*db1.vcpu_cpus())
    assert all(not thread.cpus & taken for thread in web1.threads())
    assert host.ctl("verify").returncode == 0
