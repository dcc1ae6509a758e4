"""The record's directory when it cannot be used: guests are tuned all the same, the loss is told once,
nothing is overwritten, and with the cause gone the record goes on."""

import os
import pathlib
import signal
import sqlite3

from harness import Case
from truth import run, virsh, wait_for

ALL = {0, 1}
DEDICATED = "guests: [{match: {name: 'ded*'}, cpu: {policy: dedicated}}]"

MANUAL = "guests: [{match: {name: '*'}, cpu: {policy: manual, pins: {0: '%d'}, emulator: '%d'}}]"


class Record(Case):
    def make(self, start=True):
        """A daemon whose state directory is a small file system."""
        self.vm = self.daemon(DEDICATED, start=False)
        os.makedirs(self.vm.state)
        run("mount", "-t", "tmpfs", "-o", "size=1m,mode=700", "tmpfs", self.vm.state)
        self.addCleanup(run, "umount", "-l", self.vm.state, check=False)
        self.file = pathlib.Path(self.vm.state, "record.db")
        if start:
            self.vm.start()

    def problem(self):
        return self.vm.json("status", check=False)["daemon"]["record_problem"]

    def told(self):
        return self.vm.log_text().count("the record cannot be used")

    def wait_lost(self, times=1):
        wait_for("the loss is told", self.problem)
        self.vm.wait_cycles(3)
        self.assertEqual(self.told(), times, self.vm.log_text())
        self.assertIn(self.problem(), self.vm.ctl("status", check=False).stdout)

    def wait_back(self):
        wait_for("the record is back", lambda: self.problem() is None)
        self.assertIn("the record can be written again", self.vm.log_text())

    def tuned(self, name):
        guest = self.guest(name)
        self.wait_all_on(guest, {1})
        self.wait_state(self.vm, guest, "as-planned")
        return guest

    def kept(self, guest):
        return self.vm.record("SELECT count(*) FROM original WHERE uuid=?", guest.uuid)[0][0]

    def fill(self):
        filler = os.path.join(self.vm.state, "filler")
        with open(filler, "wb", buffering=0) as file:
            try:
                while True:
                    file.write(b"\0" * 4096)
            except OSError:
                pass
        return filler

    def test_disk_full(self):
        self.make()
        self.vm.write_policy(MANUAL % (0, 0))
        self.vm.send(signal.SIGHUP)
        first, other = self.guest("first"), self.guest("other")
        for guest in (first, other):
            self.wait_all_on(guest, {0})
            self.wait_state(self.vm, guest, "as-planned")
        originals = self.kept(first)
        filler = self.fill()
        first.destroy()
        first.start()
        self.vm.write_policy(MANUAL % (1, 1))
        self.vm.send(signal.SIGHUP)
        for guest in (first, other):  # the one has no original yet, the other has one
            self.wait_all_on(guest, {1})
        self.wait_lost()
        self.assertEqual(self.vm.record("PRAGMA integrity_check"), [("ok",)])
        self.assertEqual(self.kept(first), originals)
        os.unlink(filler)
        self.wait_back()
        for guest in (first, other):
            wait_for("what it missed is recorded", lambda pid=guest.pid: self.vm.record(
                "SELECT count(*) FROM history WHERE pid=? AND why='late'", pid)[0][0] > 0)
        virsh("vcpupin", first.name, "0", "0", "--live")
        wait_for("the repair is recorded", lambda: self.vm.record(
            "SELECT count(*) FROM history WHERE pid=? AND why='drift'", first.pid)[0][0] > 0)
        self.assertEqual(self.told(), 1)
        for guest in (first, other):
            self.vm.ctl("restore", guest.name)
            self.assertTrue(guest.all_on(ALL))

    def test_read_only_at_start(self):
        self.make(start=False)
        run("mount", "-o", "remount,ro", self.vm.state)
        self.vm.start()
        guest = self.tuned("ded1")
        self.wait_lost()
        self.assertEqual(os.listdir(self.vm.state), [])
        run("mount", "-o", "remount,rw", self.vm.state)
        self.wait_back()
        self.wait_state(self.vm, guest, "as-planned")
        other = self.guest("other")
        wait_for("the next is recorded", lambda: self.kept(other) > 0)
        self.vm.ctl("restore", other.name)
        self.assertTrue(other.all_on(ALL))

    def left_alone(self, make):
        self.make(start=False)
        make()
        before = self.file.read_bytes()
        self.vm.start()
        guest = self.tuned("ded1")
        self.wait_lost()
        self.assertIn("left as it is", self.problem())
        # what is not known is not said to have gone back
        self.assertNotEqual(self.vm.ctl("restore", guest.name, check=False).returncode, 0)
        self.assertEqual(self.file.read_bytes(), before)
        self.assertEqual(os.listdir(self.vm.state), ["record.db"])
        self.file.rename(f"{self.file}.bad")
        self.wait_back()
        self.assertTrue(os.path.exists(self.file))

    def test_damaged(self):
        def make():
            with open(self.file, "wb") as file:
                file.write(b"SQLite format 3\0" + bytes(range(256)) * 64)
        self.left_alone(make)

    def test_newer(self):
        def make():
            connection = sqlite3.connect(self.file)
            connection.execute("PRAGMA user_version=99")
            connection.close()
        self.left_alone(make)

    def test_replaced_while_it_runs(self):
        self.make()
        self.tuned("ded1")
        before = self.file.read_bytes()
        names = os.listdir(self.vm.state)
        aside = os.path.join(self.vm.state, "aside")
        os.mkdir(aside)
        for name in names:
            os.rename(os.path.join(self.vm.state, name), os.path.join(aside, name))
        os.mkdir(self.file)
        self.wait_lost()
        guest = self.guest("other")
        self.wait_all_on(guest, {0})
        self.assertEqual(sorted(os.listdir(self.vm.state)), ["aside", "record.db"])
        self.assertEqual(pathlib.Path(aside, "record.db").read_bytes(), before)
        os.rmdir(self.file)
        self.wait_back()
        third = self.guest("other2")
        wait_for("it is recorded", lambda: self.kept(third) > 0)

    def test_removed_while_it_runs(self):
        self.make()
        self.tuned("ded1")
        for name in os.listdir(self.vm.state):
            os.unlink(os.path.join(self.vm.state, name))
        wait_for("there is a new one", lambda: os.path.exists(self.file))
        guest = self.guest("other")
        wait_for("it is used", lambda: self.kept(guest) > 0)
