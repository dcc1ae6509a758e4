# SPDX-License-Identifier: LGPL-2.1-or-later
"""A shared guest floats over the pool of the node that holds its memory; over all of the pool while a
dedicated guest has the CPUs there, and at home again when that is gone."""

FLAVOURS = ("amd-4node",)
NODE = 1
POLICY = """
host: {housekeeping_cpus: '0'}
guests:
  - match: {name: 'own*'}
    cpu: {policy: dedicated, emulator: share, vhost: share}
"""
BOUND = ("strict", str(NODE))


def case(host):
    web, own = host.guests({"name": "home1", "vcpus": 2, "numatune": BOUND},
                           {"name": "own1", "vcpus": 2, "nic": True, "iothreads": 1, "numatune": BOUND})
    everywhere, here = set(range(8)), host.node_cpus(NODE)
    host.start(POLICY)
    host.wait_planned(web, own)
    assert web.mostly_on(NODE), web.memory()
    assert set().union(*own.vcpu_cpus()) == here and web.all_on(everywhere - here)
    own.destroy(check=True)
    host.wait("at home", lambda: web.all_on(here))
    host.wait_planned(web)
    assert host.at_home(web, host.pool()) == here
    own.start()
    host.wait("all of the pool", lambda: web.all_on(everywhere - here))
    host.wait_planned(web, own)
