# SPDX-License-Identifier: LGPL-2.1-or-later
"""Clients of the bus that flood it, ask for too much, vanish, or may not change anything."""

import contextlib
import os
import re
import signal
import struct
import subprocess
import sys

import rawbus
from harness import HERE, Case
import harness
from truth import read, virsh, wait_for, write

DEDICATED = "guests: [{match: {name: 'ded*'}, cpu: {policy: dedicated}}]"
LIMITS = "org.freedesktop.DBus.Error.LimitsExceeded"
WAITING = 16  # GATE_MAX_WAITING_OF_CLIENT
ASKING = 8  # GATE_MAX_ASKING_OF_USER
CALLS = 100  # GATE_MAX_CALLS
REPLACE = 2  # DBUS_NAME_FLAG_REPLACE_EXISTING: a real one may have been started
GROWTH_MIB = 64  # far above what the daemon needs for its clients, far below what they send


def rss_mib(process):
    return int(re.search(r"VmRSS:\s+(\d+)", read(f"/proc/{process.pid}/status")).group(1)) // 1024


@contextlib.contextmanager
def client(user=0):
    os.seteuid(user)
    try:
        bus = rawbus.RawBus()
    finally:
        os.seteuid(0)
    bus.socket.settimeout(120)
    try:
        yield bus
    finally:
        bus.close()


@contextlib.contextmanager
def bus_configured(text):
    """The bus with more configuration; limits are for whoever connects from now on."""
    path = "/etc/dbus-1/system.d/vmtuned-test.conf"

    def reload():
        with client() as bus:
            serial = bus.send("ReloadConfig", "", b"", to="org.freedesktop.DBus")
            bus.answers([serial])

    write(path, f"<busconfig>{text}</busconfig>")
    reload()
    try:
        yield
    finally:
        os.unlink(path)
        reload()


@contextlib.contextmanager
def polkit():
    """A polkit that says nothing by itself."""
    name = "org.freedesktop.PolicyKit1"
    with bus_configured(f"<policy context='default'><allow own='{name}'/><allow send_destination='{name}'/></policy>"):
        with client() as bus:
            body = rawbus.pad(rawbus.text(name), 4) + struct.pack("<I", REPLACE)
            bus.answers([bus.send("RequestName", "su", body, to="org.freedesktop.DBus")])
            yield bus


def next_question(bus):
    while True:
        message = bus.receive()
        if message.get(rawbus.FIELD_MEMBER) == "CheckAuthorization":
            return message


def say_yes(bus, question):
    bus.reply(question, "(bba{ss})", struct.pack("<IIQ", 1, 0, 0))


def apply_body(*names):
    return rawbus.pad(rawbus.strings(names), 4) + struct.pack("<I", 0)


@contextlib.contextmanager
def flooding(*kinds):
    """Clients of an ordinary user, but for the last of which root's hand slipped."""
    user = ("setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups")
    script = "/run/vmtuned-test/rawbus.py"
    with open(os.path.join(HERE, "rawbus.py"), encoding="utf-8") as source:
        write(script, source.read())
    clients = [subprocess.Popen((*(user if kind != "root" else ()), sys.executable, script,
                                 kind if kind != "root" else "status")) for kind in kinds]
    try:
        yield clients
    finally:
        for process in clients:
            process.kill()
            process.wait()


class Bus(Case):
    @contextlib.contextmanager
    def busy(self):
        """libvirtd stopped, and so a cycle that does not end: calls wait."""
        libvirtd = harness.HOST.processes["libvirtd"]
        libvirtd.send_signal(signal.SIGSTOP)
        with client() as first:
            serial = first.send("Verify", "as", rawbus.strings([]))
            try:
                yield
            finally:
                libvirtd.send_signal(signal.SIGCONT)
            first.answers([serial])

    def test_a_flood_does_not_hold_up_others(self):
        guest = self.guest("ded1")
        daemon = self.daemon(DEDICATED)
        self.wait_state(daemon, guest, "as-planned")
        daemon.ctl("verify", check=False)
        before = rss_mib(daemon.process)
        most = before
        with flooding(*rawbus.FLOODS, "root") as clients:
            cycles = daemon.cycles()
            for _ in range(4):  # once more, and it would be contested
                virsh("vcpupin", guest.name, "0", "0", "--live")
                wait_for("drift is repaired", lambda: guest.all_on({1}))
                self.assertEqual(daemon.ctl("status", check=False).returncode, 0)
                self.assertEqual(daemon.ctl("verify", check=False).returncode, 0)
                most = max(most, rss_mib(daemon.process))
            wait_for("cycles go on", lambda: daemon.cycles() > cycles + 5)
            most = max(most, rss_mib(daemon.process))
            self.assertTrue(all(process.poll() is None for process in clients))
        print(f"{len(rawbus.FLOODS) + 1} flooding clients: resident memory {before} MiB before, "
              f"{most} MiB at most")
        self.assertLess(most, before + GROWTH_MIB)
        self.assertEqual(daemon.ctl("verify", check=False).returncode, 0)

    def test_calls_that_wait_are_limited_by_client(self):
        daemon = self.daemon("", interval="1h")
        self.assertEqual(daemon.ctl("verify", check=False).returncode, 0)
        with client() as many, client() as one:
            with self.busy():
                serials = [many.send("Verify", "as", rawbus.strings([])) for _ in range(40)]
                refused = many.answers(serials[WAITING:])
                self.assertEqual(set(refused.values()), {LIMITS})
                # somebody else may, and reading goes on for both
                other = one.send("Verify", "as", rawbus.strings([]))
                reading = many.send("Status", "as", rawbus.strings([]))
                self.assertEqual(many.answers([reading])[reading], "")
            self.assertEqual(set(many.answers(serials[:WAITING]).values()), {""})
            self.assertEqual(one.answers([other])[other], "")

    def test_names_are_limited(self):
        self.daemon("", interval="1h")
        for member, signature, body, error in (
                ("Status", "as", rawbus.strings(["a"] * 1025), LIMITS),
                ("Status", "as", rawbus.strings(["a" * 256]), "org.freedesktop.DBus.Error.InvalidArgs"),
                ("Status", "as", rawbus.strings(["a" * 255]), "org.vmtuned1.Error.NoSuchGuest"),
                ("Explain", "s", rawbus.text("a" * 1000000), "org.vmtuned1.Error.NoSuchGuest"),
                ("Explain", "u", struct.pack("<I", 1), "org.freedesktop.DBus.Error.InvalidArgs"),
                ("Status", "as", rawbus.strings([]), "")):
            with client() as bus:
                serial = bus.send(member, signature, body)
                self.assertEqual(bus.answers([serial])[serial], error, (member, signature))

    def test_a_call_whose_client_left_is_not_carried_out(self):
        guest = self.guest("ded1")
        daemon = self.daemon(DEDICATED, mode="observe", interval="1h")
        body = apply_body(guest.name)
        with self.busy():
            with client() as bus:
                bus.send("Apply", "asb", body)
                serial = bus.send("Status", "as", rawbus.strings([]))
                bus.answers([serial])  # so the call before it arrived, too
        for _ in range(2):
            daemon.ctl("verify", check=False)
        self.assertTrue(guest.all_on({0, 1}))
        with self.busy():
            with client() as bus:
                serial = bus.send("Apply", "asb", body)
                harness.HOST.processes["libvirtd"].send_signal(signal.SIGCONT)
                self.assertEqual(bus.answers([serial])[serial], "")
        self.assertTrue(guest.all_on({1}))

    def test_calls_of_a_client_are_limited_by_time(self):
        self.daemon("", interval="1h")

        def refused():
            serials = [bus.send("Status", "as", rawbus.strings([])) for _ in range(CALLS + CALLS // 2)]
            errors = list(bus.answers(serials).values())
            return errors.count("") >= CALLS and LIMITS in errors

        with client() as bus, client() as other:
            wait_for("some calls are refused", refused, step=2)
            serial = other.send("Status", "as", rawbus.strings([]))
            self.assertEqual(other.answers([serial])[serial], "")

    def test_a_bus_that_takes_no_more_answers(self):
        """Because clients do not read theirs: the bus stops to read the daemon's for anybody."""
        with bus_configured("<limit name='max_incoming_bytes'>1048576</limit>"):
            daemon = self.daemon("", interval="1h")
        daemon.ctl("verify", check=False)
        before = rss_mib(daemon.process)
        with contextlib.ExitStack() as stack:
            clients = [stack.enter_context(client()) for _ in range(20)]

            def ask():
                for bus in clients:
                    for _ in range(CALLS):
                        bus.send("Topology", "", b"")
                return "connecting to it anew" in daemon.log_text()

            wait_for("the daemon gave the connection up", ask, timeout=120, step=1)
            wait_for("it answers again", lambda: daemon.ctl("verify", check=False).returncode == 0)
            most = rss_mib(daemon.process)
        print(f"resident memory {before} MiB before, {most} MiB at most")
        self.assertLess(most, before + GROWTH_MIB)

    def test_questions_to_polkit_are_limited_by_user(self):
        self.daemon("", interval="1h")
        with polkit() as authority, client(65534) as many, client(65534) as more, client(1) as other:
            serials = [many.send("Apply", "asb", apply_body()) for _ in range(WAITING)]
            self.assertEqual(set(many.answers(serials[ASKING:]).values()), {LIMITS})
            serial = more.send("Apply", "asb", apply_body())
            self.assertEqual(more.answers([serial])[serial], LIMITS)
            serial = other.send("Apply", "asb", apply_body())
            for _ in range(ASKING + 1):
                say_yes(authority, next_question(authority))
            self.assertEqual(other.answers([serial])[serial], "")
            self.assertEqual(set(many.answers(serials[:ASKING]).values()), {""})

    def test_what_was_allowed_for_one_guest_is_not_done_to_another(self):
        first = self.guest("ded1", start=False)
        daemon = self.daemon(DEDICATED, interval="1h")
        with polkit() as authority, client(65534) as bus:
            serials = [bus.send("Apply", "asb", apply_body("ded1", "ded1", first.uuid)) for _ in range(2)]
            say_yes(authority, next_question(authority))
            self.assertEqual(bus.answers(serials[:1])[serials[0]], "")
            question = next_question(authority)
            virsh("domrename", "ded1", "old1")
            first.name = "old1"
            second = self.guest("ded1", start=False)
            wait_for("it is known by that name",
                     lambda: daemon.ctl("verify", check=False) and daemon.status(second)["uuid"] == second.uuid)
            say_yes(authority, question)
            self.assertEqual(bus.answers(serials[1:])[serials[1]], "org.freedesktop.DBus.Error.AccessDenied")
