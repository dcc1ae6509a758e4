"""libvirtd killed, slow, full, silent: vmtuned finds it again, and nothing is missed or left behind."""

import os
import signal
import socket
import subprocess

from harness import Case, Frozen
import harness
from truth import TIMEOUT, read, taskset, virsh, wait_for

ALL = {0, 1}
DEDICATED = "guests: [{match: {name: 'ded*'}, cpu: {policy: dedicated}}]"
SOCKET = "/run/libvirt/libvirt-sock"
RECONNECTS = 4
AWAY = "no connection to libvirt"


def threads(pid):
    return sorted(read(f"/proc/{pid}/task/{tid}/comm") for tid in os.listdir(f"/proc/{pid}/task"))


def descriptors(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


class Notify:
    """What systemd would be told."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(path)
        self.socket.settimeout(TIMEOUT)

    def hear(self, word):
        while word not in self.socket.recv(4096).decode():
            pass


class Libvirtd(Case):
    def tearDown(self):
        host = harness.HOST
        process = host.processes.get("libvirtd")
        if not process or process.poll() is not None:
            host.processes.pop("libvirtd", None)
            host.start_libvirtd()
        super().tearDown()

    def kill(self):
        process = harness.HOST.processes.pop("libvirtd")
        process.kill()
        process.wait()

    def restart(self, *argv, environment=None):
        self.kill()
        self.start(*argv, environment=environment)

    def start(self, *argv, environment=None):
        host = harness.HOST
        command = ("env", *(f"{key}={value}" for key, value in (environment or {}).items()), "libvirtd", *argv)
        host.spawn("libvirtd", *command)

    def drift(self, guest):
        guest.set_cpuset("vcpu0", "0-1")
        taskset(guest.vcpu(0).tid, "0")
        self.assertEqual(guest.vcpu(0).cpus, {0})

    def wait_connected(self, daemon):
        wait_for("connected", daemon.connected, 60)

    def test_killed_while_everything_changes(self):
        stays, stops = self.guest("ded1"), self.guest("stops")
        starts, renamed = self.guest("starts", start=False), self.guest("plain", start=False)
        daemon = self.daemon(DEDICATED, interval="1h")
        self.wait_state(daemon, stays, "as-planned")
        # it hears no event of all this
        with Frozen(daemon):
            self.restart()
            wait_for("libvirtd", lambda: virsh("list", check=False).returncode == 0)
            self.drift(stays)
            stops.destroy()
            starts.start()
            virsh("undefine", renamed.name)
            self.assertEqual(starts.vcpu(0).cpus, ALL)
        self.wait_all_on(starts, {0})
        self.wait_all_on(stays, {1})
        self.wait_state(daemon, stops, "off")
        self.wait_state(daemon, starts, "as-planned")
        self.assertNotIn("plain", {guest["name"] for guest in daemon.json("status", check=False)["guests"]})
        # and it is subscribed again: no interval comes round
        virsh("vcpupin", stays.name, "0", "0", "--live")
        self.wait_all_on(stays, {1})

    def test_guest_that_died_while_libvirtd_was_away(self):
        guest, dies = self.guest("ded1"), self.guest("ded2", transient=True)
        daemon = self.daemon('host: {housekeeping_cpus: "0"}\n' + DEDICATED)
        wait_for("one is placed", lambda: "as-planned" in (daemon.state_of(guest), daemon.state_of(dies)))
        self.kill()
        wait_for("loss noticed", lambda: not daemon.connected())
        os.kill(dies.pid, signal.SIGKILL)
        self.start()
        self.wait_all_on(guest, {1})
        wait_for("it is forgotten", lambda: "ded2" not in
                 {entry["name"] for entry in daemon.json("status", check=False)["guests"]})

    def test_nothing_is_left_behind_by_reconnects(self):
        guest = self.guest("ded1", iothreads=1)
        daemon = self.daemon(DEDICATED)
        self.wait_state(daemon, guest, "as-planned")
        pid, counts = daemon.process.pid, []
        for _ in range(RECONNECTS):
            self.kill()
            wait_for("loss noticed", lambda: not daemon.connected())
            self.start()
            self.wait_connected(daemon)
            self.wait_state(daemon, guest, "as-planned")
            if not counts:
                wait_for("closed", lambda: "virt-close" not in threads(pid))
                counts = [threads(pid), descriptors(pid)]
        try:
            wait_for("as after the first", lambda: [threads(pid), descriptors(pid)] == counts)
        except AssertionError as error:
            raise AssertionError(f"{error}; {counts} became {threads(pid)}, {descriptors(pid)}") from None
        print(f"{RECONNECTS} reconnects: {len(counts[0])} threads, {counts[1]} descriptors as before")

    def test_refused_connections_are_told_once(self):
        self.kill()
        self.assertTrue(os.path.exists(SOCKET))  # nobody listens there
        daemon = self.daemon("", start=False, extra=("--log-level", "debug"))
        daemon.start(ready=False)
        wait_for("some attempts", lambda: f"{AWAY} (qemu:///system), attempt 3" in daemon.log_text())
        self.assertEqual(daemon.log_text().count(f"{AWAY} (qemu:///system):"), 1)
        self.assertEqual(daemon.ctl("status", check=False).returncode, 1)
        self.start()
        self.wait_connected(daemon)

    def test_slow_libvirtd_is_waited_for(self):
        guest = self.guest("ded1")
        daemon = self.daemon(DEDICATED)
        self.wait_state(daemon, guest, "as-planned")
        process = harness.HOST.processes["libvirtd"]
        process.send_signal(signal.SIGSTOP)
        try:
            self.drift(guest)
            cycles = daemon.cycles()
            wait_for("the bus answers", lambda: daemon.ctl("status", check=False).returncode in (0, 1))
            # a cycle hangs in libvirtd, which is within its rights for some seconds
            self.assertLessEqual(daemon.cycles(), cycles + 1)
        finally:
            process.send_signal(signal.SIGCONT)
        self.wait_all_on(guest, {1})
        self.wait_state(daemon, guest, "as-planned")
        self.assertNotIn("lost qemu", daemon.log_text())

    def test_full_libvirtd_is_waited_for(self):
        conf = os.path.join(harness.HOST.scratch, "few-clients.conf")
        with open(conf, "w", encoding="utf-8") as file:
            file.write("max_clients = 5\nmax_anonymous_clients = 5\nauth_unix_rw = \"none\"\n")
        guest = self.guest("ded1")
        self.restart("-f", conf)
        wait_for("libvirtd", lambda: virsh("list", check=False).returncode == 0)
        others = [subprocess.Popen(("virsh", "-q", "event", "--all", "--loop"), stdout=subprocess.DEVNULL)
                  for _ in range(4)]
        try:
            wait_for("it is full", lambda: self.n_clients() >= 4)
            daemon = self.daemon(DEDICATED, start=False)
            daemon.start(ready=False)
            wait_for("the bus answers", lambda: daemon.ctl("status", check=False).returncode == 1)
            wait_for("it tries", lambda: self.n_clients() == 5)
            self.assertFalse(daemon.connected())
            self.assertTrue(guest.all_on(ALL))
        finally:
            for other in others:
                other.terminate()
                other.wait()
        self.wait_all_on(guest, {1})
        self.assertLessEqual(daemon.log_text().count(AWAY), 1)

    def n_clients(self):
        text = subprocess.run(("ss", "-xH", "state", "connected"), stdout=subprocess.PIPE, text=True,
                              check=True).stdout
        return sum(SOCKET in line for line in text.splitlines())

    def test_socket_that_never_answers(self):
        path = os.path.join(harness.HOST.scratch, "silent")
        with socket.socket(socket.AF_UNIX) as silent:
            silent.bind(path)
            silent.listen(8)
            notify = Notify(os.path.join(harness.HOST.scratch, "silent-notify"))
            daemon = self.daemon("", start=False, extra=("--connect", f"qemu+unix:///system?socket={path}"))
            daemon.start(ready=False, environment={"NOTIFY_SOCKET": notify.socket.getsockname(),
                                                   "WATCHDOG_USEC": "1000000"})
            client, _ = silent.accept()
            with client:
                client.recv(1)  # it asks, and gets no answer
                for _ in range(3):
                    notify.hear("WATCHDOG=1")
                    self.assertEqual(daemon.ctl("status", check=False).returncode, 1)
                self.assertFalse(daemon.connected())
                self.assertEqual(daemon.stop(), 0)
            notify.socket.close()

    def test_the_modular_daemons_socket(self):
        modular = "/run/libvirt/virtqemud-sock"
        os.symlink(SOCKET, modular)
        try:
            guest = self.guest("ded1")
            daemon = self.daemon(DEDICATED, start=False, extra=("--connect", "qemu:///system?mode=direct"))
            daemon.start()
            self.wait_all_on(guest, {1})
            self.restart()
            self.wait_connected(daemon)
            virsh("vcpupin", guest.name, "0", "0", "--live")
            self.wait_all_on(guest, {1})
        finally:
            os.unlink(modular)

    def test_a_routine_cycle_asks_qemu_nothing(self):
        log = os.path.join(harness.HOST.scratch, "monitor.log")
        self.restart(environment={"LIBVIRT_LOG_FILTERS": "1:qemu.qemu_monitor", "LIBVIRT_LOG_OUTPUTS": f"1:file:{log}"})
        wait_for("libvirtd", lambda: virsh("list", check=False).returncode == 0)
        guests = [self.guest(name, iothreads=1) for name in ("ded1", "shared1", "shared2")]
        daemon = self.daemon(DEDICATED, interval="1s")

        def asked():
            return read(log).count("QEMU_MONITOR_SEND_MSG")

        for guest in guests:
            self.wait_state(daemon, guest, "as-planned")
        before = asked()
        self.assertGreater(before, 0)
        daemon.wait_cycles(5)
        self.assertEqual(asked(), before)
        daemon.ctl("verify")  # a whole look asks for the IOThreads' polling, and is heard here
        self.assertGreater(asked(), before)
        print(f"5 routine cycles over 3 guests: 0 commands to QEMU ({asked() - before} in a whole look)")
