# SPDX-License-Identifier: LGPL-2.1-or-later
"""vmtuned is killed with SIGKILL in the middle of its changes: it comes back by itself, finishes them,
and restore still knows what was before."""

import os
import signal

from lab import TIMEOUT, read, run, wait_for

FLAVOURS = ("amd-4node",)
LIMIT = 400
TRIES = 3
POLICY = """
guests:
  - match: {name: 'db*'}
    persist: all
    cpu: {policy: dedicated, emulator: share, vhost: share, weight: 200}
"""


def everything(guests):
    return [(guest.masks(), guest.config_xml()) for guest in guests]


def kill_at_first_pin(host, guests):
    """What all looks like then."""
    files = [guest.cgroup("cpuset", "vcpu0") + "/cpuset.cpus" for guest in guests]
    unpinned = list(map(read, files))
    host.policy(POLICY)
    run("systemctl", "start", "--no-block", "vmtuned")
    wait_for("the first pin", lambda: list(map(read, files)) != unpinned, TIMEOUT, 0)
    pid = read("/sys/fs/cgroup/system.slice/vmtuned.service/cgroup.procs")
    os.kill(int(pid), signal.SIGKILL)
    partial = everything(guests)
    host.wait("a new process", lambda: host.unit("MainPID") not in (pid, "0"))
    host.wait_cycle()
    host.wait_planned(*guests)
    return partial


def case(host):
    guests = host.trio()
    before = [guest.masks() for guest in guests]
    for _ in range(TRIES):
        partial = kill_at_first_pin(host, guests)
        if everything(guests) != partial:
            break
        host.reset()  # it came too late
    assert everything(guests) != partial, "it was never in the middle"
    assert host.ctl("verify").returncode == 0
    assert "vcpupin" in guests[0].config_xml()
    host.ctl("restore", "--all")
    for guest, masks in zip(guests, before):
        assert guest.masks() == masks, f"restore gave other masks: {guest.masks() ^ masks}"
        assert guest.as_defined(), guest.difference()
