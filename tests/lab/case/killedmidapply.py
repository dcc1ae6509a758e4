# SPDX-License-Identifier: LGPL-2.1-or-later
"""vmtuned is killed with SIGKILL in the middle of its changes: it comes back by itself, finishes them,
and restore still knows what was before."""

from lab import run

FLAVOURS = ("amd-4node",)
POLICY = """
guests:
  - match: {name: 'db*'}
    persist: all
    cpu: {policy: dedicated, emulator: share, vhost: share, weight: 200}
"""


def everything(guests):
    return [(guest.masks(), guest.config_xml()) for guest in guests]


def case(host):
    guests = host.trio()
    before = [guest.masks() for guest in guests]
    host.policy(POLICY)
    run("systemctl", "start", "vmtuned")
    pid = host.unit("MainPID")
    host.wait("the first change", lambda: [guest.masks() for guest in guests] != before)
    run("kill", "-KILL", pid)
    partial = everything(guests)
    host.wait("a new process", lambda: host.unit("MainPID") not in (pid, "0"))
    host.wait_cycle()
    host.wait_planned(*guests)
    assert everything(guests) != partial, "it was not in the middle"
    assert host.ctl("verify").returncode == 0
    assert "vcpupin" in guests[0].config_xml()
    host.ctl("restore", "--all")
    assert [guest.masks() for guest in guests] == before, "restore gave other masks"
    for guest in guests:
        assert guest.as_defined(), guest.difference()
