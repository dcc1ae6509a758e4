"""What waits for a cold start, and guests that are started anew on request."""

import os
import signal
import subprocess

import harness
from harness import Case
from truth import read, run, virsh, wait_for

CACHE = "guests: [{match: {name: 'pow*'}, disk: {cache: none, discard: unmap}}]"
PLAIN = "guests: [{match: {name: 'pow*'}}]"


class Power(Case):
    """Guests that obey their power button: power.S."""

    def power_guest(self, name, start=True):
        image = harness.power_image(name)
        guest = self.guest(name, start=False, devices=f"""<disk type='file' device='disk'>
<driver name='qemu' type='raw' cache='writeback'/><source file='{image}'/><target dev='vda' bus='virtio'/></disk>
<video><model type='none'/></video>""")
        if start:
            guest.start()
            self.wait_booted(guest)
        return guest

    @staticmethod
    def wait_booted(guest):
        """The boot sector has enabled the power button: bit 8 of PM1a_EN."""
        wait_for("the guest's program", lambda: "0x01" in virsh(
            "qemu-monitor-command", guest.name, "--hmp", "i/h 0x602", check=False).stdout)

    @staticmethod
    def key(guest, name):
        virsh("send-key", guest.name, f"KEY_{name}")

    @staticmethod
    def is_running(guest):
        return virsh("domstate", guest.name).stdout.strip() == "running"

    @staticmethod
    def on_reboot(guest):
        return "destroy" if "<on_reboot>destroy</on_reboot>" in guest.live_xml() else "restart"

    @staticmethod
    def restarts(daemon):
        return daemon.record("SELECT name, on_reboot FROM restart")

    def pending_guest(self, name="pow1", policy=CACHE):
        guest = self.power_guest(name)
        daemon = self.daemon(policy)
        self.wait_state(daemon, guest, "cold-pending")
        return guest, daemon

    def rows(self, daemon, guest):
        entry = next(entry for entry in daemon.json("pending", guest.name, check=False)["guests"])
        return {f"{row['knob']} {row['instance']}": row for row in entry["pending"]}

    def has_cache(self, guest):
        return "cache='none'" in guest.live_xml()


class Pending(Power):
    def test_settings_wait_for_a_start_and_take_effect(self):
        guest, daemon = self.pending_guest()
        rows = self.rows(daemon, guest)
        self.assertEqual(set(rows), {"disk.cache vda", "disk.discard vda"})
        row = rows["disk.cache vda"]
        self.assertEqual((row["policy"], row["wanted"], row["live"], row["next"]),
                         (True, "none", "writeback", "none"))
        done = daemon.ctl("pending", check=False)
        self.assertEqual(done.returncode, 3)
        self.assertRegex(done.stdout, r"pow1 +disk.cache +vda +none +writeback +none")
        self.assertIn("disk.cache vda", daemon.ctl("explain", guest.name, check=False).stdout)
        self.assertEqual(daemon.ctl("plan", check=False).returncode, 3)
        self.assertEqual(daemon.ctl("status", check=False).returncode, 3)
        # a reboot is no cold start
        self.key(guest, "R")
        self.assertFalse(self.has_cache(guest))
        guest.destroy()
        guest.start()
        self.wait_state(daemon, guest, "as-planned")
        self.assertTrue(self.has_cache(guest))
        self.assertIn("its start brought 2 pending settings: disk.cache vda none, disk.discard vda unmap",
                      daemon.log_text())
        self.assertEqual(daemon.ctl("pending").returncode, 0)
        # the originals stay: they belong to the definition
        daemon.ctl("restore", guest.name, check=False)
        self.assertNotIn("cache='none'", guest.config_xml())
        self.assertEqual(self.rows(daemon, guest)["disk.cache vda"]["policy"], False)

    def test_edits_of_others_are_shown(self):
        guest = self.power_guest("pow2")
        daemon = self.daemon(PLAIN)
        self.wait_state(daemon, guest, "as-planned")
        path = os.path.join(harness.HOST.scratch, "edited.xml")
        with open(path, "w", encoding="utf-8") as file:
            file.write(guest.config_xml().replace("cache='writeback'", "cache='unsafe'"))
        virsh("define", path)
        self.wait_state(daemon, guest, "cold-pending")
        row = self.rows(daemon, guest)["disk.cache vda"]
        self.assertEqual((row["policy"], row["wanted"], row["live"], row["next"]),
                         (False, None, "writeback", "unsafe"))
        self.assertIn("cache='unsafe'", guest.config_xml())

    def test_managed_save_keeps_them_waiting(self):
        guest, daemon = self.pending_guest("pow3")
        virsh("managedsave", guest.name)
        self.wait_state(daemon, guest, "off")
        wait_for("a look at it", lambda: daemon.ctl("pending", guest.name, check=False).returncode == 3)
        done = daemon.ctl("pending", guest.name, check=False)
        self.assertIn("until the managed save is discarded", done.stdout)
        done = daemon.ctl("restart-into", guest.name, check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn("managedsave-remove", done.stderr)
        guest.start()
        self.wait_state(daemon, guest, "cold-pending")
        self.assertFalse(self.has_cache(guest))
        self.assertIn("its start did not bring 2 pending settings", daemon.log_text())
        self.assertEqual(set(self.rows(daemon, guest)), {"disk.cache vda", "disk.discard vda"})


class RestartInto(Power):
    def test_guest_is_shut_down_and_started(self):
        guest, daemon = self.pending_guest()
        pid = guest.pid
        done = daemon.ctl("restart-into", guest.name)
        self.assertNotEqual(guest.pid, pid)
        self.assertIn("started", done.stdout)
        self.assertTrue(self.has_cache(guest))
        self.assertIn('"cache":{"direct":true', read(f"/proc/{guest.pid}/cmdline"))
        self.wait_state(daemon, guest, "as-planned")
        self.assertEqual(self.restarts(daemon), [])

    def test_guest_that_does_not_shut_down_runs_on(self):
        guest = self.guest("deaf")  # its firmware does not know the button
        daemon = self.daemon(PLAIN)
        other = self.power_guest("pow1")
        pid = guest.pid
        waiting = daemon.ask("restart-into", "deaf", "--timeout", "6", stderr=subprocess.PIPE, text=True)
        wait_for("the request", lambda: daemon.status(guest)["restart"])
        done = daemon.ctl("restart-into", "deaf", check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn("already", done.stderr)
        # it holds up nobody
        before = other.pid
        daemon.ctl("restart-into", other.name)
        self.assertNotEqual(other.pid, before)
        _, words = waiting.communicate(timeout=60)
        self.assertEqual(waiting.returncode, 1)
        self.assertIn("did not shut down in time and runs on", words)
        self.assertEqual(guest.pid, pid)
        self.assertEqual(self.restarts(daemon), [])
        self.assertIsNone(daemon.status(guest)["restart"])

    def test_what_cannot_be_restarted(self):
        daemon = self.daemon(PLAIN)
        transient = self.guest("gone", transient=True)
        off = self.guest("off", start=False)
        for guest, words in ((transient, "transient"), (off, "it is off")):
            wait_for("seen", lambda name=guest.name: name in daemon.ctl("status", check=False).stdout)
            done = daemon.ctl("restart-into", guest.name, check=False)
            self.assertEqual(done.returncode, 1)
            self.assertIn(words, done.stderr)
        self.assertEqual(daemon.ctl("restart-into", "nobody", check=False).returncode, 2)
        self.assertEqual(daemon.ctl("restart-into", "off", "--timeout", "0", check=False).returncode, 2)
        self.assertEqual(daemon.ctl("restart-into", "off", "--timeout", "5", "--on-reboot",
                                    check=False).returncode, 2)

    def kill_in_restart(self, guest, daemon):
        """The daemon, between shutdown and start."""
        asking = daemon.ask("restart-into", guest.name, stderr=subprocess.DEVNULL)
        wait_for("the record", lambda: self.restarts(daemon), step=0.001)
        daemon.stop(signal.SIGKILL)
        asking.wait(60)
        if self.is_running(guest) and not self.has_cache(guest):
            virsh("shutdown", guest.name)
        wait_for("off, or started anew already",
                 lambda: not self.is_running(guest) or self.has_cache(guest))

    def test_daemon_killed_between_shutdown_and_start(self):
        guest, daemon = self.pending_guest()
        self.kill_in_restart(guest, daemon)
        daemon.start()
        wait_for("started", lambda: self.is_running(guest))
        self.assertTrue(self.has_cache(guest))
        wait_for("the record is clean", lambda: self.restarts(daemon) == [])
        self.wait_state(daemon, guest, "as-planned")

    def test_record_that_comes_back_later(self):
        guest, daemon = self.pending_guest()
        self.kill_in_restart(guest, daemon)
        aside = daemon.state + ".aside"
        os.rename(daemon.state, aside)
        os.makedirs(os.path.join(daemon.state, "record.db"))  # no file
        daemon.start()
        wait_for("the loss is told", lambda: "cannot read which guests" in daemon.log_text())
        for name in sorted(os.listdir(aside), reverse=True):  # the database last
            if name == "record.db":
                os.rmdir(os.path.join(daemon.state, name))
            os.rename(os.path.join(aside, name), os.path.join(daemon.state, name))
        wait_for("started", lambda: self.is_running(guest))
        wait_for("the record is clean", lambda: self.restarts(daemon) == [])
        self.wait_state(daemon, guest, "as-planned")


class OnReboot(Power):
    def armed(self, name="pow1"):
        guest, daemon = self.pending_guest(name)
        done = daemon.ctl("restart-into", guest.name, "--on-reboot")
        self.assertIn("next reboot is a cold start", done.stdout)
        self.assertEqual(self.on_reboot(guest), "destroy")
        self.assertEqual(self.restarts(daemon), [(guest.name, "restart")])
        self.assertIn("reboot", daemon.status(guest)["restart"])
        return guest, daemon, guest.pid

    def wait_started(self, guest, pid):
        wait_for("another process", lambda: self.is_running(guest) and guest.pid != pid)
        self.assertTrue(self.has_cache(guest))
        self.assertEqual(self.on_reboot(guest), "restart")

    def test_reboot_becomes_a_cold_start(self):
        guest, daemon, pid = self.armed()
        self.key(guest, "R")
        self.wait_started(guest, pid)
        self.wait_state(daemon, guest, "as-planned")
        self.assertEqual(self.restarts(daemon), [])
        self.assertIsNone(daemon.status(guest)["restart"])

    def test_guest_that_powers_off_stays_off(self):
        guest, daemon, _ = self.armed()
        self.key(guest, "P")
        wait_for("off", lambda: not self.is_running(guest))
        wait_for("given up", lambda: self.restarts(daemon) == [])
        self.assertIn("it was shut down, not rebooted", daemon.log_text())
        self.assertFalse(self.is_running(guest))

    def test_daemon_that_stops_puts_it_back(self):
        guest, daemon, pid = self.armed()
        self.assertEqual(daemon.stop(), 0)
        self.assertEqual(self.on_reboot(guest), "restart")
        self.assertEqual(self.restarts(daemon), [])
        self.key(guest, "R")
        self.assertEqual(guest.pid, pid)

    def test_daemon_killed_while_it_waits(self):
        guest, daemon, pid = self.armed()
        daemon.stop(signal.SIGKILL)
        self.assertEqual(self.on_reboot(guest), "destroy")
        daemon.start()
        wait_for("put back", lambda: self.on_reboot(guest) == "restart")
        wait_for("forgotten", lambda: self.restarts(daemon) == [])
        self.assertEqual(guest.pid, pid)

    def test_guest_found_off_is_started(self):
        guest, daemon, pid = self.armed()
        daemon.stop(signal.SIGKILL)
        self.key(guest, "R")
        wait_for("off", lambda: not self.is_running(guest))
        daemon.start()
        self.wait_started(guest, pid)
        wait_for("forgotten", lambda: self.restarts(daemon) == [])

    def test_libvirtd_restarts_meanwhile(self):
        guest, daemon, pid = self.armed()
        harness.HOST.stop_process("libvirtd")
        wait_for("connection lost", lambda: not daemon.connected())
        harness.HOST.start_libvirtd()
        wait_for("connected again", daemon.connected)
        self.assertEqual(self.on_reboot(guest), "destroy")
        daemon.wait_cycles(2)
        self.key(guest, "R")
        self.wait_started(guest, pid)

    def test_restore_puts_it_back(self):
        guest, daemon, pid = self.armed()
        daemon.ctl("restore", guest.name, check=False)
        wait_for("put back", lambda: self.on_reboot(guest) == "restart")
        wait_for("forgotten", lambda: self.restarts(daemon) == [])
        self.assertEqual(guest.pid, pid)

    def test_restore_without_a_daemon_puts_it_back(self):
        guest, daemon, pid = self.armed()
        daemon.stop(signal.SIGKILL)
        done = run(*daemon.argv("--restore"), check=False)
        self.assertEqual(self.on_reboot(guest), "restart", done.stdout + done.stderr)
        self.assertEqual(self.restarts(daemon), [])
        self.assertEqual(guest.pid, pid)
