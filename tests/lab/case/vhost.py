# SPDX-License-Identifier: LGPL-2.1-or-later
"""vhost workers are found and pinned: threads of the kernel up to 6.3, of QEMU from 6.4 on, and of the
kernel again where vhost's fork_from_owner_default says so."""

import os

from lab import run
from truth import taskset

FLAVOURS = ("amd-4node", "debian13")
POLICY = """
host: {housekeeping_cpus: '0'}
guests:
  - match: {name: net1}
    cpu: {policy: dedicated, emulator: share, vhost: isolate}
"""
OWNER = "/sys/module/vhost/parameters/fork_from_owner_default"


def check(host, of_kernel):
    (guest,) = host.guests({
        "name": "net1", "nic": True,  # at home on node 1, which has a CPU for each of the two
        "numatune": ("restrictive", "1")})
    workers = guest.vhost_threads()
    assert workers, "no vhost worker"
    assert (guest.pid not in {host.leader(worker.tid) for worker in workers}) == of_kernel
    assert all(len(worker.cpus) > 1 for worker in workers)
    host.start(POLICY)
    host.wait_planned(guest)
    (vcpu,) = guest.vcpu_cpus()
    seen = [worker.cpus for worker in guest.vhost_threads()]
    assert all(len(cpus) == 1 and cpus == seen[0] for cpus in seen), seen
    assert seen[0] != vcpu and seen[0] != {0}
    assert all(thread.cpus == {0} for thread in guest.emulator_threads())
    assert guest.cpuset("emulator") == {0} | seen[0]

    # moved by hand: found, and put back
    with host.frozen():
        taskset(guest.vhost_threads()[0].tid, "0")
        assert guest.vhost_threads()[0].cpus == {0}
    host.wait("the worker back", lambda: [worker.cpus for worker in guest.vhost_threads()] == seen)


def load_vhost(*parameters):
    run("modprobe", "-r", "vhost_net", "vhost")
    run("modprobe", "vhost", *parameters)
    run("modprobe", "vhost_net")


def case(host):
    old = int(os.uname().release.split(".")[0]) < 6 or os.uname().release.startswith(("6.1.", "6.2.", "6.3."))
    check(host, of_kernel=old)
    assert old or os.path.exists(OWNER)
    if not old:
        host.reset()
        host.remove_guests()  # the module has a user as long as one has a vhost worker
        try:
            load_vhost("fork_from_owner_default=0")
            check(host, of_kernel=True)
        finally:
            host.remove_guests()
            load_vhost()
