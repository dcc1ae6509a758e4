# SPDX-License-Identifier: LGPL-2.1-or-later
"""The commands of the README's tour, inside the host: each in a shell of root's, on a host with the guests of
the demo, where vmtuned was never installed and its package lies in the working folder. Told as JSON, a line each."""

import json
import os
import shutil
import subprocess
import time

from lab import TIMEOUT, tell
from truth import run

FOLDER = "/root/tour"
LIMIT = 180  # seconds for a command
STILL = 3  # as long must the guests stay as they are before the next command: one reads what came


def shell(command):
    return subprocess.run(["bash", "-c", command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, cwd=FOLDER, timeout=LIMIT, check=False)


def wait_still(host):
    """What the command brought about is done."""
    def standing():
        return [(guest["name"], guest["state"], guest["drift"], guest["repaired"]) for guest in host.status()["guests"]]

    end, seen, since = time.monotonic() + TIMEOUT, standing(), time.monotonic()
    while time.monotonic() < min(end, since + STILL):
        time.sleep(0.3)
        now = standing()
        if now != seen:
            seen, since = now, time.monotonic()


def main(host, package, commands):
    guests = host.trio()
    run("dpkg", "--purge", "vmtuned")
    os.makedirs(FOLDER)
    shutil.copy("/run/lab/vmtuned.deb", f"{FOLDER}/{package}")
    for command in commands:
        began = time.monotonic()
        done = shell(command)
        if shutil.which("vmtuned-ctl"):
            wait_still(host)
        tell("ran " + json.dumps({
            "output": done.stdout, "status": done.returncode, "seconds": time.monotonic() - began,
            "pinned": all(len(cpus) == 1 for cpus in guests[0].vcpu_cpus())}))
