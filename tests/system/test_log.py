# SPDX-License-Identifier: LGPL-2.1-or-later
"""What vmtuned-ctl log tells, after the thing was done by the test."""

import os

from harness import Case, Frozen
from truth import read, virsh, wait_for

DEDICATED = "guests: [{match: {name: 'ded*'}, cpu: {policy: dedicated}}]"


class Log(Case):
    def changes(self, daemon, *argv):
        return daemon.json("log", *argv)["changes"]

    def test_drift_that_was_repaired(self):
        guest, other = self.guest("ded1"), self.guest("web1")
        daemon = self.daemon(DEDICATED)
        self.wait_state(daemon, guest, "as-planned")
        self.wait_state(daemon, other, "as-planned")
        with Frozen(daemon):
            virsh("vcpupin", guest.name, "0", "0", "--live")
        wait_for("repaired", lambda: guest.vcpu(0).cpus == {1} and daemon.status(guest)["repaired"] > 0)
        self.wait_state(daemon, guest, "as-planned")

        change = next(row for row in self.changes(daemon, "ded1") if row["why"] == "drift" and row["plane"] == "live")
        self.assertEqual((change["knob"], change["instance"], change["from"], change["to"], change["result"]),
                         ("vcpu.pin", "0", "0", "1", "done"))
        self.assertIn("of its own", change["reason"])
        self.assertRegex(change["origin"], r"policy\.yaml:\d+$")
        line = next(line for line in daemon.ctl("log", "ded1").stdout.splitlines()
                    if "drift" in line and " live " in line)
        self.assertRegex(line, r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d +ded1 +vcpu\.pin 0 +live +0 +1 +done +drift: .*:\d+\)$")

        everything = self.changes(daemon, "-n", "all")
        ids = [row["id"] for row in everything]
        self.assertEqual(ids, sorted(set(ids)))
        self.assertEqual({row["name"] for row in everything}, {"ded1", "web1"})
        self.assertEqual({row["name"] for row in self.changes(daemon, "web1")}, {"web1"})
        self.assertEqual([row["id"] for row in self.changes(daemon, "-n", "2")], ids[-2:])
        self.assertEqual(len(self.changes(daemon, "--since", "1h")), len(ids))
        lines = [daemon.ctl("log", "-n", "all", *more).stdout.splitlines()[1:] for more in ((), ("-r",))]
        self.assertEqual(lines[0], lines[1][::-1])

    def test_follow(self):
        guest = self.guest("ded1")
        daemon = self.daemon(DEDICATED)
        self.wait_state(daemon, guest, "as-planned")
        path = os.path.join(daemon.folder, "follow")
        with open(path, "wb") as file:
            follower = daemon.ask("log", "-f", "--no-legend", stdout=file)
        try:
            wait_for("the last changes", lambda: len(read(path).splitlines()) > 0)
            before = read(path).splitlines()
            with Frozen(daemon):
                virsh("vcpupin", guest.name, "0", "0", "--live")
            wait_for("the repair is told", lambda: any("drift" in line for line in read(path).splitlines()))
            after = read(path).splitlines()
            self.assertEqual(after[:len(before)], before)
            self.assertFalse(any("drift" in line for line in before))
            self.assertEqual(len(set(after)), len(after))
        finally:
            follower.terminate()
            follower.wait()

    def test_guest_that_is_gone(self):
        guest = self.guest("ded1")
        daemon = self.daemon(DEDICATED)
        self.wait_state(daemon, guest, "as-planned")
        guest.destroy()
        guest.undefine()
        wait_for("gone", lambda: not daemon.json("status", check=False)["guests"])
        for name in (guest.name, guest.uuid):
            self.assertEqual({row["uuid"] for row in self.changes(daemon, name)}, {guest.uuid})
        done = daemon.ctl("log", "nobody", check=False)
        self.assertEqual(done.returncode, 2)
        self.assertIn("nobody", done.stderr)

    def test_bad_words(self):
        daemon = self.daemon("")
        self.assertEqual(daemon.ctl("log").stdout, "nothing was changed\n")
        for words in (("--since", "tomorrow"), ("-n", "0"), ("-n", "many")):
            done = daemon.ctl("log", *words, check=False)
            self.assertEqual(done.returncode, 2)
            self.assertIn("expected", done.stderr)
