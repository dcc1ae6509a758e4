# SPDX-License-Identifier: LGPL-2.1-or-later
"""The bus as objects: what guests and jobs show, what is told when it changes, and what they can be asked."""

import contextlib
import json
import os
import signal
import subprocess
import xml.etree.ElementTree as ElementTree

from harness import Case
import harness
from truth import read, run, virsh, wait_for

NAME, PATH = "org.vmtuned1", "/org/vmtuned1"
GUEST, JOB, MANAGER = f"{NAME}.Guest", f"{NAME}.Job", f"{NAME}.Manager"
PROPERTIES, OBJECTS = "org.freedesktop.DBus.Properties", "org.freedesktop.DBus.ObjectManager"
DEDICATED = "guests: [{match: {name: 'ded*'}, cpu: {policy: dedicated}}]"


def busctl(*words, check=True):
    done = run("busctl", "--system", "--json=short", *words, check=check)
    return json.loads(done.stdout)["data"] if done.returncode == 0 and done.stdout else None


def plain(value):
    """Without the types that busctl writes beside values."""
    if isinstance(value, dict) and set(value) == {"type", "data"}:
        return plain(value["data"])
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    return [plain(item) for item in value] if isinstance(value, list) else value


def objects():
    """path -> {property: value} of all guests and jobs."""
    found = plain(busctl("call", NAME, PATH, OBJECTS, "GetManagedObjects"))[0]
    return {path: interfaces.get(GUEST) or interfaces.get(JOB) for path, interfaces in found.items()}


def path_of(guest):
    return f"{PATH}/guest/{guest.uuid.replace('-', '_')}"


def get(path, interface, name):
    return plain(busctl("get-property", NAME, path, interface, name))


class Monitor:
    """All that vmtuned tells, as a client sees it."""

    def __init__(self):
        self.path = os.path.join(harness.HOST.scratch, "signals")
        self.file = open(self.path, "wb")
        self.process = subprocess.Popen(("busctl", "--system", "--json=short", "monitor", "--match",
                                         f"type='signal',sender='{NAME}'"), stdout=self.file, stderr=subprocess.DEVNULL)
        wait_for("busctl listens", lambda: b"CycleDone" in read(self.path).encode())

    def signals(self, member):
        """(path, arguments) of each."""
        found = [json.loads(line) for line in read(self.path).splitlines() if line.endswith("}")]
        return [(message["path"], plain(message["payload"]["data"])) for message in found
                if message.get("member") == member]

    def changes(self, path):
        """Each value of its properties that was told, in order."""
        return [item for where, data in self.signals("PropertiesChanged") if where == path
                for item in data[1].items()]

    def close(self):
        self.process.kill()
        self.process.wait()
        self.file.close()


class Objects(Case):
    @contextlib.contextmanager
    def monitor(self):
        monitor = Monitor()
        try:
            yield monitor
        finally:
            monitor.close()

    def test_guests_show_how_they_stand(self):
        guest = self.guest("ded1")
        off = self.guest("ded2", start=False)
        daemon = self.daemon(DEDICATED)
        self.wait_state(daemon, guest, "as-planned")
        shown = objects()
        self.assertEqual(set(shown), {path_of(guest), path_of(off)})
        status = daemon.status(guest)
        values = shown[path_of(guest)]
        for name, key in (("Name", "name"), ("UUID", "uuid"), ("State", "state"), ("Text", "text"),
                          ("CPUPolicy", "cpu_policy"), ("VCPUs", "vcpus"), ("Nodes", "nodes"), ("CPUs", "cpus"),
                          ("DriftCount", "drift"), ("RepairCount", "repaired")):
            self.assertEqual(values[name], status[key] or type(values[name])(), name)
        self.assertEqual(values["LocalityPct"], -1 if status["locality_pct"] is None else status["locality_pct"])
        self.assertEqual(shown[path_of(off)]["State"], "off")
        self.assertEqual(get(PATH, MANAGER, "States"), {"as-planned": 1, "off": 1})
        self.assertEqual(get(PATH, MANAGER, "Mode"), "enforce")

    def test_what_changes_is_told(self):
        guest = self.guest("ded1")
        daemon = self.daemon(DEDICATED)
        self.wait_state(daemon, guest, "as-planned")
        with self.monitor() as monitor:
            daemon.wait_cycles(3)
            self.assertEqual(monitor.signals("PropertiesChanged"), [], "nothing changed")
            virsh("vcpupin", guest.name, "0", "0", "--live")
            wait_for("the drift is told", lambda: ("DriftCount", 1) in monitor.changes(path_of(guest)))
            wait_for("its repair is told", lambda: ("RepairCount", 1) in monitor.changes(path_of(guest)))
            self.assertNotIn("Name", dict(monitor.changes(path_of(guest))))
            daemon.write_policy(DEDICATED, mode="observe")
            daemon.send(signal.SIGHUP)
            wait_for("the mode is told", lambda: ("Mode", "observe") in monitor.changes(PATH))

    def test_guests_come_and_go(self):
        first = self.guest("ded1", start=False)
        daemon = self.daemon(DEDICATED)
        with self.monitor() as monitor:
            second = self.guest("ded2", start=False)
            wait_for("it is there", lambda: path_of(second) in objects())
            (path, (added, interfaces)), = monitor.signals("InterfacesAdded")
            self.assertEqual((path, added), (PATH, path_of(second)))
            self.assertEqual(interfaces[GUEST]["Name"], "ded2")
            second.undefine()
            wait_for("it is gone", lambda: monitor.signals("InterfacesRemoved"))
            (_, (removed, interfaces)), = monitor.signals("InterfacesRemoved")
            self.assertEqual(removed, path_of(second))
            self.assertIn(GUEST, interfaces)
        self.assertEqual(set(objects()), {path_of(first)})
        daemon.ctl("status", check=False)

    def test_a_guest_is_asked_as_the_manager_is(self):
        guest = self.guest("ded1")
        other = self.guest("ded2")
        daemon = self.daemon(DEDICATED, mode="observe", interval="1h")
        document = json.loads(busctl("call", NAME, path_of(guest), GUEST, "Status")[0])
        self.assertEqual([entry["name"] for entry in document["guests"]], ["ded1"])
        for method in ("Plan", "Pending", "Explain", "Advise", "Policy", "Verify"):
            self.assertEqual(json.loads(busctl("call", NAME, path_of(guest), GUEST, method)[0])["version"], 1)
        json.loads(busctl("call", NAME, path_of(guest), GUEST, "Apply", "b", "false")[0])
        self.assertTrue(guest.all_on({1}))
        self.assertTrue(other.all_on({0, 1}))
        json.loads(busctl("call", NAME, path_of(guest), GUEST, "Restore", "b", "false")[0])
        self.assertEqual(daemon.state_of(guest), "released")
        nobody = run("setpriv", "--reuid", "65534", "--clear-groups", "busctl", "call", NAME, path_of(guest), GUEST,
                     "Apply", "b", "false", check=False)
        self.assertIn("only root may change anything", nobody.stderr)
