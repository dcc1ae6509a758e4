# SPDX-License-Identifier: LGPL-2.1-or-later
"""Somebody sets the clock, a year forward, a year back, an hour: drift is found and repaired as ever, and
systemd's watchdog has nothing to say."""

import time

from lab import run
from truth import taskset

FLAVOURS = ("amd-4node",)
LAST = True  # it stirs the host
POLICY = "guests: [{match: {name: 'db*'}, cpu: {policy: dedicated}}]"
YEAR = 365 * 24 * 3600


def repaired(host, guests, masks, text):
    """Drift of a pool thread is found and put right."""
    before = host.entry(guests[2])["repaired"]
    vcpu = guests[2].vcpu(0)
    taskset(vcpu.tid, str(min(set(range(8)) - vcpu.cpus)))
    host.wait(f"the repair {text}", lambda: host.entry(guests[2])["repaired"] > before)
    host.wait("all as before", lambda: [guest.masks() for guest in guests] == masks)
    host.wait_planned(*guests)


def case(host):
    guests = host.trio()
    host.start(POLICY)
    host.wait_planned(*guests)
    masks = [guest.masks() for guest in guests]
    pid = host.unit("MainPID")

    began, wall = time.monotonic(), time.time()
    try:
        for jump in (YEAR, -YEAR, 3600):
            run("date", "-s", f"@{wall + jump + time.monotonic() - began:.0f}")
            repaired(host, guests, masks, f"after a jump of {jump} s")
    finally:
        run("date", "-s", f"@{wall + time.monotonic() - began:.0f}")
    repaired(host, guests, masks, "with the clock put right")
    assert (host.unit("MainPID"), host.unit("NRestarts")) == (pid, "0"), "the daemon never ended"
    assert all(result != "unfinished" for result, in host.record("SELECT result FROM history"))
