"""Somebody sets the clock, and the host sleeps."""

import os
import subprocess

from harness import Case, preload
from truth import taskset, wait_for, write_at_once

ALL = {0, 1}
YEAR = 365 * 24 * 3600


class Clocks(Case):
    """A daemon whose clocks are what files say: clocks.c."""

    def clocked(self, policy, **options):
        self.library = preload("clocks", "dl")
        daemon = self.daemon(policy, start=False, **options)
        daemon.start_preloaded(self.library)
        return daemon

    @staticmethod
    def set_clock(daemon, name, seconds):
        """A clock of the daemon from now on, at once."""
        write_at_once(os.path.join(daemon.folder, name), str(seconds))

    def test_wall_clock_jumps(self):
        guest = self.guest("web1")
        deaf = self.guest("deaf1")  # does not obey its power button
        daemon = self.clocked("")
        self.wait_state(daemon, guest, "as-planned")
        waiting = daemon.ask("restart-into", deaf.name, "--timeout", "3600", stderr=subprocess.DEVNULL)
        wait_for("the wait", lambda: daemon.status(deaf)["restart"])
        for number, jump in enumerate((YEAR, -YEAR, 3600, 0)):
            self.set_clock(daemon, "wall", jump)
            taskset(guest.vcpu(0).tid, "0")
            wait_for("the repair", lambda: guest.vcpu(0).cpus == ALL)
            wait_for("it is counted", lambda: daemon.status(guest)["repaired"] > number)
            self.assertIsNone(waiting.poll(), "the wait has not ended")
        self.set_clock(daemon, "wall", YEAR)
        daemon.stop()
        waiting.wait(30)
        daemon.start_preloaded(self.library)
        wait_for("the next daemon waits, too", lambda: daemon.status(deaf)["restart"])
        history = [row[0] for row in daemon.record("SELECT result FROM history ORDER BY id")]
        self.assertGreaterEqual(len(history), 4)
        self.assertNotIn("unfinished", history)

    def test_host_that_slept_is_looked_at(self):
        guest, other = self.guest("web1"), self.guest("web2")
        daemon = self.clocked("", interval="1h")
        self.wait_state(daemon, guest, "as-planned")
        self.wait_state(daemon, other, "as-planned")
        for slept in (60, 3600):
            for thread in (guest.vcpu(0), other.vcpu(0)):
                taskset(thread.tid, "0")  # as the kernel may while the host's CPUs go and come
            self.set_clock(daemon, "slept", slept)
            for one in (guest, other):
                self.wait_all_on(one, ALL)
                self.wait_state(daemon, one, "as-planned")
        self.assertEqual([daemon.status(one)["drift"] for one in (guest, other)], [0, 0], "nobody drifted")
        self.assertEqual(daemon.log_text().count("the host was suspended"), 2)
