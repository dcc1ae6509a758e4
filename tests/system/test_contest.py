"""Somebody else who never gives way: vmtuned does, for that one setting, and says to whom."""

import os
import shutil
import subprocess
import threading

import harness
from harness import Case
from truth import run, taskset, virsh, wait_for

DEDICATED = "guests: [{match: {name: 'ded*'}, cpu: {policy: dedicated}}]"
REVERSALS = 5  # CONTEST_REVERSALS


class Restless(threading.Thread):
    """Sets the affinity of a thread over and over, without a pause."""

    def __init__(self, tid, cpus):
        super().__init__(daemon=True)
        self.tid, self.cpus = tid, cpus
        self.ended = threading.Event()
        self.start()

    def run(self):
        while not self.ended.is_set():
            os.sched_setaffinity(self.tid, self.cpus)

    def stop(self):
        self.ended.set()
        self.join()


class Contest(Case):
    def pair(self, policy=DEDICATED, **options):
        """A guest in the pool, which is CPU 0, and one with CPU 1 of its own. The kernel lets nobody
        move a thread out of its cpuset: those of the pool guest are of all CPUs."""
        guest, other = self.guest("shared", **options), self.guest("ded1")
        daemon = self.daemon(policy)
        self.wait_state(daemon, guest, "as-planned")
        self.wait_state(daemon, other, "as-planned")
        self.assertTrue(guest.all_on({0}) and other.all_on({1}))
        return guest, other, daemon

    @staticmethod
    def repin(guest):
        taskset(guest.vcpu(0).tid, "1")

    def contest(self, guest, daemon, repin=None, right=0):
        """Changed back each time it was repaired, until vmtuned gives way."""
        repin = repin or self.repin
        for _ in range(REVERSALS - 1):
            before = daemon.status(guest)["drift"]
            repin(guest)
            wait_for("drift found", lambda: daemon.status(guest)["drift"] > before)
            wait_for("repaired", lambda: guest.vcpu(0).cpus == {right})
            daemon.wait_cycles(1)  # the one under way
            self.wait_state(daemon, guest, "as-planned")
        repin(guest)
        self.wait_state(daemon, guest, "contested")
        return daemon.status(guest)

    def test_one_setting_is_left_and_all_others_are_repaired(self):
        guest, other, daemon = self.pair(iothreads=1)
        status = self.contest(guest, daemon)
        self.assertEqual([(row["knob"], row["instance"]) for row in status["contested"]], [("vcpu.pin", "0")])
        self.assertEqual(status["contested"][0]["rival"], "something that sets the affinity of its threads directly")
        self.assertTrue(status["settings"] and all(row["contested"] for row in status["settings"]))

        # however often it is changed from now on, nothing is written
        for number in range(6):
            taskset(guest.vcpu(0).tid, "1" if number % 2 else "0-1")
            daemon.wait_cycles(2)
        self.assertEqual(guest.vcpu(0).cpus, {1})
        after = daemon.status(guest)
        self.assertEqual((after["writes"], after["state"]), (status["writes"], "contested"))
        self.assertEqual(daemon.log_text().count("left as it is until"), 1, "told once")
        print(f"\n  reversals until it is left alone: {REVERSALS}; writes by then: {status['writes']}; "
              "by 6 more changes, 12 cycles: 0")

        # other threads of the same guest, and other guests
        taskset(guest.thread("IO iothread1").tid, "1")
        taskset(guest.pid, "1")
        virsh("vcpupin", other.name, "0", "0", "--live")
        wait_for("its other threads", lambda: guest.thread("IO iothread1").cpus == {0} and guest.main().cpus == {0})
        wait_for("the other guest", lambda: other.vcpu(0).cpus == {1})
        wait_for("counted", lambda: daemon.status(guest)["writes"] > after["writes"])  # at the cycle's end
        self.assertEqual(guest.vcpu(0).cpus, {1})

    def test_it_is_told_everywhere(self):
        guest, _, daemon = self.pair()
        with open("/run/vmtuned-test/signals", "w+", encoding="utf-8") as signals:
            monitor = subprocess.Popen(("dbus-monitor", "--system", "interface='org.vmtuned1.Manager'"),
                                       stdout=signals)
            try:
                wait_for("dbus-monitor", lambda: os.path.getsize(signals.name) > 0)
                self.contest(guest, daemon)
                wait_for("the signal", lambda: 'string "contested"' in self.text_of(signals))
            finally:
                monitor.terminate()
                monitor.wait()
            told = self.text_of(signals)
        self.assertIn("member=GuestChanged", told)
        self.assertEqual(told.count('string "contested"'), 2, "Drift of one setting, and the guest's state")
        verify = daemon.ctl("verify", check=False)
        self.assertEqual(verify.returncode, 1)
        self.assertRegex(verify.stdout, r"shared +vcpu\.pin 0/\d+ +actual +0 +1 +contested")
        self.assertIn("0 of 2 guests well", verify.stdout)
        explain = daemon.ctl("explain", guest.name, check=False)
        self.assertEqual(explain.returncode, 1)
        self.assertRegex(explain.stdout, r"Contested: vcpu\.pin 0 since .*: something that sets the affinity")
        self.assertRegex(daemon.ctl("status", check=False).stdout, r"shared +contested .*vcpu\.pin 0 is contested: ")
        rows = daemon.json("explain", guest.name, check=False)["settings"]
        self.assertTrue(any(row["contested"] and not row["in_force"] for row in rows))

    @staticmethod
    def text_of(file):
        file.seek(0)
        return file.read()

    def test_another_libvirt_client(self):
        _, guest, daemon = self.pair()
        status = self.contest(guest, daemon, lambda _: virsh("vcpupin", guest.name, "0", "0", "--live"), 1)
        self.assertEqual([row["rival"] for row in status["contested"]], ["another libvirt client"])
        self.assertIn("<vcpupin vcpu='0' cpuset='0'/>", guest.live_xml())

    def test_somebody_who_writes_cgroups(self):
        _, guest, daemon = self.pair()
        status = self.contest(guest, daemon, lambda _: guest.set_cpuset("vcpu0", "0"), 1)
        self.assertEqual([row["rival"] for row in status["contested"]],
                         ["something that writes its cgroups directly"])
        self.assertEqual(guest.cpuset("vcpu0"), {0})

    def test_a_tuner_that_runs_is_named(self):
        path = os.path.join(harness.HOST.scratch, "numad")
        shutil.copy("/bin/sleep", path)
        with subprocess.Popen((path, "600")) as rival:
            try:
                guest, _, daemon = self.pair()
                status = self.contest(guest, daemon)
            finally:
                rival.kill()
        self.assertEqual(status["contested"][0]["rival"], f"likely numad (PID {rival.pid})")
        self.assertIn(f"likely numad (PID {rival.pid})", daemon.log_text())

    def test_all_threads_at_once(self):
        guest, _, daemon = self.pair(iothreads=1)
        self.contest(guest, daemon, lambda _: run("taskset", "-a", "-p", "-c", "1", str(guest.pid)))
        knobs = {row["knob"] for row in daemon.status(guest)["contested"]}
        self.assertEqual(knobs, {"vcpu.pin", "emulator.pin", "iothread.pin"})
        self.assertTrue(guest.all_on({1}))
        self.assertEqual(daemon.log_text().count("left as it is until"), 1, "told once")

    def test_somebody_who_is_quicker(self):
        guest, _, daemon = self.pair()
        rival = Restless(guest.vcpu(0).tid, {1})
        try:
            self.wait_state(daemon, guest, "contested")
            writes = daemon.status(guest)["writes"]
            daemon.wait_cycles(5)
            self.assertEqual(daemon.status(guest)["writes"], writes)
        finally:
            rival.stop()
        print(f"\n  writes against somebody without a pause: {writes}")
        self.assertEqual(guest.vcpu(0).cpus, {1})
        daemon.ctl("resume", guest.name)
        self.assertEqual(guest.vcpu(0).cpus, {0})
        self.wait_state(daemon, guest, "as-planned")

    def test_resume(self):
        guest, _, daemon = self.pair()
        self.contest(guest, daemon)
        self.assertEqual(guest.vcpu(0).cpus, {1})
        done = daemon.ctl("resume")
        self.assertEqual(guest.vcpu(0).cpus, {0})
        self.assertIn("2 of 2 guests well", done.stdout)
        self.assertEqual(daemon.status(guest)["contested"], [])
        # and all over again
        self.contest(guest, daemon)
        nobody = run("setpriv", "--reuid", "65534", "--clear-groups", os.path.join(harness.BUILD, "vmtuned-ctl"),
                             "resume", guest.name, check=False)
        self.assertEqual(nobody.returncode, 2, nobody.stderr)
        self.assertEqual(daemon.state_of(guest), "contested")
        self.assertEqual(daemon.ctl("resume", "nobody", check=False).returncode, 2)

    def test_what_else_ends_it(self):
        guest, _, daemon = self.pair()
        for end in (lambda: daemon.ctl("apply", guest.name), lambda: daemon.ctl("reload")):
            self.contest(guest, daemon)
            end()
            wait_for("set again", lambda: guest.vcpu(0).cpus == {0})
            self.wait_state(daemon, guest, "as-planned")
        self.contest(guest, daemon)
        guest.destroy()
        guest.start()
        self.wait_all_on(guest, {0})
        self.wait_state(daemon, guest, "as-planned")

    def test_restore_and_stop_leave_it_consistent(self):
        guest, _, daemon = self.pair()
        self.contest(guest, daemon)
        self.assertEqual(daemon.stop(), 0)
        self.assertEqual(guest.vcpu(0).cpus, {1}, "stopping changes nothing")
        daemon.start()
        # a daemon that was started anew knows nothing of it
        wait_for("set again", lambda: guest.vcpu(0).cpus == {0})
        self.contest(guest, daemon)
        daemon.ctl("restore", "--force", guest.name)
        self.assertTrue(guest.all_on({0, 1}))
        self.wait_state(daemon, guest, "released")
        self.assertEqual(daemon.status(guest)["contested"], [])

    def test_drift_that_is_only_reported_is_never_contested(self):
        guest, _, daemon = self.pair("guests: [{match: {name: shared}, drift: report}, "
                                     "{match: {name: 'ded*'}, cpu: {policy: dedicated}}]")
        for number in range(REVERSALS + 2):
            taskset(guest.vcpu(0).tid, str(number % 2))
            daemon.wait_cycles(2)
        taskset(guest.vcpu(0).tid, "1")
        self.wait_state(daemon, guest, "drifted")
        self.assertEqual(daemon.status(guest)["contested"], [])

    def test_a_dedicated_cpu_is_not_called_exclusive(self):
        guest, other, daemon = self.pair()
        self.contest(guest, daemon)
        self.wait_state(daemon, other, "not-exclusive")
        self.assertEqual(daemon.status(other)["intruders"], ["shared"])
