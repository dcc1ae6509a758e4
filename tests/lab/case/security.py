# SPDX-License-Identifier: LGPL-2.1-or-later
"""The unit is valid, and little exposed while everything works."""

import re

from lab import run
from truth import read

FLAVOURS = ("amd-4node", "debian13")
MOST = 4.0  # "OK" of systemd-analyze ends at 5.0
POLICY = "host: {numa_balancing: off}\nguests: [{match: {name: own1}, cpu: {policy: dedicated}}]"


def case(host):
    verified = run("systemd-analyze", "verify", "--man=no", "vmtuned.service")
    assert "vmtuned" not in verified.stderr, verified.stderr
    shown = run("systemd-analyze", "security", "--no-pager", "vmtuned").stdout
    print(shown)
    overall = shown.rstrip().splitlines()[-1]
    host.note(overall)
    assert float(re.search(r"level for vmtuned\.service: (\d+\.\d+)", overall).group(1)) <= MOST, overall
    guests = host.guests({"name": "own1"}, {"name": "web1", "nic": True})
    host.start(POLICY)
    host.wait_planned(*guests)
    host.wait_right()
    assert read("/proc/sys/kernel/numa_balancing") == "0", "numa_balancing is not off"
    assert host.status()["daemon"]["cannot"] == [], host.status()["daemon"]["cannot"]
