#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Prints the guests that vmtuned knows, then each change of their state and each drift, until Ctrl-C.

An example to copy: one call (GetManagedObjects) reads all there is, and signals keep it current. Needs
python3-gi. usage: watch-guests.py [BUS-ADDRESS]"""

import sys

from gi.repository import Gio, GLib

NAME, PATH = "org.vmtuned1", "/org/vmtuned1"
GUEST = "org.vmtuned1.Guest"


def connect(address):
    if not address:
        return Gio.bus_get_sync(Gio.BusType.SYSTEM)
    flags = Gio.DBusConnectionFlags.AUTHENTICATION_CLIENT | Gio.DBusConnectionFlags.MESSAGE_BUS_CONNECTION
    return Gio.DBusConnection.new_for_address_sync(address, flags)


def plain(text):
    """Names are other people's words: they shall not steer the terminal."""
    return "".join(char if char.isprintable() else "?" for char in text)


class Watch:
    def __init__(self, bus):
        self.bus = bus
        self.guests = {}  # object path -> properties
        self.listen("org.freedesktop.DBus.ObjectManager", "InterfacesAdded", self.on_added)
        self.listen("org.freedesktop.DBus.ObjectManager", "InterfacesRemoved", self.on_removed)
        self.listen("org.freedesktop.DBus.Properties", "PropertiesChanged", self.on_changed)
        self.listen("org.vmtuned1.Manager", "Drift", self.on_drift)
        # when vmtuned is started anew, all is read again
        Gio.bus_watch_name_on_connection(bus, NAME, Gio.BusNameWatcherFlags.NONE, self.on_there, self.on_away)

    def listen(self, interface, member, callback):
        self.bus.signal_subscribe(NAME, interface, member, None, None, Gio.DBusSignalFlags.NONE,
                                  lambda bus, sender, path, interface, member, values: callback(path, *values.unpack()))

    def tell(self, path, words=None):
        guest = self.guests[path]
        text = f": {guest['Text']}" if guest["Text"] else ""
        print(plain(f"{guest['Name']}: {words or guest['State'] + text}"), flush=True)

    def on_there(self, *_):
        reply = self.bus.call_sync(NAME, PATH, "org.freedesktop.DBus.ObjectManager", "GetManagedObjects", None,
                                   None, Gio.DBusCallFlags.NONE, -1)
        for path, interfaces in sorted(reply.unpack()[0].items()):
            self.on_added(PATH, path, interfaces)

    def on_away(self, *_):
        self.guests.clear()
        print("vmtuned is not running", flush=True)

    def on_added(self, _, path, interfaces):
        if GUEST in interfaces:
            self.guests[path] = interfaces[GUEST]
            self.tell(path)

    def on_removed(self, _, path, interfaces):
        if GUEST in interfaces and path in self.guests:
            self.tell(path, "no longer defined")
            del self.guests[path]

    def on_changed(self, path, interface, changed, _):
        if path in self.guests:
            self.guests[path].update(changed)
            if "State" in changed or "Text" in changed:
                self.tell(path)

    def on_drift(self, _, uuid, name, knob, instance, found, wanted, result):
        words = f"somebody set {knob} {instance} to {found or 'nothing'}, not {wanted or 'nothing'}: {result}"
        print(plain(f"{name}: {words}"), flush=True)


def main():
    Watch(connect(sys.argv[1] if len(sys.argv) > 1 else None))
    try:
        GLib.MainLoop().run()
    except KeyboardInterrupt:
        pass


main()
