# SPDX-License-Identifier: LGPL-2.1-or-later
"""Guests whose name, title and metadata are written to do harm: shown, recorded and tuned as any other."""

import json
import os
import sqlite3
import uuid as uuid_module

import harness
from harness import Case
from truth import run, virsh, wait_for

NAMES = (
    "ded'; DROP TABLE process; --",
    'ded" or 1=1 /*',
    "ded$(touch owned)`id`",
    "ded\u202egnp.exe",
    "ded\u009b31mred",
    "ded\u007f\ttab",
    "ded%s%n%99999d",
    "ded<!--&x;",
    "ded " + "x" * 200,
    "-ded",
    "ded..",
)
TITLE = "\u009b2J\u202etitle'; --"
LABEL = "https://vmtuned.org/xmlns/guest/1"


def escaped(text):
    for char, name in (("&", "&amp;"), ("<", "&lt;"), ("\t", "&#9;"), ('"', "&quot;"), ("'", "&apos;")):
        text = text.replace(char, name)
    return text


def harmless(text):
    """Nothing of it steers a terminal."""
    bad = {char for char in text if ord(char) < 32 and char not in "\n\t" or 0x7f <= ord(char) < 0xa0
           or char in "\u202e\u2028"}
    return not bad


def define(name):
    """A guest of that name: its uuid; "" if libvirt does not take the name."""
    uuid = str(uuid_module.uuid4())
    path = os.path.join(harness.HOST.scratch, "evil.xml")
    xml = f"""<domain type='qemu'><name>{escaped(name)}</name><uuid>{uuid}</uuid>
<title>{escaped(TITLE)}</title><metadata><g:vmtuned xmlns:g='{LABEL}'><g:label>{escaped(TITLE)}</g:label>
</g:vmtuned></metadata><memory unit='MiB'>32</memory><vcpu>1</vcpu>
<os><type arch='x86_64' machine='q35'>hvm</type></os><cpu mode='custom'><model>qemu64</model></cpu>
<devices><controller type='usb' model='none'/><memballoon model='none'/></devices></domain>"""
    with open(path, "w", encoding="utf-8") as file:
        file.write(xml)
    return uuid if virsh("define", path, check=False).returncode == 0 else ""


class Evil(Case):
    def test_names_that_are_written_to_do_harm(self):
        uuids = {define(name): name for name in NAMES}
        uuids.pop("", None)
        try:
            self.judge(uuids)
        finally:
            for uuid in uuids:
                virsh("destroy", uuid, check=False)
                virsh("undefine", uuid, check=False)

    def judge(self, uuids):
        self.assertGreater(len(uuids), 6)
        started = [uuid for uuid in uuids if virsh("start", uuid, check=False).returncode == 0]
        self.assertGreater(len(started), 3)
        daemon = self.daemon("host: {cpu_overcommit: 100}\ndefaults: {cpu: {policy: shared, weight: 50}}\n"
                             "guests: [{match: {name: '*'}, persist: all}]")

        def states():
            return {guest["uuid"]: guest["state"] for guest in daemon.json("status", check=False)["guests"]}

        def others():
            """Who started, and is not as planned."""
            now = states()
            return {uuids[uuid]: now.get(uuid) for uuid in started if now.get(uuid) != "as-planned"}

        try:
            wait_for("all are as planned", lambda: not others())
        except AssertionError as error:
            raise AssertionError(f"{error}: {ascii(others())}") from None
        shown = daemon.log_text()
        for verb in (("status",), ("plan",), ("advise",), ("pending",), ("map",), ("map", "--compact"),
                     ("status", "--json"), ("plan", "--json"), ("advise", "--json")):
            done = daemon.ctl(*verb, check=False)
            shown += done.stdout + done.stderr
        for uuid, name in uuids.items():
            self.assertEqual(json.loads(daemon.ctl("status", uuid, "--json", check=False).stdout)
                             ["guests"][0]["name"], name)
            for verb in (("explain", uuid), ("status", uuid), ("policy", "show", uuid), ("explain", "--", name)):
                done = daemon.ctl(*verb, check=False)
                shown += done.stdout + done.stderr
        self.assertEqual(daemon.ctl("status", "no\u009bsuch\u202eguest", check=False).returncode, 2)
        self.assertTrue(harmless(shown), ascii(shown))
        # each is one line of the table, whatever it holds
        table = daemon.ctl("status", check=False).stdout
        self.assertEqual(len([line for line in table.splitlines() if "as-planned" in line]), len(started))
        with sqlite3.connect(f"file:{daemon.state}/record.db?mode=ro", uri=True) as record:
            self.assertEqual(record.execute("PRAGMA integrity_check").fetchall(), [("ok",)])
            recorded = {row[0] for row in record.execute("SELECT uuid FROM process")}
        self.assertLessEqual(set(started), recorded)
        self.assertEqual(sorted(os.listdir(daemon.state)),
                         sorted(name for name in os.listdir(daemon.state) if name.startswith("record.db")))
        daemon.stop()
        restored = run(*daemon.argv("--restore"), check=False)
        self.assertEqual(restored.returncode, 0, restored.stderr)
        self.assertTrue(harmless(restored.stdout + restored.stderr))
        print(f"{len(uuids)} guests of hostile names, {len(started)} of them running")
