# SPDX-License-Identifier: LGPL-2.1-or-later
"""The unit under systemd: ready, reloaded, restarted, watched; guests are not touched by any of it."""

import signal

from lab import run
from tracing import Writes

FLAVOURS = ("amd-4node",)
LIMIT = 400
# Nodes that are listed are no home: a guest that has just started still gets memory, and would get one.
POLICY = """guests:
  - {match: {name: "*"}, numa: {nodes: "0-3"}}
  - {match: {name: db1}, cpu: {policy: dedicated}}"""


def case(host):
    guests = host.trio()
    with Writes() as writes:
        host.start(POLICY)
        host.wait_planned(*guests)
    assert writes.affinities > 0 and writes.cpuset_files, "writes are not counted"
    assert host.unit("ActiveState") == "active"
    assert host.unit("StatusText"), "no status text"
    masks = [guest.masks() for guest in guests]
    assert masks[0] != masks[1]

    # reload and restart write nothing at all
    with Writes() as writes:
        pid = host.unit("MainPID")
        run("systemctl", "reload", "vmtuned")
        host.wait("the policy loaded", lambda: host.journal("policy loaded"))
        host.wait_cycle(after=host.cycles() + 1)  # the next may have begun before
        assert host.unit("MainPID") == pid
        run("systemctl", "restart", "vmtuned")
        assert host.unit("MainPID") != pid
        host.wait_cycle()
        host.wait_planned(*guests)
    assert writes.affinities == 0, f"{writes.affinities} calls of sched_setaffinity"
    assert writes.cpuset_files == [], writes.cpuset_files
    assert [guest.masks() for guest in guests] == masks

    # a policy with an error: reload is told, the policy from before holds
    good = host.unit("MainPID")
    host.policy("guests: [{match: {name: db1}, cpu: {policy: dedicate}}]")
    assert host.ctl("reload", check=False).returncode != 0
    assert host.journal("did you mean 'dedicated'")
    assert host.unit("MainPID") == good and host.unit("ActiveState") == "active"
    host.policy(POLICY)

    # the watchdog: answered while it runs, and a frozen daemon is ended and started again
    host.unit_drop_in("[Service]\nWatchdogSec=4s\n")
    run("systemctl", "restart", "vmtuned")
    host.wait_cycle()
    pid = host.unit("MainPID")
    first = host.unit("WatchdogTimestampMonotonic")
    host.wait("a watchdog message", lambda: host.unit("WatchdogTimestampMonotonic") != first)
    assert host.unit("MainPID") == pid
    run("kill", f"-{signal.SIGSTOP.value}", pid)
    host.wait("a new process", lambda: host.unit("MainPID") not in (pid, "0"))
    assert host.unit("NRestarts") == "1"
    host.wait_cycle()
    host.wait_planned(*guests)
    assert [guest.masks() for guest in guests] == masks
