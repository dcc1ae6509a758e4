"""Random messages on the bus: every method with arguments of random types and contents, also such as
it does not take. The daemon answers on, and guests run on."""

import os
import random
import re
import struct

import harness
from harness import Case
import rawbus
from truth import run, wait_for

COUNT = int(os.environ.get("VMTUNED_MESSAGES", "2000"))
SEED = int(os.environ.get("VMTUNED_SEED", random.randrange(1000000)))
PATH, NAME = "/org/vmtuned1", "org.vmtuned1"
WORDS = ("", "ded1", "nobody", "../../etc/passwd", "a\x1b[2Jb", "%s%n", "'; DROP TABLE original;--", "\u202e", "x" * 70000)
TYPES = ("s", "as", "b", "u", "t", "x", "d", "y", "ay", "aas", "v", "(su)", "a{sv}", "g", "o", "")


class Client(rawbus.RawBus):
    def call(self, path, interface, member, signature, body):
        self.send(member, signature, body, interface=interface, path=path)
        self.drain()

    def drain(self):
        """Answers are not read, but taken."""
        self.socket.setblocking(False)
        try:
            while self.socket.recv(1 << 20):
                pass
        except BlockingIOError:
            pass
        self.socket.setblocking(True)


class Body:
    def __init__(self, offset=0):
        self.data, self.offset = b"", offset

    def align(self, to):
        self.data += b"\0" * (-(self.offset + len(self.data)) % to)

    def raw(self, data):
        self.data += data

    def fixed(self, form, value):
        self.align(struct.calcsize(form))
        self.raw(struct.pack("<" + form, value))

    def value(self, kind, text):
        if kind == "g":
            self.raw(bytes((len(text),)) + text.encode() + b"\0")
            return
        self.fixed("I", len(text.encode()))
        self.raw(text.encode() + b"\0")


class Messages(Case):
    def random_value(self, body, signature):
        """Appends a value of the type the signature begins with; the rest of the signature."""
        kind, rest = signature[0], signature[1:]
        if kind == "a":
            element = self.one_type(rest)
            items = Body(0)
            body.fixed("I", 0)
            place = len(body.data) - 4
            body.align(8 if element[0] in "({txd" else 4 if element[0] in "sobua" else 1)
            items.offset = body.offset + len(body.data)
            for _ in range(self.random.randrange(4)):
                self.random_value(items, element)
            body.raw(items.data)
            body.data = body.data[:place] + struct.pack("<I", len(items.data)) + body.data[place + 4:]
            return rest[len(element):]
        if kind in "({":
            body.align(8)
            while rest[0] not in ")}":
                rest = self.random_value(body, rest)
            return rest[1:]
        if kind == "v":
            body.value("g", "s")
            self.random_value(body, "s")
        elif kind in "so":
            body.value("s", "/a/b" if kind == "o" else self.random.choice(WORDS))
        elif kind == "g":
            body.value("g", "a{sv}")
        elif kind == "b":
            body.fixed("I", self.random.randrange(2))
        elif kind == "d":
            body.fixed("d", self.random.choice((0.0, -1.0, float("inf"), float("nan"))))
        else:
            form = {"u": "I", "t": "Q", "x": "q", "y": "B"}[kind]
            if kind == "x":
                body.fixed("q", self.random.choice((0, -1, 1 << 62)))
            else:
                body.fixed(form, self.random.choice((0, 1, 200, (1 << 8 * struct.calcsize(form)) - 1)))
        return rest

    @staticmethod
    def one_type(signature):
        """The first complete type."""
        if signature[0] == "a":
            return "a" + Messages.one_type(signature[1:])
        if signature[0] not in "({":
            return signature[0]
        return signature[:re.search("[)}]", signature).end()]

    @staticmethod
    def methods(path):
        text = run("dbus-send", "--system", "--print-reply=literal", f"--dest={NAME}", path,
                   "org.freedesktop.DBus.Introspectable.Introspect").stdout
        found = []
        for interface, inside in re.findall(r'<interface name="([^"]*)">(.*?)</interface>', text, re.S):
            for method, arguments in re.findall(r'<method name="([^"]*)"\s*(?:/>|>(.*?)</method>)', inside, re.S):
                types = re.findall(r'type="([^"]*)"[^>]*direction="in"', arguments)
                found.append((path, interface, method, "".join(types)))
        return found

    def test_random_messages(self):
        self.random = random.Random(SEED)
        guest = self.guest("ded1")
        pid = guest.pid
        daemon = self.daemon("guests: [{match: {name: 'ded*'}, cpu: {policy: dedicated}}]")
        paths = (PATH, f"{PATH}/guest/{guest.uuid.replace('-', '_')}")
        methods = [method for path in paths for method in self.methods(path)]
        self.assertEqual({f"{NAME}.Manager", f"{NAME}.Guest"},
                         {interface for _, interface, _, _ in methods if interface.startswith(NAME)})
        clients = []
        for number in range(COUNT):
            if number % 20 == 0:  # few calls of one client may wait for their answer, and few come in a second
                clients.append(Client())
                daemon.ctl("status", check=False)
            path, interface, method, signature = self.random.choice(methods)
            if self.random.random() < 0.4:
                signature = "".join(self.random.choice(TYPES) for _ in range(3))
            body, rest = Body(), signature
            while rest:
                rest = self.random_value(body, rest)
            clients[-1].call(path, interface, method, signature, body.data)
        self.assertIsNone(daemon.process.poll(), daemon.log_text()[-2000:])
        self.assertIn(daemon.ctl("status", check=False).returncode, (0, 1, 3))
        # some of them may have asked for a restore, and may still be on their way
        wait_for("ded1 is tuned again", lambda: daemon.ctl("apply", check=False) and guest.all_on({1}))
        self.assertEqual(guest.pid, pid)
        self.assertNotIn("\x1b", daemon.log_text())
        harness.figure(f"{COUNT} random messages to {len(methods)} methods (VMTUNED_SEED={SEED})")
