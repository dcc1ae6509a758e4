# SPDX-License-Identifier: LGPL-2.1-or-later
"""The story of the demo, inside the host: guests as libvirt leaves them, the plan, the change, drift and
its repair, and all put back. Commands are shown with what they print."""

import json
import shutil
import time

from lab import POLICY, Host, tell
from truth import read, run

EXAMPLE = "/usr/share/doc/vmtuned/examples/databases-and-web.yaml"
SAMPLES = 25


def say(text=""):
    for line in text.splitlines() or [""]:
        tell(f"say {line}")


def heading(text):
    say()
    say(f"== {text}")


def show(command, part=slice(None)):
    """The command as typed, and its output or a part of its lines; all of them when it fails."""
    say(f"$ {command}")
    done = run("sh", "-c", command, check=False)
    lines = (done.stdout + done.stderr).rstrip().splitlines()
    say("\n".join(lines[part] if done.returncode == 0 else lines))
    assert done.returncode == 0, f"{command}: exit {done.returncode}"


def last_cpu(pid, tid):
    """The CPU a thread ran on last: field 39 of its stat file."""
    return int(read(f"/proc/{pid}/task/{tid}/stat").rsplit(")", 1)[1].split()[36])


def show_truth(guests):
    """Where vCPUs really ran while one looked, and where the memory lies."""
    vcpus = [(guest, thread) for guest in guests for thread in guest.threads()
             if thread.comm.startswith("CPU ")]
    ran = [set() for _ in vcpus]
    for _ in range(SAMPLES):
        for seen, (guest, thread) in zip(ran, vcpus):
            seen.add(last_cpu(guest.pid, thread.tid))
        time.sleep(0.1)
    say()
    say("(from /proc)  ran on CPUs" + " " * 12 + "memory by node")
    for seen, (guest, thread) in zip(ran, vcpus):
        name = f"{guest.name} vCPU {thread.comm.split()[1].split('/')[0]}"
        memory = ""
        if thread.comm.startswith("CPU 0/"):
            memory = ", ".join(f"node {node}: {mib:.0f} MiB" for node, mib in sorted(guest.memory().items())
                               if mib >= 1)
        say(f"{name:14}{' '.join(map(str, sorted(seen))):24} {memory}")


def prepare(host):
    """The guests and the daemon, observing."""
    say("starting guests: db1, db2 and web1, two vCPUs each")
    guests = host.trio()
    shutil.copy(EXAMPLE, POLICY)
    run("systemctl", "start", "vmtuned")
    host.wait_cycle()
    return guests


def settled(guests):
    states = {entry["name"]: entry["state"]
              for entry in json.loads(Host.ctl("status", "--json", check=False).stdout)["guests"]}
    return all(states[guest.name] == "as-planned" for guest in guests)


def main(host):
    guests = prepare(host)
    db1, _, web1 = guests
    untouched = [guest.masks() for guest in guests]
    heading("The host")
    show("vmtuned-ctl topology")
    heading("Its guests, as they were started: vCPUs wander, wherever their memory is")
    show_truth(guests)
    heading("The policy")
    show(f"cat {POLICY}")
    heading("What vmtuned would do, and why. Nothing is changed yet")
    show("vmtuned-ctl plan", slice(16))
    heading("Do it")
    show(f"sed -i 's/^mode: observe /mode: enforce /' {POLICY} && vmtuned-ctl reload")
    host.wait("all as planned", lambda: settled(guests))
    show("vmtuned-ctl status")
    show("vmtuned-ctl map")
    show_truth(guests)
    heading("Somebody changes it: web1 is put on db1's CPU with taskset, db2 everywhere through libvirt")
    masks = [guest.masks() for guest in guests]
    (own,) = db1.vcpu(0).cpus
    show(f"taskset -p -c {own} {web1.vcpu(0).tid}")
    show("virsh vcpupin db2 1 0-7 --live")
    host.wait("the drift repaired", lambda: len(host.journal("drift")) >= 2 and
              [guest.masks() for guest in guests] == masks)
    show("journalctl -u vmtuned -o cat --no-pager | grep drift")
    heading("All settings checked against the kernel and libvirt")
    show("vmtuned-ctl verify", slice(-6, None))
    heading("And everything put back")
    show("vmtuned-ctl restore --all")
    show_truth(guests)
    for guest, masks in zip(guests, untouched):
        assert guest.masks() == masks, f"{guest.name}: not as before: {guest.masks() ^ masks}"
