# SPDX-License-Identifier: LGPL-2.1-or-later
"""Any user may look over the bus; none but root may change anything, and whom polkit allows it."""

import os

from lab import STATE, run
from truth import write

FLAVOURS = ("amd-4node",)
POLICY = "guests: [{match: {name: 'db*'}, cpu: {policy: dedicated}}]"
RULES = "/etc/polkit-1/rules.d/10-lab.rules"
# one user, one action, one guest
ALLOW = """polkit.addRule(function(action, subject) {
    if (action.id == "org.vmtuned.apply" && subject.user == "nobodyelse")
        return action.lookup("guest") == "db1" && action.lookup("uuid") == "%s"
            ? polkit.Result.YES : polkit.Result.NO;
});
"""


def as_user(*argv):
    return run("setpriv", "--reuid", "nobodyelse", "--regid", "nogroup", "--clear-groups", *argv, check=False)


def refused(*verb):
    done = as_user("vmtuned-ctl", *verb)
    return done.returncode == 2 and "only root may change" in done.stderr


def case(host):
    db1, _, _ = host.trio()
    host.start(POLICY)
    host.wait_planned(db1)
    masks = db1.masks()
    for verb in (("status",), ("plan",), ("explain", "db1"), ("policy", "show", "db1"), ("knobs",)):
        done = as_user("vmtuned-ctl", *verb)
        assert done.returncode == 0, f"{verb}: {done.stderr}"
    assert "db1" in as_user("vmtuned-ctl", "status").stdout
    for verb in (("reload",), ("apply", "db1"), ("restore", "db1"), ("restore", "--all")):
        assert refused(*verb), verb
    assert os.path.exists(f"{STATE}/record.db")
    assert as_user("cat", f"{STATE}/record.db").returncode != 0
    assert db1.masks() == masks and host.state(db1) == "as-planned"

    actions = run("pkaction").stdout
    assert "org.vmtuned.apply" in actions and "org.vmtuned.restart-into" in actions, actions
    uuid = host.entry(db1)["uuid"]
    try:
        write(RULES, ALLOW % uuid)
        os.chmod(RULES, 0o644)
        host.wait("polkit has the rule", lambda: not refused("apply", "db1"))
        for guest in ("db1", uuid):
            done = as_user("vmtuned-ctl", "apply", guest)
            assert done.returncode == 0, done.stderr
        # another guest, all of them, one among others, another action
        for verb in (("apply", "db2"), ("apply",), ("apply", "db1", "db2"), ("restore", "db1"), ("reload",)):
            assert refused(*verb), verb
    finally:
        os.unlink(RULES)
    assert db1.masks() == masks and host.state(db1) == "as-planned"
