"""Drift of five kinds: each test first proves that the drift is there, with the daemon stopped."""

import time

from harness import Case, Frozen
from truth import taskset, virsh, wait_for

ALL = {0, 1}
DEDICATED = "guests: [{match: {name: 'ded*'}, cpu: {policy: dedicated}}]"


class Drift(Case):
    def dedicated(self, policy=DEDICATED, **options):
        guest = self.guest("ded1", **options)
        daemon = self.daemon(policy)
        self.wait_state(daemon, guest, "as-planned")
        self.assertTrue(guest.all_on({1}))
        return guest, daemon

    def wait_repaired(self, daemon, guest, count=1):
        self.wait_state(daemon, guest, "as-planned")
        wait_for("the repair is counted", lambda: daemon.status(guest)["repaired"] >= count)
        status = daemon.status(guest)
        self.assertGreaterEqual(status["drift"], count)
        self.assertIn("drift:", daemon.log_text())

    def test_taskset_narrows_a_pool_thread(self):
        guest = self.guest("shared", iothreads=1)
        daemon = self.daemon("")
        self.wait_state(daemon, guest, "as-planned")
        with Frozen(daemon):
            taskset(guest.vcpu(0).tid, "1")
            taskset(guest.thread("IO iothread1").tid, "0")
            self.assertEqual(guest.vcpu(0).cpus, {1})
            self.assertEqual(guest.thread("IO iothread1").cpus, {0})
        self.wait_all_on(guest, ALL)
        self.wait_repaired(daemon, guest, 2)

    def test_virsh_vcpupin(self):
        guest, daemon = self.dedicated()
        with Frozen(daemon):
            virsh("vcpupin", guest.name, "0", "0", "--live")
            self.assertEqual(guest.vcpu(0).cpus, {0})
            self.assertIn("<vcpupin vcpu='0' cpuset='0'/>", guest.live_xml())
        wait_for("pinned again", lambda: guest.vcpu(0).cpus == {1})
        self.wait_repaired(daemon, guest)
        self.assertIn("<vcpupin vcpu='0' cpuset='1'/>", guest.live_xml())

    def test_virsh_vcpupin_on_a_pool_guest(self):
        guest = self.guest("shared")
        daemon = self.daemon("")
        self.wait_state(daemon, guest, "as-planned")
        with Frozen(daemon):
            virsh("vcpupin", guest.name, "0", "1", "--live")
            self.assertEqual(guest.cpuset("vcpu0"), {1})
        wait_for("widened", lambda: guest.cpuset("vcpu0") == ALL)
        self.wait_all_on(guest, ALL)
        self.wait_repaired(daemon, guest)
        # the original is what was there before the foreign pin
        daemon.ctl("restore", guest.name)
        self.assertEqual(guest.cpuset("vcpu0"), ALL)
        self.assertTrue(guest.all_on(ALL))

    def test_cpuset_written_by_hand_then_taskset(self):
        guest, daemon = self.dedicated()
        with Frozen(daemon):
            guest.set_cpuset("vcpu0", "0-1")
            taskset(guest.vcpu(0).tid, "0")
            self.assertEqual(guest.cpuset("vcpu0"), ALL)
            self.assertEqual(guest.vcpu(0).cpus, {0})
        wait_for("thread back", lambda: guest.vcpu(0).cpus == {1})
        wait_for("cpuset back", lambda: guest.cpuset("vcpu0") == {1})
        self.wait_repaired(daemon, guest)

    def test_hotplugged_vcpu(self):
        guest = self.guest("ded1", vcpus=2, current=1)
        daemon = self.daemon('host: {housekeeping_cpus: ""}\n' + DEDICATED)
        self.wait_state(daemon, guest, "as-planned")
        self.assertEqual(len(guest.vcpu(0).cpus), 1)
        with Frozen(daemon):
            virsh("setvcpus", guest.name, "2", "--live")
            # its pin was set in advance: it starts inside the guest's own CPUs
            self.assertEqual(guest.vcpu(1).cpus, guest.vcpu(0).cpus)
        wait_for("a CPU of its own", lambda: guest.vcpu(1).cpus not in (ALL, guest.vcpu(0).cpus))
        self.wait_state(daemon, guest, "as-planned")
        self.assertEqual(guest.vcpu(0).cpus | guest.vcpu(1).cpus, ALL)
        self.assertEqual(guest.cpuset("vcpu1"), guest.vcpu(1).cpus)

    def test_thread_born_later_on_wrong_cpus(self):
        guest = self.guest("shared")
        daemon = self.daemon("guests: [{match: {name: shared}, cpu: {emulator: '0'}}]")
        self.wait_state(daemon, guest, "as-planned")
        self.assertEqual(guest.main().cpus, {0})
        with Frozen(daemon):
            # a new thread of QEMU, born while its parent was elsewhere
            virsh("emulatorpin", guest.name, "0-1", "--live")
            taskset(guest.pid, "1")
            virsh("qemu-monitor-command", guest.name, "--hmp", "object_add iothread,id=late")
            taskset(guest.pid, "0")
            self.assertEqual(guest.thread("IO late").cpus, {1})
        wait_for("born thread moved", lambda: guest.thread("IO late").cpus == {0})
        self.wait_repaired(daemon, guest)

    def test_drift_report_only_reports(self):
        guest, daemon = self.dedicated(
            "guests: [{match: {name: 'ded*'}, drift: report, cpu: {policy: dedicated}}]")
        taskset(guest.vcpu(0).tid, "1")
        virsh("vcpupin", guest.name, "0", "0", "--live")
        self.wait_state(daemon, guest, "drifted")
        self.assertEqual(guest.vcpu(0).cpus, {0})
        self.assertGreaterEqual(daemon.status(guest)["drift"], 1)
        self.assertEqual(daemon.ctl("verify", check=False).returncode, 1)
        self.assertEqual(guest.vcpu(0).cpus, {0})
        daemon.ctl("apply", guest.name)
        self.assertEqual(guest.vcpu(0).cpus, {1})
        self.wait_state(daemon, guest, "as-planned")

    def test_verify_leaves_the_repair_to_the_next_cycle(self):
        guest, daemon = self.dedicated(policy=DEDICATED)
        with Frozen(daemon):
            guest.set_cpuset("vcpu0", "0-1")
            taskset(guest.vcpu(0).tid, "0")
        daemon.ctl("verify", check=False)
        wait_for("thread back", lambda: guest.vcpu(0).cpus == {1})
        self.wait_repaired(daemon, guest)

    def test_guest_with_other_differences_is_watched_too(self):
        guest, daemon = self.dedicated(
            "guests: [{match: {name: 'ded*'}, drift: report, cpu: {policy: dedicated}}]",
            vcpus=1, iothreads=1)
        virsh("vcpupin", guest.name, "0", "0", "--live")
        self.wait_state(daemon, guest, "drifted")
        before = daemon.status(guest)["drift"]
        # no event tells of this one
        guest.set_cpuset("iothread1", "0-1")
        taskset(guest.thread("IO iothread1").tid, "0")
        wait_for("the second drift", lambda: daemon.status(guest)["drift"] > before)

    def test_drift_ignore_does_not_look_again(self):
        guest, daemon = self.dedicated(
            "guests: [{match: {name: 'ded*'}, drift: ignore, cpu: {policy: dedicated}}]")
        virsh("vcpupin", guest.name, "0", "0", "--live")
        time.sleep(2.5)  # the event, and two intervals
        self.assertEqual(guest.vcpu(0).cpus, {0})
        self.assertEqual(daemon.status(guest)["drift"], 0)
        daemon.ctl("apply", guest.name)
        self.assertEqual(guest.vcpu(0).cpus, {1})

    def test_verify_finds_drift_and_changes_nothing(self):
        guest = self.guest("ded1")
        daemon = self.daemon(DEDICATED, mode="observe")
        self.wait_state(daemon, guest, "pending")
        self.assertTrue(guest.all_on(ALL))
        plan = daemon.json("plan", check=False)
        dry = daemon.json("apply", "--dry-run", guest.name, check=False)
        self.assertEqual(plan["settings"], dry["settings"])
        self.assertTrue(plan["settings"])
        self.assertEqual(daemon.ctl("verify", check=False).returncode, 1)
        time.sleep(2.5)  # two intervals: still nothing may have been changed
        self.assertTrue(guest.all_on(ALL))
        self.assertNotIn("vcpupin", guest.live_xml())
        daemon.ctl("apply", guest.name)
        self.assertTrue(guest.all_on({1}))
        self.assertEqual(daemon.ctl("verify").returncode, 0)
