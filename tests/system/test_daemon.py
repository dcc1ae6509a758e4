"""The daemon's life: libvirt away, bad policies, guests that vanish, who may change what."""

import json
import os
import signal
import socket
import subprocess

from harness import BUILD, Case
import harness
from truth import TIMEOUT, run, virsh, wait_for

ALL = {0, 1}
DEDICATED = "guests: [{match: {name: 'ded*'}, cpu: {policy: dedicated}}]"


class Life(Case):
    def test_guest_destroyed_in_the_middle_of_apply(self):
        other = self.guest("shared")
        daemon = self.daemon(DEDICATED)
        guest = self.guest("ded1", start=False)
        for _ in range(8):
            virsh("start", guest.name)
            guest.destroy()
        guest.start()
        self.wait_all_on(guest, {1})
        self.wait_all_on(other, {0})
        self.wait_state(daemon, guest, "as-planned")
        self.wait_state(daemon, other, "as-planned")

    def test_hung_guest_is_kept_off_dedicated_cpus(self):
        hung = self.guest("shared")
        daemon = self.daemon(DEDICATED)
        self.wait_state(daemon, hung, "as-planned")
        os.kill(hung.pid, signal.SIGSTOP)
        # a call that never comes back: the monitor is taken
        stuck = subprocess.Popen(("virsh", "-q", "qemu-monitor-command", hung.name, "--hmp",
                                  "info status"), stdout=subprocess.DEVNULL)
        try:
            guest = self.guest("ded1")
            self.wait_all_on(guest, {1})
            self.wait_all_on(hung, {0})
            wait_for("it is called stuck", lambda: daemon.state_of(hung) == "stuck")
        finally:
            os.kill(hung.pid, signal.SIGCONT)
            stuck.wait(30)
        self.wait_state(daemon, hung, "as-planned")

    def test_a_label_given_to_a_running_guest_counts_at_once(self):
        guest = self.guest("shared")
        daemon = self.daemon("guests: [{match: {label: gold}, cpu: {policy: dedicated}}]",
                             interval="1h")
        self.wait_state(daemon, guest, "as-planned")
        self.assertTrue(guest.all_on(ALL))
        # no interval comes round: only libvirt's metadata event can tell
        virsh("metadata", guest.name, "https://vmtuned.org/xmlns/guest/1", "--key", "vmtuned",
              "--set", "<label>gold</label>", "--live")
        self.wait_all_on(guest, {1})

    def test_who_listens_on_the_bus_is_told(self):
        guest = self.guest("ded1")
        daemon = self.daemon(DEDICATED)
        self.wait_state(daemon, guest, "as-planned")
        with open("/run/vmtuned-test/signals", "w+", encoding="utf-8") as heard:
            monitor = subprocess.Popen(
                ("dbus-monitor", "--system",
                 "type='signal',interface='org.vmtuned1.Manager',path='/org/vmtuned1'"),
                stdout=heard)
            try:
                wait_for("the monitor listens",
                         lambda: "member=CycleDone" in harness.read(heard.name))
                virsh("vcpupin", guest.name, "0", "0", "--live")
                wait_for("drift is told", lambda: "member=Drift" in harness.read(heard.name))
                guest.destroy()
                wait_for("its state is told",
                         lambda: "member=GuestChanged" in harness.read(heard.name))
            finally:
                monitor.terminate()
                monitor.wait()
            told = harness.read(heard.name)
        for word in (guest.uuid, '"vcpu.pin"', '"done"', '"off"'):
            self.assertIn(word, told)

    def test_libvirtd_away_at_start_and_restarted_later(self):
        host = harness.HOST
        guest = self.guest("ded1")
        host.stop_process("libvirtd")
        daemon = self.daemon(DEDICATED, start=False)
        daemon.start(ready=False)
        wait_for("the bus answers", lambda: daemon.ctl("status", check=False).returncode == 1)
        self.assertFalse(daemon.connected())
        self.assertTrue(guest.all_on(ALL))
        host.start_libvirtd()
        self.wait_all_on(guest, {1})
        host.stop_process("libvirtd")
        wait_for("loss noticed", lambda: not daemon.connected())
        host.start_libvirtd()
        wait_for("back", lambda: daemon.connected())
        virsh("vcpupin", guest.name, "0", "0", "--live")
        self.wait_all_on(guest, {1})

    def test_bad_policy_is_rejected_and_the_last_good_one_stays(self):
        guest = self.guest("ded1")
        daemon = self.daemon(DEDICATED)
        self.wait_all_on(guest, {1})
        daemon.write_policy("guests: [{match: {name: x}, cpu: {polcy: dedicated}}]")
        daemon.send(signal.SIGHUP)
        wait_for("rejected", lambda: daemon.json("status", check=False)["daemon"]["policy_rejected"])
        self.assertIn("did you mean 'policy'", daemon.log_text())
        self.assertTrue(guest.all_on({1}))
        self.assertEqual(daemon.ctl("reload", check=False).returncode, 2)
        daemon.write_policy("")
        daemon.ctl("reload")
        self.wait_all_on(guest, ALL)

    def test_a_bus_that_goes_away_ends_the_daemon_as_a_failure(self):
        host, path = harness.HOST, os.path.join(harness.HOST.scratch, "bus")
        host.spawn("bus", "dbus-daemon", "--session", "--nofork", f"--address=unix:path={path}")
        wait_for("the bus", lambda: os.path.exists(path))
        daemon = self.daemon("", start=False, extra=("--bus", f"unix:path={path}"))
        daemon.start(ready=False)
        wait_for("start", lambda: "connected to" in daemon.log_text())
        host.stop_process("bus")
        self.assertEqual(daemon.process.wait(20), 1)  # systemd starts it again

    def test_the_record_forgets_processes_that_ended(self):
        guest = self.guest("ded1")
        daemon = self.daemon(DEDICATED)
        self.wait_state(daemon, guest, "as-planned")
        guest.destroy()
        guest.start()
        self.wait_state(daemon, guest, "as-planned")
        query = "SELECT DISTINCT pid FROM process WHERE pid > 0"  # 0: the guest while it is off
        wait_for("one process", lambda: daemon.record(query) == [(guest.pid,)])
        self.assertEqual(daemon.record("SELECT DISTINCT pid FROM original"), [(guest.pid,)])

    def test_systemd_is_told_how_things_stand(self):
        address = "/run/vmtuned-test/notify"
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
            listener.bind(address)
            listener.settimeout(TIMEOUT)
            told = []

            def heard(word):
                while not any(word in message for message in told):
                    told.append(listener.recv(4096).decode())
                told.clear()

            daemon = self.daemon("", start=False)
            daemon.start(environment={"NOTIFY_SOCKET": address, "WATCHDOG_USEC": "1000000"})
            heard("READY=1")
            heard("STATUS=0 guests running")
            heard("WATCHDOG=1")
            daemon.send(signal.SIGHUP)
            heard("RELOADING=1\nMONOTONIC_USEC=")
            heard("READY=1")
            daemon.send(signal.SIGTERM)
            heard("STOPPING=1")
            self.assertEqual(daemon.process.wait(20), 0)
        os.unlink(address)

    def test_no_valid_policy_at_start_is_exit_78(self):
        daemon = self.daemon("guests: 5", start=False)
        daemon.start(ready=False)
        self.assertEqual(daemon.process.wait(20), 78)

    def test_stop_changes_nothing(self):
        guest = self.guest("ded1")
        daemon = self.daemon(DEDICATED)
        self.wait_all_on(guest, {1})
        self.assertEqual(daemon.stop(), 0)
        self.assertTrue(guest.all_on({1}))
        self.assertEqual(daemon.ctl("status", check=False).returncode, 4)

    def test_transient_guest_is_pinned_and_stays_transient(self):
        guest = self.guest("ded1", transient=True)
        daemon = self.daemon("guests: [{match: {name: 'ded*'}, persist: all,"
                             " cpu: {policy: dedicated}}]")
        self.wait_all_on(guest, {1})
        self.wait_state(daemon, guest, "as-planned")
        self.assertNotIn("ded1", virsh("list", "--all", "--persistent", "--name").stdout)

    def test_once_and_dry_run(self):
        guest = self.guest("ded1")
        daemon = self.daemon(DEDICATED, start=False)
        dry = run(*daemon.argv("--once", "--dry-run", "--bus", "none"), check=False)
        self.assertEqual(dry.returncode, 1, dry.stderr)
        self.assertIn("vcpu.pin", {entry["knob"] for entry in json.loads(dry.stdout)["settings"]})
        self.assertTrue(guest.all_on(ALL))
        once = run(*daemon.argv("--once", "--bus", "none"), check=False)
        self.assertEqual(once.returncode, 0, once.stderr)
        self.assertTrue(guest.all_on({1}))

    def test_everybody_may_look_only_root_may_change(self):
        guest = self.guest("ded1")
        daemon = self.daemon(DEDICATED)
        self.wait_all_on(guest, {1})
        program = "/run/vmtuned-test/vmtuned-ctl"
        run("cp", os.path.join(BUILD, "vmtuned-ctl"), program)
        nobody = ("setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", program)
        self.assertEqual(run(*nobody, "status").returncode, 0)
        self.assertEqual(run(*nobody, "verify").returncode, 0)
        for verb in (("apply", guest.name), ("restore", guest.name), ("reload",)):
            done = run(*nobody, *verb, check=False)
            self.assertEqual(done.returncode, 2, done.stderr)
            self.assertIn("root", done.stderr)
        self.assertTrue(guest.all_on({1}))
        self.assertEqual(daemon.state_of(guest), "as-planned")
