# SPDX-License-Identifier: LGPL-2.1-or-later
"""Two threads a core: 'require' takes whole cores, 'isolate' leaves the siblings idle."""

from lab import cpus, read

FLAVOURS = ("intel-smt",)
POLICY = """
guests:
  - match: {name: pair1}
    cpu: {policy: dedicated, threads: require}
  - match: {name: alone1}
    cpu: {policy: dedicated, threads: isolate}
"""


def siblings(cpu):
    return cpus(read(f"/sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list"))


def case(host):
    numatune = ("interleave", "0-1")  # room on either node
    pair, alone, web = host.guests({"name": "pair1", "vcpus": 2, "numatune": numatune},
                                   {"name": "alone1", "numatune": numatune}, {"name": "web1"})
    host.start(POLICY)
    host.wait_planned(pair, alone, web)
    own = set().union(*pair.vcpu_cpus())
    assert len(own) == 2 and siblings(min(own)) == own, own
    (single,) = alone.vcpu_cpus()
    core = siblings(min(single))
    assert len(single) == 1 and len(core) == 2
    for guest in (pair, web):
        assert all(not thread.cpus & core for thread in guest.threads()), "the sibling is in use"
    assert all(not thread.cpus & own for thread in web.threads() + alone.threads())
