# SPDX-License-Identifier: LGPL-2.1-or-later
"""A client of the bus that behaves as badly as the protocol lets it: it sends what it likes, reads when
it likes, and leaves when it likes. As a program it floods the daemon until it is killed."""

import os
import socket
import struct
import sys

SYSTEM_BUS = "/run/dbus/system_bus_socket"
NO_REPLY = 1
METHOD_CALL, METHOD_RETURN, ERROR = 1, 2, 3
FIELD_MEMBER, FIELD_ERROR, FIELD_REPLY_SERIAL, FIELD_DESTINATION, FIELD_SENDER, FIELD_SIGNATURE = 3, 4, 5, 6, 7, 8


def pad(data, size):
    return data + b"\0" * (-len(data) % size)


def text(value):
    data = value.encode()
    return struct.pack("<I", len(data)) + data + b"\0"


def field(code, kind, value):
    data = bytes((code, 1)) + kind + b"\0"
    if kind == b"u":
        return data + struct.pack("<I", value)
    return data + (bytes((len(value),)) + value.encode() + b"\0" if kind == b"g" else text(value))


def strings(values):
    """An "as"."""
    data = b""
    for value in values:
        data = pad(data, 4) + text(value)
    return struct.pack("<I", len(data)) + data


class RawBus:
    def __init__(self):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(SYSTEM_BUS)
        self.serial = 0
        self.socket.sendall(b"\0AUTH EXTERNAL " + str(os.geteuid()).encode().hex().encode() + b"\r\n")
        if not self.socket.recv(256).startswith(b"OK"):
            raise ConnectionError("the bus does not let us in")
        self.socket.sendall(b"BEGIN\r\n")
        hello = self.send("Hello", "", b"", to="org.freedesktop.DBus")
        self.answers([hello])

    def send(self, member, signature, body, flags=0, to="org.vmtuned1", interface=None):
        """The serial of the call."""
        interface = interface or ("org.vmtuned1.Manager" if to == "org.vmtuned1" else to)
        fields = ((1, b"o", "/" + to.replace(".", "/")), (2, b"s", interface), (FIELD_MEMBER, b"s", member),
                  (FIELD_DESTINATION, b"s", to), (FIELD_SIGNATURE, b"g", signature))
        return self.send_message(METHOD_CALL, flags, fields, body)

    def reply(self, call, signature, body):
        """Answers a call that receive() gave."""
        self.send_message(METHOD_RETURN, NO_REPLY, (
            (FIELD_REPLY_SERIAL, b"u", call["serial"]), (FIELD_DESTINATION, b"s", call[FIELD_SENDER]),
            (FIELD_SIGNATURE, b"g", signature)), body)

    def refuse(self, call, error):
        self.send_message(ERROR, NO_REPLY, (
            (FIELD_REPLY_SERIAL, b"u", call["serial"]), (FIELD_DESTINATION, b"s", call[FIELD_SENDER]),
            (FIELD_ERROR, b"s", error)), b"")

    def send_message(self, message_type, flags, fields, body):
        data = b""
        for code, kind, value in fields:
            data = pad(data, 8) + field(code, kind, value)
        self.serial += 1
        head = struct.pack("<cBBBIII", b"l", message_type, flags, 1, len(body), self.serial, len(data))
        self.socket.sendall(pad(head + data, 8) + body)
        return self.serial

    def read(self, count):
        data = b""
        while len(data) < count:
            more = self.socket.recv(count - len(data))
            if not more:
                raise ConnectionError("the bus closed the connection")
            data += more
        return data

    def receive(self):
        """The fields of the next message by their codes, with its "serial"."""
        head = self.read(16)
        body_length, serial, fields_length = struct.unpack("<III", head[4:])
        fields = self.read(fields_length + -fields_length % 8)
        self.read(body_length)
        found, at = {"serial": serial}, 0
        while at < fields_length:
            at += -at % 8
            code, kind = fields[at], fields[at + 2:at + 3]
            at += 4
            if kind == b"u":
                found[code] = struct.unpack_from("<I", fields, at)[0]
                at += 4
            elif kind == b"g":
                at += fields[at] + 2
            else:
                length = struct.unpack_from("<I", fields, at)[0]
                found[code] = fields[at + 4:at + 4 + length].decode()
                at += length + 5
        return found

    def answers(self, serials):
        """Errors by serial ("" for none) once all are answered."""
        waiting, found = set(serials), {}
        while waiting:
            message = self.receive()
            serial = message.get(FIELD_REPLY_SERIAL)
            if serial in waiting:
                waiting.remove(serial)
                found[serial] = message.get(FIELD_ERROR, "")
        return found

    def close(self):
        self.socket.close()


# What a flooding client sends, over and over; none of them reads an answer.
FLOODS = {
    "status": ("Status", "as", strings([]), 0),
    "silent": ("Status", "as", strings([]), NO_REPLY),
    "verify": ("Verify", "as", strings([]), 0),
    "apply": ("Apply", "asb", pad(strings([]), 4) + struct.pack("<I", 0), 0),
    "reload": ("Reload", "", b"", NO_REPLY),
    "names": ("Status", "as", strings(["x" * 200] * 5000), 0),
    "long": ("Explain", "s", text("y" * 1000000), 0),
}


def flood(kind):
    """A client that the bus throws out comes back."""
    while True:
        try:
            bus = RawBus()
            while True:
                bus.send(*FLOODS[kind])
        except (ConnectionError, BrokenPipeError):
            pass


if __name__ == "__main__":
    flood(sys.argv[1])
