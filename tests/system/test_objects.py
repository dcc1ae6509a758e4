# SPDX-License-Identifier: LGPL-2.1-or-later
"""The bus as objects: what guests and jobs show, what is told when it changes, and what they can be asked."""

import contextlib
import json
import os
import pty
import re
import select
import signal
import subprocess
import xml.etree.ElementTree as ElementTree

from harness import BUILD, REPO, Case
import harness
import monitor
from monitor import NAME, PATH, plain
from truth import read, run, virsh, wait_for

GUEST, JOB, MANAGER = f"{NAME}.Guest", f"{NAME}.Job", f"{NAME}.Manager"
PROPERTIES, OBJECTS = "org.freedesktop.DBus.Properties", "org.freedesktop.DBus.ObjectManager"
DEDICATED = "guests: [{match: {name: 'ded*'}, cpu: {policy: dedicated}}]"


def busctl(*words, check=True):
    done = run("busctl", "--system", "--json=short", *words, check=check)
    return json.loads(done.stdout)["data"] if done.returncode == 0 and done.stdout else None


def objects():
    """path -> {property: value} of all guests and jobs."""
    found = plain(busctl("call", NAME, PATH, OBJECTS, "GetManagedObjects"))[0]
    return {path: interfaces.get(GUEST) or interfaces.get(JOB) for path, interfaces in found.items()}


def path_of(guest):
    return f"{PATH}/guest/{guest.uuid.replace('-', '_')}"


def get(path, interface, name):
    return plain(busctl("get-property", NAME, path, interface, name))


def on_terminal(command, until, environment=(), interrupt=False, timeout=60):
    """What a program wrote to a terminal until that matched, and then to its end; its exit status."""
    child, terminal = pty.fork()
    if child == 0:
        os.execve(command[0], command, {**os.environ, "TERM": "xterm", **dict(environment)})
    text = b""
    seen = False
    with contextlib.suppress(OSError):  # it closed its end
        while True:
            if not select.select([terminal], [], [], timeout)[0]:
                break
            data = os.read(terminal, 65536)
            if not data:
                break
            text += data
            if not seen and re.search(until, text):
                seen = True
                if interrupt:
                    os.kill(child, signal.SIGINT)
    os.close(terminal)
    return text.decode(), seen, os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def monitoring():
    return monitor.monitoring(os.path.join(harness.HOST.scratch, "signals"))


class Objects(Case):
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
        with monitoring() as heard:
            daemon.wait_cycles(3)
            self.assertEqual(heard.signals("PropertiesChanged"), [], "nothing changed")
            virsh("vcpupin", guest.name, "0", "0", "--live")
            wait_for("the drift is told", lambda: ("DriftCount", 1) in heard.changes(path_of(guest)))
            wait_for("its repair is told", lambda: ("RepairCount", 1) in heard.changes(path_of(guest)))
            self.assertNotIn("Name", dict(heard.changes(path_of(guest))))
            daemon.write_policy(DEDICATED, mode="observe")
            daemon.send(signal.SIGHUP)
            wait_for("the mode is told", lambda: ("Mode", "observe") in heard.changes(PATH))

    def test_guests_come_and_go(self):
        first = self.guest("ded1", start=False)
        daemon = self.daemon(DEDICATED)
        with monitoring() as heard:
            second = self.guest("ded2", start=False)
            wait_for("it is there", lambda: path_of(second) in objects())
            (path, (added, interfaces)), = heard.signals("InterfacesAdded")
            self.assertEqual((path, added), (PATH, path_of(second)))
            self.assertEqual(interfaces[GUEST]["Name"], "ded2")
            second.undefine()
            wait_for("it is gone", lambda: heard.signals("InterfacesRemoved"))
            (_, (removed, interfaces)), = heard.signals("InterfacesRemoved")
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
        self.assertIn("Access denied", nobody.stderr)
        self.assertEqual(daemon.state_of(guest), "released")


def members(node):
    """What an <interface> says, without its comments."""
    return {(item.tag, item.get("name"), item.get("type"), item.get("access"),
             tuple((arg.get("name"), arg.get("type"), arg.get("direction", "")) for arg in item.findall("arg")),
             tuple((note.get("name"), note.get("value")) for note in item.findall("annotation")))
            for item in node if isinstance(item.tag, str)}


class Described(Case):
    def test_introspection_is_as_documented(self):
        guest = self.guest("ded1", start=False)
        daemon = self.daemon(DEDICATED)
        waiting = daemon.ask("restart-into", self.guest("ded2").name, "--timeout", "600", stderr=subprocess.DEVNULL)
        wait_for("there is a job", lambda: daemon.json("jobs")["jobs"])
        job, = daemon.json("jobs")["jobs"]
        for interface, path in ((MANAGER, PATH), (GUEST, path_of(guest)), (JOB, f"{PATH}/job/{job['id']}")):
            told = busctl("call", NAME, path, "org.freedesktop.DBus.Introspectable", "Introspect")[0]
            found = ElementTree.fromstring(told).find(f"interface[@name='{interface}']")
            written = ElementTree.parse(os.path.join(REPO, f"docs/{interface}.xml")).find("interface")
            self.assertEqual(written.get("name"), interface)
            self.assertEqual(members(found), members(written), f"docs/{interface}.xml")
        daemon.ctl("cancel", str(job["id"]))
        waiting.wait(60)

    def test_the_example_tells_what_happens(self):
        guest = self.guest("ded1")
        daemon = self.daemon(DEDICATED, start=False)
        path = os.path.join(harness.HOST.scratch, "watch-guests")
        with open(path, "wb") as file:
            watch = subprocess.Popen((os.path.join(REPO, "conf/examples/watch-guests.py"),), stdout=file, stderr=file)
        self.addCleanup(lambda: (watch.kill(), watch.wait()))
        wait_for("it waits for vmtuned", lambda: "vmtuned is not running" in read(path))
        daemon.start()
        wait_for("the guest is listed", lambda: "ded1: as-planned" in read(path))
        virsh("vcpupin", guest.name, "0", "0", "--live")
        wait_for("the drift is told", lambda: "ded1: somebody set vcpu.pin 0 to 0, not 1: done" in read(path))
        guest.destroy()
        wait_for("its end is told", lambda: "ded1: off" in read(path))
        guest.undefine()
        wait_for("and that it is gone", lambda: "ded1: no longer defined" in read(path))
        self.assertIsNone(watch.poll())


class Jobs(Case):
    def test_an_apply_is_a_job(self):
        guests = [self.guest(f"web{number}") for number in range(3)]
        daemon = self.daemon("guests: [{match: {name: 'web*'}, cpu: {policy: shared}}]", mode="observe", interval="1s")
        with monitoring() as heard:
            daemon.ctl("apply", *(guest.name for guest in guests[:2]), check=False)
            wait_for("its end is told", lambda: heard.signals("JobRemoved"))
            (path, (number, job, kind)), = heard.signals("JobNew")
            self.assertEqual((path, job, kind), (PATH, f"{PATH}/job/{number}", "apply"))
            self.assertEqual([data for _, data in heard.signals("JobRemoved")], [[number, job, "apply", "done"]])
            shown = next(data[1][JOB] for _, data in heard.signals("InterfacesAdded") if data[0] == job)
            self.assertEqual(sorted(shown["Guests"]), sorted([guest.uuid, guest.name] for guest in guests[:2]))
            self.assertEqual((shown["Unit"], shown["Phase"]), ("guests", "waiting for its turn"))
            phases = [value for name, value in heard.changes(job) if name == "Phase"]
            self.assertEqual(phases, ["looking at guests", "changing guests"])
            self.assertIn(("Total", 2), heard.changes(job))
            self.assertFalse(any(JOB in data[1] for _, data in heard.signals("InterfacesAdded") if data[0] != job))
        self.assertEqual(daemon.json("jobs")["jobs"], [])

    def test_a_restart_that_waits_is_cancelled(self):
        guest = self.guest("ded1")
        pid = guest.pid
        daemon = self.daemon(DEDICATED)
        waiting = daemon.ask("restart-into", guest.name, "--timeout", "600", stderr=subprocess.PIPE, text=True)
        wait_for("it waits", lambda: any(job["phase"] == "waiting for it to shut down"
                                         for job in daemon.json("jobs")["jobs"]))
        job, = daemon.json("jobs")["jobs"]
        self.assertEqual([job[key] for key in ("kind", "unit", "total", "can_cancel")],
                         ["restart-into", "seconds", 600, True])
        self.assertEqual([guest["name"] for guest in job["of"]], ["ded1"])
        wait_for("seconds go by", lambda: get(f"{PATH}/job/{job['id']}", JOB, "Done") > 0)
        self.assertRegex(daemon.ctl("jobs").stdout, r"JOB +KIND +GUESTS.*\n1 +restart-into +ded1 +\d+/600 s ")
        nobody = run("setpriv", "--reuid", "65534", "--clear-groups", "busctl", "call", NAME,
                     f"{PATH}/job/{job['id']}", JOB, "Cancel", check=False)
        self.assertIn("Access denied", nobody.stderr)
        self.assertIn("canceled", daemon.ctl("cancel", str(job["id"])).stdout)
        _, words = waiting.communicate(timeout=60)
        self.assertEqual(waiting.returncode, 1)
        self.assertIn("cancelled", words)
        self.assertEqual(daemon.json("jobs")["jobs"], [])
        again = daemon.ctl("cancel", str(job["id"]), check=False)
        self.assertEqual((again.returncode, "no such job" in again.stderr), (2, True))
        self.assertEqual(guest.pid, pid)

    def test_a_terminal_shows_how_far_it_is(self):
        guest = self.guest("ded1")
        daemon = self.daemon(DEDICATED)
        command = (os.path.join(BUILD, "vmtuned-ctl"), "restart-into", guest.name, "--timeout")
        text, seen, status = on_terminal((*command, "3"), rb"waiting for it to shut down \[[#.]+\] [1-3]/3 s",
                                         {"LC_ALL": "C"}.items())
        self.assertTrue(seen, text)
        self.assertIn("\r\x1b[Kvmtuned-ctl: ded1: it did not shut down in time", text)
        self.assertEqual(status, 1)
        text, seen, status = on_terminal((*command, "600"), "waiting for it to shut down \\[[█░]+\\]".encode(),
                                         {"LC_ALL": "C.UTF-8"}.items(), interrupt=True)
        self.assertTrue(seen, text)
        self.assertEqual(status, -signal.SIGINT)
        number = re.search(r"the work goes on as job (\d+)", text).group(1)
        self.assertEqual([str(job["id"]) for job in daemon.json("jobs")["jobs"]], [number])
        daemon.ctl("cancel", number)
