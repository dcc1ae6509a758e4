# SPDX-License-Identifier: LGPL-2.1-or-later
"""The unit is valid, and how exposed it is."""

from lab import run

FLAVOURS = ("amd-4node",)


def case(host):
    verified = run("systemd-analyze", "verify", "--man=no", "vmtuned.service")
    assert "vmtuned" not in verified.stderr, verified.stderr
    host.note(run("systemd-analyze", "security", "--no-pager", "vmtuned").stdout.rstrip().splitlines()[-1])
    print(run("systemd-analyze", "security", "--no-pager", "vmtuned").stdout)
