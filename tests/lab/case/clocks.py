# SPDX-License-Identifier: LGPL-2.1-or-later
"""The host sleeps and wakes up, and somebody sets its clock, a year forward, a year back, an hour: guests are
looked at and repaired as ever, and neither watchdog nor waits are confused."""

import time

from lab import run
from truth import taskset

FLAVOURS = ("amd-4node",)
LIMIT = 400
POLICY = "guests: [{match: {name: 'db*'}, cpu: {policy: dedicated}}]"
YEAR = 365 * 24 * 3600
SLEEP = 8  # seconds, more than an interval


def repaired(host, guests, masks, text):
    """Drift of a pool thread is found and put right."""
    before = host.entry(guests[2])["repaired"]
    taskset(guests[2].vcpu(0).tid, str(min(guests[2].vcpu(0).cpus)))
    host.wait(f"the repair {text}", lambda: host.entry(guests[2])["repaired"] > before)
    host.wait("all as before", lambda: [guest.masks() for guest in guests] == masks)
    host.wait_planned(*guests)


def case(host):
    guests = host.trio()
    host.start(POLICY)
    host.wait_planned(*guests)
    masks = [guest.masks() for guest in guests]
    assert len(guests[2].vcpu(0).cpus) > 1
    pid = host.unit("MainPID")

    for mode in ("freeze", "mem"):
        slept = time.clock_gettime(time.CLOCK_BOOTTIME) - time.monotonic()
        done = run("rtcwake", "-m", mode, "-s", str(SLEEP), check=False)
        slept = time.clock_gettime(time.CLOCK_BOOTTIME) - time.monotonic() - slept
        host.note(f"{mode}: slept for {slept:.1f} s, {done.stderr.strip()[-60:]}")
        told = len(host.journal("the host was suspended"))
        host.wait_planned(*guests)
    host.wait("it is told", lambda: len(host.journal("the host was suspended")) == 2)
    repaired(host, guests, masks, "after sleep")

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
