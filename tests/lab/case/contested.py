# SPDX-License-Identifier: LGPL-2.1-or-later
"""A rival that never gives way, a script called numad that pins a thread: it wins that one setting and is named;
nothing more is written for it, all else is repaired. AllowedCPUs= of machine.slice or of a guest's own scope is no
rival, however often it changes: the guests follow."""

import os
import subprocess

from lab import cpus, run, virsh
from truth import taskset, write

FLAVOURS = ("amd-4node",)
LAST = True  # it stirs the host
LIMIT = 600
POLICY = "guests: [{match: {name: 'db*'}, cpu: {policy: dedicated}}]"
REVERSALS = 5  # CONTEST_REVERSALS
FLIPS = 6
NUMAD = "/var/tmp/numad"  # nothing under /run may be executed


def limit(unit, text):
    run("systemctl", "set-property", "--runtime", unit, f"AllowedCPUs={text}")


def rivals(host, guest):
    return {(row["knob"], row["rival"]) for row in host.entry(guest).get("contested", [])}


def slice_flips(host, guests):
    """More reversals than it takes, were they any."""
    for number in range(FLIPS):
        text = "0-7" if number % 2 else "0-3,6-7"
        cycle = host.cycles()
        limit("machine.slice", text)
        host.wait_cycle(cycle + 1)  # the one that finds it, at the latest
        host.wait(f"inside {text}", lambda: all(thread.cpus <= cpus(text)
                                                for guest in guests for thread in guest.threads()))
        host.wait_planned(*guests)
    found = len(host.journal("the host's CPUs, nodes, page pools or devices changed"))
    assert found >= REVERSALS, f"only {found} changes of the host were found"
    assert all(not host.entry(guest)["contested"] for guest in guests)


def scope_flips(host, guest):
    """It is refused, and as before once it has its CPUs back."""
    scope = next(part for part in guest.cgroup("cpuset").split("/") if part.endswith(".scope"))
    before = guest.masks()
    for _ in range(REVERSALS):
        limit(scope, "0-1")
        host.wait_state(guest, "refused")
        assert all(thread.cpus <= {0, 1} for thread in guest.threads())
        limit(scope, "0-7")
        host.wait("as before", lambda: guest.masks() == before)
        host.wait_planned(guest)
    assert not host.entry(guest)["contested"]


def case(host):
    db1, db2, web1 = host.trio()
    host.start(POLICY)
    host.wait_planned(db1, db2, web1)
    slice_flips(host, (db1, db2, web1))
    scope_flips(host, db1)
    host.note(f"AllowedCPUs= changed {FLIPS} times for machine.slice, {2 * REVERSALS} for one guest: followed, "
              "nothing contested")

    masks = [guest.masks() for guest in (db1, db2, web1)]
    pool = sorted(web1.vcpu(0).cpus)
    write(NUMAD, f"#!/bin/sh\nwhile :; do taskset -p -c {pool[0]} {web1.vcpu(0).tid}; sleep 1; done\n")
    os.chmod(NUMAD, 0o755)
    with subprocess.Popen([NUMAD], stdout=subprocess.DEVNULL) as numad:
        try:
            host.wait_state(web1, "contested")
            assert rivals(host, web1) == {("vcpu.pin", f"likely numad (PID {numad.pid})")}, rivals(host, web1)
            writes = host.entry(web1)["writes"]
            host.wait_cycle(host.cycles() + 4)
            assert host.entry(web1)["writes"] == writes
            assert web1.vcpu(0).cpus == {pool[0]}
            host.note(f"contested by numad, writes stay at {writes} over 4 cycles")
            # all else goes on
            virsh("vcpupin", "db2", "0", "0", "--live")
            taskset(web1.pid, str(pool[1]))
            host.wait("db2 as before", lambda: db2.masks() == masks[1])
            host.wait("other threads of web1", lambda: web1.main().cpus == set(pool))
            assert len(host.journal("left as it is until")) == 1, "told once"
        finally:
            numad.kill()
    host.ctl("resume")
    host.wait("all as before", lambda: [guest.masks() for guest in (db1, db2, web1)] == masks)
    host.wait_planned(db1, db2, web1)
