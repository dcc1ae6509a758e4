# SPDX-License-Identifier: LGPL-2.1-or-later
"""Any user may look over the bus, none but root may change anything."""

import os

from lab import STATE, run

FLAVOURS = ("amd-4node",)
POLICY = "guests: [{match: {name: db1}, cpu: {policy: dedicated}}]"


def as_user(*argv):
    return run("setpriv", "--reuid", "nobodyelse", "--regid", "nogroup", "--clear-groups", *argv, check=False)


def case(host):
    db1, _, _ = host.trio()
    host.start(POLICY)
    host.wait_planned(db1)
    masks = db1.masks()
    for verb in (("status",), ("plan",), ("explain", "db1"), ("policy", "db1"), ("knobs",)):
        done = as_user("vmtuned-ctl", *verb)
        assert done.returncode == 0, f"{verb}: {done.stderr}"
    assert "db1" in as_user("vmtuned-ctl", "status").stdout
    for verb in (("reload",), ("apply", "db1"), ("restore", "db1"), ("restore", "--all")):
        done = as_user("vmtuned-ctl", *verb)
        assert done.returncode != 0 and "only root may change" in done.stderr, f"{verb}: {done}"
    assert os.path.exists(f"{STATE}/record.db")
    assert as_user("cat", f"{STATE}/record.db").returncode != 0
    assert db1.masks() == masks and host.state(db1) == "as-planned"
