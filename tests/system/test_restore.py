"""Originals come back: after kill -9, without a daemon, and never over somebody else's value."""

import os
import signal

from harness import BUILD, Case
from truth import run, taskset, virsh, wait_for

ALL = {0, 1}
DEDICATED = "guests: [{match: {name: 'ded*'}, cpu: {policy: dedicated, weight: 300}}]"


class Restore(Case):
    def tuned(self):
        guest = self.guest("ded1", vcpus=1, iothreads=1)
        shared = self.guest("shared")
        daemon = self.daemon(DEDICATED)
        self.wait_state(daemon, guest, "as-planned")
        self.wait_all_on(guest, {1})
        self.wait_all_on(shared, {0})
        return guest, shared, daemon

    def offline(self, daemon, *more, check=True):
        return run(os.path.join(BUILD, "vmtuned"), "--restore", "--state-dir", daemon.state, *more,
                   check=check)

    def test_restore_after_kill_and_restart(self):
        guest, shared, daemon = self.tuned()
        daemon.stop(signal.SIGKILL)
        self.assertTrue(guest.all_on({1}))
        daemon.start()
        daemon.ctl("restore", "--all")
        self.assertTrue(guest.all_on(ALL))
        self.assertTrue(shared.all_on(ALL))
        self.assertEqual(guest.cpuset("vcpu0"), ALL)
        self.assertEqual(guest.cpuset("emulator"), ALL)
        self.assertEqual(daemon.state_of(guest), "released")
        # left alone until apply
        taskset(guest.vcpu(0).tid, "0")
        daemon.ctl("verify")
        self.assertEqual(guest.vcpu(0).cpus, {0})
        # the shared guest is released too: the CPU is not the dedicated guest's alone yet
        self.assertEqual(daemon.ctl("apply", guest.name, check=False).returncode, 1)
        self.assertTrue(guest.all_on({1}))
        self.assertEqual(daemon.state_of(guest), "not-exclusive")
        daemon.ctl("apply")
        self.assertTrue(shared.all_on({0}))
        self.assertEqual(daemon.state_of(guest), "as-planned")

    def test_restore_without_a_daemon(self):
        guest, shared, daemon = self.tuned()
        daemon.stop(signal.SIGKILL)
        self.offline(daemon)
        self.assertTrue(guest.all_on(ALL))
        self.assertTrue(shared.all_on(ALL))

    def test_restore_without_a_daemon_refuses_while_one_runs(self):
        guest, _, daemon = self.tuned()
        done = self.offline(daemon, check=False)
        self.assertEqual(done.returncode, 69)
        self.assertIn("another vmtuned", done.stderr)
        self.assertTrue(guest.all_on({1}))

    def test_named_guest_gets_its_hand_pins_back_when_the_rule_goes(self):
        guest = self.guest("hand", cputune="<vcpupin vcpu='0' cpuset='0'/>")
        daemon = self.daemon("")
        self.wait_state(daemon, guest, "unmanaged")
        daemon.write_policy("guests: [{match: {name: hand}, cpu: {policy: dedicated}}]")
        daemon.ctl("reload")
        self.wait_all_on(guest, {1})
        daemon.write_policy("")
        daemon.ctl("reload")
        self.wait_state(daemon, guest, "unmanaged")
        wait_for("the pin from before", lambda: guest.vcpu(0).cpus == {0})
        self.assertIn("<vcpupin vcpu='0' cpuset='0'/>", guest.live_xml())

    def test_foreign_value_is_kept_unless_forced(self):
        guest, _, daemon = self.tuned()
        daemon.stop()
        virsh("vcpupin", guest.name, "0", "0", "--live")
        done = self.offline(daemon, check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn("kept", done.stderr)
        self.assertEqual(guest.vcpu(0).cpus, {0})

    def test_foreign_value_is_restored_with_force(self):
        guest, _, daemon = self.tuned()
        daemon.stop()
        virsh("vcpupin", guest.name, "0", "0", "--live")
        self.offline(daemon, "--force")
        self.assertEqual(guest.vcpu(0).cpus, ALL)
        self.assertEqual(guest.cpuset("vcpu0"), ALL)

    def test_exit_status_tells_what_was_kept(self):
        guest = self.guest("ded1")
        daemon = self.daemon(DEDICATED.replace("cpu:", "drift: report, cpu:"))
        self.wait_state(daemon, guest, "as-planned")
        virsh("vcpupin", guest.name, "0", "0", "--live")
        self.wait_state(daemon, guest, "drifted")
        self.assertEqual(daemon.ctl("restore", guest.name, check=False).returncode, 1)
        self.assertEqual(guest.vcpu(0).cpus, {0})
        self.assertIn("not put back", daemon.ctl("status", check=False).stdout)
        self.assertEqual(daemon.ctl("restore", "--force", guest.name).returncode, 0)
        self.assertEqual(guest.vcpu(0).cpus, ALL)

    def test_restart_touches_nothing(self):
        guest, shared, daemon = self.tuned()
        before = [(thread.tid, thread.cpus) for thread in guest.threads() + shared.threads()]
        history = daemon.record("SELECT count(*) FROM history")
        daemon.stop()
        self.assertTrue(guest.all_on({1}))
        self.assertTrue(shared.all_on({0}))
        daemon.start()
        self.wait_state(daemon, guest, "as-planned")
        self.wait_state(daemon, shared, "as-planned")
        after = [(thread.tid, thread.cpus) for thread in guest.threads() + shared.threads()]
        self.assertEqual(before, after)
        self.assertEqual(daemon.status(guest)["writes"], 0)
        self.assertEqual(daemon.status(shared)["writes"], 0)
        self.assertEqual(daemon.record("SELECT count(*) FROM history"), history)

    def test_what_changed_while_the_daemon_was_away_is_no_drift(self):
        shared = self.guest("shared")
        daemon = self.daemon("")
        self.wait_state(daemon, shared, "as-planned")
        daemon.stop()
        guest = self.guest("ded1")
        daemon.write_policy(DEDICATED[:-1] + ", {match: {name: shared}, drift: report,"
                            " cpu: {weight: 200}}]")
        daemon.start()
        self.wait_state(daemon, guest, "as-planned")
        self.wait_state(daemon, shared, "as-planned")
        self.wait_all_on(shared, {0})
        self.assertIn("<shares>2048</shares>", shared.live_xml())
        self.assertEqual(daemon.status(shared)["drift"], 0)
        # the originals are the values from before, not the ones that were wanted
        daemon.ctl("restore", shared.name)
        self.assertTrue(shared.all_on(ALL))
        self.assertIn("<shares>1024</shares>", shared.live_xml())

    def test_next_start_ends_the_release(self):
        guest, _, daemon = self.tuned()
        daemon.ctl("restore", guest.name)
        self.assertEqual(daemon.state_of(guest), "released")
        guest.destroy()
        guest.start()
        self.wait_all_on(guest, {1})
        wait_for("old process forgotten", lambda: daemon.state_of(guest) == "as-planned")

    def test_definitions_of_guests_that_are_off_go_back_without_a_daemon(self):
        guest = self.guest("ded1")
        before = guest.config_xml()
        daemon = self.daemon("guests: [{match: {name: 'ded*'}, persist: all,"
                             " cpu: {policy: dedicated}}]")
        self.wait_state(daemon, guest, "as-planned")
        self.assertIn("vcpupin", guest.config_xml())
        guest.destroy()
        daemon.stop()
        done = run(*daemon.argv("--restore"), check=False)
        self.assertEqual(guest.config_xml(), before, done.stdout + done.stderr)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
